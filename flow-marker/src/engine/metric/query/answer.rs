//! Partial answers of shards, and the answer that they make.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Query, Shape, Sort, Statistic};
use crate::engine::metric::source::SourceName;
use crate::engine::metric::value::{Value, serialize_number};

/// One of the flows that a value is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopKey {
    /// The flow's key.
    pub key: String,
    /// Its own value.
    #[serde(serialize_with = "serialize_number")]
    pub value: f64,
}

/// The answer would be larger than anybody can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {} values are meant: ask for fewer agents or metrics",
    Partial::MAX_VALUES
)]
pub struct TooLarge;

/// A value, and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measure {
    pub(super) agent: IpAddr,
    pub(super) source: SourceName,
    pub(super) name: Arc<str>,
    pub(super) value: Value,
    pub(super) age_ms: u64,
    pub(super) keys: Vec<TopKey>,
}

impl Measure {
    fn place(&self) -> (IpAddr, &SourceName) {
        (self.agent, &self.source)
    }
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) agent: IpAddr,
    pub(super) source: SourceName,
    pub(super) cells: Vec<Option<Measure>>,
}

/// What a shard knows of one metric.
#[derive(Debug, Clone, PartialEq, Default)]
struct Gathered {
    best: Option<Measure>,
    numbers: u64,
    texts: u64,
    /// All numbers, for the statistics that need them.
    values: Vec<f64>,
    youngest_ms: Option<u64>,
    oldest_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Names(BTreeMap<Arc<str>, u64>),
    List(Vec<Measure>),
    Metrics(Vec<Gathered>),
    Table(Vec<Row>),
}

/// What one shard knows of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    part: Part,
    size: usize,
}

impl Partial {
    /// The most values of an answer: a thousand switches of 96 ports with ten metrics each. About 100 MB of JSON.
    pub const MAX_VALUES: usize = 1 << 20;

    const fn new(part: Part) -> Self {
        Self { part, size: 0 }
    }

    pub(super) const fn names(names: BTreeMap<Arc<str>, u64>) -> Self {
        Self::new(Part::Names(names))
    }

    pub(super) const fn list() -> Self {
        Self::new(Part::List(Vec::new()))
    }

    pub(super) fn metrics(terms: usize) -> Self {
        Self::new(Part::Metrics(vec![Gathered::default(); terms]))
    }

    pub(super) const fn table() -> Self {
        Self::new(Part::Table(Vec::new()))
    }

    /// Counts values that are to be kept; false when there are too many.
    const fn room(&mut self, values: usize) -> bool {
        self.size = self.size.saturating_add(values);
        self.size <= Self::MAX_VALUES
    }

    pub(super) fn push(&mut self, measure: Measure) {
        if self.room(1)
            && let Part::List(list) = &mut self.part
        {
            list.push(measure);
        }
    }

    pub(super) fn gather(&mut self, at: usize, statistic: Statistic, measure: Measure) {
        let kept = usize::from(!statistic.selects());
        if self.room(kept)
            && let Part::Metrics(terms) = &mut self.part
            && let Some(term) = terms.get_mut(at)
        {
            term.add(statistic, measure);
        }
    }

    pub(super) fn row(&mut self, row: Row, sort: Option<Sort>) {
        let cells = row.cells.len().max(1);
        if !self.room(cells) {
            return;
        }
        let Part::Table(rows) = &mut self.part else {
            return;
        };
        rows.push(row);
        // With a limit only the first rows are kept, sorted again when twice as many have come.
        if let Some(Sort { rows: Some(n), .. }) = sort
            && rows.len() >= n.saturating_mul(2).max(1024)
        {
            sort_rows(rows, sort);
            self.size = rows.len().saturating_mul(cells);
        }
    }
}

