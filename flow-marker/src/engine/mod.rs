//! What is known of the fabric: flows, metrics of interfaces and hosts, thresholds, events.
//!
//! A shard belongs to one receiving thread and owns everything of the agents whose datagrams that thread receives; there
//! are no locks. Whoever wants to know something puts a question to the shards (`ask`), which they answer between two
//! batches of datagrams.

/// What users ask of the engine, and what they want of it.
mod query;
/// What the engine answers about agents and flows.
mod answers;
mod hub;
mod logs;
mod seat;
mod shard;
mod outlet;
mod elephants;
mod edges;
mod notice;
mod heard;
mod hold;
mod weight;
mod plan;
mod names;
mod settings;
mod forward;
mod ask;
mod record;

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

pub use ask::{Asker, Inbox, Job, NotTaken, queue};
pub use hold::Hold;
pub use hub::{Engine, LogWriter, Unanswered};
pub use notice::Notice;
pub use outlet::Outlet;
pub use plan::Plan;
pub use query::{NoAnswer, NotForwarded};
pub use record::FlowRecord;
pub use seat::Seat;
pub use settings::{Forwarding, Group, Map, Named, TooMany};
pub use shard::{ActiveFlow, AgentStatus, Common, Live, LiveFlow, Loads, PortLoad, Shard};
