//! Keys of the layers of a packet, inner ones of tunnels included.

use std::fmt::Write as _;

use super::value::{Scratch, Value};
use crate::flow::language::Field;
use crate::packet::view::{
    Arp, Bth, Dns, Fragment, Geneve, Gre, Icmp, Icmp6, Ipv4, Ipv6, Tcp, Udp, Unreachable, Vlan, Vxlan,
};
use crate::packet::{Kind, Stack};

/// A key that is a number, an address or flags.
pub(super) fn number<'v>(field: Field, stack: &Stack<'_>, n: usize) -> Value<'v> {
    if let Some(kind) = place(field) {
        return Value::number(stack.layer(kind, n).map(|layer| layer.offset));
    }
    match field {
        Field::EthernetProtocol => Value::number(stack.ethertype(n).map(|ethertype| ethertype.0)),
        Field::Vlan => Value::number(stack.nth::<Vlan<'_>>(n).and_then(|vlan| vlan.id())),
        Field::Priority => Value::number(stack.nth::<Vlan<'_>>(n).and_then(|vlan| vlan.priority())),
        Field::ArpOperation => Value::number(stack.nth::<Arp<'_>>(n).and_then(|arp| arp.operation())),
        Field::ArpIpSender => {
            let sender = stack.nth::<Arp<'_>>(n).and_then(|arp| arp.sender_ip());
            sender.map_or(Value::Null, Value::V4)
        }
        Field::ArpIpTarget => {
            let target = stack.nth::<Arp<'_>>(n).and_then(|arp| arp.target_ip());
            target.map_or(Value::Null, Value::V4)
        }
        Field::VxlanVni => Value::number(stack.nth::<Vxlan<'_>>(n).and_then(|vxlan| vxlan.vni())),
        Field::GeneveVni => Value::number(stack.nth::<Geneve<'_>>(n).and_then(|geneve| geneve.vni())),
        Field::GreVsid => Value::number(stack.nth::<Gre<'_>>(n).and_then(|gre| gre.virtual_subnet())),
        Field::DnsQr => Value::bool(stack.nth::<Dns<'_>>(n).and_then(|dns| dns.is_response())),
        Field::IbBtOpcode | Field::IbBtDestQp | Field::IbBtPsn | Field::IbBtSe | Field::IbBtM => stack
            .nth::<Bth<'_>>(n)
            .map_or(Value::Null, |bth| roce(field, &bth)),
        Field::Ip6NextHdr => next_header(stack, n),
        Field::Ip6FragOffset => fragment(stack, n),
        field => v4(field, stack, n)
            .or_else(|| v6(field, stack, n))
            .or_else(|| transport(field, stack, n))
            .unwrap_or(Value::Null),
    }
}

fn v4<'v>(field: Field, stack: &Stack<'_>, n: usize) -> Option<Value<'v>> {
    let ip = || stack.nth::<Ipv4<'_>>(n);
    Some(match field {
        Field::IpSource => ip().and_then(|ip| ip.source()).map_or(Value::Null, Value::V4),
        Field::IpDestination => ip()
            .and_then(|ip| ip.destination())
            .map_or(Value::Null, Value::V4),
        Field::IpProtocol => Value::number(ip().and_then(|ip| ip.protocol()).map(|p| p.0)),
        Field::IpBytes => Value::number(ip().and_then(|ip| ip.total_length())),
        Field::IpTos => Value::number(ip().and_then(|ip| ip.tos())),
        Field::IpDscp => Value::number(ip().and_then(|ip| ip.dscp())),
        Field::IpEcn => Value::bits(ip().and_then(|ip| ip.ecn()), 2),
        Field::IpFlags => Value::bits(ip().and_then(|ip| ip.flags()), 3),
        Field::IpFragOffset => Value::number(ip().and_then(|ip| ip.fragment_offset())),
        Field::IpTtl => Value::number(ip().and_then(|ip| ip.ttl())),
        _ => return None,
    })
}

fn v6<'v>(field: Field, stack: &Stack<'_>, n: usize) -> Option<Value<'v>> {
    let ip = || stack.nth::<Ipv6<'_>>(n);
    Some(match field {
        Field::Ip6Source => ip().and_then(|ip| ip.source()).map_or(Value::Null, Value::V6),
        Field::Ip6Destination => ip()
            .and_then(|ip| ip.destination())
            .map_or(Value::Null, Value::V6),
        Field::Ip6Bytes => {
            let payload = ip().and_then(|ip| ip.payload_length());
            Value::number(payload.map(|length| 40 + u32::from(length)))
        }
        Field::Ip6Tos => Value::number(ip().and_then(|ip| ip.traffic_class())),
        Field::Ip6Dscp => Value::number(ip().and_then(|ip| ip.dscp())),
        Field::Ip6Ecn => Value::bits(ip().and_then(|ip| ip.ecn()), 2),
        Field::Ip6FlowLabel => Value::number(ip().and_then(|ip| ip.flow_label())),
        Field::Ip6Ttl => Value::number(ip().and_then(|ip| ip.hop_limit())),
        _ => return None,
    })
}

fn transport<'v>(field: Field, stack: &Stack<'_>, n: usize) -> Option<Value<'v>> {
    let tcp = || stack.nth::<Tcp<'_>>(n);
    let udp = || stack.nth::<Udp<'_>>(n);
    let icmp = || stack.nth::<Icmp<'_>>(n);
    let icmp6 = || stack.nth::<Icmp6<'_>>(n);
    Some(match field {
        Field::TcpSourcePort => Value::number(tcp().and_then(|tcp| tcp.source_port())),
        Field::TcpDestinationPort => Value::number(tcp().and_then(|tcp| tcp.destination_port())),
        Field::TcpFlags => Value::bits(tcp().and_then(|tcp| tcp.flags()).map(|flags| flags.0), 8),
        Field::TcpSeqNo => Value::number(tcp().and_then(|tcp| tcp.sequence())),
        Field::UdpSourcePort => Value::number(udp().and_then(|udp| udp.source_port())),
        Field::UdpDestinationPort => Value::number(udp().and_then(|udp| udp.destination_port())),
        Field::IcmpType => Value::number(icmp().and_then(|icmp| icmp.kind())),
        Field::IcmpCode => Value::number(icmp().and_then(|icmp| icmp.code())),
        Field::IcmpSeqNo => Value::number(icmp().and_then(|icmp| icmp.sequence())),
        Field::Icmp6Type => Value::number(icmp6().and_then(|icmp| icmp.kind())),
        Field::Icmp6Code => Value::number(icmp6().and_then(|icmp| icmp.code())),
        _ => return None,
    })
}