impl Gathered {
    fn add(&mut self, statistic: Statistic, measure: Measure) {
        let number = measure.value.number();
        if statistic.selects() {
            *(if number.is_some() {
                &mut self.numbers
            } else {
                &mut self.texts
            }) += 1;
            if self
                .best
                .as_ref()
                .is_none_or(|best| prefer(statistic, &measure, best))
            {
                self.best = Some(measure);
            }
            return;
        }
        let Some(number) = number else {
            return;
        };
        self.numbers += 1;
        self.values.push(number);
        self.ages(Some(measure.age_ms), Some(measure.age_ms));
    }

    fn ages(&mut self, youngest: Option<u64>, oldest: Option<u64>) {
        self.youngest_ms = self.youngest_ms.into_iter().chain(youngest).min();
        self.oldest_ms = self.oldest_ms.into_iter().chain(oldest).max();
    }

    fn merge(&mut self, statistic: Statistic, other: Self) {
        self.numbers += other.numbers;
        self.texts += other.texts;
        self.values.extend(other.values);
        self.ages(other.youngest_ms, other.oldest_ms);
        if let Some(theirs) = other.best
            && self
                .best
                .as_ref()
                .is_none_or(|best| prefer(statistic, &theirs, best))
        {
            self.best = Some(theirs);
        }
    }

    fn finish(mut self, name: &Arc<str>, statistic: Statistic) -> Metric {
        let mut metric = Metric {
            metric_n: Some(self.numbers),
            ..Metric::named(name)
        };
        if statistic.selects() {
            if let Some(best) = self.best {
                let same = if statistic == Statistic::Any {
                    self.numbers + self.texts
                } else if best.value.number().is_some() {
                    self.numbers
                } else {
                    self.texts
                };
                metric = Metric {
                    metric_n: Some(same),
                    last_update: Some(best.age_ms),
                    metric_name: Arc::clone(name),
                    ..Metric::of(best)
                };
            }
            return metric;
        }
        self.values.sort_unstable_by(f64::total_cmp);
        let value = statistic.of(&self.values).filter(|v| v.is_finite());
        metric.metric_value = value.map(Value::Number);
        metric.last_update_min = self.youngest_ms;
        metric.last_update_max = self.oldest_ms;
        metric
    }
}

/// Whether `a` is chosen rather than `b`: numbers before texts, the first in order among equals.
fn prefer(statistic: Statistic, a: &Measure, b: &Measure) -> bool {
    let first = || a.place() < b.place();
    if statistic == Statistic::Any {
        return first();
    }
    match (a.value.number().is_some(), b.value.number().is_some()) {
        (true, false) => return true,
        (false, true) => return false,
        _ => {}
    }
    match (a.value.total_cmp(&b.value), statistic) {
        (Ordering::Equal, _) => first(),
        (Ordering::Greater, statistic) => statistic == Statistic::Max,
        (Ordering::Less, statistic) => statistic == Statistic::Min,
    }
}

fn sort_rows(rows: &mut Vec<Row>, sort: Option<Sort>) {
    let Some(sort) = sort else {
        rows.sort_by(|a, b| (a.agent, &a.source).cmp(&(b.agent, &b.source)));
        return;
    };
    let by = |row: &Row| -> Option<Value> { Some(row.cells.get(sort.column)?.as_ref()?.value.clone()) };
    rows.sort_by_cached_key(|row| {
        let value = by(row);
        let missing = value.is_none();
        let value = Ordered(value.unwrap_or(Value::Number(0.0)));
        let (up, down) = if sort.descending {
            (None, Some(Reverse(value)))
        } else {
            (Some(value), None)
        };
        (missing, up, down, row.agent, row.source.clone())
    });
    if let Some(n) = sort.rows {
        rows.truncate(n);
    }
}

/// A value in its order.
#[derive(Debug, PartialEq)]
struct Ordered(Value);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A metric in an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// The agent, when the value is that of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<IpAddr>,
    /// Its data source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_source: Option<SourceName>,
    /// The metric, as it was asked for.
    pub metric_name: Arc<str>,
    /// The value; `None` when nobody has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_value: Option<Value>,
    /// How many values it is made of, or chosen from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_n: Option<u64>,
    /// Milliseconds since it was updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update: Option<u64>,
    /// Milliseconds since the youngest value was updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_min: Option<u64>,
    /// Milliseconds since the oldest value was updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_max: Option<u64>,
    /// The largest of what it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_keys: Vec<TopKey>,
}

