//! Every record and every sample, from built bytes to what its fields say; whole and damaged.

use super::build::*;
use super::layouts::{COUNTER, FLOW};
use super::*;
use crate::sflow::counter::{HostCpu, JvmStatistics};
use crate::sflow::flow::Gateway;

/// A value as the layouts write it.
fn plain(value: &Value<'_>) -> String {
    match value {
        Value::Byte(value) => value.to_string(),
        Value::Counter32(value) | Value::Gauge32(value) | Value::Percent(value) => value.to_string(),
        Value::Counter64(value) | Value::Gauge64(value) | Value::Hex64(value) => value.to_string(),
        Value::Signed(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => String::from_utf8_lossy(text.0).into_owned(),
        Value::Opaque(bytes) => String::from_utf8_lossy(bytes.0).into_owned(),
        Value::Mac(mac) => format!("{mac:?}"),
        Value::Uuid(uuid) => format!("{uuid:?}"),
        Value::Address(address) => address.map_or("-".to_owned(), |address| address.to_string()),
        Value::Ipv4(address) => address.to_string(),
        Value::Ipv6(address) => address.to_string(),
        Value::AppStatus(status) => status.0.to_string(),
        Value::Direction(direction) => direction.0.to_string(),
        Value::Numbers(words) | Value::Percents(words) | Value::Labels(words) | Value::Tags(words) => {
            format!("{:?}", words.iter().collect::<Vec<_>>())
        }
        Value::Path(path) => {
            let segments = path
                .segments()
                .map(|s| format!("{}:{:?}", s.kind.0, s.systems.iter().collect::<Vec<_>>()));
            segments.collect::<Vec<_>>().join(" ")
        }
        Value::Adapters(adapters) => {
            let adapters = adapters.iter().map(|a| {
                format!(
                    "{}:{:?}",
                    a.if_index,
                    a.macs().map(|mac| mac[5]).collect::<Vec<_>>()
                )
            });
            adapters.collect::<Vec<_>>().join(" ")
        }
        Value::Lanes(lanes) => {
            let lanes = lanes.iter().map(|lane| {
                let values = lane.fields().map(|(_, value)| value);
                assert!(values.is_sorted());
                format!("{}..{}", values[0], values[9])
            });
            lanes.collect::<Vec<_>>().join(" ")
        }
        Value::Pdus(pdus) => {
            let pdus = pdus
                .iter::<FlowRecord<'_>>()
                .map(|records| format!("{} records", records.filter(Result::is_ok).count()));
            pdus.collect::<Vec<_>>().join(", ")
        }
    }
}

fn shown<'a>(walk: impl FnOnce(&mut dyn FnMut(&'static str, Value<'a>))) -> Vec<Shown> {
    let mut fields = Vec::new();
    walk(&mut |name, value| fields.push((name.to_owned(), plain(&value))));
    fields
}

fn flow_record<'a>(format: u32, body: &'a [u8]) -> Result<FlowRecord<'a>, DecodeError> {
    FlowRecord::decode(format, Reader::new(body))
}

fn counter_record<'a>(format: u32, body: &'a [u8]) -> Result<CounterRecord<'a>, DecodeError> {
    CounterRecord::decode(format, Reader::new(body))
}

#[test]
fn every_flow_record_shows_its_fields_in_the_order_of_the_wire() {
    for built in every_record(FLOW) {
        let record = flow_record(built.format, &built.body).unwrap();
        assert_eq!(record.format(), FlowFormat(built.format));
        assert!(record.format().name().is_some());
        assert_eq!(
            shown(|visit| record.fields(visit)),
            built.fields,
            "{}",
            record.format()
        );
    }
}

#[test]
fn every_counter_record_shows_its_fields_in_the_order_of_the_wire() {
    for built in every_record(COUNTER) {
        let record = counter_record(built.format, &built.body).unwrap();
        assert_eq!(record.format(), CounterFormat(built.format));
        assert_eq!(
            shown(|visit| record.fields(visit)),
            built.fields,
            "{}",
            record.format()
        );
    }
}

