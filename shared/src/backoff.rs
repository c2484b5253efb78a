//! How long to wait before trying again: doubling, bounded, with jitter, and pure.

use std::time::Duration;

/// Doubling delays between `min` and `max`.
///
/// Each delay is drawn from the upper half of its step, so that many clients which failed together do not come back
/// together. The caller sleeps; this only counts.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// A backoff that starts at `min` and never exceeds `max`. `seed` decides the jitter: same seed, same delays.
    pub const fn new(min: Duration, max: Duration, seed: u64) -> Self {
        // xorshift stays at zero for ever, so the seed must not be zero.
        Self {
            min,
            max,
            failures: 0,
            random: seed | 1,
        }
    }

    /// Counts a failure and returns how long to wait before the next try.
    pub fn next_delay(&mut self) -> Duration {
        // 2^20 × any sensible minimum is beyond any sensible maximum.
        let step = self.min.saturating_mul(1 << self.failures.min(20)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let half = step / 2;
        let spread = u64::try_from(half.as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        half + Duration::from_nanos(self.random % spread)
    }

    /// Forgets all failures.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound_and_starts_again() {
        let (min, max) = (Duration::from_secs(1), Duration::from_secs(60));
        let mut backoff = Backoff::new(min, max, 7);
        let mut step = min;
        for _ in 0..40 {
            let delay = backoff.next_delay();
            assert!(delay >= step / 2 && delay <= step, "{delay:?} of {step:?}");
            step = (step * 2).min(max);
        }
        assert_eq!(backoff.failures(), 40);
        backoff.reset();
        assert!(backoff.next_delay() <= min);
    }

    #[test]
    fn different_seeds_do_not_come_back_together() {
        let delays = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), seed);
            (0..4).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        assert_eq!(delays(3), delays(3));
        assert_ne!(delays(3), delays(11));
    }
}
