use super::*;
use crate::actuator::Verdict;
use std::sync::Arc;

use crate::actuator::{Action, Control, Failure, Mark};
use crate::config::{Cos, Dscp, Mode};
use crate::detect::{Clock, Evidence, Path};
use crate::flow::FiveTuple;
use crate::packet::IpProtocol;
use crate::sflow::DataSource;
use shared::units::BitRate;
use shared::wire::ServerTiming;

pub(in crate::control) fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

pub(in crate::control) fn name(n: u16) -> AclName {
    format!("fm_mark_{n}").parse().unwrap()
}

pub(in crate::control) const PORT: Holder = Holder::Source(DataSource::interface(1));

pub(in crate::control) fn wish(n: u16, mbps: u64) -> Wish {
    let rate = BitRate::from_bits_per_second(mbps * 1_000_000);
    Wish {
        control: Arc::new(Control {
            name: name(n),
            interface: "swp+".to_owned(),
            action: Action::Mark {
                flow: FiveTuple {
                    source: "10.0.0.1".parse().unwrap(),
                    destination: "10.0.0.2".parse().unwrap(),
                    protocol: IpProtocol::TCP,
                    source_port: n,
                    destination_port: 80,
                },
                mark: Mark {
                    dscp: Some(Dscp::ELEPHANT),
                    cos: Some(Cos::ELEPHANT),
                },
            },
        }),
        holder: PORT,
        cause: Arc::new(Cause {
            agent: "10.0.0.233".parse().unwrap(),
            port: 1,
            port_name: None,
            detected: at(0),
            evidence: Evidence {
                path: Path::Average,
                clock: Clock::Arrival,
                bytes: 1,
                span: Duration::ZERO,
                samples: 1,
                first_sample: at(0),
                rate,
                threshold: rate,
                confidence: 0.5,
            },
            about: None,
        }),
    }
}

pub(super) fn limits() -> Limits {
    Limits {
        hold: Duration::from_secs(10),
        max_rules: 3,
    }
}

pub(in crate::control) fn act() -> Modes {
    Modes::default().with(Kind::Mark, Mode::Act)
}

fn installed(etag: &str) -> Verdict {
    Verdict::Installed {
        etag: Some(etag.to_owned()),
        timing: ServerTiming::default(),
    }
}

fn present(n: u16, etag: &str) -> Present {
    Present {
        name: name(n),
        etag: etag.to_owned(),
        entries: 1,
    }
}

fn failed() -> Verdict {
    Verdict::Failed(Failure {
        why: "connection refused".to_owned(),
        retry_after: None,
    })
}

/// What the plan says, in short: `+1` installs control 1, `-1` removes it.
fn plan(desired: &Desired, seconds: u64) -> Vec<String> {
    desired
        .plan(at(seconds))
        .changes
        .iter()
        .map(|change| {
            let number = change.name.as_str().trim_start_matches("fm_mark_");
            match change.is_install() {
                true => format!("+{number}"),
                false => format!("-{number}"),
            }
        })
        .collect()
}

/// Carries the plan out with one verdict for everything.
fn carry_out(desired: &mut Desired, seconds: u64, verdict: &Verdict) -> Vec<Noted> {
    let plan = desired.plan(at(seconds));
    desired.begin(at(seconds), &plan);
    plan.changes
        .iter()
        .map(|change| {
            let verdict = match (change.is_install(), verdict) {
                (false, Verdict::Installed { .. }) => Verdict::Removed,
                _ => verdict.clone(),
            };
            desired.verdict(at(seconds), change, verdict)
        })
        .collect()
}

fn states(desired: &Desired) -> Vec<State> {
    desired.views().map(|view| view.state).collect()
}

fn with_one_installed() -> Desired {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    carry_out(&mut desired, 1, &installed("\"a\""));
    assert_eq!(states(&desired), [State::Installed]);
    desired
}

