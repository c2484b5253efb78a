//! What is said of an ACL beside the other files.

use crate::policy::{Directory, Warning, WarningKind};
use crate::rules::{Mode, parse_with};

fn directory(files: &[(&str, &[&str])]) -> Directory {
    let content = |lines: &[&str]| lines.join("\n").into_bytes();
    Directory::new(
        files
            .iter()
            .map(|(name, lines)| ((*name).to_owned(), content(lines))),
    )
}

fn texts(directory: &Directory, name: &str, lines: &[&str]) -> Vec<String> {
    let policy = parse_with(lines, Mode::Lenient).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
    directory
        .warnings(name, &policy)
        .iter()
        .map(ToString::to_string)
        .collect()
}

const MARK: &str =
    "-t mangle -A FORWARD -i swp+ -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 1 --dport 2 -j SETQOS --set-dscp 10";

#[test]
fn a_rule_that_never_has_an_effect() {
    let others = directory(&[
        (
            "00control_plane.rules",
            &[
                "[iptables]",
                "-A INPUT,FORWARD -i swp+ -s 240.0.0.0/5,127.0.0.0/8 -j DROP",
            ],
        ),
        (
            "50_nvue.rules",
            &[
                "# by nvue",
                "[iptables]",
                "-t mangle -A FORWARD -d 10.0.0.0/24 -p tcp -j SETQOS --set-cos 1",
            ],
        ),
        (
            "99x.rules",
            &["[iptables]", "-t mangle -A FORWARD -j SETQOS --set-cos 2"],
        ),
    ]);
    assert_eq!(
        texts(&others, "50rest-a.rules", &["[iptables]", MARK]),
        ["line 2: shadowed by 50_nvue.rules:3"]
    );
    // Not before it, not in another family or table, and not by a rule that lets the search go on.
    let none: [&str; 0] = [];
    assert_eq!(texts(&others, "10rest-a.rules", &["[iptables]", MARK]), none);
    let v6 = "-t mangle -A FORWARD -p tcp -j SETQOS --set-cos 0";
    assert_eq!(texts(&others, "50rest-a.rules", &["[ip6tables]", v6]), none);
    assert_eq!(
        texts(
            &others,
            "50rest-a.rules",
            &["[iptables]", "-A FORWARD -d 10.0.0.2 -p tcp -j ACCEPT"]
        ),
        none
    );
    assert_eq!(
        texts(
            &others,
            "zz.rules",
            &["[iptables]", "-t mangle -A FORWARD -j SETQOS --set-cos 3"]
        ),
        ["line 2: shadowed by 99x.rules:2"]
    );
    let goes_on = directory(&[(
        "00.rules",
        &[
            "[iptables]",
            "-A FORWARD -p tcp -j SETCLASS --class 1",
            "-A FORWARD -p tcp -j SPAN --dport swp9",
            "-A FORWARD -p tcp -j POLICE --set-mode pkt --set-rate 1 --set-burst 1",
            "-A FORWARD -p tcp -j new-target",
            "-A FORWARD -p tcp -m limit --limit 1/s -j ACCEPT",
        ],
    )]);
    assert_eq!(
        texts(
            &goes_on,
            "50.rules",
            &["[iptables]", "-A FORWARD -p tcp -j ACCEPT"]
        ),
        none
    );
}

#[test]
fn each_of_several_chains_must_be_covered() {
    let rule = ["[iptables]", "-A INPUT,FORWARD -i swp1 -s 127.0.0.1 -j ACCEPT"];
    let one = directory(&[(
        "00.rules",
        &["[iptables]", "-A FORWARD -i swp+ -s 127.0.0.0/8 -j DROP"],
    )]);
    assert!(texts(&one, "50.rules", &rule).is_empty());
    let both = directory(&[(
        "00.rules",
        &[
            "[iptables]",
            "-A FORWARD -i swp+ -s 127.0.0.0/8 -j DROP",
            "-A INPUT -i swp+ -j ACCEPT",
        ],
    )]);
    assert_eq!(
        texts(&both, "50.rules", &rule),
        ["line 2: shadowed by 00.rules:3"]
    );
}

