use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::*;

fn v4(last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 0, last).into(), port)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn a_datagram_byte_by_byte() {
    let mut agent = Agent::with_sub_agent(Ipv4Addr::new(10, 0, 0, 233).into(), 7);
    let mut sample = FlowSample::new(Packet::udp(v4(1, 53), v4(2, 4000)), 100, 2, 6).by_open_vswitch();
    sample.packet.frame_length = 64;
    let bytes = agent.datagram(Duration::from_millis(1500), &[Sample::Flow(sample)]);
    let head = [5, 1, 0x0A00_00E9, 7, 1, 1500, 1];
    for (index, expected) in head.into_iter().enumerate() {
        assert_eq!(word(&bytes, index * 4), expected, "word {index}");
    }
    // Flow sample: format, length to the end, sequence, source 2:1000, rate, pool, drops, ports, records.
    let expected = [
        1,
        u32::try_from(bytes.len() - 36).unwrap(),
        1,
        2 << 24 | 1000,
        100,
        100,
        0,
        2,
        6,
        2,
    ];
    for (index, expected) in expected.into_iter().enumerate() {
        assert_eq!(
            word(&bytes, 28 + index * 4),
            expected,
            "word {index} of the sample"
        );
    }
    assert_eq!((word(&bytes, 68), word(&bytes, 72)), (1001, 16));
    // Raw header: 16 bytes of fields, 60 bytes of frame.
    assert_eq!((word(&bytes, 92), word(&bytes, 96)), (1, 76));
    assert_eq!(
        [100, 104, 108, 112].map(|at| word(&bytes, at)),
        [1, 64, 4, 60],
        "protocol, frame, stripped, header"
    );
    assert_eq!(bytes.len(), 116 + 60);
}

#[test]
fn the_checksum_of_ipv4_verifies() {
    let header = Packet::tcp(v4(1, 1), v4(2, 2)).header(128);
    let sum: u32 = header[14..34]
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    assert_eq!((sum & 0xFFFF) + (sum >> 16), 0xFFFF);
}

#[test]
fn headers_of_every_kind_have_their_lengths() {
    let v6 = |last| SocketAddr::new(Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, last).into(), 9);
    let tagged = Packet {
        vlan: Some((809, 5)),
        ..Packet::tcp(v6(1), v6(2))
    };
    let header = tagged.header(128);
    assert_eq!(header.len(), 128);
    assert_eq!(&header[12..18], &[0x81, 0x00, 0xA3, 0x29, 0x86, 0xDD]);
    assert_eq!(tagged.ip_length(), 1496);
    assert_eq!(tagged.payload_length(), 1496 - 60);
    assert_eq!(Packet::udp(v4(1, 1), v4(2, 2)).payload_length(), 1472);
}

/// A flow of 100 Mb/s in frames of 1250 bytes: a packet each 0.1 ms, and a sample each 10 ms.
fn traffic(spacing: Spacing) -> Traffic {
    let mut sample = FlowSample::new(Packet::tcp(v4(1, 1), v4(2, 2)), 100, 1, 2);
    sample.packet.frame_length = 1250;
    Traffic {
        spacing,
        ..Traffic::new(sample, 100_000_000, 1)
    }
    .during(Duration::from_secs(1), Duration::from_secs(10))
}

#[test]
fn regular_sampling_is_exact() {
    let samples: Vec<_> = traffic(Spacing::Regular).samples().collect();
    assert_eq!(samples.len(), 1000);
    assert_eq!(samples[0].0, Duration::from_micros(1_009_900));
    assert_eq!(samples[1].0 - samples[0].0, Duration::from_millis(10));
    let step = samples[1].1.packet.sequence - samples[0].1.packet.sequence;
    assert_eq!(step, 100 * (1250 - 18 - 40));
}

#[test]
fn random_sampling_has_the_right_mean_and_is_repeatable() {
    let samples: Vec<_> = traffic(Spacing::Random { seed: 3 }).samples().collect();
    // 1000 expected, standard deviation 32.
    assert!((850..1150).contains(&samples.len()), "{}", samples.len());
    let again: Vec<_> = traffic(Spacing::Random { seed: 3 }).samples().collect();
    assert!(samples.iter().map(|s| s.0).eq(again.iter().map(|s| s.0)));
    let pool: u64 = samples.iter().map(|(_, s)| u64::from(s.pool_step)).sum();
    assert!(pool <= 100_000 && pool > 95_000, "{pool}");
}

#[test]
fn batches_are_sent_full_or_in_time_and_in_order() {
    let ports = vec![CounterSample::new(PortCounters::new(1, 1_000_000_000), "swp1")];
    let timeline = Timeline::new()
        .with_flow(traffic(Spacing::Regular))
        .with_flow(traffic(Spacing::Regular).during(Duration::ZERO, Duration::from_secs(5)))
        .with_ports(ports, Duration::from_secs(30));
    let agent = Agent::new(Ipv4Addr::LOCALHOST.into());
    let datagrams: Vec<_> = agent
        .datagrams(timeline, 7, Duration::from_millis(50))
        .take_while(|(time, _)| *time < Duration::from_secs(20))
        .collect();
    assert!(datagrams.is_sorted_by_key(|(time, _)| *time));
    let samples = |bytes: &[u8]| word(bytes, 24);
    // Counters at the start, and 500 and 1000 samples of the flows.
    assert_eq!(
        datagrams.iter().map(|(_, bytes)| samples(bytes)).sum::<u32>(),
        1501
    );
    assert!(datagrams.iter().all(|(_, bytes)| samples(bytes) <= 7));
    // The first waits its 50 ms: the counters, and four samples up to 39.9 ms and one at 49.9 ms.
    assert_eq!(
        (datagrams[0].0, samples(&datagrams[0].1)),
        (Duration::from_millis(50), 6)
    );
    let sequences = datagrams.iter().map(|(_, bytes)| word(bytes, 16));
    assert!(sequences.eq(1..=u32::try_from(datagrams.len()).unwrap()));
}

#[test]
fn counters_move_with_the_traffic() {
    let port = |index| CounterSample::new(PortCounters::new(index, 1), "p");
    let mut timeline = Timeline::new()
        .with_flow(traffic(Spacing::Regular))
        .with_ports(vec![port(1), port(2)], Duration::from_secs(1));
    let last = timeline
        .by_ref()
        .take_while(|(time, _)| *time <= Duration::from_secs(12))
        .filter_map(|(_, sample)| match sample {
            Sample::Counters(sample) => Some(sample.counters),
            _ => None,
        })
        .collect::<Vec<_>>();
    let [.., first, second] = last.as_slice() else {
        panic!("no counters")
    };
    assert_eq!((first.in_octets, first.out_octets), (125_000_000, 0));
    assert_eq!((second.in_octets, second.out_octets), (0, 125_000_000));
}

#[test]
fn playing_arrives_and_stops() {
    let receiver = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let timeline = Timeline::new().with_flow(traffic(Spacing::Regular).during(Duration::ZERO, Duration::MAX));
    let datagrams = Agent::new(Ipv4Addr::LOCALHOST.into()).datagrams(timeline, 1, Duration::ZERO);
    let playing = play(
        datagrams,
        Ipv4Addr::LOCALHOST.into(),
        receiver.local_addr().unwrap(),
    )
    .unwrap();
    let mut buffer = [0; 2000];
    for sequence in 1..=3 {
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(word(&buffer[..length], 16), sequence);
    }
    assert!(playing.stop().unwrap().datagrams >= 3);
}
