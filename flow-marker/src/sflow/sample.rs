//! Flow samples, counter samples, and what they say about ports.

use std::fmt;

use super::counter::CounterRecord;
use super::error::DecodeError;
use super::flow::FlowRecord;
use super::format::SampleFormat;
use super::reader::Reader;
use super::record::{Decode, Records};

/// One sample of a datagram.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'a> {
    /// A sampled packet (formats 1 and 3).
    Flow(FlowSample<'a>),
    /// Counters of a data source (formats 2 and 4).
    Counters(CounterSample<'a>),
    /// A structure that is not decoded.
    Other {
        /// What it is.
        format: SampleFormat,
        /// Its body.
        bytes: &'a [u8],
    },
}

impl<'a> Decode<'a> for Sample<'a> {
    fn is_known(format: u32) -> bool {
        matches!(
            SampleFormat(format),
            SampleFormat::FLOW
                | SampleFormat::COUNTERS
                | SampleFormat::EXPANDED_FLOW
                | SampleFormat::EXPANDED_COUNTERS
        )
    }

    #[inline]
    fn decode(format: u32, body: Reader<'a>) -> Result<Self, DecodeError> {
        match SampleFormat(format) {
            SampleFormat::FLOW => FlowSample::compact(body).map(Self::Flow),
            SampleFormat::EXPANDED_FLOW => FlowSample::expanded(body).map(Self::Flow),
            SampleFormat::COUNTERS => CounterSample::compact(body).map(Self::Counters),
            SampleFormat::EXPANDED_COUNTERS => CounterSample::expanded(body).map(Self::Counters),
            format => Ok(Self::Other {
                format,
                bytes: body.rest(),
            }),
        }
    }
}

/// One packet seen, standing for `sampling_rate` packets (sFlow v5 §5, `flow_sample` and `flow_sample_expanded`).
#[derive(Debug, Clone, Copy)]
pub struct FlowSample<'a> {
    /// [`SampleFormat::FLOW`] or [`SampleFormat::EXPANDED_FLOW`].
    pub format: SampleFormat,
    /// Counts the flow samples of this data source.
    pub sequence: u32,
    /// Where the packet was sampled.
    pub source: DataSource,
    /// One packet in so many is sampled; 0 with agents that do not know.
    pub sampling_rate: u32,
    /// Packets that could have been sampled so far; wraps.
    pub sample_pool: u32,
    /// Samples that the agent dropped so far for lack of resources; wraps.
    pub drops: u32,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it went out.
    pub output: Interface,
    records: Records<'a, FlowRecord<'a>>,
}

impl<'a> FlowSample<'a> {
    #[inline]
    fn compact(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let [
            sequence,
            source,
            sampling_rate,
            sample_pool,
            drops,
            input,
            output,
            count,
        ] = body.words("flow sample")?;
        Ok(Self {
            format: SampleFormat::FLOW,
            sequence,
            source: DataSource::compact(source),
            sampling_rate,
            sample_pool,
            drops,
            input: Interface::compact(input),
            output: Interface::compact(output),
            records: Records::new(count, body),
        })
    }

    #[inline]
    fn expanded(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let [sequence, class, index, sampling_rate, sample_pool, drops] =
            body.words("expanded flow sample")?;
        let [input_format, input, output_format, output, count] = body.words("expanded flow sample")?;
        Ok(Self {
            format: SampleFormat::EXPANDED_FLOW,
            sequence,
            source: DataSource {
                class: SourceClass(class),
                index,
            },
            sampling_rate,
            sample_pool,
            drops,
            input: Interface::new(input_format, input),
            output: Interface::new(output_format, output),
            records: Records::new(count, body),
        })
    }

    /// What the sample says about the packet.
    pub const fn records(&self) -> Records<'a, FlowRecord<'a>> {
        self.records
    }
}

