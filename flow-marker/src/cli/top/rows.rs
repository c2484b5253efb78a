//! Rows: what the columns of a table say of one flow, link, control, problem or change, and all there is to say of it.

use std::cmp::Ordering;

use super::data::{Change, Control, Flow, Level, Link, Problem};
use super::text::{between, clock, count, rate, span};

/// What is sorted by.
#[derive(Debug, Clone)]
enum Key {
    Text,
    Number(f64),
}

/// A place in a row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) text: String,
    key: Key,
    /// How bad it is, if that is to be seen.
    pub(super) level: Option<Level>,
}

impl Cell {
    fn text(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            key: Key::Text,
            level: None,
        }
    }

    fn number(key: f64, text: String) -> Self {
        Self {
            text,
            key: Key::Number(key),
            level: None,
        }
    }

    /// A number that may not be known, shown by `show`.
    fn maybe(value: Option<f64>, show: impl Fn(f64) -> String) -> Self {
        let text = value.map_or_else(|| "?".to_owned(), show);
        Self::number(value.unwrap_or(-1.0), text)
    }

    const fn at(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (&self.key, &other.key) {
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            _ => self.text.cmp(&other.text),
        }
    }
}

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// What it is about, as long as it is about that.
    pub(super) id: String,
    pub(super) cells: Vec<Cell>,
    /// All there is to say, each with a heading.
    pub(super) details: Vec<(&'static str, String)>,
}

impl Row {
    /// Whether all words are in it, anywhere.
    pub(super) fn has(&self, words: &[String]) -> bool {
        let cells = self.cells.iter().map(|cell| &cell.text);
        let details = self.details.iter().map(|(_, text)| text);
        let texts: Vec<_> = cells.chain(details).map(|text| text.to_lowercase()).collect();
        words
            .iter()
            .all(|word| texts.iter().any(|text| text.contains(word.as_str())))
    }
}

