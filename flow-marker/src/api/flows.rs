//! `/flow` and `/flows`: definitions of flows, and those that are over.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;

use super::defined::Defined;
use super::error::{ApiError, WrongWord};
use super::parameters::Parameters;
use super::{Api, number};
use crate::clock::Clock;
use crate::engine::event::Query;
use crate::engine::metric::SourceName;
use crate::engine::{Engine, FlowRecord, Named};
use crate::flow::{Definition, Wrong};

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

impl Defined for Definition {
    const KIND: &'static str = "flow";
    type Shown = Arc<Self>;

    fn read(json: &Value) -> Result<Self, ApiError> {
        Ok(Definition::from_json(json)?)
    }

    fn shown(self: Arc<Self>) -> Arc<Self> {
        self
    }

    fn all(engine: &Engine) -> Named<Self> {
        engine.flows()
    }

    fn set(self, engine: &Engine, name: &str) -> Result<(), ApiError> {
        let set = engine.set_flow(name, self);
        set.map(drop)
            .map_err(|error| ApiError::no_room("flows", error.most))
    }

    fn clear(engine: &Engine, name: &str) -> bool {
        engine.clear_flow(name)
    }
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
