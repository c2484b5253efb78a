//! What one layer says of itself and of what it carries.

use crate::packet::bytes::{array_at, u8_at, u16_at};
use crate::packet::header::{EtherType, IpProtocol};
use crate::packet::kind::Kind;
use crate::packet::view::{
    Erspan, Ethernet, Fragment, Geneve, Gre, Ipv4, Ipv6, Llc, Mpls, Snap, Tcp, Udp, View, Vlan,
};
use crate::sflow::HeaderProtocol;

/// What a layer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// A layer of this kind.
    Layer(Kind),
    /// Nothing that is told apart.
    Nothing,
    /// Something of a kind that is not read.
    Unknown,
    /// Something that began in another packet.
    Fragment,
    /// Something whose kind shows only in its first byte, which was not sampled.
    Hidden,
}

/// A layer that was read.
pub(super) struct Step {
    /// Length of the header in bytes.
    pub(super) header: usize,
    /// Bytes between the header and what is carried.
    pub(super) gap: usize,
    /// Length of the layer with all that it carries, where it says so.
    pub(super) total: Option<usize>,
    /// What follows.
    pub(super) carries: Carries,
}

impl Step {
    const fn new(header: usize, carries: Carries) -> Self {
        Self {
            header,
            gap: 0,
            total: None,
            carries,
        }
    }
}

/// Why a layer could not be read.
pub(super) enum Fault {
    /// The bytes end in it.
    Cut,
    /// It contradicts itself.
    Malformed,
    /// Its first byte shows that it is not what the layer around it says.
    Other,
}

/// The outermost layer (sFlow v5 §5, `header_protocol`).
pub(super) fn first(protocol: HeaderProtocol, bytes: &[u8]) -> Carries {
    match protocol.0 {
        1 => Carries::Layer(Kind::Ethernet),
        7 => Carries::Layer(Kind::Ppp),
        11 => Carries::Layer(Kind::Ipv4),
        12 => Carries::Layer(Kind::Ipv6),
        13 => Carries::Layer(Kind::Mpls),
        // Packet over SONET is PPP, or Cisco's HDLC, which begins with unicast or broadcast.
        14 if matches!(bytes.first(), Some(0x0F | 0x8F)) => Carries::Layer(Kind::Hdlc),
        14 => Carries::Layer(Kind::Ppp),
        _ => Carries::Unknown,
    }
}

/// Reads a layer that begins with `bytes`, of which there is at least one, and has `room` bytes on the wire.
pub(super) fn step(kind: Kind, bytes: &[u8], room: usize) -> Result<Step, Fault> {
    let read = match kind {
        Kind::Ethernet => typed_or_length(14, Ethernet::of(bytes).ethertype()),
        Kind::Vlan => typed_or_length(4, Vlan::of(bytes).ethertype()),
        Kind::Llc => llc(bytes),
        Kind::Snap => snap(bytes),
        Kind::Mpls => mpls(bytes),
        Kind::ControlWord => Some(Step::new(4, Carries::Layer(Kind::Ethernet))),
        Kind::Ppp => ppp(bytes),
        Kind::Hdlc => u16_at(bytes, 2).map(|next| Step::new(4, behind_type(EtherType(next)))),
        Kind::Arp => arp(bytes),
        Kind::Ipv4 => return ipv4(bytes),
        Kind::Ipv6 => return ipv6(bytes),
        Kind::HopByHop | Kind::Routing | Kind::DestinationOptions => extension(bytes, 8, 8),
        Kind::Ah => extension(bytes, 8, 4),
        Kind::Fragment => fragment(bytes),
        Kind::Tcp => return tcp(bytes, room),
        Kind::Udp => return udp(bytes),
        Kind::Gre => return gre(bytes),
        Kind::Erspan => return erspan(bytes),
        Kind::Vxlan => Some(Step::new(8, Carries::Layer(Kind::Ethernet))),
        Kind::Geneve => return geneve(bytes),
        Kind::Esp | Kind::Icmp | Kind::Icmp6 | Kind::Igmp | Kind::Gtp => Some(Step::new(8, Carries::Nothing)),
        Kind::Sctp | Kind::Bth | Kind::Dns => Some(Step::new(12, Carries::Nothing)),
    };
    read.ok_or(Fault::Cut)
}

/// What stands behind an Ethernet type.
pub(super) const fn behind_type(ethertype: EtherType) -> Carries {
    Carries::Layer(match ethertype {
        EtherType::IPV4 => Kind::Ipv4,
        EtherType::IPV6 => Kind::Ipv6,
        EtherType::VLAN | EtherType::SERVICE_VLAN | EtherType::OLD_SERVICE_VLAN => Kind::Vlan,
        EtherType::MPLS | EtherType::MPLS_MULTICAST => Kind::Mpls,
        EtherType::ARP => Kind::Arp,
        EtherType::BRIDGED => Kind::Ethernet,
        _ => return Carries::Unknown,
    })
}

