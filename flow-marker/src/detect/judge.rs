//! What one sample of a flow proves.

use std::time::Duration;

use shared::units::BitRate;

use super::candidate::share;
use super::clock::{Reading, Senders};
use super::entry::{Before, Counts, Entry, State};
use super::number::rounded;
use super::profile::Rule;
use super::sequence::{AMBIGUOUS, Step, Track, Tracked};
use super::table::Table;
use super::trail::{Followed, Proof, Trail};
use super::{Evidence, IDLE, Observation, Path};
use crate::clock::Time;
use crate::config::Profile;
use crate::flow::{Fingerprint, FlowHasher};
use crate::packet::TcpFlags;

/// After so many samples in a row that do not tell when they were sent, a flow is judged by counts.
const DOUBTS: u8 = 3;

/// What else is known while a sample is judged.
pub(super) struct Judge<'a> {
    pub(super) profile: Profile,
    /// Between two anchors, as a share of the evidence.
    pub(super) spacing: f64,
    pub(super) trails: &'a mut Table<Trail>,
    pub(super) senders: &'a mut Senders,
    pub(super) hasher: &'a FlowHasher,
    /// The share of the evidence that there is, if it is worth noting.
    pub(super) share: f32,
}

/// One sample, after it was added to its flow's average.
pub(super) struct Case<'a> {
    pub(super) now: Time,
    pub(super) fingerprint: Fingerprint,
    pub(super) seen: &'a Observation,
    pub(super) before: Before,
}

/// What a sample says of its flow's stream.
enum Said {
    /// A position and a time.
    Step(Step),
    /// A new stream begins.
    Opens,
    /// Nothing, and neither do others of its kind.
    Nothing,
    /// Nothing, but others of the same flow may.
    Doubt,
}

impl Judge<'_> {
    /// The evidence, when the flow is an elephant by this sample.
    #[inline]
    pub(super) fn evidence(&mut self, entry: &mut Entry, case: &Case<'_>) -> Option<Evidence> {
        let largest = entry.largest();
        let threshold = case.seen.threshold;
        let rule = threshold.and_then(|rate| Rule::new(self.profile, rate, largest, self.spacing));
        let Some(rule) = rule else {
            let evidence = average(entry, case);
            let threshold = case
                .seen
                .threshold
                .map_or(f64::INFINITY, |rate| rate.as_f64() / 8.0);
            self.share = share(f64::from(entry.rate()), threshold);
            return evidence;
        };
        match (said(case, &rule), &mut entry.state) {
            (Said::Opens, state) => {
                *state = State::counted(case.now);
                None
            }
            (Said::Doubt, State::Tracked(Track { doubts, .. }) | State::Followed { doubts })
                if *doubts < DOUBTS =>
            {
                *doubts += 1;
                None
            }
            (Said::Step(step), State::Tracked(track)) => {
                if track.take(&step, &rule) == Tracked::Goes {
                    self.share = share(track.ahead as f64 * step.overhead, rule.evidence);
                    return None;
                }
                self.promote(entry, case, &step, &rule)
            }
            (Said::Step(step), State::Followed { doubts }) => {
                *doubts = 0;
                let trail = self.trails.find(case.fingerprint);
                let followed = trail.map(|trail| {
                    let followed = trail.take(&step, &rule);
                    self.share = trail.share(&rule, step.overhead);
                    followed
                });
                // Without a trail, others were worth more.
                self.settle(entry, case, &step, followed.unwrap_or(Followed::Lost))
            }
            (Said::Step(step), State::Counted(_)) => {
                entry.state = State::Tracked(Track::new(&step));
                None
            }
            (_, State::Counted(counts) | State::Distrusted(counts)) => {
                let evidence = sum(counts, case, &rule);
                self.share = counts.share();
                evidence
            }
            (Said::Doubt | Said::Nothing, state) => {
                let mut counts = Counts::new(case.now);
                let evidence = sum(&mut counts, case, &rule);
                *state = State::Counted(counts);
                evidence
            }
        }
    }

    /// Gives a flow a trail.
    fn promote(&mut self, entry: &mut Entry, case: &Case<'_>, step: &Step, rule: &Rule) -> Option<Evidence> {
        let State::Tracked(track) = &entry.state else {
            return None;
        };
        let tick = self.senders.tick(self.hasher, case.seen.key.tuple.source);
        let mut trail = Trail::new(case.fingerprint, track, step, tick);
        let followed = trail.decide(rule, step.overhead);
        if followed == Followed::Goes {
            self.share = trail.share(rule, step.overhead);
            if let Some((_, place)) = self.trails.touch(case.fingerprint, case.now, trail) {
                *place = trail;
                entry.state = State::Followed { doubts: 0 };
            }
            return None;
        }
        self.settle(entry, case, step, followed)
    }

    /// Does what a trail's sample comes to.
    fn settle(
        &mut self,
        entry: &mut Entry,
        case: &Case<'_>,
        step: &Step,
        followed: Followed,
    ) -> Option<Evidence> {
        if !matches!(followed, Followed::Goes) {
            self.share = 0.0;
        }
        match followed {
            Followed::Goes => return None,
            Followed::Lost => entry.state = State::Tracked(Track::new(step)),
            Followed::Untrusted => entry.state = State::Distrusted(Counts::new(case.now)),
            // Its place is needed no longer; when it cannot fire, it is judged anew by the next samples.
            Followed::Proven(_) => entry.state = State::Tracked(Track::new(step)),
        }
        if let Some(trail) = self.trails.find(case.fingerprint) {
            let (ticks, elapsed) = trail.clocks();
            if step.reading.clock == super::Clock::Sender {
                let sender = case.seen.key.tuple.source;
                self.senders.learn(self.hasher, sender, case.now, ticks, elapsed);
            }
            self.trails.remove(case.fingerprint);
        }
        let Followed::Proven(proof) = followed else {
            return None;
        };
        Some(by_sequence(&proof, step, case.seen.threshold?))
    }
}