#[test]
fn a_rule_that_gets_around_a_deny() {
    let others = directory(&[
        (
            "00.rules",
            &["[iptables]", "-A FORWARD -s 10.0.0.0/8 -p udp --dport 53 -j DROP"],
        ),
        (
            "99x.rules",
            &[
                "[iptables]",
                "-A FORWARD -m foo -j DROP",
                "-A FORWARD -s 10.0.0.9 -p udp -j DROP",
                "-A INPUT -j DROP",
                "-A FORWARD -p tcp --tcp-flags SYN SYN -j LOG",
                "-A FORWARD -p tcp --tcp-flags SYN SYN -j DROP",
                "-A FORWARD -j DROP",
            ],
        ),
    ]);
    let said = |rule: &str| texts(&others, "50rest-a.rules", &["[iptables]", rule]);
    let none: [&str; 0] = [];
    assert_eq!(
        said("-A FORWARD -p tcp -j ACCEPT"),
        ["line 2: comes before the deny at 99x.rules:6"]
    );
    assert_eq!(
        said("-A FORWARD -p udp -j ACCEPT"),
        ["line 2: comes before the deny at 99x.rules:3"]
    );
    assert_eq!(
        said("-A FORWARD -s 10.0.1.0/24 -j ACCEPT"),
        ["line 2: comes before the deny at 99x.rules:6"]
    );
    assert_eq!(
        said("-A FORWARD -s 10.0.1.0/24 -p icmp -j ACCEPT"),
        ["line 2: comes before the deny at 99x.rules:7"]
    );
    assert_eq!(
        said("-A INPUT,FORWARD -p icmp -j ACCEPT"),
        ["line 2: comes before the deny at 99x.rules:4"]
    );
    // What discards itself, or lets the search go on, gets around nothing; nor do tables see each other.
    assert_eq!(said("-A FORWARD -p tcp -s 1.2.3.4 -j DROP"), none);
    assert_eq!(said("-A FORWARD -j SETCLASS --class 1"), none);
    assert_eq!(said(MARK), none);
    assert_eq!(said("-A OUTPUT -j ACCEPT"), none);
    // Whether they overlap is not known of these.
    assert_eq!(said("-A FORWARD ! -p udp -j ACCEPT"), none);
}

#[test]
fn a_rule_that_is_there_already() {
    let others = directory(&[
        (
            "50_nvue.rules",
            &[
                "",
                "[iptables]",
                "-A FORWARD -p tcp --dport 80 -s 10.0.0.1/32 -j DROP",
            ],
        ),
        (
            "99x.rules",
            &[
                "[ebtables]",
                "-A FORWARD -p ARP -j span --dport swp1",
                "[iptables]",
                "-A FORWARD -p 47 -j ACCEPT",
            ],
        ),
    ]);
    let lines = [
        "[iptables]",
        "-A FORWARD -s 10.0.0.1 -p tcp --dport 80 -j DROP",
        "-A FORWARD -p gre -j ACCEPT",
        "[ebtables]",
        "-A FORWARD -p ARP -j span --dport swp1",
    ];
    assert_eq!(
        texts(&others, "50rest-a.rules", &lines),
        [
            "line 2: duplicate of 50_nvue.rules:3",
            "line 3: duplicate of 99x.rules:4",
            "line 5: duplicate of 99x.rules:2"
        ]
    );
}

#[test]
fn a_file_is_judged_at_its_place_and_not_beside_its_old_self() {
    let lines: [&str; 4] = [
        "[iptables]",
        "-A FORWARD -s 10.0.0.0/8 -j ACCEPT",
        "-A FORWARD -s 10.0.0.1 -j DROP",
        "-A FORWARD -s 10.0.0.2 -p tcp -j ACCEPT",
    ];
    let said = [
        "line 2: comes before the deny at 50rest-b.rules:3",
        "line 3: shadowed by 50rest-b.rules:2",
        "line 4: shadowed by 50rest-b.rules:2",
    ];
    let mut files = directory(&[("50rest-b.rules", &lines)]);
    assert_eq!(texts(&files, "50rest-b.rules", &lines), said);
    assert_eq!(texts(&Directory::default(), "50rest-b.rules", &lines), said);
    // Its new version: the old one counts for nothing.
    assert!(texts(&files, "50rest-b.rules", &["[iptables]", lines[3]]).is_empty());
    assert_eq!(
        texts(&files, "50rest-c.rules", &["[iptables]", lines[3]]),
        [
            "line 2: duplicate of 50rest-b.rules:4",
            "line 2: shadowed by 50rest-b.rules:2"
        ]
    );
    assert_eq!(
        texts(
            &files,
            "50rest-a.rules",
            &["[iptables]", "-A FORWARD -s 10.0.0.0/30 -j ACCEPT"]
        ),
        ["line 2: comes before the deny at 50rest-b.rules:3"]
    );
    // What is replaced or removed is gone.
    files.insert("50rest-b.rules", b"[iptables]\n-A FORWARD -s 10.0.0.2 -j DROP\n");
    assert_eq!(
        texts(&files, "50rest-c.rules", &["[iptables]", lines[3]]),
        ["line 2: shadowed by 50rest-b.rules:2"]
    );
    files.insert("00first.rules", b"[iptables]\n-A FORWARD -p tcp -j DROP\n");
    assert_eq!(
        texts(&files, "50rest-c.rules", &["[iptables]", lines[3]]),
        ["line 2: shadowed by 00first.rules:2"]
    );
    files.remove("00first.rules");
    files.remove("50rest-b.rules");
    files.remove("none");
    assert!(texts(&files, "50rest-c.rules", &["[iptables]", lines[3]]).is_empty());
    assert_eq!((files.entries(), files.unknown()), (0, 0));
}

