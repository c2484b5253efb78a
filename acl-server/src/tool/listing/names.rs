//! Names that a listing has in place of numbers.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// Names of services (`services(5)`), as the machine that makes the listing knows them. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    services: Arc<HashMap<(Box<str>, &'static str), u16>>,
}

/// Protocols that have ports, by number.
const WITH_PORTS: [(u8, &str); 4] = [(6, "tcp"), (17, "udp"), (132, "sctp"), (136, "udplite")];

/// Names of protocols in listings: what iptables has built in, and `protocols(5)` of Debian.
const PROTOCOLS: [(&str, u8); 20] = [
    ("all", 0),
    ("ip", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ipv6-crypt", 50),
    ("ah", 51),
    ("ipv6-auth", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("eigrp", 88),
    ("ospf", 89),
    ("ospfigp", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// ICMP types by the names of iptables, with a code where the name means one.
const ICMP: [(&str, &str); 28] = [
    ("echo-reply", "0"),
    ("destination-unreachable", "3"),
    ("network-unreachable", "3/0"),
    ("host-unreachable", "3/1"),
    ("protocol-unreachable", "3/2"),
    ("port-unreachable", "3/3"),
    ("fragmentation-needed", "3/4"),
    ("source-route-failed", "3/5"),
    ("network-unknown", "3/6"),
    ("host-unknown", "3/7"),
    ("network-prohibited", "3/9"),
    ("host-prohibited", "3/10"),
    ("communication-prohibited", "3/13"),
    ("source-quench", "4"),
    ("redirect", "5"),
    ("network-redirect", "5/0"),
    ("host-redirect", "5/1"),
    ("echo-request", "8"),
    ("router-advertisement", "9"),
    ("router-solicitation", "10"),
    ("time-exceeded", "11"),
    ("ttl-zero-during-transit", "11/0"),
    ("ttl-zero-during-reassembly", "11/1"),
    ("parameter-problem", "12"),
    ("ip-header-bad", "12/0"),
    ("required-option-missing", "12/1"),
    ("timestamp-request", "13"),
    ("timestamp-reply", "14"),
];

/// ICMPv6 types, likewise.
const ICMPV6: [(&str, &str); 22] = [
    ("destination-unreachable", "1"),
    ("no-route", "1/0"),
    ("communication-prohibited", "1/1"),
    ("beyond-scope", "1/2"),
    ("address-unreachable", "1/3"),
    ("port-unreachable", "1/4"),
    ("failed-policy", "1/5"),
    ("reject-route", "1/6"),
    ("packet-too-big", "2"),
    ("time-exceeded", "3"),
    ("ttl-zero-during-transit", "3/0"),
    ("ttl-zero-during-reassembly", "3/1"),
    ("parameter-problem", "4"),
    ("bad-header", "4/0"),
    ("unknown-header-type", "4/1"),
    ("unknown-option", "4/2"),
    ("echo-request", "128"),
    ("echo-reply", "129"),
    ("router-solicitation", "133"),
    ("router-advertisement", "134"),
    ("neighbour-solicitation", "135"),
    ("neighbour-advertisement", "136"),
];

impl Names {
    /// The names of this machine. Without them, ports that are listed by name are not recognised.
    pub fn of_this_machine() -> Self {
        /// Debian's has 13 KiB, the whole of IANA's registry 1 MiB.
        const MOST: u64 = 2 << 20;
        let mut text = Vec::new();
        let file = File::open("/etc/services").map(|file| file.take(MOST));
        match file.and_then(|mut file| file.read_to_end(&mut text)) {
            Ok(_) => Self::parse(&String::from_utf8_lossy(&text)),
            Err(_) => Self::default(),
        }
    }

    /// Reads lines `NAME PORT/PROTOCOL …`. Other names of the same port are never listed.
    pub fn parse(text: &str) -> Self {
        let service = |line: &str| {
            let mut words = line.split('#').next()?.split_whitespace();
            let (name, (port, protocol)) = (words.next()?, words.next()?.split_once('/')?);
            let (_, protocol) = WITH_PORTS.iter().find(|(_, known)| *known == protocol)?;
            Some(((name.into(), *protocol), port.parse().ok()?))
        };
        Self {
            services: Arc::new(text.lines().filter_map(service).collect()),
        }
    }

    /// The port of a number or a name.
    pub(super) fn port(&self, text: &str, protocol: u8) -> Option<u16> {
        text.parse().ok().or_else(|| {
            let (_, protocol) = WITH_PORTS.iter().find(|(number, _)| *number == protocol)?;
            self.services.get(&(text.into(), *protocol)).copied()
        })
    }

    /// Ports and ranges of ports (`domain,67:68`) as numbers.
    pub(super) fn ports(&self, text: &str, protocol: u8) -> Option<String> {
        let range = |range: &str| match range.split_once(':') {
            None => self.port(range, protocol).map(|port| port.to_string()),
            Some((first, last)) => {
                let (first, last) = (self.port(first, protocol)?, self.port(last, protocol)?);
                Some(format!("{first}:{last}"))
            }
        };
        let all: Option<Vec<_>> = text.split(',').map(range).collect();
        Some(all?.join(","))
    }
}

/// The number of a protocol.
pub(super) fn protocol(text: &str) -> Option<u8> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == text);
    named.map(|(_, number)| *number).or_else(|| text.parse().ok())
}

/// `TYPE` or `TYPE/CODE` of a name.
pub(super) fn icmp(name: &str, v6: bool) -> Option<&'static str> {
    let known: &[(&str, &str)] = if v6 { &ICMPV6 } else { &ICMP };
    known
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, kind)| *kind)
}
