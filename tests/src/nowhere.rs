//! An outlet that takes everything and keeps nothing.

use flow_marker::engine::threshold::Fired;
use flow_marker::engine::{FlowRecord, Notice, Outlet};

/// Takes what a shard has to tell, and forgets it.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Outlet for Nowhere {
    fn elephant(&mut self, _: Notice) -> bool {
        true
    }

    fn fired(&mut self, _: Fired) -> bool {
        true
    }

    fn flow(&mut self, _: FlowRecord) -> bool {
        true
    }
}