/// The sizes in the list of structures at sFlow.org.
#[test]
fn records_of_fixed_size_have_the_size_that_the_specification_says() {
    let size = |layouts, format| {
        let built = every_record(layouts)
            .into_iter()
            .find(|built| built.format == format);
        built.unwrap().body.len()
    };
    let flows = [
        (2, 24),
        (3, 32),
        (4, 56),
        (1001, 16),
        (1043, 8),
        (2100, 20),
        (2101, 44),
        (2209, 48),
        (2210, 16),
    ];
    for (format, bytes) in flows {
        assert_eq!(size(FLOW, format), bytes, "flow record {format}");
    }
    let counters = [
        (1, 88),
        (2, 52),
        (3, 72),
        (4, 80),
        (5, 28),
        (6, 80),
        (7, 56),
        (11, 20),
        (1001, 28),
        (1002, 12),
        (1004, 12),
        (2002, 8),
        (2003, 80),
        (2004, 72),
        (2005, 52),
        (2006, 40),
        (2007, 76),
        (2008, 100),
        (2009, 60),
        (2010, 28),
        (2100, 28),
        (2101, 12),
        (2102, 16),
        (2103, 52),
        (2104, 40),
        (2106, 108),
        (2201, 60),
        (2203, 40),
        (2204, 140),
        (2205, 92),
        (2206, 20),
        (2207, 24),
        (4413 << 12 | 3, 144),
        (5703 << 12 | 1, 48),
    ];
    for (format, bytes) in counters {
        assert_eq!(size(COUNTER, format), bytes, "counter record {format}");
    }
}

