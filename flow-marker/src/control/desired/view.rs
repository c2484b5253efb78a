//! A control as people see it.

use std::sync::Arc;

use shared::wire::ServerTiming;

use super::effect::Proof;
use super::entry::{Cause, Current, Entry, Person, Presence, Times, Trouble};
use crate::actuator::Control;
use crate::clock::Time;
use crate::config::Mode;
use crate::control::modes::Modes;

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
    /// Would be installed, were flow-marker not paused.
    Paused,
    /// The switch does not want it; tried again each minute.
    Refused,
    /// The switch could not be asked; tried again.
    Failed,
    /// Not wanted any more, and not known to be gone.
    Releasing,
    /// Over.
    Released,
    /// Wanted, but there is no place for it on the switch.
    OverBudget,
}

/// Whether a switch has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// It does not.
    No,
    /// It may: what was asked is not answered yet.
    Perhaps,
    /// It does.
    Yes,
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
    /// Whether its switch has it, as far as is known, whatever it should have.
    pub there: There,
    /// When what happened.
    pub times: Times,
    /// Where the time went at the server when it was installed.
    pub timing: Option<ServerTiming>,
    /// What its traffic was like lately; `None` before anybody has told.
    pub current: Option<Current>,
    /// Whether it works.
    pub proof: Proof,
    /// What is wrong, in the switch's own words where it has some.
    pub error: Option<String>,
    /// The person who wants it, if one does or did last.
    pub person: Option<Person>,
    /// Which earlier rule on the switch hides its own, in the switch's words.
    pub shadowed: Option<String>,
}

impl Entry {
    pub(super) fn state(&self, modes: &Modes, over_budget: bool) -> State {
        match (self.trouble(), &self.presence) {
            _ if !self.is_wanted() => State::Releasing,
            _ if modes.of(self.kind()) == Mode::Observe && !self.is_personal() => State::Observed,
            _ if modes.paused => State::Paused,
            (Some(Trouble::Refused { .. }), _) => State::Refused,
            (Some(Trouble::NoRoom { .. }), _) => State::OverBudget,
            (Some(Trouble::Failed { .. }), _) => State::Failed,
            (None, Presence::Installed(_)) => State::Installed,
            (None, _) if over_budget => State::OverBudget,
            (None, _) => State::Wanted,
        }
    }

    pub(super) fn view(&self, modes: &Modes, over_budget: bool) -> View {
        View {
            control: Arc::clone(&self.control),
            cause: Arc::clone(&self.cause),
            state: self.state(modes, over_budget),
            there: match &self.presence {
                Presence::Absent => There::No,
                Presence::Unknown => There::Perhaps,
                Presence::Installed(_) => There::Yes,
            },
            times: self.times,
            timing: self.timing,
            current: self.current,
            proof: *self.proving.proof(),
            error: self.trouble().map(|t| t.why().to_owned()),
            person: self.person.clone(),
            shadowed: self
                .shadowed
                .clone()
                .filter(|_| matches!(self.presence, Presence::Installed(_))),
        }
    }

    pub(super) fn into_view(self, now: Time, modes: &Modes) -> View {
        let mut view = self.view(modes, false);
        view.state = State::Released;
        // What was never on the switch was not removed from it.
        view.times.removed = view.times.installed.map(|_| now);
        view
    }
}
