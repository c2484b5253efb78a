//! `[ebtables]`: every word is known, or the rule is refused.

use super::super::{Mode, parse_with};
use super::{accepted, refused, strict_only};

#[test]
fn conditions_and_targets_are_read() {
    let rules = [
        "-A FORWARD -p IPV4 --ip-dst 10.0.0.1 -j erspan --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
        "-t nat -A PREROUTING,POSTROUTING -j ACCEPT",
        "-A INPUT -i swp1,swp2 -s 00:11:22:33:44:55/ff:ff:ff:ff:00:00 -d Multicast --jump DROP",
        "-A INPUT --in-interface swp+ -p 0x8809 -j setclass --class 7",
        "-A INPUT,FORWARD -p ARP --arp-opcode Request --arp-ip-dst 10.0.0.0/8 --arp-gratuitous -j police \
         --set-mode pkt --set-rate 400 --set-burst 100",
        "-A FORWARD -p 802_1Q --vlan-id 100 --vlan-prio 5 --vlan-encap 0x0800 -j span --dport swp5",
        "-A FORWARD -p IPv6 --ip6-src 2001:db8::/32 --ip6-proto udp --ip6-dport 53 -j mark --mark-set 0x10 \
         --mark-target CONTINUE",
        "-A FORWARD -p IPv4 --ip-proto icmp --ip-icmp-type echo-request --ip-tos b8 -j tricolorpolice --set-color-mode \
         blind --set-cir 1 --set-cbs 2 --set-pir 3 --set-ebs 4 --set-violate-action drop",
        "-A OUTPUT -o swp1 --pkttype-type multicast --802_3-sap 0x42 -j DROP",
    ];
    let lines: Vec<_> = std::iter::once("[ebtables]").chain(rules).collect();
    let policy = accepted(&lines);
    assert_eq!(policy.eb_rules().count(), rules.len());
    assert_eq!(policy.entries(), 1 + 2 + 2 + 1 + 2 + 1 + 1 + 1 + 1);
}

#[test]
fn a_rule_has_a_place_and_a_target() {
    refused(&["[ebtables]", "-A FORWARD -p IPV4"], 2, 19, &["expected -j"]);
    strict_only(&["[ebtables]", "-A FORWARD -j ERSPAN"], 2, 15, &["span"]);
    strict_only(&["[ebtables]", "-A FORWARD -j CONTINUE"], 2, 15, &["one target"]);
    refused(
        &["[ebtables]", "-A FORWARD -j DROP -j DROP"],
        2,
        20,
        &["DROP has no options"],
    );
    refused(&["[ebtables]", "-A MYCHAIN -j DROP"], 2, 4, &["chains"]);
    refused(&["[ebtables]", "-A INPUT,INPUT -j DROP"], 2, 4, &["twice"]);
    refused(&["[ebtables]", "-t mangle -A INPUT -j DROP"], 2, 4, &["broute"]);
    refused(&["[ebtables]", "FORWARD -j DROP"], 2, 1, &["-A CHAIN"]);
    strict_only(
        &["[ebtables]", "-A INPUT ! -i swp1 -j DROP"],
        2,
        10,
        &["negation"],
    );
    refused(
        &["[ebtables]", "-A INPUT,FORWARD -o swp1 -j DROP"],
        2,
        18,
        &["output interface specified with INPUT chain"],
    );
    refused(
        &["[ebtables]", "-A OUTPUT --logical-in br0 -j DROP"],
        2,
        11,
        &["input interface specified with OUTPUT chain"],
    );
    refused(
        &["[ebtables]", "-A INPUT -i ! swp1 -j DROP"],
        2,
        13,
        &["interface"],
    );
}

