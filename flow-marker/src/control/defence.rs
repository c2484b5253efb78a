//! Which attacks are dropped: pure.
//!
//! A drop goes after its time. While the attack is still seen then, it stays for twice as long; one that comes back within
//! the longest time begins with twice as long. There are never more than so many on a switch, and each is as narrow as what
//! was seen.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use shared::units::BitRate;

use crate::actuator::{Action, Control, Drop, Kind};
use crate::attack::{Attack, Protected};
use crate::clock::Time;
use crate::config;
use crate::control::desired::{Cause, Ending, Holder, Wish};
use crate::control::{Edit, Lasting, name};
use crate::detect::Evidence;
use crate::inventory::Roster;

/// An attack is still going on when it was seen so long ago at most.
const GOING_ON: Duration = Duration::from_secs(15);

/// What becomes of an attack that was seen.
#[derive(Debug)]
pub enum Met {
    /// It is dropped already.
    Known,
    /// Somebody has released its drop a short while ago.
    Resting,
    /// It is dropped from now on.
    Started(Edit),
    /// There are as many drops on its switch as there may be.
    Full,
    /// It is from no switch of the inventory, or was seen before the configuration said that it is none.
    Nowhere,
    /// No rule stops it without doing its work: it is told of, and nothing else.
    Unruled(String),
}

#[derive(Debug, Clone)]
struct Active {
    switch: usize,
    until: Time,
    ttl: Duration,
    last: Time,
    attack: Attack,
}

/// All drops.
#[derive(Debug)]
pub struct Defence {
    id: String,
    config: config::Drops,
    protected: Protected,
    roster: Arc<Roster>,
    active: BTreeMap<AclName, Active>,
    /// How long those lasted that are over, and when they ended; for the longest time. Bounded by the budget of all
    /// switches and how soon one can end.
    past: BTreeMap<AclName, (Duration, Time)>,
    /// Until when attacks are not dropped since somebody has released their drop.
    resting: BTreeMap<AclName, Time>,
    /// When attacks that no rule stops were last seen.
    unruled: BTreeMap<AclName, Time>,
}

/// Attacks that no rule stops, at once: beyond it they are not told of.
const MOST_UNRULED: usize = 1024;

impl Defence {
    /// No drops.
    pub fn new(id: String, config: config::Drops, roster: Arc<Roster>) -> Self {
        Self {
            id,
            protected: Protected::new(&config),
            config,
            roster,
            active: BTreeMap::new(),
            past: BTreeMap::new(),
            resting: BTreeMap::new(),
            unruled: BTreeMap::new(),
        }
    }

    /// An attack goes on. `port_name` is the name of the port that it enters by.
    pub fn met(&mut self, now: Time, attack: &Attack, port_name: Option<Arc<str>>) -> Met {
        let Some((index, control)) = self.control(attack) else {
            return Met::Nowhere;
        };
        if !self.is_attack(attack) {
            return Met::Nowhere;
        }
        // Whoever discards all that opens connections to a service has ended the service.
        if attack.drop.opening && attack.drop.source.is_none() {
            return self.unruled(now, control.name, attack);
        }
        if let Some(active) = self.active.get_mut(&control.name) {
            (active.last, active.attack) = (now, *attack);
            return Met::Known;
        }
        if self.resting.get(&control.name).is_some_and(|until| *until > now) {
            return Met::Resting;
        }
        let there = self.active.values().filter(|active| active.switch == index);
        if there.count() >= self.config.max_rules {
            return Met::Full;
        }
        let (first, longest) = self.config.ttl;
        let ttl = match self.past.remove(&control.name) {
            Some((ttl, ended)) if now.since(ended) < longest => ttl.saturating_mul(2).min(longest),
            _ => first,
        };
        let active = Active {
            switch: index,
            until: now + ttl,
            ttl,
            last: now,
            attack: *attack,
        };
        self.active.insert(control.name.clone(), active);
        let cause = Cause {
            agent: self
                .roster
                .get(index)
                .map_or(attack.drop.destination, |switch| switch.config.agent),
            port: attack.port,
            port_name,
            detected: now,
            evidence: Evidence::counted(
                (attack.bytes, attack.samples),
                (attack.first, now),
                (attack.rate, self.threshold(attack)),
            ),
            hold: None,
            about: Some(about(attack).into()),
            person: None,
        };
        Met::Started(Edit::Want {
            switch: index,
            wish: Wish {
                control: Arc::new(control),
                holder: Holder::Controller,
                cause: Arc::new(cause),
            },
        })
    }

