//! A capture of an incident, examined without a daemon: `flow-marker replay` as a user runs it, on a capture built here.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, FlowSample, Packet, Sample};
use tests::{binaries, process};

/// When the capture starts, in seconds since 1970.
const START: u64 = 1_700_000_000;

/// Bytes that one sample stands for: 1,000 packets of 1,518 bytes.
const WEIGHT: f64 = 1_518_000.0;

/// Frames to a file (the classic format, little-endian, microseconds, Ethernet).
fn pcap(datagrams: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (time, payload) in datagrams {
        let time = Duration::from_secs(START) + *time;
        let udp = u16::try_from(8 + payload.len()).unwrap();
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        frame.extend((udp + 20).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0x0F, 0xA0, 0x18, 0xC7]); // From port 4000 to 6343.
        frame.extend(udp.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        let length = u32::try_from(frame.len()).unwrap();
        for word in [
            u32::try_from(time.as_secs()).unwrap(),
            time.subsec_micros(),
            length,
            length,
        ] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn sample(host: u8) -> Sample {
    let source = SocketAddr::from(([10, 1, 0, host], 40_000));
    let packet = Packet::tcp(source, "10.2.0.1:443".parse().unwrap());
    Sample::Flow(FlowSample::new(packet, 1000, 3, 9))
}

/// When samples of the first host are taken: every 50 ms for two seconds.
fn times() -> impl Iterator<Item = Duration> {
    (0..40).map(|n| Duration::from_millis(n * 50))
}

/// Samples of one host for two seconds, one sample of another, and silence; the fifth datagram is missing.
fn capture() -> Vec<u8> {
    let mut agent = Agent::new("192.0.2.1".parse().unwrap());
    let mut datagrams: Vec<_> = times()
        .map(|time| (time, agent.datagram(Duration::from_secs(60) + time, &[sample(1)])))
        .collect();
    let last = Duration::from_millis(2025);
    datagrams.push((last, agent.datagram(Duration::from_secs(70), &[sample(2)])));
    datagrams.remove(4);
    pcap(&datagrams)
}

/// The rate of the first host, with a time constant of one second, after the samples until and with `now`.
fn rate(now: f64) -> f64 {
    let samples = times().enumerate().filter(|(n, _)| *n != 4);
    let until_now = samples
        .map(|(_, time)| time.as_secs_f64())
        .filter(|time| *time <= now);
    until_now.map(|time| WEIGHT * (time - now).exp()).sum()
}

const PAIR: &str = "pair={keys:'ipsource,ipdestination',value:'bytes',values:'frames',t:1,log:true}";
const BIG: &str = "big={metric:'pair',value:12000000,byFlow:true}";

fn replay(directory: &Path, words: &[&str]) -> String {
    let file = directory.join("incident.pcap");
    std::fs::write(&file, capture()).unwrap();
    let mut command = process::command(binaries::binary("flow-marker").unwrap());
    command.arg("replay").arg(file).args(words);
    process::run(command).unwrap()
}

fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!(
        (value - expected).abs() <= 1e-6 * expected,
        "{value}, not {expected}"
    );
}

#[test]
fn rates_events_and_losses_of_a_capture_are_exact() {
    let directory = tempfile::tempdir().unwrap();
    let text = replay(directory.path(), &["--flow", PAIR, "--threshold", BIG, "--json"]);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| -> Vec<&Value> { lines.iter().filter(|line| line["type"] == kind).collect() };

    // The first sample after which the formula is beyond the threshold.
    let passed = times().find(|time| rate(time.as_secs_f64()) >= 12e6).unwrap();
    let [event] = of("event")[..] else {
        panic!("{text}");
    };
    let milliseconds = u64::try_from(passed.as_millis()).unwrap();
    assert_eq!(event["timestamp"], START * 1000 + milliseconds);
    assert_eq!(
        (&event["agent"], &event["flowKey"]),
        (&"192.0.2.1".into(), &"10.1.0.1,10.2.0.1".into())
    );
    near(&event["value"], rate(passed.as_secs_f64()));

    // The largest first: what each was at most at a tenth of a second, or in the end, and what it is in the end.
    let looks = (1..=20).map(|look| f64::from(look) / 10.0).chain([2.025]);
    let peak = looks.map(rate_just_before).fold(0.0, f64::max);
    let [first, second] = of("top")[..] else {
        panic!("{text}");
    };
    assert_eq!(
        (&first["key"], &second["key"]),
        (&"10.1.0.1,10.2.0.1".into(), &"10.1.0.2,10.2.0.1".into())
    );
    assert_eq!(
        (&first["name"], &first["unit"]),
        (&"pair".into(), &"bytes/s".into())
    );
    near(&first["value"], peak);
    near(&first["last"], rate(2.025));
    near(&second["last"], WEIGHT);

    // Flows that have not ended are told with all that they came to.
    let mut flows: Vec<_> = of("flow")
        .iter()
        .map(|flow| (flow["value"].as_f64(), flow["values"][0].as_f64()))
        .collect();
    flows.sort_by(|a, b| b.partial_cmp(a).unwrap());
    assert_eq!(
        flows,
        [
            (Some(39.0 * WEIGHT), Some(39_000.0)),
            (Some(WEIGHT), Some(1000.0))
        ]
    );

    let [agent] = of("agent")[..] else {
        panic!("{text}");
    };
    assert_eq!((&agent["datagrams"], &agent["lost"]), (&40.into(), &1.into()));
    assert_eq!(
        (&agent["flowSamples"]["received"], &agent["flowSamples"]["lost"]),
        (&40.into(), &1.into())
    );
    assert_eq!(of("capture")[0]["timestamp"], START * 1000);
    assert_eq!(of("total")[0]["flowSamples"], 40);
}

/// What is seen by a look at the flows, which comes before the samples of the same instant; but the last look is after
/// all of them.
fn rate_just_before(now: f64) -> f64 {
    let sample_at_the_moment = times().any(|time| (time.as_secs_f64() - now).abs() < 1e-9);
    rate(now) - if sample_at_the_moment { WEIGHT } else { 0.0 }
}

#[test]
fn a_file_of_definitions_and_a_table_for_people() {
    let directory = tempfile::tempdir().unwrap();
    let defined = directory.path().join("defined.json");
    let definitions = "{flow: {hosts: {keys: 'ipsource', value: 'frames', t: 1, n: 1}}}";
    std::fs::write(&defined, definitions).unwrap();
    let text = replay(
        directory.path(),
        &["--define", defined.to_str().unwrap(), "--top", "1"],
    );
    let tops: Vec<_> = text.lines().filter(|line| line.starts_with("top ")).collect();
    assert_eq!(tops.len(), 1, "{text}");
    assert!(
        tops[0].starts_with("top hosts at agent 192.0.2.1, 3: 10.1.0.1 "),
        "{}",
        tops[0]
    );
    assert!(tops[0].contains(" frames/s at "), "{}", tops[0]);
    assert!(
        text.contains("agent 192.0.2.1: 40 datagrams (1 lost, 0 late, 0 twice, 0 restarts)"),
        "{text}"
    );
    assert!(
        text.contains("over 2.025 s from Unix time 1700000000.000"),
        "{text}"
    );
}
