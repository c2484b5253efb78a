//! One run at a time in each network namespace.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;

/// Why there is no lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LockError {
    /// Another run holds it.
    #[error("another acltool is running in this network namespace (waited {seconds} s)")]
    Busy { seconds: u64 },
    /// The lock file cannot be used.
    #[error("cannot lock {PATH}: {0}")]
    Broken(String),
}

/// Only root can open it: a lock that everybody may take is a way for everybody to stop this tool. One for all namespaces;
/// the last run that holds any part of it removes it.
const PATH: &str = "/run/acltool.lock";

/// Held by the one run that may change rules in this network namespace.
///
/// It is a lock of one byte of the file, at the position that is the number (inode) of the namespace, so that runs in
/// different namespaces do not wait for each other. It belongs to the open file (`F_OFD_SETLK`, `fcntl(2)`), which the
/// programs that are started inherit: should this process be killed, the next run waits for them too.
///
/// Runs that share a network namespace but not `/run` do not see each other's lock; the same is true of iptables' own.
#[derive(Debug)]
pub(super) struct Lock {
    /// `None` only once it has been given up.
    file: Option<File>,
    path: PathBuf,
}

/// Everything from the first byte on.
const WHOLE: i64 = 0;

impl Lock {
    /// Longest wait for another run, in twentieths of a second: half the time limit that daemons give this tool.
    const TRIES: u64 = 600;

    /// Waits for the lock of the namespace that this process is in.
    pub(super) fn take() -> Result<Self, LockError> {
        let namespace = std::fs::metadata("/proc/self/ns/net").map_err(|error| broken(&error))?;
        Self::of(Path::new(PATH), namespace.ino(), Self::TRIES)
    }

    fn of(path: &Path, namespace: u64, tries: u64) -> Result<Self, LockError> {
        let region = region(namespace, 1).map_err(|error| broken(&error))?;
        for _ in 0..tries {
            // Opened anew each time: whoever held the lock may have removed the file when it was done.
            let file = open(path).map_err(|error| broken(&error))?;
            match fcntl(&file, FcntlArg::F_OFD_SETLK(&region)) {
                Ok(_) if !is_at(&file, path) => {}
                Ok(_) => {
                    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))
                        .map_err(|errno| broken(&errno.into()))?;
                    return Ok(Self {
                        file: Some(file),
                        path: path.to_owned(),
                    });
                }
                Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) => pause(),
                Err(errno) => return Err(broken(&errno.into())),
            }
        }
        Err(LockError::Busy { seconds: tries / 20 })
    }
}

impl Drop for Lock {
    /// Removes the file if no run in another namespace holds its part. Who has opened it meanwhile and gets a lock on it
    /// finds that it is not there any more, and begins again.
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let alone = region(0, WHOLE).is_ok_and(|whole| fcntl(&file, FcntlArg::F_OFD_SETLK(&whole)).is_ok());
        if alone {
            // An empty file that stays behind does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether the file is still the one that has this path.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |ours: &Metadata, there: &Metadata| (ours.dev(), ours.ino()) == (there.dev(), there.ino());
    file.metadata()
        .is_ok_and(|ours| std::fs::symlink_metadata(path).is_ok_and(|there| same(&ours, &there)))
}

fn broken(error: &io::Error) -> LockError {
    LockError::Broken(match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{error}; only root can change rules"),
        _ => error.to_string(),
    })
}

/// Opens the file, or makes it; it must be ours and closed to others.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        // Not blocking: a pipe in its place must not be waited for.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "it is not a file of this user with mode 0600; remove it",
        ));
    }
    Ok(file)
}

/// So many bytes from this position on; [`WHOLE`] for all.
fn region(position: u64, length: i64) -> io::Result<libc::flock> {
    Ok(libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).map_err(io::Error::other)?,
        l_whence: i16::try_from(libc::SEEK_SET).map_err(io::Error::other)?,
        l_start: position.try_into().map_err(io::Error::other)?,
        l_len: length,
        // Must be 0 for a lock of an open file.
        l_pid: 0,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command line tool: one thread, and nothing to do meanwhile"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    // "Free again" may take a moment: what other tests start meanwhile inherits the lock too.
    #[test]
    fn a_lock_excludes_its_own_namespace_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let first = Lock::of(&path, 4_026_531_840, 1).expect("the lock");
        assert_eq!(
            Lock::of(&path, 4_026_531_840, 1).expect_err("held"),
            LockError::Busy { seconds: 0 }
        );
        Lock::of(&path, 4_026_531_841, 1).expect("another namespace");
        assert!(path.exists(), "the first run goes on");
        drop(first);
        drop(Lock::of(&path, 4_026_531_840, Lock::TRIES).expect("free again"));
        // What other tests start meanwhile inherits the lock for a moment, and does not keep the file.
        assert!(!path.exists(), "the last one removes it");
    }

    #[test]
    fn who_waits_while_the_file_is_removed_gets_the_lock_all_the_same() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let held = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let lock = Lock::of(&path, 7, Lock::TRIES).expect("the lock");
                        assert_eq!(
                            held.fetch_add(1, std::sync::atomic::Ordering::SeqCst),
                            0,
                            "two at once"
                        );
                        held.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }

    #[test]
    fn programs_that_are_started_hold_the_lock_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let mut lock = Lock::of(&path, 7, 1).expect("the lock");
        let mut child = child();
        // As when this process is killed: the file is closed, and nothing else is done.
        drop(lock.file.take());
        assert!(Lock::of(&path, 7, 1).is_err(), "the child holds it");
        child.kill().and_then(|()| child.wait()).expect("it ends");
        Lock::of(&path, 7, Lock::TRIES).expect("free again");
    }

    #[expect(clippy::disallowed_methods, reason = "a test of what is inherited")]
    fn child() -> std::process::Child {
        std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep")
    }

    #[test]
    fn nobody_else_can_open_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let lock = Lock::of(&path, 1, 1).expect("the lock");
        let mode = || std::fs::metadata(&path).expect("the file").mode() & 0o777;
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("ours");
        let error = Lock::of(&path, 1, 1).expect_err("open to others").to_string();
        assert!(error.contains("mode 0600"), "{error}");
        drop(lock);
    }

    #[test]
    fn only_a_plain_file_is_locked() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("target");
        let link = directory.path().join("link");
        symlink(&target, &link).expect("a link");
        assert!(Lock::of(&link, 1, 1).is_err());
        assert!(!target.exists(), "a link is not followed");
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a pipe");
        assert!(Lock::of(&pipe, 1, 1).is_err());
        assert!(Lock::of(directory.path(), 1, 1).is_err());
    }
}
