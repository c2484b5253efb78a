use proptest::prelude::*;

use super::*;
use crate::rules;

const ACLTOOL: &str = include_str!("fixtures/acltool-every-match.txt");
const CL_ACLTOOL: &str = include_str!("fixtures/cl-acltool-names-suffixes-blank-columns.txt");

const SERVICES: &str = "bootps 67/udp\nbootpc 68/udp\nbgp 179/tcp # x\nssh 22/tcp\nhttps 443/tcp\nhttps 443/udp\ndomain 53/udp\n\
                        # telnet 24/tcp\ntelnet 23/tcp\nodd\nodd2 x/tcp\nodd3 5/ddp\n";

fn acltool() -> Listing {
    Listing::parse(ACLTOOL, Names::default())
}

fn cl_acltool() -> Listing {
    Listing::parse(CL_ACLTOOL, Names::parse(SERVICES))
}

fn counted(listing: &Listing, acl: &str, lines: &[&str]) -> Vec<(u32, Option<u64>)> {
    let policy = rules::parse(lines).unwrap();
    let counters = listing.counters(&acl.parse().unwrap(), &policy);
    for one in &counters {
        assert_eq!(one.packets.is_some(), one.bytes.is_some());
    }
    counters.into_iter().map(|one| (one.line, one.packets)).collect()
}

/// The packets of one rule.
fn packets(listing: &Listing, section: &str, rule: &str) -> Option<u64> {
    counted(listing, "x", &[section, rule])[0].1
}

fn ip(rule: &str) -> Option<u64> {
    packets(&cl_acltool(), "[iptables]", rule)
}

#[test]
fn rows_are_read_with_their_place() {
    let listing = acltool();
    assert_eq!(listing.rows.len(), 28);
    let row = &listing.rows[1];
    assert_eq!(
        (row.section, &*row.table, &*row.chain),
        (Section::IpTables, "filter", "acltool-FORWARD")
    );
    assert_eq!((row.packets, row.bytes), (2, 200));
    assert_eq!(
        (&*row.target, &*row.protocol, &*row.options),
        ("DROP", "17", "--")
    );
    assert_eq!((&*row.input, &*row.output), ("swp+", "*"));
    assert_eq!((&*row.source, &*row.destination), ("0.0.0.0/0", "10.10.100.10"));
    assert_eq!(&*row.extra, "udp spt:53 /* 50rest-a.rules:2 */");
    assert_eq!(row.origin(), Some("50rest-a.rules:2"));
    let listing = cl_acltool();
    let ethernet: Vec<_> = listing
        .rows
        .iter()
        .filter(|row| row.section == Section::EbTables)
        .collect();
    assert_eq!(ethernet.len(), 4);
    assert_eq!(
        (&*ethernet[0].chain, &*ethernet[0].target, &*ethernet[0].input),
        ("INPUT", "setclass", "swp+")
    );
    let without_target = listing.rows.iter().find(|row| row.packets == 8).unwrap();
    assert_eq!((&*without_target.target, &*without_target.protocol), ("", "all"));
}

/// The rules that the fixture was made of.
const RULES: [&str; 25] = [
    "[iptables]",
    "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP",
    "-t mangle -A FORWARD -i swp1,swp2 -s 10.0.0.0/8 -p tcp --dport 80:90 -m tcp --tcp-flags SYN,ACK SYN -j SETQOS --set-dscp 10 --set-cos 5",
    "-A FORWARD,INPUT -p tcp -m multiport --dports 1,2,5:7 -m comment --comment failed -j ACCEPT",
    "-A FORWARD -p icmp -m icmp --icmp-type 3/1 -j DROP",
    "-A FORWARD -p icmp -m icmp --icmp-type echo-request -j DROP",
    "-A FORWARD -m ttl --ttl-lt 5 -j DROP",
    "-A FORWARD -m ttl --ttl-eq 5 -j DROP",
    "-A FORWARD -m dscp --dscp 3 -j DROP",
    "-A FORWARD -m addrtype --src-type LOCAL -m addrtype --dst-type BROADCAST -j DROP",
    "-A FORWARD -m mac --mac-source 00:11:22:33:44:5e -j DROP",
    "-A FORWARD -p tcp -m ecn --ecn-ip-ect 2 -j DROP",
    "-A FORWARD -p tcp -m ecn --ecn-tcp-cwr -j DROP",
    "-A FORWARD -p tcp -m ecn ! --ecn-tcp-ece -j DROP",
    "-A FORWARD -f -j DROP",
    "-A FORWARD -p 89 -j DROP",
    "-A FORWARD -p sctp --sport 4 --dport 5:6 -j DROP",
    "-A FORWARD -p all -s 0.0.0.0/0 -d 1.2.3.4 -j POLICE --set-mode pkt --set-rate 9 --set-burst 3 --set-class 4",
    "-A FORWARD -s 7.7.7.7 -j LOG --log-prefix abc",
    "-A FORWARD -s 7.7.7.7 -j DROP",
    "-A FORWARD -p udp -m multiport --sports 4,5 -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
    "[ip6tables]",
    "-A FORWARD -s 2001:db8::/32 -d ::/0 -i swp+ -o bond3 -p icmpv6 -m icmp6 --icmpv6-type 135 -j DROP",
    "-A FORWARD -m hl --hl-gt 5 -j DROP",
    "-A FORWARD -j ACCEPT",
];

