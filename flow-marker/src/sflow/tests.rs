//! The decoder against datagrams that the `build` module makes, whole and damaged.

pub(crate) mod build;
pub(crate) mod layouts;
mod records;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use build::{compact_flow, counters, datagram, expanded_flow, raw_header, structure, words};
use proptest::prelude::*;

use super::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 233));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 1));

/// Everything a datagram says, as text; what comparisons of damaged with whole datagrams are made on.
fn samples(bytes: &[u8]) -> impl Iterator<Item = String> {
    let describe = |sample| match sample {
        Ok(Sample::Flow(sample)) => {
            let records: Vec<_> = sample.records().collect();
            format!(
                "{} {} {} {} {} {} {:?} {:?} {records:?}",
                sample.format,
                sample.sequence,
                sample.source,
                sample.sampling_rate,
                sample.sample_pool,
                sample.drops,
                sample.input,
                sample.output
            )
        }
        Ok(Sample::Counters(sample)) => {
            let records: Vec<_> = sample.records().collect();
            format!(
                "{} {} {} {records:?}",
                sample.format, sample.sequence, sample.source
            )
        }
        other => format!("{other:?}"),
    };
    let datagram = Datagram::parse(bytes);
    datagram
        .into_iter()
        .flat_map(|datagram| datagram.samples())
        .map(describe)
}

fn all_samples(bytes: &[u8]) -> Vec<String> {
    samples(bytes).collect()
}

/// A datagram with every structure that is decoded and some that are not, and where each of its samples ends.
fn everything(agent: IpAddr) -> (Vec<u8>, Vec<usize>) {
    let header: Vec<u8> = (0..61).collect();
    let other = structure(999, &words(&[0, 0, 0, 0]));
    let samples = [
        compact_flow(2 << 24 | 1000, 2, 6, &[other.clone(), raw_header(&header)]),
        counters(7, 1_000_000_000, "swp7"),
        structure(6, &words(&[1, 2, 3])),
        expanded_flow([0, 0x0100_0000], [0, 5], [2, 10], &[raw_header(&header), other]),
        structure(4300 << 12 | 1004, b"odd"),
        compact_flow(9, 9, 0x3FFF_FFFF, &[raw_header(&header)]),
    ];
    let bytes = datagram(agent, &samples);
    let mut end = bytes.len() - samples.concat().len();
    let ends = samples
        .iter()
        .map(|sample| {
            end += sample.len();
            end
        })
        .collect();
    (bytes, ends)
}

#[test]
fn head_with_an_agent_of_either_family() {
    for agent in [V4, V6] {
        let (bytes, _) = everything(agent);
        let datagram = Datagram::parse(&bytes).unwrap();
        assert_eq!(datagram.agent, agent);
        assert_eq!(
            (
                datagram.sub_agent,
                datagram.sequence,
                datagram.uptime_ms,
                datagram.sample_count
            ),
            (3, 44, 5000, 6)
        );
        let mut samples = datagram.samples();
        assert_eq!(samples.by_ref().filter(Result::is_ok).count(), 6);
        assert!(samples.rest().is_empty());
    }
}

