//! The description of the API: made from the table of routes, and compared with `docs/openapi-flow-marker.json`.
//! `UPDATE_OPENAPI=1` writes the file anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json, to_value};
use shared::serve::openapi::{self, Info};

use super::super::active::Active;
use super::super::captures::Captures;
use super::super::error::{Problem, kinds};
use super::super::flows::Completed;
use super::super::forwarding::Target;
use super::super::live::Past;
use super::super::manual::Made;
use super::super::modes::ModeState;
use super::super::page::Page;
use super::super::pause::PauseState;
use super::super::routes::TABLE;
use super::super::shadow::Report;
use super::super::thresholds::Event;
use super::super::wait;

fn header(name: &str) -> (&'static str, &'static str) {
    match name {
        "Retry-After" => ("Seconds", "Text"),
        "Link" => ("Where it goes on, with rel=\"next\"", "Text"),
        "Content-Disposition" => ("What the file is called", "Text"),
        other => panic!("{other} is not described"),
    }
}

/// Schemas that no type has.
fn words() -> Value {
    let reference = openapi::reference;
    json!({
        "Name": { "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$" },
        "Maybe": { "type": ["number", "null"] },
        "Number": { "type": "number" },
        "Whole": { "type": "integer", "minimum": 0 },
        "Integer": { "type": "integer" },
        "Seconds": { "type": "integer", "minimum": 0, "maximum": wait::MAX_TIMEOUT },
        "Value": { "description": "In the unit of the metric", "type": ["number", "string"] },
        "Metric": {
            "type": "object",
            "required": ["metricName"],
            "properties": {
                "agent": reference("Text"),
                "dataSource": reference("Text"),
                "metricName": reference("Text"),
                "metricValue": reference("Value"),
                "metricN": reference("Whole"),
                "lastUpdate": reference("Whole"),
                "lastUpdateMin": reference("Whole"),
                "lastUpdateMax": reference("Whole"),
                "topKeys": { "type": "array", "items": { "type": "object", "properties": {
                    "key": reference("Text"), "value": { "type": "number" },
                } } },
            },
        },
        "Row": { "type": "array", "items": { "oneOf": [reference("Metric"), { "type": "null" }] } },
        "Threshold": {
            "type": "object",
            "required": ["metric", "value"],
            "properties": {
                "metric": reference("Text"),
                "value": { "type": "number" },
                "byFlow": { "type": "boolean" },
                "timeout": { "type": "number", "description": "Seconds", "minimum": 0, "maximum": 86400 },
                "filter": { "type": "object", "additionalProperties": { "type": "array", "items": reference("Value") } },
            },
        },
        "Flow": {
            "type": "object",
            "properties": {
                "keys": { "description": "Keys with commas between; none: the total",
                          "oneOf": [reference("Text"), { "type": "array", "items": reference("Text") }] },
                "value": reference("Text"),
                "values": { "oneOf": [reference("Text"), { "type": "array", "items": reference("Text") }] },
                "filter": reference("Text"),
                "n": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 5 },
                "t": { "type": "number", "description": "Seconds", "minimum": 0.2, "maximum": 600, "default": 2 },
                "fs": reference("Text"),
                "log": { "type": "boolean" },
                "flowStart": { "type": "boolean" },
                "activeTimeout": { "type": "number", "description": "Seconds", "default": 60 },
                "dropped": { "type": "boolean" },
                "aggMode": { "enum": ["max", "sum", "edge", "core"] },
            },
        },
        "Wanted": { "type": "object", "required": ["action", "switch", "destination"], "properties": {
            "action": { "enum": ["mark", "capture", "drop"] },
            "switch": reference("Text"),
            "protocol": { "enum": ["tcp", "udp"] },
            "source": reference("Text"),
            "destination": reference("Text"),
            "sport": { "type": "integer", "minimum": 1, "maximum": 65535 },
            "dport": { "type": "integer", "minimum": 1, "maximum": 65535 },
            "ttl": { "type": "integer", "description": "Seconds", "minimum": 1, "maximum": 86400, "default": 600 },
            "reason": reference("Text"),
        } },
        "ModeWish": { "type": "object", "required": ["mode"], "properties": {
            "mode": { "enum": ["observe", "act"] }, "who": reference("Text"), "reason": reference("Text"),
        } },
        "PauseReason": { "type": "object", "properties": { "who": reference("Text"), "reason": reference("Text") } },
        "Labels": { "type": "object", "additionalProperties": { "type": "array", "items": reference("Text") } },
        "Topology": { "type": "object", "properties": {
            "links": { "type": "object", "additionalProperties": {
                "type": "object",
                "required": ["node1", "port1", "node2", "port2"],
                "properties": {
                    "node1": reference("Text"), "port1": reference("Text"),
                    "node2": reference("Text"), "port2": reference("Text"),
                },
            } },
            "nodes": { "type": "object", "additionalProperties": { "type": "object", "properties": {
                "agent": reference("Text"),
                "ports": { "type": "object", "additionalProperties": { "type": "object", "properties": {
                    "ifindex": { "type": ["integer", "string"] },
                } } },
            } } },
        } },
        "Text": { "type": "string" },
        "Object": { "type": "object" },
    })
}

fn schemas() -> Value {
    let mut all = BTreeMap::new();
    openapi::schema::<Problem>(&mut all);
    openapi::schema::<Target>(&mut all);
    openapi::schema::<Event>(&mut all);
    openapi::schema::<Completed>(&mut all);
    openapi::schema::<Active>(&mut all);
    openapi::schema::<Captures>(&mut all);
    openapi::schema::<Made>(&mut all);
    openapi::schema::<Page>(&mut all);
    openapi::schema::<PauseState>(&mut all);
    openapi::schema::<Report>(&mut all);
    openapi::schema::<Past>(&mut all);
    openapi::schema::<ModeState>(&mut all);
    let words = serde_json::from_value::<BTreeMap<String, Value>>(words()).unwrap();
    all.extend(words);
    to_value(all).unwrap()
}

fn document() -> Value {
    let info = Info {
        title: "flow-marker",
        description: "sFlow analysis with sFlow-RT's REST API. Rates are bytes or frames per second. docs/API.md is the \
                      text for people.",
        version: env!("CARGO_PKG_VERSION"),
        license: "Apache-2.0 OR MIT",
    };
    let table = TABLE.iter().copied().flatten();
    openapi::document(&info, table, kinds::ANY, &schemas(), header)
}

#[test]
fn the_document_describes_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi-flow-marker.json");
    openapi::compare(&path, &document(), "flow-marker");
}

#[test]
fn every_reference_leads_somewhere() {
    assert!(openapi::check_references(&document()) > 20);
}

#[test]
fn the_text_for_people_has_every_path_parameter_and_problem() {
    let text = include_str!("../../../../docs/API.md");
    let (_, text) = text.split_once("# The API of flow-marker\n").unwrap();
    for operation in TABLE.iter().copied().flatten() {
        let title = match operation.method {
            "GET" | "PUT" | "POST" | "DELETE" => format!("`{} {}`", operation.method, operation.path),
            other => panic!("{other}"),
        };
        assert!(text.contains(&title), "docs/API.md says nothing of {title}");
        for parameter in operation.takes {
            assert!(text.contains(parameter.name), "{}", parameter.name);
        }
    }
    for kind in kinds::ALL {
        let row = format!("| {} | `{}` |", kind.status.as_u16(), kind.slug);
        assert!(text.contains(&row), "docs/API.md has no row {row}");
    }
}
