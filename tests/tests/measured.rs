//! What the API and `flow-marker doctor` say of datagrams that are known to the byte, on a real daemon. Flows are smoothed
//! over ten minutes here, so that what a sample adds is known however slow the machine is.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};
use tests::agent::{Agent, CounterSample, FlowSample, Packet, PortCounters, Sample};
use tests::local::LocalFlowMarker;
use tests::process::{self, command};
use tests::{binaries, http, wait};

const LONG: Duration = Duration::from_secs(30);
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const LARGE: &str = "10.1.0.1,10.2.0.1";
const SMALL: &str = "10.1.0.2,10.2.0.2";

/// A frame of the flow 10.1.0.n → 10.2.0.n that came in by `port`.
fn flow_sample(n: u8, frame_length: u32, port: u32, rate: u32) -> FlowSample {
    let mut packet = Packet::tcp(([10, 1, 0, n], 40_000).into(), ([10, 2, 0, n], 5001).into());
    packet.frame_length = frame_length;
    FlowSample::new(packet, rate, port, 9)
}

fn sample(n: u8, frame_length: u32, port: u32, rate: u32) -> Sample {
    Sample::Flow(flow_sample(n, frame_length, port, rate))
}

struct World {
    marker: LocalFlowMarker,
    sender: UdpSocket,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self::start(tempfile::tempdir().unwrap(), "")
    }

    fn start(directory: tempfile::TempDir, settings: &str) -> Self {
        let marker = LocalFlowMarker::start(directory.path(), "flow-marker", settings).unwrap();
        let ready = || {
            let reply = http::get(marker.http, "/readyz").ok()?;
            (reply.status == 200).then_some(())
        };
        wait::until("flow-marker to be ready", LONG, ready).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self {
            marker,
            sender,
            directory,
        }
    }

    fn get(&self, path: &str) -> Value {
        let reply = http::get(self.marker.http, path).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json().unwrap()
    }

    fn status(&self, path: &str) -> u16 {
        http::get(self.marker.http, path).unwrap().status
    }

    fn send(&self, datagram: &[u8]) {
        self.sender.send_to(datagram, self.marker.sflow).unwrap();
    }

    /// Waits until so many datagrams of an agent have come.
    fn heard(&self, agent: Ipv4Addr, datagrams: u64) {
        let name = agent.to_string();
        let came = || {
            let agents = self.get("/agents/json");
            let received = agents.get(&name)?.get("sFlowDatagramsReceived")?;
            (*received == datagrams).then_some(())
        };
        wait::until("the datagrams", LONG, came).unwrap();
    }
}

/// A rate is that of samples which stand for so many bytes in all. It is not below what is left of it after the half a
/// minute that a test may take at the most: e^(−30/600) = 0.951.
fn assert_rate(value: &Value, weight: f64) {
    let expected = weight / 600.0;
    let value = value.as_f64().unwrap();
    assert!(
        (expected * 0.95..=expected * 1.000_001).contains(&value),
        "{value} for {expected}"
    );
}

