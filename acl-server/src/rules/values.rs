//! The values that matches and targets take.

use std::fmt;

use super::error::{expected, number};

/// A layer 4 port, or a range of them, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Reads `N`, `N:M`, `:M` or `N:`. Names of services are refused: the tool would look them up as root.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let end = |end: &str, open: u16| {
            if end.is_empty() && text.len() > 1 {
                return Ok(open);
            }
            number(end, 0..=65535, "a port or a range of ports (no service names)")
                .map(|value| u16::try_from(value).unwrap_or(u16::MAX))
        };
        let range = Self {
            first: end(first, 0)?,
            last: end(last, u16::MAX)?,
        };
        if range.first > range.last {
            return Err(expected(text, "a range of ports that rises"));
        }
        Ok(range)
    }

    /// Lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// Highest port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether the port is one of these.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether it is one port only.
    pub fn is_single(self) -> bool {
        self.first == self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}:{}", self.first, self.last)
        }
    }
}

/// An IP protocol number (IANA "Assigned Internet Protocol Numbers"). 0 is every protocol, as iptables has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Every protocol.
    pub const ALL: Self = Self(0);
    /// ICMP (RFC 792).
    pub const ICMP: Self = Self(1);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);

    /// The first name of a number is the one that is rendered. Other names are look-ups in `/etc/protocols`.
    const NAMES: [(&'static str, u8); 16] = [
        ("all", 0),
        ("icmp", 1),
        ("igmp", 2),
        ("tcp", 6),
        ("udp", 17),
        ("gre", 47),
        ("esp", 50),
        ("ah", 51),
        ("icmpv6", 58),
        ("ipv6-icmp", 58),
        ("icmp6", 58),
        ("ospf", 89),
        ("pim", 103),
        ("vrrp", 112),
        ("sctp", 132),
        ("udplite", 136),
    ];

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let named = Self::NAMES.iter().find(|(name, _)| *name == text);
        match named {
            Some((_, value)) => Ok(Self(*value)),
            None => number(text, 0..=255, "a protocol such as tcp, udp, icmp, icmpv6")
                .map(|value| Self(u8::try_from(value).unwrap_or(u8::MAX))),
        }
    }

    /// Whether `--sport` and `--dport` mean something.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Numbers where old iptables knows no name; it has these six built in.
        match Self::NAMES.iter().find(|(_, value)| *value == self.0) {
            Some((name, 0 | 1 | 6 | 17 | 58 | 132)) => f.write_str(name),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// A differentiated services code point, 0 to 63 (RFC 2474).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dscp(u8);

impl Dscp {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        number(text, 0..=63, "a DSCP").map(|value| Self(u8::try_from(value).unwrap_or_default()))
    }

    /// Reads the name of a class: `CS0`–`CS7` (RFC 2474), `AF11`–`AF43` (RFC 2597), `EF` (RFC 3246) or `BE`.
    pub(super) fn parse_class(text: &str) -> Result<Self, String> {
        let digits = |kind: &str| text.strip_prefix(kind).map(str::as_bytes);
        let digit = |byte: u8| byte.wrapping_sub(b'0');
        match (text, digits("CS"), digits("AF")) {
            ("EF", ..) => Ok(Self(46)),
            ("BE", ..) => Ok(Self(0)),
            (_, Some([class @ b'0'..=b'7']), _) => Ok(Self(digit(*class) * 8)),
            (_, _, Some([class @ b'1'..=b'4', drop @ b'1'..=b'3'])) => {
                Ok(Self(digit(*class) * 8 + digit(*drop) * 2))
            }
            _ => Err(expected(text, "a DSCP class: CS0 to CS7, AF11 to AF43, EF or BE")),
        }
    }

    /// The code point.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// A class of service, 0 to 7: the priority bits of IEEE 802.1Q, and the number of an egress queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cos(u8);

impl Cos {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        number(text, 0..=7, "a class of service").map(|value| Self(u8::try_from(value).unwrap_or_default()))
    }

    /// The class.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// A set of TCP flags, as bits of RFC 9293 §3.1: FIN is 1, URG is 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    const NAMES: [&'static str; 6] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "ALL" => return Ok(Self(0x3f)),
            "NONE" => return Ok(Self(0)),
            _ => {}
        }
        let mut bits = 0;
        for word in text.split(',') {
            let bit = Self::NAMES.iter().position(|name| *name == word);
            let bit =
                bit.ok_or_else(|| expected(word, "TCP flags: SYN, ACK, FIN, RST, URG, PSH, ALL or NONE"))?;
            bits |= 1 << bit;
        }
        Ok(Self(bits))
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.0 & (1 << bit) != 0);
        let names: Vec<_> = names.map(|(_, name)| *name).collect();
        f.write_str(if names.is_empty() { "NONE" } else { "" })?;
        f.write_str(&names.join(","))
    }
}

/// An ICMP or ICMPv6 type, with a code or with any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IcmpType {
    /// The message's type.
    pub kind: u8,
    /// The message's code; none matches every code.
    pub code: Option<u8>,
}

impl IcmpType {
    const V4: [(&'static str, u8); 8] = [
        ("echo-reply", 0),
        ("destination-unreachable", 3),
        ("redirect", 5),
        ("echo-request", 8),
        ("router-advertisement", 9),
        ("router-solicitation", 10),
        ("time-exceeded", 11),
        ("parameter-problem", 12),
    ];
    const V6: [(&'static str, u8); 11] = [
        ("destination-unreachable", 1),
        ("packet-too-big", 2),
        ("time-exceeded", 3),
        ("parameter-problem", 4),
        ("echo-request", 128),
        ("echo-reply", 129),
        ("router-solicitation", 133),
        ("router-advertisement", 134),
        ("neighbour-solicitation", 135),
        ("neighbour-advertisement", 136),
        ("redirect", 137),
    ];

    pub(super) fn parse(text: &str, v6: bool) -> Result<Self, String> {
        let names: &[(&str, u8)] = if v6 { &Self::V6 } else { &Self::V4 };
        let american = text.replacen("neighbor", "neighbour", 1);
        if let Some((_, kind)) = names.iter().find(|(name, _)| *name == american) {
            return Ok(Self {
                kind: *kind,
                code: None,
            });
        }
        let byte = |text: &str, what| number(text, 0..=255, what).map(|v| u8::try_from(v).unwrap_or(u8::MAX));
        let what = "an ICMP type such as echo-request, 8 or 3/1";
        match text.split_once('/') {
            Some((kind, code)) => Ok(Self {
                kind: byte(kind, what)?,
                code: Some(byte(code, "an ICMP code")?),
            }),
            None => Ok(Self {
                kind: byte(text, what)?,
                code: None,
            }),
        }
    }
}

impl fmt::Display for IcmpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        self.code.map_or(Ok(()), |code| write!(f, "/{code}"))
    }
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let hex = |word: &str| {
            let two = word.len() == 2 && word.bytes().all(|b| b.is_ascii_hexdigit());
            u8::from_str_radix(word, 16).ok().filter(|_| two)
        };
        // One word more than an address has, so that a longer text is not cut to a good one.
        let octets: Option<Vec<u8>> = text.split(':').take(7).map(hex).collect();
        octets
            .and_then(|octets| octets.try_into().ok())
            .map(Self)
            .ok_or_else(|| expected(text, "an Ethernet address such as 00:11:22:33:44:55"))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
