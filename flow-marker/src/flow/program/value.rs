//! Values of a sample while a program runs: binary as long as they can be, texts in one buffer that is used again.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest text that is made of a sample, in bytes; what is longer is cut. A URL has 255 (sFlow HTTP Structures).
pub(super) const MAX_TEXT: usize = 512;

/// Longest encoded key, in bytes: a flow with a longer one is not counted.
pub const MAX_KEY: usize = 1024;

/// One value; texts are found in packets, programs and lookups (`'v`), or in the buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'v> {
    Null,
    Bool(bool),
    Number(u64),
    Mac([u8; 6]),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    /// So many bits, shown as zeros and ones.
    Bits(u8, u8),
    Text(&'v [u8]),
    Made(Made),
}

/// A text in the buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Made {
    start: usize,
    end: usize,
}

impl From<IpAddr> for Value<'_> {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => Self::V6(v6),
        }
    }
}

impl<'v> Value<'v> {
    pub(super) fn number<T: Into<u64>>(number: Option<T>) -> Self {
        number.map_or(Self::Null, |number| Self::Number(number.into()))
    }

    pub(super) fn bits(bits: Option<u8>, width: u8) -> Self {
        bits.map_or(Self::Null, |bits| Self::Bits(bits, width))
    }

    pub(super) fn bool(bool: Option<bool>) -> Self {
        bool.map_or(Self::Null, Self::Bool)
    }

    pub(super) fn text(text: Option<&'v [u8]>) -> Self {
        text.map_or(Self::Null, |text| {
            Self::Text(text.get(..MAX_TEXT).unwrap_or(text))
        })
    }

    pub(super) fn name(name: &'static str) -> Self {
        Self::Text(name.as_bytes())
    }

    /// What it counts as a number.
    pub(super) fn amount(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bits(bits, _) => Some(bits.into()),
            Self::Bool(bool) => Some(bool.into()),
            _ => None,
        }
    }

    /// As a text; `None` is null.
    pub(super) fn bytes<'s>(self, scratch: &'s mut Scratch) -> Option<&'s [u8]>
    where
        'v: 's,
    {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text),
            Self::Made(made) => Some(scratch.get(made)),
            other => {
                let made = scratch.make(|out| write!(out, "{other}"));
                Some(scratch.get(made))
            }
        }
    }

    /// As a text in the buffer, so that others can be made; `None` is null.
    pub(super) fn made(self, scratch: &mut Scratch) -> Option<Made> {
        match self {
            Self::Null => None,
            Self::Made(made) => Some(made),
            Self::Text(text) => Some(scratch.make(|out| {
                out.push(text);
                Ok(())
            })),
            other => Some(scratch.make(|out| write!(out, "{other}"))),
        }
    }
}

/// As keys are shown: addresses as RFC 5952 says, Ethernet addresses as 12 upper-case digits. Texts in the buffer are
/// not at hand here.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null | Self::Made(_) => Ok(()),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Mac([a, b, c, d, e, g]) => write!(f, "{a:02X}{b:02X}{c:02X}{d:02X}{e:02X}{g:02X}"),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "{address}"),
            Self::Bits(bits, width) => write!(f, "{bits:0width$b}", width = usize::from(*width)),
            Self::Text(text) => f.write_str(&String::from_utf8_lossy(text)),
        }
    }
}

/// The buffer that texts are made in. It is emptied for every sample and never grows.
#[derive(Debug)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    /// Where the text begins that is being made.
    start: usize,
}

impl Scratch {
    /// Room for the longest texts of a deep expression; what does not fit is cut.
    const SIZE: usize = 16 * MAX_TEXT;

    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn get(&self, made: Made) -> &[u8] {
        self.bytes.get(made.start..made.end).unwrap_or(&[])
    }

    pub(super) fn make(&mut self, write: impl FnOnce(&mut Self) -> fmt::Result) -> Made {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(Self::SIZE);
        }
        let before = self.start;
        let start = self.bytes.len();
        self.start = start;
        // What does not fit is cut without an error.
        write(self).unwrap_or_default();
        self.start = before;
        Made {
            start,
            end: self.bytes.len(),
        }
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        let room = (self.start + MAX_TEXT)
            .min(Self::SIZE)
            .saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(text.get(..room).unwrap_or(text));
    }

    /// Adds a text that is in the buffer already.
    pub(super) fn push_made(&mut self, made: Made) {
        let room = (self.start + MAX_TEXT)
            .min(Self::SIZE)
            .saturating_sub(self.bytes.len());
        let end = made.end.min(made.start + room);
        if made.start <= end && end <= self.bytes.len() {
            self.bytes.extend_from_within(made.start..end);
        }
    }

    /// A part of a text that is in the buffer.
    pub(super) fn part(&self, made: Made, part: std::ops::Range<usize>) -> Made {
        let start = (made.start + part.start).min(made.end);
        Made {
            start,
            end: (made.start + part.end).clamp(start, made.end),
        }
    }
}

impl fmt::Write for Scratch {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
