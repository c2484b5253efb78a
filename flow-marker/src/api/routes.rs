//! What the API has: one table, from which the router is made and the description that is `docs/openapi-flow-marker.json`.

use super::Api;

/// The rows of sFlow-RT's API.
mod sflow_rt;
/// The other rows.
mod own;
/// What rows have in common.
mod common;

/// A method of a path.
pub type Operation = shared::serve::routes::Operation<Api>;

/// Everything that the API has, in parts.
pub const TABLE: &[&[Operation]] = &[
    sflow_rt::METRIC,
    sflow_rt::THRESHOLD,
    sflow_rt::TABLES,
    own::FORWARDING,
    own::SERVICE,
];
