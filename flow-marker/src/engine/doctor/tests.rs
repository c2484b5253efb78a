//! What the doctor finds, and what it does not.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use shared::units::BitRate;

use super::port::Sampled;
use super::*;
use crate::clock::Time;
use crate::config::Profile;
use crate::flow::Direction;
use crate::sflow::{DataSource, Interface, SourceClass};

fn at(seconds: f64) -> Time {
    Time::START + Duration::from_secs_f64(seconds)
}

fn agent() -> IpAddr {
    IpAddr::from([10, 0, 0, 1])
}

/// The `n`th sample of port 1 at 1:1000, in good health.
fn sample(n: u32) -> FlowSeen {
    FlowSeen {
        source: DataSource::interface(1),
        sequence: n,
        sampling_rate: 1000,
        // A real pool grows by 1000 on average only.
        sample_pool: n * 1000 + n * 37 % 400,
        drops: 0,
        input: Interface::Index(1),
        direction: Direction::Ingress(1),
        frame_bytes: Some(1514),
        header_bytes: 128,
        header: HeaderSeen::Whole,
        told: Told::Timed,
    }
}

/// 10 % of a port's speed, with the usual profile.
const DETECTING: Detecting<'static> = Detecting {
    profile: Profile::Balanced,
    threshold: &|_, speed| {
        let tenth = speed?.bits_per_second() / 10;
        Some(BitRate::from_bits_per_second(tenth))
    },
};

fn counters(frames: u32) -> CountersSeen<'static> {
    CountersSeen {
        if_index: 1,
        speed: Some(1_000_000_000),
        is_up: Some(true),
        frames_in: Some(frames),
        frames_out: Some(frames / 3),
        name: Some("swp1"),
    }
}

fn report_at(doctor: &AgentDoctor, seconds: f64) -> Report {
    Report {
        agents: vec![doctor.report(agent(), &DETECTING, at(seconds))],
    }
}

/// 10 samples a second for 300 s, changed by `change`, and counters every 20 s.
fn run(change: impl Fn(u32, FlowSeen) -> Option<FlowSeen>) -> Report {
    let mut doctor = AgentDoctor::default();
    for n in 0..3000_u32 {
        let now = at(f64::from(n) / 10.0);
        if n % 200 == 0 {
            doctor.observe_counters(&counters(n * 1000), now);
        }
        if let Some(seen) = change(n, sample(n)) {
            doctor.observe_flow(&seen, now);
        }
    }
    doctor.observe_datagrams(3000, 0, at(300.0));
    report_at(&doctor, 300.0)
}

fn kinds(report: &Report) -> Vec<Kind> {
    let agent = &report.agents[0];
    let all = agent.findings.iter();
    let all = all.chain(agent.sources.iter().flat_map(|s| &s.findings));
    all.chain(agent.ports.iter().flat_map(|p| &p.findings))
        .map(|f| f.kind)
        .collect()
}

#[test]
fn a_healthy_port_has_figures_and_no_findings() {
    let report = run(|_, seen| Some(seen));
    assert_eq!(kinds(&report), []);
    let source = &report.agents[0].sources[0];
    assert_eq!(
        (source.data_source.as_str(), source.name.as_deref()),
        ("0:1", Some("swp1"))
    );
    assert!(
        (source.samples_per_second - 10.0).abs() < 0.1,
        "{}",
        source.samples_per_second
    );
    assert!(
        (source.pool_rate.unwrap() - 1000.0).abs() < 20.0,
        "{:?}",
        source.pool_rate
    );
    assert!(
        (source.counter_rate.unwrap() - 1000.0).abs() < 1.0,
        "{:?}",
        source.counter_rate
    );
    assert_eq!(source.bytes_per_sample, Some(1_514_000.0));
    let frames = source.frames.as_ref().unwrap();
    assert_eq!(
        (frames.mean, frames.largest, frames.shares[5]),
        (1514.0, 1514, (Some(1536), 1.0))
    );
    let port = &report.agents[0].ports[0];
    assert_eq!(port.counter_interval, Some(20.0));
    let detection = port.detection.as_ref().unwrap();
    assert_eq!((detection.path, detection.threshold), ("sequence", 100_000_000));
    // As docs/DETECTION.md has it for 1G, 1:1000 and 1500 bytes, when each sample is sent at once: 0.732 / 1.19 s.
    assert!(
        (detection.median.unwrap() / 0.732 - 1.0).abs() < 0.1,
        "{detection:?}"
    );
    assert!(
        (detection.p99.unwrap() / 1.19 - 1.0).abs() < 0.15,
        "{detection:?}"
    );
}

