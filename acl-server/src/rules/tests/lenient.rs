//! What lenient rules may have besides: unknown words that are kept, negation, what hardware lacks.

use super::super::{Action, Actions, Match, Mode, Target, parse_with};
use super::{lenient, refused_in, strict_only};

#[test]
fn unknown_words_are_kept_as_they_are() {
    let rules = [
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -p tcp --syn -m limit --limit 10/second --limit-burst 5 -j ACCEPT",
        "-A FORWARD -m set --match-set blocked src,dst -j DROP",
        "-A FORWARD -m set ! --match-set blocked src -j DROP",
        "-A FORWARD -m rpfilter -j DROP",
        "-A FORWARD -p tcp -m multiport --ports 80,443 -j DROP",
        "-A FORWARD -m addrtype --dst-type LOCAL -m addrtype --limit-iface-in -j DROP",
        "-A FORWARD -j REJECT --reject-with icmp-port-unreachable",
        "-A FORWARD -p udp -j my-chain",
        "-t mangle -A FORWARD -p tcp -j TCPMSS --clamp-mss-to-pmtu",
        "-A FORWARD -j RETURN",
        "-A FORWARD -j NFQUEUE --queue-num 1",
    ];
    for rule in rules {
        let policy = lenient(&["[iptables]", rule]);
        assert_eq!(policy.render()[1], rule);
        assert!(parse_with(&["[iptables]", rule], Mode::Strict).is_err(), "{rule}");
    }
    let rules = [
        "-A FORWARD --limit 10/s -j DROP",
        "-A FORWARD -p IPv4 --ip-src 10.0.0.1 -j snat --to-source 00:11:22:33:44:55",
        "-A FORWARD ! -p ARP -j DROP",
        "-A FORWARD -i swp1 ! -o swp2 --new-thing -j setclass --class 3 --more",
    ];
    for rule in rules {
        let policy = lenient(&["[ebtables]", rule]);
        assert_eq!(policy.render()[1], rule);
        assert!(parse_with(&["[ebtables]", rule], Mode::Strict).is_err(), "{rule}");
    }
}

/// The condition that each option belongs to, when options of several matches are mixed.
#[test]
fn options_stay_with_their_match() {
    let one = |rule: &str| {
        let policy = lenient(&["[iptables]", rule]);
        let (_, rule) = policy.rules().next().expect("a rule");
        rule.matches.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        one("-A INPUT -m foo --xa 1 -p tcp --dport 1 --xb -m dscp --dscp 4 --xc 2 3 -m foo --xa 1 -j DROP"),
        [
            "-m foo --xa 1 --xb",
            "--dport 1",
            "-m dscp --dscp 4",
            "-m dscp --xc 2 3",
            "-m foo --xa 1"
        ]
    );
    assert_eq!(
        one("-A INPUT --xa ::1 --xb :1023 -j DROP"),
        ["--xa ::1 --xb :1023"]
    );
    assert_eq!(
        one("-A INPUT -p icmp --icmp-type 8 --xa -j DROP"),
        ["-m icmp --icmp-type 8", "-m icmp --xa"]
    );
}

