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
        (101, packet.clone()),
        (0, [&[2, 0, 0, 0][..], &packet].concat()),
        (108, [&[0, 0, 0, 2][..], &packet].concat()),
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
fn fragments_are_counted_and_not_mistaken_for_datagrams() {
    let part = |flags: u8, offset: u8| {
        let mut part = udp(6343, b"part of a datagram");
        part[6..8].copy_from_slice(&[flags, offset]);
        ethernet(&part)
    };
    let mut other = udp(6343, b"part of a segment");
    other[6] = 0x20;
    other[9] = 6;
    let packets = [part(0x20, 0), part(0x20, 3), part(0, 6), ethernet(&other)];
    let bytes = file(1, &packets);
    let mut capture = Capture::new(&bytes[..]).unwrap();
    assert_eq!(capture.next_udp().unwrap(), None);
    assert_eq!(
        (capture.packets(), capture.skipped(), capture.fragments()),
        (4, 4, 3)
    );
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
    assert_eq!(error(&[]), "the file is empty");
    assert!(error(b"GIF89a, which is a picture and nothing else").contains("not a pcap or pcapng file"));
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

/// Builds pcapng blocks in one byte order.
#[derive(Clone, Copy)]
struct Ng {
    big: bool,
}

impl Ng {
    fn u16(self, value: u16) -> Vec<u8> {
        match self.big {
            true => value.to_be_bytes().to_vec(),
            false => value.to_le_bytes().to_vec(),
        }
    }

    fn u32(self, value: u32) -> Vec<u8> {
        match self.big {
            true => value.to_be_bytes().to_vec(),
            false => value.to_le_bytes().to_vec(),
        }
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = self.u32(u32::try_from(body.len() + 12).unwrap());
        [self.u32(kind), length.clone(), body, length].concat()
    }

    fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1A2B_3C4D), self.u16(1), self.u16(0), vec![0xFF; 8]].concat();
        self.block(0x0A0D_0D0A, &body)
    }

    fn interface(self, link: u16, snap_length: u32, options: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = [self.u16(link), self.u16(0), self.u32(snap_length)].concat();
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(u16::try_from(value.len()).unwrap()));
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    fn packet(self, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
        let length = self.u32(u32::try_from(packet.len()).unwrap());
        let body = [
            self.u32(interface),
            self.ticks(ticks),
            length.clone(),
            length,
            packet.to_vec(),
        ];
        self.block(6, &body.concat())
    }

    fn ticks(self, ticks: u64) -> Vec<u8> {
        let half = |half: u64| self.u32(u32::try_from(half).unwrap());
        [half(ticks >> 32), half(ticks & 0xFFFF_FFFF)].concat()
    }
}

/// Times and payloads.
fn timed(file: &[u8]) -> Vec<(Duration, Vec<u8>)> {
    let mut capture = Capture::new(file).unwrap();
    let mut found = Vec::new();
    while let Some(payload) = capture.next_udp().unwrap() {
        found.push((payload.time, payload.bytes.to_vec()));
    }
    found
}

#[test]
fn pcapng_of_both_byte_orders_with_every_kind_of_packet_block() {
    for big in [false, true] {
        let ng = Ng { big };
        let frame = |payload: &[u8]| ethernet(&udp(6343, payload));
        let old = {
            let frame = frame(b"old");
            let length = ng.u32(u32::try_from(frame.len()).unwrap());
            let body = [
                ng.u16(0),
                ng.u16(0xFFFF),
                ng.ticks(2_000_000),
                length.clone(),
                length,
                frame,
            ];
            ng.block(2, &body.concat())
        };
        let simple = {
            let frame = frame(b"simple");
            let length = u32::try_from(frame.len()).unwrap();
            ng.block(3, &[ng.u32(length), frame].concat())
        };
        let file = [
            ng.section(),
            ng.interface(1, 0, &[]),
            ng.packet(0, 1_250_000, &frame(b"enhanced")),
            // Name resolution, and one that nobody knows.
            ng.block(4, &[0; 20]),
            ng.block(0x0BAD, b"whatever"),
            old,
            simple,
        ];
        let expected = [
            (Duration::from_millis(1250), b"enhanced".to_vec()),
            (Duration::from_secs(2), b"old".to_vec()),
            (Duration::ZERO, b"simple".to_vec()),
        ];
        assert_eq!(timed(&file.concat()), expected, "big endian: {big}");
    }
}

