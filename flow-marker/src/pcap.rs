//! Reads the UDP payloads of a capture file.
//!
//! The classic format (`https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap`), in both byte orders, with
//! microseconds or nanoseconds; link types Ethernet, raw IP and Linux cooked (v1, v2). The file is as little trusted as
//! the network: one buffer of fixed size holds one packet at a time.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use crate::packet::{EtherType, Header, IpProtocol};
use crate::sflow::HeaderProtocol;

/// The longest packet a file may hold: libpcap's own limit (`MAXIMUM_SNAPLEN`, 256 KiB), so every file that tcpdump
/// writes is below it.
pub const MAX_PACKET: usize = 256 << 10;

/// Why a capture file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum PcapError {
    /// Neither form of the classic format.
    #[error("not a pcap file: it begins with {0:#010x}")]
    Magic(u32),
    /// The newer format.
    #[error(
        "this is a pcapng file, reading it is not built yet; convert it: `tcpdump -r FILE -w OTHER.pcap`"
    )]
    Pcapng,
    /// A link layer that is not read.
    #[error(
        "link type {0} is not read, only Ethernet (1), raw IP (12, 101, 228, 229), Linux cooked (113, 276)"
    )]
    LinkType(u32),
    /// The file ends inside something.
    #[error("the file is truncated: it ends inside the {what} at byte {at}")]
    Truncated {
        /// What is cut.
        what: &'static str,
        /// Where that begins, in bytes from the start of the file.
        at: u64,
    },
    /// A packet longer than [`MAX_PACKET`].
    #[error(
        "byte {at}: a packet of {length} bytes, the longest allowed is {MAX_PACKET}; the file is damaged"
    )]
    TooLong {
        /// Where its record begins, in bytes from the start of the file.
        at: u64,
        /// Its announced length in bytes.
        length: u32,
    },
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The payload of a UDP datagram in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpPayload<'a> {
    /// When it was captured, since 1970-01-01 UTC.
    pub time: Duration,
    /// From whom.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Its length on the wire in bytes; more than `bytes` when the capture cut it.
    pub length: usize,
}

/// How a packet begins.
#[derive(Debug, Clone, Copy)]
enum Link {
    Ethernet,
    RawIp,
    Cooked1,
    Cooked2,
}

impl Link {
    /// From the file's link type (<https://www.tcpdump.org/linktypes.html>).
    const fn new(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Ethernet),
            // DLT_RAW (two values, by system), LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6.
            12 | 14 | 101 | 228 | 229 => Some(Self::RawIp),
            113 => Some(Self::Cooked1),
            276 => Some(Self::Cooked2),
            _ => None,
        }
    }

    /// The headers of a packet, and where in it they begin.
    fn header(self, packet: &[u8]) -> Option<(Header, usize)> {
        let cooked = |protocol: Range<usize>, length: usize| {
            let protocol = packet.get(protocol)?.first_chunk()?;
            let ethertype = EtherType(u16::from_be_bytes(*protocol));
            Some((Header::parse_ethertype(ethertype, packet.get(length..)?), length))
        };
        match self {
            Self::Ethernet => Some((Header::parse(HeaderProtocol::ETHERNET, packet), 0)),
            Self::RawIp => match packet.first()? >> 4 {
                4 => Some((Header::parse(HeaderProtocol::IPV4, packet), 0)),
                6 => Some((Header::parse(HeaderProtocol::IPV6, packet), 0)),
                _ => None,
            },
            Self::Cooked1 => cooked(14..16, 16),
            Self::Cooked2 => cooked(0..2, 20),
        }
    }
}

/// A capture file that is being read.
pub struct Capture<R> {
    input: R,
    link: Link,
    little_endian: bool,
    /// Nanoseconds in the unit of the fractions of a second.
    fraction: u32,
    /// Bytes read so far.
    at: u64,
    buffer: Box<[u8]>,
    packets: u64,
    skipped: u64,
}

impl<R: Read> Capture<R> {
    /// Reads the head of the file. `input` should be buffered.
    ///
    /// # Errors
    /// [`PcapError`]
    pub fn new(mut input: R) -> Result<Self, PcapError> {
        let mut head = [0; 24];
        if fill(&mut input, &mut head)? < head.len() {
            // A pcapng file may be shorter than this head.
            return Err(match head.first_chunk() {
                Some(&PCAPNG) => PcapError::Pcapng,
                _ => PcapError::Truncated {
                    what: "file header",
                    at: 0,
                },
            });
        }
        let [m0, m1, m2, m3, _version @ .., l0, l1, l2, l3] = head;
        let (little_endian, fraction) = match [m0, m1, m2, m3] {
            [0xD4, 0xC3, 0xB2, 0xA1] => (true, 1000),
            [0xA1, 0xB2, 0xC3, 0xD4] => (false, 1000),
            [0x4D, 0x3C, 0xB2, 0xA1] => (true, 1),
            [0xA1, 0xB2, 0x3C, 0x4D] => (false, 1),
            PCAPNG => return Err(PcapError::Pcapng),
            other => return Err(PcapError::Magic(u32::from_be_bytes(other))),
        };
        // The upper bits tell the length of the frame check sequence, which does not matter here.
        let number = word(little_endian, [l0, l1, l2, l3]) & 0xFFFF;
        Ok(Self {
            input,
            link: Link::new(number).ok_or(PcapError::LinkType(number))?,
            little_endian,
            fraction,
            at: 24,
            buffer: vec![0; MAX_PACKET].into_boxed_slice(),
            packets: 0,
            skipped: 0,
        })
    }

