//! Who wants what.

use std::collections::btree_map::Entry as Slot;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;

use super::decision::{About, Decision, Ending, What};
use super::entry::{Entry, Holder, Person, Presence, Wish};
use super::view::State;
use super::{Desired, Limits};
use crate::actuator::{Control, Kind};
use crate::clock::Time;
use crate::config::Mode;
use crate::control::modes::Modes;

impl Entry {
    /// A decision about it, as it is now.
    pub(super) fn decision(&self, now: Time, what: What, modes: &Modes) -> Decision {
        let mode = match self.is_personal() {
            true => Mode::Act,
            false => modes.of(self.kind()),
        };
        Decision::new(now, what, About::Control(Box::new(self.view(modes, false)))).in_mode(mode)
    }
}

impl Desired {
    /// A control is wanted. Wanting it twice, by the same or another holder, is wanting it once.
    pub fn want(&mut self, wish: Wish) {
        self.want_at(wish.cause.detected, wish);
    }

    /// The same of what was detected some time before.
    pub fn want_at(&mut self, now: Time, wish: Wish) {
        if self.withdrawing || self.rests(now, &wish) {
            return;
        }
        let (name, before) = (wish.control.name.clone(), self.permit_any());
        let was_personal = self.is_personal(&name);
        let person = wish.cause.person.clone();
        let mut what = None;
        match self.entries.entry(name.clone()) {
            Slot::Occupied(mut slot) => {
                match (slot.get().is_wanted(), wish.holder) {
                    (false, _) => what = Some(What::Wanted),
                    (true, Holder::Person) => what = Some(What::Prolonged),
                    (true, _) => {}
                }
                slot.get_mut().want_again(&wish);
            }
            Slot::Vacant(slot) => {
                // An orphan has this name: most likely the same control, but only writing it makes sure.
                let (presence, is) = match self.orphans.remove(&wish.control.name) {
                    Some(_) => (Presence::Unknown, What::OrphanAdopted),
                    None => (Presence::Absent, What::Wanted),
                };
                what = Some(is);
                let hold = match wish.control.kind() {
                    Kind::Mark => self.limits.hold,
                    // Their controllers decide how long they last.
                    Kind::Capture | Kind::Drop => Duration::ZERO,
                };
                slot.insert(Entry::new(wish, presence, hold));
            }
        }
        if !was_personal && self.is_personal(&name) {
            self.personal += 1;
            self.permitted(now, before);
        }
        if let Some(what) = what {
            self.wanted(now, &name, what, person);
        }
    }

    /// A control that is wanted is to look like this from now on, whoever wants it; false when nobody does, or it is that.
    pub fn replace(&mut self, control: &Arc<Control>) -> bool {
        let entry = self.entries.get_mut(&control.name);
        entry.is_some_and(|entry| entry.is_wanted() && entry.become_another(control))
    }

    /// Whether a data source cannot have it now, since a person has released it a short while ago.
    fn rests(&mut self, now: Time, wish: &Wish) -> bool {
        let until = self.dismissed.get(&wish.control.name);
        let rests = until.is_some_and(|until| *until > now) && matches!(wish.holder, Holder::Source(_));
        if rests {
            let about = About::Traffic {
                kind: wish.control.kind(),
                text: wish.control.action.to_string(),
                cause: Some(Arc::clone(&wish.cause)),
            };
            let guarded = Decision::new(now, What::Guarded, about)
                .in_mode(self.modes.of(wish.control.kind()))
                .because("dismissed", "a person has released it a short while ago");
            self.decided.push(guarded);
        }
        rests
    }

    fn wanted(&mut self, now: Time, name: &AclName, what: What, person: Option<Person>) {
        let Some(entry) = self.entries.get(name) else {
            return;
        };
        let mut decision = entry.decision(now, what, &self.modes);
        if let Some(person) = person {
            if let Some(reason) = &person.reason {
                decision = decision.why(reason);
            }
            decision = decision.by(Some(person.who));
        }
        if what == What::OrphanAdopted {
            // It was taken over, and it is wanted: two decisions.
            self.decided.push(decision.clone());
            decision.what = What::Wanted;
        }
        if decision.view().is_some_and(|view| view.state == State::Observed) {
            decision.what = What::WouldHave;
        }
        self.decided.push(decision);
    }

