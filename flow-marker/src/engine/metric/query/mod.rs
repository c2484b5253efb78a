//! Questions about metrics.
//!
//! A `Query` is parsed once, `collect`ed from every shard, where it costs time in proportion to what it selects, and
//! `merge`d. The answer does not depend on which shard has which agent. Answers have a bound; one that would pass it is
//! an error, never a part.

mod collect;
mod answer;
mod select;
mod stat;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

pub use answer::{Answer, Metric, Partial, TooLarge, TopKey};
pub use collect::{Live, LiveValue, NoLive, View};
pub use select::Agents;
use select::{Filter, Wanted};
pub use stat::Statistic;

/// A question that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?}: {problem}")]
pub struct QueryError {
    /// The word that is wrong.
    pub word: String,
    /// Why.
    pub problem: String,
}

impl QueryError {
    fn new(word: &str, problem: impl fmt::Display) -> Self {
        Self {
            word: word.chars().take(80).collect(),
            problem: problem.to_string(),
        }
    }
}

/// One metric, over all data sources.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    /// As it was asked, with its statistic.
    text: Arc<str>,
    statistic: Statistic,
    wanted: Wanted,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    wanted: Wanted,
    /// A row may lack it.
    nullable: bool,
}

/// How a table is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sort {
    column: usize,
    descending: bool,
    /// So many rows, the first ones.
    rows: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Names,
    Agent(IpAddr),
    Metrics(Vec<Term>),
    Table(Vec<Column>, Option<Sort>),
    /// No list means all.
    Dump(Option<Vec<Wanted>>),
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    shape: Shape,
    agents: Agents,
    filter: Filter,
}

impl Query {
    /// The most metrics of one question.
    pub const MAX_METRICS: usize = 256;

    /// All metrics, and when they were last seen (`/metrics/json`).
    pub const fn names() -> Self {
        Self {
            shape: Shape::Names,
            agents: Agents::ALL,
            filter: Filter::NONE,
        }
    }

    /// All values of an agent (`/metric/{agent}/json`).
    pub const fn agent(agent: IpAddr) -> Self {
        Self {
            shape: Shape::Agent(agent),
            agents: Agents::ALL,
            filter: Filter::NONE,
        }
    }

    /// Statistics of metrics over all data sources that are selected (`/metric/{agents}/{metrics}/json`).
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn metrics<'a>(
        agents: &str,
        metrics: &str,
        filter: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, QueryError> {
        let terms = list(metrics, &[','])?.into_iter().map(|word| {
            let (statistic, metric) = Statistic::prefix(word);
            Ok(Term {
                text: word.into(),
                statistic: statistic.unwrap_or(Statistic::Max),
                wanted: Wanted::parse(metric)?,
            })
        });
        Self::new(Shape::Metrics(terms.collect::<Result<_, _>>()?), agents, filter)
    }

    /// A table: a row for each data source, a column for each metric (`/table/{agents}/{metrics}/json`).
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn table<'a>(
        agents: &str,
        metrics: &str,
        filter: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, QueryError> {
        let mut sorted = None;
        let mut columns = Vec::new();
        for word in list(metrics, &[','])? {
            let (mut rest, mut nullable, mut sort) = (word, false, false);
            loop {
                if let Some(after) = rest.strip_prefix("null:").filter(|_| !nullable) {
                    (rest, nullable) = (after, true);
                } else if let Some(after) = rest.strip_prefix("sort:").filter(|_| !sort) {
                    (rest, sort) = (after, true);
                } else {
                    break;
                }
            }
            if sort {
                if sorted.is_some() {
                    return Err(QueryError::new(word, "a table is sorted by one metric only"));
                }
                let (metric, by) = sort_order(word, rest, columns.len())?;
                (rest, sorted) = (metric, Some(by));
            }
            columns.push(Column {
                wanted: Wanted::parse(rest)?,
                nullable,
            });
        }
        Self::new(Shape::Table(columns, sorted), agents, filter)
    }

    /// All values of metrics (`/dump/{agents}/{metrics}/json`).
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn dump<'a>(
        agents: &str,
        metrics: &str,
        filter: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, QueryError> {
        let words = list(metrics, &[',', ';'])?;
        let wanted = if words.contains(&"ALL") {
            None
        } else {
            Some(words.into_iter().map(Wanted::parse).collect::<Result<_, _>>()?)
        };
        Self::new(Shape::Dump(wanted), agents, filter)
    }

    fn new<'a>(
        shape: Shape,
        agents: &str,
        filter: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, QueryError> {
        Ok(Self {
            shape,
            agents: Agents::parse(agents)?,
            filter: Filter::parse(filter)?,
        })
    }

    /// What one shard knows of it.
    pub fn collect(&self, view: &View<'_>) -> Partial {
        collect::collect(self, view)
    }

    /// The answer, from what all shards know.
    ///
    /// # Errors
    /// [`TooLarge`]
    pub fn merge(&self, partials: impl IntoIterator<Item = Partial>) -> Result<Answer, TooLarge> {
        answer::merge(self, partials)
    }
}

/// The words of a list; none is empty, and there is at least one.
fn list<'a>(text: &'a str, separators: &[char]) -> Result<Vec<&'a str>, QueryError> {
    let words: Vec<&str> = text
        .split(|c| separators.contains(&c))
        .map(str::trim)
        .take(Query::MAX_METRICS + 1)
        .collect();
    if words.len() > Query::MAX_METRICS {
        return Err(QueryError::new(
            text,
            format_args!("more than {} words", Query::MAX_METRICS),
        ));
    }
    if words.contains(&"") {
        return Err(QueryError::new(text, "a word of the list is missing"));
    }
    Ok(words)
}

/// `metric:-10`, of a column that is sorted.
fn sort_order<'a>(word: &str, rest: &'a str, column: usize) -> Result<(&'a str, Sort), QueryError> {
    let ascending = Sort {
        column,
        descending: false,
        rows: None,
    };
    let Some((metric, number)) = rest.rsplit_once(':') else {
        return Ok((rest, ascending));
    };
    let number: i32 = number
        .parse()
        .ok()
        .filter(|n| *n != 0)
        .ok_or_else(|| QueryError::new(word, "a number of rows is expected at the end, such as :-10"))?;
    let sort = Sort {
        descending: number < 0,
        rows: usize::try_from(number.unsigned_abs()).ok(),
        ..ascending
    };
    Ok((metric, sort))
}

#[cfg(test)]
mod tests;
