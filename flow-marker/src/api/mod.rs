//! HTTP: health, metrics, what is desired and installed.
//!
//! Read-only, and for this machine only: credentials are not built yet, so the address must be loopback, and a request
//! must name it (a web page that a browser on this machine shows could otherwise read us through a name of its own that
//! resolves to 127.0.0.1). Nothing here makes the receiving thread wait.

mod host;
mod json;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use shared::life::Readiness;

use crate::clock::Clock;
use crate::config::Mark;
use crate::control::switch::{History, Switch};
use crate::engine::Engine;
use crate::inventory::PortBoard;
use crate::metrics::Metrics;

/// What the API shows.
#[derive(Debug, Clone)]
pub struct Api {
    /// What is known of the fabric.
    pub engine: Engine,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// What is still waited for.
    pub readiness: Readiness,
    /// The switches, in the inventory's order.
    pub switches: Vec<Arc<Switch>>,
    /// Controls that are over.
    pub history: Arc<History>,
    /// What is known of ports.
    pub board: Arc<PortBoard>,
    /// How elephants are found and marked.
    pub mark: Mark,
    /// Turns our instants into everybody's.
    pub clock: Clock,
}

/// All routes; `address` is where they are served.
pub fn router(api: Api, address: SocketAddr) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route(
            "/version",
            get(|| async { concat!(env!("CARGO_PKG_VERSION"), "\n") }),
        )
        .route("/metrics", get(metrics))
        .route("/controls/json", get(controls))
        .route("/switches/json", get(switches))
        .fallback(host::not_found)
        .layer(middleware::from_fn_with_state(address, host::check))
        .with_state(Arc::new(api))
}

async fn readyz(State(api): State<Arc<Api>>) -> Response {
    let waiting = api.readiness.waiting_for();
    if waiting.is_empty() {
        return "ready\n".into_response();
    }
    let text = format!("waiting for {}\n", waiting.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics(State(api): State<Arc<Api>>) -> Response {
    api.switches.iter().for_each(|switch| switch.show());
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, api.metrics.render()).into_response()
}

async fn controls(State(api): State<Arc<Api>>) -> Response {
    Json(json::controls(&api)).into_response()
}

async fn switches(State(api): State<Arc<Api>>) -> Response {
    Json(json::switches(&api)).into_response()
}
