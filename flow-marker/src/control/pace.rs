//! How often a switch may be changed: a bucket of tokens, pure.

use std::time::Duration;

use crate::clock::Time;

/// One change each `interval` in the long run, and a burst of `BURST` when it was quiet.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    /// The theoretical time of the last admitted change: each pushes it by `interval`, and it may lie ahead of now by
    /// less than a burst (the generic cell rate algorithm: no counting down, no timer).
    horizon: Time,
}

impl Pace {
    /// So that an elephant that follows others does not wait.
    const BURST: u32 = 3;

    /// A full bucket.
    pub const fn new(interval: Duration) -> Self {
        Self {
            interval,
            horizon: Time::START,
        }
    }

    /// One change each `interval` from now on.
    pub const fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// When the next change may be made; not after `now` means at once.
    pub fn ready_at(&self) -> Time {
        let ahead = self.interval.saturating_mul(Self::BURST - 1);
        Time::from_nanos(
            self.horizon
                .as_nanos()
                .saturating_sub(u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// Counts a change.
    pub fn take(&mut self, now: Time) {
        self.horizon = self.horizon.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_once_and_then_one_an_interval() {
        let mut pace = Pace::new(Duration::from_secs(1));
        let mut admitted = Vec::new();
        for tenth in 100..160 {
            let now = Time::from_nanos(tenth * 100_000_000);
            while pace.ready_at() <= now {
                pace.take(now);
                admitted.push(tenth);
            }
        }
        assert_eq!(admitted, [100, 100, 100, 110, 120, 130, 140, 150]);
    }
}
