//! Records of flow samples.

use super::error::DecodeError;
use super::format::FlowFormat;
use super::reader::Reader;
use super::record::Decode;

/// One record of a flow sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowRecord<'a> {
    /// The first bytes of the packet (format 1).
    RawHeader(RawHeader<'a>),
    /// A structure that is not decoded.
    Other {
        /// What it is.
        format: FlowFormat,
        /// Its body.
        bytes: &'a [u8],
    },
}

impl<'a> Decode<'a> for FlowRecord<'a> {
    fn is_known(format: u32) -> bool {
        FlowFormat(format) == FlowFormat::RAW_HEADER
    }

    #[inline]
    fn decode(format: u32, body: Reader<'a>) -> Result<Self, DecodeError> {
        match FlowFormat(format) {
            FlowFormat::RAW_HEADER => RawHeader::decode(body).map(Self::RawHeader),
            format => Ok(Self::Other {
                format,
                bytes: body.rest(),
            }),
        }
    }
}

/// What the first bytes of a sampled packet are (sFlow v5 §5, `header_protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeaderProtocol(pub u32);

impl HeaderProtocol {
    /// Ethernet (ISO 88023).
    pub const ETHERNET: Self = Self(1);
    /// IPv4, without a link layer.
    pub const IPV4: Self = Self(11);
    /// IPv6, without a link layer.
    pub const IPV6: Self = Self(12);
}

/// The first bytes of a sampled packet (sFlow v5 §5, `sampled_header`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawHeader<'a> {
    /// How to read [`Self::header`].
    pub protocol: HeaderProtocol,
    /// Length of the packet on the wire in bytes; some agents count the frame check sequence, others do not.
    pub frame_length: u32,
    /// Bytes taken off the packet before sampling; 4 is the frame check sequence.
    pub stripped: u32,
    /// The bytes, cut by design.
    pub header: &'a [u8],
}

impl<'a> RawHeader<'a> {
    #[inline]
    fn decode(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let [protocol, frame_length, stripped, length] = body.words("raw header")?;
        Ok(Self {
            protocol: HeaderProtocol(protocol),
            frame_length,
            stripped,
            header: body.take(length, "header bytes")?,
        })
    }
}
