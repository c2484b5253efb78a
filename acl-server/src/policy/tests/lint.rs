//! Every mistake is found, and each once.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::policy::{Finding, MAX_LINE, lint};
use crate::rules::{Mode, parse_with};

/// Line and column of every finding, with the start of its message.
#[track_caller]
fn found(name: &str, content: &[u8], expected: &[(u32, u32, &str)]) {
    let findings = lint(name, content, Mode::Strict);
    let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(findings.len(), expected.len(), "{shown:#?}");
    for (finding, (line, column, message)) in findings.iter().zip(expected) {
        assert_eq!((finding.line, finding.column), (*line, *column), "{finding}");
        assert!(
            finding.message.contains(message),
            "{message:?} is not in {finding}"
        );
    }
}

#[test]
fn all_mistakes_of_a_file() {
    let long = format!("# {}", "x".repeat(MAX_LINE));
    let lines = [
        "# see [1]",
        "A = swp1",
        "[iptables]",
        "-A FORWARD -i $A -p tcp --dport=80 -j DROP",
        "-A FORWARD -i $A -j DRPO",
        "-A FORWARD -i $B -j DROP",
        "-A FORWARD -i swp1 -j DROP",
        "-A FORWARD -i $A -j DROP",
        "-A FORWARD -s 10.0.0.1 -j LOG",
        "-A FORWARD -s 10.0.0.2 -j DROP",
        "-A FORWARD -s \u{fc}ber.example -j DROP \u{fc}",
        "-A FORWARD\t-j DROP",
        "-A FORWARD -j DROP\r",
        &long,
        "[iptables ]",
        "-A FORWARD -j NONSENSE",
        "[ebtables]",
        "-A FORWARD -j DROPP",
    ];
    found(
        "50rest-a.rules",
        lines.join("\n").as_bytes(),
        &[
            (1, 7, "bracket"),
            (4, 32, "found ="),
            (5, 21, "one of the targets"),
            (6, 15, "not assigned"),
            (8, 1, "duplicate rule at lineno 8"),
            (9, 1, "found -j LOG"),
            (
                11,
                15,
                "found the byte 0xc3; expected printable ASCII, and 3 more in this line",
            ),
            (12, 11, "found a tab"),
            (13, 19, "carriage return"),
            (14, 1025, "the line has 1026 bytes"),
            (15, 1, "unknown rule type [iptables ]"),
            (18, 15, "one target"),
        ],
    );
}

#[test]
fn whose_file_it_is() {
    let comment = b"# see [1], a = b\n";
    found("policy.d/99_mine.rules", comment, &[]);
    found("policy.d/99_mine.rules", b"", &[]);
    found(
        "policy.d/50rest-mine.rules",
        comment,
        &[(1, 1, "no section"), (1, 7, "bracket")],
    );
    found("mine.txt", b"", &[(1, 1, "no section")]);
    found("mine.txt", b"[iptables]", &[]);
    found("mine.txt", b"[iptables]\n\n\n", &[]);
    let many = b"[iptables]\n".repeat(1001);
    found("mine.txt", &many, &[(1001, 1, "1001 lines")]);
    found("x/99.rules", &many, &[]);
    let quoted = b"A = \"swp1,swp2\"\n[iptables]\n-A FORWARD -i $A ! -p tcp -j REJECT\n";
    assert_eq!(lint("00control_plane.rules", quoted, Mode::Lenient), []);
    assert_eq!(lint("00control_plane.rules", quoted, Mode::Strict).len(), 2);
    assert_eq!(lint("mine.txt", quoted, Mode::Lenient).len(), 2);
}

#[test]
fn a_finding_follows_the_name_of_its_file() {
    let finding = Finding {
        line: 3,
        column: 7,
        message: "found x".to_owned(),
    };
    assert_eq!(finding.to_string(), "3:7: found x");
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = select(vec![
        "[iptables]",
        "[ip6tables]",
        "[ebtables]",
        "[foo]",
        "# c",
        "# a = b",
        "",
        "A = swp1",
        "AB = swp1",
        "-A FORWARD -i $A -j DROP",
        "-A FORWARD -j DROP",
        "-A FORWARD -j LOG",
        "-A FORWARD -m foo -j BAR",
        "-A FORWARD",
        "-I FORWARD 1 -j DROP",
        "\t",
        "\u{e4}",
    ]);
    vec(line.prop_map(str::to_owned), 0..10)
}

proptest! {
    #[test]
    fn no_findings_means_that_it_parses(lines in lines()) {
        for mode in [Mode::Strict, Mode::Lenient] {
            let content = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let findings = lint("50rest-a.rules", content.as_bytes(), mode);
            match parse_with(&lines, mode) {
                Ok(_) => prop_assert_eq!(findings, []),
                Err(error) => prop_assert!(findings.iter().any(|one| one.line == error.line), "{}", error),
            }
        }
    }

    #[test]
    fn any_bytes(content in vec(any::<u8>(), 0..200)) {
        for name in ["50rest-a.rules", "b.rules"] {
            for one in lint(name, &content, Mode::Lenient) {
                let count = content.split(|byte| *byte == b'\n').count();
                prop_assert!(one.line >= 1 && one.column >= 1 && one.line as usize <= count);
                prop_assert!(!one.message.contains(char::is_control));
            }
        }
    }
}
