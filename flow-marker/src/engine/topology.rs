//! Which ports are connected to which, as somebody has told us.
//!
//! `{links: {name: {node1, port1, node2, port2}}, nodes: {name: {agent, ports: {port: {ifindex}}}}}`. A port is found by
//! its ifIndex when the topology has it, and by its name (`ifname`) otherwise. A node that is not listed is an agent when
//! its name is an address. Whether an agent ever sends anything does not matter. Members that are not known here are kept
//! and given back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

/// A topology that does not make sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct TopologyError {
    /// Where, such as `links.l1.node1`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

/// A port of an agent.
enum Port<'a> {
    Index(u32),
    Name(&'a str),
}

/// The links of an agent, by their port there.
#[derive(Debug, Clone, Default)]
struct Links {
    by_index: HashMap<u32, Arc<str>>,
    by_name: HashMap<Arc<str>, Arc<str>>,
}

impl Links {
    /// Adds a link; the one that its port is in, when that is another.
    fn add(&mut self, port: &Port<'_>, id: &Arc<str>) -> Option<Arc<str>> {
        let there = match port {
            Port::Index(index) => self.by_index.entry(*index).or_insert_with(|| Arc::clone(id)),
            Port::Name(name) => self
                .by_name
                .entry((*name).into())
                .or_insert_with(|| Arc::clone(id)),
        };
        (there != id).then(|| Arc::clone(there))
    }
}

/// A topology, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    text: Value,
    nodes: BTreeMap<Arc<str>, Option<IpAddr>>,
    agents: HashSet<IpAddr>,
    links: HashMap<IpAddr, Links>,
}

impl Topology {
    /// The most nodes, and the most links: a fabric of 10,000 switches with 64 ports each has fewer links.
    pub const MAX: usize = 500_000;
    /// The longest name of a node, port or link, in bytes.
    pub const MAX_NAME: usize = 256;

    /// Reads a topology.
    ///
    /// # Errors
    /// [`TopologyError`]: the first thing that does not make sense.
    pub fn parse(text: Value) -> Result<Self, TopologyError> {
        let mut topology = Self::default();
        let members = object(&text, "")?;
        let mut ports = HashMap::new();
        if let Some(nodes) = members.get("nodes").filter(|nodes| !nodes.is_null()) {
            for (name, node) in entries(nodes, "nodes")? {
                topology.node(name, node, &mut ports)?;
            }
        }
        if let Some(links) = members.get("links").filter(|links| !links.is_null()) {
            for (name, link) in entries(links, "links")? {
                topology.link_entry(name, link, &ports)?;
            }
        }
        topology.text = text;
        Ok(topology)
    }

