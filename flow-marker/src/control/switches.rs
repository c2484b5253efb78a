//! The switches of the roster, each with what it should have. There is one for every member of the roster, as soon as
//! anybody looks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::actuator::Kind;
use crate::clock::Time;
use crate::config::Config;
use crate::control::desired::Limits;
use crate::control::journal::Journal;
use crate::control::modes::Modes;
use crate::control::switch::Switch;
use crate::inventory::Roster;

/// All switches.
#[derive(Debug)]
pub struct Switches {
    roster: Arc<Roster>,
    journal: Arc<Journal>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    list: Arc<[Arc<Switch>]>,
    limits: Limits,
    /// What the controllers may do on a switch that is new.
    modes: Modes,
}

impl Switches {
    /// Those of the roster, with the modes of the configuration. What is decided on them goes into `journal`.
    pub fn new(roster: Arc<Roster>, config: &Config, journal: Arc<Journal>) -> Self {
        Self {
            roster,
            journal,
            state: Mutex::new(State {
                list: Arc::default(),
                limits: limits(config),
                modes: modes(config),
            }),
        }
    }

    /// The state, complete.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = self.roster.iter().skip(state.list.len()).peekable();
        if new.peek().is_some() {
            let new = new.map(|member| {
                let modes = (state.limits, state.modes);
                Arc::new(Switch::new(&member, modes, Arc::clone(&self.journal)))
            });
            state.list = state.list.iter().cloned().chain(new).collect();
        }
        state
    }

    /// All of them, retired ones too, in order of their places in the roster.
    pub fn all(&self) -> Arc<[Arc<Switch>]> {
        Arc::clone(&self.lock().list)
    }

    /// The switch in this place of the roster, unless it is retired: nothing can be wanted of it any more.
    pub fn get(&self, index: usize) -> Option<Arc<Switch>> {
        let switch = self.lock().list.get(index).cloned()?;
        (!switch.retirement.requested()).then_some(switch)
    }

    /// Changes what the controllers may do, on all of them and on those to come.
    pub fn change_modes(&self, now: Time, change: impl Fn(Modes) -> Modes) {
        // Held to the end: who comes last must win on every switch.
        let mut state = self.lock();
        state.modes = change(state.modes);
        for switch in state.list.iter() {
            switch.change_modes(now, &change);
        }
    }

    /// What the controllers may do on a switch that is new, and on all others unless they are retired.
    pub fn modes(&self) -> Modes {
        self.lock().modes
    }

    /// Works by the numbers of a configuration from now on, on all of them and on those to come.
    pub fn follow(&self, config: &Config) {
        let limits = limits(config);
        let mut state = self.lock();
        if state.limits == limits {
            return;
        }
        state.limits = limits;
        self.journal.set_budget(limits.max_rules);
        for switch in state.list.iter() {
            switch.edit(|desired| desired.set_limits(limits));
            switch.notify();
        }
    }

    /// Who they are.
    pub const fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// What was decided.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        hold: config.mark.hold,
        max_rules: config.mark.max_rules,
    }
}

/// What the controllers may do as the configuration says.
pub fn modes(config: &Config) -> Modes {
    Modes::default()
        .with(Kind::Mark, config.mark.mode)
        .with(Kind::Capture, config.capture.mode)
        .with(Kind::Drop, config.drop.mode)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn a_switch_that_comes_during_a_pause_is_paused() {
        let text = "[mark]\nmode = \"act\"\n[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[fabric]\nagents = [\"10.0.0.0/24\"]\nacl = \"http://{agent}\"\n";
        let config = Config::parse(Path::new("t"), text).unwrap();
        let metrics = Arc::new(Metrics::new(1));
        let roster = Arc::new(Roster::new(&config, &metrics));
        let switches = Switches::new(Arc::clone(&roster), &config, Arc::default());
        let before = switches.all();
        let paused = |modes| Modes {
            paused: true,
            ..modes
        };
        switches.change_modes(Time::START, paused);
        let agent = "10.0.0.2".parse().unwrap();
        roster.meet(agent, agent).unwrap();
        let after = switches.all();
        assert_eq!((before.len(), after.len()), (1, 2));
        assert!(Arc::ptr_eq(&before[0], &after[0]));
        for switch in after.iter() {
            assert!(switch.read(|desired| desired.modes().paused));
        }
        assert_eq!(switches.get(1).unwrap().config.agent, agent);
        assert!(switches.get(2).is_none());
    }
}
