//! What changed in the last fifteen minutes?

use std::time::Duration;

use crate::overview::facts::{Change, Facts, Level};
use crate::overview::words::{list, span};

/// What kinds of changes come to, in words for one and for several, and how much they matter. What is not here is only listed.
const KINDS: &[(&str, &str, &str, Level)] = &[
    (
        "changed_by_hand",
        "control changed by hand",
        "controls changed by hand",
        Level::Warn,
    ),
    (
        "agent_restarted",
        "agent restarted",
        "agents restarted",
        Level::Warn,
    ),
    ("unreachable", "switch lost", "switches lost", Level::Warn),
    ("pause_begun", "pause begun", "pauses begun", Level::Warn),
    ("pause_ended", "pause ended", "pauses ended", Level::Note),
    ("mode_changed", "mode changed", "modes changed", Level::Note),
    ("reloaded", "reload", "reloads", Level::Note),
    (
        "started",
        "start of flow-marker",
        "starts of flow-marker",
        Level::Note,
    ),
    (
        "dismissed",
        "control released by a person",
        "controls released by a person",
        Level::Note,
    ),
    (
        "list_failed",
        "blacklist not fetched",
        "blacklists not fetched",
        Level::Note,
    ),
    (
        "list_loaded",
        "blacklist renewed",
        "blacklists renewed",
        Level::Ok,
    ),
    ("reachable", "switch reached", "switches reached", Level::Ok),
    (
        "prolonged",
        "control with another end",
        "controls with another end",
        Level::Ok,
    ),
    (
        "displaced",
        "control that gave up its place",
        "controls that gave up their place",
        Level::Ok,
    ),
    ("installed", "control made", "controls made", Level::Ok),
    ("removed", "control removed", "controls removed", Level::Ok),
    ("vacated", "control taken back", "controls taken back", Level::Ok),
    (
        "orphan_removed",
        "leftover removed",
        "leftovers removed",
        Level::Ok,
    ),
    (
        "would_have",
        "control that would have been made",
        "controls that would have been made",
        Level::Ok,
    ),
];

pub(super) fn answer(facts: &Facts) -> (Level, Vec<String>) {
    let Some(newest) = facts.changes.first() else {
        return (Level::Ok, vec!["nothing in the last 15 min".to_owned()]);
    };
    let counted = |kind: &str| -> u64 {
        let all = facts.changes.iter().filter(|change| change.kind == kind);
        all.map(|change| change.count).sum()
    };
    let mut level = Level::Ok;
    let mut told = Vec::new();
    for (kind, one, many, grave) in KINDS {
        match counted(kind) {
            0 => continue,
            1 => told.push(format!("1 {one}")),
            n => told.push(format!("{n} {many}")),
        }
        level = level.max(*grave);
    }
    let ago = |change: &Change| {
        let ago = facts.unix(facts.now).saturating_sub(change.time);
        span(Duration::from_nanos(ago))
    };
    let mut parts = Vec::new();
    if !told.is_empty() {
        parts.push(format!("in the last 15 min: {}", list(&told, 6)));
    }
    parts.push(format!("the last {} ago: {}", ago(newest), newest.text));
    // What matters most is said, also when something else came after it.
    let gravest = KINDS.iter().filter(|(_, _, _, grave)| *grave >= Level::Warn);
    let gravest = gravest.map(|(kind, ..)| facts.changes.iter().find(|change| change.kind == *kind));
    if let Some(gravest) = gravest.flatten().next()
        && gravest != newest
    {
        parts.push(format!("{} ago: {}", ago(gravest), gravest.text));
    }
    (level, parts)
}
