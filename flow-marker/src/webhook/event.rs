//! What is told.

use serde_json::Value;
use shared::AclName;

use crate::actuator::Kind;
use crate::clock::Clock;
use crate::config::EventKind;
use crate::control::journal::Record;
use crate::engine::threshold::Fired;

/// Something that has happened.
#[derive(Debug)]
pub(super) struct Event {
    /// Its number in the log that it is from.
    pub(super) id: u64,
    /// What it is.
    pub(super) kind: EventKind,
    /// Milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
    /// A sentence for people.
    pub(super) summary: String,
    /// Somebody should look.
    pub(super) is_grave: bool,
    /// What tells it from others of its kind.
    pub(super) labels: Vec<(&'static str, String)>,
    /// What is known of it besides.
    pub(super) values: Vec<(&'static str, Value)>,
}

/// The longest text of an event, in bytes. Keys of flows have lengths that users choose.
const MAX_TEXT: usize = 1024;

/// At most [`MAX_TEXT`] bytes of a text.
fn bounded(mut text: String) -> String {
    let mut end = MAX_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

impl Event {
    /// A threshold was passed.
    pub(super) fn fired(clock: &Clock, id: u64, fired: &Fired) -> Self {
        let source = fired.source.to_string();
        let mut labels = vec![
            ("threshold", bounded(fired.threshold_id.to_string())),
            ("metric", bounded(fired.metric.to_string())),
            ("agent", fired.agent.to_string()),
            ("data_source", source.clone()),
        ];
        let mut place = format!("{} of {}", source, fired.agent);
        if let Some(flow) = &fired.flow_key {
            let flow = bounded(flow.clone());
            place = format!("{flow} at {place}");
            labels.push(("flow", flow));
        }
        let (metric, name) = (&fired.metric, &fired.threshold_id);
        let summary = format!(
            "{metric} is {}, {name} is {}: {place}",
            fired.value, fired.threshold
        );
        Self {
            id,
            kind: EventKind::THRESHOLD,
            at_ms: clock.unix_ns(fired.at) / 1_000_000,
            summary: bounded(summary),
            // Whoever sets a threshold wants to know.
            is_grave: true,
            labels,
            values: vec![("value", fired.value.into()), ("limit", fired.threshold.into())],
        }
    }

    /// Something was decided; `None` for what has no word in settings.
    pub(super) fn decided(clock: &Clock, id: u64, record: &Record) -> Option<Self> {
        let decision = &record.decision;
        let switch = record.place.map(|place| place.agent.to_string());
        let subject = bounded(decision.subject());
        let mut summary = decision.what.text().to_owned();
        for part in [switch.as_ref(), Some(&subject), decision.why.as_ref()]
            .into_iter()
            .flatten()
        {
            if !part.is_empty() {
                summary += ": ";
                summary += part;
            }
        }
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let controller = decision.kind().map(Kind::name);
        Some(Self {
            id,
            kind: EventKind::of(decision.what.word())?,
            at_ms: clock.unix_ns(decision.at) / 1_000_000,
            summary: bounded(summary),
            is_grave: decision.what.is_grave(),
            labels: vec![
                ("switch", switch.unwrap_or_default()),
                ("control", text(decision.name().map(AclName::as_str))),
                ("controller", text(controller)),
                ("subject", subject),
                ("reason", text(decision.reason)),
            ],
            values: vec![
                ("why", bounded(decision.why.clone().unwrap_or_default()).into()),
                ("who", decision.who.as_deref().unwrap_or("controller").into()),
            ],
        })
    }
}
