//! Datagrams like a switch's, seeded, with a flow for each sample that is drawn anew for each round.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use tests::agent::{Agent, FlowSample, Packet, Sample};
use tests::random::Random;

/// Samples that fit a datagram of 1400 bytes with headers of 128 bytes and a switch record.
pub(crate) const SAMPLES: usize = 6;

/// Ports of the switch. Every flow comes in by one of them.
const PORTS: u32 = 32;

/// Encoded datagrams, and where in them the flow of each sample stands.
#[derive(Debug)]
pub(crate) struct Workload {
    bytes: Vec<u8>,
    datagrams: Vec<Range<usize>>,
    /// Where the source address of each sample's packet is.
    sources: Vec<usize>,
    flows: u32,
    random: Random,
    rounds: u32,
    samples_drawn: u32,
}

/// The agent address in all datagrams.
pub(crate) const AGENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);

/// The source address of flow `n`: up to 16 million flows differ in it.
pub(crate) fn source(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(10 << 24 | n)
}

/// The ifIndex of the port that flow `n` comes in by.
pub(crate) const fn port(n: u32) -> u32 {
    1 + n % PORTS
}

pub(crate) const DESTINATION: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

impl Workload {
    /// `datagrams` datagrams whose samples belong to `flows` flows.
    pub(crate) fn new(seed: u64, datagrams: usize, flows: u32) -> Self {
        let mut agent = Agent::new(AGENT.into());
        let mut random = Random::new(seed);
        let mut workload = Self {
            bytes: Vec::new(),
            datagrams: Vec::new(),
            sources: Vec::new(),
            flows,
            random: random.clone(),
            rounds: 0,
            samples_drawn: 0,
        };
        for n in 0..datagrams {
            let mut places = Vec::new();
            let samples = [(); SAMPLES].map(|()| {
                let placeholder = source(random.below(1 << 24));
                places.push([placeholder.octets(), DESTINATION.octets()].concat());
                let packet = Packet::tcp(
                    SocketAddr::new(placeholder.into(), 40_000),
                    SocketAddr::new(DESTINATION.into(), 443),
                );
                Sample::Flow(FlowSample {
                    switch: Some((10, 10)),
                    ..FlowSample::new(packet, 1000, 1, 1 + random.below(PORTS))
                })
            });
            let uptime = Duration::from_millis(n.try_into().unwrap_or(u64::MAX));
            let datagram = agent.datagram(uptime, &samples);
            let start = workload.bytes.len();
            let mut at = 0;
            for place in places {
                // Source and destination stand side by side only in the IP header.
                let found = datagram.get(at..).unwrap_or(&[]).windows(8);
                at += found.take_while(|window| *window != place).count();
                workload.sources.push(start + at);
            }
            workload.bytes.extend(datagram);
            workload.datagrams.push(start..workload.bytes.len());
        }
        workload.draw();
        workload
    }

    /// Gives each sample a flow at random, and numbers datagrams and samples on: the same once more would be duplicates.
    pub(crate) fn draw(&mut self) {
        let datagrams = u32::try_from(self.datagrams.len()).unwrap_or(u32::MAX);
        let first = self.rounds.wrapping_mul(datagrams);
        let places = self.sources.chunks(SAMPLES);
        let mut number = self.samples_drawn;
        for ((n, range), places) in (first..).zip(&self.datagrams).zip(places) {
            let Some(datagram) = self.bytes.get_mut(range.clone()) else {
                continue;
            };
            let mut datagram = Encoded(datagram);
            datagram.number(n);
            let mut sample = Encoded::FIRST_SAMPLE;
            for place in places {
                let flow = self.random.below(self.flows);
                number = number.wrapping_add(1);
                datagram.sample(sample, number, port(flow));
                datagram.put(place - range.start, u32::from(source(flow)));
                sample = datagram.next(sample);
            }
        }
        self.rounds = self.rounds.wrapping_add(1);
        self.samples_drawn = number;
    }

    /// The datagrams, as they came from a socket.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.datagrams
            .iter()
            .filter_map(|range| self.bytes.get(range.clone()))
    }

    /// Samples in all datagrams.
    pub(crate) const fn samples(&self) -> usize {
        self.sources.len()
    }

    /// Flows that the samples belong to.
    pub(crate) const fn flows(&self) -> u32 {
        self.flows
    }
}

/// A datagram of an agent with an IPv4 address, with compact flow samples (sFlow v5 §5).
struct Encoded<'a>(&'a mut [u8]);

impl Encoded<'_> {
    const FIRST_SAMPLE: usize = 28;

    fn put(&mut self, at: usize, value: u32) {
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    fn number(&mut self, n: u32) {
        self.put(16, n);
        // Milliseconds since the agent's start.
        self.put(20, n);
    }

    /// The sample that begins at `at` gets a number, and a port that the packet came in by and was sampled at.
    fn sample(&mut self, at: usize, number: u32, port: u32) {
        self.put(at + 8, number);
        self.put(at + 12, port);
        self.put(at + 28, port);
    }

    /// Where the next sample begins.
    fn next(&self, at: usize) -> usize {
        let length = self.0.get(at + 4..at + 8).and_then(|bytes| bytes.first_chunk());
        let length = length.map_or(0, |bytes| u32::from_be_bytes(*bytes));
        at + 8 + usize::try_from(length).unwrap_or(0)
    }
}
