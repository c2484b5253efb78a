//! Rates that decay together without being touched.
//!
//! A rate with time constant t decays by e^(−Δ/t) (sFlow-RT, flow definitions, `t`). All rates of a table have the same t,
//! so instead of every rate shrinking, the unit grows: a rate v at time x is kept as v·e^((x−L)/t), which does not change
//! between samples. So a sample costs an addition, the order of two flows is the order of two numbers, and only showing a
//! rate needs a division. So that the unit does not overflow, time is cut into epochs of 64 t, each with its own L.

use std::time::Duration;

use crate::clock::Time;

/// Time constants in an epoch: e^64 = 6·10²⁷, far from the limits of an `f64` also when multiplied by any weight.
const EPOCH: f64 = 64.0;

/// The unit of rates at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) epoch: u32,
    /// e^((now−L)/t).
    unit: f64,
    /// 1/t, per second.
    per_second: f64,
}

impl Scale {
    /// The unit at `now` for rates of time constant `t`.
    pub(super) fn at(now: Time, t: Duration) -> Self {
        let t = t.as_secs_f64();
        // In 64-bit nanoseconds, so that it is exact after years too.
        let length = Duration::from_secs_f64(EPOCH * t).as_nanos().max(1);
        let nanos = u128::from(now.as_nanos());
        let within = Duration::from_nanos(u64::try_from(nanos % length).unwrap_or(u64::MAX));
        Self {
            epoch: u32::try_from(nanos / length).unwrap_or(u32::MAX),
            unit: (within.as_secs_f64() / t).exp(),
            per_second: 1.0 / t,
        }
    }

    /// What a sample of this weight adds.
    #[inline]
    pub(super) fn weight(&self, weight: f64) -> f64 {
        weight * self.per_second * self.unit
    }

    /// What a number of an earlier epoch is in this one.
    #[inline]
    pub(super) fn carry(&self, scaled: f64, epoch: u32) -> f64 {
        match self.epoch.wrapping_sub(epoch) {
            0 => scaled,
            1 => scaled * (-EPOCH).exp(),
            // e^−128 of the largest rate there is is nothing.
            _ => 0.0,
        }
    }

    /// The rate that a number of this epoch stands for.
    #[inline]
    pub(super) fn rate(&self, scaled: f64) -> f64 {
        scaled / self.unit
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(n: u64) -> Time {
        Time::from_nanos(n)
    }

    #[test]
    fn a_sample_adds_its_weight_over_t() {
        let t = Duration::from_secs(2);
        for now in [0, 1, 127_999_999_999, 128_000_000_000, 1 << 62] {
            let scale = Scale::at(nanos(now), t);
            let rate = scale.rate(scale.weight(1000.0));
            assert!((rate - 500.0).abs() < 1e-9, "{now}: {rate}");
        }
    }

    #[test]
    fn long_silence_is_zero_and_never_grows() {
        let t = Duration::from_millis(200);
        let first = Scale::at(nanos(0), t);
        let scaled = first.weight(1e18);
        for seconds in [13, 26, 1000, 1 << 33] {
            let later = Scale::at(nanos(seconds * 1_000_000_000), t);
            let rate = later.rate(later.carry(scaled, first.epoch));
            assert!((0.0..1e-5).contains(&rate), "{rate}");
        }
    }

    proptest! {
        /// Against the definition, over many epochs.
        #[test]
        fn it_is_the_smoothing_as_defined(
            tenths in 2_u64..6000,
            samples in prop::collection::vec((0_u64..400, 1_u32..1_000_000_000), 1..200),
            start in 0_u64..1 << 60,
        ) {
            let t = Duration::from_millis(tenths * 100);
            let (mut expected, mut at) = (0.0_f64, start);
            let (mut scaled, mut epoch) = (0.0, 0);
            let mut largest = 0.0_f64;
            for (hundredths, weight) in samples {
                // Up to four time constants between samples.
                let gap = hundredths * tenths * 1_000_000;
                at += gap;
                expected *= (-(gap as f64 / 1e9) / t.as_secs_f64()).exp();
                expected += f64::from(weight) / t.as_secs_f64();
                let scale = Scale::at(nanos(at), t);
                scaled = scale.carry(scaled, epoch) + scale.weight(f64::from(weight));
                epoch = scale.epoch;
                largest = largest.max(expected);
                let rate = scale.rate(scaled);
                prop_assert!((rate - expected).abs() <= 1e-9 * expected, "{rate} {expected}");
            }
        }
    }
}
