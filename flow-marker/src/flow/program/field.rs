//! Reads one key of a sample.
//!
//! What the fast header says is taken from there where it says all; otherwise the layers are asked. A key that a packet
//! does not have, or that was cut off, is null.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::layer;
use super::names;
use super::value::{Scratch, Value};
use crate::flow::language::Field;
use crate::flow::view::{Packet, View};
use crate::packet::view::{Bth, Dns, Ethernet};
use crate::packet::{Header, IpProtocol, MacAddress};
use crate::sflow::{DataSource, Interface};

/// The value of the `nth` occurrence of a key, from 0.
#[inline]
pub(super) fn read<'v>(field: Field, nth: u8, view: &'v View<'_>, scratch: &mut Scratch) -> Value<'v> {
    if nth == 0 {
        if let Some(header) = view.plain()
            && let Some(value) = plain(field, header)
        {
            return value;
        }
        if let Some(packet) = view.told()
            && let Some(value) = told(field, packet)
        {
            return value;
        }
    }
    match field {
        Field::Bytes => Value::number(view.bytes()),
        Field::Frames | Field::Requests => Value::Number(1),
        Field::InputIfIndex => interface(view.input),
        Field::OutputIfIndex => interface(view.output),
        Field::Direction => Value::name(if view.is_ingress() { "ingress" } else { "egress" }),
        Field::Agent => view.agent.into(),
        Field::DataSource => source(view.source, scratch),
        Field::Stripped => Value::number(view.stripped()),
        Field::Reason => reason(view, scratch),
        Field::IpDscpName => dscp_name(read(Field::IpDscp, nth, view, scratch), scratch),
        Field::Ip6DscpName => dscp_name(read(Field::Ip6Dscp, nth, view, scratch), scratch),
        field => told_by_agent(field, view, scratch).unwrap_or_else(|| sampled(field, nth, view, scratch)),
    }
}

/// What the fast header knows; `None` for keys that it knows nothing of.
#[inline]
fn plain(field: Field, header: &Header) -> Option<Value<'static>> {
    let ip = header.ip.as_ref();
    let v4 = || ip.filter(|ip| ip.source.is_ipv4());
    let v6 = || ip.filter(|ip| ip.source.is_ipv6());
    let transport = header.transport.as_ref();
    let protocol = ip.and_then(|ip| ip.protocol);
    let tcp = || transport.filter(|_| protocol == Some(IpProtocol::TCP));
    let udp = || transport.filter(|_| protocol == Some(IpProtocol::UDP));
    Some(match field {
        Field::IpSource => address(v4().map(|ip| ip.source)),
        Field::IpDestination => address(v4().map(|ip| ip.destination)),
        Field::Ip6Source => address(v6().map(|ip| ip.source)),
        Field::Ip6Destination => address(v6().map(|ip| ip.destination)),
        Field::IpProtocol => Value::number(v4().and_then(|ip| ip.protocol).map(|p| p.0)),
        Field::Ip6NextHdr => Value::number(v6().and_then(|ip| ip.protocol).map(|p| p.0)),
        Field::TcpSourcePort => Value::number(tcp().map(|t| t.source_port)),
        Field::TcpDestinationPort => Value::number(tcp().map(|t| t.destination_port)),
        Field::UdpSourcePort => Value::number(udp().map(|t| t.source_port)),
        Field::UdpDestinationPort => Value::number(udp().map(|t| t.destination_port)),
        Field::TcpSeqNo => Value::number(tcp().and_then(|t| t.tcp).map(|tcp| tcp.sequence)),
        Field::TcpFlags => Value::bits(tcp().and_then(|t| t.tcp?.flags).map(|flags| flags.0), 8),
        Field::MacSource => mac(header.ethernet.map(|e| e.source)),
        Field::MacDestination => mac(header.ethernet.map(|e| e.destination)),
        Field::IsUnicast | Field::IsBroadcast | Field::IsMulticast => {
            cast(field, header.ethernet.map(|e| e.destination))
        }
        Field::EthernetProtocol => Value::number(
            header
                .ethertype
                .filter(|_| header.ethernet.is_some())
                .map(|e| e.0),
        ),
        Field::Vlan => Value::number(header.vlan.map(|vlan| vlan.id)),
        Field::Priority => Value::number(header.vlan.map(|vlan| vlan.priority)),
        Field::IpBytes => Value::number(v4().map(|ip| ip.length)),
        Field::Ip6Bytes => Value::number(v6().map(|ip| ip.length)),
        Field::IpTos => Value::number(v4().map(|ip| ip.dscp << 2 | ip.ecn)),
        Field::Ip6Tos => Value::number(v6().map(|ip| ip.dscp << 2 | ip.ecn)),
        Field::IpDscp => Value::number(v4().map(|ip| ip.dscp)),
        Field::Ip6Dscp => Value::number(v6().map(|ip| ip.dscp)),
        Field::IpEcn => Value::bits(v4().map(|ip| ip.ecn), 2),
        Field::Ip6Ecn => Value::bits(v6().map(|ip| ip.ecn), 2),
        Field::IpTtl => Value::number(v4().map(|ip| ip.ttl)),
        Field::Ip6Ttl => Value::number(v6().map(|ip| ip.ttl)),
        Field::Ip6FlowLabel => Value::number(v6().and_then(|ip| ip.flow_label)),
        _ => return None,
    })
}

