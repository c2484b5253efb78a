//! What is kept of each switch of the inventory besides its ports, as far as detection wants it.

use std::sync::Arc;

use super::hold::Holding;
use crate::config::Interface;
use crate::inventory::Member;

/// One switch.
#[derive(Debug)]
pub(super) struct AgentState {
    pub(super) member: Arc<Member>,
    /// How long its samples wait.
    pub(super) holding: Holding,
}

impl AgentState {
    /// Of which nothing was heard yet.
    pub(super) fn new(member: Arc<Member>) -> Self {
        Self {
            member,
            holding: Holding::default(),
        }
    }

    /// Rules name the port, so a flow can only be marked where its name is known.
    pub(super) fn needs_port_name(&self) -> bool {
        self.member.config.interface == Interface::Ingress
    }
}