    pub(super) fn is_personal(&self, name: &AclName) -> bool {
        self.entries.get(name).is_some_and(Entry::is_personal)
    }

    /// A holder does not want a control any more; when none does, it goes.
    pub fn release(&mut self, now: Time, name: &AclName, holder: Holder, last_sample: Time, why: Ending) {
        let (was_personal, before) = (self.is_personal(name), self.permit_any());
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        let was_wanted = entry.is_wanted();
        let mut released = entry.decision(now, What::Released, &self.modes).ending(why);
        entry.release(now, holder, last_sample);
        let is_over = was_wanted && !entry.is_wanted();
        if is_over && why == Ending::Configuration {
            // A person has said so: it goes at once.
            (entry.hold, entry.not_before) = (Duration::ZERO, Time::START);
        }
        self.not_personal(now, name, was_personal, before);
        if is_over {
            released.about = self.released(now, name).unwrap_or(released.about);
            self.decided.push(released);
        }
    }

    /// A control that nobody wants any more, as it is now. It is dropped when it is not on the switch.
    fn released(&mut self, now: Time, name: &AclName) -> Option<About> {
        let finished = self.take_over(now, name);
        let view = || Some(self.entries.get(name)?.view(&self.modes, false));
        finished.or_else(view).map(|view| About::Control(Box::new(view)))
    }

    /// A person wants a control away, at once and whoever wants it; false when there is none of this name. A data source
    /// that goes on to see its flow does not get it again for [`Limits::DISMISSED`]; controllers have their own rest.
    pub fn dismiss(&mut self, now: Time, name: &AclName, who: Option<Arc<str>>) -> bool {
        let (was_personal, before) = (self.is_personal(name), self.permit_any());
        let modes = self.modes;
        let Some(entry) = self.entries.get_mut(name).filter(|entry| entry.is_wanted()) else {
            return false;
        };
        let mut dismissed = entry.decision(now, What::Dismissed, &modes).by(who);
        dismissed.reason = Some("person");
        entry.withdraw(now);
        (entry.hold, entry.not_before) = (Duration::ZERO, Time::START);
        self.rest(now, name.clone(), now + Limits::DISMISSED);
        self.not_personal(now, name, was_personal, before);
        dismissed.about = self.released(now, name).unwrap_or(dismissed.about);
        self.decided.push(dismissed);
        true
    }

    /// A data source does not get a control until then: a person has released it, perhaps before this start.
    pub fn rest(&mut self, now: Time, name: AclName, until: Time) {
        self.dismissed.retain(|_, until| *until > now);
        self.dismissed.insert(name, until);
    }

    /// What data sources do not get, and until when.
    pub fn resting(&self, now: Time) -> impl Iterator<Item = (&AclName, Time)> {
        let resting = self.dismissed.iter().filter(move |(_, until)| **until > now);
        resting.map(|(name, until)| (name, *until))
    }

    fn not_personal(&mut self, now: Time, name: &AclName, was_personal: bool, before: bool) {
        if was_personal && !self.is_personal(name) {
            self.personal -= 1;
            self.permitted(now, before);
        }
    }

    /// Everything shall go, at once: the process ends.
    pub fn withdraw(&mut self, now: Time) {
        (self.withdrawing, self.personal) = (true, 0);
        let modes = self.modes;
        for entry in self.entries.values_mut() {
            if entry.is_wanted() {
                let released = entry.decision(now, What::Released, &modes);
                self.decided.push(released.ending(Ending::Stop));
            }
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

    /// Drops a control that is neither wanted nor on the switch, and says that it is over; false when it is not.
    pub(super) fn finish(&mut self, now: Time, name: &AclName) -> bool {
        let Some(view) = self.take_over(now, name) else {
            return false;
        };
        let mode = self.modes.of(view.control.kind());
        let removed = Decision::new(now, What::Removed, About::Control(Box::new(view)));
        self.decided.push(removed.in_mode(mode));
        true
    }

    fn take_over(&mut self, now: Time, name: &AclName) -> Option<super::View> {
        let entry = self.entries.get(name)?;
        if entry.is_wanted() || entry.in_flight.is_some() || entry.presence != Presence::Absent {
            return None;
        }
        Some(self.entries.remove(name)?.into_view(now, &self.modes))
    }
}
