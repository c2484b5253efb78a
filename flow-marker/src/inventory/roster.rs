//! All switches, for everybody: threads that receive, controllers, loops and readers.
//!
//! The roster grows while the daemon runs, and nobody on it ever changes place: an [`AgentId`] means the same switch for as
//! long as the process lives. Who is not wanted any more is retired, and keeps his place; who comes again, or is contacted in
//! another way, has a new one. Reading takes no lock; changes are rare.
//!
//! It grows by templates. The agent address in a datagram is its sender's to choose, so an agent becomes a member only when
//! its datagram comes from where the agent sends from, and there are only so many members of each template.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use shared::life::{Shutdown, ShutdownTrigger};
use tokio::sync::watch;

use super::edge::Policy;
use super::ports::{PortFacts, PortList, Switch};
use crate::config::{self, Config, Fabric};
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
    /// It is here by a template.
    pub by_template: bool,
    /// What people call it by now; the only thing of its configuration that may change.
    name: Mutex<Option<Arc<str>>>,
    ports: Mutex<Arc<PortList>>,
    retire: ShutdownTrigger,
    retirement: Shutdown,
}

/// Why an agent that a template allows for is no switch of the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Its datagram comes from another address than its own.
    Source,
    /// There are as many switches by this template as there may be.
    Full,
    /// Another switch has its acl-server, and one loop per server may change it.
    Server,
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

    /// What the configuration calls it.
    pub fn name(&self) -> Option<Arc<str>> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn rename(&self, name: Option<&str>) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = name.map(Arc::from);
    }

    /// Its ports as a thread knows them that has not heard of it yet.
    pub fn switch(&self) -> Switch {
        let mut switch = Switch::new(&self.config);
        for (if_index, port) in self.ports().iter() {
            let speed = port.speed.map(shared::units::BitRate::bits_per_second);
            switch.recall(&(*if_index, port.name.as_deref().map(str::to_owned), speed));
        }
        switch
    }

    /// What was shown last of its ports.
    pub fn ports(&self) -> Arc<PortList> {
        Arc::clone(&self.ports.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it is no switch of the inventory any more.
    pub fn is_retired(&self) -> bool {
        self.retirement.requested()
    }

    /// Its end as a switch of the inventory.
    pub fn retirement(&self) -> Shutdown {
        self.retirement.clone()
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

/// A template, and how many switches are here by it.
#[derive(Debug)]
struct Template {
    fabric: Fabric,
    taken: AtomicUsize,
}

impl Template {
    fn all(fabrics: &[Fabric]) -> Vec<Self> {
        let template = |fabric: &Fabric| Self {
            fabric: fabric.clone(),
            taken: AtomicUsize::new(0),
        };
        fabrics.iter().map(template).collect()
    }

    fn is_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.fabric.max_switches
    }

    /// The template that decides about an agent whose datagram has come from `source`, if it has a place.
    fn of(all: &[Self], agent: IpAddr, source: IpAddr) -> Result<Option<&Self>, NotAdmitted> {
        let Some(template) = all.iter().find(|template| template.fabric.allows(agent)) else {
            return Ok(None);
        };
        if !template.fabric.may_send_from(agent, source) {
            return Err(NotAdmitted::Source);
        }
        match template.is_full() {
            true => Err(NotAdmitted::Full),
            false => Ok(Some(template)),
        }
    }

    /// Whether a switch is as its template says now; it has a place there then.
    fn keeps(all: &[Self], member: &Member) -> bool {
        let agent = member.config.agent;
        let template = all.iter().find(|template| template.fabric.allows(agent));
        let template = template.filter(|template| {
            let same = template
                .fabric
                .switch(agent)
                .is_some_and(|switch| switch == *member.config);
            same && !template.is_full()
        });
        template
            .map(|template| template.taken.fetch_add(1, Ordering::Relaxed))
            .is_some()
    }
}

/// All switches that may be contacted.
#[derive(Debug)]
pub struct Roster {
    members: ArcSwap<Members>,
    /// Held by whoever changes it once it runs.
    adding: Mutex<()>,
    templates: ArcSwap<Vec<Template>>,
    /// What ports are of which no receiving thread knows.
    policy: ArcSwap<Policy>,
    /// What was known of ports before this start.
    remembered: OnceLock<HashMap<IpAddr, Vec<PortFacts>>>,
    metrics: Arc<Metrics>,
    changes: watch::Sender<u64>,
}

impl Roster {
    /// The switches of a configuration, in their order; others can come by its templates.
    pub fn new(config: &Config, metrics: &Arc<Metrics>) -> Self {
        let roster = Self {
            templates: ArcSwap::from_pointee(Template::all(&config.fabrics)),
            members: ArcSwap::default(),
            adding: Mutex::default(),
            policy: ArcSwap::from_pointee(Policy::new(&config.mark)),
            remembered: OnceLock::new(),
            metrics: Arc::clone(metrics),
            changes: watch::Sender::new(0),
        };
        for switch in &config.switches {
            roster.add(switch.clone(), false);
        }
        roster
    }

    /// The roster of a configuration, with metrics that nobody sees.
    #[cfg(test)]
    pub(crate) fn of(config: &Config) -> Arc<Self> {
        Arc::new(Self::new(config, &Arc::new(Metrics::new(1))))
    }

    /// The switch that `agent` is, from which a datagram has come by way of `source`: it becomes one when a template allows
    /// for it. `None` when nothing allows for it. Addresses are canonical: none is an IPv4 address mapped into IPv6.
    ///
    /// # Errors
    /// [`NotAdmitted`]
    pub fn meet(&self, agent: IpAddr, source: IpAddr) -> Result<Option<Arc<Member>>, NotAdmitted> {
        if let Some(member) = self.find(agent) {
            return Ok(Some(member));
        }
        // Without the lock, so that a flood of invented agents finds out at once.
        if Template::of(&self.templates.load(), agent, source)?.is_none() {
            return Ok(None);
        }
        let _one_at_a_time = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = self.find(agent) {
            return Ok(Some(member));
        }
        let templates = self.templates.load();
        let Some(template) = Template::of(&templates, agent, source)? else {
            return Ok(None);
        };
        let switch = template.fabric.switch(agent).ok_or(NotAdmitted::Server)?;
        if self
            .iter()
            .any(|member| member.config.acl == switch.acl && !member.is_retired())
        {
            return Err(NotAdmitted::Server);
        }
        template.taken.fetch_add(1, Ordering::Relaxed);
        tracing::info!(%agent, acl = %switch.acl, "a switch that the template allows for sends; it is in the inventory");
        Ok(Some(self.add(switch, true)))
    }

    /// What was known of the ports of agents before this start, for those that are here and those to come. To be told once,
    /// before any thread receives.
    pub fn remember(&self, ports: HashMap<IpAddr, Vec<PortFacts>>) {
        if self.remembered.set(ports).is_ok() {
            for member in self.iter() {
                member.publish(&self.ports(&member.config));
            }
        }
    }

    /// What is known of the ports of a switch of which no thread has heard.
    fn ports(&self, config: &config::Switch) -> Switch {
        let mut ports = Switch::new(config);
        let remembered = self.remembered.get().and_then(|all| all.get(&config.agent));
        remembered
            .into_iter()
            .flatten()
            .for_each(|facts| ports.recall(facts));
        ports.judge(&self.policy.load(), |_, _| false);
        ports
    }

    /// Judges ports by what the configuration says now. Threads that hear of a switch know better, and say so next.
    fn judge_by(&self, policy: Policy) {
        if **self.policy.load() == policy {
            return;
        }
        self.policy.store(Arc::new(policy));
        for member in self.iter().filter(|member| !member.is_retired()) {
            let mut ports = member.switch();
            ports.judge(&self.policy.load(), |_, _| false);
            member.publish(&ports);
        }
    }

    /// Makes the switches those of the configuration as it is now: retires those that are gone, adds those that have come,
    /// and does both for those that have changed. Who came by a template stays as long as a template says the same of it, has
    /// a place for it, and the configuration does not name it; else its next datagram is its first. How many were retired and
    /// added.
    pub fn follow(&self, config: &Config) -> (usize, usize) {
        let switches = &config.switches;
        self.judge_by(Policy::new(&config.mark));
        let _one_at_a_time = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |switch: &&config::Switch| {
            self.find(switch.agent)
                .is_some_and(|there| !there.by_template && there.config.is_contacted_as(switch))
        };
        let (same, new): (Vec<_>, Vec<_>) = switches.iter().partition(is_there);
        let templates = Template::all(&config.fabrics);
        let stays = |member: &Member| match member.by_template {
            false => same.iter().any(|switch| switch.agent == member.config.agent),
            true => {
                let mut new = new.iter();
                let is_named =
                    new.any(|switch| switch.agent == member.config.agent || switch.acl == member.config.acl);
                !is_named && Template::keeps(&templates, member)
            }
        };
        let mut retired = 0;
        for member in self
            .iter()
            .filter(|member| !member.is_retired() && !stays(member))
        {
            self.remove(&member);
            retired += 1;
        }
        self.templates.store(Arc::new(templates));
        for switch in same {
            if let Some(member) = self.find(switch.agent) {
                member.rename(switch.name.as_deref());
            }
        }
        for switch in &new {
            self.add((*switch).clone(), false);
        }
        self.changes.send_modify(|changes| *changes += 1);
        (retired, new.len())
    }

    /// Retires a switch.
    fn remove(&self, member: &Member) {
        let agent = member.config.agent.to_canonical();
        let mut members = Members::clone(&self.members.load());
        members.by_agent.remove(&agent);
        self.members.store(Arc::new(members));
        member.retire.trigger();
    }

    /// Adds a switch of an agent address that is not there yet.
    fn add(&self, config: config::Switch, by_template: bool) -> Arc<Member> {
        let before = self.members.load();
        let agent = config.agent.to_canonical();
        let mut members = Members::clone(&before);
        let ports = self.ports(&config);
        let (received, done) = self.metrics.add_agent(agent);
        let (retire, retirement) = Shutdown::new();
        let member = Arc::new(Member {
            id: AgentId(u32::try_from(members.list.len()).unwrap_or(u32::MAX)),
            ports: Mutex::new(Arc::new(ports.ports())),
            name: Mutex::new(config.name.as_deref().map(Arc::from)),
            config: Arc::new(config),
            received,
            done,
            by_template,
            retire,
            retirement,
        });
        members.by_agent.insert(agent, member.id);
        members.list.push(Arc::clone(&member));
        self.members.store(Arc::new(members));
        self.changes.send_modify(|changes| *changes += 1);
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

    /// All switches that are on it now, retired ones too, in order of their places.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Member>> + use<> {
        let members = self.members.load_full();
        (0..).map_while(move |index| members.list.get(index).cloned())
    }

    /// Counts its changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
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

    fn roster(text: &str) -> (Roster, Arc<Metrics>) {
        let config = Config::parse(Path::new("t"), text).unwrap();
        let metrics = Arc::new(Metrics::new(1));
        (Roster::new(&config, &metrics), metrics)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const FABRIC: &str = "[fabric]\nagents = [\"10.0.0.0/24\"]\nacl = \"https://{agent}\"\nmax_switches = 2\n\
                          aliases = { \"10.0.0.9\" = [\"192.0.2.9\"] }\n\
                          [[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n\
                          [[switch]]\nagent = \"192.0.2.200\"\nacl = \"https://10.0.0.200\"\n";

    #[test]
    fn nobody_changes_place_when_it_grows() {
        let (roster, metrics) = roster(FABRIC);
        let mut changes = roster.changes();
        assert_eq!(*changes.borrow_and_update(), 2);
        let first = roster.find(address("::ffff:10.0.0.1")).unwrap();
        assert_eq!((first.id, first.by_template), (AgentId(0), false));
        assert!(roster.find(address("10.0.0.2")).is_none());
        let before: Vec<_> = roster.iter().collect();
        let new = roster
            .meet(address("10.0.0.2"), address("10.0.0.2"))
            .unwrap()
            .unwrap();
        assert!(changes.has_changed().unwrap());
        assert_eq!((new.id, new.by_template), (AgentId(2), true));
        assert_eq!(new.config.acl.as_str(), "https://10.0.0.2/");
        let again = roster.meet(address("10.0.0.2"), address("192.0.2.66")).unwrap();
        assert!(Arc::ptr_eq(&again.unwrap(), &new), "once is enough");
        assert_eq!((before.len(), roster.iter().count()), (2, 3));
        assert!(Arc::ptr_eq(&roster.get(0).unwrap(), &first));
        assert_eq!(metrics.agents().len(), 3);
    }

    #[test]
    fn only_who_sends_from_where_the_agent_is_becomes_a_switch() {
        let (roster, metrics) = roster(FABRIC);
        let meet = |agent, source| {
            let met = roster.meet(address(agent), address(source));
            met.map(|member| member.map(|member| member.config.agent.to_string()))
        };
        let member = |agent: &str| Ok(Some(agent.to_owned()));
        for (agent, source, expected) in [
            ("10.0.0.9", "10.0.0.66", Err(NotAdmitted::Source)),
            ("10.0.0.8", "192.0.2.9", Err(NotAdmitted::Source)),
            ("10.0.1.8", "10.0.1.8", Ok(None)),
            // It has the acl-server of the second [[switch]].
            ("10.0.0.200", "10.0.0.200", Err(NotAdmitted::Server)),
            ("10.0.0.1", "192.0.2.66", member("10.0.0.1")),
            ("10.0.0.9", "192.0.2.9", member("10.0.0.9")),
            ("10.0.0.8", "10.0.0.8", member("10.0.0.8")),
            ("10.0.0.7", "10.0.0.7", Err(NotAdmitted::Full)),
            ("10.0.0.7", "10.0.0.66", Err(NotAdmitted::Source)),
            ("10.0.0.8", "10.0.0.8", member("10.0.0.8")),
        ] {
            assert_eq!(meet(agent, source), expected, "{agent} from {source}");
        }
        assert_eq!((roster.iter().count(), metrics.agents().len()), (4, 4));
        let nine = roster.find(address("10.0.0.9")).unwrap();
        assert!(nine.config.may_send_from(address("192.0.2.9")));
        assert!(!nine.config.may_send_from(address("10.0.0.8")));
    }

    #[test]
    fn who_goes_is_retired_and_who_changes_or_comes_again_has_a_new_place() {
        let (roster, metrics) = roster(FABRIC);
        let eight = address("10.0.0.8");
        roster.meet(eight, eight).unwrap();
        let template = FABRIC.split("[[switch]]").next().unwrap();
        let follow = |text: &str| {
            let config = Config::parse(Path::new("t"), &format!("{template}{text}")).unwrap();
            roster.follow(&config)
        };
        let shown = || {
            let members = roster.iter();
            let shown = members.map(|member| (member.config.agent.to_string(), member.is_retired()));
            shown.collect::<Vec<_>>()
        };
        let one = |agent: &str, acl: &str| format!("[[switch]]\nagent = \"{agent}\"\nacl = \"{acl}\"\n");
        let (first, second) = (
            one("10.0.0.1", "http://a"),
            one("192.0.2.200", "https://10.0.0.200"),
        );
        assert_eq!(
            follow(&format!("{second}{first}")),
            (0, 0),
            "the order means nothing"
        );
        assert_eq!(follow(&first), (1, 0));
        assert!(roster.find(address("192.0.2.200")).is_none());
        assert_eq!(follow(&format!("{first}{second}")), (0, 1));
        let named = format!("{first}name = \"leaf1\"\n{second}");
        assert_eq!(follow(&named), (0, 0), "a name is no reason to withdraw anything");
        assert_eq!(
            roster.find(address("10.0.0.1")).unwrap().name().as_deref(),
            Some("leaf1")
        );
        assert_eq!(follow(&format!("{first}platform = \"linux\"\n{second}")), (1, 1));
        // What came by a template stays until the configuration names it.
        assert_eq!(follow(&one("10.0.0.8", "http://c")), (3, 1));
        let member = |agent: &str, retired| (agent.to_owned(), retired);
        let expected = [
            member("10.0.0.1", true),
            member("192.0.2.200", true),
            member("10.0.0.8", true),
            member("192.0.2.200", true),
            member("10.0.0.1", true),
            member("10.0.0.8", false),
        ];
        assert_eq!(shown(), expected);
        assert_eq!(roster.find(eight).unwrap().config.acl.as_str(), "http://c/");
        assert_eq!(metrics.agents().len(), 3, "no label stands twice");
        for agent in ["10.0.0.9", "10.0.0.10"].map(address) {
            assert!(
                roster.meet(agent, agent).is_ok(),
                "its place in the template is free again"
            );
        }
    }

    #[test]
    fn who_came_by_a_template_stays_as_long_as_that_says_the_same_of_him() {
        let (roster, _) = roster(FABRIC);
        let follow = |text: &str| roster.follow(&Config::parse(Path::new("t"), text).unwrap());
        let meet = |agent: &str| roster.meet(address(agent), address(agent));
        let by_template = || {
            roster
                .iter()
                .filter(|member| member.by_template && !member.is_retired())
        };
        for agent in ["10.0.0.2", "10.0.0.3"] {
            meet(agent).unwrap().unwrap();
        }
        assert_eq!(follow(FABRIC), (0, 0), "nothing has changed");
        assert!(
            matches!(meet("10.0.0.4"), Err(NotAdmitted::Full)),
            "both still have their places"
        );
        let larger = FABRIC.replace("max_switches = 2", "max_switches = 3");
        assert_eq!(follow(&larger), (0, 0));
        meet("10.0.0.4").unwrap().unwrap();
        assert_eq!(follow(FABRIC), (1, 0), "the last to come has no place any more");
        assert_eq!(by_template().count(), 2);
        let other = FABRIC.replace("https://{agent}", "https://{agent}:8443");
        assert_eq!(follow(&other), (2, 0), "they are contacted in another way");
        let again = meet("10.0.0.2").unwrap().unwrap();
        assert_eq!(again.config.acl.as_str(), "https://10.0.0.2:8443/");
        let (_, switches) = FABRIC.split_once("[[switch]]").unwrap();
        assert_eq!(
            follow(&format!("[[switch]]{switches}")),
            (1, 0),
            "no template, no members"
        );
        assert!(meet("10.0.0.2").unwrap().is_none());
        assert_eq!(by_template().count(), 0);
    }

    #[test]
    fn ports_are_judged_by_the_newest_policy() {
        let text =
            "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[switch.ports.\"3\"]\nspeed = \"1G\"\n";
        let (roster, _) = roster(text);
        let role = || roster.get(0).unwrap().ports()[0].1.role.unwrap().role;
        assert_eq!(role(), config::Role::Edge);
        let config =
            Config::parse(Path::new("t"), &format!("{text}[mark]\nedge = \"configured\"\n")).unwrap();
        assert_eq!(roster.follow(&config), (0, 0));
        assert_eq!(role(), config::Role::Core);
    }

    #[test]
    fn threads_that_meet_agents_at_once_admit_no_more_than_there_may_be() {
        let (roster, _) =
            roster("[fabric]\nagents = [\"10.0.0.0/16\"]\nacl = \"https://{agent}\"\nmax_switches = 50\n");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..200 {
                        let agent = IpAddr::from([10, 0, 1, n]);
                        let _ = roster.meet(agent, agent);
                    }
                });
            }
        });
        let agents: std::collections::BTreeSet<_> = roster.iter().map(|member| member.config.agent).collect();
        assert_eq!((roster.iter().count(), agents.len()), (50, 50));
    }
}
