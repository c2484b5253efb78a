//! Who is listened to.
//!
//! Agents appear by themselves when their datagrams arrive, as users of sFlow expect, and the address of an agent is its
//! sender's to choose. So agents of the inventory always have their place, and others share a limited number of places.
//! One that has been silent for an hour makes room for another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::places::Places;
use crate::clock::Time;
use crate::keyed::Keyed;

/// An agent that has said nothing for so long may be forgotten. Agents tell their counters every 20 or 30 seconds.
pub const SILENT: Duration = Duration::from_secs(3600);

/// Why an agent is not listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its address is in none of the configured prefixes.
    Prefix,
    /// All places are taken.
    Full,
}

/// The agents of one thread, each with what is kept of it.
#[derive(Debug)]
pub struct Roll<T> {
    agents: HashMap<IpAddr, Entry<T>, Keyed>,
    prefixes: Option<Vec<IpNet>>,
    places: Arc<Places>,
    /// Nobody is silent for long enough before this.
    look: Time,
}

#[derive(Debug)]
struct Entry<T> {
    /// When its last datagram came.
    heard: Time,
    /// It has one of the places for others.
    is_other: bool,
    value: T,
}

impl<T> Roll<T> {
    /// Nobody yet. The inventory is always listened to; others when they are in one of `prefixes` (`None`: all are), as
    /// long as there are `places`.
    pub fn new(prefixes: Option<Vec<IpNet>>, places: Arc<Places>) -> Self {
        Self {
            agents: HashMap::default(),
            prefixes,
            places,
            look: Time::START,
        }
    }

    /// Lets an agent in of which nothing is kept yet; `new` makes what is kept of it. What was kept of agents that made room
    /// goes to `forgotten`.
    ///
    /// # Errors
    /// [`Refused`]: never for one that `is_known`, of the inventory.
    pub fn enter(
        &mut self,
        now: Time,
        (agent, is_known): (IpAddr, bool),
        new: impl FnOnce() -> T,
        forgotten: impl FnMut(IpAddr, T),
    ) -> Result<(), Refused> {
        let agent = agent.to_canonical();
        if !is_known {
            self.admit(now, agent, forgotten)?;
        }
        let entry = Entry {
            heard: now,
            is_other: !is_known,
            value: new(),
        };
        if let Some(Entry { is_other: true, .. }) = self.agents.insert(agent, entry) {
            self.places.give_back(1);
        }
        Ok(())
    }

    /// What is kept of an agent from which a datagram has come; `None` when it was not let in.
    pub fn hear(&mut self, now: Time, agent: IpAddr) -> Option<&mut T> {
        let entry = self.agents.get_mut(&agent.to_canonical())?;
        entry.heard = now;
        Some(&mut entry.value)
    }

    /// Shows an agent the door. What was kept of it.
    pub fn remove(&mut self, agent: IpAddr) -> Option<T> {
        let entry = self.agents.remove(&agent.to_canonical())?;
        self.places.give_back(usize::from(entry.is_other));
        Some(entry.value)
    }

    fn admit(&mut self, now: Time, agent: IpAddr, forgotten: impl FnMut(IpAddr, T)) -> Result<(), Refused> {
        if let Some(prefixes) = &self.prefixes
            && !prefixes.iter().any(|prefix| prefix.contains(&agent))
        {
            return Err(Refused::Prefix);
        }
        if !self.places.take() {
            self.forget_silent(now, forgotten);
            if !self.places.take() {
                return Err(Refused::Full);
            }
        }
        Ok(())
    }

    /// Makes room when all places are taken, perhaps for agents of other threads. To be called now and then.
    pub fn tick(&mut self, now: Time, forgotten: impl FnMut(IpAddr, T)) {
        if self.places.are_all_taken() {
            self.forget_silent(now, forgotten);
        }
    }

    /// Forgets everybody outside of the inventory who has been silent for [`SILENT`]. Looks at all agents only when that
    /// can be so: under a flood of invented agents not for every one of them.
    fn forget_silent(&mut self, now: Time, mut forgotten: impl FnMut(IpAddr, T)) {
        if now < self.look {
            return;
        }
        let mut oldest = now;
        let silent = self.agents.extract_if(|_, entry| {
            let is_silent = entry.is_other && now.since(entry.heard) >= SILENT;
            if entry.is_other && !is_silent {
                oldest = oldest.min(entry.heard);
            }
            is_silent
        });
        let mut count = 0;
        for (agent, entry) in silent {
            count += 1;
            forgotten(agent, entry.value);
        }
        self.places.give_back(count);
        self.look = oldest + SILENT;
    }

    /// What is kept of an agent.
    pub fn get(&self, agent: IpAddr) -> Option<&T> {
        self.agents.get(&agent.to_canonical()).map(|entry| &entry.value)
    }

