//! Collectors that datagrams are sent on to.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_collector_is_put_shown_and_removed() {
    let world = World::open();
    assert_eq!(world.ask("GET", "/forwarding/json", "").await.json(), json!({}));
    let put = world
        .ask(
            "PUT",
            "/forwarding/second/json",
            "{address:'192.0.2.7',port:6344}",
        )
        .await;
    assert_eq!((put.status, put.body.len()), (204, 0));
    let target = json!({ "address": "192.0.2.7", "port": 6344 });
    assert_eq!(
        world.ask("GET", "/forwarding/second/json", "").await.json(),
        target
    );
    assert_eq!(
        world.ask("GET", "/forwarding/json", "").await.json(),
        json!({ "second": target })
    );
    let other = world.ask("GET", "/forwarding/third/json", "").await;
    assert_eq!((other.status, other.slug().as_str()), (404, "no-such-thing"));
    assert!(
        other.json()["detail"].as_str().unwrap().contains("second"),
        "what there is"
    );
    assert_eq!(
        world.ask("DELETE", "/forwarding/second/json", "").await.status,
        204
    );
    assert_eq!(
        world.ask("DELETE", "/forwarding/second/json", "").await.status,
        404
    );
}

#[tokio::test]
async fn what_cannot_be_a_collector_is_refused_with_the_word() {
    let world = World::open();
    for (body, word) in [
        ("{address:'collector.example'}", "address"),
        ("{address:'192.0.2.7',prot:1}", "prot"),
        // Where datagrams arrive: they would circle for ever.
        ("{address:'127.0.0.1',port:6343}", "address"),
        ("[]", ""),
    ] {
        let reply = world.ask("PUT", "/forwarding/x/json", body).await;
        assert_eq!(
            (reply.status, reply.slug().as_str()),
            (400, "definition"),
            "{body}"
        );
        assert_eq!(reply.json()["word"], word, "{body}");
    }
    for n in 0..16 {
        let path = format!("/forwarding/c{n}/json");
        assert_eq!(world.ask("PUT", &path, "{address:'192.0.2.7'}").await.status, 204);
    }
    let full = world
        .ask("PUT", "/forwarding/one-more/json", "{address:'192.0.2.7'}")
        .await;
    assert_eq!((full.status, full.slug().as_str()), (507, "no-room"));
    let replaced = world
        .ask("PUT", "/forwarding/c0/json", "{address:'192.0.2.8'}")
        .await;
    assert_eq!(replaced.status, 204, "what is there is replaced all the same");
}
