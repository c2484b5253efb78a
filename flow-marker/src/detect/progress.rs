//! How large an elephant is now.

use std::time::Duration;

use shared::units::BitRate;

use crate::clock::Time;
use crate::flow::FlowKey;

/// What an elephant has done lately.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The flow.
    pub key: FlowKey,
    /// Bytes that its samples stood for since it was told of last.
    pub bytes: u64,
    /// How many samples these were.
    pub samples: u32,
    /// How long that was.
    pub span: Duration,
    /// Its rate, averaged over the last eight seconds or so.
    pub rate: BitRate,
    /// Its last sample.
    pub last_sample: Time,
}

/// The rate of one elephant, measured from one telling to the next.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Bits per second.
    rate: f64,
    /// Until here `rate` is measured.
    measured: Time,
    /// Bytes since then.
    fresh: u64,
    /// It was told of last.
    told: Time,
    bytes: u64,
    samples: u32,
    /// It is told of again.
    due: Time,
}

impl Pulse {
    /// Between two tellings: often enough for a budget, which changes once a second at most and holds ten, and with all
    /// 16,384 elephants that there can be no more than 8,192 a second.
    pub(super) const EVERY: Duration = Duration::from_secs(2);

    /// What the rate is averaged over. A flow of 100 Mbit/s, sampled 1:1000 in frames of 1500 bytes, has 67 samples in
    /// it, and the average an error of 9 % (1/√(2·67)); places are exchanged for a quarter.
    pub(super) const WINDOW: Duration = Duration::from_secs(8);

    /// That of an elephant with this rate, found now.
    pub(super) fn new(now: Time, rate: BitRate) -> Self {
        Self {
            rate: rate.as_f64(),
            measured: now,
            fresh: 0,
            told: now,
            bytes: 0,
            samples: 0,
            due: now + Self::EVERY,
        }
    }

    /// Takes a sample that stands for so many bytes.
    pub(super) const fn add(&mut self, bytes: u64) {
        self.fresh = self.fresh.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        self.samples = self.samples.saturating_add(1);
    }

    /// Its rate, as it was measured last.
    pub(super) fn rate(&self) -> BitRate {
        BitRate::from_bytes_per_second(self.rate / 8.0)
    }

    /// What there is to tell, when it is time for that.
    pub(super) fn due(&mut self, now: Time, key: FlowKey, last_sample: Time) -> Option<Progress> {
        if now < self.due {
            return None;
        }
        self.due = now + Self::EVERY;
        let elapsed = now.since(self.measured).as_secs_f64();
        let lately = std::mem::take(&mut self.fresh) as f64 * 8.0 / elapsed.max(1e-3);
        let share = 1.0 - (-elapsed / Self::WINDOW.as_secs_f64()).exp();
        self.rate += (lately - self.rate) * share;
        self.measured = now;
        Some(Progress {
            key,
            bytes: self.bytes,
            samples: self.samples,
            span: now.since(self.told),
            rate: self.rate(),
            last_sample,
        })
    }

    /// It was told: what follows is counted anew. What is not taken is told with the next.
    pub(super) const fn told(&mut self, now: Time) {
        (self.told, self.bytes, self.samples) = (now, 0, 0);
    }
}
