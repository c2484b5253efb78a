//! All that one receiving thread keeps of the agents it owns. Without socket or clock: the same shard runs behind a
//! socket and behind a capture file.

mod live;
mod answers;
mod agent;
mod noted;
mod defined;
mod sources;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::elephants::Elephants;
#[cfg(test)]
use super::metric::SourceName;
use super::metric::{Limits, Pool, Store};
use super::names;
use super::outlet::Outlet;
use super::plan::Plan;
use super::threshold::Thresholds;
use crate::clock::Time;
use crate::config::Config;
use crate::detect::Detector;
use crate::flow::{self, Lags, Seen};
use crate::ingest::admission::Roll;
use crate::ingest::places::Places;
use crate::ingest::{Received, Sink};
use crate::inventory::{NotAdmitted, Roster};
use crate::lookout::Lookout;
use crate::metrics::{self, Metrics};
use crate::sflow::{Datagram, Fault};
use agent::{Agent, Around, Standing};
use defined::{AllDefined, Surroundings};
use sources::Sources;

pub use answers::{ActiveFlow, AgentStatus};
pub use live::{Live, LiveFlow, Loads, PortLoad};

/// Between two looks at what is due: an event that was not taken, or an end, waits at most this long.
const TICK: Duration = Duration::from_millis(100);

/// Between two looks at the names of ports, which functions of flow keys show.
const NAMES: Duration = Duration::from_secs(10);

/// Places where thresholds are above, over all shards: 100 bytes each.
const THRESHOLD_PLACES: usize = 200_000;

/// Data sources of all agents outside of the inventory together, as often as something is kept of them: numbers of flow and
/// counter samples, sampling, port, metrics and readings of their counters. 1,000 switches of 64 ports take 450,000 places,
/// of 70 to 700 bytes each.
const SOURCES: usize = 1 << 19;

/// Values of all agents outside of the inventory together: 48 for each port of 1,000 such switches are three million, of 64
/// bytes each, and up to 256 more for a text.
const VALUES: usize = 1 << 22;

/// What all shards of an engine have in common.
#[derive(Debug, Clone)]
pub struct Common {
    /// The places of agents outside of the inventory.
    places: Arc<Places>,
    /// What these agents have for data sources and values.
    pool: Pool,
    /// What hashes of flows begin with, so that a flow has the same in every shard.
    seed: [u64; 2],
}

impl Common {
    /// For the shards of one engine.
    pub fn new(config: &Config) -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        Self {
            places: Arc::new(Places::new(config.sflow.max_agents)),
            pool: Pool {
                sources: Arc::new(Places::new(SOURCES)),
                values: Arc::new(Places::new(VALUES)),
            },
            seed: [(); 2].map(|()| RandomState::new().hash_one(0_u64)),
        }
    }
}

/// The state of one receiving thread.
pub struct Shard {
    agents: Roll<Agent>,
    sources: Sources,
    /// What agents outside of the inventory have for data sources.
    data_sources: Arc<Places>,
    elephants: Elephants,
    thread: Arc<metrics::Thread>,
    /// Of all agents outside of the inventory.
    other: Arc<metrics::Agent>,
    metrics: Store,
    thresholds: Thresholds,
    defined: AllDefined,
    seen: Seen,
    outlet: Box<dyn Outlet>,
    plan: Arc<Plan>,
    ticked: Time,
    named: Time,
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").finish_non_exhaustive()
    }
}

impl Shard {
    /// The shard of the receiving thread with this number, counted from 0, of those that `metrics` knows.
    pub fn new(
        config: &Config,
        metrics: &Metrics,
        thread: usize,
        (roster, common): (Arc<Roster>, &Common),
        outlet: Box<dyn Outlet>,
    ) -> Self {
        let threads = metrics.threads().len().max(1);
        let counters = metrics.threads().get(thread).cloned().unwrap_or_default();
        let elephants = Elephants::new(
            config,
            Arc::clone(&counters),
            roster,
            (Detector::FLOWS / threads, Detector::ELEPHANTS / threads),
        );
        let limits = flow::Limits {
            flows: flow::Limits::default().flows / threads,
            ..flow::Limits::default()
        };
        Self {
            agents: Roll::new(config.sflow.agents.clone(), Arc::clone(&common.places)),
            sources: Sources::default(),
            elephants,
            other: metrics.others().get(thread).cloned().unwrap_or_default(),
            metrics: Store::shared(Limits::default(), common.pool.clone()),
            data_sources: Arc::clone(&common.pool.sources),
            thresholds: Thresholds::new(THRESHOLD_PLACES / threads),
            defined: AllDefined::new(limits, common.seed, Arc::clone(&counters)),
            thread: counters,
            seen: Seen::new(),
            outlet,
            plan: Arc::default(),
            ticked: Time::START,
            named: Time::START,
        }
    }

