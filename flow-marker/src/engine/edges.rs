//! Which ports flows enter the fabric by, by what is known of links.

use std::net::IpAddr;
use std::sync::Arc;

use super::topology::Topology;
use crate::config::Mark;
use crate::inventory::{Judged, Policy, Switch};

/// Judges ports.
#[derive(Debug)]
pub(super) struct Edges {
    policy: Policy,
    topology: Arc<Topology>,
}

impl Edges {
    /// With no links yet.
    pub(super) fn new(mark: &Mark) -> Self {
        Self {
            policy: Policy::new(mark),
            topology: Arc::default(),
        }
    }

    /// Judges as the configuration says from now on; true when that may change what ports are.
    pub(super) fn obey(&mut self, mark: &Mark) -> bool {
        let policy = Policy::new(mark);
        let is_news = self.policy != policy;
        self.policy = policy;
        is_news
    }

    /// Whether links count.
    pub(super) fn needs_links(&self) -> bool {
        self.policy.needs_links()
    }

    /// Takes a topology; true when that may change what ports are.
    pub(super) fn follow(&mut self, topology: &Arc<Topology>) -> bool {
        let is_new = !Arc::ptr_eq(&self.topology, topology);
        if is_new {
            self.topology = Arc::clone(topology);
        }
        is_new && self.needs_links()
    }

    /// Judges all ports of a switch, so that the path of a sample finds it done.
    pub(super) fn judge_all(&self, agent: IpAddr, switch: &mut Switch) {
        switch.judge(&self.policy, |port, name| {
            self.topology.is_core(agent, port, name)
        });
    }

    /// What a port is that was not judged with the others.
    pub(super) fn judge(&self, agent: IpAddr, switch: &Switch, port: u32) -> Judged {
        switch.judge_one(&self.policy, port, |port, name| {
            self.topology.is_core(agent, port, name)
        })
    }
}
