//! Tells others what happens, by HTTP: Alertmanager, or whoever takes JSON.
//!
//! Events are read from the engine's log, which waits for nobody, into a bounded queue for each webhook; when that is
//! full, the oldest go and are counted. One request at a time tells the oldest of the queue, in order. What fails is tried
//! again with growing delays until it succeeds, so that a server may hear of an event twice (it has taken it, and its
//! answer was lost), each time with the same id. What a server refuses because of its content is counted and left.

mod event;
mod format;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::CONTENT_TYPE;
use shared::backoff::Backoff;
use shared::client::{ClientConfig, Token, http_client, why};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::{Config, Webhook};
use crate::engine::Engine;
use crate::engine::event::Query;
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
    config: Webhook,
    /// The id of this controller.
    id: String,
    client: reqwest::Client,
    queue: Mutex<Queue>,
    filled: Notify,
    metrics: Arc<Metrics>,
}

/// Why a request did not succeed.
enum Failure {
    /// It may later.
    Transient(String),
    /// It never will: the server does not take what is in it.
    Refused(u16),
}

impl Hook {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// The token or the certificates cannot be used.
    pub fn new(config: &Webhook, id: &str, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
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
            id: id.to_owned(),
            queue: Mutex::new(Queue::new(WAITING)),
            filled: Notify::new(),
            metrics,
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> &Process {
        &self.metrics.process
    }

    /// Takes an event, if it is of a kind that is told here.
    fn offer(&self, event: &Arc<Event>) {
        if !self.config.events.contains(&event.kind) {
            return;
        }
        let (m, mut queue) = (self.counts(), self.queue());
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
        let (m, name) = (self.counts(), self.config.name.as_str());
        loop {
            let batch = self.queue().take(BATCH);
            if batch.is_empty() {
                self.filled.notified().await;
                continue;
            }
            let events = batch.len();
            match self.send(&batch).await {
                Ok(()) => {
                    if backoff.failures() > 0 {
                        tracing::info!(webhook = name, "the webhook takes events again");
                    }
                    self.gone(events, &m.webhook_delivered);
                }
                Err(Failure::Refused(status)) => {
                    tracing::warn!(
                        webhook = name,
                        status,
                        events,
                        "the webhook refuses events; they are left"
                    );
                    self.gone(events, &m.webhook_refused);
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
                    tokio::time::sleep(backoff.next_delay()).await;
                    continue;
                }
            }
            backoff.reset();
        }
    }

    /// What was taken from the queue is done with.
    fn gone(&self, events: usize, counter: &crate::metrics::Counter) {
        let events = events as u64;
        self.queue().done();
        self.counts().webhook_waiting.sub(events);
        counter.add(events);
    }

    async fn send(&self, events: &[Arc<Event>]) -> Result<(), Failure> {
        let body = format::body(self.config.format, &self.id, events);
        let request = self.client.post(self.config.url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        // What the server has to say besides its status is not read.
        let reply = request.timeout(self.config.timeout).send().await;
        let status = reply.map_err(|error| Failure::Transient(why(error)))?.status();
        match status.as_u16() {
            200..300 => Ok(()),
            code @ (400 | 413 | 415 | 422) => Err(Failure::Refused(code)),
            _ => Err(Failure::Transient(format!("the server answers {status}"))),
        }
    }
}

/// Reads the engine's log into the queues until the engine ends; the first event that is told is the one after `seen`.
async fn read(engine: Engine, hooks: Vec<Arc<Hook>>, clock: Clock, mut seen: u64) {
    let mut changed = engine.events_changed();
    loop {
        let query = Query {
            name: None,
            after: Some(i64::try_from(seen).unwrap_or(i64::MAX)),
            max: Some(READ),
        };
        let answer = engine.events(&query);
        for hook in &hooks {
            hook.counts().webhook_dropped.add(answer.missed);
        }
        let Some(newest) = answer.entries.first().map(|(id, _)| *id) else {
            if changed.changed().await.is_err() {
                return;
            }
            continue;
        };
        for (id, fired) in answer.entries.into_iter().rev() {
            let event = Arc::new(Event::fired(&clock, id, &fired));
            hooks.iter().for_each(|hook| hook.offer(&event));
        }
        seen = newest;
    }
}

/// Starts to tell what happens from now on; ends when the result is dropped. `first_event` is the id of the first event.
///
/// # Errors
/// A token or certificates cannot be used.
pub fn start(
    config: &Config,
    engine: &Engine,
    metrics: &Arc<Metrics>,
    clock: Clock,
    first_event: u64,
) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    let mut hooks = Vec::with_capacity(config.webhooks.len());
    for webhook in &config.webhooks {
        hooks.push(Arc::new(Hook::new(webhook, &config.id, Arc::clone(metrics))?));
    }
    for (hook, seed) in hooks.iter().map(Arc::clone).zip(first_event..) {
        tasks.spawn(async move { hook.deliver(RETRY, seed).await });
    }
    if !hooks.is_empty() {
        tasks.spawn(read(engine.clone(), hooks, clock, first_event.saturating_sub(1)));
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests;
