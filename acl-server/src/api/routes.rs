//! What the API has: one table, from which the router is made and the description that is `docs/openapi.json`.

use super::ApiState;

/// The table.
mod table;

pub use table::TABLE;

/// A method of a path.
pub type Operation = shared::serve::routes::Operation<ApiState>;
