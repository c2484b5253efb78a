//! What is understood, and as what.

use super::super::{
    Chain, Cos, Dscp, Family, Interface, Match, Police, PoliceMode, PortRange, Protocol, Table, Target,
    count_rules,
};
use super::{accepted, refused, v4, v6};

fn texts(list: &[Interface]) -> Vec<&str> {
    list.iter().map(Interface::as_str).collect()
}

#[test]
fn the_mark_of_a_controller() {
    let line = "-t mangle -A FORWARD --in-interface swp+ -s 10.100.10.151 -d 10.100.20.150 -p tcp --sport 40000 \
                --dport 5001 -j SETQOS --set-dscp 10 --set-cos 5";
    let rule = v4(line).expect("the usual form");
    assert_eq!(
        (rule.family, rule.table, rule.chains.as_slice()),
        (Family::V4, Table::Mangle, &[Chain::Forward][..])
    );
    assert_eq!(texts(&rule.in_interfaces), ["swp+"]);
    assert_eq!(
        rule.source.map(|net| net.to_string()).as_deref(),
        Some("10.100.10.151/32")
    );
    assert_eq!(rule.protocol, Some(Protocol::TCP));
    let port = |text| PortRange::parse(text).expect("a port");
    assert_eq!(
        rule.matches,
        [
            Match::SourcePort(port("40000")),
            Match::DestinationPort(port("5001"))
        ]
    );
    let target = Target::SetQos {
        dscp: Dscp::parse("10").ok(),
        cos: Cos::parse("5").ok(),
    };
    assert_eq!(rule.target, target);
    assert_eq!(rule.entries(), 1);
}