#[test]
fn too_little_is_no_reason_to_find_anything() {
    let mut doctor = AgentDoctor::default();
    for n in 0..5 {
        doctor.observe_flow(&sample(n * 2), at(f64::from(n)));
    }
    let report = report_at(&doctor, 5.0);
    assert_eq!(kinds(&report), []);
    assert_eq!(report.agents[0].sources[0].pool_rate, None);
}

#[test]
fn each_illness_is_found() {
    type Change = fn(u32, FlowSeen) -> Option<FlowSeen>;
    let cases: [(&str, Change, &[Kind]); 11] = [
        (
            "samples that get lost",
            |n, seen| (n % 10 != 0).then_some(seen),
            &[Kind::SampleLoss],
        ),
        (
            "the agent drops",
            |n, seen| Some(FlowSeen { drops: n * 2, ..seen }),
            &[Kind::AgentDrops],
        ),
        (
            "a pool that grows faster than the rate says",
            |n, seen| {
                Some(FlowSeen {
                    sample_pool: n * 3000 + n * 37 % 400,
                    ..seen
                })
            },
            &[Kind::RateDiffers],
        ),
        (
            "a zero pool",
            |_, seen| {
                Some(FlowSeen {
                    sample_pool: 0,
                    ..seen
                })
            },
            &[Kind::PoolUseless],
        ),
        (
            "a synthetic pool",
            |n, seen| {
                Some(FlowSeen {
                    sample_pool: n * 1000,
                    ..seen
                })
            },
            &[Kind::PoolUseless],
        ),
        (
            "counters that disagree",
            |n, seen| {
                Some(FlowSeen {
                    sampling_rate: 250,
                    sample_pool: n * 250 + n * 37 % 100,
                    ..seen
                })
            },
            &[Kind::RateDiffers],
        ),
        (
            "headers cut before the ports",
            |n, seen| {
                Some(FlowSeen {
                    header: if n % 4 == 0 {
                        HeaderSeen::CutBeforePorts
                    } else {
                        seen.header
                    },
                    ..seen
                })
            },
            &[Kind::HeaderCut],
        ),
        (
            "headers cut in a tunnel",
            |_, seen| {
                Some(FlowSeen {
                    header: HeaderSeen::CutBeforeInnerPorts,
                    header_bytes: 64,
                    ..seen
                })
            },
            &[Kind::HeaderCutInTunnel],
        ),
        (
            "no header",
            |_, seen| {
                Some(FlowSeen {
                    header: HeaderSeen::Missing,
                    header_bytes: 0,
                    ..seen
                })
            },
            &[Kind::NoHeader],
        ),
        (
            "no rate",
            |_, seen| {
                Some(FlowSeen {
                    sampling_rate: 0,
                    ..seen
                })
            },
            &[Kind::NoRate],
        ),
        (
            "a LAG",
            |_, seen| {
                Some(FlowSeen {
                    input: Interface::Index(100),
                    direction: Direction::OtherPort,
                    ..seen
                })
            },
            &[Kind::OtherPort],
        ),
    ];
    for (name, change, expected) in cases {
        let report = run(change);
        let found = kinds(&report);
        for kind in expected {
            assert!(found.contains(kind), "{name}: {found:?}");
        }
        // What a member of a LAG carries is not counted as coming in by it.
        let others: Vec<_> = found.iter().filter(|kind| !expected.contains(kind)).collect();
        assert!(others.is_empty() || name == "a LAG", "{name}: {others:?}");
        for finding in report.agents[0].sources.iter().flat_map(|s| &s.findings) {
            assert!(finding.sentence.ends_with('.'), "{}", finding.sentence);
        }
    }
}