    /// All agents, with when they were heard last, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, Time, &T)> {
        let agents = self.agents.iter();
        agents.map(|(agent, entry)| (*agent, entry.heard, &entry.value))
    }

    /// All agents, to be changed, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (IpAddr, &mut T)> {
        let agents = self.agents.iter_mut();
        agents.map(|(agent, entry)| (*agent, &mut entry.value))
    }

    /// How many agents are known.
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether no agent is known.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn agent(n: u32) -> IpAddr {
        Ipv4Addr::from(0x0A00_0000 + n).into()
    }

    fn at(seconds: u64) -> Time {
        Time::START + Duration::from_secs(seconds)
    }

    fn roll(places: &Arc<Places>) -> Roll<u32> {
        Roll::new(None, Arc::clone(places))
    }

    fn enter(roll: &mut Roll<u32>, seconds: u64, n: u32) -> Result<u32, Refused> {
        if let Some(known) = roll.hear(at(seconds), agent(n)) {
            return Ok(*known);
        }
        let is_known = matches!(n, 1 | 2);
        roll.enter(at(seconds), (agent(n), is_known), || n, |_, _| ())?;
        Ok(n)
    }

    #[test]
    fn a_flood_of_invented_agents_does_not_keep_the_inventory_out() {
        let places = Arc::new(Places::new(10));
        let mut roll = roll(&places);
        let refused = (100..1100).filter(|n| enter(&mut roll, 0, *n).is_err()).count();
        assert_eq!((refused, roll.len()), (990, 10));
        assert_eq!(enter(&mut roll, 0, 1), Ok(1));
        assert_eq!(enter(&mut roll, 0, 2), Ok(2));
        assert_eq!(enter(&mut roll, 0, 3), Err(Refused::Full));
        assert_eq!(enter(&mut roll, 0, 105), Ok(105), "who is known stays");
    }

    #[test]
    fn who_was_silent_for_an_hour_makes_room_and_the_inventory_never() {
        let places = Arc::new(Places::new(2));
        let mut roll = roll(&places);
        for (seconds, n) in [(0, 1), (0, 10), (10, 11), (3000, 10)] {
            enter(&mut roll, seconds, n).unwrap();
        }
        assert_eq!(enter(&mut roll, 3609, 12), Err(Refused::Full));
        let mut forgotten = Vec::new();
        let entered = roll.enter(
            at(3610),
            (agent(12), false),
            || 12,
            |agent, value| forgotten.push((agent, value)),
        );
        assert_eq!((entered, roll.get(agent(12))), (Ok(()), Some(&12)));
        assert_eq!(forgotten, [(agent(11), 11)]);
        assert_eq!(roll.get(agent(1)), Some(&1), "silent for longer");
        assert_eq!(enter(&mut roll, 3611, 13), Err(Refused::Full));
    }

    #[test]
    fn places_are_shared_and_a_thread_whose_agents_are_silent_gives_them_up() {
        let places = Arc::new(Places::new(3));
        let (mut one, mut other) = (roll(&places), roll(&places));
        for n in 10..13 {
            enter(&mut one, 0, n).unwrap();
        }
        assert_eq!(enter(&mut other, 4000, 20), Err(Refused::Full));
        one.tick(at(3599), |_, _| ());
        assert_eq!(one.len(), 3);
        let mut forgotten = 0;
        one.tick(at(4000), |_, _| forgotten += 1);
        assert_eq!((forgotten, one.is_empty()), (3, true));
        assert_eq!(enter(&mut other, 4000, 20), Ok(20));
    }

    #[test]
    fn who_is_shown_the_door_gives_his_place_back() {
        let places = Arc::new(Places::new(1));
        let mut roll = roll(&places);
        enter(&mut roll, 0, 1).unwrap();
        enter(&mut roll, 0, 10).unwrap();
        assert_eq!(enter(&mut roll, 0, 11), Err(Refused::Full));
        assert_eq!((roll.remove(agent(10)), roll.remove(agent(10))), (Some(10), None));
        assert_eq!(roll.remove(agent(1)), Some(1));
        assert_eq!(enter(&mut roll, 0, 11), Ok(11));
        assert_eq!(
            enter(&mut roll, 0, 12),
            Err(Refused::Full),
            "the inventory's place was none of these"
        );
    }

    #[test]
    fn prefixes_choose_among_others_and_never_in_the_inventory() {
        let prefixes = Some(vec![
            "10.1.0.0/16".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ]);
        let mut roll = Roll::new(prefixes, Arc::new(Places::new(9)));
        for (address, expected) in [
            ("10.0.0.1", Err(Refused::Prefix)),
            ("10.1.2.3", Ok(())),
            ("::ffff:10.1.2.3", Ok(())),
            ("2001:db8::9", Ok(())),
            ("10.2.0.1", Err(Refused::Prefix)),
            ("2001:db9::9", Err(Refused::Prefix)),
        ] {
            let entered = roll.enter(at(0), (address.parse().unwrap(), false), || (), |_, ()| ());
            assert_eq!(entered, expected, "{address}");
        }
        assert_eq!(roll.enter(at(0), (agent(1), true), || (), |_, ()| ()), Ok(()));
        assert_eq!(roll.len(), 3, "an address is the same agent in both notations");
    }

    proptest! {
        /// Against a model that looks at everybody every time.
        #[test]
        fn who_is_admitted_follows_the_rules(
            most in 0..5_usize,
            steps in proptest::collection::vec((0..12_u32, 0..3000_u64), 0..100),
        ) {
            let mut roll = roll(&Arc::new(Places::new(most)));
            let inventory = BTreeSet::from([1, 2]);
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            let mut now = 0;
            for (n, passed) in steps {
                now += passed;
                let others = |model: &BTreeMap<u32, u64>| model.keys().filter(|n| !inventory.contains(n)).count();
                if !model.contains_key(&n) && !inventory.contains(&n) && others(&model) >= most {
                    model.retain(|n, heard| inventory.contains(n) || now - *heard < 3600);
                }
                let admitted = model.contains_key(&n) || inventory.contains(&n) || others(&model) < most;
                if admitted {
                    model.insert(n, now);
                }
                prop_assert_eq!(enter(&mut roll, now, n).is_ok(), admitted);
                let known: BTreeSet<_> = roll.iter().map(|(_, _, n)| *n).collect();
                prop_assert_eq!(known, model.keys().copied().collect::<BTreeSet<_>>());
            }
        }
    }
}
