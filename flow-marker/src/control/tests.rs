//! A day of a fabric in virtual time: flows, restarts of controller and switches, lost replies, full tables, refused rules,
//! partitions, hand edits. The real desired state and the real agenda, against acl-servers made here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::AclName;
use shared::wire::{ServerTiming, set_etag};

use super::agenda::{Agenda, Step};
use super::desired::tests::{PORT, act, name, wish};
use super::desired::{Belief, Desired, Limits, Noted, State};
use crate::actuator::{Capacity, Change, Failure, Hand, Present, Verdict};
use crate::clock::Time;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
const TTL: u64 = 60;
const BUDGET: usize = 6;
/// Flows that come and go; some are larger than others.
const FLOWS: u16 = 24;
/// A healthy switch, with nothing new, is as it should be after this: two refusals, an old lease, a grace, a hold.
const QUIET: u64 = 300 * SECOND;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A time between the bounds, in seconds.
    fn seconds(&mut self, from: u64, to: u64) -> u64 {
        from * SECOND + self.below((to - from) * SECOND)
    }
}

#[derive(Clone)]
struct Acl {
    content: &'static str,
    until: Option<u64>,
}

/// An acl-server, as far as it matters here.
struct Server {
    acls: BTreeMap<AclName, Acl>,
    by_hand: BTreeSet<AclName>,
    /// What a hand has made under our prefix.
    foreign: BTreeSet<AclName>,
    down_until: u64,
    refuses: Option<u16>,
    limit: u64,
    /// What we have put there and not taken away, and when it came, since the controller started.
    ours: BTreeSet<AclName>,
    came: Vec<(u64, AclName)>,
    commits: u64,
}

fn ours(name: &AclName) -> bool {
    name.as_str().starts_with("fm_")
}

impl Server {
    fn expire(&mut self, now: u64) {
        let by_hand = &self.by_hand;
        self.acls
            .retain(|name, acl| by_hand.contains(name) || acl.until.is_none_or(|until| until > now));
    }

    fn change(&mut self, now: u64, change: &Change) -> Verdict {
        self.expire(now);
        let name = &change.name;
        assert!(ours(name), "{name} is not ours");
        let there = self.acls.get(name).map(|acl| format!("{:?}", acl.content));
        let hand = there.clone().map_or(Hand::Removed, Hand::Changed);
        if self.by_hand.contains(name) && change.hand != Some(hand.clone()) {
            return Verdict::ByHand(hand);
        }
        let Some(control) = &change.control else {
            self.acls.remove(name);
            self.forget(name);
            self.ours.remove(name);
            return Verdict::Removed;
        };
        if control.flow().map(|flow| flow.source_port) == self.refuses {
            return Verdict::Refused {
                why: "422".to_owned(),
            };
        }
        if there.is_none() && self.acls.len() as u64 >= self.limit {
            return Verdict::NoRoom {
                why: "507".to_owned(),
            };
        }
        let until = Some(now + TTL * SECOND);
        self.acls.insert(
            name.clone(),
            Acl {
                content: "rule",
                until,
            },
        );
        self.forget(name);
        if self.ours.insert(name.clone()) {
            self.came.push((now, name.clone()));
        }
        let count = self
            .acls
            .keys()
            .filter(|n| ours(n) && !self.foreign.contains(*n))
            .count();
        assert!(there.is_some() || count <= BUDGET, "{count} at {now}");
        Verdict::Installed {
            etag: Some("\"rule\"".to_owned()),
            timing: ServerTiming::default(),
        }
    }

    fn forget(&mut self, name: &AclName) {
        self.by_hand.remove(name);
        self.foreign.remove(name);
    }

    fn list(&mut self, now: u64) -> Vec<Present> {
        self.expire(now);
        let ours = self.acls.iter().filter(|(name, _)| ours(name));
        ours.map(|(name, acl)| Present {
            name: name.clone(),
            etag: format!("{:?}", acl.content),
            entries: 1,
        })
        .collect()
    }

    fn renew(&mut self, now: u64) -> String {
        let present = self.list(now);
        let until = now + TTL * SECOND;
        for (_, acl) in self.acls.iter_mut().filter(|(name, _)| ours(name)) {
            acl.until = acl.until.map(|old| old.max(until));
        }
        set_etag(present.iter().map(|p| (&p.name, p.etag.clone())))
    }

    /// Nothing came more than twice within a minute.
    fn no_flap(&mut self, now: u64) {
        self.came.retain(|(at, _)| now - at < 60 * SECOND);
        for (_, name) in &self.came {
            let times = self.came.iter().filter(|(_, other)| other == name).count();
            assert!(times <= 2, "{name} at {} s: {:?}", now / SECOND, self.came);
        }
    }
}

