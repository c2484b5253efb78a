//! What becomes due without anybody asking: leases that run out, changes that nobody confirms, a look at the files, a
//! checkpoint.

use std::sync::Arc;

use shared::AclName;

use super::change::{Action, Caller, Change, Precondition};
use super::committed::Known;
use super::drift;
use super::engine::Engine;
use super::events::Event;
use super::runner::Runner;
use super::timetable::{CHECKPOINT, LOOK};
use super::{lock, now};
use crate::store::etag_of;

impl<T: Runner> Engine<T> {
    /// Does what is due; changes go into the queue.
    pub(super) fn due(&mut self) {
        let now = now();
        if self.timetable.look <= now {
            self.timetable.look = now + LOOK;
            self.look_at_ours();
            let book = lock(&self.shared.book);
            let drifted = |name: &AclName| book.committed.get(name).is_some_and(Known::drifted);
            self.skipped.retain(drifted);
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
    pub(super) fn look_at_ours(&self) {
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
            let drifted = known.is_some_and(Known::drifted);
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
