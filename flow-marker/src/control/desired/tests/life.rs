//! The life of one control.

use super::*;

#[test]
fn a_mark_comes_stays_for_its_hold_and_goes() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    assert_eq!(plan(&desired, 1), ["+1"]);
    assert_eq!(
        carry_out(&mut desired, 1, &installed("\"a\"")),
        [Noted::Installed]
    );
    let decided = desired.take_decided();
    let view = decided.last().and_then(Decision::view).unwrap();
    assert_eq!(view.times.installed, Some(at(1)));
    assert_eq!(desired.plan(at(2)), Plan::default());

    desired.release(at(3), &name(1), PORT, at(2), Ending::Silence);
    assert_eq!(states(&desired), [State::Releasing]);
    assert_eq!(desired.plan(at(3)).wake, Some(at(11)), "held for 10 s");
    assert_eq!(plan(&desired, 11), ["-1"]);
    carry_out(&mut desired, 11, &installed(""));
    let finished = finished(&mut desired);
    assert_eq!(
        (
            finished[0].state,
            finished[0].times.ended,
            finished[0].times.removed
        ),
        (State::Released, Some(at(2)), Some(at(11)))
    );
    assert!(desired.is_clean() && desired.views().next().is_none());
}

#[test]
fn a_flow_that_comes_back_keeps_its_mark() {
    let mut desired = with_one_installed();
    desired.release(at(3), &name(1), PORT, at(2), Ending::Silence);
    desired.want(wish(1, 100));
    assert_eq!(desired.plan(at(100)), Plan::default());
    assert_eq!(states(&desired), [State::Installed]);
}

#[test]
fn a_flow_that_comes_back_while_its_mark_is_being_removed_gets_it_again() {
    let mut desired = with_one_installed();
    desired.release(at(3), &name(1), PORT, at(2), Ending::Silence);
    let removal = desired.plan(at(20));
    desired.begin(at(20), &removal);
    desired.want(wish(1, 100));
    let noted = desired.verdict(at(21), &removal.changes[0], Verdict::Removed);
    assert_eq!(noted, Noted::Vacated);
    assert_eq!(plan(&desired, 21), ["+1"]);
}

#[test]
fn a_flow_that_ends_while_its_mark_is_being_installed_loses_it() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    let installation = desired.plan(at(1));
    desired.begin(at(1), &installation);
    desired.release(at(2), &name(1), PORT, at(1), Ending::Silence);
    assert_eq!(states(&desired), [State::Releasing], "it may be there by now");
    desired.verdict(at(3), &installation.changes[0], installed("\"a\""));
    assert_eq!(plan(&desired, 13), ["-1"]);
}

#[test]
fn two_data_sources_share_a_control() {
    let mut desired = with_one_installed();
    let other = Holder::Source(DataSource::interface(2));
    desired.want(Wish {
        holder: other,
        ..wish(1, 100)
    });
    desired.release(at(3), &name(1), PORT, at(2), Ending::Silence);
    assert_eq!(desired.plan(at(100)), Plan::default());
    desired.release(at(101), &name(1), other, at(100), Ending::Silence);
    assert_eq!(plan(&desired, 101), ["-1"]);
}

#[test]
fn what_comes_again_stays_longer_and_never_comes_thrice_a_minute() {
    let mut desired = with_one_installed();
    desired.release(at(2), &name(1), PORT, at(2), Ending::Silence);
    assert_eq!(carry_out(&mut desired, 11, &installed("")).len(), 1);
    desired.want(wish(1, 100));
    carry_out(&mut desired, 12, &installed("\"a\""));
    desired.release(at(13), &name(1), PORT, at(13), Ending::Silence);
    assert_eq!(
        desired.plan(at(13)).wake,
        Some(at(61)),
        "a minute after it came first"
    );
    carry_out(&mut desired, 61, &installed(""));
    desired.want(wish(1, 100));
    carry_out(&mut desired, 62, &installed("\"a\""));
    desired.release(at(63), &name(1), PORT, at(63), Ending::Silence);
    assert_eq!(
        desired.plan(at(63)).wake,
        Some(at(62 + 40)).max(Some(at(12 + 60))),
        "40 s"
    );
    carry_out(&mut desired, 102, &installed(""));
    // After a quiet minute it is like any other.
    desired.want(wish(1, 100));
    carry_out(&mut desired, 163, &installed("\"a\""));
    desired.release(at(164), &name(1), PORT, at(164), Ending::Silence);
    assert_eq!(desired.plan(at(164)).wake, Some(at(173)));
}
