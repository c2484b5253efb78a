//! What was lost on the way from one agent, and what came twice or late.
//!
//! Every datagram of a sub-agent has a sequence number, and so has every sample of a data source, by kind. Gaps are
//! losses until what is missing comes late. A sample's gap may be the loss of a datagram or of the agent itself; what the
//! agent says it could not sample is counted apart (`drops`). An agent that starts again starts its numbers again: by its
//! uptime, which went back, or by numbers that go on far from where they were.
//!
//! Bounded in memory whatever is sent: so many data sources, and [`MAX_SUB_AGENTS`]; what belongs to further ones is
//! counted as received and otherwise not accounted for (`untracked`). Without clock: `uptime` and numbers are all it needs.

mod sequence;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub use sequence::{Arrival, Counts, Sequence};

use super::places::Share;
use crate::keyed::Keyed;
use crate::sflow::DataSource;

/// Sub-agents of one address that are told apart. A chassis has one for each line card.
pub const MAX_SUB_AGENTS: usize = 64;

/// An uptime that is so much smaller than the last one, in milliseconds, is one of a new start: no datagram is as late.
const RESTART_MS: u32 = 10_000;

/// What a sample tells, as far as its numbering goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Flow samples (sFlow v5 §5, formats 1 and 3).
    Flow,
    /// Counter samples (formats 2 and 4).
    Counters,
    /// Notifications of discarded packets (format 5).
    Discard,
}

/// What is known of one kind of samples, over all data sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// By their sequence numbers.
    pub counts: Counts,
    /// What the agent could not sample for lack of resources, as it says itself (`drops`).
    pub agent_drops: u64,
    /// Data sources that are accounted for.
    pub sources: u64,
    /// Samples of data sources beyond the limit; they are among those received.
    pub untracked: u64,
}

/// The numbers of one sub-agent's datagrams.
#[derive(Debug, Default)]
struct SubAgent {
    sequence: Sequence,
    /// Of the datagram with the highest number.
    uptime_ms: u32,
    /// How often it has started again.
    life: u32,
}

/// The numbers of one data source's samples.
#[derive(Debug, Default)]
struct Source {
    sequence: Sequence,
    /// The agent's count of drops in the sample with the highest number.
    drops: u32,
    /// The life of the sub-agent that the numbers belong to.
    life: u32,
}

/// A sub-agent and a kind; class and index of a data source.
type SourceKey = (u64, u64);

/// The accounts of one agent.
#[derive(Debug)]
pub struct Loss {
    sub_agents: HashMap<u32, SubAgent>,
    sources: HashMap<SourceKey, Source, Keyed>,
    /// The sub-agent of the last datagram and its life; `None` when it is beyond the limit.
    current: Option<(u32, u32)>,
    max_sources: usize,
    /// What all agents that are limited together have for their data sources.
    share: Share,
    datagrams: Counts,
    untracked_datagrams: u64,
    samples: [SampleCounts; 3],
}

impl Loss {
    /// Nothing has come yet. So many data sources are accounted for, each kind of sample for itself, as long as the
    /// agent's share lasts.
    pub fn new(max_sources: usize, share: Share) -> Self {
        Self {
            sub_agents: HashMap::new(),
            sources: HashMap::with_hasher(Keyed::random()),
            current: None,
            max_sources,
            share,
            datagrams: Counts::default(),
            untracked_datagrams: 0,
            samples: [SampleCounts::default(); 3],
        }
    }

    /// Takes the head of a datagram, before its samples. The samples of one that is [`Arrival::Duplicate`] have been
    /// taken before: whoever sums them up leaves them out, and does not call [`Self::sample`] for them.
    pub fn datagram(&mut self, sub_agent: u32, sequence: u32, uptime_ms: u32) -> Arrival {
        if self.sub_agents.len() >= MAX_SUB_AGENTS && !self.sub_agents.contains_key(&sub_agent) {
            self.datagrams.received += 1;
            self.untracked_datagrams += 1;
            self.current = None;
            return Arrival::Next;
        }
        let known = self.sub_agents.entry(sub_agent).or_default();
        let back = known.uptime_ms.wrapping_sub(uptime_ms);
        // The uptime wraps after 49 days; what looks like half of that ahead is behind.
        let restarted = known.sequence.is_started() && (RESTART_MS..u32::MAX / 2).contains(&back);
        let arrival = match restarted {
            true => known.sequence.restart(sequence, &mut self.datagrams),
            false => known.sequence.take(sequence, &mut self.datagrams),
        };
        if matches!(arrival, Arrival::Next | Arrival::Restart) {
            known.uptime_ms = uptime_ms;
        }
        if arrival == Arrival::Restart {
            known.life = known.life.wrapping_add(1);
        }
        self.current = Some((sub_agent, known.life));
        arrival
    }

    /// Takes the head of a sample of the last datagram: its kind, source and sequence number, and the agent's count of
    /// drops if it has one.
    pub fn sample(&mut self, kind: Kind, source: DataSource, sequence: u32, drops: Option<u32>) -> Arrival {
        let counts = kind.of(&mut self.samples);
        let Some((sub_agent, life)) = self.current else {
            return counts.untracked();
        };
        let key = key(sub_agent, kind, source);
        let is_full = self.sources.len() >= self.max_sources;
        let known = match self.sources.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full || !self.share.take() => return counts.untracked(),
            Entry::Vacant(place) => {
                counts.sources += 1;
                place.insert(Source::default())
            }
        };
        if known.life != life {
            // The sub-agent has started again, and with it the numbers of its samples.
            known.sequence.forget(&mut counts.counts);
            known.life = life;
        }
        let is_first = !known.sequence.is_started();
        let arrival = known.sequence.take(sequence, &mut counts.counts);
        if let Some(drops) = drops
            && matches!(arrival, Arrival::Next | Arrival::Restart)
        {
            let new = drops.wrapping_sub(known.drops);
            // A count that went back is that of a new start.
            if !is_first && arrival == Arrival::Next && new <= u32::MAX / 2 {
                counts.agent_drops += u64::from(new);
            }
            known.drops = drops;
        }
        arrival
    }

    /// What is known of the datagrams.
    pub const fn datagrams(&self) -> &Counts {
        &self.datagrams
    }

    /// Datagrams of sub-agents beyond the limit; they are among those received.
    pub const fn untracked_datagrams(&self) -> u64 {
        self.untracked_datagrams
    }

    /// What is known of the samples of one kind.
    pub fn samples(&self, kind: Kind) -> SampleCounts {
        let mut samples = self.samples;
        *kind.of(&mut samples)
    }
}

impl SampleCounts {
    const fn untracked(&mut self) -> Arrival {
        self.counts.received += 1;
        self.untracked += 1;
        Arrival::Next
    }
}

fn key(sub_agent: u32, kind: Kind, source: DataSource) -> SourceKey {
    let kind: u64 = match kind {
        Kind::Flow => 0,
        Kind::Counters => 1,
        Kind::Discard => 2,
    };
    (
        u64::from(sub_agent) << 32 | kind,
        u64::from(source.class.0) << 32 | u64::from(source.index),
    )
}

impl Kind {
    const fn of(self, samples: &mut [SampleCounts; 3]) -> &mut SampleCounts {
        let [flow, counters, discard] = samples;
        match self {
            Self::Flow => flow,
            Self::Counters => counters,
            Self::Discard => discard,
        }
    }
}

#[cfg(test)]
mod tests;
