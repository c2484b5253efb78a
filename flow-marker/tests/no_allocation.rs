//! The way of a sample allocates nothing: neither from datagram to detection, nor in the reader of all layers.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::hint::black_box;

use allocation_counter::measure;
use flow_marker::clock::Time;
use flow_marker::config::Profile;
use flow_marker::detect::{Clock, Detector, Observation, Segment};
use flow_marker::flow::{AgentId, FiveTuple, FlowHasher, FlowKey};
use flow_marker::packet::{Header, Kind, Stack, view};
use flow_marker::sflow::{Datagram, FlowRecord, HeaderProtocol, Sample};
use shared::units::BitRate;

/// Big-endian words.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// TCP from 10.0.0.0 + `n` to 192.0.2.1 inside VXLAN between two hosts, or by itself.
fn header(n: u32, tunnel: bool) -> Vec<u8> {
    let ip = |protocol: u8, length: u8, source: u32, payload: &[u8]| {
        let fixed = [0x45, 0, 0, 20 + length, 0, 0, 0x40, 0, 64, protocol, 0, 0];
        let mut bytes = [&[2; 12][..], &[8, 0], &fixed].concat();
        bytes.extend(words(&[source, 0xC000_0201]));
        bytes.extend(payload);
        bytes
    };
    let tcp = [&words(&[0x9C40_01BB, 1, 2, 0x5010_FFFF, 0])[..], &[0; 40]].concat();
    let frame = ip(6, 60, 10 << 24 | n, &tcp);
    if !tunnel {
        return frame;
    }
    let udp = words(&[0xC000_12B5, 0x006A_0000, 0x0800_0000, 0x0001_0200]);
    let mut inner = [&udp[..], &frame].concat();
    inner.truncate(106);
    ip(17, 106, 1, &inner)
}

/// A datagram of six samples, each with a switch record and a header.
fn datagram(flow: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = words(&[5, 1, 0xC000_0263, 0, 1, 1000, 6]);
    for n in 0..6 {
        let header = flow(n);
        let length = u32::try_from(header.len()).unwrap();
        let padded = length.next_multiple_of(4);
        let switch = [1001, 16, 10, 0, 10, 0];
        let mut body = words(&[n, 1, 1000, 1000, 0, 1, 2, 2]);
        body.extend(words(&switch));
        body.extend(words(&[1, 16 + padded, 1, 1518, 4, length]));
        body.extend(&header);
        body.resize(body.len().next_multiple_of(4), 0);
        bytes.extend(words(&[1, u32::try_from(body.len()).unwrap()]));
        bytes.extend(body);
    }
    bytes
}

#[test]
fn from_a_datagram_to_a_decision_nothing_is_allocated() {
    let mut detector = Detector::new(Profile::Balanced, 1024, 64, FlowHasher::with_seed([1, 2]));
    // More flows than the table has places, so that flows are added, found, displaced and refused.
    let datagrams: Vec<_> = (0..2000)
        .map(|n| datagram(|sample| header(n * 3 + sample, false)))
        .collect();
    let mut seen = 0;
    let info = measure(|| {
        for (n, bytes) in (1..).zip(&datagrams) {
            let datagram = Datagram::parse(bytes).unwrap();
            for sample in datagram.samples() {
                let Ok(Sample::Flow(sample)) = sample else {
                    continue;
                };
                for record in sample.records() {
                    let Ok(FlowRecord::RawHeader(raw)) = record else {
                        continue;
                    };
                    let header = Header::parse(raw.protocol, raw.header);
                    let tuple = FiveTuple::of(&header).unwrap();
                    let observation = Observation {
                        key: FlowKey {
                            agent: AgentId(0),
                            source: sample.source,
                            tuple,
                        },
                        port: 1,
                        output: None,
                        weight: 1_518_000,
                        frame: raw.frame_length,
                        dscp: 0,
                        segment: Segment::of(&header, raw.header),
                        recorded: None,
                        clock: Clock::Arrival,
                        threshold: Some(BitRate::from_bits_per_second(1_000_000_000_000)),
                    };
                    let now = Time::from_nanos(n * 1_000_000);
                    black_box(detector.observe(now, &observation, &mut |_| true));
                    seen += 1;
                }
            }
        }
    });
    assert_eq!(seen, 12_000);
    assert_eq!(detector.table().len(), 1024, "the table is full");
    assert_eq!(info.count_total, 0, "{info:?}");
}

#[test]
fn all_layers_are_read_without_allocation() {
    let bytes = header(7, true);
    let mut stacks = 0;
    let info = measure(|| {
        for length in 0..=bytes.len() {
            let stack = Stack::parse(HeaderProtocol::ETHERNET, bytes.get(..length).unwrap());
            let inner = stack.nth::<view::Ipv4<'_>>(1).and_then(|ip| ip.source());
            let tcp = stack.nth::<view::Tcp<'_>>(0);
            black_box((inner, tcp.and_then(|tcp| tcp.timestamps()), stack.ethertype(1)));
            stacks += usize::from(stack.kinds().last() == Some(Kind::Tcp));
        }
    });
    assert!(stacks >= 20, "the inner TCP header was there: {stacks}");
    assert_eq!(info.count_total, 0, "{info:?}");
}

#[test]
fn what_is_allocated_is_counted() {
    let info = measure(|| {
        black_box(Vec::<u8>::with_capacity(black_box(10)));
    });
    assert_eq!(info.count_total, 1, "the counter works");
}
