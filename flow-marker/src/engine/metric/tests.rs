//! The store as its user sees it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Time;
use crate::ingest::places::Places;
use crate::sflow::{CounterFormat, DataSource, SourceClass};

pub(super) const AGENT: &str = "10.0.0.1";

pub(super) fn agent() -> IpAddr {
    AGENT.parse().unwrap()
}

pub(super) fn at(seconds: f64) -> Time {
    Time::START + Duration::from_secs_f64(seconds)
}

pub(super) fn origin(source: DataSource, sequence: u32, seconds: f64) -> Origin {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let uptime_ms = (seconds * 1000.0) as u32;
    Origin {
        agent: agent(),
        sub_agent: 0,
        source,
        seen: Seen {
            sequence,
            uptime_ms,
            at: at(seconds),
        },
    }
}

pub(super) const fn host() -> DataSource {
    DataSource {
        class: SourceClass::PHYSICAL_ENTITY,
        index: 1,
    }
}

/// Fields without the names of the wire, which the tables do not need.
pub(super) fn unnamed<'a>(fields: &[Field<'a>]) -> Vec<(&'static str, Field<'a>)> {
    fields.iter().map(|field| ("", *field)).collect()
}

/// The generic interface counters of a port with 1 Gb/s.
pub(super) fn interface(index: u32, octets: u64, packets: u32) -> Vec<(&'static str, Field<'static>)> {
    use Field::{Count32, Count64, U32, U64};
    unnamed(&[
        U32(index),
        U32(6),
        U64(1_000_000_000),
        U32(1),
        U32(3),
        Count64(octets),
        Count32(packets),
        Count32(0),
        Count32(u32::MAX),
        Count32(0),
        Count32(0),
        Count32(0),
        Count64(octets / 2),
        Count32(packets / 2),
        Count32(0),
        Count32(0),
        Count32(7),
        Count32(0),
        U32(0),
    ])
}

pub(super) fn count(store: &mut Store, index: u32, sequence: u32, seconds: f64, octets: u64, packets: u32) {
    let mut sample = store.counters(origin(DataSource::interface(index), sequence, seconds));
    sample.record(CounterFormat(1), &interface(index, octets, packets));
    sample.finish(&mut ());
}

fn value(store: &Store, source: &str, metric: &str, seconds: f64) -> Option<Value> {
    let cell = store.get(agent(), &SourceName::parse(source), metric, at(seconds));
    cell.map(|cell| cell.value.clone())
}

fn number(store: &Store, source: &str, metric: &str, seconds: f64) -> Option<f64> {
    value(store, source, metric, seconds)?.number()
}

fn store() -> Store {
    Store::new(Limits::default())
}

/// Fills a store with `agents`, each with 100 data sources of two values; how many values it has.
fn fill(store: &mut Store, agents: std::ops::Range<u8>) -> usize {
    let before = store.len();
    for agent in agents {
        for port in 0..100 {
            let source = SourceName::Sflow(DataSource::interface(port));
            for name in ["a", "b"] {
                let place = (IpAddr::from([10, 0, 0, agent]), &source);
                store.set(place, name, 1.0, Duration::from_secs(60), Time::START, &mut ());
            }
        }
    }
    store.len() - before
}

#[test]
fn agents_outside_of_the_inventory_share_what_there_is() {
    let pool = || Pool {
        sources: Arc::new(Places::new(250)),
        values: Arc::new(Places::new(450)),
    };
    let switch = IpAddr::from([10, 0, 0, 200]);
    let shared = pool();
    let mut stores = [(); 2].map(|()| Store::shared(Limits::default(), shared.clone()));
    stores[1].set_exempt(switch, true);
    // 450 values, of 225 data sources; the last 25 have none.
    assert_eq!(fill(&mut stores[0], 0..5), 450);
    assert!(stores[0].tally().refused_sources > 0 && stores[0].tally().refused_values > 0);
    assert_eq!(
        fill(&mut stores[1], 5..9),
        0,
        "another thread's agents have the same room"
    );
    assert_eq!(fill(&mut stores[1], 200..201), 200, "the inventory has its own");
    // What is forgotten, and what has been missing for long, is room again.
    stores[0].forget(IpAddr::from([10, 0, 0, 0]));
    assert_eq!(fill(&mut stores[1], 5..9), 200);
    for minute in 0..400 {
        stores[1].sweep(Time::START + Duration::from_secs(minute * 60));
    }
    stores[0].forget(IpAddr::from([10, 0, 0, 1]));
    stores[0].forget(IpAddr::from([10, 0, 0, 2]));
    assert_eq!(fill(&mut stores[0], 9..20), 450);
}

