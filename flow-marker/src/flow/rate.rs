//! Rates from samples.

use std::time::Duration;

use crate::clock::Time;

/// An exponentially weighted rate with time constant τ: a sample of weight w adds w/τ, and the value decays by e^(−Δ/τ)
/// (sFlow-RT, flow definitions, `t`).
///
/// The unit is the weight's per second. A constant flow of rate r converges to r.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Average {
    pub(super) value: f64,
    pub(super) at: Time,
}

impl Average {
    /// Decays to `now` and adds a sample. Returns the rate just before it.
    ///
    /// A sample that is older than the last one counts as simultaneous with it: time never runs backwards.
    #[inline]
    pub fn add(&mut self, now: Time, weight: f64, tau: Duration) -> f64 {
        let before = self.at(now, tau);
        self.value = before + weight / tau.as_secs_f64();
        self.at = self.at.max(now);
        before
    }

    /// The rate at `now`, without changing anything.
    #[inline]
    pub fn at(&self, now: Time, tau: Duration) -> f64 {
        // Most questions are asked right after a sample. Whole numbers of nanoseconds are subtracted before they become
        // a fraction: exact, and several times faster than by way of `Duration`.
        let silent = now.as_nanos().saturating_sub(self.at.as_nanos());
        if silent == 0 {
            return self.value;
        }
        self.value * (-(silent as f64 * 1e-9) / tau.as_secs_f64()).exp()
    }

    /// When the last sample was added.
    pub const fn last(&self) -> Time {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAU: Duration = Duration::from_secs(1);

    fn ms(n: u64) -> Time {
        Time::from_nanos(n * 1_000_000)
    }

    #[test]
    fn follows_the_definition() {
        let mut average = Average::default();
        average.add(ms(0), 1000.0, Duration::from_secs(2));
        assert!((average.at(ms(0), Duration::from_secs(2)) - 500.0).abs() < 1e-9);
        let later = average.at(ms(2000), Duration::from_secs(2));
        assert!((later - 500.0 / std::f64::consts::E).abs() < 1e-9);
    }

    #[test]
    fn a_constant_flow_converges_to_its_rate() {
        let mut average = Average::default();
        for n in 0..10_000 {
            average.add(ms(n), 12.5, TAU);
        }
        let rate = average.at(ms(9_999), TAU);
        assert!((rate - 12_500.0).abs() < 10.0, "{rate}");
    }

    #[test]
    fn time_that_runs_backwards_adds_and_does_not_grow() {
        let mut average = Average::default();
        average.add(ms(500), 10.0, TAU);
        average.add(ms(100), 10.0, TAU);
        assert_eq!(average.last(), ms(500));
        assert!((average.at(ms(500), TAU) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn centuries_of_silence_are_zero_and_not_a_number_otherwise() {
        let mut average = Average::default();
        average.add(ms(0), f64::from(u32::MAX) * 65_535.0, TAU);
        assert!(average.at(Time::from_nanos(u64::MAX), TAU).abs() < 1e-300);
    }
}
