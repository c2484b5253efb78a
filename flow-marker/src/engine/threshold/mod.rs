//! Thresholds: when a metric passes a value.
//!
//! A threshold fires once when a metric reaches its value, and again only after the metric was below for `timeout`
//! seconds: each agent and data source by itself, and with `byFlow` each flow by itself.
//!
//! The whole state is one instant, until when the metric counts as above. An update at or above the value moves it to the
//! time when the value will be missing (a counter's metric lasts until its next samples), or will have decayed below (the
//! rate of a flow falls as e^(−Δ/t) between its samples). An update below ends it at once, but for flows, whose decay is
//! known already. The threshold is armed again `timeout` after that instant. So a metric that is updated every 30 s does
//! not fire each time because `timeout` is 2 s, and a flow that ended does not stay above for ever.
//!
//! Evaluation happens with every update and costs one look-up for each threshold of that metric.

mod state;
mod definition;

pub use definition::{Definition, DefinitionError};
pub use state::{Fired, FlowUpdate, Tally, Thresholds};

#[cfg(test)]
mod tests;
