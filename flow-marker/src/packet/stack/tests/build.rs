//! One packet of each kind, built byte by byte; every field has a value of its own.

use crate::packet::tests::{MACS, ethernet, ipv4, ipv6};
use crate::sflow::HeaderProtocol;

pub(super) const ETHERNET: HeaderProtocol = HeaderProtocol::ETHERNET;

/// An Ethernet frame without tags.
pub(super) fn eth(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    ethernet(&[], ethertype, payload)
}

/// IPv4 in Ethernet.
pub(super) fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    eth(0x0800, &ipv4(protocol, 0, &[], payload))
}

/// IPv6 in Ethernet.
pub(super) fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    eth(0x86DD, &ipv6(next, payload))
}

pub(super) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let words = [source, destination, length, 0x1234];
    [&words.map(u16::to_be_bytes).concat()[..], payload].concat()
}

/// Sequence 0x01020304, acknowledgement 0x05060708, flags CWR, ECE and ACK, window 0x0A0B.
pub(super) fn tcp(source: u16, destination: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let fixed = [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        words << 4,
        0xD0,
        0x0A,
        0x0B,
        0xCC,
        0xDD,
        0,
        0,
    ];
    let ports = [source, destination].map(u16::to_be_bytes).concat();
    [&ports[..], &fixed, options, payload].concat()
}

/// No operation twice, then timestamps 0x11121314 and 0x15161718.
pub(super) const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18];

/// A frame from inside a tunnel: `02:00:00:00:00:04` to `…:03`, 10.9.0.1:1000 to 10.9.0.2:2000.
pub(super) fn inner() -> Vec<u8> {
    let mut packet = ipv4(6, 0, &[], &tcp(1000, 2000, &TIMESTAMPS, b"inside"));
    packet[12..20].copy_from_slice(&[10, 9, 0, 1, 10, 9, 0, 2]);
    let mut frame = eth(0x0800, &packet);
    frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4]);
    frame
}

/// The IP packet of [`inner`].
pub(super) fn inner_ip() -> Vec<u8> {
    inner().split_off(14)
}

pub(super) fn vxlan(vni: [u8; 3], frame: &[u8]) -> Vec<u8> {
    udp(
        50_000,
        4789,
        &[&[8, 0, 0, 0, vni[0], vni[1], vni[2], 0][..], frame].concat(),
    )
}

/// GENEVE with 8 bytes of options.
pub(super) fn geneve(protocol: u16, packet: &[u8]) -> Vec<u8> {
    let [p0, p1] = protocol.to_be_bytes();
    let header = [2, 0, p0, p1, 0, 0x30, 0x39, 0, 1, 2, 3, 1, 9, 9, 9, 9];
    udp(50_001, 6081, &[&header[..], packet].concat())
}

pub(super) fn gre(flags: u16, protocol: u16, fields: &[u8], packet: &[u8]) -> Vec<u8> {
    let head = [flags, protocol].map(u16::to_be_bytes).concat();
    ip(47, &[&head[..], fields, packet].concat())
}

/// One label: traffic class 5, time to live 63.
pub(super) fn label(label: u32, bottom: bool) -> [u8; 4] {
    (label << 12 | 5 << 9 | u32::from(bottom) << 8 | 63).to_be_bytes()
}

/// A question for the AAAA record of `www.example.com`; `name` may replace the name.
pub(super) fn dns(response: bool, name: &[u8]) -> Vec<u8> {
    let flags = if response { 0x83 } else { 0x01 };
    let header = [0xBE, 0xEF, flags, response.into(), 0, 1, 0, 0, 0, 0, 0, 0];
    [&header[..], name, &[0, 28, 0, 1]].concat()
}

pub(super) const WWW: [u8; 17] = *b"\x03www\x07example\x03com\0";

/// RoCEv2: opcode 0x0A, solicited event, partition 0xFFFF, queue pair 0x112233, acknowledgement asked, sequence 0x445566.
pub(super) const BTH: [u8; 12] = [
    0x0A, 0x80, 0xFF, 0xFF, 0, 0x11, 0x22, 0x33, 0x80, 0x44, 0x55, 0x66,
];

