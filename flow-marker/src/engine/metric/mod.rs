//! Metrics: named values of the data sources of agents, as sFlow-RT names them.
//!
//! A `Store` belongs to one shard and has all values of its agents: rates from counters, gauges and texts of counter
//! records, values that agents name themselves (rtmetric), and whatever else is `set`. Names are interned: a value costs
//! no text. What is not updated any more is missing, and memory does not depend on what the network sends: agents, data
//! sources, values and names have limits, and what is refused is counted.
//!
//! Questions are values too: `query::Query` is parsed once, collected from the store of every shard, and merged.

/// Questions: parsed once, collected from every shard, merged into an answer.
pub mod query;

mod pattern;
mod sample;
mod store;
mod derive;
mod agent;
mod table;
mod rate;
mod value;
mod source;
mod name;

pub use agent::{Cell, Source};
pub use name::{MetricId, Names};
pub use pattern::{Pattern, PatternError};
pub use rate::Seen;
pub use source::SourceName;
pub use store::{CounterWriter, Limits, Named, Origin, Pool, Store, Tally, Updated, Watch};
pub use table::{Field, known_names};
pub use value::Value;
pub(crate) use value::serialize_number;

#[cfg(test)]
mod tests;
