//! The records of a sample.

use std::marker::PhantomData;

use super::error::{DecodeError, Fault};
use super::reader::Reader;

/// A structure with a format number in front: a flow record or a counter record.
pub trait Decode<'a>: Sized {
    /// Whether `format` is decoded, or else only carried along as bytes.
    fn is_known(format: u32) -> bool;

    /// Decodes the body of a structure. What is left in `body` afterwards is ignored: structures grow at their end.
    ///
    /// # Errors
    /// [`DecodeError`]
    fn decode(format: u32, body: Reader<'a>) -> Result<Self, DecodeError>;
}

/// Iterates over the records of a sample.
///
/// A damaged record is an `Err` item, and the next record follows it, unless its length leads out of the sample. What
/// stands after the announced number of records is padding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Records<'a, R> {
    structures: Structures<'a>,
    kind: PhantomData<fn() -> R>,
}

impl<'a, R> Records<'a, R> {
    pub(super) const fn new(count: u32, reader: Reader<'a>) -> Self {
        Self {
            structures: Structures::new(count, reader),
            kind: PhantomData,
        }
    }
}

impl<'a, R: Decode<'a>> Iterator for Records<'a, R> {
    type Item = Result<R, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.structures.next("record")
    }
}

/// The walk that samples in a datagram and records in a sample have in common: `format | length | body`, n times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Structures<'a> {
    reader: Reader<'a>,
    /// Announced and not yet seen. Only counted down: nothing is sized by it.
    count: u32,
    /// What the reader stands at has been delivered as far as it could be read; the error is still to come.
    salvaged: bool,
}

impl<'a> Structures<'a> {
    pub(super) const fn new(count: u32, reader: Reader<'a>) -> Self {
        Self {
            reader,
            count,
            salvaged: false,
        }
    }

    /// What has not been walked over.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// The next structure; `reading` goes into the errors.
    #[inline]
    pub(super) fn next<T: Decode<'a>>(&mut self, reading: &'static str) -> Option<Result<T, DecodeError>> {
        if self.count == 0 {
            return None;
        }
        self.count -= 1;
        let mut ahead = self.reader;
        if let Ok([format, length]) = ahead.words(reading)
            && let Ok(body) = ahead.sub(length, reading)
        {
            self.reader = ahead;
            return Some(T::decode(format, body));
        }
        Some(self.last(reading))
    }

    /// A structure that leads out of what contains it is the last one. If it is of a known kind and its fields are all
    /// there nevertheless, it is delivered, and the error after it.
    #[cold]
    fn last<T: Decode<'a>>(&mut self, reading: &'static str) -> Result<T, DecodeError> {
        let at = self.reader.position();
        let mut body = self.reader;
        let head = body.words(reading);
        if let Ok([format, _]) = head
            && T::is_known(format)
            && !self.salvaged
            && let Ok(salvaged) = T::decode(format, body)
        {
            self.salvaged = true;
            self.count = 1;
            return Ok(salvaged);
        }
        self.count = 0;
        self.reader.drain();
        let [format, length] = head?;
        Err(DecodeError {
            at,
            reading,
            fault: Fault::Overrun {
                enterprise: format >> 12,
                number: format & 0xFFF,
                length,
                left: u32::try_from(body.rest().len()).unwrap_or(u32::MAX),
            },
        })
    }
}
