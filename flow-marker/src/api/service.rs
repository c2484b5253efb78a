//! The daemon itself: whether it lives, whether it is ready, what it counts, what it is.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Json, Response};
use shared::serve::routes::JSON;

use super::error::ApiError;
use super::{Api, json};

/// Prometheus text.
pub(super) const TEXT: &str = "text/plain; version=0.0.4";

/// `GET /healthz`: 200 as long as the process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when datagrams are received, 503 with what is missing otherwise.
pub(super) async fn readyz(State(api): State<Api>) -> Response {
    let waiting = api.readiness.waiting_for();
    if waiting.is_empty() {
        return "ready\n".into_response();
    }
    let text = format!("waiting for {}\n", waiting.join(", "));
    (ApiError::NOT_READY, text).into_response()
}

/// `GET /version`, as text.
pub(super) async fn version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), "\n")
}

/// `GET /openapi.json`: this API for programs.
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, JSON)], super::openapi()).into_response()
}

/// `GET /metrics`: what the daemon counts, as Prometheus reads it.
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    api.switches.iter().for_each(|switch| switch.show());
    ([(header::CONTENT_TYPE, TEXT)], api.metrics.render()).into_response()
}

/// `GET /controls/json`
pub(super) async fn controls(State(api): State<Api>) -> Response {
    Json(json::controls(&api)).into_response()
}

/// `GET /switches/json`
pub(super) async fn switches(State(api): State<Api>) -> Response {
    Json(json::switches(&api)).into_response()
}
