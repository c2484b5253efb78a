//! Decides which flow is an elephant, and when it has ended.
//!
//! A flow is an elephant when it shows that it has the rate R of the port where it enters, and B bytes of evidence
//! (`profile`). TCP flows whose packets tell when they were sent (`clock`) are judged by their sequence numbers
//! (`sequence`, `trail`), in which there is no noise of sampling; all others by counts (`count`). Profile `average` looks
//! at the exponential average of what the samples stand for, as other collectors do.
//!
//! An elephant stays one until it is silent; its rate plays no part in that, because a mark demotes the flow, TCP slows
//! down, and a rule that looked at the rate would mark and unmark for ever.
//!
//! Elephants live apart from the table of all flows, so nothing evicts them. Events are level-triggered: what was not
//! delivered is offered again at the next `Detector::poll`, as long as it is true.
//!
//! Pure: inputs are method calls with `now`, outputs are values.

mod fired;
mod progress;
mod judge;
mod evidence;
mod entry;
mod trail;
mod sequence;
mod clock;
mod count;
mod profile;
mod effective;
mod candidate;
mod number;
pub mod table;

use std::collections::HashMap;

use shared::units::BitRate;

use crate::clock::Time;
use crate::config::Profile;
use crate::flow::{AgentId, Fingerprint, FlowHasher, FlowKey};
use crate::keyed::Keyed;
use crate::packet::{Header, TcpFlags};
use clock::Senders;
use entry::Before;
use fired::Fired;
use judge::{Case, Judge};
use profile::Rule;
use table::{Found, Table};
use trail::Trail;

pub use candidate::Candidate;
pub use clock::Clock;
pub use effective::Effective;
pub use entry::Entry;
pub use evidence::{Evidence, Path};
pub use progress::Progress;

/// A flow below this share of the threshold is as good as silent: one that falls there from above has ended, and what
/// one was that rises from there is no evidence.
const IDLE: f64 = 0.1;

/// From this share of the evidence on flows are noted for people to see: two samples close to each other, where one in a
/// thousand is sampled and the threshold is 100 Mbit/s. It is a fraction of all flows that go so fast even for a moment.
const EIGHTH: f32 = 0.125;

/// What a TCP segment says of its stream (RFC 9293 §3.1, RFC 7323 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Sequence number of its first byte.
    pub sequence: u32,
    /// Its flags.
    pub flags: TcpFlags,
    /// The sender's clock (TSval), in ticks of its choice.
    pub timestamp: Option<u32>,
    /// Bytes that it carries; `None` when that is not known.
    pub payload: Option<u32>,
}

impl Segment {
    /// Reads it from a sampled packet; `bytes` are those that `header` was parsed from. `None` for what is not TCP, and
    /// where the flags were not sampled.
    #[inline]
    pub fn of(header: &Header, bytes: &[u8]) -> Option<Self> {
        let transport = header.transport?;
        let tcp = transport.tcp?;
        let timestamps = transport.tcp_view(bytes).and_then(|tcp| tcp.timestamps());
        Some(Self {
            sequence: tcp.sequence,
            flags: tcp.flags?,
            timestamp: timestamps.map(|timestamps| timestamps.value),
            payload: header.payload_length(bytes),
        })
    }
}

/// One flow sample, reduced to what detection needs.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// The flow.
    pub key: FlowKey,
    /// ifIndex of the port it enters by.
    pub port: u32,
    /// ifIndex of the port that it leaves the switch by, for people to see; `None` when the sample does not say one.
    pub output: Option<u32>,
    /// Bytes that the sample stands for: effective sampling rate ([`Effective`]) × frame length.
    pub weight: u64,
    /// Length of its frame in bytes, as the agent counts.
    pub frame: u32,
    /// DSCP of the sampled packet.
    pub dscp: u8,
    /// What TCP says.
    pub segment: Option<Segment>,
    /// When the agent saw the packet, in nanoseconds of its clock (sFlow format 1043).
    pub recorded: Option<u64>,
    /// What the time that goes with the observation was taken from.
    pub clock: Clock,
    /// The rate that makes an elephant on this port; `None` when unknown, and then nothing fires.
    pub threshold: Option<BitRate>,
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
        /// It said goodbye (FIN or RST); otherwise it went silent.
        closed: bool,
        /// Bytes that its samples stand for since it was detected.
        bytes: u64,
    },
    /// An elephant that was told of goes on; each about every two seconds.
    Progress(Progress),
}

/// An elephant that has not ended, as it is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What was found.
    pub elephant: Elephant,
    /// Its rate, averaged over the last eight seconds or so.
    pub rate: BitRate,
    /// Bytes that its samples stand for since it was found.
    pub bytes: u64,
    /// Its last sample.
    pub last_sample: Time,
    /// ifIndex of the port that it leaves the switch by, as that says.
    pub output: Option<u32>,
    /// It has ended then, unless it is sampled before.
    pub until: Time,
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

/// The detector with its tables.
#[derive(Debug)]
pub struct Detector {
    profile: Profile,
    spacing: f64,
    hasher: FlowHasher,
    table: Table<Entry>,
    trails: Table<Trail>,
    candidates: Table<Candidate>,
    senders: Senders,
    fired: HashMap<Fingerprint, Fired, Keyed>,
    /// How many of them each agent has.
    fired_of: HashMap<AgentId, usize>,
    max_fired: usize,
}

