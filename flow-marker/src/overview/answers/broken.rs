//! What is broken?

use crate::overview::facts::{Facts, Level};
use crate::overview::problems::{Area, Problem};
use crate::overview::words::count;

pub(super) fn answer(facts: &Facts, problems: &[Problem]) -> (Level, Vec<String>) {
    // Whatever it is about: they are sorted.
    let gravest = problems.iter().find(|problem| problem.level >= Level::Warn);
    let Some(gravest) = gravest else {
        let mut parts = vec![nothing(facts)];
        if !problems.is_empty() {
            let are = if problems.len() == 1 { "is" } else { "are" };
            parts.push(format!("{} {are} listed", count(problems.len(), "remark")));
        }
        return (Level::Ok, parts);
    };
    let mut parts = vec![gravest.text.clone()];
    let others = problems.len() - 1;
    if others > 0 {
        let are = if others == 1 { "is" } else { "are" };
        parts.push(format!("{} {are} listed", count(others, "other problem")));
    }
    // It must not look as if switches were as bad as what is known of them.
    if !facts.switches.is_empty() && problems.iter().all(|problem| problem.area != Area::Control) {
        parts.push(switches(facts));
    }
    (gravest.level, parts)
}

fn nothing(facts: &Facts) -> String {
    if facts.switches.is_empty() {
        return "nothing: there is no switch in the inventory".to_owned();
    }
    let asked = asked(facts);
    let known = if asked == 0 { "nothing known" } else { "nothing" };
    format!("{known}: {}", switches(facts))
}

/// Switches that were contacted, and answer.
fn asked(facts: &Facts) -> usize {
    let switches = facts.switches.iter();
    switches.filter(|switch| switch.reachable == Some(true)).count()
}

/// How switches are with which nothing is wrong.
fn switches(facts: &Facts) -> String {
    match (facts.switches.len(), asked(facts)) {
        (all, 0) => format!(
            "{} in the inventory, and there was no reason to contact any",
            count(all, "switch")
        ),
        (1, _) => "1 switch answers and has what is wanted".to_owned(),
        (all, asked) if all == asked => format!("{} answer and have what is wanted", count(all, "switch")),
        (all, asked) => format!("{asked} of {all} switches were contacted and have what is wanted"),
    }
}
