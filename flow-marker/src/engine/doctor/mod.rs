//! The sampling doctor: how well an agent samples, as far as its counters and samples tell, and what to change.
//!
//! The accumulator takes what the samples of an agent say and keeps a bounded summary of the last minutes for each data
//! source and port. A report is made when somebody asks. Every finding is a sentence with its severity and with what to
//! change; nothing is found where there is too little to judge by.

mod text;
mod report;
mod finding;
mod port;
mod sampler;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

pub use finding::{Finding, Kind, Severity};
pub use port::CountersSeen;
pub use report::{AgentReport, FrameSizes, PortReport, Report, SourceReport};
pub use sampler::{FlowSeen, HeaderSeen};
pub use text::render;

use crate::clock::Time;
use crate::sflow::DataSource;

/// What is known of an agent.
#[derive(Debug, Default)]
struct Agent {
    samplers: BTreeMap<DataSource, sampler::Sampler>,
    ports: BTreeMap<u32, port::Port>,
    datagrams: u64,
    datagrams_lost: u64,
    /// Data sources and ports that had no room.
    refused: u64,
    first: Option<Time>,
    any_counters: bool,
}

/// The accumulator of one shard.
#[derive(Debug, Default)]
pub struct Doctor {
    agents: HashMap<IpAddr, Agent>,
    refused: u64,
}

impl Doctor {
    /// The most agents, as many as a metric store has.
    pub const MAX_AGENTS: usize = 4096;
    /// The most data sources, and the most ports, of an agent: the largest chassis have fewer than 1,200 ports, each of
    /// which may be split into four.
    pub const MAX_PORTS: usize = 4800;

    /// An accumulator that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a flow sample.
    pub fn observe_flow(&mut self, agent: IpAddr, seen: &FlowSeen, now: Time) {
        let Some(agent) = self.agent(agent, now) else {
            return;
        };
        let full = agent.samplers.len() >= Self::MAX_PORTS;
        let mut changed = false;
        if full && !agent.samplers.contains_key(&seen.source) {
            agent.refused += 1;
        } else {
            changed = agent.samplers.entry(seen.source).or_default().observe(seen, now);
        }
        // A sample belongs to the port that samples; where that is no interface, to the port that the packet came in by.
        let Some(port) = seen.source.if_index().or_else(|| seen.input.if_index()) else {
            return;
        };
        let came_in = seen.input.if_index() == Some(port);
        if let Some(port) = agent.port(port) {
            if changed {
                port.restart();
            }
            port.sampled(came_in);
        }
    }

    /// Takes what a counter sample says of a port.
    pub fn observe_counters(&mut self, agent: IpAddr, seen: &CountersSeen<'_>, now: Time) {
        let Some(agent) = self.agent(agent, now) else {
            return;
        };
        agent.any_counters = true;
        if let Some(port) = agent.port(seen.if_index) {
            port.observe(seen, now);
        }
    }

    /// Notes how many datagrams of an agent have come so far and how many are missing, both counted from the start.
    pub fn observe_datagrams(&mut self, agent: IpAddr, received: u64, lost: u64, now: Time) {
        if let Some(agent) = self.agent(agent, now) {
            (agent.datagrams, agent.datagrams_lost) = (received, lost);
        }
    }

    /// Forgets an agent.
    pub fn forget(&mut self, agent: IpAddr) {
        self.agents.remove(&agent);
    }

    /// Agents that had no room.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// What can be said now.
    pub fn report(&self, now: Time) -> Report {
        let mut agents: Vec<_> = self
            .agents
            .iter()
            .map(|(address, agent)| report::of_agent(*address, agent, now))
            .collect();
        agents.sort_by_key(|agent| agent.agent);
        Report { agents }
    }

    fn agent(&mut self, agent: IpAddr, now: Time) -> Option<&mut Agent> {
        if self.agents.len() >= Self::MAX_AGENTS && !self.agents.contains_key(&agent) {
            self.refused += 1;
            return None;
        }
        let agent = self.agents.entry(agent).or_default();
        agent.first.get_or_insert(now);
        Some(agent)
    }
}

impl Agent {
    fn port(&mut self, if_index: u32) -> Option<&mut port::Port> {
        if self.ports.len() >= Doctor::MAX_PORTS && !self.ports.contains_key(&if_index) {
            self.refused += 1;
            return None;
        }
        Some(self.ports.entry(if_index).or_default())
    }
}

#[cfg(test)]
mod tests;
