//! What functions of flow keys look things up in: groups, maps, nodes, and the names of ports and links.
//!
//! What users have set is put together once for a plan, by whoever changes it; a shard adds the names that its own agents
//! tell.

use ipnet::IpNet;

use super::metric::Store;
use super::settings::{Group, Map, Named};
use super::topology::Topology;
use crate::clock::Time;
use crate::flow::lookup::{Lookup, Port};

/// What users have set. What passes a limit is left out.
pub(super) fn tables(groups: &Named<Group>, maps: &Named<Map>, topology: &Topology) -> Lookup {
    let mut lookup = Lookup::new();
    for (name, group) in groups.iter() {
        let members = group.iter().flat_map(|(label, prefixes)| {
            prefixes
                .iter()
                .map(move |prefix: &IpNet| (label.as_str(), *prefix))
        });
        let _ = lookup.group(name, members);
    }
    for (name, map) in maps.iter() {
        let members = map
            .iter()
            .flat_map(|(label, values)| values.iter().map(move |value| (label.as_str(), value.as_str())));
        let _ = lookup.map(name, members);
    }
    // Where several nodes are one agent, the first is its name, as `Topology::node_of` has it.
    let nodes: Vec<_> = topology.nodes().collect();
    for node in nodes.into_iter().rev() {
        if let Some(agent) = topology.agent_of(node) {
            let _ = lookup.node(agent, node);
        }
    }
    lookup
}

/// The same with the ports that a shard knows.
pub(super) fn with_ports(tables: &Lookup, topology: &Topology, store: &Store, now: Time) -> Lookup {
    let mut lookup = tables.clone();
    let ifname = store.names().find("ifname");
    for agent in store.agents() {
        for (name, source) in store.sources_of(agent).into_iter().flatten() {
            let Some(if_index) = name.if_index() else {
                continue;
            };
            let name = ifname
                .and_then(|metric| source.get(metric, now))
                .and_then(|cell| cell.value.as_text());
            let link = topology.link(agent, if_index, name).cloned();
            if name.is_some() || link.is_some() {
                let name = name.map(Into::into);
                let _ = lookup.port(agent, if_index, Port { link, name });
            }
        }
    }
    lookup
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_has_the_name_that_the_topology_gives_it() {
        let nodes = json!({"nodes": {
            "b": {"agent": "10.0.0.1"}, "a": {"agent": "10.0.0.1"}, "c": {"agent": "10.0.0.2"}, "dark": {},
        }});
        let topology = Topology::parse(nodes).unwrap();
        let lookup = tables(&Named::new(1), &Named::new(1), &topology);
        for agent in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            let agent: IpAddr = agent.parse().unwrap();
            assert_eq!(lookup.node_of(agent), topology.node_of(agent), "{agent}");
        }
    }
}
