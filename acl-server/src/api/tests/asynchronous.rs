//! Verdicts that are asked for later: `Prefer: respond-async`, `Commit-Id`, `GET /commit/{id}`.

use shared::wire::{CommitState, CommitStatus, Effect};

use super::*;

impl Daemon {
    async fn commit(&self, id: &str) -> CommitStatus {
        let reply = self.get(&format!("/commit/{id}")).await;
        assert_eq!(reply.status, 200, "{id}");
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// Where a change is once it is not pending any more.
    async fn decided(&self, id: &str) -> CommitStatus {
        loop {
            let status = self.commit(id).await;
            if status.state != CommitState::Pending {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_wait_asks_later() {
    let daemon = Daemon::ready(&format!("[ -e $D/slow ] && sleep 0.2\n{TOOL}")).await;
    std::fs::write(daemon.directory.path().join("slow"), "").unwrap();
    let later = [("prefer", "handling=lenient, respond-async")];
    let accepted = daemon.put_if("a", &later, &["[iptables]", RULE]).await;
    assert_eq!(
        (accepted.status, accepted.header("preference-applied")),
        (202, Some("respond-async"))
    );
    let id = accepted.commit_id();
    assert_eq!(accepted.header("location"), Some(&*format!("/commit/{id}")));
    assert!(accepted.header("etag").is_none() && accepted.header("server-timing").is_none());

    let pending = daemon.commit(&id).await;
    assert_eq!((pending.state, pending.id), (CommitState::Pending, id.clone()));
    assert_eq!(
        (pending.what.as_str(), pending.who.as_str()),
        ("put a", "127.0.0.1")
    );
    assert_eq!(
        daemon.get("/acl/a").await.status,
        404,
        "not before it is on the switch"
    );

    let installed = daemon.decided(&id).await;
    assert_eq!(
        (installed.state, installed.effects),
        (CommitState::Installed, vec![Effect::Created])
    );
    assert_eq!(daemon.get("/acl/a").await.status, 200);
}

#[tokio::test]
async fn every_kind_of_change_may_be_asynchronous() {
    let daemon = Daemon::ready(TOOL).await;
    let later = [("prefer", "respond-async")];
    daemon.put("a", &["[iptables]"]).await;
    let patch = json!({ "b": ["[iptables]"], "a": null }).to_string();
    for (method, path, body) in [
        (Method::PUT, "/acl/c", acl(&["[iptables]"])),
        (Method::PATCH, "/acl/", patch.into_bytes()),
        (Method::DELETE, "/acl/c", vec![]),
        (Method::DELETE, "/acl/?prefix=b", vec![]),
    ] {
        let reply = daemon.request(method.clone(), path, &later, body).await;
        assert_eq!(reply.status, 202, "{method} {path}");
        let status = daemon.decided(&reply.commit_id()).await;
        assert_eq!(status.state, CommitState::Installed, "{method} {path}");
    }
    assert_eq!(daemon.get("/acl/").await.json(), json!([]));
}

#[tokio::test]
async fn every_answer_of_a_change_names_it() {
    let daemon = Daemon::ready(TOOL).await;
    let created = daemon.put("a", &["[iptables]", RULE]).await;
    let unchanged = daemon.put("a", &["[iptables]", RULE]).await;
    let refused = daemon.put("b", &["[iptables]", "# poison"]).await;
    let duplicate = daemon.put("c", &["[iptables]", RULE]).await;
    let absent = daemon.delete("/acl/nothing").await;
    let cleared = daemon.delete("/acl/?prefix=a").await;
    let statuses = [&created, &unchanged, &refused, &duplicate, &absent, &cleared].map(|reply| reply.status);
    assert_eq!(statuses, [201, 200, 422, 409, 204, 204]);

    for (reply, state, effects) in [
        (&created, CommitState::Installed, vec![Effect::Created]),
        (&unchanged, CommitState::Unchanged, vec![Effect::Unchanged]),
        (&absent, CommitState::Unchanged, vec![Effect::Absent]),
        (&cleared, CommitState::Installed, vec![Effect::Removed]),
    ] {
        let status = daemon.commit(&reply.commit_id()).await;
        assert_eq!(
            (status.state, status.effects, status.problem),
            (state, effects, None)
        );
    }
    for (reply, slug) in [(&refused, "refused"), (&duplicate, "duplicate")] {
        let status = daemon.commit(&reply.commit_id()).await;
        let problem = status.problem.unwrap();
        assert_eq!((status.state, problem.slug()), (CommitState::Refused, slug));
        assert_eq!(problem.output, reply.problem().output);
    }
}

#[tokio::test]
async fn what_the_switch_cannot_do_has_failed_and_what_was_never_queued_has_no_name() {
    let daemon = Daemon::ready(TOOL).await;
    std::fs::write(daemon.policy("99x.rules"), "poison\n").unwrap();
    let reply = daemon.put("a", &["[iptables]"]).await;
    assert_eq!(reply.kind(), (503, "base-refused".to_owned()));
    let status = daemon.commit(&reply.commit_id()).await;
    assert_eq!(status.state, CommitState::Failed);
    for lines in [&["[iptables]", "nonsense"][..], &[]] {
        assert_eq!(daemon.put("a", lines).await.header("commit-id"), None);
    }
}

#[tokio::test]
async fn commits_that_nobody_knows() {
    let daemon = Daemon::instant().await;
    let known = daemon.put("a", &["[iptables]"]).await.commit_id();
    let (start, _) = known.split_once('-').unwrap();
    for (id, status) in [
        ("x", 400),
        ("1", 400),
        ("00000000-01", 400),
        ("00000000-1%0a", 400),
        ("00000000-1", 404),
        (&*format!("{start}-999"), 404),
    ] {
        assert_eq!(daemon.get(&format!("/commit/{id}")).await.status, status, "{id}");
        let confirm = daemon.post(&format!("/commit/{id}/confirm")).await;
        assert_eq!(confirm.status, status, "{id}");
    }
    assert_eq!(daemon.get("/commit/").await.status, 404);
    assert_eq!(daemon.post(&format!("/commit/{known}")).await.status, 405);
}
