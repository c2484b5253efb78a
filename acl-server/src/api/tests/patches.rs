//! Several ACLs at once.

use super::*;

#[tokio::test]
async fn all_of_a_patch_in_one_run() {
    let daemon = Daemon::ready(TOOL).await;
    daemon.put("old", &["[iptables]", RULE]).await;
    daemon.put("same", &["[iptables]"]).await;
    let runs = daemon.runs();
    let patch = json!({
        "old": null, "same": ["[iptables]"], "new": ["[iptables]", RULE], "nothing": null,
    });
    let reply = daemon.patch("", &patch).await;
    assert_eq!(reply.status, 200);
    let id = json!(reply.commit_id());
    let results = reply.json();
    let etag = daemon.get("/acl/new").await.etag();
    assert_eq!(
        results["new"],
        json!({ "status": 201, "etag": etag, "commit": id })
    );
    assert_eq!(results["old"], json!({ "status": 204, "commit": id }));
    assert_eq!(results["nothing"], json!({ "status": 204, "commit": id }));
    assert_eq!(results["same"]["status"], 200);
    assert!(reply.header("server-timing").unwrap().contains("tool;dur="));
    assert_eq!(daemon.runs(), runs + 1);
    assert_eq!(daemon.get("/acl/").await.json(), json!(["new", "same"]));
}

#[tokio::test]
async fn all_or_none() {
    let daemon = Daemon::ready(TOOL).await;
    daemon.put("a", &["[iptables]", RULE]).await;
    let before = daemon.files();
    for (patch, status, slug, acl) in [
        (
            json!({ "b": ["[iptables]"], "c": ["[iptables]", "# poison"] }),
            422,
            "refused",
            Some("c"),
        ),
        (
            json!({ "b": ["[iptables]"], "c": ["[iptables]", "nonsense"] }),
            400,
            "rule",
            Some("c"),
        ),
        (
            json!({ "b": ["[iptables]"], "c": ["[iptables]", RULE] }),
            409,
            "duplicate",
            Some("c"),
        ),
        (
            json!({ "b": ["[iptables]", OTHER], "c": ["[iptables]", OTHER] }),
            409,
            "duplicate",
            Some("c"),
        ),
        (
            json!({ "b": ["[iptables]"], "lasterror": null }),
            403,
            "reserved-name",
            Some("lasterror"),
        ),
        (json!({ "b": ["[iptables]"], "c": [] }), 400, "rule", Some("c")),
    ] {
        let reply = daemon.patch("", &patch).await;
        assert_eq!(reply.kind(), (status, slug.to_owned()), "{patch}");
        assert_eq!(reply.problem().acl.as_deref(), acl, "{patch}");
        assert_eq!(daemon.files(), before, "{patch}");
    }
}

#[tokio::test]
async fn a_refusal_that_names_nobody_is_about_nobody_unless_there_is_only_one() {
    let tool = "if grep -q poison $D/policy.d/*.rules; then echo 'error: no'; exit 1; fi";
    let daemon = Daemon::ready(tool).await;
    let two = json!({ "a": ["[iptables]", "# poison"], "b": ["[iptables]"] });
    assert_eq!(daemon.patch("", &two).await.problem().acl, None);
    let one = json!({ "a": ["[iptables]", "# poison"] });
    assert_eq!(daemon.patch("", &one).await.problem().acl.as_deref(), Some("a"));
}

#[tokio::test]
async fn each_on_its_own() {
    let daemon = Daemon::ready(TOOL).await;
    daemon.put("a", &["[iptables]", RULE]).await;
    let runs = daemon.runs();
    let patch = json!({
        "good": ["[iptables]", OTHER],
        "bad": ["[iptables]", "# poison"],
        "broken": ["[iptables]", "nonsense"],
        "twin": ["[iptables]", RULE],
        "lasterror": ["[iptables]"],
        "gone": null,
    });
    let reply = daemon.patch("?atomic=false", &patch).await;
    assert_eq!((reply.status, reply.header("commit-id")), (200, None));
    let results = reply.json();
    for (name, status, slug) in [
        ("good", 201, None),
        ("bad", 422, Some("refused")),
        ("broken", 400, Some("rule")),
        ("twin", 409, Some("duplicate")),
        ("lasterror", 403, Some("reserved-name")),
        ("gone", 204, None),
    ] {
        let result = &results[name];
        assert_eq!(result["status"], status, "{name}");
        let problem: Option<Problem> = serde_json::from_value(result["problem"].clone()).unwrap();
        assert_eq!(problem.as_ref().map(Problem::slug), slug, "{name}");
        assert_eq!(
            problem.and_then(|problem| problem.acl),
            slug.map(|_| name.to_owned())
        );
        let queued = !["broken", "lasterror"].contains(&name);
        assert_eq!(result["commit"].is_string(), queued, "{name}");
    }
    assert_eq!(results["good"]["etag"], daemon.get("/acl/good").await.etag());
    assert_eq!(daemon.get("/acl/").await.json(), json!(["a", "good"]));
    assert!(daemon.runs() - runs <= 4, "one batch: {}", daemon.runs() - runs);
}