#[test]
fn a_rate_that_changes_starts_the_figures_anew() {
    let report = run(|n, seen| {
        let rate = if n < 2000 { 500 } else { 1000 };
        Some(FlowSeen {
            sampling_rate: rate,
            sample_pool: n * rate + n * 37 % 200,
            ..seen
        })
    });
    assert_eq!(kinds(&report), [Kind::RateChanged]);
    let finding = &report.agents[0].sources[0].findings[0];
    assert_eq!(finding.severity, Severity::Info);
    assert_eq!(
        finding.sentence,
        "Its sampling rate went from 1:500 to 1:1000 100 s ago; 1 change was seen."
    );
    let often = run(|n, seen| {
        Some(FlowSeen {
            sampling_rate: 500 << (n / 500 % 2),
            ..seen
        })
    });
    let finding = &often.agents[0].sources[0].findings[0];
    assert_eq!(
        (finding.kind, finding.severity),
        (Kind::RateChanged, Severity::Warning)
    );
}

#[test]
fn a_coarse_rate_is_found_with_a_better_one() {
    let mut doctor = AgentDoctor::default();
    let fast = CountersSeen {
        speed: Some(100_000_000_000),
        ..counters(1)
    };
    doctor.observe_counters(&fast, at(0.0));
    for n in 0..100 {
        let seen = FlowSeen {
            sampling_rate: 100_000,
            frame_bytes: Some(9018),
            sample_pool: 0,
            ..sample(n)
        };
        doctor.observe_flow(&seen, at(f64::from(n)));
    }
    let report = report_at(&doctor, 100.0);
    let port = &report.agents[0].ports[0];
    let coarse = port.findings.iter().find(|f| f.kind == Kind::TooCoarse).unwrap();
    let Detection { median, p99, .. } = port.detection.clone().unwrap();
    let (median, p99) = (median.unwrap(), p99.unwrap());
    assert!(
        (2.8..4.0).contains(&median) && (5.0..7.0).contains(&p99),
        "{median} {p99}"
    );
    assert_eq!(
        coarse.sentence,
        format!(
            "At 1:100000 with frames of 9018 bytes a flow of 12.5G is found by sequence numbers after {median:.1} s, \
             in one of 100 cases after {p99:.1} s."
        )
    );
    assert_eq!(
        coarse.change,
        "Sample 1:10000 or finer on this port: then it is found within a second."
    );
    let text = render(&report);
    let row: Vec<_> = text.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(row[10..12], ["sequence", &format!("{median:.2}")], "{text}");
}

#[test]
fn what_flows_tell_decides_by_what_they_are_found() {
    let told = |told| run(move |_, seen| Some(FlowSeen { told, ..seen }));
    let udp = told(Told::Nothing);
    assert_eq!(udp.agents[0].ports[0].detection.as_ref().unwrap().path, "count");
    assert_eq!(kinds(&udp), []);
    let plain = told(Told::Untimed);
    assert_eq!(plain.agents[0].ports[0].detection.as_ref().unwrap().path, "count");
    let finding = &plain.agents[0].sources[0].findings[0];
    assert_eq!(
        (finding.kind, finding.change.as_str()),
        (Kind::NoClock, "Turn on TCP timestamps (RFC 7323) on the hosts.")
    );
    let short = run(|_, seen| {
        let (told, header_bytes) = (Told::Untimed, 64);
        Some(FlowSeen {
            told,
            header_bytes,
            ..seen
        })
    });
    let finding = &short.agents[0].sources[0].findings[0];
    assert_eq!(finding.change, "Raise the header size on the agent to 128 bytes.");
}

#[test]
fn open_vswitch_samples_for_all_its_ports() {
    let bridge = DataSource {
        class: SourceClass::PHYSICAL_ENTITY,
        index: 1000,
    };
    let report = run(|_, seen| {
        Some(FlowSeen {
            source: bridge,
            ..seen
        })
    });
    let found = kinds(&report);
    assert_eq!(
        found,
        [Kind::NotAnInterface],
        "its samples count at the input port"
    );
    let unknown = run(|_, seen| {
        Some(FlowSeen {
            source: bridge,
            input: Interface::Unknown,
            ..seen
        })
    });
    assert!(kinds(&unknown).contains(&Kind::NoInput));
}

