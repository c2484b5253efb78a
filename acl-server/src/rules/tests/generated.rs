//! Properties over generated input.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Author, Mode, Statement, count_rules, parse, parse_file, parse_with, read};

fn address4() -> impl Strategy<Value = String> {
    (any::<[u8; 4]>(), 0..=32u8).prop_map(|([a, b, c, d], length)| format!("{a}.{b}.{c}.{d}/{length}"))
}

fn address6() -> impl Strategy<Value = String> {
    (any::<u128>(), 0..=128u8)
        .prop_map(|(bits, length)| format!("{}/{length}", std::net::Ipv6Addr::from(bits)))
}

fn interfaces() -> impl Strategy<Value = String> {
    prop::collection::btree_set(
        "swp[1-9][0-9]?|bond[1-4]\\+?|swp[1-9]\\.[1-9][0-9]{0,2}|eth0|swp\\+",
        1..5,
    )
    .prop_map(|names| names.into_iter().collect::<Vec<_>>().join(","))
}

fn layer4() -> impl Strategy<Value = String> {
    let port = any::<u16>();
    prop_oneof![
        Just(String::new()),
        (port, port).prop_map(|(a, b)| format!("-p tcp --sport {a} --dport {}:{}", a.min(b), a.max(b))),
        port.prop_map(|a| format!("-p udp --destination-port {a}:")),
        vec(port, 1..8).prop_map(|ports| {
            let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
            format!("-p sctp -m multiport --dports {}", ports.join(","))
        }),
        Just("-p tcp -m tcp --tcp-flags SYN,RST,ACK SYN".to_owned()),
    ]
}

fn extra() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        (0..64u8).prop_map(|dscp| format!("-m dscp --dscp {dscp}")),
        (0..4u8).prop_map(|bits| format!("-m ecn ! --ecn-ip-ect {bits}")),
        "[a-z0-9_.:;/][a-z0-9_.:;/!-]{0,20}".prop_map(|text| format!("-m comment --comment {text}")),
        any::<[u8; 6]>().prop_map(|m| format!(
            "-m mac --mac-source {:02X}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
            m[0], m[1], m[2], m[3], m[4], m[5]
        )),
        Just("-m addrtype --dst-type LOCAL".to_owned()),
    ]
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ACCEPT".to_owned()),
        Just("DROP".to_owned()),
        (0..64u8, 0..8u8).prop_map(|(dscp, cos)| format!("SETQOS --set-cos {cos} --set-dscp {dscp}")),
        (0..64u8).prop_map(|dscp| format!("DSCP --set-dscp {dscp}")),
        (0..8u8).prop_map(|class| format!("SETCLASS --class {class}")),
        (1..=u32::MAX, 1..=u32::MAX)
            .prop_map(|(rate, burst)| format!("POLICE --set-mode KB --set-rate {rate} --set-burst {burst}")),
        Just("SPAN --dport swp9".to_owned()),
    ]
}

fn section() -> impl Strategy<Value = Vec<String>> {
    let rule = (any::<bool>(), interfaces(), layer4(), extra(), target());
    (any::<bool>(), address4(), address6(), vec(rule, 0..6)).prop_map(|(v6, a4, a6, rules)| {
        let (header, address) = if v6 { ("[ip6tables]", a6) } else { ("[iptables]", a4) };
        let rules = rules.into_iter().map(|(source, interfaces, layer4, extra, target)| {
            let side = if source { "-s" } else { "--destination" };
            format!("-t mangle -A FORWARD --in-interface {interfaces} {side} {address} {layer4} {extra} -j {target}")
        });
        std::iter::once(header.to_owned()).chain(rules).collect()
    })
}

/// Conditions that only lenient rules have.
fn unknown() -> impl Strategy<Value = String> {
    let value = "[a-zA-Z0-9][a-zA-Z0-9_,:+-]{0,8}|:[0-9]{1,4}|::1|[0-9]{1,3}/s";
    let option = ("(! )?--x[a-z0-9-]{0,6}", vec(value, 0..3)).prop_map(|(name, values)| {
        let words: Vec<_> = std::iter::once(name).chain(values).collect();
        words.join(" ")
    });
    let load = prop_oneof![
        Just(String::new()),
        "-m x[a-z0-9_]{0,6}",
        Just("-m dscp --dscp 3".to_owned()),
        Just("-m multiport".to_owned()),
        Just("-m comment --comment x".to_owned()),
    ];
    let not = prop_oneof![
        Just("! -s 10.0.0.0/8".to_owned()),
        Just("! -o swp1,swp2".to_owned()),
        Just("! -f".to_owned()),
        Just("-m ttl ! --ttl-eq 1".to_owned()),
        Just("-m addrtype ! --src-type LOCAL".to_owned()),
        Just("-d 10.0.0.1,10.0.0.2".to_owned()),
        (load, vec(option, 1..3)).prop_map(|(load, options)| format!("{load} {}", options.join(" "))),
    ];
    vec(not, 0..4).prop_map(|all| all.join(" "))
}

