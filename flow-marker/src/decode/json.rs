//! One JSON object a datagram, in the vocabulary of sflowtool: all values are strings.

use std::io::{self, Write};

use super::packet;
use super::shown::{Shown, full};
use super::vocabulary::{as_path_ends, kind};
use super::writer::Json;
use crate::pcap::UdpPayload;
use crate::sflow::flow::{Ipv4Packet, Ipv6Packet};
use crate::sflow::{
    CounterRecord, CounterSample, Datagram, DecodeError, DiscardSample, Entries, Fault, FlowFormat,
    FlowRecord, FlowSample, FlowValue, Interface, MetricValue, Records, RtFlow, RtMetric, Sample,
    SampleFormat, Typed, Value,
};
use crate::utc::Utc;

/// Writes one line.
pub(super) fn write(
    payload: &UdpPayload<'_>,
    datagram: &Result<Datagram<'_>, DecodeError>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut json = Json::new(out);
    json.begin(b"{")?;
    object(&mut json, payload, datagram)?;
    json.end(b"}\n")?;
    Ok(())
}

fn object(
    json: &mut Json<'_>,
    payload: &UdpPayload<'_>,
    datagram: &Result<Datagram<'_>, DecodeError>,
) -> io::Result<()> {
    // When it was received and from whom: of a capture sflowtool knows neither, and prints these. The captures beside
    // which its output lies are the contract; what we know of them stands under names of our own.
    json.text("datagramSourceIP", "-")?;
    json.text("datagramSize", payload.bytes.len())?;
    json.text("unixSecondsUTC", 0)?;
    json.text("unixSecondsUTC_uS", 0)?;
    json.text("localtime", "1970-01-01T00:00:00+0000")?;
    json.text("pcapTimestamp", format_args!("{}+0000", Utc(payload.time)))?;
    json.text("pcapTimestamp_uS", payload.time.subsec_micros())?;
    json.text("pcapSourceIP", full(payload.source.ip()))?;
    json.text("pcapSourcePort", payload.source.port())?;
    if payload.length > payload.bytes.len() {
        json.text("pcapOriginalSize", payload.length)?;
    }
    let datagram = match datagram {
        Ok(datagram) => datagram,
        Err(error) => {
            if let Fault::Version(version) = error.fault {
                json.text("datagramVersion", version)?;
            }
            return damage(json, error);
        }
    };
    json.text("datagramVersion", 5)?;
    json.text("agentSubId", datagram.sub_agent)?;
    json.text("agent", full(datagram.agent))?;
    json.text("packetSequenceNo", datagram.sequence)?;
    json.text("sysUpTime", datagram.uptime_ms)?;
    json.text("samplesInPacket", datagram.sample_count)?;
    json.list("samples")?;
    let mut samples = datagram.samples();
    for item in samples.by_ref() {
        json.element()?;
        sample(json, &item)?;
        json.end(b"}")?;
    }
    json.end(b"]")?;
    match samples.rest() {
        [] => Ok(()),
        rest => json.text("trailingBytes", rest.len()),
    }
}

/// What is wrong, and where.
fn damage(json: &mut Json<'_>, error: &DecodeError) -> io::Result<()> {
    json.text("error", error)?;
    json.text("errorPosition", error.at)
}

/// What is known of a damaged structure; `tag` is the member that says what it is. Its format, where it is known.
fn damaged(json: &mut Json<'_>, tag: &str, error: &DecodeError) -> io::Result<Option<u32>> {
    let mut format = None;
    if let Fault::Overrun {
        enterprise, number, ..
    } = error.fault
    {
        json.text(tag, format_args!("{enterprise}:{number}"))?;
        format = Some(enterprise << 12 | number);
    }
    damage(json, error)?;
    Ok(format)
}

fn sample(json: &mut Json<'_>, sample: &Result<Sample<'_>, DecodeError>) -> io::Result<()> {
    match sample {
        Ok(Sample::Flow(sample)) => flow_sample(json, sample),
        Ok(Sample::Counters(sample)) => counter_sample(json, sample),
        Ok(Sample::Discard(sample)) => discard_sample(json, sample),
        Ok(Sample::RtMetric(sample)) => rt_metric(json, sample),
        Ok(Sample::RtFlow(sample)) => rt_flow(json, sample),
        Ok(Sample::Other { format, bytes }) => {
            json.text("sampleType_tag", format)?;
            json.text("skippedBytes", bytes.len())
        }
        Err(error) => damaged(json, "sampleType_tag", error).map(drop),
    }
}

fn head(json: &mut Json<'_>, format: SampleFormat, kind: &str) -> io::Result<()> {
    json.text("sampleType_tag", format)?;
    json.text("sampleType", kind)
}