/// A request on its way: whether it arrives, whether its reply does.
struct Request<T> {
    what: T,
    done: u64,
    arrives: bool,
    replied: bool,
}

enum Ask {
    Change(Vec<Change>),
    Compare(bool),
}

struct World {
    random: Random,
    now: u64,
    server: Server,
    desired: Desired,
    agenda: Agenda,
    asked: Option<Request<Ask>>,
    renewal: Option<Request<Option<Belief>>>,
    /// Flows that go on, and when the controller knows of each.
    flows: BTreeMap<u16, (u64, bool)>,
    /// Until then there is no controller.
    dead_until: Option<u64>,
    noted: BTreeMap<&'static str, u64>,
}

fn failure() -> Failure {
    Failure::new("no answer")
}

fn limits() -> Limits {
    Limits {
        hold: Duration::from_secs(10),
        max_rules: BUDGET,
    }
}

fn agenda(seed: u64) -> Agenda {
    Agenda::new(Duration::from_secs(1), Duration::from_secs(TTL), seed)
}

impl World {
    fn new(seed: u64) -> Self {
        let stranger = Acl {
            content: "ddos",
            until: None,
        };
        Self {
            random: Random(seed * 7919 + 1),
            now: SECOND,
            server: Server {
                acls: BTreeMap::from([("ddos1".parse().unwrap(), stranger)]),
                by_hand: BTreeSet::new(),
                foreign: BTreeSet::new(),
                down_until: 0,
                refuses: None,
                limit: u64::MAX,
                ours: BTreeSet::new(),
                came: Vec::new(),
                commits: 0,
            },
            desired: Desired::new(limits(), act()),
            agenda: agenda(seed),
            asked: None,
            renewal: None,
            flows: BTreeMap::new(),
            dead_until: None,
            noted: BTreeMap::new(),
        }
    }

    fn time(&self) -> Time {
        Time::from_nanos(self.now)
    }

    fn note(&mut self, what: &'static str) {
        *self.noted.entry(what).or_default() += 1;
    }

    fn request<T>(&mut self, what: T, quiet: bool) -> Request<T> {
        if self.server.down_until > self.now {
            let done = self.now + 2 * SECOND;
            return Request {
                what,
                done,
                arrives: false,
                replied: false,
            };
        }
        let (arrives, replied) = match self.random.below(60) {
            _ if quiet => (true, true),
            0 => (false, false),
            1 => (true, false),
            _ => (true, true),
        };
        // A commit that hangs takes longer than a lease.
        let slow = !quiet && self.random.one_in(500);
        let done = match replied {
            true if slow => self.now + 65 * SECOND,
            true => self.now + SECOND / 100 + self.random.below(SECOND / 5),
            false => self.now + 5 * SECOND,
        };
        Request {
            what,
            done,
            arrives,
            replied,
        }
    }

    /// Starts whatever is due; returns when there will be more.
    fn start(&mut self, quiet: bool) -> Option<u64> {
        if self.dead_until.is_some() {
            return self.dead_until;
        }
        loop {
            let now = self.time();
            match self.agenda.next(now, &mut self.desired) {
                Step::Change(plan) => {
                    assert!(self.asked.is_none(), "one change in flight");
                    self.asked = Some(self.request(Ask::Change(plan.changes), quiet));
                }
                Step::Compare { capacity } => {
                    assert!(self.asked.is_none());
                    self.asked = Some(self.request(Ask::Compare(capacity), quiet));
                }
                Step::Renew(belief) => {
                    assert!(self.renewal.is_none());
                    self.renewal = Some(self.request(belief, quiet));
                }
                Step::Wait(until) => return until.map(|until| until.as_nanos().max(self.now + 1)),
            }
        }
    }

    fn take(&mut self) {
        if let Some(Request {
            what,
            arrives,
            replied,
            ..
        }) = self.asked.take_if(|r| r.done <= self.now)
        {
            match what {
                Ask::Change(changes) => self.changed(changes, arrives, replied),
                Ask::Compare(capacity) => self.compared(capacity, arrives && replied),
            }
        }
        if let Some(Request {
            what,
            arrives,
            replied,
            ..
        }) = self.renewal.take_if(|r| r.done <= self.now)
        {
            let found = arrives.then(|| self.server.renew(self.now)).filter(|_| replied);
            if self.dead_until.is_none() {
                let now = self.time();
                let contradicted = found
                    .as_ref()
                    .is_some_and(|found| self.desired.contradicts(what.as_ref(), found));
                if contradicted {
                    self.note("contradicted");
                }
                self.agenda.renewed(now, found.is_some(), contradicted);
            }
        }
    }

