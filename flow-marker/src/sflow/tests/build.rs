//! Builds datagrams for the tests of the decoder.

use std::net::IpAddr;

pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub(crate) fn structure(format: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = words(&[format, u32::try_from(body.len()).unwrap()]);
    bytes.extend(body);
    bytes
}

fn opaque(bytes: &[u8]) -> Vec<u8> {
    let mut padded = words(&[u32::try_from(bytes.len()).unwrap()]);
    padded.extend(bytes);
    padded.resize(padded.len().next_multiple_of(4), 0);
    padded
}

/// Datagram 44 of sub-agent 3, sent 5 s after the agent started.
pub(crate) fn datagram(agent: IpAddr, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = match agent {
        IpAddr::V4(agent) => [words(&[5, 1]), agent.octets().to_vec()].concat(),
        IpAddr::V6(agent) => [words(&[5, 2]), agent.octets().to_vec()].concat(),
    };
    bytes.extend(words(&[3, 44, 5000, u32::try_from(samples.len()).unwrap()]));
    bytes.extend(samples.concat());
    bytes
}

fn with_records(mut body: Vec<u8>, records: &[Vec<u8>]) -> Vec<u8> {
    body.extend(words(&[u32::try_from(records.len()).unwrap()]));
    body.extend(records.concat());
    body
}

/// Sequence 11, 1:100, pool 2200, 1 drop.
pub(crate) fn compact_flow(source: u32, input: u32, output: u32, records: &[Vec<u8>]) -> Vec<u8> {
    structure(
        1,
        &with_records(words(&[11, source, 100, 2200, 1, input, output]), records),
    )
}

/// Sequence 13, 1:200, pool 4400, no drops.
pub(crate) fn expanded_flow(
    [class, index]: [u32; 2],
    [input_format, input]: [u32; 2],
    [output_format, output]: [u32; 2],
    records: &[Vec<u8>],
) -> Vec<u8> {
    let fields = [
        13,
        class,
        index,
        200,
        4400,
        0,
        input_format,
        input,
        output_format,
        output,
    ];
    structure(3, &with_records(words(&fields), records))
}

/// The header of an Ethernet frame of 1518 bytes.
pub(crate) fn raw_header(header: &[u8]) -> Vec<u8> {
    structure(1, &[words(&[1, 1518, 4]), opaque(header)].concat())
}

/// Sequence 12; the generic counters, a record that is not decoded, the name.
pub(crate) fn counters(port: u32, speed: u32, name: &str) -> Vec<u8> {
    // 64-bit counters as two words each: speed, in octets 2^40, out octets 2^41.
    let generic = [
        port,
        6,
        0,
        speed,
        1,
        3,
        1 << 8,
        0,
        101,
        102,
        103,
        104,
        105,
        106,
        1 << 9,
        0,
        201,
        202,
        203,
        204,
        205,
        206,
    ];
    let records = [
        structure(1, &words(&generic)),
        structure(2, &[0; 52]),
        structure(1005, &opaque(name.as_bytes())),
    ];
    counter_sample(port, &records)
}

/// Sequence 12.
pub(crate) fn counter_sample(port: u32, records: &[Vec<u8>]) -> Vec<u8> {
    structure(2, &with_records(words(&[12, port]), records))
}

/// What a port says of the LAG that it is a member of.
pub(crate) fn lag_port(aggregator: u32) -> Vec<u8> {
    // Two systems, the LAG, four states in a byte each, eight counters.
    let fields = [words(&[2, 0, 2, 0, aggregator]), vec![0x3f; 4], words(&[7; 8])];
    structure(7, &fields.concat())
}

/// A field as a record should show it: name and value.
pub(crate) type Shown = (String, String);

/// A record in which every value differs from every other.
pub(crate) struct Built {
    pub(crate) format: u32,
    pub(crate) body: Vec<u8>,
    pub(crate) fields: Vec<Shown>,
}

