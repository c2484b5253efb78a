//! `/captures/json`: which conversations are captured, which are not, and the lists that decide it.
//!
//! Times are nanoseconds since 1970 (UTC). Where lists come from is not told: their addresses may hold keys.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Api;
use super::error::ApiError;
use crate::control::capture::{Pair, Session};
use crate::control::desired;
use crate::control::desk::Report;

/// Which conversations are captured.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Captures {
    /// Conversations on one switch at most.
    per_switch: usize,
    /// Conversations in all at most.
    total: usize,
    /// Conversations that are captured, or in mode `observe` would be.
    sessions: Vec<Captured>,
    /// Times that something listed was seen and not captured, by reason.
    refused: BTreeMap<&'static str, u64>,
    /// The blacklists.
    lists: Vec<List>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Captured {
    /// The name of its control.
    name: String,
    /// The agent of its switch.
    #[cfg_attr(test, schema(value_type = Option<String>))]
    agent: Option<IpAddr>,
    /// Our host.
    #[cfg_attr(test, schema(value_type = String))]
    local: IpAddr,
    /// The listed one.
    #[cfg_attr(test, schema(value_type = String))]
    remote: IpAddr,
    /// Where the copies go.
    #[cfg_attr(test, schema(value_type = String))]
    analyzer: Ipv4Addr,
    /// The list that has the remote host.
    list: String,
    /// The state of its control.
    #[cfg_attr(test, schema(value_type = Option<String>))]
    state: Option<desired::State>,
    /// When it began; nanoseconds since 1970 (UTC).
    started: u64,
    /// When its agent saw it last.
    last: u64,
    /// Packets that were sampled.
    samples: u64,
    /// Bytes that they stand for.
    bytes: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct List {
    /// Its name.
    name: String,
    /// Addresses and prefixes.
    entries: usize,
    /// Lines that are no addresses.
    faults: usize,
    /// When this version came; nanoseconds since 1970 (UTC); null: none has come yet.
    loaded: Option<u64>,
    /// It is from before this start, and was not fetched since.
    recalled: bool,
    /// Seconds since it was last known to be the newest.
    age: Option<f64>,
    /// Why there is no newer one.
    error: Option<String>,
}

/// `GET /captures/json`
///
/// # Errors
/// 503
pub(super) async fn read(State(api): State<Api>) -> Result<Json<Captures>, ApiError> {
    let report = api.desk.report().await?;
    Ok(Json(captures(&api, report)))
}

fn captures(api: &Api, report: Report) -> Captures {
    let (m, now) = (&api.metrics.process, api.clock.now());
    let refused = [
        ("family", &m.captures_not_family),
        ("agent", &m.captures_not_agent),
        ("exempt", &m.captures_not_exempt),
        ("switch_full", &m.captures_not_switch),
        ("all_full", &m.captures_not_total),
        ("resting", &m.captures_not_resting),
    ];
    let lists = report.lists.into_iter().map(|(name, entries, status)| List {
        name: name.to_string(),
        entries,
        faults: status.faults,
        loaded: status.loaded.map(|loaded| api.clock.unix_ns(loaded)),
        age: status
            .confirmed
            .map(|confirmed| now.since(confirmed).as_secs_f64()),
        recalled: status.recalled,
        error: status.error,
    });
    Captures {
        per_switch: report.per_switch,
        total: report.total,
        sessions: report
            .sessions
            .into_iter()
            .map(|(pair, session)| captured(api, pair, &session))
            .collect(),
        refused: refused
            .into_iter()
            .map(|(reason, count)| (reason, count.get()))
            .collect(),
        lists: lists.collect(),
    }
}

fn captured(api: &Api, (local, remote): Pair, session: &Session) -> Captured {
    let switch = api.switches.get(session.switch);
    let state = |desired: &desired::Desired| {
        let mut views = desired.views();
        Some(views.find(|view| view.control.name == session.name)?.state)
    };
    Captured {
        agent: switch.as_ref().map(|switch| switch.config.agent),
        state: switch.and_then(|switch| switch.read(state)),
        name: session.name.to_string(),
        local,
        remote,
        analyzer: session.analyzer,
        list: session.list.to_string(),
        started: api.clock.unix_ns(session.started),
        last: api.clock.unix_ns(session.last),
        samples: session.samples,
        bytes: session.bytes,
    }
}
