//! In virtual time, with many seeds.

use std::time::Duration;

use super::fired::silence;
use super::*;
use crate::flow::{AgentId, FiveTuple};
use crate::packet::IpProtocol;
use crate::sflow::DataSource;

/// Exponentially distributed gaps: what random one-in-N sampling of a constant flow looks like.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Uniform in (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn gap(&mut self, per_second: f64) -> f64 {
        -self.unit().ln() / per_second
    }
}

fn at(seconds: f64) -> Time {
    Time::START + Duration::from_secs_f64(seconds)
}

fn key(n: u32) -> FlowKey {
    let [a, b, c, d] = n.to_be_bytes();
    FlowKey {
        agent: AgentId(0),
        source: DataSource::interface(1),
        tuple: FiveTuple {
            source: [10, b, c, d].into(),
            destination: [10, 255, 0, a].into(),
            protocol: IpProtocol::TCP,
            source_port: 40_000,
            destination_port: 5001,
        },
    }
}

/// 1:1000 on 1 Gbit/s with 1500-byte frames.
const W: u64 = 1_500_000;

fn seen(n: u32) -> Observation {
    Observation {
        key: key(n),
        port: 1,
        output: None,
        weight: W,
        frame: 1500,
        dscp: 0,
        segment: None,
        recorded: None,
        clock: Clock::Arrival,
        threshold: Some("100M".parse().unwrap()),
    }
}

fn detector() -> Detector {
    Detector::new(Profile::Average, 1 << 10, 64, FlowHasher::with_seed([1, 2]))
}

fn take(_: &Event) -> bool {
    true
}

/// Seconds from the start of a flow of `bits` per second to its detection.
fn detection_time(bits: f64, seed: u64) -> f64 {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut detector = detector();
    let mut now = 0.0;
    loop {
        now += random.gap(bits / (8.0 * W as f64));
        if detector.observe(at(now), &seen(1), &mut take) == Outcome::Fired {
            return now;
        }
    }
}

#[test]
fn detection_takes_as_long_as_published_for_the_average() {
    // Medians in seconds for a flow of 10, 20, 50 and 100 % of a link whose threshold is 10 %.
    for (bits, median) in [(1e8, 1.91), (2e8, 0.65), (5e8, 0.226), (1e9, 0.104)] {
        let mut times: Vec<_> = (1..=2001).map(|seed| detection_time(bits, seed)).collect();
        times.sort_unstable_by(f64::total_cmp);
        let found = times[1000];
        assert!(
            (found / median - 1.0).abs() < 0.12,
            "{bits}: {found} instead of {median}"
        );
    }
}

#[test]
fn a_flow_that_goes_on_never_ends_even_far_below_the_threshold() {
    for seed in 1..=200 {
        let mut random = Random(seed * 77 + 1);
        let mut detector = detector();
        let mut now = 0.0;
        for _ in 0..20 {
            detector.observe(at(now), &seen(1), &mut take);
            now += 0.02;
        }
        assert_eq!(detector.elephants(), 1);
        // TCP has slowed down to 30 % of the threshold; ten minutes of that.
        let mut next = now;
        while now < 600.0 {
            now += 0.1;
            while next <= now {
                detector.observe(at(next), &seen(1), &mut take);
                next += random.gap(0.3 * 1e8 / (8.0 * W as f64));
            }
            detector.poll(at(now), |event| match event {
                Event::Progress(_) => true,
                event => panic!("{event:?} at {now}, seed {seed}"),
            });
        }
    }
}

#[test]
fn the_end_comes_after_the_silence_and_names_the_last_sample() {
    let mut detector = detector();
    let mut started = Vec::new();
    for n in 0..20 {
        detector.observe(at(0.1 * f64::from(n)), &seen(1), &mut |event| {
            started.push(event.clone());
            true
        });
    }
    let [Event::Started(elephant)] = started[..] else {
        panic!("{started:?}")
    };
    // Ten samples of 1.5 MB a second: 1.5 × (1 − e^(−n/10)) / (1 − e^(−1/10)) first exceeds 12.5 MB/s at n = 16.
    assert_eq!((elephant.evidence.samples, elephant.evidence.bytes), (16, 16 * W));
    assert_eq!(elephant.evidence.first_sample, at(0.0));
    assert!(elephant.evidence.rate >= elephant.evidence.threshold);
    let mut ended = Vec::new();
    let mut poll = |detector: &mut Detector, seconds: f64| {
        detector.poll(at(seconds), |event| {
            if !matches!(event, Event::Progress(_)) {
                ended.push((seconds, event.clone()));
            }
            true
        });
    };
    for tenth in 20..200 {
        poll(&mut detector, f64::from(tenth) / 10.0);
    }
    let [
        (
            when,
            Event::Ended {
                key: ended_key,
                last_sample,
                closed: false,
                bytes: _,
            },
        ),
    ] = ended[..]
    else {
        panic!("{ended:?}")
    };
    assert_eq!((ended_key, last_sample), (key(1), at(0.1 * 19.0)));
    assert!(
        (1.9 + 8.2..1.9 + 8.5).contains(&when),
        "8.29 s after the last sample, not at {when}"
    );
    assert_eq!(detector.elephants(), 0);
}

