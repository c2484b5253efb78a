use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::flow::testing::*;
use crate::sflow::DataSource;

mod accuracy;

fn ms(n: u64) -> Time {
    Time::from_nanos(n * 1_000_000)
}

fn flows(definition: serde_json::Value) -> Flows {
    limited(definition, Limits::default())
}

/// A value that is shown, for comparison.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "values of these tests are small and positive"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "definitions are written where they are used"
)]
fn limited(definition: serde_json::Value, limits: Limits) -> Flows {
    let definition = Arc::new(Definition::from_json(&definition).unwrap());
    Flows::new(definition, &Arc::default(), limits, [1, 2]).unwrap()
}

fn nothing(completed: Completed<'_>) {
    panic!("{completed:?} is not logged");
}

/// Counts one segment with these ports.
fn count(flows: &mut Flows, at: u64, source: u32, ports: (u16, u16), length: u32) -> Option<Touched> {
    let frame = segment(ports.0, ports.1);
    let view = view_of(&frame, DataSource::interface(3), 1000, length);
    flows.sample(ms(at), SourceId(source), &view, |_| {})
}

fn shown(flows: &mut Flows, at: u64) -> Vec<(u32, String, u64)> {
    let active = flows.active(ms(at), |_| true, 100, 0.0);
    active
        .into_iter()
        .map(|flow| (flow.source.0, flow.key, whole(flow.value)))
        .collect()
}

#[test]
fn a_rate_rises_by_its_weight_over_t_and_decays() {
    let mut flows = flows(json!({ "keys": "ipsource,tcpsourceport", "value": "bytes", "t": 2 }));
    let touched = count(&mut flows, 0, 0, (7, 8), 1500).unwrap();
    // 1,000 packets of 1,500 bytes in two seconds.
    assert!((touched.value - 750_000.0).abs() < 1e-6);
    assert!(touched.is_new);
    assert_eq!(flows.key(&touched).as_deref(), Some("10.0.0.1,7"));
    let second = count(&mut flows, 2000, 0, (7, 9), 1500).unwrap();
    assert!((second.value - 750_000.0 * (1.0 + (-1.0_f64).exp())).abs() < 1e-3);
    assert_eq!((second.hash, second.is_new), (touched.hash, false));
    let value = flows.value(ms(4000), |_| true, "10.0.0.1,7").unwrap();
    assert!((value - second.value * (-1.0_f64).exp()).abs() < 1e-3);
    assert_eq!(flows.value(ms(4000), |_| true, "10.0.0.1,8"), None);
    assert_eq!(flows.value(ms(4000), |source| source.0 == 1, "10.0.0.1,7"), None);
}

#[test]
fn without_keys_there_is_one_flow_the_total() {
    let mut flows = flows(json!({ "value": "frames", "t": 1 }));
    for port in 0..10 {
        count(&mut flows, 0, 4, (port, 1), 100);
    }
    assert_eq!(shown(&mut flows, 0), [(4, String::new(), 10_000)]);
    assert_eq!(flows.len(), 1);
    assert_eq!(flows.metric(ms(0), SourceId(4)).map(f64::round), Some(10_000.0));
    assert_eq!(flows.metric(ms(0), SourceId(3)), None);
    assert_eq!(flows.value(ms(0), |_| true, "").map(f64::round), Some(10_000.0));
}

#[test]
fn what_is_left_out_is_counted_by_its_reason() {
    let mut flows = limited(
        json!({ "keys": "ipsource,vlan", "filter": "tcpsourceport!=9" }),
        Limits {
            flows: 64,
            sources: 2,
        },
    );
    count(&mut flows, 0, 0, (9, 1), 100);
    count(&mut flows, 0, 0, (1, 1), 100);
    let tagged = ethernet(
        0x8100,
        &vlan(7, 0x0800, &ipv4([1, 2, 3, 4], [5, 6, 7, 8], 6, &tcp(1, 2, 0))),
    );
    for source in [0, 1, 2] {
        flows.sample(ms(0), SourceId(source), &view(&tagged), nothing);
    }
    let stats = *flows.stats();
    assert_eq!(
        (
            stats.filtered,
            stats.null,
            stats.counted,
            stats.refused,
            stats.added
        ),
        (1, 1, 2, 1, 2)
    );
    assert_eq!(shown(&mut flows, 0).len(), 2);
}

