//! Encodes sFlow version 5 datagrams, just enough of it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A TCP packet's place in the world.
#[derive(Clone, Copy)]
pub(crate) struct Flow {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) protocol: u8,
    pub(crate) dscp: u8,
    /// IPv4 flags and fragment offset.
    pub(crate) fragment: u16,
}

impl Flow {
    pub(crate) fn tcp(source: &str, destination: &str, source_port: u16) -> Self {
        Self {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            source_port,
            destination_port: 5001,
            protocol: 6,
            dscp: 0,
            fragment: 0,
        }
    }

    /// Ethernet, IP and the start of TCP or UDP.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut bytes = vec![2; 12];
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                bytes.extend([8, 0, 0x45, self.dscp << 2, 5, 0xdc, 0, 1]);
                bytes.extend(self.fragment.to_be_bytes());
                bytes.extend([64, self.protocol, 0, 0]);
                bytes.extend(source.octets());
                bytes.extend(destination.octets());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let class = self.dscp << 2;
                bytes.extend([
                    0x86,
                    0xdd,
                    0x60 | class >> 4,
                    class << 4,
                    0,
                    0,
                    5,
                    0xb4,
                    self.protocol,
                    64,
                ]);
                bytes.extend(source.octets());
                bytes.extend(destination.octets());
            }
            _ => panic!("one family a flow"),
        }
        bytes.extend(self.source_port.to_be_bytes());
        bytes.extend(self.destination_port.to_be_bytes());
        bytes.extend([0; 16]);
        bytes
    }
}

/// A datagram with its samples.
pub(crate) struct Datagram {
    agent: IpAddr,
    samples: Vec<Vec<u8>>,
}

fn word(bytes: &mut Vec<u8>, word: u32) {
    bytes.extend(word.to_be_bytes());
}

fn structure(format: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    word(&mut bytes, format);
    word(&mut bytes, body.len() as u32);
    bytes.extend(body);
    bytes
}

impl Datagram {
    pub(crate) fn new(agent: &str) -> Self {
        Self {
            agent: agent.parse().unwrap(),
            samples: Vec::new(),
        }
    }

    /// A flow sample of a 1500-byte frame, one in `rate`; `source` is a whole data source with its class.
    pub(crate) fn flow_sample(mut self, source: u32, input: u32, rate: u32, flow: &Flow) -> Self {
        let header = flow.header();
        let mut raw = Vec::new();
        for value in [1, 1500, 4, header.len() as u32] {
            word(&mut raw, value);
        }
        raw.extend(&header);
        raw.resize(raw.len().next_multiple_of(4), 0);
        let mut body = Vec::new();
        for value in [1, source, rate, 1000, 0, input, 9, 1] {
            word(&mut body, value);
        }
        body.extend(structure(1, &raw));
        self.samples.push(structure(1, &body));
        self
    }

    /// Generic interface counters and the port's name.
    pub(crate) fn counters(mut self, if_index: u32, speed: u64, name: &str) -> Self {
        let mut generic = Vec::new();
        word(&mut generic, if_index);
        word(&mut generic, 6);
        generic.extend(speed.to_be_bytes());
        generic.resize(88, 0);
        let mut port_name = Vec::new();
        word(&mut port_name, name.len() as u32);
        port_name.extend(name.as_bytes());
        port_name.resize(port_name.len().next_multiple_of(4), 0);
        let mut body = Vec::new();
        for value in [1, if_index, 2] {
            word(&mut body, value);
        }
        body.extend(structure(1, &generic));
        body.extend(structure(1005, &port_name));
        self.samples.push(structure(2, &body));
        self
    }

    /// A sample of a structure that nobody knows.
    pub(crate) fn strange(mut self) -> Self {
        self.samples.push(structure(4242 << 12 | 7, &[1, 2, 3, 4]));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        word(&mut bytes, 5);
        match self.agent {
            IpAddr::V4(v4) => {
                word(&mut bytes, 1);
                bytes.extend(v4.octets());
            }
            IpAddr::V6(v6) => {
                word(&mut bytes, 2);
                bytes.extend(v6.octets());
            }
        }
        // Every datagram of a test has a number of its own: two with the same would be one that came twice.
        static SEQUENCE: AtomicU32 = AtomicU32::new(1);
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        for value in [0, sequence, 1000, self.samples.len() as u32] {
            word(&mut bytes, value);
        }
        for sample in &self.samples {
            bytes.extend(sample);
        }
        bytes
    }
}
