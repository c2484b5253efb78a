//! What switches and agents are called.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::inventory::Roster;
use crate::overview::Place;

/// Longest name, in characters: that of a host name's first label (RFC 1035 §2.3.4).
const LONGEST: usize = 63;

/// Names that are kept: as many as there can be agents (`max_agents`), and a switch for each. Who comes after that begins anew.
const MOST: usize = 2 * 16_384;

/// The names of agents. The configuration says them, or else the agents do.
#[derive(Debug, Default)]
pub(super) struct Places {
    known: HashMap<IpAddr, Arc<Place>>,
    /// What agents call themselves.
    hosts: HashMap<IpAddr, Arc<str>>,
}

impl Places {
    /// Takes what agents call themselves now.
    pub(super) fn learn(&mut self, hosts: Vec<(IpAddr, Arc<str>)>) {
        let named = hosts
            .into_iter()
            .filter_map(|(agent, host)| Some((agent, presentable(&host)?)));
        let hosts: HashMap<_, _> = named.collect();
        if hosts != self.hosts {
            self.hosts = hosts;
            self.known.clear();
        }
    }

    /// The name of an agent.
    pub(super) fn of(&mut self, roster: &Roster, agent: IpAddr) -> Arc<Place> {
        let hosts = &self.hosts;
        // A switch may come to the roster, or get another name.
        let configured = roster.find(agent).and_then(|member| member.name());
        let name = configured.or_else(|| hosts.get(&agent).cloned());
        let fresh = || {
            let name = name.clone().unwrap_or_else(|| agent.to_string().into());
            Arc::new(Place { agent, name })
        };
        if self.known.len() >= MOST && !self.known.contains_key(&agent) {
            self.known.clear();
        }
        let place = self.known.entry(agent).or_insert_with(fresh);
        let is_old = match &name {
            Some(name) => *name != place.name,
            None => place.name.parse() != Ok(agent),
        };
        if is_old {
            *place = fresh();
        }
        Arc::clone(place)
    }
}

/// What somebody on the network calls himself, if people can read that: printable ASCII, cut to a bound.
fn presentable(name: &str) -> Option<Arc<str>> {
    let name: String = name
        .chars()
        .filter(char::is_ascii_graphic)
        .take(LONGEST)
        .collect();
    (!name.is_empty()).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn the_configuration_knows_better_than_the_agent_and_the_address_is_the_last_resort() {
        let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\nname = \"leaf1\"\n[[switch]]\nagent = \"10.0.0.2\"\nacl = \"http://b\"\n";
        let config = Config::parse(Path::new("t"), text).unwrap();
        let (roster, mut places) = (Roster::of(&config), Places::default());
        let agents: Vec<IpAddr> = (1..=3).map(|n| [10, 0, 0, n].into()).collect();
        let names = |places: &mut Places| -> Vec<String> {
            agents
                .iter()
                .map(|agent| places.of(&roster, *agent).name.to_string())
                .collect()
        };
        assert_eq!(names(&mut places), ["leaf1", "10.0.0.2", "10.0.0.3"]);
        let hosts = |name: &str| agents.iter().map(|agent| (*agent, name.into())).collect();
        places.learn(hosts("spine\u{1b}[31m <b>"));
        assert_eq!(names(&mut places), ["leaf1", "spine[31m<b>", "spine[31m<b>"]);
        places.learn(hosts(&"é".repeat(10)));
        assert_eq!(names(&mut places)[1], "10.0.0.2", "nothing that can be read");
        places.learn(hosts(&"x".repeat(1000)));
        assert_eq!(names(&mut places)[1].len(), 63);
    }
}
