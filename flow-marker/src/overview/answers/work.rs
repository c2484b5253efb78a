//! Do the controls work?

use crate::actuator::Kind;
use crate::control::desired::{Effect, State};
use crate::overview::facts::{ControlFact, Facts, Level};
use crate::overview::on_switches;
use crate::overview::words::{count, short};

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
        (works, n) if works == n => format!("all {all} are seen to work"),
        (0, _) => format!(
            "none of {all} is seen to work{}",
            if none == 0 { " yet" } else { "" }
        ),
        (works, _) => format!(
            "{works} of {all} {} seen to work",
            if works == 1 { "is" } else { "are" }
        ),
    });
    let how: Vec<_> = [
        (hits, "hit counters rise"),
        (seen, "mark seen downstream"),
        (queued, "in another queue"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, how)| format!("{n} {how}"))
    .collect();
    if !how.is_empty() {
        parts.push(how.join(", "));
    }
    if unknown > 0 {
        let is = if unknown == 1 { "is" } else { "are" };
        parts.push(
            format!("of {unknown} nothing {is} known: too new, or nothing to be seen")
                .replace(" are ", " is "),
        );
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
