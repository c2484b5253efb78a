//! Fetches blacklists, and turns what receiving threads look out for into captures and drops.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use shared::AclName;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::actuator::{Action, Kind};
use crate::attack::Attack;
use crate::blacklist::lists::{Lists, Outcome};
use crate::blacklist::source::{Fetched, Source};
use crate::blacklist::teller::Sighting;
use crate::blacklist::text::Entries;
use crate::blacklist::watch::Watch;
use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::control::Edit;
use crate::control::capture::{Captures, NotCaptured, Pair, Seen};
use crate::control::defence::{Defence, Met};
use crate::control::desired::{About, Decision, What};
use crate::control::desk::{Desk, Kept, Order, Report};
use crate::control::manual::{Asked, Manual, NotMade};
use crate::control::switches::Switches;
use crate::flow::AgentId;
use crate::lookout::Sign;
use crate::metrics::Metrics;

/// Fetches blacklists, and decides on captures and drops.
#[derive(Debug)]
pub struct Watchman {
    lists: Lists,
    source: Source,
    fetching: JoinSet<(usize, Result<Fetched, String>)>,
    watch: Arc<ArcSwap<Watch>>,
    captures: Captures,
    defence: Defence,
    manual: Manual,
    /// The configuration in force, and where a newer one comes from.
    config: Arc<Config>,
    newer: watch::Receiver<Arc<Config>>,
    switches: Arc<Switches>,
    metrics: Arc<Metrics>,
    clock: Clock,
    desk: Desk,
    orders: mpsc::Receiver<Order>,
}

