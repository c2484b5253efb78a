//! What becomes of ACLs, readers and the daemon when all goes well, and across restarts.

use super::*;

#[tokio::test]
async fn the_seeds_life_of_an_acl() {
    let daemon = Daemon::ready(TOOL).await;
    let created = daemon.put("ddos1", &["[iptables]", RULE]).await;
    assert_eq!(created.status, 201);
    let timing = shared::wire::ServerTiming::parse(created.headers["server-timing"].to_str().unwrap());
    assert!(
        timing.queue >= Duration::from_millis(4) && timing.commit > Duration::ZERO,
        "{timing:?}"
    );
    let on_disk = std::fs::read_to_string(daemon.policy("50rest-ddos1.rules")).unwrap();
    assert_eq!(on_disk, format!("[iptables]\n{RULE}\n"));

    let read = daemon.get("/acl/ddos1").await;
    assert_eq!(
        (read.status, read.json()),
        (200, serde_json::json!(["[iptables]", RULE]))
    );
    assert_eq!(read.headers["etag"], created.headers["etag"]);
    assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["ddos1"]));
    let details = daemon.get("/acl/?details=true&prefix=dd").await.json();
    assert_eq!(details[0]["rules"], 1);
    assert_eq!(details[0]["etag"], created.headers["etag"].to_str().unwrap());
    assert_eq!(daemon.get("/acl/?prefix=x").await.json(), serde_json::json!([]));

    assert_eq!(daemon.put("ddos1", &["[iptables]", RULE]).await.status, 200);
    assert_eq!(
        daemon.put("ddos1", &["[iptables]", "# other", RULE]).await.status,
        200
    );
    assert_eq!(daemon.delete("/acl/ddos1").await.status, 204);
    assert_eq!(daemon.delete("/acl/ddos1").await.status, 204);
    assert_eq!(daemon.get("/acl/ddos1").await.status, 404);
    assert_eq!(daemon.files(), Vec::<String>::new());
    assert_eq!(
        daemon.runs(),
        1 + 3,
        "the start, one PUT, one change and one removal; nothing for what was there already"
    );
}

#[tokio::test]
async fn removing_all_spares_other_peoples_files() {
    let daemon = Daemon::ready(TOOL).await;
    std::fs::write(daemon.policy("00control_plane.rules"), "[iptables]\n").unwrap();
    for name in ["fm_1", "fm_2", "mine"] {
        assert_eq!(daemon.put(name, &["[iptables]"]).await.status, 201);
    }
    assert_eq!(daemon.delete("/acl/?prefix=fm_").await.status, 204);
    assert_eq!(daemon.files(), ["00control_plane.rules", "50rest-mine.rules"]);
    assert_eq!(daemon.delete("/acl/").await.status, 204);
    assert_eq!(daemon.files(), ["00control_plane.rules"]);
}

#[tokio::test]
async fn what_was_there_before_the_first_start_is_listed_and_goes_with_all() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.d");
    std::fs::create_dir(&policy).unwrap();
    std::fs::write(policy.join("50rest-by_hand.rules"), "[iptables]\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", policy.join("50rest-link.rules")).unwrap();
    let daemon = Daemon::start_in(directory, TOOL).await;
    daemon.readiness.ready().await;
    assert_eq!(daemon.get("/acl/").await.json(), json!(["by_hand"]));
    for path in ["/acl/?prefix=", "/acl/?prefix=a&prefix=", "/acl/?prefix=../x"] {
        let reply = daemon.delete(path).await;
        assert_eq!(reply.status, 400, "{path}");
        reply.detail();
    }
    assert_eq!(daemon.delete("/acl/").await.status, 204);
    assert_eq!(daemon.files(), ["50rest-link.rules"]);
}

#[tokio::test]
async fn a_base_commit_that_was_broken_off_is_not_taken_for_granted() {
    let daemon = Daemon::ready(TOOL).await;
    let directory = daemon.stop().await;
    // Somebody's file is changed, installed by the next start, and put back while nobody runs.
    std::fs::write(directory.path().join("policy.d/10x.rules"), "[iptables]\n").unwrap();
    let slow = format!("{TOOL}\n[ -e $D/policy.d/10x.rules ] && sleep 1");
    let daemon = Daemon::start_in(directory, &slow).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    daemon.engine.abort();
    let runs = daemon.runs();
    let Daemon {
        directory,
        engine,
        app,
        state,
        ..
    } = daemon;
    let _ = engine.await;
    drop((app, state));
    std::fs::remove_file(directory.path().join("policy.d/10x.rules")).unwrap();
    let daemon = Daemon::start_in(directory, TOOL).await;
    daemon.readiness.ready().await;
    assert_eq!(
        daemon.runs(),
        runs + 1,
        "nobody knows what the switch has, so it is told"
    );
}

