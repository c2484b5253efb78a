#![expect(
    clippy::disallowed_methods,
    reason = "the harness is blocking by design: each program is a guard whose drop ends it"
)]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::{reaper, wait};

/// How much of a program's output is shown when a test fails.
const SHOWN: usize = 8 * 1024;

/// A running program, in a process group of its own, whose output goes to a file.
///
/// Dropping it kills the whole group. When that happens in a panic, the end of the output is shown.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
    quiet: bool,
}

impl Process {
    /// Starts `command`; its standard output and error go to `<directory>/<name>.log`.
    ///
    /// # Errors
    /// The file cannot be created, or the program cannot be started.
    pub fn spawn(name: &str, mut command: Command, directory: &Path) -> Result<Self> {
        let output = directory.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&output);
        let file = file.with_context(|| output.display().to_string())?;
        let child = command
            // A Ctrl-C goes to the foreground group, and so not to this program: its guard decides when it ends.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {name}: {command:?}"))?;
        reaper::watch(child.id());
        Ok(Self {
            name: name.to_owned(),
            child,
            output,
            quiet: false,
        })
    }

    /// For a program whose output says nothing about the test: it is not shown with a panic.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// The process id, which is also that of its group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, on both standard output and error.
    pub fn output(&self) -> String {
        let mut bytes = Vec::new();
        // A file that cannot be read shows as no output, where the caller reports what it missed.
        let _ = File::open(&self.output).and_then(|mut file| file.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of the output, for a message about a failure.
    pub fn output_end(&self) -> String {
        let output = self.output();
        let start = output.len().saturating_sub(SHOWN);
        let start = (start..output.len()).find(|&at| output.is_char_boundary(at));
        let end = start.and_then(|start| output.get(start..)).unwrap_or_default();
        format!("--- the end of what {} wrote:\n{end}\n---", self.name)
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        matches!(self.ended(), Ok(None))
    }

    /// Waits until `text` is in its output.
    ///
    /// # Errors
    /// The time is over or the program has ended without it; the error shows the output.
    pub fn wait_for_output(&self, text: &str, limit: Duration) -> Result<()> {
        let what = format!("“{text}” from {}", self.name);
        let waited = wait::until_ok(&what, limit, || {
            // Looked at before the output, so that what a program wrote last is not missed.
            let running = self.is_running();
            if self.output().contains(text) {
                return Ok(Some(()));
            }
            ensure!(running, "{} has ended without “{text}”", self.name);
            Ok(None)
        });
        waited.with_context(|| self.output_end())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// The time is over; the error shows the output, and the program goes on.
    pub fn wait(&self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let waited = wait::until_ok(&what, limit, || self.ended());
        waited.with_context(|| self.output_end())
    }

    /// How it ended, if it has. It stays a zombie until the drop, so that nobody else gets its id, and the drop cannot
    /// kill a stranger's group.
    fn ended(&self) -> Result<Option<ExitStatus>> {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        Ok(match waitid(Id::Pid(self.group()?), look)? {
            WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw(code << 8)),
            WaitStatus::Signaled(_, signal, _) => Some(ExitStatus::from_raw(signal as i32)),
            _ => None,
        })
    }

    /// Waits until it ends by itself, with success.
    ///
    /// # Errors
    /// It took too long or failed; the error shows the output.
    pub fn wait_success(&self, limit: Duration) -> Result<()> {
        let status = self.wait(limit)?;
        ensure!(
            status.success(),
            "{} ended with {status}\n{}",
            self.name,
            self.output_end()
        );
        Ok(())
    }

    /// Sends `signal` to the program alone, not to what it started.
    ///
    /// # Errors
    /// The system refused it.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        nix::sys::signal::kill(self.group()?, signal).with_context(|| format!("{signal} to {}", self.name))
    }

    /// Asks it to end with SIGTERM and waits for that.
    ///
    /// # Errors
    /// It has not ended in time (it is killed then).
    pub fn terminate(self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(limit)
    }

    /// Kills the program alone with SIGKILL, as a crash would: what it started goes on.
    ///
    /// # Errors
    /// The system refused it.
    pub fn crash(mut self) -> Result<()> {
        reaper::forget(self.child.id());
        self.child.kill()?;
        self.child.wait()?;
        // Nothing is left for the drop: the group may well have members that the test wants to go on.
        std::mem::forget(self);
        Ok(())
    }

    fn group(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "shown with the panic of the test that failed")]
    fn drop(&mut self) {
        // The group is killed even when its leader has ended: what that left behind is ours too.
        if let Ok(group) = self.group() {
            let _ = killpg(group, Signal::SIGKILL);
        }
        // Before its number is free.
        reaper::forget(self.child.id());
        let _ = self.child.wait();
        if std::thread::panicking() && !self.quiet {
            eprintln!("{}", self.output_end());
        }
    }
}

