//! Cover and overlap are certain: no packet says otherwise.

use proptest::prelude::*;
use proptest::sample::select;

use super::model::{Model, Packet};
use crate::policy::cover::covers;
use crate::policy::overlap::overlap;
use crate::rules::{Match, Mode, Rule, parse_with};

pub(super) fn rule(text: &str) -> Rule {
    let policy =
        parse_with(&["[iptables]", text], Mode::Lenient).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (_, rule) = policy.rules().next().expect("a rule");
    rule.clone()
}

/// Conditions that a rule may have one each of; those of layer 4 come as one with their protocol.
const KINDS: [&[&str]; 14] = [
    &[
        "-i swp1",
        "-i swp1,swp2",
        "-i swp+",
        "-i swp1+",
        "-i bond+,eth0",
        "-i swp1.5",
        "! -i swp1",
    ],
    &["-o swp1", "-o swp2,bond1", "-o swp+", "! -o swp+"],
    &[
        "-s 10.0.0.1",
        "-s 10.0.0.0/30",
        "-s 10.0.0.0/24",
        "-s 10.0.0.0/8",
        "-s 0.0.0.0/0",
        "-s 10.0.0.1,192.0.2.0/24",
        "-s 10.0.0.0/16,10.1.0.0/16",
        "! -s 10.0.0.1",
    ],
    &[
        "-d 10.0.0.1",
        "-d 10.0.0.0/24",
        "-d 10.0.0.0/9",
        "-d 10.0.0.1,10.0.1.1",
        "! -d 10.0.0.0/8",
    ],
    &["-f"],
    &[
        "-m ttl --ttl-eq 1",
        "-m ttl --ttl-eq 0",
        "-m ttl --ttl-lt 2",
        "-m ttl --ttl-lt 64",
        "-m ttl --ttl-lt 0",
        "-m ttl --ttl-gt 1",
        "-m ttl --ttl-gt 254",
        "-m ttl --ttl-gt 255",
        "-m ttl ! --ttl-eq 1",
    ],
    &["-m dscp --dscp 0", "-m dscp --dscp 46", "-m dscp ! --dscp 46"],
    &[
        "-m ecn --ecn-ip-ect 0",
        "-m ecn --ecn-ip-ect 1",
        "-m ecn ! --ecn-ip-ect 0",
    ],
    &["-m addrtype --src-type LOCAL", "-m addrtype --src-type UNICAST"],
    &["-m addrtype --dst-type LOCAL"],
    &[
        "-m mac --mac-source 00:00:00:00:00:01",
        "-m mac --mac-source 00:00:00:00:00:00",
    ],
    &["-m comment --comment x"],
    &["-m foo --bar 1"],
    &[
        "-p all",
        "-p tcp",
        "-p udp",
        "-p 47",
        "! -p tcp",
        "-p tcp --sport 1",
        "-p tcp --dport 80",
        "-p tcp --dport 22:80",
        "-p tcp --dport 0:65535",
        "-p tcp --sport 1:22 --dport 80:",
        "-p tcp ! --dport 80",
        "-p udp --dport 80",
        "-p udp -m multiport --dports 80,81",
        "-p tcp -m multiport --dports 1,80:81",
        "-p tcp -m multiport --sports 1,1000: -m multiport --dports 80",
        "-p sctp --dport 80 -m multiport --dports 22,80",
        "-p tcp --tcp-flags SYN,ACK SYN",
        "-p tcp --tcp-flags SYN SYN",
        "-p tcp --tcp-flags ALL NONE",
        "-p tcp --tcp-flags SYN SYN,ACK",
        "-p tcp --dport 80 --tcp-flags SYN,ACK,RST SYN",
        "-p icmp",
        "-p icmp --icmp-type 8",
        "-p icmp --icmp-type 3",
        "-p icmp --icmp-type 3/1",
        "-p tcp -m ecn --ecn-tcp-cwr",
        "-p tcp -m ecn --ecn-tcp-cwr ! --ecn-tcp-ece",
        "-p icmp -m icmp ! --icmp-type 8",
    ],
];

/// The conditions of a rule, each kind there with one chance in `chance`.
pub(super) fn conditions(chance: u32) -> impl Strategy<Value = Vec<&'static str>> {
    let kinds: Vec<_> = KINDS
        .iter()
        .map(|kind| prop::option::weighted(1.0 / f64::from(chance), select(*kind)))
        .collect();
    kinds.prop_map(|kinds| kinds.into_iter().flatten().collect())
}

pub(super) fn text(conditions: &[&str]) -> String {
    format!("-A FORWARD {} -j DROP", conditions.join(" "))
}