    fn node<'a>(
        &mut self,
        name: &'a str,
        node: &'a Value,
        ports: &mut HashMap<(&'a str, &'a str), u32>,
    ) -> Result<(), TopologyError> {
        let path = format!("nodes.{name}");
        let members = object(node, &path)?;
        let agent = match members.get("agent") {
            None | Some(Value::Null) => name.parse().ok(),
            Some(Value::String(agent)) => Some(agent.parse::<IpAddr>().map_err(|_| {
                error(
                    format!("{path}.agent"),
                    format!("{agent:?} is no address of an agent"),
                )
            })?),
            Some(_) => return Err(error(format!("{path}.agent"), "an address, as text, is expected")),
        };
        let agent = agent.map(|agent| agent.to_canonical());
        self.agents.extend(agent);
        self.nodes.insert(name.into(), agent);
        let listed = members.get("ports").filter(|ports| !ports.is_null());
        let Some(listed) = listed else {
            return Ok(());
        };
        for (port, value) in entries(listed, &format!("{path}.ports"))? {
            let path = format!("{path}.ports.{port}");
            // Both are seen in public topologies: 4 and "4".
            let index = match object(value, &path)?.get("ifindex") {
                None | Some(Value::Null) => continue,
                Some(Value::Number(number)) => number.as_u64().and_then(|n| u32::try_from(n).ok()),
                Some(Value::String(text)) => text.trim().parse().ok(),
                Some(_) => None,
            };
            let index = index.filter(|index| *index > 0).ok_or_else(|| {
                error(
                    format!("{path}.ifindex"),
                    "an ifIndex, 1 to 4294967295, is expected",
                )
            })?;
            ports.insert((name, port), index);
        }
        Ok(())
    }

    fn link_entry(
        &mut self,
        name: &str,
        link: &Value,
        ports: &HashMap<(&str, &str), u32>,
    ) -> Result<(), TopologyError> {
        let path = format!("links.{name}");
        let members = object(link, &path)?;
        let member = |member: &str| {
            let path = || format!("{path}.{member}");
            let text = match members.get(member) {
                Some(Value::String(text)) if !text.is_empty() && text.len() <= Self::MAX_NAME => text,
                Some(Value::String(_)) => return Err(error(path(), "a name of 1 to 256 bytes is expected")),
                Some(_) => return Err(error(path(), "a name, as text, is expected")),
                None => return Err(error(path(), "is missing")),
            };
            Ok(text.as_str())
        };
        let id: Arc<str> = name.into();
        let mut ends = Vec::new();
        for (node_member, port_member) in [("node1", "port1"), ("node2", "port2")] {
            let (node, port) = (member(node_member)?, member(port_member)?);
            let agent = match (self.nodes.get(node), node.parse::<IpAddr>()) {
                (Some(agent), _) => *agent,
                (None, Ok(address)) => Some(address.to_canonical()),
                (None, Err(_)) => {
                    return Err(error(
                        format!("{path}.{node_member}"),
                        format!("there is no node {node:?}"),
                    ));
                }
            };
            let Some(agent) = agent else {
                continue;
            };
            let end = ports
                .get(&(node, port))
                .map_or_else(|| Port::Name(port), |index| Port::Index(*index));
            ends.push((format!("{path}.{port_member}"), agent, end));
        }
        for (path, agent, port) in ends {
            self.agents.insert(agent);
            if let Some(other) = self.links.entry(agent).or_default().add(&port, &id) {
                return Err(error(path, format!("this port is already in link {other:?}")));
            }
        }
        Ok(())
    }

    /// What was read, with everything that was in it.
    pub const fn to_json(&self) -> &Value {
        &self.text
    }

    /// The agent of a node, when it has one.
    pub fn agent_of(&self, node: &str) -> Option<IpAddr> {
        self.nodes.get(node).copied().flatten()
    }

    /// The names of all nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(|name| &**name)
    }

    /// The name of the node that is this agent; the first in order, when several are.
    pub fn node_of(&self, agent: IpAddr) -> Option<&str> {
        let mut nodes = self.nodes.iter();
        nodes.find_map(|(name, a)| (*a == Some(agent)).then_some(&**name))
    }

    /// All agents (`TOPOLOGY`), in no order.
    pub fn agents(&self) -> impl Iterator<Item = IpAddr> {
        self.agents.iter().copied()
    }

    /// Whether an agent is part of the topology.
    pub fn has_agent(&self, agent: IpAddr) -> bool {
        self.agents.contains(&agent)
    }

    /// The link that a port is in, by its ifIndex, or by its name when the topology has no ifIndex for it.
    pub fn link(&self, agent: IpAddr, if_index: u32, ifname: Option<&str>) -> Option<&Arc<str>> {
        let links = self.links.get(&agent)?;
        let by_index = links.by_index.get(&if_index);
        by_index.or_else(|| links.by_name.get(ifname?))
    }

    /// Whether a port connects two nodes (`CORE`).
    pub fn is_core(&self, agent: IpAddr, if_index: u32, ifname: Option<&str>) -> bool {
        self.link(agent, if_index, ifname).is_some()
    }

    /// Whether a port of an agent of the topology connects to something outside of it (`EDGE`).
    pub fn is_edge(&self, agent: IpAddr, if_index: u32, ifname: Option<&str>) -> bool {
        self.has_agent(agent) && !self.is_core(agent, if_index, ifname)
    }
}

