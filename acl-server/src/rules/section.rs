//! The three headers of a rule file.

/// A section of a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `[iptables]`: IPv4.
    IpTables,
    /// `[ip6tables]`: IPv6.
    Ip6Tables,
    /// `[ebtables]`: Ethernet.
    EbTables,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 3] = [Self::IpTables, Self::Ip6Tables, Self::EbTables];

    /// The line that starts it.
    pub fn header(self) -> &'static str {
        match self {
            Self::IpTables => "[iptables]",
            Self::Ip6Tables => "[ip6tables]",
            Self::EbTables => "[ebtables]",
        }
    }
}
