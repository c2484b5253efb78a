//! `/pause`: everything withdrawn from all switches, and back.

use std::net::IpAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::Caller;
use super::body::{self, MAX_BODY};
use super::error::{ApiError, WrongMember};
use super::{Api, audit};
use crate::clock::Time;
use crate::control::desired::{About, Decision, Desired, What};
use crate::control::pause::Said;

/// Whether flow-marker is paused.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct PauseState {
    /// Whether nothing of ours may be on any switch.
    paused: bool,
    /// Since when; nanoseconds since 1970 (UTC).
    since: Option<u64>,
    /// Who asked for it last.
    caller: Option<String>,
    /// For whom, in the caller's words.
    who: Option<String>,
    /// Why, in the caller's words.
    reason: Option<String>,
    /// Whether nothing of ours is on any switch, as far as is known.
    withdrawn: bool,
    /// The agents of switches that may still have something.
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    waiting: Vec<IpAddr>,
}

/// `GET /pause`
pub(super) async fn read(State(api): State<Api>) -> Json<PauseState> {
    let paused = api.pause.read();
    let switches = api.switches.all();
    let left = switches
        .iter()
        .filter(|s| !s.retirement.requested() && !s.read(Desired::is_silent));
    let waiting: Vec<_> = match paused {
        Some(_) => left.map(|switch| switch.config.agent).collect(),
        None => Vec::new(),
    };
    let state = PauseState {
        paused: paused.is_some(),
        withdrawn: paused.is_some() && waiting.is_empty(),
        waiting,
        since: paused.as_ref().map(|paused| paused.since),
        caller: paused.as_ref().map(|paused| paused.caller.clone()),
        who: paused.as_ref().and_then(|paused| paused.who.clone()),
        reason: paused.and_then(|paused| paused.reason),
    };
    Json(state)
}

/// `PUT /pause`
///
/// # Errors
/// 400, 408, 413
pub(super) async fn begin(
    State(api): State<Api>,
    caller: Caller,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let json = body::optional(body, MAX_BODY).await?;
    let members = body::members(&json, "a pause", &["who", "reason"])?;
    let now = api.clock.now();
    let paused = said(&api, &caller, now, members)?;
    let said = [&paused.who, &paused.reason].map(|text| text.as_deref());
    let why = said.into_iter().flatten().collect::<Vec<_>>().join(": ");
    api.pause.begin(&api.switches, now, paused);
    api.metrics.process.paused.set(1);
    decided(&api, &caller, What::PauseBegun, &why);
    audit(&caller, "PUT", "pause", "");
    api.keeper.keep().await;
    Ok(StatusCode::NO_CONTENT)
}

/// What a caller says with a pause or a mode: `who` and `reason`, in his own words.
pub(super) fn said(
    api: &Api,
    caller: &Caller,
    now: Time,
    members: &Map<String, Value>,
) -> Result<Said, WrongMember> {
    Ok(Said {
        since: api.clock.unix_ns(now),
        caller: caller.id(),
        who: body::text(members, "who")?,
        reason: body::text(members, "reason")?,
    })
}

/// `DELETE /pause`
pub(super) async fn end(State(api): State<Api>, caller: Caller) -> StatusCode {
    if api.pause.end(&api.switches, api.clock.now()) {
        decided(&api, &caller, What::PauseEnded, "");
    }
    api.metrics.process.paused.set(0);
    audit(&caller, "DELETE", "pause", "");
    api.keeper.keep().await;
    StatusCode::NO_CONTENT
}

fn decided(api: &Api, caller: &Caller, what: What, why: &str) {
    let mut decision = Decision::new(api.clock.now(), what, About::Switch).by(Some(caller.id().into()));
    if !why.is_empty() {
        decision = decision.why(why);
    }
    api.switches.journal().record(None, [decision]);
}
