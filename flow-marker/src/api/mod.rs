//! HTTP: sFlow-RT's REST API, health, metrics, what is desired and installed (described in `docs/API.md`).
//!
//! A request goes `auth` → the handler that `routes` names → a question to the engine → answer, or `error`. Nothing here
//! makes a receiving thread wait.

use std::sync::Arc;

use axum::extract::Request;
use axum::{Extension, Router, middleware};
use shared::life::Readiness;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::control::desk::Desk;
use crate::control::overrides::Overrides;
use crate::control::pause::Pause;
use crate::control::switches::Switches;
use crate::engine::Engine;
use crate::engine::metric::serialize_number;
use crate::history::History;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::state::Keeper;

/// What the API has, as one table.
pub mod routes;
/// Who sends, and how well.
mod agents;
/// Flows as they are now.
mod active;
/// Definitions of flows, and flows that are over.
mod flows;
/// Values of metrics.
mod metrics;
/// Metrics as Prometheus reads them.
mod prometheus;
/// Thresholds, and what happened.
mod thresholds;
/// Groups, maps and the topology.
mod tables;
/// What happens now.
mod live;
/// What is captured.
mod captures;
/// What people want of switches.
mod manual;
/// What the controllers may do.
mod modes;
/// Everything withdrawn, and back.
mod pause;
/// What was decided.
mod decisions;
/// Pages of the past.
mod pages;
/// Tables for spreadsheets.
mod csv;
/// What would have been done.
mod shadow;
/// Collectors that datagrams are sent on to.
mod forwarding;
/// What users define by name.
mod defined;
/// The daemon itself.
mod service;
/// The bodies of controls and switches.
mod json;
/// What controls come to.
mod effect;
/// From the bytes of a body to values.
pub mod body;
/// Relaxed JSON.
pub mod relaxed;
/// Moments in a query.
mod moment;
/// What a request says beside its body.
pub mod parameters;
/// Requests that wait for something to happen.
pub mod wait;
/// The files of the page.
mod page;
/// Who may.
pub mod auth;
/// What is asked of browsers.
pub mod browser;
/// The one door from mistakes to HTTP statuses.
pub mod error;

pub use decisions::DecisionFeed;
pub use thresholds::EventFeed;

use auth::{Access, Caller, Door};
use browser::PageToken;
use error::ApiError;
use wait::Waiters;

/// What the API shows.
#[derive(Debug, Clone)]
pub struct Api {
    /// What is known of the fabric.
    pub engine: Engine,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// What is still waited for.
    pub readiness: Readiness,
    /// What happens now.
    pub live: Live,
    /// The switches.
    pub switches: Arc<Switches>,
    /// Whether they are paused.
    pub pause: Arc<Pause>,
    /// Modes that people set.
    pub overrides: Arc<Overrides>,
    /// What survives a restart is told to it.
    pub keeper: Keeper,
    /// What was decided and has happened before.
    pub history: History,
    /// Where captures are asked for.
    pub desk: Desk,
    /// The configuration in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// Turns our instants into everybody's.
    pub clock: Clock,
    /// Places for requests that wait.
    pub waiters: Waiters,
}

/// The description of the API, OpenAPI 3.1 in JSON. A test writes it from [`routes::TABLE`].
pub const fn openapi() -> &'static str {
    include_str!("../../../docs/openapi-flow-marker.json")
}

/// The routes, for callers that `access` lets in. Requests need an `Arc<Peer>` among their extensions.
/// `page` is what the page shows when it changes something.
pub fn router(api: Api, access: Arc<Access>, page: PageToken) -> Router {
    let table = routes::TABLE.iter().copied().flatten();
    let routes = table.fold(Router::new(), |routes, operation| {
        routes.route(operation.path, (operation.handler)())
    });
    routes
        .fallback(|_: Request| async { no_such_path() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(Extension(page.clone()))
        .layer(middleware::from_fn_with_state(Door { access, page }, auth::check))
        .with_state(api)
        .merge(page::routes())
}

/// A number as JSON: whole ones without a fraction.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn number<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_number(number, serializer)
}

/// Says in the log who has changed what.
fn audit(caller: &Caller, method: &str, what: &str, name: &str) {
    tracing::info!(
        who = caller.id(),
        from = caller.from(),
        method,
        what,
        name,
        "changed"
    );
}

fn no_such_path() -> ApiError {
    let table = routes::TABLE.iter().copied().flatten();
    let mut paths: Vec<&str> = table.map(|operation| operation.path).collect();
    paths.dedup();
    ApiError::no_such_path(&paths)
}

#[cfg(test)]
mod tests;
