//! What the overview lists, as rows: which columns there are, how they are sorted and filtered, and all there is to say of
//! one row.

use std::cmp::Ordering;

use super::data::{Change, Control, Flow, Level, Link, Overview, Problem};
use super::text::{between, clock, count, rate, span};

/// One of the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tab {
    /// The largest flows
    #[default]
    Flows,
    /// The fullest links
    Links,
    /// Marks, captures and drops
    Controls,
    /// What is broken
    Problems,
    /// What changed in the last 15 minutes
    Changes,
}

impl Tab {
    /// All, in the order of their keys.
    pub(super) const ALL: [Self; 5] = [
        Self::Flows,
        Self::Links,
        Self::Controls,
        Self::Problems,
        Self::Changes,
    ];

    /// Its place among all.
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Flows => "Flows",
            Self::Links => "Links",
            Self::Controls => "Controls",
            Self::Problems => "Problems",
            Self::Changes => "Changes",
        }
    }

    /// What is worth seeing beside it.
    pub(super) const fn companion(self) -> Self {
        match self {
            Self::Flows | Self::Changes => Self::Controls,
            Self::Links => Self::Flows,
            Self::Controls => Self::Problems,
            Self::Problems => Self::Changes,
        }
    }

    /// What it shows of every row.
    pub(super) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Flows => &FLOWS,
            Self::Links => &LINKS,
            Self::Controls => &CONTROLS,
            Self::Problems => &PROBLEMS,
            Self::Changes => &CHANGES,
        }
    }

    /// The order in which it comes.
    pub(super) const fn order(self) -> Order {
        let (column, descending) = match self {
            Self::Flows => (1, true),
            Self::Links => (2, true),
            // What does not work comes first.
            Self::Controls => (Order::AS_TOLD, false),
            Self::Problems | Self::Changes => (0, true),
        };
        Order { column, descending }
    }

    fn rows(self, overview: &Overview) -> Vec<Row> {
        let now = overview.time;
        match self {
            Self::Flows => overview.flows.iter().map(|of| flow(of, now)).collect(),
            Self::Links => overview.links.iter().map(link).collect(),
            Self::Controls => overview.controls.iter().map(|of| control(of, now)).collect(),
            Self::Problems => overview.problems.iter().map(|of| problem(of, now)).collect(),
            Self::Changes => overview.changes.iter().map(change).collect(),
        }
    }
}

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// Or [`Self::AS_TOLD`].
    pub(super) column: usize,
    pub(super) descending: bool,
}

impl Order {
    /// By no column: as the instance tells it.
    pub(super) const AS_TOLD: usize = usize::MAX;
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Fewer columns of text are not worth showing.
    pub(super) least: u16,
    /// It never takes more.
    pub(super) most: u16,
    /// Numbers are compared by their last digits.
    pub(super) right: bool,
    /// Where there is no room for all, those of a higher number go first.
    pub(super) rank: u8,
}

const fn words(title: &'static str, least: u16, most: u16, rank: u8) -> Column {
    Column {
        title,
        least,
        most,
        right: false,
        rank,
    }
}

const fn figures(title: &'static str, width: u16, rank: u8) -> Column {
    Column {
        title,
        least: width,
        most: width,
        right: true,
        rank,
    }
}

/// Whatever there is room for.
const ANY: u16 = u16::MAX;

const FLOWS: [Column; 6] = [
    words("FLOW", 14, 96, 0),
    figures("RATE", 9, 1),
    words("STATE", 10, 12, 2),
    figures("FOR", 7, 4),
    words("WHERE", 12, 40, 3),
    words("WHY", 16, ANY, 5),
];
const LINKS: [Column; 7] = [
    words("LINK", 12, 48, 0),
    figures("SPEED", 9, 4),
    figures("USED", 9, 1),
    figures("IN", 9, 5),
    figures("OUT", 9, 5),
    figures("DROPS/s", 8, 2),
    words("FILLED BY", 24, ANY, 3),
];
const CONTROLS: [Column; 8] = [
    words("WHAT", 12, 64, 0),
    words("KIND", 7, 7, 3),
    words("STATE", 9, 14, 1),
    words("EFFECT", 7, 7, 2),
    figures("FOR", 7, 5),
    figures("ENDS", 8, 4),
    words("WHERE", 12, 40, 6),
    words("WHY", 16, ANY, 7),
];
const PROBLEMS: [Column; 5] = [
    words("LEVEL", 6, 6, 1),
    words("PROBLEM", 16, ANY, 0),
    words("WHERE", 12, 40, 2),
    words("KIND", 8, 20, 4),
    figures("FOR", 7, 3),
];
const CHANGES: [Column; 5] = [
    words("TIME", 8, 8, 1),
    words("CHANGE", 16, ANY, 0),
    words("WHERE", 12, 40, 2),
    words("KIND", 8, 20, 4),
    figures("TIMES", 6, 3),
];

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

    fn compare(&self, other: &Self) -> Ordering {
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
    fn has(&self, words: &[String]) -> bool {
        let cells = self.cells.iter().map(|cell| &cell.text);
        let details = self.details.iter().map(|(_, text)| text);
        let texts: Vec<_> = cells.chain(details).map(|text| text.to_lowercase()).collect();
        words
            .iter()
            .all(|word| texts.iter().any(|text| text.contains(word.as_str())))
    }
}

