//! The sampling doctor: how well an agent samples, as far as its counters and samples tell, and what to change.
//!
//! The accumulator takes what the samples of an agent say and keeps a bounded summary of the last minutes for each data
//! source and port. A report is made when somebody asks. Every finding is a sentence with its severity and with what to
//! change; nothing is found where there is too little to judge by.

mod text;
mod report;
mod judge;
mod finding;
mod agent;
mod port;
mod sampler;

use std::collections::HashMap;
use std::net::IpAddr;

pub use agent::AgentDoctor;
pub use finding::{Finding, Kind, Severity};
pub use port::CountersSeen;
pub use report::{AgentReport, FrameSizes, PortReport, Report, SourceReport};
pub use sampler::{FlowSeen, HeaderSeen};
pub use text::render;

use crate::clock::Time;

/// The accumulator of one shard.
#[derive(Debug, Default)]
pub struct Doctor {
    agents: HashMap<IpAddr, AgentDoctor>,
    refused: u64,
}

impl Doctor {
    /// The most agents, as many as a metric store has.
    pub const MAX_AGENTS: usize = 4096;
    /// An accumulator that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a flow sample.
    pub fn observe_flow(&mut self, agent: IpAddr, seen: &FlowSeen, now: Time) {
        if let Some(agent) = self.agent(agent) {
            agent.observe_flow(seen, now);
        }
    }

    /// Takes what a counter sample says of a port.
    pub fn observe_counters(&mut self, agent: IpAddr, seen: &CountersSeen<'_>, now: Time) {
        if let Some(agent) = self.agent(agent) {
            agent.observe_counters(seen, now);
        }
    }

    /// Notes how many datagrams of an agent have come so far and how many are missing, both counted from the start.
    pub fn observe_datagrams(&mut self, agent: IpAddr, received: u64, lost: u64, now: Time) {
        if let Some(agent) = self.agent(agent) {
            agent.observe_datagrams(received, lost, now);
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
            .map(|(address, agent)| agent.report(*address, now))
            .collect();
        agents.sort_by_key(|agent| agent.agent);
        Report { agents }
    }

    fn agent(&mut self, agent: IpAddr) -> Option<&mut AgentDoctor> {
        if self.agents.len() >= Self::MAX_AGENTS && !self.agents.contains_key(&agent) {
            self.refused += 1;
            return None;
        }
        Some(self.agents.entry(agent).or_default())
    }
}

#[cfg(test)]
mod tests;
