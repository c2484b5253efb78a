//! Events, as clients read them.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::state::Fired;
use crate::engine::event::Named;
use crate::engine::metric::Value;

/// A threshold that was passed, and when that was.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What has happened.
    pub fired: Fired,
    /// When, in milliseconds since 1970 (UTC).
    pub timestamp_ms: u64,
}

impl Named for Event {
    fn name(&self) -> &str {
        &self.fired.threshold_id
    }
}

/// An event with its id in the log; as JSON in the form that the API has for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbered(pub u64, pub Event);

impl Serialize for Numbered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(id, Event { fired, timestamp_ms }) = self;
        let fields = 8 + usize::from(fired.flow_key.is_some());
        let mut event = serializer.serialize_struct("Event", fields)?;
        event.serialize_field("eventID", id)?;
        event.serialize_field("timestamp", timestamp_ms)?;
        event.serialize_field("thresholdID", &fired.threshold_id)?;
        event.serialize_field("metric", &fired.metric)?;
        event.serialize_field("threshold", &Value::Number(fired.threshold))?;
        event.serialize_field("value", &Value::Number(fired.value))?;
        event.serialize_field("agent", &fired.agent)?;
        event.serialize_field("dataSource", &fired.source)?;
        match &fired.flow_key {
            Some(key) => event.serialize_field("flowKey", key)?,
            None => event.skip_field("flowKey")?,
        }
        event.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Time;
    use crate::engine::event::{Log, Query};
    use crate::engine::metric::SourceName;

    #[test]
    fn an_event_has_the_members_that_clients_know() {
        let event = |flow_key| Event {
            fired: Fired {
                threshold_id: "elephant".into(),
                metric: "pair".into(),
                threshold: 125_000.0,
                value: 150_000.5,
                agent: [10, 0, 0, 1].into(),
                source: SourceName::parse("4"),
                flow_key,
                at: Time::START,
            },
            timestamp_ms: 1_700_000_000_123,
        };
        let mut log = Log::new(10, 7);
        log.push(event(Some("10.0.0.1,10.0.0.2".to_owned())));
        log.push(event(None));
        let answer = log.ask(&Query {
            name: Some("elephant".to_owned()),
            ..Query::default()
        });
        let events: Vec<_> = answer
            .entries
            .into_iter()
            .map(|(id, event)| Numbered(id, event))
            .collect();
        assert_eq!(
            serde_json::to_value(&events).unwrap(),
            json!([
                {
                    "eventID": 8, "timestamp": 1_700_000_000_123_u64, "thresholdID": "elephant", "metric": "pair",
                    "threshold": 125_000, "value": 150_000.5, "agent": "10.0.0.1", "dataSource": "4"
                },
                {
                    "eventID": 7, "timestamp": 1_700_000_000_123_u64, "thresholdID": "elephant", "metric": "pair",
                    "threshold": 125_000, "value": 150_000.5, "agent": "10.0.0.1", "dataSource": "4",
                    "flowKey": "10.0.0.1,10.0.0.2"
                }
            ])
        );
    }
}
