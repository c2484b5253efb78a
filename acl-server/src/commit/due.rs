//! What becomes due without anybody asking: leases that run out, changes that nobody confirms, a look at the files, a
//! checkpoint.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use tokio::time::Instant;

use super::book::Book;
use super::change::{Action, Caller, Change, Precondition};
use super::drift;
use super::engine::Engine;
use super::events::Event;
use super::registry::CommitId;
use super::runner::Runner;
use super::{lock, now};
use crate::store::etag_of;

/// How often our files are looked at: a hand's work is noticed within it.
pub const LOOK: Duration = Duration::from_secs(5);
/// How often what remains of leases is written down: what a crash may give back to each of them.
pub const CHECKPOINT: Duration = Duration::from_secs(30);
/// How long after a failed expiry or revert it is tried again.
pub const AGAIN: Duration = Duration::from_secs(10);

/// When what was tried in vain is tried again, and when the next look is.
#[derive(Debug)]
pub struct Timetable {
    leases: HashMap<AclName, Instant>,
    reverts: HashMap<CommitId, Instant>,
    look: Instant,
    checkpoint: Instant,
}

impl Timetable {
    /// From now on.
    pub fn new(now: Instant) -> Self {
        Self {
            leases: HashMap::new(),
            reverts: HashMap::new(),
            look: now + LOOK,
            checkpoint: now + CHECKPOINT,
        }
    }

    /// When something is due next.
    pub fn next(&self, book: &Book) -> Instant {
        let leases = book.committed.iter().filter_map(|(name, known)| {
            let free = book.locked(name).is_none();
            let until = known.lease.filter(|_| free)?;
            Some(self.leases.get(name).map_or(until, |again| until.max(*again)))
        });
        let reverts = book.unconfirmed.iter().map(|(id, unconfirmed)| {
            self.reverts
                .get(id)
                .map_or(unconfirmed.until, |again| unconfirmed.until.max(*again))
        });
        leases
            .chain(reverts)
            .chain([self.look, self.checkpoint])
            .min()
            .unwrap_or(self.look)
    }

    /// The changes that are due; each is not due again before [`AGAIN`] has passed.
    fn take(&mut self, book: &Book, now: Instant) -> Vec<Action> {
        self.leases.retain(|_, again| *again > now);
        self.reverts.retain(|_, again| *again > now);
        let mut due = Vec::new();
        for (id, unconfirmed) in &book.unconfirmed {
            if unconfirmed.until <= now && !self.reverts.contains_key(id) {
                self.reverts.insert(*id, now + AGAIN);
                let names = unconfirmed
                    .before
                    .iter()
                    .map(|before| before.name.clone())
                    .collect();
                due.push(Action::Revert { id: *id, names });
            }
        }
        for (name, known) in book.committed.iter() {
            let over = known.lease.is_some_and(|until| until <= now) && book.locked(name).is_none();
            if over && !self.leases.contains_key(name) {
                self.leases.insert(name.clone(), now + AGAIN);
                due.push(Action::Expire { name: name.clone() });
            }
        }
        due
    }
}

impl<T: Runner> Engine<T> {
    /// Does what is due; changes go into the queue.
    pub(super) fn due(&mut self) {
        let now = now();
        if self.timetable.look <= now {
            self.timetable.look = now + LOOK;
            self.look_at_ours();
        }
        let shared = Arc::clone(&self.shared);
        let mut book = lock(&shared.book);
        if self.timetable.checkpoint <= now {
            self.timetable.checkpoint = now + CHECKPOINT;
            book.checkpoint(now);
        }
        let due = self.timetable.take(&book, now);
        drop(book);
        for action in due {
            self.queue_ours(action);
        }
    }

    /// Puts a change of the daemon's own into the queue.
    pub(super) fn queue_ours(&mut self, action: Action) {
        let caller = Caller::daemon();
        let id = lock(&self.shared.registry).open(action.to_string(), Arc::clone(&caller.who));
        self.queue.push(Change {
            id,
            action,
            precondition: Precondition::default(),
            caller,
            queued: now(),
            reply: None,
            budget: None,
        });
    }

    /// Notices a hand in our files.
    fn look_at_ours(&mut self) {
        let mut book = lock(&self.shared.book);
        let changed = match drift::scan(&self.shared.store, &mut book.committed) {
            Ok(changed) => changed,
            Err(error) => {
                tracing::error!(%error, "the policy directory cannot be read");
                return;
            }
        };
        for name in changed {
            let known = book.committed.get(&name);
            let drifted = known.is_some_and(super::committed::Known::drifted);
            let disk = known.and_then(|known| known.disk.as_ref());
            let etag = disk.map(|disk| etag_of(disk.fingerprint));
            tracing::warn!(acl = %name, drifted, etag, "a file of ours was changed by hand");
            self.shared.events.tell(Event::Drift { name, drifted, etag });
        }
    }

    /// A lease has run out and its ACL stays, since it was changed by hand.
    pub(super) fn skipped(&mut self, name: &AclName) {
        if self.skipped.insert(name.clone()) {
            tracing::warn!(acl = %name, "its lease has run out, but it was changed by hand: it stays");
            self.shared
                .events
                .tell(Event::ExpirySkipped { name: name.clone() });
        }
    }
}
