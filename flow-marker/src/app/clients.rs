//! What speaks to switches. A client is made once, and again only when its token or its authorities are others: connections
//! of all others outlast a reload.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher as _;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use crate::actuator::Kind;
use crate::actuator::acl::AclActuator;
use crate::config::{Config, Fabric, Mode, Switch};
use crate::control::modes::Modes;
use crate::control::switches;

/// What speaks to one switch.
#[derive(Debug, Clone)]
struct Client {
    switch: Switch,
    /// A hash of the files that it was made from.
    files: u64,
    actuator: Arc<AclActuator>,
}

/// What speaks to switches.
#[derive(Debug)]
pub(super) struct Clients {
    /// What the names of our ACLs begin with.
    prefix: String,
    hasher: RandomState,
    /// By agent: a switch that is contacted in another way than before has two, until the older one has ended.
    known: Mutex<HashMap<IpAddr, Vec<Client>>>,
}

/// Clients that take the places of others.
#[derive(Debug)]
pub(super) struct Fresh(Vec<Client>);

impl Clients {
    /// None yet, for the controller `id`.
    fn new(id: &str) -> Self {
        Self {
            prefix: format!("{id}_"),
            hasher: RandomState::new(),
            known: Mutex::default(),
        }
    }

    /// Those that a configuration needs from the start.
    ///
    /// # Errors
    /// A token or certificates cannot be used.
    pub(super) fn of_config(config: &Config) -> Result<Self> {
        let clients = Self::new(&config.id);
        clients.follow(config, clients.prepare(config, switches::modes(config))?);
        Ok(clients)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<IpAddr, Vec<Client>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, switch: &Switch) -> Option<Client> {
        let known = self.known();
        let mut clients = known.get(&switch.agent)?.iter();
        clients
            .find(|client| client.switch.is_contacted_as(switch))
            .cloned()
    }

    /// What speaks to a switch: what there is, or a new one. Contacts nobody yet.
    ///
    /// # Errors
    /// The token or the certificates cannot be read, or the token may not travel to that URL.
    pub(super) fn of(&self, switch: &Switch) -> Result<Arc<AclActuator>> {
        if let Some(client) = self.find(switch) {
            return Ok(client.actuator);
        }
        let client = self.make(switch)?;
        let actuator = Arc::clone(&client.actuator);
        self.put(client);
        Ok(actuator)
    }

    fn make(&self, switch: &Switch) -> Result<Client> {
        // Before the files are read for use: if one changes in between, the next reload makes a client too many.
        let files = self.files(switch);
        let actuator = AclActuator::new(switch, self.prefix.clone())?;
        Ok(Client {
            switch: switch.clone(),
            files,
            actuator: Arc::new(actuator),
        })
    }

    fn files(&self, switch: &Switch) -> u64 {
        let all = [&switch.token_file, &switch.ca_file];
        self.hasher
            .hash_one(all.map(|file| file.as_deref().and_then(content)))
    }

    fn put(&self, client: Client) {
        let mut known = self.known();
        let clients = known.entry(client.switch.agent).or_default();
        clients.retain(|known| !known.switch.is_contacted_as(&client.switch));
        clients.push(client);
    }

    /// One for this switch, unless there is one that was made from files as they are now.
    fn newer(&self, switch: &Switch) -> Result<Option<Client>> {
        let files = self.files(switch);
        match self.find(switch).is_some_and(|known| known.files == files) {
            true => Ok(None),
            false => self.make(switch).map(Some),
        }
    }