#[test]
fn a_mark_comes_stays_for_its_hold_and_goes() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    assert_eq!(plan(&desired, 1), ["+1"]);
    let noted = carry_out(&mut desired, 1, &installed("\"a\""));
    assert!(matches!(&noted[..], [Noted::Installed(view)] if view.times.installed == Some(at(1))));
    assert_eq!(desired.plan(at(2)), Plan::default());

    desired.release(at(3), &name(1), PORT, at(2));
    assert_eq!(states(&desired), [State::Releasing]);
    assert_eq!(desired.plan(at(3)).wake, Some(at(11)), "held for 10 s");
    assert_eq!(plan(&desired, 11), ["-1"]);
    carry_out(&mut desired, 11, &installed(""));
    let finished = desired.take_finished();
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
    desired.release(at(3), &name(1), PORT, at(2));
    desired.want(wish(1, 100));
    assert_eq!(desired.plan(at(100)), Plan::default());
    assert_eq!(states(&desired), [State::Installed]);
}

#[test]
fn a_flow_that_comes_back_while_its_mark_is_being_removed_gets_it_again() {
    let mut desired = with_one_installed();
    desired.release(at(3), &name(1), PORT, at(2));
    let removal = desired.plan(at(20));
    desired.begin(at(20), &removal);
    desired.want(wish(1, 100));
    let noted = desired.verdict(at(21), &removal.changes[0], Verdict::Removed);
    assert_eq!(noted, Noted::Vacated);
    assert_eq!(plan(&desired, 21), ["+1"]);
}

#[test]
fn a_removal_that_is_refused_does_not_concern_a_flow_that_came_back() {
    let refusal = Verdict::Refused {
        why: "busy".to_owned(),
    };
    // It comes back before the refusal, or after it.
    for before in [true, false] {
        let mut desired = with_one_installed();
        desired.release(at(3), &name(1), PORT, at(2));
        let removal = desired.plan(at(20));
        desired.begin(at(20), &removal);
        if before {
            desired.want(wish(1, 100));
        }
        let noted = desired.verdict(at(21), &removal.changes[0], refusal.clone());
        assert_eq!(matches!(noted, Noted::Refused(Some(_))), !before);
        desired.want(wish(1, 100));
        let view = desired.views().next().unwrap();
        assert_eq!((view.state, view.error), (State::Installed, None));
        assert_eq!(desired.plan(at(21)), Plan::default());
        // The switch loses it: nothing keeps it from being installed again.
        desired.snapshot(at(22), vec![]);
        assert_eq!(plan(&desired, 22), ["+1"]);
    }
}

#[test]
fn one_too_many_whose_removal_is_refused_is_not_written_either() {
    let mut desired = Desired::new(limits(), act());
    for n in 1..=4 {
        desired.snapshot(at(0), (1..=n).map(|n| present(n, "\"x\"")).collect());
        desired.want(wish(n, 100 + u64::from(n)));
    }
    // All four are there from a life with a larger budget; the smallest gives way.
    let first = desired.plan(at(1));
    assert_eq!(plan(&desired, 1), ["-1", "+2", "+3", "+4"]);
    desired.begin(at(1), &first);
    for change in &first.changes {
        let verdict = match change.is_install() {
            true => installed("\"a\""),
            false => Verdict::Refused {
                why: "busy".to_owned(),
            },
        };
        desired.verdict(at(1), change, verdict);
    }
    let later = desired.plan(at(2));
    assert_eq!((later.changes, later.wake), (vec![], Some(at(61))));
    assert_eq!(plan(&desired, 61), ["-1"]);
}

#[test]
fn an_installation_that_is_refused_does_not_delay_a_removal() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    carry_out(&mut desired, 1, &failed());
    let installation = desired.plan(at(2));
    desired.begin(at(2), &installation);
    desired.release(at(3), &name(1), PORT, at(2));
    let refusal = Verdict::Refused {
        why: "422".to_owned(),
    };
    desired.verdict(at(4), &installation.changes[0], refusal);
    let later = desired.plan(at(4));
    assert_eq!(
        (later.changes, later.wake),
        (vec![], Some(at(11))),
        "it may be there since the first try"
    );
    assert_eq!(plan(&desired, 11), ["-1"]);
}

