//! What has changed of late: decisions that did something, and what agents did.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Time};
use crate::control::desired::What;
use crate::control::journal::{Journal, Record};
use crate::engine::AgentStatus;
use crate::overview::{Change, Place, RECENT, short};

/// Decisions that are looked at: more are made in a quarter of an hour only in a storm, of which the newest tell enough.
const DECISIONS: usize = 2000;

/// Changes of one kind at one switch that follow each other so closely are one.
const TOGETHER: Duration = Duration::from_secs(10);

/// So much is told of a change: what others have written may be long.
const WORDS: usize = 300;

/// Restarts of agents that are remembered.
const RESTARTS: usize = 256;

/// Decisions that have changed something, or would have.
const DEEDS: &[What] = &[
    What::WouldHave,
    What::Prolonged,
    What::Installed,
    What::Displaced,
    What::Removed,
    What::Vacated,
    What::Dismissed,
    What::OrphanRemoved,
    What::ByHand,
    What::PauseBegun,
    What::PauseEnded,
    What::ModeChanged,
    What::Reloaded,
    What::ListLoaded,
    What::ListFailed,
    What::Unreachable,
    What::Reachable,
];

/// How often agents have started again.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    counts: HashMap<IpAddr, u64>,
    seen: VecDeque<(Time, IpAddr)>,
}

impl Restarts {
    /// Takes what is known of agents now.
    pub(super) fn take(&mut self, now: Time, agents: &[AgentStatus]) {
        let before = std::mem::take(&mut self.counts);
        for status in agents {
            self.counts.insert(status.agent, status.restarts);
            let restarts = before.get(&status.agent);
            if restarts.is_some_and(|before| status.restarts > *before) {
                self.seen.push_back((now, status.agent));
            }
        }
        let is_old = |seen: &VecDeque<(Time, IpAddr)>| {
            seen.front().is_some_and(|(at, _)| now.since(*at) >= RECENT) || seen.len() > RESTARTS
        };
        while is_old(&self.seen) {
            self.seen.pop_front();
        }
    }
}

/// What has changed within [`RECENT`], the newest first. `place` knows the names of agents.
pub(super) fn recent(
    (now, clock): (Time, &Clock),
    journal: &Journal,
    restarts: &Restarts,
    mut place: impl FnMut(IpAddr) -> Arc<Place>,
) -> Vec<Change> {
    let from = now.before(RECENT);
    let records = journal.recent(from, DECISIONS, |record| DEEDS.contains(&record.decision.what));
    let mut changes: Vec<Change> = Vec::new();
    for (id, record) in records {
        let at = record.place.map(|at| place(at.agent));
        let change = Change {
            time: clock.unix_ns(record.last),
            kind: record.decision.what.word(),
            agent: at.as_ref().map(|at| at.agent),
            switch: at.as_ref().map(|at| Arc::clone(&at.name)),
            text: short(&text(&record, at.as_deref()), WORDS),
            decision: Some(id),
            count: record.count,
        };
        add(&mut changes, change);
    }
    for (at, agent) in &restarts.seen {
        let place = place(*agent);
        changes.push(Change {
            time: clock.unix_ns(*at),
            kind: "agent_restarted",
            agent: Some(*agent),
            text: format!("the sFlow agent of {} has started again", place.name),
            switch: Some(Arc::clone(&place.name)),
            decision: None,
            count: 1,
        });
    }
    if from == Time::START {
        changes.push(Change {
            time: clock.unix_ns(Time::START),
            kind: "started",
            agent: None,
            switch: None,
            text: "flow-marker has started".to_owned(),
            decision: None,
            count: 1,
        });
    }
    changes.sort_by_key(|change| std::cmp::Reverse(change.time));
    changes
}

/// Adds an older change, or counts it with the one before.
fn add(changes: &mut Vec<Change>, change: Change) {
    let together = u64::try_from(TOGETHER.as_nanos()).unwrap_or(u64::MAX);
    if let Some(newer) = changes.last_mut()
        && (newer.kind, newer.agent) == (change.kind, change.agent)
        && newer.time.saturating_sub(change.time) <= together
    {
        newer.count += change.count;
        return;
    }
    changes.push(change);
}

/// A change in words: what, where, by whom, why.
fn text(record: &Record, at: Option<&Place>) -> String {
    let decision = &record.decision;
    let what = decision.subject();
    let port = decision.cause().and_then(|cause| cause.port_name.as_deref());
    let place = match (at, port) {
        (Some(at), Some(port)) => format!(" on {} {port}", at.name),
        (Some(at), None) => format!(" on {}", at.name),
        (None, _) => String::new(),
    };
    let by = decision
        .who
        .as_deref()
        .map_or_else(String::new, |who| format!(" by {who}"));
    let why = decision
        .why
        .as_deref()
        .map_or_else(String::new, |why| format!(": {why}"));
    match decision.what {
        What::WouldHave => format!("{what} would be made{place}"),
        What::Prolonged => format!("{what} changed its time{place}{by}"),
        What::Installed => format!("{what} was made{place}"),
        What::Displaced => format!("{what} gave up its place{place}"),
        What::Removed => format!("{what} was removed{place}"),
        What::Vacated => format!("{what} was taken back{place} and is still wanted"),
        What::Dismissed => format!("{what} was released{place}{by}"),
        What::OrphanRemoved => format!("{what}, which nobody wants, was removed{place}"),
        What::ByHand => format!("{what} was changed by hand{place}"),
        What::PauseBegun => format!("everything was withdrawn and paused{by}{why}"),
        What::PauseEnded => format!("the pause was ended{by}"),
        What::ModeChanged => {
            let to = decision.why.as_deref().unwrap_or_default();
            format!("the mode of {what}s was changed{by} to {to}")
        }
        What::Reloaded if decision.reason == Some("refused") => {
            format!("a reload{by} changed nothing{why}")
        }
        What::Reloaded => format!("the configuration was read again{by}{why}"),
        What::ListLoaded => format!("blacklist {what} is the newest"),
        What::ListFailed => format!("blacklist {what} could not be fetched{why}"),
        What::Unreachable => {
            let name = at.map_or("a switch", |at| &at.name);
            format!("{name} does not answer{why}")
        }
        What::Reachable => format!("{} answers", at.map_or("a switch", |at| &at.name)),
        other => format!("{what}{place}: {}", other.text()),
    }
}