#[test]
fn pcapng_clocks_links_and_sections() {
    let (little, big) = (Ng { big: false }, Ng { big: true });
    let ip = udp(6343, b"x");
    let offset = 1000_i64.to_le_bytes().to_vec();
    let file = [
        little.section(),
        // Nanoseconds; 1/1024 s and an offset; a link type that is not read; a resolution of 10^-127.
        little.interface(101, 0, &[(2, b"eth0".to_vec()), (9, vec![9]), (0, vec![])]),
        little.interface(101, 0, &[(9, vec![0x8A]), (14, offset)]),
        little.interface(127, 0, &[]),
        little.interface(101, 0, &[(9, vec![127])]),
        little.packet(0, 1_000_000_007, &ip),
        little.packet(1, 1536, &ip),
        little.packet(2, 0, &ip),
        little.packet(3, u64::MAX, &ip),
        // No such interface.
        little.packet(9, 0, &ip),
        // Another section: other order, other interfaces.
        big.section(),
        big.interface(101, 0, &[]),
        big.packet(0, 3_000_000, &ip),
        big.packet(1, 0, &ip),
    ]
    .concat();
    let times: Vec<_> = timed(&file).into_iter().map(|(time, _)| time).collect();
    let expected = [
        Duration::new(1, 7),
        Duration::new(1001, 500_000_000),
        Duration::ZERO,
        Duration::from_secs(3),
    ];
    assert_eq!(times, expected);
    let (_, counts) = payloads(&file);
    assert_eq!(counts.unwrap(), (7, 3));
}

#[test]
fn pcapng_simple_packet_is_cut_to_the_length_of_its_interface() {
    let ng = Ng { big: false };
    let packet = udp(6343, &[7; 100]);
    let body = [
        ng.u32(u32::try_from(packet.len()).unwrap()),
        packet[..60].to_vec(),
    ]
    .concat();
    let file = [ng.section(), ng.interface(101, 60, &[]), ng.block(3, &body)].concat();
    assert_eq!(timed(&file), [(Duration::ZERO, vec![7; 60 - 28])]);
}

#[test]
fn pcapng_that_lies_about_lengths_says_where_and_takes_no_memory() {
    let ng = Ng { big: false };
    let error = |blocks: &[Vec<u8>]| {
        let file = [&[ng.section()], blocks].concat().concat();
        payloads(&file).1.unwrap_err().to_string()
    };
    let with_length = |kind: u32, length: u32| [ng.u32(kind), ng.u32(length), vec![0; 40]].concat();
    assert!(error(&[with_length(6, 11)]).contains("length cannot be"));
    assert!(error(&[with_length(6, 42)]).contains("length cannot be"));
    // 4 GiB of a block that nobody knows, of an interface, of a packet.
    assert!(error(&[with_length(99, 0xFFFF_FFF0)]).contains("truncated"));
    assert!(error(&[with_length(1, 0xFFFF_FFF0)]).contains("truncated"));
    let mut huge = ng.packet(0, 0, &[0; 8]);
    huge[4..8].copy_from_slice(&0xFFFF_FFFC_u32.to_le_bytes());
    huge[20..24].copy_from_slice(&0xFFFF_0000_u32.to_le_bytes());
    assert!(error(&[ng.interface(1, 0, &[]), huge]).contains("a packet of 4294901760 bytes"));
    let mut longer = ng.packet(0, 0, &[0; 8]);
    longer[20..24].copy_from_slice(&400_u32.to_le_bytes());
    assert!(error(&[longer]).contains("longer than its block"));
    let mut differ = ng.packet(0, 0, &[0; 8]);
    let end = differ.len() - 4;
    differ[end] ^= 4;
    assert!(error(&[differ]).contains("two lengths differ"));
    assert!(
        payloads(&[0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 1, 2, 3, 4])
            .1
            .is_err()
    );
}

fn small_ng() -> Vec<u8> {
    let ng = Ng { big: false };
    [
        ng.section(),
        ng.interface(101, 0, &[(9, vec![9])]),
        ng.packet(0, 1, &udp(6343, b"one")),
        ng.packet(0, 2, &udp(6343, b"two")),
    ]
    .concat()
}

#[test]
fn every_prefix_of_a_pcapng_file_yields_the_packets_before_the_cut() {
    let whole = small_ng();
    for length in 0..whole.len() {
        let (found, _) = payloads(&whole[..length]);
        assert_eq!(found.len(), usize::from(length >= whole.len() - 64), "{length}");
    }
    assert_eq!(payloads(&whole).0.len(), 2);
}

proptest::proptest! {
    #[test]
    fn a_changed_word_of_a_pcapng_file_never_panics(at in 0_usize..180, word in proptest::prelude::any::<[u8; 4]>()) {
        let mut bytes = small_ng();
        let at = at.min(bytes.len() - 4);
        bytes[at..at + 4].copy_from_slice(&word);
        let _ = payloads(&bytes);
    }


    #[test]
    fn a_changed_word_never_panics(position in 20_usize..249, word in proptest::prelude::any::<[u8; 4]>()) {
        let mut bytes = capture(6343, &[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        bytes[position..position + 4].copy_from_slice(&word);
        let _ = payloads(&bytes);
    }
}
