//! What the engine knows and answers beside flows: metrics, thresholds, events, topology, the sampling doctor.
//!
//! Everything here is pure: it takes `now`, reads no clock and waits for nothing. A shard owns the state of its agents;
//! questions are collected from every shard and merged.

/// What counters and samples tell about how well an agent samples.
pub mod doctor;

/// When a metric passes a value.
pub mod threshold;

/// Values by agent, data source and name, and questions about them.
pub mod metric;

/// Which ports are connected to which.
pub mod topology;

/// The bounded log that clients read and wait on.
pub mod event;
