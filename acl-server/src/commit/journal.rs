//! What was about to change, on disk before it changes.
//!
//! One file of framed records: length, checksum, `Record`. `Begin` (old and new bytes of every file of the batch) is
//! durable before the first rename; `End` is durable before the first reply. After a crash a `Begin` without its `End` is
//! rolled back. A torn last record was never acted upon, so it is dropped. Each batch begins the file anew: what is lost
//! when that is cut short is only the knowledge that the switch has what the files say, and costs one commit.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::AclName;

use crate::store::Fingerprint;

/// The content of a file, which the plan, the journal and the readers of a batch share.
pub type Content = Arc<[u8]>;

/// One file of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The ACL.
    pub name: AclName,
    /// The file's content before the batch; `None` when there was none.
    pub old: Option<Content>,
    /// The file's content if the batch succeeds; `None` to remove it.
    pub new: Option<Content>,
}

/// What the tool last accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedState {
    /// Over all rule files of the policy directory, ours and others'.
    pub fingerprint: Fingerprint,
    /// The boot during which it was installed: kernel tables do not survive a reboot.
    pub boot: String,
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Record<'a> {
    Begin(Cow<'a, [FileChange]>),
    /// The files are final; `None` when it is not known that the switch has them.
    End(Option<AcceptedState>),
}

/// What the journal says at start.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// A batch that was begun and not ended: its files are to be rolled back.
    pub open: Option<Vec<FileChange>>,
    /// What the tool last accepted, if nothing has happened since.
    pub accepted: Option<AcceptedState>,
}

/// The journal file.
#[derive(Debug)]
pub struct Journal {
    file: File,
    length: u64,
    last_end: Option<AcceptedState>,
    /// A batch is begun and not ended.
    open: bool,
}

const MAGIC: &[u8; 8] = b"aclj0001";
const MAGIC_LENGTH: u64 = MAGIC.len() as u64;
/// Length (4 bytes, little-endian) and the first 8 bytes of the SHA-256 of the record.
const FRAME: usize = 12;

impl Journal {
    /// Opens or makes the journal and reads what it says.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not a journal.
    pub fn open(path: &Path) -> io::Result<(Self, Recovered)> {
        let mut file = options().create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if !bytes.is_empty() && !bytes.starts_with(MAGIC) && !MAGIC.starts_with(&bytes) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not a journal", path.display()),
            ));
        }
        let (recovered, used) = replay(bytes.get(MAGIC.len()..).unwrap_or_default());
        let length = match bytes.starts_with(MAGIC) {
            true => u64::try_from(MAGIC.len() + used).map_err(io::Error::other)?,
            false => {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(MAGIC)?;
                file.sync_all()?;
                sync_parent(path)?;
                u64::try_from(MAGIC.len()).map_err(io::Error::other)?
            }
        };
        let journal = Self {
            file,
            length,
            last_end: recovered.accepted.clone(),
            open: recovered.open.is_some(),
        };
        journal.cut()?;
        Ok((journal, recovered))
    }

    /// Forgets what follows the last whole record.
    fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        (&self.file).seek(SeekFrom::Start(self.length)).map(drop)
    }

    /// Forgets everything: only for a journal whose last batch has ended.
    fn begin_anew(&mut self) -> io::Result<()> {
        self.length = MAGIC_LENGTH;
        self.cut()
    }

    /// Makes a batch durable. After this, and not before, its files may change.
    ///
    /// # Errors
    /// The record cannot be written, for instance because the disk is full; then the batch is not begun.
    pub fn begin(&mut self, changes: &[FileChange]) -> io::Result<()> {
        self.begin_anew()?;
        let begun = self
            .append(&Record::Begin(Cow::Borrowed(changes)))
            .and_then(|()| self.reserve_end());
        match begun {
            Ok(()) => self.open = true,
            Err(_) => {
                // There was room for this before; without it the next start runs the tool once more than it needs to.
                let last_end = self.last_end.clone();
                let _ = self
                    .begin_anew()
                    .and_then(|()| self.append(&Record::End(last_end)));
            }
        }
        begun
    }

    /// Takes the space for the end of the batch, so that a disk that fills up meanwhile does not undo it.
    fn reserve_end(&self) -> io::Result<()> {
        /// A fingerprint, a boot and the frame are far below it.
        const END: i64 = 512;
        let at = i64::try_from(self.length).map_err(io::Error::other)?;
        match fallocate(&self.file, FallocateFlags::FALLOC_FL_KEEP_SIZE, at, END) {
            Err(Errno::ENOSPC) => Err(Errno::ENOSPC.into()),
            // A file system that cannot do this may run out of space later.
            _ => Ok(()),
        }
    }

    /// Makes it durable that the files are final. After this, and not before, verdicts may be told.
    ///
    /// # Errors
    /// The record cannot be written; then the batch stays open.
    pub fn end(&mut self, accepted: Option<AcceptedState>) -> io::Result<()> {
        if !self.open {
            // No batch, only what is known of the switch: it replaces what was known, and may be known already.
            if accepted == self.last_end {
                return Ok(());
            }
            self.begin_anew()?;
        }
        self.append(&Record::End(accepted.clone()))?;
        (self.last_end, self.open) = (accepted, false);
        Ok(())
    }

    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        let framed = frame(record)?;
        let written = self.file.write_all(&framed).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.length += u64::try_from(framed.len()).map_err(io::Error::other)?;
                Ok(())
            }
            Err(error) => {
                // Half a record in the middle would hide all that follow it.
                self.cut()?;
                Err(error)
            }
        }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW);
    options
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(payload).into();
    digest.first_chunk().copied().unwrap_or_default()
}

