//! What the functions `group:`, `map:`, `link:`, `node:` and `ifname:` look things up in.
//!
//! A `Lookup` is built once, never changes, and is shared by all threads; a new one replaces it. Its size is bounded by
//! its builder.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::prefixes::Prefixes;

/// Most prefixes of all groups together: a full routing table of the Internet has a million.
pub const MAX_PREFIXES: usize = 1 << 20;
/// Most values of all maps together.
pub const MAX_VALUES: usize = 1 << 20;
/// Most ports of the topology: 4,096 switches of 256 ports.
pub const MAX_PORTS: usize = 1 << 20;

/// There is more than fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {0} entries")]
pub struct TooMany(pub usize);

/// A snapshot of groups, maps and topology.
#[derive(Debug, Clone, Default)]
pub struct Lookup {
    groups: HashMap<Arc<str>, Arc<Group>>,
    maps: HashMap<Arc<str>, Arc<Labels>>,
    ports: HashMap<(IpAddr, u32), Port>,
    nodes: HashMap<IpAddr, Arc<str>>,
    prefixes: usize,
    values: usize,
}

/// What is known of an interface; functions answer null for what is not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Port {
    /// The link that is attached to it.
    pub link: Option<Arc<str>>,
    /// Its name.
    pub name: Option<Arc<str>>,
}

impl Lookup {
    /// A snapshot of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a group, or puts another in its place: names and the prefixes that each stands for. Where several prefixes
    /// cover an address, the longest decides; of equal ones the first.
    ///
    /// # Errors
    /// There are more than [`MAX_PREFIXES`].
    pub fn group<'a>(
        &mut self,
        name: &str,
        members: impl IntoIterator<Item = (&'a str, IpNet)>,
    ) -> Result<(), TooMany> {
        let before = self.groups.get(name).map_or(0, |group| group.size);
        let room = MAX_PREFIXES - (self.prefixes - before);
        let group = Group::new(members, room)?;
        self.prefixes = self.prefixes - before + group.size;
        self.groups.insert(name.into(), Arc::new(group));
        Ok(())
    }

    /// Adds a map, or puts another in its place: labels and the values that each stands for, as a key shows them. The
    /// first label of a value counts.
    ///
    /// # Errors
    /// There are more than [`MAX_VALUES`].
    pub fn map<'a>(
        &mut self,
        name: &str,
        members: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), TooMany> {
        let before = self.maps.get(name).map_or(0, |map| map.labels.len());
        let room = MAX_VALUES - (self.values - before);
        let mut labels: HashMap<Box<[u8]>, Arc<str>> = HashMap::new();
        for (label, value) in members {
            labels.entry(shown(value)).or_insert_with(|| label.into());
            if labels.len() > room {
                return Err(TooMany(MAX_VALUES));
            }
        }
        self.values = self.values - before + labels.len();
        self.maps.insert(name.into(), Arc::new(Labels { labels }));
        Ok(())
    }

    /// Says what the switch with this agent address is called.
    ///
    /// # Errors
    /// There are more than [`MAX_PORTS`].
    pub fn node(&mut self, agent: IpAddr, name: &str) -> Result<(), TooMany> {
        if self.nodes.len() >= MAX_PORTS {
            return Err(TooMany(MAX_PORTS));
        }
        self.nodes.insert(agent, name.into());
        Ok(())
    }

    /// Says what is known of an interface of an agent.
    ///
    /// # Errors
    /// There are more than [`MAX_PORTS`].
    pub fn port(&mut self, agent: IpAddr, if_index: u32, port: Port) -> Result<(), TooMany> {
        if self.ports.len() >= MAX_PORTS {
            return Err(TooMany(MAX_PORTS));
        }
        self.ports.insert((agent, if_index), port);
        Ok(())
    }

    pub(super) fn group_of(&self, name: &str) -> Option<Arc<Group>> {
        self.groups.get(name).cloned()
    }

    pub(super) fn map_of(&self, name: &str) -> Option<Arc<Labels>> {
        self.maps.get(name).cloned()
    }

    pub(super) fn port_of(&self, agent: IpAddr, if_index: u32) -> Option<&Port> {
        self.ports.get(&(agent, if_index))
    }

    /// What the switch with this agent address is called.
    pub fn node_of(&self, agent: IpAddr) -> Option<&str> {
        self.nodes.get(&agent).map(|name| &**name)
    }
}