/// Counters of one data source (sFlow v5 §5, `counters_sample` and `counters_sample_expanded`).
#[derive(Debug, Clone, Copy)]
pub struct CounterSample<'a> {
    /// [`SampleFormat::COUNTERS`] or [`SampleFormat::EXPANDED_COUNTERS`].
    pub format: SampleFormat,
    /// Counts the counter samples of this data source.
    pub sequence: u32,
    /// What is counted.
    pub source: DataSource,
    records: Records<'a, CounterRecord<'a>>,
}

impl<'a> CounterSample<'a> {
    fn compact(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let [sequence, source, count] = body.words("counter sample")?;
        Ok(Self {
            format: SampleFormat::COUNTERS,
            sequence,
            source: DataSource::compact(source),
            records: Records::new(count, body),
        })
    }

    fn expanded(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let [sequence, class, index, count] = body.words("expanded counter sample")?;
        Ok(Self {
            format: SampleFormat::EXPANDED_COUNTERS,
            sequence,
            source: DataSource {
                class: SourceClass(class),
                index,
            },
            records: Records::new(count, body),
        })
    }

    /// The blocks of counters.
    pub const fn records(&self) -> Records<'a, CounterRecord<'a>> {
        self.records
    }
}

/// What a data source's index counts (sFlow v5 §5, `sflow_data_source`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceClass(pub u32);

impl SourceClass {
    /// An interface; the index is its ifIndex.
    pub const INTERFACE: Self = Self(0);
    /// A VLAN (smonVlanDataSource).
    pub const VLAN: Self = Self(1);
    /// A physical entity (entPhysicalEntry).
    pub const PHYSICAL_ENTITY: Self = Self(2);
    /// A logical entity (entLogicalEntry).
    pub const LOGICAL_ENTITY: Self = Self(3);
}

/// What samples or counts at an agent; displayed as `class:index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataSource {
    /// What the index counts.
    pub class: SourceClass,
    /// Which of them.
    pub index: u32,
}

impl DataSource {
    /// The data source of an interface.
    pub const fn interface(if_index: u32) -> Self {
        Self {
            class: SourceClass::INTERFACE,
            index: if_index,
        }
    }

    /// Class in the top 8 bits, index in the other 24.
    const fn compact(word: u32) -> Self {
        Self {
            class: SourceClass(word >> 24),
            index: word & 0x00FF_FFFF,
        }
    }

    /// The ifIndex, when this is an interface.
    pub const fn if_index(self) -> Option<u32> {
        match self.class {
            SourceClass::INTERFACE => Some(self.index),
            _ => None,
        }
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class.0, self.index)
    }
}

/// Where a packet came in or went out (sFlow v5 §5, `interface` and `interface_expanded`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// A port, by its ifIndex.
    Index(u32),
    /// Nowhere: the packet was discarded, for this reason.
    Discarded(u32),
    /// So many ports; 0 means more than one, nobody knows how many.
    Multiple(u32),
    /// The device itself.
    Internal,
    /// The agent does not know.
    Unknown,
    /// A form that the specification does not define.
    Undefined {
        /// Its number.
        format: u32,
        /// What came with it.
        value: u32,
    },
}

impl Interface {
    /// All bits of a compact index: the device itself, in the expanded form too.
    const INTERNAL: u32 = 0x3FFF_FFFF;

    #[inline]
    const fn new(format: u32, value: u32) -> Self {
        match (format, value) {
            (0, 0) => Self::Unknown,
            (0, Self::INTERNAL) => Self::Internal,
            (0, index) => Self::Index(index),
            (1, reason) => Self::Discarded(reason),
            (2, ports) => Self::Multiple(ports),
            (format, value) => Self::Undefined { format, value },
        }
    }

    /// Format in the top 2 bits, value in the other 30.
    #[inline]
    const fn compact(word: u32) -> Self {
        Self::new(word >> 30, word & 0x3FFF_FFFF)
    }

    /// The ifIndex, when this is exactly one known port.
    pub const fn if_index(self) -> Option<u32> {
        match self {
            Self::Index(index) => Some(index),
            _ => None,
        }
    }
}
