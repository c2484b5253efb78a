//! The store of one shard.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::agent::{Agent, Cell, Room, Source};
use super::name::{MetricId, Names};
use super::rate::{Reading, Seen};
use super::source::SourceName;
use super::value::Value;
use crate::clock::Time;
use crate::ingest::places::{Places, Share};
use crate::sflow::DataSource;

mod counters;
mod writer;

pub use counters::CounterWriter;
use writer::{Writer, host_value};

/// How much is kept, whatever the network sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Agents.
    pub agents: usize,
    /// Data sources of an agent. The largest chassis have 4,800 ports, split ones counted; as many again are VLANs,
    /// entities and virtual machines.
    pub sources: usize,
    /// Data sources of an agent that have named themselves.
    pub named_sources: usize,
    /// Values of an agent: 48 for each of 4,800 ports, rounded up.
    pub values: usize,
    /// Values of one data source: all records that the tables know have 400 fields together.
    pub values_per_source: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            agents: 4096,
            sources: 9600,
            named_sources: 1024,
            values: 240_000,
            values_per_source: 512,
        }
    }
}

/// Room that all agents outside of the inventory have together, in all threads. Per agent there are the limits of
/// [`Limits`]; this is for many agents that each go to theirs.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Data sources, and readings of their counters.
    pub sources: Arc<Places>,
    /// Values.
    pub values: Arc<Places>,
}

/// How long values last.
pub(super) mod lasts {
    use std::time::Duration;

    /// A value is missing when three samples in a row have not come.
    pub(in super::super) const INTERVALS: u32 = 3;
    /// Until the interval is known. Agents poll each 20 or 30 s by default, slow ones each minute.
    pub(in super::super) const UNKNOWN: Duration = Duration::from_secs(180);
    /// Bounds of it: three lost samples of an agent that polls every 20 s, and of one that polls every 5 minutes.
    pub(in super::super) const SHORTEST: Duration = Duration::from_secs(60);
    pub(in super::super) const LONGEST: Duration = Duration::from_secs(900);

    /// How long a value lasts that comes in this interval.
    pub(in super::super) fn after(interval: Option<Duration>) -> Duration {
        interval.map_or(UNKNOWN, |interval| {
            interval.saturating_mul(INTERVALS).clamp(SHORTEST, LONGEST)
        })
    }
}

/// What happened to counter samples and values. All count from the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Counter records that became metrics.
    pub records: u64,
    /// Records that no metric is made of.
    pub other_records: u64,
    /// Records that came twice, or too close for a rate.
    pub duplicates: u64,
    /// Records that came late and were left out.
    pub out_of_order: u64,
    /// Records that follow a restart of the agent, so that there is no rate.
    pub restarts: u64,
    /// Records after a silence too long for a rate.
    pub gaps: u64,
    /// Records whose counters were set back, so that there is no rate.
    pub resets: u64,
    /// Refused: an agent, since there are too many.
    pub refused_agents: u64,
    /// Refused: a data source, since its agent has too many.
    pub refused_sources: u64,
    /// Refused: a value, since its agent or data source has too many, or its name is not usable.
    pub refused_values: u64,
}

/// Where a counter sample comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The agent.
    pub agent: IpAddr,
    /// Which of its parts.
    pub sub_agent: u32,
    /// What is counted.
    pub source: DataSource,
    /// When.
    pub seen: Seen,
}

/// A number that was just updated.
#[derive(Debug, Clone, Copy)]
pub struct Updated<'a> {
    /// The agent.
    pub agent: IpAddr,
    /// The data source.
    pub name: &'a SourceName,
    /// Its values, also those that the same sample has updated.
    pub source: &'a Source,
    /// Which metric.
    pub metric: MetricId,
    /// Its value now.
    pub value: f64,
    /// How long it is good for.
    pub lasts: Duration,
}

