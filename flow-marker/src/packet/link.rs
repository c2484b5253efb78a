//! Ethernet and its tags.

use super::bytes::{array, u16};
use super::header::{EtherType, Ethernet, Header, Layer, MacAddress, Stop, Vlan};
use super::network;

/// More tags than any network stacks (two, and a third where providers meet providers); beyond them is nonsense.
const MAX_TAGS: usize = 4;

/// 802.2 LLC and SNAP for encapsulated Ethernet (RFC 1042).
const SNAP: [u8; 6] = [0xAA, 0xAA, 0x03, 0, 0, 0];

/// Reads an Ethernet frame.
#[inline]
pub(super) fn ethernet(header: &mut Header, mut bytes: &[u8]) -> Stop {
    let whole = bytes.len();
    let (Some(destination), Some(source)) = (array(&mut bytes), array(&mut bytes)) else {
        return Stop::Cut(Layer::Link);
    };
    header.ethernet = Some(Ethernet {
        destination: MacAddress(*destination),
        source: MacAddress(*source),
    });
    match u16(&mut bytes) {
        Some(ethertype) => payload(header, EtherType(ethertype), bytes, whole),
        None => Stop::Cut(Layer::Link),
    }
}

/// Reads what stands behind an Ethernet type; `whole` is the length of everything that is parsed.
#[inline]
pub(super) fn payload(header: &mut Header, ethertype: EtherType, bytes: &[u8], whole: usize) -> Stop {
    match ethertype {
        EtherType::IPV4 | EtherType::IPV6 => network(header, ethertype, bytes, whole),
        _ => tagged(header, ethertype, bytes, whole),
    }
}

fn tagged(header: &mut Header, mut ethertype: EtherType, mut bytes: &[u8], mut whole: usize) -> Stop {
    let mut tags = 0;
    while ethertype.is_tag() {
        tags += 1;
        if tags > MAX_TAGS {
            return Stop::Malformed(Layer::Vlan);
        }
        let Some(tag) = u16(&mut bytes) else {
            return Stop::Cut(Layer::Vlan);
        };
        header.vlan.get_or_insert(Vlan {
            id: tag & 0x0FFF,
            priority: tag.to_be_bytes()[0] >> 5,
        });
        match u16(&mut bytes) {
            Some(next) => ethertype = EtherType(next),
            None => return Stop::Cut(Layer::Vlan),
        }
    }
    if ethertype.is_length() {
        // What stands behind is padding.
        if let Some((frame, padding)) = bytes.split_at_checked(ethertype.0.into()) {
            whole = whole.saturating_sub(padding.len());
            bytes = frame;
        }
        match array::<6>(&mut bytes) {
            Some(&SNAP) => {}
            Some(_) => return Stop::Unsupported(Layer::Network),
            None => return Stop::Cut(Layer::Link),
        }
        match u16(&mut bytes) {
            Some(next) => ethertype = EtherType(next),
            None => return Stop::Cut(Layer::Link),
        }
    }
    network(header, ethertype, bytes, whole)
}

#[inline]
fn network(header: &mut Header, ethertype: EtherType, bytes: &[u8], whole: usize) -> Stop {
    header.ethertype = Some(ethertype);
    match ethertype {
        EtherType::IPV4 => network::ipv4(header, bytes, whole),
        EtherType::IPV6 => network::ipv6(header, bytes, whole),
        _ => Stop::Unsupported(Layer::Network),
    }
}
