//! Metrics and flows that an application defined: names and values that nobody knows beforehand.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::error::{DecodeError, Fault};
use super::reader::Reader;
use super::value::Text;

/// Metrics of a data source that has a name (format 4300:1002).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RtMetric<'a> {
    /// What is measured.
    pub source: Text<'a>,
    entries: Entries<'a, MetricValue<'a>>,
}

impl<'a> RtMetric<'a> {
    pub(super) fn decode(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let source = body.opaque("rtmetric source").map(Text)?;
        Ok(Self {
            source,
            entries: Entries::new(&mut body, "rtmetric")?,
        })
    }

    /// The metrics, from the first.
    pub const fn entries(&self) -> Entries<'a, MetricValue<'a>> {
        self.entries
    }
}

/// A flow of a data source that has a name (format 4300:1003).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RtFlow<'a> {
    /// Where it was sampled.
    pub source: Text<'a>,
    /// One in so many is sampled.
    pub sampling_rate: u32,
    /// What could have been sampled so far; wraps.
    pub sample_pool: u32,
    entries: Entries<'a, FlowValue<'a>>,
}

impl<'a> RtFlow<'a> {
    pub(super) fn decode(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let source = body.opaque("rtflow source").map(Text)?;
        let [sampling_rate, sample_pool] = body.words("rtflow")?;
        Ok(Self {
            source,
            sampling_rate,
            sample_pool,
            entries: Entries::new(&mut body, "rtflow")?,
        })
    }

    /// The keys and values, from the first.
    pub const fn entries(&self) -> Entries<'a, FlowValue<'a>> {
        self.entries
    }
}

/// The value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricValue<'a> {
    /// Type 0.
    Text(Text<'a>),
    /// Type 1.
    Counter32(u32),
    /// Type 2.
    Counter64(u64),
    /// Type 3.
    Gauge32(u32),
    /// Type 4.
    Gauge64(u64),
    /// Type 5.
    Float(f32),
    /// Type 6.
    Double(f64),
}

/// The value of a part of a flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FlowValue<'a> {
    /// Type 0.
    Text(Text<'a>),
    /// Type 1.
    Mac([u8; 6]),
    /// Type 2.
    Ipv4(Ipv4Addr),
    /// Type 3.
    Ipv6(Ipv6Addr),
    /// Type 4.
    U32(u32),
    /// Type 5.
    U64(u64),
    /// Type 6.
    Float(f32),
    /// Type 7.
    Double(f64),
}

/// A value with its type in front.
pub trait Typed<'a>: Sized {
    /// Reads a value of type `kind`; `None` when there is no such type.
    ///
    /// # Errors
    /// [`DecodeError`]
    fn typed(kind: u32, body: &mut Reader<'a>) -> Result<Option<Self>, DecodeError>;
}

impl<'a> Typed<'a> for MetricValue<'a> {
    fn typed(kind: u32, body: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        const READING: &str = "rtmetric value";
        Ok(Some(match kind {
            0 => Self::Text(Text(body.opaque(READING)?)),
            1 => Self::Counter32(body.u32(READING)?),
            2 => Self::Counter64(body.u64(READING)?),
            3 => Self::Gauge32(body.u32(READING)?),
            4 => Self::Gauge64(body.u64(READING)?),
            5 => Self::Float(f32::from_be_bytes(body.array(READING)?)),
            6 => Self::Double(f64::from_be_bytes(body.array(READING)?)),
            _ => return Ok(None),
        }))
    }
}

impl<'a> Typed<'a> for FlowValue<'a> {
    fn typed(kind: u32, body: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        const READING: &str = "rtflow value";
        Ok(Some(match kind {
            0 => Self::Text(Text(body.opaque(READING)?)),
            1 => {
                let [a, b, c, d, e, f, _, _] = body.array(READING)?;
                Self::Mac([a, b, c, d, e, f])
            }
            2 => Self::Ipv4(body.array::<4>(READING)?.into()),
            3 => Self::Ipv6(body.array::<16>(READING)?.into()),
            4 => Self::U32(body.u32(READING)?),
            5 => Self::U64(body.u64(READING)?),
            6 => Self::Float(f32::from_be_bytes(body.array(READING)?)),
            7 => Self::Double(f64::from_be_bytes(body.array(READING)?)),
            _ => return Ok(None),
        }))
    }
}

/// A name and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a, V> {
    /// The name.
    pub name: Text<'a>,
    /// The value.
    pub value: V,
}

/// Iterates over names and values.
///
/// Entries have no length of their own: the first that cannot be read is an `Err` item and the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entries<'a, V> {
    reader: Reader<'a>,
    /// Announced and not yet seen. Only counted down: nothing is sized by it.
    count: u32,
    kind: std::marker::PhantomData<fn() -> V>,
}

impl<'a, V> Entries<'a, V> {
    fn new(body: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let count = body.u32(reading)?;
        Ok(Self {
            reader: body.drain(),
            count,
            kind: std::marker::PhantomData,
        })
    }
}

impl<'a, V: Typed<'a>> Entries<'a, V> {
    fn entry(&mut self) -> Result<Entry<'a, V>, DecodeError> {
        let name = Text(self.reader.opaque("name of an entry")?);
        let at = self.reader.position();
        let kind = self.reader.u32("type of an entry")?;
        let value = V::typed(kind, &mut self.reader)?.ok_or(DecodeError {
            at,
            reading: "type of an entry",
            fault: Fault::ValueType(kind),
        })?;
        Ok(Entry { name, value })
    }
}

impl<'a, V: Typed<'a>> Iterator for Entries<'a, V> {
    type Item = Result<Entry<'a, V>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let entry = self.entry();
        if entry.is_err() {
            self.count = 0;
        }
        Some(entry)
    }
}
