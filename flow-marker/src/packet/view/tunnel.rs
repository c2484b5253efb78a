//! Headers that carry other packets, or memory.

use crate::packet::bytes::{u8_at, u16_at, u24_at, u32_at};
use crate::packet::header::EtherType;

view! {
    /// GRE (RFC 2784, with RFC 2890; version 1 is RFC 2637).
    Gre
}

impl Gre<'_> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGEMENT: u16 = 0x0080;

    /// The first two bytes.
    fn word(&self) -> Option<u16> {
        u16_at(self.0, 0)
    }

    /// Version: 0, or 1 for the point-to-point tunnelling protocol.
    pub fn version(&self) -> Option<u8> {
        self.word().map(|word| word.to_be_bytes()[1] & 7)
    }

    /// What follows.
    pub fn protocol(&self) -> Option<EtherType> {
        u16_at(self.0, 2).map(EtherType)
    }

    /// Whether a source route follows, whose length only a walk over it tells (RFC 1701).
    pub(in crate::packet) fn has_routing(&self) -> Option<bool> {
        self.word().map(|word| word & Self::ROUTING != 0)
    }

    /// Where the optional fields of `flags` end, which stand in the order of these flags.
    fn behind(&self, flags: &[u16]) -> Option<usize> {
        let word = self.word()?;
        let present = flags.iter().filter(|flag| word & **flag != 0).count();
        Some(4 + 4 * present)
    }

    /// Key, where there is one. In version 1 that is payload length and call.
    pub fn key(&self) -> Option<u32> {
        if self.word()? & Self::KEY == 0 {
            return None;
        }
        u32_at(self.0, self.behind(&[Self::CHECKSUM | Self::ROUTING])?)
    }

    /// Virtual subnet identifier, 24 bits, of NVGRE: Ethernet in GRE with a key (RFC 7637 §3.2).
    pub fn virtual_subnet(&self) -> Option<u32> {
        let is_nvgre = self.protocol()? == EtherType::BRIDGED && self.version()? == 0;
        self.key().filter(|_| is_nvgre).map(|key| key >> 8)
    }

    /// Sequence number, where there is one.
    pub fn sequence(&self) -> Option<u32> {
        if self.word()? & Self::SEQUENCE == 0 {
            return None;
        }
        u32_at(self.0, self.behind(&[Self::CHECKSUM | Self::ROUTING, Self::KEY])?)
    }

    /// Whether there is a sequence number: without one, ERSPAN has no header (type I).
    pub(in crate::packet) fn has_sequence(&self) -> Option<bool> {
        self.word().map(|word| word & Self::SEQUENCE != 0)
    }

    /// Header length in bytes.
    pub(in crate::packet) fn header_length(&self) -> Option<usize> {
        let fields = [Self::CHECKSUM | Self::ROUTING, Self::KEY, Self::SEQUENCE];
        let length = self.behind(&fields)?;
        let acknowledged = self.version()? == 1 && self.word()? & Self::ACKNOWLEDGEMENT != 0;
        Some(length + if acknowledged { 4 } else { 0 })
    }
}

view! {
    /// ERSPAN type II or III (draft-foschiano-erspan-03 §4).
    Erspan
}

impl Erspan<'_> {
    /// 1 is type II, 2 is type III.
    pub fn version(&self) -> Option<u8> {
        u8_at(self.0, 0).map(|byte| byte >> 4)
    }

    /// VLAN of the mirrored frame.
    pub fn vlan(&self) -> Option<u16> {
        u16_at(self.0, 0).map(|word| word & 0x0FFF)
    }

    /// Session, 0 to 1023.
    pub fn session(&self) -> Option<u16> {
        u16_at(self.0, 2).map(|word| word & 0x03FF)
    }

    /// Type III: kind of frame (0 Ethernet, 2 IP), and whether 8 further bytes follow the 12.
    pub(in crate::packet) fn frame(&self) -> Option<(u8, bool)> {
        let word = u16_at(self.0, 10)?;
        Some(((word >> 10).to_be_bytes()[1] & 0x1F, word & 1 != 0))
    }
}

view! {
    /// VXLAN (RFC 7348 §5).
    Vxlan
}

impl Vxlan<'_> {
    /// Network identifier, 24 bits; `None` too when it is not marked as valid.
    pub fn vni(&self) -> Option<u32> {
        u24_at(self.0, 4).filter(|_| u8_at(self.0, 0).is_some_and(|flags| flags & 0x08 != 0))
    }
}

view! {
    /// GENEVE (RFC 8926 §3.4).
    Geneve
}

impl Geneve<'_> {
    /// Version, 0.
    pub fn version(&self) -> Option<u8> {
        u8_at(self.0, 0).map(|byte| byte >> 6)
    }

    /// Header length in bytes, options included: 8 to 260.
    pub fn header_length(&self) -> Option<u16> {
        u8_at(self.0, 0).map(|byte| 8 + u16::from(byte & 0x3F) * 4)
    }

    /// What follows.
    pub fn protocol(&self) -> Option<EtherType> {
        u16_at(self.0, 2).map(EtherType)
    }

    /// Network identifier, 24 bits.
    pub fn vni(&self) -> Option<u32> {
        u24_at(self.0, 4)
    }
}

view! {
    /// GTP, user plane (3GPP TS 29.281 §5.1); what it carries is not read.
    Gtp
}

impl Gtp<'_> {
    /// Message type; 255 carries a user's packet.
    pub fn message(&self) -> Option<u8> {
        u8_at(self.0, 1)
    }

    /// Tunnel endpoint identifier.
    pub fn tunnel(&self) -> Option<u32> {
        u32_at(self.0, 4)
    }
}

view! {
    /// Base transport header of RoCEv2 (InfiniBand Architecture, volume 1, §9.2 and annex A17).
    Bth
}

impl Bth<'_> {
    /// Opcode of congestion notification packets.
    pub const CNP: u8 = 0x81;

    /// Opcode: transport service in the upper three bits, operation below.
    pub fn opcode(&self) -> Option<u8> {
        u8_at(self.0, 0)
    }

    /// Whether this is a congestion notification packet.
    pub fn is_cnp(&self) -> Option<bool> {
        self.opcode().map(|opcode| opcode == Self::CNP)
    }

    /// Solicited event.
    pub fn solicited_event(&self) -> Option<bool> {
        u8_at(self.0, 1).map(|byte| byte & 0x80 != 0)
    }

    /// Migration state.
    pub fn migrated(&self) -> Option<bool> {
        u8_at(self.0, 1).map(|byte| byte & 0x40 != 0)
    }

    /// Partition key.
    pub fn partition(&self) -> Option<u16> {
        u16_at(self.0, 2)
    }

    /// Destination queue pair, 24 bits.
    pub fn destination_qp(&self) -> Option<u32> {
        u24_at(self.0, 5)
    }

    /// Whether an acknowledgement is asked for.
    pub fn acknowledge(&self) -> Option<bool> {
        u8_at(self.0, 8).map(|byte| byte & 0x80 != 0)
    }

    /// Packet sequence number, 24 bits.
    pub fn sequence(&self) -> Option<u32> {
        u24_at(self.0, 9)
    }
}
