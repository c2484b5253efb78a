//! Who is let in, as whom, and who is not.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::get;
use axum::{Router, middleware};
use shared::serve::peer::{CertificateInfo, UnixPeer};
use shared::serve::token::TokenHash;
use shared::serve::{Credentials, Peer};
use tower::ServiceExt as _;

use super::*;
use crate::config::access::Scope;

/// `Authorization: Basic marker:secret`, and with another name.
const BASIC: &str = "Basic bWFya2VyOnNlY3JldA==";
const BASIC_OTHER: &str = "Basic b3RoZXI6c2VjcmV0";

fn scopes(scopes: &[Scope]) -> Scopes {
    Scopes::new(scopes, None, None).unwrap()
}

/// One token `secret`, called `marker`, and one certificate `CN=c`.
fn credentials() -> Credentials<Scopes> {
    let mut table = Credentials::default();
    let hash = TokenHash::of(b"secret");
    table
        .add_token(
            "marker".parse().unwrap(),
            hash,
            scopes(&[Scope::Read, Scope::Write]),
        )
        .unwrap();
    table
        .add_certificate("CN=c".to_owned(), scopes(&[Scope::Read]))
        .unwrap();
    table
}

fn open() -> Access {
    Access::new(Credentials::default(), false, false)
}

fn closed() -> Access {
    Access::new(credentials(), true, false)
}

fn tcp(address: &str) -> Peer {
    Peer {
        address: address.parse().ok(),
        local: "10.0.0.1:8080".parse().ok(),
        ..Peer::default()
    }
}

fn unix(uid: u32) -> Peer {
    let (gid, pid) = (uid, Some(1));
    Peer {
        unix: Some(UnixPeer { uid, gid, pid }),
        ..Peer::default()
    }
}

fn with_certificate(subject: &str) -> Peer {
    Peer {
        tls: true,
        certificate: Some(CertificateInfo {
            subject: subject.to_owned(),
            names: Vec::new(),
        }),
        ..tcp("10.0.0.2:1")
    }
}

fn headers(headers: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    headers.iter().map(pair).collect()
}

const LOCAL: (&str, &str) = ("host", "localhost:8080");

