//! The daemon itself, and what is read without changing anything.

use super::*;
use crate::tool::counters::{Counters, Settings};

#[tokio::test]
async fn a_client_that_has_it_already_gets_no_body() {
    let daemon = Daemon::instant().await;
    let etag = daemon.put("a?ttl=60", &["[iptables]", RULE]).await.etag();
    for tag in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let headers = [("if-none-match", tag.as_str())];
        let reply = daemon.request(Method::GET, "/acl/a", &headers, "").await;
        assert_eq!((reply.status, reply.body.len()), (304, 0), "{tag}");
        assert_eq!(
            (reply.etag(), reply.header("acl-ttl")),
            (etag.clone(), Some("60"))
        );
    }
    let headers = [("if-none-match", "\"x\"")];
    assert_eq!(
        daemon.request(Method::GET, "/acl/a", &headers, "").await.status,
        200
    );
    assert_eq!(
        daemon
            .request(Method::GET, "/acl/b", &[("if-none-match", "*")], "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn head_says_what_get_would() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", RULE]).await;
    for path in ["/acl/", "/acl/a", "/capacity", "/healthz", "/version", "/metrics"] {
        let (get, head) = (
            daemon.get(path).await,
            daemon.request(Method::HEAD, path, &[], "").await,
        );
        assert_eq!(
            (get.status, head.status, head.body.len()),
            (200, 200, 0),
            "{path}"
        );
        assert_eq!(get.header("etag"), head.header("etag"));
        assert_eq!(get.header("content-type"), head.header("content-type"));
    }
    assert_eq!(daemon.request(Method::HEAD, "/acl/b", &[], "").await.status, 404);
}

#[tokio::test]
async fn details_of_each_acl() {
    let daemon = Daemon::instant().await;
    let etag = daemon.put("a?ttl=60", &["[iptables]", "", RULE]).await.etag();
    daemon.put("b", &["[iptables]"]).await;
    let details = daemon.get("/acl/?details=true").await.json();
    let entries = details[0]["entries"].as_u64().unwrap();
    assert!(entries >= 1);
    assert_eq!(
        details[0],
        json!({
            "name": "a", "etag": etag, "lines": 3, "rules": 1, "entries": entries, "ttl": 60, "drift": false,
            "warnings": [],
        })
    );
    assert_eq!(
        (&details[1]["name"], &details[1]["ttl"]),
        (&json!("b"), &Value::Null)
    );
    assert_eq!(daemon.get("/acl?details=false").await.json(), json!(["a", "b"]));
}

#[tokio::test]
async fn room_is_unknown_until_somebody_says() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", RULE]).await;
    let capacity = daemon.get("/capacity").await.json();
    assert!(capacity["entries_used"].as_u64().unwrap() >= 1);
    assert!(capacity["entries_limit"].is_null());
}

