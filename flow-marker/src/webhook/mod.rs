//! Tells others what happens, by HTTP: Alertmanager, or whoever takes JSON.
//!
//! Events are read from the logs of the engine and of decisions, which wait for nobody, into a bounded queue for each
//! webhook; when that is full, the oldest go and are counted. One request at a time tells the oldest of the queue, in order.
//! What fails is tried again with growing delays until it succeeds, so that a server may hear of an event twice (it has taken
//! it, and its answer was lost), each time with the same kind and id. What a server refuses because of its content is counted
//! and left.

mod event;
mod format;
mod queue;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use reqwest::header::CONTENT_TYPE;
use shared::backoff::Backoff;
use shared::client::{ClientConfig, Token, http_client, why};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::clock::Clock;
use crate::config::{Config, Webhook};
use crate::control::journal::{Journal, Question, Record};
use crate::engine::Engine;
use crate::engine::event::{Answer, Query};
use crate::engine::threshold::Fired;
use crate::metrics::{Metrics, Process};
use event::Event;
use queue::Queue;

/// Events that wait for one webhook: an evening of events, or a server that is away for minutes while all goes wrong.
const WAITING: usize = 1000;

/// Events in one request: with texts of at most a kilobyte, far below what any server takes.
const BATCH: usize = 100;

/// Events that are read from a log at once.
const READ: usize = 1000;

/// Waits between tries, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// One webhook.
#[derive(Debug)]
pub struct Hook {
    /// The id of this controller.
    id: String,
    target: ArcSwap<Target>,
    queue: Mutex<Queue>,
    filled: Notify,
    /// There is another target.
    moved: Notify,
    metrics: Arc<Metrics>,
}

/// Whom a webhook tells, and how.
#[derive(Debug)]
struct Target {
    config: Webhook,
    client: reqwest::Client,
}

/// Why a request did not succeed.
enum Failure {
    /// It may later.
    Transient(String),
    /// It never will: the server does not take what is in it.
    Refused(u16),
}

impl Target {
    fn new(config: &Webhook) -> anyhow::Result<Self> {
        let mut client = ClientConfig::new(config.url.clone());
        client.ca_file.clone_from(&config.ca_file);
        client.connect_timeout = config.timeout;
        // Where it may not travel so was judged with the settings.
        client.cleartext_token = true;
        let context = || format!("webhook {:?}", config.name);
        if let Some(path) = &config.token_file {
            let token = Token::read(path).with_context(|| format!("`token_file` {}", path.display()));
            client.token = Some(token.with_context(context)?);
        }
        Ok(Self {
            client: http_client(&client).with_context(context)?,
            config: config.clone(),
        })
    }
}

impl Hook {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// The token or the certificates cannot be used.
    pub fn new(config: &Webhook, id: &str, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        Ok(Self::of(Arc::new(Target::new(config)?), id, metrics))
    }

    fn of(target: Arc<Target>, id: &str, metrics: Arc<Metrics>) -> Self {
        Self {
            id: id.to_owned(),
            target: ArcSwap::new(target),
            queue: Mutex::new(Queue::new(WAITING)),
            filled: Notify::new(),
            moved: Notify::new(),
            metrics,
        }
    }

    fn target(&self) -> Arc<Target> {
        self.target.load_full()
    }

    /// Tells whom it tells now, from the next request on. What waits, waits for that.
    fn follow(&self, target: Arc<Target>) {
        self.target.store(target);
        self.moved.notify_one();
    }

