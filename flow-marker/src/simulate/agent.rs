//! An agent: samples in, sFlow datagrams out.

use super::random::{Random, whole32};
use super::traffic::{Carrier, Packet};

/// How an agent sends what it samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sending {
    /// One packet in so many is sampled.
    pub(super) rate: u32,
    /// Samples that fill a datagram.
    pub(super) batch: usize,
    /// How long a sample waits for others at most, in seconds.
    pub(super) hold: f64,
    /// The share of datagrams that get lost.
    pub(super) loss: f64,
}

/// A datagram on its way.
#[derive(Debug)]
pub(super) struct Sent {
    /// When it was sent, in seconds.
    pub(super) at: f64,
    pub(super) bytes: Vec<u8>,
}

/// One agent with one port that samples.
#[derive(Debug)]
pub(super) struct Agent {
    sending: Sending,
    random: Random,
    /// Encoded flow samples that wait.
    waiting: Vec<u8>,
    count: usize,
    /// When the first of them was taken.
    since: f64,
    sequence: u32,
    /// Of each port.
    taken: [Taken; 2],
}

/// What was sampled at a port.
#[derive(Debug, Default)]
struct Taken {
    samples: u32,
    pool: u32,
}

/// Bytes of a packet that are put into a sample.
const HEADER: usize = 128;

/// ifIndex of the port that packets enter by.
pub(super) const PORT: u32 = 1;

/// ifIndex of the port that acknowledgements of these enter by.
pub(super) const BACK: u32 = 2;

impl Agent {
    pub(super) fn new(sending: Sending, random: Random) -> Self {
        Self {
            sending,
            random,
            waiting: Vec::new(),
            count: 0,
            since: 0.0,
            sequence: 0,
            taken: Default::default(),
        }
    }

    /// What is sent before `now` because it has waited long enough.
    pub(super) fn due(&mut self, now: f64) -> Option<Sent> {
        let due = self.since + self.sending.hold;
        if self.count == 0 || due > now {
            return None;
        }
        self.send(due)
    }

    /// Takes a sampled packet; maybe it fills a datagram.
    pub(super) fn sample(&mut self, packet: &Packet) -> Option<Sent> {
        if self.count == 0 {
            self.since = packet.at;
        }
        let [forth, back] = &mut self.taken;
        let (taken, input, output) = if packet.acknowledges {
            (back, BACK, PORT)
        } else {
            (forth, PORT, BACK)
        };
        taken.samples = taken.samples.wrapping_add(1);
        let pool = u32::try_from(packet.pool & u64::from(u32::MAX)).unwrap_or_default();
        taken.pool = taken.pool.wrapping_add(pool);
        let header = header(packet);
        let padded = header.len().next_multiple_of(4);
        let fields = [
            taken.samples,
            input,
            self.sending.rate,
            taken.pool,
            0,
            input,
            output,
            1,
        ];
        let record = [1, length(padded + 16), 1, frame(packet), 4, length(header.len())];
        words(&mut self.waiting, &[1, length(32 + 8 + 16 + padded)]);
        words(&mut self.waiting, &fields);
        words(&mut self.waiting, &record);
        self.waiting.extend(&header);
        self.waiting.resize(self.waiting.len() + padded - header.len(), 0);
        self.count += 1;
        if self.count >= self.sending.batch {
            return self.send(packet.at);
        }
        None
    }

    fn send(&mut self, at: f64) -> Option<Sent> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(28 + self.waiting.len());
        let uptime = whole32(at * 1e3);
        // Version, IPv4, agent 192.0.2.1, sub-agent, sequence, uptime, samples.
        let head = [5, 1, 0xC000_0201, 0, self.sequence, uptime, length(self.count)];
        words(&mut bytes, &head);
        bytes.append(&mut self.waiting);
        self.count = 0;
        (self.random.unit() > self.sending.loss).then_some(Sent { at, bytes })
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn words(bytes: &mut Vec<u8>, words: &[u32]) {
    bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

/// An acknowledgement with timestamps and its check sequence.
const ACK: u32 = 70;

fn frame(packet: &Packet) -> u32 {
    if packet.acknowledges { ACK } else { packet.frame }
}

/// The first bytes of a packet from 10.x.y.z, where x.y.z is the flow's number, to port 443 of 192.0.2.2.
fn header(packet: &Packet) -> Vec<u8> {
    let frame = frame(packet);
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
    let [_, f1, f2, f3] = packet.flow.to_be_bytes();
    let [l0, l1] = u16::try_from(frame.saturating_sub(18))
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let protocol = if packet.carrier == Carrier::Udp { 17 } else { 6 };
    bytes.extend([0x45, 0, l0, l1, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
    if packet.acknowledges {
        bytes.extend([192, 0, 2, 2, 10, f1, f2, f3]);
        bytes.extend([0x01, 0xBB, 0x9C, 0x40]);
        words(&mut bytes, &[1, packet.sequence, 0x8010_FFFF, 0, 0x0101_080A]);
        words(&mut bytes, &[1, packet.timestamp]);
        return bytes;
    }
    bytes.extend([10, f1, f2, f3, 192, 0, 2, 2]);
    bytes.extend([0x9C, 0x40, 0x01, 0xBB]);
    match packet.carrier {
        Carrier::Udp => {
            let [u0, u1] = u16::try_from(frame.saturating_sub(38))
                .unwrap_or(u16::MAX)
                .to_be_bytes();
            bytes.extend([u0, u1, 0, 0]);
        }
        Carrier::PlainTcp => {
            words(&mut bytes, &[packet.sequence, 1, 0x5010_FFFF, 0]);
        }
        Carrier::Tcp { .. } => {
            words(&mut bytes, &[packet.sequence, 1, 0x8010_FFFF, 0, 0x0101_080A]);
            words(&mut bytes, &[packet.timestamp, 1]);
        }
    }
    let frame = usize::try_from(frame).unwrap_or(HEADER);
    bytes.resize(HEADER.min(frame).max(bytes.len()), 0);
    bytes
}

/// The number of the flow from whose source address this is.
pub(super) fn flow_of(source: std::net::IpAddr) -> u32 {
    match source {
        std::net::IpAddr::V4(address) => address.to_bits() & 0x00FF_FFFF,
        std::net::IpAddr::V6(_) => 0,
    }
}
