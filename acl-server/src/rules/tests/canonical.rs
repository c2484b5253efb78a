//! Rules that mean the same are known as such, and no others.

use super::super::parse;

fn canonical(section: &str, rule: &str) -> String {
    let policy = parse(&["# a comment", section, rule]).unwrap_or_else(|error| panic!("{rule}: {error}"));
    let mut rules = policy.canonical_rules();
    let (line, text) = rules.next().expect("a rule");
    assert_eq!(line, 3);
    assert!(rules.next().is_none());
    text
}

#[test]
fn the_section_and_the_table_are_part_of_a_rule() {
    let rule = "-t mangle -A FORWARD -i swp+ -s 10.0.0.1 -j SETQOS --set-cos 5 --set-dscp 10";
    assert_eq!(
        canonical("[iptables]", rule),
        "iptables -t mangle -A FORWARD -i swp+ -s 10.0.0.1/32 -j SETQOS --set-dscp 10 --set-cos 5"
    );
    assert_eq!(
        canonical("[ip6tables]", "-t filter -A INPUT -j DROP"),
        "ip6tables -A INPUT -j DROP"
    );
    assert_eq!(
        canonical("[ebtables]", "-A  INPUT   -p ARP -j DROP"),
        "ebtables -A INPUT -p ARP -j DROP"
    );
}

#[test]
fn the_order_of_lists_and_conditions_does_not_matter() {
    let same: [&[&str]; 4] = [
        &[
            "-A INPUT,FORWARD -i swp1,swp2 -s 10.0.0.9/8 -p tcp --sport 1 --dport 2 -j DROP",
            "-A FORWARD,INPUT -p 6 --dport 2 --source-port 1 --src 10.0.0.0/8 --in-interface swp2,swp1 --jump DROP",
            "-A INPUT,FORWARD -i swp1,swp2 -s 10.0.0.9/8 -p tcp --sport 1 --dport 2 -m comment --comment x -j DROP",
        ],
        &[
            "-A INPUT -j DROP",
            "-A INPUT -p all -s 0.0.0.0/0 -d 1.2.3.4/0 -j DROP",
        ],
        &[
            "-A INPUT -p udp -m multiport --dports 2,1,2 -j DROP",
            "-A INPUT -p udp -m multiport --dports 1,2 -j DROP",
        ],
        &[
            "-A INPUT -p udp --dport 1 -j DROP",
            "-A INPUT -p udp -m multiport --dports 1 -j DROP",
            "-A INPUT -p udp --dport 1 -m multiport --dports 1,1 -j DROP",
        ],
    ];
    for rules in same {
        for rule in rules {
            assert_eq!(
                canonical("[iptables]", rule),
                canonical("[iptables]", rules[0]),
                "{rule}"
            );
            let again = parse(&["[iptables]", rules[0], rule]).expect_err(rule);
            assert!(again.message.contains("duplicate rule at lineno 3"), "{again}");
        }
    }
}

#[test]
fn what_differs_stays_different() {
    let rules = [
        "-A INPUT -j DROP",
        "-A INPUT -j ACCEPT",
        "-A INPUT -i swp+ -j DROP",
        "-A INPUT -p tcp -j DROP",
        "-A INPUT -p tcp --dport 1 -j DROP",
        "-A INPUT -p tcp --sport 1 -j DROP",
        "-A INPUT -p udp --dport 1 -j DROP",
        "-A INPUT -p tcp --dport 1:2 -j DROP",
        "-A INPUT -p tcp -m multiport --dports 1,2 -j DROP",
        "-A INPUT -s 10.0.0.0/8 -j DROP",
        "-A INPUT -d 10.0.0.0/8 -j DROP",
        "-A INPUT -m ecn --ecn-ip-ect 1 -j DROP",
        "-A INPUT -m ecn ! --ecn-ip-ect 1 -j DROP",
        "-A INPUT -f -j DROP",
        "-A FORWARD -j DROP",
        "-t mangle -A FORWARD -j DROP",
    ];
    let lines: Vec<_> = std::iter::once("[iptables]").chain(rules).collect();
    assert!(parse(&lines).is_ok());
}
