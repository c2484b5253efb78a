//! What is shown of flows that may become elephants.

use super::*;

fn balanced(flows: usize) -> Detector {
    Detector::new(Profile::Balanced, flows, 64, FlowHasher::with_seed([1, 2]))
}

fn shares(detector: &Detector) -> Vec<f32> {
    detector.candidates().map(|candidate| candidate.share).collect()
}

#[test]
fn a_flow_is_shown_with_growing_evidence_until_it_is_an_elephant() {
    // At 20 % of a gigabit, 60 ms lie between two samples.
    let (mut detector, mut last, mut shown) = (balanced(1 << 10), 0.0, 0);
    for n in 0..100 {
        let outcome = detector.observe(at(1.0 + f64::from(n) * 0.06), &seen(1), &mut take);
        if outcome == Outcome::Fired {
            assert!(shown >= 5, "{shown}");
            assert!(last > 0.6 && shares(&detector).is_empty(), "{last}");
            return;
        }
        if let [share] = shares(&detector)[..] {
            assert!(
                (EIGHTH..=1.0).contains(&share) && share > last,
                "{share} after {last}"
            );
            (last, shown) = (share, shown + 1);
        }
    }
    panic!("it was not found");
}

#[test]
fn mice_are_not_shown() {
    let mut detector = balanced(1 << 16);
    for n in 0..10_000 {
        detector.observe(at(1.0), &seen(n), &mut take);
    }
    // One in a hundred of the threshold: a sample in twelve seconds.
    for (n, second) in (0..1000).flat_map(|n| [(n, 14.0), (n, 26.0)]) {
        detector.observe(at(second), &seen(n), &mut take);
    }
    assert_eq!(shares(&detector), [] as [f32; 0]);
}

#[test]
fn what_falls_behind_is_not_noted_any_more() {
    let mut detector = balanced(1 << 10);
    for n in 0..5 {
        detector.observe(at(1.0 + f64::from(n) * 0.06), &seen(1), &mut take);
    }
    let noted = detector.candidates().next().unwrap().at;
    for n in 1..10 {
        detector.observe(at(2.0 + f64::from(n) * 5.0), &seen(1), &mut take);
    }
    assert_eq!(detector.candidates().next().unwrap().at, noted);
    assert_eq!(noted, at(1.24));
}

#[test]
fn a_flood_of_candidates_takes_no_more_room_and_the_large_ones_stay() {
    let mut detector = balanced(1 << 14);
    for n in 0..4 {
        let heavy = Observation {
            weight: 100 * W,
            threshold: Some("10G".parse().unwrap()),
            ..seen(0)
        };
        detector.observe(at(1.0 + f64::from(n) * 0.05), &heavy, &mut take);
    }
    for n in 0..3 {
        for flow in 1..12_000 {
            detector.observe(at(1.2 + f64::from(n) * 0.01), &seen(flow), &mut take);
        }
    }
    let all = shares(&detector).len();
    assert!((500..=1024).contains(&all), "{all}");
    let largest = detector
        .candidates()
        .max_by(|a, b| a.rate.total_cmp(&b.rate))
        .unwrap();
    assert_eq!(largest.key, key(0));
}
