//! The rules that may cut off whoever manages the switch.

use std::net::{IpAddr, SocketAddr};

use super::cover;
use crate::rules::{
    Chain, EbChain, EbRule, EbTarget, Family, Interface, Match, Policy, PortRange, Protocol, Rule, RuleError,
    Statement, Target, TcpFlags, Verdict,
};

/// Ports of UDP on the switch's own side that managing it depends on: DHCP, time, SNMP, HTTP/3, IKE, DHCPv6, RADIUS
/// changes of authorization, IPsec through NAT (IANA "Service Name and Transport Protocol Port Number Registry").
const MANAGEMENT: [u16; 10] = [67, 68, 123, 161, 443, 500, 546, 547, 3799, 4500];

/// Ports from which Linux asks others (`ip_local_port_range`): the answers of name and log-in servers come to them.
const EPHEMERAL: (u16, u16) = (32768, 60999);

/// Protocols that nobody is managed by: IGMP, OSPF, PIM, VRRP, SCTP.
const HARMLESS: [Protocol; 5] = [
    Protocol(2),
    Protocol(89),
    Protocol(103),
    Protocol(112),
    Protocol::SCTP,
];

/// Types of Ethernet that carry IP, with or without tags, or find its neighbours.
const CARRY_IP: [u32; 7] = [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x8864];

/// What nobody but an admin may cut off.
///
/// A rule *may discard* with DROP, POLICE, TRICOLORPOLICE that drops, the same of ebtables, `mark --mark-target DROP`, or
/// any target that is not known here. It is looked at in the chains that the switch's own traffic crosses: INPUT,
/// PREROUTING, BROUTING (what arrives) and OUTPUT, POSTROUTING (what is sent), in every table; FORWARD never touches it.
///
/// Such a rule is refused in two cases.
///
/// 1. *The API*: it may match TCP to or from an address and port where the API listens. An interface does not help,
///    except that nothing but `lo` is a danger to an API that listens on a loopback address only. What helps: another
///    protocol; ports without the API's on the side that has it (over `lo`, on either side); on that side addresses
///    without the API's, unless it listens on all; the other family.
/// 2. *A protected interface*: it names one, or covers it by a wildcard or by naming none (`-i` for what arrives, `-o` for
///    what is sent), and may match management. That is every TCP packet, since nobody knows the port of SSH; UDP, unless
///    all of the switch's own ports in the rule are known and none is one of DHCP, DHCPv6, NTP, SNMP, HTTP/3, IKE and
///    RADIUS (67, 68, 123, 161, 443, 500, 546, 547, 3799, 4500) or from 32768 to 60999, to which answers come; ICMP and
///    ICMPv6, unless it is an echo; every other protocol but IGMP, OSPF, PIM, VRRP and SCTP.
///
/// In both cases TCP flags that no proper segment has are harmless. No other condition helps: a source of one host cuts
/// off that host, a rate limit or a negation says too little, and what an earlier rule accepts may be gone tomorrow. A
/// rule of ebtables helps itself only by its interfaces, by a type (`-p`) that neither carries nor resolves IP, and for
/// the API by an `--ip-proto` other than TCP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    /// Where the API listens; none if it has only a unix socket.
    pub api: Vec<SocketAddr>,
    /// Interfaces by which the switch is managed, also with wildcards.
    pub protect: Vec<Interface>,
}

/// Which way traffic of the switch itself goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Arrives,
    Leaves,
}