/// What an ICMP error brings back: UDP from 10.0.0.1:40000 to 10.0.0.2:161.
pub(super) fn original() -> Vec<u8> {
    ipv4(17, 0, &[], &udp(40_000, 161, b"snmp"))
}

/// A name for people, how the sample announces it, and the bytes.
pub(super) type Packet = (&'static str, HeaderProtocol, Vec<u8>);

/// One packet of each kind.
pub(super) fn packets() -> Vec<Packet> {
    let mut all = Vec::new();
    let mut add = |names, bytes| all.push((names, ETHERNET, bytes));
    let segment = tcp(40_000, 443, &TIMESTAMPS, b"data");
    add("eth.ip.tcp", ip(6, &segment));
    let tags = [[0x88, 0xA8, 0xB0, 0x64], [0x81, 0x00, 0x60, 0x0A]];
    add(
        "eth.vlan.vlan.ip.udp",
        ethernet(&tags, 0x0800, &ipv4(17, 0, &[1; 8], &udp(9, 10, b"x"))),
    );
    let snap = [&[0xAA, 0xAA, 3, 0, 0, 0, 8, 6][..], &arp()].concat();
    add("eth.llc.snap.arp", eth(u16::try_from(snap.len()).unwrap(), &snap));
    add("eth.llc", eth(38, &[0x42; 46]));
    add("eth.arp", eth(0x0806, &arp()));
    let labels = [label(16, false), label(17, true)].concat();
    add(
        "eth.mpls.mpls.ip.tcp.",
        eth(0x8847, &[&labels[..], &inner_ip()].concat()),
    );
    add(
        "eth.mpls.mpls.pw.eth.ip.tcp",
        eth(0x8847, &[&labels[..], &[0, 0, 0, 7], &inner()].concat()),
    );
    let mut unicast = inner();
    unicast[0] = 0x3C;
    add(
        "eth.mpls.eth.ip.tcp",
        eth(0x8847, &[&label(18, true)[..], &unicast].concat()),
    );
    let chain = [
        &[43, 0, 0, 0, 0, 0, 0, 0][..],
        &[60, 0, 4, 1, 0, 0, 0, 0],
        &[44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[51, 0, 0, 1, 0x0A, 0x0B, 0x0C, 0x0D],
        &[6, 4, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
        &[0x77; 12],
        &segment,
    ];
    add(
        "eth.ip6.hopopts.routing.dstopts.frag.ah.tcp",
        ip6(0, &chain.concat()),
    );
    add(
        "eth.ip6.frag",
        ip6(44, &[&[6, 0, 0x12, 0x39, 1, 2, 3, 4][..], &segment].concat()),
    );
    add("eth.ip", eth(0x0800, &ipv4(6, 0x20B9, &[], &segment)));
    add(
        "eth.ip.esp",
        ip(50, &[0xE1, 0xE2, 0xE3, 0xE4, 0xF1, 0xF2, 0xF3, 0xF4, 9, 9]),
    );
    add(
        "eth.ip.sctp",
        ip(132, &[0x13, 0x88, 0x0B, 0x59, 0xAB, 0xCD, 0xEF, 1, 0, 0, 0, 0]),
    );
    add("eth.ip.igmp", ip(2, &[0x16, 0, 0, 0, 239, 1, 2, 3]));
    add(
        "eth.ip.icmp",
        ip(1, &[8, 0, 0, 0, 0x10, 0x11, 0x20, 0x21, 1, 2, 3]),
    );
    add(
        "eth.ip.icmp.",
        ip(1, &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &original()].concat()),
    );
    add("eth.ip6.icmp6", ip6(58, &[128, 0, 0, 0, 0x30, 0x31, 0x40, 0x41]));
    let original6 = ipv6(17, &udp(40_000, 162, b"trap"));
    add(
        "eth.ip6.icmp6.",
        ip6(58, &[&[1, 4, 0, 0, 0, 0, 0, 0][..], &original6].concat()),
    );
    add_tunnels(&mut add);
    add(
        "eth.ip.udp.ibbt",
        ip(17, &udp(0xC123, 4791, &[&BTH[..], &[0; 20]].concat())),
    );
    add("eth.ip.udp.dns", ip(17, &udp(5353, 53, &dns(false, &WWW))));
    let message = dns(true, &WWW);
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    let message = [&length[..], &message].concat();
    add("eth.ip.tcp.dns", ip(6, &tcp(53, 4000, &[], &message)));
    add_other_links(&mut all);
    all
}

fn add_tunnels(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    add(
        "eth.ip.udp.vxlan.eth.ip.tcp",
        ip(17, &vxlan([0x12, 0x34, 0x56], &inner())),
    );
    add(
        "eth.ip6.udp.geneve.eth.ip.tcp",
        ip6(17, &geneve(0x6558, &inner())),
    );
    add("eth.ip.udp.geneve.ip.tcp", ip(17, &geneve(0x0800, &inner_ip())));
    add(
        "eth.ip.udp.gtp",
        ip(
            17,
            &udp(2152, 2152, &[0x30, 255, 0, 4, 0xA, 0xB, 0xC, 0xD, 1, 2, 3, 4]),
        ),
    );
    add("eth.ip.ip.tcp", ip(4, &inner_ip()));
    add("eth.ip6.ip.tcp", ip6(4, &inner_ip()));
    add("eth.ip.ip6.udp", ip(41, &ipv6(17, &udp(1, 2, b"?"))));
    let fields = [7, 7, 0, 0, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34];
    add("eth.ip.gre.ip.tcp", gre(0xB000, 0x0800, &fields, &inner_ip()));
    add(
        "eth.ip.gre.eth.ip.tcp",
        gre(0x2000, 0x6558, &[0xAB, 0xCD, 0xEF, 0x55], &inner()),
    );
    add("eth.ip.gre.eth.ip.tcp.", gre(0, 0x88BE, &[], &inner()));
    let second = [0x10, 0x64, 0x60, 0x2A, 0, 0, 0, 1];
    add(
        "eth.ip.gre.erspan.eth.ip.tcp",
        gre(0x1000, 0x88BE, &[0, 0, 0, 9], &[&second[..], &inner()].concat()),
    );
    let mut third = [0x20, 0x65, 0x60, 0x2B, 1, 2, 3, 4, 5, 6, 0, 1].to_vec();
    third.extend([0x5A; 8]);
    add(
        "eth.ip.gre.erspan.eth.ip.tcp.",
        gre(0x1000, 0x22EB, &[0, 0, 0, 9], &[&third[..], &inner()].concat()),
    );
    third[10] = 2 << 2;
    add(
        "eth.ip.gre.erspan.ip.tcp",
        gre(0x1000, 0x22EB, &[0, 0, 0, 9], &[&third[..], &inner_ip()].concat()),
    );
    let call = [0, 99, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2];
    let framed = [&[0xFF, 3, 0, 0x21][..], &inner_ip()].concat();
    add("eth.ip.gre.ppp.ip.tcp", gre(0x3081, 0x880B, &call, &framed));
}

fn add_other_links(all: &mut Vec<Packet>) {
    let behind = |head: &[u8]| [head, &inner_ip()].concat();
    all.extend([
        ("ppp.ip.tcp", HeaderProtocol(7), behind(&[0xFF, 3, 0, 0x21])),
        ("ppp.ip.tcp.", HeaderProtocol(7), behind(&[0x21])),
        ("ip.tcp", HeaderProtocol(11), inner_ip()),
        ("ip6.udp", HeaderProtocol(12), ipv6(17, &udp(3, 4, b"raw"))),
        ("mpls.ip.tcp", HeaderProtocol(13), behind(&label(19, true))),
        ("ppp.ip.tcp..", HeaderProtocol(14), behind(&[0, 0x21])),
        ("hdlc.ip.tcp", HeaderProtocol(14), behind(&[0x0F, 0, 8, 0])),
    ]);
}

/// A reply of 10.1.0.1 at `02:00:00:00:00:0a` to 10.1.0.2.
pub(super) fn arp() -> Vec<u8> {
    let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 0x0A, 10, 1, 0, 1];
    bytes.extend(&MACS[..6]);
    bytes.extend([10, 1, 0, 2]);
    bytes
}