#[test]
fn an_interface_has_words_at_once_and_rates_from_the_second_sample() {
    let mut store = store();
    count(&mut store, 4, 1, 100.0, 1000, 10);
    assert_eq!(number(&store, "4", "ifindex", 100.0), Some(4.0));
    assert_eq!(number(&store, "4", "ifspeed", 100.0), Some(1e9));
    for (metric, word) in [
        ("iftype", "ethernetCsmacd"),
        ("ifdirection", "full-duplex"),
        ("ifadminstatus", "up"),
        ("ifoperstatus", "up"),
    ] {
        assert_eq!(
            value(&store, "4", metric, 100.0),
            Some(Value::Word(word)),
            "{metric}"
        );
    }
    assert_eq!(number(&store, "4", "ifinoctets", 100.0), None);
    assert_eq!(number(&store, "4", "ifinutilization", 100.0), None);

    count(&mut store, 4, 2, 120.0, 1000 + 25_000_000, 10 + 40_000);
    let number = |metric| number(&store, "4", metric, 121.0);
    assert_eq!(number("ifinoctets"), Some(1_250_000.0));
    assert_eq!(number("ifinutilization"), Some(1.0), "800 × octets/s ÷ speed");
    assert_eq!(number("ifoututilization"), Some(0.5));
    assert_eq!(number("ifinucastpkts"), Some(2000.0));
    assert_eq!(
        number("ifinpkts"),
        Some(2000.0),
        "what is not counted is left out of the sum"
    );
    assert_eq!(number("ifinbroadcastpkts"), None, "all ones: not counted");
    assert_eq!(number("ifoutdiscards"), Some(0.0));
    assert_eq!(store.tally().records, 2);
}

#[test]
fn a_duplicate_a_late_sample_and_a_restart_make_no_rates() {
    let mut store = store();
    count(&mut store, 4, 10, 100.0, 1000, 10);
    count(&mut store, 4, 11, 120.0, 3000, 20);
    count(&mut store, 4, 11, 120.0, 3000, 20);
    let mut late = origin(DataSource::interface(4), 10, 100.0);
    late.seen.at = at(120.5);
    late.seen.uptime_ms = 119_900;
    let mut sample = store.counters(late);
    sample.record(CounterFormat(1), &interface(4, 1000, 10));
    sample.finish(&mut ());
    assert_eq!(number(&store, "4", "ifinoctets", 121.0), Some(100.0));
    let tally = store.tally();
    assert_eq!((tally.duplicates, tally.out_of_order, tally.records), (1, 1, 2));

    let mut restarted = origin(DataSource::interface(4), 1, 140.0);
    restarted.seen.uptime_ms = 3000;
    let mut sample = store.counters(restarted);
    sample.record(CounterFormat(1), &interface(4, 50, 1));
    sample.finish(&mut ());
    assert_eq!(
        number(&store, "4", "ifinoctets", 141.0),
        None,
        "an old rate would be a lie"
    );
    assert_eq!(number(&store, "4", "ifinutilization", 141.0), None);
    assert_eq!(number(&store, "4", "ifspeed", 141.0), Some(1e9));
    assert_eq!(store.tally().restarts, 1);
}

#[test]
fn counters_that_somebody_cleared_make_no_rates() {
    let mut store = store();
    count(&mut store, 4, 1, 100.0, 9_000_000_000, 3_000_000_000);
    count(&mut store, 4, 2, 120.0, 5_000, 10);
    assert_eq!(number(&store, "4", "ifinoctets", 121.0), None);
    assert_eq!(
        number(&store, "4", "ifinucastpkts", 121.0),
        None,
        "a wrap it would be, alone"
    );
    assert_eq!(store.tally().resets, 1);
    count(&mut store, 4, 3, 140.0, 7_000, 30);
    assert_eq!(number(&store, "4", "ifinoctets", 141.0), Some(100.0));
}

#[test]
fn one_counter_that_wraps_is_no_reset() {
    let mut store = store();
    count(&mut store, 4, 1, 100.0, 9_000_000_000, u32::MAX - 999);
    count(&mut store, 4, 2, 120.0, 9_000_000_000 + 2000, 1000);
    assert_eq!(number(&store, "4", "ifinucastpkts", 121.0), Some(100.0));
    assert_eq!(number(&store, "4", "ifinoctets", 121.0), Some(100.0));
}

