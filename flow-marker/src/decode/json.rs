//! One JSON object a datagram, in the vocabulary of sflowtool: all values are strings.

use std::fmt::Write as _;
use std::io::Write;
use std::net::IpAddr;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::time::Utc;
use crate::packet::{Header, Ip, IpProtocol, MacAddress};
use crate::pcap::UdpPayload;
use crate::sflow::{
    CounterRecord, CounterSample, Datagram, DecodeError, Fault, FlowRecord, FlowSample, GenericInterface,
    Interface, RawHeader, Sample,
};

/// Writes one line.
pub(super) fn write(
    payload: &UdpPayload<'_>,
    datagram: &Result<Datagram<'_>, DecodeError>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, &object(payload, datagram))?;
    out.write_all(b"\n")?;
    Ok(())
}

/// An object whose members keep their order.
#[derive(Default)]
struct Object(Vec<(&'static str, Value)>);

enum Value {
    Text(String),
    List(Vec<Object>),
}

impl Object {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and `format_args!` come as they are"
    )]
    fn text(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, Value::Text(value.to_string())));
        self
    }

    fn list(mut self, name: &'static str, values: impl Iterator<Item = Object>) -> Self {
        self.0.push((name, Value::List(values.collect())));
        self
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::List(list) => map.serialize_entry(name, list)?,
            }
        }
        map.end()
    }
}

fn object(payload: &UdpPayload<'_>, datagram: &Result<Datagram<'_>, DecodeError>) -> Object {
    let time = Utc(payload.time);
    let microseconds = payload.time.subsec_micros();
    let object = Object::default()
        .text("datagramSourceIP", address(payload.source.ip()))
        .text("datagramSize", payload.bytes.len())
        .text("unixSecondsUTC", payload.time.as_secs())
        .text("unixSecondsUTC_uS", microseconds)
        .text("localtime", format_args!("{time}+0000"))
        .text("pcapTimestamp", format_args!("{time}+0000"))
        .text("pcapTimestamp_uS", microseconds);
    let datagram = match datagram {
        Ok(datagram) => datagram,
        Err(error) => {
            let object = match error.fault {
                Fault::Version(version) => object.text("datagramVersion", version),
                _ => object,
            };
            return object.text("error", error);
        }
    };
    let mut samples = datagram.samples();
    let object = object
        .text("datagramVersion", 5)
        .text("agentSubId", datagram.sub_agent)
        .text("agent", address(datagram.agent))
        .text("packetSequenceNo", datagram.sequence)
        .text("sysUpTime", datagram.uptime_ms)
        .text("samplesInPacket", datagram.sample_count)
        .list(
            "samples",
            samples.by_ref().map(|sample| match sample {
                Ok(Sample::Flow(sample)) => flow_sample(&sample),
                Ok(Sample::Counters(sample)) => counter_sample(&sample),
                Ok(Sample::Other { format, bytes }) => Object::default()
                    .text("sampleType_tag", format)
                    .text("skippedBytes", bytes.len()),
                Ok(_) => Object::default(),
                Err(error) => damaged("sampleType_tag", error),
            }),
        );
    match samples.rest() {
        [] => object,
        rest => object.text("trailingBytes", rest.len()),
    }
}

/// What is known of a damaged structure; `tag` is the member that says what it is.
fn damaged(tag: &'static str, error: DecodeError) -> Object {
    let object = match error.fault {
        Fault::Overrun {
            enterprise, number, ..
        } => Object::default().text(tag, format_args!("{enterprise}:{number}")),
        _ => Object::default(),
    };
    object.text("error", error)
}

fn flow_sample(sample: &FlowSample<'_>) -> Object {
    Object::default()
        .text("sampleType_tag", sample.format)
        .text("sampleType", "FLOWSAMPLE")
        .text("sampleSequenceNo", sample.sequence)
        .text("sourceId", sample.source)
        .text("meanSkipCount", sample.sampling_rate)
        .text("samplePool", sample.sample_pool)
        .text("dropEvents", sample.drops)
        .text("inputPort", port(sample.input))
        .text("outputPort", port(sample.output))
        .list(
            "elements",
            sample.records().map(|record| match record {
                Ok(FlowRecord::RawHeader(header)) => raw_header(&header),
                Ok(FlowRecord::Other { format, bytes }) => Object::default()
                    .text("flowBlock_tag", format)
                    .text("skippedBytes", bytes.len()),
                Ok(_) => Object::default(),
                Err(error) => damaged("flowBlock_tag", error),
            }),
        )
}

fn counter_sample(sample: &CounterSample<'_>) -> Object {
    Object::default()
        .text("sampleType_tag", sample.format)
        .text("sampleType", "COUNTERSSAMPLE")
        .text("sampleSequenceNo", sample.sequence)
        .text("sourceId", sample.source)
        .list(
            "elements",
            sample.records().map(|record| match record {
                Ok(CounterRecord::GenericInterface(counters)) => generic_interface(&counters),
                Ok(CounterRecord::PortName(name)) => Object::default()
                    .text("counterBlock_tag", "0:1005")
                    .text("ifName", String::from_utf8_lossy(name.name.0)),
                Ok(CounterRecord::Other { format, bytes }) => Object::default()
                    .text("counterBlock_tag", format)
                    .text("skippedBytes", bytes.len()),
                Ok(_) => Object::default(),
                Err(error) => damaged("counterBlock_tag", error),
            }),
        )
}

