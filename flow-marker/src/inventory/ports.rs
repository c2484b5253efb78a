//! What is known of the ports of one switch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shared::units::BitRate;

use super::edge::{Judged, Policy};
use crate::config::{self, Role};
use crate::flow::Lags;

/// What is known of a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// Its name, such as `swp1`.
    pub name: Option<Arc<str>>,
    /// Its speed; `None` when unknown, also when the agent says 0, as ports that are down do.
    pub speed: Option<BitRate>,
    /// What it is connected to; `None` while that was not judged with what is known now.
    pub role: Option<Judged>,
}

/// The ports of one switch, in order of their ifIndex.
pub type PortList = Vec<(u32, Port)>;

/// What an agent has told of a port: ifIndex, name, and speed in bits per second.
pub type PortFacts = (u32, Option<String>, Option<u64>);

/// One switch of the inventory.
#[derive(Debug)]
pub struct Switch {
    ports: HashMap<u32, Known>,
    lags: Lags,
    /// LAGs of which a member is in a link.
    linked_lags: HashSet<u32>,
}

/// A port and which of its facts the configuration has fixed.
#[derive(Debug, Default)]
struct Known {
    port: Port,
    /// What the configuration says of its role.
    said: Option<Role>,
    name_fixed: bool,
    speed_fixed: bool,
}

/// The limit of known ports of a switch was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyPorts;

impl Switch {
    /// The largest chassis have fewer than 1,200 ports; each may be split into four.
    pub const MAX_PORTS: usize = 4800;

    /// What the configuration says.
    pub fn new(switch: &config::Switch) -> Self {
        let ports = switch.ports.iter().map(|(&if_index, port)| {
            let known = Known {
                port: Port {
                    name: port.name.as_deref().map(Arc::from),
                    speed: port.speed,
                    role: None,
                },
                said: port.role,
                name_fixed: port.name.is_some(),
                speed_fixed: port.speed.is_some(),
            };
            (if_index, known)
        });
        Self {
            ports: ports.collect(),
            lags: Lags::new(
                switch
                    .ports
                    .iter()
                    .filter_map(|(&port, known)| Some((port, known.lag?))),
            ),
            linked_lags: HashSet::new(),
        }
    }

    /// The members of its LAGs, as far as the configuration says.
    pub fn lags(&self) -> Lags {
        self.lags.clone()
    }

    /// Remembers what an agent told of a port before this start. What is configured, and what it tells, override it.
    pub fn recall(&mut self, (if_index, name, bits_per_second): &PortFacts) {
        // A list that is full has more than there can be.
        let _ = self.learn_speed(*if_index, bits_per_second.unwrap_or_default());
        if let Some(name) = name {
            let _ = self.learn_name(*if_index, name);
        }
    }

    /// What is known of the port with this ifIndex.
    pub fn port(&self, if_index: u32) -> Option<&Port> {
        self.ports.get(&if_index).map(|known| &known.port)
    }

    /// All known ports, in order of their ifIndex.
    pub fn ports(&self) -> PortList {
        let mut ports: Vec<_> = self
            .ports
            .iter()
            .map(|(&i, known)| (i, known.port.clone()))
            .collect();
        ports.sort_unstable_by_key(|(if_index, _)| *if_index);
        ports
    }

    /// How many ports are known.
    pub fn port_count(&self) -> usize {
        self.ports.len()
    }

    fn entry(&mut self, if_index: u32) -> Result<&mut Known, TooManyPorts> {
        if self.ports.len() >= Self::MAX_PORTS && !self.ports.contains_key(&if_index) {
            return Err(TooManyPorts);
        }
        Ok(self.ports.entry(if_index).or_default())
    }

    /// Remembers a speed in bits per second that the agent told; true when that was news. 0 is no news: a port that is
    /// down keeps the speed it had.
    ///
    /// # Errors
    /// [`TooManyPorts`]
    pub fn learn_speed(&mut self, if_index: u32, bits_per_second: u64) -> Result<bool, TooManyPorts> {
        let known = self.entry(if_index)?;
        let speed = Some(BitRate::from_bits_per_second(bits_per_second));
        if known.speed_fixed || bits_per_second == 0 || known.port.speed == speed {
            return Ok(false);
        }
        (known.port.speed, known.port.role) = (speed, None);
        Ok(true)
    }

    /// Remembers a name that the agent told; true when that was news.
    ///
    /// # Errors
    /// [`TooManyPorts`]
    pub fn learn_name(&mut self, if_index: u32, name: &str) -> Result<bool, TooManyPorts> {
        /// Names are shown to people; longer ones than ifName's usual 64 characters are nonsense.
        const MAX_NAME: usize = 64;
        let known = self.entry(if_index)?;
        let new = known.port.name.as_deref() != Some(name);
        if known.name_fixed || !new || name.len() > MAX_NAME {
            return Ok(false);
        }
        (known.port.name, known.port.role) = (Some(name.into()), None);
        Ok(true)
    }

    /// Remembers the LAG of a port; see [`Lags::learn`]. True when that was news.
    pub fn learn_lag(&mut self, port: u32, lag: u32) -> bool {
        let before = self.lags.of(port);
        // Whoever has no room here has none where its datagrams are counted.
        let _ = self.lags.learn(port, lag);
        self.lags.of(port) != before
    }

