//! The samples of a datagram.

use super::counter::CounterRecord;
use super::custom::{RtFlow, RtMetric};
use super::discard::DiscardSample;
use super::error::DecodeError;
use super::flow::FlowRecord;
use super::format::SampleFormat;
use super::reader::Reader;
use super::record::{Decode, Records};
use super::source::{DataSource, Interface, SourceClass};

/// One sample of a datagram.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// A sampled packet (formats 1 and 3).
    Flow(FlowSample<'a>),
    /// Counters of a data source (formats 2 and 4).
    Counters(CounterSample<'a>),
    /// A packet that was dropped (format 5).
    Discard(DiscardSample<'a>),
    /// Metrics that somebody defined (format 4300:1002).
    RtMetric(RtMetric<'a>),
    /// A flow that somebody defined (format 4300:1003).
    RtFlow(RtFlow<'a>),
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
        SampleFormat(format).name().is_some()
    }

    #[inline]
    fn decode(format: u32, body: Reader<'a>) -> Result<Self, DecodeError> {
        match SampleFormat(format) {
            SampleFormat::FLOW => FlowSample::compact(body).map(Self::Flow),
            SampleFormat::EXPANDED_FLOW => FlowSample::expanded(body).map(Self::Flow),
            SampleFormat::COUNTERS => CounterSample::compact(body).map(Self::Counters),
            SampleFormat::EXPANDED_COUNTERS => CounterSample::expanded(body).map(Self::Counters),
            SampleFormat::DISCARDED_PACKET => DiscardSample::decode(body).map(Self::Discard),
            SampleFormat::RT_METRIC => RtMetric::decode(body).map(Self::RtMetric),
            SampleFormat::RT_FLOW => RtFlow::decode(body).map(Self::RtFlow),
            format => Ok(Self::Other {
                format,
                bytes: body.rest(),
            }),
        }
    }
}

/// One packet seen, standing for `sampling_rate` packets (sFlow v5 §5, `flow_sample` and `flow_sample_expanded`).
#[derive(Debug, Clone, Copy, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq)]
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
