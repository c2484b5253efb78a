//! A network namespace to install rules in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::{command, stdout};

/// A network namespace, removed with everything in it when dropped.
pub(super) struct Net {
    name: String,
    /// Put before `PATH`, for programs that fail on purpose.
    pub(super) fakes: TempDir,
}

impl Net {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes a network namespace: it needs root"
        );
        let name = format!(
            "at-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let made = command("ip")
            .args(["netns", "add", &name])
            .status()
            .expect("ip (Debian package iproute2)");
        assert!(made.success(), "ip netns add {name}");
        let net = Self {
            name,
            fakes: tempfile::tempdir().expect("a directory"),
        };
        net.ok("ip", &["link", "set", "lo", "up"]);
        net
    }

    pub(super) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut inside = command("ip");
        let path = std::env::var("PATH").unwrap_or_default();
        inside.args(["netns", "exec", &self.name, program]).args(args);
        inside.env(
            "PATH",
            format!("{}:{path}:/usr/sbin:/sbin", self.fakes.path().display()),
        );
        inside
    }

    pub(super) fn run(&self, program: &str, args: &[&str]) -> Output {
        self.command(program, args).output().expect("a program starts")
    }

    #[track_caller]
    pub(super) fn ok(&self, program: &str, args: &[&str]) -> String {
        let output = self.run(program, args);
        assert!(output.status.success(), "{program} {args:?}: {output:?}");
        stdout(&output)
    }

    pub(super) fn acltool(&self, args: &[&str]) -> Output {
        self.run(env!("CARGO_BIN_EXE_acltool"), args)
    }

    #[track_caller]
    pub(super) fn install(&self, rules: &TempDir) -> String {
        let output = self.acltool(&["-i", "-P", &rules.path().display().to_string()]);
        let said = stdout(&output);
        assert!(
            output.status.success() && said.ends_with("\ndone.\n"),
            "{output:?}"
        );
        assert!(!said.contains("error:") && !said.contains("failed"), "{said}");
        said
    }

    /// What iptables-save prints, without its comments.
    pub(super) fn save(&self, program: &str) -> String {
        let text = self.ok(program, &["-c"]);
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .fold(String::new(), |all, line| all + line + "\n")
    }

    /// The rules of the chains that start so, without counters and IDs, shortest form.
    pub(super) fn rules(&self, program: &str, chain: &str) -> Vec<String> {
        let save = self.save(program);
        let ours = save
            .lines()
            .filter_map(|line| line.split_once("] -A "))
            .map(|(_, rule)| rule);
        ours.filter(|rule| rule.starts_with(chain))
            .map(without_ids)
            .collect()
    }

    /// A program that stands before the real one; `$real` runs that.
    pub(super) fn fake(&self, program: &str, script: &str) {
        let path = self.fakes.path().join(program);
        let text = format!("#!/bin/sh\nreal() {{ PATH=${{PATH#*:}}; exec {program} \"$@\"; }}\n{script}\n");
        fs::write(&path, text).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    pub(super) fn send(&self, packets: usize, port: u16) {
        let script = format!(
            "for i in $(seq {packets}); do echo x >/dev/udp/127.0.0.1/{port}; done 2>/dev/null; true"
        );
        self.ok("bash", &["-c", &script]);
    }

    /// Packets that the first rule with this text has counted.
    pub(super) fn packets(&self, text: &str) -> u64 {
        let save = self.save("iptables-save");
        let line = save
            .lines()
            .find(|line| line.contains(text))
            .unwrap_or_else(|| panic!("{text} not in\n{save}"));
        let count = line
            .trim_start_matches('[')
            .split(':')
            .next()
            .and_then(|count| count.parse().ok());
        count.expect("a counter")
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let gone = command("ip").args(["netns", "del", &self.name]).status();
        if !std::thread::panicking() {
            assert!(
                gone.is_ok_and(|status| status.success()),
                "{} is left behind",
                self.name
            );
        }
    }
}

fn without_ids(rule: &str) -> String {
    let mut parts = rule.split(" #");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.get(16..).unwrap_or(part))
}
