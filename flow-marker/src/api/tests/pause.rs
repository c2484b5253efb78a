//! Everything withdrawn, and back.

use serde_json::json;

use super::*;
use crate::actuator::Present;
use crate::clock::Time;
use crate::control::desired::Limits;
use crate::control::switch::tests::{carry_out, wish};

#[tokio::test]
async fn everything_goes_and_comes_back() {
    let world = World::open();
    let switch = world.switches.get(0).unwrap();
    let now = Time::START;
    switch.edit(|desired| {
        desired.snapshot(now, Vec::<Present>::new());
        desired.want(wish(1));
    });
    assert_eq!(carry_out(&switch, now), 1);
    let none = world.ask("GET", "/pause", "").await.json();
    assert_eq!(
        (&none["paused"], &none["withdrawn"], &none["since"]),
        (&json!(false), &json!(false), &json!(null))
    );

    let put = world
        .ask("PUT", "/pause", "{reason:'maintenance',who:'night shift'}")
        .await;
    assert_eq!((put.status, put.body.len()), (204, 0));
    let paused = world.ask("GET", "/pause", "").await.json();
    assert_eq!(paused["waiting"], json!(["10.0.0.1"]));
    assert_eq!(
        (&paused["who"], &paused["reason"]),
        (&json!("night shift"), &json!("maintenance"))
    );
    let state = |controls: &Reply| controls.json()[0]["state"].clone();
    assert_eq!(state(&world.ask("GET", "/controls/json", "").await), "paused");
    let text = String::from_utf8(world.ask("GET", "/metrics", "").await.body).unwrap();
    assert!(text.contains("flow_marker_paused 1\n"));
    assert_eq!(carry_out(&switch, now), 1, "although its hold is not over");
    let withdrawn = world.ask("GET", "/pause", "").await.json();
    assert_eq!(
        (&withdrawn["withdrawn"], &withdrawn["waiting"]),
        (&json!(true), &json!([]))
    );

    // Saying it again is no other pause, and needs no words.
    assert_eq!(world.ask("PUT", "/pause", "").await.status, 204);
    let again = world.ask("GET", "/pause", "").await.json();
    assert_eq!(
        (&again["since"], &again["reason"]),
        (&paused["since"], &json!(null))
    );

    for _ in 0..2 {
        assert_eq!(world.ask("DELETE", "/pause", "").await.status, 204);
    }
    assert_eq!(world.ask("GET", "/pause", "").await.json()["paused"], false);
    switch.edit(|desired| desired.snapshot(now, Vec::new()));
    assert_eq!(carry_out(&switch, now + Limits::AGAIN), 1, "it is still wanted");
    assert_eq!(state(&world.ask("GET", "/controls/json", "").await), "installed");
}

#[tokio::test]
async fn what_is_no_reason_pauses_nothing() {
    let world = World::open();
    let long = format!("{{reason:'{}'}}", "x".repeat(201));
    for (body, word) in [
        ("{reason:1}", "reason"),
        ("{why:'x'}", "why"),
        ("[]", ""),
        (&long, "reason"),
    ] {
        let reply = world.ask("PUT", "/pause", body.to_owned()).await;
        assert_eq!(
            (reply.status, &reply.json()["word"]),
            (400, &json!(word)),
            "{body}"
        );
    }
    assert_eq!(world.ask("GET", "/pause", "").await.json()["paused"], false);
}