fn roce<'v>(field: Field, bth: &Bth<'_>) -> Value<'v> {
    match field {
        Field::IbBtOpcode => Value::number(bth.opcode()),
        Field::IbBtDestQp => Value::number(bth.destination_qp()),
        Field::IbBtPsn => Value::number(bth.sequence()),
        Field::IbBtSe => Value::number(bth.solicited_event().map(u8::from)),
        _ => Value::number(bth.migrated().map(u8::from)),
    }
}

/// The layers behind the `n`th IPv6 header.
fn behind_v6<'s>(stack: &'s Stack<'_>, n: usize) -> impl Iterator<Item = crate::packet::stack::Layer<'s>> {
    let start = stack.layer(Kind::Ipv6, n).map(|layer| layer.offset);
    stack
        .layers()
        .skip_while(move |layer| layer.kind != Kind::Ipv6 || Some(layer.offset) != start)
        .skip(1)
}

/// What an IPv6 packet carries behind its extension headers.
fn next_header<'v>(stack: &Stack<'_>, n: usize) -> Value<'v> {
    let mut next = stack
        .nth::<Ipv6<'_>>(n)
        .and_then(|ip| ip.next_header())
        .map(|p| p.0);
    for layer in behind_v6(stack, n) {
        match layer.kind {
            Kind::HopByHop | Kind::Routing | Kind::DestinationOptions | Kind::Fragment | Kind::Ah => {
                next = layer.header.first().copied();
            }
            _ => break,
        }
    }
    Value::number(next)
}

