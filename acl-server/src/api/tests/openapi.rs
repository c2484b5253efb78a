//! The description of the API: made from the table of routes and the schemas of the bodies, and compared with
//! `docs/openapi.json`. `UPDATE_OPENAPI=1` writes the file anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json, to_value};
use shared::serve::openapi::{self, Info};
use shared::wire;

use super::super::error::kinds::{self, Kind};
use super::super::routes::{Operation, TABLE};
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

fn problems(operation: &'static Operation) -> impl Iterator<Item = &'static Kind> {
    openapi::problems(operation, kinds::ANY)
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
            { "type": "array", "items": reference("AclCounters") },
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
    openapi::schema::<Problem>(&mut all);
    openapi::schema::<wire::AclSummary>(&mut all);
    openapi::schema::<wire::Renewed>(&mut all);
    openapi::schema::<wire::PatchResult>(&mut all);
    openapi::schema::<wire::DryRun>(&mut all);
    openapi::schema::<wire::Capacity>(&mut all);
    openapi::schema::<wire::RuleCounters>(&mut all);
    openapi::schema::<wire::AclCounters>(&mut all);
    openapi::schema::<wire::LastError>(&mut all);
    openapi::schema::<wire::Ready>(&mut all);
    openapi::schema::<wire::Version>(&mut all);
    openapi::schema::<wire::CommitStatus>(&mut all);
    openapi::schema::<wire::Hello>(&mut all);
    openapi::schema::<wire::Named>(&mut all);
    openapi::schema::<wire::Drift>(&mut all);
    openapi::schema::<wire::Confirmation>(&mut all);
    openapi::schema::<wire::Synced>(&mut all);
    openapi::schema::<wire::Missed>(&mut all);
    let words = serde_json::from_value::<BTreeMap<String, Value>>(words()).unwrap();
    all.extend(words);
    to_value(all).unwrap()
}

fn header(name: &str) -> (&'static str, &'static str) {
    match name {
        "Commit-Id" => (
            "Names the change; also in answers that are problems of a verdict",
            "CommitId",
        ),
        "Age" => ("Seconds since the tool listed that", "Text"),
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
    }
}

fn document() -> Value {
    let info = Info {
        title: "acl-server",
        description: "ACLs of a switch as HTTP resources. A change is answered after the switch has it. docs/API.md is \
                      the text for people.",
        version: env!("CARGO_PKG_VERSION"),
        license: "Apache-2.0 OR MIT",
    };
    openapi::document(&info, TABLE, kinds::ANY, &schemas(), header)
}

#[test]
fn the_document_describes_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    openapi::compare(&path, &document(), "acl-server");
}

#[test]
fn every_reference_leads_somewhere() {
    assert!(openapi::check_references(&document()) > 50);
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