#[test]
fn a_flow_that_ends_while_its_mark_is_being_installed_loses_it() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    let installation = desired.plan(at(1));
    desired.begin(at(1), &installation);
    desired.release(at(2), &name(1), PORT, at(1));
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
    desired.release(at(3), &name(1), PORT, at(2));
    assert_eq!(desired.plan(at(100)), Plan::default());
    desired.release(at(101), &name(1), other, at(100));
    assert_eq!(plan(&desired, 101), ["-1"]);
}

#[test]
fn the_largest_get_the_places_and_a_much_larger_one_takes_the_smallests() {
    let mut desired = Desired::new(limits(), act());
    for (n, mbps) in [(1, 100), (2, 400), (3, 200), (4, 300)] {
        desired.want(wish(n, mbps));
    }
    assert_eq!(plan(&desired, 1), ["+2", "+4", "+3"]);
    assert_eq!(states(&desired)[0], State::OverBudget);
    carry_out(&mut desired, 1, &installed("\"a\""));
    desired.want(wish(5, 249));
    assert_eq!(desired.plan(at(20)), Plan::default(), "not larger by a quarter");
    desired.want(wish(6, 900));
    let held = desired.plan(at(2));
    assert_eq!((held.changes, held.wake), (vec![], Some(at(11))), "held for 10 s");
    assert_eq!(plan(&desired, 11), ["-3"]);
    carry_out(&mut desired, 11, &installed(""));
    assert_eq!(
        plan(&desired, 11),
        ["+6"],
        "the place is free when the switch says so, not before"
    );
    carry_out(&mut desired, 11, &installed("\"a\""));
    let over = [State::OverBudget, State::Installed, State::OverBudget];
    let rest = [State::Installed, State::OverBudget, State::Installed];
    assert_eq!(states(&desired), [over, rest].concat());
    // A place that becomes free anyway is enough.
    desired.release(at(12), &name(2), PORT, at(12));
    desired.want(wish(7, 2000));
    assert_eq!(plan(&desired, 30), ["-2"]);
}

#[test]
fn what_comes_again_stays_longer_and_never_comes_thrice_a_minute() {
    let mut desired = with_one_installed();
    desired.release(at(2), &name(1), PORT, at(2));
    assert_eq!(carry_out(&mut desired, 11, &installed("")).len(), 1);
    desired.want(wish(1, 100));
    carry_out(&mut desired, 12, &installed("\"a\""));
    desired.release(at(13), &name(1), PORT, at(13));
    assert_eq!(
        desired.plan(at(13)).wake,
        Some(at(61)),
        "a minute after it came first"
    );
    carry_out(&mut desired, 61, &installed(""));
    desired.want(wish(1, 100));
    carry_out(&mut desired, 62, &installed("\"a\""));
    desired.release(at(63), &name(1), PORT, at(63));
    assert_eq!(
        desired.plan(at(63)).wake,
        Some(at(62 + 40)).max(Some(at(12 + 60))),
        "40 s"
    );
    carry_out(&mut desired, 102, &installed(""));
    // After a quiet minute it is like any other.
    desired.want(wish(1, 100));
    carry_out(&mut desired, 163, &installed("\"a\""));
    desired.release(at(164), &name(1), PORT, at(164));
    assert_eq!(desired.plan(at(164)).wake, Some(at(173)));
}

#[test]
fn what_does_not_fit_waits_for_the_smallest_to_go() {
    let no_room = Verdict::NoRoom {
        why: "507 no room".to_owned(),
    };
    let mut desired = with_one_installed();
    desired.want(wish(2, 50));
    let noted = carry_out(&mut desired, 2, &no_room);
    assert!(matches!(&noted[..], [Noted::NoRoom(Some(view))] if view.state == State::OverBudget));
    let view = desired.views().nth(1).unwrap();
    assert_eq!(
        (view.state, view.error.as_deref()),
        (State::OverBudget, Some("507 no room"))
    );
    // A small one waits, and does not ask again at once; a large one gets the place.
    assert_eq!(plan(&desired, 20), [] as [&str; 0]);
    desired.want(wish(3, 500));
    assert_eq!(plan(&desired, 20), ["-1"]);
    carry_out(&mut desired, 20, &installed(""));
    assert_eq!(plan(&desired, 20), ["+3"]);
    carry_out(&mut desired, 20, &installed("\"a\""));
    // As soon as the switch says that there is more, the others come.
    desired.set_capacity(Some(Capacity { used: 11, limit: 16 }));
    assert_eq!(plan(&desired, 21), ["+1", "+2"]);
}

