//! Ethernet and what stands between it and a network layer.

use std::net::Ipv4Addr;

use crate::packet::bytes::{array_at, u8_at, u16_at, u32_at};
use crate::packet::header::{EtherType, MacAddress};

view! {
    /// Ethernet (IEEE 802.3 §3).
    Ethernet
}

impl Ethernet<'_> {
    /// To whom.
    pub fn destination(&self) -> Option<MacAddress> {
        array_at(self.0, 0).map(MacAddress)
    }

    /// From whom.
    pub fn source(&self) -> Option<MacAddress> {
        array_at(self.0, 6).map(MacAddress)
    }

    /// What follows the addresses: the type of the first tag, if there is one; below 1536 a length in bytes.
    pub fn ethertype(&self) -> Option<EtherType> {
        u16_at(self.0, 12).map(EtherType)
    }
}

view! {
    /// One VLAN tag (IEEE 802.1Q §9.6), from the value on; its type is what the layer before says.
    Vlan
}

impl Vlan<'_> {
    /// VLAN identifier, 0 to 4095.
    pub fn id(&self) -> Option<u16> {
        u16_at(self.0, 0).map(|tag| tag & 0x0FFF)
    }

    /// Priority code point (CoS), 0 to 7.
    pub fn priority(&self) -> Option<u8> {
        u8_at(self.0, 0).map(|tag| tag >> 5)
    }

    /// Whether the frame may be dropped first.
    pub fn drop_eligible(&self) -> Option<bool> {
        u8_at(self.0, 0).map(|tag| tag & 0x10 != 0)
    }

    /// What follows the tag; below 1536 a length in bytes.
    pub fn ethertype(&self) -> Option<EtherType> {
        u16_at(self.0, 2).map(EtherType)
    }
}

view! {
    /// Logical link control (IEEE 802.2).
    Llc
}

impl Llc<'_> {
    /// Service access point of the receiver: 0x42 is a spanning tree, 0xFE IS-IS, 0xAA SNAP.
    pub fn dsap(&self) -> Option<u8> {
        u8_at(self.0, 0)
    }

    /// Service access point of the sender.
    pub fn ssap(&self) -> Option<u8> {
        u8_at(self.0, 1)
    }

    /// Whether SNAP follows.
    pub fn is_snap(&self) -> Option<bool> {
        array_at(self.0, 0).map(|bytes| bytes == [0xAA, 0xAA, 3])
    }
}

view! {
    /// Subnetwork access protocol (RFC 1042).
    Snap
}

impl Snap<'_> {
    /// Who numbers the protocols, 24 bits; 0 stands for Ethernet types.
    pub fn organization(&self) -> Option<[u8; 3]> {
        array_at(self.0, 0)
    }

    /// What follows; an Ethernet type when the organization is 0.
    pub fn protocol(&self) -> Option<u16> {
        u16_at(self.0, 3)
    }
}

view! {
    /// One MPLS label stack entry (RFC 3032 §2.1).
    Mpls
}

impl Mpls<'_> {
    /// Label, 0 to 1048575.
    pub fn label(&self) -> Option<u32> {
        u32_at(self.0, 0).map(|entry| entry >> 12)
    }

    /// Traffic class, 0 to 7 (RFC 5462).
    pub fn traffic_class(&self) -> Option<u8> {
        u8_at(self.0, 2).map(|byte| byte >> 1 & 7)
    }

    /// Whether this is the last label.
    pub fn bottom(&self) -> Option<bool> {
        u8_at(self.0, 2).map(|byte| byte & 1 != 0)
    }

    /// Time to live.
    pub fn ttl(&self) -> Option<u8> {
        u8_at(self.0, 3)
    }
}

view! {
    /// Control word of an Ethernet pseudowire (RFC 4448 §4.6).
    ControlWord
}

view! {
    /// PPP (RFC 1661, RFC 1662): with address and control or without.
    Ppp
}

view! {
    /// Cisco's HDLC: address, control, Ethernet type.
    Hdlc
}

view! {
    /// ARP for IPv4 over Ethernet (RFC 826); of another kind of ARP only the operation is told.
    Arp
}

impl Arp<'_> {
    /// 1 request, 2 reply.
    pub fn operation(&self) -> Option<u16> {
        u16_at(self.0, 6)
    }

    /// Hardware type 1, protocol type IPv4, lengths 6 and 4.
    fn is_ipv4(&self) -> bool {
        array_at(self.0, 0) == Some([0, 1, 8, 0, 6, 4])
    }

    /// The sender's Ethernet address.
    pub fn sender_mac(&self) -> Option<MacAddress> {
        array_at(self.0, 8).filter(|_| self.is_ipv4()).map(MacAddress)
    }

    /// The sender's address.
    pub fn sender_ip(&self) -> Option<Ipv4Addr> {
        self.address(14)
    }

    /// The Ethernet address that is looked for.
    pub fn target_mac(&self) -> Option<MacAddress> {
        array_at(self.0, 18).filter(|_| self.is_ipv4()).map(MacAddress)
    }

    /// The address that is looked for.
    pub fn target_ip(&self) -> Option<Ipv4Addr> {
        self.address(24)
    }

    fn address(&self, at: usize) -> Option<Ipv4Addr> {
        array_at::<4>(self.0, at)
            .filter(|_| self.is_ipv4())
            .map(Ipv4Addr::from)
    }
}
