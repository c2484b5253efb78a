//! What functions of flow keys look things up in: groups, maps, and the names of ports and links.

use ipnet::IpNet;

use crate::clock::Time;
use crate::engine::metric::Store;
use crate::engine::plan::Plan;
use crate::flow::lookup::{Lookup, Port};

/// A snapshot. What passes a limit is left out; the API refuses it before.
pub(super) fn lookup(plan: &Plan, store: &Store, now: Time) -> Lookup {
    let mut lookup = Lookup::new();
    for (name, group) in plan.groups.iter() {
        let members = group.iter().flat_map(|(label, prefixes)| {
            prefixes
                .iter()
                .map(move |prefix: &IpNet| (label.as_str(), *prefix))
        });
        let _ = lookup.group(name, members);
    }
    for (name, map) in plan.maps.iter() {
        let members = map
            .iter()
            .flat_map(|(label, values)| values.iter().map(move |value| (label.as_str(), value.as_str())));
        let _ = lookup.map(name, members);
    }
    let ifname = store.names().find("ifname");
    for agent in store.agents() {
        for (name, source) in store.sources_of(agent).into_iter().flatten() {
            let Some(if_index) = name.if_index() else {
                continue;
            };
            let name = ifname
                .and_then(|metric| source.get(metric, now))
                .and_then(|cell| cell.value.as_text());
            let link = plan.topology.link(agent, if_index, name).cloned();
            if name.is_some() || link.is_some() {
                let name = name.map(Into::into);
                let _ = lookup.port(agent, if_index, Port { link, name });
            }
        }
    }
    for agent in plan.topology.agents() {
        if let Some(node) = plan.topology.node_of(agent) {
            let _ = lookup.node(agent, node);
        }
    }
    lookup
}
