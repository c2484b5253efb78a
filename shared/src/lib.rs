//! What both daemons speak. Each module uses only modules that are listed below it.

/// The HTTP client of the ACL API: one kept connection a switch, deadlines, typed errors.
#[cfg(feature = "client")]
pub mod client;
/// Sockets, connections, TLS and credentials of an API that others call.
#[cfg(feature = "serve")]
pub mod serve;
/// Manual pages and shell completions, made from command lines.
#[cfg(feature = "manual")]
pub mod manual;
/// TOML files whose unknown keys are errors that name file, line and key.
pub mod config;
/// Where log records go: the journal, JSON lines, or text for people.
pub mod telemetry;
/// Start and end of a process: readiness by latches, shutdown, `sd_notify`.
pub mod life;
/// The bodies and headers of the ACL API.
pub mod wire;
/// RFC 9457 problem details, written by acl-server and read by its clients.
pub mod problem;
/// The name of an ACL.
pub mod name;
/// Whether a `Host` header means this machine.
pub mod host;
/// Rates, percentages and time spans as people write them.
pub mod units;
/// How long to wait before trying again.
pub mod backoff;

pub use name::AclName;
pub use problem::Problem;