#[test]
fn rules_of_acltool_are_known_by_file_and_line() {
    let expected = [
        (2, 2),
        // Two interfaces; of each the larger of class and DSCP.
        (3, 23 + 25),
        (4, 1 + 3),
        (5, 4),
        (6, 5),
        (7, 6),
        (8, 7),
        (9, 8),
        (10, 9),
        (11, 10),
        (12, 11),
        (13, 12),
        (14, 13),
        (15, 14),
        (16, 15),
        (17, 16),
        (18, 18),
        (19, 19),
        (20, 20),
        (21, 21),
        (23, 26),
        (24, 27),
        (25, 28),
    ];
    let expected = expected.map(|(line, packets)| (line, Some(packets)));
    assert_eq!(counted(&acltool(), "a", &RULES), expected);
    // The same rules in another file are not these.
    assert!(
        counted(&acltool(), "b", &RULES)
            .iter()
            .all(|(_, packets)| packets.is_none())
    );
}

#[test]
fn a_listing_of_another_version_of_the_file_says_nothing() {
    for rule in [
        "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -j ACCEPT",
        "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 54 -j DROP",
        "-A FORWARD -i swp+ -d 10.10.100.10 -p udp -j DROP",
        "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -m ttl --ttl-eq 1 -j DROP",
        "-A FORWARD -i swp+ -d 10.10.100.11 -p udp --sport 53 -j DROP",
        "-A FORWARD -i swp1 -d 10.10.100.10 -p udp --sport 53 -j DROP",
        "-A FORWARD -d 10.10.100.10 -p udp --sport 53 -j DROP",
        "-A FORWARD,INPUT -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP",
        "-A INPUT -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP",
        "-t mangle -A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP",
        "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -m comment --comment new -j DROP",
    ] {
        assert_eq!(
            counted(&acltool(), "a", &["[iptables]", rule]),
            [(2, None)],
            "{rule}"
        );
    }
}

#[test]
fn a_comment_cannot_take_the_counters_of_another_acl() {
    // In chains that are not acltool's, and before acltool's own comment.
    let forged = "Listing rules of type iptables:\nTABLE filter :\nChain FORWARD (policy ACCEPT 0 packets, 0 bytes)\n\
         9 9 DROP 0 -- * * 0.0.0.0/0 0.0.0.0/0 /* 50rest-a.rules:2 */\n\
         Chain acltool-FORWARD (1 references)\n\
         8 8 DROP 0 -- * * 0.0.0.0/0 0.0.0.0/0 /* 50rest-a.rules:2 */ /* 50rest-evil.rules:2 */\n\
         7 7 LOG 0 -- * * 0.0.0.0/0 0.0.0.0/0 /* 50rest-evil.rules:3 */ LOG flags 0 level 4 prefix \"/*50rest-a.rules:2*/\"\n\
         6 6 DROP 0 -- * * 0.0.0.0/0 0.0.0.0/0 /* */ */ /* 50rest-b.rules:4 */\n";
    let listing = Listing::parse(forged, Names::default());
    let origins: Vec<_> = listing.rows.iter().map(Row::origin).collect();
    let expected = [
        None,
        Some("50rest-evil.rules:2"),
        Some("50rest-evil.rules:3"),
        Some("50rest-b.rules:4"),
    ];
    assert_eq!(origins, expected);
    assert_eq!(
        counted(&listing, "a", &["[iptables]", "-A FORWARD -j DROP"]),
        [(2, None)]
    );
    let own = "-A FORWARD -m comment --comment 50rest-a.rules:2 -j DROP";
    assert_eq!(counted(&listing, "evil", &["[iptables]", own]), [(2, Some(8))]);
    let odd = [
        "[iptables]",
        "# 2",
        "# 3",
        "-A FORWARD -m comment --comment */ -j DROP",
    ];
    assert_eq!(counted(&listing, "b", &odd), [(4, Some(6))]);
}

