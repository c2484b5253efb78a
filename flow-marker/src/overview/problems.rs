//! What is wrong, gravest first.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::facts::{ControlFact, Facts, Level, Place, SwitchFact};
use super::words::{count, percent, short, span};
use crate::clock::Time;
use crate::control::desired::{Effect, State};
use crate::engine::doctor::Severity;

/// What a problem is about, and so which answer tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    /// Switches do not have what they should.
    Control,
    /// Controls do not work.
    Effect,
    /// What is known is not to be relied on.
    Data,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    kind: &'static str,
    pub(super) level: Level,
    agent: Option<IpAddr>,
    switch: Option<Arc<str>>,
    /// In words, with the name of the switch.
    pub(super) text: String,
    /// Nanoseconds since 1970 (UTC).
    since: Option<u64>,
    #[serde(skip)]
    pub(super) area: Area,
}

/// So long a switch may have something else than it should have before that is a problem: a batch, its commit, and one that
/// comes after it.
const SETTLES: Duration = Duration::from_secs(10);

/// By so much times may be wrong before people mind who compare them with those of other machines.
const SET: Duration = Duration::from_secs(5);

/// So much of what a switch says is told: one line of a tool, with the rule in it.
const WORDS: usize = 240;

/// Everything that is wrong, gravest first.
pub(super) fn all(facts: &Facts) -> Vec<Problem> {
    let mut found = Found {
        facts,
        problems: Vec::new(),
    };
    for switch in &facts.switches {
        found.switch(switch);
    }
    for control in &facts.controls {
        found.control(control);
    }
    found.data();
    found.clock();
    if facts.stale_lists > 0 {
        let lists = count(
            usize::try_from(facts.stale_lists).unwrap_or(usize::MAX),
            "blacklist",
        );
        let text = format!("{lists} cannot be fetched; the last good version is in force");
        found.add("stale_list", Level::Warn, (None, Area::Control), text, None);
    }
    found
        .problems
        .sort_by_key(|problem| std::cmp::Reverse(problem.level));
    found.problems
}