/// Who wants to know of every update of a number, after the sample that brings it is stored as a whole.
pub trait Watch {
    /// Takes note.
    fn updated(&mut self, update: &Updated<'_>, now: Time);
}

impl Watch for () {
    fn updated(&mut self, _: &Updated<'_>, _: Time) {}
}

/// A value that an agent has named itself (sFlow `rtmetric`), or that somebody here sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Named<'a> {
    /// A text.
    Text(&'a [u8]),
    /// A 32-bit counter; shown per second.
    Counter32(u32),
    /// A 64-bit counter; shown per second.
    Counter64(u64),
    /// A number.
    Gauge(f64),
}

/// All metrics of the agents of one shard.
#[derive(Debug)]
pub struct Store {
    limits: Limits,
    pool: Option<(Pool, HashSet<IpAddr>)>,
    names: Names,
    agents: Vec<(IpAddr, Agent)>,
    by_address: HashMap<IpAddr, usize>,
    swept: usize,
    tally: Tally,
    changed: Vec<(MetricId, f64, Duration)>,
}

impl Store {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            pool: None,
            names: Names::default(),
            agents: Vec::new(),
            by_address: HashMap::new(),
            swept: 0,
            tally: Tally::default(),
            changed: Vec::new(),
        }
    }

    /// The same, where agents share what is in the pool, but for those that [`Self::set_exempt`] names.
    pub fn shared(limits: Limits, pool: Pool) -> Self {
        Self {
            pool: Some((pool, HashSet::new())),
            ..Self::new(limits)
        }
    }

    /// Whether an agent of which nothing is known yet has room of its own, as those of the inventory have.
    pub fn set_exempt(&mut self, agent: IpAddr, is_exempt: bool) {
        if let Some((_, exempt)) = &mut self.pool {
            if is_exempt {
                exempt.insert(agent);
            } else {
                exempt.remove(&agent);
            }
        }
    }

    /// The room of an agent.
    fn room(&self, agent: IpAddr) -> Room {
        match &self.pool {
            Some((pool, exempt)) if !exempt.contains(&agent) => Room {
                sources: Share::of(Arc::clone(&pool.sources)),
                values: Share::of(Arc::clone(&pool.values)),
            },
            _ => Room::default(),
        }
    }

    /// The names in use.
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// The names in use, to acquire more.
    pub const fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// What has happened so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// The agents that have, or had, values.
    pub fn agents(&self) -> impl Iterator<Item = IpAddr> {
        self.agents.iter().map(|(address, _)| *address)
    }

    /// Values of all agents.
    pub fn len(&self) -> usize {
        self.agents.iter().map(|(_, agent)| agent.values).sum()
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.agents.iter().all(|(_, agent)| agent.values == 0)
    }

    /// A data source of an agent.
    pub fn source(&self, agent: IpAddr, name: &SourceName) -> Option<&Source> {
        self.sources_of(agent)?.get(name)
    }

    /// A value of a data source, when it is current.
    pub fn get(&self, agent: IpAddr, source: &SourceName, metric: &str, now: Time) -> Option<&Cell> {
        self.source(agent, source)?.get(self.names.find(metric)?, now)
    }

    /// The ifIndex of the port with this name; the lowest, when several have it.
    pub fn if_index(&self, agent: IpAddr, ifname: &str, now: Time) -> Option<u32> {
        let metric = self.names.find("ifname")?;
        let named = |source: &Source| {
            source
                .get(metric, now)
                .is_some_and(|cell| cell.value.as_text() == Some(ifname))
        };
        let mut sources = self.sources_of(agent)?.iter();
        sources.find_map(|(name, source)| name.if_index().filter(|_| named(source)))
    }

    /// All data sources of an agent, in order.
    pub fn sources_of(&self, agent: IpAddr) -> Option<&BTreeMap<SourceName, Source>> {
        let at = *self.by_address.get(&agent)?;
        self.agents.get(at).map(|(_, agent)| &agent.sources)
    }

    /// Sets a number: the metric of a flow definition, or anything else that somebody measures. It lasts as long as
    /// `lasts` says. False when it was refused, which is counted.
    pub fn set(
        &mut self,
        (agent, source): (IpAddr, &SourceName),
        name: &str,
        value: f64,
        lasts: Duration,
        now: Time,
        watch: &mut impl Watch,
    ) -> bool {
        let cell = Cell {
            value: Value::Number(value),
            at: now,
            lasts,
        };
        value.is_finite()
            && self.with_source(agent, source, |writer| {
                writer.put_named(name, cell);
                writer.tell(now, watch);
            })
    }

