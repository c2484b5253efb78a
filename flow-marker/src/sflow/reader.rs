//! A cursor that cannot over-read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{DecodeError, Fault};

/// Reads XDR (RFC 4506: big-endian, 4-byte units) from a slice that shrinks as it is read.
///
/// There is no index to get wrong: a read either takes its bytes off the front or fails and leaves the reader as it
/// was. Positions come for free, because the end of the slice never moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Position of the end of `rest` in the datagram.
    end: usize,
}

impl<'a> Reader<'a> {
    /// A reader of a whole datagram.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            end: bytes.len(),
        }
    }

    /// Bytes from the start of the datagram to the next read.
    pub const fn position(&self) -> usize {
        // A sub-reader's slice lies inside the datagram and ends at `end`, so this cannot wrap.
        self.end.wrapping_sub(self.rest.len())
    }

    /// The bytes not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next 32-bit integer.
    ///
    /// # Errors
    /// [`Fault::Short`]; `reading` goes into the error, here and in the other methods.
    #[inline]
    pub fn u32(&mut self, reading: &'static str) -> Result<u32, DecodeError> {
        self.array(reading).map(u32::from_be_bytes)
    }

    /// The next 64-bit integer.
    ///
    /// # Errors
    /// [`Fault::Short`]
    #[inline]
    pub fn u64(&mut self, reading: &'static str) -> Result<u64, DecodeError> {
        self.array(reading).map(u64::from_be_bytes)
    }

    /// The next `N` bytes, copied.
    ///
    /// # Errors
    /// [`Fault::Short`]
    #[inline]
    pub fn array<const N: usize>(&mut self, reading: &'static str) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.short(N, reading)),
        }
    }

    /// The next `N` 32-bit integers, behind a single check of the bounds.
    ///
    /// # Errors
    /// [`Fault::Short`] at the start of the integers, whichever of them is missing.
    #[inline]
    pub fn words<const N: usize>(&mut self, reading: &'static str) -> Result<[u32; N], DecodeError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(N * 4) else {
            return Err(self.short(N * 4, reading));
        };
        self.rest = rest;
        let mut words = [0; N];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        Ok(words)
    }

    /// The next `n` bytes, borrowed.
    ///
    /// # Errors
    /// [`Fault::Short`]
    #[inline]
    pub fn take(&mut self, n: u32, reading: &'static str) -> Result<&'a [u8], DecodeError> {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        match self.rest.split_at_checked(n) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.short(n, reading)),
        }
    }

    /// A reader of the next `length` bytes, which this reader skips.
    ///
    /// # Errors
    /// [`Fault::Short`]
    #[inline]
    pub fn sub(&mut self, length: u32, reading: &'static str) -> Result<Self, DecodeError> {
        let rest = self.take(length, reading)?;
        Ok(Self {
            rest,
            end: self.position(),
        })
    }

    /// `count` items of `size` bytes each, borrowed.
    ///
    /// # Errors
    /// [`Fault::Short`]
    pub fn take_items(
        &mut self,
        count: u32,
        size: u32,
        reading: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        self.take(count.saturating_mul(size), reading)
    }

    /// Bytes that are preceded by their number and padded to a multiple of four (RFC 4506 §4.10, §4.11). At the end of
    /// a record the padding may be missing: some agents leave it out.
    ///
    /// # Errors
    /// [`Fault::Short`]
    pub fn opaque(&mut self, reading: &'static str) -> Result<&'a [u8], DecodeError> {
        let mut ahead = *self;
        let length = ahead.u32(reading)?;
        let bytes = ahead.take(length, reading)?;
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        ahead.rest = ahead.rest.get(padding..).unwrap_or_default();
        *self = ahead;
        Ok(bytes)
    }

    /// What lies between here and `end`, another reader of the same bytes that has read on.
    pub(super) fn until(&self, end: &Self) -> Self {
        let length = self.rest.len().saturating_sub(end.rest.len());
        Self {
            rest: self.rest.get(..length).unwrap_or_default(),
            end: end.position(),
        }
    }

    /// A reader of everything that is left; this one is at its end afterwards.
    pub fn drain(&mut self) -> Self {
        let all = *self;
        self.rest = &[];
        all
    }

    /// An address that is preceded by its type (sFlow v5 §5, `address`).
    ///
    /// # Errors
    /// [`Fault::Short`], [`Fault::AddressType`] (also for type 0, "no address")
    pub fn address(&mut self, reading: &'static str) -> Result<IpAddr, DecodeError> {
        let at = self.position();
        match self.u32(reading)? {
            1 => Ok(IpAddr::V4(Ipv4Addr::from(self.array::<4>(reading)?))),
            2 => Ok(IpAddr::V6(Ipv6Addr::from(self.array::<16>(reading)?))),
            other => Err(DecodeError {
                at,
                reading,
                fault: Fault::AddressType(other),
            }),
        }
    }

    /// As [`Self::address`], but type 0 is an answer too: there is none.
    ///
    /// # Errors
    /// [`Fault::Short`], [`Fault::AddressType`]
    pub fn optional_address(&mut self, reading: &'static str) -> Result<Option<IpAddr>, DecodeError> {
        let mut ahead = *self;
        if ahead.u32(reading)? == 0 {
            *self = ahead;
            return Ok(None);
        }
        self.address(reading).map(Some)
    }

    #[cold]
    fn short(&self, wanted: usize, reading: &'static str) -> DecodeError {
        DecodeError {
            at: self.position(),
            reading,
            fault: Fault::Short {
                wanted: u32::try_from(wanted).unwrap_or(u32::MAX),
                left: u32::try_from(self.rest.len()).unwrap_or(u32::MAX),
            },
        }
    }
}
