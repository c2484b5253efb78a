//! Where reading begins.

use super::header::{EtherType, Header, Layer, Stop, Transport};
use super::view::{Bth, Tcp, View};
use super::{link, network};
use crate::sflow::HeaderProtocol;

impl Header {
    /// Reads as far as it goes.
    #[inline]
    pub fn parse(protocol: HeaderProtocol, bytes: &[u8]) -> Self {
        let mut header = Self::NOTHING;
        header.stop = match protocol {
            HeaderProtocol::ETHERNET => link::ethernet(&mut header, bytes),
            HeaderProtocol::IPV4 => network::ipv4(&mut header, bytes, bytes.len()),
            HeaderProtocol::IPV6 => network::ipv6(&mut header, bytes, bytes.len()),
            _ => Stop::Unsupported(Layer::Link),
        };
        header
    }

    /// Reads what stands behind `ethertype`: for capture files whose link layer is not Ethernet.
    pub fn parse_ethertype(ethertype: EtherType, bytes: &[u8]) -> Self {
        let mut header = Self::NOTHING;
        header.stop = link::payload(&mut header, ethertype, bytes, bytes.len());
        header
    }
}

/// The port of RoCEv2 (InfiniBand Architecture, volume 1, annex A17).
const ROCE: u16 = 4791;

impl Transport {
    /// The transport header and what it carries, as far as they were sampled; `bytes` are those that were parsed.
    #[inline]
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
            .get(usize::from(self.offset)..usize::from(self.end))
            .unwrap_or(&[])
    }

    /// The TCP header, for what is not needed of every sample: acknowledgement number, window, timestamps. `None` for
    /// UDP, and where not even the sequence number was sampled. `bytes` are those that were parsed.
    #[inline]
    pub fn tcp_view<'a>(&self, bytes: &'a [u8]) -> Option<Tcp<'a>> {
        self.tcp.map(|_| Tcp::of(self.bytes(bytes)))
    }

    /// The base transport header of RoCEv2. `None` for others, and where nothing of it was sampled. `bytes` are those
    /// that were parsed.
    #[inline]
    pub fn bth_view<'a>(&self, bytes: &'a [u8]) -> Option<Bth<'a>> {
        self.udp.filter(|_| self.destination_port == ROCE)?;
        let bytes = self.bytes(bytes).get(8..)?;
        (!bytes.is_empty()).then(|| Bth::of(bytes))
    }
}

impl Header {
    /// Bytes that a TCP segment or UDP datagram carries on the wire, as the IP header says, however many were sampled.
    /// `None` for others, for fragments, where the header is cut before its length, and where the lengths contradict
    /// each other. `bytes` are those that were parsed.
    pub fn payload_length(&self, bytes: &[u8]) -> Option<u32> {
        let (ip, transport) = (self.ip.filter(|ip| !ip.fragment)?, self.transport?);
        let header = match transport.tcp_view(bytes) {
            Some(tcp) => tcp.header_length().filter(|length| *length >= 20)?,
            None => 8,
        };
        let before = transport.offset.checked_sub(ip.offset)?;
        ip.length.checked_sub(u32::from(before) + u32::from(header))
    }
}
