//! What rules do to packets, as far as it matters who may ask for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::eb_rule::{EbRule, EbTarget, Verdict};
use super::policy::{Policy, Statement};
use super::target::Target;

/// One kind of thing that a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Changes a priority: DSCP, class of service, queue, or the mark of ebtables.
    Mark,
    /// Copies packets to somebody.
    Capture,
    /// May discard packets: DROP, policers, and LOG, which comes with its DROP.
    Drop,
    /// Lets packets pass by the rules that follow.
    Permit,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Mark, Self::Capture, Self::Drop, Self::Permit];

    /// Its name, as in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Capture => "capture",
            Self::Drop => "drop",
            Self::Permit => "permit",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of actions. In serde a list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Action>", into = "Vec<Action>")]
pub struct Actions(u8);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);
    /// Every action.
    pub const ALL: Self = Self(0b1111);

    /// Whether the action is in the set.
    #[must_use]
    pub const fn contains(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// What is in one of the two.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in the other: of what is asked for, what is not allowed.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The actions, in the order of [`Action::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL
            .into_iter()
            .filter(move |action| self.contains(*action))
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |bits, action| bits | action.bit()))
    }
}

impl From<Action> for Actions {
    fn from(action: Action) -> Self {
        Self(action.bit())
    }
}

impl From<Vec<Action>> for Actions {
    fn from(actions: Vec<Action>) -> Self {
        actions.into_iter().collect()
    }
}

impl From<Actions> for Vec<Action> {
    fn from(actions: Actions) -> Self {
        actions.iter().collect()
    }
}

/// `mark, drop`.
impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Action::name).collect();
        f.write_str(&names.join(", "))
    }
}

impl Target {
    /// What it does: all of it, so a policer that sets a class or a DSCP also marks. What is not known may do anything.
    pub fn actions(&self) -> Actions {
        let marks = |sets: bool| Actions(u8::from(sets) * Action::Mark.bit());
        match self {
            Self::Accept => Action::Permit.into(),
            Self::Drop | Self::Log { .. } => Action::Drop.into(),
            Self::SetQos { .. } | Self::Dscp(_) | Self::SetClass(_) => Action::Mark.into(),
            Self::Police(police) => marks(police.class.is_some()).union(Action::Drop.into()),
            Self::TriColorPolice(police) => {
                let dscp = [police.conform_dscp, police.exceed_dscp, police.violate_dscp];
                marks(dscp.iter().any(Option::is_some)).union(Action::Drop.into())
            }
            Self::Span(_) | Self::ErSpan { .. } => Action::Capture.into(),
            Self::Opaque(_) => Actions::ALL,
        }
    }
}

impl EbRule {
    /// What it does: all of it. `mark` lets the frame pass unless it says otherwise.
    pub fn actions(&self) -> Actions {
        match &self.target {
            EbTarget::Switch(target) => target.actions(),
            EbTarget::Mark(Verdict::Continue) => Action::Mark.into(),
            EbTarget::Mark(Verdict::Accept) => [Action::Mark, Action::Permit].into_iter().collect(),
            EbTarget::Mark(Verdict::Drop) => [Action::Mark, Action::Drop].into_iter().collect(),
            EbTarget::Opaque => Actions::ALL,
        }
    }
}

impl Policy {
    /// What its rules do, taken together.
    pub fn actions(&self) -> Actions {
        let actions = self.statements().map(|(_, statement)| match statement {
            Statement::Rule(rule) => rule.target.actions(),
            Statement::EbRule(rule) => rule.actions(),
            _ => Actions::NONE,
        });
        actions.fold(Actions::NONE, Actions::union)
    }
}
