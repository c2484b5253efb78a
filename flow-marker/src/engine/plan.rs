//! What all shards should be doing: definitions, thresholds, where datagrams go.
//!
//! A plan is never changed, only replaced. Shards look for a newer one between batches, so that none can miss a change.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::settings::{Group, Map};
use super::threshold::Definition;
use super::topology::Topology;

/// What every shard does.
#[derive(Debug, Default)]
pub struct Plan {
    /// Where datagrams are sent on to.
    pub forwarding: Vec<SocketAddr>,
    /// Thresholds, by name.
    pub thresholds: Vec<(Arc<str>, Arc<Definition>)>,
    /// Which ports are connected to which.
    pub topology: Arc<Topology>,
    /// Names of address ranges.
    pub groups: Vec<(Arc<str>, Arc<Group>)>,
    /// Names of values.
    pub maps: Vec<(Arc<str>, Arc<Map>)>,
}

/// Where the present plan is found. Copies see the same plan; each remembers which one it has seen.
#[derive(Debug, Clone)]
pub(super) struct Plans {
    present: Arc<ArcSwap<Plan>>,
    seen: Arc<Plan>,
}

impl Plans {
    /// An empty plan.
    pub(super) fn new() -> Self {
        let plan = Arc::<Plan>::default();
        Self {
            present: Arc::new(ArcSwap::new(Arc::clone(&plan))),
            seen: plan,
        }
    }

    /// Replaces the plan for everybody.
    pub(super) fn publish(&self, plan: Plan) {
        self.present.store(Arc::new(plan));
    }

    /// The present plan, if it is another one than last time.
    #[inline]
    pub(super) fn news(&mut self) -> Option<Arc<Plan>> {
        let present = self.present.load();
        if Arc::ptr_eq(&present, &self.seen) {
            return None;
        }
        self.seen = Arc::clone(&present);
        Some(Arc::clone(&self.seen))
    }
}