#[test]
fn flows_of_data_sources_are_never_added() {
    let mut flows = flows(json!({ "keys": "ipsource", "t": 1, "n": 1 }));
    count(&mut flows, 0, 0, (1, 2), 100);
    count(&mut flows, 0, 3, (1, 2), 300);
    let expected = [
        (3, "10.0.0.1".to_owned(), 300_000),
        (0, "10.0.0.1".to_owned(), 100_000),
    ];
    assert_eq!(shown(&mut flows, 0), expected);
    // The largest, over all that were asked for.
    assert_eq!(
        flows.value(ms(0), |_| true, "10.0.0.1").map(f64::round),
        Some(300_000.0)
    );
    flows.forget(ms(0), SourceId(3), |_| {});
    assert_eq!(shown(&mut flows, 0).len(), 1);
}

#[test]
fn averages_extremes_and_numbers_of_values() {
    let definition = json!({
        "keys": "ipdestination",
        "value": "frames",
        "values": "avg:bytes,min:bytes,max:bytes,count:tcpsourceport,bytes,avg:vlan,min:vlan",
        "t": 1,
    });
    let mut flows = flows(definition);
    for port in 0..30 {
        count(&mut flows, 0, 0, (port, 1), 100 + u32::from(port % 3) * 100);
    }
    let active = flows.active(ms(0), |_| true, 1, 0.0);
    let others = &active[0].others;
    assert_eq!(whole(active[0].value), 30_000);
    assert_eq!(others[0].map(f64::round), Some(200.0));
    assert_eq!(others[1..3], [Some(100.0), Some(300.0)]);
    assert!((others[3].unwrap() - 30.0).abs() < 8.0, "{others:?}");
    assert_eq!(others[4].map(f64::round), Some(6_000_000.0));
    assert_eq!(others[5..], [None, None]);
    // Newer samples count more, and the extremes stay.
    for _ in 0..30 {
        count(&mut flows, 3000, 0, (1, 1), 1000);
    }
    let others = flows.active(ms(3000), |_| true, 1, 0.0).remove(0).others;
    assert!((others[0].unwrap() - 1000.0).abs() < 45.0, "{others:?}");
    assert_eq!(others[1..3], [Some(100.0), Some(1000.0)]);
}

#[test]
fn a_value_that_is_no_rate_may_fall_and_the_largest_are_still_found() {
    let mut flows = flows(json!({ "keys": "tcpsourceport", "value": "avg:bytes", "n": 2, "t": 1 }));
    for port in 1..=4 {
        count(&mut flows, 0, 0, (port, 1), u32::from(port) * 100);
    }
    let keys = |flows: &mut Flows| shown(flows, 0).into_iter().map(|flow| flow.1).collect::<Vec<_>>();
    assert_eq!(keys(&mut flows), ["4", "3"]);
    for _ in 0..99 {
        count(&mut flows, 0, 0, (4, 1), 1);
    }
    assert_eq!(keys(&mut flows), ["3", "2"]);
    assert_eq!(flows.metric(ms(0), SourceId(0)), Some(300.0));
    assert_eq!(flows.value(ms(0), |_| true, "2"), Some(200.0));
}

#[test]
fn staged_samples_count_as_others_do() {
    let definition =
        json!({ "keys": "ipsource,tcpsourceport", "values": "avg:bytes,count:tcpdestinationport" });
    let (mut one, mut other) = (flows(definition.clone()), flows(definition));
    let mut touched = 0;
    for n in 0..1000_u16 {
        let frame = segment(n % 97, n);
        let view = view_of(&frame, DataSource::interface(1), 10, 60 + u32::from(n));
        let now = ms(u64::from(n / 50));
        one.sample(now, SourceId(0), &view, nothing);
        if other.stage(SourceId(0), &view) || n % 50 == 49 {
            other.flush(now, |_, _| touched += 1, nothing);
        }
    }
    assert_eq!(touched, 1000);
    assert_eq!(one.stats(), other.stats());
    assert_eq!(
        one.active(ms(20), |_| true, 100, 0.0),
        other.active(ms(20), |_| true, 100, 0.0)
    );
}

