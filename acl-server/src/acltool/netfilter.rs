//! Running iptables: the only file that starts processes and holds signals back.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal};

use crate::rules::{Family, Table};

/// The rules of the kernel, as far as an install needs them.
pub(super) trait Netfilter {
    /// See [`Self::hold_signals`].
    type Held;

    /// What `iptables-save -c` prints.
    fn save(&mut self, family: Family) -> Result<String, RunError>;
    /// Gives the input to `iptables-restore`; `test` checks it only. Each table in it changes wholly or not at all.
    fn restore(&mut self, family: Family, input: &str, test: bool) -> Result<(), RunError>;
    /// Keeps the process from being ended by a signal until the value is dropped.
    fn hold_signals(&self) -> Self::Held;
}

/// Why a program of iptables did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RunError {
    /// It is not there.
    #[error("{program} was not found; install the Debian package iptables")]
    Missing { program: String },
    /// It could not be started or fed.
    #[error("cannot run {program}: {reason}")]
    Start { program: String, reason: String },
    /// iptables' own lock was not to be had; nothing was changed.
    #[error("{program}: another program holds the lock of iptables (waited {WAIT} s)")]
    Locked { program: String },
    /// It ended with another status than 0.
    #[error("{program}: {text}")]
    Refused { program: String, text: String },
}

impl RunError {
    /// Whether this family does not exist here: no program, or no protocol in the kernel. Then no rule of it can be
    /// installed. Any other error, such as a missing permission, says nothing about what is installed.
    pub(super) fn is_absent(&self) -> bool {
        match self {
            Self::Missing { .. } => true,
            Self::Refused { text, .. } => {
                text.contains("not supported") || text.contains("do you need to insmod")
            }
            Self::Start { .. } | Self::Locked { .. } => false,
        }
    }

    /// The line of the input that iptables-restore complains about.
    pub(super) fn line(&self) -> Option<usize> {
        let Self::Refused { text, .. } = self else {
            return None;
        };
        let number = |rest: &str| {
            let digits: String = rest
                .trim_start_matches([':', ' '])
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            digits.parse().ok()
        };
        // "Error occurred at line: 3", "line 9: RULE_INSERT failed", "iptables-restore: line 4 failed".
        text.match_indices("line")
            .find_map(|(at, word)| number(text.get(at + word.len()..)?))
    }
}

/// The installed programs.
pub(super) struct Iptables {
    /// Directories that are searched, as in `PATH`: absolute ones only.
    path: OsString,
}

/// How long to wait for another program that holds iptables' own lock.
const WAIT: &str = "10";

/// In what iptables-legacy says when that time is over (status 4); iptables-nft has no such lock.
const LOCKED: &str = "holding the xtables lock";

fn program(family: Family, suffix: &str) -> String {
    format!(
        "{}{suffix}",
        if family == Family::V4 {
            "iptables"
        } else {
            "ip6tables"
        }
    )
}

impl Iptables {
    /// The programs in `PATH`, and where distributions put them: not every `PATH` of root names `sbin`.
    pub(super) fn from_environment() -> Self {
        Self::with_path(&std::env::var_os("PATH").unwrap_or_default())
    }

    /// An empty or relative entry is the current directory, or below it: whoever owns that would choose what root runs.
    fn with_path(path: &OsStr) -> Self {
        let mut absolute = OsString::new();
        for directory in std::env::split_paths(path).filter(|directory| directory.is_absolute()) {
            absolute.push(directory);
            absolute.push(":");
        }
        absolute.push("/usr/sbin:/sbin:/usr/bin:/bin");
        Self { path: absolute }
    }

    #[cfg(test)]
    fn in_directory(directory: &std::path::Path) -> Self {
        Self {
            path: directory.as_os_str().to_owned(),
        }
    }

    /// Lists a chain with its counters, without any look-up of names.
    pub(super) fn list(&self, family: Family, table: Table, chain: &str) -> Result<String, RunError> {
        let args = ["-w", WAIT, "-t", table.name(), "-n", "-v", "-x", "-L", chain];
        self.run(&program(family, ""), &args, None)
    }

    fn run(&self, program: &str, args: &[&str], input: Option<&str>) -> Result<String, RunError> {
        let start = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => RunError::Missing {
                program: program.to_owned(),
            },
            _ => RunError::Start {
                program: program.to_owned(),
                reason: error.to_string(),
            },
        };
        let stdin = match input {
            Some(text) => Stdio::from(in_memory(text).map_err(start)?),
            None => Stdio::null(),
        };
        let output = self
            .command(program)
            .args(args)
            .stdin(stdin)
            .output()
            .map_err(start)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let (program, text) = (program.to_owned(), complaint(&output));
        Err(if text.contains(LOCKED) {
            RunError::Locked { program }
        } else {
            RunError::Refused { program, text }
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a command line tool: one thread, and nothing to do meanwhile"
    )]
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // A group of its own: a signal for this tool must not cut a restore off between two tables.
        command
            .env("PATH", &self.path)
            .env("LC_ALL", "C")
            .process_group(0);
        command
    }
}

