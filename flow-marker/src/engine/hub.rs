//! The engine as its users see it: one for all receiving threads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::ask::{Asker, NotTaken, queue};
use super::forward::Forwarder;
use super::logs::{Logs, News, UNDER_WAY};
use super::notice::Notice;
use super::outlet::Outlet;
use super::plan::{Plan, Plans};
use super::record::FlowRecord;
use super::seat::Seat;
use super::shard::{Common, Shard};
use super::threshold::Fired;
use crate::clock::Time;
use crate::config::Config;
use crate::inventory::Roster;
use crate::lookout::Lookout;
use crate::metrics::Metrics;

/// The longest that an answer of the shards is waited for. They answer within milliseconds; when they do not, the
/// machine is overloaded and datagrams come first.
const PATIENCE: Duration = Duration::from_secs(5);

/// The engine. Cheap to copy; all copies are the same engine.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    shards: Vec<Asker<Shard>>,
    plans: Plans,
    /// Held by whoever changes the plan.
    changing: Mutex<()>,
    logs: Logs,
    /// Where datagrams arrive.
    sflow: SocketAddr,
}

/// Writes what shards tell into the logs.
#[derive(Debug)]
pub struct LogWriter {
    hub: Arc<Hub>,
    told: mpsc::Receiver<News>,
}

impl LogWriter {
    /// Writes until all seats are gone.
    pub async fn run(self) {
        self.hub.logs.write(self.told).await;
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

impl Engine {
    /// An engine with a seat for every receiving thread that `metrics` knows, and what writes its logs. `each` is called
    /// once for each thread, for where its elephants go and what else it looks out for. `first_event` should grow with every start.
    pub fn new<E: FnMut(Notice) -> bool + Send + 'static>(
        config: &Config,
        metrics: &Metrics,
        roster: &Arc<Roster>,
        (sflow, first_event): (SocketAddr, u64),
        mut each: impl FnMut() -> (E, Lookout),
    ) -> (Self, Vec<Seat>, LogWriter) {
        let (plans, common) = (Plans::new(), Common::new(config));
        let (news, told) = mpsc::channel(UNDER_WAY);
        let (shards, seats) = metrics
            .threads()
            .iter()
            .enumerate()
            .map(|(thread, counters)| {
                let (asker, inbox) = queue();
                let (elephants, lookout) = each();
                let outlet = Up {
                    elephants,
                    news: news.clone(),
                };
                let mut shard = Shard::new(
                    config,
                    metrics,
                    thread,
                    (Arc::clone(roster), &common),
                    Box::new(outlet),
                );
                shard.look_out(lookout);
                let forwarder = Forwarder::new(Arc::clone(counters));
                (asker, Seat::new(shard, inbox, plans.clone(), forwarder))
            })
            .unzip();
        let hub = Arc::new(Hub {
            shards,
            plans,
            changing: Mutex::default(),
            logs: Logs::new(first_event),
            sflow,
        });
        let engine = Self(Arc::clone(&hub));
        (engine, seats, LogWriter { hub, told })
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
    pub fn plan(&self) -> Arc<Plan> {
        self.0.plans.present()
    }

    /// Changes what is wanted, for all shards: they follow before they answer anything that is asked later. Nothing
    /// changes when `change` fails.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn change<R, E>(&self, change: impl FnOnce(&mut Plan) -> Result<R, E>) -> Result<R, E> {
        let _one_at_a_time = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plan = Plan::clone(&self.0.plans.present());
        let result = change(&mut plan)?;
        // Here, and not in every shard: a group may have a hundred thousand prefixes.
        plan.complete();
        self.0.plans.publish(plan);
        Ok(result)
    }

    pub(super) fn logs(&self) -> &Logs {
        &self.0.logs
    }

    /// Where datagrams arrive.
    pub(super) fn receives_at(&self) -> SocketAddr {
        self.0.sflow
    }
}

/// The way up from a shard.
struct Up<E> {
    elephants: E,
    news: mpsc::Sender<News>,
}

impl<E: FnMut(Notice) -> bool + Send> Outlet for Up<E> {
    fn elephant(&mut self, notice: Notice) -> bool {
        (self.elephants)(notice)
    }

    fn fired(&mut self, fired: Fired) -> bool {
        self.news.try_send(News::Fired(fired)).is_ok()
    }

    fn flow(&mut self, record: FlowRecord) -> bool {
        self.news.try_send(News::Flow(record)).is_ok()
    }
}
