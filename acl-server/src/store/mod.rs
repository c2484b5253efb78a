//! Our files in the policy directory.
//!
//! Everything goes through one directory handle, by plain file names, and follows no symbolic link. A file that is not
//! `50rest-NAME.rules` is only ever read. A change is first *staged* beside the target, synced, under names that the
//! tool does not read; after that, putting new content in place and taking it back are renames, which need no space.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};
use sha2::{Digest, Sha256};
use shared::AclName;

const PREFIX: &str = "50rest-";
const SUFFIX: &str = ".rules";
/// Temporary names begin with a dot and do not end in `.rules`: neither the tool's glob nor ours matches them.
const TEMP_PREFIX: &str = ".50rest-";

/// A rule file of ours is at most 1,000 lines of 1,024 bytes with their line ends; twice that is somebody's mistake.
const MAX_FILE: u64 = 2 * 1000 * 1025;

/// SHA-256 of a file, or of a whole directory's names and files.
pub type Fingerprint = [u8; 32];

/// The policy directory.
#[derive(Debug)]
pub struct Store {
    dir: OwnedFd,
}

/// Which of the two contents of a staged change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// What was there before the batch.
    Old,
    /// What the batch brings.
    New,
}

impl Version {
    const fn temp_suffix(self) -> &'static str {
        match self {
            Self::Old => ".old",
            Self::New => ".new",
        }
    }
}

/// Why one of our files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is something of that name, but it is no regular file.
    #[error("{0} is not a regular file")]
    Irregular(String),
    /// The file is larger than any ACL can be.
    #[error("{0} is larger than any ACL can be")]
    TooLarge(String),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn file_name(name: &AclName) -> String {
    format!("{PREFIX}{name}{SUFFIX}")
}

fn temp_name(name: &AclName, version: Version) -> String {
    format!("{TEMP_PREFIX}{name}{SUFFIX}{}", version.temp_suffix())
}

/// The ACL whose file has this name, if it is one of ours.
fn acl_of(file_name: &str) -> Option<AclName> {
    file_name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
}

/// Whether this is a name that `Store` makes for a moment; an editor's own are not.
fn is_temporary(file_name: &str) -> bool {
    let name = file_name.strip_prefix('.').unwrap_or_default();
    let suffixes = [".old", ".new", ".hop"];
    suffixes
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix))
        .any(|name| acl_of(name).is_some())
}

