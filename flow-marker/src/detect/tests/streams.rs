//! Flows whose sequence numbers and clocks are sampled.

use proptest::prelude::*;

use super::*;
use crate::detect::number::rounded;
use crate::packet::TcpFlags;

/// A TCP flow that is sampled at even distances.
struct Stream {
    /// Frame bytes per second.
    rate: f64,
    /// Seconds of one tick of its sender.
    tick: f64,
    sequence: u32,
    timestamp: u32,
    threshold: &'static str,
    weight: u64,
}

const USUAL: Stream = Stream {
    rate: 25e6,
    tick: 1e-3,
    // Wraps after the first samples.
    sequence: u32::MAX - 2_000_000,
    timestamp: u32::MAX - 100,
    threshold: "100M",
    weight: W,
};

impl Stream {
    fn seen(&self, seconds: f64) -> Observation {
        let low = |number: f64| u32::try_from(rounded(number) & u64::from(u32::MAX)).unwrap();
        // 1500-byte frames carry 1430 bytes.
        let position = seconds * self.rate * 1430.0 / 1500.0;
        Observation {
            weight: self.weight,
            threshold: Some(self.threshold.parse().unwrap()),
            segment: Some(Segment {
                sequence: self.sequence.wrapping_add(low(position)),
                flags: TcpFlags::ACK,
                timestamp: Some(self.timestamp.wrapping_add(low(seconds / self.tick))),
                payload: Some(1430),
            }),
            ..seen(1)
        }
    }
}

/// Seconds until detection and its evidence, when samples come so far apart and arrive when `arrival` says.
fn found(
    profile: Profile,
    stream: &Stream,
    apart: f64,
    arrival: impl Fn(f64) -> f64,
) -> Option<(f64, Evidence)> {
    let mut detector = Detector::new(profile, 1 << 10, 64, FlowHasher::with_seed([1, 2]));
    (0..100_u32).find_map(|n| {
        let sent = f64::from(n) * apart;
        let mut evidence = None;
        let now = at(1.0 + arrival(sent));
        detector.observe(now, &stream.seen(sent), &mut |event| {
            if let Event::Started(elephant) = event {
                evidence = Some(elephant.evidence);
            }
            true
        });
        evidence.map(|evidence| (sent, evidence))
    })
}

#[test]
fn a_flow_is_found_when_its_numbers_have_gone_far_enough() {
    for (profile, seconds, samples) in [
        (Profile::Fast, 0.18, 4),
        (Profile::Balanced, 0.36, 7),
        (Profile::Strict, 0.54, 10),
    ] {
        // 4.05, 9 and 12.5 MB at 25 MB/s, at the next sample: 1.5 MB or 60 ms apart.
        let (after, evidence) = found(profile, &USUAL, 0.06, |sent| sent).unwrap();
        assert!((after - seconds).abs() < 1e-9, "{profile:?}: {after}");
        assert_eq!((evidence.path, evidence.clock), (Path::Sequence, Clock::Sender));
        assert_eq!((evidence.first_sample, evidence.samples), (at(1.0), samples));
        assert!(
            (evidence.rate.as_f64() / 200e6 - 1.0).abs() < 0.01,
            "{evidence:?}"
        );
        assert!((evidence.span.as_secs_f64() - seconds).abs() < 2e-3);
        assert!(evidence.confidence > 0.999);
    }
}

#[test]
fn a_stream_is_shown_with_what_it_has_proven() {
    let mut detector = Detector::new(Profile::Balanced, 1 << 10, 64, FlowHasher::with_seed([1, 2]));
    let mut shown = Vec::new();
    for n in 0..100_u32 {
        let seconds = f64::from(n) * 0.06;
        if detector.observe(at(1.0 + seconds), &USUAL.seen(seconds), &mut take) == Outcome::Fired {
            break;
        }
        shown.extend(detector.candidates().map(|candidate| candidate.share));
    }
    assert!(detector.candidates().next().is_none(), "it is an elephant now");
    // 200 Mbit/s: 1.5 MB each, of 9 MB.
    assert!(shown.len() >= 4 && shown.is_sorted(), "{shown:?}");
    assert!(
        shown[0] < 0.34 && shown.last().is_some_and(|share| *share > 0.6),
        "{shown:?}"
    );
}