fn flow_sample(json: &mut Json<'_>, sample: &FlowSample<'_>) -> io::Result<()> {
    head(json, sample.format, "FLOWSAMPLE")?;
    json.text("sampleSequenceNo", sample.sequence)?;
    json.text("sourceId", sample.source)?;
    json.text("meanSkipCount", sample.sampling_rate)?;
    json.text("samplePool", sample.sample_pool)?;
    json.text("dropEvents", sample.drops)?;
    json.text("inputPort", port(sample.input))?;
    json.text("outputPort", port(sample.output))?;
    elements(json, sample.records(), true)
}

fn discard_sample(json: &mut Json<'_>, sample: &DiscardSample<'_>) -> io::Result<()> {
    head(json, SampleFormat::DISCARDED_PACKET, "DISCARD")?;
    json.text("sampleSequenceNo", sample.sequence)?;
    json.text("sourceId", sample.source)?;
    json.text("dropEvents", sample.drops)?;
    json.text("inputPort", sample.input_if_index)?;
    json.text("outputPort", sample.output_if_index)?;
    json.text("discardCode", sample.reason.0)?;
    json.text("discardReason", sample.reason.name().unwrap_or("NotFound"))?;
    json.name("", "elements")?;
    json.begin(b"[")?;
    json.prefix = "discarded_";
    let written = flow_records(json, sample.records(), true);
    json.prefix = "";
    written?;
    json.end(b"]")
}

fn elements<'a>(json: &mut Json<'_>, records: Records<'a, FlowRecord<'a>>, descend: bool) -> io::Result<()> {
    json.list("elements")?;
    flow_records(json, records, descend)?;
    json.end(b"]")
}

/// `descend` into aggregates: one inside another is hostile, and is as deep as its bytes reach.
fn flow_records<'a>(
    json: &mut Json<'_>,
    records: Records<'a, FlowRecord<'a>>,
    descend: bool,
) -> io::Result<()> {
    for record in records {
        json.element()?;
        match record {
            Ok(record) => flow_record(json, &record, descend)?,
            Err(error) => {
                let format = damaged(json, "flowBlock_tag", &error)?;
                if let Some((name, value, _)) = format.map(|format| kind(FlowFormat(format)))
                    && !value.is_empty()
                {
                    json.text(name, value)?;
                }
            }
        }
        json.end(b"}")?;
    }
    Ok(())
}

fn flow_record(json: &mut Json<'_>, record: &FlowRecord<'_>, descend: bool) -> io::Result<()> {
    json.text("flowBlock_tag", record.format())?;
    let (name, value, prefix) = kind(record.format());
    if !value.is_empty() {
        json.text(name, value)?;
    }
    match record {
        FlowRecord::RawHeader(raw) => {
            fields(json, prefix, |visit| record.fields(visit))?;
            packet::write(json, raw)
        }
        FlowRecord::Ipv4(packet)
        | FlowRecord::Ipv4TunnelEgress(packet)
        | FlowRecord::Ipv4TunnelIngress(packet) => ipv4(json, prefix, packet),
        FlowRecord::Ipv6(packet)
        | FlowRecord::Ipv6TunnelEgress(packet)
        | FlowRecord::Ipv6TunnelIngress(packet) => ipv6(json, prefix, packet),
        FlowRecord::Gateway(gateway) => {
            fields(json, prefix, |visit| record.fields(visit))?;
            let Ok(gateway) = gateway.get() else {
                return Ok(());
            };
            let (peer, destination) = as_path_ends(&gateway.path);
            json.text("dst_as", destination)?;
            json.text("dst_peer_as", peer)
        }
        FlowRecord::Aggregation(aggregation) => {
            json.text("aggregation_num_pdus", aggregation.pdus.len())?;
            json.list("aggregation_pdus")?;
            for records in aggregation.pdus.iter().filter(|_| descend) {
                json.element()?;
                elements(json, records, false)?;
                json.end(b"}")?;
            }
            json.end(b"]")
        }
        FlowRecord::Other { bytes, .. } => json.text("skippedBytes", bytes.len()),
        record => fields(json, prefix, |visit| record.fields(visit)),
    }
}

/// Writes every field that `walk` shows.
fn fields<'a>(
    json: &mut Json<'_>,
    prefix: &str,
    walk: impl FnOnce(&mut dyn FnMut(&'static str, Value<'a>)),
) -> io::Result<()> {
    let mut written = Ok(());
    walk(&mut |name, value| {
        if written.is_ok() {
            written = json.value(prefix, name, &value);
        }
    });
    written
}

fn ipv4(json: &mut Json<'_>, prefix: &str, packet: &Ipv4Packet) -> io::Result<()> {
    json.prefixed(prefix, "sampledPacketSize", packet.length)?;
    json.prefixed(prefix, "IPSize", packet.length)?;
    json.prefixed(prefix, "srcIP", packet.source)?;
    json.prefixed(prefix, "dstIP", packet.destination)?;
    json.prefixed(prefix, "IPProtocol", packet.protocol)?;
    json.prefixed(prefix, "IPTOS", packet.tos)?;
    let ports = [packet.source_port, packet.destination_port];
    transport(json, prefix, packet.protocol, ports, packet.tcp_flags)
}