#[test]
fn flows_are_what_their_samples_stand_for() {
    let world = World::new();
    let definition = json!({ "keys": "ipsource,ipdestination", "value": "bytes", "t": 600 });
    let put = http::put(world.marker.http, "/flow/pair/json", &definition).unwrap();
    assert_eq!(put.status, 204);
    let nothing = "/activeflows/ALL/pair/json";
    assert_eq!(
        world.get(nothing),
        json!([]),
        "and all threads know the definition"
    );

    let mut near = Agent::new(IpAddr::from(NEAR));
    let mut far = Agent::new(IpAddr::from(FAR));
    let first = [sample(1, 1500, 1, 1000), sample(2, 100, 1, 1000)];
    let second = [
        sample(1, 1000, 1, 1000),
        sample(2, 100, 1, 1000),
        sample(1, 1500, 2, 500),
    ];
    world.send(&near.datagram(Duration::from_secs(1), &first));
    world.send(&near.datagram(Duration::from_secs(2), &second));
    world.send(&far.datagram(Duration::from_secs(1), &[sample(1, 1500, 1, 2000)]));
    world.heard(NEAR, 2);
    world.heard(FAR, 1);

    // By the data source that has most of it: 1500 and 1000 bytes at 1:1000; 1500 at 1:500; 1500 at 1:2000.
    let (port_1, port_2, other) = (2_500_000.0, 750_000.0, 3_000_000.0);
    let largest = world.get("/activeflows/ALL/pair/json");
    let shown = |flow: &Value| json!([flow["key"], flow["agent"], flow["dataSource"], flow["flowN"]]);
    assert_eq!(
        json!([shown(&largest[0]), shown(&largest[1]), largest[2]]),
        json!([[LARGE, "10.0.0.2", "1", 3], [SMALL, "10.0.0.1", "1", 1], null])
    );
    assert_rate(&largest[0]["value"], other);
    assert_rate(&largest[1]["value"], 200_000.0);

    let sum = world.get("/activeflows/ALL/pair/json?aggMode=sum");
    assert_rate(&sum[0]["value"], port_1 + port_2 + other);
    let one = world.get("/activeflows/10.0.0.1/pair/json?aggMode=sum&maxFlows=1");
    assert_eq!((one.as_array().unwrap().len(), &one[0]["flowN"]), (1, &json!(2)));
    assert_rate(&one[0]["value"], port_1 + port_2);
    // More than any data source or agent has, and less than all together.
    let sum = world.get("/activeflows/ALL/pair/json?aggMode=sum&minValue=7000");
    assert_eq!(sum.as_array().unwrap().len(), 1, "{sum}");
    assert_eq!(world.get("/activeflows/ALL/pair/json?minValue=7000"), json!([]));
    for nobody in ["10.0.0.3", "here"] {
        assert_eq!(world.get(&format!("/activeflows/{nobody}/pair/json")), json!([]));
    }
    for (path, status) in [
        ("/activeflows/ALL/none/json", 404),
        ("/activeflows/ALL/pair/json?aggMode=mean", 400),
        ("/activeflows/ALL/pair/json?maxFlows=-1", 400),
    ] {
        assert_eq!(world.status(path), status, "{path}");
    }

    let value = |agent: Ipv4Addr, name: &str, key: &str| {
        world.get(&format!("/flowvalue/{agent}/{name}/json?key={key}"))
    };
    assert_rate(&value(NEAR, "1.pair", LARGE), port_1);
    assert_rate(&value(NEAR, "2.pair", LARGE), port_2);
    assert_rate(&value(FAR, "1.pair", LARGE), other);
    for (agent, name, key) in [
        (NEAR, "1.pair", "10.9.9.9,10.9.9.9"),
        (NEAR, "3.pair", LARGE),
        (FAR, "2.pair", LARGE),
    ] {
        assert_eq!(value(agent, name, key), json!(null), "{agent} {name} {key}");
    }
    assert_eq!(world.status("/flowvalue/10.0.0.1/pair/json?key=x"), 400);
    assert_eq!(world.status("/flowvalue/10.0.0.1/1.none/json?key=x"), 404);
}

