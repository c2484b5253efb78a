//! From events to desired states.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use shared::AclName;
use shared::units::BitRate;
use tokio::sync::mpsc;

use crate::actuator::Kind;
use crate::clock::{Clock, Time};
use crate::config;
use crate::control::desired::{About, Cause, Current, Decision, Ending, Holder, What, Wish};
use crate::control::switch::Switch;
use crate::control::switches::Switches;
use crate::control::{guard, mark};
use crate::detect::{Elephant, Event, Progress};
use crate::engine::{Hold, Notice};
use crate::flow::{AgentId, FlowKey};

/// Decides what becomes of each event.
#[derive(Debug)]
pub struct Dispatcher {
    id: String,
    mark: config::Mark,
    switches: Arc<Switches>,
    clock: Clock,
    /// The controls of the elephants that have one; as many as the detector has elephants.
    marked: HashMap<FlowKey, AclName>,
}

impl Dispatcher {
    /// A dispatcher to the switches of the inventory.
    pub fn new(id: String, mark: config::Mark, switches: Arc<Switches>, clock: Clock) -> Self {
        Self {
            id,
            mark,
            switches,
            clock,
            marked: HashMap::new(),
        }
    }

    /// Takes notices until nobody sends any more.
    pub async fn run(mut self, mut notices: mpsc::Receiver<Notice>) {
        while let Some(notice) = notices.recv().await {
            self.take(notice);
        }
    }

    fn switch(&self, agent: AgentId) -> Option<Arc<Switch>> {
        self.switches.get(agent.index())
    }

    fn take(&mut self, notice: Notice) {
        match notice.event {
            Event::Started(elephant) => self.started(&elephant, notice.port_name, notice.hold),
            Event::Ended {
                key,
                last_sample,
                closed,
                bytes,
            } => {
                let why = if closed { Ending::Goodbye } else { Ending::Silence };
                self.ended(&key, last_sample, why, bytes);
            }
            Event::Progress(progress) => self.progress(&progress),
        }
    }

    fn started(&mut self, elephant: &Elephant, port_name: Option<Arc<str>>, hold: Option<Hold>) {
        let Some(switch) = self.switch(elephant.key.agent) else {
            return;
        };
        let agent = switch.config.agent;
        let (flow, evidence) = (elephant.key.tuple, elephant.evidence);
        let port = port_name
            .as_deref()
            .map_or_else(|| elephant.port.to_string(), str::to_owned);
        tracing::info!(
            switch = %agent,
            %flow,
            port,
            rate = %megabits(evidence.rate),
            threshold = %evidence.threshold,
            after_ms = elephant.detected.since(evidence.first_sample).as_millis(),
            path = evidence.path.name(),
            samples = evidence.samples,
            "elephant detected"
        );
        if let Some(reason) = guard::guard(&self.mark, elephant) {
            reason.counter(&switch.metrics).inc();
            return guarded(
                &switch,
                elephant,
                (port_name, hold),
                (reason.word(), reason.why()),
            );
        }
        let control = mark::control(
            &self.id,
            &self.mark,
            &switch.config,
            elephant,
            port_name.as_deref(),
        );
        let Some(control) = control else {
            // Detection waits for the name where rules need it.
            let why = "the name of its port is not known";
            return guarded(&switch, elephant, (port_name, hold), ("port_name", why));
        };
        self.marked.insert(elephant.key, control.name.clone());
        let wish = Wish {
            control: Arc::new(control),
            holder: Holder::Source(elephant.key.source),
            cause: Arc::new(cause(agent, elephant, port_name, hold)),
        };
        switch.edit(|desired| desired.want(wish));
        switch.notify();
    }

    /// The size of an elephant decides about places; nothing else comes of it, so the loop of the switch need not hear of
    /// it at once.
    fn progress(&self, progress: &Progress) {
        let key = &progress.key;
        if let Some((switch, name)) = self.switch(key.agent).zip(self.marked.get(key)) {
            let current = Current {
                rate: progress.rate,
                last_sample: progress.last_sample,
            };
            switch.edit(|desired| desired.progress(name, current));
        }
    }

    fn ended(&mut self, key: &FlowKey, last_sample: Time, why: Ending, bytes: u64) {
        let Some(switch) = self.switch(key.agent) else {
            return;
        };
        tracing::info!(switch = %switch.config.agent, flow = %key.tuple, "elephant ended");
        if let Some(name) = self.marked.remove(key) {
            let now = self.clock.now();
            let holder = Holder::Source(key.source);
            switch.edit(|desired| desired.release(now, &name, holder, last_sample, why));
            switch.journal().covered(switch.place(), now, bytes);
            switch.notify();
        }
    }
}

fn cause(agent: IpAddr, elephant: &Elephant, port_name: Option<Arc<str>>, hold: Option<Hold>) -> Cause {
    Cause {
        agent,
        port: elephant.port,
        port_name,
        detected: elephant.detected,
        evidence: elephant.evidence,
        hold,
        about: None,
        person: None,
    }
}

/// An elephant gets no mark, for this reason.
fn guarded(
    switch: &Switch,
    elephant: &Elephant,
    (port_name, hold): (Option<Arc<str>>, Option<Hold>),
    (reason, why): (&'static str, &str),
) {
    let about = About::Traffic {
        kind: Kind::Mark,
        text: elephant.key.tuple.to_string(),
        cause: Some(Arc::new(cause(switch.config.agent, elephant, port_name, hold))),
    };
    let mode = switch.read(|desired| desired.modes().mark);
    let decision = Decision::new(elephant.detected, What::Guarded, about).in_mode(mode);
    switch.decided(decision.because(reason, why));
}

/// A rate for a log line: nobody reads more than tenths of a Mbit/s.
fn megabits(rate: BitRate) -> String {
    format!("{:.1}M", rate.as_f64() / 1e6)
}
