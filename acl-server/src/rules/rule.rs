//! One rule of `[iptables]` or `[ip6tables]`.

use std::fmt;

use ipnet::IpNet;

use super::interface::Interface;
use super::matches::Match;
use super::target::Target;
use super::values::Protocol;

/// Which of the two Internet protocols a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4: `[iptables]`.
    V4,
    /// IPv6: `[ip6tables]`.
    V6,
}

/// A table of rules. The two are looked up in parallel by hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// `filter`, the table when none is named.
    Filter,
    /// `mangle`: marks.
    Mangle,
}

impl Table {
    /// The kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Mangle => "mangle",
        }
    }

    /// The chains that rule files may use in this table.
    pub fn chains(self) -> &'static [Chain] {
        match self {
            Self::Filter => &[Chain::Input, Chain::Forward, Chain::Output],
            Self::Mangle => &[Chain::Prerouting, Chain::Forward, Chain::Postrouting],
        }
    }
}

/// A built-in chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Everything that arrives, before routing.
    Prerouting,
    /// What is for the switch itself.
    Input,
    /// What passes through.
    Forward,
    /// What the switch itself sends.
    Output,
    /// Everything that leaves, after routing.
    Postrouting,
}

impl Chain {
    /// Every chain.
    pub const ALL: [Self; 5] = [
        Self::Prerouting,
        Self::Input,
        Self::Forward,
        Self::Output,
        Self::Postrouting,
    ];

    /// The kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }

    /// The chain of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chain| chain.name() == name)
    }
}

/// A rule, understood. Two rules are equal when they mean the same, however they were written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// From the section.
    pub family: Family,
    /// `-t`.
    pub table: Table,
    /// `-A`: one chain or several, each once.
    pub chains: Vec<Chain>,
    /// `-i`: any of these; empty means every interface.
    pub in_interfaces: Vec<Interface>,
    /// `-o`: any of these; empty means every interface.
    pub out_interfaces: Vec<Interface>,
    /// `-s`, of the rule's family.
    pub source: Option<IpNet>,
    /// `-d`, of the rule's family.
    pub destination: Option<IpNet>,
    /// `-p`.
    pub protocol: Option<Protocol>,
    /// `-f`: second and further fragments only (IPv4).
    pub fragment: bool,
    /// Everything else, in the order of the line.
    pub matches: Vec<Match>,
    /// `-j`.
    pub target: Target,
}

impl Rule {
    /// Entries in hardware: each chain, each in × out pair and each port, range of ports or prefix of a list is one of its
    /// own. How many a *range* of ports takes depends on the ASIC; it is counted as one.
    pub fn entries(&self) -> u64 {
        let count = |list: usize| u64::try_from(list.max(1)).unwrap_or(u64::MAX);
        let ports = self.matches.iter().map(|one| match one {
            Match::SourcePorts(ports) | Match::DestinationPorts(ports) => count(ports.len()),
            Match::SourceNets(nets) | Match::DestinationNets(nets) => count(nets.len()),
            _ => 1,
        });
        let lists = [
            self.chains.len(),
            self.in_interfaces.len(),
            self.out_interfaces.len(),
        ];
        lists
            .into_iter()
            .map(count)
            .chain(ports)
            .fold(1, u64::saturating_mul)
    }

    /// Whether both rules match exactly the same packets in the same place.
    pub(super) fn same_match(&self, other: &Self) -> bool {
        let matched = |rule: &Self| Self {
            target: Target::Accept,
            ..rule.clone()
        };
        matched(self) == matched(other)
    }

    /// The conditions that have no list, as iptables writes them: everything but table, chains, interfaces and target.
    pub fn conditions(&self) -> impl fmt::Display + '_ {
        Conditions(self)
    }
}

struct Conditions<'a>(&'a Rule);

impl fmt::Display for Conditions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.0;
        if let Some(source) = &rule.source {
            write!(f, " -s {source}")?;
        }
        if let Some(destination) = &rule.destination {
            write!(f, " -d {destination}")?;
        }
        if let Some(protocol) = rule.protocol {
            write!(f, " -p {protocol}")?;
        }
        if rule.fragment {
            f.write_str(" -f")?;
        }
        rule.matches.iter().try_for_each(|one| write!(f, " {one}"))
    }
}

/// The rule as one line of a rule file, in the order that the tool reads safely.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.table != Table::Filter {
            write!(f, "-t {} ", self.table.name())?;
        }
        f.write_str("-A ")?;
        for (n, chain) in self.chains.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { "," }, chain.name())?;
        }
        for (option, list) in [("-i", &self.in_interfaces), ("-o", &self.out_interfaces)] {
            for (n, interface) in list.iter().enumerate() {
                let before = if n == 0 {
                    format!(" {option} ")
                } else {
                    ",".to_owned()
                };
                write!(f, "{before}{interface}")?;
            }
        }
        write!(f, "{} {}", self.conditions(), self.target)
    }
}
