//! Datagrams for people: a line for each datagram, sample and record.

use std::fmt::{self, Display};
use std::io::Write;
use std::net::SocketAddr;

use super::time::Utc;
use crate::packet::{Header, Ip, IpProtocol, Layer, Stop, TcpFlags, Transport};
use crate::pcap::UdpPayload;
use crate::sflow::{
    CounterRecord, CounterSample, Datagram, DecodeError, FlowRecord, FlowSample, GenericInterface, Interface,
    PortName, RawHeader, Sample,
};

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
            Ok(_) => {}
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
    for record in sample.records() {
        match record {
            Ok(FlowRecord::RawHeader(raw)) => raw_header(&raw, out)?,
            Ok(FlowRecord::Other { format, bytes }) => skipped(format, bytes, out)?,
            Ok(_) => {}
            Err(error) => writeln!(out, "    DAMAGED {error}")?,
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
        match record {
            Ok(CounterRecord::GenericInterface(counters)) => generic_interface(&counters, out)?,
            // Quoted and escaped: a name is the network's text, and this is somebody's terminal.
            Ok(CounterRecord::PortName(PortName { name })) => {
                writeln!(out, "    port name {:?}", String::from_utf8_lossy(name.0))?;
            }
            Ok(CounterRecord::Other { format, bytes }) => skipped(format, bytes, out)?,
            Ok(_) => {}
            Err(error) => writeln!(out, "    DAMAGED {error}")?,
        }
    }
    Ok(())
}

fn skipped(format: impl Display, bytes: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "    record {format} skipped, {} bytes", bytes.len())?;
    Ok(())
}

/// A port for people.
struct Port(Interface);

impl Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Interface::Index(index) => index.fmt(f),
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
        "    packet of {} bytes, {} sampled, {} stripped:",
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

fn generic_interface(counters: &GenericInterface, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "    interface {} {} bit/s {}: in {} bytes {} unicast {} multicast {} broadcast {} discards {} errors, \
         out {} bytes {} unicast {} multicast {} broadcast {} discards {} errors",
        counters.if_index,
        counters.speed_bps,
        if counters.is_up() { "up" } else { "down" },
        Counter(counters.in_octets, u64::MAX),
        narrow(counters.in_unicast),
        narrow(counters.in_multicast),
        narrow(counters.in_broadcast),
        narrow(counters.in_discards),
        narrow(counters.in_errors),
        Counter(counters.out_octets, u64::MAX),
        narrow(counters.out_unicast),
        narrow(counters.out_multicast),
        narrow(counters.out_broadcast),
        narrow(counters.out_discards),
        narrow(counters.out_errors),
    )?;
    Ok(())
}

/// A counter, and the value that means "not counted".
struct Counter(u64, u64);

fn narrow(counter: u32) -> Counter {
    Counter(counter.into(), u32::MAX.into())
}

impl Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 == self.1 {
            true => f.write_str("-"),
            false => self.0.fmt(f),
        }
    }
}
