//! What controllers and people may do.

use super::*;

#[test]
fn pausing_takes_everything_away_and_resuming_brings_it_back() {
    let mut desired = with_one_installed();
    desired.snapshot(at(1), vec![present(1, "\"a\""), present(9, "\"x\"")]);
    desired.set_modes(
        at(2),
        Modes {
            paused: true,
            ..act()
        },
    );
    assert_eq!(states(&desired), [State::Paused]);
    assert!(!desired.is_silent());
    assert_eq!(plan(&desired, 2), ["-1", "-9"], "held or in its grace, or not");
    carry_out(&mut desired, 2, &installed(""));
    assert!(desired.is_silent() && desired.is_clean());
    desired.want(wish(2, 100));
    assert_eq!(
        (plan(&desired, 3), states(&desired)),
        (vec![], vec![State::Paused; 2])
    );
    desired.set_modes(at(4), act());
    assert!(
        !desired.is_silent() && !desired.was_compared(),
        "everything may have changed"
    );
    assert_eq!(plan(&desired, 4), ["+1", "+2"]);
}

#[test]
fn observing_again_withdraws_and_then_leaves_the_switch_alone() {
    let mut desired = with_one_installed();
    desired.set_modes(at(2), Modes::default());
    assert_eq!(plan(&desired, 2), ["-1"]);
    assert_eq!(carry_out(&mut desired, 2, &failed()), [Noted::Failed]);
    assert!(!desired.is_silent(), "it may be there");
    desired.snapshot(at(3), vec![]);
    assert!(desired.is_silent());
    assert_eq!(states(&desired), [State::Observed]);
}

#[test]
fn observing_plans_nothing_and_ends_at_once() {
    let mut desired = Desired::new(limits(), Modes::default());
    desired.want(wish(1, 100));
    assert_eq!(desired.plan(at(1)), Plan::default());
    assert_eq!(states(&desired), [State::Observed]);
    desired.release(at(2), &name(1), PORT, at(1), Ending::Silence);
    let finished = finished(&mut desired);
    assert_eq!(
        (finished[0].state, finished[0].times.removed),
        (State::Released, None)
    );
}

#[test]
fn withdrawing_waits_for_nothing() {
    let mut desired = with_one_installed();
    desired.want(wish(2, 100));
    desired.snapshot(at(2), vec![present(1, "\"a\""), present(9, "\"x\"")]);
    desired.withdraw(at(2));
    assert_eq!(plan(&desired, 2), ["-1", "-9"]);
    carry_out(&mut desired, 2, &installed(""));
    assert!(desired.is_clean());
}

/// What a person wants needs no controller that acts, and leaves the switch alone again.
#[test]
fn what_a_person_wants_is_done_whatever_the_modes() {
    let mut desired = Desired::new(limits(), Modes::default());
    let person = |n| Wish {
        holder: Holder::Person,
        ..wish(n, 0)
    };
    desired.want(wish(1, 100));
    assert!(desired.is_silent());
    desired.want(person(2));
    assert!(!desired.is_silent() && !desired.was_compared());
    desired.snapshot(at(0), Vec::new());
    let plan = desired.plan(at(0));
    assert_eq!(plan.changes.len(), 1, "the other one is only observed");
    desired.begin(at(0), &plan);
    let installed = Verdict::Installed {
        etag: Some("e".to_owned()),
        timing: ServerTiming::default(),
    };
    desired.verdict(at(0), &plan.changes[0], installed);
    let paused = Modes {
        paused: true,
        ..Modes::default()
    };
    desired.set_modes(at(1), paused);
    assert!(
        !desired.plan(at(1)).changes[0].is_install(),
        "a pause is for everybody"
    );
    desired.set_modes(at(1), Modes::default());
    desired.snapshot(at(1), vec![present(2, "e")]);
    assert!(desired.plan(at(1)).changes.is_empty());
    desired.release(at(2), &name(2), Holder::Person, at(2), Ending::Silence);
    let plan = desired.plan(at(2));
    assert!(plan.changes.len() == 1 && !plan.changes[0].is_install());
    desired.begin(at(2), &plan);
    desired.verdict(at(2), &plan.changes[0], Verdict::Removed);
    assert!(desired.is_silent());
}

#[test]
fn what_a_person_releases_goes_at_once_and_does_not_come_back_soon() {
    let mut desired = Desired::new(limits(), act());
    desired.snapshot(at(0), Vec::new());
    desired.want(wish(1, 100));
    let plan = desired.plan(at(0));
    desired.begin(at(0), &plan);
    let installed = Verdict::Installed {
        etag: Some("e".to_owned()),
        timing: ServerTiming::default(),
    };
    desired.verdict(at(0), &plan.changes[0], installed);
    assert!(desired.dismiss(at(1), &name(1), None));
    assert!(!desired.dismiss(at(1), &name(1), None) && !desired.dismiss(at(1), &name(7), None));
    let plan = desired.plan(at(1));
    assert!(
        plan.changes.len() == 1 && !plan.changes[0].is_install(),
        "it is not held"
    );
    desired.begin(at(1), &plan);
    desired.verdict(at(1), &plan.changes[0], Verdict::Removed);
    let later = |seconds| {
        let mut wish = wish(1, 100);
        let mut cause = (*wish.cause).clone();
        cause.detected = at(seconds);
        wish.cause = Arc::new(cause);
        wish
    };
    desired.want(later(600));
    assert_eq!(desired.views().count(), 0);
    desired.want(later(601));
    assert_eq!(desired.views().count(), 1);
}
