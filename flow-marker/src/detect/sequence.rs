//! TCP sequence numbers as positions in a stream.
//!
//! Between two samples of a flow its sequence number advances by what really passed, sampled or not (RFC 9293 §3.4): no
//! noise of sampling is in it. But it has 32 bits, it goes back at retransmissions, and whoever sends the packets writes
//! it, so each step is judged before it counts.

use super::clock::{Clock, Reading};
use super::number::narrow;
use super::profile::Rule;
use crate::clock::Time;

/// What one sample says of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The sample's arrival.
    pub(super) at: Time,
    /// When the packet was sent.
    pub(super) reading: Reading,
    /// Sequence number of its first byte.
    pub(super) sequence: u32,
    /// Bytes that the sample stands for.
    pub(super) weight: f64,
    /// Bytes on the wire for each of the stream: rates of ports count frames, sequence numbers what these carry.
    pub(super) overhead: f64,
}

impl Step {
    /// [`Self::overhead`] of a frame with such a payload. Pure acknowledgements say nothing of it.
    pub(super) fn overhead(frame: u32, payload: Option<u32>) -> f64 {
        let payload = payload.filter(|payload| *payload > 0);
        payload.map_or(1.0, |payload| {
            (f64::from(frame) / f64::from(payload)).clamp(1.0, 2.0)
        })
    }
}

/// Beyond this many bytes a sample the gap between two samples may well be longer than half of all sequence numbers:
/// 300 MB make it so once in 1300 gaps, 150 MB once in 1.6 million.
const COARSE: f64 = 300e6;

/// Beyond this many bytes a sample, two neighbouring guesses differ by less than chance does: sequence numbers say
/// nothing then.
pub(super) const AMBIGUOUS: f64 = 1.2e9;

/// All sequence numbers.
const WRAP: f64 = 4_294_967_296.0;

/// Bytes from sequence number `last` to `next`; `None` when that goes backwards. `expected` is how many there should be,
/// by rate and time, which decides how often the numbers wrapped when samples are coarse; `largest` the bytes that one
/// sample stands for.
pub(super) fn advance(last: u32, next: u32, expected: f64, largest: f64) -> Option<u64> {
    /// With coarse samples, a retransmission is told by being near: windows are smaller than this.
    const WINDOW: u32 = 1 << 26;
    let is_coarse = largest > COARSE;
    let backwards = last.wrapping_sub(next);
    let limit = if is_coarse { WINDOW } else { 1 << 31 };
    if backwards != 0 && backwards <= limit {
        return None;
    }
    let step = next.wrapping_sub(last);
    let wraps = if is_coarse {
        ((expected - f64::from(step)) / WRAP).round().clamp(0.0, 1e3)
    } else {
        0.0
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 1000"
    )]
    let wraps = wraps as u64;
    Some((wraps << 32) + u64::from(step))
}

/// Ticks from `earlier` to `later`; `None` when that goes backwards.
pub(super) fn ticks_between(earlier: u32, later: u32) -> Option<u32> {
    let ticks = later.wrapping_sub(earlier);
    (ticks < 1 << 31).then_some(ticks)
}

/// A flow that has not gone far since its one anchor: what the table of all flows keeps of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Track {
    /// Arrival of the anchor.
    pub(super) anchored: Time,
    /// Bytes since the anchor.
    pub(super) ahead: u64,
    /// Bytes that the samples since the anchor stand for, without its own.
    pub(super) weight: f32,
    /// The last sequence number.
    pub(super) sequence: u32,
    /// Ticks at the anchor.
    pub(super) ticks: u32,
    /// Samples since the anchor.
    pub(super) samples: u16,
    /// Samples without a time since the last that had one.
    pub(super) doubts: u8,
    /// Whose ticks.
    pub(super) clock: Clock,
}

/// What a sample did to a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracked {
    /// Nothing to decide yet.
    Goes,
    /// Far enough to be followed with more anchors.
    Far,
}

