//! What one asks at three in the morning, answered from facts: are we causing this, can it be believed, what is hot, do
//! the controls work, what is broken, what has changed.
//!
//! Pure: `Facts` in, `Overview` out.

mod controls;
mod answers;
mod problems;
mod words;
mod facts;

use serde::Serialize;

use crate::actuator::Kind;
use crate::config::Mode;
use crate::control::desired::There;
use controls::Row;

pub use answers::Answer;
pub use facts::{
    AgentFact, Change, ControlFact, Ends, Facts, Filling, FindingFact, Flow, FlowCounts, FlowState, Level,
    Link, Paused, Place, Port, SwitchFact, Traffic,
};
pub use problems::Problem;
pub use words::{percent, rate, short, span};

/// Links that are shown: as many as fit on a first screen.
pub const LINKS: usize = 8;

/// Rows of every other list, likewise; what is beyond is counted, and shown by lists of its own.
const ROWS: usize = 20;

/// How far back changes are told of.
pub const RECENT: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// The first screen. Rates are bits per second, times nanoseconds since 1970 (UTC).
#[derive(Debug, Serialize)]
pub struct Overview<'a> {
    time: u64,
    started: u64,
    version: &'static str,
    pause: Option<&'a Paused>,
    modes: Modes,
    answers: [Answer; 6],
    traffic: Traffic,
    counts: Counts,
    links: &'a [Link],
    flows: &'a [Flow],
    controls: Vec<Row>,
    problems: Vec<Problem>,
    changes: &'a [Change],
}

#[derive(Debug, Serialize)]
struct Modes {
    mark: Word,
    capture: Word,
    drop: Word,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Act,
    Observe,
}

impl From<Mode> for Word {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Act => Self::Act,
            Mode::Observe => Self::Observe,
        }
    }
}

/// How many there are of what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Counts {
    flows: usize,
    evidence: usize,
    elephants: usize,
    marks: usize,
    captures: usize,
    drops: usize,
    switches: usize,
    agents: usize,
    samples_per_second: f64,
}

impl Counts {
    fn of(facts: &Facts) -> Self {
        let on = |kind| on_switches(facts, kind).count();
        Self {
            flows: facts.counts.all,
            evidence: facts.counts.evidence,
            elephants: facts.counts.elephants,
            marks: on(Kind::Mark),
            captures: on(Kind::Capture),
            drops: on(Kind::Drop),
            switches: facts.switches.len(),
            agents: heard(facts).count(),
            samples_per_second: (facts.samples_per_second * 10.0).round() / 10.0,
        }
    }
}

/// The controls of a kind that are, or may be, on switches.
fn on_switches(facts: &Facts, kind: Kind) -> impl Iterator<Item = &ControlFact> {
    let there = |control: &&ControlFact| match control.view.there {
        There::Yes => true,
        // It was there, and nobody has said that it is gone.
        There::Perhaps => control.view.times.installed.is_some(),
        There::No => false,
    };
    let controls = facts
        .controls
        .iter()
        .filter(move |c| c.view.control.kind() == kind);
    controls.filter(there)
}

/// Agents that are heard.
fn heard(facts: &Facts) -> impl Iterator<Item = &AgentFact> {
    let agents = facts.agents.iter();
    agents.filter(|agent| agent.last.is_some() && agent.silent(facts.now).is_none())
}

impl<'a> Overview<'a> {
    /// What follows from the facts.
    pub fn of(facts: &'a Facts) -> Self {
        let mut problems = problems::all(facts);
        let answers = answers::all(facts, &problems);
        problems.truncate(ROWS);
        Self {
            time: facts.unix(facts.now),
            started: facts.started,
            version: env!("CARGO_PKG_VERSION"),
            pause: facts.pause.as_ref(),
            modes: Modes {
                mark: facts.modes.mark.into(),
                capture: facts.modes.capture.into(),
                drop: facts.modes.drop.into(),
            },
            answers,
            traffic: facts.traffic,
            counts: Counts::of(facts),
            links: first(&facts.links, LINKS),
            flows: first(&facts.flows, ROWS),
            controls: controls::rows(facts, ROWS),
            problems,
            changes: first(&facts.changes, ROWS),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and numbers are always JSON; the fallback is never seen.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The answers, in the order of the questions.
    pub const fn answers(&self) -> &[Answer; 6] {
        &self.answers
    }
}

fn first<T>(list: &[T], most: usize) -> &[T] {
    list.get(..most).unwrap_or(list)
}

#[cfg(test)]
mod tests;
