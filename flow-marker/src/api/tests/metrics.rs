//! Values of metrics.

use serde_json::json;

use super::*;

async fn world() -> World {
    let world = World::open();
    world
        .set(&[
            ("10.0.0.1", "1", "ifinoctets", 100.0),
            ("10.0.0.1", "2", "ifinoctets", 300.0),
            ("10.0.0.1", "1", "ifspeed", 1e9),
            ("10.0.0.2", "2.1", "load_one", 0.5),
            ("10.0.0.2", "1", "ifinoctets", 200.0),
        ])
        .await;
    world
}

#[tokio::test]
async fn answers_have_the_shapes_of_sflow_rt() {
    let world = world().await;
    let names = world.ask("GET", "/metrics/json", "").await.json();
    let names: Vec<&String> = names.as_object().unwrap().keys().collect();
    assert_eq!(names, ["ifinoctets", "ifspeed", "load_one"]);
    assert_eq!(
        world.ask("GET", "/metric/10.0.0.2/json", "").await.json(),
        json!({ "1.ifinoctets": 200, "2.1.load_one": 0.5 })
    );
    let path = "/metric/ALL/ifinoctets,min:ifinoctets,sum:ifinoctets,2.1.load_one,nothing/json";
    let answer = world.ask("GET", path, "").await.json();
    let values: Vec<_> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (&m["metricName"], &m["metricValue"]))
        .collect();
    assert_eq!(
        json!(values),
        json!([
            ["ifinoctets", 300],
            ["min:ifinoctets", 100],
            ["sum:ifinoctets", 600],
            ["2.1.load_one", 0.5],
            ["nothing", null],
        ])
    );
    assert_eq!(
        (
            &answer[0]["agent"],
            &answer[0]["dataSource"],
            &answer[0]["metricN"]
        ),
        (&json!("10.0.0.1"), &json!("2"), &json!(3))
    );
    assert!(answer[2]["lastUpdateMax"].is_u64() && answer[4].get("metricValue").is_none());
    let rows = world
        .ask("GET", "/table/ALL/sort:ifinoctets:-2,null:ifspeed/json", "")
        .await
        .json();
    assert_eq!(
        json!([
            rows[0][0]["metricValue"],
            rows[1][0]["metricValue"],
            rows[0][1],
            rows.as_array().unwrap().len()
        ]),
        json!([300, 200, null, 2])
    );
    let dump = world.ask("GET", "/dump/10.0.0.1/ALL/json", "").await.json();
    assert_eq!(dump.as_array().unwrap().len(), 3);
    let text = world
        .ask("GET", "/prometheus/metrics/ALL/ifinoctets/txt", "")
        .await;
    assert!(text.kind.starts_with("text/plain"));
    let text = String::from_utf8(text.body).unwrap();
    assert_eq!(text.lines().count(), 4);
    assert!(
        text.contains("\nsflow_ifinoctets{agent=\"10.0.0.2\",datasource=\"1\"} 200\n"),
        "{text}"
    );
}

#[tokio::test]
async fn parameters_select_agents_by_their_metrics() {
    let world = world().await;
    let one = |path: &'static str| {
        let world = &world;
        async move { world.ask("GET", path, "").await.json()[0]["metricValue"].clone() }
    };
    assert_eq!(one("/metric/ALL/ifinoctets/json?load_one=0.5").await, 200);
    assert_eq!(one("/metric/ALL/ifinoctets/json?load_one=0.6").await, Value::Null);
    // What pages add to get past caches selects nothing.
    assert_eq!(one("/metric/ALL/ifinoctets/json?_=1700000000").await, 300);
    assert_eq!(one("/metric/10.0.0.1;10.0.0.2/ifinoctets/json").await, 300);
}

#[tokio::test]
async fn who_is_not_known_and_what_is_not_understood_is_said() {
    let world = world().await;
    let unknown = world.ask("GET", "/metric/10.9.9.9/json", "").await;
    assert_eq!((unknown.status, unknown.slug().as_str()), (404, "no-such-thing"));
    assert!(
        unknown.json()["detail"]
            .as_str()
            .unwrap()
            .contains("10.0.0.1, 10.0.0.2")
    );
    assert_eq!(world.ask("GET", "/metric/leaf1/json", "").await.status, 404);
    for (path, word) in [
        ("/metric/ALL/a,,b/json", "a,,b"),
        ("/metric/ALL;/ifinoctets/json", "ALL;"),
        ("/table/ALL/sort:a:0/json", "sort:a:0"),
        ("/table/ALL/sort:a,sort:b/json", "sort:b"),
        ("/dump/ALL/%20/json", " "),
    ] {
        let reply = world.ask("GET", path, "").await;
        assert_eq!(
            (reply.status, reply.slug().as_str()),
            (400, "definition"),
            "{path}"
        );
        assert_eq!(reply.json()["word"], word, "{path}");
    }
    let names = vec!["a"; 300].join(",");
    assert_eq!(
        world
            .ask("GET", &format!("/dump/ALL/{names}/json"), "")
            .await
            .status,
        400
    );
}

#[tokio::test(start_paused = true)]
async fn threads_that_do_not_answer_are_not_waited_for() {
    let mut world = World::open();
    world._shards.abort_all();
    while world._shards.join_next().await.is_some() {}
    let reply = world.ask("GET", "/metrics/json", "").await;
    assert_eq!((reply.status, reply.slug().as_str()), (503, "busy"));
}
