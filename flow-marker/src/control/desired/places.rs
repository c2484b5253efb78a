//! Who gets the places that a switch has for us.

use std::cmp::Reverse;
use std::collections::HashSet;

use shared::AclName;

use super::decision::{Decision, What};
use super::entry::{Entry, Presence, Trouble};
use super::{Desired, Time};

/// Places: ACLs, and the hardware entries that they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) rules: usize,
    pub(super) entries: u64,
}

impl Taken {
    const fn add(&mut self, entries: u64) {
        self.rules += 1;
        self.entries = self.entries.saturating_add(entries);
    }

    /// Takes a place, if there is one.
    const fn take(&mut self, entries: u64) -> bool {
        if self.rules == 0 || self.entries < entries {
            return false;
        }
        self.rules -= 1;
        self.entries -= entries;
        true
    }
}

/// The places of a switch as people see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Budget {
    /// ACLs that ours may be.
    pub max_rules: usize,
    /// ACLs that ours are, or may be.
    pub rules: usize,
    /// Hardware entries that ours take.
    pub entries: u64,
    /// Hardware entries that ours may take; `None`: the switch does not say how many it has.
    pub max_entries: Option<u64>,
    /// Hardware entries that all take, and that there are, when the switch was asked last.
    pub capacity: Option<(u64, u64)>,
}

/// Who comes and who goes because of the places there are.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    /// Controls on the switch that must leave although they are wanted.
    pub(super) leave: HashSet<&'a AclName>,
    /// Those among them that others outdo; the rest are more than there may be.
    pub(super) outdone: HashSet<&'a AclName>,
    /// Wanted controls that find no place.
    pub(super) without: Vec<&'a Entry>,
    /// Controls that have a free place.
    pub(super) enter: Vec<&'a Entry>,
    /// When more can be said, if nothing happens before.
    pub(super) later: Option<Time>,
}

impl Desired {
    /// What ours take on the switch. What is to be removed keeps its place until it is gone.
    pub(super) fn taken(&self) -> Taken {
        let mut taken = self.taken_by_entries();
        for orphan in self.orphans.values() {
            taken.add(orphan.entries);
        }
        taken
    }

    fn taken_by_entries(&self) -> Taken {
        let mut taken = Taken::default();
        for entry in self.entries.values().filter(|e| e.presence != Presence::Absent) {
            taken.add(entry.entries);
        }
        taken
    }

    /// How many places there are, and how many of them are taken.
    pub fn budget(&self) -> Budget {
        let taken = self.taken();
        Budget {
            max_rules: self.limits.max_rules,
            rules: taken.rules,
            entries: taken.entries,
            max_entries: self.room,
            capacity: self.capacity.map(|capacity| (capacity.used, capacity.limit)),
        }
    }

    fn free(&self) -> Taken {
        let taken = self.taken();
        Taken {
            rules: self.limits.max_rules.saturating_sub(taken.rules),
            entries: self.room.unwrap_or(u64::MAX).saturating_sub(taken.entries),
        }
    }

