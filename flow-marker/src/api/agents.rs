//! `/agents` and `/doctor`: who sends, how much of it is lost, and how well it is sampled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use serde_json::{Map, Value};

use super::error::ApiError;
use super::parameters::Parameters;
use super::{Api, metrics};
use crate::clock::Time;
use crate::engine::AgentStatus;
use crate::engine::doctor::{self, Report};

/// `GET /agents/json`: by address. `agent=` keeps some.
///
/// # Errors
/// 404, 503
pub(super) async fn list(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Json<BTreeMap<IpAddr, Value>>, ApiError> {
    let wanted = parameters.list("agent").into_iter();
    let wanted: BTreeSet<IpAddr> = wanted
        .map(|text| metrics::agent(&api, text))
        .collect::<Result<_, _>>()?;
    let agents = api.engine.agents().await?.into_iter();
    let meant = agents.filter(|status| wanted.is_empty() || wanted.contains(&status.agent));
    let now = api.clock.now();
    Ok(Json(
        meant.map(|status| (status.agent, shown(&status, now))).collect(),
    ))
}

/// The counts of an agent under sFlow-RT's names. `firstSeen` and `lastSeen` are ages, and `uptime` the agent's own, all in
/// milliseconds.
fn shown(status: &AgentStatus, now: Time) -> Value {
    let age = |then| u64::try_from(now.since(then).as_millis()).unwrap_or(u64::MAX);
    let mut members = Map::new();
    let mut put = |name: String, value: Value| members.insert(name, value);
    for (name, count) in [
        ("Received", status.received),
        ("Lost", status.lost),
        ("OutOfOrder", status.out_of_order),
        ("Duplicates", status.duplicates),
    ] {
        put(format!("sFlowDatagrams{name}"), count.into());
    }
    put(
        "sFlowDatagramSource".to_owned(),
        status.source.ip().to_canonical().to_string().into(),
    );
    for (kind, samples) in [
        ("Flow", &status.flow),
        ("Counter", &status.counters),
        ("Notification", &status.discards),
    ] {
        for (name, count) in [
            ("Samples", samples.counts.received),
            ("LostSamples", samples.counts.lost),
            ("OutOfOrderSamples", samples.counts.out_of_order),
            ("DuplicateSamples", samples.counts.duplicates),
            ("Datasources", samples.sources),
        ] {
            put(format!("sFlow{kind}{name}"), count.into());
        }
    }
    put("sFlowFlowDrops".to_owned(), status.flow.agent_drops.into());
    put(
        "sFlowNotificationDrops".to_owned(),
        status.discards.agent_drops.into(),
    );
    put("inventory".to_owned(), status.inventory.into());
    put("restarts".to_owned(), status.restarts.into());
    put("firstSeen".to_owned(), age(status.first_seen).into());
    put("lastSeen".to_owned(), age(status.last_seen).into());
    put("uptime".to_owned(), status.uptime_ms.into());
    Value::Object(members)
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
