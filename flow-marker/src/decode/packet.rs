//! What the sampled header says of the packet, in the vocabulary of sflowtool.

use std::io;
use std::net::IpAddr;

use super::shown::{Shown, full};
use super::writer::Json;
use crate::packet::{Header, Ip, IpProtocol, MacAddress};
use crate::sflow::{HeaderProtocol, RawHeader, Value};

/// Writes what is known of the packet.
pub(super) fn write(json: &mut Json<'_>, raw: &RawHeader<'_>) -> io::Result<()> {
    let header = Header::parse(raw.protocol, raw.header);
    if let Some(ethernet) = header.ethernet {
        json.text("dstMAC", mac(ethernet.destination))?;
        json.text("srcMAC", mac(ethernet.source))?;
    }
    tags(json, raw)?;
    if let Some(ethertype) = header.ethertype {
        json.text("ethernet_type", ethertype.0)?;
    }
    let Some(ip) = header.ip else {
        return Ok(());
    };
    // By the frame, so that it shows padding; the packet's own length follows.
    let size = raw
        .frame_length
        .saturating_sub(raw.stripped)
        .saturating_sub(ip.offset.into());
    json.text("IPSize", size)?;
    match ip.source {
        IpAddr::V4(_) => ipv4(json, &ip)?,
        IpAddr::V6(_) => ipv6(json, &ip, raw)?,
    }
    if let Some(transport) = header.transport {
        let (source, destination) = match ip.protocol {
            Some(IpProtocol::TCP) => ("TCPSrcPort", "TCPDstPort"),
            _ => ("UDPSrcPort", "UDPDstPort"),
        };
        json.text(source, transport.source_port)?;
        json.text(destination, transport.destination_port)?;
        if let Some(flags) = transport.tcp.and_then(|tcp| tcp.flags) {
            json.text("TCPFlags", flags.0)?;
        }
        if let Some(udp) = transport.udp {
            json.text("UDPBytes", udp.length)?;
        }
    }
    if let Some(icmp) = header.icmp {
        json.text("ICMPType", icmp.kind)?;
        json.text("ICMPCode", icmp.code)?;
    }
    Ok(())
}

/// All VLAN tags, the outermost first; the later ones are numbered.
fn tags(json: &mut Json<'_>, raw: &RawHeader<'_>) -> io::Result<()> {
    if raw.protocol != HeaderProtocol::ETHERNET {
        return Ok(());
    }
    let mut rest = raw.header.get(12..).unwrap_or_default();
    let mut depth = 0;
    while let Some((&[t0, t1, c0, c1], behind)) = rest.split_first_chunk() {
        if !matches!([t0, t1], [0x81, 0x00] | [0x88, 0xA8] | [0x91..=0x93, 0x00]) || depth == MAX_TAGS {
            break;
        }
        let control = u16::from_be_bytes([c0, c1]);
        let number = if depth == 0 {
            String::new()
        } else {
            format!(".{depth}")
        };
        json.text(&format!("decodedVLAN{number}"), control & 0x0FFF)?;
        json.text(&format!("decodedPriority{number}"), control >> 13)?;
        rest = behind;
        depth += 1;
    }
    Ok(())
}

/// More tags than any network stacks.
const MAX_TAGS: usize = 8;

fn ipv4(json: &mut Json<'_>, ip: &Ip) -> io::Result<()> {
    json.text("ip.tot_len", ip.length)?;
    json.text("srcIP", ip.source)?;
    json.text("dstIP", ip.destination)?;
    json.text("IPProtocol", ip.protocol.map_or(0, |protocol| protocol.0))?;
    json.text("IPTOS", traffic_class(ip))?;
    json.text("IPTTL", ip.ttl)?;
    // sflowtool prints the number as it lies in the memory of a little-endian machine, that is with its bytes swapped.
    // Its output is the contract, so that both can be compared; the text output has the real number.
    match ip.identification {
        Some(identification) => json.text("IPID", identification.swap_bytes()),
        None => Ok(()),
    }
}

fn ipv6(json: &mut Json<'_>, ip: &Ip, raw: &RawHeader<'_>) -> io::Result<()> {
    json.text("IPTOS", traffic_class(ip))?;
    json.text(
        "IP6_label",
        format_args!("{:#x}", ip.flow_label.unwrap_or_default()),
    )?;
    json.text("IPV6_payloadLen", ip.length.saturating_sub(40))?;
    json.text("IPTTL", ip.ttl)?;
    json.text("srcIP6", full(ip.source))?;
    json.text("dstIP6", full(ip.destination))?;
    // The first extension header; the protocol behind all of them follows.
    let next_header = raw.header.get(usize::from(ip.offset) + 6).copied();
    if let Some(extension @ (0 | 43 | 44 | 50 | 51 | 60)) = next_header {
        json.text("IP6HeaderExtension", extension)?;
    }
    match ip.protocol {
        Some(protocol) => json.text("IPProtocol", protocol.0),
        None => Ok(()),
    }
}

const fn traffic_class(ip: &Ip) -> u8 {
    (ip.dscp << 2) | ip.ecn
}

fn mac(address: MacAddress) -> String {
    Shown(&Value::Mac(address.0)).to_string()
}
