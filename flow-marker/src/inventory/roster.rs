//! All switches, for everybody: threads that receive, controllers, loops and readers.
//!
//! The roster grows while the daemon runs, and nobody on it ever changes place: an [`AgentId`] means the same switch for as
//! long as the process lives. Reading takes no lock; adding is rare.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::ports::{PortList, Switch};
use crate::config;
use crate::flow::AgentId;
use crate::metrics::{self, Metrics};

/// A switch of the roster.
#[derive(Debug)]
pub struct Member {
    /// Its place.
    pub id: AgentId,
    /// How it is contacted.
    pub config: Arc<config::Switch>,
    /// What is counted of what it sends.
    pub received: Arc<metrics::Agent>,
    /// What is counted of what is done on it.
    pub done: Arc<metrics::Control>,
    ports: Mutex<Arc<PortList>>,
}

impl Member {
    /// Shows what is known of its ports now; false when that has to wait. The owner of a switch is a receiving thread, which
    /// must never wait for a reader: when somebody is looking at this very moment, it comes back later.
    pub fn publish(&self, switch: &Switch) -> bool {
        let ports = Arc::new(switch.ports());
        let Ok(mut shown) = self.ports.try_lock() else {
            return false;
        };
        *shown = ports;
        true
    }

    /// What was shown last of its ports.
    pub fn ports(&self) -> Arc<PortList> {
        Arc::clone(&self.ports.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The name of a port, as far as it was shown.
    pub fn port_name(&self, if_index: u32) -> Option<Arc<str>> {
        let ports = self.ports();
        let (_, port) = ports.iter().find(|(index, _)| *index == if_index)?;
        port.name.clone()
    }
}

#[derive(Debug, Clone, Default)]
struct Members {
    list: Vec<Arc<Member>>,
    by_agent: HashMap<IpAddr, AgentId>,
}

/// All switches that may be contacted.
#[derive(Debug)]
pub struct Roster {
    members: ArcSwap<Members>,
    /// Held by whoever adds a switch.
    adding: Mutex<()>,
    metrics: Arc<Metrics>,
    grown: watch::Sender<usize>,
}

impl Roster {
    /// A roster of these switches, in their order.
    pub fn new(switches: &[config::Switch], metrics: &Arc<Metrics>) -> Self {
        let roster = Self {
            members: ArcSwap::default(),
            adding: Mutex::default(),
            metrics: Arc::clone(metrics),
            grown: watch::Sender::new(0),
        };
        for switch in switches {
            roster.add(switch.clone());
        }
        roster
    }

    /// The roster of a configuration, with metrics that nobody sees.
    #[cfg(test)]
    pub(crate) fn of(config: &config::Config) -> Arc<Self> {
        Arc::new(Self::new(&config.switches, &Arc::new(Metrics::new(1))))
    }

    /// Adds a switch, if there is none of its agent address yet.
    pub fn add(&self, config: config::Switch) -> Arc<Member> {
        let _one_at_a_time = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.members.load();
        let agent = config.agent.to_canonical();
        if let Some(there) = before.find(agent) {
            return Arc::clone(there);
        }
        let mut members = Members::clone(&before);
        let (received, done) = self.metrics.add_agent(agent);
        let member = Arc::new(Member {
            id: AgentId(u32::try_from(members.list.len()).unwrap_or(u32::MAX)),
            ports: Mutex::new(Arc::new(Switch::new(&config).ports())),
            config: Arc::new(config),
            received,
            done,
        });
        members.by_agent.insert(agent, member.id);
        members.list.push(Arc::clone(&member));
        let count = members.list.len();
        self.members.store(Arc::new(members));
        self.grown.send_replace(count);
        member
    }

    /// The switch whose agent address this is; an IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn find(&self, agent: IpAddr) -> Option<Arc<Member>> {
        self.members.load().find(agent.to_canonical()).cloned()
    }

    /// The switch in this place.
    pub fn get(&self, index: usize) -> Option<Arc<Member>> {
        self.members.load().list.get(index).cloned()
    }

    /// All switches that are on it now, in order of their places.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Member>> + use<> {
        let members = self.members.load_full();
        (0..).map_while(move |index| members.list.get(index).cloned())
    }

    /// How many there are, to be told when it becomes more.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.grown.subscribe()
    }
}

impl Members {
    fn find(&self, agent: IpAddr) -> Option<&Arc<Member>> {
        self.list.get(self.by_agent.get(&agent)?.index())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn switches(text: &str) -> Vec<config::Switch> {
        Config::parse(Path::new("t"), text).unwrap().switches
    }

    #[test]
    fn nobody_changes_place_when_it_grows() {
        let metrics = Arc::new(Metrics::new(1));
        let [one, two]: [_; 2] = switches(
            "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[[switch]]\nagent = \"10.0.0.2\"\nacl = \"http://b\"\n",
        )
        .try_into()
        .unwrap();
        let roster = Roster::new(&[one], &metrics);
        let mut count = roster.count();
        assert_eq!(*count.borrow_and_update(), 1);
        let first = roster.find("::ffff:10.0.0.1".parse().unwrap()).unwrap();
        assert!(roster.find("10.0.0.2".parse().unwrap()).is_none());
        let before: Vec<_> = roster.iter().collect();
        let second = roster.add(two.clone());
        assert!(count.has_changed().unwrap());
        assert_eq!((first.id, second.id), (AgentId(0), AgentId(1)));
        assert_eq!(roster.add(two).id, second.id, "once is enough");
        assert_eq!((before.len(), roster.iter().count()), (1, 2));
        assert!(Arc::ptr_eq(&roster.get(0).unwrap(), &first));
        assert_eq!(metrics.agents().len(), 2);
    }
}
