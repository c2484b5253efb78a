//! Bodies of requests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::event::Event;
use crate::config::Format;
use crate::utc::Utc;

/// An event is a moment, an alert lasts: after so many milliseconds Alertmanager takes it for resolved. It is as long as
/// Alertmanager itself waits for what is not repeated (`resolve_timeout`).
const LASTS: u64 = 5 * 60 * 1000;

/// The body that tells of these events.
pub(super) fn body(format: Format, id: &str, events: &[Arc<Event>]) -> Vec<u8> {
    let body = match format {
        Format::Alertmanager => events.iter().map(|event| alert(id, event)).collect(),
        Format::Json => json!({
            "source": "flow-marker",
            "id": id,
            "events": events.iter().map(|event| plain(event)).collect::<Value>(),
        }),
    };
    body.to_string().into_bytes()
}

/// RFC 3339, in UTC, with milliseconds.
fn time(ms: u64) -> String {
    format!("{}.{:03}Z", Utc(Duration::from_millis(ms)), ms % 1000)
}

/// `postableAlert` of Alertmanager's API, version 2.
fn alert(id: &str, event: &Event) -> Value {
    let mut labels: Map<_, _> = [
        ("alertname", alert_name(event.kind.word())),
        ("source", "flow-marker".to_owned()),
        ("id", id.to_owned()),
        ("severity", severity(event).to_owned()),
    ]
    .into_iter()
    .chain(event.labels.iter().cloned())
    .map(|(name, value)| (name.to_owned(), Value::String(value)))
    .collect();
    // An empty label is one that is not there.
    labels.retain(|_, value| value != "");
    let mut annotations = Map::new();
    annotations.insert("summary".to_owned(), event.summary.as_str().into());
    for (name, value) in &event.values {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        annotations.insert((*name).to_owned(), text.into());
    }
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": time(event.at_ms),
        "endsAt": time(event.at_ms.saturating_add(LASTS)),
    })
}

const fn severity(event: &Event) -> &'static str {
    if event.is_grave { "warning" } else { "info" }
}

/// `FlowMarkerThreshold` of `threshold`.
fn alert_name(word: &str) -> String {
    let mut name = "FlowMarker".to_owned();
    for part in word.split('_') {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

fn plain(event: &Event) -> Value {
    let mut object = Map::new();
    object.insert("eventID".to_owned(), event.id.into());
    object.insert("kind".to_owned(), event.kind.word().into());
    object.insert("severity".to_owned(), severity(event).into());
    object.insert("timestamp".to_owned(), event.at_ms.into());
    object.insert("time".to_owned(), time(event.at_ms).into());
    object.insert("summary".to_owned(), event.summary.as_str().into());
    for (name, value) in &event.labels {
        object.insert((*name).to_owned(), value.as_str().into());
    }
    for (name, value) in &event.values {
        object.insert((*name).to_owned(), value.clone());
    }
    object.into()
}