fn frame(record: &Record<'_>) -> io::Result<Vec<u8>> {
    // Behind the frame, so that a large batch is in memory once.
    let mut framed = postcard::to_extend(record, vec![0; FRAME]).map_err(io::Error::other)?;
    let (frame, payload) = framed
        .split_at_mut_checked(FRAME)
        .ok_or(io::ErrorKind::InvalidData)?;
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let (length_field, sum_field) = frame.split_at_mut_checked(4).ok_or(io::ErrorKind::InvalidData)?;
    length_field.copy_from_slice(&length.to_le_bytes());
    sum_field.copy_from_slice(&checksum(payload));
    Ok(framed)
}

/// Reads records up to the first that is torn; returns what they mean and how many bytes they take.
fn replay(mut bytes: &[u8]) -> (Recovered, usize) {
    let (mut recovered, mut used) = (Recovered::default(), 0);
    while let Some((record, size)) = next_record(bytes) {
        match record {
            Record::Begin(changes) => {
                recovered = Recovered {
                    open: Some(changes.into_owned()),
                    accepted: None,
                }
            }
            Record::End(accepted) => recovered = Recovered { open: None, accepted },
        }
        used += size;
        bytes = bytes.get(size..).unwrap_or_default();
    }
    (recovered, used)
}

fn next_record(bytes: &[u8]) -> Option<(Record<'static>, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let payload = rest.get(..length)?;
    if checksum(payload) != *sum {
        return None;
    }
    Some((postcard::from_bytes(payload).ok()?, FRAME + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, old: Option<&[u8]>, new: Option<&[u8]>) -> FileChange {
        FileChange {
            name: name.parse().unwrap(),
            old: old.map(Arc::from),
            new: new.map(Arc::from),
        }
    }

    fn accepted(byte: u8) -> AcceptedState {
        AcceptedState {
            fingerprint: [byte; 32],
            boot: "b".to_owned(),
        }
    }

    #[test]
    fn an_ended_batch_is_over_and_an_open_one_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (mut journal, recovered) = Journal::open(&path).unwrap();
        assert_eq!(recovered, Recovered::default());
        journal.begin(&[change("a", None, Some(b"x"))]).unwrap();
        journal.end(Some(accepted(1))).unwrap();
        drop(journal);
        let (mut journal, recovered) = Journal::open(&path).unwrap();
        assert_eq!(
            recovered,
            Recovered {
                open: None,
                accepted: Some(accepted(1))
            }
        );
        let open = vec![
            change("a", Some(&[0, 255, b'\n']), None),
            change("b", None, Some(b"")),
        ];
        journal.begin(&open).unwrap();
        drop(journal);
        let (mut journal, recovered) = Journal::open(&path).unwrap();
        assert_eq!(
            recovered,
            Recovered {
                open: Some(open),
                accepted: None
            }
        );
        journal.end(None).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1, Recovered::default());
    }

    #[test]
    fn a_journal_cut_anywhere_is_a_journal_of_fewer_records() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let mut ends = vec![journal.length];
        journal.begin(&[change("a", None, Some(b"one"))]).unwrap();
        ends.push(journal.length);
        journal.end(Some(accepted(1))).unwrap();
        ends.push(journal.length);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (mut journal, recovered) = Journal::open(&path).unwrap();
            let records = ends.iter().filter(|end| **end <= length as u64).count();
            assert_eq!(recovered.open.is_some(), records == 2, "cut at {length}");
            assert_eq!(recovered.accepted.is_some(), records == 3, "cut at {length}");
            journal.end(Some(accepted(9))).unwrap();
            assert_eq!(
                Journal::open(&path).unwrap().1.accepted,
                Some(accepted(9)),
                "cut at {length}"
            );
        }
    }

    #[test]
    fn a_damaged_byte_never_invents_a_record() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.begin(&[change("a", None, Some(b"one"))]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for index in MAGIC.len()..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 0x40;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(
                Journal::open(&path).unwrap().1,
                Recovered::default(),
                "byte {index}"
            );
        }
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let body = vec![b'x'; 100_000];
        for _ in 0..50 {
            journal.begin(&[change("a", Some(&body), Some(&body))]).unwrap();
            journal.end(Some(accepted(2))).unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() < 201_000);
            // Without a batch, too: a base commit that fails again and again.
            journal.end(None).unwrap();
            journal.end(Some(accepted(2))).unwrap();
        }
        assert_eq!(Journal::open(&path).unwrap().1.accepted, Some(accepted(2)));
    }

    #[test]
    fn somebody_elses_file_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        std::fs::write(&path, "not a journal at all").unwrap();
        assert_eq!(
            Journal::open(&path).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a journal at all");
    }
}