/// Whether its conditions are known, and say the same of the same packet whenever it comes.
fn is_known(rule: &Rule) -> bool {
    !rule.matches.iter().any(|one| matches!(one, Match::Opaque(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// If `a` covers `b`, any packet that `b` matches is matched by `a`, whatever unknown conditions think of it.
    #[test]
    fn what_is_covered_is_matched(
        a in conditions(6), b in conditions(2), own in any::<bool>(), seeds in prop::array::uniform2(any::<[usize; 16]>()),
    ) {
        // Half of the pairs share their conditions, or hardly any would be covered.
        let shared: Vec<_> = b.iter().step_by(2).copied().collect();
        let (a, b) = (rule(&text(if own { &a } else { &shared })), rule(&text(&b)));
        if covers(&a, &b) {
            let (wide, narrow) = (Model::new(&a), Model::new(&b));
            for seed in seeds {
                let packet = Packet::best(&seed, |packet| narrow.failures(packet, true));
                if narrow.matches(&packet, true) {
                    prop_assert!(wide.matches(&packet, false), "{}\ncovers\n{}\nbut not\n{:?}", a, b, packet);
                }
            }
        }
    }

    /// It is not only never wrong: a rule with some of another's conditions covers it.
    #[test]
    fn fewer_conditions_cover_more(b in conditions(2), mask in any::<u16>()) {
        let a: Vec<_> = b.iter().enumerate().filter(|(n, _)| mask & (1 << n) != 0).map(|(_, one)| *one).collect();
        let (a, b) = (rule(&text(&a)), rule(&text(&b)));
        prop_assert_eq!(covers(&a, &b), is_known(&a), "{}\n{}", a, b);
    }

    /// If `a` and `b` overlap, there is a packet for both.
    #[test]
    fn where_rules_overlap_there_is_a_packet(a in conditions(4), b in conditions(4), seed in any::<[usize; 16]>()) {
        let (a, b) = (rule(&text(&a)), rule(&text(&b)));
        prop_assert_eq!(overlap(&a, &b), overlap(&b, &a));
        let (one, other) = (Model::new(&a), Model::new(&b));
        let packet = Packet::best(&seed, |packet| one.failures(packet, false) + other.failures(packet, false));
        let both = one.matches(&packet, false) && other.matches(&packet, false);
        if overlap(&a, &b) {
            prop_assert!(both, "{}\nand\n{}\nbut not\n{:?}", a, b, packet);
        }
        // Nor is it silent where there is nothing to doubt.
        let simple = |rule: &Rule| !rule.matches.iter().any(|one| {
            matches!(one, Match::Not(_) | Match::Opaque(_) | Match::SourceType(_) | Match::DestinationType(_))
        });
        if both && simple(&a) && simple(&b) && !a.fragment && !b.fragment {
            prop_assert!(overlap(&a, &b), "{}\nand\n{}\nshare\n{:?}", a, b, packet);
        }
    }

    #[test]
    fn a_rule_covers_itself_and_its_wider_kin(all in conditions(2)) {
        let one = rule(&text(&all));
        prop_assert_eq!(covers(&one, &one), is_known(&one));
        prop_assert!(covers(&rule("-A FORWARD -j DROP"), &one));
    }
}

#[test]
fn cover_by_cases() {
    let covers = |a: &str, b: &str| {
        covers(
            &rule(&format!("-A FORWARD {a} -j DROP")),
            &rule(&format!("-A FORWARD {b} -j DROP")),
        )
    };
    for (a, b) in [
        ("-i swp+", "-i swp1,swp2.100"),
        ("-i swp1,swp2", "-i swp2"),
        ("-s 10.0.0.0/8", "-s 10.1.0.0/16"),
        ("-s 10.0.0.0/8", "-s 10.0.0.1,10.0.0.2"),
        ("-p tcp --dport 1:100", "-p tcp -m multiport --dports 1,50:60"),
        ("-p tcp --dport 1:100", "-p tcp --sport 5 --dport 80 -i swp1"),
        ("-p tcp -m multiport --dports 80,443", "-p tcp --dport 443"),
        ("-m ttl --ttl-lt 10", "-m ttl --ttl-eq 9"),
        ("-m ttl --ttl-gt 8", "-m ttl --ttl-gt 200"),
        ("-m ecn ! --ecn-ip-ect 0", "-m ecn --ecn-ip-ect 1"),
        ("! -s 10.0.0.1", "! -s 10.0.0.1 -i swp1"),
        ("-p icmp --icmp-type 3", "-p icmp --icmp-type 3/1"),
    ] {
        assert!(covers(a, b), "{a} | {b}");
        assert!(!covers(b, a), "{b} | {a}");
    }
    for (a, b) in [
        ("-i swp1", ""),
        ("-i swp1", "-i swp1.100"),
        ("-p tcp", ""),
        ("-p tcp", "! -p udp"),
        ("-p tcp --dport 80", "-p udp --dport 80"),
        ("-p tcp --dport 80", "-p tcp --sport 80"),
        ("-m foo --bar 1", "-m foo --bar 1"),
        ("-f", ""),
        ("-m ttl --ttl-lt 0", "-m ttl --ttl-eq 0"),
        // Two rules together would cover it; one alone does not.
        ("-p tcp -m multiport --dports 1:50,51:100", "-p tcp --dport 40:60"),
    ] {
        assert!(!covers(a, b), "{a} | {b}");
    }
    let (filter, mangle) = (rule("-A FORWARD -j DROP"), rule("-t mangle -A FORWARD -j DROP"));
    assert!(!super::super::cover::covers(&filter, &mangle));
}
