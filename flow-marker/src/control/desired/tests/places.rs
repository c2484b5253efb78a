//! Who gets the places there are.

use super::*;

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
    desired.release(at(12), &name(2), PORT, at(12), Ending::Silence);
    desired.want(wish(7, 2000));
    assert_eq!(plan(&desired, 30), ["-2"]);
}

#[test]
fn what_does_not_fit_waits_for_the_smallest_to_go() {
    let no_room = Verdict::NoRoom {
        why: "507 no room".to_owned(),
    };
    let mut desired = with_one_installed();
    desired.want(wish(2, 50));
    let noted = carry_out(&mut desired, 2, &no_room);
    assert_eq!(noted, [Noted::NoRoom]);
    assert_eq!(decided(&mut desired).last(), Some(&"no_room"));
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
        opening: false,
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
            _ => desired.release(at(second), &name(2), PORT, at(1), Ending::Silence),
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

/// The current rate of control `n`, in Mbit/s.
fn current(mbps: u64, seconds: u64) -> Current {
    Current {
        rate: BitRate::from_bits_per_second(mbps * 1_000_000),
        last_sample: at(seconds),
    }
}

/// Controls that are on the switch.
fn there(desired: &Desired) -> Vec<u16> {
    let on = desired.views().filter(|view| view.state == State::Installed);
    let number = |view: View| view.control.name.as_str()["fm_mark_".len()..].parse().unwrap();
    let mut there: Vec<u16> = on.map(number).collect();
    there.sort_unstable();
    there
}

/// Makes up the difference once a second; how often each control came.
fn seconds(desired: &mut Desired, range: std::ops::Range<u64>, came: &mut Vec<(u64, AclName)>) {
    for second in range {
        let plan = desired.plan(at(second));
        came.extend(
            plan.changes
                .iter()
                .filter(|change| change.is_install())
                .map(|change| (second, change.name.clone())),
        );
        carry_out(desired, second, &installed("\"a\""));
        for (at, name) in came.iter() {
            let minute = |(other, n): &&(u64, AclName)| n == name && (*at..*at + 60).contains(other);
            assert!(came.iter().filter(minute).count() <= 2, "{name} at {at} s");
        }
    }
}

#[test]
fn the_largest_have_the_places_although_they_were_misjudged_when_they_were_found() {
    let budget = Limits {
        max_rules: 50,
        ..limits()
    };
    let mut desired = Desired::new(budget, act());
    // A flow is a quarter larger than its predecessor at least, and was found with any rate at all.
    let size = |n: u16| (0..n).fold(1_u64, |size, _| size * 127 / 100 + 1);
    for n in 1..=120 {
        desired.want(wish(n, 100 + u64::from(n) * 7919 % 1000));
    }
    let mut came = Vec::new();
    seconds(&mut desired, 1..2, &mut came);
    let largest: Vec<u16> = (71..=120).collect();
    assert_eq!(there(&desired).len(), 50);
    assert_ne!(there(&desired), largest);
    for n in 1..=120 {
        desired.progress(&name(n), current(size(n), 2));
    }
    seconds(&mut desired, 2..40, &mut came);
    assert_eq!(there(&desired), largest);
    // Nothing that has gone is wanted back, and a little more or less changes nothing.
    let settled = came.len();
    for second in 40..400 {
        for n in 1..=120_u16 {
            let wave = 100 + (second + u64::from(n)) % 10;
            desired.progress(&name(n), current(size(n) * wave / 100, second));
        }
        seconds(&mut desired, second..second + 1, &mut came);
    }
    assert_eq!((there(&desired), came.len()), (largest, settled));
}

#[test]
fn a_flow_that_its_mark_slows_down_does_not_make_marks_flap() {
    let one = Limits {
        max_rules: 1,
        ..limits()
    };
    let mut desired = Desired::new(one, act());
    desired.want(wish(1, 100));
    desired.want(wish(2, 100));
    let mut came = Vec::new();
    // Whoever is marked has a fifth of what the other one has.
    for second in 1..1200 {
        let marked = there(&desired).first().copied();
        for n in 1..=2 {
            let mbps = if marked == Some(n) { 40 } else { 200 };
            desired.progress(&name(n), current(mbps, second));
        }
        seconds(&mut desired, second..second + 1, &mut came);
    }
    assert!(came.len() <= 2 * 20 + 2, "{}", came.len());
}

#[test]
fn what_was_told_of_a_flow_lately_is_seen() {
    let mut desired = with_one_installed();
    assert_eq!(desired.views().next().unwrap().current, None);
    desired.progress(&name(1), current(70, 3));
    desired.progress(&name(9), current(70, 3));
    let view = desired.views().next().unwrap();
    assert_eq!(view.current, Some(current(70, 3)));
    assert_eq!(
        view.cause.evidence.rate,
        "100M".parse().unwrap(),
        "the cause stays"
    );
}