/// A table as it is to be shown.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) tab: Tab,
    pub(super) order: Order,
    pub(super) rows: Vec<Row>,
    /// Rows before they were filtered.
    pub(super) total: usize,
}

impl Table {
    /// `tab` of `overview`, with the rows that have all words of `filter`.
    pub(super) fn new(tab: Tab, overview: &Overview, order: Order, filter: &str) -> Self {
        let mut rows = tab.rows(overview);
        let total = rows.len();
        let filter: Vec<_> = filter.split_whitespace().map(str::to_lowercase).collect();
        rows.retain(|row| row.has(&filter));
        if order.descending && order.column == Order::AS_TOLD {
            rows.reverse();
        }
        // Equal ones stay as they came.
        rows.sort_by(|a, b| {
            let (a, b) = (a.cells.get(order.column), b.cells.get(order.column));
            let ascending = match (a, b) {
                (Some(a), Some(b)) => a.compare(b),
                _ => Ordering::Equal,
            };
            if order.descending {
                ascending.reverse()
            } else {
                ascending
            }
        });
        Self {
            tab,
            order,
            rows,
            total,
        }
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

fn flow(flow: &Flow, now: u64) -> Row {
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

fn link(link: &Link) -> Row {
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

fn control(control: &Control, now: u64) -> Row {
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
            ("Ends", ends_in.clone().unwrap_or_default()),
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

fn problem(problem: &Problem, now: u64) -> Row {
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

fn change(change: &Change) -> Row {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_sorted_and_filtered_by_all_words() {
        let overview = Overview::read(&json!({"time": 9_000_000_000_u64, "flows": [
            {"source": "10.0.0.1", "sport": 1, "destination": "10.0.0.2", "dport": 80, "protocol": "tcp",
             "rate": 1e6, "state": "seen", "switch": "leaf1", "port": {"ifindex": 3, "name": "swp3"}},
            {"source": "fd00::1", "sport": 2, "destination": "fd00::2", "dport": 443, "protocol": "udp",
             "rate": 5e9, "state": "found", "agent": "10.1.1.1", "port": {"ifindex": 4}, "why": "over budget"},
            {"source": "10.0.0.3", "destination": "10.0.0.4", "protocol": "icmp", "rate": 2e6, "state": "evidence",
             "evidence": 0.456},
        ]}));
        let shown = |order, filter: &str| -> Vec<_> {
            let table = Table::new(Tab::Flows, &overview, order, filter);
            assert_eq!(table.total, 3);
            table
                .rows
                .into_iter()
                .map(|row| {
                    let texts = row.cells.into_iter().take(5).map(|cell| cell.text);
                    texts.collect::<Vec<_>>().join("|")
                })
                .collect()
        };
        let rows = [
            "[fd00::1]:2 → [fd00::2]:443 udp|5.00 Gb/s|found|?|10.1.1.1 port 4",
            "10.0.0.3 → 10.0.0.4 icmp|2.00 Mb/s|evid. 46 %|?|",
            "10.0.0.1:1 → 10.0.0.2:80 tcp|1.00 Mb/s|seen|?|leaf1 swp3",
        ];
        assert_eq!(shown(Tab::Flows.order(), ""), rows);
        let by_flow = Order {
            column: 0,
            descending: false,
        };
        assert_eq!(shown(by_flow, ""), [rows[2], rows[1], rows[0]]);
        assert_eq!(shown(by_flow, "BUDGET udp"), [rows[0]]);
        assert_eq!(shown(by_flow, "budget tcp"), [""; 0]);
        let nowhere = Order {
            column: 99,
            descending: true,
        };
        assert_eq!(shown(nowhere, "leaf1"), [rows[2]]);
    }

    #[test]
    fn every_row_has_a_cell_for_each_column() {
        let overview = Overview::read(&json!({
            "flows": [{}], "links": [{}], "controls": [{}], "problems": [{}], "changes": [{}],
        }));
        for tab in Tab::ALL {
            let table = Table::new(tab, &overview, tab.order(), "");
            assert_eq!(table.rows[0].cells.len(), tab.columns().len(), "{tab:?}");
            let column = tab.order().column;
            assert!(column < tab.columns().len() || column == Order::AS_TOLD);
        }
    }
}
