//! How many controls are in which state.

use super::{Desired, State};

/// Controls of one switch, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// [`State::Wanted`]
    pub wanted: usize,
    /// [`State::Installed`]
    pub installed: usize,
    /// [`State::Observed`]
    pub observed: usize,
    /// [`State::Paused`]
    pub paused: usize,
    /// [`State::Refused`]
    pub refused: usize,
    /// [`State::Failed`]
    pub failed: usize,
    /// [`State::Releasing`]
    pub releasing: usize,
    /// [`State::OverBudget`]
    pub over_budget: usize,
    /// Controls of ours on the switch that nobody wants.
    pub orphans: usize,
}

impl Tally {
    /// Controls that should be on the switch, those over budget included.
    pub const fn desired(&self) -> usize {
        self.wanted
            + self.installed
            + self.observed
            + self.paused
            + self.refused
            + self.failed
            + self.over_budget
    }

    const fn count(&mut self, state: State) {
        *match state {
            State::Wanted => &mut self.wanted,
            State::Installed => &mut self.installed,
            State::Observed => &mut self.observed,
            State::Paused => &mut self.paused,
            State::Refused => &mut self.refused,
            State::Failed => &mut self.failed,
            State::Releasing | State::Released => &mut self.releasing,
            State::OverBudget => &mut self.over_budget,
        } += 1;
    }
}

impl Desired {
    /// Counts all controls.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            orphans: self.orphans(),
            ..Tally::default()
        };
        let over = self.over();
        for (name, entry) in &self.entries {
            tally.count(entry.state(&self.modes, over.contains(name)));
        }
        tally
    }
}
