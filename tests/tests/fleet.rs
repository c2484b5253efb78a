//! Many elephants at once on several switches, with real daemons: each is marked where it enters, within the budget, and
//! where there are more than places, the largest are.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tests::agent::{
    Agent, CounterSample, FlowSample, Packet, Playing, PortCounters, Sample, Timeline, Traffic, play,
};
use tests::local::{LocalFlowMarker, LocalSwitch};
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(60);
/// The port towards the other switches.
const UPLINK: u32 = 9;
/// Ports of hosts.
const EDGE: u8 = 4;

/// An elephant: where it enters, its number there, its rate in bits per second, and when it begins.
#[derive(Clone, Copy)]
struct Elephant {
    switch: u8,
    number: u8,
    rate: u64,
    start: Duration,
}

impl Elephant {
    fn ends(&self) -> (SocketAddr, SocketAddr) {
        let port = 40_000 + u16::from(self.number);
        (
            ([10, self.switch, 0, self.number], port).into(),
            ([10, 200, self.switch, self.number], 5201).into(),
        )
    }

    /// As it is seen where it comes in by a port of a switch.
    fn traffic(&self, sampling: u32, (input, output): (u32, u32)) -> Traffic {
        let (source, destination) = self.ends();
        // With the sender's clock, so that rates are known as exactly as by any real sender.
        let packet = Packet::tcp(source, destination).with_timestamp();
        let sample = FlowSample::new(packet, sampling, input, output);
        let seed = u64::from(self.switch) * 1000 + u64::from(self.number);
        Traffic::new(sample, self.rate, seed).during(self.start, Duration::MAX)
    }

    fn rule(&self) -> String {
        let (source, destination) = self.ends();
        format!(
            "-t mangle -A FORWARD --in-interface swp+ -s {} -d {} -p tcp --sport {} --dport {} \
             -j SETQOS --set-dscp 10 --set-cos 5",
            source.ip(),
            destination.ip(),
            source.port(),
            destination.port()
        )
    }
}

fn rules(elephants: &[Elephant]) -> Vec<String> {
    let mut rules: Vec<_> = elephants.iter().map(Elephant::rule).collect();
    rules.sort();
    rules
}

/// The agent of a switch: the elephants that enter there by its edge ports, and others that come by its uplink.
fn agent(
    switch: &LocalSwitch,
    sampling: u32,
    own: &[Elephant],
    others: &[Elephant],
    to: SocketAddr,
) -> Playing {
    let port = |index| {
        let counters = PortCounters::new(index, 10_000_000_000);
        CounterSample::new(counters, &format!("swp{index}"))
    };
    let ports = (1..=u32::from(EDGE)).chain([UPLINK]).map(port).collect();
    let mut timeline = Timeline::new().with_ports(ports, Duration::from_secs(1));
    for elephant in own {
        let port = u32::from(1 + elephant.number % EDGE);
        timeline = timeline.with_flow(elephant.traffic(sampling, (port, UPLINK)));
    }
    for elephant in others {
        timeline = timeline.with_flow(elephant.traffic(sampling, (UPLINK, 1)));
    }
    let datagrams = Agent::new(switch.agent.into()).datagrams(timeline, 7, Duration::from_millis(200));
    play(datagrams, switch.agent.into(), to).unwrap()
}

/// Waits until the switch has the rules of exactly these elephants.
fn settled(switch: &LocalSwitch, marker: &LocalFlowMarker, elephants: &[Elephant]) {
    let expected = rules(elephants);
    let mut seen = Vec::new();
    let found = wait::until("the rules of all elephants", PATIENCE, || {
        seen = switch.rules().unwrap();
        (seen == expected).then_some(())
    });
    found.unwrap_or_else(|error| {
        let [seen, expected] = [seen, expected].map(BTreeSet::from_iter);
        panic!(
            "{error}: {} rules; missing: {:#?}; too many: {:#?}\n{}",
            seen.len(),
            expected.difference(&seen).collect::<Vec<_>>(),
            seen.difference(&expected).collect::<Vec<_>>(),
            marker.json("/switches/json").unwrap()
        )
    });
}

/// The most rules that the tool of a switch was ever given at once.
fn most_at_once(switch: &LocalSwitch) -> usize {
    let runs = switch.home.runs().unwrap();
    let files = runs
        .iter()
        .filter_map(|run| Some(run.get("at_end")?.as_object()?.len()));
    files.max().unwrap_or(0)
}