#[test]
fn what_is_missing_is_found_after_a_while() {
    let mut doctor = AgentDoctor::default();
    for n in 0..400 {
        doctor.observe_flow(&sample(n), at(f64::from(n)));
    }
    assert_eq!(kinds(&report_at(&doctor, 179.0)), []);
    assert_eq!(kinds(&report_at(&doctor, 400.0)), [Kind::NoCounters]);

    let mut doctor = AgentDoctor::default();
    for n in 0..20_u32 {
        let seen = CountersSeen {
            name: None,
            speed: Some(0),
            ..counters(n * 1_000_000)
        };
        doctor.observe_counters(&seen, at(f64::from(n) * 20.0));
    }
    doctor.observe_datagrams(900, 100, at(380.0));
    let found = kinds(&report_at(&doctor, 380.0));
    assert_eq!(
        found,
        [Kind::DatagramLoss, Kind::NotSampled, Kind::NoSpeed, Kind::NoName]
    );
    assert!(
        kinds(&report_at(&doctor, 900.0)).contains(&Kind::NoCounters),
        "they have ended"
    );
}

/// An agent that samples at port 1 in these directions, and port 2, which has so many million frames and no sample.
fn beside(directions: &[Direction], (million_in, million_out): (u32, u32)) -> Option<Finding> {
    let mut doctor = AgentDoctor::default();
    for n in 0..=10_u32 {
        let now = at(f64::from(n) * 20.0);
        let seen = CountersSeen {
            if_index: 2,
            frames_in: Some(n * million_in * 100_000),
            frames_out: Some(n * million_out * 100_000),
            ..counters(0)
        };
        doctor.observe_counters(&seen, now);
        doctor.observe_counters(&counters(n), now);
        for (more, direction) in (0..).zip(directions) {
            let seen = sample(n * 1000 + more);
            let direction = *direction;
            doctor.observe_flow(&FlowSeen { direction, ..seen }, now);
        }
    }
    let report = report_at(&doctor, 200.0);
    let ports = report.agents.into_iter().flat_map(|agent| agent.ports);
    let mut findings = ports.flat_map(|port| port.findings);
    let found = findings.find(|finding| finding.kind == Kind::NotSampled);
    assert!(findings.all(|finding| finding.kind != Kind::NotSampled));
    found
}

#[test]
fn a_port_without_samples_is_judged_by_the_directions_that_the_agent_samples() {
    const IN: Direction = Direction::Ingress(1);
    const OUT: Direction = Direction::Egress;
    let said = |directions: &[Direction], millions| beside(directions, millions).map(|found| found.sentence);
    let none = "frames, and none was sampled.";
    assert_eq!(said(&[IN], (0, 900)), None, "it only sends");
    assert_eq!(said(&[OUT], (900, 0)), None, "it only receives");
    assert_eq!(
        said(&[IN], (20, 900)),
        Some(format!("It received 20000000 {none}"))
    );
    assert_eq!(said(&[OUT], (900, 20)), Some(format!("It sent 20000000 {none}")));
    assert_eq!(
        said(&[IN, OUT], (6, 6)),
        Some(format!("It carried 12000000 {none}"))
    );
    // One odd sample in a hundred decides nothing, and what neither came in nor goes out there even less.
    let odd: Vec<_> = (0..200).map(|n| if n == 7 { OUT } else { IN }).collect();
    assert_eq!(said(&odd, (0, 900)), None);
    assert_eq!(said(&[IN, Direction::OtherPort], (0, 900)), None);
    assert_eq!(
        said(&[Direction::OtherPort], (6, 6)),
        Some(format!("It carried 12000000 {none}"))
    );
    // Of an agent without any sample nobody knows what it would sample.
    let silent = beside(&[], (0, 900)).unwrap();
    assert_eq!(
        (silent.sentence.as_str(), silent.change.as_str()),
        (
            "It carried 900000000 frames, and none was sampled: the agent has sent no sample at all.",
            "Turn on packet sampling on the agent."
        )
    );
}

#[test]
fn an_agent_that_samples_otherwise_now_is_learned_anew() {
    let mut doctor = AgentDoctor::default();
    let mut send = |direction, count| {
        for n in 0..count {
            let seen = FlowSeen {
                direction,
                ..sample(n)
            };
            doctor.observe_flow(&seen, at(1.0));
        }
        doctor.sampled()
    };
    let (came_in, went_out) = (Direction::Ingress(1), Direction::Egress);
    assert_eq!(send(came_in, 100_000), Sampled::In);
    assert_eq!(send(went_out, 5_000), Sampled::Both);
    assert_eq!(send(went_out, 60_000), Sampled::Out);
}

