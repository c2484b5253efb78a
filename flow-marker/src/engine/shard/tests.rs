use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::detect::Event;
use crate::engine::threshold::Fired;
use crate::engine::{FlowRecord, Notice};
use crate::flow::Definition;
use crate::sflow::tests::build::{counter_sample, counters, datagram, expanded_flow, lag_port, raw_header};

mod edges;
mod members;

/// Takes what it is told, or does not; remembers it in any case.
#[derive(Clone, Default)]
struct Taker {
    takes: bool,
    elephants: Arc<Mutex<Vec<Event>>>,
    flows: Arc<Mutex<Vec<FlowRecord>>>,
}

impl Outlet for Taker {
    fn elephant(&mut self, notice: Notice) -> bool {
        if !matches!(notice.event, Event::Progress(_)) {
            self.elephants.lock().unwrap().push(notice.event);
        }
        self.takes
    }

    fn fired(&mut self, _: Fired) -> bool {
        self.takes
    }

    fn flow(&mut self, record: FlowRecord) -> bool {
        self.flows.lock().unwrap().push(record);
        self.takes
    }
}

const SWITCH: &str = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n";

fn shard(rest: &str, taker: &Taker) -> (Shard, Arc<Metrics>) {
    let config = Config::parse(Path::new("t"), &format!("{SWITCH}{rest}")).unwrap();
    let metrics = Arc::new(Metrics::new(1));
    let roster = Arc::new(Roster::new(&config, &metrics));
    let shard = Shard::new(
        &config,
        &metrics,
        0,
        (roster, &Common::new(&config)),
        Box::new(taker.clone()),
    );
    (shard, metrics)
}

/// One sample of a TCP flow, which stands for 200 packets and 303,600 bytes.
fn sample(source: u32, input: u32, output: u32) -> Vec<u8> {
    let mut header = vec![2; 12];
    header.extend([8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0, 0, 64, 6, 0, 0]);
    header.extend([10, 1, 0, 1, 10, 2, 0, 1, 0x9c, 0x40, 0x13, 0x89]);
    header.resize(64, 0);
    expanded_flow([0, source], [0, input], [0, output], &[raw_header(&header)])
}

/// The next datagram of the switch.
fn send(shard: &mut Shard, number: u32, now: Time, samples: &[Vec<u8>]) {
    let mut bytes = datagram("10.0.0.1".parse().unwrap(), samples);
    bytes[16..20].copy_from_slice(&number.to_be_bytes());
    let from = "10.0.0.1:6343".parse().unwrap();
    shard.batch(now, &[Received { from, bytes: &bytes }]);
}

fn define(shard: &mut Shard, name: &str, definition: &serde_json::Value) {
    let mut plan = Plan::default();
    plan.flows
        .put(name, Definition::from_json(definition).unwrap())
        .unwrap();
    shard.follow(Time::START, Arc::new(plan));
}

/// The largest flows of a definition: data source, key, value.
fn largest(shard: &Shard, name: &str, now: Time) -> Vec<(String, String, f64)> {
    let mut found = shard.defined.get(name).unwrap().active(now, |_| true, (100, 0.0));
    found.sort_by(|a, b| (a.source, &a.key).cmp(&(b.source, &b.key)));
    let shown = found.into_iter().map(|flow| {
        let (_, source) = shard.sources.get(flow.source).unwrap();
        (source.to_string(), flow.key, flow.value)
    });
    shown.collect()
}

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

#[test]
fn elephants_are_those_detected_and_not_ended_delivered_or_not() {
    for takes in [true, false] {
        let taker = Taker {
            takes,
            ..Taker::default()
        };
        let (mut shard, metrics) = shard("[mark]\nthreshold = \"1M\"\nprofile = \"average\"\n", &taker);
        send(&mut shard, 1, at(1), &[sample(1, 1, 9)]);
        let agent = metrics.agents().remove(0);
        let counts = || {
            let counters = (agent.detected.get(), agent.ended.get());
            (counters.0, counters.1, metrics.threads()[0].elephants.get())
        };
        shard.tick(at(1));
        assert_eq!(counts(), (1, 0, 1), "taken: {takes}");
        shard.tick(at(20));
        assert_eq!(counts(), (1, 1, 0), "taken: {takes}");
    }
}

/// Counters of the LAG 1001 of 2 Gbit/s and of its members 7 and 8.
fn lag_counters() -> Vec<Vec<u8>> {
    let member = |port| counter_sample(port, &[lag_port(1001)]);
    vec![counters(1001, 2_000_000_000, "bond0"), member(7), member(8)]
}

