//! Can I believe it?

use std::time::Duration;

use crate::clock::Time;
use crate::engine::doctor::Severity;
use crate::overview::facts::{AgentFact, Facts, Level};
use crate::overview::heard;
use crate::overview::problems::{BLIND, LOSSY, lost};
use crate::overview::words::{count, list, percent, short, span};

/// So old may the newest datagram of a fabric be that is heard: agents send what they have after a second at most.
const FRESH: Duration = Duration::from_secs(5);

pub(super) fn answer(facts: &Facts) -> (Level, Vec<String>) {
    let matters = |agent: &&AgentFact| facts.matters(agent.expected);
    let last = |agent: &AgentFact| agent.last;
    let newest = facts.agents.iter().filter(matters).filter_map(last).max();
    let newest = newest.or_else(|| facts.agents.iter().filter_map(last).max());
    let Some(newest) = newest else {
        return nothing(facts);
    };
    let (mut level, mut parts) = (Level::Ok, Vec::new());
    let mut add = |bad: Level, text: String| {
        level = level.max(bad);
        parts.push(text);
    };
    let silent = facts.agents.iter().filter(|a| a.silent(facts.now).is_some());
    let mut silent: Vec<_> = silent.collect();
    // Switches are named first.
    silent.sort_by_key(|agent| !agent.expected);
    let heard = heard(facts).count();
    if silent.is_empty() {
        let text = match (heard, facts.agents.len()) {
            (1, 1) => "the one agent reports".to_owned(),
            (n, all) if n == all => format!("{n} agents report, none is silent"),
            // The others have not had the time since the start.
            (n, all) => format!("{n} of {} report so far", count(all, "agent")),
        };
        add(Level::Ok, text);
    } else {
        let grave = match silent.iter().copied().find(matters) {
            Some(_) if self::heard(facts).find(matters).is_none() => Level::Bad,
            Some(_) => Level::Warn,
            None => Level::Note,
        };
        add(grave, silence(facts.now, &silent));
        add(
            Level::Ok,
            format!("{heard} of {} report", count(facts.agents.len(), "agent")),
        );
    }
    add_loss(facts, &mut add);
    add_findings(facts, &mut add);
    let age = facts.now.since(newest);
    let stale = if age > FRESH { Level::Warn } else { Level::Ok };
    add(stale, format!("the data is {} old", span(age)));
    (level, parts)
}

fn nothing(facts: &Facts) -> (Level, Vec<String>) {
    let up = facts.now.since(Time::START);
    let text = format!(
        "no: no agent has sent a datagram since the start {} ago, so nothing is known of the network",
        span(up)
    );
    (Level::Bad, vec![text])
}

/// `leaf3 has been silent for 40 s`
fn silence(now: Time, silent: &[&AgentFact]) -> String {
    let names: Vec<_> = silent.iter().map(|agent| agent.place.name.to_string()).collect();
    let has = if silent.len() == 1 { "has" } else { "have" };
    let never = silent.iter().all(|agent| agent.last.is_none());
    if never {
        return format!("{} {has} sent nothing so far", list(&names, 3));
    }
    let longest = silent.iter().filter_map(|agent| agent.silent(now)).max();
    let up_to = if silent.len() == 1 { "" } else { "up to " };
    format!(
        "{} {has} been silent for {up_to}{}",
        list(&names, 3),
        span(longest.unwrap_or_default())
    )
}

fn add_loss(facts: &Facts, add: &mut impl FnMut(Level, String)) {
    let agents = || facts.agents.iter().filter(|agent| facts.matters(agent.expected));
    let sum = |of: fn(&AgentFact) -> u64| agents().map(of).fold(0, u64::saturating_add);
    let share = lost(sum(|agent| agent.received), sum(|agent| agent.lost)).unwrap_or_default();
    if share <= 0.0 {
        return add(Level::Ok, "nothing is lost".to_owned());
    }
    let worst = agents().max_by_key(|agent| agent.lost);
    let from = worst
        .filter(|_| facts.agents.len() > 1)
        .map_or_else(String::new, |worst| format!(", most of {}", worst.place.name));
    let level = match share {
        share if share >= BLIND => Level::Bad,
        share if share >= LOSSY => Level::Warn,
        _ => Level::Note,
    };
    add(
        level,
        format!(
            "{} of the last minute's datagrams are missing{from}",
            percent(share)
        ),
    );
}

fn add_findings(facts: &Facts, add: &mut impl FnMut(Level, String)) {
    let told = facts.findings.iter().filter(|f| f.severity > Severity::Info);
    let mut grave = told
        .clone()
        .filter(|f| f.severity == Severity::Critical && facts.matters(f.expected));
    // They are sorted.
    let Some(worst) = told.clone().next() else {
        return;
    };
    let level = if grave.next().is_some() {
        Level::Warn
    } else {
        Level::Note
    };
    let more = match told.count() {
        1 => String::new(),
        n => format!(", and {}", count(n - 1, "other finding")),
    };
    add(
        level,
        format!("the sampling doctor says of {}{more}", short(&worst.text(), 180)),
    );
}
