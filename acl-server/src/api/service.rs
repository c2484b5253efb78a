//! The daemon itself: whether it lives, whether it is ready, how much room there is, what it counts, what it is.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use shared::wire::{Capacity, Ready, Version};

use super::acls::blocking;
use super::error::ApiError;
use super::parameters::Parameters;
use super::{ApiState, body, counters};
use crate::metrics;

/// `GET /healthz`: 200 as long as the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when changes are taken and the switch has what the files say, 503 with what is missing otherwise.
pub async fn readyz(State(state): State<ApiState>) -> Response {
    let waiting_for = state.readiness.waiting_for();
    let ready = Ready {
        ready: waiting_for.is_empty(),
        waiting_for: waiting_for.into_iter().map(str::to_owned).collect(),
    };
    match ready.ready {
        true => Json(ready).into_response(),
        false => (ApiError::NOT_READY, Json(ready)).into_response(),
    }
}

/// `GET /version`.
pub async fn version() -> Json<Version> {
    Json(Version {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// `GET /openapi.json`: this API for programs.
pub async fn openapi() -> Response {
    let document = super::openapi();
    (StatusCode::OK, [(CONTENT_TYPE, body::JSON)], document).into_response()
}

/// `GET /capacity`.
///
/// # Errors
/// 400 for unknown parameters.
pub async fn capacity(
    State(state): State<ApiState>,
    parameters: Parameters,
) -> Result<Json<Capacity>, ApiError> {
    parameters.only(&[])?;
    // The writer may hold what is counted while it syncs.
    blocking(move || {
        let (entries_used, entries_limit) = state.committer.capacity();
        Ok(Json(Capacity {
            entries_used,
            entries_limit,
        }))
    })
    .await
}

/// `GET /metrics`: what the daemon counts, as Prometheus reads it, and what each rule has matched, which makes the tool
/// list them; `rules=false` spares that.
///
/// # Errors
/// 400 for unknown parameters.
pub async fn metrics(State(state): State<ApiState>, parameters: Parameters) -> Result<Response, ApiError> {
    let rules = parameters.only(&["rules"])?.flag("rules", true)?;
    let committer = state.committer.clone();
    blocking(move || {
        committer.measure();
        Ok(())
    })
    .await?;
    let text = match rules {
        true => {
            let counters = counters::all(&state, metrics::DEFAULT_RULE_SERIES).await;
            state.metrics.render_with(&counters)
        }
        false => state.metrics.render(),
    };
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}
