//! What the overview lists, as tables: which columns there are, and how rows are sorted and filtered.

use std::cmp::Ordering;

use super::data::{Overview, Search};
use super::rows::{Row, change, control, flow, link, problem};

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

/// A table as it is to be shown.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) tab: Tab,
    pub(super) order: Order,
    pub(super) rows: Vec<Row>,
    /// Rows before they were filtered.
    pub(super) total: usize,
    /// Those that match, of which these are the first.
    pub(super) matching: usize,
}

impl Table {
    /// `tab` of `overview`, with the rows that have all words of a filter, and of flows also those that were found for it.
    pub(super) fn new(
        tab: Tab,
        overview: &Overview,
        order: Order,
        (filter, found): (&str, Option<&Search>),
    ) -> Self {
        let mut rows = tab.rows(overview);
        let mut total = rows.len();
        let filter: Vec<_> = filter.split_whitespace().map(str::to_lowercase).collect();
        rows.retain(|row| row.has(&filter));
        let mut matching = rows.len();
        if let Some(found) = found.filter(|_| tab == Tab::Flows) {
            // The instance does not look into why a flow is not marked; what it found is the newer of two.
            let all = found.flows.iter().map(|of| flow(of, overview.time));
            let all: Vec<_> = all.collect();
            rows.retain(|row| all.iter().all(|other| other.id != row.id));
            (total, matching) = (total.max(found.total), found.matching.saturating_add(rows.len()));
            rows.splice(0..0, all);
        }
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
            matching,
        }
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
            let table = Table::new(Tab::Flows, &overview, order, (filter, None));
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
    fn what_was_found_among_all_flows_is_beside_what_matches_here() {
        let flow = |source: &str, rate: f64, why: Option<&str>| json!({"source": source, "destination": "b", "rate": rate, "why": why});
        let overview = Overview::read(&json!({"flows": [
            flow("a", 9.0, Some("rare words")), flow("rare", 8.0, None), flow("c", 7.0, None),
        ]}));
        let found = json!({"total": 5000, "matching": 321, "flows": [flow("rare", 8.5, None), flow("rarer", 1.0, None)]});
        let table = |tab: Tab, found| Table::new(tab, &overview, tab.order(), ("rare", found));
        let shown = |table: Table| {
            let rows = table
                .rows
                .into_iter()
                .map(|row| row.cells.into_iter().map(|cell| cell.text));
            let rows: Vec<_> = rows
                .map(|mut row| row.by_ref().take(2).collect::<Vec<_>>().join("|"))
                .collect();
            (rows, table.matching, table.total)
        };
        let here = (
            vec!["a → b |9 b/s".to_owned(), "rare → b |8 b/s".to_owned()],
            2,
            3,
        );
        assert_eq!(shown(table(Tab::Flows, None)), here);
        let found = Search::read(&found);
        let all = ["a → b |9 b/s", "rare → b |8 b/s", "rarer → b |1 b/s"].map(str::to_owned);
        assert_eq!(shown(table(Tab::Flows, Some(&found))), (all.to_vec(), 322, 5000));
        assert_eq!(shown(table(Tab::Links, Some(&found))), (vec![], 0, 0));
        // Nonsense is none of ours.
        let nonsense = Search::read(&json!({"total": -1, "matching": "x", "flows": {"a": 1}}));
        assert_eq!(shown(table(Tab::Flows, Some(&nonsense))), here);
    }

    #[test]
    fn every_row_has_a_cell_for_each_column() {
        let overview = Overview::read(&json!({
            "flows": [{}], "links": [{}], "controls": [{}], "problems": [{}], "changes": [{}],
        }));
        for tab in Tab::ALL {
            let table = Table::new(tab, &overview, tab.order(), ("", None));
            assert_eq!(table.rows[0].cells.len(), tab.columns().len(), "{tab:?}");
            let column = tab.order().column;
            assert!(column < tab.columns().len() || column == Order::AS_TOLD);
        }
    }
}
