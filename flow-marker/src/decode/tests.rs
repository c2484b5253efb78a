//! What is printed of a small capture.

use std::io::Write as _;

use super::*;
use crate::pcap::tests::capture;
use crate::sflow::tests::build;
use crate::sflow::tests::layouts::{COUNTER, FLOW};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A flow sample of a UDP packet in VLAN 809 with a record that is not decoded, a sample that is not, and one that is
/// damaged; four bytes at the end.
fn datagram() -> Vec<u8> {
    let frame = [
        &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0xA3, 0x29, 8, 0][..],
        &[
            0x45, 40, 0, 32, 0xAB, 0xCD, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ],
        &[0x0F, 0xA0, 0x18, 0xC7, 0, 12, 0, 0, 1, 2],
    ]
    .concat();
    [
        words(&[5, 1, 0x0A00_00E9, 0, 44, 5000, 3]),
        words(&[1, 32 + 24 + 72, 11, 2 << 24 | 1000, 100, 1100, 0, 2, 2 << 30, 2]),
        words(&[999, 16, 0, 0, 0, 0]),
        words(&[1, 64, 1, 64, 4, 48]),
        frame,
        words(&[6, 4, 0]),
        words(&[2, 4, 0]),
        words(&[0]),
    ]
    .concat()
}

/// [`datagram`], the first of a capture, as JSON.
const DATAGRAM: &str = r#"{
    "datagramSourceIP": "-",
    "datagramSize": "192",
    "unixSecondsUTC": "0",
    "unixSecondsUTC_uS": "0",
    "localtime": "1970-01-01T00:00:00+0000",
    "pcapSourceIP": "10.0.0.1",
    "pcapSourcePort": "4000",
    "pcapTimestamp": "1970-01-01T00:00:01+0000",
    "pcapTimestamp_uS": "250000",
    "datagramVersion": "5",
    "agentSubId": "0",
    "agent": "10.0.0.233",
    "packetSequenceNo": "44",
    "sysUpTime": "5000",
    "samplesInPacket": "3",
    "samples": [
        {
            "sampleType_tag": "0:1",
            "sampleType": "FLOWSAMPLE",
            "sampleSequenceNo": "11",
            "sourceId": "2:1000",
            "meanSkipCount": "100",
            "samplePool": "1100",
            "dropEvents": "0",
            "inputPort": "2",
            "outputPort": "multiple 0",
            "elements": [
                { "flowBlock_tag": "0:999", "skippedBytes": "16" },
                {
                    "flowBlock_tag": "0:1",
                    "flowSampleType": "HEADER",
                    "headerProtocol": "1",
                    "sampledPacketSize": "64",
                    "strippedBytes": "4",
                    "headerLen": "48",
                    "headerBytes": "02-00-00-00-00-02-02-00-00-00-00-01-81-00-A3-29-08-00-45-28-00-20-AB-CD-00-00-40-11-00-00-0A-00-00-01-0A-00-00-02-0F-A0-18-C7-00-0C-00-00-01-02",
                    "dstMAC": "020000000002",
                    "srcMAC": "020000000001",
                    "decodedVLAN": "809",
                    "decodedPriority": "5",
                    "ethernet_type": "2048",
                    "IPSize": "42",
                    "ip.tot_len": "32",
                    "srcIP": "10.0.0.1",
                    "dstIP": "10.0.0.2",
                    "IPProtocol": "17",
                    "IPTOS": "40",
                    "IPTTL": "64",
                    "IPID": "52651",
                    "UDPSrcPort": "4000",
                    "UDPDstPort": "6343",
                    "UDPBytes": "12"
                }
            ]
        },
        { "sampleType_tag": "0:6", "skippedBytes": "4" },
        { "error": "byte 184, counter sample: 12 bytes wanted, 4 left", "errorPosition": "184" }
    ],
    "trailingBytes": "4"
}"#;

fn decode(json: bool, file: &[u8]) -> (String, anyhow::Result<Summary>) {
    let mut capture = tempfile::NamedTempFile::new().unwrap();
    capture.write_all(file).unwrap();
    let mut out = Vec::new();
    let summary = run(capture.path(), 6343, json, &mut out);
    (String::from_utf8(out).unwrap(), summary)
}