/// What an agent says of a packet whose bytes were not sampled.
fn told(field: Field, packet: &Packet) -> Option<Value<'static>> {
    let is_v4 = packet.source.is_ipv4();
    let of = |wanted: bool, value: Value<'static>| if wanted { value } else { Value::Null };
    let (tcp, udp) = (packet.protocol == 6, packet.protocol == 17);
    Some(match field {
        Field::IpSource => of(is_v4, packet.source.into()),
        Field::IpDestination => of(is_v4, packet.destination.into()),
        Field::Ip6Source => of(!is_v4, packet.source.into()),
        Field::Ip6Destination => of(!is_v4, packet.destination.into()),
        Field::IpProtocol => of(is_v4, Value::Number(packet.protocol.into())),
        Field::Ip6NextHdr => of(!is_v4, Value::Number(packet.protocol.into())),
        Field::IpBytes => of(is_v4, Value::number(packet.length)),
        Field::Ip6Bytes => of(!is_v4, Value::number(packet.length)),
        Field::IpTos => of(is_v4, Value::number(packet.tos)),
        Field::Ip6Tos => of(!is_v4, Value::number(packet.tos)),
        Field::IpDscp => of(is_v4, Value::number(packet.tos.map(|tos| tos >> 2))),
        Field::Ip6Dscp => of(!is_v4, Value::number(packet.tos.map(|tos| tos >> 2))),
        Field::TcpSourcePort => of(tcp, Value::Number(packet.source_port.into())),
        Field::TcpDestinationPort => of(tcp, Value::Number(packet.destination_port.into())),
        Field::UdpSourcePort => of(udp, Value::Number(packet.source_port.into())),
        Field::UdpDestinationPort => of(udp, Value::Number(packet.destination_port.into())),
        Field::TcpFlags => of(tcp, Value::bits(packet.flags.map(|flags| flags.0), 8)),
        _ => return None,
    })
}

/// Keys that records beside the header say; `None` for those that they do not.
fn told_by_agent<'v>(field: Field, view: &'v View<'_>, scratch: &mut Scratch) -> Option<Value<'v>> {
    Some(match field {
        Field::VlanSource => Value::number(view.switch.map(|switch| switch.source_vlan)),
        Field::VlanDestination => Value::number(view.switch.map(|switch| switch.destination_vlan)),
        Field::PrioritySource => Value::number(view.switch.map(|switch| switch.source_priority)),
        Field::PriorityDestination => Value::number(view.switch.map(|switch| switch.destination_priority)),
        Field::IpSourceMaskBits => Value::number(view.router.map(|router| router.source_mask)),
        Field::IpDestinationMaskBits => Value::number(view.router.map(|router| router.destination_mask)),
        Field::IpNextHopRouter => address(view.router.and_then(|router| router.next_hop)),
        Field::QueueIndex => Value::number(view.queue),
        Field::QueueDepth => Value::number(view.depth),
        Field::TransitDelay => Value::number(view.delay),
        Field::BgpAs
        | Field::BgpSourceAs
        | Field::BgpSourcePeerAs
        | Field::BgpDestinationAs
        | Field::BgpDestinationPeerAs
        | Field::BgpDestinationAsPath
        | Field::BgpCommunities
        | Field::BgpLocalPref
        | Field::BgpNextHop => bgp(field, view, scratch),
        Field::HttpUrl => url(view, scratch),
        Field::UriPath => {
            let path = |url: &'v [u8]| super::uri::part(url, crate::flow::language::UriPart::Path);
            let url = view.operation.as_ref().and_then(|operation| operation.url);
            Value::text(url.and_then(|url| url.get(path(url)?)))
        }
        Field::HttpMethod => view
            .operation
            .as_ref()
            .and_then(|o| o.method)
            .map_or(Value::Null, Value::name),
        Field::HttpHost => Value::text(
            view.operation
                .as_ref()
                .and_then(|o| o.host)
                .filter(|t| !t.is_empty()),
        ),
        Field::HttpUserAgent => Value::text(
            view.operation
                .as_ref()
                .and_then(|o| o.user_agent)
                .filter(|t| !t.is_empty()),
        ),
        Field::HttpStatus => Value::number(view.operation.as_ref().and_then(|o| o.http_status)),
        Field::MemcacheKey => Value::text(view.operation.as_ref().and_then(|o| o.key)),
        Field::MemcacheStatus => Value::number(view.operation.as_ref().and_then(|o| o.memcache_status)),
        Field::Duration => Value::number(view.operation.as_ref().and_then(|o| o.duration)),
        _ => return None,
    })
}

