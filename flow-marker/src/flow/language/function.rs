//! The functions that need more than the packet.

/// What is known of the interface that a key names, from the topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// `link:`: the name of the link that is attached to it.
    Link,
    /// `node:`: the name of the switch.
    Node,
    /// `ifname:`: the name of the interface.
    Name,
}

impl Port {
    /// The name of the function.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Node => "node",
            Self::Name => "ifname",
        }
    }
}

/// What only a database could answer: null while there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// `country:` of an address.
    Country,
    /// `asn:`, autonomous system of an address.
    Asn,
    /// `dns:`, name of an address.
    Dns,
    /// `oui:`, maker of a network card.
    Oui,
    /// `host:`, the host that has an address.
    Host,
}

impl Outside {
    /// The name of the function.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Asn => "asn",
            Self::Dns => "dns",
            Self::Oui => "oui",
            Self::Host => "host",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Country, Self::Asn, Self::Dns, Self::Oui, Self::Host]
            .into_iter()
            .find(|function| function.name() == name)
    }
}

/// The names of all functions.
pub(super) const NAMES: &[&str] = &[
    "group", "map", "prefix", "suffix", "mask", "null", "or", "if", "first", "range", "eq", "concat", "bits",
    "oui", "uri", "country", "asn", "dns", "link", "host", "node", "ifname",
];
