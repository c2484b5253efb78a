//! `flow-marker decode` and `flow-marker replay` as people run them, on captures of known datagrams.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, CounterSample, FlowSample, Packet, PortCounters, Sample};
use tests::{binaries, process};

/// A classic capture (magic number of microseconds, Ethernet) of UDP datagrams to `port`, one every 100 ms from
/// 1970-01-01T00:16:40Z on, from 10.0.0.1:4000 to 10.0.0.2.
fn capture(port: u16, datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (datagram, n) in datagrams.iter().zip(0_u32..) {
        let udp = u16::try_from(8 + datagram.len()).unwrap();
        let mut frame = vec![0x02; 12];
        frame.extend([8, 0, 0x45, 0]);
        frame.extend((20 + udp).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        for word in [4000, port, udp, 0] {
            frame.extend(word.to_be_bytes());
        }
        frame.extend(datagram);
        let length = u32::try_from(frame.len()).unwrap();
        for word in [1000 + n / 10, n % 10 * 100_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// A second of one TCP flow: ten samples of 1518 bytes at 1:100, and the counters of its port.
fn elephant() -> Vec<Vec<u8>> {
    let mut agent = Agent::new(IpAddr::from(Ipv4Addr::new(10, 0, 0, 9)));
    let packet = Packet::tcp(([10, 1, 0, 1], 40_000).into(), ([10, 2, 0, 1], 5001).into());
    let counters = CounterSample::new(PortCounters::new(3, 10_000_000), "swp3");
    let mut datagrams = vec![agent.datagram(Duration::from_secs(1), &[Sample::Counters(counters)])];
    for n in 1..=10 {
        let sample = Sample::Flow(FlowSample::new(packet, 100, 3, 4));
        datagrams.push(agent.datagram(Duration::from_millis(1000 + n * 100), &[sample]));
    }
    datagrams
}

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        Self(directory)
    }

    /// What a line of a shell, in this directory and with `flow-marker` in its path, writes to both outputs, and how it
    /// ended.
    fn shell(&self, line: &str) -> (i32, String) {
        let mut command = process::command("bash");
        let programs = binaries::directory().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let script = format!("set -o pipefail; {{ {line}; }} 2>&1; echo $?");
        command
            .env("PATH", path)
            .current_dir(&self.0)
            .args(["-c", &script]);
        let text = process::run(command).unwrap();
        let (output, status) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
        (status.parse().unwrap(), format!("{output}\n"))
    }
}

#[test]
fn every_datagram_is_text_for_people_and_json_for_programs() {
    let files = Files::new(&[("x.pcap", &capture(6343, &elephant()))]);
    let (status, text) = files.shell("flow-marker decode x.pcap");
    assert_eq!(status, 0);
    let lines: Vec<&str> = text.lines().collect();
    let heads: Vec<&&str> = lines.iter().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads.len(), 11, "{text}");
    assert!(
        heads[10].starts_with("1970-01-01T00:16:41.000000Z 10.0.0.1:4000 ")
            && heads[10].ends_with(": agent 10.0.0.9 sub-agent 0 datagram 11 uptime 2000 ms samples 1"),
        "{}",
        heads[10]
    );
    for line in [
        "  flow sample 10 source 0:3 rate 1:100 pool 1000 drops 0 in 3 out 4",
        "  counter sample 1 source 0:3",
    ] {
        assert!(lines.contains(&line), "{line} in\n{text}");
    }
    for words in ["10.1.0.1", "10.2.0.1", "5001", "swp3"] {
        assert!(text.contains(words), "{words} in\n{text}");
    }

    let (status, text) = files.shell("flow-marker decode --json x.pcap");
    assert_eq!(status, 0);
    let datagrams: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(datagrams.len(), 11);
    let (first, last) = (&datagrams[0], &datagrams[10]);
    for (datagram, name, value) in [
        (first, "/agent", "10.0.0.9"),
        (first, "/pcapTimestamp", "1970-01-01T00:16:40+0000"),
        (first, "/packetSequenceNo", "1"),
        (first, "/samples/0/sampleType", "COUNTERSSAMPLE"),
        (first, "/samples/0/elements/0/ifSpeed", "10000000"),
        (first, "/samples/0/elements/1/ifName", "swp3"),
        (last, "/pcapTimestamp", "1970-01-01T00:16:41+0000"),
        (last, "/packetSequenceNo", "11"),
        (last, "/sysUpTime", "2000"),
        (last, "/samples/0/sampleType", "FLOWSAMPLE"),
        (last, "/samples/0/sampleSequenceNo", "10"),
        (last, "/samples/0/sourceId", "0:3"),
        (last, "/samples/0/meanSkipCount", "100"),
        (last, "/samples/0/samplePool", "1000"),
        (last, "/samples/0/inputPort", "3"),
        (last, "/samples/0/outputPort", "4"),
        (last, "/samples/0/elements/0/srcIP", "10.1.0.1"),
        (last, "/samples/0/elements/0/dstIP", "10.2.0.1"),
        (last, "/samples/0/elements/0/TCPDstPort", "5001"),
        (last, "/samples/0/elements/0/sampledPacketSize", "1518"),
    ] {
        assert_eq!(datagram.pointer(name).unwrap(), value, "{name}");
    }
}

#[test]
fn a_replay_tells_what_would_have_been_found() {
    let config = b"[[switch]]\nagent = \"10.0.0.9\"\nacl = \"http://192.0.2.1\"\n[mark]\nmode = \"act\"\n";
    let files = Files::new(&[("x.pcap", &capture(6343, &elephant())), ("fm.toml", config)]);
    let (status, text) = files.shell("flow-marker replay x.pcap --config fm.toml");
    assert_eq!(status, 0, "{text}");
    for words in [
        "elephant 10.1.0.1:40000 → 10.2.0.1:5001 (IP protocol 6) at agent 10.0.0.9, port 3 (swp3)",
        "capture: 11 packets (0 no whole UDP datagrams, 0 to other ports), 11 datagrams over 1.000 s from Unix time 1000.000",
        "rejected: 0; of agents that are not listened to: 0; took ",
        "agent 10.0.0.9: 11 datagrams (0 lost, 0 late, 0 twice, 0 restarts), samples: 10 (0 lost), 0 dropped by the agent",
        "total: 10 flow samples, 1 counter samples, 0 discards, 0 other, 0 damaged; 1 elephants",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    // Without a configuration nobody is in the inventory, and there is nothing to mark.
    let (status, text) = files.shell("flow-marker replay x.pcap --speed 1000");
    assert!(
        status == 0 && text.contains("agent 10.0.0.9: 11 datagrams") && text.contains("; 0 elephants;"),
        "{text}"
    );
    let (status, text) = files.shell("flow-marker replay x.pcap --speed slow");
    assert!(
        status == 2 && text.contains("neither \"max\" nor a factor"),
        "{text}"
    );
}

#[test]
fn what_is_no_capture_or_ends_too_soon_is_said() {
    let whole = capture(6343, &elephant());
    let mixed = [b"no sFlow".to_vec(), elephant().swap_remove(1)];
    let files = Files::new(&[
        ("x.pcap", &whole),
        ("cut.pcap", &whole[..whole.len() - 1]),
        ("none.pcap", &whole[..24]),
        ("other.pcap", &capture(6344, &elephant())),
        ("mixed.pcap", &capture(6343, &mixed)),
        ("empty", b""),
        ("text", b"This is no capture, but long enough to be one.\n"),
    ]);
    for command in ["decode", "decode --json", "replay"] {
        for (file, words) in [
            ("empty", "empty: the file is empty\n"),
            ("text", "text: "),
            ("missing", "missing cannot be opened: No such file"),
            (".", ".: Is a directory (os error 21)\n"),
        ] {
            let (status, text) = files.shell(&format!("flow-marker {command} {file}"));
            assert!(
                status == 1
                    && text.starts_with(&format!("flow-marker: {words}"))
                    && text.lines().count() == 1,
                "{command} {file}: {text}"
            );
        }
        // What stands before the damage is there all the same.
        let (status, text) = files.shell(&format!("flow-marker {command} cut.pcap"));
        let (read, error) = text.trim_end().rsplit_once('\n').unwrap();
        assert!(
            status == 1 && error.starts_with("flow-marker: cut.pcap: "),
            "{text}"
        );
        let (_, all) = files.shell(&format!("flow-marker {command} x.pcap"));
        match command {
            "replay" => assert!(
                read.contains("total: 9 flow samples, 1 counter samples, "),
                "{text}"
            ),
            _ => assert!(!read.is_empty() && all.starts_with(read), "{text}"),
        }
    }
    for (line, lines) in [
        ("decode none.pcap", 0),
        ("decode other.pcap", 0),
        ("decode --json --port 6344 other.pcap", 11),
        ("decode --json mixed.pcap", 2),
        ("decode --json x.pcap | head -n 3", 3),
        ("decode x.pcap | head -n 1", 1),
        // A pipe is a file too.
        ("decode --json /dev/stdin < x.pcap", 11),
        ("decode --json <(cat x.pcap)", 11),
    ] {
        let (status, text) = files.shell(&format!("flow-marker {line}"));
        let text = text.trim();
        assert!(
            status == 0 && text.lines().count() == lines,
            "{line}: {status}: {text}"
        );
    }
    let (_, text) = files.shell("flow-marker decode mixed.pcap");
    assert!(text.contains("8 bytes: DAMAGED "), "{text}");
    let (_, text) = files.shell("flow-marker replay mixed.pcap");
    assert!(text.contains("rejected: 1;"), "{text}");
    let (_, text) = files.shell("flow-marker replay other.pcap");
    assert!(text.contains("11 to other ports), 0 datagrams"), "{text}");
}
