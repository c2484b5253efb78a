//! The subcommands of the built `acl-server`: exit statuses and texts.

#![expect(clippy::expect_used, reason = "what goes wrong in a helper is a failed test")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

#[expect(
    clippy::disallowed_methods,
    reason = "a test has nothing to do while a program runs"
)]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove("ACL_SERVER_LOG");
    command
}

fn run(program: &str, args: &[&str], directory: &Path, input: &[u8]) -> Output {
    let mut child = command(program)
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(program);
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that does not read its input closes the pipe.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn acl_server(args: &[&str], directory: &Path, input: &str) -> Output {
    run(
        env!("CARGO_BIN_EXE_acl-server"),
        args,
        directory,
        input.as_bytes(),
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn rule_files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, content) in [
        (
            "good.rules",
            "[iptables]\n-A INPUT,FORWARD -i swp1,swp2 -s 10.0.0.0/8 -j DROP\n[ip6tables]\n-A FORWARD -j ACCEPT\n",
        ),
        ("empty.rules", ""),
        (
            "assignment.rules",
            "[iptables]\n# web\n-A FORWARD --dport=80 -j DROP\n",
        ),
        ("no-section.rules", "-A FORWARD -i swp1 -j DROP\n[iptables]\n"),
    ] {
        fs::write(directory.path().join(name), content).expect("a file");
    }
    fs::write(directory.path().join("latin1.rules"), b"[iptables]\n# caf\xe9\n").expect("a file");
    directory
}

#[test]
fn files_that_are_right_are_passed_over_in_silence() {
    let files = rule_files();
    let output = acl_server(&["check", "good.rules", "empty.rules"], files.path(), "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let output = acl_server(
        &["check", "--verbose", "good.rules", "empty.rules"],
        files.path(),
        "",
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "good.rules: rules 2, entries 5\nempty.rules: rules 0, entries 0\n",
        "two chains by two interfaces, and one"
    );
}

#[test]
fn each_mistake_is_a_line_that_an_editor_can_jump_to() {
    let files = rule_files();
    let output = acl_server(
        &[
            "check",
            "assignment.rules",
            "good.rules",
            "no-section.rules",
            "latin1.rules",
        ],
        files.path(),
        "",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let out = text(&output.stdout);
    for (line, beginning) in out.lines().zip([
        "assignment.rules:3:19: found = in a line that is no NAME = value",
        "no-section.rules:1:1: found a rule before the first section",
        "latin1.rules:2:6: ",
    ]) {
        assert!(line.starts_with(beginning), "{line}");
    }
    assert_eq!(out.lines().count(), 3, "{out}");
}

#[test]
fn rules_are_read_from_standard_input() {
    let files = rule_files();
    let good = "[iptables]\n-A FORWARD -i swp1 -j DROP\n";
    let output = acl_server(&["check", "-", "good.rules"], files.path(), good);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = acl_server(&["check", "-"], files.path(), "[foo]\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("<stdin>:1:"), "{output:?}");
}

#[test]
fn what_cannot_be_read_is_2_and_the_others_are_looked_at_all_the_same() {
    let files = rule_files();
    for unreadable in ["nowhere.rules", ".", "/dev/zero"] {
        let output = acl_server(&["check", unreadable, "assignment.rules"], files.path(), "");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let complaint = format!("acl-server: {unreadable}: ");
        assert!(text(&output.stderr).starts_with(&complaint), "{output:?}");
        assert!(
            text(&output.stdout).starts_with("assignment.rules:3:"),
            "{output:?}"
        );
    }
    for usage in [&["check"][..], &["check", "--nonsense", "good.rules"]] {
        let output = acl_server(usage, files.path(), "");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{output:?}"
        );
    }
}

#[test]
fn a_configuration_is_judged_as_the_daemon_would() {
    let directory = tempfile::tempdir().expect("a directory");
    for (content, flags, code, says) in [
        ("listen = \"127.0.0.1:0\"", &[][..], 0, ""),
        ("listen = 1", &[], 1, "listen"),
        ("nonsense = 1", &[], 1, "nonsense"),
        ("listen = \"192.0.2.1:80\"", &[], 1, "192.0.2.1:80"),
        ("", &["--listen", "192.0.2.1:80"], 1, "192.0.2.1:80"),
        ("", &["--nonsense"], 2, "--nonsense"),
        // What it names is read, too.
        (
            "tokens_file = \"/nonexistent/tokens\"",
            &[],
            1,
            "/nonexistent/tokens",
        ),
        (
            "[tls]\ncertificate = \"/nonexistent/c.pem\"\nkey = \"/nonexistent/k.pem\"",
            &[],
            1,
            "[tls]: cannot read /nonexistent/c.pem",
        ),
    ] {
        fs::write(directory.path().join("x.toml"), content).expect("a file");
        let args = [&["check-config", "--config", "x.toml"], flags].concat();
        let output = acl_server(&args, directory.path(), "");
        assert_eq!(output.status.code(), Some(code), "{content}: {output:?}");
        let err = text(&output.stderr);
        assert_eq!(err.is_empty(), code == 0, "{content}: {err}");
        assert!(
            err.contains(says) && output.stdout.is_empty(),
            "{content}: {output:?}"
        );
    }
}

#[test]
fn a_token_is_shown_once_and_only_its_digest_is_stored() {
    let directory = tempfile::tempdir().expect("a directory");
    let args = ["token", "alice", "--scope", "admin", "--output", "tokens.toml"];
    let output = acl_server(&args, directory.path(), "");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let out = text(&output.stdout);
    assert_eq!(out.lines().count(), 1, "the token alone, for scripts: {out}");
    let stored = fs::read_to_string(directory.path().join("tokens.toml")).expect("the file");
    assert!(
        stored.starts_with("[[token]]\nname = \"alice\"\nsha256 = \""),
        "{stored}"
    );
    assert!(!stored.contains(out.trim()), "{stored}");
    let output = acl_server(&["token", "a b", "--scope", "read"], directory.path(), "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn closed_output_ends_it_without_a_word() {
    let files = rule_files();
    let program = env!("CARGO_BIN_EXE_acl-server");
    let script = format!(
        "{program} check assignment.rules > /dev/full; echo $? >&2; \
                          {{ {program} check assignment.rules; echo $? >&2; }} | :"
    );
    let output = run("sh", &["-c", &script], files.path(), b"");
    let err = text(&output.stderr);
    let lines: Vec<&str> = err.lines().collect();
    assert!(
        lines.len() >= 2 && lines.iter().any(|line| line.contains("No space left")),
        "{err}"
    );
    assert!(!err.contains("panicked"), "{err}");
}
