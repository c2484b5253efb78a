//! Which conversations are captured: pure.
//!
//! A session is one pair of hosts, captured by the switch whose agent saw it first, whatever other agents see. It ends when
//! that agent has seen nothing of it for `quiet`, or after `max_age`; then the pair rests for `quiet`, so that one that never
//! ends does not keep others away. Places are limited by switch and in all; whoever finds none is seen again with the next
//! packet. What sampling does not see is not captured: of a beacon of 100 packets at 1:10000 one in a hundred is seen at all.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use shared::AclName;
use siphasher::sip::SipHasher13;

use crate::actuator::{self, Action, Control, Kind};
use crate::blacklist::teller::Sighting;
use crate::clock::Time;
use crate::config;
use crate::control::desired::{Cause, Ending, Holder, Wish};
use crate::control::{Edit, Lasting, name};
use crate::detect::Evidence;
use crate::inventory::Roster;

/// Why a sighting did not become a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCaptured {
    /// ERSPAN mirrors IPv4 only.
    Family,
    /// The agent's address is none that a tunnel could begin at.
    Agent,
    /// One of both hosts is an analyzer or a switch: the copies themselves would be copied.
    Exempt,
    /// The switch has as many as it may have.
    SwitchFull,
    /// There are as many as there may be.
    AllFull,
    /// It was captured a short while ago.
    Resting,
}

impl NotCaptured {
    /// The reason for programs and for people.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Family => ("family", "ERSPAN mirrors IPv4 only"),
            Self::Agent => (
                "agent",
                "the agent has no IPv4 address that a tunnel could begin at",
            ),
            Self::Exempt => ("exempt", "one of both is an analyzer or a switch"),
            Self::SwitchFull => ("switch_full", "the switch captures as much as it may"),
            Self::AllFull => ("all_full", "there are as many captures as there may be"),
            Self::Resting => ("resting", "it was captured, or released, a short while ago"),
        }
    }
}

/// What becomes of a sighting.
#[derive(Debug)]
pub enum Seen {
    /// Of a session that goes on.
    Known,
    /// A session begins.
    Started(Edit),
    /// None begins.
    Not(NotCaptured),
}

/// One captured conversation, as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The position of its switch in the inventory.
    pub switch: usize,
    /// The control's name.
    pub name: AclName,
    /// Where the copies go.
    pub analyzer: Ipv4Addr,
    /// The list that has the remote host.
    pub list: Arc<str>,
    /// When it began.
    pub started: Time,
    /// When its agent saw it last.
    pub last: Time,
    /// Packets that its agent has sampled, the first included.
    pub samples: u64,
    /// Bytes that they stand for.
    pub bytes: u64,
}

/// Two hosts: ours and the other one.
pub type Pair = (IpAddr, IpAddr);

/// All sessions.
#[derive(Debug)]
pub struct Captures {
    id: String,
    config: config::Capture,
    roster: Arc<Roster>,
    sessions: BTreeMap<Pair, Session>,
    /// Until when pairs rest. At most as many as sessions can end within `quiet`.
    resting: BTreeMap<Pair, Time>,
}

impl Captures {
    /// No sessions.
    pub fn new(id: String, config: config::Capture, roster: Arc<Roster>) -> Self {
        Self {
            id,
            sessions: BTreeMap::new(),
            resting: BTreeMap::new(),
            roster,
            config,
        }
    }

