//! The demo as a user runs it: it closes the loop, and whatever way it ends, nothing is left of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tests::process::{self, Process};
use tests::{binaries, netns, wait};

const PATIENCE: Duration = Duration::from_secs(30);
/// Two elephants of 5 s, the hold of their marks, and a slow machine.
const WHOLE: Duration = Duration::from_secs(150);

/// The demo, with all its files under `directory`.
fn start(directory: &Path, arguments: &[&str]) -> Process {
    let mut demo = process::command(binaries::binary("demo").unwrap());
    demo.args(arguments).env("TMPDIR", directory);
    Process::spawn("demo", demo, directory).unwrap()
}

/// What is left of a demo: processes and namespaces whose command line or name tells of `directory`, and files in it.
fn left(directory: &Path) -> Vec<String> {
    let name = directory.display().to_string();
    let mut left = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&name) {
            left.push(line);
        }
    }
    let files = std::fs::read_dir(directory)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name());
    left.extend(
        files
            .filter(|file| file != "demo.log")
            .map(|file| file.to_string_lossy().into_owned()),
    );
    left
}

fn nothing_left(directory: &Path) {
    let gone = wait::until("nothing to be left", PATIENCE, || {
        left(directory).is_empty().then_some(())
    });
    gone.unwrap_or_else(|error| panic!("{error}: {:?}", left(directory)));
}

/// Ends a demo by `signal` when its first elephant is under way.
fn ended_by(signal: Signal, arguments: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let demo = start(directory.path(), arguments);
    demo.wait_for_output("elephant 1 starts", PATIENCE).unwrap();
    demo.wait_for_output("ACL installed", PATIENCE).unwrap();
    assert!(
        !left(directory.path()).is_empty(),
        "this test does not see what runs"
    );
    demo.signal(signal).unwrap();
    let status = demo.wait(PATIENCE).unwrap();
    assert!(!status.success(), "{status}");
    nothing_left(directory.path());
    no_namespace_of(&demo);
}

/// The names of a lab's namespaces tell whose they are.
fn no_namespace_of(demo: &Process) {
    let owner = format!("-{}-", demo.pid());
    let names = netns::names().unwrap();
    assert!(!names.iter().any(|name| name.contains(&owner)), "{names:?}");
}

fn closes_the_loop(arguments: &[&str], expected: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let demo = start(directory.path(), arguments);
    demo.wait_success(WHOLE).unwrap();
    let output = demo.output();
    for milestone in [
        "detected",
        "ACL installed",
        "flow ended",
        "ACL removed",
        "[iptables]",
        "[ip6tables]",
    ]
    .iter()
    .chain(expected)
    {
        assert!(output.contains(milestone), "{milestone} is missing:\n{output}");
    }
    nothing_left(directory.path());
    no_namespace_of(&demo);
}

#[test]
fn synthetic_closes_the_loop() {
    closes_the_loop(
        &["--synthetic", "--seconds", "5"],
        &["the tool was given 2 rule(s)"],
    );
}

#[test]
fn synthetic_leaves_nothing_behind_when_interrupted() {
    ended_by(Signal::SIGINT, &["--synthetic"]);
}

#[test]
fn synthetic_leaves_nothing_behind_when_killed() {
    ended_by(Signal::SIGKILL, &["--synthetic"]);
}

fn host_rules() -> Vec<String> {
    let rules =
        |tool: &str| process::run(process::command(binaries::system(tool, "iptables").unwrap())).unwrap();
    let lines = ["iptables-save", "ip6tables-save"].map(rules).concat();
    lines
        .lines()
        .filter(|line| line.starts_with(['-', ':']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn lab_closes_the_loop_and_touches_nothing_of_the_host() {
    let rules = host_rules();
    closes_the_loop(&["--seconds", "5"], &["first marked packet", " 0 of the mice's"]);
    assert_eq!(host_rules(), rules);
}

#[test]
fn lab_leaves_nothing_behind_when_interrupted() {
    ended_by(Signal::SIGINT, &[]);
}
