//! One switch, its controller, and what happens to them.

use super::*;

/// A request on its way: whether it arrives, whether its reply does.
pub(super) struct Request<T> {
    pub(super) what: T,
    pub(super) done: u64,
    pub(super) arrives: bool,
    pub(super) replied: bool,
}

pub(super) enum Ask {
    Change(Vec<Change>),
    Compare(bool),
}

pub(super) struct World {
    pub(super) random: Random,
    pub(super) now: u64,
    pub(super) server: Server,
    pub(super) desired: Desired,
    pub(super) agenda: Agenda,
    pub(super) asked: Option<Request<Ask>>,
    pub(super) renewal: Option<Request<Option<Belief>>>,
    /// Flows that go on, and when the controller knows of each.
    pub(super) flows: BTreeMap<u16, (u64, bool)>,
    /// Until then there is no controller.
    pub(super) dead_until: Option<u64>,
    pub(super) noted: BTreeMap<&'static str, u64>,
}

pub(super) fn failure() -> Failure {
    Failure::new("no answer")
}

pub(super) fn limits() -> Limits {
    Limits {
        hold: Duration::from_secs(10),
        max_rules: BUDGET,
    }
}

pub(super) fn agenda(seed: u64) -> Agenda {
    Agenda::new(Duration::from_secs(1), Duration::from_secs(TTL), seed)
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
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

    pub(super) fn time(&self) -> Time {
        Time::from_nanos(self.now)
    }

    pub(super) fn note(&mut self, what: &'static str) {
        *self.noted.entry(what).or_default() += 1;
    }

    pub(super) fn request<T>(&mut self, what: T, quiet: bool) -> Request<T> {
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
    pub(super) fn start(&mut self, quiet: bool) -> Option<u64> {
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
                Step::Count => {
                    self.note("counted");
                    let now = self.time();
                    let up = self.server.down_until <= self.now;
                    self.agenda.counted(now, up.then_some(true).ok_or(&failure()));
                }
                Step::Wait(until) => return until.map(|until| until.as_nanos().max(self.now + 1)),
            }
        }
    }

    pub(super) fn take(&mut self) {
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

    pub(super) fn changed(&mut self, changes: Vec<Change>, arrives: bool, replied: bool) {
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
                    Noted::Installed => "installed",
                    Noted::Confirmed => "confirmed",
                    Noted::Removed => "removed",
                    Noted::Vacated => "vacated",
                    Noted::OrphanRemoved => "orphan removed",
                    Noted::Refused => "refused",
                    Noted::NoRoom => "no room",
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

    pub(super) fn compared(&mut self, capacity: bool, answered: bool) {
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

    pub(super) fn tell(&mut self) {
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

    pub(super) fn end_flow(&mut self, n: u16) {
        self.flows.remove(&n);
        let now = self.time();
        self.desired.release(now, &name(n), PORT, now, Ending::Silence);
    }

    /// Whatever happens to a fabric.
    pub(super) fn happen(&mut self) {
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
    pub(super) fn restart(&mut self, until: u64) {
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
    pub(super) fn run(&mut self, until: u64, quiet: bool) {
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
    pub(super) fn settle(&mut self) {
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