impl Metric {
    fn named(name: &Arc<str>) -> Self {
        Self {
            agent: None,
            data_source: None,
            metric_name: Arc::clone(name),
            metric_value: None,
            metric_n: None,
            last_update: None,
            last_update_min: None,
            last_update_max: None,
            top_keys: Vec::new(),
        }
    }

    fn of(measure: Measure) -> Self {
        Self {
            agent: Some(measure.agent),
            data_source: Some(measure.source),
            metric_value: Some(measure.value),
            top_keys: measure.keys,
            ..Self::named(&measure.name)
        }
    }
}

/// An answer; as JSON in the form that the API has for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Metric → milliseconds since it was last seen.
    Names(BTreeMap<Arc<str>, u64>),
    /// All values of an agent: `<ds>.<metric>` → value.
    Agent(BTreeMap<String, Value>),
    /// One for each metric that was asked for.
    Metrics(Vec<Metric>),
    /// Rows; a value that is missing is `null`.
    Table(Vec<Vec<Option<Metric>>>),
    /// Values.
    Dump(Vec<Metric>),
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Names(names) => names.serialize(serializer),
            Self::Agent(values) => values.serialize(serializer),
            Self::Metrics(metrics) | Self::Dump(metrics) => metrics.serialize(serializer),
            Self::Table(rows) => rows.serialize(serializer),
        }
    }
}

pub(super) fn merge(query: &Query, partials: impl IntoIterator<Item = Partial>) -> Result<Answer, TooLarge> {
    let mut names: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    let (mut list, mut rows, mut size) = (Vec::new(), Vec::new(), 0_usize);
    let mut terms: Vec<Gathered> = Vec::new();
    let sort = match &query.shape {
        Shape::Table(_, sort) => *sort,
        _ => None,
    };
    for partial in partials {
        size = size.saturating_add(partial.size);
        if size > Partial::MAX_VALUES {
            return Err(TooLarge);
        }
        match partial.part {
            Part::Names(more) => {
                for (name, age) in more {
                    names.entry(name).and_modify(|a| *a = age.min(*a)).or_insert(age);
                }
            }
            Part::List(more) => list.extend(more),
            Part::Table(more) => rows.extend(more),
            Part::Metrics(more) => {
                terms.resize_with(more.len().max(terms.len()), Gathered::default);
                if let Shape::Metrics(asked) = &query.shape {
                    for ((term, more), asked) in terms.iter_mut().zip(more).zip(asked) {
                        term.merge(asked.statistic, more);
                    }
                }
            }
        }
    }
    Ok(match &query.shape {
        Shape::Names => Answer::Names(names),
        Shape::Agent(_) => {
            let named = |m: Measure| (format!("{}.{}", m.source, m.name), m.value);
            Answer::Agent(list.into_iter().map(named).collect())
        }
        Shape::Dump(_) => {
            sort_list(&mut list);
            Answer::Dump(list.into_iter().map(Metric::of).collect())
        }
        Shape::Metrics(asked) => {
            terms.resize_with(asked.len(), Gathered::default);
            let terms = terms.into_iter().zip(asked);
            Answer::Metrics(
                terms
                    .map(|(term, asked)| term.finish(&asked.text, asked.statistic))
                    .collect(),
            )
        }
        Shape::Table(..) => {
            sort_rows(&mut rows, sort);
            let cells = |row: Row| row.cells.into_iter().map(|cell| cell.map(Metric::of)).collect();
            Answer::Table(rows.into_iter().map(cells).collect())
        }
    })
}

fn sort_list(list: &mut [Measure]) {
    list.sort_by(|a, b| (a.place(), &a.name).cmp(&(b.place(), &b.name)));
}
