//! `/flow` and `/flows`: definitions of flows, and those that are over.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::auth::Caller;
use super::body::{self, MAX_BODY};
use super::error::{ApiError, WrongWord};
use super::parameters::{Parameters, Path};
use super::{Api, audit, known, number};
use crate::clock::Clock;
use crate::engine::FlowRecord;
use crate::engine::event::Query;
use crate::engine::metric::SourceName;
use crate::flow::{Definition, Wrong};

const KIND: &str = "flow";
/// Flows in one answer, unless it is said; and the most.
const FLOWS: (usize, usize) = (100, 10_000);

impl From<Wrong> for ApiError {
    fn from(wrong: Wrong) -> Self {
        let Wrong {
            attribute,
            text,
            fault,
        } = wrong;
        // Bytes there, and characters for people.
        let before = text.get(..fault.at).unwrap_or(&text);
        let hint = fault
            .meant
            .map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
        WrongWord {
            what: attribute,
            at: before.chars().count() + 1,
            word: fault.word,
            error: format!("{}{hint}", fault.reason),
        }
        .into()
    }
}

/// `GET /flow/json`
pub(super) async fn list(State(api): State<Api>) -> Json<BTreeMap<Arc<str>, Arc<Definition>>> {
    Json(api.engine.flows().copies().into_iter().collect())
}

/// `GET /flow/{name}/json`
///
/// # Errors
/// 404
pub(super) async fn read(State(api): State<Api>, path: Path) -> Result<Json<Arc<Definition>>, ApiError> {
    known(&api.engine.flows(), KIND, path.name()?).map(Json)
}

/// `PUT /flow/{name}/json`
///
/// # Errors
/// 400, 413, 507
pub(super) async fn put(
    State(api): State<Api>,
    caller: Caller,
    path: Path,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let name = path.name()?;
    let definition = Definition::from_json(&body::json(body, MAX_BODY).await?)?;
    let set = api.engine.set_flow(name, definition);
    set.map_err(|error| ApiError::no_room("flows", error.most))?;
    audit(&caller, "PUT", KIND, name);
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /flow/{name}/json`
///
/// # Errors
/// 404
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    path: Path,
) -> Result<StatusCode, ApiError> {
    let name = path.name()?;
    if !api.engine.clear_flow(name) {
        known(&api.engine.flows(), KIND, name)?;
    }
    audit(&caller, "DELETE", KIND, name);
    Ok(StatusCode::NO_CONTENT)
}

/// A number, as clients of this API know them.
#[derive(Debug, Serialize)]
struct Number(#[serde(serialize_with = "number")] f64);

/// A flow that is over, or that has begun where its definition says `flowStart`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Completed {
    /// Grows with every flow.
    #[serde(rename = "flowID")]
    flow_id: u64,
    /// The name of its definition.
    #[cfg_attr(test, schema(value_type = String))]
    name: Arc<str>,
    /// The values of its keys, joined as the definition says.
    flow_keys: String,
    /// What its samples stand for in all, in the unit of the definition's value.
    #[serde(serialize_with = "number")]
    value: f64,
    /// The same of the definition's further values, in their order; null where no sample had the key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schema(value_type = Vec<Option<f64>>))]
    values: Vec<Option<Number>>,
    /// Its first sample, in milliseconds since 1970 (UTC).
    start: u64,
    /// Its last sample, in milliseconds since 1970 (UTC).
    end: u64,
    /// The agent.
    #[cfg_attr(test, schema(value_type = String))]
    agent: IpAddr,
    /// Its data source.
    #[cfg_attr(test, schema(value_type = String))]
    data_source: SourceName,
}

impl Completed {
    fn new(clock: &Clock, flow_id: u64, record: FlowRecord) -> Self {
        let ms = |time| clock.unix_ns(time) / 1_000_000;
        Self {
            flow_id,
            name: record.name,
            flow_keys: record.key,
            value: record.value,
            values: record.values.into_iter().map(|value| value.map(Number)).collect(),
            start: ms(record.start),
            end: ms(record.end),
            agent: record.agent,
            data_source: record.source,
        }
    }
}

/// `GET /flows/json`: newest first. With `timeout` it waits until there is one.
///
/// # Errors
/// 400, 503
pub(super) async fn completed(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Json<Vec<Completed>>, ApiError> {
    let query = Query {
        name: parameters.one("name")?.map(str::to_owned),
        after: parameters.seen("flowID")?,
        max: Some(parameters.most("maxFlows", FLOWS.0, FLOWS.1)?),
    };
    let limit = match query.max {
        // Nothing could ever come.
        Some(0) => std::time::Duration::ZERO,
        _ => parameters.timeout()?,
    };
    let look = || Some(api.engine.flow_records(&query).entries).filter(|entries| !entries.is_empty());
    let changed = api.engine.flow_records_changed();
    let found = api.waiters.until(changed, limit, look).await?;
    let flows = found.unwrap_or_default().into_iter();
    Ok(Json(
        flows
            .map(|(id, record)| Completed::new(&api.clock, id, record))
            .collect(),
    ))
}