    /// Also looks out for listed hosts and attacks in what the switches of the inventory see.
    pub fn look_out(&mut self, lookout: Lookout) {
        self.elephants.look_out(lookout);
    }

    /// Takes one datagram, whoever sent it.
    fn datagram(&mut self, now: Time, received: &Received<'_>) {
        let datagram = match Datagram::parse(received.bytes) {
            Ok(datagram) => datagram,
            Err(error) => {
                match error.fault {
                    Fault::Version(_) => self.thread.rejected_version.bump(),
                    Fault::Short { .. } => self.thread.rejected_truncated.bump(),
                    _ => self.thread.rejected_malformed.bump(),
                }
                return tracing::trace!(%error, "datagram rejected");
            }
        };
        let address = datagram.agent.to_canonical();
        let source = received.from.ip().to_canonical();
        let taken = match self
            .agents
            .get(address)
            .and_then(|agent| agent.sends_from(source))
        {
            Some(taken) => taken,
            None => self.meet(now, address, source),
        };
        if !taken {
            return self.thread.rejected_source.bump();
        }
        let Self {
            agents,
            sources,
            elephants,
            thread,
            metrics,
            thresholds,
            defined,
            seen,
            outlet,
            ..
        } = self;
        let Some(agent) = agents.hear(now, address) else {
            return thread.unknown_agent.bump();
        };
        let mut around = Around {
            elephants,
            metrics,
            thresholds,
            defined,
            sources,
            seen,
            outlet: &mut **outlet,
        };
        agent.samples(now, received.from, &datagram, &mut around);
    }

    /// Meets an agent that is new, or that a template allows for and that is no switch of the inventory yet. False when what
    /// comes from `source` is not its own.
    fn meet(&mut self, now: Time, address: IpAddr, source: IpAddr) -> bool {
        let standing = self.elephants.meet(address, source);
        match &standing {
            Ok(Some(member)) if !member.config.may_send_from(source) => return false,
            Ok(_) => {}
            Err(why) => {
                let counter = match why {
                    NotAdmitted::Source => &self.thread.not_admitted_source,
                    NotAdmitted::Full => &self.thread.not_admitted_full,
                    NotAdmitted::Server => &self.thread.not_admitted_server,
                };
                counter.bump();
                if let Some(agent) = self.agents.hear(now, address) {
                    agent.stand(standing);
                    return true;
                }
            }
        }
        // What somebody else may have said in the name of a switch is not known of it.
        if let Some(before) = self.agents.remove(address) {
            self.forget(now, &before);
        }
        self.enter(now, address, standing);
        true
    }

    /// Lets an agent in of which nothing is known, if it is listened to.
    fn enter(&mut self, now: Time, address: IpAddr, standing: Standing) {
        let member = standing.as_ref().ok().and_then(Option::as_ref);
        let counters = Arc::clone(member.map_or(&self.other, |member| &member.received));
        let lags = member.map_or_else(Lags::default, |member| self.elephants.lags(member.id));
        let is_member = member.is_some();
        self.metrics.set_exempt(address, is_member);
        let data_sources = &self.data_sources;
        let new = || Agent::new(address, (standing, lags), (counters, data_sources), now);
        let mut forgotten = Vec::new();
        let entered = self
            .agents
            .enter(now, (address, is_member), new, |_, agent| forgotten.push(agent));
        if let Err(error) = entered {
            tracing::trace!(agent = %address, ?error, "datagram of an agent that is not listened to");
        }
        for agent in forgotten {
            self.forget(now, &agent);
        }
    }

    /// Forgets agents that have become switches of the inventory since they were met, or are none any more; the next
    /// datagram of each is met as its first.
    fn forget_changed(&mut self, now: Time) {
        let Some(inventory) = self.elephants.changed_inventory() else {
            return;
        };
        let agents = self.agents.iter();
        let changed = agents.filter(|(address, _, agent)| match agent.standing() {
            Ok(Some(member)) => member.is_retired(),
            Ok(None) => inventory.knows(*address),
            // Met with every datagram.
            Err(_) => false,
        });
        let changed: Vec<_> = changed.map(|(address, ..)| address).collect();
        for address in changed {
            if let Some(agent) = self.agents.remove(address) {
                self.forget(now, &agent);
            }
        }
    }