    /// Whether it would be one by the configuration as it is.
    fn is_attack(&self, Attack { drop, .. }: &Attack) -> bool {
        let by_port = drop
            .source_port
            .is_none_or(|port| self.config.ports.contains(&port));
        by_port && self.protected.covers(drop.destination, drop.source)
    }

    /// Works by another configuration from now on: what is no attack by it ends, and the smallest of those that are too many
    /// for it; nothing lasts longer than it says.
    pub fn follow(&mut self, now: Time, config: &config::Drops) -> Vec<Edit> {
        self.config.clone_from(config);
        self.protected = Protected::new(config);
        let mut all: Vec<_> = std::mem::take(&mut self.active).into_iter().collect();
        all.sort_by_key(|(_, active)| Reverse(active.attack.rate));
        let (mut there, mut edits) = (BTreeMap::<usize, usize>::new(), Vec::new());
        for (name, mut active) in all {
            let places = there.entry(active.switch).or_default();
            if !self.is_attack(&active.attack) || *places >= config.max_rules {
                edits.push(release(name, &active, Ending::Configuration));
                continue;
            }
            *places += 1;
            active.ttl = active.ttl.min(config.ttl.1);
            active.until = active.until.min(now + config.ttl.1);
            self.active.insert(name, active);
        }
        edits
    }

    /// Told once, and again when it comes back.
    fn unruled(&mut self, now: Time, name: AclName, attack: &Attack) -> Met {
        if !self.unruled.contains_key(&name) && self.unruled.len() >= MOST_UNRULED {
            return Met::Known;
        }
        let before = self.unruled.insert(name, now);
        if before.is_some_and(|before| now.since(before) <= GOING_ON) {
            return Met::Known;
        }
        Met::Unruled(about(attack))
    }

    /// The rate that its own is compared with; none where packets are counted.
    fn threshold(&self, attack: &Attack) -> BitRate {
        if attack.drop.opening {
            BitRate::from_bits_per_second(0)
        } else {
            self.config.threshold
        }
    }

    fn control(&self, attack: &Attack) -> Option<(usize, Control)> {
        let index = attack.agent.index();
        let switch = self.roster.get(index)?;
        Some((index, control(&self.id, &switch.config, attack.drop)?))
    }

    /// Ends one by its name, because somebody wants it so; its attack is not dropped for the longest time.
    pub fn end(&mut self, now: Time, name: &AclName) {
        if self.active.remove(name).is_some() {
            self.resting.insert(name.clone(), now + self.config.ttl.1);
        }
    }

    /// Ends what is over, and lets stay what is still needed.
    pub fn tick(&mut self, now: Time) -> Vec<Edit> {
        let longest = self.config.ttl.1;
        self.resting.retain(|_, until| *until > now);
        self.unruled.retain(|_, last| now.since(*last) <= GOING_ON);
        self.past.retain(|_, (_, ended)| now.since(*ended) < longest);
        for active in self.active.values_mut() {
            if active.until <= now && now.since(active.last) < GOING_ON {
                active.ttl = active.ttl.saturating_mul(2).min(longest);
                active.until = now + active.ttl;
            }
        }
        let over: Vec<_> = self
            .active
            .extract_if(.., |_, active| active.until <= now)
            .collect();
        let edits = over.into_iter().map(|(name, active)| {
            self.past.insert(name.clone(), (active.ttl, now));
            release(name, &active, Ending::Expired)
        });
        edits.collect()
    }

    /// Drops that are not made, and until when.
    pub fn resting(&self, now: Time) -> impl Iterator<Item = (AclName, Time)> {
        let resting = self.resting.iter().filter(move |(_, until)| **until > now);
        resting.map(|(name, until)| (name.clone(), *until))
    }

    /// A drop is not made until then.
    pub fn rest(&mut self, name: AclName, until: Time) {
        self.resting.insert(name, until);
    }

    /// How long each stays, with the position of its switch.
    pub fn lasting(&self) -> impl Iterator<Item = (usize, AclName, Lasting)> {
        self.active.iter().map(|(name, active)| {
            let lasting = Lasting {
                last: active.last,
                quiet: None,
                until: active.until,
            };
            (active.switch, name.clone(), lasting)
        })
    }

    /// When the next one may be over.
    pub fn next_end(&self) -> Option<Time> {
        self.active.values().map(|active| active.until).min()
    }
}

