//! A program that runs in a process group of its own, and what it prints.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a pipe may stay open after the program itself has ended: a child of its own may still hold it.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// How long a killed process may take to be gone. Only one that sits in the kernel takes longer, and nobody can help it.
const REAP_GRACE: Duration = Duration::from_secs(5);

/// Where output goes: it takes everything, and keeps as much of it as it likes.
pub(super) trait Sink {
    /// Takes what was read.
    fn push(&mut self, bytes: &[u8]);
}

/// A program that runs. Its process group is killed when this is dropped before [`Process::finish`] has seen its end.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
    reader: pipe::Receiver,
    ended: bool,
}

impl Process {
    /// Starts it: no shell, a fixed environment, standard output and error in one pipe, which keeps their order.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(program: &Path, arguments: &[String], stdin: Stdio) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(stdin)
            .stdout(Stdio::from(writer.try_clone()?))
            .stderr(Stdio::from(writer))
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        // The command still holds the writing end, and would keep the pipe open for ever.
        drop(command);
        let group = child.id().and_then(|pid| i32::try_from(pid).ok());
        let reader: File = OwnedFd::from(reader).into();
        Ok(Self {
            child,
            group: group.map(Pid::from_raw),
            reader: pipe::Receiver::from_file(reader)?,
            ended: false,
        })
    }

    /// Reads what it prints until it has ended. It may close its output long before that.
    ///
    /// # Errors
    /// The pipe or the process cannot be waited for.
    pub(super) async fn finish(&mut self, sink: &mut impl Sink) -> io::Result<ExitStatus> {
        let status = tokio::select! {
            status = self.child.wait() => status?,
            read = read_all(&mut self.reader, sink) => {
                read?;
                self.child.wait().await?
            }
        };
        self.ended = true;
        let _ = timeout(DRAIN_GRACE, read_all(&mut self.reader, sink)).await;
        Ok(status)
    }

    /// SIGTERM to its group, and SIGKILL to what is left after the grace.
    pub(super) async fn end(&mut self, grace: Duration, sink: &mut impl Sink) {
        self.signal(Signal::SIGTERM);
        if timeout(grace, self.finish(sink)).await.is_err() {
            self.signal(Signal::SIGKILL);
            self.ended = timeout(REAP_GRACE, self.child.wait()).await.is_ok();
        }
    }

    /// Whether somebody still holds the pipe, now that the program itself has ended.
    pub(super) async fn is_pipe_held(&mut self, sink: &mut impl Sink) -> bool {
        timeout(Duration::ZERO, read_all(&mut self.reader, sink))
            .await
            .is_err()
    }

    /// SIGKILL to what it left running in its group.
    pub(super) fn kill_rest(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// The group's number stays taken as long as one of its processes is left.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            self.kill_rest();
        }
    }
}

/// Reads until the other side closes.
async fn read_all(reader: &mut pipe::Receiver, sink: &mut impl Sink) -> io::Result<()> {
    // Not on the stack: this is in a future that others hold.
    let mut buffer = vec![0; 16 << 10];
    loop {
        match reader.read(&mut buffer).await? {
            0 => return Ok(()),
            n => sink.push(buffer.get(..n).unwrap_or_default()),
        }
    }
}
