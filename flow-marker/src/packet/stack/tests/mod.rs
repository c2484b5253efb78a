//! Every layer, whole, cut and hostile.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{Ending, Kind, MAX_LAYERS, Stack};
use crate::packet::{self, EtherType, IpProtocol, TcpFlags, view};
use crate::sflow::HeaderProtocol;

mod build;
mod facts;

use build::*;
use facts::{contradiction, facts};

fn frame(bytes: &[u8]) -> Stack<'_> {
    Stack::parse(ETHERNET, bytes)
}

#[test]
fn every_stack_has_its_name_and_is_read_to_its_end() {
    for (names, protocol, bytes) in packets() {
        let stack = Stack::parse(protocol, &bytes);
        assert_eq!(stack.names().to_string(), names.trim_end_matches('.'));
        let expected = match names {
            "eth.llc" => Ending::Behind(Kind::Llc),
            "eth.ip" => Ending::Fragment(Kind::Ipv4),
            "eth.ip6.frag" => Ending::Fragment(Kind::Fragment),
            _ => Ending::Complete,
        };
        assert_eq!(stack.ending(), expected, "{names}");
        assert_eq!(stack.len(), stack.kinds().count());
        assert!(!stack.is_empty());
    }
}

#[test]
fn the_outermost_layers_are_those_of_the_fast_header() {
    for (names, protocol, bytes) in packets() {
        let stack = Stack::parse(protocol, &bytes);
        let header = packet::Header::parse(protocol, &bytes);
        let (Some(ip), Some(transport)) = (header.ip, header.transport) else {
            continue;
        };
        let source = match ip.source {
            IpAddr::V4(_) => IpAddr::V4(stack.nth::<view::Ipv4<'_>>(0).unwrap().source().unwrap()),
            IpAddr::V6(_) => IpAddr::V6(stack.nth::<view::Ipv6<'_>>(0).unwrap().source().unwrap()),
        };
        assert_eq!(source, ip.source, "{names}");
        let mut layers = stack.layers();
        let layer = layers
            .find(|layer| matches!(layer.kind, Kind::Tcp | Kind::Udp))
            .unwrap();
        assert_eq!(layer.offset, transport.offset, "{names}");
        assert_eq!(
            header.payload_length(&bytes),
            layer.payload_length.map(u32::from),
            "{names}"
        );
    }
}

#[test]
fn tags_and_their_priorities() {
    let packets = packets();
    let stack = frame(&packets[1].2);
    let outer = stack.nth::<view::Vlan<'_>>(0).unwrap();
    let inner = stack.nth::<view::Vlan<'_>>(1).unwrap();
    assert_eq!(
        (outer.id(), outer.priority(), outer.drop_eligible()),
        (Some(100), Some(5), Some(true))
    );
    assert_eq!(
        (inner.id(), inner.priority(), inner.drop_eligible()),
        (Some(10), Some(3), Some(false))
    );
    assert_eq!(stack.nth::<view::Vlan<'_>>(2), None);
    assert_eq!(stack.ethertype(0), Some(EtherType::IPV4));
    let ip = stack.nth::<view::Ipv4<'_>>(0).unwrap();
    assert_eq!((ip.header_length(), ip.options()), (Some(28), Some(&[1; 8][..])));
}

#[test]
fn the_type_of_a_frame_is_unknown_until_its_last_tag_is_sampled() {
    let bytes = find("eth.vlan.vlan.ip.udp");
    assert_eq!(frame(&bytes[..14]).ethertype(0), None);
    assert_eq!(frame(&bytes[..21]).ethertype(0), None);
    assert_eq!(frame(&bytes[..22]).ethertype(0), Some(EtherType::IPV4));
    let bytes = find("eth.llc.snap.arp");
    assert_eq!(frame(&bytes[..21]).ethertype(0), None);
    assert_eq!(frame(&bytes).ethertype(0), Some(EtherType::ARP));
    let bytes = find("eth.llc");
    assert_eq!(frame(&bytes[..16]).ethertype(0), None);
    assert_eq!(frame(&bytes).ethertype(0), Some(EtherType(38)));
}

#[test]
fn all_fields_of_ipv4() {
    let bytes = eth(0x0800, &packet::tests::ipv4(6, 0x6003, &[], &[0; 40]));
    let stack = frame(&bytes);
    let ip = stack.nth::<view::Ipv4<'_>>(0).unwrap();
    assert_eq!((ip.tos(), ip.dscp(), ip.ecn()), (Some(41), Some(10), Some(1)));
    assert_eq!((ip.total_length(), ip.identification()), (Some(60), Some(0xABCD)));
    assert_eq!((ip.flags(), ip.fragment_offset()), (Some(3), Some(3)));
    assert_eq!((ip.ttl(), ip.protocol()), (Some(63), Some(IpProtocol::TCP)));
    assert_eq!(ip.destination(), Some(Ipv4Addr::new(10, 0, 0, 2)));
    assert_eq!(ip.options(), Some(&[][..]));
}

#[test]
fn all_fields_of_ipv6_and_its_extension_headers() {
    let bytes = find("eth.ip6.hopopts.routing.dstopts.frag.ah.tcp");
    let stack = frame(&bytes);
    let ip = stack.nth::<view::Ipv6<'_>>(0).unwrap();
    assert_eq!(
        (ip.traffic_class(), ip.dscp(), ip.ecn()),
        (Some(186), Some(46), Some(2))
    );
    assert_eq!((ip.flow_label(), ip.hop_limit()), (Some(0xB190E), Some(64)));
    assert_eq!(ip.next_header(), Some(IpProtocol(0)));
    assert_eq!(usize::from(ip.payload_length().unwrap()), bytes.len() - 54);
    assert_eq!(ip.source().unwrap().to_string(), "fd00::1");
    assert_eq!(ip.destination().unwrap().to_string(), "fd00::2");
    let routing = stack.nth::<view::Routing<'_>>(0).unwrap();
    assert_eq!(
        (routing.routing_type(), routing.segments_left()),
        (Some(4), Some(1))
    );
    let fragment = stack.nth::<view::Fragment<'_>>(0).unwrap();
    assert_eq!(
        (fragment.offset(), fragment.more(), fragment.identification()),
        (Some(0), Some(true), Some(0x0A0B_0C0D))
    );
    let ah = stack.nth::<view::Ah<'_>>(0).unwrap();
    assert_eq!((ah.spi(), ah.sequence()), (Some(0x0101_0101), Some(0x0202_0202)));
    let bytes = find("eth.ip6.frag");
    let fragment = frame(&bytes).nth::<view::Fragment<'_>>(0).unwrap();
    assert_eq!((fragment.offset(), fragment.more()), (Some(583), Some(true)));
}

#[test]
fn all_fields_of_tcp() {
    let bytes = find("eth.ip.tcp");
    let stack = frame(&bytes);
    let tcp = stack.nth::<view::Tcp<'_>>(0).unwrap();
    assert_eq!(
        (tcp.source_port(), tcp.destination_port()),
        (Some(40_000), Some(443))
    );
    assert_eq!(
        (tcp.sequence(), tcp.acknowledgement()),
        (Some(0x0102_0304), Some(0x0506_0708))
    );
    let flags = TcpFlags(TcpFlags::CWR.0 | TcpFlags::ECE.0 | TcpFlags::ACK.0);
    assert_eq!((tcp.flags(), tcp.window()), (Some(TcpFlags(0xD0)), Some(0x0A0B)));
    assert!(flags.intersects(TcpFlags::CWR));
    assert_eq!(
        (tcp.header_length(), tcp.options()),
        (Some(32), Some(&TIMESTAMPS[..]))
    );
    let timestamps = tcp.timestamps().unwrap();
    assert_eq!((timestamps.value, timestamps.echo), (0x1112_1314, 0x1516_1718));
    let layer = stack.layer(Kind::Tcp, 0).unwrap();
    assert_eq!((layer.header.len(), layer.payload), (32, &b"data"[..]));
    assert_eq!(layer.payload_length, Some(4));
}

#[test]
fn timestamps_among_other_options_and_behind_their_end() {
    let with = |options: &[u8]| {
        let bytes = ip(6, &tcp(1, 2, options, b""));
        let stack = frame(&bytes);
        stack
            .nth::<view::Tcp<'_>>(0)
            .unwrap()
            .timestamps()
            .map(|t| t.value)
    };
    let stamp = &TIMESTAMPS[2..];
    assert_eq!(
        with(&[&[2, 4, 5, 0xB4, 4, 2][..], stamp].concat()),
        Some(0x1112_1314)
    );
    assert_eq!(with(&[&[0, 1][..], stamp].concat()), None, "the list has ended");
    assert_eq!(
        with(&[&[3, 0][..], stamp].concat()),
        None,
        "an option of length 0"
    );
    assert_eq!(
        with(&[&[3, 40][..], stamp].concat()),
        None,
        "an option beyond the header"
    );
    assert_eq!(with(&[8, 2, 1, 1]), None, "timestamps of two bytes");
    assert_eq!(with(&[1, 1, 8, 10]), None, "timestamps beyond the header");
}

#[test]
fn udp_and_what_has_ports_like_it() {
    let bytes = find("eth.vlan.vlan.ip.udp");
    let udp = frame(&bytes).nth::<view::Udp<'_>>(0).unwrap();
    assert_eq!(
        (udp.source_port(), udp.destination_port(), udp.length()),
        (Some(9), Some(10), Some(9))
    );
    let bytes = find("eth.ip.sctp");
    let sctp = frame(&bytes).nth::<view::Sctp<'_>>(0).unwrap();
    assert_eq!(
        (
            sctp.source_port(),
            sctp.destination_port(),
            sctp.verification_tag()
        ),
        (Some(5000), Some(2905), Some(0xABCD_EF01))
    );
    let bytes = find("eth.ip.igmp");
    assert_eq!(frame(&bytes).nth::<view::Igmp<'_>>(0).unwrap().kind(), Some(0x16));
    let bytes = find("eth.ip.esp");
    let esp = frame(&bytes).nth::<view::Esp<'_>>(0).unwrap();
    assert_eq!(
        (esp.spi(), esp.sequence()),
        (Some(0xE1E2_E3E4), Some(0xF1F2_F3F4))
    );
}

#[test]
fn arp_of_ipv4_and_of_others() {
    let mut bytes = find("eth.arp");
    let stack = frame(&bytes);
    let arp = stack.nth::<view::Arp<'_>>(0).unwrap();
    assert_eq!(arp.operation(), Some(2));
    assert_eq!(arp.sender_mac().unwrap().to_string(), "02:00:00:00:00:0a");
    assert_eq!(arp.sender_ip(), Some(Ipv4Addr::new(10, 1, 0, 1)));
    assert_eq!(arp.target_mac().unwrap().to_string(), "02:00:00:00:00:02");
    assert_eq!(arp.target_ip(), Some(Ipv4Addr::new(10, 1, 0, 2)));
    bytes[16] = 9;
    let stack = frame(&bytes);
    let arp = stack.nth::<view::Arp<'_>>(0).unwrap();
    assert_eq!((arp.operation(), arp.sender_ip()), (Some(2), None));
}

#[test]
fn labels_and_what_they_carry_by_its_first_bits() {
    let bytes = find("eth.mpls.mpls.pw.eth.ip.tcp");
    let stack = frame(&bytes);
    let labels: Vec<_> = (0..3).map_while(|n| stack.nth::<view::Mpls<'_>>(n)).collect();
    let fields = |mpls: &view::Mpls<'_>| (mpls.label(), mpls.traffic_class(), mpls.bottom(), mpls.ttl());
    assert_eq!(labels.len(), 2);
    assert_eq!(fields(&labels[0]), (Some(16), Some(5), Some(false), Some(63)));
    assert_eq!(fields(&labels[1]), (Some(17), Some(5), Some(true), Some(63)));
    assert_eq!(
        stack
            .nth::<view::Ethernet<'_>>(1)
            .unwrap()
            .source()
            .unwrap()
            .to_string(),
        "02:00:00:00:00:04"
    );
    // A message of the path itself carries no packet; without a byte nobody can tell.
    let bytes = eth(0x8847, &[&label(16, true)[..], &[0x10, 0, 0, 7]].concat());
    assert_eq!(frame(&bytes).ending(), Ending::Behind(Kind::Mpls));
    assert_eq!(frame(&bytes[..18]).ending(), Ending::Cut(Kind::Mpls));
}

#[test]
fn icmp_and_what_was_unreachable() {
    let bytes = find("eth.ip.icmp");
    let stack = frame(&bytes);
    let icmp = stack.nth::<view::Icmp<'_>>(0).unwrap();
    assert_eq!((icmp.kind(), icmp.code()), (Some(8), Some(0)));
    assert_eq!((icmp.identifier(), icmp.sequence()), (Some(0x1011), Some(0x2021)));
    assert_eq!((icmp.original(), icmp.unreachable()), (None, None));
    let address = IpAddr::from([10, 0, 0, 2]);
    let unreachable = |code: u8| {
        let bytes = ip(1, &[&[3, code, 0, 0, 0, 0, 0, 0][..], &original()].concat());
        let stack = frame(&bytes);
        let icmp = stack.nth::<view::Icmp<'_>>(0).unwrap();
        assert_eq!(icmp.sequence(), None, "an error has none");
        icmp.unreachable()
    };
    assert_eq!(unreachable(0), Some(view::Unreachable::Net(address)));
    assert_eq!(unreachable(1), Some(view::Unreachable::Host(address)));
    assert_eq!(
        unreachable(2),
        Some(view::Unreachable::Protocol(address, IpProtocol::UDP))
    );
    assert_eq!(
        unreachable(3),
        Some(view::Unreachable::Port(address, IpProtocol::UDP, 161))
    );
    assert_eq!(unreachable(4), None, "fragmentation needed");
    let bytes = find("eth.ip6.icmp6.");
    let icmp = frame(&bytes).nth::<view::Icmp6<'_>>(0).unwrap();
    let address = "fd00::2".parse().unwrap();
    assert_eq!(
        icmp.unreachable(),
        Some(view::Unreachable::Port(address, IpProtocol::UDP, 162))
    );
    let bytes = find("eth.ip6.icmp6");
    let icmp = frame(&bytes).nth::<view::Icmp6<'_>>(0).unwrap();
    assert_eq!((icmp.identifier(), icmp.sequence()), (Some(0x3031), Some(0x4041)));
}

#[test]
fn tunnels_have_their_identifiers_and_inner_layers() {
    let bytes = find("eth.ip.udp.vxlan.eth.ip.tcp");
    let stack = frame(&bytes);
    assert_eq!(stack.nth::<view::Vxlan<'_>>(0).unwrap().vni(), Some(0x0012_3456));
    let source = |n| stack.nth::<view::Ipv4<'_>>(n).and_then(|ip| ip.source());
    assert_eq!(source(0), Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(source(1), Some(Ipv4Addr::new(10, 9, 0, 1)));
    assert_eq!(source(2), None);
    assert_eq!(
        stack.nth::<view::Tcp<'_>>(0).unwrap().destination_port(),
        Some(2000)
    );
    assert_eq!(
        (stack.ethertype(1), stack.ethertype(2)),
        (Some(EtherType::IPV4), None)
    );
    assert_eq!(stack.layer(Kind::Tcp, 0).unwrap().payload, b"inside");

    let bytes = find("eth.ip6.udp.geneve.eth.ip.tcp");
    let geneve = frame(&bytes).nth::<view::Geneve<'_>>(0).unwrap();
    assert_eq!((geneve.vni(), geneve.header_length()), (Some(12_345), Some(16)));
    let bytes = find("eth.ip.udp.gtp");
    let gtp = frame(&bytes).nth::<view::Gtp<'_>>(0).unwrap();
    assert_eq!((gtp.message(), gtp.tunnel()), (Some(255), Some(0x0A0B_0C0D)));
}

#[test]
fn gre_with_checksum_key_and_sequence() {
    let bytes = find("eth.ip.gre.ip.tcp");
    let gre = frame(&bytes).nth::<view::Gre<'_>>(0).unwrap();
    assert_eq!(
        (gre.key(), gre.sequence()),
        (Some(0x2122_2324), Some(0x3132_3334))
    );
    assert_eq!(gre.virtual_subnet(), None, "only Ethernet has one");
    let bytes = find("eth.ip.gre.eth.ip.tcp");
    let gre = frame(&bytes).nth::<view::Gre<'_>>(0).unwrap();
    assert_eq!((gre.virtual_subnet(), gre.sequence()), (Some(0x00AB_CDEF), None));
    let bytes = find("eth.ip.gre.erspan.eth.ip.tcp");
    let erspan = frame(&bytes).nth::<view::Erspan<'_>>(0).unwrap();
    assert_eq!(
        (erspan.version(), erspan.vlan(), erspan.session()),
        (Some(1), Some(100), Some(42))
    );
    let bytes = find("eth.ip.gre.erspan.ip.tcp");
    let erspan = frame(&bytes).nth::<view::Erspan<'_>>(0).unwrap();
    assert_eq!(
        (erspan.version(), erspan.vlan(), erspan.session()),
        (Some(2), Some(101), Some(43))
    );
    let routed = build::gre(0x4000, 0x0800, &[0; 8], &inner_ip());
    assert_eq!(frame(&routed).ending(), Ending::Behind(Kind::Gre));
    let unknown_version = build::gre(0x0002, 0x0800, &[], &inner_ip());
    assert_eq!(frame(&unknown_version).ending(), Ending::Malformed(Kind::Gre));
}

#[test]
fn roce_by_the_stack_and_by_the_fast_header() {
    let bytes = find("eth.ip.udp.ibbt");
    let slow = frame(&bytes).nth::<view::Bth<'_>>(0).unwrap();
    let transport = packet::Header::parse(ETHERNET, &bytes).transport.unwrap();
    let fast = transport.bth_view(&bytes).unwrap();
    for bth in [slow, fast] {
        assert_eq!((bth.opcode(), bth.is_cnp()), (Some(0x0A), Some(false)));
        assert_eq!((bth.solicited_event(), bth.migrated()), (Some(true), Some(false)));
        assert_eq!(
            (bth.partition(), bth.destination_qp()),
            (Some(0xFFFF), Some(0x0011_2233))
        );
        assert_eq!(
            (bth.acknowledge(), bth.sequence()),
            (Some(true), Some(0x0044_5566))
        );
    }
    let cnp = ip(17, &udp(1, 4791, &[view::Bth::CNP; 12]));
    assert_eq!(frame(&cnp).nth::<view::Bth<'_>>(0).unwrap().is_cnp(), Some(true));
}

#[test]
fn the_fast_header_leads_to_what_else_tcp_says() {
    let mut bytes = find("eth.ip.tcp");
    bytes.extend([0x99; 6]);
    let header = packet::Header::parse(ETHERNET, &bytes);
    let transport = header.transport.unwrap();
    let tcp = transport.tcp_view(&bytes).unwrap();
    assert_eq!(tcp.acknowledgement(), Some(0x0506_0708));
    assert_eq!(tcp.timestamps().unwrap().echo, 0x1516_1718);
    assert_eq!(header.payload_length(&bytes), Some(4));
    assert_eq!(transport.bytes(&bytes).len(), 36, "without the padding");
    assert!(transport.bth_view(&bytes).is_none());
    // Another slice than the parsed one, as a mistake, yields less but never panics.
    assert_eq!(transport.tcp_view(&bytes[..20]).unwrap().window(), None);
}

#[test]
fn questions_of_dns() {
    let bytes = find("eth.ip.udp.dns");
    let dns = frame(&bytes).nth::<view::Dns<'_>>(0).unwrap();
    assert_eq!((dns.id(), dns.is_response()), (Some(0xBEEF), Some(false)));
    assert_eq!(dns.name().unwrap().to_string(), "www.example.com");
    assert_eq!(dns.question_type(), Some(28));
    let bytes = find("eth.ip.tcp.dns");
    let dns = frame(&bytes).nth::<view::Dns<'_>>(0).unwrap();
    assert_eq!((dns.is_response(), dns.response_code()), (Some(true), Some(1)));
    assert_eq!(dns.name().unwrap().to_string(), "www.example.com");
    // Of a stream, only a segment that is one message.
    let other = ip(6, &tcp(53, 4000, &[], b"\0\x10somewhere in a stream"));
    assert_eq!(frame(&other).names().to_string(), "eth.ip.tcp");
}

#[test]
fn names_that_are_hostile_or_odd() {
    let name = |name: &[u8]| {
        let bytes = ip(17, &udp(5353, 53, &dns(false, name)));
        let stack = frame(&bytes);
        let dns = stack.nth::<view::Dns<'_>>(0).unwrap();
        dns.name().map(|name| name.to_string())
    };
    assert_eq!(name(&[0]).as_deref(), Some("."), "the root");
    assert_eq!(name(b"\x05a b.\0\0").as_deref(), Some(r"a\032b\046\000"));
    assert_eq!(name(&[0xC0, 12]), None, "a pointer to itself");
    assert_eq!(name(&[1, b'a', 0xC0, 12]), None, "a pointer into a circle");
    assert_eq!(name(&[0xC0, 200]), None, "a pointer ahead");
    assert_eq!(name(&[0x41, b'a', 0]), None, "a label of no known kind");
    // The header's fourth byte is zero: a pointer to it is the root.
    assert_eq!(name(&[1, b'a', 0xC0, 3]).as_deref(), Some("a"));
    let longest = |labels: usize, last: u8| {
        let mut name = [&[63][..], &[b'x'; 63]].concat().repeat(labels);
        name.push(last);
        name.extend(vec![b'y'; last.into()]);
        name.push(0);
        name
    };
    assert_eq!(name(&longest(3, 61)).unwrap().len(), 253, "255 octets");
    assert_eq!(name(&longest(3, 62)), None, "256 octets");
}

#[test]
fn lengths_bound_all_that_is_inside() {
    // The outer UDP datagram ends inside the inner TCP header: what follows is padding.
    let mut bytes = find("eth.ip.udp.vxlan.eth.ip.tcp");
    bytes[38..40].copy_from_slice(&(8 + 8 + 14 + 20 + 6_u16).to_be_bytes());
    let stack = frame(&bytes);
    let tcp = stack.nth::<view::Tcp<'_>>(0).unwrap();
    assert_eq!((tcp.destination_port(), tcp.sequence()), (Some(2000), None));
    assert_eq!(stack.layer(Kind::Ipv4, 1).unwrap().payload_length, Some(6));
    // An 802.3 length does the same.
    let snap = [&[0xAA, 0xAA, 3, 0, 0, 0, 8, 6][..], &arp()].concat();
    let bytes = eth(16, &snap);
    let stack = frame(&bytes);
    let arp = stack.nth::<view::Arp<'_>>(0).unwrap();
    assert_eq!((arp.operation(), arp.sender_ip()), (Some(2), None));
}

#[test]
fn contradictions_are_malformed_where_they_are() {
    let ending = |at: usize, value: u8| {
        let mut bytes = find("eth.ip.udp.vxlan.eth.ip.tcp");
        bytes[at] = value;
        frame(&bytes).ending()
    };
    assert_eq!(ending(14, 0x65), Ending::Malformed(Kind::Ipv4), "version 6");
    assert_eq!(ending(14, 0x44), Ending::Malformed(Kind::Ipv4), "16 bytes");
    assert_eq!(
        ending(17, 19),
        Ending::Malformed(Kind::Ipv4),
        "shorter than its header"
    );
    assert_eq!(
        ending(39, 7),
        Ending::Malformed(Kind::Udp),
        "shorter than its header"
    );
    assert_eq!(
        ending(64, 0x4F),
        Ending::Malformed(Kind::Ipv4),
        "options beyond the packet"
    );
    assert_eq!(ending(96, 0x40), Ending::Malformed(Kind::Tcp), "16 bytes");
    assert_eq!(
        ending(96, 0xF0),
        Ending::Malformed(Kind::Tcp),
        "options beyond the packet"
    );
}

#[test]
fn unknown_link_layers_types_and_protocols() {
    let nothing = Stack::parse(HeaderProtocol(15), &[0; 60]);
    assert_eq!((nothing.ending(), nothing.len()), (Ending::Unsupported, 0));
    assert_eq!(frame(&[]).ending(), Ending::Cut(Kind::Ethernet));
    let bytes = eth(0x88CC, &[0; 46]);
    assert_eq!(frame(&bytes).ending(), Ending::Behind(Kind::Ethernet));
    let bytes = ip(89, &[0; 46]);
    assert_eq!(frame(&bytes).ending(), Ending::Behind(Kind::Ipv4));
    let bytes = ip(43, &[0; 46]);
    assert_eq!(
        frame(&bytes).ending(),
        Ending::Behind(Kind::Ipv4),
        "an extension header"
    );
    let bytes = ip6(59, &[0; 8]);
    assert_eq!(frame(&bytes).ending(), Ending::Complete, "no next header");
    let packet = inner_ip();
    let stack = Stack::parse_ethertype(EtherType::IPV4, &packet);
    assert_eq!(stack.names().to_string(), "ip.tcp");
}

#[test]
fn layers_without_end_are_counted_and_no_more() {
    let tags = [[0x81, 0, 0, 1]; 40];
    let bytes = packet::tests::ethernet(&tags, 0x0800, &inner_ip());
    let stack = frame(&bytes);
    assert_eq!((stack.len(), stack.ending()), (MAX_LAYERS, Ending::Full));
    let matryoshka = (0..30).fold(inner_ip(), |packet, _| packet::tests::ipv4(4, 0, &[], &packet));
    let stack = Stack::parse(HeaderProtocol::IPV4, &matryoshka);
    assert_eq!((stack.len(), stack.ending()), (MAX_LAYERS, Ending::Full));
    assert!(stack.nth::<view::Ipv4<'_>>(MAX_LAYERS - 1).is_some());
    let deepest = [[0x81, 0, 0, 1]; 21];
    let bytes = packet::tests::ethernet(&deepest, 0x0800, &inner_ip());
    assert_eq!(
        (frame(&bytes).len(), frame(&bytes).ending()),
        (MAX_LAYERS, Ending::Complete)
    );
}

#[test]
fn more_bytes_than_offsets_can_tell() {
    let mut bytes = find("eth.ip.tcp");
    bytes.resize(200_000, 0);
    assert_eq!(frame(&bytes).names().to_string(), "eth.ip.tcp");
    // A jumbogram has no length, so all the bytes are its.
    let mut bytes = find("eth.ip6.icmp6");
    bytes[18..20].copy_from_slice(&[0, 0]);
    bytes.resize(200_000, 0);
    let stack = frame(&bytes);
    assert_eq!(stack.layer(Kind::Icmp6, 0).unwrap().payload_length, None);
}

#[test]
fn a_cut_packet_says_less_but_nothing_else() {
    for (names, protocol, bytes) in packets() {
        let whole = Stack::parse(protocol, &bytes);
        for length in 0..bytes.len() {
            let part = Stack::parse(protocol, &bytes[..length]);
            let found = contradiction(&part, &whole);
            assert_eq!(found, None, "{length} of {} bytes of {names}", bytes.len());
        }
    }
}

#[test]
fn no_change_of_one_byte_panics() {
    for (_, protocol, mut bytes) in packets() {
        for at in 0..bytes.len() {
            let before = bytes[at];
            for value in (0..8).map(|bit| before ^ 1 << bit).chain([0, 0xFF]) {
                bytes[at] = value;
                let _ = facts(&Stack::parse(protocol, &bytes));
            }
            bytes[at] = before;
        }
    }
}

fn find(name: &str) -> Vec<u8> {
    packets()
        .into_iter()
        .find(|(names, ..)| *names == name)
        .unwrap()
        .2
}

proptest! {
    #[test]
    fn random_bytes_never_panic_and_cuts_agree(
        protocol in 0_u32..20,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let whole = Stack::parse(HeaderProtocol(protocol), &bytes);
        prop_assert!(whole.len() <= MAX_LAYERS);
        for length in 0..bytes.len() {
            let part = Stack::parse(HeaderProtocol(protocol), &bytes[..length]);
            prop_assert_eq!(contradiction(&part, &whole), None, "{} bytes", length);
        }
    }

    #[test]
    fn changed_bytes_never_panic_and_cuts_agree(
        packet in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut packets = packets();
        let (_, protocol, mut bytes) = packets.swap_remove(packet.index(packets.len()));
        for (position, value) in changes {
            let position = position.index(bytes.len());
            bytes[position] = value;
        }
        let whole = Stack::parse(protocol, &bytes);
        for length in 0..bytes.len() {
            let part = Stack::parse(protocol, &bytes[..length]);
            prop_assert_eq!(contradiction(&part, &whole), None, "{} bytes", length);
        }
    }
}