#[test]
fn a_flow_that_a_lag_spreads_over_its_members_is_one_elephant_of_the_lag() {
    let configured = "[switch.ports.7]\nlag = 1001\n[switch.ports.8]\nlag = 1001\n";
    let mut learned = lag_counters();
    let speed = learned[..1].to_vec();
    learned.rotate_left(1); // The members may come first.
    for (rest, told) in [("", learned), (configured, speed)] {
        let taker = Taker {
            takes: true,
            ..Taker::default()
        };
        let (mut shard, metrics) = shard(rest, &taker);
        send(&mut shard, 1, at(0), &told);
        // 100 samples a second, 30.36 MB/s in all: beyond 10 % of the LAG's 2 Gbit/s, each half of it below.
        for n in 0..400_u32 {
            let now = Time::START + Duration::from_millis(u64::from(n) * 10);
            send(&mut shard, n + 2, now, &[sample(7 + n % 2, 1001, 9)]);
        }
        // Where it leaves by a LAG it does not enter.
        send(&mut shard, 500, at(4), &[sample(7, 3, 1001)]);
        let agent = metrics.agents().remove(0);
        assert_eq!((agent.flow_counted.get(), agent.flow_egress.get()), (400, 1));
        assert_eq!(agent.flow_other_port.get(), 0);
        let elephants = taker.elephants.lock().unwrap();
        let [Event::Started(elephant)] = elephants.as_slice() else {
            panic!("{elephants:?}");
        };
        assert_eq!(elephant.port, 1001);
        assert_eq!(elephant.evidence.threshold, "200M".parse().unwrap());
    }
}

#[test]
fn a_flow_record_has_all_values() {
    let taker = Taker {
        takes: true,
        ..Taker::default()
    };
    let (mut shard, _) = shard("", &taker);
    define(
        &mut shard,
        "pair",
        &json!({ "keys": "ipsource", "log": true, "t": 1, "value": "frames", "values": "bytes,max:bytes" }),
    );
    for n in 0..10_u32 {
        send(
            &mut shard,
            n,
            Time::START + Duration::from_millis(u64::from(n)),
            &[sample(1, 1, 9)],
        );
    }
    for n in 0..100 {
        shard.tick(at(10) + Duration::from_millis(n * 100));
    }
    let flows = taker.flows.lock().unwrap();
    let [record] = flows.as_slice() else {
        panic!("{flows:?}");
    };
    assert_eq!((&*record.key, record.value), ("10.1.0.1", 2000.0));
    assert_eq!(record.values, [Some(3_036_000.0), Some(1518.0)]);
}

#[test]
fn what_enters_and_leaves_by_a_lag_is_told_apart() {
    let (mut shard, _) = shard("", &Taker::default());
    define(
        &mut shard,
        "way",
        &json!({ "keys": "direction", "value": "frames", "t": 1 }),
    );
    let samples = [sample(7, 1001, 9), sample(8, 1001, 9), sample(8, 3, 1001)];
    send(&mut shard, 1, at(0), &samples);
    let found = largest(&shard, "way", at(0));
    let shown = |source: &str, key: &str, value| (source.to_owned(), key.to_owned(), value);
    // Nothing is known of the LAG: 7 and 8 are neither where the packets entered nor where they left.
    assert_eq!(found, [shown("7", "egress", 200.0), shown("8", "egress", 400.0)]);
    send(&mut shard, 2, at(100), &lag_counters());
    send(&mut shard, 3, at(100), &samples);
    let found = largest(&shard, "way", at(100));
    let now: Vec<_> = found.into_iter().filter(|(.., value)| *value > 1.0).collect();
    assert_eq!(
        now,
        [
            shown("7", "ingress", 200.0),
            shown("8", "egress", 200.0),
            shown("8", "ingress", 200.0)
        ]
    );
}

#[test]
fn another_threshold_counts_for_what_flows_have_shown_before() {
    let taker = Taker {
        takes: true,
        ..Taker::default()
    };
    let slow = "[mark]\nthreshold = \"100M\"\nprofile = \"average\"\n";
    let (mut shard, metrics) = shard(slow, &taker);
    let follow = |shard: &mut Shard, rest: &str| {
        let config = Config::parse(Path::new("t"), &format!("{SWITCH}{rest}")).unwrap();
        let plan = Plan {
            config: Some(Arc::new(config)),
            ..Plan::default()
        };
        shard.follow(Time::START, Arc::new(plan));
    };
    let elephants = || metrics.agents()[0].detected.get();
    // 24 Mbit/s.
    let mut number = 0;
    let mut go_on = |shard: &mut Shard| {
        for _ in 0..20 {
            number += 1;
            let now = Time::START + Duration::from_millis(100 * u64::from(number));
            send(shard, number, now, &[sample(1, 1, 9)]);
        }
    };
    go_on(&mut shard);
    assert_eq!(elephants(), 0);
    follow(&mut shard, "[mark]\nthreshold = \"10M\"\nprofile = \"average\"\n");
    assert_eq!(elephants(), 0, "a sample decides");
    go_on(&mut shard);
    assert_eq!(elephants(), 1);
    let Event::Started(found) = taker.elephants.lock().unwrap()[0].clone() else {
        panic!("an elephant")
    };
    let first = found.evidence.first_sample;
    assert_eq!(
        (first, found.evidence.samples),
        (Time::START + Duration::from_millis(100), 21)
    );
    // It stays one whatever the threshold; and a port may become one that flows do not enter by.
    follow(&mut shard, slow);
    go_on(&mut shard);
    shard.tick(at(6));
    let agent = metrics.agents().remove(0);
    assert_eq!((elephants(), agent.ended.get(), agent.flow_core.get()), (1, 0, 0));
    follow(&mut shard, "[mark]\nthreshold = \"10M\"\nedge = \"configured\"\n");
    go_on(&mut shard);
    assert_eq!((agent.flow_counted.get(), agent.flow_core.get()), (60, 20));
    shard.tick(at(30));
    assert_eq!(
        (elephants(), agent.ended.get()),
        (1, 1),
        "nothing is heard of it any more"
    );
}