/// What an IP packet carries.
fn behind_ip(protocol: IpProtocol) -> Carries {
    Carries::Layer(match protocol.0 {
        0 => Kind::HopByHop,
        1 => Kind::Icmp,
        2 => Kind::Igmp,
        4 => Kind::Ipv4,
        6 => Kind::Tcp,
        17 => Kind::Udp,
        41 => Kind::Ipv6,
        43 => Kind::Routing,
        44 => Kind::Fragment,
        47 => Kind::Gre,
        50 => Kind::Esp,
        51 => Kind::Ah,
        58 => Kind::Icmp6,
        // No next header (RFC 8200 §4.7).
        59 => return Carries::Nothing,
        60 => Kind::DestinationOptions,
        132 => Kind::Sctp,
        137 => Kind::Mpls,
        _ => return Carries::Unknown,
    })
}

/// IP by its version, where nothing else says which.
fn by_version(bytes: &[u8]) -> Carries {
    match bytes.first().map(|byte| byte >> 4) {
        Some(4) => Carries::Layer(Kind::Ipv4),
        Some(6) => Carries::Layer(Kind::Ipv6),
        Some(_) => Carries::Unknown,
        None => Carries::Hidden,
    }
}

/// A header that ends in a type, or in the length of what it carries.
fn typed_or_length(header: usize, ethertype: Option<EtherType>) -> Option<Step> {
    let ethertype = ethertype?;
    if !ethertype.is_length() {
        return Some(Step::new(header, behind_type(ethertype)));
    }
    Some(Step {
        total: Some(header + usize::from(ethertype.0)),
        ..Step::new(header, Carries::Layer(Kind::Llc))
    })
}

fn llc(bytes: &[u8]) -> Option<Step> {
    let carries = match Llc::of(bytes).is_snap()? {
        true => Carries::Layer(Kind::Snap),
        false => Carries::Unknown,
    };
    Some(Step::new(3, carries))
}

fn snap(bytes: &[u8]) -> Option<Step> {
    let view = Snap::of(bytes);
    let carries = match (view.organization()?, view.protocol()?) {
        ([0, 0, 0], protocol) => behind_type(EtherType(protocol)),
        _ => Carries::Unknown,
    };
    Some(Step::new(5, carries))
}

fn mpls(bytes: &[u8]) -> Option<Step> {
    let carries = if Mpls::of(bytes).bottom()? {
        // What a label carries is not said; its first four bits tell (RFC 4928 §3).
        match bytes.get(4).map(|byte| byte >> 4) {
            Some(0) => Carries::Layer(Kind::ControlWord),
            // A message of the label switched path itself (RFC 4385 §5).
            Some(1) => Carries::Unknown,
            Some(4) => Carries::Layer(Kind::Ipv4),
            Some(6) => Carries::Layer(Kind::Ipv6),
            Some(_) => Carries::Layer(Kind::Ethernet),
            None => Carries::Hidden,
        }
    } else {
        Carries::Layer(Kind::Mpls)
    };
    Some(Step::new(4, carries))
}

fn ppp(bytes: &[u8]) -> Option<Step> {
    // Address and control may have been left out, and the first byte of the protocol when it is zero: an odd byte is
    // the last of the protocol (RFC 1661 §2, §6.5).
    let at = match bytes.first()? {
        0xFF => 2,
        _ => 0,
    };
    let (protocol, header) = match u8_at(bytes, at)? {
        short if short & 1 != 0 => (u16::from(short), at + 1),
        _ => (u16_at(bytes, at)?, at + 2),
    };
    let carries = match protocol {
        0x0021 => Carries::Layer(Kind::Ipv4),
        0x0057 => Carries::Layer(Kind::Ipv6),
        0x0281 | 0x0283 => Carries::Layer(Kind::Mpls),
        _ => Carries::Unknown,
    };
    Some(Step::new(header, carries))
}

fn arp(bytes: &[u8]) -> Option<Step> {
    let [hardware, protocol] = array_at(bytes, 4)?;
    let addresses = 2 * (usize::from(hardware) + usize::from(protocol));
    Some(Step::new(8 + addresses, Carries::Nothing))
}

fn ipv4(bytes: &[u8]) -> Result<Step, Fault> {
    let view = Ipv4::of(bytes);
    let header = usize::from(view.header_length().ok_or(Fault::Cut)?);
    if bytes.first().is_some_and(|byte| byte >> 4 != 4) || header < 20 {
        return Err(Fault::Other);
    }
    // Length 0 says nothing: offload engines leave it empty.
    let total = view.total_length().ok_or(Fault::Cut)?;
    let total = (total != 0).then_some(usize::from(total));
    if total.is_some_and(|total| total < header) {
        return Err(Fault::Malformed);
    }
    let (offset, protocol) = view.fragment_offset().zip(view.protocol()).ok_or(Fault::Cut)?;
    let carries = match protocol.0 {
        _ if offset != 0 => Carries::Fragment,
        // Extension headers are IPv6's alone.
        0 | 43 | 44 | 60 => Carries::Unknown,
        _ => behind_ip(protocol),
    };
    Ok(Step {
        total,
        ..Step::new(header, carries)
    })
}

