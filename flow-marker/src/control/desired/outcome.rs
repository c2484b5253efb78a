//! What becomes of changes.

use shared::AclName;

use super::decision::{About, Decision, What};
use super::entry::{Entry, Presence, Trouble};
use super::{Desired, Limits, Plan, Recent};
use crate::actuator::{Change, Hand, Verdict};
use crate::clock::Time;

/// What happened; what is worth telling people is among what was decided besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// A control is on the switch for the first time.
    Installed,
    /// A control is on the switch again, or still.
    Confirmed,
    /// A control has gone from the switch, and is over.
    Removed,
    /// A control has gone from the switch that is wanted still, or again.
    Vacated,
    /// A control that nobody wanted has gone from the switch.
    OrphanRemoved,
    /// The switch does not want the change.
    Refused,
    /// It would not fit.
    NoRoom,
    /// A hand has changed what is ours; that is replaced next.
    ByHand,
    /// Not carried out, or nobody knows.
    Failed,
}

impl Desired {
    /// The plan is being carried out: from now on, until a verdict, nobody knows what the switch has.
    pub fn begin(&mut self, now: Time, plan: &Plan) {
        self.version += 1;
        for change in &plan.changes {
            if let Some(entry) = self.entries.get_mut(&change.name) {
                if change.is_install() && place(entry, self.recent.get(&change.name), now) {
                    let doubled = entry.decision(now, What::HoldDoubled, &self.modes);
                    let why = format!("it stays for {} s at least", entry.hold.as_secs());
                    self.decided.push(doubled.because("again", &why));
                }
                entry.begin(now, change.is_install());
            }
        }
    }

