//! Puts the daemon together and runs it until it is asked to end.

use std::future::IntoFuture;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use shared::life::{self, Readiness, Shutdown};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::actuator::acl::AclActuator;
use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::control::desired::Limits;
use crate::control::dispatch::Dispatcher;
use crate::control::reconcile;
use crate::control::switch::{History, Switch};
use crate::engine::{Engine, Notice, Outlet};
use crate::ingest;
use crate::inventory::PortBoard;
use crate::metrics::Metrics;

/// Events on their way to the controllers: more than all elephants of a large fabric that start in one second. When it
/// is full, events are offered again.
const EVENTS: usize = 1024;

/// The sockets that the daemon is served on, bound.
#[derive(Debug)]
pub struct Sockets {
    /// Where datagrams arrive.
    pub sflow: UdpSocket,
    /// Size of its receive buffer in bytes.
    pub receive_buffer: usize,
    /// Where the API is.
    pub http: TcpListener,
}

impl Sockets {
    /// Binds both.
    ///
    /// # Errors
    /// An address cannot be bound, or `http` is not a loopback address.
    pub fn bind(sflow: SocketAddr, http: SocketAddr) -> anyhow::Result<Self> {
        only_loopback(http)?;
        let (socket, receive_buffer) =
            ingest::bind(sflow).with_context(|| format!("--sflow {sflow} cannot be bound"))?;
        let http = TcpListener::bind(http).with_context(|| format!("--http {http} cannot be bound"))?;
        Ok(Self {
            sflow: socket,
            receive_buffer,
            http,
        })
    }
}

fn only_loopback(http: SocketAddr) -> anyhow::Result<()> {
    if !http.ip().to_canonical().is_loopback() {
        bail!(
            "--http {http}: only a loopback address such as 127.0.0.1:8008 is served, because credentials are not built into this version"
        );
    }
    Ok(())
}

/// The loops of all switches; none in mode `observe`, which contacts nobody.
struct Loops(JoinSet<()>);

impl Loops {
    fn start(
        config: &Config,
        switches: &[Arc<Switch>],
        clock: Clock,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let mut loops = JoinSet::new();
        if config.mark.mode == Mode::Act {
            // All clients first: a mistake in the last switch must not leave the first one half started.
            let prefix = format!("{}_", config.id);
            let actuators: Vec<_> = config
                .switches
                .iter()
                .map(|s| AclActuator::new(s, prefix.clone()))
                .collect::<Result<_, _>>()?;
            for (switch, actuator) in switches.iter().zip(actuators) {
                loops.spawn(reconcile::run(
                    Arc::clone(switch),
                    actuator,
                    clock,
                    config.mark.commit_interval,
                    shutdown.clone(),
                ));
            }
        }
        Ok(Self(loops))
    }
}

/// The way from the receiving threads to the controllers.
struct Controllers {
    events: mpsc::Sender<Notice>,
    metrics: Arc<Metrics>,
}

impl Outlet for Controllers {
    fn elephant(&mut self, notice: Notice) -> bool {
        let sent = self.events.try_send(notice).is_ok();
        let process = &self.metrics.process;
        if sent {
            process.events_sent.inc();
        } else {
            process.events_dropped.inc();
        }
        sent
    }
}

/// Runs the daemon until `shutdown`; then marks are withdrawn, within five seconds in all.
///
/// # Errors
/// The configuration cannot be carried out (a token file is missing, say), or a part ended that never should.
pub async fn run(config: Config, sockets: Sockets, shutdown: Shutdown) -> anyhow::Result<()> {
    let address = sockets.http.local_addr()?;
    only_loopback(address)?;
    let clock = Clock::start();
    let metrics = Arc::new(Metrics::new(config.switches.iter().map(|s| s.agent), 1));
    let [thread] = metrics.threads() else {
        bail!("one thread receives");
    };
    thread.receive_buffer_bytes.set_len(sockets.receive_buffer);
    let (board, history) = (
        Arc::new(PortBoard::new(&config.switches)),
        Arc::<History>::default(),
    );
    let switches = switches(&config, &metrics, &history);
    let readiness = Readiness::new();
    let (listening, receiving) = (readiness.latch("http"), readiness.latch("sflow"));

    let mut loops = Loops::start(&config, &switches, clock, &shutdown)?;
    let (events, notices) = mpsc::channel(EVENTS);
    let sflow = sockets.sflow.local_addr()?;
    let (engine, mut seats) = Engine::new(&config, &metrics, &board, sflow, || {
        Box::new(Controllers {
            events: events.clone(),
            metrics: Arc::clone(&metrics),
        })
    });
    let Some(seat) = seats.pop() else {
        bail!("one thread receives");
    };
    let mut worker = ingest::spawn(sockets.sflow, seat, Arc::clone(thread), clock, receiving)?;
    let dispatcher = Dispatcher::new(config.id.clone(), config.mark.clone(), switches.clone(), clock);
    let dispatcher = tokio::spawn(dispatcher.run(notices));
    let api = Api {
        engine,
        metrics,
        readiness: readiness.clone(),
        switches,
        history,
        board,
        mark: config.mark.clone(),
        clock,
    };
    sockets.http.set_nonblocking(true)?;
    let http = tokio::net::TcpListener::from_std(sockets.http)?;
    let mut server = tokio::spawn(axum::serve(http, api::router(api, address)).into_future());
    drop(listening);
    announce(&config, sflow, address);

    readiness.ready().await;
    life::notify_ready();
    let outcome = tokio::select! {
        () = shutdown.wait() => Ok(()),
        () = worker.ended() => Err(anyhow::anyhow!("the receiving thread has ended")),
        ended = &mut server => Err(anyhow::anyhow!("the HTTP server has ended: {ended:?}")),
    };
    life::notify_stopping();
    // First nothing new, then what is on the switches, last the window through which one can watch.
    tokio::task::spawn_blocking(move || worker.stop()).await?;
    // What is still on its way to the switches is not wanted any more, however much it is.
    dispatcher.abort();
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
    server.abort();
    outcome
}

fn switches(config: &Config, metrics: &Metrics, history: &Arc<History>) -> Vec<Arc<Switch>> {
    let limits = Limits {
        mode: config.mark.mode,
        hold: config.mark.hold,
        max_rules: config.mark.max_rules,
    };
    let known = config.switches.iter().zip(metrics.controls()).enumerate();
    known
        .map(|(index, (switch, metrics))| {
            Arc::new(Switch::new(
                switch.clone(),
                index,
                limits,
                Arc::clone(metrics),
                Arc::clone(history),
            ))
        })
        .collect()
}

fn announce(config: &Config, sflow: SocketAddr, http: SocketAddr) {
    let mode = match config.mark.mode {
        Mode::Observe => "observe (no switch is contacted)",
        Mode::Act => "act",
    };
    tracing::info!(%sflow, %http, switches = config.switches.len(), mode, threshold = %config.mark.threshold, "running");
    if config.switches.is_empty() {
        tracing::warn!(
            "there is no [[switch]] in the configuration, so every datagram is from an unknown agent"
        );
    }
}
