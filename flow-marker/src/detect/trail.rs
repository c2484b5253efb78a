//! A flow that may become an elephant, with enough of its past to prove it.
//!
//! Anchors are places that the flow has passed: a position in its stream and the sender's time there. They stand apart by
//! bytes, since the last few samples never span enough evidence where sampling is fine. The flow is an elephant when,
//! since some anchor, it has advanced by B bytes and at R.

use super::candidate::share;
use super::clock::{Reading, Tick};
use super::profile::Rule;
use super::sequence::{Step, Track, advance, ticks_between};
use super::table::Place;
use crate::clock::Time;
use crate::flow::Fingerprint;

/// B is three spaces, and the flow may have gone up to one further at each end: five are enough at R, one is for what
/// is faster.
const ANCHORS: u8 = 6;

/// Sequence numbers that advance by more than so many times what the samples stand for are forged, or wrapped otherwise
/// than was thought. Between two samples there are on average as many bytes as one stands for, and 20 times as many
/// once in 500 million.
const TOO_FAR: f64 = 20.0;

/// Sequence numbers that advance by less than this share over [`MANY`] samples say nothing about the bytes that pass.
/// By chance it happens once in 2000 million.
const TOO_NEAR: f64 = 0.05;
const MANY: u32 = 10;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Anchor {
    position: u64,
    ticks: u32,
    samples: u32,
    weight: f64,
    at: Time,
}

/// The trail of one flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trail {
    fingerprint: Fingerprint,
    /// Time on the flow's clock and ours, from which ticks are learned.
    started: (u32, Time),
    /// Bytes since the trail began.
    position: u64,
    sequence: u32,
    /// Time of the last sample.
    ticks: u32,
    reading: Reading,
    samples: u32,
    weight: f64,
    at: Time,
    tick: Tick,
    /// Where the next anchor goes.
    next: u8,
    len: u8,
    anchors: [Anchor; ANCHORS as usize],
}

/// Why a flow is an elephant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Proof {
    /// Bytes of frames by its sequence numbers.
    pub(super) bytes: f64,
    /// In so many seconds of its sender.
    pub(super) seconds: f64,
    /// One tick, by which these may be wrong.
    pub(super) tick: f64,
    /// Samples, that at the anchor included.
    pub(super) samples: u32,
    /// Arrival of the first of them.
    pub(super) first: Time,
}

/// What a sample did to a trail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Followed {
    /// Nothing to decide yet.
    Goes,
    /// The flow is slow, silent, or somebody else's: the trail is of no use.
    Lost,
    /// The flow's clock contradicts ours.
    Untrusted,
    /// The flow is an elephant.
    Proven(Proof),
}

impl Place for Trail {
    const EMPTY: Self = Self {
        fingerprint: 0,
        started: (0, Time::START),
        position: 0,
        sequence: 0,
        ticks: 0,
        reading: Reading {
            clock: super::clock::Clock::Sender,
            ticks: 0,
        },
        samples: 0,
        weight: 0.0,
        at: Time::START,
        tick: Tick::USUAL,
        next: 0,
        len: 0,
        anchors: [Anchor {
            position: 0,
            ticks: 0,
            samples: 0,
            weight: 0.0,
            at: Time::START,
        }; ANCHORS as usize],
    };

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Bytes of its samples, halved by each second of silence: what was only claimed by sequence numbers is worth nothing.
    fn value(&self, now: Time) -> f64 {
        self.weight * (-now.since(self.at).as_secs_f64()).exp2()
    }
}

impl Trail {
    /// Follows a flow from the anchor of its track; `step` is the sample that went far enough, and has been taken by the
    /// track.
    pub(super) fn new(fingerprint: Fingerprint, track: &Track, step: &Step, tick: Tick) -> Self {
        let mut trail = Self {
            fingerprint,
            started: (track.ticks, track.anchored),
            position: track.ahead,
            sequence: track.sequence,
            ticks: step.reading.ticks,
            reading: step.reading,
            samples: 1 + u32::from(track.samples),
            weight: f64::from(track.weight),
            at: step.at,
            tick,
            ..Self::EMPTY
        };
        trail.push(Anchor {
            position: 0,
            ticks: track.ticks,
            samples: 1,
            weight: 0.0,
            at: track.anchored,
        });
        trail
    }

