//! What a shard tells once a second: its large flows, what it has heard of whom, how full ports are.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::units::BitRate;

use super::Shard;
use super::answers::AgentStatus;
use crate::clock::Time;
use crate::detect::{Candidate, Elephant};
use crate::engine::metric::{Source, Store};
use crate::flow::FlowKey;

/// A flow that has not had so much evidence for so long has fallen behind: at the threshold, where evidence stands for 0.7 s
/// and an eighth of it must be there again, samples come several times as often.
const FALLEN: Duration = Duration::from_secs(5);

/// A flow that is an elephant, or may become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiveFlow {
    /// The flow, and who sees it.
    pub key: FlowKey,
    /// ifIndex of the port it enters by.
    pub port: u32,
    /// Its rate.
    pub rate: BitRate,
    /// The share of the evidence that there is, 0 to 1; 1 for elephants.
    pub share: f64,
    /// What was found, if it is an elephant.
    pub elephant: Option<Elephant>,
    /// Bytes that its samples stand for since it was found.
    pub bytes: u64,
    /// The last sample of an elephant.
    pub last_sample: Option<Time>,
    /// Without a further sample an elephant has ended then.
    pub until: Option<Time>,
    /// ifIndex of the port that it leaves the switch by, as its last sample says.
    pub output: Option<u32>,
}

/// What one shard tells of flows and agents.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Live {
    /// Elephants, and what may become one.
    pub flows: Vec<LiveFlow>,
    /// Who was heard.
    pub agents: Vec<AgentStatus>,
}

/// How full a port is, by its counters.
#[derive(Debug, Clone, PartialEq)]
pub struct PortLoad {
    /// The agent.
    pub agent: IpAddr,
    /// Which port.
    pub if_index: u32,
    /// Its name, as the agent tells it.
    pub name: Option<Arc<str>>,
    /// Bits per second.
    pub speed: Option<f64>,
    /// Bits per second that come in.
    pub input: Option<f64>,
    /// Bits per second that go out.
    pub output: Option<f64>,
    /// Packets per second, of both directions.
    pub discards: f64,
    /// Packets per second, of both directions.
    pub errors: f64,
}

/// What one shard knows from counters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loads {
    /// The fullest ports, the fullest first.
    pub ports: Vec<PortLoad>,
    /// What agents call themselves.
    pub hosts: Vec<(IpAddr, Arc<str>)>,
}

impl PortLoad {
    /// The share of the speed that the fuller direction has; `None` when it is not known.
    pub fn utilisation(&self) -> Option<f64> {
        let speed = self.speed.filter(|speed| *speed > 0.0)?;
        Some(self.fuller()? / speed)
    }

    /// Bits per second of the fuller direction.
    pub fn fuller(&self) -> Option<f64> {
        self.input.into_iter().chain(self.output).reduce(f64::max)
    }

    /// By how much a port deserves to be looked at: discards count as much as a tenth of its speed.
    pub fn weight(&self) -> f64 {
        let discards = if self.discards > 0.0 { 0.1 } else { 0.0 };
        self.utilisation().unwrap_or_default() + discards
    }
}

impl Shard {
    /// Its large flows, and who was heard.
    pub fn live(&self, now: Time) -> Live {
        let elephants = self.elephants.detector().standing().map(|standing| LiveFlow {
            key: standing.elephant.key,
            port: standing.elephant.port,
            rate: standing.rate,
            share: 1.0,
            elephant: Some(standing.elephant),
            bytes: standing.bytes,
            last_sample: Some(standing.last_sample),
            until: Some(standing.until),
            output: standing.output,
        });
        let candidates = self.elephants.detector().candidates();
        let candidates = candidates.filter_map(|candidate| growing(candidate, now));
        Live {
            flows: elephants.chain(candidates).collect(),
            agents: self.statuses(),
        }
    }

    /// The `most` ports that deserve most to be looked at, and names of agents. Looks at all ports: to be asked every few
    /// seconds, which is as often as counters come.
    pub fn loads(&self, now: Time, most: usize) -> Loads {
        let mut loads = Loads::default();
        for agent in self.metrics.agents() {
            let sources = self.metrics.sources_of(agent).into_iter().flatten();
            for (name, source) in sources {
                let read = Read {
                    store: &self.metrics,
                    source,
                    now,
                };
                match name.if_index() {
                    Some(if_index) => loads.ports.extend(read.port(agent, if_index)),
                    None => loads
                        .hosts
                        .extend(read.text("host_name").map(|host| (agent, host))),
                }
            }
            if loads.ports.len() > most.saturating_mul(16) {
                loads.keep(most);
            }
        }
        loads.keep(most);
        loads
    }
}

/// A flow that may become an elephant, as long as it goes on.
fn growing(candidate: &Candidate, now: Time) -> Option<LiveFlow> {
    let silent = now.since(candidate.at);
    if silent >= FALLEN {
        return None;
    }
    // Samples come up to a second late and in batches: before that, silence means nothing.
    let idle = silent.saturating_sub(Duration::from_secs(1)).as_secs_f64();
    Some(LiveFlow {
        key: candidate.key,
        port: candidate.port,
        rate: BitRate::from_bytes_per_second(f64::from(candidate.rate) * (-idle).exp()),
        share: f64::from(candidate.share).min(0.99),
        elephant: None,
        bytes: 0,
        last_sample: None,
        until: None,
        output: candidate.output,
    })
}

impl Loads {
    fn keep(&mut self, most: usize) {
        self.ports.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
        self.ports.truncate(most);
    }

    /// What several shards know, as one.
    pub fn merge(parts: impl IntoIterator<Item = Self>, most: usize) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.ports.extend(part.ports);
            all.hosts.extend(part.hosts);
        }
        all.keep(most);
        all
    }
}

/// Reads the values of one data source.
struct Read<'a> {
    store: &'a Store,
    source: &'a Source,
    now: Time,
}

impl Read<'_> {
    fn number(&self, metric: &str) -> Option<f64> {
        let cell = self.source.get(self.store.names().find(metric)?, self.now)?;
        cell.value.number()
    }

    fn text(&self, metric: &str) -> Option<Arc<str>> {
        let cell = self.source.get(self.store.names().find(metric)?, self.now)?;
        cell.value.as_text().map(Arc::from)
    }

    /// A port that carries something, or discards.
    fn port(&self, agent: IpAddr, if_index: u32) -> Option<PortLoad> {
        let bits = |metric| self.number(metric).map(|octets| octets * 8.0);
        let both = |a, b| self.number(a).unwrap_or_default() + self.number(b).unwrap_or_default();
        let (input, output) = (bits("ifinoctets"), bits("ifoutoctets"));
        let discards = both("ifindiscards", "ifoutdiscards");
        let carries = input.into_iter().chain(output).any(|bits| bits > 0.0);
        if !carries && discards <= 0.0 {
            return None;
        }
        Some(PortLoad {
            agent,
            if_index,
            name: self.text("ifname"),
            speed: self.number("ifspeed").filter(|speed| *speed > 0.0),
            input,
            output,
            discards,
            errors: both("ifinerrors", "ifouterrors"),
        })
    }
}
