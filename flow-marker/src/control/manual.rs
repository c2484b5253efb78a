//! What people want of switches: pure.
//!
//! A control that a person asks for is carried out whatever mode the controllers are in, unless flow-marker is paused, and
//! goes after its time. It comes before what controllers want where places are few. What must never be touched is not touched
//! for people either.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use shared::units::BitRate;

use crate::actuator::{self, Control, Drop};
use crate::clock::Time;
use crate::config::{self, Config};
use crate::control::desired::{Cause, Ending, Holder, Person, Wish};
use crate::control::{Edit, capture, defence, guard, mark};
use crate::detect::Evidence;
use crate::flow::FiveTuple;
use crate::inventory::Roster;

/// Controls that people may want at a time: more than one overlooks, and less than fills a switch's table.
pub const MOST: usize = 100;

/// What must stay longer belongs into a rule file of the switch.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// What a person wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A flow marked.
    Mark(FiveTuple),
    /// The packets of two hosts copied to an analyzer.
    Capture(Ipv4Addr, Ipv4Addr),
    /// Packets discarded.
    Drop(Drop),
}

/// What a person wants, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The agent of the switch.
    pub agent: IpAddr,
    /// What.
    pub what: What,
    /// For how long.
    pub ttl: Duration,
    /// The caller of the API who wants it, as logs call him.
    pub who: Arc<str>,
    /// Why, in his own words.
    pub reason: Option<Arc<str>>,
}

/// Why a person does not get what he wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMade {
    /// Only switches of the inventory are contacted.
    #[error("no switch of the configuration has this agent")]
    Switch,
    /// It must never be marked.
    #[error("must not be marked: {}", .0.why())]
    Guarded(guard::Guarded),
    /// It is between analyzers or switches, or in `exclude` of the section `[capture]`.
    #[error("must not be captured: it is from or to an analyzer, a switch, or a prefix of `exclude`")]
    Exempt,
    /// There is none, or the switch has no IPv4 address that a tunnel could begin at.
    #[error("captures need an `analyzer` in the configuration, and a switch whose agent has an IPv4 address")]
    Analyzer,
    /// It would cut off a switch.
    #[error("must not be dropped: it is from or to a switch")]
    Needed,
    /// As many as there may be are there.
    #[error("people want as much as they may")]
    Full,
}

/// All controls that people want.
#[derive(Debug)]
pub struct Manual {
    config: Arc<Config>,
    roster: Arc<Roster>,
    active: BTreeMap<AclName, Wanted>,
}

/// A control that a person wants.
#[derive(Debug, Clone)]
struct Wanted {
    /// The position of its switch.
    switch: usize,
    until: Time,
    asked: Asked,
    control: Arc<Control>,
}

/// Who wants it and why, for people.
fn about(asked: &Asked) -> String {
    match &asked.reason {
        Some(reason) => format!("by {}: {reason}", asked.who),
        None => format!("by {}", asked.who),
    }
}

impl Manual {
    /// Nothing wanted.
    pub const fn new(config: Arc<Config>, roster: Arc<Roster>) -> Self {
        Self {
            config,
            roster,
            active: BTreeMap::new(),
        }
    }

    /// A person wants a control; wanting it again is wanting it for longer, or shorter.
    ///
    /// # Errors
    /// [`NotMade`]
    pub fn ask(&mut self, now: Time, asked: Asked) -> Result<(AclName, Edit), NotMade> {
        let switch = self.roster.find(asked.agent).ok_or(NotMade::Switch)?;
        let control = self.control(&switch.config, asked.what)?;
        let index = switch.id.index();
        let name = control.name.clone();
        if self.active.len() >= MOST && !self.active.contains_key(&name) {
            return Err(NotMade::Full);
        }
        let until = now + asked.ttl;
        let nothing = BitRate::from_bits_per_second(0);
        let cause = Cause {
            agent: asked.agent,
            port: 0,
            port_name: None,
            detected: now,
            evidence: Evidence::counted((0, 0), (now, now), (nothing, nothing)),
            hold: None,
            about: Some(about(&asked).into()),
            person: Some(Person {
                who: Arc::clone(&asked.who),
                reason: asked.reason.clone(),
                until,
            }),
        };
        let control = Arc::new(control);
        let wanted = Wanted {
            switch: index,
            until,
            asked,
            control: Arc::clone(&control),
        };
        self.active.insert(name.clone(), wanted);
        let wish = Wish {
            control,
            holder: Holder::Person,
            cause: Arc::new(cause),
        };
        Ok((name, Edit::Want { switch: index, wish }))
    }

