//! Our files in the policy directory.
//!
//! Everything goes through one directory handle, by plain file names, and follows no symbolic link. A file that is not
//! `50rest-NAME.rules` is only ever read. A change is first *staged* beside the target, synced, under names that the
//! tool does not read; after that, putting new content in place and taking it back are renames, which need no space.

use std::io;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use sha2::{Digest, Sha256};
use shared::AclName;

/// What is needed of a file system.
pub mod dir;

pub use dir::{AT_ONCE, Dir, Kind, Log, ReadError, Stamp, SystemDir};

const PREFIX: &str = "50rest-";
const SUFFIX: &str = ".rules";
/// Temporary names begin with a dot and do not end in `.rules`: neither the tool's glob nor ours matches them.
const TEMP_PREFIX: &str = ".50rest-";

/// A rule file of ours is at most 1,000 lines of 1,024 bytes with their line ends; twice that is somebody's mistake.
const MAX_FILE: u64 = 2 * 1000 * 1025;

/// Other tools' files are small; a larger one is read as if it could not be.
const MAX_FOREIGN: u64 = 16 << 20;

/// SHA-256 of a file, or of a whole directory's names and files.
pub type Fingerprint = [u8; 32];

/// The policy directory.
#[derive(Debug, Clone)]
pub struct Store {
    dir: Arc<dyn Dir>,
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

/// The name of an ACL's file.
pub fn file_name(name: &AclName) -> String {
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
    /// The policy directory `dir`.
    pub fn new(dir: Arc<dyn Dir>) -> Self {
        Self { dir }
    }

    /// Opens the directory and locks it against another daemon, for as long as the store lives.
    ///
    /// # Errors
    /// It does not exist or is no directory; or `ResourceBusy`: another daemon has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Arc::new(SystemDir::open(path)?)))
    }

