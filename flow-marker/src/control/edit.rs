//! What a controller wants of a switch.

use std::sync::Arc;
use std::time::Duration;

use shared::AclName;

use crate::actuator::Control;
use crate::clock::Time;
use crate::control::desired::{Ending, Holder, Wish};
use crate::control::switch::Switch;

/// How long a capture or a drop of a controller stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    /// When its traffic was seen last.
    pub last: Time,
    /// It ends before `until` when nothing was seen of its traffic for so long; `None`: it does not.
    pub quiet: Option<Duration>,
    /// It ends then; a drop whose attack goes on does not.
    pub until: Time,
}

/// A change of what is desired of one switch.
#[derive(Debug, Clone)]
pub enum Edit {
    /// A control is wanted.
    Want {
        /// The position of the switch in the inventory.
        switch: usize,
        /// What, and why.
        wish: Wish,
    },
    /// A control that is wanted is to look otherwise.
    Replace {
        /// The position of the switch in the inventory.
        switch: usize,
        /// How.
        control: Arc<Control>,
    },
    /// Whoever wanted it does not want it any more.
    Release {
        /// The position of the switch in the inventory.
        switch: usize,
        /// The control.
        name: AclName,
        /// Who wanted it.
        holder: Holder,
        /// The last that was seen of its reason.
        last: Time,
        /// Why.
        why: Ending,
    },
}

impl Edit {
    /// The position of the switch in the inventory.
    pub const fn switch(&self) -> usize {
        match self {
            Self::Want { switch, .. } | Self::Replace { switch, .. } | Self::Release { switch, .. } => {
                *switch
            }
        }
    }

    /// Makes it of its switch.
    pub fn make(self, now: Time, switch: &Switch) {
        switch.edit(|desired| match self {
            Self::Want { wish, .. } => desired.want(wish),
            Self::Replace { control, .. } => drop(desired.replace(&control)),
            Self::Release {
                name,
                holder,
                last,
                why,
                ..
            } => desired.release(now, &name, holder, last, why),
        });
        switch.notify();
    }
}
