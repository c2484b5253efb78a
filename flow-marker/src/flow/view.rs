//! What the keys of a definition are read from: one sample, with what its records say.
//!
//! `View::add` takes what a record says; whoever fills a view need not even decode the records that `Needs` does not ask
//! for. `View::prepare` reads the sampled header as far as it must: the layers of a packet are walked over only when a
//! key asks for an inner one, or when the packet may be a tunnel.

use std::net::IpAddr;

use super::direction::Direction;
use super::language::Needs;
use crate::packet::{Ethernet, Header, IpProtocol, MacAddress, Stack, TcpFlags};
use crate::sflow::flow::{Gateway, Router, Switch};
use crate::sflow::{AppStatus, DataSource, DropReason, FlowRecord, Interface, RawHeader};

/// UDP ports of tunnels whose inner packets are read (RFC 7348, RFC 8926).
const TUNNELS: [u16; 2] = [4789, 6081];

/// One sample.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// Who sampled.
    pub agent: IpAddr,
    /// What sampled.
    pub source: DataSource,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it went out.
    pub output: Interface,
    /// Where it was sampled.
    pub direction: Direction,
    /// Packets that the sample stands for.
    pub scale: f64,
    /// Why the packet was discarded, in a notification of that.
    pub reason: Option<DropReason>,
    needs: Needs,
    raw: Option<RawHeader<'a>>,
    header: Option<Header>,
    /// The fast header says all that there is of addresses, ports and tags.
    plain: bool,
    stack: Option<Stack<'a>>,
    pub(super) packet: Option<Packet>,
    pub(super) frame: Option<(Ethernet, u16)>,
    pub(super) switch: Option<Switch>,
    pub(super) router: Option<Router>,
    pub(super) gateway: Option<Gateway<'a>>,
    pub(super) vni: Option<u32>,
    pub(super) queue: Option<u32>,
    pub(super) depth: Option<u32>,
    pub(super) delay: Option<u32>,
    pub(super) operation: Option<Operation<'a>>,
}

/// What an agent says of a packet whose bytes it does not send (formats 3, 4, 2100, 2101).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) length: Option<u32>,
    pub(super) protocol: u8,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) flags: Option<TcpFlags>,
    pub(super) tos: Option<u8>,
}

/// What an agent in an application says of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Operation<'a> {
    pub(super) url: Option<&'a [u8]>,
    pub(super) host: Option<&'a [u8]>,
    pub(super) user_agent: Option<&'a [u8]>,
    pub(super) method: Option<&'static str>,
    pub(super) http_status: Option<u32>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) memcache_status: Option<u32>,
    pub(super) bytes: Option<u64>,
    pub(super) duration: Option<u32>,
    pub(super) status: Option<AppStatus>,
}

impl<'a> View<'a> {
    /// A sample that stands for `sampling_rate` packets; 0, with agents that do not know, counts as 1.
    pub fn new(
        agent: IpAddr,
        source: DataSource,
        (input, output): (Interface, Interface),
        direction: Direction,
        sampling_rate: u32,
    ) -> Self {
        Self {
            agent,
            source,
            input,
            output,
            direction,
            scale: f64::from(sampling_rate.max(1)),
            reason: None,
            needs: Needs::NONE,
            raw: None,
            header: None,
            plain: false,
            stack: None,
            packet: None,
            frame: None,
            switch: None,
            router: None,
            gateway: None,
            vni: None,
            queue: None,
            depth: None,
            delay: None,
            operation: None,
        }
    }

    /// The sampled header, and what the fast reader has read of it if somebody has.
    pub fn set_header(&mut self, raw: RawHeader<'a>, header: Option<Header>) {
        self.raw = Some(raw);
        self.header = header;
    }