    /// The names of our ACLs, sorted. What has such a name and is no regular file is none.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<AclName>> {
        let files = self.dir.names()?.into_iter();
        let files = files.filter(|(_, kind)| matches!(kind, Kind::File | Kind::Unknown));
        Ok(files.filter_map(|(name, _)| acl_of(&name)).collect())
    }

    /// The content of an ACL's file; `None` when there is none.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn read(&self, name: &AclName) -> Result<Option<Vec<u8>>, ReadError> {
        self.dir.read(&file_name(name), MAX_FILE, false)
    }

    /// Whether an ACL's file is what it was; `None` when there is none.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stamp(&self, name: &AclName) -> io::Result<Option<Stamp>> {
        self.dir.stamp(&file_name(name))
    }

    /// Writes content beside the target and syncs it; nothing that the tool reads changes.
    ///
    /// # Errors
    /// The file cannot be written, for instance because the disk is full.
    pub fn stage(&self, name: &AclName, version: Version, content: &[u8]) -> io::Result<()> {
        self.dir.write(&temp_name(name, version), content, true)
    }

    /// Stages the new contents of several ACLs, at most [`AT_ONCE`], which are synced together.
    ///
    /// # Errors
    /// As for [`Self::stage`]; some of them may be staged then.
    pub fn stage_new<'a>(&self, acls: impl Iterator<Item = (&'a AclName, &'a [u8])>) -> io::Result<()> {
        let files: Vec<_> = acls
            .map(|(name, content)| (temp_name(name, Version::New), content))
            .collect();
        self.dir.write_all(&files, true)
    }

    /// Whether this content is staged.
    pub fn is_staged(&self, name: &AclName, version: Version, content: &[u8]) -> bool {
        let staged = self.dir.read(&temp_name(name, version), MAX_FILE, false);
        staged.is_ok_and(|staged| staged.as_deref() == Some(content))
    }

    /// Stages the content that is in place, so that it can come back without needing space.
    ///
    /// # Errors
    /// The file can neither be linked nor copied.
    pub fn stage_current(&self, name: &AclName, content: &[u8]) -> io::Result<()> {
        let (file, temp) = (file_name(name), temp_name(name, Version::Old));
        // A file system without hard links, or one that protects them: a copy does as well.
        self.link_over(&file, &temp)
            .or_else(|_| self.stage(name, Version::Old, content))
    }

    /// Puts staged content in place; it stays staged, so the other version can take its place again.
    ///
    /// # Errors
    /// The content was not staged, or the system refuses.
    pub fn place(&self, name: &AclName, version: Version) -> io::Result<()> {
        let hop = format!("{TEMP_PREFIX}{name}{SUFFIX}.hop");
        let staged = temp_name(name, version);
        match self.link_over(&staged, &hop) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(_) => self.copy(&staged, &hop)?,
        }
        self.dir.rename(&hop, &file_name(name))?;
        // POSIX: a rename between two links of one file does nothing, also not remove the first.
        self.dir.unlink(&hop)
    }

    /// Gives a file a second name, in the place of a temporary file that may have it.
    fn link_over(&self, from: &str, to: &str) -> io::Result<()> {
        match self.dir.link(from, to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.dir.unlink(to)?;
                self.dir.link(from, to)
            }
            linked => linked,
        }
    }

    fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let content = self.dir.read(from, MAX_FILE, false).map_err(io::Error::other)?;
        self.dir
            .write(to, &content.ok_or_else(|| io::Error::from(Errno::ENOENT))?, true)
    }

    /// Removes an ACL's file, if there is one.
    ///
    /// # Errors
    /// The system refuses.
    pub fn remove(&self, name: &AclName) -> io::Result<()> {
        self.dir.unlink(&file_name(name))
    }

    /// Removes what was staged for a name.
    ///
    /// # Errors
    /// The system refuses.
    pub fn unstage(&self, name: &AclName) -> io::Result<()> {
        self.dir.unlink(&temp_name(name, Version::Old))?;
        self.dir.unlink(&temp_name(name, Version::New))
    }

    /// Removes every staged file that a crash has left, and returns how many there were.
    ///
    /// # Errors
    /// The directory cannot be read or changed.
    pub fn sweep(&self) -> io::Result<usize> {
        let names = self.dir.names()?.into_iter();
        // Directories are nobody's temporary files, and of links the link goes.
        let stray = names.filter(|(name, kind)| *kind != Kind::Directory && is_temporary(name));
        let mut swept = 0;
        for (name, _) in stray {
            self.dir.unlink(&name)?;
            swept += 1;
        }
        Ok(swept)
    }

    /// Makes renames and removals durable.
    ///
    /// # Errors
    /// The system refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.dir.sync()
    }

    /// The rule files that are not ours, in the order in which the tool reads them; `None` for one that cannot be read.
    ///
    /// # Errors
    /// The directory or one of the files cannot be read.
    pub fn foreign_files(&self) -> io::Result<Vec<(String, Option<Vec<u8>>)>> {
        let mut files = Vec::new();
        for (name, _) in self.dir.names()? {
            if name.ends_with(SUFFIX) && acl_of(&name).is_none() {
                // Another tool may link its file from elsewhere, and the ACL tool would follow it too.
                let content = match self.dir.read(&name, MAX_FOREIGN, true) {
                    Ok(content) => content,
                    Err(ReadError::Io(error)) => return Err(error),
                    Err(ReadError::Irregular(_) | ReadError::TooLarge(_)) => None,
                };
                files.push((name, content));
            }
        }
        Ok(files)
    }
}

/// A fingerprint of the rule files that are not ours: what else a commit installs.
pub fn foreign_fingerprint(files: &[(String, Option<Vec<u8>>)]) -> Fingerprint {
    let mut hash = Sha256::new();
    for (name, content) in files {
        absorb(&mut hash, name, content.as_deref());
    }
    hash.finalize().into()
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
    etag_of(fingerprint(content))
}

/// The strong ETag of a content with this fingerprint.
pub fn etag_of(fingerprint: Fingerprint) -> String {
    shared::wire::etag_text(&fingerprint)
}

#[cfg(test)]
mod tests;
