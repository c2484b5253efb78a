//! Puts the daemon together and runs it until it is asked to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shared::life::{self, Readiness, Shutdown};
use shared::serve::listener::PassedSockets;
use shared::serve::{Listener, Reload, Server};
use tokio::sync::{mpsc, watch};

use crate::api::browser::PageToken;
use crate::api::wait::Waiters;
use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::control::dispatch::Dispatcher;
use crate::control::journal::Journal;
use crate::control::overrides::Overrides;
use crate::control::oversight::Oversight;
use crate::control::pause::Pause;
use crate::control::reconcile::Care;
use crate::control::switches::{self, Switches};
use crate::control::watchman::Watchman;
use crate::detect::Event;
use crate::engine::{Engine, Notice};
use crate::history::{Feed, Past};
use crate::ingest;
use crate::inventory::Roster;
use crate::live::{self, Collector, Live};
use crate::lookout::Lookout;
use crate::metrics::Metrics;
use crate::state::{self, Sources, State};
use crate::webhook::Webhooks;

/// Reads the configuration again.
mod reload;
/// The API's sockets, callers and certificates.
mod serving;
/// The loops of all switches.
mod loops;

use loops::Loops;
use reload::Reloading;
use serving::Serving;

/// Events on their way to the controllers: more than all elephants of a large fabric that start in one second. When it
/// is full, events are offered again.
const EVENTS: usize = 1024;

/// Signs of listed hosts and attacks on their way to the controllers, each at most once a second.
const SIGNS: usize = 1024;

/// The sockets that the daemon is served on, bound.
#[derive(Debug)]
pub struct Sockets {
    /// Where datagrams arrive.
    pub sflow: ingest::Sockets,
    /// Where the API is.
    pub http: Vec<Listener>,
}

impl Sockets {
    /// Binds all of them, the one for sFlow with as many threads and as much buffer as `config` says. What systemd has
    /// `passed` takes the place of what is configured, for the API and for sFlow each by itself.
    ///
    /// # Errors
    /// An address cannot be bound, or the API would be open by accident.
    pub async fn bind(sflow: SocketAddr, config: &Config, passed: PassedSockets) -> anyhow::Result<Self> {
        let http = serving::bind(&config.http, passed.streams).await?;
        let (threads, buffer) = (config.sflow.threads, config.sflow.receive_buffer);
        let sflow = match ingest::adopt(passed.datagrams, buffer).context("a socket that was passed")? {
            Some(sockets) => sockets,
            None => ingest::bind(sflow, threads, buffer)
                .with_context(|| format!("--sflow {sflow} cannot be bound"))?,
        };
        Ok(Self { sflow, http })
    }

    /// The first TCP address of the API.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.iter().find_map(Listener::address)
    }
}

/// How long clients may take to read their last replies.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// How long the disk may take for what was decided last.
const LAST_RECORDS: Duration = Duration::from_secs(1);