fn error(path: impl Into<String>, problem: impl Into<String>) -> TopologyError {
    TopologyError {
        path: path.into(),
        problem: problem.into(),
    }
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a serde_json::Map<String, Value>, TopologyError> {
    let path = if path.is_empty() { "topology" } else { path };
    value
        .as_object()
        .ok_or_else(|| error(path, "an object is expected"))
}

/// The members of an object whose names are names of things.
fn entries<'a>(
    value: &'a Value,
    path: &str,
) -> Result<impl Iterator<Item = (&'a str, &'a Value)>, TopologyError> {
    let members = object(value, path)?;
    if members.len() > Topology::MAX {
        return Err(error(path, format!("has more than {} entries", Topology::MAX)));
    }
    if let Some(name) = members
        .keys()
        .find(|n| n.is_empty() || n.len() > Topology::MAX_NAME)
    {
        let name: String = name.chars().take(40).collect();
        return Err(error(
            path,
            format!("{name:?}: a name of 1 to 256 bytes is expected"),
        ));
    }
    Ok(members.iter().map(|(name, value)| (name.as_str(), value)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn example() -> Value {
        json!({
            "links": {
                "l1": {"node1": "leaf1", "port1": "swp1", "node2": "spine1", "port2": "swp3", "cost": 3},
                "l2": {"node1": "leaf1", "port1": "swp2", "node2": "10.0.0.9", "port2": "eth0"},
                "l3": {"node1": "leaf1", "port1": "swp4", "node2": "dark", "port2": "x"}
            },
            "nodes": {
                "leaf1": {"agent": "10.0.0.1", "ports": {"swp1": {"ifindex": 1}, "swp2": {"ifindex": "2"}, "swp4": {}}},
                "spine1": {"agent": "::ffff:10.0.0.2"},
                "dark": {},
                "10.0.0.7": {}
            }
        })
    }

    #[test]
    fn ports_are_found_by_index_or_by_name() {
        let topology = Topology::parse(example()).unwrap();
        let link = |a: &str, index, name| topology.link(agent(a), index, name).map(|l| &**l);
        assert_eq!(link("10.0.0.1", 1, None), Some("l1"));
        assert_eq!(link("10.0.0.1", 2, Some("any")), Some("l2"));
        assert_eq!(link("10.0.0.1", 9, Some("swp4")), Some("l3"));
        assert_eq!(
            link("10.0.0.1", 9, Some("swp1")),
            None,
            "its ifIndex is known, and it is another"
        );
        assert_eq!(link("10.0.0.2", 77, Some("swp3")), Some("l1"));
        assert_eq!(link("10.0.0.9", 1, Some("eth0")), Some("l2"));
        assert_eq!(topology.agent_of("leaf1"), Some(agent("10.0.0.1")));
        assert_eq!(topology.node_of(agent("10.0.0.2")), Some("spine1"));
        assert_eq!(topology.to_json(), &example(), "members that we do not know stay");
    }

    #[test]
    fn the_edge_is_what_no_link_is_in() {
        let topology = Topology::parse(example()).unwrap();
        assert!(topology.is_core(agent("10.0.0.1"), 1, None));
        assert!(!topology.is_edge(agent("10.0.0.1"), 1, None));
        assert!(topology.is_edge(agent("10.0.0.1"), 5, None));
        assert!(topology.is_edge(agent("10.0.0.7"), 5, None));
        assert!(
            !topology.is_edge(agent("10.9.9.9"), 5, None),
            "not in the topology"
        );
        let mut agents: Vec<_> = topology.agents().map(|a| a.to_string()).collect();
        agents.sort();
        assert_eq!(agents, ["10.0.0.1", "10.0.0.2", "10.0.0.7", "10.0.0.9"]);
    }

    #[test]
    fn errors_say_where() {
        for (pointer, value, expected) in [
            (
                "/links/l1/node1",
                json!("leaf9"),
                "links.l1.node1: there is no node \"leaf9\"",
            ),
            (
                "/links/l1/port2",
                json!(3),
                "links.l1.port2: a name, as text, is expected",
            ),
            (
                "/links/l1",
                json!({"node1": "leaf1"}),
                "links.l1.port1: is missing",
            ),
            (
                "/links/l2/port1",
                json!("swp1"),
                "links.l2.port1: this port is already in link \"l1\"",
            ),
            ("/links", json!([]), "links: an object is expected"),
            (
                "/nodes/leaf1/agent",
                json!("leaf"),
                "nodes.leaf1.agent: \"leaf\" is no address of an agent",
            ),
            (
                "/nodes/leaf1/ports/swp1/ifindex",
                json!(-1),
                "nodes.leaf1.ports.swp1.ifindex: an ifIndex, 1 to 4294967295, is expected",
            ),
            (
                "/nodes/leaf1/ports/swp2/ifindex",
                json!(0),
                "nodes.leaf1.ports.swp2.ifindex: an ifIndex, 1 to 4294967295, is expected",
            ),
        ] {
            let mut text = example();
            *text.pointer_mut(pointer).unwrap() = value;
            assert_eq!(
                Topology::parse(text).unwrap_err().to_string(),
                expected,
                "{pointer}"
            );
        }
        assert_eq!(
            Topology::parse(json!(1)).unwrap_err().to_string(),
            "topology: an object is expected"
        );
        let long = json!({"nodes": {("x".repeat(257)): {}}});
        assert!(Topology::parse(long).is_err());
    }

    #[test]
    fn no_topology_has_no_edge() {
        let topology = Topology::parse(json!({})).unwrap();
        assert!(!topology.is_edge(agent("10.0.0.1"), 1, None));
        assert_eq!(topology.agents().count(), 0);
    }
}
