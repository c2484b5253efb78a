//! What the table of all flows keeps of one that is no elephant: one cache line.

use std::time::Duration;

use super::count::{LEAST, Score, Test};
use super::number::narrow;
use super::profile::Rule;
use super::sequence::Track;
use super::table::Place;
use crate::clock::Time;
use crate::flow::Fingerprint;

/// Time constant of the average.
pub(super) const TAU: Duration = Duration::from_secs(1);

/// After ten time constants of one second nothing of a rate is left (e⁻¹⁰ is 45 ppm), and the evidence starts anew. Also
/// the longest silence of a flow that has not ended.
pub(super) const FORGET: Duration = Duration::from_secs(10);

/// One flow.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Entry {
    fingerprint: Fingerprint,
    /// Its last sample.
    at: Time,
    /// Exponential average at that time, in bytes per second.
    rate: f32,
    /// The most bytes that one sample stood for.
    largest: f32,
    pub(super) state: State,
}

// One cache line: the table's size and speed rest on it.
const _: () = assert!(size_of::<Entry>() == 64);

/// By what a flow is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    /// By its samples.
    Counted(Counts),
    /// By its samples, since its clock was found to be wrong: its sequence numbers are not looked at.
    Distrusted(Counts),
    /// By its sequence numbers, of which there are not many yet.
    Tracked(Track),
    /// By its sequence numbers: it has a trail.
    Followed {
        /// Samples without a time since the last that had one.
        doubts: u8,
    },
}

/// Evidence by samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counts {
    /// First sample of the evidence.
    pub(super) first: Time,
    /// Bytes that its samples stand for.
    pub(super) bytes: u64,
    /// Its samples.
    pub(super) samples: u32,
    score: Score,
}

impl State {
    /// By samples, from now on.
    pub(super) const fn counted(now: Time) -> Self {
        Self::Counted(Counts::new(now))
    }
}

impl Counts {
    /// No evidence before `now`.
    pub(super) const fn new(now: Time) -> Self {
        Self {
            first: now,
            bytes: 0,
            samples: 0,
            score: Score::ZERO,
        }
    }

    fn add(&mut self, weight: u64) {
        self.bytes = self.bytes.saturating_add(weight);
        self.samples = self.samples.saturating_add(1);
    }
}

/// What a sample found of its flow, and changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Before {
    /// Since the last sample.
    silent: Duration,
    /// The average just before the sample.
    rate: f64,
    /// Largest sample before, as a share of the largest now.
    grown: f64,
}

impl Place for Entry {
    const EMPTY: Self = Self {
        fingerprint: 0,
        at: Time::START,
        rate: 0.0,
        largest: 0.0,
        state: State::Followed { doubts: 0 },
    };

    #[inline]
    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The decayed rate.
    #[inline]
    fn value(&self, now: Time) -> f64 {
        self.rate_at(now)
    }
}

impl Entry {
    /// Of a flow whose first sample is about to be counted.
    pub fn new(fingerprint: Fingerprint, now: Time, weight: u64) -> Self {
        Self {
            fingerprint,
            at: now,
            rate: narrow(weight as f64 / TAU.as_secs_f64()),
            largest: weight as f32,
            state: State::counted(now),
        }
    }

    /// Bytes per second.
    #[inline]
    pub fn rate_at(&self, now: Time) -> f64 {
        // Most questions are asked right after a sample. Whole numbers of nanoseconds are subtracted before they become
        // a fraction: exact, and several times faster than by way of `Duration`.
        let silent = now.as_nanos().saturating_sub(self.at.as_nanos());
        if silent == 0 {
            return f64::from(self.rate);
        }
        f64::from(self.rate) * (-(silent as f64 * 1e-9) / TAU.as_secs_f64()).exp()
    }

    /// Bytes per second, when it was sampled last.
    pub(super) const fn rate(&self) -> f32 {
        self.rate
    }

