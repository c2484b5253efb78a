//! Runs the ACL tool: one run at a time, within a time limit, never unnoticed.
//!
//! The tool inherits a locked file as its standard input. Whoever wants to start the next run, also a new daemon after a
//! crash of this one, must first get that lock, so that an old run never has the last word.
//!
//! A commit (`Tool::run`) comes before a listing (`Tool::list`). While one waits or runs, a listing is `Busy` at once; and
//! a listing that runs when a commit comes is ended, which is harmless because it changes nothing. So a listing delays
//! a commit by some 0.3 s at most, whatever its own time limit is.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

/// One listing for everybody who asks within a second.
pub mod counters;
/// What the switch has room for, as `cl-resource-query` says.
pub mod resource;
/// What the tool lists, and which rules of an ACL it is about.
pub mod listing;
/// What the tool printed, kept to a bound; what it says about errors.
pub mod output;
/// The lock that a running tool holds.
pub mod lock;
mod process;

use lock::ToolLock;
use output::Output;
use process::{Process, Sink};

/// How long the tool may go on after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(5);

/// How long a listing may go on after SIGTERM: it has nothing to put in order.
const LIST_GRACE: Duration = Duration::from_millis(300);

/// How long a listing waits for the lock.
const LIST_PATIENCE: Duration = Duration::from_millis(100);

/// `EX_TEMPFAIL` (sysexits.h): with it acltool says that somebody else was changing the rules all the time.
const BUSY: i32 = 75;

/// How the names of our rule files start; the ACL's name and `.rules` follow.
const FILE_PREFIX: &str = "50rest-";

/// Lines that were printed; shared, since every caller of a batch is told the same.
pub type Words = Arc<[String]>;

/// How to run the tool. Clones are the same tool.
#[derive(Debug, Clone)]
pub struct Tool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    arguments: Vec<String>,
    limit: Duration,
    lock: ToolLock,
    /// Whose turn it is in this process; the lock is for other processes.
    turn: Mutex<()>,
    /// Commits that wait or run.
    commits: watch::Sender<usize>,
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
    /// What it printed, standard output and error in the order of writing, kept to a bound.
    pub lines: Words,
}

/// What a listing printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The text, as much of it as is kept.
    pub text: Vec<u8>,
    /// Whether there was more than [`Listed::KEEP`] bytes of it.
    pub cut: bool,
}

impl Listed {
    /// Bytes that are kept: about 35,000 rules of the usual 120 bytes.
    pub const KEEP: usize = 4 << 20;
}

