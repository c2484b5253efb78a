//! IPv4, IPv6 and their extension headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::packet::bytes::{array_at, u8_at, u16_at, u32_at};
use crate::packet::header::IpProtocol;

view! {
    /// IPv4 (RFC 791 §3.1).
    Ipv4
}

impl<'a> Ipv4<'a> {
    /// Header length in bytes, 20 to 60 in a packet that is not malformed.
    pub fn header_length(&self) -> Option<u8> {
        u8_at(self.0, 0).map(|byte| (byte & 0x0F) * 4)
    }

    /// Differentiated services and congestion bits (type of service), 0 to 255.
    pub fn tos(&self) -> Option<u8> {
        u8_at(self.0, 1)
    }

    /// Differentiated services code point, 0 to 63 (RFC 2474).
    pub fn dscp(&self) -> Option<u8> {
        self.tos().map(|tos| tos >> 2)
    }

    /// Explicit congestion notification, 0 to 3 (RFC 3168).
    pub fn ecn(&self) -> Option<u8> {
        self.tos().map(|tos| tos & 3)
    }

    /// Bytes of header and payload; 0 where an offload engine fills it in.
    pub fn total_length(&self) -> Option<u16> {
        u16_at(self.0, 2)
    }

    /// Identification.
    pub fn identification(&self) -> Option<u16> {
        u16_at(self.0, 4)
    }

    /// The three flag bits: 2 do not fragment, 1 more fragments.
    pub fn flags(&self) -> Option<u8> {
        u8_at(self.0, 6).map(|byte| byte >> 5)
    }

    /// Fragment offset in units of 8 bytes, 0 to 8191.
    pub fn fragment_offset(&self) -> Option<u16> {
        u16_at(self.0, 6).map(|word| word & 0x1FFF)
    }

    /// Time to live.
    pub fn ttl(&self) -> Option<u8> {
        u8_at(self.0, 8)
    }

    /// What the packet carries.
    pub fn protocol(&self) -> Option<IpProtocol> {
        u8_at(self.0, 9).map(IpProtocol)
    }

    /// From whom.
    pub fn source(&self) -> Option<Ipv4Addr> {
        array_at::<4>(self.0, 12).map(Ipv4Addr::from)
    }

    /// To whom.
    pub fn destination(&self) -> Option<Ipv4Addr> {
        array_at::<4>(self.0, 16).map(Ipv4Addr::from)
    }

    /// The options, when they were sampled whole; empty when there are none.
    pub fn options(&self) -> Option<&'a [u8]> {
        self.0.get(20..usize::from(self.header_length()?))
    }
}

view! {
    /// IPv6 (RFC 8200 §3), without its extension headers.
    Ipv6
}

impl Ipv6<'_> {
    /// Differentiated services and congestion bits (traffic class), 0 to 255.
    pub fn traffic_class(&self) -> Option<u8> {
        u16_at(self.0, 0).map(|word| (word >> 4).to_be_bytes()[1])
    }

    /// Differentiated services code point, 0 to 63 (RFC 2474).
    pub fn dscp(&self) -> Option<u8> {
        self.traffic_class().map(|class| class >> 2)
    }

    /// Explicit congestion notification, 0 to 3 (RFC 3168).
    pub fn ecn(&self) -> Option<u8> {
        self.traffic_class().map(|class| class & 3)
    }

    /// Flow label, 20 bits.
    pub fn flow_label(&self) -> Option<u32> {
        u32_at(self.0, 0).map(|word| word & 0x000F_FFFF)
    }

    /// Bytes behind the header of 40 bytes; 0 in a jumbogram.
    pub fn payload_length(&self) -> Option<u16> {
        u16_at(self.0, 4)
    }

    /// What follows the header: an extension header, or what the packet carries.
    pub fn next_header(&self) -> Option<IpProtocol> {
        u8_at(self.0, 6).map(IpProtocol)
    }

    /// Hop limit.
    pub fn hop_limit(&self) -> Option<u8> {
        u8_at(self.0, 7)
    }

    /// From whom.
    pub fn source(&self) -> Option<Ipv6Addr> {
        array_at::<16>(self.0, 8).map(Ipv6Addr::from)
    }

    /// To whom.
    pub fn destination(&self) -> Option<Ipv6Addr> {
        array_at::<16>(self.0, 24).map(Ipv6Addr::from)
    }
}

view! {
    /// Hop-by-hop options (RFC 8200 §4.3).
    HopByHop
}

view! {
    /// Routing header (RFC 8200 §4.4); a type of 4 is segment routing (RFC 8754).
    Routing
}

impl Routing<'_> {
    /// Routing type.
    pub fn routing_type(&self) -> Option<u8> {
        u8_at(self.0, 2)
    }

    /// Segments that are still to be visited.
    pub fn segments_left(&self) -> Option<u8> {
        u8_at(self.0, 3)
    }
}

view! {
    /// Destination options (RFC 8200 §4.6).
    DestinationOptions
}

view! {
    /// Fragment header (RFC 8200 §4.5).
    Fragment
}

impl Fragment<'_> {
    /// Fragment offset in units of 8 bytes, 0 to 8191.
    pub fn offset(&self) -> Option<u16> {
        u16_at(self.0, 2).map(|word| word >> 3)
    }

    /// Whether more fragments follow.
    pub fn more(&self) -> Option<bool> {
        u8_at(self.0, 3).map(|byte| byte & 1 != 0)
    }

    /// Identification.
    pub fn identification(&self) -> Option<u32> {
        u32_at(self.0, 4)
    }
}

view! {
    /// Authentication header (RFC 4302 §2).
    Ah
}

impl Ah<'_> {
    /// Security parameters index.
    pub fn spi(&self) -> Option<u32> {
        u32_at(self.0, 4)
    }

    /// Sequence number.
    pub fn sequence(&self) -> Option<u32> {
        u32_at(self.0, 8)
    }
}

view! {
    /// Encapsulating security payload (RFC 4303 §2); what it carries cannot be read.
    Esp
}

impl Esp<'_> {
    /// Security parameters index.
    pub fn spi(&self) -> Option<u32> {
        u32_at(self.0, 0)
    }

    /// Sequence number.
    pub fn sequence(&self) -> Option<u32> {
        u32_at(self.0, 4)
    }
}
