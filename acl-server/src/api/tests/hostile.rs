//! Requests that are not understood.

use super::*;

#[tokio::test]
async fn bad_names() {
    let daemon = Daemon::ready(TOOL).await;
    for path in [
        "/acl/..",
        "/acl/a%2Fb",
        "/acl/a/b",
        "/acl/%2e%2e%2fetc",
        "/acl/A",
        "/acl/a.rules",
        "/acl/a%0A",
        "/acl/%C3%A4",
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let reply = daemon
                .request(method.clone(), path, &[], "[\"[iptables]\"]")
                .await;
            assert_eq!(reply.status, 400, "{method} {path}");
            assert!(reply.detail().contains("a-z, 0-9 and _"), "{method} {path}");
        }
    }
    let long = format!("/acl/{}", "x".repeat(65));
    assert!(daemon.get(&long).await.detail().contains("at most 64"));
    for method in [Method::PUT, Method::DELETE] {
        assert_eq!(
            daemon.request(method, "/acl/lasterror", &[], "[]").await.status,
            403
        );
    }
    assert_eq!(daemon.files(), Vec::<String>::new());
}

#[tokio::test]
async fn bad_bodies() {
    let daemon = Daemon::ready(TOOL).await;
    let before = daemon.runs();
    let many: Vec<&str> = std::iter::once("[iptables]")
        .chain(std::iter::repeat_n("# x", 1000))
        .collect();
    let bodies: [(Vec<u8>, &str); 12] = [
        (b"".to_vec(), "JSON array"),
        (b"{".to_vec(), "JSON array"),
        (b"\"[iptables]\"".to_vec(), "JSON array"),
        (b"[1]".to_vec(), "expected a string"),
        (b"{\"a\":[]}".to_vec(), "JSON array"),
        (b"[\"\xff\"]".to_vec(), "JSON array"),
        (
            b"[\"[iptables]\",\\\n\"-A FORWARD -j DROP\"]".to_vec(),
            "backslash",
        ),
        (b"[]".to_vec(), "section"),
        (serde_json::to_vec(&["# only a comment"]).unwrap(), "section"),
        (
            serde_json::to_vec(&["[iptables]", "# a\n-A INPUT -j DROP"]).unwrap(),
            "printable ASCII",
        ),
        (
            serde_json::to_vec(&["[iptables]", &format!("# {}", "x".repeat(1023))]).unwrap(),
            "at most 1024 bytes",
        ),
        (serde_json::to_vec(&many).unwrap(), "at most 1000 lines"),
    ];
    for (body, expected) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = daemon.request(Method::PUT, "/acl/a", &[], body).await;
        assert_eq!(reply.status, 400, "{shown}");
        assert!(reply.detail().contains(expected), "{shown}: {}", reply.detail());
    }
    let reply = daemon
        .put("a", &["[iptables]", "# fine", "-A FORWARD -j DROP # \u{1b}"])
        .await;
    assert_eq!(
        (reply.json()["line"].as_u64(), reply.json()["column"].as_u64()),
        (Some(3), Some(22))
    );
    let reply = daemon
        .request(Method::PUT, "/acl/a", &[], vec![b' '; (1 << 20) + 1])
        .await;
    assert_eq!(reply.status, 413);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(
        daemon.request(Method::PUT, "/acl/a", &form, "[]").await.status,
        415
    );
    assert_eq!((daemon.files(), daemon.runs()), (Vec::<String>::new(), before));
}

#[tokio::test]
async fn bad_requests_are_problems_too() {
    let daemon = Daemon::ready(TOOL).await;
    for (path, status) in [
        ("/", 404),
        ("/acl/%ff", 400),
        ("/acls", 404),
        ("/acl/?page=2", 400),
        ("/acl/?details=yes", 400),
        ("/acl/a?x=1", 400),
    ] {
        let reply = daemon.get(path).await;
        assert_eq!(reply.status, status, "{path}");
        reply.detail();
    }
    let reply = daemon.request(Method::POST, "/acl/a", &[], "").await;
    assert_eq!(reply.status, 405);
    assert!(
        reply.headers["allow"].to_str().unwrap().contains("PUT"),
        "{:?}",
        reply.headers
    );
    for (parameter, expected) in [
        ("ttl=0", "from 1 to 31536000"),
        ("ttl=1h", "such as ttl=60"),
        ("ttl=60&ttl=60", "twice"),
        ("confirm=86401", "from 1 to 86400"),
        ("confirm=", "whole number of seconds"),
        ("dry_run=yes", "true or false"),
        ("atomic=true", "none of the parameters ttl, confirm, dry_run"),
    ] {
        let reply = daemon.put(&format!("a?{parameter}"), &["[iptables]", RULE]).await;
        assert_eq!(reply.status, 400, "{parameter}");
        assert!(reply.detail().contains(expected), "{}", reply.detail());
    }
    assert_eq!(daemon.files(), Vec::<String>::new());
    let reply = daemon
        .request(Method::GET, "/acl/", &[("origin", "http://evil.example")], "")
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(daemon.get("/version").await.json()["name"], "acl-server");
}

#[tokio::test]
async fn bodies_that_do_not_arrive() {
    use axum::body::Bytes;
    use futures_util::stream::iter;
    use shared::serve::SlowBody;
    let daemon = Daemon::instant().await;
    let slow = || Body::from_stream(iter([Ok(Bytes::from_static(b"[")), Err(SlowBody)]));
    let reply = daemon.request(Method::PUT, "/acl/a", &[], slow()).await;
    assert_eq!(reply.kind(), (408, "slow-body".to_owned()));
    let reply = daemon.request(Method::PATCH, "/acl/", &[], slow()).await;
    assert_eq!(reply.kind(), (408, "slow-body".to_owned()));
    let broken = iter([Ok(Bytes::from_static(b"[")), Err(std::io::Error::other("reset"))]);
    let reply = daemon
        .request(Method::PUT, "/acl/a", &[], Body::from_stream(broken))
        .await;
    assert_eq!(reply.kind(), (400, "invalid".to_owned()));
    assert_eq!(daemon.files(), Vec::<String>::new());
}

#[tokio::test]
async fn conditions_that_nobody_understands() {
    let daemon = Daemon::instant().await;
    let body = || acl(&["[iptables]"]);
    for (method, path, name, value) in [
        (Method::PUT, "/acl/a", "if-none-match", "\"x\""),
        (Method::DELETE, "/acl/a", "if-none-match", "\"x\""),
        (Method::PATCH, "/acl/", "if-none-match", "\"x\""),
        (Method::DELETE, "/acl/", "if-match", "*"),
        (Method::DELETE, "/acl/?prefix=a", "if-none-match", "*"),
        (Method::PUT, "/acl/a", "if-match", "\u{e4}"),
    ] {
        let reply = daemon
            .request(method.clone(), path, &[(name, value)], body())
            .await;
        assert_eq!(reply.kind(), (400, "invalid".to_owned()), "{method} {path}");
        assert!(reply.detail().contains(name), "{}", reply.detail());
    }
}
