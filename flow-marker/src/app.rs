//! Puts the daemon together and runs it until it is asked to end.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use shared::life::{self, Readiness, Shutdown};
use shared::serve::listener::PassedSockets;
use shared::serve::{Listener, Reload};
use tokio::sync::watch;

use crate::api::Api;
use crate::api::wait::Waiters;
use crate::config::{Config, Mode};
use crate::control::reconcile::Care;
use crate::ingest;
use crate::live::{Collector, Live};
use crate::webhook::Webhooks;

/// Everything that runs, and its orderly end.
mod running;
/// Reads the configuration again.
mod reload;
/// The API's sockets, callers and certificates.
mod serving;
/// The loops of all switches.
mod loops;
/// What speaks to switches.
mod clients;
/// The engine and the threads that feed it.
mod receiving;
/// The tasks that decide.
mod controllers;
/// What all parts work with.
mod base;

use base::{Base, Memory};
use clients::Clients;
use controllers::Controllers;
use loops::Loops;
use reload::Reloading;
use running::Running;
use serving::Serving;

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

/// Runs the daemon until `shutdown`; then marks are withdrawn, within five seconds in all. Reads the configuration again at each
/// `reload`.
///
/// # Errors
/// The configuration cannot be carried out (a token file is missing, say), or a part ended that never should.
pub async fn run(config: Config, sockets: Sockets, shutdown: Shutdown, reload: Reload) -> anyhow::Result<()> {
    let mut running = start(config, sockets, Readiness::new(), &shutdown, reload).await?;
    let outcome = running.until(&shutdown).await;
    life::notify_stopping();
    running.end(outcome.is_ok()).await?;
    outcome
}

/// Starts all parts: first what the configuration may forbid, then those that decide, those that they work on, and those that
/// receive; last what lets others see and ask. Returns when all of them are up.
async fn start(
    config: Config,
    Sockets { sflow, http }: Sockets,
    readiness: Readiness,
    shutdown: &Shutdown,
    reload: Reload,
) -> anyhow::Result<Running> {
    let serving = Serving::new(&config, &http)?;
    let webhooks = Webhooks::prepare(&config)?;
    let clients = Arc::new(Clients::of_config(&config)?);
    let (base, Memory { state, past }, newer) = Base::new(config, sflow.threads());
    let (listening, receiving) = (readiness.latch("http"), readiness.latch("sflow"));
    let (controllers, ears, desk) = Controllers::start(&base, &state)?;
    let (care, caring) = watch::channel(Care::of(&base.config.mark));
    let loops = Loops::start(&base, Arc::clone(&clients), caring, shutdown);
    let address = sflow.address();
    let (engine, seats) = receiving::engine(&base, &ears, address)?;
    drop(ears);
    let (history, recording) = base.record(past, &engine);
    let webhooks = base.tell(webhooks, &engine);
    let workers = receiving::start(&base, sflow, seats, receiving)?;
    let watchdog = tokio::spawn(life::watchdog(workers.progress()));
    let (keeper, writer) = state.keep(base.remembered(&desk));
    let writer = writer.map(|writer| tokio::spawn(writer.run(shutdown.clone())));
    let live = Live::new(Arc::clone(base.switches.roster()));
    let collector = tokio::spawn(Collector::new(base.gathered(&engine, &desk), live.clone()).run());
    let api = Api {
        engine: engine.clone(),
        metrics: Arc::clone(&base.metrics),
        readiness: readiness.clone(),
        live,
        switches: Arc::clone(&base.switches),
        pause: Arc::clone(&base.pause),
        overrides: Arc::clone(&base.overrides),
        keeper,
        history,
        desk,
        config: base.newest.clone(),
        clock: base.clock,
        waiters: Waiters::new(shutdown.clone()),
    };
    let names: Vec<String> = http.iter().map(Listener::name).collect();
    let server = serving.serve(http, api, &base.config.http)?;
    drop(listening);
    announce(&base.config, address, &names.join(" and "));
    readiness.ready().await;
    life::notify_ready();
    let reloading = Reloading::new(base, (newer, care), (serving, clients), engine, webhooks);
    Ok(Running {
        workers,
        watchdog,
        controllers,
        loops,
        reloading: tokio::spawn(reloading.run(reload, shutdown.clone())),
        collector,
        writer,
        recording,
        server,
    })
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
