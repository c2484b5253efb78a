//! Whether there is a packet that two rules match: certain, or no.

use ipnet::IpNet;

use super::cover::{destinations, ports, sources};
use crate::rules::{Compare, EbRule, Ecn, Interface, Match, PortRange, Protocol, Rule, TcpFlags};

/// Whether some packet is matched by both rules, in every chain that both are in.
///
/// Sound, not complete: where it is hard to say, the answer is no. That is so for conditions that are not known here, for
/// negated ones, and for the routing types of addresses.
pub(super) fn overlap(a: &Rule, b: &Rule) -> bool {
    (a.family, a.table) == (b.family, b.table)
        && nets_overlap(destinations(a), destinations(b))
        && nets_overlap(sources(a), sources(b))
        && protocols_overlap(a.protocol, b.protocol)
        && interfaces_overlap(&a.in_interfaces, &b.in_interfaces)
        && interfaces_overlap(&a.out_interfaces, &b.out_interfaces)
        && Both(a, b).can_be_met()
}

fn protocols_overlap(a: Option<Protocol>, b: Option<Protocol>) -> bool {
    let all = |one| matches!(one, None | Some(Protocol::ALL));
    all(a) || all(b) || a == b
}

fn interfaces_overlap(a: &[Interface], b: &[Interface]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|one| b.iter().any(|other| one.overlaps(other)))
}

fn nets_overlap(a: Option<&[IpNet]>, b: Option<&[IpNet]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return true;
    };
    let overlap = |one: &IpNet, other: &IpNet| one.contains(other) || other.contains(one);
    a.iter().any(|one| b.iter().any(|other| overlap(one, other)))
}

/// The further conditions of two rules. Each kind asks for a field of its own, so they can be met one by one.
struct Both<'a>(&'a Rule, &'a Rule);

impl<'a> Both<'a> {
    fn matches(&self) -> impl Iterator<Item = &'a Match> + use<'a> {
        self.0.matches.iter().chain(&self.1.matches)
    }

    fn can_be_met(&self) -> bool {
        self.are_certain()
            && self.same(|one| matches!(one, Match::Dscp(_)))
            && self.same(|one| matches!(one, Match::MacSource(_)))
            && self.ports(true)
            && self.ports(false)
            && self.any(0..=255, |one, hops| match one {
                Match::HopLimit { compare, value, .. } => match compare {
                    Compare::Equal => hops == *value,
                    Compare::Less => hops < *value,
                    Compare::Greater => hops > *value,
                },
                _ => true,
            })
            && self.any(0..64, |one, flags| match one {
                Match::TcpFlags { mask, set } => TcpFlags(flags & mask.0) == *set,
                _ => true,
            })
            && self.any(0..16, |one, bits| match one {
                Match::Ecn { negated, bits: ecn } => {
                    *negated
                        != match ecn {
                            Ecn::Ip(value) => bits & 3 == *value,
                            Ecn::TcpCwr => bits & 4 != 0,
                            Ecn::TcpEce => bits & 8 != 0,
                        }
                }
                _ => true,
            })
            && self.icmp()
    }

    fn are_certain(&self) -> bool {
        let fragments = self.0.fragment || self.1.fragment;
        self.matches().all(|one| match one {
            Match::Not(_) | Match::Opaque(_) | Match::SourceType(_) | Match::DestinationType(_) => false,
            // Only a first fragment has these.
            Match::SourcePort(_)
            | Match::SourcePorts(_)
            | Match::DestinationPort(_)
            | Match::DestinationPorts(_)
            | Match::TcpFlags { .. }
            | Match::Icmp { .. }
            | Match::Ecn { .. } => !fragments,
            _ => true,
        })
    }

    /// Whether all conditions of a kind are the same one.
    fn same(&self, kind: fn(&Match) -> bool) -> bool {
        let mut all = self.matches().filter(|one| kind(one));
        all.next().is_none_or(|first| all.all(|one| one == first))
    }

    /// Whether one of the values meets all conditions.
    fn any(&self, mut values: impl Iterator<Item = u8>, meets: fn(&Match, u8) -> bool) -> bool {
        values.any(|value| self.matches().all(|one| meets(one, value)))
    }

    /// Whether one port is in all lists: if so, the first of some range is.
    fn ports(&self, source: bool) -> bool {
        let lists = || self.matches().filter_map(move |one| ports(one, source));
        let in_all =
            |range: &PortRange| lists().all(|list| list.iter().any(|other| other.contains(range.first())));
        lists().next().is_none() || lists().flatten().any(in_all)
    }

    fn icmp(&self) -> bool {
        let kinds = || {
            self.matches().filter_map(|one| match one {
                Match::Icmp { kind, .. } => Some(kind),
                _ => None,
            })
        };
        kinds().all(|one| {
            kinds().all(|other| {
                let codes = one.code.is_none() || other.code.is_none() || one.code == other.code;
                one.kind == other.kind && codes
            })
        })
    }
}

/// Whether some frame is matched by both rules, in every chain that both are in. As [`overlap`]; known only of rules of
/// which one has no conditions but the other's.
pub(super) fn overlap_frames(a: &EbRule, b: &EbRule) -> bool {
    let known = |rule: &EbRule| rule.conditions.iter().all(|one| one.known && !one.negated);
    let inside = |a: &EbRule, b: &EbRule| a.conditions.iter().all(|one| b.conditions.contains(one));
    a.table == b.table
        && known(a)
        && known(b)
        && (inside(a, b) || inside(b, a))
        && interfaces_overlap(&a.in_interfaces, &b.in_interfaces)
        && interfaces_overlap(&a.out_interfaces, &b.out_interfaces)
}
