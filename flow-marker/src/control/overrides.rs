//! Modes that people set while flow-marker runs, beside those of the configuration.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::actuator::Kind;
use crate::clock::Time;
use crate::config::Mode;
use crate::control::modes::Modes;
use crate::control::pause::Said;
use crate::control::switches::Switches;

/// The modes of the controllers, as configured and as set.
#[derive(Debug, Default)]
pub struct Overrides {
    configured: Modes,
    set: Mutex<BTreeMap<Kind, Set>>,
}

/// A mode that somebody has set.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Set {
    /// The mode.
    pub mode: Mode,
    /// By whom, since when and why.
    #[serde(flatten)]
    pub said: Said,
}

impl Overrides {
    /// As the configuration says.
    pub const fn new(configured: Modes) -> Self {
        Self {
            configured,
            set: Mutex::new(BTreeMap::new()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Set>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the configuration says.
    pub const fn configured(&self, kind: Kind) -> Mode {
        self.configured.of(kind)
    }

    /// What is set, controller by controller.
    pub fn read(&self) -> BTreeMap<Kind, Set> {
        self.lock().clone()
    }

    /// Sets the mode of a controller on all `switches`.
    pub fn set(&self, switches: &Switches, now: Time, kind: Kind, set: Set) {
        // Held to the end: who comes last must win on every switch.
        let mut all = self.lock();
        switches.change_modes(now, |modes| modes.with(kind, set.mode));
        all.insert(kind, set);
    }

    /// Back to what the configuration says; false when nothing else was set.
    pub fn clear(&self, switches: &Switches, now: Time, kind: Kind) -> bool {
        let mut all = self.lock();
        let configured = self.configured.of(kind);
        switches.change_modes(now, |modes| modes.with(kind, configured));
        all.remove(&kind).is_some()
    }
}
