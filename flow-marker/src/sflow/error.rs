//! Why bytes are not what they should be, and where.

/// A place in a datagram that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}, {reading}: {fault}")]
pub struct DecodeError {
    /// Position of the failed read, in bytes from the start of the datagram.
    pub at: usize,
    /// What was being read, such as `flow sample` or `header length`.
    pub reading: &'static str,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The data end before the value does.
    #[error("{wanted} bytes wanted, {left} left")]
    Short {
        /// Bytes the value needs.
        wanted: u32,
        /// Bytes there are.
        left: u32,
    },
    /// A sample or record says that it is longer than what contains it.
    #[error("{enterprise}:{number} announces {length} bytes, {left} left")]
    Overrun {
        /// Enterprise that defined the structure.
        enterprise: u32,
        /// Its number there.
        number: u32,
        /// Bytes announced.
        length: u32,
        /// Bytes there are.
        left: u32,
    },
    /// Not a version that is decoded here.
    #[error("version {0}, only 5 is understood")]
    Version(u32),
    /// Neither an IPv4 nor an IPv6 address.
    #[error("address type {0}, neither 1 (IPv4) nor 2 (IPv6)")]
    AddressType(u32),
    /// Not a type that a value of an rtmetric or rtflow has.
    #[error("no value has the type {0}")]
    ValueType(u32),
}
