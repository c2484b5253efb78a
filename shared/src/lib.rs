//! What both daemons speak. Each module uses only modules that are listed below it.

/// How long to wait before trying again.
pub mod backoff;
/// The HTTP client of the ACL API: one kept connection a switch, deadlines, typed errors.
#[cfg(feature = "client")]
pub mod client;
/// TOML files whose unknown keys are errors that name file, line and key.
pub mod config;
/// Start and end of a process: readiness by latches, shutdown, `sd_notify`.
pub mod life;
/// The name of an ACL.
pub mod name;
/// RFC 9457 problem details, written by acl-server and read by its clients.
pub mod problem;
/// Where log records go: the journal, JSON lines, or text for people.
pub mod telemetry;
/// Rates, percentages and time spans as people write them.
pub mod units;
/// The bodies and headers of the ACL API.
pub mod wire;

pub use name::AclName;
pub use problem::Problem;