fn bgp<'v>(field: Field, view: &'v View<'_>, scratch: &mut Scratch) -> Value<'v> {
    let Some(gateway) = &view.gateway else {
        return Value::Null;
    };
    let path = || gateway.path.segments().flat_map(|segment| segment.systems.iter());
    match field {
        Field::BgpAs => Value::Number(gateway.autonomous_system.into()),
        Field::BgpSourceAs => Value::Number(gateway.source_as.into()),
        Field::BgpSourcePeerAs => Value::Number(gateway.source_peer_as.into()),
        // Without a path the destination is in the router's own system.
        Field::BgpDestinationAs => Value::Number(path().last().unwrap_or(gateway.autonomous_system).into()),
        Field::BgpDestinationPeerAs => {
            Value::Number(path().next().unwrap_or(gateway.autonomous_system).into())
        }
        Field::BgpDestinationAsPath => joined(path(), scratch, |out, system| write!(out, "{system}")),
        Field::BgpCommunities => joined(gateway.communities.iter(), scratch, |out, community| {
            write!(out, "{}:{}", community >> 16, community & 0xFFFF)
        }),
        Field::BgpLocalPref => Value::Number(gateway.local_preference.into()),
        _ => address(gateway.next_hop),
    }
}

/// Numbers joined by dashes; null when there are none.
fn joined<'v>(
    numbers: impl Iterator<Item = u32>,
    scratch: &mut Scratch,
    write: impl Fn(&mut Scratch, u32) -> std::fmt::Result,
) -> Value<'v> {
    // What the buffer cuts off need not be walked over; a number and its dash have two characters at least.
    let mut numbers = numbers.take(super::value::MAX_TEXT / 2).enumerate().peekable();
    if numbers.peek().is_none() {
        return Value::Null;
    }
    Value::Made(scratch.make(|out| {
        numbers.try_for_each(|(n, number)| {
            if n > 0 {
                out.push(b"-");
            }
            write(out, number)
        })
    }))
}

/// The URL of a request: the host stands before a path that has none.
fn url<'v>(view: &'v View<'_>, scratch: &mut Scratch) -> Value<'v> {
    let Some(operation) = &view.operation else {
        return Value::Null;
    };
    match (operation.url, operation.host) {
        (Some(url), Some(host)) if url.starts_with(b"/") && !host.is_empty() => {
            Value::Made(scratch.make(|out| {
                out.push(b"http://");
                out.push(host);
                out.push(url);
                Ok(())
            }))
        }
        (url, _) => Value::text(url),
    }
}

