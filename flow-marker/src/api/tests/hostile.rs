//! Requests that nobody means well.

use super::*;

#[tokio::test]
async fn bodies_are_bounded_and_pointed_at() {
    let world = World::open();
    let path = "/forwarding/x/json";
    let huge = world.ask("PUT", path, vec![b' '; body::MAX_BODY + 1]).await;
    assert_eq!((huge.status, huge.slug().as_str()), (413, "too-large"));
    let deep = world.ask("PUT", path, "[".repeat(body::MAX_BODY)).await;
    assert_eq!((deep.status, deep.slug().as_str()), (400, "definition"));
    for (body, at, word) in [
        (&b""[..], 1, ""),
        (b"{address:\xff}", 10, ""),
        (b"{address:oops}", 10, "oops"),
        (b"{address:'192.0.2.7'} trailing", 23, "trailing"),
        (b"%7B%7D", 1, "%"),
    ] {
        let reply = world.ask("PUT", path, body.to_vec()).await;
        let json = reply.json();
        assert_eq!(reply.kind, "application/problem+json");
        assert_eq!(
            (reply.status, &json["at"], &json["word"]),
            (400, &at.into(), &word.into()),
            "{json}"
        );
    }
    assert_eq!(
        world.ask("GET", path, "").await.status,
        404,
        "nothing was defined"
    );
}

#[tokio::test]
async fn the_type_of_a_body_does_not_matter() {
    let world = World::open();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "\u{7f}",
    ] {
        let headers = [
            ("host", "localhost"),
            ("content-type", kind),
            ("accept", "image/png"),
        ];
        let headers = if kind.contains('\u{7f}') {
            &headers[..1]
        } else {
            &headers[..]
        };
        let reply = world
            .ask_from(
                "127.0.0.1:1",
                "PUT",
                "/forwarding/x/json",
                headers,
                "{address:'192.0.2.7'}",
            )
            .await;
        assert_eq!(reply.status, 204, "{kind}");
    }
}

#[tokio::test]
async fn names_are_names_and_paths_are_paths() {
    let world = World::open();
    for name in [
        "",
        "a%2Fb",
        "..",
        "%2e%2e",
        "a%20b",
        "a,b",
        "a;b",
        "a:b",
        "%00",
        "%ff",
        "-x",
        "%22",
        "a%0d%0aX:1",
    ] {
        let path = format!("/forwarding/{name}/json");
        for method in ["GET", "PUT", "DELETE"] {
            let reply = world.ask(method, &path, "{address:'192.0.2.7'}").await;
            assert_eq!(
                (reply.status, reply.slug().as_str()),
                (400, "invalid"),
                "{method} {path}"
            );
        }
    }
    let long = format!("/forwarding/{}/json", "x".repeat(5000));
    assert_eq!(world.ask("PUT", &long, "{address:'192.0.2.7'}").await.status, 400);
    for path in [
        "//forwarding/json",
        "/forwarding/../metrics",
        "/forwarding/x",
        "/forwarding/json/",
        "/forwarding/x/json/",
        "/Forwarding/json",
        "/forwarding/x/y/json",
    ] {
        let reply = world.ask("GET", path, "").await;
        assert_eq!(
            (reply.status, reply.slug().as_str()),
            (404, "no-such-path"),
            "{path}"
        );
        assert!(
            reply.json()["detail"]
                .as_str()
                .unwrap()
                .contains("/forwarding/json")
        );
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_told_from_a_path_that_is_not_there() {
    let world = World::open();
    for (method, path) in [
        ("POST", "/forwarding/x/json"),
        ("PATCH", "/forwarding/json"),
        ("DELETE", "/healthz"),
        ("OPTIONS", "/forwarding/x/json"),
        ("TRACE", "/forwarding/x/json"),
    ] {
        let reply = world.ask(method, path, "").await;
        assert_eq!(
            (reply.status, reply.slug().as_str()),
            (405, "method-not-allowed"),
            "{method} {path}"
        );
    }
    assert_eq!(world.ask("HEAD", "/forwarding/json", "").await.status, 200);
}