#[test]
fn flow_samples_compact_and_expanded() {
    let (bytes, _) = everything(V4);
    let flows: Vec<_> = Datagram::parse(&bytes)
        .unwrap()
        .samples()
        .filter_map(|sample| match sample {
            Ok(Sample::Flow(flow)) => Some(flow),
            _ => None,
        })
        .collect();
    let [switch, expanded, local] = flows.as_slice() else {
        panic!("{flows:?}")
    };
    assert_eq!(switch.source.to_string(), "2:1000");
    assert_eq!(switch.source.if_index(), None);
    assert_eq!(
        (switch.input, switch.output),
        (Interface::Index(2), Interface::Index(6))
    );
    assert_eq!(
        (
            switch.sequence,
            switch.sampling_rate,
            switch.sample_pool,
            switch.drops
        ),
        (11, 100, 2200, 1)
    );
    // An index that does not fit into the 24 bits of the compact form.
    assert_eq!(expanded.source, DataSource::interface(0x0100_0000));
    assert_eq!(
        (expanded.input, expanded.output),
        (Interface::Index(5), Interface::Multiple(10))
    );
    assert_eq!(expanded.format, SampleFormat::EXPANDED_FLOW);
    assert_eq!(local.output, Interface::Internal);
    for flow in flows {
        let headers: Vec<_> = flow
            .records()
            .filter_map(|record| match record {
                Ok(FlowRecord::RawHeader(header)) => Some(header),
                _ => None,
            })
            .collect();
        let [header] = headers.as_slice() else {
            panic!("{headers:?}")
        };
        // 61 bytes: the padding to 64 is none of them.
        assert!(header.header.iter().copied().eq(0..61));
        assert_eq!(
            (header.protocol, header.frame_length, header.stripped),
            (HeaderProtocol::ETHERNET, 1518, 4)
        );
    }
}

#[test]
fn counter_samples_with_speed_and_name() {
    let (bytes, _) = everything(V4);
    let Some(Ok(Sample::Counters(sample))) = Datagram::parse(&bytes).unwrap().samples().nth(1) else {
        panic!("no counter sample")
    };
    assert_eq!((sample.sequence, sample.source), (12, DataSource::interface(7)));
    let records: Vec<_> = sample.records().map(Result::unwrap).collect();
    let [
        CounterRecord::GenericInterface(port),
        CounterRecord::Ethernet(_),
        CounterRecord::PortName(name),
    ] = records.as_slice()
    else {
        panic!("{records:?}")
    };
    assert_eq!(
        (port.if_index, port.speed_bps, port.in_octets),
        (7, 1_000_000_000, 1 << 40)
    );
    assert_eq!(
        (port.direction, port.in_unicast, port.out_octets),
        (1, 101, 1 << 41)
    );
    assert_eq!((port.out_unicast, port.promiscuous), (201, 206));
    assert!(port.is_up());
    assert_eq!(name.as_str(), Some("swp7"));
    assert_eq!(Text(b"swp1\x1b[2J").as_str(), None);
    assert_eq!(Text(b"\xFF").as_str(), None);
    assert_eq!(Text(b"").as_str(), None);
}

