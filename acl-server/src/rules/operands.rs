//! The values of conditions that are more than a number.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::error::{expected, number};
use super::matches::AddrType;
use super::values::{PortRange, Protocol};

/// `-m multiport` holds 15 ports; a range takes two.
pub(super) fn port_list(text: &str) -> Result<Vec<PortRange>, String> {
    let mut slots = 0;
    let mut ports = Vec::new();
    for word in text.split(',') {
        let port = PortRange::parse(word)?;
        slots += if port.is_single() { 1 } else { 2 };
        if slots > 15 {
            return Err("a list holds at most 15 ports, a range counts as two".to_owned());
        }
        ports.push(port);
    }
    Ok(ports)
}

/// An address with an optional prefix length, bits behind the prefix cleared as iptables does. Never a host name.
pub(super) fn prefix(text: &str, v6: bool) -> Result<IpNet, String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let length = |most: u32| match length {
        Some(length) => number(length, 0..=most, "a prefix length"),
        None => Ok(most),
    };
    let narrow = |length: u32| u8::try_from(length).unwrap_or_default();
    let what = if v6 {
        "an IPv6 address such as 2001:db8::/32"
    } else {
        "an IPv4 address such as 10.0.0.0/8"
    };
    let wrong = || expected(text, &format!("{what} (no host names)"));
    let net = if v6 {
        let address = address.parse::<Ipv6Addr>().map_err(|_| wrong())?;
        Ipv6Net::new(address, narrow(length(128)?)).map(|net| IpNet::V6(net.trunc()))
    } else {
        let address = address.parse::<Ipv4Addr>().map_err(|_| wrong())?;
        Ipv4Net::new(address, narrow(length(32)?)).map(|net| IpNet::V4(net.trunc()))
    };
    net.map_err(|_| wrong())
}

/// Prefixes separated by commas, each once.
pub(super) fn prefixes(text: &str, v6: bool) -> Result<Vec<IpNet>, String> {
    let mut list = Vec::new();
    for word in text.split(',') {
        let net = prefix(word, v6)?;
        if list.contains(&net) {
            return Err(format!("{net} is in the list twice"));
        }
        list.push(net);
    }
    Ok(list)
}

pub(super) fn protocol(text: &str, v6: bool) -> Result<Protocol, String> {
    let protocol = Protocol::parse(text)?;
    match (protocol, v6) {
        (Protocol::ICMP, true) => Err(expected(text, "icmpv6 in [ip6tables]")),
        (Protocol::ICMPV6, false) => Err(expected(text, "icmp in [iptables]")),
        _ => Ok(protocol),
    }
}

pub(super) fn addr_type(text: &str) -> Result<AddrType, String> {
    let found = AddrType::NAMES.iter().find(|(name, _)| *name == text);
    let names = || AddrType::NAMES.map(|(name, _)| name).join(", ");
    found
        .map(|(_, kind)| *kind)
        .ok_or_else(|| expected(text, &format!("a type of address: {}", names())))
}

/// A word that iptables cannot take for an option or a negation; the kernel keeps 255 bytes of a comment.
pub(super) fn comment(text: &str) -> Result<String, String> {
    if text.len() > 200 || text.starts_with(['-', '!']) {
        return Err(expected(
            text,
            "one word of at most 200 characters that does not start with - or !",
        ));
    }
    Ok(text.to_owned())
}