#[test]
fn an_elephant_tells_how_large_it_is_now_until_it_ends() {
    let mut detector = detector();
    let mut random = Random(7);
    let mut next = 0.0;
    let mut told: Vec<(f64, Progress)> = Vec::new();
    let mut counted = 0_u64;
    // 200 Mbit/s for ten seconds, then 50 Mbit/s; every third telling finds no place.
    let mut offers = 0;
    for tenth in 0..600 {
        let now = f64::from(tenth) / 10.0;
        while next <= now {
            if detector.observe(at(next), &seen(1), &mut take) == Outcome::Known {
                counted += W;
            }
            next += random.gap(if next < 10.0 { 2e8 } else { 5e7 } / (8.0 * W as f64));
        }
        detector.poll(at(now), |event| {
            let Event::Progress(progress) = event else {
                return true;
            };
            offers += 1;
            let taken = offers % 3 != 0;
            if taken {
                told.push((now, *progress));
            }
            taken
        });
    }
    assert!((25..=30).contains(&offers), "every two seconds: {offers}");
    let bytes: u64 = told.iter().map(|(_, progress)| progress.bytes).sum();
    let span: Duration = told.iter().map(|(_, progress)| progress.span).sum();
    assert!(
        bytes <= counted && counted - bytes < 80 * W,
        "{bytes} of {counted}"
    );
    assert!((54.0..60.0).contains(&span.as_secs_f64()), "{span:?}");
    assert!(
        told.iter()
            .all(|(_, p)| u64::from(p.samples) * W == p.bytes && p.key == key(1))
    );
    let rate = |from: f64, to: f64| {
        let rates: Vec<_> = told.iter().filter(|(now, _)| (from..to).contains(now)).collect();
        rates.iter().map(|(_, p)| p.rate.as_f64()).sum::<f64>() / rates.len() as f64
    };
    let (before, after) = (rate(4.0, 10.0), rate(35.0, 60.0));
    assert!((1.5e8..2.6e8).contains(&before), "{before}");
    assert!((4e7..6.2e7).contains(&after), "{after}");
}

#[test]
fn silence_stays_within_its_bounds() {
    let rate = |text: &str| text.parse::<BitRate>().unwrap();
    assert_eq!(silence(rate("10G"), 1.5e5), Duration::from_secs(2));
    assert_eq!(silence(rate("100M"), 9e7), Duration::from_secs(10));
    assert_eq!(
        silence(BitRate::from_bits_per_second(0), 1e30),
        Duration::from_secs(10)
    );
}

#[test]
fn what_was_not_delivered_is_offered_again_while_it_is_true() {
    let mut detector = detector();
    let heavy = Observation {
        weight: 20_000_000,
        ..seen(1)
    };
    let mut offers = 0;
    let outcome = detector.observe(at(0.0), &heavy, &mut |_| {
        offers += 1;
        false
    });
    assert_eq!((outcome, offers), (Outcome::Fired, 1));
    detector.poll(at(0.1), |event| {
        assert!(matches!(event, Event::Started(_)));
        offers += 1;
        offers == 2
    });
    detector.poll(at(0.2), |event| panic!("{event:?} after it was delivered"));
    // Its end is offered until it is taken, and withdrawn when the flow comes back.
    for _ in 0..3 {
        let over = detector.poll(at(30.0), |event| {
            assert!(matches!(event, Event::Ended { .. }));
            false
        });
        assert!(over.is_empty(), "not before it is told");
    }
    detector.observe(at(30.0), &heavy, &mut take);
    detector.poll(at(30.1), |event| match event {
        Event::Progress(_) => true,
        event => panic!("{event:?} of a flow that came back"),
    });
    assert_eq!(detector.elephants(), 1);
    let mut ends = 0;
    detector.poll(at(60.0), |_| {
        ends += 1;
        true
    });
    assert_eq!((ends, detector.elephants()), (1, 0));
}

