//! What is broken?

use crate::overview::facts::{Facts, Level};
use crate::overview::problems::{Area, Problem};
use crate::overview::words::count;

pub(super) fn answer(facts: &Facts, problems: &[Problem]) -> (Level, Vec<String>) {
    let broken: Vec<_> = problems.iter().filter(|p| p.area == Area::Control).collect();
    if let Some(gravest) = broken.first() {
        let others = broken.len() - 1;
        let mut parts = vec![gravest.text.clone()];
        if others > 0 {
            let are = if others == 1 { "is" } else { "are" };
            parts.push(format!("{} {are} listed", count(others, "other problem")));
        }
        return (gravest.level, parts);
    }
    let asked = facts
        .switches
        .iter()
        .filter(|switch| switch.reachable == Some(true))
        .count();
    let all = facts.switches.len();
    let text = match (all, asked) {
        (0, _) => "nothing: there is no switch in the inventory".to_owned(),
        (_, 0) => format!(
            "nothing known: {} in the inventory, and there was no reason to contact any",
            count(all, "switch")
        ),
        (all, asked) if all == asked => {
            let have = if all == 1 {
                "answers and has"
            } else {
                "answer and have"
            };
            format!("nothing: {} {have} what is wanted", count(all, "switch"))
        }
        (all, asked) => format!("nothing: {asked} of {all} switches were contacted and have what is wanted"),
    };
    let mut parts = vec![text];
    // The other answers tell of them; here it must not look as if the list below were about switches.
    if !problems.is_empty() {
        let are = if problems.len() == 1 { "is" } else { "are" };
        parts.push(format!(
            "{} of what is measured or of effects {are} listed",
            count(problems.len(), "finding")
        ));
    }
    (Level::Ok, parts)
}
