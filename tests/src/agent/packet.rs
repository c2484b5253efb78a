//! The packets that are sampled.

use std::net::{IpAddr, SocketAddr};

/// The bytes of Ethernet addresses and type, and the frame check sequence at the end.
const ETHERNET: u32 = 14;
const FRAME_CHECK: u32 = 4;

/// What an IP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, with the acknowledgement flag.
    Tcp,
    /// UDP.
    Udp,
}

/// A TCP or UDP packet over IPv4 or IPv6 in an Ethernet frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// From whom.
    pub source: SocketAddr,
    /// To whom; of the same address family.
    pub destination: SocketAddr,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// VLAN identifier (0 to 4095) and priority (0 to 7), if the frame is tagged.
    pub vlan: Option<(u16, u8)>,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// Bytes of the whole frame with its frame check sequence: 1518 for a full one.
    pub frame_length: u32,
    /// TCP sequence number.
    pub sequence: u32,
    /// TCP timestamp (RFC 7323 §3.2): the sender's clock in its ticks.
    pub timestamp: Option<u32>,
}

impl Packet {
    /// A full TCP packet without a tag.
    pub const fn tcp(source: SocketAddr, destination: SocketAddr) -> Self {
        Self {
            source,
            destination,
            protocol: Protocol::Tcp,
            vlan: None,
            dscp: 0,
            frame_length: 1518,
            sequence: 0,
            timestamp: None,
        }
    }

    /// The same with the sender's clock, which begins at 0 and has ticks of a millisecond.
    pub const fn with_timestamp(self) -> Self {
        Self {
            timestamp: Some(0),
            ..self
        }
    }

    /// A full UDP packet without a tag.
    pub const fn udp(source: SocketAddr, destination: SocketAddr) -> Self {
        Self {
            protocol: Protocol::Udp,
            ..Self::tcp(source, destination)
        }
    }

    /// Bytes of the IP packet with its header.
    pub fn ip_length(&self) -> u32 {
        let tag = if self.vlan.is_some() { 4 } else { 0 };
        self.frame_length.saturating_sub(ETHERNET + tag + FRAME_CHECK)
    }

    /// Bytes that the transport protocol carries.
    pub fn payload_length(&self) -> u32 {
        let ip = if self.source.is_ipv4() { 20 } else { 40 };
        let transport = match self.protocol {
            Protocol::Tcp if self.timestamp.is_some() => 32,
            Protocol::Tcp => 20,
            Protocol::Udp => 8,
        };
        self.ip_length().saturating_sub(ip + transport)
    }

    /// The first bytes of the frame, at most `limit`, and never its frame check sequence.
    pub fn header(&self, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Locally administered addresses, from the end of the IP addresses.
        for address in [self.destination.ip(), self.source.ip()] {
            bytes.extend([0x02, 0x00]);
            bytes.extend(last_octets(address));
        }
        if let Some((id, priority)) = self.vlan {
            bytes.extend(0x8100_u16.to_be_bytes());
            bytes.extend((u16::from(priority) << 13 | id & 0x0FFF).to_be_bytes());
        }
        match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                bytes.extend(0x86DD_u16.to_be_bytes());
                self.ipv6(&mut bytes);
                bytes.extend(source.octets());
                bytes.extend(destination.octets());
            }
            (source, destination) => {
                bytes.extend(0x0800_u16.to_be_bytes());
                let addresses = [last_octets(source), last_octets(destination)];
                bytes.extend(self.ipv4(&addresses.concat()));
            }
        }
        self.transport(&mut bytes);
        let frame = usize::try_from(self.frame_length.saturating_sub(FRAME_CHECK)).unwrap_or(usize::MAX);
        bytes.resize(limit.min(frame), 0);
        bytes
    }

    const fn protocol_number(&self) -> u8 {
        match self.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        }
    }

    /// RFC 791 §3.1.
    fn ipv4(&self, addresses: &[u8]) -> Vec<u8> {
        let mut header = vec![0x45, self.dscp << 2];
        header.extend(short(self.ip_length()));
        // Identification 0, do not fragment, time to live 64, checksum still 0.
        header.extend([0, 0, 0x40, 0, 64, self.protocol_number(), 0, 0]);
        header.extend(addresses);
        let checksum = internet_checksum(&header).to_be_bytes();
        header.splice(10..12, checksum);
        header
    }

    /// RFC 8200 §3, up to the addresses.
    fn ipv6(&self, bytes: &mut Vec<u8>) {
        bytes.extend((6 << 28 | u32::from(self.dscp) << 22).to_be_bytes());
        bytes.extend(short(self.ip_length().saturating_sub(40)));
        bytes.extend([self.protocol_number(), 64]);
    }

    /// RFC 9293 §3.1, RFC 768; checksums stay 0, since the payload they cover is not made.
    fn transport(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.source.port().to_be_bytes());
        bytes.extend(self.destination.port().to_be_bytes());
        match self.protocol {
            Protocol::Tcp => {
                bytes.extend(self.sequence.to_be_bytes());
                bytes.extend(1_u32.to_be_bytes());
                let words = if self.timestamp.is_some() { 8 } else { 5 };
                // Length of the header, ACK, window, checksum, urgent pointer.
                bytes.extend([words << 4, 0x10, 0xFF, 0xFF, 0, 0, 0, 0]);
                if let Some(timestamp) = self.timestamp {
                    // Two bytes to align, then timestamps, of which the second echoes nothing.
                    bytes.extend([1, 1, 8, 10]);
                    bytes.extend(timestamp.to_be_bytes());
                    bytes.extend([0; 4]);
                }
            }
            Protocol::Udp => {
                bytes.extend(short(self.payload_length() + 8));
                bytes.extend([0, 0]);
            }
        }
    }
}

/// A length in 16 bits; a longer packet is one that an offload engine has not cut yet, and says 0.
fn short(length: u32) -> [u8; 2] {
    u16::try_from(length).unwrap_or(0).to_be_bytes()
}

fn last_octets(address: IpAddr) -> [u8; 4] {
    match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => address.octets().last_chunk().copied().unwrap_or_default(),
    }
}

/// RFC 1071.
fn internet_checksum(header: &[u8]) -> u16 {
    let pairs = header.as_chunks::<2>().0;
    let sum: u32 = pairs
        .iter()
        .map(|pair| u32::from(u16::from_be_bytes(*pair)))
        .sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    let folded = (folded & 0xFFFF) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}
