//! The HTTP API (`acl-server` contract §1, described in `docs/API.md`).
//!
//! A request goes `auth` → the handler that `routes` names → `rights` → `draft` (parsed, judged) → `submit` (queued,
//! awaited) → answer, or `error`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use shared::AclName;
use shared::life::Readiness;

use crate::commit::Committer;
use crate::metrics::Metrics;
use crate::policy::Guard;
use crate::rules::Mode;
use crate::tool::counters::Counters;

/// What the API has, as one table.
pub mod routes;
/// Several ACLs at once.
pub mod patch;
/// One ACL, or all of ours: made, replaced, removed.
pub mod edit;
/// What a change would do.
pub mod dry_run;
/// Leases go on.
pub mod renew;
/// What happens, as a stream.
pub mod events;
/// What became of a change, and its confirmation.
pub mod commits;
/// All ACLs.
pub mod list;
/// What each rule has matched.
pub mod counters;
/// The daemon itself.
pub mod service;
/// The ACLs, to be read.
pub mod acls;
/// What other rule files do to an ACL's rules.
pub mod neighbours;
/// Hands changes to the writer.
pub mod submit;
/// What a request wants an ACL to be.
pub mod draft;
/// From the bytes of a PATCH to names and lines.
pub mod merge;
/// From the bytes of a body to lines.
pub mod body;
/// What a request says beside its body.
pub mod parameters;
/// What a change needs its caller to be allowed to.
pub mod rights;
/// Who may.
pub mod auth;
/// The one door from verdicts and mistakes to HTTP statuses.
pub mod error;

use auth::Access;
use error::ApiError;
use events::Watchers;
use neighbours::Turns;

/// What every handler needs.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// The writer.
    pub committer: Committer,
    /// What `/readyz` waits for.
    pub readiness: Readiness,
    /// How strictly rules are read.
    pub mode: Mode,
    /// Objects to rules of everybody but admins.
    pub guard: Arc<Guard>,
    /// Where counters of rules come from; `None`: nothing is known of any.
    pub counters: Option<Counters>,
    /// What is counted, here and by the writer.
    pub metrics: Arc<Metrics>,
    /// Places at `/events`.
    watchers: Watchers,
    /// Who may look at all rule files.
    turns: Turns,
}

impl ApiState {
    /// Strict; without a guard and counters.
    pub fn new(committer: Committer, readiness: Readiness) -> Self {
        Self {
            metrics: Arc::clone(committer.metrics()),
            committer,
            readiness,
            mode: Mode::Strict,
            guard: Arc::default(),
            counters: None,
            watchers: Watchers::default(),
            turns: Turns::default(),
        }
    }
}

/// The description of the API, OpenAPI 3.1 in JSON. A test writes it from [`routes::TABLE`]; the daemon only carries the
/// text, and neither schemas nor their library.
pub const fn openapi() -> &'static str {
    include_str!("../../../docs/openapi.json")
}

/// The routes, for callers that `access` lets in. Requests need an `Arc<Peer>` among their extensions.
pub fn router(state: ApiState, access: Arc<Access>) -> Router {
    use axum::routing::{get, put};
    let table = routes::TABLE.iter();
    let routes = table.fold(Router::new(), |routes, operation| {
        let routes = match operation.path {
            "/acl/" => routes.route("/acl", (operation.handler)()),
            _ => routes,
        };
        routes.route(operation.path, (operation.handler)())
    });
    // In the table these are more than names of ACLs, and otherwise they are.
    routes
        .route("/acl/renew", get(acls::read).put(edit::put).delete(edit::delete))
        .route("/acl/lasterror", put(edit::put).delete(edit::delete))
        .fallback(|request: Request| async move { no_such_path(request.uri().path()) })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(access, auth::check))
        .layer(middleware::from_fn_with_state(state.clone(), count))
        .with_state(state)
}

/// Counts the request, whatever became of it.
async fn count(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = match path.as_ref().map_or("", MatchedPath::as_str) {
        "/acl" => "/acl/",
        route => route,
    };
    let status = response.status().as_u16();
    state.metrics.http_request(method.as_str(), route, status);
    response
}

/// A name of several parts is a mistake about names, not about paths.
fn no_such_path(path: &str) -> ApiError {
    match path.strip_prefix("/acl/").map(str::parse::<AclName>) {
        Some(Err(error)) => ApiError::bad_name(&error),
        _ => {
            let mut paths: Vec<&str> = routes::TABLE.iter().map(|operation| operation.path).collect();
            paths.dedup();
            ApiError::no_such_path(&paths)
        }
    }
}

#[cfg(test)]
mod tests;