fn port(interface: Interface) -> String {
    match interface {
        Interface::Index(index) => index.to_string(),
        Interface::Unknown => "0".to_owned(),
        Interface::Internal => 0x3FFF_FFFF.to_string(),
        Interface::Discarded(reason) => format!("dropCode {reason}"),
        Interface::Multiple(ports) => format!("multiple {ports}"),
        Interface::Undefined { format, value } => format!("format=={format} {value}"),
    }
}

fn raw_header(raw: &RawHeader<'_>) -> Object {
    let object = Object::default()
        .text("flowBlock_tag", "0:1")
        .text("flowSampleType", "HEADER")
        .text("headerProtocol", raw.protocol.0)
        .text("sampledPacketSize", raw.frame_length)
        .text("strippedBytes", raw.stripped)
        .text("headerLen", raw.header.len())
        .text("headerBytes", hexadecimal(raw.header));
    packet(object, raw)
}

fn packet(mut object: Object, raw: &RawHeader<'_>) -> Object {
    let header = Header::parse(raw.protocol, raw.header);
    if let Some(ethernet) = header.ethernet {
        object = object
            .text("dstMAC", mac(ethernet.destination))
            .text("srcMAC", mac(ethernet.source));
    }
    if let Some(vlan) = header.vlan {
        object = object
            .text("decodedVLAN", vlan.id)
            .text("decodedPriority", vlan.priority);
    }
    if let Some(ethertype) = header.ethertype {
        object = object.text("ethernet_type", ethertype.0);
    }
    let Some(ip) = header.ip else {
        return object;
    };
    // By the frame, so that it shows padding; the packet's own length follows.
    let size = raw
        .frame_length
        .saturating_sub(raw.stripped)
        .saturating_sub(ip.offset.into());
    object = object.text("IPSize", size);
    object = match ip.source {
        IpAddr::V4(_) => ipv4(object, &ip),
        IpAddr::V6(_) => ipv6(object, &ip),
    };
    if let Some(transport) = header.transport {
        let (source, destination) = match ip.protocol {
            Some(IpProtocol::TCP) => ("TCPSrcPort", "TCPDstPort"),
            _ => ("UDPSrcPort", "UDPDstPort"),
        };
        object = object
            .text(source, transport.source_port)
            .text(destination, transport.destination_port);
        if let Some(flags) = transport.tcp.and_then(|tcp| tcp.flags) {
            object = object.text("TCPFlags", flags.0);
        }
        if let Some(udp) = transport.udp {
            object = object.text("UDPBytes", udp.length);
        }
    }
    if let Some(icmp) = header.icmp {
        object = object.text("ICMPType", icmp.kind).text("ICMPCode", icmp.code);
    }
    object
}

fn ipv4(object: Object, ip: &Ip) -> Object {
    let object = object
        .text("ip.tot_len", ip.length)
        .text("srcIP", ip.source)
        .text("dstIP", ip.destination)
        .text("IPProtocol", ip.protocol.map_or(0, |protocol| protocol.0))
        .text("IPTOS", traffic_class(ip))
        .text("IPTTL", ip.ttl);
    // The number that the packet carries, read in network order: the real value, not its bytes as they
    // lie in a little-endian machine's memory.
    match ip.identification {
        Some(identification) => object.text("IPID", identification),
        None => object,
    }
}

fn ipv6(object: Object, ip: &Ip) -> Object {
    let object = object
        .text("IPTOS", traffic_class(ip))
        .text(
            "IP6_label",
            format_args!("{:#x}", ip.flow_label.unwrap_or_default()),
        )
        .text("IPV6_payloadLen", ip.length.saturating_sub(40))
        .text("IPTTL", ip.ttl)
        .text("srcIP6", address(ip.source))
        .text("dstIP6", address(ip.destination));
    match ip.protocol {
        Some(protocol) => object.text("IPProtocol", protocol.0),
        None => object,
    }
}

const fn traffic_class(ip: &Ip) -> u8 {
    (ip.dscp << 2) | ip.ecn
}

fn generic_interface(counters: &GenericInterface) -> Object {
    Object::default()
        .text("counterBlock_tag", "0:1")
        .text("ifIndex", counters.if_index)
        .text("networkType", counters.if_type)
        .text("ifSpeed", counters.speed_bps)
        .text("ifDirection", counters.direction)
        .text("ifStatus", counters.status)
        .text("ifInOctets", counters.in_octets)
        .text("ifInUcastPkts", counters.in_unicast)
        .text("ifInMulticastPkts", counters.in_multicast)
        .text("ifInBroadcastPkts", counters.in_broadcast)
        .text("ifInDiscards", counters.in_discards)
        .text("ifInErrors", counters.in_errors)
        .text("ifInUnknownProtos", counters.in_unknown_protocols)
        .text("ifOutOctets", counters.out_octets)
        .text("ifOutUcastPkts", counters.out_unicast)
        .text("ifOutMulticastPkts", counters.out_multicast)
        .text("ifOutBroadcastPkts", counters.out_broadcast)
        .text("ifOutDiscards", counters.out_discards)
        .text("ifOutErrors", counters.out_errors)
        .text("ifPromiscuousMode", counters.promiscuous)
}

/// `CE-83-38`.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        let separator = if index == 0 { "" } else { "-" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{byte:02X}");
    }
    text
}

/// `ce83381bb141`.
fn mac(address: MacAddress) -> String {
    address.to_string().replace(':', "")
}

/// IPv6 addresses with all their zeros.
fn address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments().map(|part| format!("{part:04x}")).join(":"),
    }
}
