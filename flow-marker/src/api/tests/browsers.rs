//! Who changes something from a browser, and what the page is served with.

use axum::http::HeaderMap;

use super::*;

const TARGET: &str = "/threshold/x/json";
const BODY: &str = "{metric:'ifinutilization',value:80}";
const BASIC: (&str, &str) = ("authorization", "Basic Ym90aDpib3Ro");
const BEARER: (&str, &str) = ("authorization", "Bearer both");
const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

/// The status of a change and the end of its problem's type.
async fn change(world: &World, headers: &[(&str, &str)]) -> (u16, String) {
    let reply = world.ask_from("127.0.0.1:1", "PUT", TARGET, headers, BODY).await;
    (reply.status, reply.slug())
}

async fn page_token(world: &World, headers: &[(&str, &str)]) -> String {
    let reply = world
        .ask_from("127.0.0.1:1", "GET", "/page/token", headers, "")
        .await;
    assert_eq!(reply.status, 200, "{:?}", reply.json());
    reply.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_credentials_our_own_page_changes_what_no_other_page_can() {
    let world = World::open();
    for host in ["localhost:8008", "127.0.0.1:8008", "[::1]:8008", "LOCALHOST"] {
        let (named, own) = (("host", host), format!("http://{host}"));
        let own = ("origin", own.as_str());
        let token = page_token(&world, &[named, SAME]).await;
        let page = ("x-flow-marker-page", token.as_str());
        let good = (204, String::new());
        assert_eq!(change(&world, &[named]).await, good, "curl {host}");
        assert_eq!(change(&world, &[named, own, SAME, page]).await, good, "{host}");
        assert_eq!(change(&world, &[named, own, page]).await, good, "{host}");
        for missing in [&[named, own, SAME][..], &[named, own], &[named, SAME]] {
            let (status, slug) = change(&world, missing).await;
            assert_eq!((status, slug.as_str()), (403, "no-page-token"), "{missing:?}");
        }
        let wrong = ("x-flow-marker-page", "fmpage_wrong");
        for shown in [&[wrong][..], &[page, wrong], &[wrong, page]] {
            let headers = [&[named, own, SAME], shown].concat();
            let (status, slug) = change(&world, &headers).await;
            assert_eq!((status, slug.as_str()), (403, "no-page-token"), "{shown:?}");
        }
        for foreign in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:3000"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let (status, slug) = change(&world, &[named, page, foreign]).await;
            assert_eq!((status, slug.as_str()), (403, "foreign-page"), "{foreign:?}");
            let reply = world
                .ask_from("127.0.0.1:1", "GET", "/page/token", &[named, foreign], "")
                .await;
            assert!([401, 403].contains(&reply.status), "{foreign:?} {reply:?}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_process_is_none() {
    let (one, other) = (World::open(), World::open());
    let named = ("host", "localhost:8008");
    let token = page_token(&one, &[named, SAME]).await;
    let headers = [named, SAME, ("x-flow-marker-page", token.as_str())];
    assert_eq!(change(&one, &headers).await.0, 204);
    assert_eq!(change(&other, &headers).await, (403, "no-page-token".to_owned()));
}

#[tokio::test]
async fn what_a_browser_keeps_is_not_enough_and_a_bearer_token_is() {
    let world = World::with(Access::new(tokens(), true, false));
    let (named, own) = (("host", "fm.example"), ("origin", "https://fm.example"));
    let browser = [named, own, SAME];
    let with = |more: &[(&'static str, &'static str)]| [&browser, more].concat();
    assert_eq!(change(&world, &with(&[BEARER])).await.0, 204);
    assert_eq!(change(&world, &[named, BASIC]).await.0, 204, "curl -u");
    let (status, slug) = change(&world, &with(&[BASIC])).await;
    assert_eq!((status, slug.as_str()), (403, "no-page-token"));
    let token = page_token(&world, &[named, SAME, BASIC]).await;
    let page = ("x-flow-marker-page", token.as_str());
    let headers = [&browser[..], &[BASIC, page]].concat();
    assert_eq!(change(&world, &headers).await.0, 204);
    // The page's token is no credential.
    for nobody in [&[page][..], &[page, ("authorization", "Bearer nobody's")]] {
        let headers = [&browser[..], nobody].concat();
        assert_eq!(change(&world, &headers).await.0, 401, "{nobody:?}");
    }
    let reader = with(&[("authorization", "Bearer reader")]);
    assert_eq!(change(&world, &reader).await, (403, "forbidden".to_owned()));
    let reply = world
        .ask_from("192.0.2.7:1", "GET", "/page/token", &reader, "")
        .await;
    assert_eq!(reply.json()["write"], false);
    assert_eq!(reply.json()["caller"], "token:reader");
}

#[tokio::test]
async fn a_name_that_somebody_made_ours_changes_nothing() {
    // To the browser, evil.example is where the page and the daemon are.
    let (named, own) = (
        ("host", "evil.example:8008"),
        ("origin", "http://evil.example:8008"),
    );
    let world = World::open();
    let token = page_token(&world, &[("host", "localhost:8008")]).await;
    let page = ("x-flow-marker-page", token.as_str());
    let (status, slug) = change(&world, &[named, own, SAME, page]).await;
    assert_eq!((status, slug.as_str()), (401, "credentials-needed"));
    let everybody = World::with(Access::new(Credentials::default(), false, true));
    let reply = everybody
        .ask_from("192.0.2.7:1", "GET", "/page/token", &[named, SAME], "")
        .await;
    assert_eq!((reply.status, reply.slug().as_str()), (403, "strange-host"));
    let token = page_token(&everybody, &[("host", "10.0.0.9:8008"), SAME]).await;
    let page = ("x-flow-marker-page", token.as_str());
    let (status, slug) = change(&everybody, &[named, own, SAME, page]).await;
    assert_eq!((status, slug.as_str()), (403, "strange-host"));
    for host in [
        "10.0.0.9:8008",
        "[2001:db8::1]:8008",
        "[2001:db8::1]",
        "localhost",
    ] {
        let own = format!("http://{host}");
        let headers = [("host", host), ("origin", own.as_str()), SAME, page];
        assert_eq!(change(&everybody, &headers).await.0, 204, "{host}");
    }
    assert_eq!(change(&everybody, &[named]).await.0, 204, "curl");
}

async fn get(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    (parts.status.as_u16(), parts.headers, body)
}

#[tokio::test]
async fn the_page_is_for_everybody_and_may_do_little() {
    let world = World::with(Access::new(tokens(), true, false));
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let (status, headers, body) = get(&world, "GET", path, &[]).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, kind));
        assert!(!body.is_empty());
        let policy = headers["content-security-policy"].to_str().unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-cache");
        let tag = headers["etag"].to_str().unwrap().to_owned();
        let (status, headers, none) = get(&world, "HEAD", path, &[]).await;
        assert_eq!((status, none.len()), (200, 0));
        assert_eq!(headers["content-length"], body.len().to_string());
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let (status, headers, none) = get(&world, "GET", path, &[("if-none-match", &known)]).await;
            assert_eq!(
                (status, none.len(), headers["etag"].to_str().unwrap()),
                (304, 0, tag.as_str())
            );
        }
        let (status, ..) = get(&world, "GET", path, &[("if-none-match", "\"x\"")]).await;
        assert_eq!(status, 200);
        assert_eq!(get(&world, "POST", path, &[]).await.0, 405);
    }
    for nothing in [
        "/assets/nothing.js",
        "/assets/../mod.rs",
        "/assets/%2e%2e/mod.rs",
        "/assets/",
    ] {
        let status = get(&world, "GET", nothing, &[]).await.0;
        assert!([401, 404].contains(&status), "{nothing} {status}");
    }
    assert_eq!(get(&world, "GET", "/assets/nothing.js", &[]).await.0, 404);
    assert_eq!(get(&world, "GET", "/page/token", &[]).await.0, 401);
}