/// Runs the daemon until `shutdown`; then marks are withdrawn, within five seconds in all. Reads the configuration again at each
/// `reload`.
///
/// # Errors
/// The configuration cannot be carried out (a token file is missing, say), or a part ended that never should.
pub async fn run(config: Config, sockets: Sockets, shutdown: Shutdown, reload: Reload) -> anyhow::Result<()> {
    let serving = Serving::new(&config, &sockets.http)?;
    let clock = Clock::start();
    let metrics = Arc::new(Metrics::new(sockets.sflow.threads()));
    let roster = Arc::new(Roster::new(&config, &metrics));
    let directory = state::directory(&config);
    let past = Past::open(&config.history, directory.as_deref().ok(), &config.id, &clock);
    let first_id = past.first_id();
    let journal = Arc::new(Journal::new(first_id, config.mark.max_rules));
    let switches = Arc::new(Switches::new(Arc::clone(&roster), &config, Arc::clone(&journal)));
    let state = State::open(directory, &config.id);
    let overrides = Overrides::new(switches::modes(&config));
    let (pause, overrides) = (Arc::<Pause>::default(), Arc::new(overrides));
    state.recall_ports(&roster);
    state.recall_words(clock.now(), &switches, &pause, &overrides);
    state.recall_rests(&clock, clock.now(), &switches);
    metrics.process.paused.set(u64::from(pause.read().is_some()));
    let readiness = Readiness::new();
    let (listening, receiving) = (readiness.latch("http"), readiness.latch("sflow"));

    let (watch, signs) = mpsc::channel(SIGNS);
    let (newer, follow) = watch::channel(Arc::new(config.clone()));
    let mut watchman = Watchman::new(follow.clone(), Arc::clone(&switches), Arc::clone(&metrics), clock)?;
    let kept = state.recall_controls(&clock, clock.now());
    watchman.recall(kept, |key| state.recall_list(key));
    let lists = watchman.watch();
    let desk = watchman.desk();
    let watchman = tokio::spawn(watchman.run(signs));
    let oversight = Oversight::new(Arc::clone(&switches), clock);
    let marked = oversight.marked();
    let oversight = tokio::spawn(oversight.run());
    let (care, caring) = watch::channel(Care::of(&config.mark));
    let mut loops = Loops::start(&config, Arc::clone(&switches), caring, (clock, &shutdown))?;
    let (events, notices) = mpsc::channel(EVENTS);
    let sflow = sockets.sflow.address();
    let (engine, seats, logs) = Engine::new(&config, &metrics, &roster, (sflow, first_id), || {
        let (events, counts) = (events.clone(), Arc::clone(&metrics));
        let elephants = move |notice: Notice| {
            // How large an elephant is now must not be in the way of one that begins or ends.
            let waits = matches!(notice.event, Event::Progress(_)) && events.capacity() < EVENTS / 2;
            let sent = !waits && events.try_send(notice).is_ok();
            match sent {
                true => counts.process.events_sent.inc(),
                false => counts.process.events_dropped.inc(),
            }
            sent
        };
        let (watch, counts) = (watch.clone(), Arc::clone(&metrics));
        let lookout = Lookout::new(
            Arc::clone(&lists),
            Arc::clone(&marked),
            &config.drop,
            move |sign| {
                let sent = watch.try_send(sign).is_ok();
                if !sent {
                    counts.process.signs_dropped.inc();
                }
                sent
            },
        );
        (elephants, lookout)
    });
    for (name, members) in &config.groups {
        engine
            .set_group(name, members.clone())
            .with_context(|| format!("[group.{name}]"))?;
    }
    tokio::spawn(logs.run());
    let feeds: Vec<Box<dyn Feed>> = vec![
        Box::new(api::DecisionFeed::new(Arc::clone(&journal), clock)),
        Box::new(api::EventFeed::new(engine.clone(), clock)),
    ];
    let (history, recording) = past.follow(&config.history, &config.id, feeds, &metrics, clock);
    let webhooks = Webhooks::start(&config, (&engine, &journal), &metrics, clock, first_id)?;
    drop(events);
    let seats = seats.into_iter().zip(metrics.threads().iter().map(Arc::clone));
    let inventory = config.switches.iter().map(|switch| switch.agent);
    // Who comes to the inventory by a template has one of the places for others among the owners.
    let templates = config.fabrics.iter().map(|fabric| fabric.max_switches);
    let agents = (inventory, config.sflow.max_agents + templates.sum::<usize>());
    let mut workers = ingest::spawn(sockets.sflow, seats.collect(), agents, clock, receiving)?;
    let watchdog = tokio::spawn(life::watchdog(workers.progress()));
    let dispatcher = Dispatcher::new(follow.clone(), Arc::clone(&switches), clock);
    let dispatcher = tokio::spawn(dispatcher.run(notices));
    let (keeper, writer) = state.keep(Sources {
        pause: Arc::clone(&pause),
        overrides: Arc::clone(&overrides),
        desk: desk.clone(),
        switches: Arc::clone(&switches),
        clock,
    });
    let writer = writer.map(|writer| tokio::spawn(writer.run(shutdown.clone())));
    let live = Live::new(Arc::clone(switches.roster()));
    let gathered = live::Sources {
        engine: engine.clone(),
        switches: Arc::clone(&switches),
        pause: Arc::clone(&pause),
        metrics: Arc::clone(&metrics),
        config: follow.clone(),
        clock,
    };
    let collector = tokio::spawn(Collector::new(gathered, live.clone()).run());
    let reloading = Reloading {
        newer,
        care,
        serving,
        engine: engine.clone(),
        switches: Arc::clone(&switches),
        overrides: Arc::clone(&overrides),
        webhooks,
        metrics: Arc::clone(&metrics),
        clock,
    };
    let api = Api {
        engine,
        metrics,
        readiness: readiness.clone(),
        live,
        switches,
        pause,
        overrides,
        keeper,
        history,
        desk,
        config: follow,
        clock,
        waiters: Waiters::new(shutdown.clone()),
    };
    let http: Vec<String> = sockets.http.iter().map(Listener::name).collect();
    let app = api::router(api, Arc::clone(&reloading.serving.access), PageToken::new()?);
    let server = Server::start(
        sockets.http,
        app,
        reloading.serving.tls.clone(),
        config.http.limits.limits(),
    )?;
    drop(listening);
    announce(&config, sflow, &http.join(" and "));

    readiness.ready().await;
    life::notify_ready();
    let reloading = tokio::spawn(reloading.run(reload));
    let outcome = tokio::select! {
        () = shutdown.wait() => Ok(()),
        () = workers.ended() => Err(anyhow::anyhow!("a receiving thread has ended")),
        () = loops.keep_up() => Err(anyhow::anyhow!("the inventory is gone")),
    };
    life::notify_stopping();
    watchdog.abort();
    // First nothing new, then what is on the switches, last the window through which one can watch.
    tokio::task::spawn_blocking(move || workers.stop()).await?;
    // What is still on its way to the switches is not wanted any more, however much it is.
    dispatcher.abort();
    watchman.abort();
    oversight.abort();
    drop(watch);
    if let Err(error) = dispatcher.await
        && error.is_panic()
    {
        tracing::error!(%error, "the dispatcher has panicked");
    }
    if outcome.is_ok() {
        loops.finish().await;
    }
    reloading.abort();
    collector.abort();
    if let Some(writer) = writer {
        writer.abort();
    }
    if let Some(recording) = recording {
        recording.finish(LAST_RECORDS).await;
    }
    let cut = server.stop(LAST_REPLIES).await;
    if cut > 0 {
        tracing::debug!(cut, "some clients did not read their last reply");
    }
    outcome
}

fn announce(config: &Config, sflow: SocketAddr, http: &str) {
    let mode = match config.mark.mode {
        Mode::Observe => "observe (no switch is contacted unless a person asks for a control)",
        Mode::Act => "act",
    };
    tracing::info!(%sflow, %http, switches = config.switches.len(), templates = config.fabrics.len(), mode, threshold = %config.mark.threshold, "running");
    if config.switches.is_empty() && config.fabrics.is_empty() {
        tracing::warn!(
            "there is no [[switch]] and no [fabric] in the configuration: agents are listened to, and nothing will be marked"
        );
    }
}
