//! What one shard knows of a question.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::answer::{Measure, Partial, Row, TopKey};
use super::select::Wanted;
use super::{Column, Query, Shape};
use crate::clock::Time;
use crate::engine::metric::name::MetricId;
use crate::engine::metric::source::SourceName;
use crate::engine::metric::store::Store;
use crate::engine::metric::value::Value;
use crate::engine::topology::Topology;

/// A value that is computed when somebody asks.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveValue {
    /// The value; what is not finite is left out.
    pub value: f64,
    /// When it was last updated.
    pub at: Time,
    /// What it is made of, largest first.
    pub keys: Vec<TopKey>,
}

/// Metrics that are not stored but computed when somebody asks, as those of flow definitions are.
pub trait Live {
    /// The agents that may have such metrics.
    fn agents(&self) -> Vec<IpAddr>;

    /// Calls `visit` with each current value of an agent, of this metric only when a name is given. No data source has a
    /// metric twice.
    fn visit(
        &self,
        agent: IpAddr,
        name: Option<&str>,
        visit: &mut dyn FnMut(&SourceName, &Arc<str>, LiveValue),
    );
}

/// No such metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLive;

impl Live for NoLive {
    fn agents(&self) -> Vec<IpAddr> {
        Vec::new()
    }

    fn visit(&self, _: IpAddr, _: Option<&str>, _: &mut dyn FnMut(&SourceName, &Arc<str>, LiveValue)) {}
}

/// Everything that a shard is asked about.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Its stored metrics.
    pub store: &'a Store,
    /// Its other metrics. Where a name is in both, the stored value counts.
    pub live: &'a dyn Live,
    /// What `EDGE`, `CORE`, `TOPOLOGY` and names of nodes mean.
    pub topology: &'a Topology,
    /// Now.
    pub now: Time,
}

/// A metric that is asked for, with the identities that its names have in this shard.
struct Resolved<'a> {
    wanted: &'a Wanted,
    name: Option<MetricId>,
    splits: Vec<(&'a SourceName, &'a str, Option<MetricId>)>,
}

impl<'a> Resolved<'a> {
    fn new(wanted: &'a Wanted, view: &View<'_>) -> Self {
        let find = |name: &str| view.store.names().find(name);
        Self {
            wanted,
            name: find(&wanted.name),
            splits: wanted
                .splits
                .iter()
                .map(|(source, name)| (source, &**name, find(name)))
                .collect(),
        }
    }
}

pub(super) fn collect(query: &Query, view: &View<'_>) -> Partial {
    match &query.shape {
        Shape::Names => names(view),
        Shape::Agent(agent) => {
            let mut partial = Partial::list();
            every(view, *agent, &mut |measure| partial.push(measure));
            partial
        }
        Shape::Metrics(terms) => {
            let terms: Vec<_> = terms
                .iter()
                .map(|term| (term, Resolved::new(&term.wanted, view)))
                .collect();
            let mut partial = Partial::metrics(terms.len());
            for agent in agents(query, view) {
                for (at, (term, resolved)) in terms.iter().enumerate() {
                    each(query, view, agent, resolved, &mut |_, measure| {
                        partial.gather(at, term.statistic, measure);
                    });
                }
            }
            partial
        }
        Shape::Table(columns, sort) => {
            let mut partial = Partial::table();
            let resolved: Vec<_> = columns
                .iter()
                .map(|column| (column, Resolved::new(&column.wanted, view)))
                .collect();
            for agent in agents(query, view) {
                rows(query, view, agent, &resolved, &mut |row| partial.row(row, *sort));
            }
            partial
        }
        Shape::Dump(wanted) => {
            let mut partial = Partial::list();
            let wanted: Option<Vec<_>> = wanted
                .as_ref()
                .map(|wanted| wanted.iter().map(|w| Resolved::new(w, view)).collect());
            for agent in agents(query, view) {
                let Some(wanted) = &wanted else {
                    every(view, agent, &mut |measure| {
                        let meant = is_meant(query, view, agent, &measure.source);
                        if meant {
                            partial.push(measure);
                        }
                    });
                    continue;
                };
                for resolved in wanted {
                    each(query, view, agent, resolved, &mut |_, measure| {
                        partial.push(measure);
                    });
                }
            }
            partial
        }
    }
}

/// The names that have current values, and when they last had one.
fn names(view: &View<'_>) -> Partial {
    let mut names: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    let mut seen = |name: &Arc<str>, at: Time| {
        let age = age(view, at);
        names
            .entry(Arc::clone(name))
            .and_modify(|a| *a = age.min(*a))
            .or_insert(age);
    };
    for (name, at) in view.store.names().seen(view.now) {
        seen(name, at);
    }
    for agent in view.live.agents() {
        view.live
            .visit(agent, None, &mut |_, name, value| seen(name, value.at));
    }
    Partial::names(names)
}

fn age(view: &View<'_>, at: Time) -> u64 {
    u64::try_from(view.now.since(at).as_millis()).unwrap_or(u64::MAX)
}

/// The agents that are selected, in order.
fn agents(query: &Query, view: &View<'_>) -> Vec<IpAddr> {
    let mut agents: BTreeSet<IpAddr> = view.store.agents().collect();
    agents.extend(view.live.agents());
    let filter: Vec<_> = query
        .filter
        .0
        .iter()
        .map(|(wanted, patterns)| (Resolved::new(wanted, view), patterns))
        .collect();
    let mut agents: Vec<_> = agents.into_iter().collect();
    agents.retain(|agent| {
        let passes = |(resolved, patterns): &(Resolved<'_>, &Vec<_>)| {
            let mut passes = false;
            everywhere(view, *agent, resolved, &mut |_, measure| {
                passes |= patterns
                    .iter()
                    .any(|p: &crate::engine::metric::Pattern| p.matches(&measure.value));
            });
            passes
        };
        query.agents.selects(*agent, view.topology) && filter.iter().all(passes)
    });
    agents
}