impl Watchman {
    /// A watchman over all switches, which follows what comes by `newer`. Contacts nobody yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(
        mut newer: watch::Receiver<Arc<Config>>,
        switches: Arc<Switches>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let config = Arc::clone(&newer.borrow_and_update());
        let roster = || Arc::clone(switches.roster());
        let (desk, orders) = Desk::new();
        let seed = clock.unix_ns(clock.now());
        Ok(Self {
            lists: Lists::new(&config.capture.blacklists, seed),
            source: Source::new()?,
            fetching: JoinSet::new(),
            watch: Arc::default(),
            captures: Captures::new(config.id.clone(), config.capture.clone(), roster()),
            defence: Defence::new(config.id.clone(), config.drop.clone(), roster()),
            manual: Manual::new(Arc::clone(&config), roster()),
            config,
            newer,
            switches,
            metrics,
            clock,
            desk,
            orders,
        })
    }

    /// The lists that receiving threads are to look out for, always the newest.
    pub fn watch(&self) -> Arc<ArcSwap<Watch>> {
        Arc::clone(&self.watch)
    }

    /// Where others can ask it.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Takes signs until nobody sends any more.
    pub async fn run(mut self, mut signs: mpsc::Receiver<Sign>) {
        loop {
            let now = self.clock.now();
            self.tick(now);
            let ends = [
                self.captures.next_end(),
                self.defence.next_end(),
                self.manual.next_end(),
            ];
            let fetch = self.lists.next_due().filter(|_| self.fetching.is_empty());
            let due = ends.into_iter().flatten().chain(fetch).min();
            // A day is as good as for ever, and no timer runs over.
            let wait = due.map_or(Duration::from_secs(86_400), |due| due.since(now));
            tokio::select! {
                sign = signs.recv() => match sign {
                    Some(Sign::Listed(sighting)) => self.listed(&sighting),
                    Some(Sign::Attack(attack)) => self.attacked(&attack),
                    None => return,
                },
                Some(order) = self.orders.recv() => self.order(order),
                Ok(()) = self.newer.changed() => self.follow(),
                Some(fetched) = self.fetching.join_next() => match fetched {
                    Ok((list, fetched)) => self.fetched(list, fetched),
                    Err(error) => tracing::error!(%error, "a fetch has panicked"),
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn tick(&mut self, now: Time) {
        let mut edits = self.captures.tick(now);
        edits.extend(self.defence.tick(now));
        edits.extend(self.manual.tick(now));
        for edit in edits {
            self.make(now, edit);
        }
        self.metrics
            .process
            .captures
            .set_len(self.captures.sessions().len());
        // One at a time: all of them together are no hurry, and their bodies are large.
        if self.fetching.is_empty()
            && let Some(request) = self.lists.due(now)
        {
            let source = self.source.clone();
            self.fetching.spawn(async move {
                let fetched = source.fetch(&request.origin, &request.validators).await;
                (request.list, fetched)
            });
        }
    }

    /// Works by the newest configuration from now on, and looks for newer lists at once.
    fn follow(&mut self) {
        let now = self.clock.now();
        self.config = Arc::clone(&self.newer.borrow_and_update());
        let Config { capture, drop, .. } = &*self.config;
        // What is being fetched may be of a list that has another number now.
        self.fetching = JoinSet::new();
        self.lists
            .follow(now, &capture.blacklists, self.clock.unix_ns(now));
        self.show_lists();
        let watch = self.watch.load();
        let listed = |(local, remote): &Pair| Some(Arc::clone(watch.list(watch.hit(*local, *remote)?.list)?));
        let mut edits = self.captures.follow(capture, listed);
        edits.extend(self.defence.follow(now, drop));
        edits.extend(self.manual.follow(Arc::clone(&self.config)));
        for edit in edits {
            self.make(now, edit);
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            // Whoever does not wait for his answer any more needs none.
            Order::Report(answer) => drop(answer.send(self.report())),
            Order::Lasting(answer) => {
                let all = self.captures.lasting().chain(self.defence.lasting());
                drop(answer.send(all.collect()));
            }
            Order::Kept(answer) => drop(answer.send(self.kept())),
            Order::Make(asked, answer) => drop(answer.send(self.ask(*asked))),
            Order::End(name, who, answer) => drop(answer.send(self.end(&name, &who))),
        }
    }

    /// A person wants a control.
    fn ask(&mut self, asked: Asked) -> Result<AclName, NotMade> {
        let now = self.clock.now();
        let (name, edit) = self.manual.ask(now, asked)?;
        self.make(now, edit);
        Ok(name)
    }

    /// A person wants a control away, whoever wanted it; false when there is none of this name.
    fn end(&mut self, name: &AclName, who: &Arc<str>) -> bool {
        let now = self.clock.now();
        self.manual.end(name);
        self.defence.end(now, name);
        // What it would change is changed below, for all who want it.
        let _ = self.captures.end(now, name);
        let mut found = false;
        for switch in self.switches.all().iter() {
            if switch.edit(|desired| desired.dismiss(now, name, Some(Arc::clone(who)))) {
                switch.notify();
                found = true;
            }
        }
        found
    }

    fn kept(&self) -> Kept {
        let now = self.clock.now();
        let wanted = self.manual.wanted();
        Kept {
            wanted: wanted.map(|(asked, until)| (asked.clone(), until)).collect(),
            captures: self.captures.resting(now).collect(),
            drops: self.defence.resting(now).collect(),
            lists: self.lists.kept().collect(),
        }
    }

    /// Takes up what was before this start: what people want and have released, and of each blacklist what `list` has for
    /// its key. To be called before it runs.
    pub fn recall(&mut self, kept: Kept, list: impl Fn(&str) -> Option<Entries>) {
        let now = self.clock.now();
        for (pair, until) in kept.captures {
            self.captures.rest(pair, until);
        }
        for (name, until) in kept.drops {
            self.defence.rest(name, until);
        }
        for (asked, _) in kept.wanted {
            let (who, agent) = (Arc::clone(&asked.who), asked.agent);
            match self.ask(asked) {
                Ok(name) => {
                    tracing::info!(%name, %who, "a person wanted this control before the start, and still does");
                }
                Err(error) => {
                    tracing::warn!(%agent, %who, %error, "a control that a person wanted is not made again");
                }
            }
        }
        let recalled = self.lists.recall(now, list);
        if recalled > 0 {
            tracing::info!(
                entries = recalled,
                "blacklists from before the start are in force until newer ones come"
            );
            self.show_lists();
        }
    }

    /// Has receiving threads look out for the lists as they stand.
    fn show_lists(&self) {
        let capture = &self.config.capture;
        self.watch
            .store(Arc::new(self.lists.watch(&capture.local, &capture.exclude)));
        let entries = self.lists.status().map(|(_, entries, _)| entries).sum();
        self.metrics.process.listed.set_len(entries);
        self.show_stale();
    }

    fn show_stale(&self) {
        let stale = self.lists.status().filter(|(.., status)| status.error.is_some());
        self.metrics.process.lists_stale.set_len(stale.count());
    }

    fn report(&self) -> Report {
        let sessions = self.captures.sessions().iter();
        let lists = self.lists.status();
        Report {
            sessions: sessions.map(|(pair, session)| (*pair, session.clone())).collect(),
            per_switch: self.config.capture.per_switch,
            total: self.config.capture.total,
            lists: lists
                .map(|(name, entries, status)| (Arc::clone(name), entries, status.clone()))
                .collect(),
        }
    }

    fn make(&self, now: Time, edit: Edit) {
        if let Some(switch) = self.switches.get(edit.switch()) {
            edit.make(now, &switch);
        }
    }

    fn fetched(&mut self, list: usize, fetched: Result<Fetched, String>) {
        let m = &self.metrics.process;
        let now = self.clock.now();
        let outcome = self.lists.fetched(now, list, fetched);
        match outcome {
            Outcome::New => {
                m.lists_new.inc();
                self.show_lists();
            }
            Outcome::Same => m.lists_same.inc(),
            Outcome::Failed => m.lists_failed.inc(),
        }
        self.show_stale();
        if let Some((name, entries, status)) = self.lists.status().nth(list) {
            let decision = |what| Decision::new(now, what, About::List(Arc::clone(name)));
            let decision = match (outcome, &status.error) {
                (Outcome::Failed, Some(error)) => {
                    decision(What::ListFailed).because("fetch", &format!("{error}; {entries} entries stay"))
                }
                (Outcome::New, _) => {
                    let faults = status.faults;
                    decision(What::ListLoaded).because(
                        "new",
                        &format!("{entries} entries, {faults} lines are no addresses"),
                    )
                }
                _ => return tracing::debug!(list = %name, entries, "there is no newer blacklist"),
            };
            self.switches.journal().record(None, [decision]);
        }
    }

    /// Something at an agent gets no control.
    fn not_made(
        &self,
        now: Time,
        agent: AgentId,
        (kind, what): (Kind, What),
        text: String,
        why: (&'static str, &str),
    ) {
        let switch = self.switches.get(agent.index());
        let about = About::Traffic {
            kind,
            text,
            cause: None,
        };
        let decision = Decision::new(now, what, about).because(why.0, why.1);
        if let Some(switch) = switch {
            let mode = switch.read(|desired| desired.modes().of(kind));
            switch.decided(decision.in_mode(mode));
        }
    }

    fn listed(&mut self, sighting: &Sighting) {
        let now = self.clock.now();
        let m = &self.metrics.process;
        m.sightings.inc();
        // It may be from before the lists were others.
        let watch = self.watch.load();
        let hit = watch.hit(sighting.hit.local, sighting.hit.remote);
        let Some(list) = hit.and_then(|hit| watch.list(hit.list)).map(Arc::clone) else {
            return;
        };
        let port_name = self.port_name(sighting.agent, sighting.port);
        let (local, remote) = (sighting.hit.local, sighting.hit.remote);
        match self.captures.sighted(now, sighting, &list, port_name) {
            Seen::Known => {}
            Seen::Started(edit) => {
                m.captures_started.inc();
                tracing::warn!(%local, %remote, %list, agent = %self.agent(edit.switch()), "host talks to a listed address");
                self.make(now, edit);
            }
            Seen::Not(why) => {
                match why {
                    NotCaptured::Family => &m.captures_not_family,
                    NotCaptured::Agent => &m.captures_not_agent,
                    NotCaptured::Exempt => &m.captures_not_exempt,
                    NotCaptured::SwitchFull => &m.captures_not_switch,
                    NotCaptured::AllFull => &m.captures_not_total,
                    NotCaptured::Resting => &m.captures_not_resting,
                }
                .inc();
                let text = format!("capture {local} and {remote}");
                let what = match why {
                    NotCaptured::SwitchFull | NotCaptured::AllFull => What::OverBudget,
                    _ => What::Guarded,
                };
                self.not_made(now, sighting.agent, (Kind::Capture, what), text, why.words());
            }
        }
    }

    fn attacked(&mut self, attack: &Attack) {
        let now = self.clock.now();
        let port_name = self.port_name(attack.agent, attack.port);
        match self.defence.met(now, attack, port_name) {
            Met::Known | Met::Nowhere => {}
            Met::Resting => {
                let text = Action::Drop(attack.drop).to_string();
                let why = ("resting", "a person has released its drop a short while ago");
                self.not_made(now, attack.agent, (Kind::Drop, What::Guarded), text, why);
            }
            Met::Started(edit) => {
                self.metrics.process.drops_started.inc();
                if let Edit::Want { wish, .. } = &edit {
                    let about = wish.cause.about.as_deref().unwrap_or_default();
                    tracing::warn!(about, rate = %attack.rate, agent = %self.agent(edit.switch()), "attack");
                }
                self.make(now, edit);
            }
            Met::Full => {
                self.metrics.process.drops_full.inc();
                let text = Action::Drop(attack.drop).to_string();
                let why = (
                    "drops_full",
                    "there are as many drops on the switch as there may be",
                );
                self.not_made(now, attack.agent, (Kind::Drop, What::OverBudget), text, why);
            }
            Met::Unruled(about) => {
                self.metrics.process.drops_unruled.inc();
                tracing::warn!(
                    about,
                    rate = %attack.rate,
                    agent = %self.agent(attack.agent.index()),
                    "attack that no rule stops: a rule against all sources would end the service"
                );
                let why = ("unruled", "a rule against all sources would end the service");
                self.not_made(now, attack.agent, (Kind::Drop, What::Guarded), about, why);
            }
        }
    }

    /// For the log.
    fn agent(&self, switch: usize) -> IpAddr {
        let switch = self.switches.roster().get(switch);
        switch.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |switch| {
            switch.config.agent
        })
    }

    fn port_name(&self, agent: AgentId, if_index: u32) -> Option<Arc<str>> {
        self.switches.roster().get(agent.index())?.port_name(if_index)
    }
}

#[cfg(test)]
mod tests;
