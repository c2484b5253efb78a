//! Which ports are edge, by speed and by topology, while the topology changes.

use super::*;
use crate::engine::topology::Topology;
use crate::inventory::Why;

fn follow(shard: &mut Shard, topology: serde_json::Value) {
    let plan = Plan {
        topology: Arc::new(Topology::parse(topology).unwrap()),
        ..Plan::default()
    };
    shard.follow(Time::START, Arc::new(plan));
}

/// A topology in which this port of the switch is an end of a link.
fn linked(port: &str) -> serde_json::Value {
    json!({"links": {"l": {"node1": "10.0.0.1", "port1": port, "node2": "10.0.0.2", "port2": "swp1"}}})
}

/// Samples counted and left out so far.
fn counts(metrics: &Metrics) -> (u64, u64) {
    let agent = metrics.agents().remove(0);
    (agent.flow_counted.get(), agent.flow_core.get())
}

#[test]
fn a_link_makes_a_port_core_from_the_next_sample_and_configuration_does_not_care() {
    let rest = "[switch.ports.4]\nrole = \"edge\"\nname = \"swp4\"\n[mark]\nedge = \"topology\"\n";
    let (mut shard, metrics) = shard(rest, &Taker::default());
    send(
        &mut shard,
        1,
        at(1),
        &[
            counters(3, 1_000_000_000, "swp3"),
            sample(3, 3, 9),
            sample(4, 4, 9),
        ],
    );
    assert_eq!(counts(&metrics), (2, 0));
    follow(&mut shard, linked("swp3"));
    // Whether it was judged again with all others by then or not.
    send(&mut shard, 2, at(2), &[sample(3, 3, 9)]);
    shard.tick(at(3));
    send(&mut shard, 3, at(4), &[sample(3, 3, 9), sample(5, 5, 9)]);
    assert_eq!(counts(&metrics), (3, 2));
    follow(&mut shard, linked("swp4"));
    shard.tick(at(5));
    send(&mut shard, 4, at(6), &[sample(3, 3, 9), sample(4, 4, 9)]);
    assert_eq!(
        counts(&metrics),
        (5, 2),
        "a link elsewhere, and what the configuration says"
    );
    follow(&mut shard, json!({}));
    send(&mut shard, 5, at(7), &[sample(3, 3, 9)]);
    assert_eq!(counts(&metrics), (6, 2));
}

#[test]
fn the_members_of_a_linked_lag_are_core_as_soon_as_they_are_known() {
    let (mut shard, metrics) = shard("[mark]\nedge = \"topology\"\n", &Taker::default());
    follow(&mut shard, linked("bond0"));
    send(&mut shard, 1, at(1), &[sample(7, 7, 9)]);
    assert_eq!(counts(&metrics), (1, 0), "nothing is known of the LAG");
    send(&mut shard, 2, at(2), &lag_counters());
    shard.tick(at(3));
    send(
        &mut shard,
        3,
        at(4),
        &[sample(7, 7, 9), sample(8, 1001, 9), sample(9, 9, 1)],
    );
    assert_eq!(counts(&metrics), (2, 2));
}

#[test]
fn only_ports_of_the_speeds_that_are_named_mark() {
    let (mut shard, metrics) = shard("[mark]\nedge_speeds = [\"1G\"]\n", &Taker::default());
    send(&mut shard, 1, at(1), &[sample(3, 3, 9)]);
    assert_eq!(counts(&metrics), (0, 1), "its speed is not known");
    let speeds = [
        counters(3, 1_000_000_000, "swp3"),
        counters(4, 2_000_000_000, "swp4"),
    ];
    send(&mut shard, 2, at(2), &speeds);
    send(&mut shard, 3, at(3), &[sample(3, 3, 9), sample(4, 4, 9)]);
    assert_eq!(counts(&metrics), (1, 2));
    shard.tick(at(4));
    send(&mut shard, 4, at(5), &[sample(3, 3, 9), sample(4, 4, 9)]);
    assert_eq!(counts(&metrics), (2, 3));
    let whys: Vec<_> = shard
        .elephants
        .ports(0)
        .iter()
        .map(|(_, port)| port.role.unwrap().why)
        .collect();
    assert_eq!(whys, [Why::Default, Why::Speed]);
}