#[test]
fn a_flood_does_not_push_out_what_is_shown() {
    let mut flows = limited(
        json!({ "keys": "ipsource,ipdestination,tcpsourceport,tcpdestinationport", "t": 1 }),
        Limits {
            flows: 512,
            sources: 8,
        },
    );
    for n in 0..60_000_u64 {
        if n % 100 == 0 {
            let elephant = count(&mut flows, n / 100, 0, (1, 1), 9000);
            assert_eq!(elephant.map(|flow| flow.is_new), Some(n == 0));
        }
        let ports = u32::try_from(n).unwrap().to_be_bytes();
        let ports = [[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes);
        count(&mut flows, n / 100, 0, (ports[0] + 2, ports[1]), 64);
    }
    assert_eq!(shown(&mut flows, 600)[0].1, "10.0.0.1,10.0.1.2,1,1");
    let stats = *flows.stats();
    assert_eq!((flows.len(), flows.capacity()), (512, 512));
    assert_eq!(stats.counted + stats.refused, 60_600);
    assert_eq!(stats.added - stats.evicted, 512);
    // What is silent for long is forgotten.
    for n in 0..100 {
        flows.tick(ms(40_000 + n * 100), nothing);
    }
    assert!(flows.is_empty());
    assert_eq!(flows.active(ms(60_000), |_| true, 100, 0.0), []);
}

/// What was reported: key, value, start and end in milliseconds, and why.
#[derive(Debug, PartialEq)]
struct Reported(String, f64, u64, u64, Ending);

fn report(completed: &Completed<'_>) -> Reported {
    let millis = |time: Time| time.as_nanos() / 1_000_000;
    let (start, end) = (millis(completed.start), millis(completed.end));
    Reported(
        completed.key.to_string(),
        completed.value,
        start,
        end,
        completed.ending,
    )
}

/// Segments by time and ports, with ticks all along; what was reported.
fn logged(flows: &mut Flows, samples: &[(u64, (u16, u16))], until: u64) -> Vec<Reported> {
    let mut reports = Vec::new();
    let mut samples = samples.iter().peekable();
    for tick in 0..until / 100 {
        while let Some((at, ports)) = samples.next_if(|(at, _)| *at < (tick + 1) * 100) {
            let frame = segment(ports.0, ports.1);
            let view = view_of(&frame, DataSource::interface(3), 10, 100);
            flows.sample(ms(*at), SourceId(0), &view, |completed| {
                reports.push(report(&completed));
            });
        }
        flows.tick(ms((tick + 1) * 100), |completed| reports.push(report(&completed)));
    }
    reports
}

#[test]
fn a_logged_flow_ends_when_it_has_been_silent() {
    let mut flows = flows(json!({ "keys": "tcpsourceport", "log": true, "t": 1 }));
    let samples: Vec<_> = (0..10)
        .map(|n| (n * 500, (7, 1)))
        .chain([(20_000, (7, 1))])
        .collect();
    let reports = logged(&mut flows, &samples, 40_000);
    assert_eq!(
        reports,
        [
            Reported("7".into(), 10_000.0, 0, 4500, Ending::Idle),
            Reported("7".into(), 1000.0, 20_000, 20_000, Ending::Idle),
        ]
    );
}

#[test]
fn a_flow_that_goes_on_is_reported_in_pieces() {
    let mut flows = flows(json!({ "keys": "tcpsourceport", "log": true, "t": 1, "activeTimeout": 10 }));
    let samples: Vec<_> = (0..250).map(|n| (n * 100, (7, 1))).collect();
    let reports = logged(&mut flows, &samples, 24_900);
    assert_eq!(
        reports,
        [
            Reported("7".into(), 100_000.0, 0, 9_900, Ending::Active),
            Reported("7".into(), 100_000.0, 10_000, 19_900, Ending::Active),
        ]
    );
    let mut rest = Vec::new();
    flows.finish(ms(25_000), |completed| rest.push(report(&completed)));
    assert_eq!(
        rest,
        [Reported("7".into(), 49_000.0, 20_000, 24_800, Ending::Stopped)]
    );
    assert!(flows.is_empty());
}

#[test]
fn a_flow_may_be_reported_when_it_begins() {
    let definition =
        json!({ "keys": "tcpsourceport", "log": true, "flowStart": true, "t": 1, "activeTimeout": 10 });
    let mut flows = flows(definition);
    let samples: Vec<_> = (0..110)
        .map(|n| (n * 100, (7, 1)))
        .chain([(30_000, (7, 1))])
        .collect();
    let reports = logged(&mut flows, &samples, 60_000);
    let starts: Vec<_> = reports
        .iter()
        .map(|report| (report.1, report.2, report.4))
        .collect();
    let started = |at| (1000.0, at, Ending::Started);
    assert_eq!(starts, [started(0), started(10_000), started(30_000)]);
}

/// Counts a segment of this length; adds what is reported: value and further values.
fn measured(
    flows: &mut Flows,
    (at, port, length): (u64, u16, u32),
    reports: &mut Vec<(f64, Vec<Option<f64>>)>,
) {
    let frame = segment(7, port);
    let view = view_of(&frame, DataSource::interface(3), 10, length);
    flows.sample(ms(at), SourceId(0), &view, |completed| {
        reports.push((completed.value, completed.values.to_vec()));
    });
}

#[test]
fn a_completed_flow_has_all_values_of_its_definition() {
    let mut flows = flows(json!({
        "keys": "tcpsourceport", "log": true, "t": 1, "activeTimeout": 10,
        "value": "bytes", "values": "frames,avg:bytes,min:bytes,max:bytes,count:tcpdestinationport,vlan,avg:vlan",
    }));
    let mut reports = Vec::new();
    for (n, length) in [100, 300, 200].into_iter().enumerate() {
        measured(&mut flows, (5, u16::try_from(n).unwrap(), length), &mut reports);
    }
    assert_eq!(reports, []);
    // It ends by silence; what is told is as it was then, not as it has faded since.
    measured(&mut flows, (9000, 1, 900), &mut reports);
    let [(value, values)] = reports.as_slice() else {
        panic!("{reports:?}");
    };
    assert_eq!(whole(*value), 6000);
    assert_eq!(values[0], Some(30.0), "each stands for ten frames");
    assert!((values[1].unwrap() - 200.0).abs() < 1e-9);
    assert_eq!(values[2..4], [Some(100.0), Some(300.0)]);
    assert!((values[4].unwrap() - 3.0).abs() < 0.2, "{values:?}");
    assert_eq!(values[5..], [Some(0.0), None], "no packet had a tag");
    // It goes on for the active timeout, and what is told is the sum of each piece.
    reports.clear();
    for n in 1..=10 {
        measured(&mut flows, (9000 + n * 1000, 1, 100), &mut reports);
    }
    let [(value, values)] = reports.as_slice() else {
        panic!("{reports:?}");
    };
    assert_eq!((whole(*value), values[0]), (18_000, Some(100.0)));
}

#[test]
fn values_that_are_no_rates_are_told_beside_others_that_are() {
    for (start, value, others) in [
        (false, 200.0, [Some(6000.0), Some(300.0)]),
        (true, 100.0, [Some(1000.0), Some(100.0)]),
    ] {
        let mut flows = flows(json!({
            "keys": "tcpsourceport", "log": true, "flowStart": start, "t": 1,
            "value": "avg:bytes", "values": ["bytes", "max:bytes"],
        }));
        let mut reports = Vec::new();
        for length in [100, 300, 200] {
            measured(&mut flows, (5, 1, length), &mut reports);
        }
        flows.finish(ms(10), |completed| {
            reports.push((completed.value, completed.values.to_vec()));
        });
        let [(told, told_beside)] = reports.as_slice() else {
            panic!("{reports:?}");
        };
        assert!((told - value).abs() < 1e-9, "{told}");
        assert_eq!(told_beside, &others);
    }
}

#[test]
fn what_is_logged_is_what_was_counted_also_in_a_flood() {
    let mut flows = limited(
        json!({ "keys": "ipsource,tcpsourceport", "log": true, "t": 1 }),
        Limits {
            flows: 64,
            sources: 1,
        },
    );
    let (mut reported, mut evicted) = (0.0, 0);
    let mut log = |completed: Completed<'_>| {
        reported += completed.value;
        evicted += u64::from(completed.ending == Ending::Evicted);
    };
    let mut state = 1_u64;
    for n in 0..20_000_u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let frame = segment(u16::try_from(state >> 54).unwrap(), 1);
        let view = view_of(&frame, DataSource::interface(3), 10, 100);
        flows.sample(ms(n * 3), SourceId(0), &view, &mut log);
        if n % 33 == 0 {
            flows.tick(ms(n * 3), &mut log);
        }
    }
    flows.finish(ms(60_000), &mut log);
    let stats = *flows.stats();
    assert!(
        (reported - stats.counted as f64 * 1000.0).abs() < 1.0,
        "{reported} of {stats:?}"
    );
    assert_eq!(stats.counted + stats.refused, 20_000);
    assert_eq!(evicted, stats.evicted);
    assert!(stats.evicted > 1000 && stats.logged > 1000, "{stats:?}");
}

