//! One control and what is known of it.

use std::net::IpAddr;
use std::sync::Arc;

use shared::units::BitRate;
use shared::wire::ServerTiming;

use super::Limits;
use crate::actuator::Control;
use crate::clock::Time;
use crate::config::Mode;
use crate::detect::Evidence;
use crate::sflow::DataSource;

/// Why a control is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The agent that saw the flow enter.
    pub agent: IpAddr,
    /// ifIndex of the port it entered by.
    pub port: u32,
    /// The port's name, if known.
    pub port_name: Option<Arc<str>>,
    /// When the flow was found.
    pub detected: Time,
    /// What was found.
    pub evidence: Evidence,
}

/// A control and who wants it.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What is wanted.
    pub control: Arc<Control>,
    /// The data source that sees the flow.
    pub source: DataSource,
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
    /// The switch did not answer; the loop decides when it is asked again.
    Failed { why: String },
}

impl Trouble {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Refused { why, .. } | Self::Failed { why } => why,
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

/// The state of a control as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// To be installed as soon as possible.
    Wanted,
    /// On the switch.
    Installed,
    /// Would have been installed, in mode `observe`.
    Observed,
    /// The switch does not want it; tried again each minute.
    Refused,
    /// The switch could not be asked; tried again.
    Failed,
    /// Not wanted any more, and not known to be gone.
    Releasing,
    /// Over.
    Released,
    /// Wanted, but `max_rules` are on the switch.
    OverBudget,
}

/// A control as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What is, or was, wanted.
    pub control: Arc<Control>,
    /// Why.
    pub cause: Arc<Cause>,
    /// How far it is.
    pub state: State,
    /// When what happened.
    pub times: Times,
    /// Where the time went at the server when it was installed.
    pub timing: Option<ServerTiming>,
    /// What is wrong, in the switch's own words where it has some.
    pub error: Option<String>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) control: Arc<Control>,
    cause: Arc<Cause>,
    /// The data sources that see the flow. Rarely more than one, never more than the switch has.
    sources: Vec<DataSource>,
    pub(super) presence: Presence,
    /// While a change is under way: what was known before.
    pub(super) in_flight: Option<Presence>,
    /// What went wrong last; see [`Entry::trouble`].
    pub(super) trouble: Option<Trouble>,
    pub(super) times: Times,
    pub(super) timing: Option<ServerTiming>,
}

impl Entry {
    pub(super) fn new(wish: Wish, presence: Presence) -> Self {
        Self {
            control: wish.control,
            cause: wish.cause,
            sources: vec![wish.source],
            presence,
            in_flight: None,
            trouble: None,
            times: Times::default(),
            timing: None,
        }
    }

    pub(super) fn want_again(&mut self, wish: &Wish) {
        self.times.ended = None;
        if !self.sources.contains(&wish.source) {
            self.sources.push(wish.source);
        }
    }

    pub(super) fn release(&mut self, now: Time, source: DataSource, last_sample: Time) {
        let wanted = self.is_wanted();
        self.sources.retain(|s| *s != source);
        if wanted && !self.is_wanted() {
            self.times.ended = Some(last_sample.min(now));
        }
    }

    pub(super) fn withdraw(&mut self, now: Time) {
        self.sources.clear();
        self.times.ended.get_or_insert(now);
    }

    pub(super) fn begin(&mut self, now: Time, install: bool) {
        if install {
            self.times.put_sent.get_or_insert(now);
        }
        self.in_flight = Some(std::mem::replace(&mut self.presence, Presence::Unknown));
    }

    pub(super) const fn is_wanted(&self) -> bool {
        !self.sources.is_empty()
    }

    /// What is wrong, as far as it concerns what is wanted now. That the switch did not remove a control is nothing
    /// wrong with one that is wanted again, and the other way round.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| match trouble {
            Trouble::Refused { install, .. } => *install == self.is_wanted(),
            Trouble::Failed { .. } => true,
        })
    }

    /// Wanted and in need of a place on the switch.
    pub(super) fn waits(&self) -> bool {
        self.is_wanted() && self.presence == Presence::Absent
    }

    pub(super) fn rate(&self) -> BitRate {
        self.cause.evidence.rate
    }

    /// When this control may be installed, or else removed.
    pub(super) fn due(&self, limits: &Limits, withdrawing: bool, to_install: bool) -> Time {
        if withdrawing {
            return Time::START;
        }
        let held = match self.times.installed {
            Some(installed) if !self.is_wanted() => installed + limits.hold,
            _ => Time::START,
        };
        match &self.trouble {
            Some(Trouble::Refused { install, retry, .. }) if *install == to_install => held.max(*retry),
            _ => held,
        }
    }

    /// `found` is the etag that the switch has under this name now.
    pub(super) fn compare(&mut self, found: Option<String>) {
        // The switch answers again, so what is to be done is clear again.
        self.trouble = self
            .trouble
            .take()
            .filter(|t| matches!(t, Trouble::Refused { .. }));
        self.presence = match (found, std::mem::replace(&mut self.presence, Presence::Unknown)) {
            (None, _) => Presence::Absent,
            (Some(etag), Presence::Installed(None)) => Presence::Installed(Some(etag)),
            (Some(etag), Presence::Installed(Some(known))) if etag == known => {
                Presence::Installed(Some(known))
            }
            // Somebody changed it, or it came from a request whose reply was lost: only a PUT makes sure.
            (Some(_), _) => Presence::Unknown,
        };
    }

    pub(super) fn state(&self, mode: Mode, over_budget: bool) -> State {
        match (self.trouble(), &self.presence) {
            _ if mode == Mode::Observe => State::Observed,
            _ if !self.is_wanted() => State::Releasing,
            (Some(Trouble::Refused { .. }), _) => State::Refused,
            (Some(Trouble::Failed { .. }), _) => State::Failed,
            (None, Presence::Installed(_)) => State::Installed,
            (None, _) if over_budget => State::OverBudget,
            (None, _) => State::Wanted,
        }
    }

    pub(super) fn view(&self, mode: Mode, over_budget: bool) -> View {
        View {
            control: Arc::clone(&self.control),
            cause: Arc::clone(&self.cause),
            state: self.state(mode, over_budget),
            times: self.times,
            timing: self.timing,
            error: self.trouble().map(|t| t.why().to_owned()),
        }
    }

    pub(super) fn into_view(self, now: Time, mode: Mode) -> View {
        let mut view = self.view(mode, false);
        view.state = State::Released;
        // What was never on the switch was not removed from it.
        view.times.removed = view.times.installed.map(|_| now);
        view
    }
}