#[test]
fn an_elephant_nobody_heard_of_ends_in_silence() {
    let mut detector = detector();
    let heavy = Observation {
        weight: 20_000_000,
        ..seen(1)
    };
    detector.observe(at(0.0), &heavy, &mut |_| false);
    let over = detector.poll(at(60.0), |event| panic!("{event:?}"));
    assert_eq!(over, [AgentId(0)], "it is over all the same");
    assert_eq!(detector.elephants(), 0);
}

#[test]
fn without_a_threshold_nothing_fires_and_everything_is_counted() {
    let mut detector = detector();
    let blind = Observation {
        threshold: None,
        weight: 1 << 40,
        ..seen(1)
    };
    assert_eq!(detector.observe(at(0.0), &blind, &mut take), Outcome::Counted);
    assert_eq!(detector.table().len(), 1);
    // The speed becomes known: the next sample decides.
    assert_eq!(detector.observe(at(0.1), &seen(1), &mut take), Outcome::Fired);
}

#[test]
fn random_keys_fill_neither_memory_nor_the_place_of_elephants() {
    let mut detector = detector();
    let mut random = Random(5);
    let heavy = Observation {
        weight: 20_000_000,
        ..seen(1)
    };
    detector.observe(at(0.0), &heavy, &mut take);
    for n in 0..100_000 {
        let forged = Observation {
            key: key((random.next() >> 32) as u32),
            weight: 1 << (n % 40),
            ..seen(0)
        };
        detector.observe(at(1.0 + f64::from(n) * 1e-6), &forged, &mut take);
    }
    // A quarter of the list is one agent's share.
    assert_eq!((detector.elephants(), detector.table().capacity()), (16, 1 << 10));
    assert_eq!(detector.observe(at(1.2), &seen(1), &mut take), Outcome::Known);
    let full = Observation {
        weight: 1 << 40,
        ..seen(0x00ff_ffff)
    };
    assert_eq!(
        detector.observe(at(1.2), &full, &mut take),
        Outcome::Full,
        "said, not silent"
    );
    // Other agents have their own share, until the list is full.
    let fired: Vec<_> = (1..=5)
        .map(|agent| {
            let of_agent = |n| Observation {
                key: FlowKey {
                    agent: AgentId(agent),
                    ..key(n)
                },
                weight: 1 << 50,
                ..heavy
            };
            (0..20)
                .filter(|&n| detector.observe(at(1.3), &of_agent(n), &mut take) == Outcome::Fired)
                .count()
        })
        .collect();
    assert_eq!(fired, [16, 16, 16, 0, 0]);
    // What has ended makes room for the same agent.
    assert_eq!(detector.poll(at(60.0), |_| true).len(), 64);
    assert_eq!(detector.observe(at(60.0), &full, &mut take), Outcome::Fired);
}

#[test]
fn an_old_mouse_that_becomes_an_elephant_has_recent_evidence() {
    let mut detector = detector();
    let mut found = Vec::new();
    // Ten minutes with a sample every two seconds, 6 % of the threshold; then a hundred a second.
    let mouse = (0..300).map(|n| 2.0 * f64::from(n));
    let elephant = (0..100).map(|n| 600.0 + 0.01 * f64::from(n));
    for now in mouse.chain(elephant) {
        detector.observe(at(now), &seen(1), &mut |event| {
            found.push(event.clone());
            true
        });
    }
    let [Event::Started(elephant)] = found[..] else {
        panic!("{found:?}")
    };
    let Evidence {
        first_sample,
        bytes,
        samples,
        ..
    } = elephant.evidence;
    assert_eq!(first_sample, at(600.0));
    assert!(
        samples < 12 && bytes == u64::from(samples) * W,
        "{samples} {bytes}"
    );
}

#[test]
fn one_elephant_among_mice_is_the_only_one_found() {
    for seed in 1..=20 {
        let mut random = Random(seed * 31);
        let mut detector = detector();
        let (mut now, mut found) = (0.0, Vec::new());
        while now < 20.0 {
            // 150 Mbit/s of one flow among 600 Mbit/s of 5,000 others.
            now += random.gap(750e6 / (8.0 * W as f64));
            let which = if random.unit() < 0.2 {
                1
            } else {
                2 + (random.next() % 5000) as u32
            };
            detector.observe(at(now), &seen(which), &mut |event| {
                found.push(event.clone());
                true
            });
        }
        let [Event::Started(elephant)] = found[..] else {
            panic!("seed {seed}: {found:?}")
        };
        assert_eq!(elephant.key, key(1));
    }
}

mod candidates;
mod streams;
