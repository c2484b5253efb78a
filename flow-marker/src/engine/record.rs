//! Flow records: what is known of a flow when it is over, or when it begins (sFlow-RT, flow definitions, `log`).

use std::net::IpAddr;
use std::sync::Arc;

use super::event;
use super::metric::SourceName;
use super::threshold::Fired;
use crate::clock::Time;

/// One flow, from its first sample to its last.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowRecord {
    /// The flow definition.
    pub name: Arc<str>,
    /// The agent.
    pub agent: IpAddr,
    /// The data source.
    pub source: SourceName,
    /// The key, its parts joined as the definition says.
    pub key: String,
    /// What its samples stand for, in all, in the unit of the definition's value; of a value that is no rate, that value.
    pub value: f64,
    /// The same of the definition's further values; `None` where no sample had the key.
    pub values: Vec<Option<f64>>,
    /// First sample.
    pub start: Time,
    /// Last sample.
    pub end: Time,
}

impl event::Named for FlowRecord {
    fn name(&self) -> &str {
        &self.name
    }
}

impl event::Named for Fired {
    fn name(&self) -> &str {
        &self.threshold_id
    }
}
