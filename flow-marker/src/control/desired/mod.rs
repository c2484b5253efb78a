//! What one switch should have, what it is known to have, and the difference.
//!
//! Pure: inputs are method calls with `now`, outputs are values. Controllers call `Desired::want` and
//! `Desired::release`; the switch's loop asks for a `Desired::plan`, carries it out, and reports verdicts and
//! snapshots. Retry, restart, lost replies and changes by others all heal by the same rule: whatever is not known to be
//! as it should be is made so again.
//!
//! Invariants: names without our prefix are never seen here, so never touched; no more than `max_rules` of our controls
//! are on the switch because of us; a control stays for `hold` once it is installed.

mod entry;
mod tally;

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;

use crate::actuator::{BATCH, Change, Present, Verdict};
use crate::clock::Time;
use crate::config::Mode;
use crate::sflow::DataSource;

pub use entry::{Cause, State, Times, View, Wish};
use entry::{Entry, Presence, Trouble};
pub use tally::Tally;

/// The numbers that the state machine works by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Whether switches are contacted; if not, there is never a plan.
    pub mode: Mode,
    /// A control stays at least this long after it was installed.
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
}

/// A control of ours that nobody wants: from our life before a restart, or made by hand under our prefix.
#[derive(Debug, Clone, Copy)]
struct Orphan {
    /// When it may be removed.
    due: Time,
}

/// What happened, for the log and the counters.
#[derive(Debug, Clone, PartialEq)]
pub enum Noted {
    /// A control is on the switch for the first time.
    Installed(Box<View>),
    /// A control is on the switch again, or still.
    Confirmed,
    /// A control has gone from the switch, and is over.
    Removed(Box<View>),
    /// A control has gone from the switch whose flow goes on, or has come back meanwhile.
    Vacated,
    /// A control that nobody wanted has gone from the switch.
    OrphanRemoved,
    /// The switch does not want the change; `None` when that is no news, or does not matter any more.
    Refused(Option<Box<View>>),
    /// Not carried out, or nobody knows.
    Failed,
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
    fn wake_at(&mut self, time: Time) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }
}

/// The desired state of one switch.
#[derive(Debug)]
pub struct Desired {
    limits: Limits,
    entries: BTreeMap<AclName, Entry>,
    orphans: BTreeMap<AclName, Orphan>,
    /// Controls that are over, for whoever keeps the history.
    finished: Vec<View>,
    withdrawing: bool,
    /// The switch has told once what it has.
    compared: bool,
}