#[test]
fn slower_flows_are_never_found_however_often_they_are_sampled() {
    for share in [0.2, 0.5, 0.9] {
        for apart in [0.001, 0.12, 0.5] {
            let slow = Stream {
                rate: 12.5e6 * share,
                weight: rounded(12.5e6 * share * apart),
                ..USUAL
            };
            for profile in [Profile::Fast, Profile::Balanced, Profile::Strict] {
                assert_eq!(found(profile, &slow, apart, |sent| sent), None, "{share} {apart}");
            }
        }
    }
}

#[test]
fn samples_that_an_agent_held_back_do_not_look_like_a_burst() {
    let slow = Stream { rate: 10e6, ..USUAL };
    let each_second = |sent: f64| sent.ceil();
    assert_eq!(found(Profile::Fast, &slow, 0.05, each_second), None);
    let (after, _) = found(Profile::Balanced, &USUAL, 0.06, each_second).unwrap();
    assert!((after - 0.36).abs() < 1e-9, "{after}");
}

#[test]
fn other_ticks_are_found_out() {
    let microseconds = Stream { tick: 1e-6, ..USUAL };
    let (after, evidence) = found(Profile::Balanced, &microseconds, 0.06, |sent| sent).unwrap();
    assert!((after - 0.36).abs() < 1e-9, "{after}");
    assert!(
        (evidence.rate.as_f64() / 200e6 - 1.0).abs() < 0.01,
        "{evidence:?}"
    );
    // A clock of 4 ms makes a flow of a third of R look faster than R for a second, until the arrival contradicts.
    let slow = Stream {
        tick: 4e-3,
        rate: 4e6,
        ..USUAL
    };
    assert_eq!(found(Profile::Balanced, &slow, 0.12, |sent| sent), None);
}

#[test]
fn senders_teach_their_tick() {
    let mut detector = Detector::new(Profile::Fast, 1 << 10, 64, FlowHasher::with_seed([1, 2]));
    let mut marks = 0;
    // 0.9 of R with 4 ms a tick: taken for an elephant once, and then known.
    let old = Stream {
        tick: 4e-3,
        rate: 11.25e6,
        ..USUAL
    };
    for n in 0..600 {
        let sent = 0.05 * f64::from(n);
        let mut seen = old.seen(sent);
        // Another connection of the same sender every second.
        let connection = u16::try_from(n / 20).unwrap();
        seen.key.tuple.source_port += if n < 200 { 0 } else { connection };
        detector.observe(at(1.0 + sent), &seen, &mut |_| {
            marks += 1;
            true
        });
    }
    assert_eq!(marks, 1);
}

#[test]
fn without_a_clock_samples_are_counted() {
    let count = |segment: fn(&mut Segment)| {
        let mut detector = Detector::new(Profile::Balanced, 1 << 10, 64, FlowHasher::with_seed([1, 2]));
        let mut paths = Vec::new();
        for n in 0..30 {
            let mut seen = USUAL.seen(0.06 * f64::from(n));
            seen.segment.iter_mut().for_each(segment);
            detector.observe(at(0.06 * f64::from(n)), &seen, &mut |event| {
                if let Event::Started(elephant) = event {
                    paths.push((n, elephant.evidence.path, elephant.evidence.clock));
                }
                true
            });
        }
        paths
    };
    // 1.609 a sample less 0.4 for 60 ms: 14.7 is reached with the twelfth.
    assert_eq!(
        count(|segment| segment.timestamp = None),
        [(11, Path::Count, Clock::Arrival)]
    );
}

#[test]
fn a_clock_that_stands_still_is_not_believed() {
    let mut detector = Detector::new(Profile::Balanced, 1 << 10, 64, FlowHasher::with_seed([1, 2]));
    let slow = Stream { rate: 5e6, ..USUAL };
    for n in 0..40 {
        let mut seen = slow.seen(0.3 * f64::from(n));
        seen.segment
            .iter_mut()
            .for_each(|segment| segment.timestamp = Some(5));
        let outcome = detector.observe(at(0.3 * f64::from(n)), &seen, &mut take);
        assert_ne!(outcome, Outcome::Fired, "{n}");
    }
}

