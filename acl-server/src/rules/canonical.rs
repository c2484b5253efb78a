//! One text for all rules that mean the same.

use super::eb_rule::EbRule;
use super::matches::Match;
use super::rule::{Family, Rule};
use super::values::{PortRange, Protocol};

impl Rule {
    /// The rule as one text that begins with its section's program (`iptables -t mangle -A FORWARD …`). It is the same for
    /// rules that match the same packets in the same place and do the same: lists and conditions are sorted, what matches
    /// everything (`-p all`, `0.0.0.0/0`, comments) is left out.
    pub fn canonical(&self) -> String {
        let program = match self.family {
            Family::V4 => "iptables",
            Family::V6 => "ip6tables",
        };
        format!("{program} {}", sorted(self.clone()))
    }
}

impl EbRule {
    /// `ebtables` and the rule's words, as they are.
    pub fn canonical(&self) -> String {
        format!("ebtables {self}")
    }
}

fn sorted(mut rule: Rule) -> Rule {
    rule.chains.sort_unstable();
    rule.in_interfaces.sort_unstable();
    rule.out_interfaces.sort_unstable();
    rule.source = rule.source.filter(|net| net.prefix_len() > 0);
    rule.destination = rule.destination.filter(|net| net.prefix_len() > 0);
    rule.protocol = rule.protocol.filter(|protocol| *protocol != Protocol::ALL);
    rule.matches.retain(|one| !matches!(one, Match::Comment(_)));
    rule.matches.iter_mut().for_each(|one| {
        nets(one);
        ports(one);
    });
    rule.matches.sort_by_cached_key(ToString::to_string);
    rule.matches.dedup();
    rule
}

fn nets(one: &mut Match) {
    if let Match::SourceNets(list) | Match::DestinationNets(list) = one {
        list.sort_unstable();
    }
}

/// A list of one port is that port.
fn ports(one: &mut Match) {
    let (list, single): (_, fn(PortRange) -> Match) = match one {
        Match::SourcePorts(list) => (list, Match::SourcePort),
        Match::DestinationPorts(list) => (list, Match::DestinationPort),
        _ => return,
    };
    list.sort_unstable();
    list.dedup();
    if let [port] = list.as_slice() {
        *one = single(*port);
    }
}
