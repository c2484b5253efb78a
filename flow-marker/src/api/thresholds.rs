//! `/threshold` and `/events`.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::csv::{Cell, Column};
use super::defined::Defined;
use super::error::{ApiError, WrongMember};
use super::pages::{self, Asked, Memory};
use super::parameters::Parameters;
use super::{Api, number};
use crate::clock::Clock;
use crate::engine::event::Query;
use crate::engine::metric::SourceName;
use crate::engine::threshold::{Definition, Fired};
use crate::engine::{Engine, Named};
use crate::history::{Feed, Following, Page, Row, Series};

/// Events in one answer, unless it is said; and the most.
const EVENTS: (usize, usize) = (100, 10_000);

impl Defined for Definition {
    const KIND: &'static str = "threshold";
    type Shown = Arc<Self>;

    fn read(json: &Value) -> Result<Self, ApiError> {
        let definition = Definition::parse(json);
        Ok(definition.map_err(|error| WrongMember::new(error.member, error.problem))?)
    }

    fn shown(self: Arc<Self>) -> Arc<Self> {
        self
    }

    fn all(engine: &Engine) -> Named<Self> {
        engine.thresholds()
    }

    fn set(self, engine: &Engine, name: &str) -> Result<(), ApiError> {
        let set = engine.set_threshold(name, self);
        set.map(drop)
            .map_err(|error| ApiError::no_room("thresholds", error.most))
    }

    fn clear(engine: &Engine, name: &str) -> bool {
        engine.clear_threshold(name)
    }
}

/// A threshold was passed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Event {
    /// Grows with every event.
    #[serde(rename = "eventID")]
    event_id: u64,
    /// Milliseconds since 1970 (UTC).
    timestamp: u64,
    /// The name of the threshold.
    #[serde(rename = "thresholdID")]
    #[cfg_attr(test, schema(value_type = String))]
    threshold_id: Arc<str>,
    /// Its metric.
    #[cfg_attr(test, schema(value_type = String))]
    metric: Arc<str>,
    /// Its value, in the unit of the metric.
    #[serde(serialize_with = "number")]
    threshold: f64,
    /// The value of the metric.
    #[serde(serialize_with = "number")]
    value: f64,
    /// The agent.
    #[cfg_attr(test, schema(value_type = String))]
    agent: IpAddr,
    /// Its data source.
    #[cfg_attr(test, schema(value_type = String))]
    data_source: SourceName,
    /// The flow, when the metric is one of a flow definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_key: Option<String>,
}

impl Event {
    fn new(clock: &Clock, event_id: u64, fired: Fired) -> Self {
        Self {
            event_id,
            timestamp: clock.unix_ns(fired.at) / 1_000_000,
            threshold_id: fired.threshold_id,
            metric: fired.metric,
            threshold: fired.threshold,
            value: fired.value,
            agent: fired.agent,
            data_source: fired.source,
            flow_key: fired.flow_key,
        }
    }
}

/// What an export has of an event.
const COLUMNS: &[Column] = &[
    ("eventID", "/eventID", Cell::Plain),
    ("time", "/timestamp", Cell::Milliseconds),
    ("thresholdID", "/thresholdID", Cell::Plain),
    ("metric", "/metric", Cell::Plain),
    ("threshold", "/threshold", Cell::Plain),
    ("value", "/value", Cell::Plain),
    ("agent", "/agent", Cell::Plain),
    ("dataSource", "/dataSource", Cell::Plain),
    ("flowKey", "/flowKey", Cell::Plain),
];

/// `GET /events/json`: newest first. With `timeout` it waits until there is one.
///
/// # Errors
/// 400, 503
pub(super) async fn events(State(api): State<Api>, parameters: Parameters) -> Result<Response, ApiError> {
    let query = query(&parameters)?;
    let asked = Asked::read(&parameters, api.clock.unix_ns(api.clock.now()))?;
    let limit = parameters.timeout()?;
    if asked.is_past() || (query.after.is_none() && limit.is_zero()) {
        return Ok(pages::json(&page(&api, query, asked).await?, &parameters));
    }
    let limit = match query.max {
        // Nothing could ever come.
        Some(0) => std::time::Duration::ZERO,
        _ => limit,
    };
    let look = || Some(api.engine.events(&query).entries).filter(|entries| !entries.is_empty());
    let found = api
        .waiters
        .until(api.engine.events_changed(), limit, look)
        .await?;
    let found = found.unwrap_or_default().into_iter();
    let rows: Vec<_> = found.map(|(id, fired)| row(&api.clock, id, fired)).collect();
    Ok(pages::all(&rows))
}

