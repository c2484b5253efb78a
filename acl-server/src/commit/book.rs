//! What the writer and its callers both know, and the journal that makes it durable.
//!
//! The writer ends batches here; callers renew leases and confirm changes, without a batch, at any time. Whatever changes
//! is in the journal before it is in memory, and in memory before anybody is told.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use tokio::time::Instant;

use super::committed::Committed;
use super::drift;
use super::ended::Ended;
use super::facts::Content;
use super::id::CommitId;
use super::journal::{AcceptedState, FileChange, Happened, Journal, Recovered};
use super::ledger::{AclRecord, BeforeRecord, Checkpoint, Delta, Note, UnconfirmedRecord};
use super::reserved::Reservations;
use crate::store::{Dir, Fingerprint, Store};

mod leases;

/// A checkpoint is made when the journal has grown beyond this: what a switch's flash is written with at once.
const GROWN: u64 = 1 << 20;

/// What one ACL was before a change that waits for confirmation.
#[derive(Debug, Clone)]
pub struct Before {
    /// The ACL.
    pub name: AclName,
    /// Its file; `None`: there was none.
    pub content: Option<Content>,
    /// When that content's lease runs out.
    pub lease: Option<Instant>,
}

/// A change that waits for confirmation.
#[derive(Debug, Clone)]
pub struct Unconfirmed {
    /// What it did, for people.
    pub what: String,
    /// Who wanted it.
    pub who: Arc<str>,
    /// When it is taken back.
    pub until: Instant,
    /// What comes back.
    pub before: Vec<Before>,
    /// It is being taken back; too late to confirm.
    pub reverting: bool,
    /// The tool does not want it back: so it may be confirmed all the same, or else it would be locked for ever.
    pub refused: bool,
}

/// What becomes of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The change stays.
    Confirmed,
    /// It is being taken back already.
    TooLate,
    /// No such change waits for confirmation.
    Unknown,
}

/// Everything that is shared.
#[derive(Debug)]
pub struct Book {
    state: Arc<dyn Dir>,
    journal: Journal,
    /// Our ACLs.
    pub committed: Committed,
    /// Changes that wait for confirmation.
    pub unconfirmed: BTreeMap<CommitId, Unconfirmed>,
    /// ACLs that the running batch removes, since nobody renewed them in time.
    pub expiring: HashSet<AclName>,
    /// What they hold meanwhile.
    pub reserved: Reservations,
    /// Something was noted since the last checkpoint.
    dirty: bool,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn remaining(until: Instant, now: Instant) -> u64 {
    millis(until.saturating_duration_since(now))
}

/// Far enough for every lease, near enough for every clock.
const MAX_LEASE: Duration = Duration::from_secs(10 * 365 * 86_400);

fn after(now: Instant, ms: u64) -> Instant {
    now + Duration::from_millis(ms).min(MAX_LEASE)
}

impl Book {
    /// Opens the journal and the last checkpoint. `None` in place of the checkpoint: there has never been one, so every
    /// file that is there is taken as written through the API.
    ///
    /// # Errors
    /// The state directory cannot be used.
    pub fn open(state: Arc<dyn Dir>, now: Instant) -> io::Result<(Self, Recovered, bool)> {
        let (mut journal, mut recovered) = Journal::open(&*state)?;
        let checkpoint = Checkpoint::load(&*state)?;
        let first_start = checkpoint.is_none();
        let checkpoint = checkpoint.unwrap_or_default();
        journal.count_from(checkpoint.sequence);
        let mut book = Self {
            state,
            journal,
            committed: Committed::default(),
            unconfirmed: BTreeMap::new(),
            expiring: HashSet::new(),
            reserved: Reservations::default(),
            dirty: false,
        };
        for (name, record) in &checkpoint.acls {
            let lease = record.lease.map(|ms| after(now, ms));
            book.committed.set_written(name, Some(record.written), lease);
        }
        for record in checkpoint.unconfirmed {
            book.open_unconfirmed(record, Duration::ZERO, now);
        }
        for (sequence, happened) in std::mem::take(&mut recovered.happened) {
            if sequence > checkpoint.sequence {
                book.replay(happened, now);
            }
        }
        Ok((book, recovered, first_start))
    }