#[tokio::test]
async fn until_the_first_commit_reads_work_and_changes_do_not() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("policy.d")).unwrap();
    std::fs::write(directory.path().join("policy.d/50rest-a.rules"), "[iptables]\n").unwrap();
    let daemon = Daemon::start_in(directory, "[ -e $D/fine ] || exit 9; echo done.").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(daemon.get("/acl/a").await.status, 200);
    let reply = daemon.put("b", &["[iptables]", OTHER]).await;
    assert_eq!(
        (reply.status, reply.headers.contains_key("retry-after")),
        (503, true)
    );
    assert_eq!(
        daemon.get("/readyz").await.json()["waiting_for"],
        serde_json::json!(["first commit"])
    );
    assert_eq!(daemon.get("/healthz").await.status, 200);
    std::fs::write(daemon.directory.path().join("fine"), "").unwrap();
    tokio::time::timeout(Duration::from_secs(20), daemon.readiness.ready())
        .await
        .unwrap();
    assert_eq!(daemon.put("b", &["[iptables]", OTHER]).await.status, 201);
}

#[tokio::test]
async fn a_clean_restart_runs_no_tool_and_a_changed_directory_does() {
    let daemon = Daemon::ready(TOOL).await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
    let runs = daemon.runs();
    let daemon = Daemon::start_in(daemon.stop().await, TOOL).await;
    daemon.readiness.ready().await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 200);
    assert_eq!(daemon.runs(), runs);
    std::fs::write(daemon.policy("10other.rules"), "[iptables]\n").unwrap();
    let daemon = Daemon::start_in(daemon.stop().await, TOOL).await;
    daemon.readiness.ready().await;
    assert_eq!(daemon.runs(), runs + 1);
}

#[tokio::test]
async fn readers_see_what_is_committed_and_not_what_is_being_tried() {
    let daemon = Daemon::ready(&format!("[ -e $D/slow ] && sleep 0.5\n{TOOL}")).await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
    std::fs::write(daemon.directory.path().join("slow"), "").unwrap();
    let running = async {
        let poisoned = daemon.put("a", &["[iptables]", "# poison"]);
        let made = daemon.put("b", &["[iptables]", "# new"]);
        join_all(vec![
            Box::pin(poisoned) as std::pin::Pin<Box<dyn Future<Output = Reply>>>,
            Box::pin(made),
        ])
        .await
    };
    let watching = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(
            daemon.files().contains(&"50rest-b.rules".to_owned()),
            "the tool is running on it"
        );
        assert_eq!(
            daemon.get("/acl/a").await.json(),
            serde_json::json!(["[iptables]", RULE])
        );
        assert_eq!(daemon.get("/acl/b").await.status, 404);
        assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["a"]));
    };
    let (replies, ()) = tokio::join!(running, watching);
    assert_eq!(
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>(),
        [422, 201]
    );
    assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["a", "b"]));
}

#[tokio::test]
async fn a_change_is_carried_out_although_its_client_has_gone() {
    let daemon = Daemon::ready("sleep 0.2; echo done.").await;
    let put = daemon.put("a", &["[iptables]", RULE]);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), put)
            .await
            .is_err()
    );
    // The next change waits behind it.
    assert_eq!(daemon.put("b", &["[iptables]", OTHER]).await.status, 201);
    assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["a", "b"]));
}

#[tokio::test]
async fn what_waits_at_the_end_is_turned_away() {
    let daemon = Daemon::ready("sleep 0.3; echo done.").await;
    let app = daemon.app.clone();
    let put = |name: &'static str| {
        let request = Request::builder()
            .method(Method::PUT)
            .uri(format!("/acl/{name}"))
            .header("host", "localhost");
        let body = serde_json::to_vec(&["[iptables]"]).unwrap();
        tokio::spawn(app.clone().oneshot(request.body(Body::from(body)).unwrap()))
    };
    let first = put("a");
    tokio::time::sleep(Duration::from_millis(150)).await;
    let second = put("b");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let directory = daemon.stop().await;
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(second.await.unwrap().unwrap().status(), 503);
    assert!(directory.path().join("policy.d/50rest-a.rules").exists());
    assert!(!directory.path().join("policy.d/50rest-b.rules").exists());
}
