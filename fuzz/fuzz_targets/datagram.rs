//! The sFlow decoder and both printers on any bytes.
//!
//! Promises: no panic; the walk ends, and no item lies outside the bytes; decoding twice says the same; what is printed
//! as JSON is one line of JSON; what is printed as text has no control characters but line ends, whatever names say.
#![no_main]

use std::time::Duration;

use flow_marker::decode::{self, Summary};
use flow_marker::pcap::UdpPayload;
use flow_marker::sflow::{Datagram, DecodeError, FlowRecord, Records, Sample, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (items, first) = walk(bytes);
    // Every sample, record and entry takes four bytes at least; an error may end each level.
    assert!(
        items <= bytes.len() / 4 + 3,
        "{items} items in {} bytes",
        bytes.len()
    );
    assert_eq!(first, walk(bytes).1);
    print(bytes);
});

/// The number of samples, records and entries, and everything they say.
fn walk(bytes: &[u8]) -> (usize, String) {
    let mut said = String::new();
    let mut items = 0;
    let datagram = match Datagram::parse(bytes) {
        Ok(datagram) => datagram,
        Err(error) => {
            position(&error, bytes);
            return (0, error.to_string());
        }
    };
    let mut samples = datagram.samples();
    for sample in samples.by_ref() {
        items += 1;
        match sample {
            Ok(Sample::Flow(sample)) => items += flow_records(sample.records(), bytes, &mut said),
            Ok(Sample::Discard(sample)) => items += flow_records(sample.records(), bytes, &mut said),
            Ok(Sample::Counters(sample)) => {
                for record in sample.records() {
                    items += 1;
                    match record {
                        Ok(record) => record.fields(&mut |name, value| field(name, &value, &mut said)),
                        Err(error) => position(&error, bytes),
                    }
                }
            }
            Ok(Sample::RtMetric(sample)) => {
                for entry in sample.entries() {
                    items += 1;
                    said.push_str(&format!("{entry:?}"));
                }
            }
            Ok(Sample::RtFlow(sample)) => {
                for entry in sample.entries() {
                    items += 1;
                    said.push_str(&format!("{entry:?}"));
                }
            }
            Ok(other) => said.push_str(&format!("{other:?}")),
            Err(error) => position(&error, bytes),
        }
    }
    assert!(samples.rest().len() <= bytes.len());
    (items, said)
}

fn flow_records<'a>(records: Records<'a, FlowRecord<'a>>, bytes: &[u8], said: &mut String) -> usize {
    let mut items = 0;
    for record in records {
        items += 1;
        match record {
            Ok(record) => {
                record.fields(&mut |name, value| field(name, &value, said));
                if let FlowRecord::RawHeader(raw) = record {
                    assert!(raw.header.len() <= bytes.len());
                }
            }
            Err(error) => position(&error, bytes),
        }
    }
    items
}

fn field(name: &str, value: &Value<'_>, said: &mut String) {
    said.push_str(name);
    said.push_str(&format!("{:?}", value.number()));
    match value {
        Value::Path(path) => said.push_str(&format!("{:?}", path.segments().collect::<Vec<_>>())),
        Value::Adapters(adapters) => said.push_str(&format!("{:?}", adapters.iter().collect::<Vec<_>>())),
        Value::Lanes(lanes) => said.push_str(&format!("{:?}", lanes.iter().collect::<Vec<_>>())),
        Value::Pdus(pdus) => {
            for records in pdus.iter::<FlowRecord<'_>>() {
                said.push_str(&format!("{}", records.count()));
            }
        }
        _ => {}
    }
}

/// An error says where, and that is inside the datagram or at its end.
fn position(error: &DecodeError, bytes: &[u8]) {
    assert!(error.at <= bytes.len(), "{error}");
}

fn print(bytes: &[u8]) {
    let payload = UdpPayload {
        time: Duration::from_secs(1),
        source: ([10, 0, 0, 1], 4000).into(),
        destination: ([10, 0, 0, 2], 6343).into(),
        bytes,
        length: bytes.len(),
    };
    let mut json = Vec::new();
    decode::print(&payload, true, &mut Summary::default(), &mut json).expect("memory takes everything");
    let line = json.strip_suffix(b"\n").expect("a line");
    let object: serde_json::Value = serde_json::from_slice(line).expect("JSON");
    assert!(object.is_object() && !line.contains(&b'\n'));
    let mut text = Vec::new();
    decode::print(&payload, false, &mut Summary::default(), &mut text).expect("memory takes everything");
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}