/// The control that drops packets on `switch`.
pub(super) fn control(id: &str, switch: &config::Switch, drop: Drop) -> Option<Control> {
    let port = |port: Option<u16>| {
        port.map_or([0, 0, 0], |port| {
            let [high, low] = port.to_be_bytes();
            [1, high, low]
        })
    };
    let [agent, destination] = [switch.agent, drop.destination].map(|address| address.to_string());
    let source = drop.source.map(|source| source.to_string());
    let ports = [port(drop.source_port), port(drop.destination_port)].concat();
    let protocol = [drop.protocol.0];
    let mut parts = vec![agent.as_bytes(), destination.as_bytes(), &protocol, &ports];
    parts.extend(source.as_deref().map(str::as_bytes));
    if drop.opening {
        parts.push(b"opening");
    }
    Some(Control {
        name: name::of(id, Kind::Drop, &parts)?,
        // An attack comes by every port it can.
        interface: switch.any_interface().to_owned(),
        action: Action::Drop(drop),
    })
}

fn release(name: AclName, active: &Active, why: Ending) -> Edit {
    Edit::Release {
        switch: active.switch,
        name,
        holder: Holder::Controller,
        last: active.last,
        why,
    }
}

/// The attack for people.
fn about(attack: &Attack) -> String {
    let to = attack.drop.destination;
    if attack.drop.opening {
        let port = attack.drop.destination_port.unwrap_or_default();
        return match attack.drop.source {
            Some(source) => format!("SYN flood from {source} towards {to} port {port}"),
            None => format!("SYN flood from many sources towards {to} port {port}"),
        };
    }
    match attack.drop.source_port {
        Some(53) => format!("DNS amplification towards {to}"),
        Some(123) => format!("NTP amplification towards {to}"),
        Some(389) => format!("CLDAP amplification towards {to}"),
        Some(1900) => format!("SSDP amplification towards {to}"),
        Some(11211) => format!("memcached amplification towards {to}"),
        Some(port) => format!("amplification by UDP port {port} towards {to}"),
        None => format!("flood towards {to}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::flow::AgentId;
    use crate::packet::IpProtocol;

    fn at(seconds: u64) -> Time {
        Time::START + Duration::from_secs(seconds)
    }

    fn defence() -> Defence {
        let text =
            "[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://a\"\n[drop]\nlocal = [\"10.0.0.0/8\"]\n";
        let config = Config::parse(Path::new("t"), text).unwrap();
        let roster = Roster::of(&config);
        Defence::new(config.id, config.drop, roster)
    }

    fn attack(host: u8) -> Attack {
        let rate = "2G".parse().unwrap();
        Attack {
            agent: AgentId(0),
            port: 3,
            drop: Drop {
                destination: [10, 10, 100, host].into(),
                source: None,
                protocol: IpProtocol::UDP,
                source_port: Some(53),
                destination_port: None,
                opening: false,
            },
            rate,
            bytes: 1,
            samples: 30,
            first: at(0),
        }
    }

    fn started(met: Met) -> Wish {
        match met {
            Met::Started(Edit::Want { wish, .. }) => wish,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_drop_goes_after_its_time_and_comes_back_for_twice_as_long() {
        let mut defence = defence();
        let wish = started(defence.met(at(0), &attack(10), None));
        assert!(wish.control.name.as_str().starts_with("fm_drop_"));
        assert_eq!(
            wish.control.action.to_string(),
            "drop udp from port 53 to 10.10.100.10"
        );
        assert_eq!(
            wish.cause.about.as_deref(),
            Some("DNS amplification towards 10.10.100.10")
        );
        assert!(matches!(defence.met(at(1), &attack(10), None), Met::Known));
        assert!(defence.tick(at(299)).is_empty());
        assert_eq!(
            (defence.next_end(), defence.tick(at(300)).len()),
            (Some(at(300)), 1)
        );
        for (start, lasts) in [(301, 600), (902, 1200), (2103, 2400), (4504, 3600), (8105, 3600)] {
            started(defence.met(at(start), &attack(10), None));
            assert!(defence.tick(at(start + lasts - 1)).is_empty());
            assert_eq!(defence.tick(at(start + lasts)).len(), 1, "{start}");
        }
        started(defence.met(at(20_000), &attack(10), None));
        assert_eq!(defence.next_end(), Some(at(20_300)), "forgotten");
    }

    #[test]
    fn an_attack_that_goes_on_is_dropped_on_and_on() {
        let mut defence = defence();
        started(defence.met(at(0), &attack(10), None));
        for second in 1..=1000 {
            assert!(matches!(defence.met(at(second), &attack(10), None), Met::Known));
            assert!(defence.tick(at(second)).is_empty());
        }
        assert_eq!(defence.next_end(), Some(at(300 + 600 + 1200)));
        assert_eq!(defence.tick(at(2100)).len(), 1);
    }

    #[test]
    fn what_somebody_has_released_rests() {
        let mut defence = defence();
        let wish = started(defence.met(at(0), &attack(10), None));
        defence.end(at(1), &wish.control.name);
        assert!(matches!(defence.met(at(2), &attack(10), None), Met::Resting));
        assert!(matches!(defence.met(at(2), &attack(11), None), Met::Started(_)));
        started(defence.met(at(3601), &attack(10), None));
    }

    #[test]
    fn what_opens_connections_is_dropped_of_one_source_and_only_told_of_many() {
        let mut defence = defence();
        let flood = |source: Option<[u8; 4]>| Attack {
            drop: Drop {
                source: source.map(Into::into),
                protocol: IpProtocol::TCP,
                source_port: None,
                destination_port: Some(443),
                opening: true,
                ..attack(10).drop
            },
            ..attack(10)
        };
        let wish = started(defence.met(at(0), &flood(Some([192, 0, 2, 9])), None));
        assert_eq!(
            wish.control.action.to_string(),
            "drop tcp from 192.0.2.9 to 10.10.100.10 port 443, only what opens connections"
        );
        assert_eq!(
            wish.cause.about.as_deref(),
            Some("SYN flood from 192.0.2.9 towards 10.10.100.10 port 443")
        );
        let mut told = Vec::new();
        for second in 0..100 {
            // It pauses for half a minute.
            if !(40..70).contains(&second) {
                match defence.met(at(second), &flood(None), None) {
                    Met::Unruled(about) => told.push((second, about)),
                    Met::Known => {}
                    other => panic!("{other:?}"),
                }
            }
            assert!(defence.tick(at(second)).is_empty());
        }
        let about = "SYN flood from many sources towards 10.10.100.10 port 443".to_owned();
        assert_eq!(told, [(0, about.clone()), (70, about)]);
    }

    #[test]
    fn another_configuration_ends_what_is_no_attack_by_it_and_the_smallest_of_too_many() {
        let mut defence = defence();
        let with = |host, rate: &str| Attack {
            rate: rate.parse().unwrap(),
            ..attack(host)
        };
        for (host, rate) in [(1, "1G"), (2, "3G"), (3, "2G"), (4, "4G")] {
            started(defence.met(at(0), &with(host, rate), None));
        }
        let mut config = defence.config.clone();
        assert!(defence.follow(at(1), &config).is_empty(), "nothing has changed");
        config.max_rules = 3;
        let released = |edits: Vec<Edit>| {
            let hosts = edits.into_iter().map(|edit| match edit {
                Edit::Release { name, why, .. } => {
                    assert_eq!(why, Ending::Configuration);
                    let is = |host: &u8| {
                        let (_, control) = self::defence().control(&attack(*host)).unwrap();
                        control.name == name
                    };
                    (1..5).find(is).unwrap()
                }
                other => panic!("{other:?}"),
            });
            hosts.collect::<Vec<_>>()
        };
        assert_eq!(released(defence.follow(at(1), &config)), [1]);
        config.exclude = vec!["10.10.100.4/32".parse().unwrap()];
        assert_eq!(released(defence.follow(at(2), &config)), [4]);
        assert!(matches!(defence.met(at(2), &with(4, "4G"), None), Met::Nowhere));
        config.ports = vec![123];
        assert_eq!(released(defence.follow(at(3), &config)), [2, 3]);
        assert_eq!(defence.next_end(), None);
    }

    #[test]
    fn there_are_never_more_than_the_budget() {
        let mut defence = defence();
        let mut met = |host| defence.met(at(0), &attack(host), None);
        for host in 0..4 {
            started(met(host));
        }
        assert!(matches!(met(4), Met::Full));
        assert!(matches!(met(0), Met::Known));
        let elsewhere = Attack {
            agent: AgentId(1),
            ..attack(5)
        };
        assert!(matches!(defence.met(at(0), &elsewhere, None), Met::Nowhere));
    }
}
