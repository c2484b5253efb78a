//! The router with a real engine behind it, and no socket.

use std::path::Path as FilePath;

use axum::body::{Body, to_bytes};
use axum::http::Method;
use serde_json::Value;
use shared::life::{Shutdown, ShutdownTrigger};
use shared::serve::{Credentials, Peer};
use tower::ServiceExt as _;

use super::*;
use crate::config::Config;
use crate::config::http::Scopes;
use crate::engine::{Notice, Outlet, Seat};

mod callers;
mod forwarding;
mod hostile;
mod openapi;

/// Takes everything.
struct Nowhere;

impl Outlet for Nowhere {
    fn elephant(&mut self, _: Notice) -> bool {
        true
    }
}

/// The API of a daemon that receives nothing.
pub(super) struct World {
    router: Router,
    /// Shards without threads: who asks them waits.
    _seats: Vec<Seat>,
    _trigger: ShutdownTrigger,
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

fn api() -> (Api, Vec<Seat>, ShutdownTrigger) {
    let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n";
    let config = Config::parse(FilePath::new("t"), text).unwrap();
    let metrics = Arc::new(Metrics::new(config.switches.iter().map(|s| s.agent), 1));
    let board = Arc::new(PortBoard::new(&config.switches));
    let sflow = "127.0.0.1:6343".parse().unwrap();
    let (engine, seats) = Engine::new(&config, &metrics, &board, sflow, || Box::new(Nowhere));
    let (trigger, shutdown) = Shutdown::new();
    let api = Api {
        engine,
        metrics,
        readiness: Readiness::new(),
        switches: Vec::new().into(),
        history: Arc::default(),
        board,
        mark: Arc::new(config.mark),
        clock: Clock::start(),
        waiters: Waiters::new(shutdown),
    };
    (api, seats, trigger)
}

impl World {
    /// Without credentials.
    pub(super) fn open() -> Self {
        Self::with(Access::new(Credentials::default(), false, false))
    }

    pub(super) fn with(access: Access) -> Self {
        let (api, seats, trigger) = api();
        Self {
            router: router(api, Arc::new(access)),
            _seats: seats,
            _trigger: trigger,
        }
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
        Reply {
            status: response.status().as_u16(),
            kind: kind.map_or_else(String::new, |kind| kind.to_str().unwrap().to_owned()),
            body: to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec(),
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
