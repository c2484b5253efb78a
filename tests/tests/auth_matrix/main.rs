//! Who may do what: every operation of the API, tried by every kind of caller, on a real daemon. A request that is
//! refused changes nothing: neither files nor leases, and no tool runs.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tests::wait;

mod credentials;
mod world;
mod callers;
mod speak;
mod table;
#[path = "../serve/pki.rs"]
mod pki;

use callers::{Caller, Way, caller, detours, is_root};
use credentials::with_credentials;
use table::{Kind, MARK_MORE, TABLE};
use world::start;

const LONG: Duration = Duration::from_secs(30);

#[test]
fn without_credentials_this_machine_is_trusted_and_detours_are_not() {
    let mut world = start("");
    let (root, other) = match is_root() {
        true => (Kind::Admin, Kind::Open),
        false => (Kind::Open, Kind::Open),
    };
    let mut callers = vec![
        caller("anonymous", Kind::Open, &[]),
        Caller {
            host: Some("localhost:1"),
            ..caller("anonymous at localhost", Kind::Open, &[])
        },
        caller(
            "a token that nobody knows",
            Kind::Wrong,
            &["Authorization: Bearer x"],
        ),
        Caller {
            way: Way::Unix,
            ..caller("who runs this, over the socket", root, &[])
        },
        Caller {
            way: Way::Unix,
            ..caller("who runs this, by a proxy", Kind::Nobody, &["Via: x"])
        },
        Caller {
            way: Way::Other,
            ..caller("another user, over the socket", other, &[])
        },
    ];
    callers.extend(detours());
    world.try_all(&callers);
}

#[test]
fn with_credentials_everybody_may_what_they_say() {
    let (mut world, callers) = with_credentials();
    world.try_all(&callers);
    // None of the secrets is in the log.
    let log = world.server.process.output();
    assert!(!log.contains("acltok_"), "{log}");
}

#[test]
fn every_operation_is_in_the_table() {
    let world = start("");
    let description = world.as_admin("GET", "/openapi.json", None).json();
    let mut missing = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_ascii_uppercase();
            let is_method =
                ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"].contains(&method.as_str());
            let known = TABLE.iter().any(|row| row.method == method && row.path == path);
            if is_method && !known {
                missing.insert(format!("{method} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// The caller of that name.
fn named<'a>(callers: &'a [Caller], name: &str) -> &'a Caller {
    callers.iter().find(|caller| caller.name == name).unwrap()
}

#[test]
fn apart_each_acl_is_judged_by_itself() {
    let (world, callers) = with_credentials();
    let marker = named(&callers, "marker");
    let patch = r#"{"fm_mark":null,"fm_drop":null,"ab_drop":null,"fm_new":["[iptables]","-A FORWARD -i swp7 -j DROP"]}"#;
    let answer = world.ask(marker, "PATCH", "/acl/?atomic=false", Some(patch));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json();
    let status = |name: &str| results[name]["status"].as_u64();
    assert_eq!(
        ["fm_mark", "fm_drop", "ab_drop", "fm_new"].map(status),
        [Some(204), Some(403), Some(403), Some(403)],
        "{results}"
    );
    let names = world.as_admin("GET", "/acl/", None).json();
    assert_eq!(names, json!(["ab_drop", "fm_drop"]));
    let (_, runs, _) = world.state();
    for name in ["reader", "other"] {
        let patch = r#"{"fm_drop":null}"#;
        let answer = world.ask(named(&callers, name), "PATCH", "/acl/?atomic=false", Some(patch));
        let inner = (answer.status == 200).then(|| answer.json()["fm_drop"]["status"].as_u64());
        assert!(
            answer.status == 403 || inner == Some(Some(403)),
            "{}",
            answer.text
        );
    }
    assert_eq!(world.state().1, runs);
}

#[test]
fn a_right_that_is_missing_is_missing_later_too() {
    let (world, callers) = with_credentials();
    let marker = named(&callers, "marker");
    let asynchronous = Caller {
        headers: [&marker.headers[..], &["Prefer: respond-async".to_owned()]].concat(),
        ..caller("marker, asynchronously", Kind::Marker, &[])
    };
    let before = world.state();
    for (method, target, body) in [
        ("DELETE", "/acl/fm_drop", None),
        ("PUT", "/acl/fm_drop", Some(MARK_MORE)),
        ("DELETE", "/acl/?prefix=fm_", None),
        ("PATCH", "/acl/", Some(r#"{"fm_mark":null,"fm_drop":null}"#)),
    ] {
        let answer = world.ask(&asynchronous, method, target, body);
        if answer.status == 403 {
            continue;
        }
        assert_eq!(answer.status, 202, "{method} {target}: {}", answer.text);
        let later = answer.header("location").unwrap().to_owned();
        let verdict = wait::until("the verdict", LONG, || {
            Some(world.ask(marker, "GET", &later, None).json()).filter(|status| status["state"] != "pending")
        });
        let verdict = verdict.unwrap();
        assert_eq!(
            (&verdict["state"], &verdict["problem"]["status"]),
            (&json!("refused"), &json!(403)),
            "{verdict}"
        );
    }
    assert_eq!(world.state(), before);
}
