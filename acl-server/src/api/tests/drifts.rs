//! A hand in our files.

use super::*;

#[tokio::test]
async fn the_disk_is_shown_and_said_to_be_another() {
    let daemon = Daemon::instant().await;
    let etag = daemon.put("a", &["[iptables]", RULE]).await.etag();
    assert_eq!(daemon.get("/acl/a").await.header("acl-drift"), None);
    daemon.by_hand("a", "[iptables]\n# by hand\n");
    let read = daemon.get("/acl/a").await;
    assert_eq!(read.json(), json!(["[iptables]", "# by hand"]));
    assert_eq!(read.header("acl-drift"), Some("true"));
    assert_ne!(read.etag(), etag);
    let details = daemon.get("/acl/?details=true").await.json();
    assert_eq!(
        (&details[0]["drift"], &details[0]["etag"]),
        (&json!(true), &json!(read.etag()))
    );
}

#[tokio::test]
async fn only_who_has_seen_it_may_overwrite_it() {
    let daemon = Daemon::instant().await;
    let old = daemon.put("a", &["[iptables]", RULE]).await.etag();
    daemon.by_hand("a", "[iptables]\n# by hand\n");
    let seen = daemon.get("/acl/a").await.etag();

    let put = daemon.put("a", &["[iptables]", OTHER]).await;
    assert_eq!(put.kind(), (409, "drift".to_owned()));
    let problem = put.problem();
    assert_eq!(problem.acl.as_deref(), Some("a"));
    assert_eq!(problem.drifted["a"].as_deref(), Some(seen.as_str()));
    assert_eq!(daemon.delete("/acl/a").await.kind().0, 409);
    let stale = daemon
        .put_if("a", &[("if-match", &*old)], &["[iptables]", OTHER])
        .await;
    assert_eq!((stale.status, stale.etag()), (412, seen.clone()));
    let any = daemon
        .put_if("a", &[("if-match", "*")], &["[iptables]", OTHER])
        .await;
    assert_eq!(any.kind(), (409, "drift".to_owned()), "* has seen nothing");

    let put = daemon
        .put_if("a", &[("if-match", &*seen)], &["[iptables]", OTHER])
        .await;
    assert_eq!(put.status, 200);
    assert_eq!(daemon.get("/acl/a").await.header("acl-drift"), None);
    assert_eq!(
        daemon.files_in("state/drift").len(),
        1,
        "the version made by hand is kept"
    );
}

#[tokio::test]
async fn a_file_that_was_removed_by_hand() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]"]).await;
    std::fs::remove_file(daemon.policy("50rest-a.rules")).unwrap();
    assert_eq!(daemon.get("/acl/a").await.status, 404);
    let put = daemon.put("a", &["[iptables]", RULE]).await;
    assert_eq!(
        (put.kind(), put.problem().drifted["a"].clone()),
        ((409, "drift".to_owned()), None)
    );
    assert!(put.detail().contains("If-None-Match: *"));
    let put = daemon
        .put_if("a", &[("if-none-match", "*")], &["[iptables]", RULE])
        .await;
    assert_eq!(put.status, 201);
}

#[tokio::test]
async fn a_removal_of_all_lists_what_it_would_lose_and_changes_nothing() {
    let daemon = Daemon::instant().await;
    for name in ["a", "b", "c"] {
        daemon.put(name, &["[iptables]"]).await;
    }
    daemon.by_hand("a", "[iptables]\n# by hand\n");
    daemon.by_hand("new", "[iptables]\n");
    let cleared = daemon.delete("/acl/").await;
    assert_eq!(cleared.kind(), (409, "drift".to_owned()));
    let drifted: Vec<String> = cleared.problem().drifted.into_keys().collect();
    assert_eq!(drifted, ["a", "new"]);
    assert!(cleared.problem().acl.is_none() && cleared.detail().contains("`new`"));
    assert_eq!(daemon.files().len(), 4);
    assert_eq!(daemon.delete("/acl/?prefix=b").await.status, 204);
}

#[tokio::test]
async fn a_long_list_of_drift_is_short_in_the_text_and_whole_in_the_member() {
    let daemon = Daemon::instant().await;
    for i in 0..20 {
        daemon.by_hand(&format!("n{i}"), "[iptables]\n");
    }
    let cleared = daemon.delete("/acl/").await;
    assert_eq!(cleared.problem().drifted.len(), 20);
    assert!(cleared.detail().contains("and 12 more") && cleared.detail().len() < 1000);
}
