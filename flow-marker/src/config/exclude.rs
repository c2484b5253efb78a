//! Groups of addresses, and what is never marked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::address::Prefix;
use super::{Mistake, mistake};

/// Names of address ranges, by the name of their group: for `exclude`, and for flow keys as `/group/NAME/json` has them.
pub type Groups = BTreeMap<String, BTreeMap<String, Vec<IpNet>>>;

/// As the file has them.
pub(super) type GroupTables = BTreeMap<String, BTreeMap<String, Vec<Prefix>>>;

pub(super) fn groups(tables: GroupTables) -> Groups {
    let prefixes =
        |(name, list): (String, Vec<Prefix>)| (name, list.into_iter().map(|prefix| prefix.0).collect());
    tables
        .into_iter()
        .map(|(name, members)| (name, members.into_iter().map(prefixes).collect()))
        .collect()
}

/// Traffic that is never marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclude {
    /// From or to these.
    pub prefixes: Vec<IpNet>,
    /// From or to these ports.
    pub ports: Vec<Port>,
}

/// A port of one transport protocol, or of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Its number in the IP header: 6 or 17; `None`: both.
    pub protocol: Option<u8>,
    /// Its number.
    pub port: u16,
}

impl Exclude {
    /// Whether a flow between two ends, by this protocol of IP, is never marked.
    pub fn covers(&self, protocol: u8, ends: [(IpAddr, u16); 2]) -> bool {
        let prefix = |address| self.prefixes.iter().any(|net| net.contains(address));
        let is_port = |port| {
            self.ports
                .iter()
                .any(|known| known.port == port && known.protocol.is_none_or(|only| only == protocol))
        };
        ends.iter()
            .any(|(address, port)| prefix(address) || is_port(*port))
    }

    /// Whether there is nothing of this kind.
    pub const fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && self.ports.is_empty()
    }
}

/// As the file has it, but for groups, whose prefixes are said: `10.0.0.0/8, port:22, udp:4789`.
impl fmt::Display for Exclude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes = self.prefixes.iter().map(ToString::to_string);
        let ports = self.ports.iter().map(ToString::to_string);
        f.write_str(&prefixes.chain(ports).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = PROTOCOLS.iter().find(|(_, protocol)| *protocol == self.protocol);
        write!(f, "{}:{}", word.map_or("port", |(word, _)| word), self.port)
    }
}

/// Words before a port, and the protocol that each means.
const PROTOCOLS: [(&str, Option<u8>); 3] = [("port", None), ("tcp", Some(6)), ("udp", Some(17))];

/// One entry of the list.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Prefix(IpNet),
    Port(Port),
    /// A group, or one of its members.
    Group(String, Option<String>),
}

impl TryFrom<String> for Entry {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(group) = text.strip_prefix("group:") {
            let (name, member) = match group.split_once(':') {
                Some((name, member)) => (name, Some(member.to_owned())),
                None => (group, None),
            };
            return Ok(Self::Group(name.to_owned(), member));
        }
        if let Some((word, port)) = text.split_once(':')
            && let Some((_, protocol)) = PROTOCOLS.iter().find(|(known, _)| *known == word)
        {
            let port = port.parse().ok().filter(|port| *port != 0);
            let port = port.ok_or_else(|| format!("{text:?} has no port from 1 to 65535"))?;
            let protocol = *protocol;
            return Ok(Self::Port(Port { protocol, port }));
        }
        match Prefix::parse(&text) {
            Ok(prefix) => Ok(Self::Prefix(prefix.0)),
            Err(why) if text.parse::<IpNet>().is_ok() => Err(why),
            Err(_) => Err(format!(
                "{text:?} is neither a prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\", nor a port such as \"port:22\", \
                 \"tcp:873\" or \"udp:4789\", nor a group such as \"group:storage\" or \"group:storage:backup\""
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

/// The list, with the prefixes of the groups that it names.
pub(super) fn exclude(list: Vec<Spanned<Entry>>, groups: &Groups) -> Result<Exclude, Mistake> {
    let mut exclude = Exclude::default();
    for entry in list {
        match entry.get_ref() {
            Entry::Prefix(prefix) => exclude.prefixes.push(*prefix),
            Entry::Port(port) => exclude.ports.push(*port),
            Entry::Group(name, member) => {
                let group = groups
                    .get(name)
                    .ok_or_else(|| mistake(&entry, format!("`exclude`: there is no [group.{name}]")))?;
                match member {
                    None => exclude.prefixes.extend(group.values().flatten()),
                    Some(member) => {
                        let prefixes = group.get(member).ok_or_else(|| {
                            mistake(&entry, format!("`exclude`: [group.{name}] has no `{member}`"))
                        })?;
                        exclude.prefixes.extend(prefixes);
                    }
                }
            }
        }
    }
    Ok(exclude)
}