#[test]
fn rules_of_the_real_tool_are_known_by_what_they_say() {
    for (rule, packets) in [
        (
            "-A INPUT -p udp --dport 67:68 -j POLICE --set-mode pkt --set-rate 100 --set-burst 100 --set-class 2",
            1,
        ),
        ("-A INPUT -p tcp --dport 179 -j ACCEPT", 2),
        ("-A FORWARD -i swp1 -j SPAN --dport swp2", 38025),
        (
            "-A FORWARD -i swp2 -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
            69,
        ),
        (
            "-A FORWARD --in-interface swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP",
            140_000,
        ),
        ("-A FORWARD -i swp+ -p 89 -j SETCLASS --class 7", 3),
        ("-A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP", 4),
        (
            "-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST,ACK,FIN SYN -j DROP",
            5,
        ),
        ("-A FORWARD -m addrtype --dst-type LOCAL -j DROP", 6),
        ("-A FORWARD -f -j DROP", 7),
        ("-A FORWARD -s 7.7.7.7/32 -j DROP", 10),
        ("-A FORWARD -i swp8 -s 192.0.2.0/24 -j ACCEPT", 12),
        (
            "-t mangle -A PREROUTING -i swp+ -s 10.0.0.0/8 -j SETQOS --set-cos 5 --set-dscp 10",
            1_000_000_000,
        ),
    ] {
        assert_eq!(ip(rule), Some(packets), "{rule}");
    }
    let all = "-A INPUT -s 10.9.0.0/16 -p tcp -m multiport --dports 22,443,8000:9000 -m comment --comment 50rest-other.rules:2 -j ACCEPT";
    assert_eq!(ip(all), Some(40));
    let log = [
        "[iptables]",
        "-A FORWARD -s 7.7.7.7 -j LOG --log-prefix odd",
        "-A FORWARD -s 7.7.7.7 -j DROP",
    ];
    assert_eq!(counted(&cl_acltool(), "x", &log), [(2, Some(9)), (3, Some(10))]);
    for (rule, packets_of_it) in [
        ("-A INPUT -i swp+ -s 2001:db8::/32 -j DROP", 1),
        (
            "-A INPUT -i swp+ -p icmpv6 -m icmp6 --icmpv6-type 135 -j POLICE --set-mode pkt --set-rate 400 --set-burst 400 --set-class 2",
            2,
        ),
        (
            "-A INPUT -i swp+ -p icmpv6 -m icmp6 --icmpv6-type 130 -j POLICE --set-mode pkt --set-rate 200 --set-burst 100 --set-class 6",
            3,
        ),
    ] {
        assert_eq!(
            packets(&cl_acltool(), "[ip6tables]", rule),
            Some(packets_of_it),
            "{rule}"
        );
    }
}