    /// The next UDP payload; `None` at the end of the file. Everything else is counted and skipped.
    ///
    /// # Errors
    /// [`PcapError`]: nothing more can be read after it.
    pub fn next_udp(&mut self) -> Result<Option<UdpPayload<'_>>, PcapError> {
        while let Some((time, length)) = self.next_packet()? {
            let packet = self.buffer.get(..length).unwrap_or_default();
            let Some(found) = self.link.header(packet).and_then(|(h, start)| udp(&h, start)) else {
                self.skipped += 1;
                continue;
            };
            let payload = self.buffer.get(..length).unwrap_or_default();
            let payload = payload.get(found.start..).unwrap_or_default();
            return Ok(Some(UdpPayload {
                time,
                source: found.source,
                destination: found.destination,
                bytes: payload.get(..found.length).unwrap_or(payload),
                length: found.length,
            }));
        }
        Ok(None)
    }

    /// Packets read so far.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets among them that were not whole UDP datagrams over IP: other protocols, fragments, headers cut short.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Reads the next packet into the buffer: its time and length.
    fn next_packet(&mut self) -> Result<Option<(Duration, usize)>, PcapError> {
        let mut record = [0; 16];
        let at = self.at;
        match fill(&mut self.input, &mut record)? {
            0 => return Ok(None),
            16 => {}
            _ => {
                return Err(PcapError::Truncated {
                    what: "packet record",
                    at,
                });
            }
        }
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, _original @ ..] = record;
        let seconds = word(self.little_endian, [s0, s1, s2, s3]);
        let fraction = word(self.little_endian, [f0, f1, f2, f3]);
        let captured = word(self.little_endian, [c0, c1, c2, c3]);
        let length = usize::try_from(captured).unwrap_or(usize::MAX);
        let Some(packet) = self.buffer.get_mut(..length) else {
            return Err(PcapError::TooLong { at, length: captured });
        };
        if fill(&mut self.input, packet)? < length {
            return Err(PcapError::Truncated { what: "packet", at });
        }
        self.at += 16 + u64::from(captured);
        self.packets += 1;
        // A damaged fraction may be more than a second; the sum is still a time.
        let nanoseconds = u64::from(fraction) * u64::from(self.fraction);
        let time = Duration::from_secs(u64::from(seconds)) + Duration::from_nanos(nanoseconds);
        Ok(Some((time, length)))
    }
}

/// The type of a pcapng section header, the same in both byte orders.
const PCAPNG: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

const fn word(little_endian: bool, bytes: [u8; 4]) -> u32 {
    match little_endian {
        true => u32::from_le_bytes(bytes),
        false => u32::from_be_bytes(bytes),
    }
}

/// Where the payload of a UDP datagram is.
struct Found {
    source: SocketAddr,
    destination: SocketAddr,
    start: usize,
    length: usize,
}

/// Finds the payload. Where the lengths of IP and UDP contradict each other, the one of IP is used: whoever examines a
/// damaged datagram wants to see all of it. Offload engines leave the length of IP empty; then it is the one of UDP.
fn udp(header: &Header, start: usize) -> Option<Found> {
    const UDP_HEADER: usize = 8;
    let ip = header.ip?;
    let transport = header.transport?;
    // The first fragment has ports, but not the whole payload.
    if ip.protocol != Some(IpProtocol::UDP) || ip.fragment {
        return None;
    }
    let before = usize::from(transport.offset.checked_sub(ip.offset)?) + UDP_HEADER;
    let by_ip = usize::try_from(ip.length).ok()?.checked_sub(before);
    let by_udp = usize::from(transport.udp?.length).checked_sub(UDP_HEADER);
    Some(Found {
        source: SocketAddr::new(ip.source, transport.source_port),
        destination: SocketAddr::new(ip.destination, transport.destination_port),
        start: start + usize::from(transport.offset) + UDP_HEADER,
        length: by_ip.or(by_udp)?,
    })
}

/// Reads until `buffer` is full or the input ends; the number of bytes read.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
pub(crate) mod tests;
