//! Finds the UDP payload of a captured packet.

use std::net::SocketAddr;
use std::ops::Range;

use crate::packet::{EtherType, Header, IpProtocol};
use crate::sflow::HeaderProtocol;

/// How a packet begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    Ethernet,
    RawIp,
    Loopback,
    Cooked1,
    Cooked2,
}

impl Link {
    /// From the file's link type (<https://www.tcpdump.org/linktypes.html>).
    pub(super) const fn new(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Ethernet),
            // LINKTYPE_NULL and LINKTYPE_LOOP: a protocol family in four bytes, whose number depends on the system.
            0 | 108 => Some(Self::Loopback),
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
            Self::RawIp => Some((raw_ip(packet)?, 0)),
            // The version of IP says more than the number of the family.
            Self::Loopback => Some((raw_ip(packet.get(4..)?)?, 4)),
            Self::Cooked1 => cooked(14..16, 16),
            Self::Cooked2 => cooked(0..2, 20),
        }
    }
}

fn raw_ip(packet: &[u8]) -> Option<Header> {
    match packet.first()? >> 4 {
        4 => Some(Header::parse(HeaderProtocol::IPV4, packet)),
        6 => Some(Header::parse(HeaderProtocol::IPV6, packet)),
        _ => None,
    }
}

/// What a packet is.
pub(super) enum Kind {
    /// A whole UDP datagram, as far as it was captured.
    Udp(Found),
    /// A part of a UDP datagram.
    Fragment,
    /// Something else.
    Other,
}

/// Where the payload of a UDP datagram is.
pub(super) struct Found {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    /// In bytes from the start of the packet.
    pub(super) start: usize,
    pub(super) length: usize,
}

/// Looks for the UDP payload of a packet.
pub(super) fn find(link: Link, packet: &[u8]) -> Kind {
    let Some((header, start)) = link.header(packet) else {
        return Kind::Other;
    };
    match header.ip {
        // The first fragment has ports, but not the whole payload.
        Some(ip) if ip.fragment && ip.protocol == Some(IpProtocol::UDP) => Kind::Fragment,
        _ => udp(&header, start).map_or(Kind::Other, Kind::Udp),
    }
}

/// Finds the payload. Where the lengths of IP and UDP contradict each other, the one of IP is used: whoever examines a
/// damaged datagram wants to see all of it. Offload engines leave the length of IP empty; then it is the one of UDP.
fn udp(header: &Header, start: usize) -> Option<Found> {
    const UDP_HEADER: usize = 8;
    let ip = header.ip?;
    let transport = header.transport?;
    if ip.protocol != Some(IpProtocol::UDP) {
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