    /// Reads tokens and certificates of the switches of a configuration that are contacted, or would be in these modes, and
    /// makes the clients that have to be made. Nothing is changed.
    ///
    /// # Errors
    /// A token or certificates cannot be used.
    pub(super) fn prepare(&self, config: &Config, modes: Modes) -> Result<Fresh> {
        let acts = Kind::ALL.into_iter().any(|kind| modes.of(kind) == Mode::Act);
        let mut fresh = Vec::new();
        for switch in &config.switches {
            if acts || self.find(switch).is_some() {
                fresh.extend(self.newer(switch)?);
            }
        }
        for switch in self.by_template(config) {
            match self.newer(&switch) {
                Ok(newer) => fresh.extend(newer),
                // Nobody may remember this one switch any more; the rest of the configuration must not wait for it.
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "what the switch was contacted with before is used"
                    );
                }
            }
        }
        if acts {
            for switch in config.fabrics.iter().filter_map(example) {
                self.make(&switch)?;
            }
        }
        Ok(Fresh(fresh))
    }

    /// Switches that are known and would come by a template of this configuration just as they are.
    fn by_template(&self, config: &Config) -> Vec<Switch> {
        let is_there = |client: &&Client| {
            let agent = client.switch.agent;
            let template = config.fabrics.iter().find(|fabric| fabric.allows(agent));
            config.switches.iter().all(|switch| switch.agent != agent)
                && template.and_then(|fabric| fabric.switch(agent)).as_ref() == Some(&client.switch)
        };
        let known = self.known();
        let members = known.values().flatten().filter(is_there);
        members.map(|client| client.switch.clone()).collect()
    }

    /// Speaks to switches by these from now on. What nobody uses and the configuration does not name is forgotten.
    pub(super) fn follow(&self, config: &Config, Fresh(fresh): Fresh) {
        fresh.into_iter().for_each(|client| self.put(client));
        let is_named = |client: &Client| {
            let mut switches = config.switches.iter();
            switches
                .any(|switch| switch.agent == client.switch.agent && switch.is_contacted_as(&client.switch))
        };
        self.known().retain(|_, clients| {
            clients.retain(|client| Arc::strong_count(&client.actuator) > 1 || is_named(client));
            !clients.is_empty()
        });
    }
}

/// A switch of a template whose files are those of all its switches.
fn example(fabric: &Fabric) -> Option<Switch> {
    let agent = fabric.agents.iter().find_map(|prefix| prefix.hosts().next())?;
    fabric.switch(agent).filter(|_| !fabric.has_token_each())
}