/// The offset of the fragment that belongs to the `n`th IPv6 header; 0 in a packet that is none.
fn fragment<'v>(stack: &Stack<'_>, n: usize) -> Value<'v> {
    if stack.layer(Kind::Ipv6, n).is_none() {
        return Value::Null;
    }
    let before = stack.layers().take_while({
        let end = behind_v6(stack, n).next().map(|layer| layer.offset);
        move |layer| Some(layer.offset) != end
    });
    let earlier = before.filter(|layer| layer.kind == Kind::Fragment).count();
    let own = behind_v6(stack, n)
        .take_while(|layer| {
            let kinds = [
                Kind::HopByHop,
                Kind::Routing,
                Kind::DestinationOptions,
                Kind::Fragment,
                Kind::Ah,
            ];
            kinds.contains(&layer.kind)
        })
        .any(|layer| layer.kind == Kind::Fragment);
    match own {
        true => Value::number(stack.nth::<Fragment<'_>>(earlier).and_then(|f| f.offset())),
        false => Value::Number(0),
    }
}

/// The `n`th virtual network, of VXLAN or GENEVE.
pub(super) fn vni<'v>(stack: &Stack<'_>, n: usize) -> Value<'v> {
    let tunnels = || {
        stack
            .kinds()
            .filter(|kind| matches!(kind, Kind::Vxlan | Kind::Geneve))
    };
    let Some(kind) = tunnels().nth(n) else {
        return Value::Null;
    };
    let same = tunnels().take(n).filter(|other| *other == kind).count();
    match kind {
        Kind::Vxlan => Value::number(stack.nth::<Vxlan<'_>>(same).and_then(|vxlan| vxlan.vni())),
        _ => Value::number(stack.nth::<Geneve<'_>>(same).and_then(|geneve| geneve.vni())),
    }
}

/// What an ICMP error says cannot be reached; addresses, `address_protocol`, and `protocol_port` (`UDP_161`).
pub(super) fn unreachable<'v>(field: Field, stack: &Stack<'_>, n: usize, scratch: &mut Scratch) -> Value<'v> {
    let found = match stack.nth::<Icmp<'_>>(n) {
        Some(icmp) => icmp.unreachable(),
        None => stack.nth::<Icmp6<'_>>(n).and_then(|icmp| icmp.unreachable()),
    };
    match (field, found) {
        (Field::IcmpUnreachableNet, Some(Unreachable::Net(address)))
        | (Field::IcmpUnreachableHost, Some(Unreachable::Host(address))) => address.into(),
        (Field::IcmpUnreachableProtocol, Some(Unreachable::Protocol(address, protocol))) => {
            Value::Made(scratch.make(|out| write!(out, "{address}_{}", protocol.0)))
        }
        (Field::IcmpUnreachablePort, Some(Unreachable::Port(_, protocol, port))) => {
            Value::Made(scratch.make(|out| match protocol.0 {
                6 => write!(out, "TCP_{port}"),
                17 => write!(out, "UDP_{port}"),
                other => write!(out, "{other}_{port}"),
            }))
        }
        _ => Value::Null,
    }
}

/// The kind of layer whose place a key tells.
const fn place(field: Field) -> Option<Kind> {
    Some(match field {
        Field::EthOffset => Kind::Ethernet,
        Field::VlanOffset => Kind::Vlan,
        Field::MplsOffset => Kind::Mpls,
        Field::ArpOffset => Kind::Arp,
        Field::IpOffset => Kind::Ipv4,
        Field::Ip6Offset => Kind::Ipv6,
        Field::TcpOffset => Kind::Tcp,
        Field::UdpOffset => Kind::Udp,
        Field::IcmpOffset => Kind::Icmp,
        Field::Icmp6Offset => Kind::Icmp6,
        Field::GreOffset => Kind::Gre,
        Field::VxlanOffset => Kind::Vxlan,
        Field::GeneveOffset => Kind::Geneve,
        Field::DnsOffset => Kind::Dns,
        Field::IbBtOffset => Kind::Bth,
        _ => return None,
    })
}
