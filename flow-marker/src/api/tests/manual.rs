//! Controls that people want.

use serde_json::json;

use super::*;

const BLOCK: &str =
    "{action:'drop',switch:'10.0.0.1',protocol:'udp',destination:'10.1.0.7',sport:53,reason:'test'}";

#[tokio::test]
async fn a_control_is_made_shown_and_released() {
    let world = World::open();
    let made = world.ask("POST", "/controls", BLOCK).await;
    assert_eq!(made.status, 201, "{made:?}");
    let name = made.json()["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("fm_drop_"));
    let controls = world.ask("GET", "/controls/json", "").await.json();
    let control = &controls[0];
    assert_eq!(
        (&control["name"], &control["state"], &control["about"]),
        (&json!(name), &json!("wanted"), &json!("by 127.0.0.1: test")),
        "although drops are only observed"
    );
    assert_eq!(
        control["rule"][2],
        "-A FORWARD --in-interface swp+ -d 10.1.0.7 -p udp --sport 53 -j DROP"
    );
    let path = format!("/controls/{name}");
    assert_eq!(world.ask("DELETE", &path, "").await.status, 204);
    let again = world.ask("DELETE", &path, "").await;
    assert_eq!((again.status, again.slug().as_str()), (404, "no-such-thing"));
    assert_eq!(world.ask("DELETE", "/controls/NO", "").await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_the_word() {
    let world = World::open();
    for (body, word) in [
        ("{}", "switch"),
        ("{switch:'10.0.0.1',destination:'10.1.0.7'}", "action"),
        (
            "{switch:'10.0.0.9',action:'drop',protocol:'udp',destination:'10.1.0.7'}",
            "switch",
        ),
        (
            "{switch:'10.0.0.1',action:'drop',protocol:'icmp',destination:'10.1.0.7'}",
            "protocol",
        ),
        (
            "{switch:'10.0.0.1',action:'drop',protocol:'udp',destination:'0.0.0.0'}",
            "destination",
        ),
        (
            "{switch:'10.0.0.1',action:'drop',protocol:'udp',destination:'10.0.0.1'}",
            "",
        ),
        (
            "{switch:'10.0.0.1',action:'drop',protocol:'udp',destination:'10.1.0.7',ttl:86401}",
            "ttl",
        ),
        (
            "{switch:'10.0.0.1',action:'drop',protocol:'udp',destination:'10.1.0.7',sport:0}",
            "sport",
        ),
        (
            "{switch:'10.0.0.1',action:'drop',protocol:'udp',destination:'10.1.0.7',source:'::1'}",
            "source",
        ),
        (
            "{switch:'10.0.0.1',action:'mark',protocol:'tcp',destination:'10.1.0.7',source:'10.1.0.8',sport:1}",
            "dport",
        ),
        (
            "{switch:'10.0.0.1',action:'mark',protocol:'tcp',destination:'10.1.0.7',source:'10.1.0.8',sport:1,dport:179}",
            "",
        ),
        (
            "{switch:'10.0.0.1',action:'capture',destination:'10.1.0.7',source:'10.1.0.8',sport:1}",
            "sport",
        ),
        (
            "{switch:'10.0.0.1',action:'capture',destination:'10.1.0.7',source:'10.0.0.70'}",
            "",
        ),
        (
            "{switch:'10.0.0.1',action:'capture',destination:'2001:db8::1',source:'2001:db8::2'}",
            "source",
        ),
        ("{wsitch:'10.0.0.1'}", "wsitch"),
    ] {
        let reply = world.ask("POST", "/controls", body).await;
        assert_eq!(
            (reply.status, &reply.json()["word"]),
            (400, &json!(word)),
            "{body}"
        );
    }
    let controls = world.ask("GET", "/controls/json", "").await.json();
    assert_eq!(controls, json!([]));
}