fn said(case: &Case<'_>, rule: &Rule) -> Said {
    let Some(segment) = case.seen.segment else {
        return Said::Nothing;
    };
    if segment.flags.intersects(TcpFlags::SYN) {
        return Said::Opens;
    }
    if rule.largest > AMBIGUOUS {
        return Said::Nothing;
    }
    match Reading::of(case.seen) {
        // Many stacks send resets without timestamps, and with a number from nowhere.
        Some(reading) if !segment.flags.intersects(TcpFlags::RST) => Said::Step(Step {
            at: case.now,
            reading,
            sequence: segment.sequence,
            weight: case.seen.weight as f64,
            overhead: Step::overhead(case.seen.frame, segment.payload),
        }),
        _ => Said::Doubt,
    }
}

fn average(entry: &mut Entry, case: &Case<'_>) -> Option<Evidence> {
    let idle = case.seen.threshold.map_or(0.0, |t| t.as_f64() / 8.0 * IDLE);
    // The average was just updated, so it needs no decay.
    let rate = entry.rate_at(case.now);
    if !matches!(entry.state, State::Counted(_)) {
        entry.state = State::counted(case.now);
    }
    let State::Counted(counts) = &mut entry.state else {
        return None;
    };
    counts.average(case.now, case.seen.weight, &case.before, idle);
    let threshold = case.seen.threshold?;
    (rate * 8.0 >= threshold.as_f64()).then(|| by_counts(counts, case, Path::Average, rate, threshold))
}

fn sum(counts: &mut Counts, case: &Case<'_>, rule: &Rule) -> Option<Evidence> {
    let weight = case.seen.weight;
    if !counts.sum(case.now, weight, &case.before, rule) {
        return None;
    }
    let seconds = case.now.since(counts.first).as_secs_f64();
    // So many samples span one gap fewer.
    let gaps = counts.bytes.saturating_sub(weight) as f64;
    let rate = gaps / seconds.max(gaps / (100.0 * rule.rate));
    Some(by_counts(counts, case, Path::Count, rate, case.seen.threshold?))
}

fn by_counts(counts: &Counts, case: &Case<'_>, path: Path, rate: f64, threshold: BitRate) -> Evidence {
    let what = (counts.bytes, counts.samples);
    Evidence {
        path,
        clock: case.seen.clock,
        ..Evidence::counted(
            what,
            (counts.first, case.now),
            (BitRate::from_bytes_per_second(rate), threshold),
        )
    }
}

fn by_sequence(proof: &Proof, step: &Step, threshold: BitRate) -> Evidence {
    let seconds = proof.seconds.max(proof.tick);
    let rate = proof.bytes / seconds;
    let share = rate * 8.0 / threshold.as_f64().max(1.0);
    Evidence {
        path: Path::Sequence,
        clock: step.reading.clock,
        bytes: rounded(proof.bytes),
        span: Duration::from_secs_f64(proof.seconds),
        samples: proof.samples,
        first_sample: proof.first,
        rate: BitRate::from_bytes_per_second(rate),
        threshold,
        confidence: Evidence::confidence(share, share * proof.tick / seconds),
    }
}
