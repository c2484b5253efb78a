//! What a change hears when all does not go well.

use super::*;

#[tokio::test]
async fn what_the_tool_refuses_is_taken_back_with_its_words() {
    let daemon = Daemon::ready(TOOL).await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
    assert_eq!(daemon.get("/acl/lasterror").await.status, 204);
    let before = daemon.runs();
    let refused = daemon.put("a", &["[iptables]", "# poison", RULE]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.detail().contains("status 1"));
    let problem = refused.json();
    assert_eq!(
        (problem["acl"].as_str(), problem["type"].as_str()),
        (Some("a"), Some("urn:acl-server:problem:refused"))
    );
    assert!(
        problem["output"][1]
            .as_str()
            .unwrap()
            .starts_with("error: line 2"),
        "{problem}"
    );
    assert_eq!(daemon.runs() - before, 2, "the refused run and the restored base");
    assert_eq!(
        daemon.get("/acl/a").await.json(),
        serde_json::json!(["[iptables]", RULE])
    );
    assert_eq!(daemon.files(), ["50rest-a.rules"]);

    let last = daemon.get("/acl/lasterror").await.json();
    assert_eq!(last["returncode"], 1);
    assert!(last["lines"][1].as_str().unwrap().starts_with("error: line 2"));
    assert_eq!(daemon.put("b", &["[iptables]", OTHER]).await.status, 201);
    assert_eq!(daemon.get("/acl/lasterror").await.status, 204);
}

#[tokio::test]
async fn neighbours_of_a_refused_change_are_installed() {
    let daemon = Daemon::ready(TOOL).await;
    let names: Vec<String> = (0..20).map(|i| format!("n{i}")).collect();
    let daemon = &daemon;
    let puts = names.iter().map(|name| async move {
        let comment = if name == "n7" { "# poison" } else { "# fine" };
        daemon.put(name, &["[iptables]", comment]).await.status
    });
    let statuses = join_all(puts.collect()).await;
    for (name, status) in names.iter().zip(statuses) {
        assert_eq!(status, if name == "n7" { 422 } else { 201 }, "{name}");
    }
    assert_eq!(daemon.files().len(), 19);
    assert!(daemon.runs() < 16, "{} runs", daemon.runs());
}

#[tokio::test]
async fn a_rule_that_another_acl_has_is_a_conflict() {
    let daemon = Daemon::ready(TOOL).await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
    let runs = daemon.runs();
    let reply = daemon.put("b", &["[iptables]", "# the same", RULE]).await;
    assert_eq!((reply.status, reply.json()["line"].as_u64()), (409, Some(3)));
    assert!(reply.detail().contains("`a`"), "{}", reply.detail());
    assert_eq!(daemon.runs(), runs, "no run of the tool is spent on it");
}

#[tokio::test]
async fn last_error_outlives_the_way_back() {
    let daemon = Daemon::ready("[ -e $D/hang ] && sleep 100; echo done.").await;
    std::fs::write(daemon.directory.path().join("hang"), "").unwrap();
    assert_eq!(daemon.put("a", &["[iptables]"]).await.status, 504);
    std::fs::remove_file(daemon.directory.path().join("hang")).unwrap();
    tokio::time::timeout(Duration::from_secs(20), daemon.readiness.ready())
        .await
        .unwrap();
    let last = daemon.get("/acl/lasterror").await;
    assert_eq!(
        (last.status, last.json()["returncode"].is_null()),
        (200, true),
        "the base's success is nobody's change"
    );
    assert_eq!(daemon.put("a", &["[iptables]"]).await.status, 201);
    assert_eq!(daemon.get("/acl/lasterror").await.status, 204);
}

