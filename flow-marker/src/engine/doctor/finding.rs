//! What is wrong, how bad that is, and what to change.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// What is seen is less exact, or slower, than it could be.
    Warning,
    /// What is seen cannot be relied on.
    Critical,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Datagrams of the agent do not arrive.
    DatagramLoss,
    /// Samples do not arrive.
    SampleLoss,
    /// The agent drops samples itself.
    AgentDrops,
    /// The agent sends no counters.
    NoCounters,
    /// The port carries traffic and is not sampled.
    NotSampled,
    /// The port's speed is not known.
    NoSpeed,
    /// The port's name is not known.
    NoName,
    /// The agent does not say its sampling rate.
    NoRate,
    /// The sampling rate changes.
    RateChanged,
    /// The rate that is in effect is another.
    RateDiffers,
    /// The rate is too coarse for the port: elephants are found late.
    TooCoarse,
    /// TCP does not say when its packets were sent.
    NoClock,
    /// Headers end before the ports.
    HeaderCut,
    /// Headers end before the ports inside a tunnel.
    HeaderCutInTunnel,
    /// Samples have no header.
    NoHeader,
    /// The pool says nothing.
    PoolUseless,
    /// The data source is no interface.
    NotAnInterface,
    /// The input port is not known.
    NoInput,
    /// The source is a member of another port.
    OtherPort,
    /// More data sources or ports than can be watched.
    TooMany,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// A sentence about it.
    pub sentence: String,
    /// What to change; empty when nothing can be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub change: String,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        kind: Kind,
        sentence: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            kind,
            sentence: sentence.into(),
            change: change.into(),
        }
    }
}