    /// Takes what a record says, if `needs` asks for it. The first of a kind counts.
    pub fn add(&mut self, record: &FlowRecord<'a>, needs: Needs) {
        match record {
            FlowRecord::RawHeader(raw) if self.raw.is_none() => self.raw = Some(*raw),
            FlowRecord::Switch(switch) => {
                self.switch.get_or_insert(*switch);
            }
            FlowRecord::Router(router) => {
                self.router.get_or_insert(*router);
            }
            FlowRecord::Gateway(gateway) => {
                // What a damaged record does not say is null.
                self.gateway = self.gateway.or_else(|| gateway.get().ok());
            }
            FlowRecord::VniIngress(vni) | FlowRecord::VniEgress(vni) => {
                self.vni.get_or_insert(vni.vni);
            }
            FlowRecord::EgressQueue(queue) => {
                self.queue.get_or_insert(queue.queue);
            }
            FlowRecord::QueueDepth(depth) => {
                self.depth.get_or_insert(depth.depth_bytes);
            }
            FlowRecord::TransitDelay(delay) => {
                self.delay.get_or_insert(delay.delay_ns);
            }
            other => self.add_rare(other, needs),
        }
    }

    fn add_rare(&mut self, record: &FlowRecord<'a>, needs: Needs) {
        match record {
            FlowRecord::Ethernet(frame) => {
                let addresses = Ethernet {
                    source: MacAddress(frame.source),
                    destination: MacAddress(frame.destination),
                };
                let ethertype = u16::try_from(frame.ethertype).unwrap_or(0);
                self.frame.get_or_insert((addresses, ethertype));
            }
            FlowRecord::Ipv4(packet) => {
                self.packet.get_or_insert(Packet {
                    length: Some(packet.length),
                    protocol: low(packet.protocol),
                    source: packet.source.into(),
                    destination: packet.destination.into(),
                    source_port: port(packet.source_port),
                    destination_port: port(packet.destination_port),
                    flags: Some(TcpFlags(low(packet.tcp_flags))),
                    tos: Some(low(packet.tos)),
                });
            }
            FlowRecord::Ipv6(packet) => {
                self.packet.get_or_insert(Packet {
                    length: Some(packet.length),
                    protocol: low(packet.protocol),
                    source: packet.source.into(),
                    destination: packet.destination.into(),
                    source_port: port(packet.source_port),
                    destination_port: port(packet.destination_port),
                    flags: Some(TcpFlags(low(packet.tcp_flags))),
                    tos: Some(low(packet.priority)),
                });
            }
            _ => {}
        }
        if needs.intersects(Needs::APPLICATION) {
            self.add_operation(record);
        }
    }

    fn add_operation(&mut self, record: &FlowRecord<'a>) {
        let operation = match record {
            FlowRecord::HttpRequest(http) => http.get().ok().map(|http| Operation {
                url: Some(http.uri.0),
                host: Some(http.host.0),
                user_agent: Some(http.user_agent.0),
                method: Some(method(http.method)),
                http_status: Some(http.status),
                bytes: Some(http.response_bytes.saturating_add(http.request_bytes)),
                duration: Some(http.duration_us),
                ..Operation::default()
            }),
            FlowRecord::HttpOld(http) => http.get().ok().map(|http| Operation {
                url: Some(http.uri.0),
                host: Some(http.host.0),
                user_agent: Some(http.user_agent.0),
                method: Some(method(http.method)),
                http_status: Some(http.status),
                bytes: Some(http.response_bytes),
                duration: Some(http.duration_us),
                ..Operation::default()
            }),
            FlowRecord::MemcacheOperation(memcache) => memcache.get().ok().map(|memcache| Operation {
                key: Some(memcache.key.0),
                memcache_status: Some(memcache.status),
                bytes: Some(memcache.value_bytes.into()),
                duration: Some(memcache.duration_us),
                ..Operation::default()
            }),
            FlowRecord::AppOperation(app) => app.get().ok().map(|app| Operation {
                bytes: Some(app.request_bytes.saturating_add(app.response_bytes)),
                duration: Some(app.duration_us),
                status: Some(app.status),
                ..Operation::default()
            }),
            FlowRecord::SocketV4(socket) => {
                // A socket is seen by the server: the other end sent the request.
                self.packet.get_or_insert(Packet {
                    length: None,
                    protocol: low(socket.protocol),
                    source: socket.remote.into(),
                    destination: socket.local.into(),
                    source_port: port(socket.remote_port),
                    destination_port: port(socket.local_port),
                    flags: None,
                    tos: None,
                });
                return;
            }
            FlowRecord::SocketV6(socket) => {
                self.packet.get_or_insert(Packet {
                    length: None,
                    protocol: low(socket.protocol),
                    source: socket.remote.into(),
                    destination: socket.local.into(),
                    source_port: port(socket.remote_port),
                    destination_port: port(socket.local_port),
                    flags: None,
                    tos: None,
                });
                return;
            }
            _ => return,
        };
        self.operation = self.operation.or(operation);
    }