#[test]
fn what_is_not_there_or_not_certain_is_null() {
    for rule in [
        // Something else.
        "-A FORWARD -i swp+ -d 10.10.100.10 -p udp -j DROP",
        "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --dport 53 -j DROP",
        "-A FORWARD -i swp+ -d 10.10.100.10 -p tcp --sport 53 -j DROP",
        "-A OUTPUT -d 10.10.100.10 -p udp --sport 53 -j DROP",
        "-t mangle -A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP",
        "-A FORWARD -s 10.10.100.10 -i swp+ -p udp --sport 53 -j DROP",
        "-A FORWARD -i swp1 -j SPAN --dport swp3",
        "-A FORWARD -i swp+ -p 89 -j SETCLASS --class 6",
        "-t mangle -A PREROUTING -i swp+ -s 10.0.0.0/8 -j SETQOS --set-dscp 10",
        // With the comment of another rule, or without one's own.
        "-A FORWARD -i swp7 -s 192.0.2.0/24 -j ACCEPT",
        "-A FORWARD -i swp8 -s 192.0.2.0/24 -m comment --comment mine -j ACCEPT",
        // Twice.
        "-A FORWARD -i swp9 -s 192.0.2.0/24 -j ACCEPT",
        // Not wholly.
        "-A FORWARD -i swp8,swp10 -s 192.0.2.0/24 -j ACCEPT",
        "-A FORWARD -i swp8,swp9 -s 192.0.2.0/24 -j ACCEPT",
        "-A FORWARD,INPUT -i swp8 -s 192.0.2.0/24 -j ACCEPT",
        // Under a name.
        "-A INPUT -i swp+ -s 127.0.0.0/8 -j DROP",
        "-A FORWARD -p tcp --dport 23 -s 192.0.2.9 -j DROP",
    ] {
        assert_eq!(ip(rule), None, "{rule}");
    }
    assert_eq!(packets(&cl_acltool(), "[ip6tables]", "-A FORWARD -j DROP"), None);
    // Without the names of services their ports are unknown.
    let nameless = Listing::parse(CL_ACLTOOL, Names::default());
    assert_eq!(
        packets(&nameless, "[iptables]", "-A INPUT -p tcp --dport 179 -j ACCEPT"),
        None
    );
    // A rule that expands beyond what is looked at.
    let many: Vec<_> = (1..=70).map(|n| format!("swp{n}")).collect();
    let many = many.join(",");
    assert_eq!(ip(&format!("-A FORWARD -i {many} -o {many} -j DROP")), None);
}

#[test]
fn a_rule_of_several_interfaces_is_their_sum() {
    let text = "Listing rules of type iptables:\nTABLE filter :\nChain INPUT (policy\n1 10 DROP all -- swp1 any anywhere anywhere\n\
                2 20 DROP all -- swp2 any anywhere anywhere\nChain FORWARD (policy\n3 30 DROP all -- swp1 any anywhere anywhere\n\
                4 40 DROP all -- swp2 any anywhere anywhere\n";
    let rule = ["[iptables]", "-A INPUT,FORWARD -i swp2,swp1 -j DROP"];
    let policy = rules::parse(&rule).unwrap();
    let counters = Listing::parse(text, Names::default()).counters(&"x".parse().unwrap(), &policy);
    let sum = RuleCounters {
        line: 2,
        packets: Some(10),
        bytes: Some(100),
    };
    assert_eq!(counters, [sum]);
    let huge = text.replace("1 10", "18446744073709551615 99999999999999T");
    let counters = Listing::parse(&huge, Names::default()).counters(&"x".parse().unwrap(), &policy);
    assert_eq!(
        (counters[0].packets, counters[0].bytes),
        (Some(u64::MAX), Some(u64::MAX))
    );
}

#[test]
fn rules_of_ebtables_are_known_in_any_spelling() {
    let eb = |rule: &str| packets(&cl_acltool(), "[ebtables]", rule);
    assert_eq!(
        eb("-A INPUT --in-interface swp+ -d 01:80:c2:00:00:00 -j setclass --class 7"),
        Some(1)
    );
    assert_eq!(
        eb("-A INPUT -d 01:00:0C:CC:CC:CC -j police --set-mode pkt --set-rate 200 --set-burst 200"),
        Some(2)
    );
    assert_eq!(
        eb("-t filter -A INPUT -i swp1,swp2 -p 0x0806 -j setclass --class 2"),
        Some(7)
    );
    assert_eq!(eb("-A FORWARD -i swp1,swp2 -p ARP -j setclass --class 2"), None);
    assert_eq!(eb("-A INPUT -i swp1 -p ARP -j setclass --class 3"), None);
    assert_eq!(
        eb("-t nat -A PREROUTING -i swp1 -p ARP -j setclass --class 2"),
        None
    );
}

#[test]
fn a_cut_listing_cannot_tell_that_a_rule_is_alone() {
    let mut listing = cl_acltool();
    listing.truncated = true;
    let rule = "-A INPUT -p tcp --dport 179 -j ACCEPT";
    assert_eq!(packets(&listing, "[iptables]", rule), None);
    let mut listing = acltool();
    listing.truncated = true;
    assert_eq!(counted(&listing, "a", &RULES)[0], (2, Some(2)));
}

