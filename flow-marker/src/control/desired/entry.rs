//! One control and what is known of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::units::BitRate;
use shared::wire::ServerTiming;

use super::effect::Proving;
use crate::actuator::{Control, Hand, Kind};
use crate::clock::Time;
use crate::detect::Evidence;
use crate::engine::Hold;
use crate::sflow::DataSource;

/// Why a control is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The agent that saw the traffic.
    pub agent: IpAddr,
    /// ifIndex of the port it entered by.
    pub port: u32,
    /// The port's name, if known.
    pub port_name: Option<Arc<str>>,
    /// When it was found.
    pub detected: Time,
    /// What was found.
    pub evidence: Evidence,
    /// How long samples wait at the agent, if that is known.
    pub hold: Option<Hold>,
    /// What else there is to say, for people: the blacklist and its entry, the kind of attack.
    pub about: Option<Arc<str>>,
    /// Of what a person wants: who, and why.
    pub person: Option<Person>,
}

/// Who wants a control by hand, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The caller of the API, as logs call him.
    pub who: Arc<str>,
    /// Why, in his own words.
    pub reason: Option<Arc<str>>,
    /// Until when.
    pub until: Time,
}

/// Who wants a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The detector, as long as this data source sees the flow.
    Source(DataSource),
    /// The controller that the control is of.
    Controller,
    /// A person.
    Person,
}

/// What the traffic of a control was like lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Current {
    /// Its rate.
    pub rate: BitRate,
    /// Its last sample.
    pub last_sample: Time,
}

/// A control and who wants it.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What is wanted.
    pub control: Arc<Control>,
    /// Who wants it.
    pub holder: Holder,
    /// Why.
    pub cause: Arc<Cause>,
}

/// What is known of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    /// It does not have the control.
    Absent,
    /// It may have it, or something else of this name.
    Unknown,
    /// It has it; the etag is `None` until the switch has told one.
    Installed(Option<String>),
}

/// Why a control is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The switch does not want it installed, or not removed. That says nothing about the other change.
    Refused { install: bool, why: String, retry: Time },
    /// It would not fit on the switch.
    NoRoom { why: String, retry: Time },
    /// The switch did not answer; the loop decides when it is asked again.
    Failed { why: String },
}

impl Trouble {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Refused { why, .. } | Self::NoRoom { why, .. } | Self::Failed { why } => why,
        }
    }
}

/// When things happened to a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The first request to install it.
    pub put_sent: Option<Time>,
    /// The switch had it for the first time.
    pub installed: Option<Time>,
    /// The last sample of the flow, once that has ended.
    pub ended: Option<Time>,
    /// The switch no longer had it.
    pub removed: Option<Time>,
}

/// What a control is worth when there is no room for all: what is not wanted any more goes first, what people want goes last, marks before
/// captures before drops, then small flows before large ones.
pub(super) type Value = (bool, bool, Kind, BitRate);

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) control: Arc<Control>,
    pub(super) cause: Arc<Cause>,
    /// Who wants it. Rarely more than one, never more than the data sources of the switch and two.
    holders: Vec<Holder>,
    pub(super) presence: Presence,
    /// While a change is under way: what was known before.
    pub(super) in_flight: Option<Presence>,
    /// What went wrong last; see [`Entry::trouble`].
    pub(super) trouble: Option<Trouble>,
    /// What a hand has put in its place, which the next change is to replace.
    pub(super) hand: Option<Hand>,
    /// What hides its rules, as the switch has told when it was there.
    pub(super) shadowed: Option<String>,
    pub(super) times: Times,
    pub(super) timing: Option<ServerTiming>,
    /// The rate of the traffic it is about, as it was told last.
    rate: BitRate,
    pub(super) current: Option<Current>,
    pub(super) proving: Proving,
    /// Hardware entries, as the switch has told, or else counted.
    pub(super) entries: u64,
    /// It stays at least this long after it was installed.
    pub(super) hold: Duration,
    /// And, having been on the switch a short while ago, until then.
    pub(super) not_before: Time,
    /// When it came to the switch, or may have come; `None` once we have removed it.
    pub(super) placed: Option<Time>,
    /// It is being put there just now, and was not there before.
    placing: bool,
    /// The person who wants it, or wanted it last.
    pub(super) person: Option<Person>,
    /// It was said that there is no place for it.
    pub(super) said_over: bool,
    /// It was said that it gives up its place.
    pub(super) said_displaced: bool,
}

impl Entry {
    pub(super) fn new(wish: Wish, presence: Presence, hold: Duration) -> Self {
        Self {
            entries: wish.control.entries(),
            rate: wish.cause.evidence.rate,
            current: None,
            proving: Proving::default(),
            person: wish.cause.person.clone(),
            control: wish.control,
            cause: wish.cause,
            holders: vec![wish.holder],
            presence,
            in_flight: None,
            trouble: None,
            hand: None,
            shadowed: None,
            times: Times::default(),
            timing: None,
            hold,
            not_before: Time::START,
            placed: None,
            placing: false,
            said_over: false,
            said_displaced: false,
        }
    }

    pub(super) fn want_again(&mut self, wish: &Wish) {
        self.times.ended = None;
        self.become_another(&wish.control);
        // A person does not say how large a flow is.
        if wish.holder != Holder::Person {
            self.rate = wish.cause.evidence.rate;
        }
        if wish.cause.person.is_some() {
            self.person.clone_from(&wish.cause.person);
        }
        if !self.holders.contains(&wish.holder) {
            self.holders.push(wish.holder);
        }
    }

