//! Reading on after a mistake.

use super::super::{Author, Mode, Reading, Statement, parse_with, read};

fn places(reading: &Reading) -> (Vec<u32>, Vec<u32>) {
    let lines = |errors: &[super::RuleError]| errors.iter().map(|error| error.line).collect();
    (lines(&reading.unknown), lines(&reading.between))
}

#[test]
fn every_line_is_judged() {
    let lines = [
        "# one",
        "A = a b",
        "[iptables]",
        "-A FORWARD -i $A -j DROP",
        "-A FORWARD -s 10.0.0.1 -j LOG",
        "-A FORWARD -j DROP",
        "-A FORWARD -j DROP",
        "-A FORWARD -s 10.0.0.1 -j LOG --log-prefix twice",
        "-A FORWARD -s 10.0.0.1 -j DORP",
        "[foo]",
        "-A FORWARD -j NONSENSE",
        "-A FORWARD -j DROP",
        "[ip6tables]",
        "-A FORWARD -j DROP",
        "-A FORWARD -j LOG",
    ];
    let reading = read(&lines, Mode::Strict, Author::Client);
    assert_eq!(places(&reading), (vec![2, 4, 9, 10], vec![5, 7, 15]));
    assert_eq!(reading.skipped, [11, 12]);
    let understood: Vec<_> = reading.statements.iter().map(|(line, _)| *line).collect();
    assert_eq!(understood, [1, 3, 5, 6, 7, 8, 13, 14, 15]);
    let first = parse_with(&lines, Mode::Strict).map_err(|error| error.line);
    assert_eq!(first, Err(2));
}

#[test]
fn other_peoples_files_are_read_as_far_as_they_can_be() {
    let lines = [
        "# see [1], a = b",
        "SOURCES = \"10.0.0.0/8,127.0.0.0/8\"",
        "IN = swp+",
        "",
        "[iptables]",
        "-A INPUT,FORWARD --in-interface $IN -s $SOURCES -j DROP",
        "-A FORWARD -m comment --comment \"two words\" -j DROP",
    ];
    let reading = read(&lines, Mode::Lenient, Author::Other);
    assert_eq!(places(&reading), (vec![7], vec![]));
    let (line, rule) = reading.statements.last().expect("a rule");
    assert_eq!(*line, 6);
    assert_eq!(
        rule.canonical().as_deref(),
        Some("iptables -A INPUT,FORWARD -i swp+ -s 10.0.0.0/8,127.0.0.0/8 -j DROP")
    );
    assert_eq!(rule.entries(), 4);
    assert!(matches!(reading.statements[1].1, Statement::Variable { .. }));
    // A client may not: quotes mean nothing to the tool.
    assert_eq!(
        places(&read(&lines, Mode::Lenient, Author::Client)).0,
        [1, 2, 6, 7]
    );
    let none: [&str; 0] = [];
    assert_eq!(
        places(&read(&none, Mode::Strict, Author::Client)),
        (vec![], vec![1])
    );
    assert_eq!(
        places(&read(&none, Mode::Strict, Author::Other)),
        (vec![], vec![])
    );
}
