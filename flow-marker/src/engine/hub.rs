//! The engine as its users see it: one for all receiving threads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::ask::{Asker, NotTaken, queue};
use super::events::Events;
use super::forward::{Forwarder, comes_back};
use super::outlet::Outlet;
use super::plan::{Plan, Plans};
use super::seat::Seat;
use super::settings::{Forwarding, Group, Map, Named, TooMany};
use super::shard::Shard;
use super::threshold::Definition;
use super::topology::Topology;
use crate::clock::Time;
use crate::config::Config;
use crate::inventory::PortBoard;
use crate::metrics::Metrics;

/// The longest that an answer of the shards is waited for. They answer within milliseconds; when they do not, the
/// machine is overloaded and datagrams come first.
const PATIENCE: Duration = Duration::from_secs(5);

/// Targets that datagrams are sent on to: each costs a system call a datagram.
const MAX_FORWARDING: usize = 16;

/// The engine. Cheap to copy; all copies are the same engine.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    shards: Vec<Asker<Shard>>,
    plans: Plans,
    wanted: Mutex<Wanted>,
    events: Events,
    /// Where datagrams arrive.
    sflow: SocketAddr,
}

/// What users have asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) forwarding: Forwarding,
    pub(super) thresholds: Named<Definition>,
    pub(super) topology: Arc<Topology>,
    pub(super) groups: Named<Group>,
    pub(super) maps: Named<Map>,
}

/// The most thresholds: each costs a look-up with every update of its metric.
const MAX_THRESHOLDS: usize = 1000;
/// The most groups, and the most maps; a body has a bound of its own.
const MAX_TABLES: usize = 100;

impl Wanted {
    fn new() -> Self {
        Self {
            forwarding: Forwarding::new(MAX_FORWARDING),
            thresholds: Named::new(MAX_THRESHOLDS),
            topology: Arc::default(),
            groups: Named::new(MAX_TABLES),
            maps: Named::new(MAX_TABLES),
        }
    }

    fn plan(&self) -> Plan {
        Plan {
            forwarding: self.forwarding.iter().map(|(_, target)| **target).collect(),
            thresholds: self.thresholds.copies(),
            topology: Arc::clone(&self.topology),
            groups: self.groups.copies(),
            maps: self.maps.copies(),
        }
    }
}

/// A question was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Too many questions are waiting.
    #[error("too many questions are waiting for the receiving threads")]
    Busy,
    /// No answer in time.
    #[error("the receiving threads have no time to answer")]
    Late,
}

/// Datagrams cannot be sent on to this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotForwarded {
    /// They would come back.
    #[error("{0} is where datagrams are received: they would circle for ever")]
    Circle(SocketAddr),
    /// There are too many already.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

impl Engine {
    /// An engine with a seat for every receiving thread that `metrics` knows. `outlet` is called once for each.
    pub fn new(
        config: &Config,
        metrics: &Metrics,
        board: &Arc<PortBoard>,
        sflow: SocketAddr,
        mut outlet: impl FnMut() -> Box<dyn Outlet>,
    ) -> (Self, Vec<Seat>) {
        let plans = Plans::new();
        let (shards, seats) = metrics
            .threads()
            .iter()
            .enumerate()
            .map(|(thread, counters)| {
                let (asker, inbox) = queue();
                let shard = Shard::new(config, metrics, thread, Arc::clone(board), outlet());
                let forwarder = Forwarder::new(Arc::clone(counters));
                (asker, Seat::new(shard, inbox, plans.clone(), forwarder))
            })
            .unzip();
        let hub = Hub {
            shards,
            plans,
            wanted: Mutex::new(Wanted::new()),
            events: Events::new(),
            sflow,
        };
        (Self(Arc::new(hub)), seats)
    }

    /// Puts a question to every shard; the answers are in the order of the threads.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn ask<A: Send + 'static>(
        &self,
        question: impl Fn(&mut Shard, Time) -> A + Send + Sync + 'static,
    ) -> Result<Vec<A>, Unanswered> {
        let question = Arc::new(question);
        let mut pending = Vec::with_capacity(self.0.shards.len());
        for shard in &self.0.shards {
            let (reply, answer) = oneshot::channel();
            let question = Arc::clone(&question);
            shard
                .put(Box::new(move |shard, now| {
                    // Nobody waits any more: so be it.
                    let _ = reply.send(question(shard, now));
                }))
                .map_err(|NotTaken| Unanswered::Busy)?;
            pending.push(answer);
        }
        let answers = async {
            let mut answers = Vec::with_capacity(pending.len());
            for answer in pending {
                answers.push(answer.await.map_err(|_| Unanswered::Late)?);
            }
            Ok(answers)
        };
        tokio::time::timeout(PATIENCE, answers)
            .await
            .unwrap_or(Err(Unanswered::Late))
    }

    /// What is wanted now.
    pub(super) fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is wanted, and tells every shard when `change` says that it did.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Wanted) -> (R, bool)) -> R {
        let mut wanted = self.wanted();
        let (result, changed) = change(&mut wanted);
        if changed {
            // Still under the lock: the last plan is that of the last change.
            self.0.plans.publish(wanted.plan());
        }
        result
    }

    /// What happened.
    pub(super) fn events_log(&self) -> &Events {
        &self.0.events
    }

    /// Where datagrams are sent on to, by name.
    pub fn forwarding(&self) -> Forwarding {
        self.wanted().forwarding.clone()
    }

    /// Sends every datagram on to `target`, as long as nobody says otherwise. True when the name is new.
    ///
    /// # Errors
    /// [`NotForwarded`]
    pub fn forward(&self, name: &str, target: SocketAddr) -> Result<bool, NotForwarded> {
        if comes_back(target, self.0.sflow) {
            return Err(NotForwarded::Circle(target));
        }
        self.change(|wanted| match wanted.forwarding.put(name, target) {
            Ok(new) => (Ok(new), true),
            Err(error) => (Err(error.into()), false),
        })
    }

    /// No longer sends datagrams on; false when there was no target of this name.
    pub fn stop_forwarding(&self, name: &str) -> bool {
        self.change(|wanted| {
            let removed = wanted.forwarding.remove(name);
            (removed, removed)
        })
    }
}
