//! Whether one rule matches everything that another matches: certain, or no.

use ipnet::IpNet;

use crate::rules::{Compare, EbRule, Ecn, Interface, Match, PortRange, Protocol, Rule};

/// Whether every packet that `b` matches is matched by `a` too, in every chain that both are in.
///
/// Sound, not complete: where it is hard to say, the answer is no. A condition that is not known here may depend on
/// packets that came before, so a rule that has one covers nothing, not even its twin.
pub(super) fn covers(a: &Rule, b: &Rule) -> bool {
    (a.family, a.table) == (b.family, b.table)
        && covers_interfaces(&a.in_interfaces, &b.in_interfaces)
        && covers_interfaces(&a.out_interfaces, &b.out_interfaces)
        && a.source.is_none_or(|net| covers_nets(&[net], sources(b)))
        && a.destination
            .is_none_or(|net| covers_nets(&[net], destinations(b)))
        && covers_protocol(a.protocol, b.protocol)
        && (!a.fragment || b.fragment)
        && a.matches.iter().all(|one| is_implied(one, b))
}

pub(super) fn covers_interfaces(a: &[Interface], b: &[Interface]) -> bool {
    a.is_empty() || !b.is_empty() && b.iter().all(|one| a.iter().any(|wider| wider.covers(one)))
}

fn covers_protocol(a: Option<Protocol>, b: Option<Protocol>) -> bool {
    matches!(a, None | Some(Protocol::ALL)) || a == b
}

/// The source prefixes of a rule; none if every source matches.
pub(super) fn sources(rule: &Rule) -> Option<&[IpNet]> {
    let list = rule.matches.iter().find_map(|one| match one {
        Match::SourceNets(nets) => Some(nets.as_slice()),
        _ => None,
    });
    list.or(rule.source.as_ref().map(std::slice::from_ref))
}

/// The destination prefixes of a rule; none if every destination matches.
pub(super) fn destinations(rule: &Rule) -> Option<&[IpNet]> {
    let list = rule.matches.iter().find_map(|one| match one {
        Match::DestinationNets(nets) => Some(nets.as_slice()),
        _ => None,
    });
    list.or(rule.destination.as_ref().map(std::slice::from_ref))
}

fn covers_nets(a: &[IpNet], b: Option<&[IpNet]>) -> bool {
    a.iter().any(|net| net.prefix_len() == 0)
        || b.is_some_and(|b| b.iter().all(|net| a.iter().any(|wider| wider.contains(net))))
}

/// Whether every packet that `rule` matches meets this condition, in a rule whose protocol covers this one's.
fn is_implied(condition: &Match, rule: &Rule) -> bool {
    let mut given = rule.matches.iter();
    match condition {
        Match::Comment(_) => true,
        Match::Opaque(_) => false,
        Match::SourceNets(nets) => covers_nets(nets, sources(rule)),
        Match::DestinationNets(nets) => covers_nets(nets, destinations(rule)),
        Match::SourcePort(_) | Match::SourcePorts(_) => {
            let wider = ports(condition, true);
            given.any(|one| covers_ports(wider, ports(one, true)))
        }
        Match::DestinationPort(_) | Match::DestinationPorts(_) => {
            let wider = ports(condition, false);
            given.any(|one| covers_ports(wider, ports(one, false)))
        }
        Match::TcpFlags { mask, set } => given.any(|one| {
            let implied = matches!(one, Match::TcpFlags { mask: more, set: exact }
                if mask.0 & !more.0 == 0 && exact.0 & mask.0 == set.0);
            // Flags outside the mask are never met, which is the same for both.
            implied || one == condition
        }),
        Match::Icmp { kind: wider, .. } => given.any(|one| {
            matches!(one, Match::Icmp { kind, .. }
                if kind.kind == wider.kind && (wider.code.is_none() || kind.code == wider.code))
        }),
        Match::HopLimit { compare, value, .. } => {
            let (low, high) = hops(*compare, *value);
            given.any(|one| {
                matches!(one, Match::HopLimit { compare, value, .. } if {
                    let (least, most) = hops(*compare, *value);
                    low <= least && most <= high
                })
            })
        }
        Match::Ecn {
            negated: true,
            bits: Ecn::Ip(not),
        } => given.any(|one| {
            one == condition || matches!(one, Match::Ecn { negated: false, bits: Ecn::Ip(is) } if is != not)
        }),
        // Each of these depends on the packet alone, so the same condition has the same answer.
        Match::Ecn { .. }
        | Match::Dscp(_)
        | Match::SourceType(_)
        | Match::DestinationType(_)
        | Match::MacSource(_)
        | Match::Not(_) => given.any(|one| one == condition),
    }
}

/// The list of ports that a condition asks for on one side; none if it asks for none there.
pub(super) fn ports(one: &Match, source: bool) -> Option<&[PortRange]> {
    match (one, source) {
        (Match::SourcePort(port), true) | (Match::DestinationPort(port), false) => {
            Some(std::slice::from_ref(port))
        }
        (Match::SourcePorts(ports), true) | (Match::DestinationPorts(ports), false) => Some(ports),
        _ => None,
    }
}

fn covers_ports(a: Option<&[PortRange]>, b: Option<&[PortRange]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return false;
    };
    let inside =
        |narrow: &PortRange, wide: &PortRange| wide.contains(narrow.first()) && wide.contains(narrow.last());
    b.iter().all(|narrow| a.iter().any(|wide| inside(narrow, wide)))
}

/// Least and most hops that a comparison lets through; nothing lies between them if it lets none through.
fn hops(compare: Compare, value: u8) -> (i16, i16) {
    let value = i16::from(value);
    match compare {
        Compare::Equal => (value, value),
        Compare::Less => (0, value - 1),
        Compare::Greater => (value + 1, 255),
    }
}

/// Whether every frame that `b` matches is matched by `a` too, in every chain that both are in. As [`covers`]; values are
/// compared as texts. A mark may change between the two.
pub(super) fn covers_frames(a: &EbRule, b: &EbRule) -> bool {
    a.table == b.table
        && covers_interfaces(&a.in_interfaces, &b.in_interfaces)
        && covers_interfaces(&a.out_interfaces, &b.out_interfaces)
        && a.conditions
            .iter()
            .all(|one| one.known && one.option != "--mark" && b.conditions.contains(one))
}
