//! What the daemon needs of a file system, as one directory of plain file names: small enough to be simulated, so that
//! a test can cut the power after every single operation.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::dir::{Dir as DirStream, Type};
use nix::errno::Errno;
use nix::fcntl::{
    AtFlags, FallocateFlags, OFlag, PosixFadviseAdvice, fallocate, openat, posix_fadvise, renameat,
};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, a device, a socket.
    Other,
    /// Some file systems do not tell; opening the file will.
    Unknown,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is something of that name, but it is no regular file.
    #[error("{0} is not a regular file")]
    Irregular(String),
    /// The file is larger than the reader wants.
    #[error("{0} is larger than any ACL can be")]
    TooLarge(String),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Tells whether a file was written, replaced or touched since: equal stamps mean equal content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Inode, length, and the two times of the file, each in seconds and nanoseconds.
    pub words: [i64; 6],
    /// The file is old enough: another write would have given it another time. A younger file may change unseen within
    /// one tick of the file system's clock, so its stamp proves nothing.
    pub settled: bool,
}

/// Most files that are written and synced together. Each is open until its content is durable, and a daemon keeps 128
/// descriptors for other things than connections, of which it uses some 20.
pub const AT_ONCE: usize = 100;

/// One directory. Every method takes plain file names, and none follows a symbolic link unless it says so.
///
/// What a method has returned from survives a crash of the process. It survives the loss of power once `sync` has
/// returned for names, and at once for the content of files.
pub trait Dir: Send + Sync + fmt::Debug {
    /// The names in the directory, sorted.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn names(&self) -> io::Result<Vec<(String, Kind)>>;

    /// A file's content of at most `limit` bytes; `None` when there is no such file. `follow`: through a symbolic link.
    ///
    /// # Errors
    /// [`ReadError`]
    fn read(&self, name: &str, limit: u64, follow: bool) -> Result<Option<Vec<u8>>, ReadError>;

    /// Whether the file is what it was; `None` when there is no such file.
    ///
    /// # Errors
    /// The system refuses.
    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>>;

    /// Writes each of these files, name and content, in the place of whatever has its name, readable by all if `public`,
    /// and syncs the content of all, together, so that the disk can take many at a time. At most [`AT_ONCE`].
    ///
    /// # Errors
    /// The system refuses, for instance because the disk is full. Some of the files may be there, whole or not.
    fn write_all(&self, files: &[(String, &[u8])], public: bool) -> io::Result<()>;

    /// Writes one file, as [`Dir::write_all`] does.
    ///
    /// # Errors
    /// As there.
    fn write(&self, name: &str, content: &[u8], public: bool) -> io::Result<()> {
        self.write_all(&[(name.to_owned(), content)], public)
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// There is no such file, the new name is taken, or the file system cannot do it.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives a file another name, in the place of whatever has it.
    ///
    /// # Errors
    /// The system refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name, if it is there.
    ///
    /// # Errors
    /// The system refuses.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    ///
    /// # Errors
    /// The system refuses.
    fn sync(&self) -> io::Result<()>;

    /// Opens a file to append to, and makes it if it is not there.
    ///
    /// # Errors
    /// The system refuses.
    fn log(&self, name: &str) -> io::Result<Box<dyn Log>>;
}

/// A file that grows at its end.
pub trait Log: Send + fmt::Debug {
    /// Everything that is in it.
    ///
    /// # Errors
    /// The system refuses.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Cuts it to `length` bytes, where the next append begins.
    ///
    /// # Errors
    /// The system refuses.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Appends and makes it durable.
    ///
    /// # Errors
    /// The system refuses; then part of it may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes space behind `length`, so that a disk that fills up meanwhile does not refuse an append of so many `bytes`.
    ///
    /// # Errors
    /// The disk is full.
    fn reserve(&mut self, length: u64, bytes: u64) -> io::Result<()>;
}

/// A directory of this machine.
#[derive(Debug)]
pub struct SystemDir {
    fd: OwnedFd,
}

impl SystemDir {
    /// Opens the directory and locks it against another daemon, for as long as this value lives.
    ///
    /// # Errors
    /// It does not exist or is no directory; or `ResourceBusy`: another daemon has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = File::from(nix::fcntl::open(path, flags, Mode::empty())?);
        match dir.try_lock() {
            Ok(()) => Ok(Self { fd: dir.into() }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another acl-server has this directory",
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open_to_read(&self, name: &str, follow: bool) -> Result<Option<File>, ReadError> {
        // O_NONBLOCK: somebody's FIFO of that name must not hang the only writer.
        let mut flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        flags.set(OFlag::O_NOFOLLOW, !follow);
        let file = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(ReadError::Irregular(name.to_owned())),
            Err(errno) => return Err(io::Error::from(errno).into()),
        };
        if !file.metadata()?.is_file() {
            return Err(ReadError::Irregular(name.to_owned()));
        }
        Ok(Some(file))
    }

    /// Makes a new file in the place of whatever has its name.
    fn make(&self, name: &str, public: bool) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut mode = Mode::S_IRUSR | Mode::S_IWUSR;
        if public {
            mode |= Mode::S_IRGRP | Mode::S_IROTH;
        }
        let fd = match openat(&self.fd, name, flags, mode) {
            Err(Errno::EEXIST) => {
                self.unlink(name)?;
                openat(&self.fd, name, flags, mode)
            }
            made => made,
        };
        let file = File::from(fd?);
        // The daemon's umask may be stricter than what the switch's own tools need to read.
        nix::sys::stat::fchmod(&file, mode)?;
        Ok(file)
    }
}

/// Lets the kernel begin to write a file to the disk, without waiting for it. It is only advice.
///
/// A file system that finds a place for new content only when it is synced (ext4, XFS, btrfs) has the content of all of
/// these files in one transaction then, which the first sync ends. Without this, each sync may be a transaction.
fn begin_to_write(file: &File, length: usize) {
    // Without the last byte: the kernel also drops the whole pages of what it is advised about, for which every processor
    // has to put its lists in order, and a page that the advice does not fill stays.
    let length = i64::try_from(length.saturating_sub(1).max(1)).unwrap_or(0);
    let _ = posix_fadvise(file, 0, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}

/// Syncs each of these files, several at a time, so that the file system and the disk can take them together: a disk that
/// empties its cache for one empties it for all who wait.
///
/// Each by itself, and not the file system as a whole (`syncfs`): that tells of no errors before Linux 5.8, and waits for
/// what everybody else has written.
pub(super) fn sync_together(files: &[(File, usize)]) -> io::Result<()> {
    /// Enough to share what can be shared; each is a thread for so long.
    const AT_A_TIME: usize = 8;
    /// A system call needs next to none of it.
    const STACK: usize = 64 << 10;
    let rest = Mutex::new(files.iter());
    let work = || -> io::Result<()> {
        loop {
            let next = rest.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((file, _)) = next else { return Ok(()) };
            file.sync_data()?;
        }
    };
    thread::scope(|scope| {
        // A system that has no thread to give has one here.
        let helpers = (1..files.len().min(AT_A_TIME)).filter_map(|_| {
            let helper = thread::Builder::new().name("sync".to_owned()).stack_size(STACK);
            helper.spawn_scoped(scope, work).ok()
        });
        let helpers: Vec<_> = helpers.collect();
        let ours = work();
        helpers.into_iter().fold(ours, |result, helper| {
            let theirs = helper.join();
            result.and(theirs.unwrap_or_else(|_| Err(io::Error::other("a sync was broken off"))))
        })
    })
}

impl Dir for SystemDir {
    fn names(&self) -> io::Result<Vec<(String, Kind)>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = DirStream::openat(&self.fd, ".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            let kind = match entry.file_type() {
                Some(Type::File) => Kind::File,
                Some(Type::Directory) => Kind::Directory,
                Some(_) => Kind::Other,
                None => Kind::Unknown,
            };
            // A name that is no UTF-8 is not one of ours, and a foreign one is told apart well enough by its replacement.
            names.push((entry.file_name().to_string_lossy().into_owned(), kind));
        }
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(names)
    }

