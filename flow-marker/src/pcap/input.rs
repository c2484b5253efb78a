//! Reads bytes of a file in order, and knows where it is.

use std::io::{self, Read};

use super::PcapError;

/// A file, and a buffer of fixed size for one packet.
pub(super) struct Input<R> {
    input: R,
    /// Bytes read so far.
    at: u64,
    buffer: Box<[u8]>,
}

impl<R: Read> Input<R> {
    pub(super) fn new(input: R, capacity: usize) -> Self {
        Self {
            input,
            at: 0,
            buffer: vec![0; capacity].into_boxed_slice(),
        }
    }

    /// Bytes from the start of the file to the next read.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// The next `N` bytes; `None` when the file ends before the first of them. `what` began at byte `start`.
    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
        start: u64,
    ) -> Result<Option<[u8; N]>, PcapError> {
        let mut bytes = [0; N];
        let n = fill(&mut self.input, &mut bytes)?;
        self.advance(n);
        match n {
            0 => Ok(None),
            n if n == N => Ok(Some(bytes)),
            _ => Err(PcapError::Truncated { what, at: start }),
        }
    }

    /// The next `N` bytes, which must be there.
    pub(super) fn need<const N: usize>(
        &mut self,
        what: &'static str,
        start: u64,
    ) -> Result<[u8; N], PcapError> {
        self.array(what, start)?
            .ok_or(PcapError::Truncated { what, at: start })
    }

    /// Reads `length` bytes into the buffer.
    pub(super) fn load(&mut self, length: u32, what: &'static str, start: u64) -> Result<usize, PcapError> {
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(buffer) = self.buffer.get_mut(..wanted) else {
            return Err(PcapError::TooLong { at: start, length });
        };
        let n = fill(&mut self.input, buffer)?;
        self.advance(n);
        match n == wanted {
            true => Ok(n),
            false => Err(PcapError::Truncated { what, at: start }),
        }
    }

    /// What [`Self::load`] has read, or the first `length` bytes of it.
    pub(super) fn buffered(&self, length: usize) -> &[u8] {
        self.buffer.get(..length).unwrap_or_default()
    }

    /// Reads over `length` bytes; none of them is kept.
    pub(super) fn skip(&mut self, length: u64, what: &'static str, start: u64) -> Result<(), PcapError> {
        let n = io::copy(&mut (&mut self.input).take(length), &mut io::sink())?;
        self.at = self.at.saturating_add(n);
        match n == length {
            true => Ok(()),
            false => Err(PcapError::Truncated { what, at: start }),
        }
    }

    fn advance(&mut self, n: usize) {
        self.at = self.at.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
    }
}

/// Reads until `buffer` is full or the input ends; the number of bytes read.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Which end of an integer comes first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    pub(super) const fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Big => i64::from_be_bytes(bytes),
            Self::Little => i64::from_le_bytes(bytes),
        }
    }
}