#[test]
fn old_versions_lack_the_fields_at_the_end() {
    for (format, old) in [(2003, 68), (2106, 100)] {
        let built = every_record(COUNTER)
            .into_iter()
            .find(|built| built.format == format)
            .unwrap();
        let record = counter_record(format, &built.body[..old]).unwrap();
        let fields = shown(|visit| record.fields(visit));
        assert_eq!(fields, built.fields[..fields.len()]);
        assert!(fields.len() < built.fields.len());
        match record {
            CounterRecord::HostCpu(HostCpu { steal_ms, .. }) => assert_eq!(steal_ms, None),
            CounterRecord::JvmStatistics(JvmStatistics { files_open, .. }) => assert_eq!(files_open, None),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_the_agent_does_not_know_is_said() {
    let unknown = |value: Value<'_>| (value.is_unknown(), value.number());
    for value in [
        Value::Counter32(u32::MAX),
        Value::Counter64(u64::MAX),
        Value::Gauge32(u32::MAX),
        Value::Percent(u32::MAX),
        Value::Float(-1.0),
        Value::Float(f32::NAN),
        Value::Text(Text(b"")),
        Value::Address(None),
    ] {
        assert_eq!(unknown(value), (true, None), "{value:?}");
    }
    assert_eq!(unknown(Value::Counter32(0)), (false, Some(0.0)));
    assert_eq!(unknown(Value::Percent(1250)), (false, Some(12.5)));
    assert_eq!(unknown(Value::Signed(-1)), (false, Some(-1.0)));
}

#[test]
fn counts_in_records_are_bounded_by_their_bytes() {
    let all_ones = words(&[u32::MAX; 40]);
    for built in every_record(FLOW) {
        // Whatever it says, it ends.
        let _ = flow_record(built.format, &all_ones).map(|record| shown(|visit| record.fields(visit)));
    }
    for built in every_record(COUNTER) {
        let _ = counter_record(built.format, &all_ones).map(|record| shown(|visit| record.fields(visit)));
    }
    // Four billion empty segments in 16 bytes.
    let gateway = words(&[1, 0x0A00_0001, 1, 2, 3, u32::MAX, 2, 0, 2, 0]);
    assert_eq!(flow_record(1003, &gateway).unwrap_err().reading, "gateway");
}

#[test]
fn gateway_without_next_hop_and_path() {
    let bytes = words(&[0, 1, 2, 3, 0, 0, 100]);
    let Ok(FlowRecord::Gateway(gateway)) = flow_record(1003, &bytes) else {
        panic!("no gateway")
    };
    let Gateway {
        next_hop,
        path,
        communities,
        local_preference,
        ..
    } = gateway.get().unwrap();
    assert_eq!((next_hop, path.segments().count()), (None, 0));
    assert_eq!((communities.len(), local_preference), (0, 100));
}

#[test]
fn text_without_its_padding_at_the_end_of_a_record() {
    let bytes = [words(&[5]), b"swp12".to_vec()].concat();
    let Ok(CounterRecord::PortName(name)) = counter_record(1005, &bytes) else {
        panic!("no name")
    };
    assert_eq!(name.as_str(), Some("swp12"));
}

#[test]
fn discarded_packets_say_where_and_why() {
    let bytes = datagram(V4, &[discard(&[raw_header(&[1]), structure(1036, &words(&[3]))])]);
    let Some(Ok(Sample::Discard(sample))) = Datagram::parse(&bytes).unwrap().samples().next() else {
        panic!("no discard")
    };
    assert_eq!(
        (sample.sequence, sample.source, sample.drops),
        (21, DataSource::interface(7), 2)
    );
    assert_eq!((sample.input_if_index, sample.output_if_index), (7, 8));
    assert_eq!(sample.reason, DropReason::ACL);
    assert_eq!(sample.records().filter(Result::is_ok).count(), 2);
    let names = [0, 15, 16, 255, 256, 262, 371, 372, u32::MAX].map(|reason| DropReason(reason).name());
    assert_eq!(
        names,
        [
            Some("net_unreachable"),
            Some("precedence_cutoff"),
            None,
            None,
            Some("unknown"),
            Some("pkt_too_big"),
            Some("socket_filter"),
            None,
            None
        ]
    );
}

#[test]
fn metrics_and_flows_of_every_type() {
    let bytes = datagram(V4, &[rt_metric(), rt_flow()]);
    let all: Vec<_> = Datagram::parse(&bytes)
        .unwrap()
        .samples()
        .map(Result::unwrap)
        .collect();
    let [Sample::RtMetric(metric), Sample::RtFlow(flow)] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(metric.source.as_str(), Some("source"));
    let metrics: Vec<_> = metric
        .entries()
        .map(|entry| format!("{:?}", entry.unwrap().value))
        .collect();
    assert_eq!(
        metrics,
        [
            "Text(\"value\")",
            "Counter32(11)",
            "Counter64(4294967308)",
            "Gauge32(13)",
            "Gauge64(4294967310)",
            "Float(1.5)",
            "Double(2.5)"
        ]
    );
    assert_eq!((flow.sampling_rate, flow.sample_pool), (400, 8000));
    let parts: Vec<_> = flow
        .entries()
        .map(|entry| format!("{:?}", entry.unwrap().value))
        .collect();
    assert_eq!(
        parts,
        [
            "Text(\"value\")",
            "Mac([2, 0, 0, 0, 0, 9])",
            "Ipv4(10.0.0.9)",
            "Ipv6(fd00::)",
            "U32(13)",
            "U64(4294967310)",
            "Float(1.5)",
            "Double(2.5)"
        ]
    );
}

#[test]
fn an_entry_of_no_type_is_the_last() {
    let body = [words(&[0, 3, 0, 1, 7, 0, 99, 0, 1, 8])].concat();
    let bytes = datagram(V4, &[structure(4300 << 12 | 1002, &body)]);
    let Some(Ok(Sample::RtMetric(metric))) = Datagram::parse(&bytes).unwrap().samples().next() else {
        panic!("no metric")
    };
    let entries: Vec<_> = metric.entries().collect();
    assert!(entries[0].is_ok());
    assert_eq!(entries[1].unwrap_err().fault, Fault::ValueType(99));
    assert_eq!(entries.len(), 2);
}

/// Datagrams of three samples, the middle one of each kind and with each record in turn.
fn datagrams() -> Vec<Vec<u8>> {
    let flows = every_record(FLOW)
        .into_iter()
        .map(|built| structure(built.format, &built.body))
        .enumerate()
        .map(|(index, record)| match index % 3 {
            0 => compact_flow(1, 1, 2, &[record]),
            1 => expanded_flow([0, 1], [0, 1], [0, 2], &[record]),
            _ => discard(&[record]),
        });
    let counters = every_record(COUNTER)
        .into_iter()
        .map(|built| structure(built.format, &built.body))
        .enumerate()
        .map(|(index, record)| match index % 2 {
            0 => counters_of(1, &[record]),
            _ => expanded_counters([0, 1], &[record]),
        });
    let custom = [
        rt_metric(),
        rt_flow(),
        compact_flow(1, 1, 2, &[raw_header(&[1, 2, 3])]),
    ];
    flows
        .chain(counters)
        .chain(custom)
        .map(|sample| datagram(V4, &[before(), sample, compact_flow(3, 3, 3, &[])]))
        .collect()
}

fn before() -> Vec<u8> {
    compact_flow(9, 9, 9, &[structure(1001, &words(&[1, 2, 3, 4]))])
}

/// Bytes before the middle sample.
fn intact() -> usize {
    28 + before().len()
}

#[test]
fn a_cut_anywhere_in_any_record_leaves_the_sample_before_it() {
    for bytes in datagrams() {
        let whole = all_samples(&bytes);
        assert_eq!(whole.len(), 3, "{whole:?}");
        for length in intact()..bytes.len() {
            assert_eq!(all_samples(&bytes[..length])[0], whole[0]);
            walk(&bytes[..length]);
        }
    }
}

/// All changes of all bytes behind the first sample, in one of `PARTS` of the datagrams: parts run side by side.
fn change_every_byte(part: usize) {
    for bytes in datagrams().into_iter().skip(part).step_by(PARTS) {
        let first = Datagram::parse(&bytes)
            .unwrap()
            .samples()
            .next()
            .unwrap()
            .unwrap();
        let mut damaged = bytes.clone();
        for position in intact()..bytes.len() {
            for change in 1..=u8::MAX {
                damaged[position] = bytes[position] ^ change;
                let mut samples = Datagram::parse(&damaged).unwrap().samples();
                let same = match (first, samples.next().unwrap().unwrap()) {
                    (Sample::Flow(a), Sample::Flow(b)) => {
                        (a.sequence, a.source) == (b.sequence, b.source) && a.records().eq(b.records())
                    }
                    _ => false,
                };
                assert!(same, "byte {position} ^ {change:#x}");
                samples.for_each(walk_sample);
            }
            damaged[position] = bytes[position];
        }
    }
}

const PARTS: usize = 6;

#[test]
fn a_change_of_any_byte_in_any_record_leaves_the_sample_before_it_part_1() {
    change_every_byte(0);
}

#[test]
fn a_change_of_any_byte_in_any_record_leaves_the_sample_before_it_part_2() {
    change_every_byte(1);
}

#[test]
fn a_change_of_any_byte_in_any_record_leaves_the_sample_before_it_part_3() {
    change_every_byte(2);
}

#[test]
fn a_change_of_any_byte_in_any_record_leaves_the_sample_before_it_part_4() {
    change_every_byte(3);
}

#[test]
fn a_change_of_any_byte_in_any_record_leaves_the_sample_before_it_part_5() {
    change_every_byte(4);
}

#[test]
fn a_change_of_any_byte_in_any_record_leaves_the_sample_before_it_part_6() {
    change_every_byte(5);
}

/// Reads everything down to every field; ends, and never panics.
fn walk(bytes: &[u8]) {
    for sample in Datagram::parse(bytes)
        .into_iter()
        .flat_map(|datagram| datagram.samples())
    {
        walk_sample(sample);
    }
}

fn walk_sample(sample: Result<Sample<'_>, DecodeError>) {
    let visit = &mut |_: &'static str, value: Value<'_>| visit(&value);
    match sample {
        Ok(Sample::Flow(sample)) => sample.records().flatten().for_each(|record| record.fields(visit)),
        Ok(Sample::Discard(sample)) => sample.records().flatten().for_each(|record| record.fields(visit)),
        Ok(Sample::Counters(sample)) => sample.records().flatten().for_each(|record| record.fields(visit)),
        Ok(Sample::RtMetric(sample)) => sample.entries().for_each(drop),
        Ok(Sample::RtFlow(sample)) => sample.entries().for_each(drop),
        Ok(Sample::Other { .. }) | Err(_) => {}
    }
}

fn visit(value: &Value<'_>) {
    match value {
        Value::Path(path) => path
            .segments()
            .for_each(|segment| segment.systems.iter().for_each(drop)),
        Value::Adapters(adapters) => adapters.iter().for_each(|adapter| adapter.macs().for_each(drop)),
        Value::Lanes(lanes) => lanes.iter().for_each(drop),
        Value::Pdus(pdus) => pdus
            .iter::<FlowRecord<'_>>()
            .for_each(|records| records.for_each(drop)),
        _ => {}
    }
}

#[test]
fn an_aggregate_in_an_aggregate_is_walked_in_linear_time() {
    // As deep as a datagram of 64 KiB holds: each level takes 16 bytes of head.
    let mut record = structure(1016, &words(&[0]));
    while record.len() < 60_000 {
        record = structure(1016, &[words(&[1, 1]), record].concat());
    }
    walk(&datagram(V4, &[compact_flow(1, 1, 2, &[record])]));
}

#[test]
fn records_are_small_enough_to_be_handed_around() {
    assert!(
        size_of::<FlowRecord<'_>>() <= 64,
        "{}",
        size_of::<FlowRecord<'_>>()
    );
    assert!(
        size_of::<CounterRecord<'_>>() <= 168,
        "{}",
        size_of::<CounterRecord<'_>>()
    );
    assert!(size_of::<Value<'_>>() <= 40, "{}", size_of::<Value<'_>>());
}

/// The seeds of the fuzz target are built here. With `REBUILD_SEEDS` set they are written, else compared.
#[test]
fn the_seeds_of_the_fuzz_target_are_what_is_built_here() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/datagram");
    let flows: Vec<_> = every_record(FLOW)
        .into_iter()
        .map(|built| structure(built.format, &built.body))
        .collect();
    let counters: Vec<_> = every_record(COUNTER)
        .into_iter()
        .map(|built| structure(built.format, &built.body))
        .collect();
    let (network, rest) = flows.split_at(32);
    let (ports, hosts) = counters.split_at(16);
    let (hosts, others) = hosts.split_at(17);
    let mut padded = compact_flow(1, 1, 2, &[raw_header(&[1])]);
    padded.extend([0; 8]);
    let length = u32::try_from(padded.len() - 8).unwrap();
    padded[4..8].copy_from_slice(&length.to_be_bytes());
    let mut overrun = compact_flow(1, 1, 2, &[raw_header(&[1, 2])]);
    overrun[7] += 8;
    let seeds = [
        ("every-sample.bin", everything(V6).0),
        (
            "flow-records-of-networks.bin",
            datagram(V4, &[compact_flow(1, 1, 2, network)]),
        ),
        (
            "flow-records-of-hosts.bin",
            datagram(V4, &[expanded_flow([0, 1], [0, 1], [0, 2], rest)]),
        ),
        ("counters-of-ports.bin", datagram(V4, &[counters_of(1, ports)])),
        (
            "counters-of-hosts.bin",
            datagram(V4, &[expanded_counters([2, 1], hosts)]),
        ),
        (
            "counters-of-applications.bin",
            datagram(V4, &[counters_of(1, others)]),
        ),
        (
            "discarded-packet.bin",
            datagram(V4, &[discard(&[raw_header(&[1])])]),
        ),
        ("rtmetric-and-rtflow.bin", datagram(V4, &[rt_metric(), rt_flow()])),
        ("sample-padded.bin", datagram(V4, &[padded])),
        ("sample-longer-than-the-datagram.bin", datagram(V4, &[overrun])),
        ("version-4.bin", words(&[4, 1, 0x0A00_0001])),
    ];
    for (name, bytes) in seeds {
        let path = std::path::Path::new(directory).join(name);
        if std::env::var_os("REBUILD_SEEDS").is_some() {
            std::fs::create_dir_all(directory).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).is_ok_and(|there| there == bytes), "{name}");
    }
}
