//! Flow keys, rate estimates and the bounded flow table. Everything here is pure: it takes `now` and reads no clock.

mod cache;
mod direction;
mod key;
mod rate;
mod table;

pub use cache::{Cache, Kind, Largest, Outcome, Record, Shape, Touched as CacheTouched};
pub use direction::{Direction, direction};
pub use key::{AgentId, Fingerprint, FiveTuple, FlowHasher, FlowKey};
pub use rate::Average;
pub use table::{Entry, Table, Touched};
