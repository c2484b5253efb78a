//! The two records that nearly every flow sample consists of: read as fast as can be.

use crate::sflow::error::DecodeError;
use crate::sflow::reader::Reader;
use crate::sflow::structure::Body;
use crate::sflow::value::{Opaque, Value};

/// What the first bytes of a sampled packet are (sFlow v5 §5, `header_protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeaderProtocol(pub u32);

impl HeaderProtocol {
    /// Ethernet (ISO 88023).
    pub const ETHERNET: Self = Self(1);
    /// PPP.
    pub const PPP: Self = Self(7);
    /// IPv4, without a link layer.
    pub const IPV4: Self = Self(11);
    /// IPv6, without a link layer.
    pub const IPV6: Self = Self(12);
    /// An MPLS label stack, without a link layer.
    pub const MPLS: Self = Self(13);
    /// PPP over SONET (RFC 1662, RFC 2615).
    pub const POS: Self = Self(14);
    /// 802.11.
    pub const WIRELESS: Self = Self(15);
    /// 802.11, an aggregate of packets (A-MPDU).
    pub const WIRELESS_AMPDU: Self = Self(16);
    /// 802.11, a part of an aggregate (A-MSDU).
    pub const WIRELESS_AMSDU: Self = Self(17);
    /// InfiniBand.
    pub const INFINIBAND: Self = Self(18);
}

/// The first bytes of a sampled packet (sFlow v5 §5, `sampled_header`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawHeader<'a> {
    /// How to read [`Self::header`].
    pub protocol: HeaderProtocol,
    /// Length of the packet on the wire in bytes; some agents count the frame check sequence, others do not.
    pub frame_length: u32,
    /// Bytes taken off the packet before sampling; 4 is the frame check sequence.
    pub stripped: u32,
    /// The bytes, cut by design.
    pub header: &'a [u8],
}

impl<'a> Body<'a> for RawHeader<'a> {
    #[inline]
    fn decode(body: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let [protocol, frame_length, stripped, length] = body.words("raw header")?;
        Ok(Self {
            protocol: HeaderProtocol(protocol),
            frame_length,
            stripped,
            header: body.take(length, "header bytes")?,
        })
    }

    fn fields(&self, visit: &mut dyn FnMut(&'static str, Value<'a>)) {
        let length = u32::try_from(self.header.len()).unwrap_or(u32::MAX);
        visit("headerProtocol", Value::Gauge32(self.protocol.0));
        visit("sampledPacketSize", Value::Gauge32(self.frame_length));
        visit("strippedBytes", Value::Gauge32(self.stripped));
        visit("headerLen", Value::Gauge32(length));
        visit("headerBytes", Value::Opaque(Opaque(self.header)));
    }
}

/// VLANs and priorities that a switch saw and set (sFlow v5 §5, `extended_switch`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// `in_vlan`: VLAN of the packet as it came.
    pub source_vlan: u32,
    /// `in_priority`: 802.1p priority of the packet as it came.
    pub source_priority: u32,
    /// `out_vlan`: VLAN of the packet as it left.
    pub destination_vlan: u32,
    /// `out_priority`: 802.1p priority of the packet as it left.
    pub destination_priority: u32,
}

impl<'a> Body<'a> for Switch {
    #[inline]
    fn decode(body: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let [
            source_vlan,
            source_priority,
            destination_vlan,
            destination_priority,
        ] = body.words("switch")?;
        Ok(Self {
            source_vlan,
            source_priority,
            destination_vlan,
            destination_priority,
        })
    }

    fn fields(&self, visit: &mut dyn FnMut(&'static str, Value<'a>)) {
        visit("in_vlan", Value::Gauge32(self.source_vlan));
        visit("in_priority", Value::Gauge32(self.source_priority));
        visit("out_vlan", Value::Gauge32(self.destination_vlan));
        visit("out_priority", Value::Gauge32(self.destination_priority));
    }
}
