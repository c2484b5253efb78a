//! What a threshold is, as clients write it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;

use crate::engine::metric::{Names, Pattern};

/// A definition that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {problem}")]
pub struct DefinitionError {
    /// Which member, such as `filter.ifspeed`.
    pub member: String,
    /// What is wrong.
    pub problem: String,
}

fn error(member: impl Into<String>, problem: impl Into<String>) -> DefinitionError {
    DefinitionError {
        member: member.into(),
        problem: problem.into(),
    }
}

/// A threshold: `{metric, value, byFlow, timeout, filter}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The metric, which may be the name of a flow definition.
    pub metric: String,
    /// Fires when the metric is at or above this; in the unit of the metric.
    #[serde(serialize_with = "number")]
    pub value: f64,
    /// Each flow by itself; otherwise the first flow of a data source fires for all.
    pub by_flow: bool,
    /// Seconds below the value before it can fire again.
    #[serde(serialize_with = "number")]
    pub timeout: f64,
    /// Only where other metrics of the same data source have one of these values: numbers, or texts with `*` for any
    /// characters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, Vec<Json>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn number<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    crate::engine::metric::serialize_number(number, serializer)
}

impl Definition {
    /// Seconds below the value before a threshold fires again, unless it says otherwise. Short, so that a client hears of
    /// every episode; a metric that is above all the time fires once whatever this is.
    pub const DEFAULT_TIMEOUT: f64 = 1.0;
    /// A day.
    pub const MAX_TIMEOUT: f64 = 86_400.0;
    /// The most values in a filter.
    pub const MAX_FILTER: usize = 64;

    /// Reads a definition. Numbers may be written as texts, as some clients do.
    ///
    /// # Errors
    /// [`DefinitionError`]: the first thing that makes no sense.
    pub fn parse(json: &Json) -> Result<Self, DefinitionError> {
        let members = json
            .as_object()
            .ok_or_else(|| error("threshold", "an object is expected"))?;
        for member in members.keys() {
            if !["metric", "value", "byFlow", "timeout", "filter"].contains(&member.as_str()) {
                let member: String = member.chars().take(40).collect();
                return Err(error(
                    member,
                    "is no member of a threshold: metric, value, byFlow, timeout, filter are",
                ));
            }
        }
        let metric = match members.get("metric") {
            Some(Json::String(name)) if !name.is_empty() && name.len() <= Names::MAX_LENGTH => name.clone(),
            Some(_) => return Err(error("metric", "the name of a metric is expected")),
            None => return Err(error("metric", "is missing")),
        };
        let value = members.get("value").ok_or_else(|| error("value", "is missing"))?;
        let value = any_number(value).ok_or_else(|| error("value", "a number is expected"))?;
        let timeout = match members.get("timeout") {
            None | Some(Json::Null) => Self::DEFAULT_TIMEOUT,
            Some(seconds) => any_number(seconds)
                .filter(|s| (0.0..=Self::MAX_TIMEOUT).contains(s))
                .ok_or_else(|| error("timeout", "seconds are expected, 0 to 86400"))?,
        };
        let by_flow = match members.get("byFlow") {
            None | Some(Json::Null) => false,
            Some(Json::Bool(by_flow)) => *by_flow,
            Some(Json::String(text)) if text == "true" || text == "false" => text == "true",
            Some(_) => return Err(error("byFlow", "true or false is expected")),
        };
        let filter = match members.get("filter") {
            None | Some(Json::Null) => BTreeMap::new(),
            Some(filter) => Self::filter(filter)?,
        };
        Ok(Self {
            metric,
            value,
            by_flow,
            timeout,
            filter,
        })
    }

    fn filter(filter: &Json) -> Result<BTreeMap<String, Vec<Json>>, DefinitionError> {
        let members = filter
            .as_object()
            .ok_or_else(|| error("filter", "an object is expected: {metric: [values]}"))?;
        let mut total = 0;
        let mut read = BTreeMap::new();
        for (metric, values) in members {
            let name: String = metric.chars().take(40).collect();
            let member = || format!("filter.{name}");
            if metric.is_empty() || metric.len() > Names::MAX_LENGTH {
                return Err(error(member(), "the name of a metric is expected"));
            }
            let values = match values {
                Json::Array(values) => values.clone(),
                one => vec![one.clone()],
            };
            total += values.len();
            if values.is_empty() || total > Self::MAX_FILTER {
                return Err(error(member(), "1 to 64 values are expected"));
            }
            for value in &values {
                pattern(value).map_err(|problem| error(member(), problem))?;
            }
            read.insert(metric.clone(), values);
        }
        Ok(read)
    }

    /// The filter, compiled.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (&str, Vec<Pattern>)> {
        let compiled = |values: &[Json]| values.iter().filter_map(|value| pattern(value).ok()).collect();
        self.filter
            .iter()
            .map(move |(metric, values)| (metric.as_str(), compiled(values)))
    }

    /// How long the metric must be below before it fires again.
    pub(super) fn rearm(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout).unwrap_or(Duration::ZERO)
    }
}

fn any_number(json: &Json) -> Option<f64> {
    let number = match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|n| n.is_finite())
}

fn pattern(json: &Json) -> Result<Pattern, String> {
    match json {
        Json::Number(number) => Pattern::parse(&number.to_string()).map_err(|e| e.to_string()),
        Json::String(text) => Pattern::parse(text).map_err(|e| e.to_string()),
        _ => Err("numbers or texts are expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_has_a_default_and_what_is_read_is_shown() {
        let threshold = Definition::parse(&json!({"metric": "elephant", "value": "1000000"})).unwrap();
        assert_eq!(
            (threshold.value, threshold.by_flow, threshold.timeout),
            (1e6, false, 1.0)
        );
        let full = json!({
            "metric": "x", "value": 12_500_000, "byFlow": true, "timeout": 4, "filter": {"ifspeed": [1_000_000_000]}
        });
        let read = Definition::parse(&full).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), full);
        assert_eq!(
            Definition::parse(&serde_json::to_value(&threshold).unwrap()).unwrap(),
            threshold
        );
    }

    #[test]
    fn errors_name_the_member() {
        let long = "x".repeat(300);
        for (json, expected) in [
            (json!([]), "threshold: an object is expected"),
            (json!({"value": 1}), "metric: is missing"),
            (json!({"metric": "a"}), "value: is missing"),
            (
                json!({"metric": "a", "value": "many"}),
                "value: a number is expected",
            ),
            (
                json!({"metric": "a", "value": 1, "timeout": -1}),
                "timeout: seconds are expected, 0 to 86400",
            ),
            (
                json!({"metric": "a", "value": 1, "byflow": true}),
                "byflow: is no member of a threshold: metric, value, byFlow, timeout, filter are",
            ),
            (
                json!({"metric": "a", "value": 1, "byFlow": 1}),
                "byFlow: true or false is expected",
            ),
            (
                json!({"metric": "a", "value": 1, "filter": {"b": []}}),
                "filter.b: 1 to 64 values are expected",
            ),
            (
                json!({"metric": "a", "value": 1, "filter": {"b": [{}]}}),
                "filter.b: numbers or texts are expected",
            ),
        ] {
            assert_eq!(Definition::parse(&json).unwrap_err().to_string(), expected);
        }
        assert!(Definition::parse(&json!({"metric": long, "value": 1})).is_err());
        assert!(Definition::parse(&json!({"metric": "a", "value": 1, "filter": {"b": [long]}})).is_err());
    }
}