#[test]
fn what_is_lost_comes_twice_or_begins_again_is_counted_by_agent() {
    let world = World::new();
    let mut near = Agent::new(IpAddr::from(NEAR));
    let port = CounterSample::new(PortCounters::new(1, 1_000_000_000), "swp1");
    let samples = |n| [sample(n, 1500, 1, 1000), sample(n, 1500, 2, 1000)];
    world.send(&near.datagram(Duration::from_secs(1), &samples(1)));
    // One never comes, with its two samples; one comes twice, whose samples count once.
    near.datagram(Duration::from_secs(2), &samples(2));
    let last = near.datagram(Duration::from_secs(3), &[Sample::Counters(port)]);
    world.send(&last);
    world.send(&last);
    world.send(&near.datagram(Duration::from_millis(4321), &samples(3)));
    world.heard(NEAR, 4);

    let all = world.get("/agents/json");
    let status = &all["10.0.0.1"];
    for (name, count) in [
        ("sFlowDatagramsReceived", 4),
        ("sFlowDatagramsLost", 1),
        ("sFlowDatagramsOutOfOrder", 0),
        ("sFlowDatagramsDuplicates", 1),
        ("sFlowFlowSamples", 4),
        ("sFlowFlowLostSamples", 2),
        ("sFlowFlowDuplicateSamples", 0),
        ("sFlowFlowDatasources", 2),
        ("sFlowFlowDrops", 0),
        ("sFlowCounterSamples", 1),
        ("sFlowCounterLostSamples", 0),
        ("sFlowCounterDatasources", 1),
        ("sFlowNotificationSamples", 0),
        ("restarts", 0),
        ("uptime", 4321),
    ] {
        assert_eq!(status[name], count, "{name}: {status}");
    }
    assert_eq!(status["sFlowDatagramSource"], "127.0.0.1");
    let (first, last) = (status["firstSeen"].as_u64(), status["lastSeen"].as_u64());
    assert!(first.unwrap() >= last.unwrap(), "ages: {status}");

    // An uptime that goes back this far is one of a new start, and nothing is lost then.
    world.send(&near.datagram(Duration::from_secs(600), &[]));
    near.restart();
    world.send(&near.datagram(Duration::from_secs(1), &[]));
    world.heard(NEAR, 6);
    let all = world.get("/agents/json");
    let status = &all["10.0.0.1"];
    assert_eq!(
        (&status["restarts"], &status["sFlowDatagramsLost"]),
        (&json!(1), &json!(1))
    );

    let mut far = Agent::new(IpAddr::from(FAR));
    world.send(&far.datagram(Duration::from_secs(1), &[]));
    world.heard(FAR, 1);
    let names = |path: &str| {
        let agents = world.get(path);
        agents.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names("/agents/json"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(names("/agents/json?agent=10.0.0.2"), ["10.0.0.2"]);
    assert_eq!(names("/agents/json?agent=10.0.0.2&agent=10.0.0.1").len(), 2);
    assert_eq!(world.status("/agents/json?agent=nobody"), 404);
}

/// `flow-marker doctor` about this instance.
fn doctor(server: SocketAddr, more: &[&str]) -> anyhow::Result<String> {
    let mut command = command(binaries::binary("flow-marker").unwrap());
    command
        .args(["doctor", "--url", &format!("http://{server}")])
        .args(more);
    process::run(command)
}

#[test]
fn the_doctor_says_what_was_sampled_and_the_command_shows_it() {
    let world = World::new();
    assert_eq!(
        doctor(world.marker.http, &[]).unwrap(),
        "No agent has sent anything yet.\n"
    );

    let mut near = Agent::new(IpAddr::from(NEAR));
    let port = CounterSample::new(PortCounters::new(1, 10_000_000_000), "swp1");
    world.send(&near.datagram(Duration::from_secs(1), &[Sample::Counters(port)]));
    // 1:1000 it says, while one packet in 2500 is sampled: 61 samples, 1000 and 4000 packets apart by turns.
    let samples: Vec<Sample> = (0..61)
        .map(|n| {
            let (size, pool_step) = if n % 2 == 0 { (1500, 4000) } else { (500, 1000) };
            let flow = flow_sample(1, size, 1, 1000);
            Sample::Flow(FlowSample { pool_step, ..flow })
        })
        .collect();
    for few in samples.chunks(7) {
        world.send(&near.datagram(Duration::from_secs(2), few));
    }
    world.heard(NEAR, 10);
    let report = world.get("/doctor/json");
    let (agent, source) = (&report["agents"][0], &report["agents"][0]["sources"][0]);
    assert_eq!(
        json!([
            agent["agent"],
            agent["datagrams"],
            agent["datagramsLost"],
            agent["findings"]
        ]),
        json!(["10.0.0.1", 10, 0, []])
    );
    let mut port = agent["ports"][0].clone();
    let detection = port.as_object_mut().unwrap().remove("detection").unwrap();
    assert_eq!(
        port,
        json!({ "ifIndex": 1, "name": "swp1", "speed": 10_000_000_000_u64, "up": true, "findings": [] })
    );
    assert_eq!(agent["ports"].as_array().unwrap().len(), 1);
    // 1G in frames of 1500 bytes, of which one in 2500 is sampled.
    assert_eq!(
        json!([detection["path"], detection["threshold"]]),
        json!(["count", 1_000_000_000]),
        "TCP without timestamps"
    );
    let per_second = detection["samplesPerSecond"].as_f64().unwrap();
    assert!((per_second - 33.3).abs() < 0.1, "{detection}");
    let [median, p99] = ["median", "p99"].map(|name| detection[name].as_f64().unwrap());
    assert!(0.1 < median && median < p99 && p99 < 2.0, "{detection}");
    // 31 frames of 1500 bytes and 30 of 500; a sample stands for 1000 times as much.
    let mean = 61_500.0 / 61.0;
    for (name, value) in [
        ("dataSource", json!("0:1")),
        ("name", json!("swp1")),
        ("samplingRate", json!(1000)),
        ("poolRate", json!(2500.0)),
        ("samples", json!(61)),
        ("samplesLost", json!(0)),
        ("agentDrops", json!(0)),
        ("rateChanges", json!(0)),
        ("headerBytes", json!(128)),
        ("bytesPerSample", json!(mean * 1000.0)),
    ] {
        assert_eq!(source[name], value, "{name}: {source}");
    }
    let frames = &source["frames"];
    assert_eq!(
        (&frames["mean"], &frames["largest"]),
        (&json!(mean), &json!(1500))
    );
    assert_eq!(frames["shares"][3], json!([512, 30.0 / 61.0]));
    assert_eq!(frames["shares"][5], json!([1536, 31.0 / 61.0]));
    let finding = &source["findings"][0];
    let sentence = "It says 1:1000, but by its sample pool one packet in 2500 is sampled.";
    assert_eq!(
        json!([finding["severity"], finding["sentence"]]),
        json!(["critical", sentence])
    );

    let table = doctor(world.marker.http, &[]).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "agent 10.0.0.1: 10 datagrams, 0 lost");
    let words: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(words[..5], ["0:1", "swp1", "10G", "1:1000", "1:2500"], "{table}");
    assert_eq!(words[7..10], ["0", "1008", "128"], "{table}");
    let seconds = format!("{median:.2}");
    assert_eq!(words[10..13], ["count", &seconds, "s"], "{table}");
    assert!(
        lines[3].starts_with(&format!("  critical 0:1: {sentence}")),
        "{table}"
    );

    // But for the age of the last sample it is what the API says.
    let shown = doctor(world.marker.http, &["--json"]).unwrap();
    let mut shown: Value = serde_json::from_str(&shown).unwrap();
    shown["agents"][0]["sources"][0]["lastSample"] = source["lastSample"].clone();
    assert_eq!(shown, report);
}

fn path_in(directory: &tempfile::TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_doctor_says_why_it_has_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    for (name, scope) in [("reader", "read"), ("writer", "write")] {
        let mut token = command(binaries::binary("flow-marker").unwrap());
        token.args([
            "token",
            name,
            "--scope",
            scope,
            "--output",
            &path_in(&directory, "tokens.toml"),
        ]);
        fs::write(path_in(&directory, name), process::run(token).unwrap()).unwrap();
    }
    fs::write(path_in(&directory, "nobody"), "not-a-token-of-anybody\n").unwrap();
    fs::write(path_in(&directory, "odd"), "two\nlines").unwrap();
    let settings = format!("[http]\ntokens_file = {:?}\n", path_in(&directory, "tokens.toml"));
    let world = World::start(directory, &settings);
    let server = world.marker.http;

    let as_owner = |name: &str| doctor(server, &["--token-file", &path_in(&world.directory, name)]);
    assert_eq!(as_owner("reader").unwrap(), "No agent has sent anything yet.\n");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (asked, words) in [
        (doctor(server, &[]), ["401", "show a token"]),
        (as_owner("nobody"), ["401", "not known here"]),
        (as_owner("writer"), ["403", "no scope `read`"]),
        (as_owner("odd"), ["cannot stand", "header"]),
        (as_owner("missing"), ["missing", "No such file"]),
        (doctor(gone, &[]), [&gone.to_string(), "refused"]),
        // Nobody is asked: 192.0.2.1 would never answer.
        (
            doctor(
                "192.0.2.1:1".parse().unwrap(),
                &["--token-file", &path_in(&world.directory, "reader")],
            ),
            ["192.0.2.1:1", "clear text; use https"],
        ),
    ] {
        let error = asked.unwrap_err().to_string();
        assert!(error.contains("exit status: 1"), "{error}");
        assert!(
            words.iter().all(|word| error.contains(word)),
            "{words:?}: {error}"
        );
    }
}