    fn read(&self, name: &str, limit: u64, follow: bool) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(file) = self.open_to_read(name, follow)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content)?;
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit {
            return Err(ReadError::TooLarge(name.to_owned()));
        }
        Ok(Some(content))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "compares with the file system's own clock, which is the wall's"
    )]
    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        // O_PATH: no permission is needed, no FIFO waits, no device notices.
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let data = file.metadata()?;
        let signed = |number: u64| i64::from_ne_bytes(number.to_ne_bytes());
        let words = [
            signed(data.ino()),
            signed(data.len()),
            data.mtime(),
            data.mtime_nsec(),
            data.ctime(),
            data.ctime_nsec(),
        ];
        // Coarser than any file system's clock in use (FAT's is 2 s; ext4, xfs and btrfs tick with the kernel).
        const TICK: Duration = Duration::from_secs(2);
        let changed = Duration::from_secs(data.ctime().unsigned_abs());
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed);
        let settled = age.is_ok_and(|age| age > TICK);
        Ok(Some(Stamp { words, settled }))
    }

    fn write_all(&self, files: &[(String, &[u8])], public: bool) -> io::Result<()> {
        let written = files.iter().map(|(name, content)| {
            let mut file = self.make(name, public)?;
            file.write_all(content)?;
            Ok((file, content.len()))
        });
        let written = written.collect::<io::Result<Vec<_>>>()?;
        if let [(file, _)] = written.as_slice() {
            return file.sync_data();
        }
        written
            .iter()
            .for_each(|(file, length)| begin_to_write(file, *length));
        sync_together(&written)
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(nix::unistd::fsync(&self.fd)?)
    }

    fn log(&self, name: &str) -> io::Result<Box<dyn Log>> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = File::from(openat(&self.fd, name, flags, mode)?);
        // Whatever was made just now is there after a loss of power, too.
        self.sync()?;
        Ok(Box::new(SystemLog(file)))
    }
}

#[derive(Debug)]
struct SystemLog(File);

impl Log for SystemLog {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        self.0.seek(SeekFrom::Start(length)).map(drop)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.sync_data()
    }

    fn reserve(&mut self, length: u64, bytes: u64) -> io::Result<()> {
        let [at, bytes] = [length, bytes].map(i64::try_from);
        let (at, bytes) = (at.map_err(io::Error::other)?, bytes.map_err(io::Error::other)?);
        match fallocate(&self.0, FallocateFlags::FALLOC_FL_KEEP_SIZE, at, bytes) {
            Err(Errno::ENOSPC) => Err(Errno::ENOSPC.into()),
            // A file system that cannot do this may run out of space later.
            _ => Ok(()),
        }
    }
}