#[test]
fn each_of_128_elephants_is_marked_on_the_switch_where_it_enters() {
    let directory = tempfile::tempdir().unwrap();
    let switches: Vec<_> = (11..=14)
        .map(|number| LocalSwitch::start(directory.path(), number).unwrap())
        .collect();
    let inventory: String = switches
        .iter()
        .map(|switch| {
            let uplink = "[switch.ports.9]\nrole = \"core\"\n";
            switch.inventory() + uplink
        })
        .collect();
    let config = format!("{inventory}[mark]\nmode = \"act\"\nthreshold = \"100M\"\n");
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
    let entering = |switch: u8| -> Vec<Elephant> {
        let elephant = |number: u8| Elephant {
            switch,
            number,
            rate: 120_000_000 + 10_000_000 * u64::from(number),
            start: Duration::from_millis(20) * number.into(),
        };
        (1..=32).map(elephant).collect()
    };
    let elephants: Vec<_> = (11..=14).map(entering).collect();
    // What enters at one leaves through the next.
    let neighbours = elephants.iter().cycle().skip(elephants.len() - 1);
    let agents: Vec<_> = switches
        .iter()
        .zip(&elephants)
        .zip(neighbours)
        .map(|((switch, own), others)| agent(switch, 500, own, others, marker.sflow))
        .collect();
    for (switch, own) in switches.iter().zip(&elephants) {
        settled(switch, &marker, own);
        assert!(most_at_once(switch) <= 64, "more than the budget");
    }
    // Transit was seen there, and is nobody's elephant.
    let transit = marker.metric("flow_samples_total", "result=\"core_port\"");
    assert!(transit.unwrap() > 1000.0);
    for (switch, own) in switches.iter().zip(&elephants) {
        assert_eq!(switch.rules().unwrap(), rules(own));
    }
    assert_eq!(marker.metric("elephants", "").unwrap(), 128.0);
    drop(agents);
}

#[test]
fn of_80_elephants_and_50_places_the_50_largest_have_them() {
    let directory = tempfile::tempdir().unwrap();
    let switch = LocalSwitch::start(directory.path(), 21).unwrap();
    let config = format!(
        "{}[mark]\nmode = \"act\"\nthreshold = \"100M\"\nmax_rules = 50\nhold = \"1s\"\n",
        switch.inventory()
    );
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
    // The smaller ones come first, and have their places before the larger ones ask for them.
    let elephant = |number: u8| {
        let small = 130_000_000 + 1_000_000 * u64::from(number);
        Elephant {
            switch: 21,
            number,
            rate: if number <= 30 { small } else { 2 * small },
            start: Duration::from_secs(if number <= 30 { 0 } else { 4 }),
        }
    };
    let elephants: Vec<_> = (1..=80).map(elephant).collect();
    let agent = agent(&switch, 200, &elephants, &[], marker.sflow);
    let (small, large) = elephants.split_at(30);
    settled(&switch, &marker, small);
    settled(&switch, &marker, large);
    assert_eq!(most_at_once(&switch), 50);
    // It stays so.
    let runs = switch.home.runs().unwrap().len();
    wait::pause(Duration::from_secs(4));
    assert_eq!(switch.rules().unwrap(), rules(large));
    assert_eq!(switch.home.runs().unwrap().len(), runs);
    assert_eq!(marker.metric("controls", "state=\"over_budget\"").unwrap(), 30.0);
    drop(agent);
}

/// A sample each tenth of a second of so many flows at once, each of 240 Mb/s, for so many rounds.
fn flood(agent: Ipv4Addr, flows: u16, rounds: u32) -> impl Iterator<Item = (Duration, Vec<u8>)> + Send {
    const SAMPLING: u32 = 2000;
    let mut agent = Agent::new(agent.into());
    let port = CounterSample::new(PortCounters::new(1, 1_000_000_000_000), "swp1");
    let counters = agent.datagram(Duration::ZERO, &[Sample::Counters(port)]);
    let datagrams = (0..rounds).flat_map(move |round| {
        let at = Duration::from_millis(100) * round;
        let numbers: Vec<_> = (0..flows).collect();
        let samples = |chunk: &[u16]| -> Vec<Sample> {
            let sample = |number: &u16| {
                let [high, low] = number.to_be_bytes();
                let packet = Packet::tcp(
                    ([10, 1, high, low], 40_000).into(),
                    ([10, 2, high, low], 5201).into(),
                );
                Sample::Flow(FlowSample::new(packet, SAMPLING, 1, 2))
            };
            chunk.iter().map(sample).collect()
        };
        let datagrams: Vec<_> = numbers
            .chunks(8)
            .map(|chunk| (at, agent.datagram(at, &samples(chunk))))
            .collect();
        datagrams
    });
    std::iter::once((Duration::ZERO, counters)).chain(datagrams)
}

#[test]
fn of_2000_elephants_at_once_the_switch_gets_no_more_than_its_budget() {
    let directory = tempfile::tempdir().unwrap();
    let switch = LocalSwitch::start(directory.path(), 22).unwrap();
    let config = switch.inventory() + "[mark]\nmode = \"act\"\nthreshold = \"100M\"\n";
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
    let flood = flood(switch.agent, 2000, 80);
    let flood = play(flood, switch.agent.into(), marker.sflow).unwrap();
    wait::until("the budget to be used", PATIENCE, || {
        (switch.rules().unwrap().len() == 64).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", marker.json("/switches/json").unwrap()));
    flood.wait().unwrap();
    let switches = marker.json("/switches/json").unwrap();
    assert_eq!(switches.pointer("/0/budget/max_rules").unwrap(), 64);
    let detected = marker.metric("elephants_detected_total", "").unwrap();
    assert!(detected > 100.0, "{detected} were found");
    assert_eq!(most_at_once(&switch), 64);
    // All of them have ended, and nothing is left of them.
    wait::until("all rules to be gone", PATIENCE, || {
        switch.rules().unwrap().is_empty().then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", marker.json("/switches/json").unwrap()));
    assert_eq!(marker.metric("elephants", "").unwrap(), 0.0);
}
