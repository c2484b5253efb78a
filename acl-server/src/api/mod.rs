//! The HTTP API (`acl-server` contract §1).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use shared::life::Readiness;

use crate::commit::Committer;

/// The ACLs: read, write, list, remove.
pub mod acls;
/// Who may.
pub mod auth;
/// Reads and judges the body of a PUT.
pub mod body;
/// The one door from verdicts and mistakes to HTTP statuses.
pub mod error;

use auth::Access;
use error::ApiError;

/// What every handler needs.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// The writer.
    pub committer: Committer,
    /// What `/readyz` waits for.
    pub readiness: Readiness,
}

/// The routes, for callers that `access` lets in. Requests need an `Arc<Peer>` among their extensions.
pub fn router(state: ApiState, access: Arc<Access>) -> Router {
    Router::new()
        .route("/acl", get(acls::list).delete(acls::delete_all))
        .route("/acl/", get(acls::list).delete(acls::delete_all))
        .route(
            "/acl/lasterror",
            get(acls::last_error).put(acls::reserved).delete(acls::reserved),
        )
        .route(
            "/acl/{*name}",
            get(acls::read).put(acls::put).delete(acls::delete),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .fallback(|| async { ApiError::no_such_path() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(access, auth::check))
        .with_state(state)
}

/// 200 when changes are taken and the switch has what the files say, 503 with what is missing otherwise.
async fn readyz(State(state): State<ApiState>) -> Response {
    let waiting_for = state.readiness.waiting_for();
    let status = if waiting_for.is_empty() {
        StatusCode::OK
    } else {
        ApiError::NOT_READY
    };
    (
        status,
        Json(json!({ "ready": waiting_for.is_empty(), "waiting_for": waiting_for })),
    )
        .into_response()
}

async fn version() -> Json<serde_json::Value> {
    Json(json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }))
}

#[cfg(test)]
mod tests;
