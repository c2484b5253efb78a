//! ICMP of both families, with the packet that an error answers.

use std::net::IpAddr;

use super::View;
use super::network::{Ipv4, Ipv6};
use crate::packet::bytes::{skip, u8_at, u16_at};
use crate::packet::header::IpProtocol;

view! {
    /// ICMP (RFC 792).
    Icmp
}

view! {
    /// ICMP for IPv6 (RFC 4443).
    Icmp6
}

/// What could not be reached, by the packet that an error brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The network of this address.
    Net(IpAddr),
    /// This host.
    Host(IpAddr),
    /// Nobody speaks this protocol at this address.
    Protocol(IpAddr, IpProtocol),
    /// Nobody listens at this port of this protocol and address.
    Port(IpAddr, IpProtocol, u16),
}

impl<'a> Icmp<'a> {
    /// Type.
    pub fn kind(&self) -> Option<u8> {
        u8_at(self.0, 0)
    }

    /// Code.
    pub fn code(&self) -> Option<u8> {
        u8_at(self.0, 1)
    }

    /// Identifier and sequence number of echo, timestamp, information and mask messages.
    fn is_query(&self) -> bool {
        matches!(self.kind(), Some(0 | 8 | 13..=18))
    }

    /// Identifier, in messages that have one.
    pub fn identifier(&self) -> Option<u16> {
        u16_at(self.0, 4).filter(|_| self.is_query())
    }

    /// Sequence number, in messages that have one.
    pub fn sequence(&self) -> Option<u16> {
        u16_at(self.0, 6).filter(|_| self.is_query())
    }

    /// The packet that an error answers.
    pub fn original(&self) -> Option<Ipv4<'a>> {
        let is_error = matches!(self.kind()?, 3 | 4 | 5 | 11 | 12);
        let bytes = skip(self.0, 8).filter(|_| is_error)?;
        (bytes.first()? >> 4 == 4).then(|| Ipv4::of(bytes))
    }

    /// What could not be reached; `None` in other messages, and for reasons that name none of the four.
    pub fn unreachable(&self) -> Option<Unreachable> {
        let code = self.code().filter(|_| self.kind() == Some(3))?;
        let packet = self.original()?;
        let address = packet.destination()?.into();
        match code {
            // Unreachable, unknown, prohibited, not for this type of service.
            0 | 6 | 9 | 11 => Some(Unreachable::Net(address)),
            1 | 7 | 10 | 12 => Some(Unreachable::Host(address)),
            2 => Some(Unreachable::Protocol(address, packet.protocol()?)),
            3 => {
                let transport = skip(packet.bytes(), usize::from(packet.header_length()?))?;
                port(address, packet.protocol()?, transport)
            }
            _ => None,
        }
    }
}

impl<'a> Icmp6<'a> {
    /// Type.
    pub fn kind(&self) -> Option<u8> {
        u8_at(self.0, 0)
    }

    /// Code.
    pub fn code(&self) -> Option<u8> {
        u8_at(self.0, 1)
    }

    fn is_echo(&self) -> bool {
        matches!(self.kind(), Some(128 | 129))
    }

    /// Identifier of an echo message.
    pub fn identifier(&self) -> Option<u16> {
        u16_at(self.0, 4).filter(|_| self.is_echo())
    }

    /// Sequence number of an echo message.
    pub fn sequence(&self) -> Option<u16> {
        u16_at(self.0, 6).filter(|_| self.is_echo())
    }

    /// The packet that an error answers.
    pub fn original(&self) -> Option<Ipv6<'a>> {
        let is_error = self.kind()? < 128;
        let bytes = skip(self.0, 8).filter(|_| is_error)?;
        (bytes.first()? >> 4 == 6).then(|| Ipv6::of(bytes))
    }

    /// What could not be reached (RFC 4443 §3.1); a port only where no extension header stands before it.
    pub fn unreachable(&self) -> Option<Unreachable> {
        let code = self.code().filter(|_| self.kind() == Some(1))?;
        let packet = self.original()?;
        let address = packet.destination()?.into();
        match code {
            0 => Some(Unreachable::Net(address)),
            3 => Some(Unreachable::Host(address)),
            4 => port(address, packet.next_header()?, skip(packet.bytes(), 40)?),
            _ => None,
        }
    }
}

/// TCP, UDP and SCTP have the destination's port in the same place.
fn port(address: IpAddr, protocol: IpProtocol, transport: &[u8]) -> Option<Unreachable> {
    let has_ports = matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP);
    let port = u16_at(transport, 2).filter(|_| has_ports)?;
    Some(Unreachable::Port(address, protocol, port))
}
