//! What was decided, what would have been done, and the modes.

use serde_json::json;

use super::*;
use crate::clock::Time;
use crate::control::desired::{Ending, Holder};
use crate::control::switch::tests::wish;
use crate::sflow::DataSource;

fn words(reply: &Reply) -> Vec<String> {
    let json = reply.json();
    let decisions = json.as_array().unwrap().iter();
    decisions
        .map(|decision| decision["decision"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn decisions_are_told_with_their_evidence_and_waited_for() {
    let world = World::open();
    let switch = world.switches.get(0).unwrap();
    assert_eq!(world.ask("GET", "/decisions/json", "").await.json(), json!([]));
    switch.edit(|desired| desired.want(wish(1)));
    let all = world.ask("GET", "/decisions/json?since=-1", "").await;
    let decision = &all.json()[0];
    assert_eq!(
        (
            &decision["decision"],
            &decision["switch"],
            &decision["controller"],
            &decision["who"]
        ),
        (
            &json!("wanted"),
            &json!("10.0.0.1"),
            &json!("mark"),
            &json!("controller")
        )
    );
    assert_eq!(decision["evidence"]["rate_bps"], 100_000_000);
    assert_eq!(
        (&decision["mode"], &decision["count"]),
        (&json!("act"), &json!(1))
    );

    let id = decision["id"].as_u64().unwrap();
    let path = format!("/decisions/json?since={id}&timeout=60&kind=released,dismissed&control=fm_mark_1");
    let (waited, ()) = tokio::join!(world.ask("GET", &path, ""), async {
        while world.waiters.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        switch.edit(|desired| {
            desired.want(wish(2));
            let holder = Holder::Source(DataSource::interface(1));
            desired.release(
                Time::START,
                &wish(1).control.name,
                holder,
                Time::START,
                Ending::Silence,
            );
        });
    });
    assert_eq!(
        (words(&waited), &waited.json()[0]["reason"]),
        (vec!["released".to_owned()], &json!("silence"))
    );
    let other = world.ask("GET", "/decisions/json?switch=10.0.0.2", "").await;
    assert_eq!(other.json(), json!([]));
    for bad in ["kind=wanted,x", "switch=leaf1", "since=x", "max=x"] {
        let reply = world.ask("GET", &format!("/decisions/json?{bad}"), "").await;
        assert_eq!((reply.status, reply.slug()), (400, "invalid".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn the_shadow_report_is_of_any_span() {
    let world = World::open();
    let switch = world.switches.get(0).unwrap();
    world.ask("PUT", "/modes/mark", "{mode:'observe'}").await;
    switch.edit(|desired| desired.want(wish(1)));
    let report = world.ask("GET", "/shadow/json?from=-24h", "").await.json();
    assert_eq!(report["modes"]["mark"], "observe");
    assert_eq!(
        report["total"]["marks"],
        json!({"begun": 1, "ended": 0, "most": 1})
    );
    assert_eq!(report["total"]["elephants"]["average"], 1);
    assert_eq!(report["switches"][0]["agent"], "10.0.0.1");
    assert_eq!(report["switches"][0]["changes"], 1);
    let before = "/shadow/json?from=2000-01-01T00:00:00Z&until=2000-01-02T00:00:00Z";
    assert_eq!(world.ask("GET", before, "").await.status, 200);
    for bad in ["from=x", "from=-1h&until=-2h", "until=2000-01-01"] {
        let reply = world.ask("GET", &format!("/shadow/json?{bad}"), "").await;
        assert_eq!((reply.status, reply.slug()), (400, "invalid".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn modes_are_set_and_set_back_by_people() {
    let world = World::open();
    let mark = || async { world.ask("GET", "/modes/json", "").await.json()[0].clone() };
    let configured = mark().await;
    assert_eq!(
        configured,
        json!({"controller": "mark", "mode": "act", "configured": "act", "since": null, "caller": null, "who": null,
               "reason": null})
    );
    world
        .switches
        .get(0)
        .unwrap()
        .edit(|desired| desired.want(wish(1)));
    let put = world
        .ask(
            "PUT",
            "/modes/mark",
            "{mode:'observe', who:'night shift', reason:'odd'}",
        )
        .await;
    assert_eq!((put.status, put.body.len()), (204, 0));
    let set = mark().await;
    assert_eq!(
        (&set["mode"], &set["configured"], &set["who"], &set["reason"]),
        (
            &json!("observe"),
            &json!("act"),
            &json!("night shift"),
            &json!("odd")
        )
    );
    let state = || async { world.ask("GET", "/controls/json", "").await.json()[0]["state"].clone() };
    assert_eq!(state().await, "observed");
    assert_eq!(world.ask("DELETE", "/modes/mark", "").await.status, 204);
    assert_eq!((mark().await, state().await), (configured, json!("wanted")));
    let decided = world
        .ask("GET", "/decisions/json?kind=mode_changed", "")
        .await
        .json();
    let told: Vec<_> = decided
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["why"].clone())
        .collect();
    assert_eq!(told, ["act", "observe: odd"]);
    assert_eq!(decided[1]["who"], "127.0.0.1");

    for (path, body, status) in [
        ("/modes/mark", "{mode:'on'}", 400),
        ("/modes/mark", "{}", 400),
        ("/modes/mark", "{mode:'act', why:'x'}", 400),
        ("/modes/marks", "{mode:'act'}", 404),
    ] {
        assert_eq!(world.ask("PUT", path, body).await.status, status, "{path} {body}");
    }
}
