//! The description of the API: made from the table of routes and the schemas of the bodies, and compared with
//! `docs/openapi.json`. `UPDATE_OPENAPI=1` writes the file anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json, to_value};
use shared::wire;
use utoipa::ToSchema;

use super::super::error::kinds::{self, Kind};
use super::super::routes::{Good, Operation, Parameter, TABLE};
use super::*;

/// What a request should have found in the table.
fn operation(method: &Method, path: &str) -> Option<&'static Operation> {
    let method = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let path = if path == "/acl" { "/acl/" } else { path };
    let matches = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        let same = |(t, p): (&&str, &&str)| t == p || t.starts_with('{') && !p.is_empty();
        template.len() == path.len() && template.iter().zip(&path).all(same)
    };
    let found = TABLE.iter().filter(|op| op.method == method && matches(op.path));
    // One without variable parts is meant before one with.
    found.min_by_key(|op| op.path.contains('{'))
}

fn problems(operation: &Operation) -> impl Iterator<Item = &'static Kind> {
    let sets = operation.problems.iter().chain([&kinds::ANY]);
    sets.flat_map(|set| set.iter().copied())
}

/// Asserts that a reply is one that the table promises.
pub(super) fn promised(method: &Method, path: &str, reply: &Reply) {
    let context = format!("{method} {path}: {}", reply.status);
    let is_problem = reply.header("content-type") == Some("application/problem+json");
    let good =
        |operation: &'static Operation| operation.answers.iter().find(|good| good.status == reply.status);
    let operation = operation(method, path);
    if method == Method::HEAD {
        return; // It has no body to be judged.
    }
    if is_problem {
        let (status, slug) = reply.kind();
        let kind = kinds::ALL.iter().find(|kind| kind.slug == slug).expect(&slug);
        assert_eq!(
            (kind.status.as_u16(), kind.title),
            (status, reply.problem().title.as_str())
        );
        let routing = [
            &kinds::NO_SUCH_PATH,
            &kinds::METHOD,
            &kinds::INVALID,
            &kinds::CREDENTIALS,
        ];
        match operation {
            Some(operation) => {
                assert!(
                    problems(operation).any(|promised| promised == *kind),
                    "{context} {slug}"
                );
            }
            None => assert!(routing.contains(kind), "{context} {slug}"),
        }
        let later = [429, 503].contains(&status);
        assert_eq!(
            reply.headers.contains_key("retry-after"),
            later,
            "{context} {slug}"
        );
        return;
    }
    let operation = operation.expect(&context);
    let good = good(operation).expect(&context);
    let body = String::from_utf8_lossy(&reply.body);
    let kind = reply
        .header("content-type")
        .map(|kind| kind.split(';').next().unwrap());
    match good.body {
        Some((kind, _)) if !reply.body.is_empty() && operation.path != "/metrics" => {
            assert_eq!(
                reply.header("content-type").unwrap().split(';').next(),
                Some(kind),
                "{context}"
            );
        }
        _ if operation.path == "/metrics" => {}
        _ => assert!(reply.body.is_empty(), "{context} {kind:?} {body}"),
    }
}

fn schema<T: ToSchema>(all: &mut BTreeMap<String, Value>) {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    parts.push((T::name().into_owned(), T::schema()));
    for (name, schema) in parts {
        all.insert(name, to_value(schema).unwrap());
    }
}