#[test]
fn coarse_samples_of_fast_links_are_unwrapped() {
    // 100G, 1:100 000: 150 MB a sample; 9 kB frames: 900 MB.
    for (weight, seconds) in [(150_000_000, 0.72), (900_000_000, 2.16)] {
        let fast = Stream {
            rate: 1.25e9,
            weight,
            threshold: "10G",
            ..USUAL
        };
        let apart = weight as f64 / fast.rate;
        let (after, evidence) = found(Profile::Balanced, &fast, apart, |sent| sent).unwrap();
        assert!((after / seconds - 1.0).abs() < 0.01, "{weight}: {after}");
        assert!((evidence.rate.as_f64() / 10e9 - 1.0).abs() < 0.02, "{evidence:?}");
        let slow = Stream { rate: 0.9e9, ..fast };
        assert_eq!(found(Profile::Balanced, &slow, apart, |sent| sent), None);
    }
}

#[test]
fn a_goodbye_ends_an_elephant_sooner() {
    for (flags, ends) in [(TcpFlags::ACK, 8.29), (TcpFlags::FIN, 1.0), (TcpFlags::RST, 1.0)] {
        let mut detector = Detector::new(Profile::Fast, 1 << 10, 64, FlowHasher::with_seed([1, 2]));
        for n in 0..10 {
            let mut seen = USUAL.seen(0.06 * f64::from(n));
            if n == 9 {
                seen.segment.iter_mut().for_each(|segment| segment.flags = flags);
            }
            detector.observe(at(0.06 * f64::from(n)), &seen, &mut take);
        }
        assert_eq!(detector.elephants(), 1);
        detector.poll(at(0.54 + ends - 0.01), |event| match event {
            Event::Progress(_) => true,
            event => panic!("{event:?}"),
        });
        assert_eq!(
            detector.poll(at(0.54 + ends + 0.01), |_| true).len(),
            1,
            "{flags:?}"
        );
    }
}

proptest! {
    #[test]
    fn forged_numbers_prove_nothing(
        samples in proptest::collection::vec((any::<u32>(), any::<u32>(), 0_u64..500), 1..60),
        profile in prop_oneof![Just(Profile::Fast), Just(Profile::Balanced), Just(Profile::Strict)],
    ) {
        let mut detector = Detector::new(profile, 64, 64, FlowHasher::with_seed([1, 2]));
        let mut now = 0;
        let mut weight = 0;
        for (sequence, timestamp, later) in samples {
            now += later * 1_000_000;
            let mut forged = USUAL.seen(0.0);
            forged.weight = 1500;
            weight += forged.weight;
            forged.segment.iter_mut().for_each(|segment| {
                (segment.sequence, segment.timestamp) = (sequence, Some(timestamp));
            });
            detector.observe(Time::from_nanos(now), &forged, &mut |event| panic!("{event:?}"));
        }
        prop_assert!(weight < 4_000_000);
    }

    #[test]
    fn a_steady_flow_is_found_from_the_threshold_on_and_never_below_nine_tenths(
        share in 0.01..20_f64, gaps in proptest::collection::vec(0.01..3_f64, 100..101), start: u32, ticks: u32,
    ) {
        let stream = Stream { rate: share * 12.5e6, sequence: start, timestamp: ticks, ..USUAL };
        let mut detector = Detector::new(Profile::Balanced, 64, 64, FlowHasher::with_seed([1, 2]));
        let (mut sent, mut marked) = (0.0, false);
        for gap in gaps {
            // Gaps in units of the mean distance of samples.
            sent += gap * W as f64 / stream.rate;
            detector.observe(at(sent), &stream.seen(sent), &mut |_| { marked = true; true });
        }
        if share < 0.9 {
            prop_assert!(!marked);
        } else if share > 1.01 {
            prop_assert!(marked);
        }
    }
}