#[test]
fn what_is_not_updated_is_missing_after_three_intervals() {
    let mut store = store();
    for n in 0..4 {
        count(
            &mut store,
            4,
            n,
            100.0 + 30.0 * f64::from(n),
            u64::from(n) * 3000,
            n,
        );
    }
    assert_eq!(number(&store, "4", "ifinoctets", 280.0), Some(100.0));
    assert_eq!(number(&store, "4", "ifinoctets", 281.0), None);
    assert!(store.names().seen(at(281.0)).next().is_none());
    assert!(!store.is_empty());
    store.sweep(at(281.0));
    assert!(store.is_empty());
    count(&mut store, 4, 40, 1300.0, 1_000_000, 9);
    assert_eq!(
        number(&store, "4", "ifinoctets", 1300.0),
        None,
        "too long ago for a rate"
    );
    assert_eq!(store.tally().gaps, 1);
    store.forget(agent());
    assert!(store.names().is_empty(), "all names were given back");
}

#[test]
fn two_sub_agents_do_not_disturb_each_other() {
    let mut store = store();
    let mut send = |sub_agent, sequence, seconds: f64, format, fields: &[(&'static str, Field<'static>)]| {
        let mut sample = store.counters(Origin {
            sub_agent,
            ..origin(host(), sequence, seconds)
        });
        sample.record(CounterFormat(format), fields);
        sample.finish(&mut ());
    };
    let net = |bytes| unnamed(&[Field::Count64(bytes), Field::Count32(1)]);
    send(0, 500, 100.0, 2006, &net(1000));
    send(7, 3, 100.1, 2010, &unnamed(&[Field::Count32(5)]));
    send(0, 501, 120.0, 2006, &net(3000));
    send(7, 4, 120.1, 2010, &unnamed(&[Field::Count32(205)]));
    assert_eq!(number(&store, "2.1", "bytes_in", 121.0), Some(100.0));
    assert_eq!(number(&store, "2.1", "udp_indatagrams", 121.0), Some(10.0));
    assert_eq!(
        number(&store, "2.1", "bytes_out", 121.0),
        None,
        "the record was shorter"
    );
}

fn host_cpu(busy_ms: u32, idle_ms: u32) -> Vec<(&'static str, Field<'static>)> {
    use Field::{Count32, F32, U32};
    let mut fields = vec![
        F32(0.25),
        F32(-1.0),
        F32(f32::NAN),
        U32(1),
        U32(200),
        U32(4),
        U32(3000),
        U32(99),
    ];
    fields.extend([busy_ms, 0, 0, idle_ms, 0, 0, 0, 5, 6].map(Count32));
    unnamed(&fields)
}

#[test]
fn cpu_states_are_shares_of_all_milliseconds() {
    let mut store = store();
    for (n, seconds) in [(0_u32, 100.0), (1, 110.0)] {
        let mut sample = store.counters(origin(host(), n, seconds));
        sample.record(CounterFormat(2003), &host_cpu(n * 10_000, n * 30_000));
        sample.finish(&mut ());
    }
    let number = |metric| number(&store, "2.1", metric, 111.0);
    assert_eq!(number("cpu_user"), Some(25.0));
    assert_eq!(number("cpu_idle"), Some(75.0));
    assert_eq!(number("cpu_utilization"), Some(25.0));
    assert_eq!(number("load_one"), Some(0.25));
    assert_eq!(
        (number("load_five"), number("load_fifteen")),
        (None, None),
        "unknown"
    );
    assert_eq!(number("cpu_steal"), None, "the old form of the record");
}

#[test]
fn a_virtual_machine_without_a_limit_has_the_hosts_cpus() {
    let mut store = store();
    let machine = DataSource {
        class: SourceClass::LOGICAL_ENTITY,
        index: 100_001,
    };
    let mut sample = store.counters(origin(host(), 1, 100.0));
    sample.record(CounterFormat(2003), &host_cpu(0, 0));
    sample.finish(&mut ());
    for (n, seconds) in [(0_u32, 100.0), (1, 120.0)] {
        let mut sample = store.counters(origin(machine, n, seconds));
        let fields = [Field::U32(1), Field::Count32(n * 40_000), Field::U32(0)];
        sample.record(CounterFormat(2101), &unnamed(&fields));
        sample.record(
            CounterFormat(2000),
            &unnamed(&[Field::Bytes(b"web1"), Field::Uuid([0xab; 16])]),
        );
        sample.finish(&mut ());
    }
    assert_eq!(
        number(&store, "3.100001", "vir_cpu_utilization", 121.0),
        Some(50.0),
        "2 of 4 CPUs"
    );
    assert_eq!(
        value(&store, "3.100001", "vir_cpu_state", 121.0),
        Some(Value::Word("running"))
    );
    let text = |metric| value(&store, "3.100001", metric, 121.0).unwrap().to_string();
    assert_eq!(text("vir_host_name"), "web1");
    assert_eq!(text("vir_uuid"), "abababab-abab-abab-abab-abababababab");
}