    /// Takes the next sample.
    pub(super) fn take(&mut self, step: &Step, rule: &Rule) -> Followed {
        if step.reading.clock != self.reading.clock {
            return Followed::Lost;
        }
        let Some(passed) = ticks_between(self.ticks, step.reading.ticks) else {
            return Followed::Goes; // Out of order: an earlier packet.
        };
        let expected = self.rate() * f64::from(passed) * self.tick.seconds();
        let Some(bytes) = advance(self.sequence, step.sequence, expected, rule.largest) else {
            return Followed::Goes; // A retransmission.
        };
        self.position = self.position.saturating_add(bytes);
        (self.sequence, self.ticks) = (step.sequence, step.reading.ticks);
        self.samples = self.samples.saturating_add(1);
        self.weight += step.weight;
        self.at = self.at.max(step.at);
        self.decide(rule, step.overhead)
    }

    /// Judges what is known. Of each byte of the stream there are `overhead` on the wire.
    pub(super) fn decide(&mut self, rule: &Rule, overhead: f64) -> Followed {
        let (ticks, started) = self.started;
        let elapsed = self.at.since(started).as_secs_f64();
        let since_start = self.ticks.wrapping_sub(ticks);
        match Tick::explaining(self.reading.clock, self.tick, since_start, elapsed) {
            Some(tick) => self.tick = tick,
            None => return Followed::Untrusted,
        }
        let Some(newest) = self.newest() else {
            return Followed::Lost;
        };
        if self.seconds_since(&newest) > rule.age || !self.is_plausible() {
            return Followed::Lost;
        }
        if let Some(proof) = self.proof(rule, overhead) {
            return Followed::Proven(proof);
        }
        if (self.position - newest.position) as f64 >= rule.spacing {
            self.push(Anchor {
                position: self.position,
                ticks: self.ticks,
                samples: self.samples,
                weight: self.weight,
                at: self.at,
            });
        }
        Followed::Goes
    }

    /// The share of the evidence that the flow has shown since its oldest anchor.
    pub(super) fn share(&self, rule: &Rule, overhead: f64) -> f32 {
        let oldest = self.anchors().map(|anchor| anchor.position).min();
        let far = oldest.map_or(0, |oldest| self.position - oldest);
        share(far as f64 * overhead, rule.evidence)
    }

    /// From which anchor the flow has gone far and fast enough.
    fn proof(&self, rule: &Rule, overhead: f64) -> Option<Proof> {
        let proofs = self.anchors().filter_map(|anchor| {
            let seconds = self.seconds_since(anchor);
            let far = (self.position - anchor.position) as f64 * overhead;
            (seconds <= rule.age && far >= rule.evidence && far >= Rule::SHARE * rule.rate * seconds).then(
                || Proof {
                    bytes: far,
                    seconds,
                    tick: self.tick.seconds(),
                    samples: self.samples - anchor.samples + 1,
                    first: anchor.at,
                },
            )
        });
        proofs.max_by(|a, b| a.bytes.total_cmp(&b.bytes))
    }

    /// Whether sequence numbers and samples tell the same story.
    fn is_plausible(&self) -> bool {
        let near = |anchor: &Anchor| {
            let (bytes, weight) = (self.position - anchor.position, self.weight - anchor.weight);
            let samples = self.samples - anchor.samples;
            bytes as f64 <= TOO_FAR * weight && (samples < MANY || bytes as f64 >= TOO_NEAR * weight)
        };
        self.anchors().all(near)
    }

    /// Bytes per second since the oldest anchor.
    fn rate(&self) -> f64 {
        let oldest = self.anchors().min_by_key(|anchor| anchor.position);
        oldest.map_or(0.0, |anchor| {
            let seconds = self.seconds_since(anchor).max(self.tick.seconds());
            (self.position - anchor.position) as f64 / seconds
        })
    }

    fn seconds_since(&self, anchor: &Anchor) -> f64 {
        f64::from(self.ticks.wrapping_sub(anchor.ticks)) * self.tick.seconds()
    }

    fn push(&mut self, anchor: Anchor) {
        if let Some(place) = self.anchors.get_mut(usize::from(self.next)) {
            *place = anchor;
        }
        self.next = (self.next + 1) % ANCHORS;
        self.len = (self.len + 1).min(ANCHORS);
    }

    fn anchors(&self) -> impl Iterator<Item = &Anchor> {
        self.anchors.iter().take(usize::from(self.len))
    }

    fn newest(&self) -> Option<Anchor> {
        self.anchors().max_by_key(|anchor| anchor.position).copied()
    }

    /// What the sender's clock and ours say of how long the flow was followed: ticks and seconds.
    pub(super) fn clocks(&self) -> (u32, f64) {
        let (ticks, started) = self.started;
        (
            self.ticks.wrapping_sub(ticks),
            self.at.since(started).as_secs_f64(),
        )
    }
}
