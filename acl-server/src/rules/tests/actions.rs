//! What rules do.

use super::super::{Action, Actions, parse};

fn actions(section: &str, rules: &[&str]) -> Vec<Action> {
    let lines: Vec<_> = [section].into_iter().chain(rules.iter().copied()).collect();
    let policy = parse(&lines).unwrap_or_else(|error| panic!("{rules:?}: {error}"));
    policy.actions().iter().collect()
}

#[test]
fn each_target_has_its_actions() {
    use Action::{Capture, Drop, Mark, Permit};
    let tricolor = "-A FORWARD -j TRICOLORPOLICE --set-color-mode blind --set-cir 1 --set-cbs 1 --set-pir 1 --set-ebs 1 \
                    --set-violate-action accept";
    let colours = format!("{tricolor} --set-exceed-action-dscp 3");
    let cases: [(&str, &[Action]); 12] = [
        ("-A FORWARD -j ACCEPT", &[Permit]),
        ("-A FORWARD -j DROP", &[Drop]),
        ("-t mangle -A FORWARD -j SETQOS --set-cos 1", &[Mark]),
        ("-t mangle -A FORWARD -j DSCP --set-dscp 1", &[Mark]),
        ("-A FORWARD -j SETCLASS --class 1", &[Mark]),
        (
            "-A FORWARD -j POLICE --set-mode KB --set-rate 1 --set-burst 1",
            &[Drop],
        ),
        (
            "-A FORWARD -j POLICE --set-mode KB --set-rate 1 --set-burst 1 --set-class 1",
            &[Mark, Drop],
        ),
        (tricolor, &[Drop]),
        (&colours, &[Mark, Drop]),
        ("-A FORWARD -j SPAN --dport swp1", &[Capture]),
        (
            "-A FORWARD -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
            &[Capture],
        ),
        ("# nothing", &[]),
    ];
    for (rule, expected) in cases {
        assert_eq!(actions("[iptables]", &[rule]), expected, "{rule}");
    }
    let log = ["-A FORWARD -p udp -j LOG", "-A FORWARD -p udp -j DROP"];
    assert_eq!(actions("[iptables]", &log), [Drop]);
    let cases: [(&str, &[Action]); 8] = [
        ("-A FORWARD -j ACCEPT", &[Permit]),
        ("-A FORWARD -j DROP", &[Drop]),
        ("-A FORWARD -j setclass --class 1", &[Mark]),
        ("-A FORWARD -j span --dport swp1", &[Capture]),
        (
            "-A FORWARD -j erspan --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
            &[Capture],
        ),
        ("-A FORWARD -j mark --mark-set 1 --mark-target CONTINUE", &[Mark]),
        ("-A FORWARD -j mark --mark-set 1", &[Mark, Permit]),
        (
            "-A FORWARD -j mark --mark-set 1 --mark-target DROP",
            &[Mark, Drop],
        ),
    ];
    for (rule, expected) in cases {
        assert_eq!(actions("[ebtables]", &[rule]), expected, "{rule}");
    }
    let all = ["-A FORWARD -j ACCEPT", "-A FORWARD -j SETCLASS --class 1"];
    assert_eq!(actions("[iptables]", &all), [Mark, Permit]);
}

#[test]
fn a_set_of_actions() {
    let both: Actions = [Action::Drop, Action::Mark, Action::Drop].into_iter().collect();
    assert!(both.contains(Action::Mark) && !both.contains(Action::Capture));
    assert_eq!(both.iter().collect::<Vec<_>>(), [Action::Mark, Action::Drop]);
    assert_eq!(Actions::NONE.union(both), both);
    assert_eq!(Actions::from(Action::Mark).union(Action::Drop.into()), both);
    assert_eq!(Actions::ALL.without(both).to_string(), "capture, permit");
    assert_eq!(Action::ALL.into_iter().collect::<Actions>(), Actions::ALL);
    assert!(Actions::default().is_empty() && both.without(Actions::ALL).is_empty());
    assert_eq!(
        serde_json::to_string(&both).ok().as_deref(),
        Some(r#"["mark","drop"]"#)
    );
    assert_eq!(
        serde_json::from_str::<Actions>(r#"["drop","mark"]"#).ok(),
        Some(both)
    );
    assert!(serde_json::from_str::<Actions>(r#"["DROP"]"#).is_err());
}
