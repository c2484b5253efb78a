//! Runs the ACL tool: one run at a time, within a time limit, never unnoticed.
//!
//! The tool inherits a locked file as its standard input. Whoever wants to start the next run, also a new daemon after a
//! crash of this one, must first get that lock, so that an old run never has the last word.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The lock that a running tool holds.
pub mod lock;
/// What the tool printed, kept to a bound.
pub mod output;

use lock::ToolLock;
use output::Output;

/// How long the tool may go on after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(5);
/// How long a pipe may stay open after the tool itself has ended: a child of its own may still hold it.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// `EX_TEMPFAIL` (sysexits.h): with it acltool says that somebody else was changing the rules all the time.
const BUSY: i32 = 75;

/// How to run the tool.
#[derive(Debug)]
pub struct Tool {
    program: PathBuf,
    arguments: Vec<String>,
    limit: Duration,
    lock: ToolLock,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The rules are installed.
    Accepted,
    /// The tool looked at the rules and did not want them.
    Refused {
        /// Its exit status; 0 when only its text says so.
        code: i32,
    },
    /// It took longer than its limit and was ended.
    TimedOut,
    /// It was ended by a signal that was not ours.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// It could not be started.
    NotStarted(String),
}

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// What it printed, standard output and error in the order of writing.
    pub lines: Vec<String>,
}

impl Tool {
    /// The tool at `program`; its lock lives in `state_dir`. `limit` bounds each run.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub fn new(
        program: &Path,
        arguments: Vec<String>,
        limit: Duration,
        state_dir: &Path,
    ) -> io::Result<Self> {
        let lock = ToolLock::new(state_dir.join("tool.lock"))?;
        Ok(Self {
            program: program.to_owned(),
            arguments,
            limit,
            lock,
        })
    }

    /// How long one run may take.
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Waits until no earlier run goes on, for ever if need be. One that has outlived its limit is ended.
    ///
    /// # Errors
    /// The lock file cannot be used.
    pub async fn wait_for_earlier_run(&self) -> io::Result<()> {
        loop {
            match self.lock.acquire(self.limit, TERM_GRACE).await {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    tracing::error!(%error, "waiting on");
                }
                acquired => return acquired.map(drop),
            }
        }
    }

    /// Runs the tool once, to its end.
    pub async fn run(&self) -> Run {
        let not_started = |error: &io::Error| Run {
            outcome: Outcome::NotStarted(format!("cannot run {}: {error}", self.program.display())),
            lines: Vec::new(),
        };
        let (mut child, mut reader) = match self.start().await {
            Ok(started) => started,
            Err(error) => return not_started(&error),
        };
        let group = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .map(Pid::from_raw);
        let mut output = Output::default();
        let ended = timeout(self.limit, wait_and_read(&mut child, &mut reader, &mut output)).await;
        let outcome = match ended {
            Ok(Ok(status)) => judge(status, &output),
            Ok(Err(error)) => {
                Outcome::NotStarted(format!("lost sight of {}: {error}", self.program.display()))
            }
            Err(_) => {
                self.end(group, &mut child, &mut reader, &mut output).await;
                Outcome::TimedOut
            }
        };
        // A child of the tool may have stayed behind, with the pipe, with the lock or, after a time-out, without.
        let held = timeout(Duration::ZERO, output.read_all(&mut reader))
            .await
            .is_err()
            || self.lock.is_held().unwrap_or(false);
        if held || outcome == Outcome::TimedOut {
            tracing::debug!(held, "ending what the tool left running");
            signal_group(group, Signal::SIGKILL);
        }
        Run {
            outcome,
            lines: output.into_lines(),
        }
    }

    async fn start(&self) -> io::Result<(Child, pipe::Receiver)> {
        let locked = self.lock.acquire(self.limit, TERM_GRACE).await?;
        // One pipe for both streams keeps the order in which the tool wrote.
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::from(locked.file.try_clone()?))
            .stdout(Stdio::from(writer.try_clone()?))
            .stderr(Stdio::from(writer))
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        // The command still holds the writing end, and would keep the pipe open for ever.
        drop(command);
        let reader: File = std::os::fd::OwnedFd::from(reader).into();
        Ok((child, pipe::Receiver::from_file(reader)?))
    }

    /// SIGTERM, and SIGKILL to what is left after the grace.
    async fn end(
        &self,
        group: Option<Pid>,
        child: &mut Child,
        reader: &mut pipe::Receiver,
        output: &mut Output,
    ) {
        tracing::warn!(tool = %self.program.display(), limit = ?self.limit, "the tool takes too long and is ended");
        signal_group(group, Signal::SIGTERM);
        if timeout(TERM_GRACE, wait_and_read(child, reader, output))
            .await
            .is_err()
        {
            signal_group(group, Signal::SIGKILL);
            // A killed process is reaped at once unless it sits in the kernel; then nobody can help.
            let _ = child.wait().await;
        }
    }
}

/// Reads to the end of the pipe while waiting for the end of the process.
async fn wait_and_read(
    child: &mut Child,
    reader: &mut pipe::Receiver,
    output: &mut Output,
) -> io::Result<ExitStatus> {
    let status = tokio::select! {
        status = child.wait() => status?,
        read = output.read_all(reader) => {
            read?;
            child.wait().await?
        }
    };
    let _ = timeout(DRAIN_GRACE, output.read_all(reader)).await;
    Ok(status)
}

/// Signals the tool's process group. The group's number stays taken as long as one of its processes is left.
fn signal_group(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = killpg(group, signal);
    }
}

fn judge(status: ExitStatus, output: &Output) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) if !output.says_error() => Outcome::Accepted,
        (Some(BUSY), _) if !output.says_error() => Outcome::NotStarted("the tool is busy".to_owned()),
        (Some(code), _) => Outcome::Refused { code },
        (None, signal) => Outcome::Killed {
            signal: signal.unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests;