/// A value as keys show it: an Ethernet address may have been written with colons, an IPv6 address in any form.
fn shown(value: &str) -> Box<[u8]> {
    let hex: String = value.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let separated = value.len() == 17 || value.len() == 14;
    if hex.len() == 12 && (separated || value.len() == 12) && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return hex.to_ascii_uppercase().into_bytes().into();
    }
    match value.parse::<IpAddr>() {
        Ok(address) => address.to_string().into_bytes().into(),
        Err(_) => value.as_bytes().into(),
    }
}

/// Addresses by name.
#[derive(Debug, Default)]
pub struct Group {
    names: Vec<Arc<str>>,
    prefixes: Prefixes,
    size: usize,
}

impl Group {
    fn new<'a>(members: impl IntoIterator<Item = (&'a str, IpNet)>, room: usize) -> Result<Self, TooMany> {
        let mut group = Self::default();
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut prefixes = Vec::new();
        for (name, prefix) in members {
            group.size += 1;
            if group.size > room {
                return Err(TooMany(MAX_PREFIXES));
            }
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(name).or_insert_with(|| {
                group.names.push(name.into());
                next
            });
            prefixes.push((prefix, number));
        }
        group.prefixes = Prefixes::new(prefixes);
        Ok(group)
    }

    /// The name of the longest prefix that covers `address`.
    pub fn name(&self, address: IpAddr) -> Option<&str> {
        let number = self.prefixes.find(address)?;
        let name = self.names.get(usize::try_from(number).ok()?)?;
        Some(name)
    }
}

/// Labels by value.
#[derive(Debug, Default)]
pub struct Labels {
    labels: HashMap<Box<[u8]>, Arc<str>>,
}

impl Labels {
    /// The label of a value as keys show it.
    pub fn label(&self, value: &[u8]) -> Option<&str> {
        self.labels.get(value).map(|label| &**label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(members: &[(&str, &str)]) -> Arc<Group> {
        let mut lookup = Lookup::new();
        let members = members.iter().map(|(name, net)| (*name, net.parse().unwrap()));
        lookup.group("g", members).unwrap();
        lookup.group_of("g").unwrap()
    }

    #[test]
    fn the_longest_prefix_decides() {
        let group = group(&[
            ("external", "0.0.0.0/0"),
            ("external", "::/0"),
            ("private", "10.0.0.0/8"),
            ("lab", "10.1.0.0/16"),
            ("host", "10.1.0.255/32"),
            ("last", "255.255.255.255/32"),
            ("private", "fc00::/7"),
            ("second", "10.0.0.0/8"),
        ]);
        for (address, name) in [
            ("8.8.8.8", "external"),
            ("10.0.0.1", "private"),
            ("10.0.255.255", "private"),
            ("10.1.0.0", "lab"),
            ("10.1.0.255", "host"),
            ("10.1.1.0", "lab"),
            ("10.2.0.0", "private"),
            ("11.0.0.0", "external"),
            ("255.255.255.255", "last"),
            ("fd00::1", "private"),
            ("2001:db8::1", "external"),
        ] {
            assert_eq!(group.name(address.parse().unwrap()), Some(name), "{address}");
        }
    }

    #[test]
    fn what_no_prefix_covers_has_no_name() {
        let group = group(&[("a", "10.0.0.0/8"), ("b", "192.0.2.0/24")]);
        for address in [
            "9.255.255.255",
            "11.0.0.0",
            "192.0.3.0",
            "::1",
            "0.0.0.0",
            "255.255.255.255",
        ] {
            assert_eq!(group.name(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn values_are_found_however_they_were_written() {
        let mut lookup = Lookup::new();
        let members = [
            ("a", "00:11:22:aa:bb:cc"),
            ("b", "0011.22aa.bbcd"),
            ("c", "2001:DB8:0::1"),
            ("d", "443"),
            ("e", "443"),
        ];
        lookup.map("m", members).unwrap();
        let map = lookup.map_of("m").unwrap();
        assert_eq!(map.label(b"001122AABBCC"), Some("a"));
        assert_eq!(map.label(b"001122AABBCD"), Some("b"));
        assert_eq!(map.label(b"2001:db8::1"), Some("c"));
        assert_eq!(map.label(b"443"), Some("d"));
        assert_eq!(map.label(b"80"), None);
    }
}
