use std::path::Path;

use super::*;
use crate::rules::parse_file;

fn file(name: &str, lines: &[&str]) -> PolicyFile {
    PolicyFile::new(
        Path::new(name),
        lines.iter().map(|line| (*line).to_owned()).collect(),
    )
}

fn compiled(lines: &[&str]) -> Result<Compiled, String> {
    let file = file("/etc/policy.d/50rest-a.rules", lines);
    let policy = parse_file(&file.lines).expect("rules that parse");
    compile(&[(&file, policy)]).map_err(|failures| failures[0].to_string())
}

/// The rules of one chain, with every ID as `ID`.
fn texts(chains: &Chains, table: Table, chain: Chain) -> Vec<String> {
    let rules = chains.get(&(table, chain)).map_or(&[][..], Vec::as_slice);
    rules
        .iter()
        .map(|rule| {
            rule.text
                .replace(&rule.id, "ID")
                .replace(bucket_name(&rule.id), "NAME")
        })
        .collect()
}

#[test]
fn a_mark_sets_the_class_before_the_dscp() {
    let mark = "-t mangle -A FORWARD --in-interface swp+ -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 1 --dport 2 \
                -m dscp --dscp 0 -j SETQOS --set-dscp 10 --set-cos 5";
    let both = compiled(&["[iptables]", mark]).expect("compiles");
    let condition = "-i swp+ -s 10.0.0.1/32 -d 10.0.0.2/32 -p tcp --sport 1 --dport 2 -m dscp --dscp 0 \
                     -m comment --comment \"50rest-a.rules:2 #ID\"";
    assert_eq!(
        texts(&both.v4, Table::Mangle, Chain::Forward),
        [
            format!("{condition} -j CLASSIFY --set-class 0:5"),
            format!("{condition} -j DSCP --set-dscp 10")
        ]
    );
    assert!(both.v6.is_empty());
}

#[test]
fn each_target_has_its_form() {
    let rules = [
        ("-A FORWARD -j ACCEPT", "-j ACCEPT"),
        ("-A FORWARD -j DROP", "-j DROP"),
        ("-A FORWARD -j SETCLASS --class 7", "-j CLASSIFY --set-class 0:7"),
        (
            "-A FORWARD -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
            "-j TEE --gateway 10.0.0.2",
        ),
        (
            "-A FORWARD -j POLICE --set-mode pkt --set-rate 9 --set-burst 3",
            "-m hashlimit --hashlimit-above 9/s --hashlimit-burst 3 --hashlimit-name NAME -j DROP",
        ),
    ];
    let lines: Vec<&str> = ["[iptables]"]
        .into_iter()
        .chain(rules.map(|(rule, _)| rule))
        .collect();
    let got = texts(
        &compiled(&lines).expect("compiles").v4,
        Table::Filter,
        Chain::Forward,
    );
    for (n, (rule, wanted)) in rules.into_iter().enumerate() {
        assert_eq!(
            got[n],
            format!("-m comment --comment \"50rest-a.rules:{} #ID\" {wanted}", n + 2),
            "{rule}"
        );
    }
}

#[test]
fn a_policer_with_a_class_classifies_everything_that_matches() {
    let rule = "-A FORWARD -i swp1,swp2 -j POLICE --set-mode KB --set-rate 100 --set-burst 5 --set-class 3";
    let compiled = compiled(&["[ip6tables]", rule]).expect("compiles");
    let texts = texts(&compiled.v6, Table::Filter, Chain::Forward);
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts[0].starts_with("-i swp1 ") && texts[0].ends_with("CLASSIFY --set-class 0:3"));
    assert!(texts[1].contains("--hashlimit-above 100kb/s --hashlimit-name NAME -j DROP"));
    assert!(
        compiled.warnings[0].starts_with("50rest-a.rules:2: POLICE"),
        "{:?}",
        compiled.warnings
    );
    let ids: std::collections::BTreeSet<_> = compiled
        .v6
        .values()
        .flatten()
        .map(|rule| bucket_name(&rule.id).to_owned())
        .collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|name| name.len() == 15));
}