    fn control(&self, switch: &config::Switch, what: What) -> Result<Control, NotMade> {
        let id = &*self.config.id;
        let is_switch = |address: &IpAddr| self.roster.find(*address).is_some();
        let made = match what {
            What::Mark(flow) => {
                if let Some(why) = guard::untouchable(&self.config.mark, &flow) {
                    return Err(NotMade::Guarded(why));
                }
                mark::of_flow(id, &self.config.mark, switch, switch.any_interface(), flow)
            }
            What::Drop(drop) => {
                if is_switch(&drop.destination) || drop.source.as_ref().is_some_and(is_switch) {
                    return Err(NotMade::Needed);
                }
                defence::control(id, switch, drop)
            }
            What::Capture(local, remote) => {
                let config = &self.config.capture;
                let is_exempt = |address: IpAddr| {
                    capture::is_exempt(config, &self.roster, address)
                        || config.exclude.iter().any(|net| net.contains(&address))
                };
                if is_exempt(local.into()) || is_exempt(remote.into()) {
                    return Err(NotMade::Exempt);
                }
                let analyzer = capture::analyzer(&config.analyzers, local, remote);
                let (Some(analyzer), IpAddr::V4(source)) = (analyzer, switch.agent) else {
                    return Err(NotMade::Analyzer);
                };
                let capture = actuator::Capture {
                    local,
                    remote,
                    source,
                    analyzer,
                };
                capture::control(id, switch, capture)
            }
        };
        // An id that would make a name illegal is none that `config` admits.
        made.ok_or(NotMade::Switch)
    }

    /// Works by another configuration from now on: what must not be by it ends, and what is to look otherwise does. What was
    /// on a switch that is none any more ends too.
    pub fn follow(&mut self, config: Arc<Config>) -> Vec<Edit> {
        self.config = config;
        let mut edits = Vec::new();
        for (name, mut wanted) in std::mem::take(&mut self.active) {
            let at = self.roster.get(wanted.switch).filter(|at| !at.is_retired());
            let control = at.and_then(|at| self.control(&at.config, wanted.asked.what).ok());
            match control {
                Some(control) => {
                    if *wanted.control != control {
                        wanted.control = Arc::new(control);
                        edits.push(Edit::Replace {
                            switch: wanted.switch,
                            control: Arc::clone(&wanted.control),
                        });
                    }
                    self.active.insert(name, wanted);
                }
                None => edits.push(Edit::Release {
                    switch: wanted.switch,
                    name,
                    holder: Holder::Person,
                    last: wanted.until,
                    why: Ending::Configuration,
                }),
            }
        }
        edits
    }

    /// It is not wanted any more.
    pub fn end(&mut self, name: &AclName) {
        self.active.remove(name);
    }

    /// Ends what is over.
    pub fn tick(&mut self, now: Time) -> Vec<Edit> {
        let over = self.active.extract_if(.., |_, wanted| wanted.until <= now);
        let edits = over.map(|(name, Wanted { switch, until, .. })| Edit::Release {
            switch,
            name,
            holder: Holder::Person,
            last: until,
            why: Ending::Expired,
        });
        edits.collect()
    }

    /// What people want, and until when.
    pub fn wanted(&self) -> impl Iterator<Item = (&Asked, Time)> {
        self.active.values().map(|wanted| (&wanted.asked, wanted.until))
    }

    /// When the next one is over.
    pub fn next_end(&self) -> Option<Time> {
        self.active.values().map(|wanted| wanted.until).min()
    }
}

#[cfg(test)]
mod tests;