impl Netfilter for Iptables {
    type Held = HeldSignals;

    fn save(&mut self, family: Family) -> Result<String, RunError> {
        self.run(&program(family, "-save"), &["-c"], None)
    }

    fn restore(&mut self, family: Family, input: &str, test: bool) -> Result<(), RunError> {
        let mut args = vec!["--noflush", "--counters", "-w", WAIT];
        if test {
            args.push("--test");
        }
        self.run(&program(family, "-restore"), &args, Some(input))
            .map(drop)
    }

    fn hold_signals(&self) -> HeldSignals {
        HeldSignals::new()
    }
}

/// The input as a file without a name, so that neither side waits for the other to read.
fn in_memory(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"restore", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// What a program said, on one printable line of bounded length.
fn complaint(output: &Output) -> String {
    const SHOWN: usize = 600;
    let text = String::from_utf8_lossy(if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    });
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Try `"));
    let line: String = lines.collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if line.is_empty() {
        output.status.to_string()
    } else {
        line
    }
}

/// Signals that ask a process to end, held back while this lives; they take effect when it is dropped.
pub(super) struct HeldSignals(SigSet);

impl HeldSignals {
    fn new() -> Self {
        let mut held = SigSet::empty();
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]
            .into_iter()
            .for_each(|signal| held.add(signal));
        // Cannot fail: the set is valid. If it did, a signal would end us at once, as it would without this.
        let _ = held.thread_block();
        Self(held)
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        let _ = self.0.thread_unblock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> RunError {
        RunError::Refused {
            program: "iptables-restore".to_owned(),
            text: text.to_owned(),
        }
    }

    fn program_in(directory: &std::path::Path, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = directory.join(name);
        std::fs::write(&path, script).expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }

    #[test]
    fn the_line_is_found_in_every_wording() {
        assert_eq!(
            refused("burst cannot be smaller than 1b Error occurred at line: 3").line(),
            Some(3)
        );
        assert_eq!(
            refused("line 9: RULE_INSERT failed (Invalid argument): rule in chain INPUT").line(),
            Some(9)
        );
        assert_eq!(refused("iptables-restore: line 4 failed").line(), Some(4));
        assert_eq!(
            refused("iptables-restore: COMMIT expected at line 12").line(),
            Some(12)
        );
        assert_eq!(refused("out of lines").line(), None);
        assert_eq!(refused("line 99999999999999999999999").line(), None);
    }

    #[test]
    fn only_what_cannot_hold_rules_is_absent() {
        let text = "can't initialize ip6tables table `filter': Address family not supported by protocol";
        assert!(refused(text).is_absent());
        assert!(
            !refused("Could not fetch rule set generation id: Permission denied (you must be root)")
                .is_absent()
        );
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let empty = tempfile::tempdir().expect("a directory");
        let error = Iptables::in_directory(empty.path())
            .save(Family::V6)
            .expect_err("nothing there");
        assert_eq!(
            error.to_string(),
            "ip6tables-save was not found; install the Debian package iptables"
        );
    }

    #[test]
    fn a_program_is_fed_and_its_complaint_is_one_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let script =
            "#!/bin/sh\n/bin/cat >\"${0%/*}/got\"; echo; printf '\\033 %s \\nTry `x\\n' \"$*\" >&2; exit 3\n";
        program_in(directory.path(), "iptables-restore", script);
        // Larger than any pipe.
        let input = "x\n".repeat(200_000);
        let error = Iptables::in_directory(directory.path())
            .restore(Family::V4, &input, true)
            .expect_err("status 3");
        assert_eq!(error, refused(" --noflush --counters -w 10 --test"));
        let got = std::fs::read_to_string(directory.path().join("got")).expect("what it read");
        assert!(got == input);
    }

    #[test]
    fn the_lock_of_iptables_is_told_from_a_refusal() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = "#!/bin/sh\necho 'Another app is currently holding the xtables lock; still 0s 5us time ahead to have a \
                      chance to grab the lock...' >&2\n\
                      echo 'Another app is currently holding the xtables lock. Stopped waiting after 10s.' >&2; exit 4\n";
        program_in(directory.path(), "iptables-restore", script);
        let error = Iptables::in_directory(directory.path())
            .restore(Family::V4, "", false)
            .expect_err("status 4");
        assert!(matches!(error, RunError::Locked { .. }), "{error}");
        assert!(!error.is_absent());
        assert_eq!(error.line(), None);
    }

    #[test]
    fn the_current_directory_is_never_searched() {
        let path = |text: &str| Iptables::with_path(OsStr::new(text)).path;
        let system = "/usr/sbin:/sbin:/usr/bin:/bin";
        for text in ["", ":", ".", "::bin:./x:..", "x"] {
            assert_eq!(path(text), system, "{text:?}");
        }
        assert_eq!(
            path("/opt/a::.:/opt/b:"),
            format!("/opt/a:/opt/b:{system}").as_str()
        );
    }
}