/// What would be cut off.
enum Cut<'a> {
    Api(&'a SocketAddr),
    Interface(&'a Interface),
}

impl Guard {
    /// The first rule that could cut off the API or a protected interface, with a message that names it; none if there is
    /// no such rule.
    pub fn cut_off(&self, policy: &Policy) -> Option<RuleError> {
        policy.statements().find_map(|(line, statement)| {
            let (cut, word) = match statement {
                Statement::Rule(rule) if may_discard(&rule.target) => (self.ip(rule)?, rule.target.name()),
                Statement::EbRule(rule) if eb_may_discard(rule) => (self.ethernet(rule)?, "its target"),
                _ => return None,
            };
            let what = match cut {
                Cut::Api(at) => format!("TCP of this API, which listens on {at}"),
                Cut::Interface(interface) => {
                    format!("management traffic on {interface}, which is a protected interface")
                }
            };
            Some(RuleError {
                line,
                column: 1,
                message: format!(
                    "with {word} this rule may discard {what}; only an admin may install such a rule"
                ),
            })
        })
    }

    fn ip(&self, rule: &Rule) -> Option<Cut<'_>> {
        let ways = rule.chains.iter().filter_map(|chain| match chain {
            Chain::Input | Chain::Prerouting => Some((Way::Arrives, rule.in_interfaces.as_slice())),
            Chain::Output | Chain::Postrouting => Some((Way::Leaves, rule.out_interfaces.as_slice())),
            Chain::Forward => None,
        });
        ways.into_iter().find_map(|(way, interfaces)| {
            let mut protected = self.protect.iter().filter(|one| touches(interfaces, one));
            let interface = protected.next().filter(|_| is_management(rule, way));
            let mut api = self.api.iter();
            let api = api.find(|at| reaches(rule, way, interfaces, at));
            api.map(Cut::Api).or(interface.map(Cut::Interface))
        })
    }

    fn ethernet(&self, rule: &EbRule) -> Option<Cut<'_>> {
        if !carries_ip(rule) {
            return None;
        }
        let ways = rule.chains.iter().filter_map(|chain| match chain {
            EbChain::Input | EbChain::Prerouting | EbChain::Brouting => Some(&rule.in_interfaces),
            EbChain::Output | EbChain::Postrouting => Some(&rule.out_interfaces),
            EbChain::Forward => None,
        });
        ways.into_iter().find_map(|interfaces| {
            let interface = self.protect.iter().find(|one| touches(interfaces, one));
            // Bridges do not see the loopback interface.
            let mut api = self.api.iter().filter(|_| may_be_tcp(rule));
            let api = api.find(|at| !at.ip().is_loopback());
            api.map(Cut::Api).or(interface.map(Cut::Interface))
        })
    }
}

fn may_discard(target: &Target) -> bool {
    match target {
        Target::Drop | Target::Police(_) | Target::Opaque(_) => true,
        Target::TriColorPolice(police) => police.violate_drop,
        Target::Accept
        | Target::SetQos { .. }
        | Target::Dscp(_)
        | Target::SetClass(_)
        | Target::Span(_)
        | Target::ErSpan { .. }
        // Its twin with DROP is the next rule.
        | Target::Log { .. } => false,
    }
}

fn eb_may_discard(rule: &EbRule) -> bool {
    match &rule.target {
        EbTarget::Switch(target) => may_discard(target),
        EbTarget::Mark(verdict) => *verdict == Verdict::Drop,
        EbTarget::Opaque => true,
    }
}

fn touches(interfaces: &[Interface], protected: &Interface) -> bool {
    interfaces.is_empty() || interfaces.iter().any(|one| one.overlaps(protected))
}

/// Whether traffic of the loopback interface may match.
fn touches_loopback(interfaces: &[Interface]) -> bool {
    "lo".parse().is_ok_and(|lo| touches(interfaces, &lo))
}

/// Whether management traffic may match, if the interface does.
fn is_management(rule: &Rule, way: Way) -> bool {
    match rule.protocol {
        Some(Protocol::TCP) => has_proper_segments(rule),
        Some(Protocol::UDP) => !ports(rule, way == Way::Leaves).any(are_harmless),
        Some(Protocol::ICMP | Protocol::ICMPV6) => !rule.matches.iter().any(is_echo),
        Some(other) => !HARMLESS.contains(&other),
        None => true,
    }
}

