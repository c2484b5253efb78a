//! Do the controls work?

use crate::actuator::Kind;
use crate::control::desired::{Effect, State};
use crate::overview::facts::{ControlFact, Facts, Level};
use crate::overview::on_switches;
use crate::overview::words::{count, list, short};

pub(super) fn answer(facts: &Facts) -> (Level, Vec<String>) {
    let there: Vec<&ControlFact> = Kind::ALL
        .into_iter()
        .flat_map(|kind| on_switches(facts, kind))
        .filter(|control| control.view.state == State::Installed)
        .collect();
    if there.is_empty() {
        let text = "there is no control on any switch that could work or not";
        return (Level::Ok, vec![text.to_owned()]);
    }
    let of = |effect| {
        there
            .iter()
            .filter(|control| control.view.proof.effect == effect)
            .count()
    };
    let [unknown, hits, seen, queued, none] = Effect::ALL.map(of);
    let works = hits + seen + queued;
    let mut parts = Vec::new();
    let all = count(there.len(), "control");
    parts.push(match (works, there.len()) {
        (1, 1) => "the one control is seen to work".to_owned(),
        (0, 1) if none == 0 => "the one control is not seen to work yet".to_owned(),
        (0, 1) => "the one control is not seen to work".to_owned(),
        (works, n) if works == n => format!("all {all} are seen to work"),
        (0, _) => format!(
            "none of {all} is seen to work{}",
            if none == 0 { " yet" } else { "" }
        ),
        (1, _) => format!("1 of {all} is seen to work"),
        (works, _) => format!("{works} of {all} are seen to work"),
    });
    let how: Vec<_> = [
        (hits, "by rising hit counters"),
        (seen, "by marked packets seen downstream"),
        (queued, "by the queue it leaves by"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, how)| format!("{n} {how}"))
    .collect();
    if !how.is_empty() {
        parts.push(list(&how, 3));
    }
    if unknown > 0 {
        let of = if there.len() == 1 {
            "it".to_owned()
        } else {
            unknown.to_string()
        };
        parts.push(format!("nothing was seen of {of} so far"));
    }
    let failing = there
        .iter()
        .find(|control| control.view.proof.effect == Effect::None);
    if let Some(failing) = failing {
        let why = failing.effect_why.as_deref().unwrap_or("nothing is seen of it");
        parts.push(format!(
            "{} without effect, such as “{}” on {}: {}",
            count(none, "control"),
            failing.view.control.action,
            failing.place.name,
            short(why, 200)
        ));
    }
    let level = match (none, works) {
        (0, _) => Level::Ok,
        (_, 0) => Level::Bad,
        _ => Level::Warn,
    };
    (level, parts)
}
