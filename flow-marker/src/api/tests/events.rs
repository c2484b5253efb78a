//! Thresholds and events.

use std::time::Duration;

use serde_json::json;

use super::*;

const THRESHOLD: &str = "{metric:'load',value:10,timeout:0}";

#[tokio::test]
async fn a_threshold_is_put_shown_and_removed() {
    let world = World::open();
    assert_eq!(
        world.ask("PUT", "/threshold/high/json", THRESHOLD).await.status,
        204
    );
    let shown = json!({ "metric": "load", "value": 10, "byFlow": false, "timeout": 0 });
    assert_eq!(world.ask("GET", "/threshold/high/json", "").await.json(), shown);
    assert_eq!(
        world.ask("GET", "/threshold/json", "").await.json(),
        json!({ "high": shown })
    );
    for (body, word) in [
        ("{value:1}", "metric"),
        ("{metric:'a',value:'x'}", "value"),
        ("{metric:'a',value:1,byflow:true}", "byflow"),
        ("{metric:'a',value:1,filter:{b:[]}}", "filter.b"),
    ] {
        let reply = world.ask("PUT", "/threshold/bad/json", body).await;
        assert_eq!(
            (reply.status, &reply.json()["word"]),
            (400, &json!(word)),
            "{body}"
        );
    }
    assert_eq!(world.ask("DELETE", "/threshold/high/json", "").await.status, 204);
    assert_eq!(world.ask("DELETE", "/threshold/high/json", "").await.status, 404);
    assert_eq!(world.ask("GET", "/threshold/json", "").await.json(), json!({}));
}

#[tokio::test]
async fn there_is_an_end_to_thresholds() {
    let world = World::open();
    let mut last = 0;
    for n in 0..1100 {
        last = world
            .ask("PUT", &format!("/threshold/t{n}/json"), THRESHOLD)
            .await
            .status;
    }
    assert_eq!(last, 507);
    let all = world.ask("GET", "/threshold/json", "").await.json();
    assert_eq!(all.as_object().unwrap().len(), 1000);
}

/// Passes the threshold `high` on this data source.
async fn pass(world: &World, source: &'static str) {
    world.set(&[("10.0.0.1", source, "load", 99.5)]).await;
}

#[tokio::test]
async fn a_client_of_sflow_rt_hears_of_every_event_once() {
    let world = World::open();
    world.ask("PUT", "/threshold/high/json", THRESHOLD).await;
    let ask = |path: String| {
        let world = &world;
        async move { world.ask("GET", &path, "").await.json() }
    };
    assert_eq!(ask("/events/json".to_owned()).await, json!([]));
    pass(&world, "1").await;
    let first = ask("/events/json?thresholdID=high&eventID=-1&timeout=30&maxEvents=5".to_owned()).await;
    let event = &first[0];
    assert_eq!(
        json!([
            event["thresholdID"],
            event["metric"],
            event["threshold"],
            event["value"],
            event["agent"],
            event["dataSource"]
        ]),
        json!(["high", "load", 10, 99.5, "10.0.0.1", "1"])
    );
    assert!(event["timestamp"].as_u64().unwrap() > 1_600_000_000_000 && event.get("flowKey").is_none());
    let id = event["eventID"].as_u64().unwrap();
    // Nothing new; then two at once, the newest first.
    assert_eq!(ask(format!("/events/json?eventID={id}")).await, json!([]));
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world
            .set(&[("10.0.0.1", "2", "load", 50.0), ("10.0.0.1", "3", "load", 60.0)])
            .await;
    };
    let (news, ()) = tokio::join!(ask(format!("/events/json?eventID={id}&timeout=60")), later);
    let ids: Vec<u64> = news
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["eventID"].as_u64().unwrap())
        .collect();
    assert!(ids == [id + 2, id + 1] || ids == [id + 1], "{ids:?}");
    assert_eq!(
        ask("/events/json?thresholdID=other&eventID=-1".to_owned()).await,
        json!([])
    );
    assert_eq!(
        ask("/events/json?maxEvents=1".to_owned())
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long the runtime has waited")]
async fn waiting_ends_with_the_time_or_the_daemon_and_is_bounded() {
    let world = World::open();
    let began = tokio::time::Instant::now();
    let nothing = world.ask("GET", "/events/json?timeout=1&eventID=-1", "").await;
    assert_eq!((nothing.status, nothing.json()), (200, json!([])));
    assert!(began.elapsed() >= Duration::from_secs(1));
    let flood = (0..wait::MAX_WAITERS).map(|_| world.ask("GET", "/events/json?timeout=60", ""));
    let flood: Vec<_> = flood.collect();
    let mut flood: JoinSetOf<_> = flood.into_iter().map(Box::pin).collect();
    let poll = std::future::poll_fn(|cx| {
        for asked in &mut flood {
            assert!(asked.as_mut().poll(cx).is_pending());
        }
        std::task::Poll::Ready(())
    });
    poll.await;
    assert_eq!(world.waiters.waiting(), wait::MAX_WAITERS);
    let refused = world.ask("GET", "/events/json?timeout=60", "").await;
    assert_eq!(
        (refused.status, refused.slug().as_str()),
        (503, "too-many-waiters")
    );
    assert_eq!(
        world.ask("GET", "/events/json", "").await.status,
        200,
        "who does not wait is answered"
    );
    world.trigger.trigger();
    for asked in flood {
        assert_eq!(asked.await.status, 200);
    }
}

type JoinSetOf<F> = Vec<std::pin::Pin<Box<F>>>;

#[tokio::test]
async fn wrong_parameters_are_told_from_unknown_ones() {
    let world = World::open();
    for bad in [
        "eventID=x",
        "maxEvents=-1",
        "timeout=soon",
        "timeout=1&timeout=2",
        "eventID=1e3",
    ] {
        let reply = world.ask("GET", &format!("/events/json?{bad}"), "").await;
        assert_eq!((reply.status, reply.slug().as_str()), (400, "invalid"), "{bad}");
    }
    for fine in [
        "_=1",
        "eventID=-5",
        "maxEvents=0&timeout=60",
        "eventID=9223372036854775807",
        "whatever",
    ] {
        assert_eq!(
            world.ask("GET", &format!("/events/json?{fine}"), "").await.status,
            200,
            "{fine}"
        );
    }
}
