//! `/group`, `/map` and `/topology`: what somebody tells us, so that flows and metrics can be told by it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use ipnet::IpNet;
use serde_json::{Map as Members, Value};

use super::auth::Caller;
use super::body::{self, MAX_TOPOLOGY};
use super::defined::Defined;
use super::error::{ApiError, WrongMember};
use super::{Api, audit};
use crate::engine::topology::Topology;
use crate::engine::{Engine, Group, Map, Named};

/// Longest label, and longest value of a map.
const MAX_LABEL: usize = 100;

impl Defined for Group {
    const KIND: &'static str = "group";
    type Shown = Arc<Self>;

    fn read(json: &Value) -> Result<Self, ApiError> {
        Ok(read_group(json)?)
    }

    fn shown(self: Arc<Self>) -> Arc<Self> {
        self
    }

    fn all(engine: &Engine) -> Named<Self> {
        engine.groups()
    }

    fn set(self, engine: &Engine, name: &str) -> Result<(), ApiError> {
        let set = engine.set_group(name, self);
        set.map(drop)
            .map_err(|error| ApiError::no_room("groups", error.most))
    }

    fn clear(engine: &Engine, name: &str) -> bool {
        engine.clear_group(name)
    }
}

impl Defined for Map {
    const KIND: &'static str = "map";
    type Shown = Arc<Self>;

    fn read(json: &Value) -> Result<Self, ApiError> {
        Ok(read_map(json)?)
    }

    fn shown(self: Arc<Self>) -> Arc<Self> {
        self
    }

    fn all(engine: &Engine) -> Named<Self> {
        engine.maps()
    }

    fn set(self, engine: &Engine, name: &str) -> Result<(), ApiError> {
        let set = engine.set_map(name, self);
        set.map(drop)
            .map_err(|error| ApiError::no_room("maps", error.most))
    }

    fn clear(engine: &Engine, name: &str) -> bool {
        engine.clear_map(name)
    }
}

/// `GET /topology/json`: what was PUT, or an empty object.
pub(super) async fn topology(State(api): State<Api>) -> Json<Value> {
    let topology = api.engine.topology();
    Json(match topology.to_json() {
        Value::Null => Value::Object(Members::new()),
        json => json.clone(),
    })
}

/// `PUT /topology/json`
///
/// # Errors
/// 400, 413
pub(super) async fn put_topology(
    State(api): State<Api>,
    caller: Caller,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let json = body::json(body, MAX_TOPOLOGY).await?;
    let topology = Topology::parse(json).map_err(|error| WrongMember::new(error.path, error.problem))?;
    api.engine.set_topology(topology);
    audit(&caller, "PUT", "topology", "");
    Ok(StatusCode::NO_CONTENT)
}

/// The labels of a body and the texts that each stands for; one text may stand alone, and a number is a text too.
fn labels(json: &Value) -> Result<Vec<(&String, Vec<String>)>, WrongMember> {
    let Some(members) = json.as_object() else {
        return Err(WrongMember::new("", "an object is expected: {label: [values]}"));
    };
    let mut labels = Vec::new();
    for (label, values) in members {
        let fits = (1..=MAX_LABEL).contains(&label.chars().count()) && !label.contains(char::is_control);
        if !fits {
            return Err(WrongMember::new(
                label,
                "a label has 1 to 100 characters, none of them a control",
            ));
        }
        let text = |value: &Value| match value {
            Value::String(text) if text.chars().count() <= MAX_LABEL => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let texts: Option<Vec<String>> = match values {
            Value::Array(values) => values.iter().map(text).collect(),
            one => text(one).map(|text| vec![text]),
        };
        let Some(texts) = texts else {
            return Err(WrongMember::new(
                label,
                "a list of texts of at most 100 characters is expected",
            ));
        };
        labels.push((label, texts));
    }
    Ok(labels)
}

/// Refuses what stands for two labels: nobody could say which one is meant.
fn each_once<'a, T: std::hash::Hash + Eq + std::fmt::Display>(
    table: &'a BTreeMap<String, Vec<T>>,
) -> Result<(), WrongMember> {
    let mut seen: HashMap<&'a T, &'a str> = HashMap::new();
    for (label, values) in table {
        for value in values {
            match seen.insert(value, label) {
                Some(other) if other != label => {
                    return Err(WrongMember::new(
                        label,
                        format!("{value} is in {other:?} already"),
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn read_group(json: &Value) -> Result<Group, WrongMember> {
    let mut group = Group::new();
    for (label, texts) in labels(json)? {
        let mut prefixes = Vec::with_capacity(texts.len());
        for text in &texts {
            let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
            let Some(prefix) = text.parse().ok().or_else(address) else {
                let why = format!("{text:?} is no prefix, such as 10.0.0.0/8 or ::/0, and no address");
                return Err(WrongMember::new(label, why));
            };
            prefixes.push(IpNet::trunc(&prefix));
        }
        group.insert(label.clone(), prefixes);
    }
    each_once(&group)?;
    Ok(group)
}

fn read_map(json: &Value) -> Result<Map, WrongMember> {
    let labels = labels(json)?.into_iter();
    let map = labels.map(|(label, texts)| (label.clone(), texts)).collect();
    each_once(&map)?;
    Ok(map)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prefixes_are_read_as_people_write_them() {
        let group = read_group(&json!({
            "external": ["0.0.0.0/0", "::/0"], "lab": "10.1.2.3/8", "one": ["192.0.2.7"]
        }));
        assert_eq!(
            json!(group.unwrap()),
            json!({ "external": ["0.0.0.0/0", "::/0"], "lab": ["10.0.0.0/8"], "one": ["192.0.2.7/32"] })
        );
        let map = read_map(&json!({ "web": [80, "443"], "dns": 53 })).unwrap();
        assert_eq!(json!(map), json!({ "web": ["80", "443"], "dns": ["53"] }));
    }

    #[test]
    fn what_cannot_be_told_apart_or_understood_names_its_label() {
        let long = "x".repeat(101);
        for (json, label) in [
            (json!([]), ""),
            (json!({ "a": ["10.0.0.0/33"] }), "a"),
            (json!({ "a": ["host"] }), "a"),
            (json!({ "a": [true] }), "a"),
            (json!({ "a": { "b": [] } }), "a"),
            (json!({ "a": ["10.0.0.0/8"], "b": ["10.9.9.9/8"] }), "b"),
            (json!({ "": ["10.0.0.0/8"] }), ""),
            (json!({ "a\nb": ["10.0.0.0/8"] }), "a\nb"),
            (json!({ (long.as_str()): ["10.0.0.0/8"] }), long.as_str()),
        ] {
            assert_eq!(read_group(&json).unwrap_err().member, label, "{json}");
        }
        assert_eq!(
            read_map(&json!({ "a": ["x"], "b": ["x"] })).unwrap_err().member,
            "b"
        );
        assert!(
            read_map(&json!({ "a": ["x", "x"] })).is_ok(),
            "twice, and no doubt"
        );
    }
}
