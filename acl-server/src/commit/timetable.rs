//! When what is due without anybody asking. Pure: takes `now`.

use std::collections::HashMap;
use std::time::Duration;

use shared::AclName;
use tokio::time::Instant;

use super::book::Book;
use super::change::Action;
use super::id::CommitId;

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
    /// When our files are looked at next.
    pub look: Instant,
    /// When what remains of leases is written down next.
    pub checkpoint: Instant,
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
            let free = book.reserved.locked(name).is_none();
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
    pub fn take(&mut self, book: &Book, now: Instant) -> Vec<Action> {
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
            let over = known.lease.is_some_and(|until| until <= now) && book.reserved.locked(name).is_none();
            if over && !self.leases.contains_key(name) {
                self.leases.insert(name.clone(), now + AGAIN);
                due.push(Action::Expire { name: name.clone() });
            }
        }
        due
    }
}