/// Keys of the layers of a packet.
fn sampled<'v>(field: Field, nth: u8, view: &'v View<'_>, scratch: &mut Scratch) -> Value<'v> {
    let n = usize::from(nth);
    let Some(stack) = view.stack() else {
        return untold(field, nth, view);
    };
    match field {
        Field::Stack => match stack.is_empty() {
            true => Value::Null,
            false => Value::Made(scratch.make(|out| write!(out, "{}", stack.names()))),
        },
        Field::Vni => match layer::vni(stack, n) {
            Value::Null if nth == 0 => Value::number(view.vni),
            found => found,
        },
        Field::MacSource => mac(stack.nth::<Ethernet<'_>>(n).and_then(|e| e.source())),
        Field::MacDestination => mac(stack.nth::<Ethernet<'_>>(n).and_then(|e| e.destination())),
        Field::IsUnicast | Field::IsBroadcast | Field::IsMulticast => {
            cast(field, stack.nth::<Ethernet<'_>>(n).and_then(|e| e.destination()))
        }
        Field::DnsQName => match stack.nth::<Dns<'_>>(n).and_then(|dns| dns.name()) {
            None => Value::Null,
            Some(name) => Value::Made(scratch.make(|out| match name.labels().next() {
                None => write!(out, "."),
                Some(_) => write!(out, "{name}."),
            })),
        },
        Field::DnsQTypeName => {
            let kind = stack.nth::<Dns<'_>>(n).and_then(|dns| dns.question_type());
            named(kind, names::dns_type, "TYPE", scratch)
        }
        Field::IbBtOpName => {
            let opcode = stack.nth::<Bth<'_>>(n).and_then(|bth| bth.opcode());
            named(opcode, names::roce_opcode, "OP", scratch)
        }
        Field::IcmpUnreachableNet
        | Field::IcmpUnreachableHost
        | Field::IcmpUnreachableProtocol
        | Field::IcmpUnreachablePort => layer::unreachable(field, stack, n, scratch),
        field => layer::number(field, stack, n),
    }
}

/// Keys of packets of which no layers are known: the fast header or the agent may say something nevertheless.
fn untold<'v>(field: Field, nth: u8, view: &'v View<'_>) -> Value<'v> {
    let first = nth == 0;
    match field {
        Field::Vni if first => Value::number(view.vni),
        Field::MacSource if first => mac(view.frame.map(|(frame, _)| frame.source)),
        Field::MacDestination if first => mac(view.frame.map(|(frame, _)| frame.destination)),
        Field::EthernetProtocol if first => Value::number(view.frame.map(|(_, ethertype)| ethertype)),
        Field::IsUnicast | Field::IsBroadcast | Field::IsMulticast if first => {
            cast(field, view.frame.map(|(frame, _)| frame.destination))
        }
        _ => Value::Null,
    }
}

/// A number by its name, or as it stands behind `prefix`.
fn named<'v, T: Into<u64> + Copy>(
    number: Option<T>,
    name: impl Fn(T) -> Option<&'static str>,
    prefix: &str,
    scratch: &mut Scratch,
) -> Value<'v> {
    match number {
        None => Value::Null,
        Some(number) => match name(number) {
            Some(name) => Value::name(name),
            None => Value::Made(scratch.make(|out| write!(out, "{prefix}{}", number.into()))),
        },
    }
}

/// The name of a code point, or its number where it has none.
fn dscp_name<'v>(dscp: Value<'v>, scratch: &mut Scratch) -> Value<'v> {
    match dscp {
        Value::Number(number) => match u8::try_from(number).ok().and_then(names::dscp) {
            Some(name) => Value::name(name),
            None => Value::Made(scratch.make(|out| write!(out, "{number}"))),
        },
        _ => Value::Null,
    }
}

fn reason<'v>(view: &View<'_>, scratch: &mut Scratch) -> Value<'v> {
    let discarded = || match view.output {
        Interface::Discarded(reason) => Some(crate::sflow::DropReason(reason)),
        _ => None,
    };
    match view.reason.or_else(discarded) {
        None => Value::Null,
        Some(reason) => match reason.name() {
            Some(name) => Value::name(name),
            None => Value::Made(scratch.make(|out| write!(out, "{}", reason.0))),
        },
    }
}

fn source<'v>(source: DataSource, scratch: &mut Scratch) -> Value<'v> {
    match source.if_index() {
        Some(index) => Value::Number(index.into()),
        None => Value::Made(scratch.make(|out| write!(out, "{}.{}", source.class.0, source.index))),
    }
}

fn interface(interface: Interface) -> Value<'static> {
    match interface {
        Interface::Index(index) => Value::Number(index.into()),
        Interface::Discarded(_) => Value::name("discard"),
        Interface::Multiple(_) => Value::name("multiple"),
        Interface::Internal => Value::name("internal"),
        Interface::Unknown | Interface::Undefined { .. } => Value::name("unknown"),
    }
}

fn address(address: Option<IpAddr>) -> Value<'static> {
    address.map_or(Value::Null, Value::from)
}

fn mac(mac: Option<MacAddress>) -> Value<'static> {
    mac.map_or(Value::Null, |mac| Value::Mac(mac.0))
}

/// The lowest bit of the first byte says group; all bits say everybody (IEEE 802 §8.4).
fn cast(field: Field, destination: Option<MacAddress>) -> Value<'static> {
    Value::bool(destination.map(|MacAddress(bytes)| {
        let [first, ..] = bytes;
        let is_group = first & 1 != 0;
        let is_everybody = bytes == [0xFF; 6];
        match field {
            Field::IsUnicast => !is_group,
            Field::IsBroadcast => is_everybody,
            _ => is_group && !is_everybody,
        }
    }))
}
