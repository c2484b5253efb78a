//! From events to desired states.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use shared::units::BitRate;
use tokio::sync::{mpsc, watch};

use crate::actuator::{Control, Kind};
use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::control::desired::{About, Cause, Current, Decision, Ending, Holder, What, Wish};
use crate::control::guard::Guarded;
use crate::control::switch::Switch;
use crate::control::switches::Switches;
use crate::control::{guard, mark};
use crate::detect::{Elephant, Event, Progress};
use crate::engine::{Hold, Notice};
use crate::flow::{AgentId, FlowKey};

/// Decides what becomes of each event.
#[derive(Debug)]
pub struct Dispatcher {
    /// The configuration in force, and where a newer one comes from.
    config: Arc<Config>,
    newer: watch::Receiver<Arc<Config>>,
    switches: Arc<Switches>,
    clock: Clock,
    /// As many as the detector has.
    elephants: HashMap<FlowKey, Known>,
}

/// An elephant that has not ended.
#[derive(Debug)]
struct Known {
    elephant: Elephant,
    port_name: Option<Arc<str>>,
    hold: Option<Hold>,
    /// Its mark, if it may have one.
    control: Option<Arc<Control>>,
}

impl Dispatcher {
    /// A dispatcher to the switches of the inventory, which follows what comes by `newer`.
    pub fn new(mut newer: watch::Receiver<Arc<Config>>, switches: Arc<Switches>, clock: Clock) -> Self {
        let config = Arc::clone(&newer.borrow_and_update());
        Self {
            config,
            newer,
            switches,
            clock,
            elephants: HashMap::new(),
        }
    }

    /// Takes notices until nobody sends any more.
    pub async fn run(mut self, mut notices: mpsc::Receiver<Notice>) {
        loop {
            tokio::select! {
                notice = notices.recv() => match notice {
                    Some(notice) => self.take(notice),
                    None => return,
                },
                Ok(()) = self.newer.changed() => self.follow(),
            }
        }
    }

    /// Judges by the newest configuration from now on, and those anew that are known.
    fn follow(&mut self) {
        self.config = Arc::clone(&self.newer.borrow_and_update());
        let mut elephants = std::mem::take(&mut self.elephants);
        for known in elephants.values_mut() {
            self.judge_again(known);
        }
        self.elephants = elephants;
    }

    fn judge_again(&self, known: &mut Known) {
        let Some(switch) = self.switch(known.elephant.key.agent) else {
            return;
        };
        let now = self.clock.now();
        match (self.judge(&switch, known), &known.control) {
            (Ok(control), Some(before)) if control == **before => {}
            (Ok(control), Some(_)) => {
                let control = Arc::new(control);
                switch.edit(|desired| desired.replace(&control));
                known.control = Some(control);
            }
            (Ok(control), None) => self.want(now, &switch, known, control),
            (Err(_), None) => return,
            (Err(not), Some(before)) => {
                let (name, holder) = (&before.name, Holder::Source(known.elephant.key.source));
                let why = Ending::Configuration;
                switch.edit(|desired| desired.release(now, name, holder, now, why));
                known.control = None;
                guarded(now, &switch, known, not);
            }
        }
        switch.notify();
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
        let mut known = Known {
            elephant: *elephant,
            port_name,
            hold,
            control: None,
        };
        match self.judge(&switch, &known) {
            Ok(control) => {
                self.want(elephant.detected, &switch, &mut known, control);
                switch.notify();
            }
            Err(not) => guarded(elephant.detected, &switch, &known, not),
        }
        self.elephants.insert(elephant.key, known);
    }

    /// The mark that an elephant is to have; or why it gets none. `None`: the name of its port is not known.
    fn judge(&self, switch: &Switch, known: &Known) -> Result<Control, Option<Guarded>> {
        let Config { id, mark, .. } = &*self.config;
        if let Some(reason) = guard::guard(mark, &known.elephant) {
            return Err(Some(reason));
        }
        let name = known.port_name.as_deref();
        // Detection waits for the name where rules need it.
        mark::control(id, mark, &switch.config, &known.elephant, name).ok_or(None)
    }

    fn want(&self, now: Time, switch: &Switch, known: &mut Known, control: Control) {
        let control = Arc::new(control);
        let wish = Wish {
            control: Arc::clone(&control),
            holder: Holder::Source(known.elephant.key.source),
            cause: Arc::new(cause(switch.config.agent, known)),
        };
        switch.edit(|desired| desired.want_at(now, wish));
        known.control = Some(control);
    }

    /// The size of an elephant decides about places; nothing else comes of it, so the loop of the switch need not hear of
    /// it at once.
    fn progress(&self, progress: &Progress) {
        let key = &progress.key;
        let control = self.elephants.get(key).and_then(|known| known.control.as_ref());
        if let Some((switch, control)) = self.switch(key.agent).zip(control) {
            let current = Current {
                rate: progress.rate,
                last_sample: progress.last_sample,
            };
            switch.edit(|desired| desired.progress(&control.name, current));
        }
    }

    fn ended(&mut self, key: &FlowKey, last_sample: Time, why: Ending, bytes: u64) {
        let known = self.elephants.remove(key);
        let Some(switch) = self.switch(key.agent) else {
            return;
        };
        tracing::info!(switch = %switch.config.agent, flow = %key.tuple, "elephant ended");
        if let Some(Control { name, .. }) = known.and_then(|known| known.control).as_deref() {
            let now = self.clock.now();
            let holder = Holder::Source(key.source);
            switch.edit(|desired| desired.release(now, name, holder, last_sample, why));
            switch.journal().covered(switch.place(), now, bytes);
            switch.notify();
        }
    }
}

fn cause(agent: IpAddr, known: &Known) -> Cause {
    Cause {
        agent,
        port: known.elephant.port,
        port_name: known.port_name.clone(),
        detected: known.elephant.detected,
        evidence: known.elephant.evidence,
        hold: known.hold,
        about: None,
        person: None,
    }
}

/// An elephant gets no mark, for this reason.
fn guarded(now: Time, switch: &Switch, known: &Known, guarded: Option<Guarded>) {
    if let Some(guarded) = guarded {
        guarded.counter(&switch.metrics).inc();
    }
    let unknown = ("port_name", "the name of its port is not known");
    let (reason, why) = guarded.map_or(unknown, |guarded| (guarded.word(), guarded.why()));
    let about = About::Traffic {
        kind: Kind::Mark,
        text: known.elephant.key.tuple.to_string(),
        cause: Some(Arc::new(cause(switch.config.agent, known))),
    };
    let mode = switch.read(|desired| desired.modes().mark);
    let decision = Decision::new(now, What::Guarded, about).in_mode(mode);
    switch.decided(decision.because(reason, why));
}

/// A rate for a log line: nobody reads more than tenths of a Mbit/s.
fn megabits(rate: BitRate) -> String {
    format!("{:.1}M", rate.as_f64() / 1e6)
}

#[cfg(test)]
mod tests;