/// The caller's id, or `needed`, or `wrong`.
fn decide(access: &Access, peer: &Peer, shown: &[(&'static str, &str)]) -> String {
    match access.caller(peer, &headers(shown), None) {
        Ok(caller) => caller.to_string(),
        Err(Refusal::Needed(_)) => "needed".to_owned(),
        Err(Refusal::Wrong) => "wrong".to_owned(),
    }
}

#[test]
fn without_credentials_only_this_machine() {
    for (peer, expected) in [
        (tcp("127.0.0.1:1"), "127.0.0.1"),
        (tcp("[::1]:1"), "::1"),
        (unix(1000), "uid:1000"),
        (unix(0), "uid:0"),
        (tcp("10.0.0.2:1"), "needed"),
        (Peer::default(), "needed"),
    ] {
        assert_eq!(decide(&open(), &peer, &[LOCAL]), expected, "{peer}");
        // Where callers are known, nobody is trusted for being here, but for root.
        let expected = if peer == unix(0) { "uid:0" } else { "needed" };
        assert_eq!(decide(&closed(), &peer, &[LOCAL]), expected, "{peer}");
    }
    let empty_but_required = Access::new(Credentials::default(), true, false);
    assert_eq!(
        decide(&empty_but_required, &tcp("127.0.0.1:1"), &[LOCAL]),
        "needed"
    );
}

#[test]
fn detours_and_strange_hosts_need_credentials_even_from_root() {
    for peer in [tcp("127.0.0.1:1"), unix(1000), unix(0)] {
        for detour in ["forwarded", "x-forwarded-for", "via", "origin"] {
            assert_eq!(
                decide(&open(), &peer, &[LOCAL, (detour, "x")]),
                "needed",
                "{peer} {detour}"
            );
        }
        for host in [
            "evil.example",
            "10.0.0.9:8080",
            "localhost.evil.example",
            "",
            "[::2]",
            "127.0.0.1.evil.example:80",
        ] {
            assert_eq!(
                decide(&open(), &peer, &[("host", host)]),
                "needed",
                "{peer} {host}"
            );
        }
        assert_eq!(decide(&open(), &peer, &[]), "needed", "{peer}: no Host");
        assert_eq!(
            decide(&open(), &peer, &[LOCAL, ("host", "evil.example")]),
            "needed",
            "{peer}: two Hosts"
        );
        for host in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8080",
            "127.9.9.9",
        ] {
            assert_ne!(
                decide(&open(), &peer, &[("host", host)]),
                "needed",
                "{peer} {host}"
            );
        }
    }
    // The address that the connection came to is a name of ours.
    assert_eq!(
        decide(&open(), &tcp("127.0.0.1:1"), &[("host", "10.0.0.1:8080")]),
        "127.0.0.1"
    );
}

#[test]
fn the_authority_of_http2_counts_like_a_host() {
    let peer = tcp("127.0.0.1:1");
    let with = |shown, authority| open().caller(&peer, &headers(shown), Some(authority)).is_ok();
    assert!(with(&[], "localhost:8080") && with(&[LOCAL], "127.0.0.1"));
    assert!(!with(&[], "evil.example"));
    assert!(
        !with(&[LOCAL], "evil.example"),
        "an absolute target beats the Host"
    );
    assert!(!with(&[("host", "evil.example")], "localhost"));
}

#[test]
fn a_token_is_good_from_everywhere_and_a_wrong_one_nowhere() {
    for peer in [
        tcp("127.0.0.1:1"),
        tcp("10.0.0.2:1"),
        unix(0),
        unix(7),
        with_certificate("CN=c"),
    ] {
        for shown in ["Bearer secret", BASIC] {
            let detour = [
                ("authorization", shown),
                ("host", "switch1.example"),
                ("x-forwarded-for", "x"),
            ];
            assert_eq!(
                decide(&closed(), &peer, &detour),
                "token:marker",
                "{peer} {shown}"
            );
        }
        for shown in ["Bearer secre", "Bearer ", "Basic !", "Digest x", BASIC_OTHER] {
            for access in [open(), closed(), Access::new(credentials(), true, true)] {
                let decided = decide(&access, &peer, &[LOCAL, ("authorization", shown)]);
                assert_eq!(decided, "wrong", "{peer} {shown}");
            }
        }
        let twice = [
            ("authorization", "Bearer secret"),
            ("authorization", "Bearer secret"),
        ];
        assert_eq!(decide(&closed(), &peer, &twice), "wrong", "{peer}");
    }
}

#[test]
fn a_certificate_is_good_if_its_subject_is_known() {
    let strange = [("host", "switch1.example")];
    assert_eq!(
        decide(&closed(), &with_certificate("CN=c"), &strange),
        "cert:CN=c"
    );
    for subject in ["CN=d", "", "CN=c,O=x"] {
        assert_eq!(decide(&closed(), &with_certificate(subject), &strange), "needed");
    }
    let refused = closed().caller(&with_certificate("CN=d"), &headers(&[LOCAL]), None);
    assert!(matches!(refused, Err(Refusal::Needed(why)) if why.contains("CN=d")));
}

#[test]
fn no_auth_lets_everybody_in_and_makes_nobody_more_than_that() {
    let access = Access::new(Credentials::default(), false, true);
    let strange = [("host", "evil.example"), ("origin", "x")];
    for (peer, expected) in [
        (tcp("10.0.0.2:1"), "10.0.0.2"),
        (unix(1000), "uid:1000"),
        (Peer::default(), "anonymous"),
    ] {
        assert_eq!(decide(&access, &peer, &strange), expected);
    }
    // A proxy that runs as root does not make its clients admins.
    for (shown, admin) in [(&strange[..], false), (&[LOCAL][..], true)] {
        let caller = access.caller(&unix(0), &headers(shown), None).unwrap();
        let caller = Caller::new(caller, &unix(0));
        assert_eq!(caller.is_admin(), admin);
    }
    let with_tokens = Access::new(credentials(), true, true);
    assert_eq!(decide(&with_tokens, &tcp("10.0.0.2:1"), &strange), "10.0.0.2");
}

#[test]
fn callers_are_replaced_for_the_next_request() {
    let access = closed();
    let bearer = [("authorization", "Bearer secret")];
    let peer = tcp("10.0.0.2:1");
    assert_eq!(decide(&access, &peer, &bearer), "token:marker");
    access.replace(Credentials::default(), true);
    assert_eq!(decide(&access, &peer, &bearer), "wrong");
    assert_eq!(decide(&access, &tcp("127.0.0.1:1"), &[LOCAL]), "needed");
    access.replace(credentials(), true);
    assert_eq!(decide(&access, &peer, &bearer), "token:marker");
}

/// The status of a request to a router with one ordinary path, which answers with the caller's id.
async fn status(
    access: Access,
    peer: Option<Peer>,
    method: &str,
    path: &str,
    shown: &[(&'static str, &str)],
) -> u16 {
    let whoami = get(|caller: Caller| async move { caller.id() }).put(|_: Caller| async {});
    let healthz = get(|| async { "ok" });
    let app = Router::new()
        .route("/acl/", whoami)
        .route("/healthz", healthz)
        .layer(middleware::from_fn_with_state(Arc::new(access), check));
    let mut request = Request::builder().method(method).uri(path);
    request.headers_mut().unwrap().extend(headers(shown));
    if let Some(peer) = peer {
        request = request.extension(Arc::new(peer));
    }
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    if response.status() == StatusCode::UNAUTHORIZED {
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    response.status().as_u16()
}

#[tokio::test]
async fn what_everybody_may_ask_and_what_takes_scopes() {
    let far = || Some(tcp("10.0.0.2:1"));
    let good = ("authorization", "Bearer secret");
    let wrong = ("authorization", "Bearer wrong");
    for (peer, method, path, shown, expected) in [
        (far(), "GET", "/healthz", &[][..], 200),
        (None, "GET", "/healthz", &[], 200),
        (far(), "HEAD", "/healthz", &[("origin", "x")], 200),
        (far(), "GET", "/healthz", &[wrong], 401),
        (far(), "PUT", "/healthz", &[], 401),
        (far(), "GET", "/healthz/", &[], 401),
        (far(), "GET", "/metrics", &[], 401),
        (far(), "GET", "/nothing", &[], 401),
        (far(), "GET", "/acl/", &[], 401),
        (None, "GET", "/acl/", &[LOCAL], 401),
        (far(), "GET", "/acl/", &[good], 200),
        (far(), "PUT", "/acl/", &[good], 200),
        (far(), "GET", "/nothing", &[good], 404),
        (Some(with_certificate("CN=c")), "GET", "/acl/", &[], 200),
        (Some(with_certificate("CN=c")), "PUT", "/acl/", &[], 403),
        (Some(with_certificate("CN=c")), "DELETE", "/acl/", &[], 403),
        (Some(with_certificate("CN=c")), "OPTIONS", "/acl/", &[], 403),
    ] {
        let found = status(closed(), peer.clone(), method, path, shown).await;
        assert_eq!(found, expected, "{peer:?} {method} {path} {shown:?}");
    }
    let mut writers = Credentials::default();
    let hash = TokenHash::of(b"secret");
    writers
        .add_token("w".parse().unwrap(), hash, scopes(&[Scope::Write]))
        .unwrap();
    let writers = Access::new(writers, true, false);
    assert_eq!(status(writers, far(), "GET", "/acl/", &[good]).await, 403);
}
