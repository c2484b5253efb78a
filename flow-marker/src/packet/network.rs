//! IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::{array, offset_in, skip};
use super::header::{Header, Ip, IpProtocol, Layer, Stop};
use super::transport;

/// RFC 8200 §4.1 orders at most seven extension headers (destination options twice); beyond them is an attack.
const MAX_EXTENSIONS: usize = 8;

/// Reads an IPv4 packet (RFC 791 §3.1); `whole` is the length of everything that is parsed.
#[inline]
pub(super) fn ipv4(header: &mut Header, bytes: &[u8], whole: usize) -> Stop {
    let Some((&fixed, _)) = bytes.split_first_chunk::<20>() else {
        return Stop::Cut(Layer::Network);
    };
    let [
        version_length,
        tos,
        l0,
        l1,
        i0,
        i1,
        f0,
        f1,
        ttl,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = fixed;
    let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
    let header_length = usize::from(version_length & 0x0F) * 4;
    if version_length >> 4 != 4 || header_length < 20 {
        return Stop::Malformed(Layer::Network);
    }
    let fragmentation = u16::from_be_bytes([f0, f1]);
    let fragment_offset = fragmentation & 0x1FFF;
    let more_fragments = fragmentation & 0x2000 != 0;
    let protocol = IpProtocol(protocol);
    let total_length = u16::from_be_bytes([l0, l1]);
    header.ip = Some(Ip {
        source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol: Some(protocol),
        dscp: tos >> 2,
        ecn: tos & 3,
        ttl,
        length: u32::from(total_length),
        offset: offset_in(whole, bytes),
        fragment: fragment_offset != 0 || more_fragments,
        identification: Some(u16::from_be_bytes([i0, i1])),
        flow_label: None,
    });
    if fragment_offset != 0 {
        return Stop::Fragment;
    }
    let total_length = usize::from(total_length);
    if total_length != 0 && total_length < header_length {
        return Stop::Malformed(Layer::Network);
    }
    let (bytes, whole) = without_padding(bytes, whole, total_length);
    match skip(bytes, header_length) {
        Some(bytes) => transport::parse(header, protocol, bytes, whole),
        None => Stop::Cut(Layer::Network),
    }
}

/// Cuts off what stands behind the packet in its frame: padding to 60 bytes must not be read as ports.
///
/// Length 0 says nothing: offload engines leave it empty, and so do jumbograms.
#[inline]
fn without_padding(bytes: &[u8], whole: usize, length: usize) -> (&[u8], usize) {
    match bytes.split_at_checked(length) {
        Some((packet, padding)) if length != 0 => (packet, whole.saturating_sub(padding.len())),
        _ => (bytes, whole),
    }
}

/// Reads an IPv6 packet (RFC 8200 §3); `whole` is the length of everything that is parsed.
#[inline]
pub(super) fn ipv6(header: &mut Header, mut bytes: &[u8], whole: usize) -> Stop {
    let offset = offset_in(whole, bytes);
    let (Some(&fixed), Some(source), Some(destination)) = (
        array::<8>(&mut bytes),
        array::<16>(&mut bytes),
        array::<16>(&mut bytes),
    ) else {
        return Stop::Cut(Layer::Network);
    };
    let [w0, w1, w2, w3, l0, l1, next_header, ttl] = fixed;
    let word = u32::from_be_bytes([w0, w1, w2, w3]);
    if word >> 28 != 6 {
        return Stop::Malformed(Layer::Network);
    }
    let payload_length = u16::from_be_bytes([l0, l1]);
    let traffic_class = (w0 << 4) | (w1 >> 4);
    let mut ip = Ip {
        source: IpAddr::V6(Ipv6Addr::from(*source)),
        destination: IpAddr::V6(Ipv6Addr::from(*destination)),
        protocol: None,
        dscp: traffic_class >> 2,
        ecn: traffic_class & 3,
        ttl,
        length: u32::from(payload_length) + 40,
        offset,
        fragment: false,
        identification: None,
        flow_label: Some(word & 0x000F_FFFF),
    };
    let (bytes, whole) = without_padding(bytes, whole, usize::from(payload_length));
    let end = extensions(&mut ip, next_header, bytes);
    header.ip = Some(ip);
    match end {
        Ok((protocol, bytes)) => transport::parse(header, protocol, bytes, whole),
        Err(stop) => stop,
    }
}

/// Walks over the extension headers (RFC 8200 §4) to the protocol behind them.
#[inline]
fn extensions<'a>(
    ip: &mut Ip,
    mut next_header: u8,
    mut bytes: &'a [u8],
) -> Result<(IpProtocol, &'a [u8]), Stop> {
    const CUT: Stop = Stop::Cut(Layer::Extension);
    for _ in 0..=MAX_EXTENSIONS {
        match next_header {
            // Hop-by-hop options, routing, destination options: next header, length in 8-byte units less one.
            0 | 43 | 60 => {
                let &[next, length, ..] = bytes.first_chunk::<8>().ok_or(CUT)?;
                next_header = next;
                bytes = skip(bytes, (usize::from(length) + 1) * 8).ok_or(CUT)?;
            }
            // Fragment: next header, reserved, offset and flags, identification.
            44 => {
                let &[next, _, f0, f1, ..] = array::<8>(&mut bytes).ok_or(CUT)?;
                let fragmentation = u16::from_be_bytes([f0, f1]);
                let offset = fragmentation >> 3;
                // Offset 0 and no more to come is an atomic fragment: whole (RFC 6946).
                ip.fragment |= offset != 0 || fragmentation & 1 != 0;
                next_header = next;
                if offset != 0 {
                    // What follows is the middle of the packet; this is what its beginning starts with.
                    ip.protocol = Some(IpProtocol(next));
                    return Err(Stop::Fragment);
                }
            }
            protocol => {
                ip.protocol = Some(IpProtocol(protocol));
                return Ok((IpProtocol(protocol), bytes));
            }
        }
    }
    Err(Stop::Malformed(Layer::Extension))
}
