//! Where a shard tells what has happened.

use super::notice::Notice;
use super::record::FlowRecord;
use super::threshold::Fired;

/// Takes what a shard has to tell. Nobody waits: what cannot be taken now is refused.
pub trait Outlet: Send {
    /// An elephant began or ended. False when it could not be taken; it is offered again.
    fn elephant(&mut self, notice: Notice) -> bool;

    /// A threshold was passed. False when it could not be taken; then it is lost, and counted.
    fn fired(&mut self, fired: Fired) -> bool;

    /// A flow has begun or ended. False when it could not be taken; then it is lost, and counted.
    fn flow(&mut self, record: FlowRecord) -> bool;
}
