//! sFlow version 5: hostile bytes in, typed values out.
//!
//! Everything borrows from the datagram: decoding allocates nothing and copies only integers. Every sample, and every
//! record in it, is read inside its own bounds, so a wrong inner length hurts only itself, and what stands before and
//! after the damage is still delivered. Structures that are not known here are values too (`Sample::Other`,
//! `FlowRecord::Other`, `CounterRecord::Other`): skipped by their length, visible to whoever counts.

mod datagram;
mod sample;
mod discard;
mod custom;
mod source;
pub mod flow;
pub mod counter;
mod catalogue;
mod structure;
mod value;
mod list;
mod record;
mod format;
mod reader;
mod error;

pub use counter::{CounterFormat, CounterRecord, GenericInterface, PortName};
pub use custom::{Entries, Entry, FlowValue, MetricValue, RtFlow, RtMetric, Typed};
pub use datagram::{Datagram, Samples};
pub use discard::{DiscardSample, DropReason};
pub use error::{DecodeError, Fault};
pub use flow::{FlowFormat, FlowRecord, HeaderProtocol, RawHeader};
pub use format::SampleFormat;
pub use list::{Adapter, Adapters, AsPath, AsSegment, AsSegmentType, Lane, Lanes, Pdus, Words};
pub use reader::Reader;
pub use record::{Decode, Records};
pub use sample::{CounterSample, FlowSample, Sample};
pub use source::{DataSource, Interface, SourceClass};
pub use structure::Lazy;
pub use value::{AppStatus, Opaque, PacketDirection, Text, Value};

#[cfg(test)]
pub(crate) mod tests;
