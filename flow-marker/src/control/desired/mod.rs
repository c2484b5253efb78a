//! What one switch should have, what it is known to have, and the difference.
//!
//! Pure: inputs are method calls with `now`, outputs are values. Controllers call `Desired::want` and
//! `Desired::release`; the switch's loop asks for a `Desired::plan`, carries it out, and reports verdicts and
//! snapshots. Retry, restart, lost replies and changes by others all heal by the same rule: whatever is not known to be
//! as it should be is made so again.
//!
//! Invariants: names without our prefix are never seen here, so never touched; no more than `max_rules` of our controls
//! are on the switch because of us; a mark stays for `hold` once it is installed, and no control comes more than twice a
//! minute.

mod belief;
mod wants;
mod effects;
mod split;
mod outcome;
mod places;
mod tally;
mod decision;
mod view;
mod entry;
mod effect;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::time::Duration;

use shared::AclName;

use crate::actuator::{BATCH, Capacity, Change, Hand, Kind, Present};
use crate::clock::Time;
use crate::control::modes::Modes;

pub use belief::Belief;
pub use decision::{About, Decision, Ending, What};
pub use effect::{Effect, Hits, News, Proof, Why};
pub use entry::{Cause, Current, Holder, Person, Times, Wish};
use entry::{Entry, Presence};
pub use outcome::Noted;
pub use places::Budget;
use places::Places;
pub use split::Split;
pub use tally::Tally;
pub use view::{State, There, View};

/// The numbers that the state machine works by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A mark stays at least this long after it was installed.
    pub hold: Duration,
    /// Controls of ours on the switch at most.
    pub max_rules: usize,
}

impl Limits {
    /// A refusal will be the same in a second; after a minute somebody may have changed something.
    pub const REFUSED_RETRY: Duration = Duration::from_secs(60);

    /// How long a control that we find and do not want is left alone, so that after a restart the marks of elephants
    /// that go on never go away. Such an elephant is detected again when the speed of its port is known, which comes
    /// with the port's counters, every 30 s with most agents, and then within about 6.5 s (p99 of a flow just at the
    /// threshold). The rest is margin.
    pub const GRACE: Duration = Duration::from_secs(45);

    /// A control that comes again within this time stays twice as long as before, and until this time has passed since it
    /// came first: no third coming lies within it.
    pub const AGAIN: Duration = Duration::from_secs(60);

    /// How long a mark that a person has released is not made again, unless by a person: long enough to find out what was
    /// wrong with it, and to change the configuration.
    pub const DISMISSED: Duration = Duration::from_secs(600);

    /// To this doubling has its end.
    const LONGEST_HOLD: Duration = Duration::from_secs(600);
}

/// A control of ours that nobody wants: from our life before a restart, or made by hand under our prefix.
#[derive(Debug, Clone)]
struct Orphan {
    /// When it may be removed.
    due: Time,
    etag: String,
    entries: u64,
    /// As in [`Entry`].
    hand: Option<Hand>,
}

/// A control that we have removed a short while ago.
#[derive(Debug, Clone, Copy)]
struct Recent {
    placed: Time,
    removed: Time,
    hold: Duration,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Changes to be made now, at most [`BATCH`]; when these are made, there may be more.
    pub changes: Vec<Change>,
    /// When there will be more to do, if nothing happens before.
    pub wake: Option<Time>,
}

impl Plan {
    fn add(&mut self, now: Time, due: Time, change: impl FnOnce() -> Change) {
        if due <= now {
            self.changes.push(change());
        } else {
            self.wake_at(due);
        }
    }

    fn wake_at(&mut self, due: Time) {
        self.wake = Some(self.wake.map_or(due, |wake| wake.min(due)));
    }
}

/// The desired state of one switch.
#[derive(Debug)]
pub struct Desired {
    limits: Limits,
    modes: Modes,
    entries: BTreeMap<AclName, Entry>,
    orphans: BTreeMap<AclName, Orphan>,
    /// What went within [`Limits::AGAIN`]: as much as paced commits can remove in that time.
    recent: BTreeMap<AclName, Recent>,
    /// What the switch says of its hardware entries.
    capacity: Option<Capacity>,
    /// Hardware entries that ours may take together; `None`: the switch does not say.
    room: Option<u64>,
    /// What was decided since somebody took it.
    decided: Vec<Decision>,
    /// Until when data sources cannot have what a person has released.
    dismissed: BTreeMap<AclName, Time>,
    /// Entries that a person wants.
    personal: usize,
    withdrawing: bool,
    /// The switch has told what it has, since we may change it.
    compared: bool,
    /// Something of ours may be on the switch.
    touched: bool,
    /// Counts what changes what is known of the switch.
    version: u64,
}

