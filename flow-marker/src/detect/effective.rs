//! How many packets a sample really stands for.
//!
//! Samples get lost between the agent and here, and agents drop some themselves. The sample pool counts the packets that
//! could have been sampled (sFlow v5 §5, `flow_sample`), so its growth over the samples that came is the sampling rate
//! that took effect.

use std::time::Duration;

use crate::clock::Time;

/// A window that is judged: long enough, with enough samples for 28 % of accuracy (196·√(1/50)).
const LONG: Duration = Duration::from_secs(10);
const MANY: u32 = 50;

/// More than seven of eight samples lost is no network that marks can be made by; a pool that says so is wrong.
const MOST: f64 = 8.0;

/// Standard errors of a mean of distances between samples that chance explains: in one of 300 windows there are more.
const CHANCE: f64 = 3.0;

/// A longer step is a restart of the numbers, not a loss.
const RESTART: u32 = 100_000;

/// The sampling of one data source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Effective {
    rate: u32,
    last: Option<(u32, u32)>,
    since: Time,
    samples: u32,
    /// Samples that the agent took, by its numbers.
    numbered: u32,
    /// Packets by the pool.
    pool: u64,
    /// Samples at which the pool grew by exactly the rate for each.
    exact: u32,
    factor: Option<f64>,
}

impl Effective {
    /// Takes a flow sample's sequence number, sampling rate and pool. Returns by how much more each sample stands for than
    /// its rate says: 1 to 8.
    pub fn observe(&mut self, now: Time, sequence: u32, rate: u32, pool: u32) -> f64 {
        if rate != self.rate {
            *self = Self {
                rate,
                since: now,
                ..Self::default()
            };
        }
        if let Some((last_sequence, last_pool)) = self.last {
            let step = sequence.wrapping_sub(last_sequence);
            let grown = pool.wrapping_sub(last_pool);
            if step == 0 || step > RESTART || grown >= 1 << 31 {
                self.begin(now);
            } else {
                self.samples += 1;
                self.numbered = self.numbered.saturating_add(step);
                self.pool += u64::from(grown);
                self.exact += u32::from(step.checked_mul(rate) == Some(grown));
            }
        }
        self.last = Some((sequence, pool));
        if self.samples >= MANY && now.since(self.since) >= LONG {
            self.factor = Some(self.judge());
            self.begin(now);
        }
        self.factor.unwrap_or(1.0)
    }

    fn begin(&mut self, now: Time) {
        (self.since, self.samples, self.numbered, self.pool, self.exact) = (now, 0, 0, 0, 0);
    }

    /// The numbers tell exactly how many samples were lost on the way. What the agent itself does not sample only the pool
    /// tells, and by chance its growth differs from the rate for so many samples: what could be chance counts as nothing, or
    /// every flow would seem larger than it is in half of all windows. A pool that stands still, or is computed from the
    /// rate, counts nothing.
    fn judge(&self) -> f64 {
        let numbered = f64::from(self.numbered);
        let lost = numbered / f64::from(self.samples);
        let counts = self.pool > 0 && self.exact * 10 < self.samples * 9;
        let unsampled = self.pool as f64 / (numbered * f64::from(self.rate.max(1)));
        let factor = if counts && unsampled > 1.0 + CHANCE / numbered.sqrt() {
            lost * unsampled
        } else {
            lost
        };
        factor.clamp(1.0, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factor after a minute of ten samples a second of which every `kept`th arrives; `pool` says how it grows at
    /// sample n.
    fn factor(kept: u32, pool: impl Fn(u32) -> u32) -> f64 {
        let mut effective = Effective::default();
        let mut factor = 0.0;
        for n in (0..600).step_by(kept as usize) {
            let now = Time::from_nanos(u64::from(n) * 100_000_000);
            factor = effective.observe(now, n, 1000, pool(n));
        }
        factor
    }

    #[test]
    fn losses_are_made_up_for() {
        let counted = |n: u32| n * 1000 + n % 7;
        assert!((factor(1, counted) - 1.0).abs() < 0.01);
        assert!((factor(3, counted) - 3.0).abs() < 0.1);
        assert!(
            (factor(3, |n| n
                .wrapping_mul(1000)
                .wrapping_add(u32::MAX - 90_000 + n % 7))
                - 3.0)
                .abs()
                < 0.1
        );
        assert_eq!(factor(1, |n| n * 9000 + n % 7), 8.0, "no more than eight times");
        assert_eq!(factor(1, |n| n * 500 + n % 7), 1.0, "no less than the rate says");
    }

    #[test]
    fn chance_is_no_loss() {
        // Each packet is sampled with probability 1/1000, and nothing is lost.
        let (mut effective, mut pool, mut seed, mut sum) = (Effective::default(), 0_u32, 1_u32, 0.0);
        for n in 0..10_000_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let unit = (f64::from(seed) + 1.0) / (f64::from(u32::MAX) + 1.0);
            let gap = Duration::from_secs_f64(-1000.0 * unit.ln()).as_secs();
            pool = pool.wrapping_add(u32::try_from(gap).unwrap() + 1);
            let now = Time::from_nanos(u64::from(n) * 200_000_000);
            sum += effective.observe(now, n, 1000, pool);
        }
        assert!(sum / 1e4 < 1.01, "{sum}");
    }

    #[test]
    fn what_the_agent_does_not_sample_is_made_up_for() {
        assert!((factor(1, |n| n * 1500 + n % 7) - 1.5).abs() < 0.01);
        assert!((factor(2, |n| n * 1500 + n % 7) - 3.0).abs() < 0.02);
    }

    #[test]
    fn pools_that_count_nothing_are_not_asked() {
        assert!((factor(2, |_| 0) - 2.0).abs() < 0.1, "numbers still tell losses");
        assert!((factor(1, |n| n * 1000) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_restart_begins_anew() {
        let mut effective = Effective::default();
        for n in 0..40 {
            effective.observe(Time::START, n, 1000, n * 5000);
        }
        assert_eq!(effective.observe(Time::START, 0, 1000, 0), 1.0);
        assert_eq!(effective.samples, 0);
    }
}
