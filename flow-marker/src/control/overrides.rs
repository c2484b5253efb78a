//! Modes that people set while flow-marker runs, beside those of the configuration.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::actuator::Kind;
use crate::clock::Time;
use crate::config::Mode;
use crate::control::modes::Modes;
use crate::control::pause::Said;
use crate::control::switches::Switches;

/// The modes of the controllers, as configured and as set. What is set counts until it is cleared, whatever the configuration
/// says meanwhile.
#[derive(Debug, Default)]
pub struct Overrides(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    configured: Modes,
    set: BTreeMap<Kind, Set>,
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
        Self(Mutex::new(All {
            configured,
            set: BTreeMap::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the configuration says.
    pub fn configured(&self, kind: Kind) -> Mode {
        self.lock().configured.of(kind)
    }

    /// The configuration says something else from now on, which counts where nothing is set.
    pub fn follow(&self, switches: &Switches, now: Time, configured: Modes) {
        // Held to the end: who comes last must win on every switch.
        let mut all = self.lock();
        all.configured = configured;
        for kind in Kind::ALL {
            if !all.set.contains_key(&kind) {
                switches.change_modes(now, |modes| modes.with(kind, configured.of(kind)));
            }
        }
    }

    /// What is set, controller by controller.
    pub fn read(&self) -> BTreeMap<Kind, Set> {
        self.lock().set.clone()
    }

    /// Sets the mode of a controller on all `switches`.
    pub fn set(&self, switches: &Switches, now: Time, kind: Kind, set: Set) {
        // Held to the end: who comes last must win on every switch.
        let mut all = self.lock();
        switches.change_modes(now, |modes| modes.with(kind, set.mode));
        all.set.insert(kind, set);
    }

    /// Back to what the configuration says; false when nothing else was set.
    pub fn clear(&self, switches: &Switches, now: Time, kind: Kind) -> bool {
        let mut all = self.lock();
        let configured = all.configured.of(kind);
        switches.change_modes(now, |modes| modes.with(kind, configured));
        all.set.remove(&kind).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::control::switches;
    use crate::inventory::Roster;

    #[test]
    fn what_a_person_has_set_outlasts_what_the_configuration_says_meanwhile() {
        let text = |mode| {
            format!("[mark]\nmode = \"{mode}\"\n[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n")
        };
        let config = |mode| Config::parse(Path::new("t"), &text(mode)).unwrap();
        let (observe, act) = (config("observe"), config("act"));
        let switches = Switches::new(Roster::of(&observe), &observe, Arc::default());
        let overrides = Overrides::new(switches::modes(&observe));
        let mode = || switches.all()[0].read(|desired| desired.modes().mark);
        overrides.follow(&switches, Time::START, switches::modes(&act));
        assert_eq!((mode(), overrides.configured(Kind::Mark)), (Mode::Act, Mode::Act));
        let said = Said {
            since: 1,
            caller: "ops".to_owned(),
            who: None,
            reason: None,
        };
        let set = Set {
            mode: Mode::Observe,
            said,
        };
        overrides.set(&switches, Time::START, Kind::Mark, set);
        for config in [&observe, &act] {
            overrides.follow(&switches, Time::START, switches::modes(config));
            assert_eq!(mode(), Mode::Observe);
            assert_eq!(overrides.configured(Kind::Mark), config.mark.mode);
        }
        assert!(overrides.clear(&switches, Time::START, Kind::Mark));
        assert_eq!(mode(), Mode::Act, "what the configuration says by now");
    }
}
