//! Groups, maps and the topology.

use serde_json::json;

use super::*;

#[tokio::test]
async fn groups_and_maps_are_put_shown_and_removed() {
    let world = World::open();
    for (kind, body, shown) in [
        (
            "group",
            "{external:['0.0.0.0/0','::/0'],own:'10.0.0.0/8'}",
            json!({ "external": ["0.0.0.0/0", "::/0"], "own": ["10.0.0.0/8"] }),
        ),
        ("map", "{web:['80',443]}", json!({ "web": ["80", "443"] })),
    ] {
        let path = format!("/{kind}/lf/json");
        assert_eq!(world.ask("GET", &path, "").await.status, 404);
        assert_eq!(world.ask("PUT", &path, body).await.status, 204);
        assert_eq!(world.ask("GET", &path, "").await.json(), shown);
        let all = world.ask("GET", &format!("/{kind}/json"), "").await.json();
        assert_eq!(all, json!({ "lf": shown }));
        let bad = world.ask("PUT", &path, "{a:[{}]}").await;
        assert_eq!((bad.status, &bad.json()["word"]), (400, &json!("a")));
        assert_eq!(
            world.ask("GET", &path, "").await.json(),
            shown,
            "what is wrong changes nothing"
        );
        assert_eq!(world.ask("DELETE", &path, "").await.status, 204);
        assert_eq!(world.ask("DELETE", &path, "").await.status, 404);
        let mut last = 0;
        for n in 0..101 {
            last = world.ask("PUT", &format!("/{kind}/n{n}/json"), "{}").await.status;
        }
        assert_eq!(last, 507);
    }
}

#[tokio::test]
async fn a_topology_is_given_back_as_it_was_put_and_selects() {
    let world = World::open();
    assert_eq!(world.ask("GET", "/topology/json", "").await.json(), json!({}));
    let topology = json!({
        "links": { "l1": { "node1": "leaf1", "port1": "swp1", "node2": "leaf2", "port2": "swp1", "cost": 1 } },
        "nodes": {
            "leaf1": { "agent": "10.0.0.1", "ports": { "swp1": { "ifindex": "1" } } },
            "leaf2": { "agent": "10.0.0.2", "ports": { "swp1": { "ifindex": 1 } } },
        },
    });
    assert_eq!(
        world
            .ask("PUT", "/topology/json", topology.to_string())
            .await
            .status,
        204
    );
    assert_eq!(world.ask("GET", "/topology/json", "").await.json(), topology);
    world
        .set(&[
            ("10.0.0.1", "1", "ifinoctets", 1.0),
            ("10.0.0.1", "2", "ifinoctets", 2.0),
        ])
        .await;
    for (agents, value) in [("CORE", 1), ("EDGE", 2), ("TOPOLOGY", 2), ("leaf1", 2)] {
        let answer = world
            .ask("GET", &format!("/metric/{agents}/ifinoctets/json"), "")
            .await
            .json();
        assert_eq!(answer[0]["metricValue"], value, "{agents}");
    }
    assert_eq!(
        world.ask("GET", "/metric/leaf1/json", "").await.json(),
        json!({ "1.ifinoctets": 1, "2.ifinoctets": 2 })
    );
    let reply = world
        .ask(
            "PUT",
            "/topology/json",
            "{links:{l1:{node1:'nowhere',port1:'a',node2:'b',port2:'c'}}}",
        )
        .await;
    assert_eq!(
        (reply.status, &reply.json()["word"]),
        (400, &json!("links.l1.node1"))
    );
    assert_eq!(world.ask("GET", "/topology/json", "").await.json(), topology);
}
