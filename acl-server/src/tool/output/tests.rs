use proptest::prelude::*;

use super::*;

fn says_error(chunks: &[&str]) -> bool {
    let mut output = Output::default();
    chunks.iter().for_each(|chunk| output.push(chunk.as_bytes()));
    output.says_error()
}

/// Every wording of a failure that is known.
const WORDINGS: [&str; 7] = [
    "error: Cannot find policy files: ['x.rules']",
    "error: line 2 : output interface specified with INPUT chain error processing rule '-A FORWARD,INPUT -i swp1 -o swp2 ...'",
    "error: hw sync failed (sync_acl hardware installation failed) Rolling back .. failed.",
    "error: hw sync failed (Cannot process ip6tables,FORWARD,2,TOS match extension is supported only for iptables) Rolling \
     back .. failed.",
    "error: hw sync failed (Bulk counter init failed with No More Resources). Rolling back ..",
    "error: duplicate rule at lineno 4",
    "error: unknown rule type [foo]",
];

#[test]
fn the_tools_wordings_are_recognised() {
    for text in WORDINGS {
        assert!(says_error(&[text]), "{text}");
        assert!(
            says_error(&["Installing acl policy\n", text, "\ndone.\n"]),
            "{text}"
        );
    }
    for text in [
        "Reading rule file x ...\nError: unknown rule type [foo]\n",
        "it has failed",
        "Installing failed: no space",
        "(error:none)",
        "failed",
        "FAILED!",
    ] {
        assert!(says_error(&[text]), "{text}");
    }
    assert!(says_error(&["err", "or", ": x"]));
    assert!(says_error(&["done. fai", "led"]));
}

#[test]
fn names_that_only_look_like_errors_are_none() {
    for text in [
        "Reading rule file /p/50rest-failed.rules ...",
        "50rest-error.rules",
        "errors: 0 or so",
        "0 errors",
        "12 rules, 0 failed",
        "no failed rules, no errors",
        "iferror: x",
        "done.",
        "",
    ] {
        assert!(!says_error(&[text]), "{text}");
    }
}

#[test]
fn words_of_clients_that_the_tool_echoes_are_no_errors() {
    for text in [
        "-A FORWARD -m comment --comment error: -j DROP",
        "[0:0] -A acltool-FORWARD -m comment --comment failed -m comment --comment \"50rest-a.rules:2 #00\" -j DROP",
        "-A FORWARD -j LOG --log-prefix failed",
        "# this rule failed before: error: 3",
        "  0  0 DROP  all  --  *  *  anywhere  anywhere  /* failed */",
    ] {
        assert!(!says_error(&[text]), "{text}");
        // What comes after them counts.
        assert!(says_error(&[text, "\nRolling back .. failed."]), "{text}");
    }
    // No rule can hold these.
    for text in [
        "-A FORWARD --set-cos 0 failed",
        "-A FORWARD -j DROP failed",
        "rule '-A FORWARD -j DROP' failed",
        "--comment\nfailed",
        "x # failed",
    ] {
        assert!(says_error(&[text]), "{text}");
    }
}

#[test]
fn a_flood_is_read_and_its_ends_are_kept() {
    for size in [1000, 10_000, 1_000_000] {
        let mut output = Output::default();
        output.push(b"first line\n");
        for _ in 0..10_000_000 / size {
            output.push(&vec![b'x'; size]);
        }
        output.push(b"\nerror: hidden in the middle\n");
        for _ in 0..10_000_000 / size {
            output.push(&vec![0xff; size]);
        }
        output.push(b"\nlast line");
        assert!(output.says_error());
        assert!(output.head.capacity() + output.tail.capacity() <= 5 * KEEP);
        let lines = output.into_lines();
        assert_eq!(lines.first().unwrap(), "first line");
        assert_eq!(lines.last().unwrap(), "last line");
        assert!(lines.iter().any(|line| line.ends_with("bytes left out]")));
        // A byte that is no text becomes three.
        assert!(lines.iter().map(String::len).sum::<usize>() < 5 * KEEP);
    }
}

fn only(line: &str) -> Mention {
    let mut found = mentions(&[
        "Processing rules in file /p/50rest-other.rules ...",
        "Installing acl policy",
        line,
        "done.",
    ])
    .each;
    assert!(found.len() <= 1, "{found:?}");
    found.pop().unwrap_or_default()
}

fn names(mention: &Mention) -> Vec<&str> {
    mention.acls.iter().map(shared::AclName::as_str).collect()
}

#[test]
fn each_wording_is_read() {
    let read = WORDINGS.map(only);
    let [none, quoted, space, place, bulk, duplicate, section] = &read;
    for nothing in [none, space, place, bulk, section] {
        assert_eq!(*nothing, Mention::default());
    }
    assert_eq!(quoted.lines, [2]);
    let rule = &quoted.rules[0];
    assert!(
        rule.is_of("-A FORWARD,INPUT  -i swp1 -o swp2 -j DROP"),
        "{rule:?}"
    );
    assert!(!rule.is_of("-A FORWARD,INPUT -i swp1 -o swp3 -j DROP"));
    assert_eq!(duplicate.lines, [4]);
    assert!(mentions(&WORDINGS).each.len() == 2);
}