    fn changed(&mut self, changes: Vec<Change>, arrives: bool, replied: bool) {
        self.server.commits += 1;
        let (mut failed, mut no_room) = (false, false);
        for change in changes {
            let verdict = arrives.then(|| self.server.change(self.now, &change));
            let verdict = verdict.filter(|_| replied).unwrap_or(Verdict::Failed(failure()));
            failed |= matches!(verdict, Verdict::Failed(_));
            no_room |= matches!(verdict, Verdict::NoRoom { .. });
            if self.dead_until.is_none() {
                let noted = self.desired.verdict(self.time(), &change, verdict);
                self.note(match noted {
                    Noted::Installed(_) => "installed",
                    Noted::Confirmed => "confirmed",
                    Noted::Removed(_) => "removed",
                    Noted::Vacated => "vacated",
                    Noted::OrphanRemoved => "orphan removed",
                    Noted::Refused(_) => "refused",
                    Noted::NoRoom(_) => "no room",
                    Noted::ByHand => "by hand",
                    Noted::Failed => "failed",
                });
            }
        }
        if self.dead_until.is_none() {
            let failure = failed.then(failure);
            self.agenda.changed(self.time(), failure.as_ref(), no_room);
        }
        self.server.no_flap(self.now);
    }

    fn compared(&mut self, capacity: bool, answered: bool) {
        if self.dead_until.is_some() {
            return;
        }
        let now = self.time();
        if !answered {
            self.note("not compared");
            return self.agenda.compared(now, Err(&failure()));
        }
        let present = self.server.list(self.now);
        self.desired.snapshot(now, present);
        if capacity {
            let used = self.server.acls.len() as u64;
            let limit = self.server.limit;
            // It says something else than what it does: a table that is full for reasons that nobody can tell.
            let known = (limit != u64::MAX && limit.is_multiple_of(2)).then_some(Capacity { used, limit });
            self.desired.set_capacity(known);
        }
        self.agenda.compared(now, Ok(capacity));
    }

    fn tell(&mut self) {
        if self.dead_until.is_some() {
            return;
        }
        let due: Vec<_> = self
            .flows
            .iter()
            .filter(|(_, (at, told))| *at <= self.now && !told)
            .collect();
        let due: Vec<u16> = due.into_iter().map(|(n, _)| *n).collect();
        for n in due {
            self.flows.insert(n, (0, true));
            self.desired.want(wish(n, 100 + 13 * u64::from(n)));
        }
    }

    fn end_flow(&mut self, n: u16) {
        self.flows.remove(&n);
        let now = self.time();
        self.desired.release(now, &name(n), PORT, now);
    }

    /// Whatever happens to a fabric.
    fn happen(&mut self) {
        let n = u16::try_from(self.random.below(u64::from(FLOWS))).unwrap();
        match self.random.below(60) {
            0..20 => drop(self.flows.entry(n).or_insert((self.now, false))),
            20..42 => self.end_flow(n),
            42 => {
                // Many at once.
                for n in 0..FLOWS {
                    self.flows.entry(n).or_insert((self.now, false));
                }
            }
            43 => {
                for n in 0..FLOWS {
                    self.end_flow(n);
                }
            }
            44 | 45 => self.server.down_until = self.now + self.random.seconds(1, 30),
            46 => self.server.down_until = self.now + self.random.seconds(30, 240),
            47 => {
                self.server.down_until = self.now + self.random.seconds(1, 60);
                self.server.acls.retain(|name, _| !ours(name));
                self.server.by_hand.clear();
                self.server.foreign.clear();
            }
            48 | 49 => {
                let hand = Acl {
                    content: "by hand",
                    until: None,
                };
                self.server.acls.insert(name(n), hand);
                self.server.by_hand.insert(name(n));
                self.server.foreign.insert(name(n));
            }
            50 if self.server.acls.remove(&name(n)).is_some() => drop(self.server.by_hand.insert(name(n))),
            51 => self.server.refuses = Some(n),
            52 => self.server.refuses = None,
            53 => self.server.limit = 2 + self.random.below(8),
            54 | 55 => self.server.limit = u64::MAX,
            56 | 57 => self.restart(self.now),
            58 => {
                let until = self.now + self.random.seconds(1, 300);
                self.restart(until);
            }
            _ => {}
        }
        // Whoever must make room for others, or was made anew, is not held.
        if self.server.limit != u64::MAX {
            self.server.came.clear();
        }
    }

    /// The controller is killed, and is there again at that time.
    fn restart(&mut self, until: u64) {
        self.desired = Desired::new(limits(), act());
        self.agenda = agenda(self.now);
        self.dead_until = Some(until);
        self.server.came.clear();
        // What it has sent is carried out or not, and nobody hears of it.
        if let Some(Request {
            what: Ask::Change(changes),
            arrives: true,
            ..
        }) = self.asked.take()
        {
            for change in changes {
                self.server.change(self.now, &change);
            }
        }
        self.renewal = None;
        for (at, told) in self.flows.values_mut() {
            (*at, *told) = (until + self.random.seconds(1, 37), false);
        }
    }

