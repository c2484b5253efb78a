//! The switches we may contact, and what is known of their ports.
//!
//! Everything here is bounded by the configuration: an agent that it does not allow for does not exist, and one that it does
//! has a limited number of ports, whatever arrives in its name.

mod known;
mod roster;
mod ports;
mod edge;

pub use edge::{Judged, Policy, Why};
pub use known::Inventory;
pub use ports::{Port, PortFacts, PortList, Switch, TooManyPorts};
pub use roster::{Member, NotAdmitted, Roster};