#[test]
fn json_names_nesting_and_values() {
    let (text, summary) = decode(true, &capture(6343, &[datagram(), words(&[4])]));
    let objects: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [datagram, rejected] = objects.as_slice() else {
        panic!("{text}")
    };
    assert_eq!(
        datagram,
        &serde_json::from_str::<serde_json::Value>(DATAGRAM).unwrap()
    );
    assert_eq!(
        rejected["error"],
        "byte 0, version: version 4, only 5 is understood"
    );
    let expected = Summary {
        packets: 2,
        datagrams: 1,
        rejected: 1,
        flow_samples: 1,
        other_samples: 1,
        other_records: 1,
        damaged: 1,
        ..Summary::default()
    };
    assert_eq!(summary.unwrap(), expected);
}

#[test]
fn text_for_people() {
    let (text, _) = decode(false, &capture(6343, &[datagram(), words(&[4])]));
    let expected = "\
1970-01-01T00:00:01.250000Z 10.0.0.1:4000 192 bytes: agent 10.0.0.233 sub-agent 0 datagram 44 uptime 5000 ms samples 3
  flow sample 11 source 2:1000 rate 1:100 pool 1100 drops 0 in 2 out multiple
    record 0:999 skipped, 16 bytes
    packet of 64 bytes, 48 sampled, 4 stripped: 02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 809 priority 5 \
10.0.0.1:4000 > 10.0.0.2:6343 UDP length 32 dscp 10 ecn 0 ttl 64 id 43981
  sample 0:6 skipped, 4 bytes
  DAMAGED byte 184, counter sample: 12 bytes wanted, 4 left
  4 bytes behind the last sample
1970-01-01T00:00:02.250000Z 10.0.0.1:4000 4 bytes: DAMAGED byte 0, version: version 4, only 5 is understood
";
    assert_eq!(text, expected);
}

#[test]
fn other_ports_are_counted_and_not_printed() {
    let (text, summary) = decode(true, &capture(53, &[datagram()]));
    assert_eq!((text.as_str(), summary.unwrap().other_port), ("", 1));
}

