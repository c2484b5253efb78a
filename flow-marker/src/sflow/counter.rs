//! Records of counter samples.

use super::error::DecodeError;
use super::format::CounterFormat;
use super::reader::Reader;
use super::record::Decode;

/// One record of a counter sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterRecord<'a> {
    /// Counters that every interface has (format 1).
    GenericInterface(GenericInterface),
    /// The port's name (format 1005).
    PortName(PortName<'a>),
    /// A structure that is not decoded.
    Other {
        /// What it is.
        format: CounterFormat,
        /// Its body.
        bytes: &'a [u8],
    },
}

impl<'a> Decode<'a> for CounterRecord<'a> {
    fn is_known(format: u32) -> bool {
        matches!(
            CounterFormat(format),
            CounterFormat::GENERIC_INTERFACE | CounterFormat::PORT_NAME
        )
    }

    fn decode(format: u32, body: Reader<'a>) -> Result<Self, DecodeError> {
        match CounterFormat(format) {
            CounterFormat::GENERIC_INTERFACE => GenericInterface::decode(body).map(Self::GenericInterface),
            CounterFormat::PORT_NAME => PortName::decode(body).map(Self::PortName),
            format => Ok(Self::Other {
                format,
                bytes: body.rest(),
            }),
        }
    }
}

/// The duplex mode of an interface (ifDirection).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterfaceDirection(pub u32);

impl InterfaceDirection {
    /// The agent does not know.
    pub const UNKNOWN: Self = Self(0);
    /// Full duplex.
    pub const FULL_DUPLEX: Self = Self(1);
    /// Half duplex.
    pub const HALF_DUPLEX: Self = Self(2);
    /// Receives only.
    pub const IN: Self = Self(3);
    /// Sends only.
    pub const OUT: Self = Self(4);
}

/// Counters that every interface has (sFlow v5 §5, `if_counters`; RFC 2233).
///
/// All ones in a counter mean that the agent does not count this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenericInterface {
    /// The interface.
    pub if_index: u32,
    /// IANAifType; 6 is Ethernet.
    pub if_type: u32,
    /// Speed in bits per second; 0 on ports that are down.
    pub speed_bps: u64,
    /// Duplex mode.
    pub direction: InterfaceDirection,
    /// Bit 0: administratively up; bit 1: operationally up.
    pub status: u32,
    /// Bytes received.
    pub in_octets: u64,
    /// Unicast packets received.
    pub in_unicast: u32,
    /// Multicast packets received.
    pub in_multicast: u32,
    /// Broadcast packets received.
    pub in_broadcast: u32,
    /// Received packets that were discarded without an error.
    pub in_discards: u32,
    /// Received packets with errors.
    pub in_errors: u32,
    /// Received packets of unknown protocols.
    pub in_unknown_protocols: u32,
    /// Bytes sent.
    pub out_octets: u64,
    /// Unicast packets sent.
    pub out_unicast: u32,
    /// Multicast packets sent.
    pub out_multicast: u32,
    /// Broadcast packets sent.
    pub out_broadcast: u32,
    /// Packets to be sent that were discarded without an error.
    pub out_discards: u32,
    /// Packets that could not be sent because of errors.
    pub out_errors: u32,
    /// Not 0: the interface is in promiscuous mode.
    pub promiscuous: u32,
}

impl GenericInterface {
    fn decode(mut body: Reader<'_>) -> Result<Self, DecodeError> {
        const READING: &str = "generic interface counters";
        let [if_index, if_type] = body.words(READING)?;
        let speed_bps = body.u64(READING)?;
        let [direction, status] = body.words(READING)?;
        let in_octets = body.u64(READING)?;
        let received = body.words(READING)?;
        let out_octets = body.u64(READING)?;
        let sent = body.words(READING)?;
        let [
            in_unicast,
            in_multicast,
            in_broadcast,
            in_discards,
            in_errors,
            in_unknown_protocols,
        ] = received;
        let [
            out_unicast,
            out_multicast,
            out_broadcast,
            out_discards,
            out_errors,
            promiscuous,
        ] = sent;
        Ok(Self {
            if_index,
            if_type,
            speed_bps,
            direction: InterfaceDirection(direction),
            status,
            in_octets,
            in_unicast,
            in_multicast,
            in_broadcast,
            in_discards,
            in_errors,
            in_unknown_protocols,
            out_octets,
            out_unicast,
            out_multicast,
            out_broadcast,
            out_discards,
            out_errors,
            promiscuous,
        })
    }

    /// Whether the port is administratively and operationally up.
    pub const fn is_up(&self) -> bool {
        self.status & 3 == 3
    }
}

/// The name of a port, such as `swp1`, in the bytes that the agent sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortName<'a>(pub &'a [u8]);

impl<'a> PortName<'a> {
    fn decode(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let length = body.u32("port name length")?;
        body.take(length, "port name").map(Self)
    }

    /// The name as text; `None` when it is empty, not UTF-8, or has control characters, which no port's name has.
    pub fn as_str(&self) -> Option<&'a str> {
        let name = std::str::from_utf8(self.0).ok()?;
        (!name.is_empty() && !name.contains(char::is_control)).then_some(name)
    }
}