    /// The most bytes that one sample stood for.
    pub(super) fn largest(&self) -> f64 {
        f64::from(self.largest)
    }

    /// Adds a further sample to the average; one that is older than the last counts as simultaneous with it.
    #[inline]
    pub fn count(&mut self, now: Time, weight: u64) {
        self.add(now, weight);
    }

    pub(super) fn add(&mut self, now: Time, weight: u64) -> Before {
        let silent = now.since(self.at);
        if silent >= FORGET {
            *self = Self::new(self.fingerprint, now, weight);
            return Before::NOTHING;
        }
        let rate = self.rate_at(now);
        self.rate = narrow(rate + weight as f64 / TAU.as_secs_f64());
        self.at = self.at.max(now);
        let largest = self.largest.max(weight as f32);
        let grown = f64::from(self.largest / largest.max(1.0));
        self.largest = largest;
        Before { silent, rate, grown }
    }
}

impl Before {
    /// Of a flow's first sample.
    pub(super) const NOTHING: Self = Self {
        silent: Duration::ZERO,
        rate: 0.0,
        grown: 1.0,
    };
}

impl Counts {
    /// The share of the evidence that there is, if it is worth noting.
    pub(super) fn share(&self) -> f32 {
        self.score.share()
    }

    /// Counts a sample for the average. A flow below `idle` bytes per second is as good as silent: its evidence starts
    /// anew, so that a mouse of an hour that becomes an elephant is not reported with the bytes of that hour.
    pub(super) fn average(&mut self, now: Time, weight: u64, before: &Before, idle: f64) {
        // A flow that has just begun is slow too, but only for one time constant.
        if before.rate < idle && now.since(self.first) >= TAU {
            *self = Self::new(now);
        }
        self.add(weight);
    }

    /// Counts a sample for the cumulative sum; true when the flow is an elephant.
    pub(super) fn sum(&mut self, now: Time, weight: u64, before: &Before, rule: &Rule) -> bool {
        let Rule { rate, largest, .. } = *rule;
        let test = Test::new(rule.evidence, largest);
        self.score = self
            .score
            .scaled(before.grown)
            .after(before.silent, rate, largest, &test);
        if self.score.is_zero() {
            *self = Self::new(now);
        }
        self.add(weight);
        self.score = self.score.with(weight as f64 / largest.max(1.0), &test);
        self.score.is_alarm() && self.samples >= LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Time {
        Time::from_nanos(n * 1_000_000)
    }

    #[test]
    fn a_constant_flow_converges_to_its_rate() {
        let mut entry = Entry::new(1, ms(0), 125);
        for n in 1..10_000 {
            entry.add(ms(n), 125);
        }
        let rate = entry.rate_at(ms(9_999));
        assert!((rate / 125_000.0 - 1.0).abs() < 1e-3, "{rate}");
        assert!((entry.rate_at(ms(10_999)) / rate - (-1_f64).exp()).abs() < 1e-6);
        assert!(entry.rate_at(Time::from_nanos(u64::MAX)).abs() < 1e-300);
    }

    #[test]
    fn time_that_runs_backwards_adds_and_does_not_grow() {
        let mut entry = Entry::new(1, ms(500), 10);
        let before = entry.add(ms(100), 10);
        assert_eq!((before.silent, entry.at), (Duration::ZERO, ms(500)));
        assert!((entry.rate_at(ms(500)) - 20.0).abs() < 1e-6);
    }

    #[test]
    fn a_flow_keeps_its_past_until_it_is_forgotten() {
        let mut entry = Entry::new(9, ms(100), 1500);
        let before = entry.add(ms(600), 9000);
        assert_eq!(
            (before.silent, entry.largest),
            (Duration::from_millis(500), 9000.0)
        );
        assert!((before.grown - 1.0 / 6.0).abs() < 1e-6);
        assert_eq!(entry.add(ms(10_600), 40), Before::NOTHING);
        assert_eq!(entry, Entry::new(9, ms(10_600), 40));
    }
}