fn ipv6(bytes: &[u8]) -> Result<Step, Fault> {
    if bytes.first().is_some_and(|byte| byte >> 4 != 6) {
        return Err(Fault::Other);
    }
    let view = Ipv6::of(bytes);
    let (length, next) = view.payload_length().zip(view.next_header()).ok_or(Fault::Cut)?;
    // Length 0 says nothing: jumbograms and offload engines leave it empty.
    Ok(Step {
        total: (length != 0).then_some(40 + usize::from(length)),
        ..Step::new(40, behind_ip(next))
    })
}

/// Next header and a length, in units of so many bytes, that counts what is more than the first eight.
fn extension(bytes: &[u8], first: usize, unit: usize) -> Option<Step> {
    let [next, length] = array_at(bytes, 0)?;
    let header = first + usize::from(length) * unit;
    Some(Step::new(header, behind_ip(IpProtocol(next))))
}

fn fragment(bytes: &[u8]) -> Option<Step> {
    let carries = match Fragment::of(bytes).offset()? {
        0 => behind_ip(IpProtocol(u8_at(bytes, 0)?)),
        _ => Carries::Fragment,
    };
    Some(Step::new(8, carries))
}

fn tcp(bytes: &[u8], room: usize) -> Result<Step, Fault> {
    let view = Tcp::of(bytes);
    let header = usize::from(view.header_length().ok_or(Fault::Cut)?);
    if header < 20 {
        return Err(Fault::Malformed);
    }
    let is_dns = [view.source_port(), view.destination_port()].contains(&Some(53));
    // Only a segment that holds exactly one message: in any other its beginning is a guess.
    let message = u16_at(bytes, header).filter(|_| is_dns);
    if message.is_some_and(|length| length >= 12 && header + 2 + usize::from(length) == room) {
        return Ok(Step {
            gap: 2,
            ..Step::new(header, Carries::Layer(Kind::Dns))
        });
    }
    Ok(Step::new(header, Carries::Nothing))
}

fn udp(bytes: &[u8]) -> Result<Step, Fault> {
    let view = Udp::of(bytes);
    let source = view.source_port().ok_or(Fault::Cut)?;
    let destination = view.destination_port().ok_or(Fault::Cut)?;
    let length = usize::from(view.length().ok_or(Fault::Cut)?);
    let carries = match (source, destination) {
        _ if length == 8 => Carries::Nothing,
        (_, 4789) => Carries::Layer(Kind::Vxlan),
        (_, 6081) => Carries::Layer(Kind::Geneve),
        (_, 4791) => Carries::Layer(Kind::Bth),
        (_, 2152) | (2152, _) => Carries::Layer(Kind::Gtp),
        (_, 53) | (53, _) => Carries::Layer(Kind::Dns),
        _ => Carries::Nothing,
    };
    match length {
        // Jumbograms and offload engines leave it empty.
        0 => Ok(Step::new(8, carries)),
        1..8 => Err(Fault::Malformed),
        _ => Ok(Step {
            total: Some(length),
            ..Step::new(8, carries)
        }),
    }
}

fn gre(bytes: &[u8]) -> Result<Step, Fault> {
    let view = Gre::of(bytes);
    let version = view.version().ok_or(Fault::Cut)?;
    let protocol = view.protocol().ok_or(Fault::Cut)?;
    let header = view.header_length().ok_or(Fault::Cut)?;
    let carries = match (version, protocol) {
        (2.., _) => return Err(Fault::Malformed),
        _ if view.has_routing() == Some(true) => Carries::Unknown,
        (1, EtherType::PPP) => Carries::Layer(Kind::Ppp),
        (1, _) => Carries::Unknown,
        // Type I has no header, and no sequence number either.
        (0, EtherType::ERSPAN) if view.has_sequence() == Some(false) => Carries::Layer(Kind::Ethernet),
        (0, EtherType::ERSPAN | EtherType::ERSPAN_III) => Carries::Layer(Kind::Erspan),
        (0, protocol) => behind_type(protocol),
    };
    Ok(Step::new(header, carries))
}

fn erspan(bytes: &[u8]) -> Result<Step, Fault> {
    let view = Erspan::of(bytes);
    match view.version() {
        Some(1) => Ok(Step::new(8, Carries::Layer(Kind::Ethernet))),
        Some(2) => {
            let (frame, more) = view.frame().ok_or(Fault::Cut)?;
            let header = if more { 20 } else { 12 };
            let carries = match frame {
                0 => Carries::Layer(Kind::Ethernet),
                2 => by_version(bytes.get(header..).unwrap_or(&[])),
                _ => Carries::Unknown,
            };
            Ok(Step::new(header, carries))
        }
        _ => Err(Fault::Malformed),
    }
}

fn geneve(bytes: &[u8]) -> Result<Step, Fault> {
    let view = Geneve::of(bytes);
    if view.version() != Some(0) {
        return Err(Fault::Malformed);
    }
    let header = usize::from(view.header_length().ok_or(Fault::Cut)?);
    let protocol = view.protocol().ok_or(Fault::Cut)?;
    Ok(Step::new(header, behind_type(protocol)))
}
