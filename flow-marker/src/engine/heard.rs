//! What is kept of each switch of the inventory besides its ports, as far as detection wants it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::hold::{Hold, Holding};
use crate::clock::Time;
use crate::config::Interface;
use crate::detect::Effective;
use crate::inventory::Member;
use crate::keyed::Keyed;
use crate::sflow::{DataSource, FlowSample};

/// One switch.
#[derive(Debug)]
pub(super) struct AgentState {
    pub(super) member: Arc<Member>,
    /// What its samples stand for, by what takes them.
    sampling: HashMap<DataSource, Effective, Keyed>,
    holding: Holding,
}

/// Data sources of one agent whose losses are made up for: the ports of a large chassis.
const SOURCES: usize = 4800;

impl AgentState {
    /// Of which nothing was heard yet.
    pub(super) fn new(member: Arc<Member>) -> Self {
        Self {
            member,
            sampling: HashMap::with_hasher(Keyed::random()),
            holding: Holding::default(),
        }
    }

    /// Rules name the port, so a flow can only be marked where its name is known.
    pub(super) fn needs_port_name(&self) -> bool {
        self.member.config.interface == Interface::Ingress
    }

    /// Takes a sample, and returns by how much more it stands for than its sampling rate says. Every sample of the agent
    /// counts, whether it is looked at or not: pools and numbers are those of the data source. `recorded`: the agent's
    /// timestamp, in nanoseconds.
    pub(super) fn sampled(&mut self, now: Time, sample: &FlowSample<'_>, recorded: Option<u64>) -> f64 {
        self.holding.observe(now, recorded);
        let has_room = self.sampling.len() < SOURCES;
        let sampling = match self.sampling.entry(sample.source) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) if has_room => new.insert(Effective::default()),
            Entry::Vacant(_) => return 1.0,
        };
        sampling.observe(now, sample.sequence, sample.sampling_rate, sample.sample_pool)
    }

    /// How long its samples wait, as far as is known.
    pub(super) fn hold(&self) -> Option<Hold> {
        self.holding.hold()
    }
}
