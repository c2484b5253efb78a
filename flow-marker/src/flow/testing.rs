//! Packets and samples for tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::language::Needs;
use super::{Lags, View, direction};
use crate::sflow::{DataSource, HeaderProtocol, Interface, RawHeader};

/// An Ethernet header in front of what it carries.
pub(super) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![
        0x00, 0x11, 0x22, 0xAA, 0xBB, 0xCC, 0x00, 0x11, 0x22, 0xAA, 0xBB, 0xDD,
    ];
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A VLAN tag in front of what it carries.
pub(super) fn vlan(id: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut tag = (5_u16 << 13 | id).to_be_bytes().to_vec();
    tag.extend(ethertype.to_be_bytes());
    tag.extend(payload);
    tag
}

/// An IPv4 header with DSCP 10, ECN 3 and TTL 61.
pub(super) fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![
        0x45,
        10 << 2 | 3,
        length[0],
        length[1],
        0,
        1,
        0x40,
        0,
        61,
        protocol,
        0,
        0,
    ];
    packet.extend(source);
    packet.extend(destination);
    packet.extend(payload);
    packet
}

/// An IPv6 header with DSCP 46 and flow label 0x12345.
pub(super) fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let class: u32 = 46 << 2 | 1;
    let mut packet = (6 << 28 | class << 20 | 0x12345).to_be_bytes().to_vec();
    packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend([next, 62]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(payload);
    packet
}

pub(super) fn tcp(source: u16, destination: u16, flags: u8) -> Vec<u8> {
    let mut segment = source.to_be_bytes().to_vec();
    segment.extend(destination.to_be_bytes());
    segment.extend([0, 0, 0, 7, 0, 0, 0, 9, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    segment
}

pub(super) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = source.to_be_bytes().to_vec();
    datagram.extend(destination.to_be_bytes());
    datagram.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

pub(super) fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    let mut header = vec![0x08, 0, 0, 0];
    header.extend((vni << 8).to_be_bytes());
    header.extend(frame);
    header
}

/// A frame with a TCP segment of 10.0.0.1 to 10.0.1.2.
pub(super) fn segment(source: u16, destination: u16) -> Vec<u8> {
    ethernet(
        0x0800,
        &ipv4([10, 0, 0, 1], [10, 0, 1, 2], 6, &tcp(source, destination, 0x12)),
    )
}

pub(super) fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// A sample that entered by interface 3 and left by interface 9, one of 1,000, of a packet of 1,500 bytes.
pub(super) fn view(frame: &[u8]) -> View<'_> {
    view_of(frame, DataSource::interface(3), 1000, 1500)
}

pub(super) fn view_of(frame: &[u8], source: DataSource, rate: u32, length: u32) -> View<'_> {
    let agent = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
    let (input, output) = (Interface::Index(3), Interface::Index(9));
    let direction = direction(source, input, output, &Lags::default());
    let mut view = View::new(agent, source, (input, output), direction, rate);
    let raw = RawHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: length,
        stripped: 4,
        header: frame,
    };
    view.set_header(raw, None);
    view.prepare(Needs::HEADER | Needs::STACK);
    view
}

/// The same, read only as far as the fast reader goes where that is enough.
pub(super) fn fast_view(frame: &[u8]) -> View<'_> {
    let mut view = view(frame);
    let raw = RawHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1500,
        stripped: 4,
        header: frame,
    };
    view = View::new(
        view.agent,
        view.source,
        (view.input, view.output),
        view.direction,
        1000,
    );
    view.set_header(raw, None);
    view.prepare(Needs::HEADER);
    view
}
