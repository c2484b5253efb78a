//! Flows: what is counted of samples, for user-defined flows and for detection. Everything here is pure: it takes `now`
//! and reads no clock.
//!
//! A user's flow definition (`definition`) is written in a small language (`language`), compiled (`program`) into what
//! reads keys, values and a filter from a sample (`view`), with what was said of addresses and ports (`lookup`), and its
//! flows are kept by every receiving thread for itself (`flows`) in a bounded table (`cache`). Detection has keys (`key`)
//! and tables of its own, since it counts other things of fewer flows.

mod flows;
mod seen;
mod cache;
mod definition;
mod measure;
pub mod program;
mod view;
pub mod lookup;
pub mod language;
mod direction;
mod lag;
mod key;

pub use definition::{Aggregation, Definition, Wrong};
pub use direction::{Direction, direction};
pub use flows::{
    Active, Completed, Ending, Flows, Limits, SourceId, Stats, Touched as TouchedFlow, TouchedKey,
};
pub use key::{AgentId, Fingerprint, FiveTuple, FlowHasher, FlowKey};
pub use lag::Lags;
pub use measure::{Measure, MeasureKind};
pub use seen::Seen;
pub use view::View;

#[cfg(test)]
mod testing;
