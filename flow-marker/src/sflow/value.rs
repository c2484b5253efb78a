//! What a record says, field by field, for whoever treats all records alike: the metric store, the printers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::list::{Adapters, AsPath, Lanes, Pdus, Words};

/// The value of one field of a record, and how it is to be understood.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Only grows, and wraps at 2^32: what matters is by how much it has grown.
    Counter32(u32),
    /// Only grows, and wraps at 2^64.
    Counter64(u64),
    /// Eight flags.
    Byte(u8),
    /// A state, an amount, an identifier.
    Gauge32(u32),
    /// An amount.
    Gauge64(u64),
    /// An amount that may be negative.
    Signed(i32),
    /// Hundredths of a percent: 10 000 is 100 %.
    Percent(u32),
    /// A number.
    Float(f32),
    /// Text, in the bytes that the agent sent.
    Text(Text<'a>),
    /// An Ethernet address.
    Mac([u8; 6]),
    /// A UUID (RFC 9562); an InfiniBand GID.
    Uuid([u8; 16]),
    /// An OpenFlow datapath, shown in hexadecimal.
    Hex64(u64),
    /// An address of either family, or none.
    Address(Option<IpAddr>),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// How an operation ended.
    AppStatus(AppStatus),
    /// Which way a packet went.
    Direction(PacketDirection),
    /// Numbers, such as BGP communities.
    Numbers(Words<'a>),
    /// Hundredths of a percent, one for each queue.
    Percents(Words<'a>),
    /// MPLS label stack entries (RFC 3032), the top first.
    Labels(Words<'a>),
    /// 802.1Q tags: protocol identifier in the upper 16 bits, tag control information in the lower, the outermost first.
    Tags(Words<'a>),
    /// A path of autonomous systems.
    Path(AsPath<'a>),
    /// The network adapters of a host.
    Adapters(Adapters<'a>),
    /// The lanes of an optical module.
    Lanes(Lanes<'a>),
    /// The packets of an aggregate.
    Pdus(Pdus<'a>),
    /// Bytes that mean something to others.
    Opaque(Opaque<'a>),
}

impl Value<'_> {
    /// Whether the agent says that it does not know: all ones in a number, −1 in a float, no text, no address (sFlow
    /// v5 §5: "a value of all ones"; sFlow Host Structures: −1 for loads).
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Counter32(value) | Self::Gauge32(value) | Self::Percent(value) => *value == u32::MAX,
            Self::Counter64(value) | Self::Gauge64(value) => *value == u64::MAX,
            // The unknown power factor of `Energy`; colder than absolute zero in every unit of a temperature.
            Self::Signed(value) => *value == -i32::MAX,
            #[expect(clippy::float_cmp, reason = "exactly -1 is the mark")]
            Self::Float(value) => *value == -1.0 || !value.is_finite(),
            Self::Text(text) => text.0.is_empty(),
            Self::Address(address) => address.is_none(),
            _ => false,
        }
    }

    /// The value as a number, when it is one and is known. Percent are whole ones here: 12.5 is 12.5 %.
    ///
    /// Counters of 64 bits lose their last bits above 2^53; take them from the variant to compute differences.
    #[expect(clippy::cast_precision_loss, reason = "said above")]
    pub fn number(&self) -> Option<f64> {
        if self.is_unknown() {
            return None;
        }
        match self {
            Self::Counter32(value) | Self::Gauge32(value) => Some(f64::from(*value)),
            Self::Counter64(value) | Self::Gauge64(value) => Some(*value as f64),
            Self::Byte(value) => Some(f64::from(*value)),
            Self::Signed(value) => Some(f64::from(*value)),
            Self::Percent(value) => Some(f64::from(*value) / 100.0),
            Self::Float(value) => Some(f64::from(*value)),
            Self::AppStatus(AppStatus(value)) | Self::Direction(PacketDirection(value)) => {
                Some(f64::from(*value))
            }
            _ => None,
        }
    }
}

/// Text from the network: no encoding is promised, and it may say anything.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.0))
    }
}

impl<'a> Text<'a> {
    /// The text; `None` when it is empty, not UTF-8, or has control characters, which no name has.
    pub fn as_str(&self) -> Option<&'a str> {
        let text = std::str::from_utf8(self.0).ok()?;
        (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
    }
}

/// Bytes that are carried along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Opaque<'a>(pub &'a [u8]);

/// How an operation of an application ended (sFlow Application Structures, `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppStatus(pub u32);

impl AppStatus {
    /// What it is called; `None` for a number that is not assigned.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 11] = [
            "SUCCESS",
            "OTHER",
            "TIMEOUT",
            "INTERNAL_ERROR",
            "BAD_REQUEST",
            "FORBIDDEN",
            "TOO_LARGE",
            "NOT_IMPLEMENTED",
            "NOT_FOUND",
            "UNAVAILABLE",
            "UNAUTHORIZED",
        ];
        NAMES.get(usize::try_from(self.0).ok()?).copied()
    }
}

/// Which way a sampled packet went (sFlow TCP Info Structure, `packet_direction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketDirection(pub u32);

impl PacketDirection {
    /// The host received it.
    pub const RECEIVED: Self = Self(1);
    /// The host sent it.
    pub const SENT: Self = Self(2);

    /// What it is called; `None` for a number that is not assigned.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self(0) => Some("unknown"),
            Self::RECEIVED => Some("received"),
            Self::SENT => Some("sent"),
            Self(_) => None,
        }
    }
}