/// Runs `command` to its end and returns what it wrote to standard output.
///
/// # Errors
/// It cannot be started or fails; the error holds what it wrote.
pub fn run(command: Command) -> Result<String> {
    run_with_input(command, "")
}

/// Like [`run`], with `input` (at most a pipe's worth: 64 KiB) on standard input.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(mut command: Command, input: &str) -> Result<String> {
    let started = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.with_context(|| format!("start {command:?}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends without reading has its own reason, which its status and words tell.
        let _ = stdin.write_all(input.as_bytes());
    }
    let done = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        let error = String::from_utf8_lossy(&done.stderr);
        bail!("{command:?} ended with {}: {text}{error}", done.status);
    }
    Ok(text)
}

/// A command, for callers whose own file has no leave to make one.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// Whether a process with this id exists and is no zombie.
pub fn exists(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !matches!(stat_field(&stat, 3), Some("Z" | "X")))
}

/// When a process was started, in clock ticks since boot: with its id, a name that is never used again before a reboot.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat_field(&stat, 22)?.parse().ok()
}

/// A field of `/proc/PID/stat`, numbered as in proc_pid_stat(5). The second is the program's name, which may hold
/// anything, parentheses and spaces included.
fn stat_field(stat: &str, number: usize) -> Option<&str> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(number.checked_sub(3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = command("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_drop_ends_the_whole_group() {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::spawn(
            "parent",
            shell("sleep 1000 & echo child $!; wait"),
            directory.path(),
        )
        .unwrap();
        process
            .wait_for_output("child ", Duration::from_secs(10))
            .unwrap();
        let child = wait::until("the child's id", Duration::from_secs(10), || {
            process
                .output()
                .strip_prefix("child ")?
                .trim()
                .parse::<u32>()
                .ok()
        });
        let (child, parent) = (child.unwrap(), process.pid());
        assert!(exists(child) && exists(parent));
        drop(process);
        let gone = || (!exists(child) && !exists(parent)).then_some(());
        wait::until("both to be gone", Duration::from_secs(10), gone).unwrap();
    }

    #[test]
    fn an_early_end_is_told_with_the_output() {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::spawn("early", shell("echo why; exit 3"), directory.path()).unwrap();
        let error = process
            .wait_for_output("ready", Duration::from_secs(60))
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("why") && error.contains("has ended"), "{error}");
        assert_eq!(process.wait(Duration::from_secs(10)).unwrap().code(), Some(3));
    }

    #[test]
    fn a_crash_leaves_what_the_program_started() {
        let directory = tempfile::tempdir().unwrap();
        let process =
            Process::spawn("crash", shell("sleep 1000 & echo $! ok; wait"), directory.path()).unwrap();
        process.wait_for_output("ok", Duration::from_secs(10)).unwrap();
        let child: u32 = process.output().split(' ').next().unwrap().parse().unwrap();
        process.crash().unwrap();
        assert!(exists(child));
        nix::sys::signal::kill(Pid::from_raw(child.cast_signed()), Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9";
        assert_eq!(stat_field(stat, 3), Some("S"));
        assert_eq!(stat_field(stat, 22), Some("4242"));
        assert!(start_time(std::process::id()).is_some());
    }
}
