//! What a change would come to, without any of it: the same plan as a sealed batch of one, on what is committed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use shared::AclName;

use super::book::Book;
use super::change::{Action, Caller, Change, Edit, Precondition, Verdict};
use super::committed::Known;
use super::id::CommitId;
use super::plan::{Basis, Plan};
use super::{Committer, lock, now};
use crate::store::{Dir, Kind, Log, ReadError, Stamp, Store, file_name};

/// What a change would come to.
#[derive(Debug)]
pub struct Rehearsal {
    /// Its verdict, if the tool accepts it.
    pub verdict: Verdict,
    /// The committed content of each ACL, in the order of the edits; `None`: there is none.
    pub before: Vec<Option<Vec<u8>>>,
}

impl Rehearsal {
    fn unreadable(error: &ReadError) -> Self {
        let why = error.to_string();
        Self {
            verdict: Verdict::StoreFailed { why, full: false },
            before: Vec::new(),
        }
    }
}

impl Committer {
    /// What a change of these ACLs would come to if it were sealed alone, now, and if the tool accepted it. Changes
    /// nothing, and does not wait for the queue. Blocks: reads the ACLs.
    pub fn rehearse(&self, edits: Vec<Edit>, precondition: Precondition, caller: Caller) -> Rehearsal {
        let shared = &*self.shared;
        let limits = *lock(&shared.limits);
        // Held until the plan is made: in between, a batch could end, and its new file look like somebody's hand.
        let in_flight = lock(&shared.in_flight);
        let mut book = lock(&shared.book);
        let known = looked_at(&book, &edits);
        let mut snapshot = Snapshot::default();
        for (name, known) in &known {
            let seen = match in_flight.get(name) {
                Some(committed) => Ok(Seen::committed(committed.as_deref(), known.as_ref())),
                None => Seen::now(&shared.store, name),
            };
            match seen {
                Ok(seen) => drop(snapshot.files.insert(file_name(name), seen)),
                Err(error) => return Rehearsal::unreadable(&error),
            }
        }
        let before = edits.iter().map(|edit| snapshot.content(&edit.name));
        let before = before.collect();
        let change = Change {
            id: CommitId { start: 0, number: 0 },
            action: Action::Edit { edits, confirm: None },
            precondition,
            caller,
            queued: now(),
            reply: None,
            budget: None,
        };
        let kept = Snapshot::default();
        let basis = Basis {
            store: &Store::new(Arc::new(snapshot)),
            book: &mut book,
            synced: true,
            limits,
            now: change.queued,
            kept: &kept,
        };
        let verdict = verdict_of(Plan::new(vec![change], basis));
        for (name, known) in known {
            book.committed.put_back(&name, known.unwrap_or_default());
        }
        Rehearsal { verdict, before }
    }
}

fn verdict_of(plan: Plan) -> Verdict {
    let decided = plan.decided.into_iter().map(|(_, verdict)| verdict);
    let leases = plan.leases.into_iter().map(|(_, verdict, _)| verdict);
    let members = plan.members.into_iter().map(|member| member.success);
    decided
        .chain(leases)
        .chain(members)
        .next()
        .unwrap_or(Verdict::Moot)
}

/// What is known of every ACL that a plan of these edits looks at: their own, and those that have their rules already.
/// It remembers what it saw, which was not there to be seen.
fn looked_at(book: &Book, edits: &[Edit]) -> BTreeMap<AclName, Option<Known>> {
    let wishes = edits.iter().filter_map(|edit| edit.wish.as_ref());
    let rules = wishes.flat_map(|wish| &wish.facts.rules);
    let owners = rules.filter_map(|(_, rule)| book.committed.owner(rule));
    let names = edits.iter().map(|edit| &edit.name).chain(owners);
    names
        .map(|name| (name.clone(), book.committed.get(name).cloned()))
        .collect()
}

/// A file as it was seen.
#[derive(Debug)]
struct Seen {
    content: Option<Vec<u8>>,
    stamp: Option<Stamp>,
}

impl Seen {
    /// What is committed of a file that the running batch is changing.
    fn committed(content: Option<&[u8]>, known: Option<&Known>) -> Self {
        let disk = known.and_then(|known| known.disk.as_ref());
        Self {
            content: content.map(<[u8]>::to_vec),
            stamp: disk.and_then(|disk| disk.stamp),
        }
    }

    fn now(store: &Store, name: &AclName) -> Result<Self, ReadError> {
        // The stamp first: it cannot be of something newer than the content.
        let stamp = store.stamp(name)?;
        let content = store.read(name)?;
        Ok(Self { content, stamp })
    }
}

/// A directory of files as they were seen; what is written to it is nowhere.
#[derive(Debug, Default)]
struct Snapshot {
    files: BTreeMap<String, Seen>,
}

impl Snapshot {
    fn content(&self, name: &AclName) -> Option<Vec<u8>> {
        self.files.get(&file_name(name))?.content.clone()
    }
}

impl Dir for Snapshot {
    fn names(&self) -> io::Result<Vec<(String, Kind)>> {
        let present = self.files.iter().filter(|(_, seen)| seen.content.is_some());
        Ok(present.map(|(name, _)| (name.clone(), Kind::File)).collect())
    }

    fn read(&self, name: &str, _limit: u64, _follow: bool) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.files.get(name).and_then(|seen| seen.content.clone()))
    }

    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        Ok(self.files.get(name).and_then(|seen| seen.stamp))
    }

    fn write_all(&self, _files: &[(String, &[u8])], _public: bool) -> io::Result<()> {
        Ok(())
    }

    fn link(&self, _from: &str, _to: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        Ok(())
    }

    fn unlink(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn log(&self, _name: &str) -> io::Result<Box<dyn Log>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