    /// The request was given up without a verdict, so it failed.
    pub fn abandon(&mut self, now: Time) {
        self.version += 1;
        let names: Vec<_> = self.entries.keys().cloned().collect();
        for name in names {
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.in_flight = None;
                entry.settle(None, now);
            }
            self.finish(now, &name);
        }
    }

    /// What the switch said about one change.
    pub fn verdict(&mut self, now: Time, change: &Change, verdict: Verdict) -> Noted {
        self.version += 1;
        let name = &change.name;
        let modes = self.modes;
        let Some(entry) = self.entries.get_mut(name) else {
            return self.orphan_verdict(now, name, verdict);
        };
        let before = entry.in_flight.take();
        entry.hand = None;
        let placed = match &verdict {
            Verdict::Failed(_) => None,
            verdict => Some(matches!(verdict, Verdict::Installed { .. })),
        };
        entry.settle(placed, now);
        if change
            .control
            .as_ref()
            .is_some_and(|asked| *asked != entry.control)
        {
            // It was of what is not wanted so any more: what the switch has is replaced next.
            entry.presence = match verdict {
                Verdict::Refused { .. } | Verdict::NoRoom { .. } => before.unwrap_or(Presence::Unknown),
                _ => Presence::Unknown,
            };
            self.finish(now, name);
            return Noted::Failed;
        }
        match verdict {
            Verdict::Installed { etag, timing } => {
                entry.presence = Presence::Installed(etag);
                entry.trouble = None;
                entry.proving.installed(now);
                if entry.times.installed.is_some() {
                    return Noted::Confirmed;
                }
                entry.times.installed = Some(now);
                entry.timing = Some(timing);
                self.decided.push(entry.decision(now, What::Installed, &modes));
                Noted::Installed
            }
            Verdict::Removed => {
                entry.presence = Presence::Absent;
                entry.trouble = None;
                entry.proving.gone();
                let vacated = entry.decision(now, What::Vacated, &modes);
                self.removed(now, name);
                match self.finish(now, name) {
                    true => Noted::Removed,
                    false => {
                        self.decided.push(vacated);
                        Noted::Vacated
                    }
                }
            }
            Verdict::Refused { why } => {
                // A refusal changes nothing on the switch.
                entry.presence = before.unwrap_or(Presence::Unknown);
                let trouble = Trouble::Refused {
                    install: change.is_install(),
                    why,
                    retry: now + Limits::REFUSED_RETRY,
                };
                self.trouble(now, name, What::Refused, trouble);
                Noted::Refused
            }
            Verdict::NoRoom { why } => {
                entry.presence = before.unwrap_or(Presence::Unknown);
                let trouble = Trouble::NoRoom {
                    why,
                    retry: now + Limits::REFUSED_RETRY,
                };
                // What it has is what fits, until it says otherwise.
                let most = self.taken().entries;
                self.room = Some(self.room.map_or(most, |room| room.min(most)));
                self.trouble(now, name, What::NoRoom, trouble);
                Noted::NoRoom
            }
            Verdict::ByHand(hand) => {
                // What a hand has removed has no place any more: it comes back when there is one.
                entry.presence = match hand {
                    Hand::Removed if change.is_install() => Presence::Absent,
                    _ => Presence::Unknown,
                };
                entry.hand = Some(hand);
                self.decided.push(entry.decision(now, What::ByHand, &modes));
                Noted::ByHand
            }
            Verdict::Failed(failure) => {
                entry.presence = Presence::Unknown;
                entry.trouble = Some(Trouble::Failed { why: failure.why });
                Noted::Failed
            }
        }
    }

    /// Notes what is wrong, and tells it when that is news.
    fn trouble(&mut self, now: Time, name: &AclName, what: What, trouble: Trouble) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        let news = entry.trouble.as_ref().is_none_or(|t| t.why() != trouble.why());
        entry.trouble = Some(trouble);
        if let Some(trouble) = entry.trouble().filter(|_| news) {
            let decision = entry.decision(now, what, &self.modes).why(trouble.why());
            self.decided.push(decision);
        }
        self.finish(now, name);
    }

    /// We have removed a control: others may fit now, and it must not come back too soon too often.
    fn removed(&mut self, now: Time, name: &AclName) {
        for entry in self.entries.values_mut() {
            entry.trouble.take_if(|t| matches!(t, Trouble::NoRoom { .. }));
        }
        self.recent
            .retain(|_, recent| now.since(recent.removed) < Limits::AGAIN);
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        if let Some(placed) = entry.placed.take() {
            let (removed, hold) = (now, entry.hold);
            let recent = Recent {
                placed,
                removed,
                hold,
            };
            self.recent.insert(name.clone(), recent);
        }
    }

    fn orphan_verdict(&mut self, now: Time, name: &AclName, verdict: Verdict) -> Noted {
        let orphan = self.orphans.get_mut(name);
        match verdict {
            Verdict::Removed => {
                self.orphans.remove(name);
                let about = About::Orphan(name.clone());
                self.decided.push(Decision::new(now, What::OrphanRemoved, about));
                Noted::OrphanRemoved
            }
            Verdict::Refused { .. } | Verdict::NoRoom { .. } => {
                if let Some(orphan) = orphan {
                    orphan.due = now + Limits::REFUSED_RETRY;
                }
                Noted::Refused
            }
            Verdict::ByHand(hand) => {
                if let Some(orphan) = orphan {
                    orphan.hand = Some(hand);
                }
                let about = About::Orphan(name.clone());
                self.decided.push(Decision::new(now, What::ByHand, about));
                Noted::ByHand
            }
            Verdict::Installed { .. } => Noted::Confirmed,
            Verdict::Failed(_) => Noted::Failed,
        }
    }
}

/// A control comes to the switch: how long it will stay there at least. True when that is twice as long as before.
fn place(entry: &mut Entry, recent: Option<&Recent>, now: Time) -> bool {
    if entry.placed.is_some() {
        return false;
    }
    if let Some(recent) = recent
        && now.since(recent.removed) < Limits::AGAIN
    {
        entry.hold = recent.hold.saturating_mul(2).min(Limits::LONGEST_HOLD);
        entry.not_before = recent.placed + Limits::AGAIN;
        return entry.hold > recent.hold;
    }
    false
}