impl Sink for Listed {
    fn push(&mut self, bytes: &[u8]) {
        let room = Self::KEEP.saturating_sub(self.text.len());
        self.cut |= bytes.len() > room;
        self.text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// Why there is no listing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A commit waits or runs; the next moment may do.
    #[error("the tool is busy with a commit")]
    Busy,
    /// It took longer than its limit and was ended.
    #[error("the tool took longer than {} s to list the rules", .0.as_secs())]
    TimedOut(Duration),
    /// It could not be started.
    #[error("{0}")]
    NotStarted(String),
    /// It ended with another exit status than 0, or by a signal.
    #[error("the tool could not list the rules: {0}")]
    Failed(String),
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
        let shared = Shared {
            program: program.to_owned(),
            arguments,
            limit,
            lock,
            turn: Mutex::new(()),
            commits: watch::Sender::new(0),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// How long one run may take.
    pub fn limit(&self) -> Duration {
        self.shared.limit
    }

    /// Waits until no earlier run goes on, for ever if need be. One that has outlived its limit is ended.
    ///
    /// # Errors
    /// The lock file cannot be used.
    pub async fn wait_for_earlier_run(&self) -> io::Result<()> {
        loop {
            match self.shared.lock.acquire(self.limit(), TERM_GRACE).await {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    tracing::error!(%error, "waiting on");
                }
                acquired => return acquired.map(drop),
            }
        }
    }

    /// Runs the tool once, to its end.
    pub async fn run(&self) -> Run {
        let shared = &*self.shared;
        let _announced = Announced::new(&shared.commits);
        let _turn = shared.turn.lock().await;
        let mut process = match self.start().await {
            Ok(process) => process,
            Err(error) => {
                return Run {
                    outcome: Outcome::NotStarted(shared.cannot_run(&error)),
                    lines: Words::default(),
                };
            }
        };
        let mut output = Output::default();
        let outcome = match timeout(shared.limit, process.finish(&mut output)).await {
            Ok(Ok(status)) => judge(status, &output),
            Ok(Err(error)) => {
                Outcome::NotStarted(format!("lost sight of {}: {error}", shared.program.display()))
            }
            Err(_) => {
                tracing::warn!(tool = %shared.program.display(), limit = ?shared.limit, "the tool takes too long and is ended");
                process.end(TERM_GRACE, &mut output).await;
                Outcome::TimedOut
            }
        };
        shared
            .clean(&mut process, &mut output, outcome == Outcome::TimedOut)
            .await;
        Run {
            outcome,
            lines: output.into_lines().into(),
        }
    }

    async fn start(&self) -> io::Result<Process> {
        let shared = &*self.shared;
        let locked = shared.lock.acquire(shared.limit, TERM_GRACE).await?;
        Process::start(&shared.program, &shared.arguments, Stdio::from(locked.file))
    }

    /// Runs the tool with these arguments, for what it prints; `limit` bounds the run. What it prints beyond
    /// [`Listed::KEEP`] is read and forgotten.
    ///
    /// # Errors
    /// A commit waits or runs, or comes meanwhile; or the tool does not start, fails or takes too long. Only the exit
    /// status tells a failure: the text of a listing has the words of clients in it.
    pub async fn list(&self, arguments: &[String], limit: Duration) -> Result<Listed, ListError> {
        let shared = &*self.shared;
        let not_started = |error: io::Error| ListError::NotStarted(shared.cannot_run(&error));
        let mut commits = shared.commits.subscribe();
        let _turn = shared.turn.try_lock().map_err(|_| ListError::Busy)?;
        if *commits.borrow_and_update() > 0 {
            return Err(ListError::Busy);
        }
        let locked = shared
            .lock
            .acquire_within(LIST_PATIENCE)
            .await
            .map_err(not_started)?;
        let stdin = Stdio::from(locked.ok_or(ListError::Busy)?.file);
        let mut process = Process::start(&shared.program, arguments, stdin).map_err(not_started)?;
        let mut listed = Listed::default();
        let ended = tokio::select! {
            ended = timeout(limit, process.finish(&mut listed)) => match ended {
                Ok(status) => status.map_err(not_started),
                Err(_) => Err(ListError::TimedOut(limit)),
            },
            _ = commits.wait_for(|commits| *commits > 0) => Err(ListError::Busy),
        };
        if ended.is_err() {
            process.end(LIST_GRACE, &mut listed).await;
        }
        shared.clean(&mut process, &mut listed, ended.is_err()).await;
        let status = ended?;
        if status.success() {
            return Ok(listed);
        }
        let said = String::from_utf8_lossy(&listed.text);
        let last = said
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let last: String = last.chars().take(200).collect();
        Err(ListError::Failed(format!(
            "{status}: {}",
            last.trim().escape_debug()
        )))
    }
}

impl Shared {
    fn cannot_run(&self, error: &io::Error) -> String {
        format!("cannot run {}: {error}", self.program.display())
    }

    /// Ends what stayed behind: a child of the tool, with the pipe, with the lock or, after a time-out, without.
    async fn clean(&self, process: &mut Process, sink: &mut impl Sink, by_force: bool) {
        let held = process.is_pipe_held(sink).await || self.lock.is_held().unwrap_or(false);
        if held || by_force {
            tracing::debug!(held, "ending what the tool left running");
            process.kill_rest();
        }
    }
}

/// A commit that waits or runs, as listings see it.
struct Announced<'a>(&'a watch::Sender<usize>);

impl<'a> Announced<'a> {
    fn new(commits: &'a watch::Sender<usize>) -> Self {
        commits.send_modify(|commits| *commits += 1);
        Self(commits)
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|commits| *commits -= 1);
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