#[test]
fn memory_disk_and_processor_are_in_their_units() {
    let mut store = store();
    let mut sample = store.counters(origin(host(), 1, 100.0));
    let memory = [1000, 300, 0, 100, 100, 50, 25].map(Field::U64);
    sample.record(CounterFormat(2004), &unnamed(&memory));
    sample.record(
        CounterFormat(2005),
        &unnamed(&[Field::U64(200), Field::U64(50), Field::U32(8765)]),
    );
    sample.record(
        CounterFormat(1001),
        &unnamed(&[Field::Unknown, Field::U32(1250), Field::U32(u32::MAX)]),
    );
    sample.finish(&mut ());
    let number = |metric| number(&store, "2.1", metric, 100.0);
    assert_eq!(number("mem_used"), Some(500.0));
    assert_eq!(number("mem_utilization"), Some(50.0));
    assert_eq!(number("swap_utilization"), Some(50.0));
    assert_eq!(number("disk_utilization"), Some(75.0));
    assert!((number("part_max_used").unwrap() - 87.65).abs() < 1e-9);
    assert_eq!(
        (number("5s_cpu"), number("1m_cpu"), number("5m_cpu")),
        (None, Some(12.5), None)
    );
}

#[test]
fn lanes_and_records_that_no_table_knows_have_metrics_too() {
    let mut store = store();
    let mut sample = store.counters(origin(DataSource::interface(3), 1, 100.0));
    let mut fields = unnamed(&[Field::U32(3), Field::U32(2), Field::U32(3300), Field::I32(-4500)]);
    for lane in [1, 2] {
        fields.extend(unnamed(&[Field::U32(lane), Field::U32(6000 + lane)]));
        fields.extend(unnamed(&[Field::U32(0); 8]));
    }
    sample.record(CounterFormat(10), &fields);
    sample.record(
        CounterFormat(4_000_000),
        &[("ib_SymbolErrors", Field::U32(9)), ("x", Field::Bytes(b"y"))],
    );
    sample.record(CounterFormat(4_000_001), &[]);
    sample.finish(&mut ());
    let number = |metric| number(&store, "3", metric, 100.0);
    assert_eq!(number("optic_module_temperature"), Some(-4.5));
    assert_eq!(number("optic_lane_tx_bias_current_2"), Some(6002.0));
    assert_eq!(number("ib_symbolerrors"), Some(9.0));
    assert_eq!(store.tally().other_records, 1);
}

#[test]
fn agents_name_metrics_themselves() {
    let mut store = store();
    let key = (agent(), &b"app"[..]);
    assert!(store.named(
        key,
        b"requests",
        Named::Counter32(u32::MAX - 9),
        at(10.0),
        &mut ()
    ));
    assert!(
        store.named(key, b"requests", Named::Counter32(u32::MAX), at(15.0), &mut ()),
        "not counted"
    );
    assert!(store.named(key, b"requests", Named::Counter32(90), at(20.0), &mut ()));
    assert!(store.named(key, b"version.full", Named::Text(b"1.2"), at(20.0), &mut ()));
    assert!(store.named((agent(), b"4"), b"optics", Named::Gauge(-3.5), at(20.0), &mut ()));
    assert_eq!(number(&store, "app", "requests", 20.0), Some(10.0));
    assert_eq!(
        value(&store, "app", "version.full", 20.0).unwrap().to_string(),
        "1.2"
    );
    assert_eq!(
        number(&store, "4", "optics", 20.0),
        Some(-3.5),
        "a data source that exists already"
    );
    assert!(!store.named(key, b"a\xff", Named::Gauge(1.0), at(20.0), &mut ()));
    assert!(!store.named(key, b"", Named::Gauge(1.0), at(20.0), &mut ()));
    assert_eq!(store.tally().refused_values, 2);
    assert!(store.set(
        (agent(), &SourceName::parse("4")),
        "elephants",
        3.0,
        Duration::from_secs(5),
        at(20.0),
        &mut ()
    ));
    assert_eq!(number(&store, "4", "elephants", 25.0), Some(3.0));
    assert_eq!(number(&store, "4", "elephants", 25.1), None);
}