    /// Judges all ports. `has_link` says whether a port is in a link, by its ifIndex and its name.
    pub fn judge(&mut self, policy: &Policy, has_link: impl Fn(u32, Option<&str>) -> bool) {
        self.linked_lags.clear();
        if policy.needs_links() {
            let members = self.lags.members();
            let linked = members.filter(|(port, _)| has_link(*port, self.name(*port)));
            self.linked_lags = linked.map(|(_, lag)| lag).collect();
        }
        let ports: Vec<u32> = self.ports.keys().copied().collect();
        for port in ports {
            let judged = self.judge_one(policy, port, &has_link);
            if let Some(known) = self.ports.get_mut(&port) {
                known.port.role = Some(judged);
            }
        }
    }

    /// What a port is, known or not. A LAG and its members are the same place: what is said of one, or a link on one, is so
    /// for all of them.
    pub fn judge_one(
        &self,
        policy: &Policy,
        port: u32,
        has_link: impl Fn(u32, Option<&str>) -> bool,
    ) -> Judged {
        let known = self.ports.get(&port);
        let lag = self.lags.of(port).unwrap_or(port);
        let said = |port| self.ports.get(&port).and_then(|known: &Known| known.said);
        let is_linked = || {
            self.linked_lags.contains(&lag)
                || [port, lag]
                    .into_iter()
                    .any(|port| has_link(port, self.name(port)))
        };
        let speed = known.and_then(|known| known.port.speed);
        policy.judge(said(port).or_else(|| said(lag)), speed, is_linked)
    }

    /// What ports are must be judged anew.
    pub fn forget_roles(&mut self) {
        self.linked_lags.clear();
        for known in self.ports.values_mut() {
            known.port.role = None;
        }
    }

    fn name(&self, port: u32) -> Option<&str> {
        self.ports.get(&port)?.port.name.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn switch() -> Switch {
        let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[switch.ports.3]\nspeed = \"10G\"\nname = \"swp3\"\n";
        Switch::new(&config::Config::parse(Path::new("t"), text).unwrap().switches[0])
    }

    #[test]
    fn what_is_configured_overrides_what_is_learned() {
        let mut switch = switch();
        assert_eq!(switch.learn_speed(3, 1_000_000_000), Ok(false));
        assert_eq!(switch.learn_name(3, "other"), Ok(false));
        assert_eq!(switch.port(3).unwrap().speed, Some("10G".parse().unwrap()));
        assert_eq!(switch.port(3).unwrap().name.as_deref(), Some("swp3"));
    }

    #[test]
    fn a_learned_speed_survives_a_port_that_goes_down() {
        let mut switch = switch();
        assert_eq!(switch.learn_speed(7, 0), Ok(false));
        assert_eq!(switch.port(7).unwrap().speed, None);
        assert_eq!(switch.learn_speed(7, 1_000_000_000), Ok(true));
        assert_eq!(switch.learn_speed(7, 0), Ok(false));
        assert_eq!(switch.port(7).unwrap().speed, Some("1G".parse().unwrap()));
        assert_eq!(switch.learn_speed(7, 100_000_000), Ok(true));
    }

    #[test]
    fn a_link_on_a_lag_or_a_member_is_on_all_of_them() {
        let config = config::Config::parse(Path::new("t"), "[mark]\nedge = \"topology\"\n").unwrap();
        let policy = Policy::new(&config.mark);
        let mut switch = switch();
        for port in [7, 8, 9, 1001] {
            switch.learn_name(port, &format!("swp{port}")).unwrap();
        }
        assert!(switch.learn_lag(7, 1001) && switch.learn_lag(8, 1001));
        assert!(!switch.learn_lag(8, 1001), "no news");
        // The link names a member, or the LAG, by ifIndex or by name.
        for linked in [(7, "-"), (1001, "-"), (0, "swp8"), (0, "swp1001")] {
            switch.judge(&policy, |port, name| port == linked.0 || name == Some(linked.1));
            for (port, role) in [
                (7, Role::Core),
                (8, Role::Core),
                (1001, Role::Core),
                (9, Role::Edge),
            ] {
                let judged = switch.port(port).unwrap().role.unwrap();
                assert_eq!(judged.role, role, "{linked:?} {port}");
            }
        }
        // A port of which nothing is known but its LAG.
        assert!(switch.learn_lag(11, 1001));
        switch.judge(&policy, |port, _| port == 7);
        assert_eq!(switch.judge_one(&policy, 11, |_, _| false).role, Role::Core);
        assert_eq!(switch.judge_one(&policy, 12, |_, _| false).role, Role::Edge);
        switch.forget_roles();
        assert_eq!(switch.port(7).unwrap().role, None);
        assert_eq!(switch.judge_one(&policy, 7, |_, _| false).role, Role::Edge);
    }

    #[test]
    fn forged_ports_fill_a_bounded_list() {
        let mut switch = switch();
        let refused = (0..10_000).filter(|&n| switch.learn_speed(n, 1).is_err()).count();
        assert_eq!(switch.port_count(), Switch::MAX_PORTS);
        assert_eq!(refused, 10_000 - Switch::MAX_PORTS);
        assert_eq!(switch.learn_name(3, "x"), Ok(false), "known ports stay");
    }
}