impl Track {
    /// A flow anchored at this sample.
    pub(super) const fn new(step: &Step) -> Self {
        Self {
            anchored: step.at,
            ahead: 0,
            weight: 0.0,
            sequence: step.sequence,
            ticks: step.reading.ticks,
            samples: 0,
            doubts: 0,
            clock: step.reading.clock,
        }
    }

    /// Takes the next sample.
    ///
    /// A flow that falls behind R since its anchor gets a new one: the old could only make it look slower than it is.
    pub(super) fn take(&mut self, step: &Step, rule: &Rule) -> Tracked {
        let same_clock = self.clock == step.reading.clock;
        let Some(ticks) = ticks_between(self.ticks, step.reading.ticks).filter(|_| same_clock) else {
            *self = Self::new(step);
            return Tracked::Goes;
        };
        self.doubts = 0;
        // The true tick is not known here. A guess that is too long, or a sample that was held back, must not make a
        // flow look slow: the shorter of both clocks counts.
        let tick = if self.clock == Clock::Record { 1e-6 } else { 1e-3 };
        let arrived = step.at.since(self.anchored).as_secs_f64();
        let passed = (f64::from(ticks) * tick).min(arrived);
        // Nothing is known of its rate yet; too few wraps make it late, too many would make it an elephant.
        let Some(bytes) = advance(self.sequence, step.sequence, 0.0, rule.largest) else {
            return Tracked::Goes;
        };
        self.ahead = self.ahead.saturating_add(bytes);
        self.sequence = step.sequence;
        self.weight += narrow(step.weight);
        self.samples = self.samples.saturating_add(1);
        let ahead = self.ahead as f64 * step.overhead;
        if passed > rule.age || ahead < Rule::SHARE * rule.rate * passed - 0.1 * rule.evidence {
            *self = Self::new(step);
            return Tracked::Goes;
        }
        if ahead >= rule.spacing {
            Tracked::Far
        } else {
            Tracked::Goes
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_of_all_numbers_are_ahead_with_fine_samples() {
        assert_eq!(advance(10, 10, 0.0, 1.5e6), Some(0));
        assert_eq!(advance(u32::MAX - 4, 5, 0.0, 1.5e6), Some(10));
        assert_eq!(advance(0, (1 << 31) - 1, 0.0, 1.5e8), Some((1 << 31) - 1));
        assert_eq!(advance(0, 1 << 31, 0.0, 1.5e8), None);
        assert_eq!(advance(1000, 999, 0.0, 1.5e8), None, "a keep-alive");
    }

    #[test]
    fn coarse_samples_are_unwrapped_by_rate_and_time() {
        // 900 MB a sample: 100G, 1:100 000, 9 kB.
        assert_eq!(advance(0, 3 << 30, 0.9e9, 9e8), Some(3 << 30), "forwards");
        assert_eq!(advance(0, 1 << 30, 5.5e9, 9e8), Some((1 << 30) + (1 << 32)));
        assert_eq!(advance(1 << 20, 0, 5.5e9, 9e8), None, "a retransmission");
        assert_eq!(
            advance(0, 1 << 30, f64::INFINITY, 9e8),
            Some((1000 << 32) + (1 << 30))
        );
    }

    proptest! {
        #[test]
        fn a_step_leads_to_the_next_number(last: u32, next: u32, expected in 0.0..1e12, largest in 1e3..2e9) {
            if let Some(bytes) = advance(last, next, expected, largest) {
                let low = u32::try_from(bytes & u64::from(u32::MAX)).unwrap();
                prop_assert_eq!(last.wrapping_add(low), next);
                if largest > COARSE {
                    prop_assert!((bytes as f64 - expected).abs() <= WRAP || bytes < 1 << 32);
                } else {
                    prop_assert!(bytes < 1 << 31);
                }
            } else {
                prop_assert!(next.wrapping_sub(last) >= 1 << 31);
            }
        }
    }
}