#[tokio::test]
async fn a_broken_foreign_file_is_nobodys_fault() {
    let daemon = Daemon::ready(TOOL).await;
    std::fs::write(daemon.policy("99x.rules"), "poison\n").unwrap();
    let reply = daemon.put("a", &["[iptables]", RULE]).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["type"], "urn:acl-server:problem:base-refused");
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(daemon.files(), ["99x.rules"]);
    assert_eq!(daemon.get("/readyz").await.status, 503);
    std::fs::remove_file(daemon.policy("99x.rules")).unwrap();
    // Nobody asks for anything: the base commit is tried again by itself.
    tokio::time::timeout(Duration::from_secs(20), daemon.readiness.ready())
        .await
        .unwrap();
    assert_eq!(daemon.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_tool_that_hangs_is_504_and_heals() {
    let daemon = Daemon::ready("[ -e $D/hang ] && sleep 100; echo done.").await;
    std::fs::write(daemon.directory.path().join("hang"), "").unwrap();
    let reply = daemon.put("a", &["[iptables]", RULE]).await;
    assert_eq!(reply.status, 504);
    assert_eq!(daemon.files(), Vec::<String>::new());
    assert_eq!(daemon.get("/readyz").await.status, 503);
    std::fs::remove_file(daemon.directory.path().join("hang")).unwrap();
    // While unsynced nothing is taken for granted, and the next success brings the switch back in sync.
    assert_eq!(daemon.delete("/acl/a").await.status, 204);
    assert_eq!(daemon.get("/readyz").await.status, 200);
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
}

#[tokio::test]
async fn preconditions() {
    let daemon = Daemon::ready(TOOL).await;
    let body = || serde_json::to_vec(&["[iptables]", RULE]).unwrap();
    let put = |headers: Vec<(&'static str, String)>, lines: Vec<u8>| {
        let daemon = &daemon;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            daemon.request(Method::PUT, "/acl/a", &headers, lines).await
        }
    };
    let first = put(vec![("if-none-match", "*".to_owned())], body()).await;
    assert_eq!(first.status, 201);
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = put(vec![("if-none-match", "*".to_owned())], body()).await;
    assert_eq!(
        (again.status, again.headers["etag"].to_str().unwrap()),
        (412, etag.as_str())
    );
    assert_eq!(
        put(vec![("if-match", "\"other\"".to_owned())], body())
            .await
            .status,
        412
    );
    assert_eq!(
        put(vec![("if-match", format!("\"other\", {etag}"))], body())
            .await
            .status,
        200
    );
    assert_eq!(
        put(vec![("if-none-match", "\"x\"".to_owned())], body())
            .await
            .status,
        400
    );
    let delete = daemon
        .request(Method::DELETE, "/acl/a", &[("if-match", "\"other\"")], "")
        .await;
    assert_eq!(delete.status, 412);
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_search() {
    let daemon = Daemon::ready(&format!("sleep 0.2\n{TOOL}")).await;
    let before = daemon.runs();
    let names: Vec<String> = (0..16).map(|i| format!("n{i}")).collect();
    let (client, trigger) = (&daemon, daemon.trigger.clone());
    let puts = names.iter().enumerate().map(|(i, name)| async move {
        let comment = if i % 4 == 0 { "# poison" } else { "# fine" };
        client.put(name, &["[iptables]", comment]).await
    });
    let ending = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        trigger.trigger();
    };
    let (replies, ()) = tokio::join!(join_all(puts.collect()), ending);
    // All at once, the base, one group that was under way, and what was accepted by then.
    assert!(daemon.runs() - before <= 5, "{} runs", daemon.runs() - before);
    let undecided: Vec<_> = replies
        .iter()
        .filter(|reply| {
            reply.json()["type"]
                .as_str()
                .is_some_and(|t| t.ends_with("undecided"))
        })
        .collect();
    assert!(undecided.len() > 4, "{}", undecided.len());
    assert!(
        undecided
            .iter()
            .all(|reply| reply.json()["output"].to_string().contains("poison")),
        "the tool's words are there"
    );
    assert_eq!(daemon.get("/acl/lasterror").await.status, 200);
}

#[tokio::test]
async fn a_full_queue_turns_away_and_counts() {
    let daemon = Daemon::ready("[ -e $D/slow ] && sleep 0.5; echo done.").await;
    std::fs::write(daemon.directory.path().join("slow"), "").unwrap();
    let later = [("prefer", "respond-async")];
    daemon.put_if("a", &later, &["[iptables]"]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let names: serde_json::Map<String, Value> = (0..1000).map(|i| (format!("n{i}"), Value::Null)).collect();
    let patch = Value::from(names).to_string();
    let mut turned_away = 0;
    for _ in 0..5 {
        let reply = daemon
            .request(Method::PATCH, "/acl/?atomic=false", &later, patch.clone())
            .await;
        let results: std::collections::BTreeMap<String, shared::wire::PatchResult> =
            serde_json::from_slice(&reply.body).unwrap();
        turned_away += results.values().filter(|result| result.status == 429).count();
    }
    assert_eq!(turned_away, 5000 - 4096);
    let reply = daemon.put("b", &["[iptables]"]).await;
    assert_eq!(
        (reply.kind(), reply.header("commit-id")),
        ((429, "queue-full".to_owned()), None)
    );
    let text = String::from_utf8(daemon.get("/metrics").await.body).unwrap();
    let line = format!(
        "acl_server_changes_total{{verdict=\"queue_full\"}} {}",
        turned_away + 1
    );
    assert!(text.contains(&line), "{text}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(daemon.put("b", &["[iptables]"]).await.status, 201);
}
