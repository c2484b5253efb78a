//! `/agents` and `/doctor`: who sends, how much of it is lost, and how well it is sampled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::parameters::Parameters;
use super::{Api, metrics};
use crate::engine::AgentStatus;
use crate::engine::doctor::{self, Report};

/// `GET /agents/json`: by address. `agent=` keeps some.
///
/// # Errors
/// 404, 503
pub(super) async fn list(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Json<BTreeMap<IpAddr, AgentStatus>>, ApiError> {
    let wanted = parameters.list("agent").into_iter();
    let wanted: BTreeSet<IpAddr> = wanted
        .map(|text| metrics::agent(&api, text))
        .collect::<Result<_, _>>()?;
    let agents = api.engine.agents().await?.into_iter();
    let meant = agents.filter(|status| wanted.is_empty() || wanted.contains(&status.agent));
    Ok(Json(meant.map(|status| (status.agent, status)).collect()))
}

/// `GET /doctor/json`
///
/// # Errors
/// 503
pub(super) async fn doctor(State(api): State<Api>) -> Result<Json<Report>, ApiError> {
    Ok(Json(api.engine.doctor().await?))
}

/// `GET /doctor/txt`: the same as a table, for `flow-marker doctor`.
///
/// # Errors
/// 503
pub(super) async fn doctor_text(State(api): State<Api>) -> Result<Response, ApiError> {
    let text = doctor::render(&api.engine.doctor().await?);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
