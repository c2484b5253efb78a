//! The lock that a running tool holds, as its standard input.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often a held lock is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The file `tool.lock`. Its content is the process group of the run that holds it.
#[derive(Debug)]
pub struct ToolLock {
    path: PathBuf,
}

/// The lock, held. It is released when every copy of the file is closed, the tool's standard input included.
#[derive(Debug)]
pub struct Locked {
    /// The locked file.
    pub file: File,
}

impl ToolLock {
    /// Makes the file if it is not there.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new(path: PathBuf) -> io::Result<Self> {
        let lock = Self { path };
        lock.open().map(|_| lock)
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(&self.path)
    }

    /// Gets the lock. A holder that is still there after `limit` gets SIGTERM, and SIGKILL `grace` later.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn acquire(&self, limit: Duration, grace: Duration) -> io::Result<Locked> {
        let mut waited = Duration::ZERO;
        let (mut asked, mut forced) = (false, false);
        loop {
            // Opened anew each time: a lock belongs to an open file, and the holder's must not be ours.
            let file = self.open()?;
            match file.try_lock() {
                Ok(()) => return Ok(Locked { file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if waited.is_zero() {
                tracing::info!(lock = %self.path.display(), "an earlier run of the tool goes on: waiting for its end");
            }
            if waited >= limit && !asked {
                asked = true;
                self.signal_holder(&file, Signal::SIGTERM);
            }
            if waited >= limit + grace && !forced {
                forced = true;
                self.signal_holder(&file, Signal::SIGKILL);
            }
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }

    /// Signals the recorded process group, if its leader really holds this file: numbers are used again.
    fn signal_holder(&self, file: &File, signal: Signal) {
        let mut text = String::new();
        let recorded = file
            .take(20)
            .read_to_string(&mut text)
            .ok()
            .and_then(|_| text.trim().parse::<i32>().ok());
        let Some(pid) = recorded.filter(|pid| *pid > 1) else {
            tracing::warn!(lock = %self.path.display(), "somebody holds the tool's lock and did not say who");
            return;
        };
        let holds = |pid: i32| -> io::Result<bool> {
            let held = std::fs::metadata(format!("/proc/{pid}/fd/0"))?;
            let ours = file.metadata()?;
            Ok((held.dev(), held.ino()) == (ours.dev(), ours.ino()))
        };
        if holds(pid).unwrap_or(false) {
            tracing::warn!(pid, %signal, "an earlier run of the tool does not end by itself");
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }
}

impl Locked {
    /// Writes down who holds the lock, for a daemon that comes after this one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn record(&self, process_group: u32) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        writeln!(file, "{process_group}")
    }
}
