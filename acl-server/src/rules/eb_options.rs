//! The conditions of `[ebtables]` (`ebtables(8)`): every option that may stand in a rule, and what it takes.

use super::error::{expected, number};
use super::interface::parse_list;
use super::operands::prefix;
use super::values::{IcmpType, Mac, PortRange, Protocol};

/// Reads an operand and says how many entries in hardware it stands for.
pub(super) type Operand = fn(&str) -> Result<u64, String>;

/// Every spelling of an option; the first is its name. Those without an operand take none.
const OPTIONS: [(&[&str], Option<Operand>); 36] = [
    (&["-p", "--protocol", "--proto"], Some(ether_type)),
    (&["-i", "--in-interface", "--in-if"], Some(interfaces)),
    (&["-o", "--out-interface", "--out-if"], Some(interfaces)),
    (&["--logical-in"], Some(interfaces)),
    (&["--logical-out"], Some(interfaces)),
    (&["-s", "--source", "--src"], Some(mac)),
    (&["-d", "--destination", "--dst"], Some(mac)),
    (&["--802_3-sap"], Some(|text| bits(text, 0xff))),
    (&["--802_3-type"], Some(|text| bits(text, 0xffff))),
    (&["--arp-opcode"], Some(arp_opcode)),
    (&["--arp-htype"], Some(|text| bits(text, 0xffff))),
    (&["--arp-ptype"], Some(ether_type)),
    (&["--arp-ip-src"], Some(ip4)),
    (&["--arp-ip-dst"], Some(ip4)),
    (&["--arp-mac-src"], Some(mac)),
    (&["--arp-mac-dst"], Some(mac)),
    (&["--arp-gratuitous"], None),
    (&["--ip-src", "--ip-source"], Some(ip4)),
    (&["--ip-dst", "--ip-destination"], Some(ip4)),
    (&["--ip-tos"], Some(traffic_class)),
    (&["--ip-proto", "--ip-protocol"], Some(protocol)),
    (&["--ip-sport", "--ip-source-port"], Some(ports)),
    (&["--ip-dport", "--ip-destination-port"], Some(ports)),
    (
        &["--ip-icmp-type"],
        Some(|text| IcmpType::parse(text, false).map(|_| 1)),
    ),
    (&["--ip6-src", "--ip6-source"], Some(ip6)),
    (&["--ip6-dst", "--ip6-destination"], Some(ip6)),
    (&["--ip6-tclass"], Some(traffic_class)),
    (&["--ip6-proto", "--ip6-protocol"], Some(protocol)),
    (&["--ip6-sport", "--ip6-source-port"], Some(ports)),
    (&["--ip6-dport", "--ip6-destination-port"], Some(ports)),
    (
        &["--ip6-icmp-type"],
        Some(|text| IcmpType::parse(text, true).map(|_| 1)),
    ),
    (&["--pkttype-type"], Some(packet_type)),
    (
        &["--vlan-id"],
        Some(|text| number(text, 0..=4095, "a VLAN").map(|_| 1)),
    ),
    (
        &["--vlan-prio"],
        Some(|text| number(text, 0..=7, "a priority").map(|_| 1)),
    ),
    (&["--vlan-encap"], Some(ether_type)),
    (&["--mark"], Some(|text| bits(text, u32::MAX))),
];

/// The option that is spelled so, by its name, and what it takes.
pub(super) fn find(word: &str) -> Option<(&'static str, Option<Operand>)> {
    OPTIONS.into_iter().find_map(|(names, operand)| {
        let name = names.first().filter(|_| names.contains(&word))?;
        Some((*name, operand))
    })
}

/// A number up to `most`, decimal or `0x…`; not octal.
pub(super) fn bits(text: &str, most: u32) -> Result<u64, String> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => hex(digits, 8),
        None => number(text, 0..=most, "a number").ok(),
    };
    let what = || expected(text, &format!("a number from 0 to {most}, decimal or 0x…"));
    value.filter(|value| *value <= most).map(|_| 1).ok_or_else(what)
}

fn hex(digits: &str, most: usize) -> Option<u32> {
    let plain = digits.len() <= most && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}

fn interfaces(text: &str) -> Result<u64, String> {
    parse_list(text).map(|list| u64::try_from(list.len()).unwrap_or(u64::MAX))
}

/// A number, or a name: ebtables looks names up in a local file only.
fn ether_type(text: &str) -> Result<u64, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let named = text.len() <= 20
        && text.bytes().all(plain)
        && (text == "802_1Q" || text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()));
    if named {
        return Ok(1);
    }
    bits(text, 0xffff).map_err(|_| expected(text, "a protocol of Ethernet such as IPv4, ARP or 0x88cc"))
}

/// An address, an address with a mask, or a name of ebtables for some of them.
fn mac(text: &str) -> Result<u64, String> {
    if matches!(text, "Unicast" | "Multicast" | "Broadcast" | "BGA") {
        return Ok(1);
    }
    let (address, mask) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    Mac::parse(address)?;
    mask.map_or(Ok(1), |mask| Mac::parse(mask).map(|_| 1))
}

fn ip4(text: &str) -> Result<u64, String> {
    prefix(text, false).map(|_| 1)
}

fn ip6(text: &str) -> Result<u64, String> {
    prefix(text, true).map(|_| 1)
}

fn protocol(text: &str) -> Result<u64, String> {
    Protocol::parse(text).map(|_| 1)
}

fn ports(text: &str) -> Result<u64, String> {
    PortRange::parse(text).map(|_| 1)
}

/// Hexadecimal, with or without `0x`: ebtables reads it so.
fn traffic_class(text: &str) -> Result<u64, String> {
    let value = hex(text.strip_prefix("0x").unwrap_or(text), 2);
    value
        .map(|_| 1)
        .ok_or_else(|| expected(text, "two hexadecimal digits"))
}

fn arp_opcode(text: &str) -> Result<u64, String> {
    const NAMES: [&str; 9] = [
        "Request",
        "Reply",
        "Request_Reverse",
        "Reply_Reverse",
        "DRARP_Request",
        "DRARP_Reply",
        "DRARP_Error",
        "InARP_Request",
        "ARP_NAK",
    ];
    if NAMES.contains(&text) {
        return Ok(1);
    }
    bits(text, 0xffff).map_err(|_| expected(text, "an operation of ARP such as Request, Reply or 1"))
}

fn packet_type(text: &str) -> Result<u64, String> {
    match text {
        "broadcast" | "multicast" | "host" | "otherhost" => Ok(1),
        _ => Err(expected(text, "broadcast, multicast, host or otherhost")),
    }
}