/// The details that are not empty.
fn details<const N: usize>(all: [(&'static str, String); N]) -> Vec<(&'static str, String)> {
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "only sorted by")]
const fn seconds(earlier: u64, later: u64) -> f64 {
    between(earlier, later).as_secs() as f64
}

/// How long something has been so; sorted by that.
fn since(then: u64, now: u64) -> Cell {
    match then {
        0 => Cell::maybe(None, |_| String::new()),
        _ => Cell::number(seconds(then, now), span(between(then, now))),
    }
}

fn moment(ns: u64, now: u64) -> String {
    match ns {
        0 => String::new(),
        _ => format!("{} UTC, {} ago", clock(ns), span(between(ns, now))),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

pub(super) fn flow(flow: &Flow, now: u64) -> Row {
    let (state, level) = match flow.state.as_str() {
        "evidence" => (format!("evid. {}", percent(flow.evidence)), Level::Note),
        "found" => ("found".to_owned(), Level::Warn),
        "marked" => ("marked".to_owned(), Level::Ok),
        other => (other.to_owned(), Level::Note),
    };
    let place = flow.place.shown();
    Row {
        id: format!("{} {place}", flow.flow),
        details: details([
            ("Flow", flow.flow.clone()),
            ("Rate", rate(flow.rate)),
            (
                "State",
                format!("{}, evidence {}", flow.state, percent(flow.evidence)),
            ),
            ("Since", moment(flow.since, now)),
            ("Enters at", place.clone()),
            ("Control", flow.control.clone()),
            ("Why", flow.why.clone()),
        ]),
        cells: vec![
            Cell::text(&flow.flow),
            Cell::number(flow.rate, rate(flow.rate)),
            Cell::text(&state).at(level),
            since(flow.since, now),
            Cell::text(&place),
            Cell::text(&flow.why),
        ],
    }
}

pub(super) fn link(link: &Link) -> Row {
    let place = link.place.shown();
    let used = match link.utilisation {
        Some(used) if used >= 0.95 => Level::Bad,
        Some(used) if used >= 0.8 => Level::Warn,
        _ => Level::Ok,
    };
    let lost = link.discards + link.errors;
    let filled = link.flows.iter();
    let filled: Vec<_> = filled
        .map(|(flow, bps, state)| format!("{flow} {} {state}", rate(*bps)))
        .collect();
    let known = |bps: Option<f64>| bps.map(rate).unwrap_or_default();
    Row {
        id: place.clone(),
        details: details([
            ("Link", place.clone()),
            ("Speed", known(link.speed)),
            ("Used", link.utilisation.map(percent).unwrap_or_default()),
            ("In", known(link.received)),
            ("Out", known(link.sent)),
            ("Discards", format!("{} a second", count(link.discards))),
            ("Errors", format!("{} a second", count(link.errors))),
            ("Filled by", filled.join("; ")),
        ]),
        cells: vec![
            Cell::text(&place),
            Cell::maybe(link.speed, rate),
            Cell::maybe(link.utilisation, |used| {
                format!("{} {}", percent(used), link.direction)
                    .trim_end()
                    .to_owned()
            })
            .at(used),
            Cell::maybe(link.received, rate),
            Cell::maybe(link.sent, rate),
            Cell::number(lost, count(lost)).at(if lost > 0.0 { Level::Warn } else { Level::Ok }),
            Cell::text(&filled.join("; ")),
        ],
    }
}

pub(super) fn control(control: &Control, now: u64) -> Row {
    let place = control.place.shown();
    let state = match control.state.as_str() {
        "failed" => Level::Bad,
        "installed" => Level::Ok,
        _ => Level::Note,
    };
    let effect = match control.effect.as_str() {
        "none" => Level::Warn,
        "seen" | "queued" | "hits" => Level::Ok,
        _ => Level::Note,
    };
    let ends = control.until.map(|until| seconds(now, until));
    let ends_in = control
        .until
        .map(|until| format!("in {}", span(between(now, until))));
    let ending = [ends_in.as_deref(), Some(control.ends.as_str())];
    let ending: Vec<_> = ending
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    Row {
        id: format!("{} {place}", control.name),
        details: details([
            ("Control", format!("{} {}", control.kind, control.name)),
            ("What", control.what.clone()),
            ("State", control.state.clone()),
            ("Refused", control.error.clone()),
            (
                "Effect",
                format!("{} {}", control.effect, control.effect_why)
                    .trim()
                    .to_owned(),
            ),
            (
                "Hits",
                control
                    .hits
                    .map(|hits| format!("{hits:.0} packets"))
                    .unwrap_or_default(),
            ),
            ("Rate", control.rate.map(rate).unwrap_or_default()),
            ("Why", control.why.clone()),
            ("Owner", control.owner.clone()),
            ("Where", place.clone()),
            ("Since", moment(control.since, now)),
            ("Ends", ending.join(", ")),
        ]),
        cells: vec![
            Cell::text(&control.what),
            Cell::text(&control.kind),
            Cell::text(&control.state).at(state),
            Cell::text(&control.effect).at(effect),
            since(control.since, now),
            Cell::number(ends.unwrap_or(f64::INFINITY), ends_in.unwrap_or_default()),
            Cell::text(&place),
            // A refusal says more than why it was wanted.
            Cell::text(if control.error.is_empty() {
                &control.why
            } else {
                &control.error
            }),
        ],
    }
}

pub(super) fn problem(problem: &Problem, now: u64) -> Row {
    let place = problem.place.shown();
    let grade = f64::from(problem.level as u8);
    let then = problem.since.unwrap_or_default();
    Row {
        id: format!("{} {place} {}", problem.kind, problem.text),
        details: details([
            ("Problem", problem.text.clone()),
            ("Level", problem.level.word().to_owned()),
            ("Kind", problem.kind.clone()),
            ("Where", place.clone()),
            ("Since", moment(then, now)),
        ]),
        cells: vec![
            Cell::number(grade, problem.level.word().to_owned()).at(problem.level),
            Cell::text(&problem.text),
            Cell::text(&place),
            Cell::text(&problem.kind),
            since(then, now),
        ],
    }
}

pub(super) fn change(change: &Change) -> Row {
    let place = change.place.shown();
    let decision = change.decision.map(|id| format!("{id:.0}")).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "only sorted by")]
    let time = change.time as f64;
    let times = if change.count > 1.0 {
        count(change.count)
    } else {
        String::new()
    };
    Row {
        id: format!("{} {} {place} {}", change.time, change.kind, change.text),
        details: details([
            ("Change", change.text.clone()),
            ("Time", format!("{} UTC", clock(change.time))),
            ("Kind", change.kind.clone()),
            ("Where", place.clone()),
            ("Times", times.clone()),
            ("Decision", decision),
        ]),
        cells: vec![
            Cell::number(time, clock(change.time)),
            Cell::text(&change.text),
            Cell::text(&place),
            Cell::text(&change.kind),
            Cell::number(change.count, times),
        ],
    }
}