    /// An agent has seen something of a listed host. `list` is the name of the list, `port_name` that of the port.
    pub fn sighted(
        &mut self,
        now: Time,
        sighting: &Sighting,
        list: &Arc<str>,
        port_name: Option<Arc<str>>,
    ) -> Seen {
        let pair = (sighting.hit.local, sighting.hit.remote);
        let switch = sighting.agent.index();
        if let Some(session) = self.sessions.get_mut(&pair) {
            if session.switch == switch {
                session.last = now;
                session.samples = session.samples.saturating_add(u64::from(sighting.samples));
                session.bytes = session.bytes.saturating_add(sighting.bytes);
            }
            return Seen::Known;
        }
        let capture = match self.admit(now, switch, pair) {
            Ok(capture) => capture,
            Err(why) => return Seen::Not(why),
        };
        let at = self.roster.get(switch);
        let Some(control) = at.and_then(|at| control(&self.id, &at.config, capture)) else {
            return Seen::Not(NotCaptured::Agent);
        };
        let session = Session {
            switch,
            name: control.name.clone(),
            analyzer: capture.analyzer,
            list: Arc::clone(list),
            started: now,
            last: now,
            samples: u64::from(sighting.samples),
            bytes: sighting.bytes,
        };
        self.sessions.insert(pair, session);
        let cause = Cause {
            agent: IpAddr::V4(capture.source),
            port: sighting.port,
            port_name,
            detected: now,
            evidence: Evidence::counted(
                (sighting.bytes, sighting.samples),
                (sighting.first, now),
                // Nothing is asked of its rate.
                [shared::units::BitRate::from_bits_per_second(0); 2].into(),
            ),
            hold: None,
            about: Some(format!("{} is in the list {list}", capture.remote).into()),
            person: None,
        };
        Seen::Started(Edit::Want {
            switch,
            wish: Wish {
                control: Arc::new(control),
                holder: Holder::Controller,
                cause: Arc::new(cause),
            },
        })
    }

    /// Whether there is a place for a session, and what it would be.
    fn admit(
        &mut self,
        now: Time,
        switch: usize,
        (local, remote): Pair,
    ) -> Result<actuator::Capture, NotCaptured> {
        let at = self.roster.get(switch).ok_or(NotCaptured::Agent)?;
        let capture = self.allowed(&at.config, (local, remote))?;
        if self
            .resting
            .get(&(local, remote))
            .is_some_and(|until| *until > now)
        {
            return Err(NotCaptured::Resting);
        }
        if self.sessions.len() >= self.config.total {
            return Err(NotCaptured::AllFull);
        }
        let on_switch = self.sessions.values().filter(|session| session.switch == switch);
        if on_switch.count() >= self.config.per_switch {
            return Err(NotCaptured::SwitchFull);
        }
        Ok(capture)
    }

    /// What the capture of two hosts would be, if there may be one at all.
    fn allowed(
        &self,
        switch: &config::Switch,
        (local, remote): Pair,
    ) -> Result<actuator::Capture, NotCaptured> {
        let (IpAddr::V4(local4), IpAddr::V4(remote4)) = (local, remote) else {
            return Err(NotCaptured::Family);
        };
        let IpAddr::V4(source) = switch.agent else {
            return Err(NotCaptured::Agent);
        };
        if [local, remote]
            .iter()
            .any(|host| is_exempt(&self.config, &self.roster, *host))
        {
            return Err(NotCaptured::Exempt);
        }
        Ok(actuator::Capture {
            local: local4,
            remote: remote4,
            source,
            analyzer: analyzer(&self.config.analyzers, local4, remote4).ok_or(NotCaptured::Exempt)?,
        })
    }

    /// Works by another configuration from now on. `listed`: the name of the list that has a pair of hosts by it. What is
    /// listed no more ends, and the smallest of those that are too many; what has another analyzer goes there.
    pub fn follow(
        &mut self,
        config: &config::Capture,
        listed: impl Fn(&Pair) -> Option<Arc<str>>,
    ) -> Vec<Edit> {
        self.config.clone_from(config);
        let mut all: Vec<_> = std::mem::take(&mut self.sessions).into_iter().collect();
        all.sort_by_key(|(_, session)| Reverse(session.bytes));
        let (mut there, mut edits) = (BTreeMap::<usize, usize>::new(), Vec::new());
        for (pair, mut session) in all {
            let on_switch = there.get(&session.switch).copied().unwrap_or_default();
            let has_place = self.sessions.len() < config.total && on_switch < config.per_switch;
            let list = listed(&pair).filter(|_| has_place);
            let control = self.again(&session, &pair);
            let (Some(list), Some((control, analyzer))) = (list, control) else {
                edits.push(release(session, Ending::Configuration));
                continue;
            };
            there.insert(session.switch, on_switch + 1);
            if session.analyzer != analyzer {
                edits.push(Edit::Replace {
                    switch: session.switch,
                    control: Arc::new(control),
                });
            }
            (session.list, session.analyzer) = (list, analyzer);
            self.sessions.insert(pair, session);
        }
        edits
    }

    /// The control of a session by the configuration as it is, and where it leads; `None` when there would be none.
    fn again(&self, session: &Session, (local, remote): &Pair) -> Option<(Control, Ipv4Addr)> {
        let at = self.roster.get(session.switch)?;
        let capture = self.allowed(&at.config, (*local, *remote)).ok()?;
        Some((control(&self.id, &at.config, capture)?, capture.analyzer))
    }

