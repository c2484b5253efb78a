//! What a change would do.

use shared::wire::{Capacity, DryRun, Effect};

use super::*;

impl Daemon {
    async fn rehearse(&self, name: &str, lines: &[&str]) -> DryRun {
        let reply = self.put(&format!("{name}?dry_run=true"), lines).await;
        assert_eq!(
            (reply.status, reply.header("commit-id")),
            (200, None),
            "{}",
            reply.json()
        );
        serde_json::from_slice(&reply.body).unwrap()
    }
}

#[tokio::test]
async fn nothing_changes_and_the_tool_does_not_run() {
    let daemon = Daemon::ready(TOOL).await;
    let run = daemon.rehearse("a", &["[iptables]", "# two", RULE]).await;
    let created = daemon.put("b", &["[iptables]", "# two", RULE]).await;
    assert_eq!(run.etag.as_deref(), created.header("etag"));
    assert_eq!((run.effect, run.lines, run.rules), (Effect::Created, 3, 1));
    assert_eq!(run.added, ["[iptables]", "# two", RULE]);
    assert_eq!((run.removed.len(), run.warnings.len()), (0, 0));
    assert_eq!(
        (daemon.files(), daemon.runs()),
        (vec!["50rest-b.rules".to_owned()], 2)
    );
}

#[tokio::test]
async fn effects_and_differences() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", "# old", RULE]).await;
    let run = daemon.rehearse("a", &["[iptables]", "# old", RULE]).await;
    assert_eq!(
        (run.effect, run.added.len(), run.removed.len()),
        (Effect::Unchanged, 0, 0)
    );
    let run = daemon
        .rehearse("a", &["[iptables]", "# new", "# newer", RULE])
        .await;
    assert_eq!(run.effect, Effect::Replaced);
    assert_eq!(
        (run.added, run.removed),
        (
            vec!["# new".to_owned(), "# newer".to_owned()],
            vec!["# old".to_owned()]
        )
    );
}

#[tokio::test]
async fn room_is_counted_as_it_would_be() {
    let daemon = Daemon::set_up(Setup {
        entries_limit: Some(5),
        ..Setup::default()
    })
    .await;
    let rule = |ports: &str| format!("-A FORWARD -i swp1 -p udp -m multiport --dports {ports} -j DROP");
    daemon.put("a", &["[iptables]", &rule("1,2,3")]).await;
    let used = daemon.get("/capacity").await.json();
    assert_eq!(used, json!({ "entries_used": 3, "entries_limit": 5 }));
    let run = daemon.rehearse("b", &["[iptables]", &rule("4,5")]).await;
    let capacity = |entries_used| Capacity {
        entries_used,
        entries_limit: Some(5),
    };
    assert_eq!((run.entries, run.capacity), (2, capacity(5)));
    let run = daemon.rehearse("a", &["[iptables]", &rule("1")]).await;
    assert_eq!((run.entries, run.capacity), (1, capacity(1)));
    let full = daemon
        .put("b?dry_run=true", &["[iptables]", &rule("4,5,6")])
        .await;
    assert_eq!(full.kind(), (507, "no-room".to_owned()));
    assert_eq!(
        daemon.put("b", &["[iptables]", &rule("4,5,6")]).await.kind(),
        full.kind()
    );
    assert_eq!(daemon.get("/capacity").await.json(), used);
}

#[tokio::test]
async fn it_is_refused_with_what_the_change_would_be_refused_with() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", RULE]).await;
    daemon.put("mine", &["[iptables]"]).await;
    daemon.put("locked?confirm=600", &["[iptables]"]).await;
    daemon.put("hand", &["[iptables]"]).await;
    daemon.by_hand("hand", "[iptables]\n# by hand\n");
    let lines = ["[iptables]", RULE];
    for (name, headers, status, slug) in [
        ("b", &[][..], 409, "duplicate"),
        ("a", &[("if-none-match", "*")], 412, "precondition"),
        ("a", &[("if-match", "\"x\"")], 412, "precondition"),
        ("locked", &[], 409, "locked"),
        ("hand", &[], 409, "drift"),
        ("lasterror", &[], 403, "reserved-name"),
    ] {
        for query in ["?dry_run=true", ""] {
            let reply = daemon.put_if(&format!("{name}{query}"), headers, &lines).await;
            assert_eq!(reply.kind(), (status, slug.to_owned()), "{name}{query}");
            assert_eq!(reply.problem().acl.as_deref(), Some(name));
        }
    }
    let rule = daemon
        .put("b?dry_run=true", &["[iptables]", "-A NOWHERE -j DROP"])
        .await;
    assert_eq!(
        (rule.kind(), rule.problem().line),
        ((400, "rule".to_owned()), Some(2))
    );
    assert_eq!(daemon.files_in("state/drift").len(), 0);
}

