//! The description of the API: made from the table of routes, and compared with `docs/openapi-flow-marker.json`.
//! `UPDATE_OPENAPI=1` writes the file anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json, to_value};
use shared::serve::openapi::{self, Info};

use super::super::error::{Problem, kinds};
use super::super::forwarding::Target;
use super::super::routes::TABLE;

fn header(name: &str) -> (&'static str, &'static str) {
    match name {
        "Retry-After" => ("Seconds", "Text"),
        other => panic!("{other} is not described"),
    }
}

/// Schemas that no type has.
fn words() -> Value {
    json!({
        "Name": { "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$" },
        "Text": { "type": "string" },
        "Object": { "type": "object" },
    })
}

fn schemas() -> Value {
    let mut all = BTreeMap::new();
    openapi::schema::<Problem>(&mut all);
    openapi::schema::<Target>(&mut all);
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