    /// The file of an ACL that a batch has not changed after all has another stamp, and the content that it had.
    pub fn still(&mut self, store: &Store, file: &FileChange) {
        let was_sure = self
            .committed
            .get(&file.name)
            .is_some_and(super::committed::Known::sure);
        let stamp = store.stamp(&file.name).ok().flatten();
        let content = store.read(&file.name).ok().flatten();
        if content.as_deref() == file.old.as_deref() {
            self.committed.set_stamp(&file.name, stamp, was_sure);
        }
    }

    /// The switch has what is on disk.
    pub fn all_installed(&mut self, store: &Store) {
        drift::installed(store, &mut self.committed);
    }

    /// Takes every file that is there as written through the API: what an earlier version or another tool has left.
    pub fn adopt_all(&mut self) {
        let adopted = self.committed.iter().filter_map(|(name, known)| {
            let disk = known.disk.as_ref()?;
            Some((name.clone(), disk.fingerprint, known.lease))
        });
        for (name, fingerprint, lease) in adopted.collect::<Vec<_>>() {
            self.committed.set_written(&name, Some(fingerprint), lease);
        }
        self.dirty = true;
    }

    fn replay(&mut self, happened: Happened, now: Instant) {
        self.dirty = true;
        match happened {
            Happened::Batch(delta) => {
                for (name, record) in &delta.acls {
                    let lease = record.and_then(|record| record.lease).map(|ms| after(now, ms));
                    self.committed
                        .set_written(name, record.map(|record| record.written), lease);
                }
                self.close(&delta.closed);
                for record in delta.opened {
                    self.open_unconfirmed(record, Duration::ZERO, now);
                }
            }
            Happened::Note(note) => self.apply(&note, now),
        }
    }

    fn apply(&mut self, note: &Note, now: Instant) {
        match note {
            Note::Lease(leases) => {
                for (name, lease) in leases {
                    self.committed.set_lease(name, lease.map(|ms| after(now, ms)));
                }
            }
            Note::Renew { prefix, ttl } => {
                self.renewed(prefix, after(now, *ttl));
            }
            Note::Confirm(id) => self.close(&[*id]),
        }
    }

    fn open_unconfirmed(&mut self, record: UnconfirmedRecord, window: Duration, now: Instant) {
        self.reserved.hold(record.id, &record.before);
        let before = record.before.into_iter().map(|before| Before {
            name: before.name,
            content: before.content,
            lease: before.lease.map(|ms| after(now, ms)),
        });
        let unconfirmed = Unconfirmed {
            what: record.what,
            who: record.who.into(),
            until: now + window,
            before: before.collect(),
            reverting: false,
            refused: false,
        };
        self.unconfirmed.insert(record.id, unconfirmed);
    }

    fn close(&mut self, ids: &[CommitId]) {
        let mut names = HashSet::new();
        for id in ids {
            let closed = self.unconfirmed.remove(id);
            names.extend(
                closed
                    .into_iter()
                    .flat_map(|closed| closed.before)
                    .map(|before| before.name),
            );
        }
        self.reserved.release(&names);
    }

    /// The change as it is put on disk.
    pub fn unconfirmed_record(id: CommitId, unconfirmed: &Unconfirmed, now: Instant) -> UnconfirmedRecord {
        let before = unconfirmed.before.iter().map(|before| BeforeRecord {
            name: before.name.clone(),
            content: before.content.clone(),
            lease: before.lease.map(|until| remaining(until, now)),
        });
        UnconfirmedRecord {
            id,
            what: unconfirmed.what.clone(),
            who: unconfirmed.who.to_string(),
            before: before.collect(),
        }
    }

    /// What is on disk, as what the tool has accepted.
    pub fn accepted(&self, foreign: Fingerprint, boot: &str) -> AcceptedState {
        AcceptedState {
            fingerprint: self.committed.overall(foreign),
            boot: boot.to_owned(),
        }
    }

    /// Begins a batch: after this, and not before, its files may change.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn begin(&mut self, files: &[FileChange], remembered: usize) -> io::Result<()> {
        self.journal.begin(files, remembered)
    }

