//! Decides which flow is an elephant, and when it has ended.
//!
//! Profile `average`: a flow is an elephant when the exponential average (τ = 1 s) of what its samples stand for reaches
//! the threshold of the port it enters by. It stays one until it is silent; its rate plays no part in that, because a
//! mark demotes the flow, TCP slows down, and a rule that looked at the rate would mark and unmark for ever.
//!
//! Elephants live apart from the table of all flows, so nothing evicts them. Events are level-triggered: what was not
//! delivered is offered again at the next `Detector::poll`, as long as it is true.
//!
//! Pure: inputs are method calls with `now`, outputs are values.

use std::collections::HashMap;
use std::time::Duration;

use shared::units::BitRate;

use crate::clock::Time;
use crate::flow::{AgentId, Fingerprint, FlowHasher, FlowKey, Table, Touched};

/// Time constant of the average.
const TAU: Duration = Duration::from_secs(1);

/// A flow below this share of the threshold is as good as silent: one that falls there from above has ended, and what
/// one was that rises from there is no evidence.
const IDLE: f64 = 0.1;

/// One flow sample, reduced to what detection needs.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// The flow.
    pub key: FlowKey,
    /// ifIndex of the port it enters by.
    pub port: u32,
    /// Bytes that the sample stands for: sampling rate × frame length.
    pub weight: u64,
    /// DSCP of the sampled packet.
    pub dscp: u8,
    /// The rate that makes an elephant on this port; `None` when unknown, and then nothing fires.
    pub threshold: Option<BitRate>,
}

/// Why a flow was called an elephant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Bytes that its samples stood for.
    pub bytes: u64,
    /// How many samples these were.
    pub samples: u32,
    /// The first of them.
    pub first_sample: Time,
    /// The estimated rate.
    pub rate: BitRate,
    /// The rate that makes an elephant on its port.
    pub threshold: BitRate,
}

/// A flow that was found to be an elephant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elephant {
    /// The flow.
    pub key: FlowKey,
    /// ifIndex of the port it enters by.
    pub port: u32,
    /// DSCP of the sample that decided.
    pub dscp: u8,
    /// When it was found.
    pub detected: Time,
    /// Why.
    pub evidence: Evidence,
}

/// What the detector tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A flow is an elephant.
    Started(Elephant),
    /// An elephant that was told of has ended.
    Ended {
        /// The flow.
        key: FlowKey,
        /// Its last sample.
        last_sample: Time,
    },
}

/// What became of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Counted in the table of all flows.
    Counted,
    /// Counted there, and another flow lost its place.
    Displaced,
    /// Not counted: only larger flows in its place of the table.
    Refused,
    /// A sample of a known elephant.
    Known,
    /// The flow is an elephant from now on.
    Fired,
    /// It would be one, but there are too many, or too many of its agent.
    Full,
}

/// A flow that is an elephant.
#[derive(Debug)]
struct Fired {
    elephant: Elephant,
    last: Time,
    silence: Duration,
    /// The start has been delivered.
    told: bool,
}

/// The detector with its tables.
#[derive(Debug)]
pub struct Detector {
    hasher: FlowHasher,
    table: Table,
    fired: HashMap<Fingerprint, Fired>,
    /// How many of them each agent has.
    fired_of: HashMap<AgentId, usize>,
    max_fired: usize,
}

impl Detector {
    /// Flows that are tracked at once: 16 MiB.
    pub const FLOWS: usize = 1 << 18;

    /// Elephants at once: with a threshold of 10 % no port has more than ten for long, and 256 switches have 1,600
    /// such ports. 3 MiB.
    pub const ELEPHANTS: usize = 1 << 14;

    /// A detector for `flows` flows and `elephants` elephants.
    pub fn new(flows: usize, elephants: usize, hasher: FlowHasher) -> Self {
        Self {
            hasher,
            table: Table::new(flows, TAU),
            fired: HashMap::new(),
            fired_of: HashMap::new(),
            max_fired: elephants,
        }
    }

    /// The table of all flows that are not elephants.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// How many elephants have not ended.
    pub fn elephants(&self) -> usize {
        self.fired.len()
    }

    /// Whether one more elephant of `agent` fits. One agent gets a quarter of the places at most: one that is broken, or
    /// that somebody forges, must not take them from all others.
    fn has_place(&self, agent: AgentId) -> bool {
        let of_agent = self.fired_of.get(&agent).copied().unwrap_or_default();
        self.fired.len() < self.max_fired && of_agent < self.max_fired / 4
    }

    /// Counts a sample. `deliver` gets the start of an elephant at once; it says whether it could take it.
    #[inline]
    pub fn observe(
        &mut self,
        now: Time,
        seen: &Observation,
        deliver: &mut impl FnMut(&Event) -> bool,
    ) -> Outcome {
        let fingerprint = self.fingerprint(&seen.key);
        self.observe_as(now, fingerprint, seen, deliver)
    }