#[test]
fn files_are_found_however_they_are_written() {
    for (line, expected) in [
        ("error: Cannot find policy files: ['50rest-a.rules']", &["a"][..]),
        (
            "error: /etc/cumulus/acl/policy.d/50rest-a_1.rules: unknown",
            &["a_1"],
        ),
        (
            "failed: \"50rest-a.rules\", (50rest-b.rules) and 50rest-c.rules.",
            &["a", "b", "c"],
        ),
        (
            "error: x50rest-a.rules 50rest-a.rules.bak 50rest-A.rules 50rest-.rules .50rest-a.rules 50rest-a.rulesx",
            &[],
        ),
        ("error: a-50rest-a.rules 50rest-a/b.rules 50rest-..rules", &[]),
    ] {
        assert_eq!(names(&only(line)), expected, "{line}");
    }
    let long = format!(
        "error: 50rest-{}.rules 50rest-{}.rules",
        "x".repeat(64),
        "x".repeat(65)
    );
    assert_eq!(only(&long).acls.len(), 1);
}

#[test]
fn acltools_own_wording_is_read() {
    let line = "error: line 3 : burst too large error processing rule '-A FORWARD -m comment --comment it\\'s -j POLICE' in \
                file /p/50rest-a.rules";
    let mention = only(line);
    assert_eq!((names(&mention), &mention.lines[..]), (vec!["a"], &[3][..]));
    assert!(mention.rules[0].is_of("-A FORWARD -m comment --comment it's -j POLICE"));
}

#[test]
fn a_rule_cannot_put_the_blame_on_another_file() {
    let line = "error: line 1 : no error processing rule '-A FORWARD -m comment --comment 50rest-victim.rules' -j DROP' here";
    let mention = only(line);
    assert!(mention.acls.is_empty(), "{mention:?}");
    let found = mentions(&[line]);
    let victim = "victim".parse().unwrap();
    assert!(!found.points_at(&victim, &["-A FORWARD -j ACCEPT"]));
    let own = [
        "[iptables]",
        "-A FORWARD -m comment --comment 50rest-victim.rules' -j DROP",
    ];
    assert!(found.points_at(&"evil".parse().unwrap(), &own));
    // Nor with a line that only tells of progress, or with a comment that only looks like an error.
    assert!(
        mentions(&[
            "Reading rule file 50rest-victim.rules ...",
            "--comment error: 50rest-victim.rules"
        ])
        .is_empty()
    );
}

#[test]
fn the_file_that_was_being_read_is_a_hint() {
    let reading = [
        "Reading rule file /p/50rest-a.rules ...",
        "Processing rules in file /p/50rest-a.rules ...",
    ];
    let hint = |line: &str| {
        let found = mentions(&[reading[0], reading[1], line]);
        assert!(!found.points_at(&"a".parse().unwrap(), &["x"]));
        found.each.into_iter().find_map(|mention| mention.reading)
    };
    assert_eq!(hint("error: duplicate rule at lineno 4"), "a".parse().ok());
    assert_eq!(hint("error: unknown rule type [foo]"), "a".parse().ok());
    assert_eq!(hint("error: no room for 50rest-b.rules"), None);
    assert!(mentions(&[reading[0], "Installing acl policy", "error: hw sync failed"]).is_empty());
    assert!(mentions(&[reading[0], "Reading rule file /p/50_nvue.rules ...", "error: x"]).is_empty());
}

#[test]
fn two_rules_in_one_line_are_two() {
    let mention =
        only("error: rule '-A INPUT -j DROP' clashes with rule '-A INPUT -s 1.1.1.1 -j ACCEPT' at line 7.");
    let texts: Vec<_> = mention.rules.iter().map(|rule| rule.text.as_str()).collect();
    assert_eq!(texts, ["-A INPUT -j DROP", "-A INPUT -s 1.1.1.1 -j ACCEPT"]);
    assert_eq!(mention.lines, [7]);
}

#[test]
fn what_is_found_is_bounded() {
    let lines = vec!["error: ".to_owned() + &"50rest-a.rules line 1 rule 'x' ".repeat(5000); 100];
    let found = mentions(&lines);
    assert_eq!(found.each.len(), 64);
    assert!(
        found
            .each
            .iter()
            .all(|one| one.acls.len() <= 16 && one.rules.len() <= 16 && one.lines.len() <= 16)
    );
}

proptest! {
    #[test]
    fn any_output_is_taken(chunks in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut output = Output::default();
        chunks.iter().for_each(|chunk| output.push(chunk));
        let mut whole = Output::default();
        whole.push(&chunks.concat());
        prop_assert_eq!(output.says_error(), whole.says_error());
        let lines = output.into_lines();
        prop_assert_eq!(&lines, &whole.into_lines());
        let _ = mentions(&lines);
    }

    #[test]
    fn broken_wordings_are_taken(text in 0..WORDINGS.len(), at in any::<prop::sample::Index>(), with in "\\PC{0,3}") {
        let mut text = WORDINGS[text].to_owned();
        let at = at.index(text.len());
        text.replace_range(at..=at, &with);
        let found = mentions(&[text]);
        let _ = found.points_at(&"a".parse().unwrap(), &["-A INPUT -j DROP"]);
    }
}
