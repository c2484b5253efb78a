//! What comes from the network is anybody's to forge: nobody outside the inventory is contacted, no token leaves it, nothing
//! is marked on absurd evidence, and what was seen is counted. Real daemons, real UDP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tests::agent::{
    Agent, CounterSample, FlowSample, Packet, Playing, Port, PortCounters, Sample, Timeline, Traffic, play,
};
use tests::local::{LocalFlowMarker, LocalSwitch};
use tests::stub::{self, Stub, response};
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(30);
/// Ten times what it takes to mark the elephant of these tests: what has not happened by then does not.
const LONG_ENOUGH: Duration = Duration::from_secs(4);
const SAMPLING: u32 = 100;
/// Four times the threshold.
const ELEPHANT: u64 = 400_000_000;
const MOUSE: u64 = 5_000_000;
/// An address that no inventory has.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 99);

/// A switch, and a flow-marker that marks there what has 100 Mb/s.
struct World {
    switch: LocalSwitch,
    marker: LocalFlowMarker,
    _directory: tempfile::TempDir,
}

impl World {
    fn start(number: u8) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let switch = LocalSwitch::start(directory.path(), number).unwrap();
        let config = switch.inventory() + "[mark]\nmode = \"act\"\nthreshold = \"100M\"\n";
        let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
        Self {
            switch,
            marker,
            _directory: directory,
        }
    }

    fn agent(&self) -> IpAddr {
        self.switch.agent.into()
    }

    fn play(&self, agent: Agent, timeline: Timeline) -> Playing {
        let address = agent.address();
        let datagrams = agent.datagrams(timeline, 7, Duration::from_millis(200));
        play(datagrams, address, self.marker.sflow).unwrap()
    }

    fn controls(&self) -> Vec<Value> {
        let controls = self.marker.json("/controls/json").unwrap();
        controls.as_array().unwrap().clone()
    }

    /// Waits until the honest elephant is marked, and nothing else is.
    fn marked(&self) -> Value {
        let found = wait::until("the honest elephant's mark", PATIENCE, || {
            let mut controls = self.controls();
            let is_installed = |control: &Value| control.get("state").unwrap() == "installed";
            (controls.len() == 1 && controls.iter().all(is_installed)).then(|| controls.remove(0))
        });
        found.unwrap_or_else(|error| panic!("{error}: {:#?}", self.controls()))
    }

    /// Only the honest elephant is marked.
    fn nothing_else_is_marked(&self) {
        let rules = self.switch.rules().unwrap();
        assert!(
            rules.len() == 1 && rules.iter().all(|rule| rule.contains("--dport 5201")),
            "{rules:#?}"
        );
        let controls = self.controls();
        assert_eq!(controls.len(), 1, "{controls:#?}");
    }

    fn metric(&self, name: &str, label: &str) -> f64 {
        self.marker.metric(name, label).unwrap()
    }
}

/// A flow of a number of its own, from port 1 to port 2, with the sender's clock.
fn flow(number: u16, port: u16) -> FlowSample {
    let (source, destination) = (([10, 1, 0, 1], 40_000 + number), ([10, 2, 0, 1], port));
    let packet = Packet::tcp(source.into(), destination.into()).with_timestamp();
    FlowSample::new(packet, SAMPLING, 1, 2)
}

/// What a honest agent tells: its port, and an elephant to port 5201.
fn honest() -> Timeline {
    let port = CounterSample::new(PortCounters::new(1, 1_000_000_000), "swp1");
    Timeline::new()
        .with_ports(vec![port], Duration::from_secs(1))
        .with_flow(Traffic::new(flow(0, 5201), ELEPHANT, 1))
}

fn mouse(number: u16) -> Traffic {
    Traffic::new(flow(number, 7), MOUSE, number.into())
}

/// Listens where somebody would be called who believes an agent address: at the ports of acl-servers.
fn strangers(ports: &[u16]) -> Vec<Stub> {
    let listen = |port: &u16| {
        Stub::start((STRANGER, *port).into(), |_, stream| {
            stub::send(stream, &response("200 OK", &[], b"[]"));
        })
    };
    ports.iter().map(|port| listen(port).unwrap()).collect()
}

#[test]
fn an_agent_that_is_not_in_the_inventory_is_never_contacted() {
    let world = World::start(31);
    let listeners = strangers(&[world.switch.server.address.port(), 8080, 8443]);
    let _forged = world.play(Agent::new(STRANGER.into()), honest());
    // Nor does a forged source help.
    let forged = Agent::new(Ipv4Addr::new(10, 99, 0, 1).into());
    let datagrams = forged.datagrams(honest(), 7, Duration::from_millis(200));
    let _source = play(datagrams, STRANGER.into(), world.marker.sflow).unwrap();
    let _honest = world.play(Agent::new(world.agent()), honest());
    let control = world.marked();
    assert_eq!(control.get("agent").unwrap(), &world.agent().to_string());
    wait::pause(LONG_ENOUGH);
    for listener in &listeners {
        assert_eq!(
            listener.requests(),
            Vec::<String>::new(),
            "somebody called {}",
            listener.address
        );
    }
    world.nothing_else_is_marked();
    // They were listened to, as sFlow collectors do, and counted.
    assert!(world.metric("datagrams_decoded_total", "agent=\"other\"") > 10.0);
    assert_eq!(world.metric("agents", ""), 3.0);
}