    /// Forgets all that is known of an agent.
    fn forget(&mut self, now: Time, agent: &Agent) {
        self.metrics.forget(agent.address());
        for source in agent.sources().ids() {
            let outlet = &mut *self.outlet;
            self.defined.forget(now, source, &self.sources, outlet);
            self.sources.remove(source);
        }
    }

    /// Ends a batch: counts what is staged and hands on what thresholds have fired.
    fn settle(&mut self, now: Time) {
        let outlet = &mut *self.outlet;
        self.elephants.flush(now, &mut |notice| outlet.elephant(notice));
        let (defined, mut around) = self.split();
        defined.flush(now, &mut around);
        self.tell();
    }

    fn split(&mut self) -> (&mut AllDefined, Surroundings<'_>) {
        let around = Surroundings {
            sources: &self.sources,
            store: &self.metrics,
            thresholds: &mut self.thresholds,
            outlet: &mut *self.outlet,
        };
        (&mut self.defined, around)
    }

    /// Hands on what thresholds have fired.
    fn tell(&mut self) {
        for fired in self.thresholds.take_fired() {
            if !self.outlet.fired(fired) {
                self.thread.events_lost.bump();
            }
        }
    }

    /// Sets a metric, as if a counter sample had brought it.
    #[cfg(test)]
    pub(crate) fn set_metric(&mut self, agent: IpAddr, source: &str, name: &str, value: f64, now: Time) {
        let source = SourceName::parse(source);
        let lasts = Duration::from_secs(60);
        let place = (agent, &source);
        let set = self
            .metrics
            .set(place, name, value, lasts, now, &mut self.thresholds);
        assert!(set, "{name} was refused");
        self.tell();
    }

    /// Does what `plan` says from now on.
    pub fn follow(&mut self, now: Time, plan: Arc<Plan>) {
        let thresholds = plan.thresholds.iter().map(|(id, definition)| (id, &**definition));
        self.thresholds.replace(thresholds, self.metrics.names_mut());
        let heard = self.agents.iter().filter_map(|(.., agent)| agent.id());
        let config = plan.config.as_deref().filter(|config| {
            let before = self.plan.config.as_deref();
            before.is_none_or(|before| !std::ptr::eq(before, *config))
        });
        self.elephants.follow(&plan.topology, config, heard);
        self.plan = plan;
        self.learn_names(now);
        let plan = Arc::clone(&self.plan);
        let outlet = &mut *self.outlet;
        self.defined.replace(now, &plan.flows, (&self.sources, outlet));
        self.defined.watch(&self.metrics, &self.thresholds);
    }

    /// Takes the names of ports, groups and maps into use.
    fn learn_names(&mut self, now: Time) {
        self.named = now;
        let Plan { tables, topology, .. } = &*self.plan;
        let lookup = names::with_ports(tables, topology, &self.metrics, now);
        self.defined.set_lookup(Arc::new(lookup));
    }

    /// Does what is due; to be called about ten times a second.
    pub fn tick(&mut self, now: Time) {
        let outlet = &mut self.outlet;
        self.elephants.tick(now, &mut |notice| outlet.elephant(notice));
        self.metrics.sweep(now);
        self.forget_changed(now);
        let mut forgotten = Vec::new();
        self.agents.tick(now, |_, agent| forgotten.push(agent));
        for agent in forgotten {
            self.forget(now, &agent);
        }
        let (defined, mut around) = self.split();
        defined.tick(now, &mut around);
        if !self.defined.is_empty() && now.since(self.named) >= NAMES {
            self.learn_names(now);
        }
        self.tell();
        self.thread.agents.set_len(self.agents.len());
        self.thread.defined_flows.set_len(self.defined.len());
        self.thread.defined_bytes.set_len(self.defined.memory());
    }
}

impl Sink for Shard {
    fn batch(&mut self, now: Time, batch: &[Received<'_>]) {
        for received in batch {
            self.datagram(now, received);
        }
        self.settle(now);
    }

    fn rest(&mut self, now: Time) {
        if now.since(self.ticked) >= TICK {
            self.ticked = now;
            self.tick(now);
        }
    }
}

#[cfg(test)]
mod tests;