impl Desired {
    /// Nothing wanted, nothing known.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: BTreeMap::new(),
            orphans: BTreeMap::new(),
            finished: Vec::new(),
            withdrawing: false,
            compared: false,
        }
    }

    /// A control is wanted. Wanting it twice, by the same or another data source, is wanting it once.
    pub fn want(&mut self, wish: Wish) {
        if self.withdrawing {
            return;
        }
        match self.entries.entry(wish.control.name.clone()) {
            Slot::Occupied(mut slot) => slot.get_mut().want_again(&wish),
            Slot::Vacant(slot) => {
                // An orphan has this name: most likely the same control, but only a PUT makes sure.
                let presence = match self.orphans.remove(&wish.control.name) {
                    Some(_) => Presence::Unknown,
                    None => Presence::Absent,
                };
                slot.insert(Entry::new(wish, presence));
            }
        }
    }

    /// A data source no longer sees the flow; when none does, the control is not wanted any more.
    pub fn release(&mut self, now: Time, name: &AclName, source: DataSource, last_sample: Time) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.release(now, source, last_sample);
        }
        self.finish(now, name);
    }

    /// Everything shall go, at once: the process ends.
    pub fn withdraw(&mut self, now: Time) {
        self.withdrawing = true;
        for entry in self.entries.values_mut() {
            entry.withdraw(now);
        }
        for orphan in self.orphans.values_mut() {
            orphan.due = now;
        }
        let names: Vec<_> = self.entries.keys().cloned().collect();
        for name in names {
            self.finish(now, &name);
        }
    }

    /// Drops a control that is neither wanted nor on the switch.
    fn finish(&mut self, now: Time, name: &AclName) -> Option<Box<View>> {
        let entry = self.entries.get(name)?;
        let gone = entry.presence == Presence::Absent || self.limits.mode == Mode::Observe;
        if entry.is_wanted() || entry.in_flight.is_some() || !gone {
            return None;
        }
        let view = self.entries.remove(name)?.into_view(now, self.limits.mode);
        self.finished.push(view.clone());
        Some(Box::new(view))
    }

    /// The difference between what is wanted and what is known, as far as it may be made up now.
    pub fn plan(&self, now: Time) -> Plan {
        let mut plan = Plan::default();
        if self.limits.mode == Mode::Observe {
            return plan;
        }
        let excess = self.excess();
        for (name, entry) in &self.entries {
            let install = match (entry.is_wanted(), &entry.presence) {
                (false, _) => false,
                (true, Presence::Unknown) => !excess.contains(name),
                (true, Presence::Absent | Presence::Installed(_)) => continue,
            };
            let due = entry.due(&self.limits, self.withdrawing, install);
            if due <= now {
                plan.changes.push(match install {
                    true => Change::Install(Arc::clone(&entry.control)),
                    false => Change::Remove(name.clone()),
                });
            } else {
                plan.wake_at(due);
            }
        }
        for (name, orphan) in &self.orphans {
            if orphan.due <= now {
                plan.changes.push(Change::Remove(name.clone()));
            } else {
                plan.wake_at(orphan.due);
            }
        }
        self.plan_new(now, &mut plan);
        plan.changes.truncate(BATCH);
        plan
    }

    /// Wanted controls that are on the switch beyond `max_rules`, the smallest flows first. We do not put them there:
    /// they are from a life with a larger budget, or made by hand.
    fn excess(&self) -> HashSet<&AclName> {
        // What is to be removed counts until it is gone, as in `free`.
        let on_switch = self.entries.values().filter(|e| e.presence != Presence::Absent);
        let excess = on_switch.count().saturating_sub(self.limits.max_rules);
        if excess == 0 {
            return HashSet::new();
        }
        let unsure = |e: &&Entry| e.is_wanted() && e.presence == Presence::Unknown;
        let mut unsure: Vec<_> = self.entries.values().filter(unsure).collect();
        unsure.sort_by_key(|entry| entry.rate());
        unsure
            .into_iter()
            .take(excess)
            .map(|entry| &entry.control.name)
            .collect()
    }

    /// Fills free places, the largest flows first. What is to be removed keeps its place until it is gone, and what has
    /// a place keeps it: a commit may stop traffic, so none is made to exchange one elephant for a larger one.
    fn plan_new(&self, now: Time, plan: &mut Plan) {
        let mut waiting = Vec::new();
        for entry in self.entries.values().filter(|e| e.waits()) {
            let due = entry.due(&self.limits, self.withdrawing, true);
            if due <= now {
                waiting.push(entry);
            } else {
                plan.wake_at(due);
            }
        }
        waiting.sort_by_key(|entry| std::cmp::Reverse(entry.rate()));
        let new = waiting
            .into_iter()
            .take(self.free())
            .map(|e| Change::Install(Arc::clone(&e.control)));
        plan.changes.extend(new);
    }

    /// Places left on the switch.
    fn free(&self) -> usize {
        let taken = self
            .entries
            .values()
            .filter(|e| e.presence != Presence::Absent)
            .count();
        self.limits
            .max_rules
            .saturating_sub(taken.saturating_add(self.orphans.len()))
    }

    /// The plan is being carried out: from now on, until a verdict, nobody knows what the switch has.
    pub fn begin(&mut self, now: Time, plan: &Plan) {
        for change in &plan.changes {
            if let Some(entry) = self.entries.get_mut(change.name()) {
                entry.begin(now, change.is_install());
            }
        }
    }

    /// The request was given up without a verdict, so it failed.
    pub fn abandon(&mut self, now: Time) {
        let names: Vec<_> = self.entries.keys().cloned().collect();
        for name in names {
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.in_flight = None;
            }
            self.finish(now, &name);
        }
    }

    /// What the switch said about one change.
    pub fn verdict(&mut self, now: Time, change: &Change, verdict: Verdict) -> Noted {
        let name = change.name();
        let Some(entry) = self.entries.get_mut(name) else {
            return self.orphan_verdict(now, name, &verdict);
        };
        let before = entry.in_flight.take();
        match verdict {
            Verdict::Installed { etag, timing } => {
                entry.presence = Presence::Installed(etag);
                entry.trouble = None;
                if entry.times.installed.is_some() {
                    return Noted::Confirmed;
                }
                entry.times.installed = Some(now);
                entry.timing = Some(timing);
                Noted::Installed(Box::new(entry.view(self.limits.mode, false)))
            }
            Verdict::Removed => {
                entry.presence = Presence::Absent;
                entry.trouble = None;
                self.finish(now, name).map_or(Noted::Vacated, Noted::Removed)
            }
            Verdict::Refused { why } => {
                // A refusal changes nothing on the switch.
                entry.presence = before.unwrap_or(Presence::Unknown);
                let news = entry.trouble.as_ref().is_none_or(|t| t.why() != why);
                entry.trouble = Some(Trouble::Refused {
                    install: change.is_install(),
                    why,
                    retry: now + Limits::REFUSED_RETRY,
                });
                let news = news && entry.trouble().is_some();
                let view = news.then(|| Box::new(entry.view(self.limits.mode, false)));
                self.finish(now, name);
                Noted::Refused(view)
            }
            Verdict::Failed(failure) => {
                entry.presence = Presence::Unknown;
                entry.trouble = Some(Trouble::Failed { why: failure.why });
                Noted::Failed
            }
        }
    }

    fn orphan_verdict(&mut self, now: Time, name: &AclName, verdict: &Verdict) -> Noted {
        match verdict {
            Verdict::Removed => {
                self.orphans.remove(name);
                Noted::OrphanRemoved
            }
            Verdict::Refused { .. } => {
                if let Some(orphan) = self.orphans.get_mut(name) {
                    orphan.due = now + Limits::REFUSED_RETRY;
                }
                Noted::Refused(None)
            }
            Verdict::Installed { .. } => Noted::Confirmed,
            Verdict::Failed(_) => Noted::Failed,
        }
    }

    /// What the switch has, all of it that carries our prefix.
    pub fn snapshot(&mut self, now: Time, present: Vec<Present>) {
        self.compared = true;
        let mut present: BTreeMap<_, _> = present.into_iter().map(|p| (p.name, p.etag)).collect();
        let names: Vec<_> = self.entries.keys().cloned().collect();
        for name in names {
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.compare(present.remove(&name));
            }
            self.finish(now, &name);
        }
        self.orphans.retain(|name, _| present.contains_key(name));
        let due = if self.withdrawing {
            now
        } else {
            now + Limits::GRACE
        };
        for name in present.into_keys() {
            self.orphans.entry(name).or_insert(Orphan { due });
        }
    }

    /// Controls that are over since the last call.
    pub fn take_finished(&mut self) -> Vec<View> {
        std::mem::take(&mut self.finished)
    }

    /// All controls, in order of their names.
    pub fn views(&self) -> impl Iterator<Item = View> {
        let mut waiting: Vec<_> = self
            .entries
            .values()
            .filter(|e| e.waits() && e.trouble().is_none())
            .collect();
        waiting.sort_by_key(|entry| std::cmp::Reverse(entry.rate()));
        let over: HashSet<_> = waiting
            .iter()
            .skip(self.free())
            .map(|e| &e.control.name)
            .collect();
        self.entries
            .iter()
            .map(move |(name, entry)| entry.view(self.limits.mode, over.contains(name)))
    }

    /// Controls of ours on the switch that nobody wants.
    pub fn orphans(&self) -> usize {
        self.orphans.len()
    }

    /// Whether the switch has ever told what it has.
    pub const fn was_compared(&self) -> bool {
        self.compared
    }

    /// Whether nothing of ours is on the switch, as far as is known.
    pub fn is_clean(&self) -> bool {
        self.orphans.is_empty() && self.entries.values().all(|e| e.presence == Presence::Absent)
    }
}

#[cfg(test)]
pub(in crate::control) mod tests;

#[cfg(test)]
mod model;
