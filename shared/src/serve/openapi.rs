//! Makes the description of an API (OpenAPI 3.1) from its table of routes and the schemas of its bodies, and compares it
//! with the document that a daemon carries. For tests: no daemon links it.
#![expect(
    clippy::expect_used,
    reason = "a table that cannot be described is a mistake of whoever wrote it, and fails a test"
)]

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json, to_value};
use utoipa::ToSchema;

use super::kind::Kind;
use super::routes::{Good, Operation, Parameter};

/// What a description says of itself.
#[derive(Debug)]
pub struct Info<'a> {
    /// The name of the API.
    pub title: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// Its version.
    pub version: &'a str,
    /// As SPDX names it.
    pub license: &'a str,
}

/// Adds the schemas of a type and of its parts.
pub fn schema<T: ToSchema>(all: &mut BTreeMap<String, Value>) {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    parts.push((T::name().into_owned(), T::schema()));
    for (name, schema) in parts {
        all.insert(name, to_value(schema).expect("a schema is JSON"));
    }
}

/// `Name`, `[Name]` for an array of them, or `{Name}` for an object whose members they are.
pub fn reference(schema: &str) -> Value {
    let inside = |open, close| schema.strip_prefix(open)?.strip_suffix(close);
    if let Some(inner) = inside('[', ']') {
        return json!({ "type": "array", "items": reference(inner) });
    }
    if let Some(inner) = inside('{', '}') {
        return json!({ "type": "object", "additionalProperties": reference(inner) });
    }
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.text,
        "schema": reference(parameter.schema),
    })
}

fn set(value: &mut Value, name: &str, member: Value) {
    if let Value::Object(members) = value {
        members.insert(name.to_owned(), member);
    }
}

/// What several operations have, each once: the text is in the daemon.
struct Parts {
    describe: fn(&str) -> (&'static str, &'static str),
    parameters: BTreeMap<String, Value>,
    responses: BTreeMap<String, Value>,
    headers: BTreeMap<String, Value>,
}

impl Parts {
    fn parameter(&mut self, parameter: &Parameter) -> Value {
        let need = if parameter.required { "needed-" } else { "" };
        let name = format!("{}-{need}{}", parameter.place, parameter.name);
        let value = self::parameter(parameter);
        match self
            .parameters
            .entry(name.clone())
            .or_insert_with(|| value.clone())
            == &value
        {
            true => json!({ "$ref": format!("#/components/parameters/{name}") }),
            false => value,
        }
    }

    fn headers<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Value {
        let mut headers = Map::new();
        for name in names {
            let (text, schema) = (self.describe)(name);
            let described = json!({ "description": text, "schema": reference(schema) });
            self.headers.entry(name.to_owned()).or_insert(described);
            let there = json!({ "$ref": format!("#/components/headers/{name}") });
            headers.insert(name.to_owned(), there);
        }
        headers.into()
    }

    /// Problems of one status.
    fn problem(&mut self, status: u16, kinds: &BTreeMap<&str, &str>) -> Value {
        let slugs: Vec<&str> = kinds.keys().copied().collect();
        let texts: Vec<String> = kinds
            .iter()
            .map(|(slug, title)| format!("{slug}: {title}"))
            .collect();
        let later = [429, 503].contains(&status).then_some("Retry-After");
        let response = json!({
            "description": texts.join("; "),
            "headers": self.headers(later),
            "content": { "application/problem+json": { "schema": reference("Problem") } },
        });
        let name = format!("{status}.{}", slugs.join("."));
        let there = json!({ "$ref": format!("#/components/responses/{name}") });
        self.responses.insert(name, response);
        there
    }
}

fn good(good: &Good, parts: &mut Parts) -> Value {
    let mut answer = json!({ "description": good.text });
    if !good.headers.is_empty() {
        let headers = parts.headers(good.headers.iter().copied());
        set(&mut answer, "headers", headers);
    }
    if let Some((kind, schema)) = good.body {
        let content = json!({ kind: { "schema": reference(schema) } });
        set(&mut answer, "content", content);
    }
    answer
}

