//! Changes that are taken back unless they are confirmed.

use super::*;

async fn state(daemon: &Daemon, id: &str) -> Value {
    daemon.get(&format!("/commit/{id}")).await.json()["state"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_confirmed_change_stays() {
    let daemon = Daemon::instant().await;
    let put = daemon.put("a?confirm=60", &["[iptables]", RULE]).await;
    let id = put.commit_id();
    assert_eq!(
        (put.status, state(&daemon, &id).await),
        (201, json!("unconfirmed"))
    );
    let confirm = format!("/commit/{id}/confirm");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(daemon.post(&confirm).await.status, 204);
    assert_eq!(state(&daemon, &id).await, "installed");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(daemon.get("/acl/a").await.status, 200);
    assert_eq!(daemon.post(&confirm).await.status, 204, "twice is once");
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_change_is_taken_back() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", RULE]).await;
    let patch = json!({ "a": ["[iptables]", OTHER], "b": ["[iptables]"] });
    let id = daemon.patch("?confirm=10", &patch).await.commit_id();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(state(&daemon, &id).await, "reverted");
    assert_eq!(daemon.get("/acl/a").await.json(), json!(["[iptables]", RULE]));
    assert_eq!(daemon.get("/acl/b").await.status, 404);
    let late = daemon.post(&format!("/commit/{id}/confirm")).await;
    assert_eq!(late.kind(), (410, "reverted".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn meanwhile_its_names_are_locked_for_everybody() {
    let daemon = Daemon::instant().await;
    let id = daemon
        .put("a?confirm=60", &["[iptables]", RULE])
        .await
        .commit_id();
    let put = daemon.put("a", &["[iptables]"]).await;
    assert_eq!(put.kind(), (409, "locked".to_owned()));
    assert_eq!(put.problem().acl.as_deref(), Some("a"));
    assert!(put.detail().contains(&id));
    for path in ["/acl/a", "/acl/", "/acl/?prefix=a"] {
        assert_eq!(daemon.delete(path).await.kind().0, 409, "{path}");
    }
    let patch = daemon.patch("", &json!({ "b": ["[iptables]"], "a": null })).await;
    assert_eq!((patch.status, daemon.get("/acl/b").await.status), (409, 404));
    let apart = json!({ "b": ["[iptables]"], "a": null });
    let apart = daemon.patch("?atomic=false", &apart).await.json();
    assert_eq!(
        (&apart["b"]["status"], &apart["a"]["status"]),
        (&json!(201), &json!(409))
    );
    daemon.post(&format!("/commit/{id}/confirm")).await;
    assert_eq!(daemon.delete("/acl/a").await.status, 204);
}

#[tokio::test]
async fn what_changes_nothing_and_what_was_refused_waits_for_no_confirmation() {
    let daemon = Daemon::ready(TOOL).await;
    let plain = daemon.put("a", &["[iptables]"]).await;
    let same = daemon.put("a?confirm=60", &["[iptables]"]).await;
    let refused = daemon.put("b?confirm=60", &["[iptables]", "# poison"]).await;
    assert_eq!([plain.status, same.status, refused.status], [201, 200, 422]);
    for reply in [plain, same, refused] {
        let confirm = daemon
            .post(&format!("/commit/{}/confirm", reply.commit_id()))
            .await;
        assert_eq!(confirm.kind(), (404, "no-such-commit".to_owned()));
    }
    assert_eq!(
        daemon.put("a", &["[iptables]", RULE]).await.status,
        200,
        "not locked"
    );
}

#[tokio::test]
async fn a_restart_takes_it_back_at_once() {
    let daemon = Daemon::ready(TOOL).await;
    daemon.put("a", &["[iptables]", RULE]).await;
    let id = daemon
        .put("a?confirm=3600", &["[iptables]", OTHER])
        .await
        .commit_id();
    let daemon = Daemon::start_in(daemon.stop().await, TOOL).await;
    daemon.readiness.ready().await;
    while state(&daemon, &id).await != "reverted" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(daemon.get("/acl/a").await.json(), json!(["[iptables]", RULE]));
    assert_eq!(daemon.post(&format!("/commit/{id}/confirm")).await.status, 410);
}

#[tokio::test]
async fn who_may_not_write_the_names_may_not_confirm() {
    let daemon = Daemon::instant().await;
    let id = daemon.put("a?confirm=60", &["[iptables]"]).await.commit_id();
    let confirm = format!("/commit/{id}/confirm");
    let scope = |prefix: &str| Scopes {
        read: true,
        write: true,
        prefixes: vec![prefix.to_owned()],
        ..Scopes::default()
    };
    let other = daemon.request_as(scope("b"), Method::POST, &confirm, "").await;
    assert_eq!(other.kind(), (403, "forbidden".to_owned()));
    let owner = daemon.request_as(scope("a"), Method::POST, &confirm, "").await;
    assert_eq!(owner.status, 204);
}
