//! Datagrams for people: a line for each datagram, sample and record.

use std::fmt::{self, Debug, Display};
use std::io::{self, Write};
use std::net::SocketAddr;

use super::shown::Shown;
use crate::packet::{Header, Ip, IpProtocol, Layer, Stop, TcpFlags, Transport};
use crate::pcap::UdpPayload;
use crate::sflow::{
    CounterRecord, CounterSample, Datagram, DecodeError, DiscardSample, Entries, Entry, FlowRecord,
    FlowSample, Interface, RawHeader, Records, Sample, Typed, Value,
};
use crate::utc::Utc;

/// Writes a datagram.
pub(super) fn write(
    payload: &UdpPayload<'_>,
    datagram: &Result<Datagram<'_>, DecodeError>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (time, microseconds) = (Utc(payload.time), payload.time.subsec_micros());
    write!(
        out,
        "{time}.{microseconds:06}Z {} {} bytes",
        payload.source,
        payload.bytes.len()
    )?;
    if payload.length > payload.bytes.len() {
        write!(out, " (captured, of {})", payload.length)?;
    }
    let datagram = match datagram {
        Ok(datagram) => datagram,
        Err(error) => {
            writeln!(out, ": DAMAGED {error}")?;
            return Ok(());
        }
    };
    writeln!(
        out,
        ": agent {} sub-agent {} datagram {} uptime {} ms samples {}",
        datagram.agent, datagram.sub_agent, datagram.sequence, datagram.uptime_ms, datagram.sample_count
    )?;
    let mut samples = datagram.samples();
    for sample in samples.by_ref() {
        match sample {
            Ok(Sample::Flow(sample)) => flow_sample(&sample, out)?,
            Ok(Sample::Counters(sample)) => counter_sample(&sample, out)?,
            Ok(Sample::Other { format, bytes }) => {
                writeln!(out, "  sample {format} skipped, {} bytes", bytes.len())?;
            }
            Ok(Sample::Discard(sample)) => discard_sample(&sample, out)?,
            Ok(Sample::RtMetric(sample)) => {
                writeln!(
                    out,
                    "  rtmetric source {:?}",
                    String::from_utf8_lossy(sample.source.0)
                )?;
                entries(sample.entries(), out)?;
            }
            Ok(Sample::RtFlow(sample)) => {
                let source = String::from_utf8_lossy(sample.source.0);
                let (rate, pool) = (sample.sampling_rate, sample.sample_pool);
                writeln!(out, "  rtflow source {source:?} rate 1:{rate} pool {pool}")?;
                entries(sample.entries(), out)?;
            }
            Err(error) => writeln!(out, "  DAMAGED {error}")?,
        }
    }
    if !samples.rest().is_empty() {
        writeln!(out, "  {} bytes behind the last sample", samples.rest().len())?;
    }
    Ok(())
}

fn flow_sample(sample: &FlowSample<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "  flow sample {} source {} rate 1:{} pool {} drops {} in {} out {}",
        sample.sequence,
        sample.source,
        sample.sampling_rate,
        sample.sample_pool,
        sample.drops,
        Port(sample.input),
        Port(sample.output)
    )?;
    flow_records(sample.records(), 4, out)
}

fn discard_sample(sample: &DiscardSample<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "  discarded packet {} source {} drops {} in {} out {} reason {} {}",
        sample.sequence,
        sample.source,
        sample.drops,
        sample.input_if_index,
        sample.output_if_index,
        sample.reason.0,
        sample.reason.name().unwrap_or("unnamed")
    )?;
    flow_records(sample.records(), 4, out)
}

/// Deeper than 8 columns nothing is descended into: an aggregate in an aggregate is hostile.
fn flow_records<'a>(
    records: Records<'a, FlowRecord<'a>>,
    indent: usize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    for record in records {
        write!(out, "{:indent$}", "")?;
        match record {
            Ok(FlowRecord::RawHeader(raw)) => raw_header(&raw, out)?,
            Ok(FlowRecord::Other { format, bytes }) => skipped(format, bytes, out)?,
            Ok(record) => {
                let format = record.format();
                write!(out, "{}:", format.name().unwrap_or_default())?;
                fields(|visit| record.fields(visit), out)?;
                if let FlowRecord::Aggregation(aggregation) = record
                    && indent < 8
                {
                    for (number, records) in aggregation.pdus.iter().enumerate() {
                        writeln!(out, "{:indent$}  packet {number} of the aggregate", "")?;
                        flow_records(records, indent + 4, out)?;
                    }
                }
            }
            Err(error) => writeln!(out, "DAMAGED {error}")?,
        }
    }
    Ok(())
}

fn counter_sample(sample: &CounterSample<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "  counter sample {} source {}",
        sample.sequence, sample.source
    )?;
    for record in sample.records() {
        write!(out, "    ")?;
        match record {
            Ok(CounterRecord::Other { format, bytes }) => skipped(format, bytes, out)?,
            Ok(record) => {
                write!(out, "{}:", record.format().name().unwrap_or_default())?;
                fields(|visit| record.fields(visit), out)?;
            }
            Err(error) => writeln!(out, "DAMAGED {error}")?,
        }
    }
    Ok(())
}

/// All fields of a record in one line, and its end.
fn fields<'a>(
    walk: impl FnOnce(&mut dyn FnMut(&'static str, Value<'a>)),
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut written = Ok(());
    walk(&mut |name, value| {
        if written.is_ok() {
            written = field(name, &value, out);
        }
    });
    written?;
    writeln!(out)?;
    Ok(())
}