#[tokio::test]
async fn counters_are_null_where_nobody_knows() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", RULE, "# x", OTHER]).await;
    let counters = daemon.get("/acl/a/counters").await.json();
    let unknown = |line: u32| json!({ "line": line, "packets": null, "bytes": null });
    assert_eq!(counters, json!([unknown(2), unknown(4)]));
    daemon.by_hand("a", "[iptables]\nnonsense\n# x\n");
    assert_eq!(daemon.get("/acl/a/counters").await.json(), json!([unknown(2)]));
    assert_eq!(
        daemon.get("/acl/b/counters").await.kind(),
        (404, "no-such-acl".to_owned())
    );
    assert_eq!(daemon.get("/acl/A/counters").await.status, 400);
    assert_eq!(daemon.delete("/acl/a/counters").await.status, 405);
    daemon.put("b1", &["[iptables]", RULE]).await;
    assert_eq!(
        daemon.get("/acl/?counters=true").await.json(),
        json!([
            { "name": "a", "counters": [unknown(2)] },
            { "name": "b1", "counters": [unknown(2)] },
        ])
    );
    for wrong in ["counters=true&details=true", "counters=1", "counters"] {
        assert_eq!(daemon.get(&format!("/acl/?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn counters_as_the_tool_lists_them() {
    let directory = tempfile::tempdir().unwrap();
    let listing = "Listing rules of type iptables:\\nTABLE filter :\\nChain FORWARD (policy ACCEPT)\\n\
                   \x20pkts bytes target prot opt in out source destination\\n\
                   3 90 DROP udp -- swp+ any anywhere 10.10.100.10 udp spt:domain\\n";
    let tool = Daemon::script(
        &directory,
        &format!("if [ $1 = -L ]; then [ -e $D/mute ] && exit 3; printf '{listing}'; fi"),
    );
    let counters = Counters::new(
        tool.clone(),
        Settings {
            fresh: Duration::ZERO,
            ..Settings::default()
        },
        Arc::default(),
    );
    let mut daemon = Daemon::run(directory, tool, Setup::default()).await;
    daemon.readiness.ready().await;
    daemon.restate(|state| state.counters = Some(counters.clone()));
    daemon.put("a", &["[iptables]", RULE, OTHER]).await;
    let known = daemon.get("/acl/a/counters").await.json();
    assert_eq!(known[0], json!({ "line": 2, "packets": 3, "bytes": 90 }));
    assert_eq!(known[1], json!({ "line": 3, "packets": null, "bytes": null }));
    daemon
        .put("ab", &["[iptables]", "-A FORWARD -s 10.9.9.8 -j DROP"])
        .await;
    daemon
        .put("b", &["[iptables]", "-A FORWARD -s 10.9.9.9 -j DROP"])
        .await;
    let reply = daemon.get("/acl/?prefix=a&counters=true").await;
    assert_eq!(reply.header("age"), Some("0"));
    let unknown = |line: u32| json!({ "line": line, "packets": null, "bytes": null });
    assert_eq!(
        reply.json(),
        json!([{ "name": "a", "counters": known }, { "name": "ab", "counters": [unknown(2)] }])
    );
    let metrics = daemon.get("/metrics").await;
    assert!(String::from_utf8(metrics.body).unwrap().contains("acl=\"a\""));

    std::fs::write(daemon.directory.path().join("mute"), "").unwrap();
    assert_eq!(
        daemon.get("/acl/a/counters").await.kind(),
        (503, "no-listing".to_owned())
    );
    assert_eq!(
        daemon.get("/acl/?counters=true").await.kind(),
        (503, "no-listing".to_owned())
    );
    assert_eq!(daemon.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn what_is_counted() {
    let daemon = Daemon::instant().await;
    daemon.put("a?ttl=60", &["[iptables]"]).await;
    daemon.get("/acl").await;
    daemon.get("/nowhere/at/all").await;
    daemon.post("/acl/renew?prefix=a&ttl=60").await;
    let reply = daemon.get("/metrics").await;
    assert_eq!(reply.header("content-type"), Some(crate::metrics::CONTENT_TYPE));
    let text = String::from_utf8(reply.body).unwrap();
    for line in [
        "acl_server_acls 1",
        "acl_server_leases 1",
        "acl_server_synced 1",
        "acl_server_lease_renewals_total 1",
        "acl_server_http_requests_total{method=\"PUT\",route=\"/acl/{name}\",status=\"2xx\"} 1",
        "acl_server_http_requests_total{method=\"GET\",route=\"/acl/\",status=\"2xx\"} 1",
        "acl_server_http_requests_total{method=\"GET\",route=\"other\",status=\"4xx\"} 1",
        "acl_server_http_requests_total{method=\"POST\",route=\"/acl/renew\",status=\"2xx\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
    }
}

#[tokio::test]
async fn every_route_is_counted_by_its_name() {
    for operation in routes::TABLE {
        assert!(
            crate::metrics::ROUTES.contains(&operation.path),
            "{}",
            operation.path
        );
    }
}

#[tokio::test]
async fn the_description_is_served() {
    let daemon = Daemon::instant().await;
    let document = daemon.get("/openapi.json").await.json();
    assert_eq!(
        (&document["openapi"], &document["info"]["title"]),
        (&json!("3.1.0"), &json!("acl-server"))
    );
    assert_eq!(
        daemon.get("/version").await.json()["version"],
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(daemon.get("/healthz").await.body, b"ok\n");
}

#[tokio::test]
async fn a_path_that_there_is_not_says_which_there_are() {
    let daemon = Daemon::instant().await;
    let reply = daemon.get("/acls").await;
    assert_eq!(reply.kind(), (404, "no-such-path".to_owned()));
    assert!(reply.detail().contains("/commit/{id}/confirm") && reply.detail().contains("/openapi.json"));
}
