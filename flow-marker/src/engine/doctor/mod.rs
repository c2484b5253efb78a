//! The sampling doctor: how well an agent samples, as far as its counters and samples tell, and what to change.
//!
//! The accumulator takes what the samples of an agent say and keeps a bounded summary of the last minutes for each data
//! source and port. A report is made when somebody asks. Every finding is a sentence with its severity and with what to
//! change; nothing is found where there is too little to judge by.

mod text;
mod report;
mod judge;
mod detection;
mod finding;
mod agent;
mod port;
mod sampler;

pub use agent::AgentDoctor;
pub use detection::{Detecting, Detection};
pub use finding::{Finding, Kind, Severity};
pub use port::CountersSeen;
pub use report::{AgentReport, FrameSizes, PortReport, Report, SourceReport};
pub use sampler::{FlowSeen, HeaderSeen, Told};
pub use text::render;

#[cfg(test)]
mod tests;