/// What can be wrong with a sample, each in a flow of its own.
const ABSURD: [fn(&mut FlowSample); 17] = [
    |sample| sample.sampling_rate = 0,
    |sample| sample.sampling_rate = 1,
    |sample| sample.sampling_rate = 1 << 31,
    |sample| sample.sampling_rate = u32::MAX,
    |sample| sample.packet.frame_length = 1,
    |sample| sample.packet.frame_length = 64,
    |sample| sample.packet.frame_length = 1 << 20,
    |sample| sample.packet.frame_length = u32::MAX,
    // Pools that stand still, run backwards, and leap.
    |sample| sample.pool_step = 0,
    |sample| sample.pool_step = u32::MAX,
    |sample| sample.pool_step = u32::MAX - SAMPLING,
    |sample| sample.pool_step = 1 << 31,
    |sample| sample.pool_step = 1 << 24,
    |sample| sample.input = Port::Unknown,
    |sample| sample.input = Port::Multiple(9),
    |sample| sample.input = Port::Index(u32::MAX >> 2),
    |sample| sample.header_limit = 30,
];

/// The mice, each sample changed and in a datagram of its own, from another process of the agent.
fn forged(
    world: &World,
    mice: u16,
    change: impl Fn(u16, &mut FlowSample) + Send + 'static,
) -> impl Iterator<Item = (Duration, Vec<u8>)> + Send + 'static {
    let timeline = (1..=mice).fold(Timeline::new(), |timeline, number| {
        timeline.with_flow(mouse(number))
    });
    let mut agent = Agent::with_sub_agent(world.agent(), 7);
    timeline.map(move |(at, mut sample)| {
        if let Sample::Flow(sample) = &mut sample {
            change(sample.packet.source.port() - 40_001, sample);
        }
        (at, agent.datagram(at, &[sample]))
    })
}

#[test]
fn absurd_samples_are_counted_and_mark_nothing() {
    let world = World::start(32);
    let mice = u16::try_from(ABSURD.len()).unwrap();
    let datagrams = forged(&world, mice, |number, sample| {
        let change = ABSURD.get(usize::from(number)).unwrap();
        change(sample);
    });
    let _forged = play(datagrams, world.agent(), world.marker.sflow).unwrap();
    let _honest = world.play(Agent::new(world.agent()), honest());
    world.marked();
    wait::pause(LONG_ENOUGH);
    world.nothing_else_is_marked();
    let flows = |result: &str| world.metric("flow_samples_total", &format!("result=\"{result}\""));
    assert!(flows("implausible") > 10.0 && flows("other_port") > 2.0 && flows("no_tcp_udp") > 2.0);
}

#[test]
fn sequence_numbers_that_leap_prove_nothing() {
    let world = World::start(33);
    // By so much from sample to sample, as many flows.
    const LEAPS: [u32; 6] = [1 << 20, 1 << 24, 1 << 28, 1 << 30, (1 << 31) - 1, 3 << 30];
    let datagrams = forged(&world, 6, |number, sample| {
        let leap = LEAPS.get(usize::from(number)).unwrap();
        let packets = sample.packet.sequence / sample.packet.payload_length();
        // A sample each hundred packets or so.
        sample.packet.sequence = (packets / SAMPLING).wrapping_mul(*leap);
    });
    let _forged = play(datagrams, world.agent(), world.marker.sflow).unwrap();
    let _honest = world.play(Agent::new(world.agent()), honest());
    // The honest elephant is known by the same kind of evidence.
    let control = world.marked();
    assert_eq!(control.pointer("/evidence/path").unwrap(), "sequence");
    wait::pause(2 * LONG_ENOUGH);
    world.nothing_else_is_marked();
}

#[test]
fn sequence_numbers_of_datagrams_that_jump_and_wrap_mark_nothing() {
    let world = World::start(34);
    // As the agents of an attacker count, or one whose memory is damaged.
    let steps: [fn(u32) -> u32; 4] = [
        |number| number.wrapping_mul(0x9E37_79B9),
        |number| (u32::MAX - 5).wrapping_add(number % 11),
        |number| u32::MAX - number,
        |number| number << 24,
    ];
    let players: Vec<_> = (1..)
        .zip(steps)
        .map(|(sub_agent, step)| {
            let timeline = Timeline::new().with_flow(mouse(sub_agent));
            let agent = Agent::with_sub_agent(world.agent(), sub_agent.into());
            let datagrams = agent.datagrams(timeline, 1, Duration::ZERO).zip(0..);
            let jumping = datagrams.map(move |((at, mut bytes), number)| {
                // Version, type and address of the agent, sub-agent, and then the sequence number (sFlow v5 §5).
                bytes[16..20].copy_from_slice(&step(number).to_be_bytes());
                (at, bytes)
            });
            play(jumping, world.agent(), world.marker.sflow).unwrap()
        })
        .collect();
    let _honest = world.play(Agent::new(world.agent()), honest());
    world.marked();
    wait::pause(LONG_ENOUGH);
    world.nothing_else_is_marked();
    drop(players);
}

