//! What a sealed batch means for the files. Preconditions, drift, locks, "unchanged", 201 or 200, rights, duplicates and
//! room are decided here, against what is committed, and nowhere else.

use std::collections::HashMap;
use std::time::Duration;

use shared::AclName;
use tokio::time::Instant;

use super::book::Book;
use super::change::{Change, Verdict, Wish};
use super::committed::OnDisk;
use super::ended::{Ended, Written};
use super::id::CommitId;
use super::journal::FileChange;
use super::ledger::UnconfirmedRecord;
use super::room::{Limits, Room};
use crate::store::{Dir, Store};

mod checks;
mod decide;

use decide::{Decision, Sealing};

/// A change that takes part in the commit.
#[derive(Debug)]
pub struct Member {
    /// The change.
    pub change: Change,
    /// Its place among the batch's files: `files[range]`.
    pub files: std::ops::Range<usize>,
    /// What its caller hears if the tool accepts it.
    pub success: Verdict,
    /// What is remembered of it then.
    pub remember: Remember,
}

/// Leases to be replaced; `None`: the ACL has none any more.
pub type Leases = Vec<(AclName, Option<Duration>)>;

/// What is remembered of a change that the tool accepts.
#[derive(Debug, Default)]
pub struct Remember {
    /// What each ACL is then; `None`: it is gone.
    acls: Vec<(AclName, Option<Wish>)>,
    /// What comes back unless the change is confirmed, and how long that may take.
    opened: Option<(UnconfirmedRecord, Duration)>,
    closed: Option<CommitId>,
}

impl Remember {
    /// About how many bytes it takes in the journal.
    pub fn size(&self) -> usize {
        /// A name, a fingerprint and a time, with their lengths.
        const EACH: usize = 128;
        let opened = self.opened.iter().flat_map(|(record, _)| &record.before);
        let contents = opened.map(|before| EACH + before.content.as_deref().map_or(0, <[u8]>::len));
        EACH * (2 + self.acls.len()) + contents.sum::<usize>()
    }

    /// Adds it to what the batch has changed; new leases begin now.
    pub fn into_ended(self, ended: &mut Ended, now: Instant) {
        for (name, wish) in self.acls {
            let Some(wish) = wish else {
                ended.acls.push((name, None, None));
                continue;
            };
            let disk = OnDisk::new(&wish.content, &wish.facts, None);
            let written = Written {
                fingerprint: disk.fingerprint,
                lease: wish.ttl.map(|ttl| now + ttl),
            };
            ended.acls.push((name, Some(written), Some(disk)));
        }
        ended.opened.extend(self.opened);
        ended.closed.extend(self.closed);
    }
}

/// A batch, ready to be carried out.
#[derive(Debug, Default)]
pub struct Plan {
    /// Who takes part.
    pub members: Vec<Member>,
    /// All files that change, each once.
    pub files: Vec<FileChange>,
    /// Who has a verdict without the tool.
    pub decided: Vec<(Change, Verdict)>,
    /// Who needs nothing but other leases.
    pub leases: Vec<(Change, Verdict, Leases)>,
    /// ACLs whose leases have run out and that stay, since they were changed by hand.
    pub skipped: Vec<AclName>,
}

/// What a plan is made from.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The policy directory.
    pub store: &'a Store,
    /// What is committed.
    pub book: &'a mut Book,
    /// The switch is known to have what is committed, so a change that changes nothing needs no run.
    pub synced: bool,
    /// What fits.
    pub limits: Limits,
    /// When the batch is sealed.
    pub now: Instant,
    /// Where versions made by hand are kept before they are overwritten.
    pub kept: &'a dyn Dir,
}

impl Plan {
    /// Decides what can be decided without the tool.
    pub fn new(batch: Vec<Change>, basis: Basis<'_>) -> Self {
        let mut plan = Self::default();
        let room = Room::new(
            &basis.book.committed,
            basis.book.reserved.comes_back(),
            basis.limits,
        );
        let mut sealing = Sealing {
            basis,
            room,
            brought: HashMap::new(),
            skipped: Vec::new(),
            scanned: false,
        };
        for change in batch {
            match sealing.decide(&change) {
                Ok(Decision::Done(verdict)) | Err(verdict) => plan.decided.push((change, verdict)),
                Ok(Decision::Lease(verdict, leases)) => plan.leases.push((change, verdict, leases)),
                Ok(Decision::Commit {
                    files,
                    success,
                    remember,
                }) => {
                    let start = plan.files.len();
                    plan.files.extend(files);
                    let files = start..plan.files.len();
                    plan.members.push(Member {
                        change,
                        files,
                        success,
                        remember,
                    });
                }
            }
        }
        plan.skipped = sealing.skipped;
        plan
    }
}

#[cfg(test)]
mod tests;
