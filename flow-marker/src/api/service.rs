//! The daemon itself: whether it lives, whether it is ready, what it counts, what it is.

use std::collections::BTreeMap;

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
    api.switches.all().iter().for_each(|switch| switch.show());
    ([(header::CONTENT_TYPE, TEXT)], api.metrics.render()).into_response()
}

/// `GET /analyzer/json`: what the daemon counts, as one object: sums over all labels, by the names of `/metrics`.
pub(super) async fn analyzer(State(api): State<Api>) -> Json<BTreeMap<String, f64>> {
    Json(sums(&api.metrics.render()))
}

/// The sums of all samples of each name in Prometheus text.
fn sums(text: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    for (series, value) in samples.filter_map(|line| line.rsplit_once(' ')) {
        let name = series.split('{').next().unwrap_or_default();
        if let Ok(value) = value.parse::<f64>() {
            *sums.entry(name.to_owned()).or_insert(0.0) += value;
        }
    }
    sums
}

/// `GET /controls/json`
pub(super) async fn controls(State(api): State<Api>) -> Response {
    Json(json::controls(&api)).into_response()
}

/// `GET /switches/json`
pub(super) async fn switches(State(api): State<Api>) -> Response {
    Json(json::switches(&api)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_summed_up() {
        let text =
            "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1 {\"} 2\na_total{x=\"2\"} 3\nb 0.5\n";
        let sums = sums(text);
        assert_eq!(sums.len(), 2);
        assert_eq!((sums["a_total"], sums["b"]), (5.0, 0.5));
    }
}
