//! `/decisions/json`: what was decided, and why.
//!
//! Times are nanoseconds since 1970 (UTC), rates are bits per second.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Api;
use super::effect::Timing;
use super::error::ApiError;
use super::json::{self, Evidence, Port, Server, Times};
use super::parameters::Parameters;
use crate::actuator::Kind;
use crate::config::Mode;
use crate::control::desired::{About, What};
use crate::control::journal::{Question, RECORDS, Record};

/// Decisions in one answer, unless it is said.
const DECISIONS: usize = 100;

/// A decision.
#[derive(Debug, Serialize)]
pub(super) struct Decision {
    /// Grows with every decision.
    id: u64,
    time: u64,
    /// How often the same was decided, and when last.
    count: u64,
    last: u64,
    decision: &'static str,
    /// The agent of the switch; null: of all, or none in particular.
    switch: Option<IpAddr>,
    /// The name of the control.
    control: Option<String>,
    controller: Option<Kind>,
    mode: Mode,
    /// What is matched, or the name of a blacklist.
    what: String,
    /// `controller`, or the caller of the API.
    who: String,
    /// Why, for programs.
    reason: Option<&'static str>,
    /// Why, for people.
    why: Option<String>,
    about: Option<String>,
    port: Option<Port>,
    evidence: Option<Evidence>,
    times: Option<Times>,
    /// Where the time went at the server when it was installed.
    server: Option<Server>,
    /// Where the time went in all.
    timing: Option<Timing>,
}

/// `GET /decisions/json`: newest first. With `timeout` it waits until there is one.
///
/// # Errors
/// 400, 503
pub(super) async fn read(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Json<Vec<Decision>>, ApiError> {
    let question = question(&parameters)?;
    let limit = match question.max {
        // Nothing could ever come.
        0 => std::time::Duration::ZERO,
        _ => parameters.timeout()?,
    };
    let look = || Some(api.switches.journal().ask(&question).entries).filter(|entries| !entries.is_empty());
    let found = api
        .waiters
        .until(api.switches.journal().changed(), limit, look)
        .await?;
    let found = found.unwrap_or_default().into_iter();
    Ok(Json(found.map(|(id, record)| shown(&api, id, &record)).collect()))
}

fn question(parameters: &Parameters) -> Result<Question, ApiError> {
    let kinds = parameters.list("kind");
    let known = |kind: &&str| What::ALL.iter().any(|what| what.word() == *kind);
    if let Some(wrong) = kinds.iter().find(|kind| !known(kind)) {
        let words: Vec<_> = What::ALL.iter().map(|what| what.word()).collect();
        let words = words.join(", ");
        return Err(ApiError::invalid(format!(
            "the parameter `kind`: {wrong:?} is none of {words}"
        )));
    }
    let switch = parameters.one("switch")?.map(|text| {
        let agent = text.parse::<IpAddr>().map(|agent| agent.to_canonical());
        agent.map_err(|_| {
            ApiError::invalid(format!(
                "the parameter `switch` is the address of an agent, not {text:?}"
            ))
        })
    });
    Ok(Question {
        after: parameters.seen("since")?,
        max: parameters.most("max", DECISIONS, RECORDS)?,
        control: parameters.one("control")?.map(str::to_owned),
        switch: switch.transpose()?,
        kinds: kinds.into_iter().map(str::to_owned).collect(),
    })
}

fn shown(api: &Api, id: u64, record: &Record) -> Decision {
    let decision = &record.decision;
    let cause = decision.cause();
    // Where nothing was seen, as with lists and people, there is nothing to show.
    let seen = cause.filter(|cause| cause.person.is_none());
    Decision {
        id,
        time: api.clock.unix_ns(decision.at),
        count: record.count,
        last: api.clock.unix_ns(record.last),
        decision: decision.what.word(),
        switch: record.place.map(|place| place.agent),
        control: decision.name().map(ToString::to_string),
        controller: decision.kind(),
        mode: decision.mode,
        what: decision.subject(),
        who: decision.who.as_deref().unwrap_or("controller").to_owned(),
        reason: decision.reason,
        why: decision.why.clone(),
        about: cause.and_then(|cause| cause.about.as_deref()).map(str::to_owned),
        port: seen.map(|cause| Port {
            ifindex: cause.port,
            name: cause.port_name.as_deref().map(str::to_owned),
        }),
        evidence: seen.map(|cause| Evidence::from(&cause.evidence)),
        times: match &decision.about {
            About::Control(view) => Some(json::times(&api.clock, view)),
            _ => None,
        },
        server: decision.view().and_then(|view| view.timing).map(Server::from),
        timing: decision.view().map(Timing::of),
    }
}