#[test]
fn a_flood_of_sources_and_ports_is_bounded() {
    let mut doctor = AgentDoctor::default();
    for n in 0..10_000 {
        let seen = FlowSeen {
            source: DataSource::interface(n),
            input: Interface::Index(n + 20_000),
            ..sample(1)
        };
        doctor.observe_flow(&seen, at(2.0));
        let seen = CountersSeen {
            if_index: n,
            ..counters(1)
        };
        doctor.observe_counters(&seen, at(2.0));
    }
    let report = doctor.report(agent(), &DETECTING, at(3.0));
    assert_eq!(
        (report.sources.len(), report.ports.len()),
        (AgentDoctor::MAX_PORTS, AgentDoctor::MAX_PORTS)
    );
    assert!(report.findings.iter().any(|f| f.kind == Kind::TooMany));
}

#[test]
fn people_get_a_table_and_the_worst_first() {
    assert_eq!(render(&Report::default()), "No agent has sent anything yet.\n");
    let report = run(|n, seen| {
        let header = if n % 2 == 0 {
            HeaderSeen::CutBeforePorts
        } else {
            HeaderSeen::Whole
        };
        (n % 12 != 0).then_some(FlowSeen {
            header,
            header_bytes: 36,
            ..seen
        })
    });
    let text = render(&report);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "agent 10.0.0.1: 3000 datagrams, 0 lost");
    let words: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!(words[..4], ["0:1", "swp1", "1G", "1:1000"]);
    assert!(lines[3].trim_start().starts_with("critical 0:1: 4"), "{text}");
    assert!(lines[4].trim_start().starts_with("warning  0:1: 8"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["agents"][0]["sources"][0]["samplingRate"], 1000);
    assert_eq!(
        json["agents"][0]["sources"][0]["findings"][0]["severity"],
        "warning"
    );
}

proptest! {
    /// A port is told of when it carried enough in the directions that are sampled elsewhere, and never for the others.
    #[test]
    fn only_what_would_be_sampled_counts(
        (samples_in, samples_out) in (0_usize..4, 0_usize..4),
        (million_in, million_out) in (0_u32..40, 0_u32..40),
    ) {
        let came_in = vec![Direction::Ingress(1); samples_in];
        let went_out = vec![Direction::Egress; samples_out];
        let found = beside(&[came_in, went_out].concat(), (million_in, million_out));
        let nobody_knows = samples_in + samples_out == 0;
        let counted = [(million_in, samples_in), (million_out, samples_out)];
        let millions: u32 = counted
            .into_iter()
            .filter(|(_, samples)| nobody_knows || *samples > 0)
            .map(|(millions, _)| millions)
            .sum();
        prop_assert_eq!(found.is_some(), millions > 10);
        if let Some(found) = found {
            let frames = format!(" {millions}000000 frames");
            prop_assert!(found.sentence.contains(&frames), "{}", found.sentence);
        }
    }

    /// Whatever comes, figures are finite and nothing panics.
    #[test]
    fn no_sample_breaks_it(
        samples in prop::collection::vec(any::<(u32, u32, u32, u32, u32, bool, u8)>(), 0..200),
    ) {
        let mut doctor = AgentDoctor::default();
        let mut now = 0.0;
        for (sequence, rate, pool, drops, bytes, same, step) in samples {
            now += f64::from(step);
            let seen = FlowSeen {
                sequence,
                sampling_rate: if same { 1 } else { rate },
                sample_pool: pool,
                drops,
                frame_bytes: (bytes % 3 > 0).then_some(bytes),
                ..sample(1)
            };
            doctor.observe_flow(&seen, at(now));
            let speed = Some(u64::from(bytes) << 20);
            doctor.observe_counters(&CountersSeen { speed, ..counters(pool) }, at(now));
        }
        let report = report_at(&doctor, now);
        for source in report.agents.iter().flat_map(|a| &a.sources) {
            prop_assert!(source.samples_per_second.is_finite());
            prop_assert!(source.pool_rate.is_none_or(f64::is_finite));
            prop_assert!(source.counter_rate.is_none_or(f64::is_finite));
        }
        prop_assert!(!render(&report).contains("NaN"));
    }
}