impl Store {
    /// Opens the directory and locks it against another daemon, for as long as the store lives.
    ///
    /// # Errors
    /// It does not exist or is no directory; or `ResourceBusy`: another daemon has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = File::from(nix::fcntl::open(path, flags, Mode::empty())?);
        match dir.try_lock() {
            Ok(()) => Ok(Self { dir: dir.into() }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another acl-server has this directory",
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The names in the directory, sorted; those that `wanted` takes by their type.
    fn file_names(&self, wanted: impl Fn(Option<Type>) -> bool) -> io::Result<Vec<String>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = Dir::openat(&self.dir, ".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            // A name that is no UTF-8 is not one of ours, and a foreign one is told apart well enough by its replacement.
            if wanted(entry.file_type()) {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The names of our ACLs, sorted. What has such a name and is no regular file is none.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<AclName>> {
        // Some file systems do not tell the type; then reading will.
        let names = self.file_names(|kind| matches!(kind, Some(Type::File) | None))?;
        Ok(names.iter().filter_map(|name| acl_of(name)).collect())
    }

    /// The content of an ACL's file; `None` when there is none.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn read(&self, name: &AclName) -> Result<Option<Vec<u8>>, ReadError> {
        self.read_file(&file_name(name), OFlag::O_NOFOLLOW, MAX_FILE)
    }

    fn read_file(&self, name: &str, extra: OFlag, limit: u64) -> Result<Option<Vec<u8>>, ReadError> {
        // O_NONBLOCK: somebody's FIFO of that name must not hang the only writer.
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | extra;
        let file = match openat(&self.dir, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(ReadError::Irregular(name.to_owned())),
            Err(errno) => return Err(io::Error::from(errno).into()),
        };
        if !file.metadata()?.is_file() {
            return Err(ReadError::Irregular(name.to_owned()));
        }
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content)?;
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit {
            return Err(ReadError::TooLarge(name.to_owned()));
        }
        Ok(Some(content))
    }

    /// Writes content beside the target and syncs it; nothing that the tool reads changes.
    ///
    /// # Errors
    /// The file cannot be written, for instance because the disk is full.
    pub fn stage(&self, name: &AclName, version: Version, content: &[u8]) -> io::Result<()> {
        self.write_new(&temp_name(name, version), content)
    }

    /// Writes a temporary file in the place of whatever has its name, and syncs it.
    fn write_new(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.unlink(name)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR | Mode::S_IRGRP | Mode::S_IROTH;
        let mut file = File::from(openat(&self.dir, name, flags, mode)?);
        // The daemon's umask may be stricter than what the switch's own tools need to read.
        nix::sys::stat::fchmod(&file, mode)?;
        file.write_all(content)?;
        file.sync_data()
    }

    /// Stages the content that is in place, so that it can come back without needing space.
    ///
    /// # Errors
    /// The file can neither be linked nor copied.
    pub fn stage_current(&self, name: &AclName, content: &[u8]) -> io::Result<()> {
        let temp = temp_name(name, Version::Old);
        self.unlink(&temp)?;
        match linkat(
            &self.dir,
            file_name(name).as_str(),
            &self.dir,
            temp.as_str(),
            AtFlags::empty(),
        ) {
            Ok(()) => Ok(()),
            // A file system without hard links, or one that protects them: a copy does as well.
            Err(_) => self.stage(name, Version::Old, content),
        }
    }

    /// Puts staged content in place; it stays staged, so the other version can take its place again.
    ///
    /// # Errors
    /// The content was not staged, or the system refuses.
    pub fn place(&self, name: &AclName, version: Version) -> io::Result<()> {
        let hop = format!("{TEMP_PREFIX}{name}{SUFFIX}.hop");
        let target = file_name(name);
        self.unlink(&hop)?;
        match linkat(
            &self.dir,
            temp_name(name, version).as_str(),
            &self.dir,
            hop.as_str(),
            AtFlags::empty(),
        ) {
            Ok(()) => {}
            Err(Errno::ENOENT) => return Err(Errno::ENOENT.into()),
            Err(_) => self.copy(&temp_name(name, version), &hop)?,
        }
        renameat(&self.dir, hop.as_str(), &self.dir, target.as_str())?;
        // POSIX: a rename between two links of one file does nothing, also not remove the first.
        self.unlink(&hop)
    }

    fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let content = self
            .read_file(from, OFlag::O_NOFOLLOW, MAX_FILE)
            .map_err(io::Error::other)?;
        self.write_new(to, &content.ok_or(io::ErrorKind::NotFound)?)
    }

    /// Removes an ACL's file, if there is one.
    ///
    /// # Errors
    /// The system refuses.
    pub fn remove(&self, name: &AclName) -> io::Result<()> {
        self.unlink(&file_name(name))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes what was staged for a name.
    ///
    /// # Errors
    /// The system refuses.
    pub fn unstage(&self, name: &AclName) -> io::Result<()> {
        self.unlink(&temp_name(name, Version::Old))?;
        self.unlink(&temp_name(name, Version::New))
    }

    /// Removes every staged file that a crash has left, and returns how many there were.
    ///
    /// # Errors
    /// The directory cannot be read or changed.
    pub fn sweep(&self) -> io::Result<usize> {
        // Directories are nobody's temporary files, and of links the link goes.
        let names = self.file_names(|kind| kind != Some(Type::Directory))?;
        let stray: Vec<_> = names.into_iter().filter(|name| is_temporary(name)).collect();
        for name in &stray {
            self.unlink(name)?;
        }
        Ok(stray.len())
    }

    /// Makes renames and removals durable.
    ///
    /// # Errors
    /// The system refuses.
    pub fn sync(&self) -> io::Result<()> {
        Ok(nix::unistd::fsync(&self.dir)?)
    }

    /// A fingerprint of the rule files that are not ours: what else a commit installs.
    ///
    /// # Errors
    /// The directory or one of the files cannot be read.
    pub fn foreign_fingerprint(&self) -> io::Result<Fingerprint> {
        /// Other tools' files are small; a larger one counts by its beginning.
        const MAX_FOREIGN: u64 = 64 << 20;
        let mut hash = Sha256::new();
        for name in self.file_names(|_| true)? {
            if name.ends_with(SUFFIX) && acl_of(&name).is_none() {
                // Another tool may link its file from elsewhere, and the ACL tool would follow it too.
                let content = match self.read_file(&name, OFlag::empty(), MAX_FOREIGN) {
                    Ok(content) => content,
                    Err(ReadError::Io(error)) => return Err(error),
                    Err(ReadError::Irregular(_) | ReadError::TooLarge(_)) => None,
                };
                absorb(&mut hash, &name, content.as_deref());
            }
        }
        Ok(hash.finalize().into())
    }
}

/// The fingerprint of one file's content.
pub fn fingerprint(content: &[u8]) -> Fingerprint {
    Sha256::digest(content).into()
}

/// Mixes a file into a hash, unambiguously: names have no NUL, and contents go in as fixed-length digests.
fn absorb(hash: &mut Sha256, name: &str, content: Option<&[u8]>) {
    hash.update(name.as_bytes());
    hash.update([0, u8::from(content.is_some())]);
    hash.update(fingerprint(content.unwrap_or_default()));
}

/// The strong ETag of a content, with its quotes (RFC 9110 §8.8.3): 128 bits of its SHA-256.
pub fn etag(content: &[u8]) -> String {
    let mut text = String::with_capacity(34);
    text.push('"');
    for byte in fingerprint(content).iter().take(16) {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests;
