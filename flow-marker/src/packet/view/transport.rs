//! TCP, UDP and others of their place.

use crate::packet::bytes::{u8_at, u16_at, u32_at};
use crate::packet::header::TcpFlags;

view! {
    /// TCP (RFC 9293 §3.1).
    Tcp
}

impl<'a> Tcp<'a> {
    /// From which port.
    pub fn source_port(&self) -> Option<u16> {
        u16_at(self.0, 0)
    }

    /// To which port.
    pub fn destination_port(&self) -> Option<u16> {
        u16_at(self.0, 2)
    }

    /// Sequence number of the first byte.
    pub fn sequence(&self) -> Option<u32> {
        u32_at(self.0, 4)
    }

    /// Acknowledgement number; means something where the flag ACK is set.
    pub fn acknowledgement(&self) -> Option<u32> {
        u32_at(self.0, 8)
    }

    /// Header length in bytes, 0 to 60; below 20 it is a lie.
    pub fn header_length(&self) -> Option<u8> {
        u8_at(self.0, 12).map(|byte| (byte >> 4) * 4)
    }

    /// Flags, from CWR (0x80) to FIN (0x01).
    pub fn flags(&self) -> Option<TcpFlags> {
        u8_at(self.0, 13).map(TcpFlags)
    }

    /// Window, unscaled.
    pub fn window(&self) -> Option<u16> {
        u16_at(self.0, 14)
    }

    /// The options as far as they were sampled; `None` when the header's length is unknown or below 20.
    pub fn options(&self) -> Option<&'a [u8]> {
        let length = usize::from(self.header_length()?);
        (length >= 20).then(|| self.0.get(20..length.min(self.0.len())).unwrap_or(&[]))
    }

    /// The first timestamps option (RFC 7323 §3.2), when it was sampled whole.
    pub fn timestamps(&self) -> Option<Timestamps> {
        let mut options = self.options()?;
        // 40 bytes of options at most, each of at least one byte.
        loop {
            match *options {
                [1, ref rest @ ..] => options = rest,
                [8, 10, v0, v1, v2, v3, e0, e1, e2, e3, ..] => {
                    return Some(Timestamps {
                        value: u32::from_be_bytes([v0, v1, v2, v3]),
                        echo: u32::from_be_bytes([e0, e1, e2, e3]),
                    });
                }
                [0 | 8, ..] => return None,
                [_, length, ..] if length >= 2 => options = options.get(usize::from(length)..)?,
                _ => return None,
            }
        }
    }
}

/// The timestamps of a TCP segment, in ticks of the sender's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock (TSval).
    pub value: u32,
    /// The last value that the sender has seen of the other side (TSecr).
    pub echo: u32,
}

view! {
    /// UDP (RFC 768).
    Udp
}

impl Udp<'_> {
    /// From which port.
    pub fn source_port(&self) -> Option<u16> {
        u16_at(self.0, 0)
    }

    /// To which port.
    pub fn destination_port(&self) -> Option<u16> {
        u16_at(self.0, 2)
    }

    /// Bytes of header and payload.
    pub fn length(&self) -> Option<u16> {
        u16_at(self.0, 4)
    }
}

view! {
    /// SCTP (RFC 9260 §3).
    Sctp
}

impl Sctp<'_> {
    /// From which port.
    pub fn source_port(&self) -> Option<u16> {
        u16_at(self.0, 0)
    }

    /// To which port.
    pub fn destination_port(&self) -> Option<u16> {
        u16_at(self.0, 2)
    }

    /// Verification tag.
    pub fn verification_tag(&self) -> Option<u32> {
        u32_at(self.0, 4)
    }
}

view! {
    /// IGMP (RFC 3376 §4).
    Igmp
}

impl Igmp<'_> {
    /// Type.
    pub fn kind(&self) -> Option<u8> {
        u8_at(self.0, 0)
    }
}