#[tokio::test]
async fn the_drift_that_it_sees_is_still_news() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]"]).await;
    daemon.by_hand("a", "[iptables]\n# by hand\n");
    let seen = daemon.get("/acl/a").await.etag();
    let headers = [("if-match", seen.as_str())];
    let reply = daemon.put_if("a?dry_run=true", &headers, &["[iptables]"]).await;
    let run: DryRun = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        (run.effect, run.removed),
        (Effect::Replaced, vec!["# by hand".to_owned()])
    );
    assert_eq!(
        daemon.files_in("state/drift").len(),
        0,
        "nothing is kept for a change that is none"
    );
    assert_eq!(daemon.get("/acl/a").await.header("acl-drift"), Some("true"));
    assert_eq!(daemon.put_if("a", &headers, &["[iptables]"]).await.status, 200);
    assert_eq!(daemon.files_in("state/drift").len(), 1);
}

#[tokio::test]
async fn during_a_batch_it_sees_what_is_committed() {
    let daemon = Daemon::ready(&format!("[ -e $D/slow ] && sleep 0.5\n{TOOL}")).await;
    daemon.put("a", &["[iptables]", RULE]).await;
    std::fs::write(daemon.directory.path().join("slow"), "").unwrap();
    let later = [("prefer", "respond-async")];
    daemon.put_if("a", &later, &["[iptables]", "# poison"]).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    let run = daemon.rehearse("a", &["[iptables]", RULE]).await;
    assert_eq!(run.effect, Effect::Unchanged);
    std::fs::remove_file(daemon.directory.path().join("slow")).unwrap();
    assert_eq!(
        daemon.put("a", &["[iptables]", "# fine"]).await.status,
        200,
        "and it is no drift"
    );
}

#[tokio::test]
async fn of_a_patch() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", RULE]).await;
    let patch = json!({ "a": null, "b": ["[iptables]", RULE], "c": null });
    let together = daemon.patch("?dry_run=true", &patch).await;
    assert_eq!((together.status, together.header("commit-id")), (200, None));
    let runs = together.json();
    assert_eq!(
        (&runs["a"]["effect"], &runs["a"]["etag"]),
        (&json!("removed"), &Value::Null)
    );
    assert_eq!(runs["b"]["effect"], "created");
    assert_eq!(runs["c"]["effect"], "absent");
    // On its own, b would have a rule that a has too.
    let apart = daemon.patch("?dry_run=true&atomic=false", &patch).await.json();
    assert_eq!(apart["a"]["effect"], "removed");
    assert_eq!(
        (&apart["b"]["status"], &apart["b"]["problem"]["acl"]),
        (&json!(409), &json!("b"))
    );
    assert_eq!(daemon.get("/acl/").await.json(), json!(["a"]));
}

#[tokio::test]
async fn what_other_files_do_to_it_is_said() {
    let daemon = Daemon::instant().await;
    let all = "-A FORWARD -i swp+ -p udp -j DROP";
    std::fs::write(daemon.policy("10other.rules"), format!("[iptables]\n{all}\n")).unwrap();
    let run = daemon.rehearse("a", &["[iptables]", RULE]).await;
    assert_eq!(run.warnings, ["line 2: shadowed by 10other.rules:2"]);
    daemon.put("a", &["[iptables]", RULE]).await;
    let details = daemon.get("/acl/?details=true").await.json();
    assert_eq!(details[0]["warnings"], json!(run.warnings));

    std::fs::remove_file(daemon.policy("10other.rules")).unwrap();
    assert_eq!(
        daemon.rehearse("a", &["[iptables]", RULE]).await.warnings.len(),
        0
    );
    // ACLs of one patch are each other's neighbours, unless each is on its own.
    let patch = json!({ "a": ["[iptables]", all], "b": ["[iptables]", RULE] });
    let together = daemon.patch("?dry_run=true", &patch).await.json();
    assert_eq!(
        together["b"]["warnings"],
        json!(["line 2: shadowed by 50rest-a.rules:2"])
    );
    let patch = json!({ "a": ["[iptables]", all], "b": ["[iptables]", OTHER] });
    let apart = daemon.patch("?dry_run=true&atomic=false", &patch).await.json();
    assert_eq!(apart["b"]["warnings"], json!([]));
}

#[tokio::test]
async fn a_list_shows_the_first_few_warnings_and_a_dry_run_all() {
    let daemon = Daemon::instant().await;
    let all = "[iptables]\n-A FORWARD -j DROP\n";
    std::fs::write(daemon.policy("10other.rules"), all).unwrap();
    let rules: Vec<String> = (1..=20)
        .map(|port| format!("-A FORWARD -p udp --dport {port} -j DROP"))
        .collect();
    let lines: Vec<&str> = std::iter::once("[iptables]")
        .chain(rules.iter().map(String::as_str))
        .collect();
    assert_eq!(daemon.rehearse("a", &lines).await.warnings.len(), 20);
    daemon.put("a", &lines).await;
    let details = daemon.get("/acl/?details=true").await.json();
    let warnings = details[0]["warnings"].as_array().unwrap();
    assert_eq!((warnings.len(), warnings[8].as_str()), (9, Some("and 12 more")));
}
