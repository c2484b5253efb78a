//! `/threshold` and `/events`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;

use super::defined::Defined;
use super::error::{ApiError, WrongMember};
use super::parameters::Parameters;
use super::{Api, number};
use crate::clock::Clock;
use crate::engine::event::Query;
use crate::engine::metric::SourceName;
use crate::engine::threshold::{Definition, Fired};
use crate::engine::{Engine, Named};

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

/// `GET /events/json`: newest first. With `timeout` it waits until there is one.
///
/// # Errors
/// 400, 503
pub(super) async fn events(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Json<Vec<Event>>, ApiError> {
    let query = Query {
        name: parameters.one("thresholdID")?.map(str::to_owned),
        after: parameters.seen("eventID")?,
        max: Some(parameters.most("maxEvents", EVENTS.0, EVENTS.1)?),
    };
    let limit = match query.max {
        // Nothing could ever come.
        Some(0) => std::time::Duration::ZERO,
        _ => parameters.timeout()?,
    };
    let look = || Some(api.engine.events(&query).entries).filter(|entries| !entries.is_empty());
    let found = api
        .waiters
        .until(api.engine.events_changed(), limit, look)
        .await?;
    let events = found.unwrap_or_default().into_iter();
    Ok(Json(
        events
            .map(|(id, fired)| Event::new(&api.clock, id, fired))
            .collect(),
    ))
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
