//! Puts the daemon together and runs it until it is asked to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shared::life::{self, Readiness, Shutdown};
use shared::serve::listener::PassedSockets;
use shared::serve::{Listener, Reload, Server};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::actuator::acl::AclActuator;
use crate::actuator::{Failure, Kind};
use crate::api::wait::Waiters;
use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::control::desired::Limits;
use crate::control::dispatch::Dispatcher;
use crate::control::modes::Modes;
use crate::control::reconcile::{self, Care};
use crate::control::switch::{History, Switch};
use crate::control::watchman::Watchman;
use crate::engine::Engine;
use crate::ingest;
use crate::inventory::PortBoard;
use crate::lookout::Lookout;
use crate::metrics::Metrics;

/// The API's sockets, callers and certificates.
mod serving;

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

/// The loops of all switches; they contact nobody as long as no controller acts.
struct Loops(JoinSet<()>);

impl Loops {
    fn start(
        config: &Config,
        switches: &[Arc<Switch>],
        clock: Clock,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let mut loops = JoinSet::new();
        let prefix = format!("{}_", config.id);
        if modes(config).permit_any() {
            // A mistake in the last switch must not leave the first one half started.
            for switch in &config.switches {
                AclActuator::new(switch, prefix.clone())?;
            }
        }
        let care = Care {
            interval: config.mark.commit_interval,
            ttl: config.mark.ttl,
        };
        for switch in switches {
            let (prefix, target) = (prefix.clone(), switch.config.clone());
            let connect = move || {
                AclActuator::new(&target, prefix.clone()).map_err(|error| Failure::new(format!("{error:#}")))
            };
            let shutdown = shutdown.clone();
            loops.spawn(reconcile::run(Arc::clone(switch), connect, clock, care, shutdown));
        }
        Ok(Self(loops))
    }
}