#[test]
fn ours_take_at_most_what_others_leave_of_four_fifths() {
    let mut desired = Desired::new(limits(), act());
    desired.snapshot(at(1), vec![]);
    desired.set_capacity(Some(Capacity { used: 6, limit: 10 }));
    for n in 1..=3 {
        desired.want(wish(n, 100 * u64::from(n)));
    }
    assert_eq!(plan(&desired, 1), ["+3", "+2"]);
    carry_out(&mut desired, 1, &installed("\"a\""));
    assert_eq!(states(&desired)[0], State::OverBudget);
    // Somebody else takes one more: the smallest of ours goes, held or not.
    desired.set_capacity(Some(Capacity { used: 9, limit: 10 }));
    assert_eq!(plan(&desired, 2), ["-2"]);
    // Nobody knows any more: the budget alone counts.
    desired.set_capacity(None);
    assert_eq!(plan(&desired, 2), ["+1"]);
}

#[test]
fn what_matters_more_comes_first_however_small() {
    let kind = |n, action| {
        let mut wish = wish(n, 0);
        let control = Control {
            action,
            ..(*wish.control).clone()
        };
        wish.control = Arc::new(control);
        wish
    };
    let four = "10.0.0.1".parse().unwrap();
    let capture = Action::Capture(crate::actuator::Capture {
        local: four,
        remote: four,
        source: four,
        analyzer: four,
    });
    let drop = Action::Drop(crate::actuator::Drop {
        destination: four.into(),
        source: None,
        protocol: IpProtocol::UDP,
        source_port: Some(53),
        destination_port: None,
    });
    let mut modes = act().with(Kind::Capture, Mode::Act);
    let mut desired = Desired::new(limits(), modes);
    for n in 1..=3 {
        desired.want(wish(n, 100 * u64::from(n)));
    }
    carry_out(&mut desired, 1, &installed("\"a\""));
    desired.want(kind(4, capture));
    desired.want(kind(5, drop));
    assert_eq!(states(&desired)[4], State::Observed, "drops do not act");
    assert_eq!(plan(&desired, 12), ["-1", "-2"], "a capture takes two entries");
    carry_out(&mut desired, 12, &installed(""));
    modes = modes.with(Kind::Drop, Mode::Act);
    desired.set_modes(at(13), modes);
    assert_eq!(plan(&desired, 13), ["+5", "+4"]);
}

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
fn the_work_of_a_hand_is_replaced_once_it_is_known() {
    let mut desired = with_one_installed();
    desired.snapshot(at(5), vec![present(1, "\"b\"")]);
    let hand = Hand::Changed("\"b\"".to_owned());
    assert_eq!(
        carry_out(&mut desired, 5, &Verdict::ByHand(hand.clone())),
        [Noted::ByHand]
    );
    let change = &desired.plan(at(6)).changes[0];
    assert_eq!((change.is_install(), &change.hand), (true, &Some(hand)));
    carry_out(&mut desired, 6, &installed("\"a\""));
    assert_eq!(states(&desired), [State::Installed]);
    // The same for what nobody wants.
    desired.snapshot(at(7), vec![present(1, "\"a\""), present(9, "\"x\"")]);
    assert_eq!(plan(&desired, 60), ["-9"]);
    assert_eq!(
        carry_out(&mut desired, 60, &Verdict::ByHand(Hand::Removed)),
        [Noted::ByHand]
    );
    assert_eq!(desired.plan(at(60)).changes[0].hand, Some(Hand::Removed));
}

