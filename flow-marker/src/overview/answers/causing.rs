//! Are we causing this?

use std::collections::BTreeSet;
use std::time::Duration;

use crate::actuator::Kind;
use crate::config::Mode;
use crate::control::desired::{State, There};
use crate::overview::facts::{Facts, Level, Paused};
use crate::overview::on_switches;
use crate::overview::words::{count, list, short, span};

/// What was done to switches.
const DEEDS: &[&str] = &["installed", "removed", "vacated", "dismissed", "orphan_removed"];

pub(super) fn answer(facts: &Facts) -> (Level, Vec<String>) {
    if let Some(pause) = &facts.pause {
        return paused(facts, pause);
    }
    let on = Kind::ALL.map(|kind| on_switches(facts, kind).count());
    let [marks, captures, drops] = on;
    if on == [0; 3] {
        return nothing(facts);
    }
    let all = Kind::ALL.into_iter().flat_map(|kind| on_switches(facts, kind));
    let switches: BTreeSet<_> = all.map(|control| control.place.agent).collect();
    let [marks_text, captures_text, drops_text] = [
        count(marks, "mark"),
        count(captures, "capture"),
        count(drops, "drop"),
    ];
    let there = format!(
        "{marks_text}, {captures_text} and {drops_text} on {}",
        count(switches.len(), "switch")
    );
    let level = if drops > 0 { Level::Warn } else { Level::Note };
    let parts = [Some(there), orphans(facts), unanswered(facts), untold(facts)];
    let parts = parts.into_iter().flatten().chain([last(facts)]);
    (level, parts.collect())
}

/// `3 controls that nobody wants are on leaf1, from before the start or made by hand`
fn orphans(facts: &Facts) -> Option<String> {
    let with = facts.switches.iter().filter(|switch| switch.tally.orphans > 0);
    let all: usize = with.clone().map(|switch| switch.tally.orphans).sum();
    let names: Vec<_> = with.map(|switch| switch.place.name.to_string()).collect();
    (all > 0).then(|| {
        let what = if all == 1 {
            "1 control that nobody wants is".to_owned()
        } else {
            format!("{all} controls that nobody wants are")
        };
        format!(
            "{what} on {}, from before the start or made by hand",
            list(&names, 3)
        )
    })
}

/// What was sent and not answered may have been done.
fn unanswered(facts: &Facts) -> Option<String> {
    let sent = facts.controls.iter().filter(|control| {
        let (there, times) = (control.view.there, &control.view.times);
        there == There::Perhaps && times.put_sent.is_some() && times.installed.is_none()
    });
    let n = sent.count();
    let (was, it) = if n == 1 { ("was", "is") } else { ("were", "are") };
    let text = || {
        format!(
            "{} {was} sent and not confirmed, and perhaps {it} there",
            count(n, "control")
        )
    };
    (n > 0).then(text)
}

/// `leaf1 has not told yet what it has of ours`
fn untold(facts: &Facts) -> Option<String> {
    let silent = facts.switches.iter().filter(|switch| !switch.told);
    let names: Vec<_> = silent.map(|switch| switch.place.name.to_string()).collect();
    match &names[..] {
        [] => None,
        [one] => Some(format!("{one} has not told yet what it has of ours")),
        several => Some(format!(
            "{} have not told yet what they have of ours",
            list(several, 3)
        )),
    }
}

/// The last thing that was done.
fn last(facts: &Facts) -> String {
    let deed = facts.changes.iter().find(|change| DEEDS.contains(&change.kind));
    match deed {
        Some(deed) => {
            let ago = Duration::from_nanos(facts.unix(facts.now).saturating_sub(deed.time));
            format!("the last change {} ago: {}", span(ago), deed.text)
        }
        None => "nothing was changed on a switch in the last 15 min".to_owned(),
    }
}

fn paused(facts: &Facts, pause: &Paused) -> (Level, Vec<String>) {
    let long = Duration::from_nanos(facts.unix(facts.now).saturating_sub(pause.since));
    let reason = pause
        .reason
        .as_deref()
        .map(|reason| format!(" ({})", short(reason, 80)));
    let said = format!(
        "paused for {} by {}{}",
        span(long),
        short(&pause.who, 40),
        reason.unwrap_or_default()
    );
    if pause.withdrawn {
        let text = format!("nothing of ours is on any switch: {said}");
        return (Level::Note, vec![text]);
    }
    let name = |agent: &std::net::IpAddr| {
        let mut switches = facts.switches.iter();
        let switch = switches.find(|switch| switch.place.agent == *agent);
        switch.map_or_else(|| agent.to_string(), |switch| switch.place.name.to_string())
    };
    let waiting: Vec<_> = pause.waiting.iter().map(name).collect();
    let verb = if waiting.len() == 1 { "has" } else { "have" };
    let left = format!(
        "perhaps: {} {verb} not yet confirmed that everything of ours is gone",
        list(&waiting, 3)
    );
    (Level::Warn, vec![left, said])
}

fn nothing(facts: &Facts) -> (Level, Vec<String>) {
    let would = facts.controls.iter();
    let would = would
        .filter(|control| control.view.state == State::Observed)
        .count();
    let coming = facts.controls.iter();
    let coming = coming
        .filter(|control| matches!(control.view.state, State::Wanted | State::Failed | State::Refused))
        .count();
    let acting: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| facts.modes.of(*kind) == Mode::Act)
        .map(|kind| format!("{}s", kind.name()))
        .collect();
    let doubts = [orphans(facts), unanswered(facts), untold(facts)];
    let mut doubts = doubts.into_iter().flatten();
    let (level, first) = match doubts.next() {
        None => (Level::Ok, "no: nothing of ours is on any switch".to_owned()),
        // That much is certain.
        Some(orphans) if facts.switches.iter().any(|switch| switch.tally.orphans > 0) => {
            (Level::Note, orphans)
        }
        Some(doubt) => (Level::Note, format!("perhaps: {doubt}")),
    };
    let mut parts = vec![first];
    parts.extend(doubts);
    if coming > 0 {
        parts.push(format!("{} not installed yet", are(coming, "control")));
    }
    if acting.is_empty() {
        parts.push("all controllers only observe".to_owned());
    } else {
        parts.push(format!("{} are made when they are needed", list(&acting, 3)));
    }
    if would > 0 {
        parts.push(format!("{} only observed", are(would, "control")));
    }
    parts.push(last(facts));
    (level, parts)
}

fn are(n: usize, one: &str) -> String {
    format!("{} {}", count(n, one), if n == 1 { "is" } else { "are" })
}
