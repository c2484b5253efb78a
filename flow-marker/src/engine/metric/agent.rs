//! What is known of one agent: its data sources and their values.

use std::collections::BTreeMap;
use std::time::Duration;

use super::name::{MetricId, Names};
use super::rate::Seen;
use super::source::SourceName;
use super::value::Value;
use crate::clock::Time;
use crate::ingest::places::Share;
use crate::sflow::CounterFormat;

/// A value and how long it is good for.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The value.
    pub value: Value,
    /// When it was last updated.
    pub at: Time,
    /// Without an update for this long it is missing.
    pub lasts: Duration,
}

impl Cell {
    /// Whether the value still counts.
    pub fn is_current(&self, now: Time) -> bool {
        now.since(self.at) <= self.lasts
    }
}

/// The last reading of the counters of one record.
#[derive(Debug)]
pub(super) struct Readings {
    pub(super) sub_agent: u32,
    pub(super) format: CounterFormat,
    pub(super) seen: Seen,
    /// By position among the record's fields; `None` for those that are no counters or are not counted.
    pub(super) counts: Vec<Option<u64>>,
    /// The usual time between two samples.
    pub(super) interval: Option<Duration>,
}

/// The last reading of a counter that the agent has named itself.
#[derive(Debug)]
pub(super) struct NamedCount {
    pub(super) metric: MetricId,
    pub(super) count: u64,
    pub(super) at: Time,
}

/// One data source.
#[derive(Debug, Default)]
pub struct Source {
    /// In order of their metrics' identity.
    cells: Vec<(MetricId, Cell)>,
    pub(super) readings: Vec<Readings>,
    pub(super) named: Vec<NamedCount>,
}

impl Source {
    /// A value, when it is current.
    pub fn get(&self, metric: MetricId, now: Time) -> Option<&Cell> {
        let at = self.cells.binary_search_by_key(&metric, |(id, _)| *id).ok()?;
        let (_, cell) = self.cells.get(at)?;
        cell.is_current(now).then_some(cell)
    }

    /// All current values.
    pub fn current(&self, now: Time) -> impl Iterator<Item = (MetricId, &Cell)> {
        self.cells
            .iter()
            .filter(move |(_, cell)| cell.is_current(now))
            .map(|(id, cell)| (*id, cell))
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn has(&self, metric: MetricId) -> bool {
        self.cells.binary_search_by_key(&metric, |(id, _)| *id).is_ok()
    }

    /// Puts a value in its place; true when the metric is new here, and its name has a user more.
    pub(super) fn put(&mut self, metric: MetricId, cell: Cell) -> bool {
        match self.cells.binary_search_by_key(&metric, |(id, _)| *id) {
            Ok(at) => {
                if let Some((_, place)) = self.cells.get_mut(at) {
                    *place = cell;
                }
                false
            }
            Err(at) => {
                self.cells.insert(at, (metric, cell));
                true
            }
        }
    }

    /// Removes what `keep` does not keep, and gives the names back.
    pub(super) fn retain(
        &mut self,
        names: &mut Names,
        mut keep: impl FnMut(MetricId, &Cell) -> bool,
    ) -> usize {
        let before = self.cells.len();
        self.cells.retain(|(id, cell)| {
            let kept = keep(*id, cell);
            if !kept {
                names.release(*id);
            }
            kept
        });
        before - self.cells.len()
    }
}

/// One agent.
#[derive(Debug, Default)]
pub(super) struct Agent {
    pub(super) sources: BTreeMap<SourceName, Source>,
    /// Values of all data sources.
    pub(super) values: usize,
    /// Data sources that have named themselves.
    pub(super) named_sources: usize,
    /// What it has of the room for all.
    pub(super) room: Room,
}

/// What one agent has of the room that all agents outside of the inventory have together.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Data sources, and the readings of their counters.
    pub(super) sources: Share,
    /// Values, and readings of counters with names of their own.
    pub(super) values: Share,
}

impl Agent {
    /// Forgets values that have been missing for a while, and data sources without any.
    pub(super) fn sweep(&mut self, names: &mut Names, now: Time) {
        /// The baseline of a rate outlives its value, so that slow pollers have rates at all.
        const BASELINE: Duration = Duration::from_secs(3600);
        let (mut values, mut readings) = (0, 0);
        for source in self.sources.values_mut() {
            let before = (source.readings.len(), source.named.len());
            let gone = source.retain(names, |_, cell| cell.is_current(now));
            self.values -= gone;
            source.readings.retain(|r| now.since(r.seen.at) <= BASELINE);
            source.named.retain(|count| {
                let kept = now.since(count.at) <= BASELINE;
                if !kept {
                    names.release(count.metric);
                }
                kept
            });
            readings += before.0 - source.readings.len();
            values += gone + before.1 - source.named.len();
        }
        let sources = self.sources.len();
        self.sources
            .retain(|_, s| s.len() > 0 || !s.readings.is_empty() || !s.named.is_empty());
        self.room
            .sources
            .give_back(readings + sources - self.sources.len());
        self.room.values.give_back(values);
        self.named_sources = self
            .sources
            .keys()
            .filter(|name| matches!(name, SourceName::Named(_)))
            .count();
    }

    /// Gives all names back.
    pub(super) fn clear(&mut self, names: &mut Names) {
        for source in self.sources.values_mut() {
            source.retain(names, |_, _| false);
            for count in source.named.drain(..) {
                names.release(count.metric);
            }
        }
        *self = Self::default();
    }
}