/// Whether TCP to or from the address may match.
fn reaches(rule: &Rule, way: Way, interfaces: &[Interface], api: &SocketAddr) -> bool {
    let ip = api.ip().to_canonical();
    let family = match (rule.family, ip) {
        (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_)) => true,
        // A socket on all addresses of IPv6 answers IPv4 too.
        (Family::V4, IpAddr::V6(ip)) => ip.is_unspecified(),
        (Family::V6, IpAddr::V4(_)) => false,
    };
    let loopback = touches_loopback(interfaces);
    let tcp =
        matches!(rule.protocol, None | Some(Protocol::ALL | Protocol::TCP)) && has_proper_segments(rule);
    if !family || !tcp || ip.is_loopback() && !loopback {
        return false;
    }
    let own_is_source = way == Way::Leaves;
    // Over the loopback interface both directions both arrive and leave; the other end is then a client of Linux.
    let (first, last) = EPHEMERAL;
    let to_client = |ports: &[PortRange]| {
        ports
            .iter()
            .any(|range| range.first() <= last && range.last() >= first)
    };
    has_address(rule, own_is_source, ip, api.port())
        || loopback
            && has_address(rule, !own_is_source, ip, api.port())
            && ports(rule, own_is_source).all(to_client)
}

/// Whether the rule leaves room for this address and port, as the source or the destination.
fn has_address(rule: &Rule, source: bool, ip: IpAddr, port: u16) -> bool {
    let net = if source { rule.source } else { rule.destination };
    let mut nets = rule.matches.iter().filter_map(|one| match (one, source) {
        (Match::SourceNets(nets), true) | (Match::DestinationNets(nets), false) => Some(nets),
        _ => None,
    });
    let here = ip.is_unspecified()
        || net.is_none_or(|net| net.contains(&ip))
            && nets.all(|nets| nets.iter().any(|net| net.contains(&ip)));
    here && ports(rule, source).all(|ports| ports.iter().any(|range| range.contains(port)))
}

/// The lists of ports on one side; every one of them must hold.
fn ports(rule: &Rule, source: bool) -> impl Iterator<Item = &[PortRange]> {
    rule.matches
        .iter()
        .filter_map(move |one| cover::ports(one, source))
}

/// Whether none of these ports, on the switch's side of UDP, has to do with managing it.
fn are_harmless(ports: &[PortRange]) -> bool {
    let (first, last) = EPHEMERAL;
    ports.iter().all(|range| {
        !MANAGEMENT.iter().any(|port| range.contains(*port)) && (range.last() < first || range.first() > last)
    })
}

fn is_echo(one: &Match) -> bool {
    match one {
        Match::Icmp { v6: false, kind } => matches!(kind.kind, 0 | 8),
        Match::Icmp { v6: true, kind } => matches!(kind.kind, 128 | 129),
        _ => false,
    }
}

/// Whether a segment that RFC 9293 allows has such flags; one with none of SYN, ACK and RST, or with SYN and FIN, is made
/// by scanners only.
fn has_proper_segments(rule: &Rule) -> bool {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    let proper = |flags: &u8| match flags & (FIN | SYN | RST | ACK) {
        SYN | RST | ACK => true,
        kind => matches!(kind, 0x12 | 0x14 | 0x11),
    };
    let fits = |flags: u8| {
        rule.matches.iter().all(|one| match one {
            Match::TcpFlags { mask, set } => TcpFlags(flags & mask.0) == *set,
            _ => true,
        })
    };
    (0..64).filter(proper).any(fits)
}

/// Whether frames that carry or resolve IP may match.
fn carries_ip(rule: &EbRule) -> bool {
    let Some(kind) = rule.value("-p") else {
        return true;
    };
    let number = match kind.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => kind.parse().ok(),
    };
    match number {
        Some(number) => CARRY_IP.contains(&number),
        // Frames of IEEE 802.3: spanning trees and the like. Other names are not worth a list.
        None => !kind.eq_ignore_ascii_case("length"),
    }
}

fn may_be_tcp(rule: &EbRule) -> bool {
    ["--ip-proto", "--ip6-proto"]
        .iter()
        .filter_map(|option| rule.value(option))
        .all(|protocol| matches!(protocol, "tcp" | "6" | "all" | "0"))
}
