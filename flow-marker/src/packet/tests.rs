//! Headers built byte by byte, whole, cut and hostile.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::sflow::HeaderProtocol;

pub(super) const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

pub(super) fn ethernet(tags: &[[u8; 4]], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &tags.concat(), &ethertype.to_be_bytes(), payload].concat()
}

/// DSCP 10, ECN 1, time to live 63, identification 0xABCD; `fragment` is flags and offset.
pub(super) fn ipv4(protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = 20 + options.len();
    let words = u8::try_from(length / 4).unwrap();
    let total = u16::try_from(length + payload.len()).unwrap().to_be_bytes();
    let [f0, f1] = fragment.to_be_bytes();
    let fixed = [
        0x40 | words,
        10 << 2 | 1,
        total[0],
        total[1],
        0xAB,
        0xCD,
        f0,
        f1,
        63,
        protocol,
        0,
        0,
        10,
        0,
        0,
        1,
        10,
        0,
        0,
        2,
    ];
    [&fixed[..], options, payload].concat()
}

/// DSCP 46, ECN 2, hop limit 64, flow label 0xb190e.
pub(super) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x6B, 0xAB, 0x19, 0x0E, length[0], length[1], next_header, 64];
    for last in [1, 2] {
        bytes.extend([0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    bytes.extend(payload);
    bytes
}

/// Port 40000 to 443, sequence 0x01020304, ACK and PSH, 12 bytes of data.
fn tcp() -> Vec<u8> {
    let mut bytes = vec![
        0x9C, 0x40, 0x01, 0xBB, 1, 2, 3, 4, 0, 0, 0, 9, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0,
    ];
    bytes.extend([0xDA; 12]);
    bytes
}

/// Port 40000 to 4789, 12 bytes with the header.
const UDP: [u8; 12] = [0x9C, 0x40, 0x12, 0xB5, 0, 12, 0, 0, 1, 2, 3, 4];

fn parse(frame: &[u8]) -> Header {
    Header::parse(HeaderProtocol::ETHERNET, frame)
}

fn ports(header: &Header) -> Option<(u16, u16)> {
    header.transport.map(|t| (t.source_port, t.destination_port))
}

#[test]
fn tcp_over_ipv4() {
    let header = parse(&ethernet(&[], 0x0800, &ipv4(6, 0x4000, &[], &tcp())));
    let ethernet = header.ethernet.unwrap();
    assert_eq!(ethernet.destination.to_string(), "02:00:00:00:00:02");
    assert_eq!(ethernet.source.to_string(), "02:00:00:00:00:01");
    assert_eq!(header.vlan, None);
    let ip = header.ip.unwrap();
    assert_eq!(ip.source, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(ip.destination, IpAddr::from([10, 0, 0, 2]));
    assert_eq!(
        (ip.protocol, ip.dscp, ip.ecn, ip.ttl),
        (Some(IpProtocol::TCP), 10, 1, 63)
    );
    assert_eq!((ip.length, ip.offset, ip.fragment), (52, 14, false));
    assert_eq!((ip.identification, ip.flow_label), (Some(0xABCD), None));
    let transport = header.transport.unwrap();
    assert_eq!(
        (
            transport.source_port,
            transport.destination_port,
            transport.offset
        ),
        (40000, 443, 34)
    );
    let flags = TcpFlags(TcpFlags::ACK.0 | TcpFlags::PSH.0);
    assert_eq!(
        transport.tcp,
        Some(Tcp {
            sequence: 0x0102_0304,
            flags: Some(flags)
        })
    );
    assert_eq!(header.stop, Stop::Complete);
}

#[test]
fn udp_over_ipv6() {
    let header = parse(&ethernet(&[], 0x86DD, &ipv6(17, &UDP)));
    let ip = header.ip.unwrap();
    assert_eq!(ip.source.to_string(), "fd00::1");
    assert_eq!(ip.destination.to_string(), "fd00::2");
    assert_eq!(
        (ip.protocol, ip.dscp, ip.ecn, ip.ttl),
        (Some(IpProtocol::UDP), 46, 2, 64)
    );
    assert_eq!(
        (ip.length, ip.flow_label, ip.identification),
        (52, Some(0xB190E), None)
    );
    assert_eq!(header.transport.unwrap().udp, Some(Udp { length: 12 }));
    assert_eq!(
        (ports(&header), header.stop),
        (Some((40000, 4789)), Stop::Complete)
    );
}

#[test]
fn header_protocols_without_a_link_layer() {
    let v4 = Header::parse(HeaderProtocol::IPV4, &ipv4(17, 0, &[], &UDP));
    let v6 = Header::parse(HeaderProtocol::IPV6, &ipv6(6, &tcp()));
    assert_eq!((ports(&v4), v4.ethernet), (Some((40000, 4789)), None));
    assert_eq!((ports(&v6), v6.ip.unwrap().offset), (Some((40000, 443)), 0));
    let infiniband = Header::parse(HeaderProtocol(18), &[0; 60]);
    assert_eq!(
        (infiniband.ip, infiniband.stop),
        (None, Stop::Unsupported(Layer::Link))
    );
}

#[test]
fn the_outermost_of_two_tags() {
    let tags = [[0x88, 0xA8, 0xA3, 0x29], [0x81, 0x00, 0x00, 0x0A]];
    let header = parse(&ethernet(&tags, 0x0800, &ipv4(6, 0, &[], &tcp())));
    assert_eq!(header.vlan, Some(Vlan { id: 809, priority: 5 }));
    assert_eq!(header.ethertype, Some(EtherType::IPV4));
    assert_eq!(
        (ports(&header), header.transport.unwrap().offset),
        (Some((40000, 443)), 42)
    );
}

#[test]
fn tags_without_end() {
    let header = parse(&ethernet(&[[0x81, 0, 0, 1]; 25], 0x0800, &[]));
    assert_eq!(header.vlan, Some(Vlan { id: 1, priority: 0 }));
    assert_eq!(header.stop, Stop::Malformed(Layer::Vlan));
}

#[test]
fn ipv4_options_are_skipped() {
    let header = parse(&ethernet(&[], 0x0800, &ipv4(6, 0, &[1; 40], &tcp())));
    assert_eq!(
        (ports(&header), header.transport.unwrap().offset),
        (Some((40000, 443)), 74)
    );
}

#[test]
fn ipv4_fragments() {
    let parse = |fragment| parse(&ethernet(&[], 0x0800, &ipv4(6, fragment, &[], &tcp())));
    let first = parse(0x2000);
    assert_eq!(
        (first.ip.unwrap().fragment, ports(&first)),
        (true, Some((40000, 443)))
    );
    for later in [parse(0x2001), parse(0x0001), parse(0x1FFF)] {
        assert!(later.ip.unwrap().fragment);
        assert_eq!((later.transport, later.stop), (None, Stop::Fragment));
    }
}

#[test]
fn ipv6_extension_headers() {
    // Hop-by-hop of 8 bytes, routing of 24, destination options of 8, an atomic fragment header.
    let mut chain = vec![43, 0, 0, 0, 0, 0, 0, 0];
    chain.extend([60, 2]);
    chain.extend([0; 22]);
    chain.extend([44, 0, 0, 0, 0, 0, 0, 0]);
    chain.extend([6, 0, 0, 0, 0, 0, 0, 7]);
    chain.extend(tcp());
    let header = parse(&ethernet(&[], 0x86DD, &ipv6(0, &chain)));
    let ip = header.ip.unwrap();
    assert_eq!((ip.protocol, ip.fragment), (Some(IpProtocol::TCP), false));
    assert_eq!(
        (ports(&header), header.transport.unwrap().offset),
        (Some((40000, 443)), 54 + 48)
    );
}

#[test]
fn ipv6_fragments() {
    let parse = |f0, f1| {
        let mut chain = vec![17, 0, f0, f1, 0, 0, 0, 7];
        chain.extend(UDP);
        parse(&ethernet(&[], 0x86DD, &ipv6(44, &chain)))
    };
    let first = parse(0, 1);
    assert_eq!(
        (first.ip.unwrap().fragment, ports(&first)),
        (true, Some((40000, 4789)))
    );
    let later = parse(0, 9);
    assert_eq!((later.ip.unwrap().fragment, later.transport), (true, None));
    assert_eq!(
        (later.ip.unwrap().protocol, later.stop),
        (Some(IpProtocol::UDP), Stop::Fragment)
    );
}

#[test]
fn extension_headers_without_end() {
    let header = parse(&ethernet(&[], 0x86DD, &ipv6(0, &[0; 200])));
    assert_eq!(
        (header.ip.unwrap().protocol, header.stop),
        (None, Stop::Malformed(Layer::Extension))
    );
}

#[test]
fn header_cut_inside_tcp() {
    let frame = ethernet(&[], 0x0800, &ipv4(6, 0, &[], &tcp()));
    let at = |length: usize| {
        let header = parse(&frame[..34 + length]);
        (ports(&header), header.transport.and_then(|t| t.tcp), header.stop)
    };
    let cut = Stop::Cut(Layer::Transport);
    let some_ports = Some((40000, 443));
    let sequence = 0x0102_0304;
    assert_eq!(at(3), (None, None, cut));
    assert_eq!(at(4), (some_ports, None, cut));
    assert_eq!(
        at(8),
        (
            some_ports,
            Some(Tcp {
                sequence,
                flags: None
            }),
            cut
        )
    );
    assert_eq!(
        at(13),
        (
            some_ports,
            Some(Tcp {
                sequence,
                flags: None
            }),
            cut
        )
    );
    assert_eq!(at(14).2, Stop::Complete);
}

#[test]
fn padding_is_not_read_as_ports() {
    // An IPv4 packet without payload, padded to the smallest frame.
    let mut frame = ethernet(&[], 0x0800, &ipv4(17, 0, &[], &[]));
    frame.resize(60, 0x77);
    let header = parse(&frame);
    assert_eq!(
        (header.transport, header.stop),
        (None, Stop::Cut(Layer::Transport))
    );
    // The same behind the length of an 802.3 frame.
    let snap = [&[0xAA, 0xAA, 3, 0, 0, 0, 8, 0][..], &ipv4(17, 0, &[], &[])].concat();
    let mut frame = ethernet(&[], 28, &snap);
    frame[24..26].copy_from_slice(&[0, 99]);
    frame.resize(60, 0x77);
    let header = parse(&frame);
    assert_eq!(
        (header.transport, header.stop),
        (None, Stop::Cut(Layer::Transport))
    );
    // Segmentation offload leaves the length empty: then everything counts.
    let mut frame = ethernet(&[], 0x0800, &ipv4(6, 0, &[], &tcp()));
    frame[16..18].copy_from_slice(&[0, 0]);
    assert_eq!(ports(&parse(&frame)), Some((40000, 443)));
}

#[test]
fn contradictions_are_malformed() {
    let stop = |at: usize, value: u8| {
        let mut frame = ethernet(&[], 0x0800, &ipv4(6, 0, &[], &tcp()));
        frame[at] = value;
        parse(&frame).stop
    };
    assert_eq!(
        stop(14, 0x65),
        Stop::Malformed(Layer::Network),
        "version 6 behind the type of IPv4"
    );
    assert_eq!(
        stop(14, 0x44),
        Stop::Malformed(Layer::Network),
        "a header of 16 bytes"
    );
    assert_eq!(
        stop(17, 19),
        Stop::Malformed(Layer::Network),
        "a packet shorter than its header"
    );
    assert_eq!(
        stop(14, 0x4F),
        Stop::Malformed(Layer::Network),
        "options beyond the packet"
    );
}

#[test]
fn other_things_than_ip() {
    let arp = parse(&ethernet(&[], 0x0806, &[0; 46]));
    assert_eq!(
        (arp.ethertype, arp.stop),
        (Some(EtherType(0x0806)), Stop::Unsupported(Layer::Network))
    );
    let spanning_tree = parse(&ethernet(&[], 38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0]));
    assert_eq!(
        (spanning_tree.ethertype, spanning_tree.stop),
        (None, Stop::Unsupported(Layer::Network))
    );
    let snap = [&[0xAA, 0xAA, 3, 0, 0, 0, 8, 0][..], &ipv4(17, 0, &[], &UDP)].concat();
    assert_eq!(ports(&parse(&ethernet(&[], 60, &snap))), Some((40000, 4789)));
    let gre = parse(&ethernet(&[], 0x0800, &ipv4(47, 0, &[], &[0; 20])));
    assert_eq!(
        (gre.ip.unwrap().protocol, gre.stop),
        (Some(IpProtocol(47)), Stop::Unsupported(Layer::Transport))
    );
    let ping = parse(&ethernet(&[], 0x0800, &ipv4(1, 0, &[], &[8, 0, 0, 0])));
    assert_eq!(ping.icmp, Some(Icmp { kind: 8, code: 0 }));
}

/// One header of each kind.
fn every_header() -> Vec<(HeaderProtocol, Vec<u8>)> {
    let mut chain = vec![60, 0, 0, 0, 0, 0, 0, 0, 44, 1];
    chain.extend([0; 14]);
    let mut first_fragment = chain.clone();
    first_fragment.extend([6, 0, 0, 1, 0, 0, 0, 7]);
    first_fragment.extend(tcp());
    let mut later_fragment = chain;
    later_fragment.extend([6, 0, 1, 1, 0, 0, 0, 7]);
    later_fragment.extend(tcp());
    let tags = [[0x88, 0xA8, 0xA3, 0x29], [0x81, 0x00, 0x00, 0x0A]];
    let snap = [&[0xAA, 0xAA, 3, 0, 0, 0, 8, 0][..], &ipv4(17, 0, &[], &UDP)].concat();
    let frames = [
        ethernet(&[], 0x0800, &ipv4(6, 0, &[], &tcp())),
        ethernet(&[], 0x0800, &ipv4(17, 0, &[1; 12], &UDP)),
        ethernet(&[], 0x0800, &ipv4(6, 0x2000, &[], &tcp())),
        ethernet(&[], 0x0800, &ipv4(6, 0x00FF, &[], &tcp())),
        ethernet(&[], 0x0800, &ipv4(1, 0, &[], &[8, 0, 0, 0])),
        ethernet(&tags, 0x0800, &ipv4(6, 0, &[], &tcp())),
        ethernet(&tags, 0x86DD, &ipv6(17, &UDP)),
        ethernet(&[], 0x86DD, &ipv6(0, &first_fragment)),
        ethernet(&[], 0x86DD, &ipv6(0, &later_fragment)),
        ethernet(&[], 60, &snap),
        ethernet(&[], 0x0806, &[0; 28]),
    ];
    let mut headers: Vec<_> = frames.map(|frame| (HeaderProtocol::ETHERNET, frame)).into();
    headers.push((HeaderProtocol::IPV4, ipv4(6, 0, &[1; 8], &tcp())));
    headers.push((HeaderProtocol::IPV6, ipv6(0, &first_fragment)));
    headers
}

/// Whether what `part` says is what `whole` says; `part` may say less.
fn agrees(part: &Header, whole: &Header) -> bool {
    fn option<T: Copy>(part: Option<T>, whole: Option<T>, same: impl Fn(T, T) -> bool) -> bool {
        match (part, whole) {
            (None, _) => true,
            (Some(part), Some(whole)) => same(part, whole),
            (Some(_), None) => false,
        }
    }
    option(part.ethernet, whole.ethernet, |a, b| a == b)
        && option(part.vlan, whole.vlan, |a, b| a == b)
        && option(part.ethertype, whole.ethertype, |a, b| a == b)
        && option(part.icmp, whole.icmp, |a, b| a == b)
        && option(part.ip, whole.ip, |a, b| {
            // Known for certain only together with the protocol.
            let known = Ip {
                protocol: a.protocol.or(b.protocol),
                fragment: b.fragment,
                ..a
            };
            known == b && (a.protocol.is_none() || a.fragment == b.fragment)
        })
        && option(part.transport, whole.transport, |a, b| {
            option(a.udp, b.udp, |a, b| a == b)
                && option(a.tcp, b.tcp, |a, b| {
                    a.sequence == b.sequence && option(a.flags, b.flags, |a, b| a == b)
                })
                && Transport {
                    tcp: b.tcp,
                    udp: b.udp,
                    // Not a field of the packet: it says how much was sampled.
                    end: b.end,
                    ..a
                } == b
        })
}

#[test]
fn a_cut_header_says_less_but_nothing_else() {
    for (protocol, bytes) in every_header() {
        let whole = Header::parse(protocol, &bytes);
        for length in 0..bytes.len() {
            let part = Header::parse(protocol, &bytes[..length]);
            assert!(
                agrees(&part, &whole),
                "{length} of {} bytes: {part:?} {whole:?}",
                bytes.len()
            );
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(protocol in 0_u32..20, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let whole = Header::parse(HeaderProtocol(protocol), &bytes);
        for length in 0..bytes.len() {
            let part = Header::parse(HeaderProtocol(protocol), &bytes[..length]);
            prop_assert!(agrees(&part, &whole), "{} bytes: {:?} {:?}", length, part, whole);
        }
    }

    #[test]
    fn a_changed_byte_never_panics_and_cuts_agree(
        kind in 0_usize..13,
        position in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let (protocol, mut bytes) = every_header().swap_remove(kind);
        let position = position.index(bytes.len());
        bytes[position] = value;
        let whole = Header::parse(protocol, &bytes);
        for length in 0..bytes.len() {
            let part = Header::parse(protocol, &bytes[..length]);
            prop_assert!(agrees(&part, &whole), "{} bytes: {:?} {:?}", length, part, whole);
        }
    }
}
