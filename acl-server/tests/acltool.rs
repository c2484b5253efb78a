//! The built `acltool`: its command line everywhere, and as root what it really installs.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong in a helper is a failed test"
)]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

#[expect(
    clippy::disallowed_methods,
    reason = "a test has nothing to do while a program runs"
)]
fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// A policy directory with these files.
fn policy(files: &[(&str, &[&str])]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), files);
    directory
}

fn write(directory: &Path, files: &[(&str, &[&str])]) {
    for (name, lines) in files {
        fs::write(directory.join(name), lines.join("\n") + "\n").expect("a file");
    }
}

fn acltool(args: &[&str]) -> Output {
    command(env!("CARGO_BIN_EXE_acltool"))
        .args(args)
        .output()
        .expect("acltool starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_command_line_that_is_not_understood_ends_with_2() {
    for args in [
        &[][..],
        &["-v"],
        &["-i", "-L", "all"],
        &["-i", "--last-good"],
        &["-Z", "all"],
        &["-L", "nat"],
    ] {
        let output = acltool(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains("error: "), "{args:?}: {output:?}");
    }
    assert_eq!(acltool(&["-h"]).status.code(), Some(0));
    assert!(stdout(&acltool(&["-V"])).starts_with("acltool "));
}

#[test]
fn broken_rules_are_named_by_line_and_file_before_anything_is_touched() {
    let rules = policy(&[
        ("10good.rules", &["[iptables]", "-A FORWARD -j DROP"]),
        (
            "50rest-bad.rules",
            &["[iptables]", "-A FORWARD,INPUT -i swp1 -o swp2 -j DROP"],
        ),
        ("60span.rules", &["[foo]"]),
    ]);
    let path = |name: &str| rules.path().join(name).display().to_string();
    let output = acltool(&["-i", "-P", &rules.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (stdout(&output), stderr(&output));
    assert!(
        out.starts_with(&format!("Reading rule file {} ...\n", path("10good.rules"))),
        "{out}"
    );
    assert!(
        out.contains(&format!(
            "Processing rules in file {} ...\n",
            path("60span.rules")
        )),
        "{out}"
    );
    assert!(!out.contains("Installing"), "{out}");
    let first = "error: line 2 : output interface specified with INPUT chain; expected -i or none error processing rule \
                 '-A FORWARD,INPUT -i swp1 -o swp2 -j DROP' in file ";
    assert!(
        err.starts_with(&format!("{first}{}\n", path("50rest-bad.rules"))),
        "{err}"
    );
    assert!(err.contains("error: line 1 : unknown rule type [foo]"), "{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
}

#[test]
fn a_file_that_is_missing_is_named() {
    let output = acltool(&["-i", "-p", "/nowhere/x.rules"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: Cannot find policy files: ['/nowhere/x.rules']\n"
    );
}

/// Real rules in network namespaces of their own. Needs root.
#[path = "acltool/lab.rs"]
mod lab;
