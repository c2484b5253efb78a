//! Every operation, tried by every kind of caller.

use super::*;

/// Kinds of callers: where from, and the token that is shown.
const CALLERS: [(&str, &str, Option<&str>); 8] = [
    ("local", "127.0.0.1:1", None),
    ("remote", "192.0.2.7:1", None),
    ("reader", "192.0.2.7:1", Some("reader")),
    ("writer", "192.0.2.7:1", Some("writer")),
    ("both", "127.0.0.1:1", Some("both")),
    ("admin", "192.0.2.7:1", Some("admin")),
    ("wrong", "127.0.0.1:1", Some("nobody's")),
    ("wrong, from afar", "192.0.2.7:1", Some("nobody's")),
];

/// Whether a caller is let in: 200 stands for every answer of a handler.
fn expected(caller: &str, method: &str, path: &str, credentials: bool) -> u16 {
    let open = ["/healthz", "/readyz", "/version"].contains(&path);
    let reads = method == "GET";
    match caller {
        caller if caller.starts_with("wrong") => 401,
        _ if open && reads => 200,
        "local" if !credentials => 200,
        "local" | "remote" => 401,
        "admin" => 200,
        "reader" if reads => 200,
        "writer" | "both" if path.starts_with("/forwarding/") && !reads => 403,
        "writer" if !reads => 200,
        "both" => 200,
        _ => 403,
    }
}

#[tokio::test]
async fn every_operation_lets_in_whom_it_should() {
    for credentials in [false, true] {
        for operation in routes::TABLE.iter().copied().flatten() {
            for (caller, from, token) in CALLERS {
                let known = if credentials {
                    tokens()
                } else {
                    Credentials::default()
                };
                if token.is_some() && !credentials && !caller.starts_with("wrong") {
                    continue;
                }
                let world = World::with(Access::new(known, credentials, false));
                let path = operation
                    .path
                    .replace("{name}", "x")
                    .replace("{agent}", "10.0.0.1")
                    .replace("{agents}", "ALL")
                    .replace("{metrics}", "ifinoctets");
                let mut headers = vec![("host", "localhost:8008")];
                let bearer = token.map(|token| format!("Bearer {token}"));
                headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
                let reply = world
                    .ask_from(from, operation.method, &path, &headers, "{}")
                    .await;
                let found = match reply.status {
                    refused @ (401 | 403) => refused,
                    _ => 200,
                };
                let wanted = expected(caller, operation.method, operation.path, credentials);
                assert_eq!(found, wanted, "{caller} {} {path} {reply:?}", operation.method);
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_whoever_shows_it() {
    let world = World::with(Access::new(tokens(), true, false));
    let target = "/forwarding/x/json";
    let body = "{address:'192.0.2.7'}";
    for foreign in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let headers = [
            ("host", "localhost:8008"),
            ("authorization", "Bearer admin"),
            foreign,
        ];
        for method in ["PUT", "DELETE", "POST"] {
            let reply = world
                .ask_from("127.0.0.1:1", method, target, &headers, body)
                .await;
            assert_eq!(
                (reply.status, reply.slug().as_str()),
                (403, "foreign-page"),
                "{method} {foreign:?}"
            );
        }
        let reply = world
            .ask_from("127.0.0.1:1", "GET", "/forwarding/json", &headers, "")
            .await;
        assert_eq!((reply.status, reply.json()), (200, serde_json::json!({})));
    }
    let own = [
        ("host", "fm.example:8443"),
        ("authorization", "Bearer admin"),
        ("origin", "https://fm.example:8443"),
        ("sec-fetch-site", "same-origin"),
    ];
    let reply = world.ask_from("192.0.2.7:1", "PUT", target, &own, body).await;
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn a_name_that_resolves_to_this_machine_is_not_this_machine() {
    let world = World::open();
    for host in ["evil.example", "127.0.0.1.evil.example:8008", "10.0.0.9"] {
        let reply = world
            .ask_from("127.0.0.1:1", "GET", "/forwarding/json", &[("host", host)], "")
            .await;
        assert_eq!(
            (reply.status, reply.slug().as_str()),
            (401, "credentials-needed"),
            "{host}"
        );
    }
    let reply = world
        .ask_from("127.0.0.1:1", "GET", "/forwarding/json", &[], "")
        .await;
    assert_eq!(reply.status, 401, "no Host");
}
