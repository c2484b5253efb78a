//! Flow samples and counter samples as they stand in a datagram (sFlow v5 §5).

use super::packet::Packet;
use super::xdr::Xdr;

/// The frame check sequence, which switches take off before sampling.
const STRIPPED: u32 = 4;

/// What samples or counts at an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// 0 interface, 1 VLAN, 2 physical entity, 3 logical entity.
    pub class: u32,
    /// Which of them; in a compact sample at most 24 bits.
    pub index: u32,
}

impl Source {
    /// What Open vSwitch calls the source of all its flow samples.
    pub const OPEN_VSWITCH: Self = Self {
        class: 2,
        index: 1000,
    };

    /// The source that an interface is.
    pub const fn interface(index: u32) -> Self {
        Self { class: 0, index }
    }
}

/// Where a packet came in or went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The port with this ifIndex.
    Index(u32),
    /// Discarded for this reason.
    Discarded(u32),
    /// So many ports; 0 for an unknown number.
    Multiple(u32),
    /// The device itself.
    Internal,
    /// The agent does not know.
    Unknown,
}

impl Port {
    /// Format and value.
    const fn parts(self) -> (u32, u32) {
        match self {
            Self::Index(index) => (0, index),
            Self::Discarded(reason) => (1, reason),
            Self::Multiple(ports) => (2, ports),
            Self::Internal => (0, 0x3FFF_FFFF),
            Self::Unknown => (0, 0),
        }
    }
}

/// One sample of a datagram.
#[derive(Debug, Clone)]
pub enum Sample {
    /// A sampled packet.
    Flow(FlowSample),
    /// Counters of a port.
    Counters(CounterSample),
    /// Any structure.
    Raw {
        /// `enterprise << 12 | number`.
        format: u32,
        /// The body as it is.
        bytes: Vec<u8>,
    },
}

/// A sampled packet.
#[derive(Debug, Clone, Copy)]
pub struct FlowSample {
    /// Who sampled it.
    pub source: Source,
    /// One packet in so many is sampled.
    pub sampling_rate: u32,
    /// Packets that passed since the sample before, this one included.
    pub pool_step: u32,
    /// Samples dropped so far.
    pub drops: u32,
    /// Where the packet came in.
    pub input: Port,
    /// Where it went out.
    pub output: Port,
    /// Expanded form, with 32-bit indexes.
    pub expanded: bool,
    /// VLAN in and out as an extended switch record, in front of the header as Open vSwitch does it.
    pub switch: Option<(u32, u32)>,
    /// The packet.
    pub packet: Packet,
    /// Bytes of it that are sampled; 128 is usual.
    pub header_limit: usize,
}

impl FlowSample {
    /// A compact sample of a packet from one port to another, sampled at the first.
    pub const fn new(packet: Packet, sampling_rate: u32, input: u32, output: u32) -> Self {
        Self {
            source: Source::interface(input),
            sampling_rate,
            pool_step: sampling_rate,
            drops: 0,
            input: Port::Index(input),
            output: Port::Index(output),
            expanded: false,
            switch: None,
            packet,
            header_limit: 128,
        }
    }

    /// The same in the form of Open vSwitch: source `2:1000`, a switch record in front.
    pub const fn by_open_vswitch(self) -> Self {
        Self {
            source: Source::OPEN_VSWITCH,
            switch: Some((0, 0)),
            ..self
        }
    }

    /// The same in the expanded form.
    pub const fn expanded(self) -> Self {
        Self {
            expanded: true,
            ..self
        }
    }

    pub(super) fn encode(&self, sequence: u32, sample_pool: u32, out: &mut Xdr) {
        let format = if self.expanded { 3 } else { 1 };
        out.structure(format, |body| {
            body.u32(sequence);
            source(self.source, self.expanded, body);
            body.u32(self.sampling_rate);
            body.u32(sample_pool);
            body.u32(self.drops);
            for port in [self.input, self.output] {
                let (format, value) = port.parts();
                if self.expanded {
                    body.u32(format);
                    body.u32(value);
                } else {
                    body.u32(format << 30 | value & 0x3FFF_FFFF);
                }
            }
            body.u32(1 + u32::from(self.switch.is_some()));
            if let Some((vlan_in, vlan_out)) = self.switch {
                body.structure(1001, |record| {
                    for word in [vlan_in, 0, vlan_out, 0] {
                        record.u32(word);
                    }
                });
            }
            body.structure(1, |record| {
                record.u32(1);
                record.u32(self.packet.frame_length);
                record.u32(STRIPPED);
                record.opaque(&self.packet.header(self.header_limit));
            });
        });
    }
}

fn source(source: Source, expanded: bool, body: &mut Xdr) {
    if expanded {
        body.u32(source.class);
        body.u32(source.index);
    } else {
        body.u32(source.class << 24 | source.index & 0x00FF_FFFF);
    }
}

/// Counters of a port, and its name.
#[derive(Debug, Clone)]
pub struct CounterSample {
    /// What is counted.
    pub source: Source,
    /// Expanded form, with 32-bit indexes.
    pub expanded: bool,
    /// Generic interface counters.
    pub counters: PortCounters,
    /// The port's name, as a record of its own.
    pub name: Option<String>,
}

/// Generic interface counters; those that are not named here are sent as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortCounters {
    /// The port.
    pub if_index: u32,
    /// Its speed in bits per second.
    pub speed_bps: u64,
    /// Administratively and operationally up, or neither.
    pub up: bool,
    /// Bytes received.
    pub in_octets: u64,
    /// Unicast packets received.
    pub in_packets: u32,
    /// Bytes sent.
    pub out_octets: u64,
    /// Unicast packets sent.
    pub out_packets: u32,
}

impl PortCounters {
    /// A port that is up and has not counted anything yet.
    pub const fn new(if_index: u32, speed_bps: u64) -> Self {
        Self {
            if_index,
            speed_bps,
            up: true,
            in_octets: 0,
            in_packets: 0,
            out_octets: 0,
            out_packets: 0,
        }
    }
}

impl CounterSample {
    /// A compact sample of a named port.
    pub fn new(counters: PortCounters, name: &str) -> Self {
        Self {
            source: Source::interface(counters.if_index),
            expanded: false,
            counters,
            name: Some(name.to_owned()),
        }
    }

    pub(super) fn encode(&self, sequence: u32, out: &mut Xdr) {
        let format = if self.expanded { 4 } else { 2 };
        out.structure(format, |body| {
            body.u32(sequence);
            source(self.source, self.expanded, body);
            body.u32(1 + u32::from(self.name.is_some()));
            body.structure(1, |record| self.counters.encode(record));
            if let Some(name) = &self.name {
                body.structure(1005, |record| record.opaque(name.as_bytes()));
            }
        });
    }
}

impl PortCounters {
    fn encode(&self, record: &mut Xdr) {
        const ETHERNET: u32 = 6;
        const FULL_DUPLEX: u32 = 1;
        record.u32(self.if_index);
        record.u32(ETHERNET);
        record.u64(self.speed_bps);
        record.u32(FULL_DUPLEX);
        record.u32(if self.up { 3 } else { 0 });
        record.u64(self.in_octets);
        record.u32(self.in_packets);
        // Multicast, broadcast, discards, errors, unknown protocols.
        record.bytes(&[0; 5 * 4]);
        record.u64(self.out_octets);
        record.u32(self.out_packets);
        // Multicast, broadcast, discards, errors, promiscuous.
        record.bytes(&[0; 5 * 4]);
    }
}