#[test]
fn bounds_hold() {
    let head = "Listing rules of type iptables:\nTABLE filter :\nChain FORWARD (policy ACCEPT)\n";
    let row = "1 2 DROP all -- any any anywhere anywhere\n";
    let many = head.to_owned() + &row.repeat(Listing::MAX_ROWS + 1);
    let listing = Listing::parse(&many, Names::default());
    assert!(listing.truncated && listing.rows.len() == Listing::MAX_ROWS);
    let exactly = Listing::parse(
        &(head.to_owned() + &row.repeat(Listing::MAX_ROWS)),
        Names::default(),
    );
    assert!(!exactly.truncated);
    let long = format!(
        "{head}1 2 DROP all -- any any anywhere anywhere {}\n{row}",
        "x".repeat(5000)
    );
    let listing = Listing::parse(&long, Names::default());
    assert!(listing.truncated && listing.rows.len() == 1);
    // Cut in the middle of a character.
    let large = head.to_owned() + &"ä".repeat(Listing::MAX_BYTES);
    assert!(Listing::parse(&large, Names::default()).truncated);
}

#[test]
fn text_without_headings_has_no_rows() {
    for text in [
        "",
        "1 2 DROP all -- any any anywhere anywhere",
        "Listing rules of type nftables:\n1 2 DROP all -- any any anywhere anywhere",
        "Listing rules of type iptables:\ndoes not exist here\n",
        "error: only root can list",
    ] {
        assert!(Listing::parse(text, Names::default()).rows.is_empty(), "{text}");
    }
    // Without a table or a chain nobody knows which rule it is.
    let lost = Listing::parse(
        "Listing rules of type iptables:\nChain FORWARD (x)\n1 2 DROP all -- any any anywhere anywhere\n",
        Names::default(),
    );
    assert_eq!(lost.rows.len(), 1);
    assert_eq!(packets(&lost, "[iptables]", "-A FORWARD -j DROP"), None);
}

/// Words that listings are made of, and some that are none.
const WORDS: [&str; 40] = [
    "Listing rules of type iptables:",
    "Listing rules of type ebtables:",
    "TABLE filter :",
    "Bridge table: filter",
    "Chain FORWARD (policy",
    "Chain acltool-FORWARD (1",
    "Bridge chain: INPUT,",
    "\n",
    "\n",
    "\n",
    "1",
    "2K",
    "99999999999999999999",
    "18446744073709551615T",
    "DROP",
    "SETQOS",
    "LOG",
    "all",
    "17",
    "--",
    "-f",
    "any",
    "*",
    "anywhere",
    "10.0.0.0/8",
    "::/0",
    "x/y",
    "/*",
    "*/",
    "50rest-a.rules:2",
    "multiport",
    "icmptype",
    "code",
    "DSCP match",
    "ECN match",
    "ADDRTYPE match src-type",
    "flags:/",
    "spts:",
    "prefix",
    ", pcnt = 1 -- bcnt = 2",
];

proptest! {
    #[test]
    fn any_text_is_a_listing(text in "\\PC*") {
        let _ = counted(&Listing::parse(&text, Names::default()), "a", &RULES);
    }

    #[test]
    fn any_words_are_a_listing(words in proptest::collection::vec(0..WORDS.len(), 0..120)) {
        let text: Vec<_> = words.iter().map(|word| WORDS[*word]).collect();
        let text = format!("Listing rules of type iptables:\nTABLE filter :\nChain acltool-FORWARD (\n{}", text.join(" "));
        let _ = counted(&Listing::parse(&text, Names::parse(SERVICES)), "a", &RULES);
    }

    /// A changed byte changes what one rule says, and never gives it a number that was not in the listing.
    #[test]
    fn a_damaged_listing_invents_nothing(at in any::<prop::sample::Index>(), with in "[ -~]{0,2}", real in any::<bool>()) {
        let mut text = if real { CL_ACLTOOL } else { ACLTOOL }.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..=at, &with);
        let names = || Names::parse(SERVICES);
        let whole = Listing::parse(if real { CL_ACLTOOL } else { ACLTOOL }, names());
        let damaged = Listing::parse(&text, names());
        prop_assert!(whole.rows.len().abs_diff(damaged.rows.len()) <= whole.rows.len());
        let known = counted(&whole, "a", &RULES);
        let now = counted(&damaged, "a", &RULES);
        let differ = known.iter().zip(&now).filter(|(a, b)| a != b).count();
        // A heading concerns many rules; then they are not found.
        let lost = now.iter().filter(|(_, packets)| packets.is_none()).count();
        prop_assert!(differ <= lost + 2, "{differ} differ, {lost} lost");
    }

    #[test]
    fn any_services_are_names(text in "(\\PC{0,20}\n){0,5}") {
        let _ = Names::parse(&text);
    }
}
