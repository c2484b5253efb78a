//! Looks after what controls come to: tells receiving threads which flows are marked, and judges what they have seen.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::clock::{Clock, Time};
use crate::control::desired::{About, Decision, Desired, News, View, What};
use crate::control::switch::Switch;
use crate::control::switches::Switches;
use crate::flow::{AgentId, FiveTuple};
use crate::marked::{Marked, Place, Queues};

/// Between two looks at which flows are marked. A commit takes about as long, so hardly a marked packet passes unseen.
const LOOK: Duration = Duration::from_millis(100);

/// Between two judgements.
const JUDGE: Duration = Duration::from_secs(1);

/// Looks after the controls of all switches.
#[derive(Debug)]
pub struct Oversight {
    switches: Arc<Switches>,
    clock: Clock,
    marked: Arc<ArcSwap<Marked>>,
    queues: Arc<Queues>,
    /// What was published of each switch.
    known: Vec<Vec<(FiveTuple, Place)>>,
    judged: Time,
}

impl Oversight {
    /// Of all switches, also of those that are to come.
    pub fn new(switches: Arc<Switches>, clock: Clock) -> Self {
        Self {
            known: Vec::new(),
            switches,
            clock,
            marked: Arc::default(),
            queues: Arc::default(),
            judged: Time::START,
        }
    }

    /// The flows that receiving threads are to look out for, always the newest.
    pub fn marked(&self) -> Arc<ArcSwap<Marked>> {
        Arc::clone(&self.marked)
    }

    /// Until it is dropped.
    pub async fn run(mut self) {
        loop {
            self.look(self.clock.now());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Does what is due.
    pub fn look(&mut self, now: Time) {
        self.publish();
        if now.since(self.judged) < JUDGE {
            return;
        }
        self.judged = now;
        for switch in self.switches.all().iter() {
            let news = switch.edit(|desired| desired.judge(now, &self.queues));
            for (news, view) in news {
                self.tell(now, switch, news, view);
            }
        }
    }

    /// Replaces what receiving threads look out for, if it has changed.
    fn publish(&mut self) {
        let (mut changed, switches) = (false, self.switches.all());
        self.known.resize_with(switches.len(), Vec::new);
        for (switch, known) in switches.iter().zip(&mut self.known) {
            let agent = AgentId(u32::try_from(switch.index).unwrap_or(u32::MAX));
            switch.read(|desired: &Desired| {
                if !desired.marks(agent).eq(known.iter().cloned()) {
                    *known = desired.marks(agent).collect();
                    changed = true;
                }
            });
        }
        if changed {
            let all = self.known.iter().flatten().cloned();
            let marked = Marked::new(all, Arc::clone(&self.queues));
            self.marked.store(Arc::new(marked));
        }
    }

    fn tell(&self, now: Time, switch: &Switch, news: News, view: View) {
        let (what, why) = match news {
            News::Arrives => {
                let at = view.proof.seen.marked.and_then(|seen| self.address(seen.agent));
                (What::Arrives, at.map(|at| format!("seen at {at}")))
            }
            News::NoEffect => {
                switch.metrics.without_effect.inc();
                let why = view.proof.why.map(|why| why.text(|agent| self.address(agent)));
                (What::NoEffect, why)
            }
        };
        let decision = Decision::new(now, what, About::Control(Box::new(view)));
        switch.decided(match why {
            Some(why) => decision.why(&why),
            None => decision,
        });
    }

    fn address(&self, agent: AgentId) -> Option<IpAddr> {
        address(&self.switches, agent)
    }
}

/// The address of an agent of the inventory.
pub fn address(switches: &Switches, agent: AgentId) -> Option<IpAddr> {
    Some(switches.get(agent.index())?.config.agent)
}

#[cfg(test)]
mod tests;