#[tokio::test]
async fn each_with_a_name_of_its_own_to_be_confirmed_or_asked_for() {
    let daemon = Daemon::instant().await;
    let patch = json!({ "a": ["[iptables]"], "b": ["[iptables]"] });
    let results = daemon.patch("?atomic=false&confirm=60", &patch).await.json();
    let [a, b] = ["a", "b"].map(|name| results[name]["commit"].as_str().unwrap().to_owned());
    assert_ne!(a, b);
    assert_eq!(daemon.post(&format!("/commit/{a}/confirm")).await.status, 204);
    assert_eq!(daemon.put("b", &["[iptables]", RULE]).await.kind().0, 409);

    let kind = [("prefer", "respond-async")];
    let body = json!({ "c": ["[iptables]"], "d": ["nonsense"] }).to_string();
    let reply = daemon
        .request(Method::PATCH, "/acl/?atomic=false", &kind, body)
        .await;
    assert_eq!((reply.status, reply.header("location")), (202, None));
    assert_eq!(reply.header("preference-applied"), Some("respond-async"));
    let results = reply.json();
    assert_eq!(
        (&results["c"]["status"], &results["d"]["status"]),
        (&json!(202), &json!(400))
    );
    let id = results["c"]["commit"].as_str().unwrap();
    assert_eq!(daemon.get(&format!("/commit/{id}")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn leases_and_conditions_are_for_all_its_names() {
    let daemon = Daemon::instant().await;
    let patch = json!({ "a": ["[iptables]"], "b": ["[iptables]"] });
    daemon.patch("?ttl=60", &patch).await;
    assert_eq!(daemon.get("/acl/b").await.header("acl-ttl"), Some("60"));
    let etag = daemon.get("/acl/a").await.etag();
    let only_new = [("if-none-match", "*")];
    let reply = daemon
        .request(Method::PATCH, "/acl/", &only_new, patch.to_string())
        .await;
    assert_eq!(reply.kind(), (412, "precondition".to_owned()));
    let only_known = [("if-match", etag.as_str())];
    let reply = daemon
        .request(Method::PATCH, "/acl/", &only_known, patch.to_string())
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(daemon.get("/acl/b").await.header("acl-ttl"), None);
}

#[tokio::test]
async fn what_is_no_patch() {
    let daemon = Daemon::instant().await;
    for (body, expected) in [
        ("", "JSON object"),
        ("[]", "expected an object"),
        ("{}", "names no ACL"),
        (r#"{"a":null,"a":["[iptables]"]}"#, "`a` is there twice"),
        (r#"{"../a":null}"#, "a-z, 0-9 and _"),
        (r#"{"a":[["[iptables]"]]}"#, "expected a string"),
        ("{\"a\":[\"[iptables]\",\\\n\"# x\"]}", "backslash"),
    ] {
        for query in ["", "?atomic=false", "?dry_run=true"] {
            let reply = daemon
                .request(Method::PATCH, &format!("/acl/{query}"), &[], body)
                .await;
            assert_eq!(reply.kind(), (400, "invalid".to_owned()), "{body}");
            assert!(reply.detail().contains(expected), "{body}: {}", reply.detail());
        }
    }
    for (kind, status) in [
        ("application/json; charset=utf-8", 200),
        ("Application/Merge-Patch+JSON", 200),
        ("application/json-patch+json", 415),
        ("text/plain", 415),
    ] {
        let headers = [("content-type", kind)];
        let reply = daemon
            .request(Method::PATCH, "/acl", &headers, r#"{"a":null}"#)
            .await;
        assert_eq!(reply.status, status, "{kind}");
    }
    let merge_patch = [("content-type", "application/merge-patch+json")];
    let reply = daemon.request(Method::PUT, "/acl/a", &merge_patch, "[]").await;
    assert_eq!(reply.status, 415, "a PUT has no patch");
    let reply = daemon
        .request(Method::PATCH, "/acl/", &[], vec![b' '; (1 << 20) + 1])
        .await;
    assert_eq!(reply.status, 413);
    let many: Vec<&str> = std::iter::repeat_n("# x", 1001).collect();
    let reply = daemon.patch("", &json!({ "a": many })).await;
    assert!(
        reply.detail().contains("at most 1000 lines"),
        "{}",
        reply.detail()
    );
    assert_eq!(daemon.files(), Vec::<String>::new());
}

#[tokio::test]
async fn of_what_the_tool_says_of_each_the_end_is_kept() {
    let noise = "i=0; while [ $i -lt 400 ]; do echo noise $i; i=$((i+1)); done";
    let tool =
        format!("if grep -q poison $D/policy.d/*.rules; then {noise}; echo 'error: poison'; exit 1; fi");
    let daemon = Daemon::ready(&tool).await;
    let patch = json!({ "a": ["[iptables]", "# poison"] });
    let whole = daemon.patch("", &patch).await.problem().output;
    let result = daemon.patch("?atomic=false", &patch).await.json()["a"].take();
    let kept: Vec<String> = serde_json::from_value(result["problem"]["output"].clone()).unwrap();
    assert!(whole.len() > 100 && whole.ends_with(&kept), "{}", kept.len());
    assert!(
        (2000..=4096).contains(&kept.concat().len()),
        "{}",
        kept.concat().len()
    );
}
