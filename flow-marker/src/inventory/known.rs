//! What one receiving thread knows of the switches.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::ports::Switch;
use super::roster::{Member, NotAdmitted, Roster};
use crate::flow::AgentId;

/// The ports of all switches of the roster, as one receiving thread knows them. It grows when the thread meets a switch that
/// was added since it looked last.
#[derive(Debug)]
pub struct Inventory {
    roster: Arc<Roster>,
    switches: Vec<Switch>,
    changes: watch::Receiver<u64>,
}

impl Inventory {
    /// Of the switches on the roster.
    pub fn new(roster: Arc<Roster>) -> Self {
        let switches = roster.iter().map(|member| member.switch());
        Self {
            switches: switches.collect(),
            changes: roster.changes(),
            roster,
        }
    }

    /// The switch that an agent is, perhaps from now on; see [`Roster::meet`].
    ///
    /// # Errors
    /// [`NotAdmitted`]
    pub fn meet(&mut self, agent: IpAddr, source: IpAddr) -> Result<Option<Arc<Member>>, NotAdmitted> {
        let Some(member) = self.roster.meet(agent, source)? else {
            return Ok(None);
        };
        if member.id.index() >= self.switches.len() {
            let new = self.roster.iter().skip(self.switches.len());
            self.switches.extend(new.map(|member| member.switch()));
        }
        Ok(Some(member))
    }

    /// A switch.
    pub fn switch(&self, id: AgentId) -> Option<&Switch> {
        self.switches.get(id.index())
    }

    /// A switch, to learn about its ports.
    pub fn switch_mut(&mut self, id: AgentId) -> Option<&mut Switch> {
        self.switches.get_mut(id.index())
    }

    /// Whether switches have come or gone since it was asked last.
    pub fn has_changed(&mut self) -> bool {
        let has_changed = self.changes.has_changed().unwrap_or_default();
        if has_changed {
            self.changes.mark_unchanged();
        }
        has_changed
    }

    /// Whether an agent is a switch of the inventory.
    pub fn knows(&self, agent: IpAddr) -> bool {
        self.roster.find(agent).is_some()
    }

    /// What ports are must be judged anew, of all switches.
    pub fn forget_roles(&mut self) {
        self.switches.iter_mut().for_each(Switch::forget_roles);
    }

    /// All switches of which this thread knows, by their [`AgentId`].
    pub fn members(&self) -> impl Iterator<Item = Arc<Member>> {
        self.roster.iter().take(self.switches.len())
    }
}
