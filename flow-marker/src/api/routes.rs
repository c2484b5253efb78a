//! What the API has: one table, from which the router is made and the description that is `docs/openapi-flow-marker.json`.

use super::Api;

/// Agents, and flows as they are now.
mod agents;
/// The rows of sFlow-RT's API.
mod sflow_rt;
/// What happens now.
mod live;
/// What is done on switches.
mod control;
/// The other rows.
mod own;
/// What rows have in common.
mod common;

/// A method of a path.
pub type Operation = shared::serve::routes::Operation<Api>;

/// Everything that the API has, in parts.
pub const TABLE: &[&[Operation]] = &[
    agents::AGENTS,
    sflow_rt::METRIC,
    agents::ACTIVE,
    sflow_rt::FLOW,
    sflow_rt::THRESHOLD,
    sflow_rt::TABLES,
    own::FORWARDING,
    own::SERVICE,
    live::LIVE,
    control::CONTROL,
];
