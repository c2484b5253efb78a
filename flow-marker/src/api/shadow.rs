//! `/shadow/json`: what would have been done in mode `observe`, and what was done in mode `act`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Api;
use super::error::ApiError;
use super::parameters::Parameters;
use crate::actuator::Kind;
use crate::config::Mode;
use crate::control::shadow::{REACH, Totals};

/// The totals of a span of time.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Report {
    /// Where the span begins, as far as anything is remembered; nanoseconds since 1970 (UTC).
    from: u64,
    /// Where it ends.
    until: u64,
    /// The modes of the controllers now.
    modes: Modes,
    /// ACLs of ours on one switch at most.
    max_rules: usize,
    /// Of all switches together.
    total: Sums,
    /// Of each switch of which there is something.
    switches: Vec<OfSwitch>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Modes {
    #[cfg_attr(test, schema(value_type = String))]
    mark: Mode,
    #[cfg_attr(test, schema(value_type = String))]
    capture: Mode,
    #[cfg_attr(test, schema(value_type = String))]
    drop: Mode,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct OfSwitch {
    /// Its agent.
    #[cfg_attr(test, schema(value_type = String))]
    agent: IpAddr,
    #[serde(flatten)]
    sums: Sums,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Sums {
    /// Elephants by how they were found.
    #[cfg_attr(test, schema(value_type = BTreeMap<String, u64>))]
    elephants: BTreeMap<&'static str, u64>,
    marks: Wanted,
    captures: Wanted,
    drops: Wanted,
    /// Times that something got no control, by reason.
    #[cfg_attr(test, schema(value_type = BTreeMap<String, u64>))]
    refused: BTreeMap<&'static str, u64>,
    /// Changes of ACLs.
    changes: u64,
    /// In one minute at most. Those of a `commit_interval` go together.
    changes_per_minute: u64,
    /// Bytes that samples of marked flows stand for, from detection to their end.
    bytes: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Wanted {
    /// That began.
    begun: u64,
    /// That ended.
    ended: u64,
    /// At a time at most.
    most: u64,
}

impl From<&Totals> for Sums {
    fn from(totals: &Totals) -> Self {
        let wanted = |kind| {
            let (begun, ended, most) = totals.controls(kind);
            Wanted { begun, ended, most }
        };
        let (changes, changes_per_minute) = totals.changes();
        Self {
            elephants: totals.elephants().collect(),
            marks: wanted(Kind::Mark),
            captures: wanted(Kind::Capture),
            drops: wanted(Kind::Drop),
            refused: totals.refused().collect(),
            changes,
            changes_per_minute,
            bytes: totals.bytes(),
        }
    }
}

/// `GET /shadow/json`
///
/// # Errors
/// 400
pub(super) async fn read(State(api): State<Api>, parameters: Parameters) -> Result<Json<Report>, ApiError> {
    let now = api.clock.unix_ns(api.clock.now());
    let reach = u64::try_from(REACH.as_nanos()).unwrap_or(u64::MAX);
    let day = u64::try_from(REACH.as_nanos() / 7).unwrap_or(u64::MAX);
    let until = parameters.moment("until", now)?.unwrap_or(now).min(now);
    let from = parameters.moment("from", now)?;
    let from = from.unwrap_or_else(|| now.saturating_sub(day));
    if from > until {
        return Err(ApiError::invalid("`from` is after `until`"));
    }
    let start = api.clock.unix_ns(crate::clock::Time::START);
    let from = from
        .max(start)
        .max(now.saturating_sub(reach))
        .min(until.max(start));
    let (total, switches) = api
        .switches
        .journal()
        .shadow(api.clock.time(from), api.clock.time(until));
    let set = api.overrides.read();
    let mode = |kind| {
        set.get(&kind)
            .map_or(api.overrides.configured(kind), |set| set.mode)
    };
    Ok(Json(Report {
        from,
        until,
        modes: Modes {
            mark: mode(Kind::Mark),
            capture: mode(Kind::Capture),
            drop: mode(Kind::Drop),
        },
        max_rules: api.config.borrow().mark.max_rules,
        total: Sums::from(&total),
        switches: switches
            .iter()
            .map(|(agent, totals)| OfSwitch {
                agent: *agent,
                sums: Sums::from(totals),
            })
            .collect(),
    }))
}