    /// Who comes and who goes. The largest come first.
    pub(super) fn places(&self, now: Time) -> Places<'_> {
        let mut places = Places {
            leave: self.excess(),
            ..Places::default()
        };
        let mut waiting = Vec::new();
        // Those for whom the switch has said that there is no room wait for a place that another one leaves.
        let mut rest = Vec::new();
        for entry in self.entries.values().filter(|e| e.waits() && self.stays(e)) {
            match entry.retry(true) {
                due if due <= now => waiting.push(entry),
                due => {
                    places.later = Some(places.later.map_or(due, |later| later.min(due)));
                    rest.extend(matches!(entry.trouble, Some(Trouble::NoRoom { .. })).then_some(entry));
                }
            }
        }
        waiting.sort_by_key(|entry| Reverse(entry.value()));
        let mut free = self.free();
        for entry in waiting {
            match free.take(entry.entries) {
                true => places.enter.push(entry),
                false => {
                    places.without.push(entry);
                    rest.push(entry);
                }
            }
        }
        if !rest.is_empty() {
            rest.sort_by_key(|entry| Reverse(entry.value()));
            self.displace(now, &rest, &mut places);
        }
        places
    }

    /// Exchanges small controls that have been there for their time against much larger ones that wait.
    fn displace<'a>(&'a self, now: Time, waiting: &[&'a Entry], places: &mut Places<'a>) {
        // What goes anyway makes room first.
        let going = self.entries.iter().filter(|(name, entry)| {
            let gone = entry.presence == Presence::Absent;
            !gone && (!self.stays(entry) || places.leave.contains(name))
        });
        let mut victims: Vec<_> = self
            .entries
            .iter()
            .filter(|(name, entry)| {
                let there = matches!(entry.presence, Presence::Installed(_));
                there && self.stays(entry) && !places.leave.contains(name)
            })
            .collect();
        victims.sort_by_key(|(_, entry)| entry.value());
        let mut victims = victims.into_iter();
        for entry in waiting
            .iter()
            .skip(going.count().saturating_add(self.orphans.len()))
        {
            let mut freed = 0;
            while freed < entry.entries {
                let Some((name, victim)) = victims.next().filter(|(_, victim)| entry.outdoes(victim)) else {
                    return;
                };
                if victim.held_until() > now {
                    let due = victim.held_until();
                    places.later = Some(places.later.map_or(due, |later| later.min(due)));
                    return;
                }
                places.leave.insert(name);
                places.outdone.insert(name);
                freed += victim.entries;
            }
        }
    }

    /// Who finds no place, and who gives up his, as far as it was not said before.
    pub(super) fn unsaid(&self, now: Time, places: &Places<'_>) -> Vec<Decision> {
        let over = places.without.iter().filter(|entry| !entry.said_over);
        let over = over.map(|entry| {
            let why = "as many as there may be are there, and none is so much smaller that it gives way";
            entry
                .decision(now, What::OverBudget, &self.modes)
                .because("budget", why)
        });
        let leave = places.leave.iter().filter_map(|name| self.entries.get(*name));
        let leave = leave.filter(|entry| !entry.said_displaced).map(|entry| {
            let (reason, why) = match places.outdone.contains(&entry.control.name) {
                true => ("larger", "another one is worth more"),
                false => ("budget", "there are more than there may be"),
            };
            entry
                .decision(now, What::Displaced, &self.modes)
                .because(reason, why)
        });
        over.chain(leave).collect()
    }

    /// Says that, once.
    pub(super) fn say(&mut self, said: Vec<Decision>) {
        for decision in &said {
            let entry = decision.name().and_then(|name| self.entries.get_mut(name));
            if let Some(entry) = entry {
                match decision.what {
                    What::Displaced => entry.said_displaced = true,
                    _ => entry.said_over = true,
                }
            }
        }
        self.decided.extend(said);
    }

    /// Controls beyond what may be there, those of the smallest value first: from a life with a larger budget, or since
    /// others need more of the switch.
    fn excess(&self) -> HashSet<&AclName> {
        let mut excess = HashSet::new();
        let mut taken = self.taken_by_entries();
        let room = self.room.unwrap_or(u64::MAX);
        if taken.rules <= self.limits.max_rules && taken.entries <= room {
            return excess;
        }
        let there = self
            .entries
            .iter()
            .filter(|(_, e)| e.presence != Presence::Absent);
        let mut there: Vec<_> = there.collect();
        // What is known to be there has a right to stay before what only may be.
        there.sort_by_key(|(_, e)| (e.value(), matches!(e.presence, Presence::Installed(_))));
        for (name, entry) in there {
            if taken.rules <= self.limits.max_rules && taken.entries <= room {
                break;
            }
            taken.rules -= 1;
            taken.entries -= entry.entries;
            excess.insert(name);
        }
        excess
    }

    /// Wanted controls that nothing is wrong with, but that there is no place for.
    pub(super) fn over(&self) -> HashSet<&AclName> {
        let waits = |e: &&Entry| e.waits() && self.stays(e) && e.trouble().is_none();
        let mut waiting: Vec<_> = self.entries.values().filter(waits).collect();
        waiting.sort_by_key(|entry| Reverse(entry.value()));
        let mut free = self.free();
        waiting.retain(|entry| !free.take(entry.entries));
        waiting.into_iter().map(|entry| &entry.control.name).collect()
    }
}
