//! What happens now.

use super::*;

#[tokio::test]
async fn the_overview_is_made_for_whoever_asks_and_streams_begin_with_it() {
    let world = World::open();
    let reply = world.ask("GET", "/overview/json", "").await;
    assert_eq!((reply.status, reply.kind.as_str()), (200, "application/json"));
    let overview = reply.json();
    let questions: Vec<_> = overview["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["question"].as_str().unwrap())
        .collect();
    assert_eq!(
        questions,
        ["causing", "believe", "hot", "work", "broken", "changed"]
    );
    assert_eq!(overview["counts"]["switches"], 1);
    let reply = world.ask("GET", "/live", "").await;
    assert_eq!((reply.status, reply.kind.as_str()), (200, "text/event-stream"));
    let text = String::from_utf8(reply.body).unwrap();
    let data = text
        .strip_prefix("event: overview\nretry: 1000\ndata: ")
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap();
    let shown: Value = serde_json::from_str(data).unwrap();
    assert_eq!(shown["version"], overview["version"]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_tells_is_not_shown_as_if_it_were_new() {
    let world = World::open();
    world.stop_receiving();
    let reply = world.ask("GET", "/overview/json", "").await;
    assert_eq!((reply.status, reply.slug().as_str()), (503, "busy"), "{reply:?}");
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_who_goes_makes_room() {
    let world = World::open();
    let mut places: Vec<_> = (0..wait::MAX_STREAMS)
        .map(|_| world.waiters.stream().unwrap())
        .collect();
    let reply = world.ask("GET", "/live", "").await;
    assert_eq!((reply.status, reply.slug().as_str()), (503, "too-many-waiters"));
    places.pop();
    assert_eq!(world.ask("GET", "/live", "").await.status, 200);
}

#[tokio::test]
async fn a_stream_ends_with_the_daemon() {
    let world = World::open();
    let request = Request::builder()
        .uri("/live")
        .header("host", "localhost:8008")
        .extension(Arc::new(Peer {
            address: "127.0.0.1:1".parse().ok(),
            local: "127.0.0.1:8008".parse().ok(),
            ..Peer::default()
        }));
    let request = request.body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    let mut frames = response.into_body().into_data_stream();
    assert!(frames.next().await.is_some());
    world.trigger.trigger();
    let end = async { while frames.next().await.is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), end)
        .await
        .expect("it goes on");
}

#[tokio::test]
async fn history_and_flows_are_asked_for_in_their_bounds() {
    let world = World::open();
    let reply = world.ask("GET", "/history/json", "").await;
    assert_eq!(
        (reply.status, &reply.json()["step"]),
        (200, &serde_json::json!(1))
    );
    for wrong in ["seconds=0", "seconds=604801", "seconds=x", "at=-1"] {
        let reply = world.ask("GET", &format!("/history/json?{wrong}"), "").await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
    let long = world
        .ask("GET", "/history/json?seconds=604800&at=1800000000", "")
        .await;
    assert_eq!(long.json()["points"], serde_json::json!([]));
    let reply = world
        .ask("GET", "/elephants/json?search=TCP%20leaf1&state=marked,found", "")
        .await;
    assert_eq!(
        (reply.status, &reply.json()["matching"]),
        (200, &serde_json::json!(0))
    );
    for wrong in ["state=huge", "max=x", "search=a%20b%20c%20d%20e%20f%20g%20h%20i"] {
        let reply = world.ask("GET", &format!("/elephants/json?{wrong}"), "").await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
}