/// Schemas that no type has.
fn words() -> Value {
    let seconds = |most: u64| json!({ "type": "integer", "minimum": 1, "maximum": most });
    let lines = json!({ "$ref": "#/components/schemas/AclLines" });
    let of_names = |value: Value| {
        let names = json!({ "$ref": "#/components/schemas/AclName" });
        json!({ "type": "object", "propertyNames": names, "additionalProperties": value })
    };
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    json!({
        "AclName": { "type": "string", "pattern": "^[a-z0-9_]{1,64}$" },
        "AclLines": {
            "description": "The lines of a rule file, without line ends",
            "type": "array",
            "minItems": 1,
            "maxItems": crate::policy::MAX_LINES,
            "items": { "type": "string", "pattern": "^[ -~]*$", "maxLength": crate::policy::MAX_LINE },
        },
        "AclPatch": of_names(json!({ "oneOf": [lines, { "type": "null" }] })),
        "AclList": { "oneOf": [
            { "type": "array", "items": reference("AclName") },
            { "type": "array", "items": reference("AclSummary") },
        ] },
        "PatchAnswer": { "oneOf": [
            of_names(reference("PatchResult")),
            of_names(json!({ "oneOf": [reference("DryRun"), reference("PatchResult")] })),
        ] },
        "CommitId": { "type": "string", "pattern": "^[0-9a-f]{8}-[1-9][0-9]*$" },
        "Prefix": { "type": "string", "pattern": "^[a-z0-9_]{0,64}$" },
        "Ttl": seconds(parameters::MAX_TTL),
        "Confirm": seconds(parameters::MAX_CONFIRM),
        "Flag": { "type": "boolean" },
        "Star": { "const": "*" },
        "Text": { "type": "string" },
        "Object": { "type": "object" },
    })
}

fn schemas() -> Value {
    let mut all = BTreeMap::new();
    schema::<Problem>(&mut all);
    schema::<wire::AclSummary>(&mut all);
    schema::<wire::Renewed>(&mut all);
    schema::<wire::PatchResult>(&mut all);
    schema::<wire::DryRun>(&mut all);
    schema::<wire::Capacity>(&mut all);
    schema::<wire::RuleCounters>(&mut all);
    schema::<wire::LastError>(&mut all);
    schema::<wire::Ready>(&mut all);
    schema::<wire::Version>(&mut all);
    schema::<wire::CommitStatus>(&mut all);
    schema::<wire::Hello>(&mut all);
    schema::<wire::Named>(&mut all);
    schema::<wire::Drift>(&mut all);
    schema::<wire::Confirmation>(&mut all);
    schema::<wire::Synced>(&mut all);
    schema::<wire::Missed>(&mut all);
    let words = serde_json::from_value::<BTreeMap<String, Value>>(words()).unwrap();
    all.extend(words);
    to_value(all).unwrap()
}

/// `Name`, or `[Name]` for an array of them.
fn reference(schema: &str) -> Value {
    match schema.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => json!({ "type": "array", "items": reference(inner) }),
        None => json!({ "$ref": format!("#/components/schemas/{schema}") }),
    }
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

fn header(name: &str) -> Value {
    let (text, schema) = match name {
        "Commit-Id" => (
            "Names the change; also in answers that are problems of a verdict",
            "CommitId",
        ),
        "Location" => ("Where the verdict will be", "Text"),
        "Preference-Applied" => ("respond-async", "Text"),
        "Server-Timing" => (
            "Milliseconds in queue, commit, and in the tool as part of commit",
            "Text",
        ),
        "ETag" => ("The validator of the ACL's lines", "Text"),
        "Acl-Drift" => (
            "true: its file was changed by hand, and this is what is there",
            "Flag",
        ),
        "Acl-Ttl" => ("Seconds until the ACL removes itself, if it does", "Ttl"),
        "Retry-After" => ("Seconds", "Text"),
        "Allow" => ("The methods of this path", "Text"),
        other => panic!("{other} is not described"),
    };
    json!({ "description": text, "schema": reference(schema) })
}

/// What several operations have, each once: the text is in the daemon.
#[derive(Default)]
struct Parts {
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
            self.headers
                .entry(name.to_owned())
                .or_insert_with(|| header(name));
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
        answer["headers"] = parts.headers(good.headers.iter().copied());
    }
    if let Some((kind, schema)) = good.body {
        answer["content"] = json!({ kind: { "schema": reference(schema) } });
    }
    answer
}

