//! The lock that a running tool holds, as its standard input.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often a held lock is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The file `tool.lock`.
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

    /// Whether somebody holds the lock.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn is_held(&self) -> io::Result<bool> {
        self.try_acquire().map(|locked| locked.is_none())
    }

    /// Gets the lock if nobody holds it.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn try_acquire(&self) -> io::Result<Option<Locked>> {
        // Opened anew each time: a lock belongs to an open file, and the holder's must not be ours.
        let file = self.open()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Locked { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Gets the lock if it is free within `patience`. Whatever this process starts elsewhere holds it for a moment, until
    /// it becomes another program.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn acquire_within(&self, patience: Duration) -> io::Result<Option<Locked>> {
        let mut waited = Duration::ZERO;
        loop {
            let locked = self.try_acquire()?;
            if locked.is_some() || waited >= patience {
                return Ok(locked);
            }
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }

    /// Gets the lock. Holders that are still there after `limit` get SIGTERM, and SIGKILL `grace` later.
    ///
    /// # Errors
    /// The file cannot be used; or `TimedOut`: another `grace` later somebody holds it all the same.
    pub async fn acquire(&self, limit: Duration, grace: Duration) -> io::Result<Locked> {
        let mut waited = Duration::ZERO;
        let mut signals = [(limit, Signal::SIGTERM), (limit + grace, Signal::SIGKILL)]
            .into_iter()
            .peekable();
        loop {
            if let Some(locked) = self.try_acquire()? {
                return Ok(locked);
            }
            if waited.is_zero() {
                tracing::info!(lock = %self.path.display(), "an earlier run of the tool goes on: waiting for its end");
            }
            if let Some((_, signal)) = signals.next_if(|(when, _)| waited >= *when) {
                for pid in holders(&self.open()?)? {
                    tracing::warn!(pid, %signal, "what an earlier run of the tool left running does not end by itself");
                    let _ = kill(Pid::from_raw(pid), signal);
                }
            }
            if waited >= limit + 2 * grace {
                let text = format!(
                    "{} is still held by the processes {:?}",
                    self.path.display(),
                    holders(&self.open()?)?
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }
}

/// The processes, without this one, that have the file open: the tool, and whatever inherited the file from it.
fn holders(file: &File) -> io::Result<Vec<i32>> {
    let ours = file.metadata()?;
    let mut holders = Vec::new();
    for process in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // A process that ends meanwhile holds nothing.
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let is_ours = |fd: &std::fs::DirEntry| {
            std::fs::metadata(fd.path())
                .is_ok_and(|held| (held.dev(), held.ino()) == (ours.dev(), ours.ino()))
        };
        if u32::try_from(pid) != Ok(std::process::id()) && files.flatten().any(|fd| is_ours(&fd)) {
            holders.push(pid);
        }
    }
    Ok(holders)
}