#[test]
fn a_reboot_of_the_agent_neither_marks_nor_unmarks() {
    let world = World::start(35);
    let mice = |timeline: Timeline| (1..=5).fold(timeline, |timeline, n| timeline.with_flow(mouse(n)));
    let before = world.play(Agent::new(world.agent()), mice(honest()));
    let marked = world.marked();
    let runs = world.switch.home.runs().unwrap().len();
    wait::pause(Duration::from_secs(2));
    before.stop().unwrap();
    // All its numbers and counters begin again; the flows have gone on.
    let mut elephant = flow(0, 5201);
    elephant.packet.sequence = 1 << 30;
    elephant.packet.timestamp = Some(60_000);
    let port = CounterSample::new(PortCounters::new(1, 1_000_000_000), "swp1");
    let again = Timeline::new()
        .with_ports(vec![port], Duration::from_secs(1))
        .with_flow(Traffic::new(elephant, ELEPHANT, 2));
    let _after = world.play(Agent::new(world.agent()), mice(again));
    wait::pause(3 * LONG_ENOUGH);
    world.nothing_else_is_marked();
    assert_eq!(world.marked().get("name"), marked.get("name"));
    assert_eq!(
        world.switch.home.runs().unwrap().len(),
        runs,
        "the switch was changed"
    );
}

#[test]
fn what_is_no_sflow_is_counted_and_harms_nobody() {
    let world = World::start(36);
    let mut agent = Agent::with_sub_agent(world.agent(), 9);
    let good = agent.datagram(Duration::ZERO, &[Sample::Flow(flow(1, 7))]);
    let with = |at: usize, word: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
        bytes
    };
    let mut bad = vec![
        Vec::new(),
        vec![0xFF; 65_000],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        with(0, 4),
        with(4, 9),
        // So many samples, and a sample of such a length.
        with(24, u32::MAX),
        with(32, u32::MAX),
    ];
    bad.extend((0..good.len()).map(|length| good[..length].to_vec()));
    let count = bad.len();
    let datagrams = (0..20)
        .flat_map(move |_| bad.clone())
        .map(|bytes| (Duration::ZERO, bytes));
    play(datagrams, world.agent(), world.marker.sflow)
        .unwrap()
        .wait()
        .unwrap();
    let _honest = world.play(Agent::new(world.agent()), honest());
    world.marked();
    world.nothing_else_is_marked();
    let rejected = world.metric("datagrams_rejected_total", "");
    let damaged = world.metric("datagrams_damaged_total", "");
    let seen = rejected + damaged + world.metric("datagrams_duplicate_total", "");
    assert!(
        rejected > 100.0 && damaged > 0.0 && seen >= f64::from(u32::try_from(count).unwrap()),
        "{rejected} rejected, {damaged} damaged"
    );
}

#[test]
fn a_redirect_does_not_take_the_token_elsewhere() {
    const TOKEN: &str = "a-secret-of-sixteen-or-more";
    let directory = tempfile::tempdir().unwrap();
    let [stranger] = <[Stub; 1]>::try_from(strangers(&[0])).unwrap();
    let target = stranger.address;
    let redirecting = Stub::start(SocketAddr::from(([127, 0, 0, 37], 0)), move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or("/");
        let location = format!("Location: http://{target}{path}");
        stub::send(stream, &response("307 Temporary Redirect", &[&location], b""));
    })
    .unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let config = format!(
        "[[switch]]\nagent = \"127.0.0.37\"\nacl = \"http://{}\"\ntoken_file = \"{}\"\ncleartext_token = true\n\
         [mark]\nmode = \"act\"\nthreshold = \"100M\"\n",
        redirecting.address,
        token.display()
    );
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
    let agent = Agent::new(Ipv4Addr::new(127, 0, 0, 37).into());
    let address = agent.address();
    let datagrams = agent.datagrams(honest(), 7, Duration::from_millis(200));
    let _agent = play(datagrams, address, marker.sflow).unwrap();
    let asked = wait::until("the switch to be asked for a mark", PATIENCE, || {
        let requests = redirecting.requests();
        let is_change = |head: &String| head.starts_with("PATCH ") || head.starts_with("PUT ");
        let wanted = marker.metric("elephants_detected_total", "").unwrap() > 0.0;
        (wanted && (requests.iter().any(is_change) || requests.len() > 2)).then_some(requests)
    });
    let asked = asked.unwrap_or_else(|error| panic!("{error}: {:?}", redirecting.requests()));
    assert!(
        asked
            .iter()
            .all(|head| head.to_lowercase().contains("authorization: bearer")),
        "the switch itself is given the token: {asked:?}"
    );
    wait::pause(LONG_ENOUGH);
    assert_eq!(stranger.requests(), Vec::<String>::new());
    let switches = marker.json("/switches/json").unwrap();
    let error = switches.pointer("/0/last_error").unwrap().to_string();
    assert!(error.contains("307"), "{error}");
    for text in [marker.process.output(), switches.to_string()] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}
