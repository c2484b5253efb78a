//! Smoothing without work for what is not touched.
//!
//! A value decays by e^(−Δ/t). Instead of making all values smaller as time goes by, what is added later is made larger
//! (forward decay: Cormode et al., ICDE 2009): a sample of weight w at time x adds w/t · e^((x − g)/t), and what is shown
//! at time y is divided by e^((y − g)/t), where g is the start of the present generation. So the order of flows changes
//! only when one is touched, and one exponential is computed for each instant, not for each flow. A generation lasts 64
//! time constants, so that the numbers stay far from the largest; a value from an earlier one is made smaller by e^−64
//! for each that has gone by.

use crate::clock::Time;

/// Time constants of a generation: e^64 is 6·10²⁷.
const LENGTH: f64 = 64.0;

/// The scale of one definition at one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decay {
    /// Time constant in nanoseconds.
    t_ns: f64,
    /// Nanoseconds of a generation.
    generation: u64,
    now: Time,
    /// When the present generation began, in nanoseconds.
    start: u64,
    /// e^((now − start)/t)
    boost: f64,
}

impl Decay {
    /// With a time constant of `t` seconds.
    pub(super) fn new(t: f64) -> Self {
        let t_ns = t * 1e9;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "600 s are 3.84e13 ns a generation"
        )]
        let generation = (LENGTH * t_ns) as u64;
        Self {
            t_ns,
            generation: generation.max(1),
            now: Time::START,
            start: 0,
            boost: 1.0,
        }
    }

    pub(super) const fn now(&self) -> Time {
        self.now
    }

    /// Goes on to `now`; never back. When that is in another generation, values of the last one are to be multiplied by
    /// what is returned.
    #[inline]
    pub(super) fn advance(&mut self, now: Time) -> Option<f64> {
        if now <= self.now {
            return None;
        }
        self.now = now;
        let now = now.as_nanos();
        let before = self.start;
        if now.saturating_sub(self.start) >= self.generation {
            self.start = now - now % self.generation;
        }
        self.boost = ((now - self.start) as f64 / self.t_ns).exp();
        (self.start != before).then(|| self.factor(before))
    }

    /// What makes values of the generation that began at `start` values of the present one.
    fn factor(&self, start: u64) -> f64 {
        (-LENGTH * ((self.start - start) / self.generation) as f64).exp()
    }

    /// What a weight adds to a rate, in the present scale.
    #[inline]
    pub(super) fn rate(&self, weight: f64) -> f64 {
        weight * 1e9 / self.t_ns * self.boost
    }

    /// What a weight adds to a sum that fades.
    #[inline]
    pub(super) fn sum(&self, weight: f64) -> f64 {
        weight * self.boost
    }

    /// A value that was touched last at `at`, in the present scale.
    #[inline]
    pub(super) fn scaled(&self, value: f64, at: Time) -> f64 {
        let at = at.as_nanos();
        if at >= self.start {
            value
        } else {
            self.older(value, at)
        }
    }

    #[cold]
    fn older(&self, value: f64, at: u64) -> f64 {
        value * self.factor(at - at % self.generation)
    }

    /// What a value in the present scale is at present.
    #[inline]
    pub(super) fn shown(&self, value: f64) -> f64 {
        value / self.boost
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition itself, with all its time in seconds.
    struct Reference {
        value: f64,
        at: f64,
        t: f64,
    }

    impl Reference {
        fn at(&self, now: f64) -> f64 {
            self.value * (-(now - self.at) / self.t).exp()
        }

        fn add(&mut self, now: f64, weight: f64) {
            self.value = self.at(now) + weight / self.t;
            self.at = now;
        }
    }

    proptest! {
        #[test]
        fn smoothing_is_the_formula_to_a_millionth(
            t in 0.2_f64..600.0,
            trace in proptest::collection::vec((0_u64..40_000, 1_u32..20, 1_u32..100_000_000), 1..300),
        ) {
            let mut decay = Decay::new(t);
            let mut reference = Reference { value: 0.0, at: 0.0, t };
            let (mut value, mut at, mut now) = (0.0, Time::START, 0_u64);
            for (gap, shift, weight) in trace {
                // From nothing to days between samples.
                now += (gap << shift) * 1000;
                decay.advance(Time::from_nanos(now));
                value = decay.scaled(value, at) + decay.rate(f64::from(weight));
                at = decay.now();
                let seconds = now as f64 / 1e9;
                reference.add(seconds, f64::from(weight));
                let shown = decay.shown(value);
                prop_assert!((shown - reference.at(seconds)).abs() <= 1e-6 * shown, "{shown} at {seconds}");
                // And a little later, untouched.
                let mut later = decay;
                later.advance(Time::from_nanos(now + 3_700_000_000));
                let (shown, expected) = (later.shown(later.scaled(value, at)), reference.at(seconds + 3.7));
                prop_assert!((shown - expected).abs() <= 1e-6 * expected.max(1e-300), "{shown}, {expected}");
            }
        }
    }

    #[test]
    fn a_sample_older_than_the_last_counts_as_simultaneous() {
        let mut decay = Decay::new(2.0);
        decay.advance(Time::from_nanos(5_000_000_000));
        let one = decay.shown(decay.rate(1000.0));
        decay.advance(Time::from_nanos(1_000_000_000));
        assert_eq!(decay.now(), Time::from_nanos(5_000_000_000));
        assert!((decay.shown(decay.rate(1000.0)) - one).abs() < 1e-9);
        assert!((one - 500.0).abs() < 1e-9);
    }

    #[test]
    fn the_largest_of_everything_stays_finite() {
        for t in [0.2, 600.0] {
            let mut decay = Decay::new(t);
            let mut value = 0.0;
            let mut at = Time::START;
            // One nanosecond before the end of a generation numbers are the largest.
            for now in [
                decay.generation - 1,
                decay.generation,
                u64::MAX / 2,
                u64::MAX - 1,
                u64::MAX,
            ] {
                decay.advance(Time::from_nanos(now));
                value = decay.scaled(value, at) + decay.rate(f64::from(u32::MAX) * f64::from(u32::MAX));
                at = decay.now();
                assert!(
                    decay.shown(value).is_finite() && decay.shown(value) > 0.0,
                    "{value}"
                );
            }
        }
    }
}