#[test]
fn interfaces_of_every_form() {
    let port = |word| {
        let bytes = datagram(V4, &[compact_flow(1, word, word, &[])]);
        match Datagram::parse(&bytes).unwrap().samples().next() {
            Some(Ok(Sample::Flow(flow))) => flow.output,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(port(0), Interface::Unknown);
    assert_eq!(port(0x3FFF_FFFE), Interface::Index(0x3FFF_FFFE));
    assert_eq!(port(0x3FFF_FFFF), Interface::Internal);
    assert_eq!(port(1 << 30 | 258), Interface::Discarded(258));
    assert_eq!(port(2 << 30), Interface::Multiple(0));
    assert_eq!(port(3 << 30 | 1), Interface::Undefined { format: 3, value: 1 });
}

#[test]
fn what_is_no_sflow_version_5_says_where() {
    let error = |bytes: &[u8]| Datagram::parse(bytes).unwrap_err().to_string();
    assert_eq!(error(&[]), "byte 0, version: 4 bytes wanted, 0 left");
    assert_eq!(
        error(&words(&[4, 1])),
        "byte 0, version: version 4, only 5 is understood"
    );
    assert_eq!(
        error(&words(&[5, 0, 0, 0, 0, 0])),
        "byte 4, agent address: address type 0, neither 1 (IPv4) nor 2 (IPv6)"
    );
    assert_eq!(
        error(&words(&[5, 1, 0, 0])),
        "byte 12, datagram head: 16 bytes wanted, 4 left"
    );
}

#[test]
fn record_longer_than_its_fields_and_sample_padded_after_its_last_record() {
    let mut header = raw_header(&[1, 2, 3, 4]);
    // Eight bytes more in the record than its fields need.
    header[4..8].copy_from_slice(&28_u32.to_be_bytes());
    header.extend([0xEE; 8]);
    let mut sample = compact_flow(1, 1, 2, &[header, raw_header(&[5])]);
    sample.extend([0; 12]);
    let length = u32::try_from(sample.len() - 8).unwrap();
    sample[4..8].copy_from_slice(&length.to_be_bytes());
    let bytes = datagram(V4, &[sample, compact_flow(2, 1, 2, &[])]);
    let all: Vec<_> = Datagram::parse(&bytes)
        .unwrap()
        .samples()
        .map(Result::unwrap)
        .collect();
    let [Sample::Flow(first), Sample::Flow(second)] = all.as_slice() else {
        panic!("{all:?}")
    };
    let headers: Vec<_> = first.records().map(Result::unwrap).collect();
    assert!(matches!(
        headers[0],
        FlowRecord::RawHeader(RawHeader {
            header: &[1, 2, 3, 4],
            ..
        })
    ));
    assert!(matches!(
        headers[1],
        FlowRecord::RawHeader(RawHeader { header: &[5], .. })
    ));
    assert_eq!(second.source, DataSource::interface(2));
}

#[test]
fn damaged_record_leaves_its_neighbours_alone() {
    let mut damaged = raw_header(&[1, 2, 3, 4]);
    // The header says that it is longer than its record.
    damaged[20..24].copy_from_slice(&4000_u32.to_be_bytes());
    let bytes = datagram(
        V4,
        &[
            compact_flow(1, 1, 2, &[raw_header(&[1]), damaged, raw_header(&[2])]),
            counters(1, 1, "p"),
        ],
    );
    let all: Vec<_> = Datagram::parse(&bytes)
        .unwrap()
        .samples()
        .map(Result::unwrap)
        .collect();
    let [Sample::Flow(flow), Sample::Counters(_)] = all.as_slice() else {
        panic!("{all:?}")
    };
    let records: Vec<_> = flow.records().collect();
    assert!(matches!(
        records[0],
        Ok(FlowRecord::RawHeader(RawHeader { header: &[1], .. }))
    ));
    assert_eq!(
        records[1].unwrap_err().fault,
        Fault::Short {
            wanted: 4000,
            left: 4
        }
    );
    assert!(matches!(
        records[2],
        Ok(FlowRecord::RawHeader(RawHeader { header: &[2], .. }))
    ));
}

#[test]
fn damaged_sample_leaves_its_neighbours_alone() {
    let (before, after) = (compact_flow(1, 1, 2, &[raw_header(&[1])]), counters(3, 1, "p"));
    // A flow sample too short for its own fields.
    let bytes = datagram(
        V4,
        &[before.clone(), structure(1, &words(&[1, 2, 3])), after.clone()],
    );
    let whole = datagram(V4, &[before, after]);
    let (damaged, whole) = (all_samples(&bytes), all_samples(&whole));
    assert_eq!([&damaged[0], &damaged[2]], [&whole[0], &whole[1]]);
    assert!(damaged[1].contains("flow sample"), "{}", damaged[1]);
}

#[test]
fn last_sample_that_announces_too_much_is_salvaged_and_reported() {
    let mut sample = compact_flow(1, 1, 2, &[raw_header(&[1, 2])]);
    let length = u32::try_from(sample.len()).unwrap();
    sample[4..8].copy_from_slice(&length.to_be_bytes());
    let bytes = datagram(V4, &[sample]);
    let all: Vec<_> = Datagram::parse(&bytes).unwrap().samples().collect();
    let [Ok(Sample::Flow(flow)), Err(error)] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert!(matches!(
        flow.records().next(),
        Some(Ok(FlowRecord::RawHeader(_)))
    ));
    assert_eq!(
        error.to_string(),
        format!(
            "byte 28, sample: 0:1 announces {length} bytes, {} left",
            length - 8
        )
    );
}

#[test]
fn counts_of_four_billion_end_at_once() {
    let mut bytes = datagram(V4, &[compact_flow(1, 1, 2, &[])]);
    bytes[24..28].copy_from_slice(&u32::MAX.to_be_bytes());
    let record_count = bytes.len() - 4;
    bytes[record_count..].copy_from_slice(&u32::MAX.to_be_bytes());
    let all: Vec<_> = Datagram::parse(&bytes).unwrap().samples().collect();
    let [Ok(Sample::Flow(flow)), Err(_)] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert!(flow.records().all(|record| record.is_err()));
    assert_eq!(flow.records().count(), 1);
    // Structures of length 0 advance too.
    bytes.extend([0; 80]);
    assert_eq!(Datagram::parse(&bytes).unwrap().samples().count(), 1 + 10 + 1);
}

#[test]
fn every_prefix_keeps_the_samples_before_the_cut() {
    for agent in [V4, V6] {
        let (bytes, ends) = everything(agent);
        let whole = all_samples(&bytes);
        for length in 0..bytes.len() {
            let cut = all_samples(&bytes[..length]);
            let intact = ends.iter().filter(|end| **end <= length).count();
            assert_eq!(cut.get(..intact), whole.get(..intact), "cut to {length} bytes");
        }
    }
}

#[test]
fn every_change_of_a_byte_keeps_the_samples_before_it() {
    let (bytes, ends) = everything(V4);
    let whole = all_samples(&bytes);
    for position in 28..bytes.len() {
        let intact = ends.iter().filter(|end| **end <= position).count();
        let mut damaged = bytes.clone();
        for change in 1..=u8::MAX {
            damaged[position] = bytes[position] ^ change;
            assert!(
                samples(&damaged)
                    .zip(&whole)
                    .take(intact)
                    .all(|(after, before)| after == *before),
                "byte {position} ^ {change:#x}"
            );
            exhaust(&damaged);
        }
    }
}

/// Reads everything and looks at nothing.
fn exhaust(bytes: &[u8]) {
    for sample in Datagram::parse(bytes)
        .into_iter()
        .flat_map(|datagram| datagram.samples())
    {
        match sample {
            Ok(Sample::Flow(sample)) => sample.records().for_each(drop),
            Ok(Sample::Counters(sample)) => sample.records().for_each(drop),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        exhaust(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_good_head_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut whole = words(&[5, 1, 1, 0, 1, 1, 100]);
        whole.extend(bytes);
        exhaust(&whole);
    }

    #[test]
    fn any_four_bytes_anywhere_keep_the_samples_before_them(position in 28_usize..700, word in any::<[u8; 4]>()) {
        let (bytes, ends) = everything(V6);
        let whole = all_samples(&bytes);
        let position = position.clamp(40, bytes.len() - 4);
        let mut damaged = bytes;
        damaged[position..position + 4].copy_from_slice(&word);
        let intact = ends.iter().filter(|end| **end <= position).count();
        let after = all_samples(&damaged);
        prop_assert_eq!(after.get(..intact), whole.get(..intact));
    }

    #[test]
    fn every_sample_lies_inside_the_datagram(bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(3), 0..40_u8], 0..400)) {
        // Small numbers make lengths and formats that are often valid.
        let mut whole = words(&[5, 1, 1, 0, 1, 1, 30]);
        whole.extend(bytes);
        let limit = whole.len();
        let mut items = 0;
        for sample in Datagram::parse(&whole).unwrap().samples() {
            items += 1;
            if let Ok(Sample::Flow(flow)) = sample {
                items += flow.records().count();
            }
        }
        // Each sample and record takes at least its 8 bytes of head; an error may follow in each level.
        prop_assert!(items <= limit / 4 + 2, "{} items in {} bytes", items, limit);
    }
}
