//! What was about to change, on disk before it changes.
//!
//! One file of framed records. `Begin` (old and new bytes of every file of the batch) is durable before the first rename;
//! `End` is durable before the first reply. After a crash a `Begin` without its `End` is rolled back. What changes leases
//! and confirmations without a batch is a `Note`, durable before its reply. A torn last record was never acted upon, so it
//! is dropped. When the file has grown, what it says goes into a checkpoint and it begins anew.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};
use shared::AclName;

use super::facts::Content;
use super::frame;
use super::ledger::{Delta, Note};
use crate::store::{Dir, Fingerprint, Log};

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
    /// The files are final.
    End {
        sequence: u64,
        /// `None` when it is not known that the switch has them.
        accepted: Option<AcceptedState>,
        delta: Cow<'a, Delta>,
    },
    Note {
        sequence: u64,
        note: Cow<'a, Note>,
    },
}

/// What has happened since the last checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A batch has ended.
    Batch(Delta),
    /// Something without a batch.
    Note(Note),
}

/// What the journal says at start.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// A batch that was begun and not ended: its files are to be rolled back.
    pub open: Option<Vec<FileChange>>,
    /// What the tool last accepted, if nothing has happened since.
    pub accepted: Option<AcceptedState>,
    /// What has happened, each with its number.
    pub happened: Vec<(u64, Happened)>,
}

/// The journal file.
#[derive(Debug)]
pub struct Journal {
    log: Box<dyn Log>,
    length: u64,
    sequence: u64,
    last_end: Option<AcceptedState>,
    /// A batch is begun and not ended.
    open: bool,
    /// What is behind `length` is to be cut off first.
    torn: bool,
}

/// The file's name in the state directory.
const FILE: &str = "journal";
const MAGIC: &[u8; 8] = b"aclj0002";
const MAGIC_LENGTH: u64 = MAGIC.len() as u64;

impl Journal {
    /// Opens or makes the journal and reads what it says.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not a journal.
    pub fn open(state: &dyn Dir) -> io::Result<(Self, Recovered)> {
        let mut log = state.log(FILE)?;
        let bytes = log.read()?;
        let known = bytes.starts_with(MAGIC);
        if !known && !MAGIC.starts_with(&bytes) {
            let text = "the file `journal` in the state directory is not a journal of this version";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let (recovered, used) = replay(bytes.strip_prefix(MAGIC).unwrap_or_default());
        let length = match known {
            true => u64::try_from(MAGIC.len() + used).map_err(io::Error::other)?,
            false => {
                log.cut(0)?;
                log.append(MAGIC)?;
                state.sync()?;
                MAGIC_LENGTH
            }
        };
        log.cut(length)?;
        let journal = Self {
            log,
            length,
            sequence: recovered.happened.last().map_or(0, |(sequence, _)| *sequence),
            last_end: recovered.accepted.clone(),
            open: recovered.open.is_some(),
            torn: false,
        };
        Ok((journal, recovered))
    }

    /// The number of the last record.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The checkpoint knows of so many records: the next one is counted on from there.
    pub fn count_from(&mut self, sequence: u64) {
        self.sequence = self.sequence.max(sequence);
    }

    /// Its size in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Whether a batch is begun and not ended.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Begins anew: what it says is in a checkpoint now. Not while a batch is open.
    ///
    /// # Errors
    /// The system refuses. What was accepted may be forgotten then, which costs one commit at the next start.
    pub fn begin_anew(&mut self) -> io::Result<()> {
        if self.open {
            return Ok(());
        }
        self.cut_to(MAGIC_LENGTH)?;
        let (sequence, accepted) = (self.sequence, self.last_end.clone());
        let delta = Cow::Owned(Delta::default());
        self.append(&Record::End {
            sequence,
            accepted,
            delta,
        })
    }

    fn cut_to(&mut self, length: u64) -> io::Result<()> {
        self.torn = true;
        self.log.cut(length)?;
        (self.length, self.torn) = (length, false);
        Ok(())
    }

    /// Makes a batch durable. After this, and not before, its files may change. `remembered`: bytes that its end will need.
    ///
    /// # Errors
    /// The record cannot be written, for instance because the disk is full; then the batch is not begun.
    pub fn begin(&mut self, changes: &[FileChange], remembered: usize) -> io::Result<()> {
        /// A fingerprint, a boot, the frame, and the notes of callers meanwhile.
        const END: usize = 4096;
        let end = u64::try_from(END.saturating_add(remembered)).map_err(io::Error::other)?;
        let before = self.length;
        let begun = self
            .append(&Record::Begin(Cow::Borrowed(changes)))
            .and_then(|()| self.log.reserve(self.length, end));
        match begun {
            Ok(()) => self.open = true,
            Err(_) => self.cut_to(before)?,
        }
        begun
    }

    /// Makes it durable that the files are final, and what that changes in the ledger. After this, and not before,
    /// verdicts may be told.
    ///
    /// # Errors
    /// The record cannot be written; then the batch stays open.
    pub fn end(&mut self, accepted: Option<AcceptedState>, delta: &Delta) -> io::Result<()> {
        // Without a batch it is only what is known of the switch, and may be known already.
        if !self.open && accepted == self.last_end && *delta == Delta::default() {
            return Ok(());
        }
        let record = Record::End {
            sequence: self.sequence + 1,
            accepted: accepted.clone(),
            delta: Cow::Borrowed(delta),
        };
        self.append(&record)?;
        self.sequence += 1;
        (self.last_end, self.open) = (accepted, false);
        Ok(())
    }

    /// Makes something durable that happens without a batch, also while one is open.
    ///
    /// # Errors
    /// The record cannot be written; then it has not happened.
    pub fn note(&mut self, note: &Note) -> io::Result<()> {
        let record = Record::Note {
            sequence: self.sequence + 1,
            note: Cow::Borrowed(note),
        };
        self.append(&record)?;
        self.sequence += 1;
        Ok(())
    }

    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        let framed = frame::frame(record)?;
        if self.torn {
            // Behind half a record, a whole one would not be found.
            self.cut_to(self.length)?;
        }
        match self.log.append(&framed) {
            Ok(()) => {
                self.length += u64::try_from(framed.len()).map_err(io::Error::other)?;
                Ok(())
            }
            Err(error) => {
                // If this fails too, it is done before the next one.
                let _ = self.cut_to(self.length);
                Err(error)
            }
        }
    }
}

/// Reads records up to the first that is torn; returns what they mean and how many bytes they take.
fn replay(mut bytes: &[u8]) -> (Recovered, usize) {
    let (mut recovered, mut used) = (Recovered::default(), 0);
    while let Some((record, size)) = frame::next::<Record<'static>>(bytes) {
        match record {
            Record::Begin(changes) => {
                recovered.open = Some(changes.into_owned());
                recovered.accepted = None;
            }
            Record::End {
                sequence,
                accepted,
                delta,
            } => {
                recovered.open = None;
                recovered.accepted = accepted;
                let delta = delta.into_owned();
                recovered.happened.push((sequence, Happened::Batch(delta)));
            }
            Record::Note { sequence, note } => {
                let note = note.into_owned();
                recovered.happened.push((sequence, Happened::Note(note)));
            }
        }
        used += size;
        bytes = bytes.get(size..).unwrap_or_default();
    }
    (recovered, used)
}

#[cfg(test)]
mod tests;
