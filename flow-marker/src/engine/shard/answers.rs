//! What a shard answers when it is asked.

use std::net::{IpAddr, SocketAddr};

use super::Shard;
use super::defined::LiveFlows;
use crate::clock::Time;
use crate::engine::doctor::{AgentReport, Detecting, Report};
use crate::engine::metric::SourceName;
use crate::engine::metric::query::{Agents, Partial, Query, View};
use crate::flow::Aggregation;
use crate::ingest::loss::{Kind, Loss, SampleCounts};
use crate::inventory::NotAdmitted;

/// A flow and where it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveFlow {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// The agent that sees it; the one with the largest value, when several do.
    pub agent: IpAddr,
    /// The data source there.
    pub source: SourceName,
    /// Data sources that see it.
    pub n: usize,
}

/// What has become of what an agent sent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentStatus {
    /// Its address.
    pub agent: IpAddr,
    /// Where its last datagram came from.
    pub source: SocketAddr,
    /// What it is to the inventory: `switch`, `template`, `no`; or, where a template allows for it, why it is not in it.
    pub inventory: &'static str,
    /// Its first datagram.
    pub first_seen: Time,
    /// Its last one.
    pub last_seen: Time,
    /// Milliseconds since it started, as its last datagram says.
    pub uptime_ms: u32,
    /// Datagrams that arrived, duplicates included.
    pub received: u64,
    /// Datagrams that are missing.
    pub lost: u64,
    /// Datagrams that came after a later one.
    pub out_of_order: u64,
    /// Datagrams that came twice.
    pub duplicates: u64,
    /// How often it has started again.
    pub restarts: u64,
    /// Flow samples.
    pub flow: SampleCounts,
    /// Counter samples.
    pub counters: SampleCounts,
    /// Notifications of discarded packets.
    pub discards: SampleCounts,
}

impl Shard {
    /// What this shard knows of a question about metrics.
    pub fn collect(&self, query: &Query, now: Time) -> Partial {
        let live = LiveFlows::new(&self.defined, &self.sources, now);
        query.collect(&View {
            store: &self.metrics,
            live: &live,
            topology: &self.plan.topology,
            now,
        })
    }

    /// The agents that have, or had, metrics.
    pub fn metric_agents(&self) -> Vec<IpAddr> {
        let mut agents: Vec<_> = self.metrics.agents().collect();
        agents.extend(self.agents.iter().map(|(agent, ..)| agent));
        agents
    }

    /// The largest flows of a definition, each where it was seen; `None` when there is no such definition. Of data sources
    /// that `agents` and `mode` select.
    pub fn active(
        &self,
        now: Time,
        (agents, name): (&Agents, &str),
        (mode, least): (Aggregation, f64),
    ) -> Option<Vec<ActiveFlow>> {
        let topology = &*self.plan.topology;
        let ifname = |agent, source: &SourceName| {
            let cell = self.metrics.get(agent, source, "ifname", now)?;
            cell.value.as_text()
        };
        let select = |id| {
            let Some((agent, source)) = self.sources.get(id) else {
                return false;
            };
            if !agents.selects(*agent, topology) {
                return false;
            }
            let name = ifname(*agent, source);
            let is_meant = |at: fn(&crate::engine::topology::Topology, IpAddr, u32, Option<&str>) -> bool| {
                source
                    .if_index()
                    .is_some_and(|index| at(topology, *agent, index, name))
            };
            agents.selects_source((*agent, source), name, topology)
                && match mode {
                    Aggregation::Max | Aggregation::Sum => true,
                    Aggregation::Edge => is_meant(crate::engine::topology::Topology::is_edge),
                    Aggregation::Core => is_meant(crate::engine::topology::Topology::is_core),
                }
        };
        // What is small in each place may be large in all.
        let least = if mode == Aggregation::Max { least } else { 0.0 };
        let found = self.defined.get(name)?.active(now, select, (usize::MAX, least));
        let placed = found.into_iter().filter_map(|active| {
            let (agent, source) = self.sources.get(active.source)?.clone();
            Some(ActiveFlow {
                key: active.key,
                value: active.value,
                agent,
                source,
                n: 1,
            })
        });
        Some(placed.collect())
    }

    /// The value of a flow of one data source.
    pub fn flow_value(
        &self,
        now: Time,
        (agent, source): (IpAddr, &SourceName),
        (name, key): (&str, &str),
    ) -> Option<f64> {
        let mut sources = self.sources.iter();
        let (id, ..) = sources.find(|(_, a, s)| *a == agent && *s == source)?;
        self.defined.get(name)?.value(now, id, key)
    }

    /// The keys that samples have had, with the milliseconds since.
    pub fn flow_keys(&self, now: Time) -> Vec<(String, u64)> {
        let age = |at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX);
        self.seen.keys().map(|(key, at)| (key, age(at))).collect()
    }

    /// What has become of what agents sent.
    pub fn statuses(&self) -> Vec<AgentStatus> {
        let agents = self.agents.iter();
        agents
            .map(|(address, last_seen, agent)| {
                let loss: &Loss = agent.loss();
                let datagrams = loss.datagrams();
                AgentStatus {
                    agent: address,
                    source: agent.from(),
                    inventory: match agent.standing() {
                        Ok(Some(member)) if member.by_template => "template",
                        Ok(Some(_)) => "switch",
                        Ok(None) => "no",
                        Err(NotAdmitted::Source) => "no: source differs",
                        Err(NotAdmitted::Full) => "no: template is full",
                        Err(NotAdmitted::Server) => "no: acl-server of another switch",
                    },
                    first_seen: agent.first_seen(),
                    last_seen,
                    uptime_ms: agent.uptime_ms(),
                    received: datagrams.received,
                    lost: datagrams.lost,
                    out_of_order: datagrams.out_of_order,
                    duplicates: datagrams.duplicates,
                    restarts: datagrams.restarts,
                    flow: loss.samples(Kind::Flow),
                    counters: loss.samples(Kind::Counters),
                    discards: loss.samples(Kind::Discard),
                }
            })
            .collect()
    }

    /// What the sampling doctor says of every agent.
    pub fn doctor(&self, now: Time) -> Report {
        let agents: Vec<AgentReport> = self
            .agents
            .iter()
            .map(|(address, _, agent)| {
                let id = agent.id();
                let threshold = |port, speed| self.elephants.threshold_at(id, port, speed);
                let detecting = Detecting {
                    profile: self.elephants.profile(),
                    threshold: &threshold,
                };
                agent.doctor().report(address, &detecting, now)
            })
            .collect();
        Report { agents }
    }
}