/// Whether the question is about this data source of a selected agent.
fn is_meant(query: &Query, view: &View<'_>, agent: IpAddr, source: &SourceName) -> bool {
    if !query.agents.needs_ports() {
        return true;
    }
    let name = view.store.get(agent, source, "ifname", view.now);
    let name = name.and_then(|cell| cell.value.as_text());
    query.agents.selects_source((agent, source), name, view.topology)
}

/// Calls `visit` with each value of a metric at the data sources that are meant; true where the question has named the
/// data source.
fn each(
    query: &Query,
    view: &View<'_>,
    agent: IpAddr,
    resolved: &Resolved<'_>,
    visit: &mut dyn FnMut(bool, Measure),
) {
    everywhere(view, agent, resolved, &mut |fixed, measure| {
        if is_meant(query, view, agent, &measure.source) {
            visit(fixed, measure);
        }
    });
}

fn everywhere(view: &View<'_>, agent: IpAddr, resolved: &Resolved<'_>, visit: &mut dyn FnMut(bool, Measure)) {
    let measure = |source: &SourceName, value: Value, at: Time, keys: Vec<TopKey>| Measure {
        agent,
        source: source.clone(),
        name: Arc::clone(&resolved.wanted.name),
        value,
        age_ms: age(view, at),
        keys,
    };
    if let Some(sources) = view.store.sources_of(agent) {
        let cells = resolved.name.into_iter().flat_map(|id| {
            let named = move |(name, source): (_, &'_ crate::engine::metric::Source)| {
                source.get(id, view.now).map(|cell| (name, cell.clone()))
            };
            sources.iter().filter_map(named)
        });
        for (source, cell) in cells {
            visit(false, measure(source, cell.value, cell.at, Vec::new()));
        }
        for (source, _, id) in &resolved.splits {
            let cell = id.and_then(|id| sources.get(source)?.get(id, view.now));
            if let Some(cell) = cell {
                visit(true, measure(source, cell.value.clone(), cell.at, Vec::new()));
            }
        }
    }
    let mut live = |only: Option<&SourceName>, id: Option<MetricId>, name: &str| {
        view.live.visit(agent, Some(name), &mut |source, _, live| {
            let stored = id.and_then(|id| view.store.source(agent, source)?.get(id, view.now));
            if stored.is_none() && live.value.is_finite() && only.is_none_or(|only| only == source) {
                let value = Value::Number(live.value);
                visit(only.is_some(), measure(source, value, live.at, live.keys));
            }
        });
    };
    live(None, resolved.name, &resolved.wanted.name);
    for (source, name, id) in &resolved.splits {
        live(Some(source), *id, name);
    }
}

/// Calls `visit` with every value of an agent.
fn every(view: &View<'_>, agent: IpAddr, visit: &mut dyn FnMut(Measure)) {
    let names = view.store.names();
    for (source, values) in view.store.sources_of(agent).into_iter().flatten() {
        for (id, cell) in values.current(view.now) {
            visit(Measure {
                agent,
                source: source.clone(),
                name: Arc::clone(names.name(id)),
                value: cell.value.clone(),
                age_ms: age(view, cell.at),
                keys: Vec::new(),
            });
        }
    }
    view.live.visit(agent, None, &mut |source, name, live| {
        let stored = view.store.get(agent, source, name, view.now);
        if stored.is_none() && live.value.is_finite() {
            visit(Measure {
                agent,
                source: source.clone(),
                name: Arc::clone(name),
                value: Value::Number(live.value),
                age_ms: age(view, live.at),
                keys: live.keys,
            });
        }
    });
}

/// The rows of an agent: one for each data source that has a metric of a column. Where a column names its data source,
/// that value is in every row.
fn rows(
    query: &Query,
    view: &View<'_>,
    agent: IpAddr,
    columns: &[(&Column, Resolved<'_>)],
    visit: &mut dyn FnMut(Row),
) {
    let mut by_source: BTreeMap<SourceName, Vec<Option<Measure>>> = BTreeMap::new();
    let mut fixed: Vec<Option<Measure>> = vec![None; columns.len()];
    for (at, (_, resolved)) in columns.iter().enumerate() {
        each(query, view, agent, resolved, &mut |is_fixed, measure| {
            let row = if is_fixed {
                &mut fixed
            } else {
                by_source
                    .entry(measure.source.clone())
                    .or_insert_with(|| vec![None; columns.len()])
            };
            if let Some(cell) = row.get_mut(at) {
                *cell = Some(measure);
            }
        });
    }
    if by_source.is_empty() {
        let source = fixed.iter().flatten().map(|m| m.source.clone()).next();
        by_source.extend(source.map(|source| (source, vec![None; columns.len()])));
    }
    for (source, row) in by_source {
        let cells: Vec<_> = row
            .into_iter()
            .zip(&fixed)
            .map(|(cell, fixed)| cell.or_else(|| fixed.clone()))
            .collect();
        let complete = cells
            .iter()
            .zip(columns)
            .all(|(cell, (column, _))| cell.is_some() || column.nullable);
        if complete {
            visit(Row { agent, source, cells });
        }
    }
}
