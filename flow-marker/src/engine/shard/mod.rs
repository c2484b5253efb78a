//! All that one receiving thread keeps of the agents it owns. Without socket or clock: the same shard runs behind a
//! socket and behind a capture file.

mod agent;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::elephants::Elephants;
#[cfg(test)]
use super::metric::SourceName;
use super::metric::query::{NoLive, Partial, Query, View};
use super::metric::{Limits, Store};
use super::outlet::Outlet;
use super::plan::Plan;
use super::threshold::Thresholds;
use crate::clock::Time;
use crate::config::Config;
use crate::detect::Detector;
use crate::ingest::{Received, Sink};
use crate::inventory::PortBoard;
use crate::metrics::{self, Metrics};
use crate::sflow::{Datagram, Fault};
use agent::{Agent, Around};

/// Between two looks at what is due: an event that was not taken, or an end, waits at most this long.
const TICK: Duration = Duration::from_millis(100);

/// Places where thresholds are above, over all shards: 100 bytes each.
const THRESHOLD_PLACES: usize = 200_000;

/// The state of one receiving thread.
pub struct Shard {
    agents: HashMap<IpAddr, Agent>,
    elephants: Elephants,
    thread: Arc<metrics::Thread>,
    agent_metrics: HashMap<IpAddr, Arc<metrics::Agent>>,
    metrics: Store,
    thresholds: Thresholds,
    outlet: Box<dyn Outlet>,
    plan: Arc<Plan>,
    ticked: Time,
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
        board: Arc<PortBoard>,
        outlet: Box<dyn Outlet>,
    ) -> Self {
        let threads = metrics.threads().len().max(1);
        let counters = metrics.threads().get(thread).cloned().unwrap_or_default();
        let elephants = Elephants::new(
            config,
            metrics,
            Arc::clone(&counters),
            board,
            (Detector::FLOWS / threads, Detector::ELEPHANTS / threads),
        );
        let switches = config.switches.iter().map(|switch| switch.agent);
        Self {
            agents: HashMap::new(),
            elephants,
            thread: counters,
            agent_metrics: switches.zip(metrics.agents().map(Arc::clone)).collect(),
            metrics: Store::new(Limits::default()),
            thresholds: Thresholds::new(THRESHOLD_PLACES / threads),
            outlet,
            plan: Arc::default(),
            ticked: Time::START,
        }
    }

    /// Takes one datagram, whoever sent it.
    pub fn datagram(&mut self, now: Time, bytes: &[u8]) {
        let datagram = match Datagram::parse(bytes) {
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
        if !self.agents.contains_key(&address) {
            let (Some(id), Some(metrics)) = (self.elephants.find(address), self.agent_metrics.get(&address))
            else {
                self.thread.unknown_agent.bump();
                return tracing::trace!(agent = %address, "datagram of an agent that is not in the inventory");
            };
            self.agents
                .insert(address, Agent::new(address, Some(id), Arc::clone(metrics)));
        }
        let Self {
            agents,
            elephants,
            metrics,
            thresholds,
            outlet,
            ..
        } = self;
        if let Some(agent) = agents.get_mut(&address) {
            let mut around = Around {
                elephants,
                metrics,
                thresholds,
                outlet: &mut **outlet,
            };
            agent.samples(now, &datagram, &mut around);
        }
        self.tell();
    }

    /// Hands on what thresholds have fired.
    fn tell(&mut self) {
        for fired in self.thresholds.take_fired() {
            if !self.outlet.fired(fired) {
                self.thread.events_lost.bump();
            }
        }
    }

    /// What questions about metrics are answered from.
    pub fn view(&self, now: Time) -> View<'_> {
        View {
            store: &self.metrics,
            live: &NoLive,
            topology: &self.plan.topology,
            now,
        }
    }

    /// What this shard knows of a question.
    pub fn collect(&self, query: &Query, now: Time) -> Partial {
        query.collect(&self.view(now))
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
    pub fn follow(&mut self, _now: Time, plan: Arc<Plan>) {
        let thresholds = plan.thresholds.iter().map(|(id, definition)| (id, &**definition));
        self.thresholds.replace(thresholds, self.metrics.names_mut());
        self.plan = plan;
    }

    /// Does what is due; to be called about every [`TICK`].
    pub fn tick(&mut self, now: Time) {
        let outlet = &mut self.outlet;
        self.elephants.tick(now, &mut |notice| outlet.elephant(notice));
        self.metrics.sweep(now);
    }
}

impl Sink for Shard {
    fn batch(&mut self, now: Time, batch: &[Received<'_>]) {
        for received in batch {
            self.datagram(now, received.bytes);
        }
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
