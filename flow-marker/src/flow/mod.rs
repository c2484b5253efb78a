//! Flow keys, rate estimates and the bounded flow table. Everything here is pure: it takes `now` and reads no clock.

mod flows;
mod seen;
mod cache;
mod definition;
pub mod program;
mod view;
pub mod lookup;
pub mod language;
mod direction;
mod key;
mod rate;
mod table;

pub use definition::{Aggregation, Definition, Measure, MeasureKind, Wrong};
pub use direction::{Direction, direction};
pub use flows::{Active, Completed, Ending, Flows, Limits, SourceId, Stats, Touched as TouchedFlow};
pub use key::{AgentId, Fingerprint, FiveTuple, FlowHasher, FlowKey};
pub use rate::Average;
pub use seen::Seen;
pub use table::{Entry, Table, Touched};
pub use view::View;

#[cfg(test)]
mod testing;
