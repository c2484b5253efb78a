//! What is in memory and what is on the disk, as one answer.

use serde_json::json;

use super::*;
use crate::control::switch::tests::wish;
use crate::history::{Row, Series};

const SECOND: u64 = 1_000_000_000;

/// A decision of an earlier run, so many seconds after 1970.
fn decision(id: u64, control: &str) -> (Series, Row) {
    let json = json!({"id": id, "time": id * SECOND, "decision": "released", "switch": "10.0.0.1", "control": control});
    let (time, json) = (id * SECOND, json.to_string().into_bytes());
    (Series::Decisions, Row { id, time, json })
}

fn event(id: u64, threshold: &str) -> (Series, Row) {
    let json = json!({"eventID": id, "timestamp": id * 1000, "thresholdID": threshold, "value": -1.5});
    let (time, json) = (id * SECOND, json.to_string().into_bytes());
    (Series::Events, Row { id, time, json })
}

async fn world(directory: &FilePath) -> World {
    let mut rows: Vec<_> = (1..=20)
        .map(|id| decision(id, if id % 2 == 0 { "even" } else { "odd" }))
        .collect();
    rows.extend((1..=5).map(|id| event(id, "busy")));
    let world = World::with_past(History::holding(directory, &rows));
    world.switches.get(0).unwrap().edit(|desired| {
        desired.want(wish(1));
        desired.want(wish(2));
    });
    // The list that there is not: one more.
    while ids(&world, "/decisions/json?kind=list_failed&since=-1")
        .await
        .is_empty()
    {
        tokio::task::yield_now().await;
    }
    world
}

/// Ids of an answer.
async fn ids(world: &World, path: &str) -> Vec<u64> {
    let reply = world.ask("GET", path, "").await;
    let json = reply.json();
    let id = |document: &Value| document["id"].as_u64().or(document["eventID"].as_u64()).unwrap();
    json.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn an_answer_goes_on_where_memory_ends() {
    let directory = tempfile::tempdir().unwrap();
    let world = world(directory.path()).await;
    let down = |from: u64, to: u64| (to..=from).rev().collect::<Vec<_>>();
    let all = [down(1002, 1000), down(20, 1)].concat();
    assert_eq!(ids(&world, "/decisions/json").await, all);
    assert_eq!(ids(&world, "/decisions/json?max=4").await, [1002, 1001, 1000, 20]);
    assert_eq!(
        ids(&world, "/decisions/json?before=1001&max=3").await,
        [1000, 20, 19]
    );
    assert_eq!(ids(&world, "/decisions/json?before=18&max=2").await, [17, 16]);
    assert_eq!(ids(&world, "/decisions/json?before=1").await, [0_u64; 0]);
    assert_eq!(ids(&world, "/decisions/json?from=4&until=7").await, [6, 5, 4]);
    assert_eq!(
        ids(&world, "/decisions/json?from=1970-01-01T00:00:19Z").await,
        [1002, 1001, 1000, 20, 19]
    );
    assert_eq!(ids(&world, "/decisions/json?control=odd&max=2").await, [19, 17]);
    assert_eq!(
        ids(&world, "/decisions/json?kind=released,removed&max=1").await,
        [20]
    );
    assert_eq!(ids(&world, "/decisions/json?kind=removed").await, [0_u64; 0]);
    assert_eq!(ids(&world, "/decisions/json?switch=10.0.0.2").await, [0_u64; 0]);
    assert_eq!(
        ids(&world, "/decisions/json?before=1000&since=17").await,
        [20, 19, 18]
    );
    // What is new is told from memory alone.
    assert_eq!(ids(&world, "/decisions/json?since=-1").await, [1002, 1001, 1000]);
    assert_eq!(ids(&world, "/decisions/json?since=5").await, [1002, 1001, 1000]);
    assert_eq!(ids(&world, "/events/json?eventID=-1").await, [0_u64; 0]);
    assert_eq!(ids(&world, "/events/json").await, [5, 4, 3, 2, 1]);
    assert_eq!(
        ids(&world, "/events/json?thresholdID=busy&before=3").await,
        [2, 1]
    );
    assert_eq!(ids(&world, "/events/json?thresholdID=other").await, [0_u64; 0]);
    for bad in ["before=-1", "before=x", "from=x", "until=99999999999999999999"] {
        let reply = world.ask("GET", &format!("/events/json?{bad}"), "").await;
        assert_eq!((reply.status, reply.slug()), (400, "invalid".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn tables_have_the_same_records() {
    let directory = tempfile::tempdir().unwrap();
    let world = world(directory.path()).await;
    let table = world.ask("GET", "/decisions/csv?max=5", "").await;
    assert_eq!(table.kind, "text/csv; charset=utf-8; header=present");
    let text = String::from_utf8(table.body).unwrap();
    let ids: Vec<_> = text.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ids, ["id", "1002", "1001", "1000", "20", "19"]);
    assert!(
        text.contains("\r\n20,1970-01-01T00:00:20.000Z,released,10.0.0.1,even,"),
        "{text}"
    );
    let events = world.ask("GET", "/events/csv?maxEvents=1", "").await;
    let expected = "eventID,time,thresholdID,metric,threshold,value,agent,dataSource,flowKey\r\n\
                    5,1970-01-01T00:00:05.000Z,busy,,,-1.5,,,\r\n";
    assert_eq!(String::from_utf8(events.body).unwrap(), expected);
}