    /// Ends a batch, or says what is known of the switch when there is none. `accepted`: the tool has installed what is on
    /// disk, with other people's files of this fingerprint, in the tables of this boot.
    ///
    /// # Errors
    /// The journal cannot be written; then nothing has changed.
    pub fn end(
        &mut self,
        accepted: Option<(&Store, Fingerprint, &str)>,
        mut ended: Ended,
        now: Instant,
    ) -> io::Result<()> {
        self.count_leases(&mut ended, now);
        let acls = ended.acls.iter().map(|(name, written, _)| {
            let record = written.as_ref().map(|written| AclRecord {
                written: written.fingerprint,
                lease: written.lease.map(|until| remaining(until, now)),
            });
            (name.clone(), record)
        });
        let delta = Delta {
            acls: acls.collect(),
            opened: ended.opened.iter().map(|(record, _)| record.clone()).collect(),
            closed: ended.closed.clone(),
        };
        let before = ended
            .acls
            .iter()
            .map(|(name, ..)| (name.clone(), self.committed.get(name).cloned()));
        let before: Vec<_> = before.collect();
        for (name, _, disk) in &ended.acls {
            self.committed.set_disk(name, disk.clone());
        }
        if let Some((store, ..)) = accepted {
            drift::installed(store, &mut self.committed);
        }
        let state = accepted.map(|(_, foreign, boot)| self.accepted(foreign, boot));
        if let Err(error) = self.journal.end(state, &delta) {
            for (name, known) in before {
                self.committed.set_disk(&name, known.and_then(|known| known.disk));
            }
            return Err(error);
        }
        self.dirty |= delta != Delta::default();
        for (name, written, _) in ended.acls {
            let (fingerprint, lease) = written.map_or((None, None), |w| (Some(w.fingerprint), w.lease));
            self.committed.set_written(&name, fingerprint, lease);
        }
        self.close(&ended.closed);
        for (record, window) in ended.opened {
            self.open_unconfirmed(record, window, now);
        }
        if self.journal.length() > GROWN {
            self.checkpoint(now);
        }
        Ok(())
    }

    /// Confirms a change, so that it stays.
    ///
    /// # Errors
    /// The journal cannot be written; then it is not confirmed.
    pub fn confirm(&mut self, id: CommitId, now: Instant) -> io::Result<Confirmation> {
        match self.unconfirmed.get(&id) {
            None => Ok(Confirmation::Unknown),
            Some(unconfirmed)
                if unconfirmed.reverting || (unconfirmed.until <= now && !unconfirmed.refused) =>
            {
                Ok(Confirmation::TooLate)
            }
            Some(_) => self
                .note(&Note::Confirm(id), now)
                .map(|()| Confirmation::Confirmed),
        }
    }

    fn note(&mut self, note: &Note, now: Instant) -> io::Result<()> {
        self.journal.note(note)?;
        self.dirty = true;
        self.apply(note, now);
        if self.journal.length() > GROWN {
            self.checkpoint(now);
        }
        Ok(())
    }

    /// Writes down what time has done to the leases, so that a crash does not give them back all of it; and begins the
    /// journal anew. Nothing to do is nothing written.
    pub fn checkpoint(&mut self, now: Instant) {
        let mut before = self
            .unconfirmed
            .values()
            .flat_map(|unconfirmed| &unconfirmed.before);
        // Time passes for what may come back, too.
        let ticking = before.any(|before| before.lease.is_some())
            || self.committed.iter().any(|(_, known)| known.lease.is_some());
        if !self.dirty && !ticking || self.journal.is_open() {
            return;
        }
        if let Err(error) = self.save(now) {
            tracing::error!(%error, "what leases remain could not be written down; the journal still has them");
        }
    }

    fn save(&mut self, now: Instant) -> io::Result<()> {
        let written = self.committed.iter().filter_map(|(name, known)| {
            let record = AclRecord {
                written: known.written?,
                lease: known.lease.map(|until| remaining(until, now)),
            };
            Some((name.clone(), record))
        });
        let unconfirmed = self.unconfirmed.iter();
        let checkpoint = Checkpoint {
            sequence: self.journal.sequence(),
            acls: written.collect(),
            unconfirmed: unconfirmed
                .map(|(id, unconfirmed)| Self::unconfirmed_record(*id, unconfirmed, now))
                .collect(),
        };
        checkpoint.save(&*self.state)?;
        self.dirty = false;
        self.journal.begin_anew()
    }
}