fn any_target() -> impl Strategy<Value = String> {
    let options = "( --x[a-z-]{0,5}( [a-z0-9]{1,4})?){0,2}";
    (prop_oneof![target(), "[A-Z]{1,9}|[a-z][a-z0-9-]{0,9}"], options)
        .prop_map(|(target, options)| format!("{target}{options}"))
}

/// Lines that are nearly right: words of the grammar in any order.
fn nearly() -> impl Strategy<Value = Vec<String>> {
    let word = prop::sample::select(vec![
        "-t",
        "mangle",
        "-A",
        "FORWARD",
        "INPUT,FORWARD",
        "-i",
        "-o",
        "swp+",
        "swp1,swp2",
        "-s",
        "10.0.0.0/8",
        "::/0",
        "-p",
        "tcp",
        "--dport",
        "80",
        "1:2",
        "-m",
        "multiport",
        "--dports",
        "1,2",
        "ecn",
        "!",
        "--ecn-ip-ect",
        "3",
        "-j",
        "DROP",
        "LOG",
        "SETQOS",
        "--set-dscp",
        "POLICE",
        "--set-mode",
        "KB",
        "$A",
        "$AB",
        "A",
        "=",
        "#",
        "[",
        "]",
        "[iptables]",
        "[ip6tables]",
        "[ebtables]",
        "\"",
        "police",
        "-I",
        "é",
        "\u{0}",
        "--foo",
        "-m foo",
        "1.2.3.4",
        "-f",
    ]);
    vec(vec(word, 0..14).prop_map(|words| words.join(" ")), 0..8)
}

