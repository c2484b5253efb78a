//! Definitions of flows.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_flow_is_put_shown_and_removed() {
    let world = World::open();
    let body = "{keys:'ipsource,ipdestination',value:'bytes',filter:'ipprotocol=6',n:10,t:1,log:true}";
    assert_eq!(world.ask("PUT", "/flow/pair/json", body).await.status, 204);
    let shown = world.ask("GET", "/flow/pair/json", "").await.json();
    for (attribute, value) in [
        ("keys", json!("ipsource,ipdestination")),
        ("value", json!("bytes")),
        ("filter", json!("ipprotocol=6")),
        ("n", json!(10)),
        ("t", json!(1)),
        ("log", json!(true)),
    ] {
        assert_eq!(shown[attribute], value, "{shown}");
    }
    // What is shown can be put again.
    assert_eq!(
        world
            .ask("PUT", "/flow/again/json", shown.to_string())
            .await
            .status,
        204
    );
    let all = world.ask("GET", "/flow/json", "").await.json();
    assert_eq!(all, json!({ "again": shown, "pair": shown }));
    assert_eq!(world.ask("DELETE", "/flow/pair/json", "").await.status, 204);
    let gone = world.ask("GET", "/flow/pair/json", "").await;
    assert_eq!((gone.status, gone.slug().as_str()), (404, "no-such-thing"));
    assert!(gone.json()["detail"].as_str().unwrap().contains("again"));
    assert_eq!(world.ask("DELETE", "/flow/pair/json", "").await.status, 404);
}

#[tokio::test]
async fn the_wrong_word_of_a_definition_is_pointed_at() {
    let world = World::open();
    for (body, what, at, word) in [
        ("{keys:'ipsource,ipdest'}", "keys", 10, "ipdest"),
        (
            "{keys:'ipsource',filter:'ipprotocol=6&tcpflag=1'}",
            "filter",
            14,
            "tcpflag",
        ),
        ("{value:'bytez'}", "value", 1, "bytez"),
        ("{keys:'ä,ipsource'}", "keys", 1, "ä"),
        ("{keys:'ipsource',vlaue:'bytes'}", "vlaue", 1, "vlaue"),
        ("{keys:'ipsource',aggMode:'most'}", "aggMode", 1, "most"),
    ] {
        let reply = world.ask("PUT", "/flow/bad/json", body).await;
        let json = reply.json();
        assert_eq!(
            (reply.status, reply.slug().as_str()),
            (400, "definition"),
            "{body}"
        );
        assert_eq!(
            json!([json["what"], json["at"], json["word"]]),
            json!([what, at, word]),
            "{body}: {json}"
        );
        assert!(json["error"].is_string());
    }
    assert_eq!(world.ask("GET", "/flow/json", "").await.json(), json!({}));
}

#[tokio::test]
async fn there_is_an_end_to_definitions() {
    let world = World::open();
    let mut last = 0;
    for n in 0..10_000 {
        last = world
            .ask("PUT", &format!("/flow/f{n}/json"), "{value:'frames'}")
            .await
            .status;
        if last != 204 {
            break;
        }
    }
    assert_eq!(last, 507);
    let all = world.ask("GET", "/flow/json", "").await.json();
    assert_eq!(all.as_object().unwrap().len(), crate::engine::Plan::MAX_FLOWS);
    assert_eq!(
        world.ask("PUT", "/flow/f0/json", "{}").await.status,
        204,
        "what is there is replaced"
    );
}

#[tokio::test]
async fn completed_flows_are_waited_for_like_events() {
    let world = World::open();
    let ask = |path: &'static str| {
        let world = &world;
        async move { world.ask("GET", path, "").await }
    };
    let nothing = ask("/flows/json?flowID=-1&timeout=1&name=pair&maxFlows=5").await;
    assert_eq!((nothing.status, nothing.json()), (200, json!([])));
    assert_eq!(ask("/flows/json?flowID=x").await.status, 400);
}