impl Detector {
    /// Flows that are tracked at once: 16 MiB, and 5 MiB for the trails of one in sixteen.
    pub const FLOWS: usize = 1 << 18;

    /// Elephants at once: with a threshold of 10 % no port has more than ten for long, and 256 switches have 1,600
    /// such ports. 3 MiB.
    pub const ELEPHANTS: usize = 1 << 14;

    /// Flows for each trail. A flow gets one when it has a third of the evidence at R: no port has more than some dozens
    /// of these.
    const TRAIL: usize = 16;

    /// Candidates at most: more than anybody reads, and 1 MiB.
    const CANDIDATES: usize = 8192;

    /// A detector for `flows` flows and `elephants` elephants.
    pub fn new(profile: Profile, flows: usize, elephants: usize, hasher: FlowHasher) -> Self {
        Self {
            profile,
            spacing: Rule::SPACING,
            hasher,
            table: Table::new(flows),
            trails: Table::new(flows / Self::TRAIL),
            candidates: Table::new((flows / Self::TRAIL).min(Self::CANDIDATES)),
            senders: Senders::new(flows / Self::TRAIL),
            fired: HashMap::with_hasher(Keyed::random()),
            fired_of: HashMap::new(),
            max_fired: elephants,
        }
    }

    /// With anchors that stand apart by another share of the evidence: to measure what spacing is good for.
    #[must_use]
    pub const fn with_spacing(mut self, share: f64) -> Self {
        self.spacing = share;
        self
    }

    /// How much evidence it asks for.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Asks for so much evidence from now on. What flows have shown stays.
    pub const fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// The table of all flows that are not elephants.
    pub const fn table(&self) -> &Table<Entry> {
        &self.table
    }

    /// How many elephants have not ended.
    pub fn elephants(&self) -> usize {
        self.fired.len()
    }

    /// Flows that have an eighth of the evidence, or had when they were sampled last; old ones among them.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter()
    }

    /// All elephants that have not ended.
    pub fn standing(&self) -> impl Iterator<Item = Standing> {
        self.fired.values().map(Fired::standing)
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
            fired.count(now, seen, &mut self.senders, &self.hasher);
            return Outcome::Known;
        }
        let Self {
            profile,
            spacing,
            hasher,
            table,
            trails,
            senders,
            ..
        } = self;
        let new = Entry::new(fingerprint, now, seen.weight);
        let Some((found, entry)) = table.touch(fingerprint, now, new) else {
            return Outcome::Refused;
        };
        let before = match found {
            Found::Known => entry.add(now, seen.weight),
            Found::Added | Found::Displaced => Before::NOTHING,
        };
        let mut judge = Judge {
            profile: *profile,
            spacing: *spacing,
            trails,
            senders,
            hasher,
            share: 0.0,
        };
        let case = Case {
            now,
            fingerprint,
            seen,
            before,
        };
        let evidence = judge.evidence(entry, &case);
        let (share, largest) = (judge.share, entry.largest());
        let Some(evidence) = evidence else {
            if share >= EIGHTH {
                let rate = entry.rate();
                self.note(now, fingerprint, seen, (share, rate));
            }
            return match found {
                Found::Known | Found::Added => Outcome::Counted,
                Found::Displaced => Outcome::Displaced,
            };
        };
        if !self.has_place(seen.key.agent) {
            return Outcome::Full;
        }
        let elephant = Elephant {
            key: seen.key,
            port: seen.port,
            dscp: seen.dscp,
            detected: now,
            evidence,
        };
        let told = deliver(&Event::Started(elephant));
        self.table.remove(fingerprint);
        self.trails.remove(fingerprint);
        self.candidates.remove(fingerprint);
        self.fired.insert(
            fingerprint,
            Fired::new((elephant, seen.output), now, largest, told),
        );
        *self.fired_of.entry(seen.key.agent).or_default() += 1;
        Outcome::Fired
    }

    /// Notes a flow that may become an elephant. Of few samples, so apart from what all go through.
    #[inline(never)]
    fn note(&mut self, now: Time, fingerprint: Fingerprint, seen: &Observation, (share, rate): (f32, f32)) {
        let new = Candidate::new(fingerprint, now, seen, (share, rate));
        if let Some((_, place)) = self.candidates.touch(fingerprint, now, new) {
            *place = new;
        }
    }

    /// Offers what was not delivered yet and finds out which elephants have ended. To be called about ten times a
    /// second; `deliver` says whether it could take the event. Returns the agents of the elephants that are over, once
    /// for each, whether anybody was told of them or not.
    pub fn poll(&mut self, now: Time, mut deliver: impl FnMut(&Event) -> bool) -> Vec<AgentId> {
        let mut over = Vec::new();
        self.fired.retain(|_, fired| {
            if fired.is_over(now) {
                let ended = Event::Ended {
                    key: fired.elephant.key,
                    last_sample: fired.last,
                    closed: fired.closed(),
                    bytes: fired.bytes,
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
            } else if let Some(progress) = fired.progress(now)
                && deliver(&Event::Progress(progress))
            {
                fired.pulse.told(now);
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

#[cfg(test)]
mod tests;
