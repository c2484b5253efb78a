//! What is told of the effect of controls, and what they come to.

use shared::AclName;

use super::entry::Presence;
use super::{Current, Desired, Effect, News, View};
use crate::actuator::{Action, Hits};
use crate::clock::Time;
use crate::config::Dscp;
use crate::flow::{AgentId, FiveTuple};
use crate::marked::{Place, Queues};

impl Desired {
    /// The traffic of a control goes on at this rate, by which it has or loses its place from now on.
    pub fn progress(&mut self, name: &AclName, current: Current) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.progress(current);
        }
    }

    /// The flows of all marks that are wanted or on the switch, which is this agent.
    pub fn marks(&self, agent: AgentId) -> impl Iterator<Item = (FiveTuple, Place)> {
        self.entries.values().filter_map(move |entry| {
            let Action::Mark { flow, mark } = &entry.control.action else {
                return None;
            };
            let place = Place {
                agent,
                dscp: mark.dscp.map(Dscp::get),
                trace: entry.proving.trace().cloned(),
            };
            Some((*flow, place))
        })
    }

    /// Whether there is something whose counters say something.
    pub fn has_installed(&self) -> bool {
        let there = |presence: &Presence| matches!(presence, Presence::Installed(_));
        self.entries.values().any(|entry| there(&entry.presence))
    }

    /// What the rules of controls have matched, as the switch counted it then.
    pub fn counted(&mut self, at: Time, hits: &[Hits]) {
        for hits in hits {
            let entry = self.entries.get_mut(&hits.name);
            if let Some((entry, packets)) = entry.zip(hits.packets)
                && matches!(entry.presence, Presence::Installed(_))
            {
                entry
                    .proving
                    .counted(at, (packets, hits.bytes.unwrap_or_default()));
            }
        }
    }

    /// Judges what all controls come to that are on the switch; returns those of which there is news.
    pub fn judge(&mut self, now: Time, queues: &Queues) -> Vec<(News, View)> {
        let mut news = Vec::new();
        for entry in self.entries.values_mut() {
            if matches!(entry.presence, Presence::Installed(_))
                && let Some(new) = entry.proving.judge(now, queues)
            {
                news.push((new, entry.view(&self.modes, false)));
            }
        }
        news
    }

    /// How many controls on the switch come to what, in the order of [`Effect::ALL`].
    pub fn effects(&self) -> [usize; Effect::ALL.len()] {
        Effect::ALL.map(|effect| {
            let has = |proof: &super::Proof| proof.effect == effect;
            let there = self
                .entries
                .values()
                .filter(|entry| matches!(entry.presence, Presence::Installed(_)));
            there.filter(|entry| has(entry.proving.proof())).count()
        })
    }
}