/// The kinds of problems that an operation may answer with; `any` are those of every operation.
pub fn problems<S>(
    operation: &Operation<S>,
    any: &'static [&'static Kind],
) -> impl Iterator<Item = &'static Kind> {
    let sets = operation.problems.iter().copied().chain([any]);
    sets.flat_map(|set| set.iter().copied())
}

fn responses<S>(operation: &Operation<S>, any: &'static [&'static Kind], parts: &mut Parts) -> Value {
    let mut by_status: BTreeMap<u16, BTreeMap<&str, &str>> = BTreeMap::new();
    for kind in problems(operation, any) {
        let kinds = by_status.entry(kind.status.as_u16()).or_default();
        kinds.insert(kind.slug, kind.title);
    }
    let mut responses = Map::new();
    for (status, kinds) in by_status {
        responses.insert(status.to_string(), parts.problem(status, &kinds));
    }
    for answer in operation.answers {
        responses.insert(answer.status.to_string(), good(answer, parts));
    }
    responses.into()
}

fn described<S>(operation: &Operation<S>, any: &'static [&'static Kind], parts: &mut Parts) -> Value {
    let takes = operation.takes.iter();
    let parameters: Vec<Value> = takes.map(|parameter| parts.parameter(parameter)).collect();
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation, any, parts),
    });
    if let Some((kinds, schema)) = operation.body {
        let content = kinds
            .iter()
            .map(|kind| (kind.to_string(), json!({ "schema": reference(schema) })));
        let content: Map<_, _> = content.collect();
        set(
            &mut value,
            "requestBody",
            json!({ "required": true, "content": content }),
        );
    }
    value
}

/// The document. `any` are the problems of every operation; `describe` says of a header what it is and its schema.
///
/// # Panics
/// Two rows of the table are the same operation.
pub fn document<S: 'static>(
    info: &Info<'_>,
    table: impl IntoIterator<Item = &'static Operation<S>>,
    any: &'static [&'static Kind],
    schemas: &Value,
    describe: fn(&str) -> (&'static str, &'static str),
) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut parts = Parts {
        describe,
        parameters: BTreeMap::new(),
        responses: BTreeMap::new(),
        headers: BTreeMap::new(),
    };
    for operation in table {
        let path = paths.entry(operation.path).or_default();
        let described = described(operation, any, &mut parts);
        let before = path.insert(operation.method.to_lowercase(), described);
        assert!(
            before.is_none(),
            "{} {} is there twice",
            operation.method,
            operation.path
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": info.title,
            "description": info.description,
            "version": info.version,
            "license": { "name": info.license, "identifier": info.license },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }, { "basic": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parts.parameters,
            "responses": parts.responses,
            "headers": parts.headers,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic", "description": "The token is the password" },
            },
        },
    })
}

/// Compares the document with the file that `package` carries; with `UPDATE_OPENAPI` in the environment it is written.
///
/// # Panics
/// They differ, or the file cannot be used.
pub fn compare(path: &Path, document: &Value, package: &str) {
    let mut text = Vec::new();
    // The daemon carries it: lines to be compared, and no more white space than that needs.
    let formatter = PrettyFormatter::with_indent(b" ");
    document
        .serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))
        .expect("JSON");
    text.push(b'\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &text).expect("written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let written: Value = serde_json::from_str(&written).unwrap_or_default();
    assert!(
        written == *document,
        "{} is not what the code says: UPDATE_OPENAPI=1 cargo test -p {package} openapi",
        path.display()
    );
}

/// Checks that every reference leads somewhere; returns how many there are.
///
/// # Panics
/// One does not.
pub fn check_references(document: &Value) -> usize {
    fn walk<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                references.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| walk(member, references));
            }
            Value::Array(elements) => elements.iter().for_each(|element| walk(element, references)),
            _ => {}
        }
    }
    let mut references = Vec::new();
    walk(document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        assert!(
            !pointer.is_empty() && document.pointer(pointer).is_some(),
            "{reference}"
        );
    }
    references.len()
}