#[test]
fn frames() {
    let others = directory(&[
        (
            "00.rules",
            &[
                "[ebtables]",
                "-A FORWARD -i swp+ -p ARP -j ACCEPT",
                "-A FORWARD -p IPv4 --mark 1 -j DROP",
            ],
        ),
        (
            "99.rules",
            &[
                "[ebtables]",
                "-A FORWARD -p IPv6 -j DROP",
                "-A FORWARD -i swp1 -j DROP",
            ],
        ),
    ]);
    let said = |rule: &str| texts(&others, "50.rules", &["[ebtables]", rule]);
    let none: [&str; 0] = [];
    assert_eq!(
        said("-A FORWARD -i swp1 -p ARP --arp-opcode Request -j setclass --class 1"),
        ["line 2: shadowed by 00.rules:2"]
    );
    assert_eq!(said("-A FORWARD -p ARP -j DROP"), none);
    assert_eq!(said("-A FORWARD -p IPv4 --mark 1 --ip-proto tcp -j DROP"), none);
    assert_eq!(
        said("-A FORWARD -j mark --mark-set 1"),
        ["line 2: comes before the deny at 99.rules:2"]
    );
    assert_eq!(
        said("-A FORWARD -j mark --mark-set 1 --mark-target CONTINUE"),
        none
    );
    assert_eq!(
        said("-A FORWARD -p IPv4 -j ACCEPT"),
        ["line 2: comes before the deny at 99.rules:3"]
    );
    assert_eq!(said("-A FORWARD -i swp2 -p IPv4 -j ACCEPT"), none);
}

#[test]
fn entries_follow_the_hardware() {
    let files = directory(&[
        (
            "00control_plane.rules",
            &[
                "IN = swp1,swp2,swp3",
                "[iptables]",
                "-A INPUT,FORWARD -i $IN -j DROP",
                "-A FORWARD -i $IN -o swp4,swp5 -j DROP",
                "-A FORWARD -p tcp -m multiport --dports 1:9,80,100:200 -j DROP",
                "-A FORWARD -s 10.0.0.1,10.0.0.2 -j DROP",
                "-A FORWARD -i \"x\" -j DROP",
                "nonsense",
                "# nonsense",
                "-A FORWARD -p tcp --dport=80 -j DROP",
                "[foo]",
                "-A FORWARD -p udp -j DROP",
                "[ebtables]",
                "-A INPUT,FORWARD -i swp1,swp2 -j DROP",
            ],
        ),
        ("50rest-a.rules", &["[iptables]", MARK]),
        ("50rest-b.rules.bak", &["[iptables]", "-A FORWARD -p 1 -j DROP"]),
        ("70.rules", &[]),
    ]);
    // Not understood: the quote, the nonsense, and the rule under a header that is none; what vanishes takes no entry.
    assert_eq!(files.unknown(), 3);
    assert_eq!(files.foreign_entries(), 2 * 3 + 3 * 2 + 3 + 2 + 3 + 2 * 2 + 1);
    assert_eq!(files.entries(), files.foreign_entries() + 1);
}

#[test]
fn foreign_bytes_are_no_trouble() {
    let mut files = Directory::new([
        (
            "b.rules".to_owned(),
            b"\xff\xfe\n[iptables]\r\n-A FORWARD -j DROP\n".to_vec(),
        ),
        (
            "a.rules".to_owned(),
            b"[iptables]\n-A FORWARD -p tcp -j ACCEPT # why\n-A FORWARD -p udp -j ACCEPT".to_vec(),
        ),
        (
            "a\n.rules".to_owned(),
            b"[iptables]\n-A FORWARD -p sctp -j ACCEPT".to_vec(),
        ),
        ("c.rules".to_owned(), vec![b'-'; 1 << 20]),
    ]);
    files.insert("d.rules", &[0; 5000]);
    assert_eq!(files.unknown(), 5);
    assert_eq!(
        texts(
            &files,
            "e.rules",
            &[
                "[iptables]",
                "-A FORWARD -p udp --dport 1 -j DROP",
                "-A FORWARD -p sctp -i swp1 -j DROP"
            ]
        ),
        ["line 2: shadowed by a.rules:3", "line 3: shadowed by a?.rules:2"]
    );
}

#[test]
fn a_warning_is_a_string_to_clients() {
    let warning = Warning {
        line: 3,
        kind: WarningKind::ShadowedBy,
        file: "50_nvue.rules".to_owned(),
        other_line: 12,
    };
    assert_eq!(warning.text(), "shadowed by 50_nvue.rules:12");
    assert_eq!(
        serde_json::to_string(&[warning]).ok().as_deref(),
        Some(r#"["line 3: shadowed by 50_nvue.rules:12"]"#)
    );
}
