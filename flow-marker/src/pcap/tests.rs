//! Capture files built in memory, whole and damaged.

use super::*;

/// A UDP datagram from 10.0.0.1 port 4000 to 10.0.0.2 port `port`, from the IP header on.
fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let udp = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let total = u16::try_from(28 + payload.len()).unwrap().to_be_bytes();
    let [p0, p1] = port.to_be_bytes();
    let ip = [
        0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    [&ip[..], &[0x0F, 0xA0, p0, p1, udp[0], udp[1], 0, 0], payload].concat()
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([8, 0]);
    frame.extend(packet);
    frame.resize(frame.len().max(60), 0);
    frame
}

/// A file in little-endian order with microseconds; one packet a second.
fn file(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![
        0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0,
    ];
    bytes.extend(link.to_le_bytes());
    for (second, packet) in (1_u32..).zip(packets) {
        let length = u32::try_from(packet.len()).unwrap();
        for word in [second, 250_000, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(packet);
    }
    bytes
}

/// A capture on Ethernet of UDP datagrams to `port`; for the tests of other modules too.
pub(crate) fn capture(port: u16, payloads: &[Vec<u8>]) -> Vec<u8> {
    let packets: Vec<_> = payloads
        .iter()
        .map(|payload| ethernet(&udp(port, payload)))
        .collect();
    file(1, &packets)
}

/// As [`capture`], with the time of each, since 1970-01-01 UTC.
pub(crate) fn capture_at(port: u16, payloads: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = file(1, &[]);
    for (time, payload) in payloads {
        let packet = ethernet(&udp(port, payload));
        let length = u32::try_from(packet.len()).unwrap();
        let seconds = u32::try_from(time.as_secs()).unwrap();
        for word in [seconds, time.subsec_micros(), length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(packet);
    }
    bytes
}

/// Packets and skipped packets.
type Counts = (u64, u64);

/// The payloads, and how reading ended.
fn payloads(file: &[u8]) -> (Vec<Vec<u8>>, Result<Counts, PcapError>) {
    let mut capture = match Capture::new(file) {
        Ok(capture) => capture,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut payloads = Vec::new();
    loop {
        match capture.next_udp() {
            Ok(Some(payload)) => payloads.push(payload.bytes.to_vec()),
            Ok(None) => return (payloads, Ok((capture.packets(), capture.skipped()))),
            Err(error) => return (payloads, Err(error)),
        }
    }
}

#[test]
fn times_addresses_and_payload() {
    let bytes = capture(6343, &[b"sflow".to_vec()]);
    let mut capture = Capture::new(&bytes[..]).unwrap();
    let payload = capture.next_udp().unwrap().unwrap();
    assert_eq!(payload.time, Duration::from_millis(1250));
    assert_eq!(payload.source, "10.0.0.1:4000".parse().unwrap());
    assert_eq!(payload.destination, "10.0.0.2:6343".parse().unwrap());
    // The padding of the frame is no part of it.
    assert_eq!((payload.bytes, payload.length), (&b"sflow"[..], 5));
    assert_eq!(capture.next_udp().unwrap(), None);
}

#[test]
fn both_byte_orders_and_both_units() {
    let packet = ethernet(&udp(6343, b"x"));
    for (magic, big_endian, nanoseconds) in [
        ([0xD4, 0xC3, 0xB2, 0xA1], false, 250_000_000),
        ([0xA1, 0xB2, 0xC3, 0xD4], true, 250_000_000),
        ([0x4D, 0x3C, 0xB2, 0xA1], false, 250_000),
        ([0xA1, 0xB2, 0x3C, 0x4D], true, 250_000),
    ] {
        let mut bytes = file(1, std::slice::from_ref(&packet));
        if big_endian {
            for at in [20, 24, 28, 32, 36] {
                bytes[at..at + 4].reverse();
            }
        }
        bytes[..4].copy_from_slice(&magic);
        let mut capture = Capture::new(&bytes[..]).unwrap();
        let payload = capture.next_udp().unwrap().unwrap();
        assert_eq!(payload.time, Duration::new(1, nanoseconds), "{magic:x?}");
        assert_eq!(payload.bytes, b"x");
    }
}

#[test]
fn every_link_type() {
    let packet = udp(6343, b"payload");
    let cooked1 = [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0][..], &packet].concat();
    let cooked2 = [
        &[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..],
        &packet,
    ]
    .concat();
    for (link, packet) in [
        (1, ethernet(&packet)),
        (101, packet),
        (113, cooked1),
        (276, cooked2),
    ] {
        let (found, end) = payloads(&file(link, &[packet]));
        assert_eq!(found, [b"payload"], "link type {link}");
        assert_eq!(end.unwrap(), (1, 0));
    }
}

#[test]
fn everything_but_whole_udp_datagrams_is_counted_and_skipped() {
    let mut tcp = udp(6343, b"12345678901234567890");
    tcp[9] = 6;
    let mut fragment = udp(6343, b"first part");
    fragment[6] = 0x20;
    let arp = [&[0; 12][..], &[8, 6], &[0; 46]].concat();
    let packets = [
        ethernet(&tcp),
        ethernet(&fragment),
        arp,
        vec![],
        ethernet(&udp(6343, b"good")),
    ];
    let (found, end) = payloads(&file(1, &packets));
    assert_eq!(found, [b"good"]);
    assert_eq!(end.unwrap(), (5, 4));
}

#[test]
fn packet_that_the_capture_cut() {
    let mut packet = ethernet(&udp(6343, &[7; 100]));
    packet.truncate(14 + 28 + 10);
    let bytes = file(1, &[packet]);
    let mut capture = Capture::new(&bytes[..]).unwrap();
    let payload = capture.next_udp().unwrap().unwrap();
    assert_eq!((payload.bytes, payload.length), (&[7; 10][..], 100));
}

#[test]
fn udp_length_that_contradicts_the_length_of_ip() {
    let mut packet = udp(6343, &[7; 50]);
    packet[24..26].copy_from_slice(&16_u16.to_be_bytes());
    assert_eq!(payloads(&file(101, &[packet])).0, [[7; 50]]);
    // Offload: IP says nothing, UDP does.
    let mut packet = udp(6343, &[7; 50]);
    packet[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(payloads(&file(101, &[packet])).0, [[7; 50]]);
}

#[test]
fn damaged_files_say_what_is_wrong() {
    let error = |bytes: &[u8]| payloads(bytes).1.unwrap_err().to_string();
    assert_eq!(
        error(&[]),
        "the file is truncated: it ends inside the file header at byte 0"
    );
    assert!(error(b"GIF89a, which is a picture and nothing else").contains("not a pcap file"));
    let pcapng = [0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A];
    assert!(error(&pcapng).contains("not built yet"));
    assert!(error(&[&pcapng[..], &[0; 30]].concat()).contains("not built yet"));
    assert!(error(&file(127, &[])).starts_with("link type 127 is not read"));
    let mut long = file(1, &[vec![]]);
    long[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(
        error(&long).starts_with("byte 24: a packet of 4294967295 bytes"),
        "{}",
        error(&long)
    );
}

#[test]
fn every_prefix_yields_the_packets_before_the_cut() {
    let whole = capture(6343, &[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
    let record = 16 + 60;
    for length in 24..=whole.len() {
        let (found, end) = payloads(&whole[..length]);
        assert_eq!(found.len(), (length - 24) / record);
        assert_eq!(end.is_err(), (length - 24) % record != 0, "{length}: {end:?}");
    }
}

proptest::proptest! {
    #[test]
    fn a_changed_word_never_panics(position in 20_usize..249, word in proptest::prelude::any::<[u8; 4]>()) {
        let mut bytes = capture(6343, &[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        bytes[position..position + 4].copy_from_slice(&word);
        let _ = payloads(&bytes);
    }
}
