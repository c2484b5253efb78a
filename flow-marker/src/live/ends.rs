//! When controls end: what their controllers and people have set, and what is seen of their traffic.
//!
//! A mark has no time of its own: it lasts as long as its flow. So no time is told while its flow goes on, although each
//! sample sets one, of a few seconds; only where the flow is missed for half of that.

use std::collections::HashMap;
use std::time::Duration;

use shared::AclName;

use crate::actuator::Kind;
use crate::clock::Time;
use crate::control::Lasting;
use crate::control::desired::{State, View};
use crate::engine::LiveFlow;
use crate::flow::{AgentId, FiveTuple};
use crate::overview::{Ends, span};

/// Silence of a flow that means nothing: agents hold samples back for up to a second (sFlow v5 §4.2.2).
const LATE: Duration = Duration::from_secs(1);

/// What is known of ends.
#[derive(Debug, Default)]
pub(super) struct Endings {
    /// Of elephants: their last sample, and when they have ended unless there is another one.
    flows: HashMap<(AgentId, FiveTuple), (Time, Time)>,
    /// Of captures and drops of controllers, by the position of their switch.
    lasting: HashMap<(usize, AclName), Lasting>,
    /// A mark stays at least this long after it was installed.
    hold: Duration,
}

impl Endings {
    /// Takes what captures and drops there are.
    pub(super) fn take(&mut self, lasting: Vec<(usize, AclName, Lasting)>) {
        let lasting = lasting.into_iter();
        self.lasting = lasting
            .map(|(switch, name, lasting)| ((switch, name), lasting))
            .collect();
    }

    /// Takes what flows there are.
    pub(super) fn follow(&mut self, flows: &[LiveFlow], hold: Duration) {
        self.hold = hold;
        self.flows.clear();
        for flow in flows {
            let Some(standing) = flow.last_sample.zip(flow.until) else {
                continue;
            };
            // By whatever port it comes: it is one mark.
            let known = self
                .flows
                .entry((flow.key.agent, flow.key.tuple))
                .or_insert(standing);
            *known = (*known).max(standing);
        }
    }

    /// When a control ends that is at this position among the switches.
    pub(super) fn of(&self, now: Time, switch: usize, view: &View) -> Ends {
        match view.state {
            State::Releasing => return Ends::never("it is being removed"),
            State::Released => return Ends::never("it is over"),
            _ => {}
        }
        let person = view.person.as_ref().map(|person| person.until);
        let person = person.filter(|until| *until > now);
        let controller = match view.control.kind() {
            Kind::Mark => self.mark(now, switch, view),
            Kind::Capture | Kind::Drop => self.lasting(now, switch, view),
        };
        match (person, controller) {
            (Some(person), Some(ends)) => match ends.until {
                Some(until) if until > person => ends,
                Some(_) => Ends::at(person, ""),
                None => Ends::at(person, "or later, while its flow lasts"),
            },
            (Some(person), None) => Ends::at(person, ""),
            (None, Some(ends)) => ends,
            (None, None) if view.control.kind() == Kind::Mark => Ends::never(LASTS),
            // Of what was wanted a moment ago.
            (None, None) => Ends::default(),
        }
    }

    fn mark(&self, now: Time, switch: usize, view: &View) -> Option<Ends> {
        let agent = AgentId(u32::try_from(switch).ok()?);
        let (last, until) = *self.flows.get(&(agent, *view.control.flow()?))?;
        let silent = now.since(last);
        if silent < LATE || silent * 2 < until.since(last) {
            return Some(Ends::never(LASTS));
        }
        let held = view.times.installed.map(|installed| installed + self.hold);
        Some(Ends::at(
            held.map_or(until, |held| held.max(until)),
            "unless its flow is seen again",
        ))
    }

    fn lasting(&self, now: Time, switch: usize, view: &View) -> Option<Ends> {
        let key = (switch, view.control.name.clone());
        let Lasting { last, quiet, until } = *self.lasting.get(&key)?;
        let Some(quiet) = quiet else {
            return Some(Ends::at(until, "later if the attack still goes on then"));
        };
        if last + quiet < until && now.since(last) * 2 >= quiet {
            return Some(Ends::at(last + quiet, "unless its hosts are seen again"));
        }
        let text = format!("or {} after its hosts were seen last", span(quiet));
        Some(Ends {
            until: Some(until),
            text: text.into(),
        })
    }
}

/// Why a mark has no end that could be told.
const LASTS: &str = "while its flow lasts";

#[cfg(test)]
pub(super) mod tests;