fn ipv6(json: &mut Json<'_>, prefix: &str, packet: &Ipv6Packet) -> io::Result<()> {
    json.prefixed(prefix, "sampledPacketSize", packet.length)?;
    json.prefixed(prefix, "IPSize", packet.length)?;
    json.prefixed(prefix, "srcIP6", full(packet.source.into()))?;
    json.prefixed(prefix, "dstIP6", full(packet.destination.into()))?;
    json.prefixed(prefix, "IPProtocol", packet.protocol)?;
    json.prefixed(prefix, "priority", packet.priority)?;
    let ports = [packet.source_port, packet.destination_port];
    transport(json, prefix, packet.protocol, ports, packet.tcp_flags)
}

fn transport(
    json: &mut Json<'_>,
    prefix: &str,
    protocol: u32,
    [source, destination]: [u32; 2],
    flags: u32,
) -> io::Result<()> {
    let (from, to) = match protocol {
        1 => ("ICMPSrcPort", "ICMPType"),
        6 => ("TCPSrcPort", "TCPDstPort"),
        17 => ("UDPSrcPort", "UDPDstPort"),
        _ => ("srcPort", "dstPort"),
    };
    json.prefixed(prefix, from, source)?;
    json.prefixed(prefix, to, destination)?;
    json.prefixed(prefix, "TCPFlags", flags)
}

fn counter_sample(json: &mut Json<'_>, sample: &CounterSample<'_>) -> io::Result<()> {
    head(json, sample.format, "COUNTERSSAMPLE")?;
    json.text("sampleSequenceNo", sample.sequence)?;
    json.text("sourceId", sample.source)?;
    json.list("elements")?;
    for record in sample.records() {
        json.element()?;
        match record {
            Ok(CounterRecord::Other { format, bytes }) => {
                json.text("counterBlock_tag", format)?;
                json.text("skippedBytes", bytes.len())?;
            }
            Ok(record) => {
                json.text("counterBlock_tag", record.format())?;
                fields(json, "", |visit| record.fields(visit))?;
            }
            Err(error) => drop(damaged(json, "counterBlock_tag", &error)?),
        }
        json.end(b"}")?;
    }
    json.end(b"]")
}

fn rt_metric(json: &mut Json<'_>, sample: &RtMetric<'_>) -> io::Result<()> {
    head(json, SampleFormat::RT_METRIC, "RTMETRIC")?;
    json.text("rtmetric_datasource_name", Shown(&Value::Text(sample.source)))?;
    entries(json, sample.entries(), |value| match value {
        MetricValue::Text(text) => ("rtmetric_string_", Shown(&Value::Text(*text)).to_string()),
        MetricValue::Counter32(value) => ("rtmetric_counter32_", value.to_string()),
        MetricValue::Counter64(value) => ("rtmetric_counter64_", value.to_string()),
        MetricValue::Gauge32(value) => ("rtmetric_gauge32_", value.to_string()),
        MetricValue::Gauge64(value) => ("rtmetric_gauge64_", value.to_string()),
        MetricValue::Float(value) => ("rtmetric_gaugeFloat_", format!("{value:.3}")),
        MetricValue::Double(value) => ("rtmetric_gaugeDouble_", format!("{value:.3}")),
    })
}

fn rt_flow(json: &mut Json<'_>, sample: &RtFlow<'_>) -> io::Result<()> {
    head(json, SampleFormat::RT_FLOW, "RTFLOW")?;
    json.text("rtflow_datasource_name", Shown(&Value::Text(sample.source)))?;
    json.text("rtflow_sampling_rate", sample.sampling_rate)?;
    json.text("rtflow_sample_pool", sample.sample_pool)?;
    entries(json, sample.entries(), |value| match value {
        FlowValue::Text(text) => ("rtflow_string_", Shown(&Value::Text(*text)).to_string()),
        FlowValue::Mac(mac) => ("rtflow_mac_", Shown(&Value::Mac(*mac)).to_string()),
        FlowValue::Ipv4(address) => ("rtflow_ip_", address.to_string()),
        FlowValue::Ipv6(address) => ("rtflow_ip6_", full((*address).into()).to_string()),
        FlowValue::U32(value) => ("rtflow_int32_", value.to_string()),
        FlowValue::U64(value) => ("rtflow_int64_", value.to_string()),
        FlowValue::Float(value) => ("rtflow_float_", format!("{value:.3}")),
        FlowValue::Double(value) => ("rtflow_double_", format!("{value:.3}")),
    })
}

fn entries<'a, V: Typed<'a>>(
    json: &mut Json<'_>,
    entries: Entries<'a, V>,
    shown: impl Fn(&V) -> (&'static str, String),
) -> io::Result<()> {
    for entry in entries {
        match entry {
            Ok(entry) => {
                let (prefix, value) = shown(&entry.value);
                json.prefixed(prefix, &Shown(&Value::Text(entry.name)).to_string(), value)?;
            }
            Err(error) => damage(json, &error)?,
        }
    }
    Ok(())
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
