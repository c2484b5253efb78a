use super::*;
use crate::actuator::{Control, Failure, Mark};
use crate::config::{Cos, Dscp};
use crate::detect::Evidence;
use crate::flow::FiveTuple;
use crate::packet::IpProtocol;
use shared::units::BitRate;
use shared::wire::ServerTiming;

pub(super) fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

pub(super) fn name(n: u16) -> AclName {
    format!("fm_mark_{n}").parse().unwrap()
}

pub(super) const PORT: DataSource = DataSource::interface(1);

pub(in crate::control) fn wish(n: u16, mbps: u64) -> Wish {
    let rate = BitRate::from_bits_per_second(mbps * 1_000_000);
    Wish {
        control: Arc::new(Control {
            name: name(n),
            flow: FiveTuple {
                source: "10.0.0.1".parse().unwrap(),
                destination: "10.0.0.2".parse().unwrap(),
                protocol: IpProtocol::TCP,
                source_port: n,
                destination_port: 80,
            },
            interface: "swp+".to_owned(),
            mark: Mark {
                dscp: Some(Dscp::ELEPHANT),
                cos: Some(Cos::ELEPHANT),
            },
        }),
        source: PORT,
        cause: Arc::new(Cause {
            agent: "10.0.0.233".parse().unwrap(),
            port: 1,
            port_name: None,
            detected: at(0),
            evidence: Evidence {
                bytes: 1,
                samples: 1,
                first_sample: at(0),
                rate,
                threshold: rate,
            },
        }),
    }
}

pub(super) fn limits() -> Limits {
    Limits {
        mode: Mode::Act,
        hold: Duration::from_secs(10),
        max_rules: 3,
    }
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
            let number = change.name().as_str().trim_start_matches("fm_mark_");
            match change {
                Change::Install(_) => format!("+{number}"),
                Change::Remove(_) => format!("-{number}"),
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
            let verdict = match (change, verdict) {
                (Change::Remove(_), Verdict::Installed { .. }) => Verdict::Removed,
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
    let mut desired = Desired::new(limits());
    desired.want(wish(1, 100));
    carry_out(&mut desired, 1, &installed("\"a\""));
    assert_eq!(states(&desired), [State::Installed]);
    desired
}

#[test]
fn a_mark_comes_stays_for_its_hold_and_goes() {
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(limits());
    desired.want(wish(1, 100));
    carry_out(&mut desired, 1, &failed());
    let installation = desired.plan(at(2));
    desired.begin(at(2), &installation);
    desired.release(at(3), &name(1), PORT, at(2));
    let refusal = Verdict::Refused {
        why: "422".to_owned(),
    };
    desired.verdict(at(4), &installation.changes[0], refusal);
    assert_eq!(plan(&desired, 4), ["-1"], "it may be there since the first try");
}

#[test]
fn a_flow_that_ends_while_its_mark_is_being_installed_loses_it() {
    let mut desired = Desired::new(limits());
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
    let other = DataSource::interface(2);
    desired.want(Wish {
        source: other,
        ..wish(1, 100)
    });
    desired.release(at(3), &name(1), PORT, at(2));
    assert_eq!(desired.plan(at(100)), Plan::default());
    desired.release(at(101), &name(1), other, at(100));
    assert_eq!(plan(&desired, 101), ["-1"]);
}

#[test]
fn the_largest_get_the_places_and_nobody_loses_one() {
    let mut desired = Desired::new(limits());
    for (n, mbps) in [(1, 100), (2, 400), (3, 200), (4, 300)] {
        desired.want(wish(n, mbps));
    }
    assert_eq!(plan(&desired, 1), ["+2", "+4", "+3"]);
    assert_eq!(states(&desired)[0], State::OverBudget);
    carry_out(&mut desired, 1, &installed("\"a\""));
    desired.want(wish(5, 900));
    assert_eq!(desired.plan(at(2)).changes, []);
    assert_eq!(
        states(&desired),
        [
            State::OverBudget,
            State::Installed,
            State::Installed,
            State::Installed,
            State::OverBudget
        ]
    );
    // The place is free when the switch says so, not before.
    desired.release(at(3), &name(3), PORT, at(2));
    assert_eq!(plan(&desired, 20), ["-3"]);
    carry_out(&mut desired, 20, &installed(""));
    assert_eq!(plan(&desired, 20), ["+5"]);
}

#[test]
fn a_refusal_is_shown_and_tried_again_after_a_minute() {
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(Limits {
        max_rules: 1000,
        ..limits()
    });
    for n in 0..300 {
        desired.want(wish(n, u64::from(n)));
    }
    let sizes = [1, 2, 3, 4].map(|second| carry_out(&mut desired, second, &installed("\"a\"")).len());
    assert_eq!(sizes, [128, 128, 44, 0]);
    assert!(states(&desired).iter().all(|state| *state == State::Installed));
}

#[test]
fn what_is_counted_is_what_is_seen() {
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(limits());
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
    let mut desired = Desired::new(Limits {
        mode: Mode::Observe,
        ..limits()
    });
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