/// `getopt_long` takes any beginning of an option, and its value glued to it.
#[test]
fn no_option_is_accepted_that_is_not_known_in_full() {
    let hostile = [
        "-M/tmp/evil",
        "-M /tmp/evil",
        "--modprob /tmp/evil",
        "--modp /tmp/evil",
        "--atomic-fi /etc/shadow",
        "--atomic-file /etc/shadow",
        "--atomic-commit",
        "--among-dst-f /etc/shadow",
        "--among-src-file /etc/shadow",
        "-DFORWARD",
        "--delet FORWARD",
        "-F",
        "-FINPUT",
        "-tnat",
        "-L",
        "--concurrent",
        "--init-t",
        "--version",
        "-h",
        "-iswp1",
        "--in-interfac swp1",
        "--",
        "-",
        "stray",
        "/tmp/evil",
    ];
    for words in hostile {
        for section in ["[ebtables]", "[iptables]", "[ip6tables]"] {
            let target = if section == "[ebtables]" {
                "setclass"
            } else {
                "SETCLASS"
            };
            refused(&[section, &format!("-A INPUT {words} -j DROP")], 2, 10, &[]);
            refused(&[section, &format!("-A INPUT -j DROP {words}")], 2, 18, &[]);
            let options = format!("-A INPUT -j {target} --class 7 {words}");
            refused(&[section, &options], 2, 32, &[]);
            if !matches!(words, "stray") {
                refused(&[section, &format!("-A INPUT -p {words} -j DROP")], 2, 13, &[]);
                // Nor where the words of others may stand.
                for place in ["-m foo --bar 1", "--bar", "! --bar"] {
                    let rule = format!("-A INPUT {place} {words} -j DROP");
                    let error = parse_with(&[section, &rule], Mode::Lenient).expect_err(&rule);
                    assert_eq!(error.line, 2, "{rule}: {error}");
                }
                let rule = format!("-A INPUT -j FOO --bar {words}");
                assert!(parse_with(&[section, &rule], Mode::Lenient).is_err(), "{rule}");
            }
        }
    }
    for words in ["--bogus x", "--bogus"] {
        strict_only(&["[ebtables]", &format!("-A INPUT {words} -j DROP")], 2, 10, &[]);
        strict_only(&["[ebtables]", &format!("-A INPUT -j DROP {words}")], 2, 18, &[]);
        refused(
            &["[ebtables]", &format!("-A INPUT -p {words} -j DROP")],
            2,
            13,
            &[],
        );
    }
    // A variable is no way around it.
    refused(
        &["X = -M/tmp/evil", "[ebtables]", "-A INPUT -j DROP $X"],
        3,
        18,
        &["found \"-M/tmp/evil\""],
    );
}

#[test]
fn an_operand_is_never_an_option() {
    let options = [
        "-p",
        "-i",
        "-o",
        "-s",
        "-d",
        "--logical-in",
        "--logical-out",
        "--802_3-sap",
        "--802_3-type",
        "--arp-opcode",
        "--arp-htype",
        "--arp-ptype",
        "--arp-ip-src",
        "--arp-ip-dst",
        "--arp-mac-src",
        "--arp-mac-dst",
        "--ip-src",
        "--ip-dst",
        "--ip-tos",
        "--ip-proto",
        "--ip-sport",
        "--ip-dport",
        "--ip-icmp-type",
        "--ip6-src",
        "--ip6-dst",
        "--ip6-tclass",
        "--ip6-proto",
        "--ip6-sport",
        "--ip6-dport",
        "--ip6-icmp-type",
        "--pkttype-type",
        "--vlan-id",
        "--vlan-prio",
        "--vlan-encap",
        "--mark",
    ];
    for option in options {
        let column = u32::try_from("-A INPUT ".len() + option.len() + 2).expect("short");
        for operand in ["-M/x", "--modprobe", "-F", "!", "host.example/8", "$(reboot)"] {
            let rule = format!("-A INPUT {option} {operand} -j DROP");
            let error = super::parse(&["[ebtables]", &rule]).expect_err(&rule);
            assert_eq!((error.line, error.column), (2, column), "{rule}: {error}");
        }
        let rule = format!("-A INPUT {option}");
        assert!(super::parse(&["[ebtables]", &rule]).is_err(), "{rule}");
    }
    for (target, options) in [
        ("setclass", "--class"),
        ("span", "--dport"),
        ("erspan", "--src-ip"),
        ("police", "--set-rate"),
        ("mark", "--mark-set"),
        ("mark", "--mark-set 1 --mark-target"),
    ] {
        for operand in ["-M/x", "--modprobe", "x/y"] {
            let rule = format!("-A INPUT -j {target} {options} {operand}");
            assert!(super::parse(&["[ebtables]", &rule]).is_err(), "{rule}");
        }
    }
}

#[test]
fn targets_have_their_ranges() {
    let at = |rule: &str, words: &[&str]| {
        let error = super::parse(&["[ebtables]", rule]).expect_err(rule);
        for word in words {
            assert!(error.message.contains(word), "{word:?} is not in: {error}");
        }
    };
    at("-A INPUT -j setclass --class 8", &["0 to 7"]);
    at("-A INPUT -j setclass", &["needs --class"]);
    at(
        "-A INPUT -j police --set-mode pps --set-rate 1 --set-burst 1",
        &["pkt or KB"],
    );
    at("-A INPUT -j span --dport swp+", &["one interface"]);
    at("-A INPUT -j erspan --src-ip 10.0.0.1", &["needs --dst-ip"]);
    at("-A INPUT -j mark", &["needs --mark-set"]);
    at("-A INPUT -j mark --mark-set 1 --mark-or 1", &["several changes"]);
    at("-A INPUT -j mark --mark-set 0x100000000", &["0 to 4294967295"]);
    at(
        "-A INPUT -j mark --mark-set 1 --mark-target RETURN",
        &["CONTINUE"],
    );
    at("-A INPUT -i swp1 --in-if swp2 -j DROP", &["twice"]);
    at("-A INPUT --vlan-id 010 -j DROP", &["VLAN"]);
}