    /// Goes on until then.
    fn run(&mut self, until: u64, quiet: bool) {
        let mut next_event = self.now + self.random.seconds(0, 20);
        while self.now < until {
            let wake = self.start(quiet);
            let mut next = until.min(wake.unwrap_or(until));
            if !quiet {
                next = next.min(next_event);
            }
            let requests = [
                self.asked.as_ref().map(|r| r.done),
                self.renewal.as_ref().map(|r| r.done),
            ];
            let flows = self.flows.values().filter(|(_, told)| !told).map(|(at, _)| *at);
            for at in requests
                .into_iter()
                .flatten()
                .chain(flows.filter(|at| *at > self.now))
            {
                next = next.min(at);
            }
            self.now = next.max(self.now + 1);
            self.dead_until.take_if(|until| *until <= self.now);
            self.take();
            if !quiet && next_event <= self.now {
                self.happen();
                next_event = self.now + self.random.seconds(0, 20);
            }
            self.tell();
            assert_eq!(
                self.server.acls[&"ddos1".parse::<AclName>().unwrap()].content,
                "ddos"
            );
        }
    }

    /// Nothing more happens: what is wanted is there, as far as it fits, and nothing else.
    fn settle(&mut self) {
        self.server.down_until = self.server.down_until.min(self.now + SECOND);
        self.server.refuses = None;
        self.server.limit = u64::MAX;
        self.server.came.clear();
        self.dead_until = self.dead_until.map(|until| until.min(self.now + SECOND));
        for (at, told) in self.flows.values_mut().filter(|(_, told)| !told) {
            (*at, *told) = ((*at).min(self.now + 40 * SECOND), false);
        }
        self.run(self.now + QUIET, true);
        let there: BTreeSet<_> = self
            .server
            .acls
            .keys()
            .filter(|name| ours(name))
            .cloned()
            .collect();
        let wanted: BTreeSet<_> = self.flows.keys().map(|n| name(*n)).collect();
        let at = self.now / SECOND;
        assert!(there.is_subset(&wanted), "at {at} s: {there:?} of {wanted:?}");
        assert_eq!(
            there.len(),
            wanted.len().min(BUDGET),
            "at {at} s: {there:?} of {wanted:?}"
        );
        assert!(
            self.server
                .acls
                .iter()
                .all(|(n, acl)| !ours(n) || acl.content == "rule")
        );
        assert_eq!(self.desired.orphans(), 0);
        let known: BTreeSet<_> = self
            .desired
            .views()
            .filter(|view| view.state == State::Installed)
            .map(|view| view.control.name.clone())
            .collect();
        assert_eq!(known, there, "at {at} s");
        // Those with a place are not much smaller than those without.
        let rate = |name: &AclName| name.as_str()["fm_mark_".len()..].parse::<u64>().unwrap() * 13 + 100;
        let smallest = there.iter().map(rate).min().unwrap_or_default();
        let without = wanted.difference(&there).map(rate).max().unwrap_or_default();
        assert!(
            without <= smallest + smallest / 4,
            "at {at} s: {without} has no place, {smallest} has"
        );
    }
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_1() {
    day(0..10);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_2() {
    day(10..20);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_3() {
    day(20..30);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_4() {
    day(30..40);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_5() {
    day(40..50);
}

fn day(switches: std::ops::Range<u64>) {
    let mut noted: BTreeMap<&str, u64> = BTreeMap::new();
    for switch in switches {
        let mut world = World::new(switch);
        while world.now < DAY {
            let hour = world.now + 3600 * SECOND - QUIET;
            world.run(hour, false);
            world.settle();
        }
        for (what, times) in world.noted {
            *noted.entry(what).or_default() += times;
        }
        *noted.entry("commits").or_default() += world.server.commits;
    }
    // All of it has happened, and often.
    for what in [
        "installed",
        "confirmed",
        "removed",
        "vacated",
        "orphan removed",
        "refused",
        "no room",
        "by hand",
        "failed",
        "contradicted",
        "not compared",
    ] {
        assert!(
            noted.get(what).is_some_and(|times| *times > 100),
            "{what}: {noted:?}"
        );
    }
    println!("{noted:?}");
}

#[test]
fn what_a_dead_controller_leaves_behind_goes_by_itself() {
    let mut world = World::new(1);
    for n in 0..FLOWS {
        world.flows.insert(n, (0, false));
    }
    world.run(60 * SECOND, true);
    assert_eq!(world.server.list(world.now).len(), BUDGET);
    world.run(600 * SECOND, true);
    assert_eq!(world.server.list(world.now).len(), BUDGET, "renewed");
    world.restart(DAY);
    world.run(599 * SECOND + (TTL + 2) * SECOND, true);
    assert!(world.server.list(world.now).is_empty());
}
