//! What is captured, and how switches are.

use serde_json::json;

use super::*;
use crate::blacklist::teller::Sighting;
use crate::blacklist::watch::{Hit, List};
use crate::clock::Time;
use crate::control::desired::Desired;
use crate::flow::AgentId;

fn sighting(remote: &str) -> Sign {
    Sign::Listed(Sighting {
        agent: AgentId(0),
        port: 3,
        hit: Hit {
            local: "10.1.0.7".parse().unwrap(),
            remote: remote.parse().unwrap(),
            list: 0,
        },
        samples: 2,
        bytes: 3000,
        first: Time::START,
    })
}

/// One with a blacklist.
fn listing() -> World {
    let world = World::open();
    let list = List {
        name: "emerging".into(),
        prefixes: ["192.0.2.0/24", "2001:db8::/32"]
            .map(|net| net.parse().unwrap())
            .into(),
    };
    let watch = Watch::new(&[list], &["10.0.0.0/8".parse().unwrap()], &[]);
    world.watch.store(Arc::new(watch));
    world
}

#[tokio::test]
async fn a_capture_tells_when_it_ends() {
    let world = listing();
    world.signs.send(sighting("192.0.2.9")).await.unwrap();
    let control = loop {
        let overview = world.ask("GET", "/overview/json", "").await.json();
        let control = &overview["controls"][0];
        if control["until"].is_u64() {
            break control.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let lasts = control["until"].as_u64().unwrap() - control["since"].as_u64().unwrap();
    assert_eq!(lasts, 1_800_000_000_000);
    assert_eq!(control["ends"], "or 5 min after its hosts were seen last");
    let all = world.ask("GET", "/controls/json", "").await.json();
    for member in ["name", "until", "ends"] {
        assert_eq!(all[0][member], control[member], "{member}");
    }
}

#[tokio::test]
async fn sessions_refusals_and_lists_are_told() {
    let world = listing();
    for remote in ["192.0.2.9", "2001:db8::1"] {
        world.signs.send(sighting(remote)).await.unwrap();
    }
    let shown = loop {
        let shown = world.ask("GET", "/captures/json", "").await;
        let json = shown.json();
        if json["refused"]["family"] == 1 && json["lists"][0]["error"].is_string() {
            break shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    let json = shown.json();
    assert_eq!((&json["per_switch"], &json["total"]), (&json!(2), &json!(20)));
    let session = &json["sessions"][0];
    for (member, value) in [
        ("agent", json!("10.0.0.1")),
        ("local", json!("10.1.0.7")),
        ("remote", json!("192.0.2.9")),
        ("analyzer", json!("10.0.0.70")),
        ("list", json!("emerging")),
        ("state", json!("observed")),
        ("samples", json!(2)),
        ("bytes", json!(3000)),
    ] {
        assert_eq!(session[member], value, "{member}");
    }
    assert!(session["name"].as_str().unwrap().starts_with("fm_cap_"));
    let list = &json["lists"][0];
    assert_eq!(
        (&list["name"], &list["entries"], &list["age"]),
        (&json!("emerging"), &json!(0), &json!(null))
    );
    let text = String::from_utf8(shown.body).unwrap();
    assert!(
        !text.contains("secret"),
        "where a list comes from is nobody's business: {text}"
    );
}

#[tokio::test]
async fn a_switch_says_how_it_is() {
    let world = World::open();
    let switch = world.switches.get(0).unwrap();
    let state = async || world.ask("GET", "/switches/json", "").await.json()[0].clone();
    let unknown = state().await;
    assert_eq!(
        (&unknown["reachable"], &unknown["in_sync"], &unknown["retry"]),
        (&json!(null), &json!(false), &json!(null))
    );
    assert_eq!(
        (&unknown["budget"]["max_rules"], &unknown["budget"]["capacity"]),
        (&json!(64), &json!(null))
    );
    switch.set_contact(Time::START, Ok(()));
    switch.edit(|desired| {
        desired.snapshot(Time::START, Vec::new());
        desired.set_capacity(Some(crate::actuator::Capacity {
            used: 100,
            limit: 1000,
        }));
    });
    let synced = state().await;
    assert_eq!(
        (&synced["in_sync"], &synced["failures"]),
        (&json!(true), &json!(0))
    );
    let budget = &synced["budget"];
    assert_eq!(
        (
            &budget["capacity"],
            &budget["capacity_used"],
            &budget["max_entries"]
        ),
        (&json!(1000), &json!(100), &json!(700))
    );
    assert!(switch.read(Desired::is_clean));
    switch.set_contact(Time::START, Err("no route to host"));
    switch.set_backoff(3, Time::START);
    let failed = state().await;
    assert_eq!(
        (
            &failed["reachable"],
            &failed["in_sync"],
            &failed["failures"],
            &failed["last_error"]
        ),
        (
            &json!(false),
            &json!(false),
            &json!(3),
            &json!("no route to host")
        )
    );
    assert!(failed["retry"].is_u64());
}
