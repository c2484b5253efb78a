//! The pause: everything of ours goes from all switches, and comes back when the pause ends.
//!
//! What is wanted is remembered meanwhile, so that nothing has to be found again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Time;
use crate::control::modes::Modes;
use crate::control::switches::Switches;

/// What somebody has said, since when, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Said {
    /// When; nanoseconds since 1970 (UTC), since it may have been before the start.
    pub since: u64,
    /// The caller of the API who said it last, as logs call him.
    pub caller: String,
    /// For whom he did it, in his own words.
    pub who: Option<String>,
    /// Why, in his own words.
    pub reason: Option<String>,
}

/// Whether all switches are paused.
#[derive(Debug, Default)]
pub struct Pause(Mutex<Option<Said>>);

impl Pause {
    fn lock(&self) -> MutexGuard<'_, Option<Said>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pauses all `switches`. A pause that goes on is said anew: by whom and why changes, since when does not.
    pub fn begin(&self, switches: &Switches, now: Time, mut paused: Said) {
        // Held to the end: who comes last must win on every switch.
        let mut pause = self.lock();
        paused.since = pause.as_ref().map_or(paused.since, |before| before.since);
        *pause = Some(paused);
        set(switches, now, true);
    }

    /// Ends the pause; false when there was none.
    pub fn end(&self, switches: &Switches, now: Time) -> bool {
        let mut pause = self.lock();
        let ended = pause.take().is_some();
        if ended {
            set(switches, now, false);
        }
        ended
    }

    /// What is known of the pause; `None` when there is none.
    pub fn read(&self) -> Option<Said> {
        self.lock().clone()
    }
}

fn set(switches: &Switches, now: Time, paused: bool) {
    switches.change_modes(now, |modes| Modes { paused, ..modes });
}
