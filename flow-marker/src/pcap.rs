//! Reads the UDP payloads of a capture file.
//!
//! Classic pcap (`https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap`), in both byte orders, with microseconds or
//! nanoseconds, and pcapng (`https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng`) with several sections and
//! interfaces; link types Ethernet, raw IP, BSD loopback and Linux cooked (v1, v2). The file is as little trusted as
//! the network: one buffer of fixed size holds one packet at a time, whatever lengths the file claims.

mod classic;
mod ng;
mod input;
mod payload;

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use input::Input;
use payload::{Kind, Link};

/// The longest packet a file may hold: libpcap's own limit (`MAXIMUM_SNAPLEN`, 256 KiB), so every file that tcpdump
/// writes is below it.
pub const MAX_PACKET: usize = 256 << 10;

/// Why a capture file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum PcapError {
    /// Neither pcap nor pcapng.
    #[error("not a pcap or pcapng file: it begins with {0:#010x}")]
    Magic(u32),
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// A link layer that is not read.
    #[error(
        "link type {0} is not read, only Ethernet (1), raw IP (12, 14, 101, 228, 229), BSD loopback (0, 108) and Linux \
         cooked (113, 276)"
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
    /// A block of a pcapng file that contradicts itself.
    #[error("byte {at}: {what}; the file is damaged")]
    Block {
        /// Where it begins, in bytes from the start of the file.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The payload of a UDP datagram in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpPayload<'a> {
    /// When it was captured, since 1970-01-01 UTC; 0 where the file does not say.
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

/// A packet in the buffer.
struct Packet {
    time: Duration,
    /// `None`: of a link layer that is not read.
    link: Option<Link>,
    length: usize,
}

/// The form of a file.
enum Format {
    Classic(classic::Reader),
    Ng(ng::Reader),
}

/// A capture file that is being read.
pub struct Capture<R> {
    input: Input<R>,
    format: Format,
    packets: u64,
    skipped: u64,
    fragments: u64,
}

impl<R: Read> Capture<R> {
    /// Reads the head of the file. `input` should be buffered.
    ///
    /// # Errors
    /// [`PcapError`]
    pub fn new(input: R) -> Result<Self, PcapError> {
        let mut input = Input::new(input, MAX_PACKET);
        let Some(magic) = input.array("file header", 0)? else {
            return Err(PcapError::Empty);
        };
        let format = match magic {
            ng::SECTION => Format::Ng(ng::Reader::new(&mut input)?),
            magic => Format::Classic(classic::Reader::new(magic, &mut input)?),
        };
        Ok(Self {
            input,
            format,
            packets: 0,
            skipped: 0,
            fragments: 0,
        })
    }

    /// The next UDP payload; `None` at the end of the file. Everything else is counted and skipped.
    ///
    /// # Errors
    /// [`PcapError`]: nothing more can be read after it.
    pub fn next_udp(&mut self) -> Result<Option<UdpPayload<'_>>, PcapError> {
        let (packet, found) = loop {
            let next = match &mut self.format {
                Format::Classic(reader) => reader.next(&mut self.input)?,
                Format::Ng(reader) => reader.next(&mut self.input)?,
            };
            let Some(packet) = next else {
                return Ok(None);
            };
            self.packets += 1;
            let bytes = self.input.buffered(packet.length);
            match packet.link.map(|link| payload::find(link, bytes)) {
                Some(Kind::Udp(found)) => break (packet, found),
                Some(Kind::Fragment) => self.fragments += 1,
                Some(Kind::Other) | None => {}
            }
            self.skipped += 1;
        };
        let bytes = self.input.buffered(packet.length);
        let bytes = bytes.get(found.start..).unwrap_or_default();
        Ok(Some(UdpPayload {
            time: packet.time,
            source: found.source,
            destination: found.destination,
            bytes: bytes.get(..found.length).unwrap_or(bytes),
            length: found.length,
        }))
    }

    /// Packets read so far.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets among them that were not whole UDP datagrams over IP: other protocols, fragments, headers cut short.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Fragments of UDP datagrams among the skipped ones. They are not put together: a part would be read as a whole.
    pub const fn fragments(&self) -> u64 {
        self.fragments
    }
}

#[cfg(test)]
pub(crate) mod tests;