#[test]
fn a_logged_flow_costs_no_more_than_64_bytes_beside_its_tag() {
    let mut flows = limited(
        json!({ "keys": "ipsource,ipdestination,ipprotocol,tcpsourceport,tcpdestinationport", "log": true }),
        Limits {
            flows: 4096,
            sources: 1,
        },
    );
    for n in 0..5000 {
        count(&mut flows, 0, 0, (n, 443), 100);
    }
    assert!(flows.memory() <= 4096 * 65, "{}", flows.memory());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Against a list of all flows, each with the formula: values, order, and which are among the largest.
    #[test]
    fn the_largest_flows_are_exactly_those_of_a_model(
        n in 1_usize..6,
        trace in proptest::collection::vec((0_u64..3000, 0_u32..3, 1_u16..12, 64_u32..9000), 1..400),
    ) {
        let mut flows = flows(json!({ "keys": "tcpsourceport", "n": n, "t": 0.5 }));
        let mut model: HashMap<(u32, u16), (f64, f64)> = HashMap::new();
        let mut now = 0;
        for (gap, source, port, length) in trace {
            now += gap;
            let seconds = now as f64 / 1e3;
            let touched = count(&mut flows, now, source, (port, 1), length).unwrap();
            let (value, at) = model.entry((source, port)).or_insert((0.0, seconds));
            *value = *value * (-(seconds - *at) / 0.5).exp() + f64::from(length) * 1000.0 / 0.5;
            *at = seconds;
            prop_assert!((touched.value - *value).abs() <= 1e-6 * *value);
        }
        let now = now + 100;
        let seconds = now as f64 / 1e3;
        let mut expected: Vec<(u32, u16, f64)> = model
            .into_iter()
            .map(|((source, port), (value, at))| (source, port, value * (-(seconds - at) / 0.5).exp()))
            .collect();
        expected.sort_by(|a, b| a.0.cmp(&b.0).then(b.2.total_cmp(&a.2)));
        let mut expected: Vec<_> = expected
            .chunk_by(|a, b| a.0 == b.0)
            .flat_map(|flows| flows.iter().take(n).copied())
            .collect();
        expected.sort_by(|a, b| b.2.total_cmp(&a.2));
        let active = flows.active(ms(now), |_| true, 1000, 0.0);
        prop_assert_eq!(active.len(), expected.len());
        for (flow, (source, port, value)) in active.iter().zip(&expected) {
            // Of flows that are long gone only their order would be left to compare.
            if *value < 1e-9 {
                break;
            }
            prop_assert_eq!((flow.source.0, flow.key.clone()), (*source, port.to_string()));
            prop_assert!((flow.value - value).abs() <= 1e-6 * value, "{} {}", flow.value, value);
        }
    }
}