#[test]
fn a_set_contradicts_only_what_was_believed_all_the_time() {
    use shared::wire::set_etag;
    let mut desired = with_one_installed();
    assert_eq!(desired.belief(), None, "the switch was never asked");
    desired.snapshot(at(1), vec![present(1, "\"a\""), present(9, "\"x\"")]);
    let set = [(1, "\"a\""), (9, "\"x\"")].map(|(n, etag)| (name(n), etag.to_owned()));
    let right = set_etag(set.iter().map(|(name, etag)| (name, etag.clone())));
    let belief = desired.belief();
    assert!(belief.is_some() && !desired.contradicts(belief.as_ref(), &right));
    assert!(desired.contradicts(belief.as_ref(), "\"other\""));
    desired.want(wish(2, 100));
    assert_eq!(desired.belief(), belief, "to be installed is not yet there");
    let installation = desired.plan(at(2));
    desired.begin(at(2), &installation);
    assert_eq!(desired.belief(), None);
    assert!(
        !desired.contradicts(belief.as_ref(), "\"other\""),
        "it may be there by now"
    );
    desired.verdict(at(2), &installation.changes[0], installed("\"b\""));
    assert_ne!(desired.belief(), belief);
}

#[test]
fn a_refusal_is_shown_and_tried_again_after_a_minute() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    let refusal = Verdict::Refused {
        why: "422 refused: line 3".to_owned(),
    };
    let noted = carry_out(&mut desired, 1, &refusal);
    assert!(
        matches!(&noted[..], [Noted::Refused(Some(view))] if view.error.as_deref() == Some("422 refused: line 3"))
    );
    assert_eq!(states(&desired), [State::Refused]);
    let later = desired.plan(at(2));
    assert_eq!((later.changes, later.wake), (vec![], Some(at(61))));
    assert_eq!(
        carry_out(&mut desired, 61, &refusal),
        [Noted::Refused(None)],
        "said once"
    );
    // It takes no place, and when its flow ends there is nothing to remove.
    desired.release(at(62), &name(1), PORT, at(61));
    assert!(desired.is_clean());
    assert_eq!(desired.take_finished().len(), 1);
}

#[test]
fn a_lost_reply_is_made_sure_of() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    assert_eq!(carry_out(&mut desired, 1, &failed()), [Noted::Failed]);
    assert_eq!(states(&desired), [State::Failed]);
    // It was carried out after all; with what content, nobody knows.
    desired.snapshot(at(2), vec![present(1, "\"a\"")]);
    assert_eq!(plan(&desired, 2), ["+1"]);
    carry_out(&mut desired, 2, &installed("\"a\""));
    desired.snapshot(at(3), vec![present(1, "\"a\"")]);
    assert_eq!(desired.plan(at(3)), Plan::default());
}

#[test]
fn a_switch_that_lost_or_changed_the_mark_gets_it_again() {
    let mut desired = with_one_installed();
    desired.snapshot(at(5), vec![]);
    assert_eq!(plan(&desired, 5), ["+1"]);
    carry_out(&mut desired, 5, &installed("\"a\""));
    desired.snapshot(at(10), vec![present(1, "\"changed by hand\"")]);
    assert_eq!(plan(&desired, 10), ["+1"]);
    assert_eq!(
        carry_out(&mut desired, 10, &installed("\"a\"")),
        [Noted::Confirmed]
    );
}

#[test]
fn a_server_without_etags_is_believed_until_it_shows_one() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    carry_out(
        &mut desired,
        1,
        &Verdict::Installed {
            etag: None,
            timing: ServerTiming::default(),
        },
    );
    desired.snapshot(at(5), vec![present(1, "\"a\"")]);
    assert_eq!(desired.plan(at(5)), Plan::default());
    desired.snapshot(at(10), vec![present(1, "\"b\"")]);
    assert_eq!(plan(&desired, 10), ["+1"]);
}