    /// What stands for a flow in all calls of this detector.
    #[inline]
    pub fn fingerprint(&self, key: &FlowKey) -> Fingerprint {
        self.hasher.fingerprint(key)
    }

    /// Makes ready for the samples of these flows. With many flows it is faster to take samples in batches: all
    /// fingerprints first, then this, then [`Self::observe_as`] for each.
    #[inline]
    pub fn warm(&self, fingerprints: &[Fingerprint]) {
        self.table.warm(fingerprints);
    }

    /// As [`Self::observe`], where the fingerprint of the flow is known already.
    #[inline]
    pub fn observe_as(
        &mut self,
        now: Time,
        fingerprint: Fingerprint,
        seen: &Observation,
        deliver: &mut impl FnMut(&Event) -> bool,
    ) -> Outcome {
        if let Some(fired) = self.fired.get_mut(&fingerprint) {
            fired.count(now, seen);
            return Outcome::Known;
        }
        let idle = seen.threshold.map_or(0.0, |t| t.as_f64() / 8.0 * IDLE);
        let touched = self.table.touch(fingerprint, now, seen.weight, idle);
        let outcome = match touched {
            Touched::Known(_) | Touched::Added(_) => Outcome::Counted,
            Touched::Displaced(_) => Outcome::Displaced,
            Touched::Refused => return Outcome::Refused,
        };
        let (Some(entry), Some(threshold)) = (touched.entry(), seen.threshold) else {
            return outcome;
        };
        // The average was just updated, so it needs no decay.
        if entry.rate.at(now, TAU) * 8.0 < threshold.as_f64() {
            return outcome;
        }
        if !self.has_place(seen.key.agent) {
            return Outcome::Full;
        }
        let elephant = Elephant {
            key: seen.key,
            port: seen.port,
            dscp: seen.dscp,
            detected: now,
            evidence: Evidence {
                bytes: entry.bytes,
                samples: entry.samples,
                first_sample: entry.first,
                rate: bits(entry.rate.at(now, TAU)),
                threshold,
            },
        };
        let told = deliver(&Event::Started(elephant));
        let fired = Fired {
            elephant,
            last: now,
            silence: silence(threshold, f64::from(entry.largest)),
            told,
        };
        self.table.remove(fingerprint);
        self.fired.insert(fingerprint, fired);
        *self.fired_of.entry(seen.key.agent).or_default() += 1;
        Outcome::Fired
    }

    /// Offers what was not delivered yet and finds out which elephants have ended. To be called about ten times a
    /// second; `deliver` says whether it could take the event. Returns the agents of the elephants that are over, once
    /// for each, whether anybody was told of them or not.
    pub fn poll(&mut self, now: Time, mut deliver: impl FnMut(&Event) -> bool) -> Vec<AgentId> {
        let mut over = Vec::new();
        self.fired.retain(|_, fired| {
            if now.since(fired.last) >= fired.silence {
                let ended = Event::Ended {
                    key: fired.elephant.key,
                    last_sample: fired.last,
                };
                // Nobody was told of its start, so nobody need hear of its end.
                let stays = fired.told && !deliver(&ended);
                if !stays {
                    over.push(fired.elephant.key.agent);
                }
                return stays;
            }
            if !fired.told {
                fired.told = deliver(&Event::Started(fired.elephant));
            }
            true
        });
        for agent in &over {
            if let Some(count) = self.fired_of.get_mut(agent) {
                *count = count.saturating_sub(1);
            }
        }
        over
    }
}

impl Fired {
    #[expect(clippy::cast_precision_loss, reason = "a weight is an estimate")]
    fn count(&mut self, now: Time, seen: &Observation) {
        let weight = seen.weight as f64;
        self.last = self.last.max(now);
        // Larger frames, or coarser sampling, make longer gaps.
        self.silence = self
            .silence
            .max(silence(self.elephant.evidence.threshold, weight));
    }
}

/// How long a flow is silent before it has ended: so long that a flow at a tenth of the threshold R would have been
/// sampled with probability 1 − ε, when a sample stands for W bytes: ln(1/ε) / λ(0.1·R), λ(r) = r / (8·W) ([`IDLE`]).
///
/// ε = 0.001 makes that 8.3 s at R = 100 Mbit/s, one in 1000 and 1500-byte frames. The bounds are 2 s, twice as long as
/// an agent may hold samples back, and 10 s: with samples so coarse that this cuts in, a live flow may be called ended,
/// and is found again.
fn silence(threshold: BitRate, largest_weight: f64) -> Duration {
    const LN_1_OVER_EPSILON: f64 = 6.907_755;
    let seconds = LN_1_OVER_EPSILON * 8.0 * largest_weight / (IDLE * threshold.as_f64().max(1.0));
    Duration::from_secs_f64(seconds.clamp(2.0, Table::FORGET.as_secs_f64()))
}

/// Bytes per second as bits per second.
fn bits(bytes_per_second: f64) -> BitRate {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; saturates"
    )]
    BitRate::from_bits_per_second((bytes_per_second * 8.0).round() as u64)
}

#[cfg(test)]
mod tests;
