//! Says in the log who was turned away: the first in each second, and how many more, of those with wrong credentials and of
//! those with none. Otherwise whoever wants to can fill the journal, or hide in it.
#![expect(
    clippy::disallowed_methods,
    reason = "the driver of its state machine: it reads the clock for the log"
)]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::peer::Peer;
use super::Refusal;

const REST: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Doorman {
    wrong: Mutex<Quiet>,
    needed: Mutex<Quiet>,
}

impl Doorman {
    pub(super) fn turned_away(&self, peer: &Peer, refusal: &Refusal) {
        let now = Instant::now();
        let (quiet, why) = match refusal {
            Refusal::Wrong => (&self.wrong, "wrong credentials"),
            Refusal::Needed(why) => (&self.needed, why.as_str()),
        };
        let speak = quiet.lock().unwrap_or_else(PoisonError::into_inner).speak(now);
        let Some(unsaid) = speak else { return };
        tracing::warn!(%peer, why, before = unsaid, "a request was turned away");
    }
}

#[derive(Debug, Default)]
struct Quiet {
    spoke: Option<Instant>,
    unsaid: u64,
}

impl Quiet {
    /// Whether to speak, and how often it was not done since the last time.
    fn speak(&mut self, now: Instant) -> Option<u64> {
        if self
            .spoke
            .is_some_and(|spoke| now.saturating_duration_since(spoke) < REST)
        {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.spoke = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_a_while_with_all_that_was_unsaid() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.speak(now), Some(0));
        assert_eq!(quiet.speak(now + REST / 2), None);
        assert_eq!(quiet.speak(now + REST / 2), None);
        assert_eq!(quiet.speak(now + REST), Some(2));
        assert_eq!(quiet.speak(now + REST * 3), Some(0));
    }
}
