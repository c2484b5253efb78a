//! The router with a real engine behind it, and no socket.

use std::path::Path as FilePath;

use arc_swap::ArcSwap;
use axum::body::{Body, to_bytes};
use axum::http::Method;
use futures_util::StreamExt as _;
use serde_json::Value;
use shared::life::{Shutdown, ShutdownTrigger};
use shared::serve::{Credentials, Peer};
use tokio::task::{AbortHandle, JoinSet};
use tower::ServiceExt as _;

use super::*;
use crate::blacklist::watch::Watch;
use crate::config::Config;
use crate::config::http::Scopes;
use crate::control::watchman::Watchman;
use crate::engine::{Notice, Seat};
use crate::ingest::Sink as _;
use crate::inventory::Roster;
use crate::lookout::{Lookout, Sign};

mod browsers;
mod callers;
mod captures;
mod decisions;
mod events;
mod flows;
mod forwarding;
mod hostile;
mod live;
mod manual;
mod metrics;
mod openapi;
mod past;
mod pause;
mod tables;

/// The API of a daemon that receives nothing.
pub(super) struct World {
    router: Router,
    pub(super) engine: Engine,
    pub(super) waiters: Waiters,
    pub(super) switches: Arc<Switches>,
    pub(super) trigger: ShutdownTrigger,
    /// What receiving threads look out for.
    pub(super) watch: Arc<ArcSwap<Watch>>,
    /// What receiving threads tell.
    pub(super) signs: tokio::sync::mpsc::Sender<Sign>,
    /// The receiving threads.
    receiving: Vec<AbortHandle>,
    _shards: JoinSet<()>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The end of a problem's type.
    pub(super) fn slug(&self) -> String {
        let json = self.json();
        let kind = json["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default().to_owned()
    }
}

/// Does what a receiving thread does when nothing arrives.
async fn drive(mut seat: Seat, clock: Clock) {
    loop {
        seat.rest(clock.now());
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

impl World {
    /// Without credentials.
    pub(super) fn open() -> Self {
        Self::with(Access::new(Credentials::default(), false, false))
    }

    /// With decisions and events of before; those of now have ids from 1000 on.
    pub(super) fn with_past(history: History) -> Self {
        Self::new(Access::new(Credentials::default(), false, false), history, 1000)
    }

    pub(super) fn with(access: Access) -> Self {
        Self::new(access, History::default(), 0)
    }

    fn new(access: Access, history: History, first: u64) -> Self {
        let text = "[mark]\nmode = \"act\"\n[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[capture]\n\
                    analyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n[[capture.blacklist]]\nname = \"emerging\"\n\
                    file = \"/nonexistent/secret\"\n";
        let config = Config::parse(FilePath::new("t"), text).unwrap();
        let metrics = Arc::new(Metrics::new(2));
        let roster = Arc::new(Roster::new(&config, &metrics));
        let sflow = "127.0.0.1:6343".parse().unwrap();
        let watch = Arc::new(ArcSwap::from_pointee(Watch::default()));
        let lookout = || Lookout::new(Arc::clone(&watch), Arc::default(), &config.drop, |_| true);
        let controllers = || (|_: Notice| true, lookout());
        let (engine, seats, logs) = Engine::new(&config, &metrics, &roster, (sflow, first), controllers);
        let (trigger, shutdown) = Shutdown::new();
        let clock = Clock::start();
        let mut shards = JoinSet::new();
        let receiving = seats.into_iter().map(|seat| shards.spawn(drive(seat, clock)));
        let receiving = receiving.collect();
        shards.spawn(logs.run());
        let waiters = Waiters::new(shutdown);
        let journal = Arc::new(crate::control::journal::Journal::new(first, usize::MAX));
        let switches = Arc::new(Switches::new(roster, &config, journal));
        let configured = crate::control::switches::modes(&config);
        let (_, config) = watch::channel(Arc::new(config));
        let watchman = Watchman::new(config.clone(), Arc::clone(&switches), Arc::clone(&metrics), clock);
        let watchman = watchman.unwrap();
        let watch = watchman.watch();
        let (signs, taken) = tokio::sync::mpsc::channel(16);
        let live = Live::new(Arc::clone(switches.roster()));
        let pause = Arc::<Pause>::default();
        let gathered = crate::live::Sources {
            engine: engine.clone(),
            switches: Arc::clone(&switches),
            desk: watchman.desk(),
            pause: Arc::clone(&pause),
            metrics: Arc::clone(&metrics),
            config: config.clone(),
            clock,
        };
        shards.spawn(crate::live::Collector::new(gathered, live.clone()).run());
        let api = Api {
            engine: engine.clone(),
            metrics,
            readiness: Readiness::new(),
            switches: Arc::clone(&switches),
            live,
            pause,
            overrides: Arc::new(Overrides::new(configured)),
            keeper: Keeper::idle(),
            history,
            desk: watchman.desk(),
            config,
            clock,
            waiters: waiters.clone(),
        };
        shards.spawn(watchman.run(taken));
        Self {
            watch,
            signs,
            router: router(api, Arc::new(access), PageToken::new().unwrap()),
            engine,
            waiters,
            switches,
            trigger,
            receiving,
            _shards: shards,
        }
    }

    /// Has receiving threads answer nobody any more.
    pub(super) fn stop_receiving(&self) {
        self.receiving.iter().for_each(AbortHandle::abort);
    }

    /// Sets metrics of agents: address, data source, name, value. Each agent belongs to one shard.
    pub(super) async fn set(&self, metrics: &[(&'static str, &'static str, &'static str, f64)]) {
        let metrics = metrics.to_vec();
        let place = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let set = move |shard: &mut crate::engine::Shard, now| {
            let shard_number = place.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            for (agent, source, name, value) in &metrics {
                let agent: std::net::IpAddr = agent.parse().unwrap();
                let last = match agent {
                    std::net::IpAddr::V4(agent) => agent.octets()[3],
                    std::net::IpAddr::V6(agent) => agent.octets()[15],
                };
                if usize::from(last) % 2 == shard_number % 2 {
                    shard.set_metric(agent, source, name, *value, now);
                }
            }
        };
        self.engine.ask(set).await.unwrap();
    }

    /// A request from `address` with these headers.
    pub(super) async fn ask_from(
        &self,
        address: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let peer = Peer {
            address: address.parse().ok(),
            local: "127.0.0.1:8008".parse().ok(),
            ..Peer::default()
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .extension(Arc::new(peer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let kind = response.headers().get("content-type");
        let kind = kind.map_or_else(String::new, |kind| kind.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body();
        let body = match kind.as_str() {
            // What has no end is read until it has said something.
            "text/event-stream" => body.into_data_stream().next().await.unwrap().unwrap(),
            _ => to_bytes(body, usize::MAX).await.unwrap(),
        };
        Reply {
            status,
            kind,
            body: body.to_vec(),
        }
    }

    /// A request of a local user.
    pub(super) async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Reply {
        self.ask_from("127.0.0.1:1", method, path, &[("host", "localhost:8008")], body)
            .await
    }
}

/// One token for each scope, called like it.
fn tokens() -> Credentials<Scopes> {
    let mut table = Credentials::default();
    for (name, read, write, admin) in [
        ("reader", true, false, false),
        ("writer", false, true, false),
        ("both", true, true, false),
        ("admin", false, false, true),
    ] {
        let hash = shared::serve::token::TokenHash::of(name.as_bytes());
        table
            .add_token(name.parse().unwrap(), hash, Scopes { read, write, admin })
            .unwrap();
    }
    table
}