proptest! {
    #[test]
    fn what_is_rendered_parses_to_the_same(mut sections in vec(section(), 1..4)) {
        let lines: Vec<String> = sections.drain(..).flatten().collect();
        // Random rules may be twins; then the refusal is right.
        if let Ok(policy) = parse(&lines) {
            let rendered = policy.render();
            let again = parse(&rendered);
            prop_assert_eq!(again.as_ref(), Ok(&policy), "{:?}", rendered);
            prop_assert_eq!(rendered.len(), lines.len());
            let canonical: Vec<_> = policy.canonical_rules().collect();
            prop_assert_eq!(count_rules(&rendered), canonical.len());
            prop_assert!(policy.entries() >= canonical.len() as u64);
            for (line, text) in canonical {
                let (program, rule) = text.split_once(' ').unwrap_or_default();
                let twin = parse(&[format!("[{program}]").as_str(), rule]);
                let twin = twin.map(|policy| policy.canonical_rules().collect::<Vec<_>>());
                prop_assert_eq!(twin, Ok(vec![(2, text.clone())]), "line {} of {:?}", line, rendered);
            }
        } else {
            let error = parse(&lines).expect_err("is an error");
            prop_assert!(error.message.contains("duplicate"), "{}\n{:?}", error, lines);
        }
    }

    #[test]
    fn what_is_not_known_is_rendered_too(
        ports in layer4(), one in unknown(), two in unknown(), target in any_target(), v6 in any::<bool>(),
    ) {
        let section = if v6 { "[ip6tables]" } else { "[iptables]" };
        let rule = format!("-A FORWARD {one} {ports} {two} -j {target}");
        if let Ok(policy) = parse_with(&[section, &rule], Mode::Lenient) {
            let rendered = policy.render();
            prop_assert_eq!(parse_with(&rendered, Mode::Lenient), Ok(policy), "{:?}", rendered);
        }
    }

    // Without f and d: what ends in `fd` or `file` is refused, since a program may open it.
    #[test]
    fn most_of_what_is_not_known_is_accepted(option in "--x[a-c-]{0,6}", module in "x[a-z]{0,9}", value in "[a-z0-9]{1,9}") {
        let rule = format!("-A FORWARD -m {module} {option} {value} ! {option} -j {module} {option}");
        prop_assert!(parse_with(&["[iptables]", &rule], Mode::Lenient).is_ok(), "{}", rule);
        prop_assert!(parse(&["[iptables]", &rule]).is_err());
    }

    #[test]
    fn strict_rules_are_lenient_rules(lines in nearly()) {
        if let Ok(policy) = parse(&lines) {
            prop_assert_eq!(parse_with(&lines, Mode::Lenient), Ok(policy));
        }
    }

    #[test]
    fn reading_on_finds_what_parsing_finds(lines in nearly()) {
        for mode in [Mode::Strict, Mode::Lenient] {
            let reading = read(&lines, mode, Author::Client);
            let found = reading.unknown.iter().chain(&reading.between);
            match parse_with(&lines, mode) {
                Ok(policy) => {
                    prop_assert_eq!(found.count(), 0);
                    let statements: Vec<&Statement> = reading.statements.iter().map(|(_, one)| one).collect();
                    prop_assert!(policy.statements().map(|(_, one)| one).eq(statements));
                }
                Err(error) => prop_assert!(found.into_iter().any(|one| *one == error), "{}\n{:?}", error, reading),
            }
            prop_assert!(reading.unknown.len() + reading.statements.len() + reading.skipped.len() == lines.len());
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused_at_a_place(lines in vec(any::<String>(), 0..8)) {
        if let Err(error) = parse(&lines) {
            prop_assert!(error.line >= 1 && error.line as usize <= lines.len().max(1));
            prop_assert!(error.column >= 1);
            prop_assert!(error.message.len() < 1000 && !error.message.contains(char::is_control), "{:?}", error);
        }
    }

    #[test]
    fn words_of_the_grammar_in_any_order(lines in nearly()) {
        for parsed in [parse(&lines), parse_file(&lines)] {
            match parsed {
                Ok(policy) => prop_assert_eq!(parse_file(&policy.render()), Ok(policy)),
                Err(error) => prop_assert!(error.line as usize <= lines.len().max(1)),
            }
        }
        if let Ok(policy) = parse_with(&lines, Mode::Lenient) {
            prop_assert_eq!(parse_with(&policy.render(), Mode::Lenient), Ok(policy));
        }
    }
}

/// A body of 1 MiB must cost no more than its length: each of these would take minutes if anything were quadratic.
#[test]
fn large_bodies_cost_their_length() {
    const BODY: usize = 1 << 20;
    let one_line = |unit: &str| vec!["[iptables]".to_owned(), unit.repeat(BODY / unit.len())];
    assert!(parse(&one_line("-A FORWARD ")).is_err());
    assert!(parse(&one_line("[")).is_err());
    assert!(parse(&one_line("é")).is_err());
    assert!(parse(&vec![String::new(); BODY]).is_err());
    let rules = (0..30_000).map(|n| format!("-A FORWARD -d 10.0.{}.{} -j DROP", n / 256, n % 256));
    let lines: Vec<String> = std::iter::once("[iptables]".to_owned()).chain(rules).collect();
    assert_eq!(parse(&lines).map(|policy| policy.entries()), Ok(30_000));
    // Names that all start alike, and values that would multiply.
    let names = (0..10_000).map(|n| format!("A{n:05} = {}", "x".repeat(60)));
    let uses = [
        "[iptables]".to_owned(),
        format!("-A FORWARD -i {} -j DROP", "$A00001".repeat(500)),
    ];
    let lines: Vec<String> = names.chain(uses).collect();
    let error = parse(&lines).expect_err("too long once replaced");
    assert!(error.message.contains("longer than"), "{error}");
    // 48 × 48 interfaces are counted, not built.
    let many = (1..=48).map(|n| format!("swp{n}")).collect::<Vec<_>>().join(",");
    let lines = [
        "[iptables]".to_owned(),
        format!("-A FORWARD -i {many} -o {many} -j DROP"),
    ];
    assert_eq!(parse(&lines).map(|policy| policy.entries()), Ok(48 * 48));
    // Lenient rules hold as many unknown words as a line has room for.
    for unit in ["! --x 1 ", "--x ", "-m x --x ", "-m dscp --x ", "-m x "] {
        let line = format!("-A FORWARD {}-j DROP", unit.repeat(4000 / unit.len()));
        let lines = [vec!["[iptables]".to_owned()], vec![line; BODY / 4096]].concat();
        let error = parse_with(&lines, Mode::Lenient).expect_err("duplicates");
        assert!(error.message.contains("duplicate") && error.line == 3, "{error}");
        assert_eq!(
            read(&lines, Mode::Lenient, Author::Other).between.len(),
            BODY / 4096 - 1
        );
    }
}