impl Desired {
    /// Nothing wanted, nothing known.
    pub fn new(limits: Limits, modes: Modes) -> Self {
        Self {
            limits,
            modes,
            entries: BTreeMap::new(),
            orphans: BTreeMap::new(),
            recent: BTreeMap::new(),
            capacity: None,
            room: None,
            decided: Vec::new(),
            dismissed: BTreeMap::new(),
            personal: 0,
            withdrawing: false,
            compared: false,
            touched: modes.permit_any(),
            version: 0,
        }
    }

    /// What the controllers may do from now on. What is not permitted any more goes from the switch at once; what is
    /// wanted is remembered, and comes back when it is permitted again.
    pub fn set_modes(&mut self, now: Time, modes: Modes) {
        let before = self.permit_any();
        self.modes = modes;
        self.permitted(now, before);
    }

    /// The numbers to work by from now on. Marks beyond fewer places go, the smallest first; they stay for another time where
    /// they had the usual one.
    pub fn set_limits(&mut self, limits: Limits) {
        let before = std::mem::replace(&mut self.limits, limits);
        let marks = self
            .entries
            .values_mut()
            .filter(|entry| entry.kind() == Kind::Mark);
        for mark in marks.filter(|mark| mark.hold == before.hold) {
            mark.hold = limits.hold;
        }
    }

    /// Whether anything may be on the switch.
    fn permit_any(&self) -> bool {
        self.modes.permit_any() || (self.personal > 0 && !self.modes.paused)
    }

    /// Whether a control may be on the switch. What a person wants needs no controller that acts.
    fn permits(&self, entry: &Entry) -> bool {
        self.modes.permit(entry.kind()) || (entry.is_personal() && !self.modes.paused)
    }

    /// Whether anything may be on the switch has changed, or not.
    fn permitted(&mut self, now: Time, before: bool) {
        if !before && self.permit_any() {
            // Meanwhile everything may have changed there.
            self.compared = false;
            self.touched = true;
        }
        if !self.permit_any() {
            for orphan in self.orphans.values_mut() {
                orphan.due = now;
            }
        }
    }

    /// What the controllers may do.
    pub const fn modes(&self) -> Modes {
        self.modes
    }

    /// Whether a control is to be on the switch, if there is a place.
    fn stays(&self, entry: &Entry) -> bool {
        entry.is_wanted() && self.permits(entry)
    }

    /// The difference between what is wanted and what is known, as far as it may be made up now.
    pub fn plan(&self, now: Time) -> Plan {
        self.planned(now, self.places(now))
    }

    /// The same, and notes who must go or wait for want of places.
    pub fn look(&mut self, now: Time) -> Plan {
        let places = self.places(now);
        let said = self.unsaid(now, &places);
        let plan = self.planned(now, places);
        self.say(said);
        plan
    }

    fn planned(&self, now: Time, places: Places<'_>) -> Plan {
        let mut plan = Plan::default();
        for (name, entry) in &self.entries {
            let leaves = places.leave.contains(name);
            let stays = self.stays(entry) && !leaves;
            let (install, due) = match (stays, &entry.presence) {
                (_, Presence::Absent) | (true, Presence::Installed(_)) => continue,
                (true, Presence::Unknown) => (true, entry.retry(true)),
                (false, _) if self.withdrawing => (false, Time::START),
                // Whoever must leave does not wait for the end of its hold.
                (false, _) if leaves || entry.is_wanted() => (false, entry.retry(false)),
                (false, _) => (false, entry.retry(false).max(self.held_until(entry))),
            };
            plan.add(now, due, || change(entry, install));
        }
        for (name, orphan) in &self.orphans {
            plan.add(now, orphan.due, || Change {
                name: name.clone(),
                control: None,
                hand: orphan.hand.clone(),
            });
        }
        for entry in places.enter {
            plan.add(now, now, || change(entry, true));
        }
        if let Some(later) = places.later {
            plan.wake_at(later);
        }
        plan.changes.truncate(BATCH);
        plan
    }