#[test]
fn what_cannot_be_expressed_is_refused_with_the_reason() {
    let refused = |section: &str, rule: &str, reason: &str| {
        let error = compiled(&[section, rule]).expect_err(rule);
        assert!(
            error.starts_with("line 2 : ") && error.contains(reason),
            "{error}"
        );
        let end = format!(" error processing rule '{rule}' in file /etc/policy.d/50rest-a.rules");
        assert!(error.ends_with(&end), "{error}");
    };
    refused("[iptables]", "-A FORWARD -j SPAN --dport swp5", "SPAN");
    let colours = "-A FORWARD -j TRICOLORPOLICE --set-color-mode blind --set-cir 1 --set-cbs 1 --set-pir 1 --set-ebs 1 \
                   --set-violate-action drop";
    refused("[iptables]", colours, "no colours");
    refused("[ebtables]", "-A FORWARD -j DROP", "[ebtables]");
    refused(
        "[iptables]",
        "-A INPUT -j SETCLASS --class 1",
        "CLASSIFY works in",
    );
    refused(
        "[iptables]",
        "-t mangle -A PREROUTING -i swp+ -j SETQOS --set-cos 1",
        "CLASSIFY works in",
    );
    refused(
        "[iptables]",
        "-A FORWARD -j POLICE --set-mode pkt --set-rate 1 --set-burst 2000000",
        "hashlimit",
    );
    let many = (1..=70).map(|n| format!("swp{n}")).collect::<Vec<_>>().join(",");
    refused(
        "[iptables]",
        &format!("-A FORWARD -i {many} -o {many} -j DROP"),
        "4900 entries",
    );
}

#[test]
fn expansion_is_bounded_in_sum() {
    let many = (1..=64).map(|n| format!("swp{n}")).collect::<Vec<_>>().join(",");
    let rules = (1..=17).map(|n| format!("-A FORWARD -i {many} -o {many} -d 10.0.0.{n} -j DROP"));
    let lines: Vec<String> = ["[iptables]".to_owned()].into_iter().chain(rules).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(compiled(&lines).is_err_and(|error| error.starts_with("line 18 : ") && error.contains("65536")));
    assert_eq!(
        compiled(&lines[..17]).map(|c| c.v4.values().map(Vec::len).sum::<usize>()),
        Ok(65_536)
    );
}

#[test]
fn an_id_survives_moved_lines_and_changes_with_the_rule() {
    let police = |rate| format!("-A FORWARD -j POLICE --set-mode pkt --set-rate {rate} --set-burst 1");
    let id = |lines: &[&str]| {
        let compiled = compiled(lines).expect("compiles");
        compiled
            .v4
            .values()
            .flatten()
            .next_back()
            .map(|rule| rule.id.clone())
            .expect("a rule")
    };
    let first = id(&["[iptables]", &police(1)]);
    assert_eq!(
        first,
        id(&[
            "# moved",
            "",
            "[iptables]",
            "-A FORWARD -s 10.0.0.1 -j DROP",
            &police(1)
        ])
    );
    assert_ne!(first, id(&["[iptables]", &police(2)]));
    // The same rule by two lines: two buckets.
    let twins = compiled(&[
        "[iptables]",
        "-A FORWARD -i swp1,swp2 -j DROP",
        "-A FORWARD -i swp2 -j DROP",
    ]);
    let ids: std::collections::BTreeSet<_> = twins
        .expect("compiles")
        .v4
        .values()
        .flatten()
        .map(|rule| rule.id.clone())
        .collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn every_broken_file_is_named() {
    let files = ["a.rules", "b.rules", "c.rules"]
        .map(|name| file(name, &["[iptables]", "-A FORWARD -j SPAN --dport swp1"]));
    let policies: Vec<_> = files
        .iter()
        .map(|f| (f, parse_file(&f.lines).expect("parses")))
        .collect();
    let failures = compile(&policies).expect_err("nothing compiles");
    assert_eq!(failures.len(), 3);
    assert!(
        failures[2].to_string().ends_with("in file c.rules"),
        "{}",
        failures[2]
    );
}

#[test]
fn a_file_name_cannot_become_a_rule() {
    let odd = file(
        "x\" -j ACCEPT\n-A INPUT -j DROP #é.rules",
        &["[iptables]", "-A FORWARD -j DROP"],
    );
    let policy = parse_file(&odd.lines).expect("parses");
    let compiled = compile(&[(&odd, policy)]).expect("compiles");
    let text = &compiled.v4[&(Table::Filter, Chain::Forward)][0].text;
    assert!(
        text.starts_with("-m comment --comment \"x__-j_ACCEPT_-A_INPUT_-j_DROP___.rules:2 #"),
        "{text}"
    );
    assert!(!text.contains('\n') && text.is_ascii());
    assert_eq!(file(&"n".repeat(255), &[]).name.len(), PolicyFile::MAX_NAME);
}
