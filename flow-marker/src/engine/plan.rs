//! What all shards should be doing: definitions, thresholds, where datagrams go.
//!
//! A plan is never changed, only replaced. Shards look for a newer one between batches, so that none can miss a change.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::names;
use super::settings::{Forwarding, Group, Map, Named};
use super::threshold;
use super::topology::Topology;
use crate::config::Config;
use crate::flow::Definition;
use crate::flow::lookup::Lookup;

/// What every shard does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where datagrams are sent on to.
    pub forwarding: Forwarding,
    /// The thresholds.
    pub thresholds: Named<threshold::Definition>,
    /// Which ports are connected to which.
    pub topology: Arc<Topology>,
    /// What is counted.
    pub flows: Named<Definition>,
    /// By what is detected, once it was read again; `None`: as the shards were made.
    pub config: Option<Arc<Config>>,
    /// Names of address ranges.
    pub groups: Named<Group>,
    /// Names of values.
    pub maps: Named<Map>,
    /// Groups, maps and nodes, as flow keys look them up; follows from them.
    pub(super) tables: Arc<Lookup>,
}

impl Plan {
    /// Targets that datagrams are sent on to: each costs a system call a datagram.
    pub const MAX_FORWARDING: usize = 16;
    /// Thresholds: each update of a metric is compared with those on it.
    pub const MAX_THRESHOLDS: usize = 1000;
    /// Flow definitions: each costs work with every sample, and a table in every shard.
    pub const MAX_FLOWS: usize = 100;
    /// Groups, and maps; a body has a bound of its own.
    pub const MAX_TABLES: usize = 100;
}

impl Plan {
    /// Puts together what follows from the rest.
    pub(super) fn complete(&mut self) {
        self.tables = Arc::new(names::tables(&self.groups, &self.maps, &self.topology));
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            forwarding: Named::new(Self::MAX_FORWARDING),
            thresholds: Named::new(Self::MAX_THRESHOLDS),
            topology: Arc::default(),
            flows: Named::new(Self::MAX_FLOWS),
            config: None,
            groups: Named::new(Self::MAX_TABLES),
            maps: Named::new(Self::MAX_TABLES),
            tables: Arc::default(),
        }
    }
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

    /// The present plan.
    pub(super) fn present(&self) -> Arc<Plan> {
        self.present.load_full()
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
