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
    structure(2, &with_records(words(&[12, port]), &records))
}
