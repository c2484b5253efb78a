//! What is known of one agent.

use std::collections::HashMap;
use std::hash::Hash;

use super::port::{CountersSeen, Port, Sampled};
use super::sampler::{FlowSeen, Sampler};
use crate::clock::Time;
use crate::flow::Direction;
use crate::ingest::places::Share;
use crate::keyed::Keyed;
use crate::sflow::DataSource;

/// Values by key, up to a limit. The one that was used last is found at once: samples of one data source come together.
#[derive(Debug)]
pub(super) struct Places<K, V> {
    values: Vec<(K, V)>,
    index: HashMap<K, usize, Keyed>,
    last: usize,
}

impl<K, V> Default for Places<K, V> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            index: HashMap::default(),
            last: 0,
        }
    }
}

impl<K: Copy + Eq + Hash + Ord, V: Default> Places<K, V> {
    /// The value of a key, made when there is room.
    fn entry(&mut self, key: K, share: &mut Share) -> Option<&mut V> {
        if self.values.get(self.last).is_none_or(|(last, _)| *last != key) {
            self.last = match self.index.get(&key) {
                Some(at) => *at,
                None if self.values.len() >= AgentDoctor::MAX_PORTS || !share.take() => return None,
                None => {
                    self.values.push((key, V::default()));
                    self.index.insert(key, self.values.len() - 1);
                    self.values.len() - 1
                }
            };
        }
        self.values.get_mut(self.last).map(|(_, value)| value)
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let (_, value) = self.values.get(*self.index.get(&key)?)?;
        Some(value)
    }

    /// All of them, in order of their keys.
    pub(super) fn sorted(&self) -> Vec<&(K, V)> {
        let mut sorted: Vec<_> = self.values.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        sorted
    }
}

/// The accumulator of one agent.
#[derive(Debug, Default)]
pub struct AgentDoctor {
    pub(super) samplers: Places<DataSource, Sampler>,
    pub(super) ports: Places<u32, Port>,
    pub(super) datagrams: u64,
    pub(super) datagrams_lost: u64,
    pub(super) flow_samples: u64,
    /// Samples of packets where they came in, and where they went out; older ones count for less.
    directions: (u64, u64),
    /// Samples of data sources and ports that had no room.
    pub(super) refused: u64,
    pub(super) first: Option<Time>,
    pub(super) any_counters: bool,
    share: Share,
}

impl AgentDoctor {
    /// The most data sources, and the most ports, of an agent: the largest chassis have fewer than 1,200 ports, each of
    /// which may be split into four.
    pub const MAX_PORTS: usize = 4800;

    /// What is known of an agent whose data sources and ports take places of this share.
    pub fn new(share: Share) -> Self {
        Self {
            share,
            ..Self::default()
        }
    }

    /// Takes a flow sample, and returns by how much more it stands for than its sampling rate says. Every sample of the agent
    /// counts, whether it is looked at or not: pools and numbers are those of the data source.
    pub fn observe_flow(&mut self, seen: &FlowSeen, now: Time) -> f64 {
        self.first.get_or_insert(now);
        self.flow_samples += 1;
        let Some(sampler) = self.samplers.entry(seen.source, &mut self.share) else {
            self.refused += 1;
            return 1.0;
        };
        let changed = sampler.observe(seen, now);
        let factor = sampler.factor(seen, now);
        // A sample belongs to the port that samples; where that is no interface, to the port that the packet came in by.
        let Some(if_index) = seen.source.if_index().or_else(|| seen.input.if_index()) else {
            return factor;
        };
        self.learn(seen.direction);
        let Some(port) = self.ports.entry(if_index, &mut self.share) else {
            self.refused += 1;
            return factor;
        };
        if changed {
            port.restart();
        }
        port.sampled(matches!(seen.direction, Direction::Ingress(_)));
        factor
    }

    const fn learn(&mut self, direction: Direction) {
        /// A hundred of the odd kind are one in a hundred.
        const MANY: u64 = 10_000;
        let (came_in, went_out) = &mut self.directions;
        match direction {
            Direction::Ingress(_) => *came_in += 1,
            Direction::Egress => *went_out += 1,
            // The members of a LAG that is not known: that says nothing.
            Direction::OtherPort => return,
        }
        if *came_in + *went_out > MANY {
            *came_in /= 2;
            *went_out /= 2;
        }
    }

    /// Which packets it samples, at all its ports together.
    pub(super) const fn sampled(&self) -> Sampled {
        Sampled::by(self.directions)
    }

    /// Takes what a counter sample says of a port.
    pub fn observe_counters(&mut self, seen: &CountersSeen<'_>, now: Time) {
        self.first.get_or_insert(now);
        self.any_counters = true;
        match self.ports.entry(seen.if_index, &mut self.share) {
            Some(port) => port.observe(seen, now),
            None => self.refused += 1,
        }
    }

    /// Notes how many datagrams have come so far and how many are missing, both counted from the start.
    pub fn observe_datagrams(&mut self, received: u64, lost: u64, now: Time) {
        self.first.get_or_insert(now);
        (self.datagrams, self.datagrams_lost) = (received, lost);
    }
}