struct Found<'a> {
    facts: &'a Facts,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(
        &mut self,
        kind: &'static str,
        level: Level,
        (place, area): (Option<&Place>, Area),
        text: String,
        since: Option<Time>,
    ) {
        self.problems.push(Problem {
            kind,
            level,
            agent: place.map(|place| place.agent),
            switch: place.map(|place| Arc::clone(&place.name)),
            text,
            since: since.map(|since| self.facts.unix(since)),
            area,
        });
    }

    fn switch(&mut self, switch: &SwitchFact) {
        let (name, now) = (&switch.place.name, self.facts.now);
        let here = (Some(&*switch.place), Area::Control);
        if switch.reachable == Some(false) {
            let error = short(switch.error.as_deref().unwrap_or("no answer"), WORDS);
            let since = switch.unreachable;
            let long = since.map_or_else(String::new, |since| format!(" for {}", span(now.since(since))));
            let text = format!("{name} has not answered{long}: {error}");
            return self.add("unreachable", Level::Bad, here, text, since);
        }
        let tally = &switch.tally;
        if tally.over_budget > 0 {
            let budget = &switch.budget;
            let rules = format!("{} of {} rules", budget.rules, budget.max_rules);
            let room = match (budget.max_entries, budget.capacity) {
                (Some(most), Some((used, limit))) => format!(
                    "{rules}, {} of {most} entries of ours, {used} of {limit} of everybody",
                    budget.entries
                ),
                _ => rules,
            };
            let waiting = count(tally.over_budget, "control");
            let verb = if tally.over_budget == 1 { "waits" } else { "wait" };
            let text = format!("{name} has no place for more ({room}): {waiting} {verb}");
            self.add("full", Level::Warn, here, text, None);
        }
        if let Some(since) = switch.differs.filter(|since| now.since(*since) >= SETTLES)
            && tally.refused + tally.over_budget + tally.failed == 0
        {
            let text = format!(
                "{name} has had something else than it should have for {} ({} of {} installed)",
                span(now.since(since)),
                tally.installed,
                count(tally.desired(), "control")
            );
            self.add("differs", Level::Warn, here, text, Some(since));
        }
        if let Some((rule, warning)) = switch.shadowed.first() {
            let others = switch.shadowed.len() - 1;
            let more = match others {
                0 => String::new(),
                n => format!(", and {n} more of ours"),
            };
            let text = format!(
                "on {name} “{rule}” matches nothing, its rule is hidden: {}{more}",
                short(warning, WORDS)
            );
            self.add("shadowed", Level::Warn, here, text, None);
        }
    }

    fn control(&mut self, control: &ControlFact) {
        let (view, name) = (&control.view, &control.place.name);
        let here = |area| (Some(&*control.place), area);
        let error = short(view.error.as_deref().unwrap_or("without a reason"), WORDS);
        let (what, since) = (&view.control.action, Some(view.cause.detected));
        match view.state {
            State::Refused => {
                let text = format!("{name} refuses “{what}”: {error}");
                self.add("refused", Level::Bad, here(Area::Control), text, since);
            }
            State::Failed => {
                let text = format!("{name} has not carried out “{what}”: {error}");
                self.add("failed", Level::Warn, here(Area::Control), text, since);
            }
            _ if view.proof.effect == Effect::None => {
                let why = control.effect_why.as_deref().unwrap_or("no effect is seen");
                let text = format!("“{what}” on {name} has no effect: {why}");
                self.add(
                    "no_effect",
                    Level::Warn,
                    here(Area::Effect),
                    text,
                    view.proof.since,
                );
            }
            _ => {}
        }
    }

    fn clock(&mut self) {
        let skew = Duration::from_nanos(self.facts.skew.unsigned_abs());
        if skew < SET {
            return;
        }
        let (way, behind) = if self.facts.skew > 0 {
            ("forward, or the machine has slept,", "behind")
        } else {
            ("back", "ahead")
        };
        let by = span(skew);
        let text = format!(
            "the clock of this machine was set {way} since the start: all times here are {by} {behind} until flow-marker is \
             started again"
        );
        self.add("clock", Level::Warn, (None, Area::Data), text, None);
    }

    fn data(&mut self) {
        let now = self.facts.now;
        for agent in &self.facts.agents {
            let here = (Some(&*agent.place), Area::Data);
            let (name, matters) = (&agent.place.name, self.facts.matters(agent.expected));
            if let Some(silent) = agent.silent(now) {
                let text = match agent.last {
                    Some(_) => format!("{name} has been silent for {}", span(silent)),
                    None if agent.since == Time::START => {
                        format!("{name} has sent nothing since the start {} ago", span(silent))
                    }
                    None => format!(
                        "{name} has sent nothing since it came to the inventory {} ago",
                        span(silent)
                    ),
                };
                let level = if matters { Level::Warn } else { Level::Note };
                self.add("silent", level, here, text, agent.last);
            } else if let Some(share) = lost(agent.received, agent.lost).filter(|share| *share >= LOSSY) {
                let text = format!("{} of the datagrams of {name} are missing", percent(share));
                let level = match share {
                    _ if !matters => Level::Note,
                    share if share >= BLIND => Level::Bad,
                    _ => Level::Warn,
                };
                self.add("loss", level, here, text, None);
            }
        }
        for finding in &self.facts.findings {
            let level = match finding.severity {
                Severity::Info => continue,
                Severity::Critical if self.facts.matters(finding.expected) => Level::Warn,
                Severity::Warning | Severity::Critical => Level::Note,
            };
            let text = short(&finding.text(), WORDS);
            self.add("sampling", level, (Some(&*finding.place), Area::Data), text, None);
        }
    }
}

/// From this share of missing datagrams on, rates are wrong by as much.
pub(super) const LOSSY: f64 = 0.01;

/// From this share on, most of what matters may be missed.
pub(super) const BLIND: f64 = 0.2;

/// The share that is missing; `None` without datagrams.
pub(super) fn lost(received: u64, lost: u64) -> Option<f64> {
    let all = received.saturating_add(lost);
    (all > 0).then(|| lost as f64 / all as f64)
}