    /// Stores a value that an agent has named itself, in a data source that it has named, too. False when it was
    /// refused, which is counted.
    pub fn named(
        &mut self,
        (agent, source): (IpAddr, &[u8]),
        name: &[u8],
        value: Named<'_>,
        now: Time,
        watch: &mut impl Watch,
    ) -> bool {
        let (Ok(source), Ok(name)) = (std::str::from_utf8(source), std::str::from_utf8(name)) else {
            self.tally.refused_values += 1;
            return false;
        };
        let source = SourceName::parse(source);
        self.with_source(agent, &source, |writer| {
            let put = |writer: &mut Writer<'_>, value, lasts| {
                writer.put_named(
                    name,
                    Cell {
                        value,
                        at: now,
                        lasts,
                    },
                );
            };
            match value {
                Named::Text(bytes) => {
                    if let Some(text) = Value::text(bytes) {
                        put(writer, text, lasts::UNKNOWN);
                    }
                }
                Named::Gauge(number) if number.is_finite() => {
                    put(writer, Value::Number(number), lasts::UNKNOWN);
                }
                Named::Gauge(_) => {}
                Named::Counter32(count) => writer.named_count(name, Reading::Narrow(count), now, put),
                Named::Counter64(count) => writer.named_count(name, Reading::Wide(count), now, put),
            }
            writer.tell(now, watch);
        })
    }

    /// Forgets an agent and everything of it.
    pub fn forget(&mut self, agent: IpAddr) {
        let Some(at) = self.by_address.remove(&agent) else {
            return;
        };
        let (_, mut removed) = self.agents.swap_remove(at);
        removed.clear(&mut self.names);
        if let Some((moved, _)) = self.agents.get(at) {
            self.by_address.insert(*moved, at);
        }
    }

    /// Forgets what is missing, of one agent at each call, in turn: to be called now and then.
    pub fn sweep(&mut self, now: Time) {
        self.swept = if self.swept + 1 < self.agents.len() {
            self.swept + 1
        } else {
            0
        };
        if let Some((_, agent)) = self.agents.get_mut(self.swept) {
            agent.sweep(&mut self.names, now);
        }
    }

    /// Calls `change` with the data source, made if there is room; false when there is none, or when something was
    /// refused.
    fn with_source(
        &mut self,
        agent: IpAddr,
        name: &SourceName,
        change: impl FnOnce(&mut Writer<'_>),
    ) -> bool {
        let Some(mut writer) = self.writer(agent, name) else {
            return false;
        };
        let refused = writer.tally.refused_values;
        change(&mut writer);
        writer.tally.refused_values == refused
    }

    fn writer<'a>(&'a mut self, address: IpAddr, name: &'a SourceName) -> Option<Writer<'a>> {
        let at = match self.by_address.get(&address) {
            Some(at) => *at,
            None if self.agents.len() >= self.limits.agents => {
                self.tally.refused_agents += 1;
                return None;
            }
            None => {
                let room = self.room(address);
                let agent = Agent {
                    room,
                    ..Agent::default()
                };
                self.agents.push((address, agent));
                self.by_address.insert(address, self.agents.len() - 1);
                self.agents.len() - 1
            }
        };
        let (_, agent) = self.agents.get_mut(at)?;
        if !agent.sources.contains_key(name) {
            let text = match name {
                SourceName::Named(text) => Some(text),
                SourceName::Sflow(_) => None,
            };
            let odd = text.is_some_and(|t| {
                t.is_empty() || t.len() > SourceName::MAX_LENGTH || t.contains(char::is_control)
            });
            let full = agent.sources.len() >= self.limits.sources
                || (text.is_some() && agent.named_sources >= self.limits.named_sources);
            if odd || full || !agent.room.sources.take() {
                self.tally.refused_sources += 1;
                return None;
            }
            agent.named_sources += usize::from(text.is_some());
            agent.sources.insert(name.clone(), Source::default());
        }
        let cpus = self.names.find("cpu_num");
        self.changed.clear();
        Some(Writer {
            address,
            name,
            host: cpus.and_then(|id| host_value(agent, id)),
            source: agent.sources.get_mut(name)?,
            values: &mut agent.values,
            room: &mut agent.room,
            names: &mut self.names,
            limits: &self.limits,
            tally: &mut self.tally,
            changed: &mut self.changed,
        })
    }
}
