//! What another configuration does to what is wanted.

use super::*;

/// The same mark with another DSCP.
fn other(n: u16) -> Arc<Control> {
    let mut control = Control::clone(&wish(n, 100).control);
    let Action::Mark { mark, .. } = &mut control.action else {
        unreachable!("a mark")
    };
    mark.dscp = None;
    Arc::new(control)
}

#[test]
fn what_is_to_look_otherwise_is_replaced_in_its_place() {
    let mut desired = with_one_installed();
    let same = wish(1, 100).control;
    assert!(!desired.replace(&same), "it does");
    assert_eq!(desired.plan(at(2)), Plan::default());
    assert!(desired.replace(&other(1)));
    let next = desired.plan(at(2));
    assert_eq!(next.changes.len(), 1);
    assert_eq!(next.changes[0].control, Some(other(1)));
    assert_eq!(desired.taken().rules, 1, "it keeps its place");
    carry_out(&mut desired, 2, &installed("\"b\""));
    assert_eq!(
        (states(&desired), plan(&desired, 3)),
        (vec![State::Installed], vec![])
    );
    // Whoever wants it once more wants it as it is wanted last.
    desired.want(wish(1, 100));
    assert_eq!(desired.plan(at(4)).changes[0].control, Some(same));
    assert!(!desired.replace(&other(2)), "nobody wants that");
}

#[test]
fn what_was_on_its_way_is_replaced_too() {
    let refused = Verdict::Refused {
        why: "no such DSCP".to_owned(),
    };
    for (verdict, before) in [
        (installed("\"a\""), false),
        (refused.clone(), false),
        (refused, true),
        (failed(), true),
    ] {
        let mut desired = match before {
            true => with_one_installed(),
            false => Desired::new(limits(), act()),
        };
        desired.want(wish(1, 100));
        if before {
            // The switch has lost what it had.
            desired.snapshot(at(2), vec![present(1, "\"x\"")]);
        }
        let sent = desired.plan(at(2));
        desired.begin(at(2), &sent);
        assert!(desired.replace(&other(1)));
        desired.verdict(at(3), &sent.changes[0], verdict.clone());
        let next = desired.plan(at(3));
        assert_eq!(next.changes.len(), 1, "{verdict:?}");
        assert_eq!(next.changes[0].control, Some(other(1)), "{verdict:?}");
        assert!(
            desired.views().all(|view| view.error.is_none()),
            "that was of another one"
        );
        carry_out(&mut desired, 3, &installed("\"b\""));
        assert_eq!(
            (states(&desired), plan(&desired, 4)),
            (vec![State::Installed], vec![])
        );
    }
}

#[test]
fn with_fewer_places_the_largest_stay_and_with_more_the_others_come_back() {
    let mut desired = Desired::new(limits(), act());
    for (n, mbps) in [(1, 300), (2, 100), (3, 200)] {
        desired.want(wish(n, mbps));
    }
    carry_out(&mut desired, 1, &installed("\"a\""));
    let with = |max_rules| Limits {
        max_rules,
        ..limits()
    };
    desired.set_limits(with(3));
    assert_eq!(plan(&desired, 2), [""; 0], "nothing has changed");
    desired.set_limits(with(1));
    assert_eq!(plan(&desired, 2), ["-2", "-3"]);
    carry_out(&mut desired, 2, &installed("\"a\""));
    assert_eq!(plan(&desired, 3), [""; 0]);
    desired.set_limits(with(2));
    assert_eq!(plan(&desired, 3), ["+3"]);
}

#[test]
fn another_hold_counts_for_marks_that_are_there() {
    let mut desired = with_one_installed();
    desired.set_limits(Limits {
        hold: Duration::from_secs(30),
        ..limits()
    });
    desired.release(at(2), &name(1), PORT, at(2), Ending::Silence);
    assert_eq!(
        (plan(&desired, 30), plan(&desired, 31)),
        (vec![], vec!["-1".to_owned()])
    );
}

#[test]
fn what_the_configuration_does_not_ask_for_any_more_goes_at_once() {
    let mut desired = with_one_installed();
    desired.release(at(2), &name(1), PORT, at(2), Ending::Configuration);
    assert_eq!(plan(&desired, 2), ["-1"]);
    assert!(decided(&mut desired).contains(&"released"));
}
