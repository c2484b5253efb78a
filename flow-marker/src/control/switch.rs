//! What controllers, the loop of a switch, and readers share of one switch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::life::Shutdown;
use tokio::sync::Notify;

use crate::clock::Time;
use crate::config;
use crate::control::desired::{About, Decision, Desired, Limits, What};
use crate::control::journal::{Journal, Place};
use crate::control::modes::Modes;
use crate::inventory::Member;
use crate::metrics;

/// What is known of a switch's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Whether the last request was answered; `None` before the first.
    pub reachable: Option<bool>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// Tries that failed since one succeeded.
    pub failures: u32,
    /// It is left alone until then, after a failure.
    pub retry: Option<Time>,
}

/// One switch: what it should have, and how it answers. Locks are held for moments, never across a wait.
#[derive(Debug)]
pub struct Switch {
    /// Its configuration.
    pub config: Arc<config::Switch>,
    /// Its position in the inventory.
    pub index: usize,
    /// Its end as a switch of the inventory.
    pub retirement: Shutdown,
    /// Its metrics.
    pub metrics: Arc<metrics::Control>,
    desired: Mutex<Desired>,
    contact: Mutex<Contact>,
    journal: Arc<Journal>,
    changed: Notify,
}

impl Switch {
    /// A switch of which nothing is known.
    pub fn new(member: &Member, (limits, modes): (Limits, Modes), journal: Arc<Journal>) -> Self {
        Self {
            config: Arc::clone(&member.config),
            index: member.id.index(),
            retirement: member.retirement(),
            metrics: Arc::clone(&member.done),
            desired: Mutex::new(Desired::new(limits, modes)),
            contact: Mutex::default(),
            journal,
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Desired> {
        // The state machine does not panic; if it did, the next comparison would set it right.
        self.desired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is, for the journal.
    pub fn place(&self) -> Place {
        Place {
            index: self.index,
            agent: self.config.agent,
        }
    }

    /// What was decided.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Keeps a decision about this switch that its desired state has no part in.
    pub fn decided(&self, decision: Decision) {
        self.journal.record(Some(self.place()), [decision]);
    }

    /// Reads or changes the desired state, and keeps what is decided by that.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Desired) -> T) -> T {
        let mut desired = self.lock();
        let result = change(&mut desired);
        let decided = desired.take_decided();
        // Before the next edit, so that decisions are in their order.
        let untold = (!decided.is_empty()).then(|| self.journal.keep(Some(self.place()), decided));
        drop(desired);
        if let Some(untold) = untold {
            untold.tell();
        }
        result
    }

    /// Reads the desired state.
    pub fn read<T>(&self, look: impl FnOnce(&Desired) -> T) -> T {
        look(&self.lock())
    }

    /// Tells the loop that there may be something to do.
    pub fn notify(&self) {
        self.changed.notify_one();
    }

    /// Changes what the controllers may do.
    pub fn change_modes(&self, now: Time, change: impl FnOnce(Modes) -> Modes) {
        self.edit(|desired| desired.set_modes(now, change(desired.modes())));
        self.notify();
    }

    /// Returns when there may be something to do.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How the switch answers.
    pub fn contact(&self) -> Contact {
        self.contact
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The switch has answered, or not; a change of that is a decision.
    pub fn set_contact(&self, now: Time, outcome: Result<(), &str>) {
        let mut contact = self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        let reachable = outcome.is_ok();
        let before = contact.reachable.replace(reachable);
        if let Err(why) = outcome {
            contact.last_error = Some(why.to_owned());
        }
        self.metrics.reachable.set(reachable);
        drop(contact);
        if before == Some(reachable) {
            return;
        }
        self.decided(match outcome {
            Ok(()) => Decision::new(now, What::Reachable, About::Switch),
            Err(why) => Decision::new(now, What::Unreachable, About::Switch).why(why),
        });
    }

    /// The switch has failed so often since it did not, and is left alone until `retry`.
    pub fn set_backoff(&self, failures: u32, retry: Time) {
        let mut contact = self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        (contact.failures, contact.retry) = (failures, (failures > 0).then_some(retry));
    }

    /// Shows in the metrics what has become of the desired state. To be called before they are read: an edit does not
    /// count, so that many of them cost no more than their number.
    pub fn show(&self) {
        let (tally, effects) = self.read(|desired| (desired.tally(), desired.effects()));
        let m = &self.metrics;
        let gauges = [
            &m.effect_unknown,
            &m.effect_hits,
            &m.effect_seen,
            &m.effect_queued,
            &m.effect_none,
        ];
        for (gauge, count) in gauges.into_iter().zip(effects) {
            gauge.set_len(count);
        }
        for (gauge, count) in [
            (&m.wanted, tally.wanted),
            (&m.installed, tally.installed),
            (&m.observed, tally.observed),
            (&m.paused, tally.paused),
            (&m.refused, tally.refused),
            (&m.failed, tally.failed),
            (&m.releasing, tally.releasing),
            (&m.over_budget, tally.over_budget),
            (&m.orphans, tally.orphans),
        ] {
            gauge.set_len(count);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
