//! Deciding by counts: a cumulative sum test (Page 1954) of "the flow has rate R" against "it has a part of it".
//!
//! The samples of a flow come like a Poisson process whose intensity goes with its rate. Each is worth the logarithm of
//! how much likelier R makes it; the time between them costs what makes R unlikely. No test of counts with so few false
//! alarms is faster.

use std::time::Duration;

use super::candidate::share;
use super::number::narrow;

/// The alternative: the rate that is no elephant.
///
/// Few samples can only tell R from a fifth of it. Where B bytes of evidence are many samples, these tell R from a larger
/// part, and a test that did not use them would be too quick: a burst of milliseconds would do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Test {
    /// 1 − the mouse's share of R.
    distance: f64,
    /// What a sample is worth: ln(R / mouse).
    worth: f64,
}

/// At R and the usual 8.3 samples a second, a false alarm per million seconds of a flow with a fifth of R.
const ALARM: f32 = 14.7;

/// Fewer samples prove nothing, whatever they stand for.
pub(super) const LEAST: u32 = 3;

impl Test {
    /// The test that takes about `evidence` bytes of a flow of rate R whose samples stand for `largest` bytes.
    pub(super) fn new(evidence: f64, largest: f64) -> Self {
        // Each of the samples is to bring this much: −ln(1 − u) − u for the distance u, whose inverse this series is.
        let each = f64::from(ALARM) * largest / evidence.max(1.0);
        // So it is wherever B is fewer than eighteen samples, and saves half of what the test of a sample costs.
        if each >= Self::MOST {
            return Self::FIFTH;
        }
        let s = (2.0 * each).sqrt();
        let distance = s * (1.0 - s * (1.0 / 3.0 - s * (1.0 / 36.0 + s / 270.0)));
        Self {
            distance,
            worth: distance + each,
        }
    }

    /// ln 5 − 0.8: what a sample at R is worth on average against a fifth of R.
    const MOST: f64 = 0.809_437_912_434_1;

    /// Against a fifth of R.
    const FIFTH: Self = Self {
        distance: 0.799_647_792_649_950_8,
        worth: 1.609_085_705_084_050_8,
    };
}

/// The sum of a flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score(f32);

impl Score {
    /// Nothing is known.
    pub(super) const ZERO: Self = Self(0.0);

    /// What is left after `silent` at a threshold of `rate` bytes per second, when a sample stands for `largest` bytes
    /// at most. Zero: nothing before now is evidence.
    pub(super) fn after(self, silent: Duration, rate: f64, largest: f64, test: &Test) -> Self {
        let samples = rate * silent.as_secs_f64() / largest.max(1.0);
        let left = f64::from(self.0) - test.distance * samples;
        Self(narrow(left.max(0.0)))
    }

    /// With a sample of this `share` of the largest.
    pub(super) fn with(self, share: f64, test: &Test) -> Self {
        Self(self.0 + narrow(test.worth * share))
    }

    /// In units of a larger sample, which is worth more.
    pub(super) fn scaled(self, by: f64) -> Self {
        Self(self.0 * narrow(by))
    }

    /// The share of an alarm, if it is worth noting.
    pub(super) fn share(self) -> f32 {
        share(f64::from(self.0), f64::from(ALARM))
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

    const USUAL: f64 = 1.5e6;

    /// Samples until the alarm, when they come so far apart in seconds; R is 12.5 MB/s and each stands for `largest`.
    fn samples(apart: f64, largest: f64) -> Option<u32> {
        let test = Test::new(9e6, largest);
        let mut score = Score::ZERO;
        (1..=10_000).find(|_| {
            score = score
                .after(Duration::from_secs_f64(apart), 12.5e6, largest, &test)
                .with(1.0, &test);
            score.is_alarm()
        })
    }

    #[test]
    fn the_test_against_a_fifth_is_where_the_others_end() {
        let just_below = Test::new(f64::from(ALARM) * USUAL / (Test::MOST * 0.999_999), USUAL);
        for (a, b) in [
            (just_below.distance, Test::FIFTH.distance),
            (just_below.worth, Test::FIFTH.worth),
        ] {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn at_the_threshold_it_takes_eighteen_samples_and_below_a_fifth_it_never_comes() {
        let test = Test::new(9e6, USUAL);
        assert!(
            (test.distance - 0.8).abs() < 0.01 && (test.worth - 5_f64.ln()).abs() < 0.01,
            "{test:?}"
        );
        assert_eq!(samples(0.12, USUAL), Some(18));
        assert_eq!(samples(0.012, USUAL), Some(10));
        assert_eq!(samples(0.6, USUAL), None);
    }

    #[test]
    fn fine_samples_are_asked_for_as_many_bytes_as_the_profile_says() {
        // 15 KB each: 600 are 9 MB, and a flow of 0.7 R is told from an elephant.
        let found = samples(0.0012, 15e3).unwrap();
        assert!((580..620).contains(&found), "{found}");
        assert_eq!(samples(0.0012 / 0.7, 15e3), None);
        for largest in [1.0, 1e3, 1e5, 1e6] {
            let Test { distance, worth } = Test::new(9e6, largest);
            assert!(
                (-(1.0 - distance).ln() / worth - 1.0).abs() < 0.01,
                "{largest}: {distance} {worth}"
            );
        }
    }

    #[test]
    fn small_packets_are_worth_their_share() {
        let test = Test::new(9e6, USUAL);
        let small = Score::ZERO.with(0.1, &test);
        assert!(!small.is_zero() && !small.scaled(20.0).is_alarm());
        let later = small.after(Duration::from_secs(10), 12.5e6, USUAL, &test);
        assert!(later.is_zero());
    }
}
