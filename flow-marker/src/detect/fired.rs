//! A flow that is an elephant, until it ends.

use std::time::Duration;

use shared::units::BitRate;

use super::clock::{Clock, Reading, Senders};
use super::entry::FORGET;
use super::progress::{Progress, Pulse};
use super::{Elephant, IDLE, Observation, Standing};
use crate::clock::Time;
use crate::flow::FlowHasher;
use crate::packet::TcpFlags;

/// One elephant.
#[derive(Debug)]
pub(super) struct Fired {
    pub(super) elephant: Elephant,
    pub(super) last: Time,
    output: Option<u32>,
    /// Bytes that its samples stand for since it was detected.
    pub(super) bytes: u64,
    silence: Duration,
    pub(super) pulse: Pulse,
    /// Since its sender said that it would send no more.
    closing: Option<Time>,
    /// The start has been delivered.
    pub(super) told: bool,
    /// Its clock and ours at some sample, from which the sender's tick is learned.
    started: Option<(u32, Time)>,
}

/// How long a flow is silent that has said goodbye: what is still on its way comes sooner, and so do the samples of it
/// that an agent may hold back.
const CLOSED: Duration = Duration::from_secs(1);

/// A flow that goes on for so long after its goodbye did not mean it, or somebody else said it.
const REVOKED: Duration = Duration::from_secs(2);

impl Fired {
    pub(super) fn new(
        (elephant, output): (Elephant, Option<u32>),
        now: Time,
        largest: f64,
        told: bool,
    ) -> Self {
        Self {
            silence: silence(elephant.evidence.threshold, largest),
            pulse: Pulse::new(now, elephant.evidence.rate),
            elephant,
            last: now,
            output,
            bytes: 0,
            closing: None,
            told,
            started: None,
        }
    }

    /// Takes a sample of it.
    pub(super) fn count(
        &mut self,
        now: Time,
        seen: &Observation,
        senders: &mut Senders,
        hasher: &FlowHasher,
    ) {
        self.last = self.last.max(now);
        self.output = seen.output;
        self.pulse.add(seen.weight);
        self.bytes = self.bytes.saturating_add(seen.weight);
        // Larger frames, or coarser sampling, make longer gaps.
        let silence = silence(self.elephant.evidence.threshold, seen.weight as f64);
        self.silence = self.silence.max(silence);
        let flags = seen.segment.map_or(TcpFlags(0), |segment| segment.flags);
        if flags.intersects(TcpFlags::FIN) || flags.intersects(TcpFlags::RST) {
            self.closing = Some(now);
        } else if self.closing.is_some_and(|since| now.since(since) >= REVOKED) {
            self.closing = None;
        }
        if let Some(Reading {
            clock: Clock::Sender,
            ticks,
        }) = Reading::of(seen)
        {
            let (then, started) = *self.started.get_or_insert((ticks, now));
            let sender = self.elephant.key.tuple.source;
            let elapsed = now.since(started).as_secs_f64();
            senders.learn(hasher, sender, now, ticks.wrapping_sub(then), elapsed);
            if elapsed >= 60.0 {
                self.started = None;
            }
        }
    }

    /// What there is to tell of it, when it is time for that.
    pub(super) fn progress(&mut self, now: Time) -> Option<Progress> {
        self.pulse.due(now, self.elephant.key, self.last)
    }

    /// Whether its sender has said that it would send no more.
    pub(super) const fn closed(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self, now: Time) -> bool {
        now.since(self.last) >= self.patience()
    }

    /// How long it may be silent.
    const fn patience(&self) -> Duration {
        match self.closing {
            Some(_) => CLOSED,
            None => self.silence,
        }
    }

    /// As it is now.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            elephant: self.elephant,
            rate: self.pulse.rate(),
            bytes: self.bytes,
            last_sample: self.last,
            output: self.output,
            until: self.last + self.patience(),
        }
    }
}

/// How long a flow is silent before it has ended: so long that a flow at a tenth of the threshold R would have been
/// sampled with probability 1 − ε, when a sample stands for W bytes: ln(1/ε) / λ(0.1·R), λ(r) = r / (8·W) ([`IDLE`]).
///
/// ε = 0.001 makes that 8.3 s at R = 100 Mbit/s, one in 1000 and 1500-byte frames. The bounds are 2 s, twice as long as
/// an agent may hold samples back, and 10 s: with samples so coarse that this cuts in, a live flow may be called ended,
/// and is found again.
pub(super) fn silence(threshold: BitRate, largest_weight: f64) -> Duration {
    const LN_1_OVER_EPSILON: f64 = 6.907_755;
    let seconds = LN_1_OVER_EPSILON * 8.0 * largest_weight / (IDLE * threshold.as_f64().max(1.0));
    Duration::from_secs_f64(seconds.clamp(2.0, FORGET.as_secs_f64()))
}
