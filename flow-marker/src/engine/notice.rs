//! What detection tells controllers.

use std::sync::Arc;

use super::heard::AgentState;
use super::hold::Hold;
use crate::detect::Event;
use crate::inventory::Inventory;

/// An event with what a controller needs to know besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What happened.
    pub event: Event,
    /// The name of the port that the flow enters by.
    pub port_name: Option<Arc<str>>,
    /// How long its samples wait at the agent, if that is known.
    pub hold: Option<Hold>,
}

impl Notice {
    pub(super) fn new(inventory: &Inventory, agents: &[AgentState], event: &Event) -> Self {
        let mut notice = Self {
            event: event.clone(),
            port_name: None,
            hold: None,
        };
        if let Event::Started(elephant) = event {
            let agent = elephant.key.agent;
            let port = inventory
                .switch(agent)
                .and_then(|switch| switch.port(elephant.port));
            notice.port_name = port.and_then(|port| port.name.clone());
            notice.hold = agents.get(agent.index()).and_then(|state| state.holding.hold());
        }
        notice
    }
}
