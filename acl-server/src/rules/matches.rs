//! What a rule may ask of a packet, besides interfaces, addresses and protocol.

use std::fmt;

use ipnet::IpNet;

use super::values::{Dscp, IcmpType, Mac, PortRange, TcpFlags};

/// One condition. All but the last four are matches of the Cumulus rule files that hardware can look up; those four are
/// there in [`Mode::Lenient`](super::Mode) only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Match {
    /// `--sport`.
    SourcePort(PortRange),
    /// `--dport`.
    DestinationPort(PortRange),
    /// `-m multiport --sports`: one to 15 ports, a range counts as two.
    SourcePorts(Vec<PortRange>),
    /// `-m multiport --dports`.
    DestinationPorts(Vec<PortRange>),
    /// `-m tcp --tcp-flags MASK SET`: of the flags in the mask exactly those are set.
    TcpFlags {
        /// Flags that are looked at.
        mask: TcpFlags,
        /// Flags that are set.
        set: TcpFlags,
    },
    /// `-m icmp --icmp-type`, in IPv6 `-m icmp6 --icmpv6-type`.
    Icmp {
        /// Whether it is ICMPv6.
        v6: bool,
        /// Type and code.
        kind: IcmpType,
    },
    /// `-m ttl --ttl-eq`, in IPv6 `-m hl --hl-eq`, and `-lt`, `-gt`.
    HopLimit {
        /// Whether it is the hop limit of IPv6.
        v6: bool,
        /// How it is compared.
        compare: Compare,
        /// With what.
        value: u8,
    },
    /// `-m dscp --dscp` or `--dscp-class`.
    Dscp(Dscp),
    /// `-m addrtype --src-type`.
    SourceType(AddrType),
    /// `-m addrtype --dst-type`.
    DestinationType(AddrType),
    /// `-m mac --mac-source`.
    MacSource(Mac),
    /// `-m ecn`: congestion notification (RFC 3168); the only match that may be negated.
    Ecn {
        /// Whether a `!` stands before it.
        negated: bool,
        /// Which bits.
        bits: Ecn,
    },
    /// `-m comment --comment`: one word, matches everything.
    Comment(String),
    /// `-s` with several prefixes: any of them.
    SourceNets(Vec<IpNet>),
    /// `-d` with several prefixes: any of them.
    DestinationNets(Vec<IpNet>),
    /// The opposite of a condition that is known, as iptables writes it: `! -s 10.0.0.0/8`, `-m dscp ! --dscp 46`.
    Not(String),
    /// A match that is not known here, with its options: the words, unchanged. It may depend on anything, also on
    /// packets that came before.
    Opaque(Vec<String>),
}

/// How a hop limit is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// Equal.
    Equal,
    /// Less than.
    Less,
    /// Greater than.
    Greater,
}

/// The routing type of an address (`iptables-extensions(8)`, addrtype).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the kernel's own names")]
pub enum AddrType {
    Unspec,
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
}

impl AddrType {
    /// Every type, with its name.
    pub(super) const NAMES: [(&'static str, Self); 9] = [
        ("UNSPEC", Self::Unspec),
        ("UNICAST", Self::Unicast),
        ("LOCAL", Self::Local),
        ("BROADCAST", Self::Broadcast),
        ("ANYCAST", Self::Anycast),
        ("MULTICAST", Self::Multicast),
        ("BLACKHOLE", Self::Blackhole),
        ("UNREACHABLE", Self::Unreachable),
        ("PROHIBIT", Self::Prohibit),
    ];

    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("UNSPEC", |(name, _)| name)
    }
}

/// Bits of explicit congestion notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// `--ecn-ip-ect 0..3`: the two bits of the IP header.
    Ip(u8),
    /// `--ecn-tcp-cwr`.
    TcpCwr,
    /// `--ecn-tcp-ece`.
    TcpEce,
}

/// Values separated by commas.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// As the rule files and iptables write it, with the `-m` it needs.
impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourcePort(port) => write!(f, "--sport {port}"),
            Self::DestinationPort(port) => write!(f, "--dport {port}"),
            Self::SourcePorts(ports) => write!(f, "-m multiport --sports {}", List(ports)),
            Self::DestinationPorts(ports) => write!(f, "-m multiport --dports {}", List(ports)),
            Self::TcpFlags { mask, set } => write!(f, "-m tcp --tcp-flags {mask} {set}"),
            Self::Icmp { v6: false, kind } => write!(f, "-m icmp --icmp-type {kind}"),
            Self::Icmp { v6: true, kind } => write!(f, "-m icmp6 --icmpv6-type {kind}"),
            Self::HopLimit { v6, compare, value } => {
                let name = if *v6 { "hl" } else { "ttl" };
                let how = match compare {
                    Compare::Equal => "eq",
                    Compare::Less => "lt",
                    Compare::Greater => "gt",
                };
                write!(f, "-m {name} --{name}-{how} {value}")
            }
            Self::Dscp(dscp) => write!(f, "-m dscp --dscp {}", dscp.get()),
            Self::SourceType(kind) => write!(f, "-m addrtype --src-type {}", kind.name()),
            Self::DestinationType(kind) => write!(f, "-m addrtype --dst-type {}", kind.name()),
            Self::MacSource(mac) => write!(f, "-m mac --mac-source {mac}"),
            Self::Ecn { negated, bits } => {
                write!(f, "-m ecn {}", if *negated { "! " } else { "" })?;
                match bits {
                    Ecn::Ip(value) => write!(f, "--ecn-ip-ect {value}"),
                    Ecn::TcpCwr => f.write_str("--ecn-tcp-cwr"),
                    Ecn::TcpEce => f.write_str("--ecn-tcp-ece"),
                }
            }
            Self::Comment(text) => write!(f, "-m comment --comment {text}"),
            Self::SourceNets(nets) => write!(f, "-s {}", List(nets)),
            Self::DestinationNets(nets) => write!(f, "-d {}", List(nets)),
            Self::Not(text) => f.write_str(text),
            Self::Opaque(words) => f.write_str(&words.join(" ")),
        }
    }
}
