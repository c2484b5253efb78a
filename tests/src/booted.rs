use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::chroot::Chroot;
use crate::process::{self, Process};
use crate::{binaries, reaper, wait};

/// What [`Chroot::prepared`] makes a system with that can be booted.
pub const SYSTEM: &str = "apt-get update
apt-get install -y --no-install-recommends systemd systemd-sysv dbus curl";

/// A boot takes seconds; a slow machine is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(120);

/// Arguments: the name of a control group, the command. It is run in that group, in a hierarchy as systemd wants it, whatever
/// hierarchies this machine has.
const IN_GROUP: &str = r#"
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$1"
echo 0 >"/sys/fs/cgroup/$1/cgroup.procs"
shift
exec "$@"
"#;

/// Argument: the control group, which is removed with those in it.
const REMOVE_GROUP: &str = r#"
mount -t cgroup2 cgroup2 /sys/fs/cgroup
[ ! -d "/sys/fs/cgroup/$1" ] || find "/sys/fs/cgroup/$1" -depth -type d -exec rmdir {} +
"#;

/// A system that runs: systemd is its first process, and its network is loopback alone. Dropping it pulls the plug.
#[derive(Debug)]
pub struct Booted {
    process: Process,
    group: String,
    /// Its first process, as this machine numbers it.
    first: u32,
}

impl Booted {
    /// Boots a system that was made with [`SYSTEM`].
    ///
    /// # Errors
    /// It does not come up; the error has what it wrote to its console.
    pub fn new(chroot: &Chroot) -> Result<Self> {
        let nspawn = binaries::system("systemd-nspawn", "systemd-container")?;
        let root = chroot.path("");
        let group = format!("booted-{}", std::process::id());
        let mut command = unshared(IN_GROUP, &group);
        command.arg(nspawn).args([
            "--quiet",
            "--boot",
            "--private-network",
            // There need not be a systemd outside.
            "--register=no",
            "--keep-unit",
            // What other machines of this name have is not for it.
            "--settings=no",
            "--link-journal=no",
            "--directory",
        ]);
        command.arg(&root);
        let log = root.parent().context("a root in a directory")?.to_owned();
        let process = Process::spawn("console", command, &log)?;
        let mut booted = Self {
            process,
            group,
            first: 0,
        };
        let up = wait::until_ok("the system to be up", PATIENCE, || {
            if booted.first == 0 {
                let Some(first) = booted.first_process() else {
                    return Ok(None);
                };
                // It is in no group of ours.
                reaper::watch(first);
                booted.first = first;
            }
            Ok((booted.state()? == "running").then_some(()))
        });
        let failed = || booted.attempt(&["systemctl", "--failed"]).unwrap_or_default();
        up.with_context(|| format!("{}\n{}", booted.process.output_end(), failed()))?;
        Ok(booted)
    }

    /// `None`: it is not there yet.
    fn first_process(&self) -> Option<u32> {
        let pid = self.process.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let mut children = children.split_ascii_whitespace();
        let first = children.find(|child| {
            fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name == "systemd\n")
        });
        first?.parse().ok()
    }

    /// What systemd says of the whole: `starting`, `running`, `degraded`. It is empty before it can be asked.
    fn state(&self) -> Result<String> {
        // It fails in every state but one.
        let output = self.command(&["systemctl", "is-system-running"]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A command that runs inside, as if root had typed it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::command("nsenter");
        command
            .arg(format!("--target={}", self.first))
            .args(["--all", "--wd=/"]);
        command.args(["env", "-i", "HOME=/root", "LC_ALL=C.UTF-8"]);
        command.args([
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND=noninteractive",
            "SYSTEMD_COLORS=0",
            "SYSTEMD_PAGER=",
        ]);
        command.args(arguments);
        command
    }

    /// Runs a command inside to its end, and returns what it wrote to standard output.
    ///
    /// # Errors
    /// It fails; the error has what it wrote.
    pub fn attempt(&self, arguments: &[&str]) -> Result<String> {
        process::run(self.command(arguments))
    }

    /// Runs a command inside that must not fail, and returns what it wrote to standard output.
    ///
    /// # Panics
    /// It fails; the panic has what it wrote, and what the services have logged.
    #[expect(clippy::panic, reason = "what is used by tests alone fails as they do")]
    pub fn run(&self, arguments: &[&str]) -> String {
        self.attempt(arguments).unwrap_or_else(|error| {
            let log = self.attempt(&["journalctl", "--no-pager", "--lines=40"]);
            panic!("{error:#}\n{}", log.unwrap_or_default())
        })
    }

    /// Shuts it down as somebody who presses its button.
    ///
    /// # Errors
    /// It does not end.
    pub fn shut_down(self) -> Result<()> {
        self.process.signal(Signal::SIGTERM)?;
        self.process.wait(PATIENCE).map(drop)
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // Its first process takes all others with it, and what it has been started by ends then. Its number is its own as long
        // as that runs.
        if self.first > 0 && self.process.is_running() {
            let _ = kill(Pid::from_raw(self.first.cast_signed()), Signal::SIGKILL);
        }
        let _ = self.process.wait(Duration::from_secs(10));
        reaper::forget(self.first);
        let gone = || process::run(unshared(REMOVE_GROUP, &self.group)).ok();
        let _ = wait::until("an empty control group", Duration::from_secs(10), gone);
    }
}

/// A script with mounts of its own, and its first argument.
fn unshared(script: &str, argument: &str) -> Command {
    let mut command = process::command("unshare");
    command.args(["--mount", "sh", "-ec", script, "sh", argument]);
    command
}
