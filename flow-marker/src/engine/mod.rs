//! What is known of the fabric: flows, metrics of interfaces and hosts, thresholds, events.
//!
//! A shard belongs to one receiving thread and owns everything of the agents whose datagrams that thread receives; there
//! are no locks. Whoever wants to know something puts a question to the shards (`ask`), which they answer between two
//! batches of datagrams.

mod hub;
mod seat;
mod shard;
mod elephants;
mod outlet;
mod plan;
mod forward;
mod settings;
mod ask;

pub use ask::{Asker, Inbox, Job, NotTaken, queue};
pub use elephants::Notice;
pub use hub::{Engine, NotForwarded, Unanswered};
pub use outlet::Outlet;
pub use plan::Plan;
pub use seat::Seat;
pub use settings::{Forwarding, Named, TooMany};
pub use shard::Shard;
