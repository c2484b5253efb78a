//! What must come out of a simulation.

use clap::Parser;

use super::*;
use crate::config::Profile;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: SimulateArgs,
}

fn output(line: &str) -> String {
    let line = Line::try_parse_from(std::iter::once("simulate").chain(line.split_whitespace())).unwrap();
    let mut out = Vec::new();
    run(&line.args, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A port of 1G, 1:1000, frames of 1500 bytes, without batching, as in the published figures.
fn setup() -> Setup {
    let line = Line::try_parse_from([
        "simulate",
        "--batch",
        "1",
        "--background",
        "0",
        "--retransmits",
        "0",
    ]);
    setups(&line.unwrap().args)[0]
}

fn median(method: Method, share: f64) -> f64 {
    let times = experiment::detection(&setup(), &[method], share, 301);
    statistics::quantile(&times[0], 0.5)
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let line = "--rates 2 --runs 20 --hours 0.1 --mix stress --loss 0.1";
    let first = output(line);
    assert_eq!(first, output(line));
    assert_ne!(first, output(&format!("{line} --seed 2")));
    assert!(first.contains("balanced") && first.contains("(≤"), "{first}");
}

#[test]
fn medians_are_those_that_theory_gives() {
    // The first sample comes after Exp(λ), and the next one after B/rate of it: ln 2 of two together is 1.68/λ.
    for (profile, seconds) in [
        (Profile::Fast, 0.324),
        (Profile::Balanced, 0.72),
        (Profile::Strict, 1.0),
    ] {
        for (share, gap) in [(1.0, 0.12), (10.0, 0.012)] {
            let expected = seconds / share + 1.68 * gap;
            let found = median(Method::Profile(profile), share);
            assert!(
                (found / expected - 1.0).abs() < 0.15,
                "{profile:?} {share}: {found} {expected}"
            );
        }
    }
}

#[test]
fn counts_are_as_fast_as_counts_can_be() {
    for (share, expected) in [(1.0, 1.95), (10.0, 0.116)] {
        let found = median(Method::Count, share);
        assert!((found / expected - 1.0).abs() < 0.15, "{share}: {found}");
    }
}

#[test]
fn steady_mice_are_marked_by_counts_and_not_by_sequence_numbers() {
    use crate::config::Profile::{Average, Balanced, Fast};
    let methods = [Average, Fast, Balanced].map(Method::Profile);
    let marks = experiment::false_marks(&setup(), &methods, Mix::Steady80, 0.5);
    assert!(marks[0].count > 100, "{marks:?}");
    assert_eq!([marks[1].count, marks[2].count], [0, 0]);
}

#[test]
fn losses_are_made_up_for_by_the_pool() {
    let setup = Setup {
        sending: Sending {
            loss: 0.5,
            ..setup().sending
        },
        carrier: Carrier::Udp,
        background: 0.5,
        ..setup()
    };
    let methods = [Method::Profile(Profile::Balanced), Method::NoEffective];
    let times = experiment::detection(&setup, &methods, 2.0, 101);
    let [with, without] = [0, 1].map(|method| statistics::quantile(&times[method], 0.5));
    assert!(with * 1.3 < without, "{with} {without}");
}

#[test]
fn many_elephants_are_found_among_many_flows_and_are_no_false_marks() {
    let setup = Setup {
        threshold: "20M".parse().unwrap(),
        elephants: 24,
        beside: Some(Mix::Stress),
        ..setup()
    };
    let methods = [Method::Profile(Profile::Strict)];
    let times = experiment::detection(&setup, &methods, 1.25, 3);
    assert_eq!(times[0].len(), 3 * 24);
    assert!(times[0].iter().all(|time| time.is_finite()), "{times:?}");
    // So few mice are marked of which any would be, although 24 elephants are, each minute.
    let marks = experiment::false_marks(&setup, &methods, Mix::Crowded, 0.1);
    assert!(marks[0].count < 24, "{marks:?}");
}

#[test]
fn acknowledgements_are_events_of_the_flow() {
    let methods = [Method::Profile(Profile::Balanced), Method::WithAcks];
    let times = experiment::detection(&setup(), &methods, 1.0, 301);
    let [without, with] = [0, 1].map(|method| statistics::quantile(&times[method], 0.99));
    assert!(with < 0.95 * without, "{with} {without}");
}

#[test]
fn the_table_has_what_is_simulated() {
    use crate::detect::Path;
    use expected::{Case, SHARE};
    for (profile, path, held, rate) in [
        (Profile::Balanced, Path::Sequence, true, 1000),
        (Profile::Fast, Path::Sequence, false, 4167),
        (Profile::Strict, Path::Count, false, 1000),
        (Profile::Average, Path::Average, true, 8333),
    ] {
        let case = Case { profile, path, held };
        let setup = Setup {
            sending: Sending {
                rate,
                batch: if held { 7 } else { 1 },
                ..setup().sending
            },
            carrier: match path {
                Path::Count => Carrier::Udp,
                Path::Sequence | Path::Average => setup().carrier,
            },
            retransmits: 0.001,
            ..setup()
        };
        let times = experiment::detection(&setup, &[Method::Profile(profile)], SHARE, 301);
        let per_sample = f64::from(rate * setup.frame);
        let known = case.expected(expected::samples_per_second(setup.threshold, per_sample));
        for (of, known, tolerance) in [(0.5, known.median, 0.12), (0.99, known.p99, 0.35)] {
            let found = statistics::quantile(&times[0], of);
            assert!(
                (found / known - 1.0).abs() < tolerance,
                "{case:?} {of}: {found} {known}"
            );
        }
    }
}

#[test]
fn senseless_options_are_refused() {
    for line in [
        "--threshold 0",
        "--frame 10",
        "--loss 1",
        "--methods fastest",
        "--sampling 0",
        "--rates 0",
    ] {
        let args = Line::try_parse_from(std::iter::once("simulate").chain(line.split_whitespace())).unwrap();
        assert!(run(&args.args, &mut Vec::new()).is_err(), "{line}");
    }
}