    fn held_until(&self, entry: &Entry) -> Time {
        if self.permits(entry) {
            entry.held_until()
        } else {
            Time::START
        }
    }

    /// What the switch has, all of it that carries our prefix.
    pub fn snapshot(&mut self, now: Time, present: Vec<Present>) {
        self.compared = true;
        self.version += 1;
        let mut present: BTreeMap<_, _> = present
            .into_iter()
            .map(|p| (p.name, (p.etag, p.entries, p.shadowed)))
            .collect();
        let names: Vec<_> = self.entries.keys().cloned().collect();
        for name in names {
            if let Some(entry) = self.entries.get_mut(&name) {
                let found = present.remove(&name);
                let found = found.map(|(etag, entries, shadowed)| {
                    entry.shadowed = shadowed;
                    (etag, entries)
                });
                entry.compare(found);
            }
            self.finish(now, &name);
        }
        self.orphans.retain(|name, _| present.contains_key(name));
        let due = if self.withdrawing || !self.permit_any() {
            now
        } else {
            now + Limits::GRACE
        };
        for (name, (etag, entries, _)) in present {
            let entries = entries.max(1);
            match self.orphans.entry(name) {
                Slot::Occupied(mut known) => {
                    let known = known.get_mut();
                    (known.etag, known.entries, known.hand) = (etag, entries, None);
                }
                Slot::Vacant(slot) => drop(slot.insert(Orphan {
                    due,
                    etag,
                    entries,
                    hand: None,
                })),
            }
        }
    }

    /// How much the switch can hold, right after a snapshot; `None` when it does not say. Ours take at most what is left
    /// by others of 80 %: whoever else needs an entry must find one, and the switch does not update without a standby.
    pub fn set_capacity(&mut self, capacity: Option<Capacity>) {
        self.capacity = capacity;
        self.room = capacity.map(|Capacity { used, limit }| {
            let others = used.saturating_sub(self.taken().entries);
            (limit - limit / 5).saturating_sub(others)
        });
    }

    /// What was decided since the last call.
    pub fn take_decided(&mut self) -> Vec<Decision> {
        std::mem::take(&mut self.decided)
    }

    /// All controls, in order of their names.
    pub fn views(&self) -> impl Iterator<Item = View> {
        let over = self.over();
        self.entries
            .iter()
            .map(move |(name, entry)| entry.view(&self.modes, over.contains(name)))
    }

    /// Controls of ours on the switch that nobody wants.
    pub fn orphans(&self) -> usize {
        self.orphans.len()
    }

    /// Whether the switch has told what it has, since we may change it.
    pub const fn was_compared(&self) -> bool {
        self.compared
    }

    /// Whether the switch has what it should have, as far as is known, and there is nothing to do now.
    pub fn is_in_sync(&self, now: Time) -> bool {
        let settled = |entry: &Entry| entry.in_flight.is_none() && entry.trouble().is_none();
        let asked = self.compared && self.entries.values().all(settled);
        self.is_silent() || (asked && self.plan(now).changes.is_empty())
    }

    /// Whether nothing of ours is on the switch, as far as is known.
    pub fn is_clean(&self) -> bool {
        self.orphans.is_empty() && self.entries.values().all(|e| e.presence == Presence::Absent)
    }

    /// Whether the switch is to be left alone: nothing may be there, and nothing is.
    pub fn is_silent(&self) -> bool {
        !self.permit_any() && (!self.touched || (self.compared && self.is_clean()))
    }

    /// Whether something of ours may be on the switch that nobody knows of, or that is known.
    pub const fn was_touched(&self) -> bool {
        self.touched
    }
}

fn change(entry: &Entry, install: bool) -> Change {
    Change {
        name: entry.control.name.clone(),
        control: install.then(|| std::sync::Arc::clone(&entry.control)),
        hand: entry.hand.clone(),
    }
}

#[cfg(test)]
pub(in crate::control) mod tests;

#[cfg(test)]
mod model;