fn responses(operation: &Operation, parts: &mut Parts) -> Value {
    let mut by_status: BTreeMap<u16, BTreeMap<&str, &str>> = BTreeMap::new();
    for kind in problems(operation) {
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

fn described(operation: &Operation, parts: &mut Parts) -> Value {
    let takes = operation.takes.iter();
    let parameters: Vec<Value> = takes.map(|parameter| parts.parameter(parameter)).collect();
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation, parts),
    });
    if let Some((kinds, schema)) = operation.body {
        let content = kinds
            .iter()
            .map(|kind| (kind.to_string(), json!({ "schema": reference(schema) })));
        value["requestBody"] = json!({ "required": true, "content": content.collect::<Map<_, _>>() });
    }
    value
}

fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut parts = Parts::default();
    for operation in TABLE {
        let path = paths.entry(operation.path).or_default();
        let before = path.insert(operation.method.to_lowercase(), described(operation, &mut parts));
        assert!(
            before.is_none(),
            "{} {} is there twice",
            operation.method,
            operation.path
        );
    }
    let description = "ACLs of a switch as HTTP resources. A change is answered after the switch has it. docs/API.md is \
                       the text for people.";
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "acl-server",
            "description": description,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }, { "basic": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
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

#[test]
fn the_document_describes_the_code() {
    let document = document();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let mut text = Vec::new();
    // The daemon carries it: lines to be compared, and no more white space than that needs.
    let formatter = PrettyFormatter::with_indent(b" ");
    document
        .serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))
        .unwrap();
    text.push(b'\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(
        written == document,
        "docs/openapi.json is not what the code says: UPDATE_OPENAPI=1 cargo test -p acl-server openapi"
    );
}

#[test]
fn every_reference_leads_somewhere() {
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
    let document = document();
    let mut references = Vec::new();
    walk(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_operation_is_routed_and_has_the_parameters_it_says() {
    let daemon = Daemon::instant().await;
    for operation in TABLE {
        let path = operation
            .path
            .replace("{name}", "a")
            .replace("{id}", "00000000-1");
        let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
        let query = operation
            .takes
            .iter()
            .filter(|parameter| parameter.place == "query");
        let query: Vec<String> = query
            .map(|parameter| match parameter.schema {
                "Flag" => format!("{}=true", parameter.name),
                "Prefix" => format!("{}=a", parameter.name),
                _ => format!("{}=60", parameter.name),
            })
            .collect();
        if operation.path == "/events" {
            continue;
        }
        let path = format!("{path}?{}", query.join("&"));
        let reply = daemon
            .request(method.clone(), path.trim_end_matches('?'), &[], "")
            .await;
        let detail = if reply.status >= 400 {
            reply.detail()
        } else {
            Default::default()
        };
        assert!(
            reply.status != 405 && !detail.contains("parameters"),
            "{method} {path}: {detail}"
        );
        assert!(!detail.contains("this API has"), "{method} {path}: {detail}");
    }
    for (path, operation) in TABLE.iter().map(|operation| (operation.path, operation)) {
        if ["/healthz", "/readyz", "/version", "/metrics", "/openapi.json"].contains(&path) {
            continue;
        }
        let path = path.replace("{name}", "a").replace("{id}", "00000000-1");
        let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
        let reply = daemon
            .request(method.clone(), &format!("{path}?nonsense=1"), &[], "")
            .await;
        assert_eq!(reply.status, 400, "{method} {path}");
        assert!(reply.detail().contains("nonsense"), "{method} {path}");
    }
}

#[test]
fn the_text_for_people_has_every_path_parameter_and_problem() {
    let text = include_str!("../../../../docs/API.md");
    for operation in TABLE {
        let title = format!("{} {}", operation.method, operation.path);
        assert!(text.contains(&title), "docs/API.md says nothing of {title}");
        for parameter in operation.takes {
            assert!(text.contains(parameter.name), "{}", parameter.name);
        }
        for header in operation.answers.iter().flat_map(|answer| answer.headers) {
            assert!(text.contains(header), "{header}");
        }
    }
    for kind in kinds::ALL {
        let row = format!("| {} | `{}` |", kind.status.as_u16(), kind.slug);
        assert!(text.contains(&row), "docs/API.md has no row {row}");
    }
}