#[test]
fn whatever_agents_send_memory_has_limits() {
    let limits = Limits {
        agents: 2,
        sources: 5,
        named_sources: 3,
        values: 40,
        values_per_source: 30,
    };
    let mut store = Store::new(limits);
    for n in 0..10_000_u32 {
        let source = n.to_string() + "x";
        let agent = IpAddr::from([10, 0, 0, u8::try_from(n % 7).unwrap()]);
        store.named(
            (agent, source.as_bytes()),
            format!("m{n}").as_bytes(),
            Named::Counter32(n),
            at(1.0),
            &mut (),
        );
        store.named(
            (agent, b"0x"),
            format!("m{n}").as_bytes(),
            Named::Counter64(1),
            at(1.0),
            &mut (),
        );
        store.named(
            (agent, b"0x"),
            format!("g{n}").as_bytes(),
            Named::Gauge(1.0),
            at(1.0),
            &mut (),
        );
        count(&mut store, n, 1, f64::from(n), 1, 1);
    }
    assert_eq!(store.agents().count(), 2);
    assert!(store.len() <= 80, "{}", store.len());
    assert!(store.names().len() <= 200, "{}", store.names().len());
    let tally = store.tally();
    assert!(tally.refused_agents > 0 && tally.refused_sources > 0 && tally.refused_values > 0);
    // What was there first still works.
    for _ in 0..4 {
        store.sweep(at(1e6));
    }
    assert!(store.is_empty());
    assert_eq!(store.names().len(), 0, "all names were given back");
}

#[derive(Default)]
struct Heard(Vec<(MetricId, f64)>);

impl Watch for Heard {
    fn updated(&mut self, update: &Updated<'_>, now: Time) {
        assert!(
            update.source.get(update.metric, now).is_some(),
            "the sample is stored already"
        );
        self.0.push((update.metric, update.value));
    }
}

#[test]
fn whoever_watches_hears_of_the_whole_sample_at_its_end() {
    let mut store = store();
    let mut heard = Heard::default();
    for (n, seconds) in [(0_u32, 100.0), (1, 120.0)] {
        let mut sample = store.counters(origin(DataSource::interface(4), n, seconds));
        sample.record(CounterFormat(1), &interface(4, u64::from(n) * 2000, n));
        sample.record(CounterFormat(1005), &unnamed(&[Field::Bytes(b"swp4")]));
        sample.finish(&mut heard);
    }
    let rate = store.names().find("ifinoctets").unwrap();
    let heard: Vec<_> = heard.0.iter().filter(|(id, _)| *id == rate).collect();
    assert_eq!(heard, [&(rate, 100.0)]);
    assert_eq!(store.if_index(agent(), "swp4", at(121.0)), Some(4));
    assert_eq!(store.if_index(agent(), "swp5", at(121.0)), None);
}

proptest! {
    /// Whatever comes in whatever order, a rate is one that two readings of the model allow, and nothing panics.
    #[test]
    fn rates_come_from_two_readings(
        samples in prop::collection::vec((0_u32..8, 0_u32..4000, any::<u64>(), any::<u32>()), 1..30),
    ) {
        let mut store = store();
        let mut readings: Vec<(f64, u64)> = Vec::new();
        let mut now = 0.0;
        for (sequence, step, octets, packets) in samples {
            now += f64::from(step) / 10.0;
            let octets = octets >> (sequence * 8);
            count(&mut store, 1, sequence, now, octets, packets);
            readings.push((now, octets));
            if let Some(rate) = number(&store, "1", "ifinoctets", now) {
                prop_assert!(rate >= 0.0 && rate.is_finite());
                let allowed = readings.iter().any(|(from, old)| readings.iter().any(|(to, new)| {
                    let seconds = to - from;
                    let wide = new.wrapping_sub(*old) as f64;
                    let narrow = (new.wrapping_sub(*old) & u64::from(u32::MAX)) as f64;
                    seconds > 0.0 && [wide, narrow].iter().any(|step| (step / seconds - rate).abs() <= rate * 0.02 + 1e-9)
                }));
                prop_assert!(allowed, "{rate} {readings:?}");
            }
        }
    }
}
