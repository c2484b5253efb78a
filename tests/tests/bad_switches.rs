//! ACL servers that hang, lie, or answer with anything at all, beside a good one: its marks come in time, and each of the
//! others is shown with what is wrong with it. Real flow-marker, real sockets.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tests::agent::{
    Agent, CounterSample, FlowSample, Packet, Playing, PortCounters, Timeline, Traffic, play,
};
use tests::local::{LocalFlowMarker, LocalSwitch};
use tests::stub::{self, Stub, response};
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(60);

/// What a server does with a request.
type Answer = fn(&mut TcpStream);

/// What bad servers do with every request.
const BAD: [(&str, Answer); 11] = [
    ("nothing", stub::silence),
    ("closes", |_| ()),
    ("drips", |stream| {
        stub::drip(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    }),
    ("cut", |stream| {
        stub::send(
            stream,
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[\"fm_mark_",
        );
    }),
    ("no-http", |stream| stub::send(stream, b"SSH-2.0-OpenSSH_9.2\r\n")),
    ("page", |stream| {
        stub::send(
            stream,
            &response("200 OK", &["Content-Type: text/html"], b"<html>Router</html>"),
        );
    }),
    ("number", |stream| {
        stub::send(stream, &response("200 OK", &[], b"7"));
    }),
    ("huge", |stream| {
        let names = format!("[{}\"x\"]", "\"fm_mark_1\",".repeat(1 << 20));
        stub::send(stream, &response("200 OK", &[], names.as_bytes()));
    }),
    ("deep", |stream| {
        stub::send(stream, &response("200 OK", &[], "[".repeat(1 << 20).as_bytes()));
    }),
    ("broken", |stream| {
        stub::send(
            stream,
            &response("500 Internal Server Error", &[], &[0xFF; 100_000]),
        );
    }),
    ("stranger", |stream| {
        stub::send(stream, &response("401 Unauthorized", &[], b""));
    }),
];

fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(number).unwrap() + 1)
}

/// A switch with an elephant of 400 Mb/s on a port of 1 Gb/s.
fn agent(agent: Ipv4Addr, to: SocketAddr) -> Playing {
    let last = agent.octets();
    let packet = Packet::tcp(
        SocketAddr::new(IpAddr::from([10, 1, last[2], last[3]]), 40_000),
        ([10, 2, 0, 1], 5201).into(),
    );
    let port = CounterSample::new(PortCounters::new(1, 1_000_000_000), "swp1");
    let timeline = Timeline::new()
        .with_ports(vec![port], Duration::from_secs(1))
        .with_flow(Traffic::new(FlowSample::new(packet, 100, 1, 2), 400_000_000, 7));
    let datagrams = Agent::new(agent.into()).datagrams(timeline, 7, Duration::from_millis(100));
    play(datagrams, agent.into(), to).unwrap()
}

/// What `/switches/json` says, by agent.
fn switch(marker: &LocalFlowMarker, agent: Ipv4Addr) -> Value {
    let switches = marker.json("/switches/json").unwrap();
    let all = switches.as_array().unwrap().iter();
    let of_agent = |switch: &&Value| switch.get("agent").unwrap() == &agent.to_string();
    all.clone().find(of_agent).unwrap().clone()
}

#[test]
fn servers_that_answer_anything_harm_no_other_switch_and_are_shown() {
    let directory = tempfile::tempdir().unwrap();
    let good = LocalSwitch::start(directory.path(), 41).unwrap();
    let mut config = good.inventory();
    let mut stubs = Vec::new();
    for (number, (_, answer)) in BAD.into_iter().enumerate() {
        let agent = address(number);
        let stub = Stub::start((agent, 0).into(), move |_, stream| answer(stream)).unwrap();
        config += &format!(
            "[[switch]]\nagent = \"{agent}\"\nacl = \"http://{}\"\n",
            stub.address
        );
        stubs.push(stub);
    }
    config += "[mark]\nmode = \"act\"\n";
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
    let bad = (0..BAD.len()).map(|number| agent(address(number), marker.sflow));
    let agents: Vec<_> = bad.chain([agent(good.agent, marker.sflow)]).collect();
    let marked = wait::until("the mark on the good switch", PATIENCE, || {
        (good.rules().unwrap().len() == 1).then_some(())
    });
    marked.unwrap_or_else(|error| panic!("{error}: {}", switch(&marker, good.agent)));
    for (number, (what, _)) in BAD.iter().enumerate() {
        let known = wait::until("what is wrong to be known", PATIENCE, || {
            let switch = switch(&marker, address(number));
            let is_shown = switch["last_error"].is_string() && switch["installed"] == 0;
            is_shown.then_some(switch)
        });
        let switch =
            known.unwrap_or_else(|error| panic!("{what}: {error}: {}", switch(&marker, address(number))));
        // For people to read, not the answer itself.
        let error = switch["last_error"].as_str().unwrap();
        assert!(
            !error.is_empty() && error.len() < 1000,
            "{what}: {} bytes",
            error.len()
        );
        println!("{what}: {error}");
    }
    assert_eq!(switch(&marker, good.agent)["in_sync"], true);
    assert_eq!(marker.metric("controls", "state=\"installed\"").unwrap(), 1.0);
    drop(agents);
    // Nor does it take for ever to go, and it takes its mark along.
    assert!(marker.process.terminate(PATIENCE).unwrap().success());
    assert_eq!(good.rules().unwrap(), Vec::<String>::new());
}

#[test]
fn a_server_that_stands_still_and_goes_on_has_what_it_should_have() {
    let directory = tempfile::tempdir().unwrap();
    let [still, other] = [42, 43].map(|number| LocalSwitch::start(directory.path(), number).unwrap());
    let config = format!(
        "{}{}[mark]\nmode = \"act\"\n",
        still.inventory(),
        other.inventory()
    );
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
    let pid = Pid::from_raw(still.server.process.pid().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    let _agents = [&still, &other].map(|switch| agent(switch.agent, marker.sflow));
    let rules = |switch: &LocalSwitch| switch.rules().unwrap().len();
    wait::until("the mark on the other switch", PATIENCE, || {
        (rules(&other) == 1).then_some(())
    })
    .unwrap();
    wait::until("the silence to be noticed", PATIENCE, || {
        switch(&marker, still.agent)["last_error"]
            .is_string()
            .then_some(())
    })
    .unwrap();
    assert_eq!(rules(&still), 0);
    kill(pid, Signal::SIGCONT).unwrap();
    wait::until("the mark on the switch that stood still", 2 * PATIENCE, || {
        (rules(&still) == 1 && switch(&marker, still.agent)["in_sync"] == true).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", switch(&marker, still.agent)));
}