#[test]
fn what_we_left_behind_has_time_to_be_wanted_again() {
    let mut desired = Desired::new(limits(), act());
    desired.snapshot(at(1), vec![present(1, "\"a\""), present(2, "\"b\"")]);
    assert_eq!(desired.orphans(), 2);
    assert_eq!(desired.plan(at(1)).wake, Some(at(46)));
    desired.want(wish(1, 100));
    assert_eq!(plan(&desired, 2), ["+1"], "a PUT that changes nothing makes sure");
    carry_out(&mut desired, 2, &installed("\"a\""));
    desired.snapshot(at(6), vec![present(1, "\"a\""), present(2, "\"b\"")]);
    assert_eq!(
        plan(&desired, 46),
        ["-2"],
        "the grace is counted from the first sight"
    );
    assert_eq!(
        carry_out(&mut desired, 46, &installed("")),
        [Noted::OrphanRemoved]
    );
    assert_eq!(desired.orphans(), 0);
}

#[test]
fn what_we_left_behind_is_there_until_counters_have_told_the_speeds() {
    let mut desired = Desired::new(limits(), act());
    desired.snapshot(at(0), vec![present(1, "\"a\"")]);
    // Counters every 30 s, and 6.5 s to detect a flow just at the threshold.
    for second in 0..=37 {
        assert_eq!(plan(&desired, second), [] as [&str; 0], "at {second} s");
    }
    desired.want(wish(1, 100));
    assert_eq!(plan(&desired, 37), ["+1"]);
}

#[test]
fn a_plan_is_one_batch_and_the_rest_follows() {
    let many = Limits {
        max_rules: 1000,
        ..limits()
    };
    let mut desired = Desired::new(many, act());
    for n in 0..300 {
        desired.want(wish(n, u64::from(n)));
    }
    let sizes = [1, 2, 3, 4].map(|second| carry_out(&mut desired, second, &installed("\"a\"")).len());
    assert_eq!(sizes, [128, 128, 44, 0]);
    assert!(states(&desired).iter().all(|state| *state == State::Installed));
}

#[test]
fn what_is_counted_is_what_is_seen() {
    let mut desired = Desired::new(limits(), act());
    for (n, mbps) in [(1, 100), (2, 400), (3, 200), (4, 300), (5, 50)] {
        desired.want(wish(n, mbps));
    }
    desired.snapshot(at(1), vec![present(8, "\"a\"")]);
    let count = |desired: &Desired, state| states(desired).iter().filter(|s| **s == state).count();
    for second in 1..=3 {
        let tally = desired.tally();
        for (state, number) in [
            (State::Wanted, tally.wanted),
            (State::Installed, tally.installed),
            (State::Refused, tally.refused),
            (State::Releasing, tally.releasing),
            (State::OverBudget, tally.over_budget),
        ] {
            assert_eq!(number, count(&desired, state), "{state:?} at {second} s");
        }
        assert_eq!(tally.desired() + tally.releasing, states(&desired).len());
        assert_eq!(tally.orphans, 1);
        match second {
            1 => drop(carry_out(&mut desired, second, &installed("\"a\""))),
            _ => desired.release(at(second), &name(2), PORT, at(1)),
        }
    }
}

#[test]
fn orphans_take_places_too() {
    let mut desired = Desired::new(limits(), act());
    desired.snapshot(
        at(1),
        vec![present(7, "\"a\""), present(8, "\"a\""), present(9, "\"a\"")],
    );
    desired.want(wish(1, 100));
    assert_eq!(plan(&desired, 1), [] as [&str; 0]);
    assert_eq!(states(&desired), [State::OverBudget]);
}

#[test]
fn observing_plans_nothing_and_ends_at_once() {
    let mut desired = Desired::new(limits(), Modes::default());
    desired.want(wish(1, 100));
    assert_eq!(desired.plan(at(1)), Plan::default());
    assert_eq!(states(&desired), [State::Observed]);
    desired.release(at(2), &name(1), PORT, at(1));
    let finished = desired.take_finished();
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
    desired.release(at(2), &name(2), Holder::Person, at(2));
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
    assert!(desired.dismiss(at(1), &name(1)));
    assert!(!desired.dismiss(at(1), &name(1)) && !desired.dismiss(at(1), &name(7)));
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
