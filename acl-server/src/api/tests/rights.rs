//! What callers may not do.

use super::*;
use crate::rules::{Action, Actions};

fn writer() -> Scopes {
    Scopes {
        read: true,
        write: true,
        ..Scopes::default()
    }
}

fn of(prefix: &str) -> Scopes {
    Scopes {
        prefixes: vec![prefix.to_owned()],
        ..writer()
    }
}

#[tokio::test]
async fn reading_and_writing_are_asked_for_everywhere() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]"]).await;
    let open = ["/healthz", "/readyz", "/version"];
    let requests = routes::TABLE
        .iter()
        .filter(|operation| !open.contains(&operation.path));
    for operation in requests {
        let path = operation
            .path
            .replace("{name}", "a")
            .replace("{id}", "00000000-1");
        let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
        let nothing = daemon
            .request_as(Scopes::default(), method.clone(), &path, "")
            .await;
        assert_eq!(nothing.kind(), (403, "forbidden".to_owned()), "{method} {path}");
        let reader = Scopes {
            read: true,
            ..Scopes::default()
        };
        if method != Method::GET {
            let reader = daemon.request_as(reader, method.clone(), &path, "").await;
            assert_eq!(reader.kind(), (403, "forbidden".to_owned()), "{method} {path}");
        }
    }
    assert_eq!(daemon.get("/acl/").await.json(), json!(["a"]));
}

#[tokio::test]
async fn names_outside_the_prefix_are_not_touched() {
    let daemon = Daemon::instant().await;
    daemon.put("fm_1", &["[iptables]"]).await;
    daemon.put("other", &["[iptables]"]).await;
    let body = || acl(&["[iptables]", RULE]);
    for (method, path, body, status) in [
        (Method::PUT, "/acl/fm_2", body(), 201),
        (Method::PUT, "/acl/other", body(), 403),
        (Method::PUT, "/acl/other?dry_run=true", body(), 403),
        (Method::DELETE, "/acl/other", vec![], 403),
        (Method::DELETE, "/acl/", vec![], 403),
        (Method::DELETE, "/acl/?prefix=f", vec![], 403),
        (Method::POST, "/acl/renew?prefix=f&ttl=60", vec![], 403),
        (Method::POST, "/acl/renew?prefix=&ttl=60", vec![], 403),
        (Method::POST, "/acl/renew?prefix=fm_&ttl=60", vec![], 200),
        (
            Method::PATCH,
            "/acl/",
            br#"{"fm_1":null,"other":null}"#.to_vec(),
            403,
        ),
        (Method::DELETE, "/acl/?prefix=fm_1", vec![], 204),
    ] {
        let reply = daemon.request_as(of("fm_"), method.clone(), path, body).await;
        assert_eq!(reply.status, status, "{method} {path}");
    }
    let patch = r#"{"fm_3":["[iptables]"],"other":null}"#;
    let apart = daemon
        .request_as(of("fm_"), Method::PATCH, "/acl/?atomic=false", patch)
        .await;
    let results = apart.json();
    assert_eq!(
        (&results["fm_3"]["status"], &results["other"]["status"]),
        (&json!(201), &json!(403))
    );
    assert_eq!(daemon.get("/acl/").await.json(), json!(["fm_2", "fm_3", "other"]));
    let all = daemon.request_as(writer(), Method::DELETE, "/acl/", "").await;
    assert_eq!(all.status, 403, "only an admin removes everything");
    let admin = Scopes {
        admin: true,
        ..Scopes::default()
    };
    let all = daemon
        .request_as(admin.clone(), Method::POST, "/acl/renew?prefix=&ttl=60", "")
        .await;
    assert_eq!(all.status, 200);
    assert_eq!(
        daemon.request_as(admin, Method::DELETE, "/acl/", "").await.status,
        204
    );
}

#[tokio::test]
async fn actions_are_those_of_the_old_and_the_new_rules() {
    let daemon = Daemon::instant().await;
    let marker = || Scopes {
        actions: Some(Actions::from(Action::Mark)),
        ..writer()
    };
    let mark = "-t mangle -A FORWARD -i swp1 -p udp --sport 53 -j SETQOS --set-dscp 8";
    let put = |scope: Scopes, path: &'static str, lines: Vec<u8>| {
        daemon.request_as(scope, Method::PUT, path, lines)
    };
    assert_eq!(
        put(marker(), "/acl/a", acl(&["[iptables]", mark])).await.status,
        201
    );
    for path in ["/acl/b", "/acl/b?dry_run=true"] {
        let drop = put(marker(), path, acl(&["[iptables]", RULE])).await;
        assert_eq!(drop.kind(), (403, "forbidden".to_owned()));
        assert!(drop.detail().contains("drop") && drop.problem().acl.as_deref() == Some("b"));
    }
    daemon.put("c", &["[iptables]", RULE]).await;
    assert_eq!(
        daemon
            .request_as(marker(), Method::DELETE, "/acl/c", "")
            .await
            .status,
        403
    );
    assert_eq!(put(marker(), "/acl/c", acl(&["[iptables]"])).await.status, 403);
    assert_eq!(
        daemon
            .request_as(marker(), Method::DELETE, "/acl/a", "")
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn the_guard_stops_everybody_but_admins() {
    let daemon = Daemon::set_up(Setup {
        state: |state| {
            state.guard = Arc::new(Guard {
                api: vec!["192.0.2.1:8080".parse().unwrap()],
                protect: Vec::new(),
            });
        },
        ..Setup::default()
    })
    .await;
    let lines = ["[iptables]", "# x", "-A INPUT -p tcp --dport 8080 -j DROP"];
    for query in ["", "?dry_run=true"] {
        let reply = daemon.put(&format!("a{query}"), &lines).await;
        assert_eq!(reply.kind(), (403, "guard".to_owned()));
        let problem = reply.problem();
        assert_eq!((problem.acl.as_deref(), problem.line), (Some("a"), Some(3)));
    }
    let patch = daemon
        .patch("", &json!({ "b": ["[iptables]"], "a": lines }))
        .await;
    assert_eq!(
        (patch.kind(), patch.problem().acl),
        ((403, "guard".to_owned()), Some("a".to_owned()))
    );
    assert_eq!(daemon.get("/acl/").await.json(), json!([]));
    let admin = Scopes {
        admin: true,
        ..Scopes::default()
    };
    let reply = daemon.request_as(admin, Method::PUT, "/acl/a", acl(&lines)).await;
    assert_eq!(reply.status, 201);
}

#[tokio::test]
async fn the_audit_knows_who_it_was() {
    let daemon = Daemon::instant().await;
    let reply = daemon
        .request_as(writer(), Method::PUT, "/acl/a", acl(&["[iptables]"]))
        .await;
    let status = daemon.get(&format!("/commit/{}", reply.commit_id())).await.json();
    assert_eq!(status["who"], "token:somebody");
}