    /// Ends what is over.
    pub fn tick(&mut self, now: Time) -> Vec<Edit> {
        let rest = now + self.config.quiet;
        self.resting.retain(|_, until| *until > now);
        let (quiet, max_age) = (self.config.quiet, self.config.max_age);
        let over = |session: &Session| session.last + quiet <= now || session.started + max_age <= now;
        let ended: Vec<_> = self.sessions.extract_if(.., |_, session| over(session)).collect();
        let mut edits = Vec::with_capacity(ended.len());
        for (pair, session) in ended {
            // One that was quiet may begin again at once.
            let why = match session.last + quiet > now {
                true => {
                    self.resting.insert(pair, rest);
                    Ending::Expired
                }
                false => Ending::Silence,
            };
            edits.push(release(session, why));
        }
        edits
    }

    /// Ends one by the name of its control, because somebody wants it so; it rests like one that was captured long enough.
    pub fn end(&mut self, now: Time, name: &AclName) -> Option<Edit> {
        let (pair, _) = self.sessions.iter().find(|(_, session)| session.name == *name)?;
        let pair = *pair;
        self.resting.insert(pair, now + self.config.quiet);
        let session = self.sessions.remove(&pair)?;
        Some(release(session, Ending::Expired))
    }

    /// Conversations that are not captured, and until when.
    pub fn resting(&self, now: Time) -> impl Iterator<Item = (Pair, Time)> {
        let resting = self.resting.iter().filter(move |(_, until)| **until > now);
        resting.map(|(pair, until)| (*pair, *until))
    }

    /// A conversation is not captured until then.
    pub fn rest(&mut self, pair: Pair, until: Time) {
        self.resting.insert(pair, until);
    }

    /// How long each stays, with the position of its switch.
    pub fn lasting(&self) -> impl Iterator<Item = (usize, AclName, Lasting)> {
        self.sessions.values().map(|session| {
            let lasting = Lasting {
                last: session.last,
                quiet: Some(self.config.quiet),
                until: session.started + self.config.max_age,
            };
            (session.switch, session.name.clone(), lasting)
        })
    }

    /// When the next one may be over.
    pub fn next_end(&self) -> Option<Time> {
        let end =
            |session: &Session| (session.last + self.config.quiet).min(session.started + self.config.max_age);
        self.sessions.values().map(end).min()
    }

    /// All sessions.
    pub fn sessions(&self) -> &BTreeMap<Pair, Session> {
        &self.sessions
    }
}

/// Whether a host is never captured: analyzers and agents.
pub(super) fn is_exempt(config: &config::Capture, roster: &Roster, host: IpAddr) -> bool {
    let mut analyzers = config.analyzers.iter();
    analyzers.any(|analyzer| *analyzer == host) || roster.find(host).is_some()
}

/// The analyzer of a pair: that with the largest hash, so that another list of analyzers moves as few pairs as it can.
pub(super) fn analyzer(analyzers: &[Ipv4Addr], local: Ipv4Addr, remote: Ipv4Addr) -> Option<Ipv4Addr> {
    let weight = |analyzer: &Ipv4Addr| {
        let mut hash = SipHasher13::new_with_keys(0, 0);
        for address in [local, remote, *analyzer] {
            hash.write_u32(address.to_bits());
        }
        hash.finish()
    };
    analyzers.iter().copied().max_by_key(weight)
}

/// The control that captures the packets of two hosts on `switch`.
pub(super) fn control(id: &str, switch: &config::Switch, capture: actuator::Capture) -> Option<Control> {
    let (local, remote) = (capture.local.octets(), capture.remote.octets());
    let agent = switch.agent.to_string();
    Some(Control {
        name: name::of(id, Kind::Capture, &[agent.as_bytes(), &local, &remote])?,
        // Both directions are captured, and they enter by different ports.
        interface: switch.any_interface().to_owned(),
        action: Action::Capture(capture),
    })
}

fn release(session: Session, why: Ending) -> Edit {
    Edit::Release {
        switch: session.switch,
        name: session.name,
        holder: Holder::Controller,
        last: session.last,
        why,
    }
}

#[cfg(test)]
mod tests;
