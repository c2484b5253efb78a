//! What searches cost in a full directory, counted in steps.

use std::sync::Arc;

use crate::policy::space::{Budget, Placed, STEPS, Space};
use crate::policy::{Directory, WarningKind};
use crate::rules::{Rule, parse};

fn rule(text: &str) -> Arc<Rule> {
    let policy = parse(&["[iptables]", text]).unwrap_or_else(|error| panic!("{text}: {error}"));
    Arc::new(policy.rules().next().expect("a rule").1.clone())
}

fn space(rules: impl Iterator<Item = String>) -> Space {
    let mut space = Space::default();
    for (line, text) in (1..).zip(rules) {
        space.insert(Placed {
            file: "50.rules".into(),
            line,
            rule: rule(&text),
        });
    }
    space
}

/// The steps that it takes to find no rule that covers this one, and no deny after it.
fn steps(space: &Space, text: &str) -> (usize, usize) {
    let rule = rule(text);
    let (mut cover, mut deny) = (Budget::new(), Budget::new());
    assert_eq!(space.cover(&rule, ("99.rules", 1), None, &mut cover), None);
    assert_eq!(space.deny(&rule, ("00.rules", 1), None, &mut deny), None);
    (cover.used(), deny.used())
}

#[test]
fn a_chain_of_marks_is_searched_in_a_few_steps() {
    let marks = (0..5000).map(|n| {
        let (a, b) = (n / 250, n % 250);
        format!("-t mangle -A FORWARD -i swp+ -s 10.{a}.{b}.1 -d 10.9.9.9 -p tcp --sport {n} --dport 2 -j SETQOS --set-cos 1")
    });
    let wide = (0..8).map(|n| format!("-t mangle -A FORWARD -d 192.0.{n}.0/24 -j SETQOS --set-cos 1"));
    let space = space(marks.chain(wide));
    let mark = "-t mangle -A FORWARD -i swp+ -s 10.1.1.1 -d 10.9.9.9 -p tcp --sport 40000 --dport 2 -j SETQOS --set-cos 2";
    let (cover, deny) = steps(&space, mark);
    assert!(cover < 10 && deny < 10, "{cover} {deny}");
}

#[test]
fn a_chain_that_was_made_to_be_slow_is_bounded() {
    // As many shapes as there can be, and as many rules of one shape.
    let shapes = (1..=32).flat_map(|s| {
        (1..=32).map(move |d| format!("-A FORWARD -s 10.0.0.0/{s} -d 10.0.0.0/{d} -p udp -j DROP"))
    });
    let alike = (1..3000).map(|n| {
        format!(
            "-A FORWARD -i swp{} -p udp -m dscp --dscp {} -j DROP",
            n / 64,
            n % 64
        )
    });
    let space = space(shapes.chain(alike));
    let (cover, deny) = steps(
        &space,
        "-A FORWARD -i eth9 -s 11.0.0.1 -d 11.0.0.1 -p tcp --dport 9 -j ACCEPT",
    );
    assert!(cover <= STEPS && deny <= STEPS, "{cover} {deny}");
    let (cover, deny) = steps(
        &space,
        "-A FORWARD -i bond1 -p udp -m dscp --dscp 9 -s 11.0.0.1 -j ACCEPT",
    );
    assert!(cover <= STEPS && deny <= STEPS, "{cover} {deny}");
}

/// Long lists are dear: 200 × 200 interfaces are not compared 2,048 times.
#[test]
fn long_lists_cost_more() {
    let list = |from: u32| {
        (from..from + 200)
            .map(|n| format!("p{n}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let others =
        space((0..100).map(|n| format!("-A FORWARD -i {} -m dscp --dscp {} -j DROP", list(n), n % 64)));
    let (cover, _) = steps(&others, &format!("-A FORWARD -i {} -j ACCEPT", list(1000)));
    assert_eq!(cover, STEPS);
    let (cover, _) = steps(&others, "-A FORWARD -i swp1 -j ACCEPT");
    assert!((100..1500).contains(&cover), "{cover}");
}

/// A list of all ACLs with their warnings, of a full directory.
#[test]
fn ten_thousand_files() {
    let lines = |n: u32| {
        let (a, b) = (n / 250, n % 250);
        [
            "[iptables]".to_owned(),
            format!(
                "-t mangle -A FORWARD -i swp+ -s 10.{a}.{b}.1 -d 10.9.9.9 -p tcp --dport {n} -j SETQOS --set-cos 1"
            ),
            format!("-A FORWARD -s 10.{a}.{b}.1 -d 10.9.9.9 -p tcp --dport {n} -j ACCEPT"),
        ]
    };
    let files = (0..10_000).map(|n| (format!("50rest-f{n:05}.rules"), lines(n).join("\n").into_bytes()));
    let deny = (
        "99x.rules".to_owned(),
        b"[iptables]\n-A FORWARD -d 10.9.0.0/16 -j DROP\n".to_vec(),
    );
    let directory = Directory::new(files.chain([deny]));
    assert_eq!((directory.entries(), directory.foreign_entries()), (20_001, 1));
    let mut found = 0;
    for n in 0..10_000 {
        let policy = parse(&lines(n)).expect("parses");
        for warning in directory.warnings(&format!("50rest-f{n:05}.rules"), &policy) {
            assert_eq!(
                (warning.line, warning.kind, warning.other_line),
                (3, WarningKind::Before, 2)
            );
            assert_eq!(warning.file, "99x.rules");
            found += 1;
        }
    }
    assert_eq!(found, 10_000);
}
