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
    /// Takes what agents call themselves now. A name is of one agent alone: whoever calls himself as another one does, or as
    /// the configuration calls another one, is called by his address.
    pub(super) fn learn(&mut self, roster: &Roster, hosts: Vec<(IpAddr, Arc<str>)>) {
        let named = hosts
            .into_iter()
            .filter_map(|(agent, host)| Some((agent, presentable(&host)?)));
        let mut hosts: HashMap<_, _> = named.collect();
        let configured = roster.iter().filter(|member| !member.is_retired());
        let configured = configured.filter_map(|member| Some((member.name()?, member.config.agent)));
        let mut owners: HashMap<Arc<str>, Option<IpAddr>> = HashMap::new();
        for (name, agent) in configured.chain(hosts.iter().map(|(agent, host)| (Arc::clone(host), *agent))) {
            let owner = owners.entry(name).or_insert(Some(agent));
            *owner = owner.filter(|owner| *owner == agent);
        }
        hosts.retain(|agent, host| owners.get(host) == Some(&Some(*agent)));
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

/// What somebody on the network calls himself, if people can read that: printable ASCII, cut to a bound, and no address, which
/// might be another's.
fn presentable(name: &str) -> Option<Arc<str>> {
    let name: String = name
        .chars()
        .filter(char::is_ascii_graphic)
        .take(LONGEST)
        .collect();
    (!name.is_empty() && name.parse::<IpAddr>().is_err()).then(|| name.into())
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
        let learn = |places: &mut Places, told: [&str; 3]| {
            let hosts = agents.iter().zip(told);
            places.learn(
                &roster,
                hosts.map(|(agent, name)| (*agent, name.into())).collect(),
            );
            names(places)
        };
        let spine = "spine\u{1b}[31m <b>";
        assert_eq!(
            learn(&mut places, ["spine", spine, "leaf3"]),
            ["leaf1", "spine[31m<b>", "leaf3"]
        );
        let nothing = "é".repeat(10);
        let found = learn(&mut places, ["", &nothing, "10.0.0.1"]);
        assert_eq!(
            found,
            ["leaf1", "10.0.0.2", "10.0.0.3"],
            "nothing that can be read"
        );
        assert_eq!(learn(&mut places, ["", &"x".repeat(1000), ""])[1].len(), 63);
        let found = learn(&mut places, ["", "leaf1", "spine1"]);
        assert_eq!(found, ["leaf1", "10.0.0.2", "spine1"], "the name of another one");
        let found = learn(&mut places, ["", "spine1", "spine1"]);
        assert_eq!(found, ["leaf1", "10.0.0.2", "10.0.0.3"], "a name of two");
    }
}
