//! Where reading begins.

use super::header::{EtherType, Header, Layer, Stop};
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
