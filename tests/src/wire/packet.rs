//! Reads addresses, ports and DSCP of whole packets. Written apart from the reader under test on purpose: a test that
//! trusted that one would prove nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// IP protocol 6.
    Tcp,
    /// IP protocol 17.
    Udp,
}

/// The 5-tuple: one direction of one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// TCP or UDP.
    pub transport: Transport,
    /// Who sends.
    pub source: SocketAddr,
    /// Who receives.
    pub destination: SocketAddr,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        write!(f, "{transport} {} > {}", self.source, self.destination)
    }
}

/// The flow and the DSCP (0–63) of an Ethernet frame, if it is a whole or first TCP or UDP packet in untagged IPv4 or
/// in IPv6 without extension headers: the lab's hosts send nothing else in the flows that are looked for.
pub fn read(frame: &[u8]) -> Option<(Flow, u8)> {
    let packet = frame.get(14..)?;
    let (traffic_class, protocol, source, destination, payload) = match frame.get(12..14)? {
        [0x08, 0x00] => ipv4(packet)?,
        [0x86, 0xdd] => ipv6(packet)?,
        _ => return None,
    };
    let transport = match protocol {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        _ => return None,
    };
    let ports: [u8; 4] = payload.first_chunk().copied()?;
    let [a, b, c, d] = ports;
    let flow = Flow {
        transport,
        source: SocketAddr::new(source, u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([c, d])),
    };
    Some((flow, traffic_class >> 2))
}

type Network<'a> = (u8, u8, IpAddr, IpAddr, &'a [u8]);

/// RFC 791 §3.1.
fn ipv4(packet: &[u8]) -> Option<Network<'_>> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let words = header[0] & 0x0f;
    let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    if header[0] >> 4 != 4 || words < 5 || fragment_offset != 0 {
        return None;
    }
    let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
    let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
    let payload = packet.get(usize::from(words) * 4..)?;
    Some((header[1], header[9], source.into(), destination.into(), payload))
}

/// RFC 8200 §3.
fn ipv6(packet: &[u8]) -> Option<Network<'_>> {
    let header: &[u8; 40] = packet.first_chunk()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let address = |bytes: &[u8]| {
        bytes
            .first_chunk::<16>()
            .map(|bytes| IpAddr::from(Ipv6Addr::from(*bytes)))
    };
    let traffic_class = (header[0] << 4) | (header[1] >> 4);
    let (source, destination) = (address(header.get(8..)?)?, address(header.get(24..)?)?);
    Some((traffic_class, header[6], source, destination, packet.get(40..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ether_type: u16, packet: &[u8]) -> Vec<u8> {
        [&[0; 12][..], &ether_type.to_be_bytes(), packet].concat()
    }

    fn v4(tos: u8, options: usize, fragment: u16) -> Vec<u8> {
        let mut packet = vec![0x45 + u8::try_from(options / 4).unwrap(), tos, 0, 40, 0, 0];
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(vec![1; options]);
        packet.extend([0x9c, 0x40, 0x14, 0x51, 9, 9, 9, 9]);
        frame(0x0800, &packet)
    }

    #[test]
    fn ipv4_with_and_without_options() {
        for options in [0, 8] {
            let (flow, dscp) = read(&v4(10 << 2 | 1, options, 0x4000)).unwrap();
            assert_eq!(flow.to_string(), "tcp 10.0.0.1:40000 > 10.0.0.2:5201");
            assert_eq!(dscp, 10);
        }
    }

    #[test]
    fn ipv6_traffic_class_spans_two_bytes() {
        let mut packet = vec![0x60 | (46 << 2) >> 4, (46u8 << 2) << 4, 0, 0, 0, 8, 17, 64];
        packet.extend("fd00::1".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend("fd00::2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend([0, 53, 0, 54, 0, 0, 0, 0]);
        let (flow, dscp) = read(&frame(0x86dd, &packet)).unwrap();
        assert_eq!(flow.to_string(), "udp [fd00::1]:53 > [fd00::2]:54");
        assert_eq!(dscp, 46);
    }

    #[test]
    fn later_fragments_other_protocols_and_cut_frames_are_none() {
        assert!(read(&v4(0, 0, 0x0001)).is_none());
        let whole = v4(0, 0, 0);
        for length in 0..38 {
            assert!(read(&whole[..length]).is_none(), "{length}");
        }
        assert!(read(&whole[..38]).is_some());
        assert!(read(&frame(0x0806, &[0; 60])).is_none());
        assert!(read(&frame(0x0800, &[0x44; 60])).is_none());
    }
}