/// One record of every line of `layouts`.
pub(crate) fn every_record(layouts: &str) -> Vec<Built> {
    let mut lines: Vec<String> = Vec::new();
    for line in layouts.lines().filter(|line| !line.is_empty()) {
        match (line.starts_with("  "), lines.last_mut()) {
            (true, Some(last)) => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    lines.iter().map(|line| record(line)).collect()
}

fn record(line: &str) -> Built {
    let mut parts = line.split_whitespace();
    let number = parts.next().unwrap();
    let format = match number.split_once(':') {
        Some((enterprise, number)) => {
            enterprise.parse::<u32>().unwrap() << 12 | number.parse::<u32>().unwrap()
        }
        None => number.parse().unwrap(),
    };
    let (mut body, mut fields) = (Vec::new(), Vec::new());
    let mut at: u32 = 0;
    for part in parts {
        let (name, form) = part.split_once('=').unwrap();
        at += 1;
        let (bytes, value) = field(form, at);
        body.extend(bytes);
        fields.push((name.to_owned(), value));
    }
    Built { format, body, fields }
}

/// The bytes of the `at`th field, and what it should say.
fn field(form: &str, at: u32) -> (Vec<u8>, String) {
    let low = u8::try_from(at).unwrap();
    match form {
        "b" => (vec![low], at.to_string()),
        "4" => (words(&[0x0100_0000 + at]), (0x0100_0000 + at).to_string()),
        "8" => (words(&[at, 7]), ((u64::from(at) << 32) + 7).to_string()),
        "s" => (words(&[0_u32.wrapping_sub(at)]), format!("-{at}")),
        "f" => {
            let value = f32::from(low) + 0.5;
            (value.to_be_bytes().to_vec(), value.to_string())
        }
        "t" | "o" => {
            let text = format!("text {at}");
            (opaque(text.as_bytes()), text)
        }
        "m" => (
            [&[2, 0, 0, 0, 0, low][..], &[0; 2]].concat(),
            format!("[2, 0, 0, 0, 0, {at}]"),
        ),
        "u" => (vec![low; 16], format!("{:?}", [low; 16])),
        "i" => (vec![10, 0, 0, low], format!("10.0.0.{at}")),
        "j" => ([&[0xFD][..], &[0; 14], &[low]].concat(), format!("fd00::{at:x}")),
        "a" => (
            [words(&[1]), vec![10, 0, 0, low]].concat(),
            format!("10.0.0.{at}"),
        ),
        "n" => (words(&[2, at, 1000 + at]), format!("[{at}, {}]", 1000 + at)),
        // A sequence of one, a set of two.
        "h" => (
            words(&[2, 2, 1, at, 1, 2, 100 + at, 200 + at]),
            format!("2:[{at}] 1:[{}, {}]", 100 + at, 200 + at),
        ),
        // An adapter with one address, one with two.
        "A" => {
            let mac = |n: u32| words(&[0x0200_0000, n << 16]);
            let bytes = [words(&[2, 5, 1]), mac(1), words(&[6, 2]), mac(2), mac(3)].concat();
            (bytes, "5:[1] 6:[2, 3]".to_owned())
        }
        "L" => {
            let lane = |n: u32| (0..10).map(move |field| 100 * n + field);
            let bytes: Vec<_> = [2].into_iter().chain(lane(1)).chain(lane(2)).collect();
            (words(&bytes), "100..109 200..209".to_owned())
        }
        // A packet with two records, one with none.
        "U" => {
            let switch = structure(1001, &words(&[1, 2, 3, 4]));
            let bytes = [words(&[2, 2]), switch, raw_header(&[9]), words(&[0])].concat();
            (bytes, "2 records, 0 records".to_owned())
        }
        form => panic!("{form}"),
    }
}

/// A notification of a discarded packet: sequence 21, source 0:7, 2 drops, in 7, out 8, access list.
pub(crate) fn discard(records: &[Vec<u8>]) -> Vec<u8> {
    structure(5, &with_records(words(&[21, 0, 7, 2, 7, 8, 258]), records))
}

/// A counter sample, sequence 31, with these records.
pub(crate) fn counters_of(source: u32, records: &[Vec<u8>]) -> Vec<u8> {
    structure(2, &with_records(words(&[31, source]), records))
}

/// An expanded counter sample, sequence 32, with these records.
pub(crate) fn expanded_counters([class, index]: [u32; 2], records: &[Vec<u8>]) -> Vec<u8> {
    structure(4, &with_records(words(&[32, class, index]), records))
}

/// Metrics of every type.
pub(crate) fn rt_metric() -> Vec<u8> {
    let entry =
        |name: &str, kind: u32, value: Vec<u8>| [opaque(name.as_bytes()), words(&[kind]), value].concat();
    let entries = [
        entry("text", 0, opaque(b"value")),
        entry("c32", 1, words(&[11])),
        entry("c64", 2, words(&[1, 12])),
        entry("g32", 3, words(&[13])),
        entry("g64", 4, words(&[1, 14])),
        entry("float", 5, 1.5_f32.to_be_bytes().to_vec()),
        entry("double", 6, 2.5_f64.to_be_bytes().to_vec()),
    ];
    structure(
        4300 << 12 | 1002,
        &[opaque(b"source"), words(&[7]), entries.concat()].concat(),
    )
}

/// Parts of a flow of every type.
pub(crate) fn rt_flow() -> Vec<u8> {
    let entry =
        |name: &str, kind: u32, value: Vec<u8>| [opaque(name.as_bytes()), words(&[kind]), value].concat();
    let entries = [
        entry("text", 0, opaque(b"value")),
        entry("mac", 1, vec![2, 0, 0, 0, 0, 9, 0, 0]),
        entry("ip", 2, vec![10, 0, 0, 9]),
        entry("ip6", 3, [&[0xFD][..], &[0; 15]].concat()),
        entry("u32", 4, words(&[13])),
        entry("u64", 5, words(&[1, 14])),
        entry("float", 6, 1.5_f32.to_be_bytes().to_vec()),
        entry("double", 7, 2.5_f64.to_be_bytes().to_vec()),
    ];
    let head = [opaque(b"source"), words(&[400, 8000, 8])].concat();
    structure(4300 << 12 | 1003, &[head, entries.concat()].concat())
}