#[test]
fn the_opposite_of_a_condition_is_read_like_the_condition() {
    let rules = [
        "! -s 10.0.0.0/8",
        "! -d 10.0.0.1/32,10.0.0.2/32",
        "! -i swp1,swp+",
        "! -o bond+",
        "! -p tcp",
        "! -f",
        "-p tcp ! --dport 80",
        "-p tcp -m multiport ! --sports 1,2:3",
        "-p tcp -m tcp ! --tcp-flags SYN,ACK SYN",
        "-p icmp -m icmp ! --icmp-type 8",
        "-m dscp ! --dscp 46",
        "-m ttl ! --ttl-eq 1",
        "-m addrtype ! --dst-type LOCAL",
        "-m mac ! --mac-source 00:11:22:33:44:55",
        "-m foo ! --bar 1 ! --baz",
    ];
    for condition in rules {
        let rule = format!("-A FORWARD {condition} -j DROP");
        strict_only(
            &["[iptables]", &rule],
            2,
            u32::try_from(
                rule.find(if condition.contains("foo") { "foo" } else { "! " })
                    .unwrap_or(0)
                    + 1,
            )
            .unwrap_or(0),
            &[],
        );
        let policy = lenient(&["[iptables]", &rule]);
        assert_eq!(policy.render()[1], rule);
    }
    let policy = lenient(&["[iptables]", "-A FORWARD ! --source 10.0.0.1 ! -i swp1 -j DROP"]);
    let (_, rule) = policy.rules().next().expect("a rule");
    assert_eq!((rule.source, rule.in_interfaces.len()), (None, 0));
    let not = |text: &str| Match::Not(text.to_owned());
    assert_eq!(rule.matches, [not("! -s 10.0.0.1"), not("! -i swp1")]);

    let refuse = |rule: &str, column: u32, words: &[&str]| {
        refused_in(Mode::Lenient, &["[iptables]", rule], (2, column), words);
    };
    refuse("-A FORWARD ! -s example.com -j DROP", 17, &["no host names"]);
    refuse("-A FORWARD -s ! 10.0.0.1 -j DROP", 15, &["IPv4 address"]);
    refuse("-A FORWARD ! -s 10.0.0.1 -s 10.0.0.2 -j DROP", 26, &["twice"]);
    refuse("-A FORWARD ! ! -f -j DROP", 14, &["a condition after !"]);
    refuse(
        "-A FORWARD ! -m dscp --dscp 1 -j DROP",
        14,
        &["a condition after !"],
    );
    refuse("-A FORWARD ! -j DROP", 14, &["a condition after !"]);
    refuse("-A FORWARD ! stray -j DROP", 14, &["a condition after !"]);
    refuse("-A FORWARD ! -F -j DROP", 14, &["only -A is safe"]);
    refuse("-A FORWARD !", 13, &["end of the line"]);
    refuse(
        "-A FORWARD -m comment ! --comment x -j DROP",
        25,
        &["a condition after !"],
    );
    refuse(
        "-A FORWARD -m foo --bar ! -s 10.0.0.1 -j DROP",
        25,
        &["may take it for its value"],
    );
    refuse("-A FORWARD ! --dport 80 -j DROP", 14, &["expected -p tcp"]);
}

#[test]
fn what_hardware_lacks_is_left_to_the_tool() {
    strict_only(
        &["[iptables]", "-A FORWARD -o swp1 -p tcp --dport 1:2 -j DROP"],
        2,
        27,
        &["egress"],
    );
    strict_only(
        &["[iptables]", "-A FORWARD -j SETQOS --set-dscp 1"],
        2,
        15,
        &["-t mangle"],
    );
    strict_only(
        &["[iptables]", "-A FORWARD -s 10.0.0.1,10.0.0.0/8 -j DROP"],
        2,
        15,
        &["IPv4 address"],
    );
    let policy = lenient(&[
        "[ip6tables]",
        "-A INPUT,FORWARD -i swp1,swp2 -s ::1,fe80::/10,ff00::/8 -j DROP",
    ]);
    assert_eq!(policy.entries(), 2 * 2 * 3);
    let refuse = |rule: &str, column: u32, words: &[&str]| {
        refused_in(Mode::Lenient, &["[iptables]", rule], (2, column), words);
    };
    refuse("-A FORWARD -s 10.0.0.1,10.0.0.1 -j DROP", 15, &["twice"]);
    refuse("-A FORWARD -s 10.0.0.1,host -j DROP", 15, &["no host names"]);
    // What is known keeps its ranges.
    refuse(
        "-t mangle -A FORWARD -j SETQOS --set-dscp 64 --novel 1",
        43,
        &["0 to 63"],
    );
    refuse("-A FORWARD -m dscp --dscp 64 -j DROP", 27, &["0 to 63"]);
    refuse("-A FORWARD -j SETCLASS --novel 1", 33, &["needs --class"]);
    refuse("-A FORWARD --dscp 6 -j DROP", 12, &["-m dscp before"]);
    refuse(
        "-A FORWARD -j FOO -s 10.0.0.1",
        19,
        &["conditions come before -j"],
    );
    refuse("-A FORWARD -j FOO --dport 80", 19, &["--dport"]);
    refuse("-A FORWARD --foo a b c -j DROP", 22, &["expected"]);
    refuse("-A FORWARD stray -j DROP", 12, &["expected"]);
}

#[test]
fn what_is_not_known_may_do_anything() {
    for rule in [
        "-A FORWARD -j REJECT",
        "-A FORWARD -j ACCEPT --novel",
        "-t mangle -A FORWARD -j DSCP --set-dscp 1 --novel",
    ] {
        let policy = lenient(&["[iptables]", rule]);
        assert!(
            policy
                .rules()
                .all(|(_, rule)| matches!(rule.target, Target::Opaque(_))),
            "{rule}"
        );
        assert_eq!(policy.actions(), Actions::ALL, "{rule}");
    }
    let policy = lenient(&["[ebtables]", "-A FORWARD -j mark --mark-set 1 --novel"]);
    assert_eq!(policy.actions(), Actions::ALL);
    let policy = lenient(&["[iptables]", "-A FORWARD -m foo -j DROP"]);
    assert_eq!(policy.actions(), Action::Drop.into());
}