/// `GET /events/csv`: as JSON, and never waited for.
///
/// # Errors
/// 400, 503
pub(super) async fn export(State(api): State<Api>, parameters: Parameters) -> Result<Response, ApiError> {
    let query = query(&parameters)?;
    let asked = Asked::read(&parameters, api.clock.unix_ns(api.clock.now()))?;
    let page = page(&api, query, asked).await?;
    Ok(pages::csv(&page, &parameters, "events", COLUMNS))
}

fn query(parameters: &Parameters) -> Result<Query, ApiError> {
    Ok(Query {
        name: parameters.one("thresholdID")?.map(str::to_owned),
        after: parameters.seen("eventID")?,
        max: Some(parameters.most("maxEvents", EVENTS.0, EVENTS.1)?),
    })
}

/// A page of the past: what memory has, and then what the history has.
async fn page(api: &Api, query: Query, asked: Asked) -> Result<Page, ApiError> {
    let (clock, name, most) = (api.clock, query.name, query.max.unwrap_or(EVENTS.0));
    let asked = asked.above(query.after);
    let meant = |fired: &Fired| {
        let is_named = name.as_deref().is_none_or(|name| *fired.threshold_id == *name);
        is_named && asked.range.holds(clock.unix_ns(fired.at))
    };
    let found = api.engine.events_before(asked.range.before, most, meant);
    let rows = found
        .entries
        .into_iter()
        .map(|(id, fired)| row(&clock, id, fired));
    let memory = Memory {
        rows: rows.collect(),
        floor: found.floor,
    };
    let meant = move |json: &[u8]| {
        let stored = |name: &String| {
            serde_json::from_slice::<Stored<'_>>(json).is_ok_and(|stored| stored.threshold == *name)
        };
        name.as_ref().is_none_or(stored)
    };
    pages::page(api, Series::Events, asked, memory, most, meant).await
}

/// What a question is about, of an event on the disk.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow, rename = "thresholdID")]
    threshold: Cow<'a, str>,
}

/// An event as it is answered and kept.
fn row(clock: &Clock, id: u64, fired: Fired) -> Row {
    let time = clock.unix_ns(fired.at);
    pages::row(id, time, &Event::new(clock, id, fired))
}

/// The events, for the history.
#[derive(Debug)]
pub struct EventFeed {
    engine: Engine,
    clock: Clock,
}

impl EventFeed {
    /// Those of this engine.
    pub const fn new(engine: Engine, clock: Clock) -> Self {
        Self { engine, clock }
    }
}

impl Feed for EventFeed {
    fn series(&self) -> Series {
        Series::Events
    }

    fn following(&self, seen: u64, most: usize) -> Following {
        let answer = self.engine.events(&Query {
            name: None,
            after: i64::try_from(seen).ok(),
            max: Some(most),
        });
        let rows = answer.entries.into_iter().rev();
        Following {
            rows: rows.map(|(id, fired)| row(&self.clock, id, fired)).collect(),
            missed: answer.missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Time;

    #[test]
    fn an_event_of_a_flow_says_which_flow() {
        let fired = Fired {
            threshold_id: "elephant".into(),
            metric: "pair".into(),
            threshold: 125_000.0,
            value: 150_000.5,
            agent: [10, 0, 0, 1].into(),
            source: SourceName::parse("4"),
            flow_key: Some("10.0.0.1,10.0.0.2".to_owned()),
            at: Time::START,
        };
        let clock = Clock::start();
        let timestamp = clock.unix_ns(Time::START) / 1_000_000;
        assert_eq!(
            json!(Event::new(&clock, 7, fired)),
            json!({
                "eventID": 7, "timestamp": timestamp, "thresholdID": "elephant", "metric": "pair",
                "threshold": 125_000, "value": 150_000.5, "agent": "10.0.0.1", "dataSource": "4",
                "flowKey": "10.0.0.1,10.0.0.2"
            })
        );
    }
}