/// What a file has, as far as anybody would read it; none when it cannot be read, which is said by whoever needs it.
fn content(path: &Path) -> Option<Vec<u8>> {
    /// More than the authorities of a whole system.
    const LONGEST: u64 = 16 << 20;
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(LONGEST)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const OBSERVE: Modes = Modes {
        mark: Mode::Observe,
        capture: Mode::Observe,
        drop: Mode::Observe,
        paused: false,
    };
    const ACT: Modes = OBSERVE.with(Kind::Mark, Mode::Act);

    struct World {
        directory: TempDir,
        clients: Clients,
    }

    impl World {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("token"), "one").unwrap();
            Self {
                directory,
                clients: Clients::new("fm"),
            }
        }

        fn path(&self, name: &str) -> String {
            self.directory.path().join(name).display().to_string()
        }

        /// Two switches, of which the first has a token, and a template with one.
        fn config(&self, first: &str) -> Config {
            let token = format!("token_file = {:?}\n", self.path("token"));
            let text = format!(
                "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"{first}\"\n{token}\
                 [[switch]]\nagent = \"10.0.0.2\"\nacl = \"https://b\"\n\
                 [[fabric]]\nagents = [\"10.1.0.0/24\"]\nacl = \"https://{{agent}}\"\n{token}\
                 [[fabric]]\nagents = [\"10.2.0.0/24\"]\nacl = \"https://{{agent}}\"\ntoken_file = {:?}\n",
                self.path("{agent}")
            );
            Config::parse(Path::new("t"), &text).unwrap()
        }

        fn reload(&self, config: &Config, modes: Modes) -> Result<usize> {
            let fresh = self.clients.prepare(config, modes)?;
            let count = fresh.0.len();
            self.clients.follow(config, fresh);
            Ok(count)
        }

        fn template(&self, config: &Config, agent: [u8; 4]) -> (Switch, Result<Arc<AclActuator>>) {
            let agent = IpAddr::from(agent);
            let fabric = config.fabrics.iter().find(|fabric| fabric.allows(agent));
            let switch = fabric.unwrap().switch(agent).unwrap();
            let client = self.clients.of(&switch);
            (switch, client)
        }
    }

    #[test]
    fn only_what_has_changed_is_made_again() {
        let world = World::new();
        let config = world.config("https://a");
        assert_eq!(world.reload(&config, OBSERVE).unwrap(), 0, "nobody is contacted");
        assert_eq!(world.reload(&config, ACT).unwrap(), 2);
        let clients = |config: &Config| [0, 1].map(|n| world.clients.of(&config.switches[n]).unwrap());
        let before = clients(&config);
        assert_eq!(world.reload(&config, ACT).unwrap(), 0);
        let same = clients(&config);
        assert!(Arc::ptr_eq(&before[0], &same[0]) && Arc::ptr_eq(&before[1], &same[1]));
        // Another token.
        fs::write(world.path("token"), "two").unwrap();
        assert_eq!(world.reload(&config, OBSERVE).unwrap(), 1, "it is contacted");
        let after = clients(&config);
        assert!(!Arc::ptr_eq(&before[0], &after[0]) && Arc::ptr_eq(&before[1], &after[1]));
        // Another place. Who still ends at the old one goes on there.
        let moved = world.config("https://c");
        assert_eq!(world.reload(&moved, ACT).unwrap(), 1);
        let there = clients(&moved);
        assert!(!Arc::ptr_eq(&after[0], &there[0]));
        assert!(Arc::ptr_eq(
            &after[0],
            &world.clients.of(&config.switches[0]).unwrap()
        ));
        drop((before, same, after));
        assert_eq!(world.reload(&moved, ACT).unwrap(), 0);
        assert!(
            world.clients.find(&config.switches[0]).is_none(),
            "it is forgotten"
        );
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let world = World::new();
        let config = world.config("https://a");
        world.reload(&config, ACT).unwrap();
        let before = world.clients.of(&config.switches[0]).unwrap();
        for (broken, says) in [(Some(""), "the file is empty"), (None, "No such file")] {
            fs::remove_file(world.path("token")).unwrap();
            if let Some(text) = broken {
                fs::write(world.path("token"), text).unwrap();
            }
            let error = format!("{:#}", world.reload(&config, ACT).unwrap_err());
            assert!(
                error.starts_with("switch 10.0.0.1: `token_file`") && error.contains(says),
                "{error}"
            );
            assert!(Arc::ptr_eq(
                &before,
                &world.clients.of(&config.switches[0]).unwrap()
            ));
        }
        // Nor does a template whose switches are still to come.
        let mut alone = world.config("https://a");
        alone.switches.clear();
        let error = format!("{:#}", world.clients.prepare(&alone, ACT).unwrap_err());
        assert!(error.starts_with("switch 10.1.0.1: `token_file`"), "{error}");
        world.clients.prepare(&alone, OBSERVE).unwrap();
    }

    #[test]
    fn switches_of_templates_are_followed_and_hold_up_nobody() {
        let world = World::new();
        let config = world.config("https://a");
        let (shared, before) = world.template(&config, [10, 1, 0, 7]);
        let before = before.unwrap();
        world.template(&config, [10, 2, 0, 7]).1.unwrap_err();
        fs::write(world.path("10.2.0.7"), "own").unwrap();
        let (own, client) = world.template(&config, [10, 2, 0, 7]);
        let client = client.unwrap();
        fs::write(world.path("token"), "two").unwrap();
        assert_eq!(world.reload(&config, OBSERVE).unwrap(), 1);
        assert!(!Arc::ptr_eq(&before, &world.clients.of(&shared).unwrap()));
        // One switch has gone, and its token with it.
        fs::remove_file(world.path("10.2.0.7")).unwrap();
        assert_eq!(world.reload(&config, OBSERVE).unwrap(), 0);
        assert!(Arc::ptr_eq(&client, &world.clients.of(&own).unwrap()));
    }
}
