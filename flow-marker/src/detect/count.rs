//! Deciding by counts: a cumulative sum test (Page 1954) of "the flow has rate R" against "it has a fifth of it".
//!
//! The samples of a flow come like a Poisson process whose intensity goes with its rate. Each is worth the logarithm of
//! how much likelier R makes it; the time between them costs what makes R unlikely. No test of counts with so few false
//! alarms is faster.

use std::time::Duration;

use super::number::narrow;

/// The rate that is no elephant, as a share of R.
const MOUSE: f64 = 0.2;

/// ln(1 / [`MOUSE`]): the worth of a sample.
const WORTH: f64 = 1.609_437_912_434_1;

/// A false alarm per million seconds of a flow with a fifth of R at the usual 8.3 samples a second (detection by
/// simulation: `docs/DETECTION.md`).
const ALARM: f32 = 14.7;

/// Fewer samples prove nothing, whatever they stand for.
pub(super) const LEAST: u32 = 3;

/// The sum of a flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score(f32);

impl Score {
    /// Nothing is known.
    pub(super) const ZERO: Self = Self(0.0);

    /// What is left after `silent` at a threshold of `rate` bytes per second, when a sample stands for `largest` bytes
    /// at most. Zero: nothing before now is evidence.
    pub(super) fn after(self, silent: Duration, rate: f64, largest: f64) -> Self {
        let samples = rate * silent.as_secs_f64() / largest.max(1.0);
        let left = f64::from(self.0) - (1.0 - MOUSE) * samples;
        Self(narrow(left.max(0.0)))
    }

    /// With a sample of this `share` of the largest.
    pub(super) fn with(self, share: f64) -> Self {
        Self(self.0 + narrow(WORTH * share))
    }

    /// In units of a larger sample, which is worth more.
    pub(super) fn scaled(self, by: f64) -> Self {
        Self(self.0 * narrow(by))
    }

    /// Nothing speaks for an elephant.
    pub(super) fn is_zero(self) -> bool {
        self.0 <= 0.0
    }

    /// Enough speaks for an elephant.
    pub(super) fn is_alarm(self) -> bool {
        self.0 >= ALARM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples until the alarm, when they come so far apart in seconds; R is 12.5 MB/s and each stands for 1.5 MB.
    fn samples(apart: f64) -> Option<u32> {
        let mut score = Score::ZERO;
        (1..=1000).find(|_| {
            score = score
                .after(Duration::from_secs_f64(apart), 12.5e6, 1.5e6)
                .with(1.0);
            score.is_alarm()
        })
    }

    #[test]
    fn at_the_threshold_it_takes_eighteen_samples_and_below_a_fifth_it_never_comes() {
        assert_eq!(samples(0.12), Some(18));
        assert_eq!(samples(0.012), Some(10));
        assert_eq!(samples(0.6), None);
    }

    #[test]
    fn small_packets_are_worth_their_share() {
        let small = Score::ZERO.with(0.1);
        assert!(small.scaled(10.0) == Score::ZERO.with(1.0) || !small.is_zero());
        let score = Score::ZERO.with(0.5);
        assert!(score.after(Duration::from_secs(10), 12.5e6, 1.5e6).is_zero());
    }
}
