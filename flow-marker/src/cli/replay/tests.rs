use clap::Parser;

use super::*;
use crate::pcap::tests::capture_at;
use crate::sflow::tests::build::{datagram, expanded_flow, raw_header};

const CONFIG: &str = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[mark]\nthreshold = \"1M\"\nprofile = \"average\"\n";

#[derive(Debug, Parser)]
struct Replay {
    #[command(flatten)]
    args: ReplayArgs,
}

/// A second of samples of one TCP flow, which stand for 303,600 bytes each, then silence and garbage.
fn elephant() -> Vec<u8> {
    let mut header = vec![2; 12];
    header.extend([8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0, 0, 64, 6, 0, 0]);
    header.extend([10, 1, 0, 1, 10, 2, 0, 1, 0x9c, 0x40, 0x13, 0x89]);
    header.resize(64, 0);
    let sample = expanded_flow([0, 1], [0, 1], [0, 9], &[raw_header(&header)]);
    let bytes = datagram("10.0.0.1".parse().unwrap(), &[sample]);
    let mut packets: Vec<_> = (0..10_u8)
        .map(|n| {
            let mut bytes = bytes.clone();
            // The last byte of the sequence number.
            bytes[19] = n;
            (Duration::from_millis(1_000_000 + u64::from(n) * 100), bytes)
        })
        .collect();
    packets.push((Duration::from_secs(1030), b"garbage".to_vec()));
    capture_at(6343, &packets)
}

fn run(file: &[u8], speed: &str) -> (String, anyhow::Result<()>) {
    let directory = tempfile::tempdir().unwrap();
    let [capture, config] = ["x.pcap", "fm.toml"].map(|name| directory.path().join(name));
    std::fs::write(&capture, file).unwrap();
    std::fs::write(&config, CONFIG).unwrap();
    let [capture, config] = [capture, config].map(|path| path.into_os_string().into_string().unwrap());
    let words = ["replay", &capture, "--speed", speed, "--config", &config];
    let args = Replay::try_parse_from(words).unwrap().args;
    let mut out = Vec::new();
    let result = replay(&args, &mut out, &mut Vec::new());
    (String::from_utf8(out).unwrap(), result)
}

/// Without what depends on the machine.
fn timeless(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("; took").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_elephant_is_found_at_the_captures_own_time_at_whatever_speed() {
    let (text, result) = run(&elephant(), "max");
    result.unwrap();
    for expected in [
        "0.000 s elephant 10.1.0.1:40000 → 10.2.0.1:5001 (IP protocol 6) at agent 10.0.0.1, port 1",
        "0.900 s the last sample of 10.1.0.1:40000",
        "11 datagrams over 30.000 s from Unix time 1000.000",
        "rejected: 1; of agents that are not listened to: 0",
        "agent 10.0.0.1: 10 datagrams (0 lost, 0 late, 0 twice, 0 restarts), samples: 10 (0 lost)",
        "total: 10 flow samples, 0 counter samples, 0 discards, 0 other, 0 damaged; 1 elephants",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    let (paced, result) = run(&elephant(), "300");
    result.unwrap();
    assert_eq!(timeless(&paced), timeless(&text));
}

#[test]
fn a_damaged_capture_is_reported_after_what_could_be_read() {
    let file = elephant();
    let (text, result) = run(&file[..file.len() - 1], "max");
    assert!(text.contains("agent 10.0.0.1: 10 datagrams"), "{text}");
    let error = format!("{:#}", result.unwrap_err());
    assert!(error.contains("x.pcap") && error.contains("truncated"), "{error}");
}

#[test]
fn speeds_that_are_none_are_refused() {
    for text in ["0", "-1", "nan", "inf", "fast", "", "1e99"] {
        assert!(text.parse::<Speed>().is_err(), "{text}");
    }
    assert_eq!("2.5x".parse(), Ok(Speed::Factor(2.5)));
    assert_eq!(
        Speed::Factor(0.5).due(Duration::from_secs(3)),
        Duration::from_secs(6)
    );
}

/// What is asked for, by the words of a command line.
fn plan(words: &[&str]) -> anyhow::Result<Plan> {
    let words = [&["replay", "x.pcap"], words].concat();
    Replay::try_parse_from(words)?.args.wanted.plan()
}

#[test]
fn definitions_are_those_of_the_api() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("defined.json");
    let text = "{flow: {pair: {keys: 'ipsource'}, total: {value: 'frames',}}, threshold: {big: {metric: 'pair', value: 1}}}";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let pair = "pair={keys:'ipdestination',value:'bytes',filter:'ipprotocol=6&vlan=null'}";
    let plan = plan(&[
        "--define",
        file,
        "--flow",
        pair,
        "--threshold",
        "t={metric:'total',value:'7'}",
    ])
    .unwrap();
    let keys = |name: &str| plan.flows.get(name).map(|flow| flow.keys_text());
    assert_eq!(
        keys("pair").as_deref(),
        Some("ipdestination"),
        "the command line counts"
    );
    assert_eq!(keys("total").as_deref(), Some(""));
    let thresholds: Vec<_> = plan.thresholds.iter().map(|(name, _)| &**name).collect();
    assert_eq!(thresholds, ["big", "t"]);
}

#[test]
fn what_is_wrong_with_a_definition_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("d.json");
    let file = path.to_str().unwrap();
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        format!("{:#}", plan(&["--define", file]).unwrap_err())
    };
    for (text, expected) in [
        ("{flows: {}}", "\"flows\" is neither \"flow\" nor \"threshold\""),
        ("[]", "an object is expected"),
        ("{flow: {a: {keys: 'ipsorce'}}}", "d.json: flow: a: keys: "),
        ("{flow: {'-a': {}}}", "\"-a\" is no name"),
        (
            "{threshold: {a: {metric: 'b'}}}",
            "threshold: a: value: is missing",
        ),
        ("{flow: {a: }}", "character 12: "),
    ] {
        let error = refused(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
    for (words, expected) in [
        (["--flow", "pair"], "a name, `=` and a definition are expected"),
        (["--flow", "pair={keys"], "character 6: "),
        (["--flow", "pair={n:'many'}"], "--flow: pair: n: "),
        (["--define", "/nowhere/x.json"], "/nowhere/x.json: "),
    ] {
        let error = format!("{:#}", plan(&words).unwrap_err());
        assert!(error.contains(expected), "{words:?}: {error}");
    }
}