#[test]
fn a_truncated_file_is_printed_as_far_as_it_goes() {
    let mut file = capture(6343, &[datagram(), datagram()]);
    file.truncate(file.len() - 1);
    let (text, summary) = decode(true, &file);
    assert_eq!(text.lines().count(), 1);
    let error = format!("{:#}", summary.unwrap_err());
    assert!(error.contains("truncated"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = run(Path::new("/nonexistent.pcap"), 6343, true, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent.pcap"));
}

#[test]
fn a_name_does_not_reach_the_terminal_as_it_is() {
    let name = b"\x1b[2J";
    let sample = [words(&[2, 28, 1, 7, 1]), words(&[1005, 8, 4]), name.to_vec()].concat();
    let bytes = [words(&[5, 1, 1, 0, 1, 1, 1]), sample].concat();
    let (text, _) = decode(false, &capture(6343, &[bytes]));
    assert!(text.contains(r#"port name: ifName "\u{1b}[2J""#), "{text}");
}

/// A datagram with one sample of every kind and every record.
fn everything() -> Vec<u8> {
    let structures = |layouts| -> Vec<Vec<u8>> {
        build::every_record(layouts)
            .into_iter()
            .map(|built| build::structure(built.format, &built.body))
            .collect()
    };
    let samples = [
        build::compact_flow(1, 1, 2, &structures(FLOW)),
        build::counters_of(7, &structures(COUNTER)),
        build::discard(&structures(FLOW)),
        build::rt_metric(),
        build::rt_flow(),
    ];
    build::datagram([10, 0, 0, 233].into(), &samples)
}

#[test]
fn every_field_of_every_record_is_printed() {
    let (json, summary) = decode(true, &capture(6343, &[everything()]));
    assert_eq!(summary.unwrap().damaged, 0);
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    let (text, _) = decode(false, &capture(6343, &[everything()]));
    for (sample, layouts, prefix) in [(0, FLOW, ""), (1, COUNTER, ""), (2, FLOW, "discarded_")] {
        let elements = object["samples"][sample]["elements"].as_array().unwrap();
        let built = build::every_record(layouts);
        assert_eq!(elements.len(), built.len());
        for (element, built) in elements.iter().zip(built) {
            let members = element.as_object().unwrap();
            assert!(!members.contains_key("skippedBytes"), "{element}");
            assert!(members.keys().all(|name| name.starts_with(prefix)), "{element}");
            let names: Vec<_> = built.fields.iter().map(|(name, _)| name.as_str()).collect();
            // Ports and flags of these are named by the protocol; see the test of their own.
            let by_protocol = ["srcPort", "dstPort", "TCPFlags"];
            for name in names.into_iter().filter(|name| !by_protocol.contains(name)) {
                assert!(
                    members.keys().any(|member| member.ends_with(name)),
                    "{name} in {element}"
                );
                assert!(text.contains(&format!(" {name} ")), "{name}");
            }
        }
    }
    assert_eq!(object["samples"][3]["rtmetric_counter64_c64"], "4294967308");
    assert_eq!(object["samples"][3]["rtmetric_gaugeDouble_double"], "2.500");
    assert_eq!(object["samples"][4]["rtflow_mac_mac"], "020000000009");
    assert_eq!(object["samples"][4]["rtflow_ip_ip"], "10.0.0.9");
    assert_eq!(object["samples"][2]["discardReason"], "acl");
    assert!(text.contains("    \"c64\" Counter64(4294967308)\n"), "{text}");
}

/// The element of a flow sample with one record.
fn element(format: u32, body: &[u8]) -> serde_json::Value {
    let sample = build::compact_flow(1, 1, 2, &[build::structure(format, body)]);
    let datagram = build::datagram([10, 0, 0, 233].into(), &[sample]);
    let (json, _) = decode(true, &capture(6343, &[datagram]));
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    object["samples"][0]["elements"][0].clone()
}

#[test]
fn values_have_the_form_that_sflowtool_gives_them() {
    let path = words(&[
        1,
        0x0A00_0001,
        1,
        2,
        3,
        2,
        2,
        2,
        10,
        20,
        1,
        2,
        30,
        40,
        2,
        7,
        8,
        100,
    ]);
    let gateway = element(1003, &path);
    assert_eq!(gateway["dst_as_path"], "10-20(30-40)");
    assert_eq!(
        (&gateway["dst_peer_as"], &gateway["dst_as"]),
        (&"10".into(), &"40".into())
    );
    assert_eq!(gateway["BGP_communities"], "7-8");
    let mpls = element(1006, &words(&[0, 1, 100 << 12 | 5 << 9 | 1 << 8 | 64, 0]));
    assert_eq!(mpls["mpls_input_stack"], "100.5.1.64");
    assert_eq!(mpls["mpls_nexthop"], "-");
    let vlan = element(1012, &words(&[1, 0x8100_A329]));
    assert_eq!(vlan["vlan_tunnel"], "0x8100.5.0.809");
    let socket = element(2102, &words(&[6, 0x0A00_0001, 0x0A00_0002, 80, 81]));
    assert_eq!(socket["extendedType"], "proxy_socket4");
    assert_eq!(socket["proxy_socket4_remote_ip"], "10.0.0.2");
    let tunnel = element(1024, &words(&[64, 17, 0x0A00_0001, 0x0A00_0002, 5, 6, 0, 7]));
    assert_eq!(tunnel["flowSampleType"], "tunnel_ipv4_in_IPV4");
    assert_eq!(tunnel["tunnel_ipv4_in_UDPDstPort"], "6");
    let status = element(2202, &[words(&[0; 4]), words(&[0, 1, 0, 2, 3, 8])].concat());
    assert_eq!(status["status"], "NOT_FOUND");
    let damaged = element(1002, &words(&[1, 2]));
    assert_eq!(damaged["errorPosition"], "84");
}

#[test]
fn a_capture_as_pcapng_prints_the_same() {
    let datagram = datagram();
    let classic = capture(6343, std::slice::from_ref(&datagram));
    // The packet of the classic file, and its time in microseconds.
    let packet = &classic[40..];
    let block = |kind: u32, body: Vec<u8>| {
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    };
    let mut body: Vec<u8> = [0, 0, 1_250_000, u32::try_from(packet.len()).unwrap(), 0]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    body.extend(packet);
    body.resize(body.len().next_multiple_of(4), 0);
    let section = [&[0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0][..], &[0xFF; 8]].concat();
    let file = [
        block(0x0A0D_0D0A, section),
        block(1, vec![1, 0, 0, 0, 0, 0, 0, 0]),
        block(6, body),
    ];
    for json in [true, false] {
        assert_eq!(decode(json, &file.concat()).0, decode(json, &classic).0);
    }
}
