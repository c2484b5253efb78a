//! sFlow version 5: hostile bytes in, typed values out.
//!
//! Everything borrows from the datagram: decoding allocates nothing and copies only integers. Every sample, and every
//! record in it, is read inside its own bounds, so a wrong inner length hurts only itself, and what stands before and
//! after the damage is still delivered. Structures that are not known here are values too (`Sample::Other`,
//! `FlowRecord::Other`, `CounterRecord::Other`): skipped by their length, visible to whoever counts.

mod counter;
mod datagram;
mod error;
mod flow;
mod format;
mod reader;
mod record;
mod sample;

pub use counter::{CounterRecord, GenericInterface, InterfaceDirection, PortName};
pub use datagram::{Datagram, Samples};
pub use error::{DecodeError, Fault};
pub use flow::{FlowRecord, HeaderProtocol, RawHeader};
pub use format::{CounterFormat, FlowFormat, SampleFormat};
pub use reader::Reader;
pub use record::{Decode, Records};
pub use sample::{CounterSample, DataSource, FlowSample, Interface, Sample, SourceClass};

#[cfg(test)]
pub(crate) mod tests;