#[test]
fn a_drop_with_lists_is_counted_after_expansion() {
    let policy = accepted(&[
        "# two chains, three interfaces in, two out; two ports",
        "IN = swp1,swp2,swp3",
        "[iptables]",
        "-A FORWARD -i $IN -o swp4,swp5 -j DROP",
        "-A INPUT,FORWARD -i $IN -p udp -m multiport --sports 53,123 -m multiport --dports 1:9 -j ACCEPT",
        "[ebtables]",
        "-A INPUT,FORWARD -s 00:11:22:33:44:55 -j DROP",
    ]);
    assert_eq!(policy.canonical_rules().count(), 3);
    assert_eq!(policy.entries(), 3 * 2 + 2 * 3 * 2 + 2);
    assert_eq!(policy.rules().map(|(line, _)| line).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(policy.eb_rules().map(|(line, _)| line).collect::<Vec<_>>(), [7]);
    assert_eq!(policy.render()[1], "IN = swp1,swp2,swp3");
    let lines = ["# c", "", "A = b", "[iptables]", "-A FORWARD -j DROP", "nonsense"];
    assert_eq!(count_rules(&lines), 2);
}

#[test]
fn every_match_is_read_and_written_back() {
    let v4_rules = [
        "-A INPUT,FORWARD -j ACCEPT",
        "-A FORWARD -s 0.0.0.0/0 -d 255.255.255.255 -p all -j DROP",
        "-A FORWARD -f -j DROP",
        "-A FORWARD -p 47 -j DROP",
        "-A FORWARD -p tcp --sport :1023 --dport 1024: -j DROP",
        "-A FORWARD -p tcp -m tcp --source-port 1 --destination-port 2:3 -j DROP",
        "-A FORWARD -p tcp -m multiport --source-ports 1,2:3 -m multiport --dports 4 -j DROP",
        "-A FORWARD -p tcp -m tcp --tcp-flags SYN,ACK,FIN SYN -j DROP",
        "-A FORWARD -p tcp --tcp-flags ALL NONE -j DROP",
        "-A FORWARD -p icmp --icmp-type echo-request -j DROP",
        "-A FORWARD -p icmp -m icmp --icmp-type 3/1 -j DROP",
        "-A FORWARD -m ttl --ttl-lt 2 -j DROP",
        "-A FORWARD -m dscp --dscp 46 -j DROP",
        "-A FORWARD -m dscp --dscp-class AF43 -j DROP",
        "-A FORWARD -m addrtype --src-type LOCAL --dst-type MULTICAST -j DROP",
        "-A FORWARD -m mac --mac-source 00:AA:bb:cc:dd:ee -j DROP",
        "-A FORWARD -p tcp -m ecn --ecn-ip-ect 3 --ecn-tcp-cwr ! --ecn-tcp-ece -j DROP",
        "-A FORWARD -m comment --comment why-not;reboot|sh -j DROP",
        "-t mangle -A PREROUTING -i swp1 -j SETQOS --set-dscp 0",
        "-t mangle -A POSTROUTING -o swp1 -j SETQOS --set-cos 7",
        "-t mangle -A FORWARD -j DSCP --set-dscp 63",
        "-A FORWARD -j SETCLASS --class 7",
        "-A INPUT -j POLICE --set-mode pkt --set-rate 2000 --set-burst 2000 --set-class 7",
        "-A FORWARD -j POLICE --set-mode KB --set-rate 1 --set-burst 1",
        "-A FORWARD -j TRICOLORPOLICE --set-color-mode blind --set-cir 1 --set-cbs 2 --set-pir 3 --set-ebs 4 \
         --set-conform-action-dscp 1 --set-exceed-action-dscp 2 --set-violate-action drop",
        "-A FORWARD -j TRICOLORPOLICE --set-color-mode aware --set-cir 1 --set-cbs 2 --set-pir 3 --set-ebs 4 \
         --set-violate-action accept --set-violate-action-dscp 3",
        "-A FORWARD -j SPAN --dport swp5",
        "-A FORWARD -i swp+ -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
    ];
    let v6_rules = [
        "-A FORWARD -s 2001:db8::/32 -d ::1 -p icmpv6 --icmpv6-type packet-too-big -j DROP",
        "-A FORWARD -p ipv6-icmp -m icmpv6 --icmpv6-type 1/4 -j DROP",
        "-A FORWARD -m hl --hl-gt 254 -j DROP",
        "-t mangle -A FORWARD -p udp --dport 1 -j SETQOS --set-dscp 10 --set-cos 5",
    ];
    let mut lines = vec!["[iptables]"];
    lines.extend(v4_rules);
    lines.push("[ip6tables]");
    lines.extend(v6_rules);
    let policy = accepted(&lines);
    assert_eq!(policy.canonical_rules().count(), lines.len() - 2);
}

#[test]
fn classes_of_dscp_have_their_values() {
    let class =
        |name: &str| v4(&format!("-A FORWARD -m dscp --dscp-class {name} -j DROP")).map(|rule| rule.matches);
    let value = |value: &str| Ok(vec![Match::Dscp(Dscp::parse(value).expect("a value"))]);
    for (name, code) in [
        ("BE", "0"),
        ("CS1", "8"),
        ("CS7", "56"),
        ("AF11", "10"),
        ("AF43", "38"),
        ("EF", "46"),
    ] {
        assert_eq!(class(name), value(code), "{name}");
    }
    for name in ["CS8", "AF14", "AF51", "ef", "CS", "AF111"] {
        assert!(class(name).is_err(), "{name}");
    }
}

/// Each number of the tables: its ends are accepted, what is beyond them is refused at the number, in both modes.
#[test]
fn every_number_has_its_bounds() {
    const TRICOLOR: &str = "-A FORWARD -j TRICOLORPOLICE --set-color-mode aware --set-violate-action drop";
    let rest = |without: &str| {
        let all = ["--set-cir", "--set-cbs", "--set-pir", "--set-ebs"].into_iter();
        all.filter(|name| *name != without)
            .fold(String::new(), |text, name| format!("{text} {name} 1"))
    };
    let word = u64::from(u32::MAX);
    let mut cases = vec![
        ("-A FORWARD -p @ -j DROP".to_owned(), 0, 255),
        ("-A FORWARD -s 10.0.0.0/@ -j DROP".to_owned(), 0, 32),
        ("-A FORWARD -p tcp --sport @ -j DROP".to_owned(), 0, 65535),
        ("-A FORWARD -p tcp --dport @ -j DROP".to_owned(), 0, 65535),
        (
            "-A FORWARD -p tcp -m multiport --dports 1,@ -j DROP".to_owned(),
            0,
            65535,
        ),
        ("-A FORWARD -p icmp --icmp-type @ -j DROP".to_owned(), 0, 255),
        ("-A FORWARD -p icmp --icmp-type 3/@ -j DROP".to_owned(), 0, 255),
        ("-A FORWARD -m ttl --ttl-gt @ -j DROP".to_owned(), 0, 255),
        ("-A FORWARD -m dscp --dscp @ -j DROP".to_owned(), 0, 63),
        ("-A FORWARD -m ecn --ecn-ip-ect @ -j DROP".to_owned(), 0, 3),
        ("-A FORWARD -i swp1.@ -j DROP".to_owned(), 1, 4094),
        ("-t mangle -A FORWARD -j SETQOS --set-dscp @".to_owned(), 0, 63),
        ("-t mangle -A FORWARD -j SETQOS --set-cos @".to_owned(), 0, 7),
        ("-t mangle -A FORWARD -j DSCP --set-dscp @".to_owned(), 0, 63),
        ("-A FORWARD -j SETCLASS --class @".to_owned(), 0, 7),
        (
            "-A FORWARD -j POLICE --set-mode pkt --set-rate @ --set-burst 1".to_owned(),
            1,
            word,
        ),
        (
            "-A FORWARD -j POLICE --set-mode KB --set-rate 1 --set-burst @".to_owned(),
            1,
            word,
        ),
        (
            "-A FORWARD -j POLICE --set-mode KB --set-rate 1 --set-burst 1 --set-class @".to_owned(),
            0,
            7,
        ),
    ];
    for name in ["--set-cir", "--set-cbs", "--set-pir", "--set-ebs"] {
        cases.push((format!("{TRICOLOR}{} {name} @", rest(name)), 1, word));
    }
    for name in [
        "--set-conform-action-dscp",
        "--set-exceed-action-dscp",
        "--set-violate-action-dscp",
    ] {
        cases.push((format!("{TRICOLOR}{} {name} @", rest("")), 0, 63));
    }
    for (rule, least, most) in cases {
        for number in [least, most] {
            accepted(&["[iptables]", &rule.replace('@', &number.to_string())]);
        }
        let column = rule
            .find('@')
            .and_then(|at| rule.get(..at)?.rfind(' '))
            .expect("a word")
            + 2;
        let column = u32::try_from(column).expect("short");
        for number in [
            i64::try_from(least).expect("small") - 1,
            i64::try_from(most).expect("small") + 1,
        ] {
            let rule = rule.replace('@', &number.to_string());
            refused(&["[iptables]", &rule], 2, column, &["expected"]);
        }
    }
}

#[test]
fn targets_have_ranges() {
    let refuse = |rule: &str, words: &[&str]| {
        let error = v4(rule).expect_err("must be refused");
        for word in words {
            assert!(error.message.contains(word), "{word:?} is not in: {error}");
        }
    };
    refuse(
        "-t mangle -A FORWARD -j SETQOS --set-dscp 64",
        &["DSCP", "0 to 63", "\"64\""],
    );
    refuse("-t mangle -A FORWARD -j SETQOS --set-cos 8", &["0 to 7"]);
    refuse("-t mangle -A FORWARD -j SETQOS", &["--set-dscp or --set-cos"]);
    refuse(
        "-t mangle -A FORWARD -j SETQOS --set-dscp 1 --set-dscp 1",
        &["twice"],
    );
    refuse("-t mangle -A FORWARD -j SETQOS --set-dscp", &["end of the line"]);
    refuse("-A FORWARD -j SETQOS --set-dscp 1", &["-t mangle"]);
    refuse("-A FORWARD -j SETCLASS --class -1", &["0 to 7"]);
    refuse(
        "-A FORWARD -j POLICE --set-mode pps --set-rate 1 --set-burst 1",
        &["pkt or KB"],
    );
    refuse(
        "-A FORWARD -j POLICE --set-mode pkt --set-rate 0 --set-burst 1",
        &["from 1"],
    );
    refuse(
        "-A FORWARD -j POLICE --set-mode pkt --set-rate 4294967296 --set-burst 1",
        &["4294967295"],
    );
    refuse(
        "-A FORWARD -j POLICE --set-mode pkt --set-rate 1",
        &["needs --set-burst"],
    );
    refuse("-A FORWARD -j SPAN --dport swp+", &["one interface"]);
    refuse("-A FORWARD -j ERSPAN --src-ip 10.0.0.1", &["needs --dst-ip"]);
    refuse("-A FORWARD -j RETURN", &["in hardware"]);
    refuse("-A FORWARD -j my-chain", &["jumps to other chains"]);
    refuse("-A FORWARD -j DROP -s 10.0.0.1", &["conditions come before -j"]);
    refuse("-A FORWARD", &["expected -j"]);
    refuse("-A", &["expected a chain"]);
    refuse("-t mangle -A INPUT -j DROP", &["FORWARD"]);
    refuse(
        "-A FORWARD -j LOG --log-prefix a-prefix-of-more-than-29-letters",
        &["29"],
    );
    let police = v4("-A FORWARD -j POLICE --set-burst 3 --set-mode KB --set-rate 2").map(|rule| rule.target);
    let wanted = Police {
        mode: PoliceMode::KiloBytes,
        rate: 2,
        burst: 3,
        class: None,
    };
    assert_eq!(police, Ok(Target::Police(wanted)));
}

#[test]
fn conditions_have_conditions() {
    let refuse = |rule: &str, words: &[&str]| {
        let error = v4(rule).expect_err("must be refused");
        for word in words {
            assert!(error.message.contains(word), "{word:?} is not in: {error}");
        }
    };
    refuse("-A FORWARD --dport 80 -j DROP", &["expected -p tcp"]);
    refuse("-A FORWARD -p icmp --dport 80 -j DROP", &["expected -p tcp"]);
    refuse(
        "-A FORWARD -p udp -m tcp --dport 80 -j DROP",
        &["expected -p tcp"],
    );
    refuse("-A FORWARD -p tcp --dport 80:70 -j DROP", &["rises"]);
    refuse("-A FORWARD -p tcp --dport 65536 -j DROP", &["0 to 65535"]);
    refuse("-A FORWARD -p tcp --dport : -j DROP", &["a port"]);
    refuse("-A FORWARD -o swp1 -p tcp --dport 1:2 -j DROP", &["egress"]);
    refuse("-A FORWARD -p tcp --dports 1,2 -j DROP", &["-m multiport"]);
    refuse(
        "-A FORWARD -p tcp -m multiport --dports 1 --sports 2 -j DROP",
        &["another -m multiport"],
    );
    refuse(
        "-A FORWARD -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14:15,16 -j DROP",
        &["15 ports"],
    );
    refuse("-A FORWARD -m ttl -j DROP", &["one of its options"]);
    refuse("-A FORWARD --ttl-eq 1 -j DROP", &["-m ttl before"]);
    refuse("-A FORWARD -m hl --hl-eq 1 -j DROP", &["hardware knows"]);
    refuse("-A FORWARD -s 10.0.0.0/33 -j DROP", &["prefix length"]);
    refuse("-A FORWARD -s ::1 -j DROP", &["IPv4 address"]);
    refuse("-A FORWARD -s 10.0.0.1,10.0.0.2 -j DROP", &["IPv4 address"]);
    refuse("-A FORWARD -s 10.0.0.1 --src 10.0.0.2 -j DROP", &["twice"]);
    refuse("-A FORWARD -p icmpv6 -j DROP", &["icmp in [iptables]"]);
    refuse(
        "-A OUTPUT -m mac --mac-source 00:11:22:33:44:55 -j DROP",
        &["not known in OUTPUT"],
    );
    refuse(
        "-A FORWARD -m mac --mac-source 00:11:22:33:44:55:66 -j DROP",
        &["Ethernet address"],
    );
    refuse(
        "-A FORWARD -m mac --mac-source +1:11:22:33:44:55 -j DROP",
        &["Ethernet address"],
    );
    let error = v6("-A FORWARD -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2").expect_err("IPv4 only");
    assert!(error.message.contains("IPv4 only"), "{error}");
    assert!(v6("-A FORWARD -s 10.0.0.1 -j DROP").is_err());
    assert!(v6("-A FORWARD -f -j DROP").is_err());
    assert!(v6("-A FORWARD -p icmp -j DROP").is_err());
}

#[test]
fn variables_stand_for_words() {
    let policy = accepted(&[
        "CHAINS = INPUT,FORWARD",
        "PORT = swp1",
        "[iptables]",
        "-A $CHAINS -i $PORT.100,bond+ -j DROP",
    ]);
    assert_eq!(policy.render()[3], "-A INPUT,FORWARD -i swp1.100,bond+ -j DROP");
}
