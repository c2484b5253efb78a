//! Which requests are answered, and what the others are told.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::Problem;
use shared::host::is_local;
use shared::problem::MEDIA_TYPE;

fn answer(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
}

pub(super) async fn not_found(uri: Uri) -> Response {
    let mut problem = Problem::new(
        404,
        "not-found",
        "no such resource",
        format!(
            "{} is none of /healthz, /readyz, /version, /metrics, /controls/json, /switches/json",
            uri.path()
        ),
    );
    // Not one of acl-server's kinds of problem.
    problem.kind = "about:blank".to_owned();
    answer(&problem)
}

/// Refuses requests that were not meant for us.
pub(super) async fn check(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .map(|h| h.to_str().unwrap_or_default());
    match host {
        Some(host) if is_local(host, address.ip()) => next.run(request).await,
        _ => {
            let mut problem = Problem::new(
                403,
                "host",
                "the request names another host",
                format!(
                    "the Host header is neither loopback nor {address}; this address serves only this machine"
                ),
            );
            problem.kind = "about:blank".to_owned();
            answer(&problem)
        }
    }
}