    /// Reads the sampled header as far as `needs` asks for. To be called once, before any definition sees the sample,
    /// with what all of them need.
    pub fn prepare(&mut self, needs: Needs) {
        self.needs = needs;
        let Some(raw) = self.raw else { return };
        if !needs.intersects(Needs::HEADER | Needs::STACK) {
            return;
        }
        let header = *self
            .header
            .get_or_insert_with(|| Header::parse(raw.protocol, raw.header));
        self.plain = is_plain(&header);
        if needs.intersects(Needs::STACK) || !self.plain {
            self.stack = Some(Stack::parse(raw.protocol, raw.header));
        }
    }

    /// The fast header, if it says all that there is.
    pub(super) fn plain(&self) -> Option<&Header> {
        self.header.as_ref().filter(|_| self.plain)
    }

    pub(super) const fn stack(&self) -> Option<&Stack<'a>> {
        self.stack.as_ref()
    }

    /// The same, as if the fast reader knew nothing.
    #[cfg(test)]
    pub(super) fn without_fast(mut self) -> Self {
        self.plain = false;
        self
    }

    /// What a packet says whose bytes were not sampled.
    pub(super) fn told(&self) -> Option<&Packet> {
        self.packet.as_ref().filter(|_| self.raw.is_none())
    }

    /// Length of the packet on the wire in bytes; of an operation, what it moved.
    pub(super) fn bytes(&self) -> Option<u64> {
        match (&self.raw, &self.operation, &self.packet) {
            (Some(raw), ..) => Some(raw.frame_length.into()),
            (None, Some(operation), _) => operation.bytes,
            (None, None, packet) => packet.as_ref()?.length.map(Into::into),
        }
    }

    pub(super) fn stripped(&self) -> Option<u32> {
        self.raw.map(|raw| raw.stripped)
    }

    /// Whether the packet was sampled where it entered.
    pub(super) fn is_ingress(&self) -> bool {
        matches!(self.direction, Direction::Ingress(_))
    }
}

/// Whether no inner packet can follow what the fast reader has read.
fn is_plain(header: &Header) -> bool {
    let Some(transport) = &header.transport else {
        return header.icmp.is_some() && header.ip.is_some();
    };
    let is_tunnel = TUNNELS.contains(&transport.destination_port);
    let protocol = header.ip.and_then(|ip| ip.protocol);
    match protocol {
        Some(IpProtocol::TCP) => true,
        Some(IpProtocol::UDP) => !is_tunnel,
        _ => false,
    }
}

fn low(word: u32) -> u8 {
    let [.., low] = word.to_be_bytes();
    low
}

fn port(word: u32) -> u16 {
    let [_, _, high, low] = word.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// The methods of an HTTP request by number (sFlow HTTP Structures, `http_method`).
const fn method(number: u32) -> &'static str {
    match number {
        1 => "OPTIONS",
        2 => "GET",
        3 => "HEAD",
        4 => "POST",
        5 => "PUT",
        6 => "DELETE",
        7 => "TRACE",
        8 => "CONNECT",
        _ => "OTHER",
    }
}