    /// It is to look like this from now on, under the same name; false when it does. What the switch has is replaced in its place.
    pub(super) fn become_another(&mut self, control: &Arc<Control>) -> bool {
        if self.control == *control {
            return false;
        }
        self.control = Arc::clone(control);
        self.entries = control.entries();
        // Whatever was wrong was so with the other one.
        self.trouble = None;
        for presence in [Some(&mut self.presence), self.in_flight.as_mut()]
            .into_iter()
            .flatten()
        {
            if matches!(presence, Presence::Installed(_)) {
                *presence = Presence::Unknown;
            }
        }
        self.proving.gone();
        true
    }

    /// Its traffic goes on, at this rate. That of a mark that a person wants counts too: he did not say how large it is.
    pub(super) const fn progress(&mut self, current: Current) {
        self.rate = current.rate;
        self.current = Some(current);
    }

    pub(super) fn release(&mut self, now: Time, holder: Holder, last_sample: Time) {
        let wanted = self.is_wanted();
        self.holders.retain(|h| *h != holder);
        if wanted && !self.is_wanted() {
            self.times.ended = Some(last_sample.min(now));
        }
    }

    pub(super) fn withdraw(&mut self, now: Time) {
        self.holders.clear();
        self.times.ended.get_or_insert(now);
    }

    pub(super) fn begin(&mut self, now: Time, install: bool) {
        if install {
            self.times.put_sent.get_or_insert(now);
            self.placing = self.placed.is_none();
            self.placed.get_or_insert(now);
            self.proving.sent(self.kind() == Kind::Mark);
            (self.said_over, self.said_displaced) = (false, false);
        } else {
            self.proving.unsettle();
        }
        self.in_flight = Some(std::mem::replace(&mut self.presence, Presence::Unknown));
    }

    /// The request is over, and has put it there now, or has not; `None`: nobody knows, so it may be there.
    pub(super) fn settle(&mut self, placed: Option<bool>, now: Time) {
        if std::mem::take(&mut self.placing)
            && let Some(placed) = placed
        {
            self.placed = placed.then_some(now);
        }
    }

    pub(super) const fn is_wanted(&self) -> bool {
        !self.holders.is_empty()
    }

    /// Whether a person wants it.
    pub(super) fn is_personal(&self) -> bool {
        self.holders.contains(&Holder::Person)
    }

    pub(super) fn kind(&self) -> Kind {
        self.control.kind()
    }

    /// What is wrong, as far as it concerns what is wanted now. That the switch did not remove a control is nothing
    /// wrong with one that is wanted again, and the other way round.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| match trouble {
            Trouble::Refused { install, .. } => *install == self.is_wanted(),
            Trouble::NoRoom { .. } => self.is_wanted(),
            Trouble::Failed { .. } => true,
        })
    }

    /// Wanted, and in need of a place on the switch.
    pub(super) fn waits(&self) -> bool {
        self.is_wanted() && self.presence == Presence::Absent
    }

    pub(super) fn value(&self) -> Value {
        (self.is_wanted(), self.is_personal(), self.kind(), self.rate)
    }

    /// Whether this control should have the place of `other`: it is of a kind that matters more, or its flow is larger by
    /// so much that an exchange, which costs two commits, is worth it.
    pub(super) fn outdoes(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.rate.bits_per_second(), other.rate.bits_per_second());
        let weight = |entry: &Self| (entry.is_personal(), entry.kind());
        weight(self) > weight(other)
            || (weight(self) == weight(other) && mine > theirs.saturating_add(theirs / 4))
    }

    /// Until when it stays although it is not wanted any more.
    pub(super) fn held_until(&self) -> Time {
        match self.placed {
            Some(placed) => (placed + self.hold).max(self.not_before),
            None => Time::START,
        }
    }

    /// When a change that the switch has refused is tried again.
    pub(super) fn retry(&self, to_install: bool) -> Time {
        match &self.trouble {
            Some(Trouble::Refused { install, retry, .. }) if *install == to_install => *retry,
            Some(Trouble::NoRoom { retry, .. }) if to_install => *retry,
            _ => Time::START,
        }
    }

    /// `found` is the etag that the switch has under this name now, and what it takes there.
    pub(super) fn compare(&mut self, found: Option<(String, u64)>) {
        // The switch answers again, so what is to be done is clear again.
        self.trouble = self
            .trouble
            .take()
            .filter(|t| !matches!(t, Trouble::Failed { .. }));
        // If it still matters, the switch will say so again.
        self.hand = None;
        if let Some((_, entries @ 1..)) = &found {
            self.entries = *entries;
        }
        let found = found.map(|(etag, _)| etag);
        if found.is_none() && self.times.installed.is_none() {
            self.placed = None;
        }
        self.presence = match (found, std::mem::replace(&mut self.presence, Presence::Unknown)) {
            (None, _) => Presence::Absent,
            (Some(etag), Presence::Installed(None)) => Presence::Installed(Some(etag)),
            (Some(etag), Presence::Installed(Some(known))) if etag == known => {
                Presence::Installed(Some(known))
            }
            // Somebody changed it, or it came from a request whose reply was lost: only writing it makes sure.
            (Some(_), _) => Presence::Unknown,
        };
        match self.presence {
            Presence::Installed(_) => {}
            Presence::Unknown => self.proving.unsettle(),
            Presence::Absent => self.proving.gone(),
        }
    }
}