    /// It tells nobody any more.
    fn close(&self) {
        let left = self.queue().close() as u64;
        self.counts().webhook_waiting.sub(left);
        self.counts().webhook_dropped.add(left);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> &Process {
        &self.metrics.process
    }

    /// Takes an event, if it is of a kind that is told here.
    fn offer(&self, event: &Arc<Event>) {
        if !self.target.load().config.events.contains(&event.kind) {
            return;
        }
        let (m, mut queue) = (self.counts(), self.queue());
        if queue.is_closed() {
            return;
        }
        match queue.push(Arc::clone(event)) {
            true => m.webhook_waiting.add(1),
            false => m.webhook_dropped.inc(),
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Tells what is in the queue, for ever. `seed` decides the jitter.
    async fn deliver(&self, retry: (Duration, Duration), seed: u64) {
        let mut backoff = Backoff::new(retry.0, retry.1, seed);
        let m = self.counts();
        loop {
            let target = self.target();
            let name = target.config.name.as_str();
            let batch = self.queue().take(BATCH);
            if batch.is_empty() {
                self.filled.notified().await;
                continue;
            }
            let events = batch.len();
            match self.send(&target, &batch).await {
                Ok(()) => {
                    if backoff.failures() > 0 {
                        tracing::info!(webhook = name, "the webhook takes events again");
                    }
                    self.gone(&m.webhook_delivered);
                }
                Err(Failure::Refused(status)) => {
                    tracing::warn!(
                        webhook = name,
                        status,
                        events,
                        "the webhook refuses events; they are left"
                    );
                    self.gone(&m.webhook_refused);
                }
                Err(Failure::Transient(error)) => {
                    self.queue().put_back();
                    m.webhook_failures.inc();
                    if backoff.failures() == 0 {
                        tracing::warn!(
                            webhook = name,
                            error,
                            "the webhook does not take events; they wait"
                        );
                    }
                    tokio::select! {
                        () = tokio::time::sleep(backoff.next_delay()) => {}
                        // Whoever is told now may well take them.
                        () = self.moved.notified() => backoff.reset(),
                    }
                    continue;
                }
            }
            backoff.reset();
        }
    }

    /// What was taken from the queue is done with, unless the queue was closed meanwhile: then it was counted as dropped.
    fn gone(&self, counter: &crate::metrics::Counter) {
        let events = self.queue().done() as u64;
        self.counts().webhook_waiting.sub(events);
        counter.add(events);
    }

    async fn send(&self, target: &Target, events: &[Arc<Event>]) -> Result<(), Failure> {
        let Target { config, client } = target;
        let body = format::body(config.format, &self.id, events);
        let request = client.post(config.url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        // What the server has to say besides its status is not read.
        let reply = request.timeout(config.timeout).send().await;
        let status = reply.map_err(|error| Failure::Transient(why(error)))?.status();
        match status.as_u16() {
            200..300 => Ok(()),
            code @ (400 | 413 | 415 | 422) => Err(Failure::Refused(code)),
            _ => Err(Failure::Transient(format!("the server answers {status}"))),
        }
    }
}

/// Events of a log that follow the id that was seen last, the oldest first, and what has fallen out of it in between.
struct Following {
    events: Vec<Event>,
    missed: u64,
    newest: Option<u64>,
}

impl Following {
    fn new<T>(answer: &Answer<T>, event: impl Fn(u64, &T) -> Option<Event>) -> Self {
        let entries = answer.entries.iter().rev();
        Self {
            events: entries.filter_map(|(id, entry)| event(*id, entry)).collect(),
            missed: answer.missed,
            newest: answer.entries.first().map(|(id, _)| *id),
        }
    }
}

/// Reads a log into the queues, from what follows `seen`, until the log ends.
async fn read(
    hooks: Arc<ArcSwap<Vec<Arc<Hook>>>>,
    mut changed: watch::Receiver<u64>,
    mut seen: u64,
    log: impl Fn(i64) -> Following,
) {
    loop {
        let following = log(i64::try_from(seen).unwrap_or(i64::MAX));
        let hooks = hooks.load_full();
        for hook in &*hooks {
            hook.counts().webhook_dropped.add(following.missed);
        }
        for event in following.events.into_iter().map(Arc::new) {
            hooks.iter().for_each(|hook| hook.offer(&event));
        }
        match following.newest {
            Some(newest) => seen = newest,
            None if changed.changed().await.is_err() => return,
            None => {}
        }
    }
}

/// Passed thresholds.
fn thresholds(engine: &Engine, clock: &Clock, after: i64) -> Following {
    let query = Query {
        name: None,
        after: Some(after),
        max: Some(READ),
    };
    let event = |id, fired: &Fired| Some(Event::fired(clock, id, fired));
    Following::new(&engine.events(&query), event)
}

/// Decisions.
fn decisions(journal: &Journal, clock: &Clock, after: i64) -> Following {
    let question = Question {
        after: Some(after),
        max: READ,
        ..Question::default()
    };
    let event = |id, record: &Record| Event::decided(clock, id, record);
    Following::new(&journal.ask(&question), event)
}

/// All webhooks; they end when this is dropped.
#[derive(Debug)]
pub struct Webhooks {
    id: String,
    metrics: Arc<Metrics>,
    /// Those that are told, in the configuration's order.
    hooks: Arc<ArcSwap<Vec<Arc<Hook>>>>,
    /// What delivers, by the name of its webhook.
    delivering: HashMap<String, AbortHandle>,
    tasks: JoinSet<()>,
    seed: u64,
}

/// Webhooks that can be told.
#[derive(Debug)]
pub struct Ready(Vec<Arc<Target>>);

impl Webhooks {
    /// Starts to tell what happens from now on, in the name of the controller `id`. `first` is the id of the first event and of
    /// the first decision.
    pub fn start(
        ready: Ready,
        id: &str,
        (engine, journal): (&Engine, &Arc<Journal>),
        metrics: &Arc<Metrics>,
        (clock, first): (Clock, u64),
    ) -> Self {
        let mut webhooks = Self {
            id: id.to_owned(),
            metrics: Arc::clone(metrics),
            hooks: Arc::default(),
            delivering: HashMap::new(),
            tasks: JoinSet::new(),
            seed: first,
        };
        webhooks.follow(ready);
        let (engine, journal) = (engine.clone(), Arc::clone(journal));
        let seen = first.saturating_sub(1);
        let (fired, decided) = (engine.events_changed(), journal.changed());
        let log = move |after| thresholds(&engine, &clock, after);
        let hooks = || Arc::clone(&webhooks.hooks);
        let thresholds = read(hooks(), fired, seen, log);
        let log = move |after| decisions(&journal, &clock, after);
        let decisions = read(hooks(), decided, seen, log);
        webhooks.tasks.spawn(thresholds);
        webhooks.tasks.spawn(decisions);
        webhooks
    }

    /// Reads tokens and certificates of a configuration.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn prepare(config: &Config) -> anyhow::Result<Ready> {
        let targets = config
            .webhooks
            .iter()
            .map(|webhook| Target::new(webhook).map(Arc::new));
        Ok(Ready(targets.collect::<anyhow::Result<_>>()?))
    }

    /// Tells these from now on. Who keeps his name is told what waits for him, by the new way; who is new, what happens from
    /// now on; what waits for others is left.
    pub fn follow(&mut self, Ready(targets): Ready) {
        let before = self.hooks.load_full();
        let mut gone = std::mem::take(&mut self.delivering);
        let mut hooks = Vec::with_capacity(targets.len());
        for target in targets {
            let name = target.config.name.clone();
            let known = before.iter().find(|hook| hook.target.load().config.name == name);
            if let Some((hook, task)) = known.zip(gone.remove(&name)) {
                hook.follow(target);
                hooks.push(Arc::clone(hook));
                self.delivering.insert(name, task);
                continue;
            }
            let hook = Arc::new(Hook::of(target, &self.id, Arc::clone(&self.metrics)));
            hooks.push(Arc::clone(&hook));
            self.seed = self.seed.wrapping_add(1);
            let seed = self.seed;
            let task = self.tasks.spawn(async move { hook.deliver(RETRY, seed).await });
            self.delivering.insert(name, task);
        }
        self.hooks.store(Arc::new(hooks));
        gone.into_values().for_each(|task| task.abort());
        let is_there = |hook: &&Arc<Hook>| self.delivering.contains_key(&hook.target.load().config.name);
        before
            .iter()
            .filter(|hook| !is_there(hook))
            .for_each(|hook| hook.close());
        // Those that were ended are forgotten.
        while self.tasks.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests;