/// How long clients may take to read their last replies.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// Runs the daemon until `shutdown`; then marks are withdrawn, within five seconds in all. Reads credentials and
/// certificates again at each `reload`.
///
/// # Errors
/// The configuration cannot be carried out (a token file is missing, say), or a part ended that never should.
pub async fn run(config: Config, sockets: Sockets, shutdown: Shutdown, reload: Reload) -> anyhow::Result<()> {
    let serving = Serving::new(&config, &sockets.http)?;
    let clock = Clock::start();
    let inventory = || config.switches.iter().map(|switch| switch.agent);
    let metrics = Arc::new(Metrics::new(inventory(), sockets.sflow.threads()));
    let (board, history) = (
        Arc::new(PortBoard::new(&config.switches)),
        Arc::<History>::default(),
    );
    let switches = switches(&config, &metrics, &history);
    let readiness = Readiness::new();
    let (listening, receiving) = (readiness.latch("http"), readiness.latch("sflow"));

    let (watch, signs) = mpsc::channel(SIGNS);
    let watchman = Watchman::new(
        Arc::new(config.clone()),
        switches.clone(),
        Arc::clone(&board),
        Arc::clone(&metrics),
        clock,
    )?;
    let lists = watchman.watch();
    let desk = watchman.desk();
    let watchman = tokio::spawn(watchman.run(signs));
    let mut loops = Loops::start(&config, &switches, clock, &shutdown)?;
    let (events, notices) = mpsc::channel(EVENTS);
    let sflow = sockets.sflow.address();
    let first_event = clock.unix_ns(clock.now()) / 1_000_000_000;
    let (engine, seats, logs) = Engine::new(&config, &metrics, &board, (sflow, first_event), || {
        let (events, counts) = (events.clone(), Arc::clone(&metrics));
        let elephants = move |notice| {
            let sent = events.try_send(notice).is_ok();
            match sent {
                true => counts.process.events_sent.inc(),
                false => counts.process.events_dropped.inc(),
            }
            sent
        };
        let (watch, counts) = (watch.clone(), Arc::clone(&metrics));
        let lookout = Lookout::new(Arc::clone(&lists), &config.drop, move |sign| {
            let sent = watch.try_send(sign).is_ok();
            if !sent {
                counts.process.signs_dropped.inc();
            }
            sent
        });
        (elephants, lookout)
    });
    tokio::spawn(logs.run());
    drop(events);
    let seats = seats.into_iter().zip(metrics.threads().iter().map(Arc::clone));
    let agents = (inventory(), config.sflow.max_agents);
    let mut workers = ingest::spawn(sockets.sflow, seats.collect(), agents, clock, receiving)?;
    let watchdog = tokio::spawn(life::watchdog(workers.progress()));
    let dispatcher = Dispatcher::new(config.id.clone(), config.mark.clone(), switches.clone(), clock);
    let dispatcher = tokio::spawn(dispatcher.run(notices));
    let api = Api {
        engine,
        metrics,
        readiness: readiness.clone(),
        switches: switches.into(),
        pause: Arc::default(),
        desk,
        history,
        board,
        mark: Arc::new(config.mark.clone()),
        clock,
        waiters: Waiters::new(shutdown.clone()),
    };
    let http: Vec<String> = sockets.http.iter().map(Listener::name).collect();
    let app = api::router(api, Arc::clone(&serving.access));
    let server = Server::start(
        sockets.http,
        app,
        serving.tls.clone(),
        config.http.limits.limits(),
    )?;
    let rereading = tokio::spawn(serving.reread(reload));
    drop(listening);
    announce(&config, sflow, &http.join(" and "));

    readiness.ready().await;
    life::notify_ready();
    let outcome = tokio::select! {
        () = shutdown.wait() => Ok(()),
        () = workers.ended() => Err(anyhow::anyhow!("a receiving thread has ended")),
    };
    life::notify_stopping();
    watchdog.abort();
    // First nothing new, then what is on the switches, last the window through which one can watch.
    tokio::task::spawn_blocking(move || workers.stop()).await?;
    // What is still on its way to the switches is not wanted any more, however much it is.
    dispatcher.abort();
    watchman.abort();
    drop(watch);
    if let Err(error) = dispatcher.await
        && error.is_panic()
    {
        tracing::error!(%error, "the dispatcher has panicked");
    }
    if outcome.is_ok() {
        let withdrawing = async { while loops.0.join_next().await.is_some() {} };
        // Each loop has its own limit; this one is for a loop with a bug.
        if tokio::time::timeout(reconcile::WITHDRAW + Duration::from_secs(1), withdrawing)
            .await
            .is_err()
        {
            tracing::error!("a switch's loop did not end");
        }
    }
    rereading.abort();
    let cut = server.stop(LAST_REPLIES).await;
    if cut > 0 {
        tracing::debug!(cut, "some clients did not read their last reply");
    }
    outcome
}

fn switches(config: &Config, metrics: &Metrics, history: &Arc<History>) -> Vec<Arc<Switch>> {
    let limits = Limits {
        hold: config.mark.hold,
        max_rules: config.mark.max_rules,
    };
    let known = config.switches.iter().zip(metrics.controls()).enumerate();
    known
        .map(|(index, (switch, metrics))| {
            Arc::new(Switch::new(
                switch.clone(),
                index,
                (limits, modes(config)),
                Arc::clone(metrics),
                Arc::clone(history),
            ))
        })
        .collect()
}

/// What the controllers may do at first.
fn modes(config: &Config) -> Modes {
    Modes::default()
        .with(Kind::Mark, config.mark.mode)
        .with(Kind::Capture, config.capture.mode)
        .with(Kind::Drop, config.drop.mode)
}

fn announce(config: &Config, sflow: SocketAddr, http: &str) {
    let mode = match config.mark.mode {
        Mode::Observe => "observe (no switch is contacted unless a person asks for a control)",
        Mode::Act => "act",
    };
    tracing::info!(%sflow, %http, switches = config.switches.len(), mode, threshold = %config.mark.threshold, "running");
    if config.switches.is_empty() {
        tracing::warn!(
            "there is no [[switch]] in the configuration: agents are listened to, and nothing will be marked"
        );
    }
}