fn field(name: &str, value: &Value<'_>, out: &mut dyn Write) -> io::Result<()> {
    write!(out, " {name} ")?;
    match value {
        // Quoted and escaped: this is the network's text, and somebody's terminal.
        Value::Text(text) => write!(out, "{:?}", String::from_utf8_lossy(text.0)),
        Value::Adapters(adapters) => {
            write!(out, "[")?;
            for adapter in adapters.iter() {
                write!(out, " {}:", adapter.if_index)?;
                for mac in adapter.macs() {
                    write!(out, " {}", Shown(&Value::Mac(mac)))?;
                }
                write!(out, ";")?;
            }
            write!(out, " ]")
        }
        Value::Lanes(lanes) => {
            write!(out, "[")?;
            for lane in lanes.iter() {
                for (name, value) in lane.fields() {
                    write!(out, " {name} {value}")?;
                }
                write!(out, ";")?;
            }
            write!(out, " ]")
        }
        Value::Percent(_) => write!(out, "{}%", Shown(value)),
        value if value.is_unknown() => write!(out, "-"),
        value => write!(out, "{}", Shown(value)),
    }
}

fn entries<'a, V: Typed<'a> + Debug>(entries: Entries<'a, V>, out: &mut dyn Write) -> anyhow::Result<()> {
    for entry in entries {
        match entry {
            Ok(Entry { name, value }) => {
                writeln!(out, "    {:?} {value:?}", String::from_utf8_lossy(name.0))?;
            }
            Err(error) => writeln!(out, "    DAMAGED {error}")?,
        }
    }
    Ok(())
}

fn skipped(format: impl Display, bytes: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "record {format} skipped, {} bytes", bytes.len())?;
    Ok(())
}

/// A port for people.
struct Port(Interface);

impl Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Interface::Index(index) => write!(f, "{index}"),
            Interface::Discarded(reason) => write!(f, "discarded({reason})"),
            Interface::Multiple(0) => f.write_str("multiple"),
            Interface::Multiple(ports) => write!(f, "multiple({ports})"),
            Interface::Internal => f.write_str("internal"),
            Interface::Unknown => f.write_str("unknown"),
            Interface::Undefined { format, value } => write!(f, "undefined({format}, {value})"),
        }
    }
}

fn raw_header(raw: &RawHeader<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    write!(
        out,
        "packet of {} bytes, {} sampled, {} stripped:",
        raw.frame_length,
        raw.header.len(),
        raw.stripped
    )?;
    let header = Header::parse(raw.protocol, raw.header);
    if let Some(ethernet) = header.ethernet {
        write!(out, " {} > {}", ethernet.source, ethernet.destination)?;
    }
    if let Some(vlan) = header.vlan {
        write!(out, " vlan {} priority {}", vlan.id, vlan.priority)?;
    }
    match (header.ip, header.ethertype) {
        (Some(ip), _) => packet(&ip, header.transport, out)?,
        (None, Some(ethertype)) => write!(out, " ethertype {:#06x}", ethertype.0)?,
        (None, None) => {}
    }
    if let Some(icmp) = header.icmp {
        write!(out, " type {} code {}", icmp.kind, icmp.code)?;
    }
    match header.stop {
        Stop::Complete => writeln!(out)?,
        Stop::Cut(layer) => writeln!(out, " (ends inside {})", name(layer))?,
        Stop::Unsupported(layer) => writeln!(out, " ({} not read)", name(layer))?,
        Stop::Malformed(layer) => writeln!(out, " ({} malformed)", name(layer))?,
        Stop::Fragment => writeln!(out, " (a later fragment)")?,
    }
    Ok(())
}

const fn name(layer: Layer) -> &'static str {
    match layer {
        Layer::Link => "the link layer",
        Layer::Vlan => "a VLAN tag",
        Layer::Network => "the network layer",
        Layer::Extension => "an IPv6 extension header",
        Layer::Transport => "the transport layer",
    }
}

fn packet(ip: &Ip, transport: Option<Transport>, out: &mut dyn Write) -> anyhow::Result<()> {
    match transport {
        Some(transport) => write!(
            out,
            " {} > {}",
            SocketAddr::new(ip.source, transport.source_port),
            SocketAddr::new(ip.destination, transport.destination_port)
        )?,
        None => write!(out, " {} > {}", ip.source, ip.destination)?,
    }
    match ip.protocol {
        Some(IpProtocol::TCP) => write!(out, " TCP")?,
        Some(IpProtocol::UDP) => write!(out, " UDP")?,
        Some(IpProtocol::ICMP | IpProtocol::ICMPV6) => write!(out, " ICMP")?,
        Some(IpProtocol(protocol)) => write!(out, " protocol {protocol}")?,
        None => {}
    }
    if let Some(tcp) = transport.and_then(|transport| transport.tcp) {
        if let Some(flags) = tcp.flags {
            write!(out, " {}", Flags(flags))?;
        }
        write!(out, " sequence {}", tcp.sequence)?;
    }
    write!(
        out,
        " length {} dscp {} ecn {} ttl {}",
        ip.length, ip.dscp, ip.ecn, ip.ttl
    )?;
    if let Some(identification) = ip.identification {
        write!(out, " id {identification}")?;
    }
    if ip.fragment {
        write!(out, " fragment")?;
    }
    Ok(())
}

/// TCP flags for people: `[SYN ACK]`.
struct Flags(TcpFlags);

impl Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (TcpFlags::SYN, "SYN"),
            (TcpFlags::FIN, "FIN"),
            (TcpFlags::RST, "RST"),
            (TcpFlags::PSH, "PSH"),
            (TcpFlags::ACK, "ACK"),
        ];
        let set: Vec<_> = names
            .iter()
            .filter(|(flag, _)| self.0.intersects(*flag))
            .map(|(_, name)| *name)
            .collect();
        write!(f, "[{}]", set.join(" "))
    }
}
