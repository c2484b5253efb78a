//! The thresholds of one shard, and which of them are above.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::definition::Definition;
use crate::clock::Time;
use crate::engine::metric::{MetricId, Names, Pattern, Source, SourceName, Store, Updated, Watch};

/// A threshold was passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    /// The name of the threshold.
    pub threshold_id: Arc<str>,
    /// Its metric.
    pub metric: Arc<str>,
    /// Its value.
    pub threshold: f64,
    /// The value of the metric.
    pub value: f64,
    /// Where.
    pub agent: IpAddr,
    /// The data source.
    pub source: SourceName,
    /// The flow, when the metric is one of a flow definition.
    pub flow_key: Option<String>,
    /// When.
    pub at: Time,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Updates that were compared with a threshold.
    pub compared: u64,
    /// Thresholds that fired.
    pub fired: u64,
    /// Thresholds that were passed but could not be remembered, and so did not fire.
    pub refused: u64,
}

/// A flow's rate, as a sample has just changed it.
pub struct FlowUpdate<'a> {
    /// The agent.
    pub agent: IpAddr,
    /// The data source.
    pub source: &'a SourceName,
    /// The rate now, in the unit of the flow definition.
    pub value: f64,
    /// The time constant with which it decays; zero for a value that does not.
    pub decay: Duration,
    /// A number that stands for the flow's key, unique among the flows of its definition.
    pub fingerprint: u128,
    /// The flow's key, as clients see it.
    pub key: &'a dyn fmt::Display,
}

/// What a state belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    threshold: u32,
    agent: IpAddr,
    source: SourceName,
    flow: Option<u128>,
}

#[derive(Debug)]
struct Threshold {
    id: Arc<str>,
    /// Tells the states of this definition from those of one that had its name before.
    serial: u32,
    definition: Definition,
    metric: MetricId,
    name: Arc<str>,
    rearm: Duration,
    filter: Vec<(MetricId, Vec<Pattern>)>,
}

/// All thresholds of a shard.
#[derive(Debug)]
pub struct Thresholds {
    thresholds: Vec<Threshold>,
    /// Which thresholds are on a metric: these stand side by side.
    by_metric: HashMap<MetricId, Range<usize>>,
    /// Until when the metric is above, by place.
    above: HashMap<Place, Time>,
    limit: usize,
    serial: u32,
    swept: Time,
    tally: Tally,
    fired: Vec<Fired>,
}

impl Thresholds {
    /// No thresholds, with room for the state of `limit` places.
    pub fn new(limit: usize) -> Self {
        Self {
            thresholds: Vec::new(),
            by_metric: HashMap::new(),
            above: HashMap::new(),
            limit,
            serial: 0,
            swept: Time::START,
            tally: Tally::default(),
            fired: Vec::new(),
        }
    }

    /// Sets all thresholds. Those that are as they were keep their state.
    ///
    /// Metrics that are above at this moment fire with their next update.
    pub fn replace<'a>(
        &mut self,
        definitions: impl IntoIterator<Item = (&'a Arc<str>, &'a Definition)>,
        names: &mut Names,
    ) {
        let old = std::mem::take(&mut self.thresholds);
        for (id, definition) in definitions {
            let same = old.iter().find(|t| t.id == *id && t.definition == *definition);
            let serial = same.map_or_else(
                || {
                    self.serial += 1;
                    self.serial
                },
                |same| same.serial,
            );
            let Some(metric) = names.acquire(&definition.metric) else {
                continue;
            };
            let filter = definition
                .patterns()
                .filter_map(|(name, patterns)| Some((names.acquire(name)?, patterns)));
            self.thresholds.push(Threshold {
                id: Arc::clone(id),
                serial,
                metric,
                filter: filter.collect(),
                name: Arc::clone(names.name(metric)),
                rearm: definition.rearm(),
                definition: definition.clone(),
            });
        }
        for threshold in old {
            names.release(threshold.metric);
            for (metric, _) in threshold.filter {
                names.release(metric);
            }
        }
        self.thresholds.sort_by_key(|threshold| threshold.metric);
        self.by_metric.clear();
        for (at, threshold) in self.thresholds.iter().enumerate() {
            self.by_metric.entry(threshold.metric).or_insert(at..at).end = at + 1;
        }
        let thresholds = &self.thresholds;
        self.above
            .retain(|place, _| thresholds.iter().any(|t| t.serial == place.threshold));
    }

    /// Whether any threshold is on this metric.
    pub fn watches(&self, metric: MetricId) -> bool {
        self.by_metric.contains_key(&metric)
    }

    /// Compares a flow's rate with the thresholds on its definition, whose name is `metric`. A flow of another data
    /// source of the store may be filtered by the metrics of that.
    pub fn flow(&mut self, metric: MetricId, update: &FlowUpdate<'_>, store: &Store, now: Time) {
        for at in self.watching(metric) {
            let Some(threshold) = self.thresholds.get(at) else {
                continue;
            };
            self.tally.compared += 1;
            let limit = threshold.definition.value;
            if update.value.is_nan() || update.value < limit {
                continue; // When it falls below is known since it was above.
            }
            let source = store.source(update.agent, update.source);
            if !threshold.filter.is_empty() && !source.is_some_and(|source| threshold.admits(source, now)) {
                continue;
            }
            let place = Place {
                threshold: threshold.serial,
                agent: update.agent,
                source: update.source.clone(),
                flow: threshold.definition.by_flow.then_some(update.fingerprint),
            };
            let until = now + falls_after(update.value, limit, update.decay);
            if self.rises(at, place, until, now) {
                self.fire(
                    at,
                    update.agent,
                    update.source,
                    update.value,
                    Some(update.key.to_string()),
                    now,
                );
            }
        }
    }

    /// Whether a threshold is above at a place now, or was within its timeout (`thresholdTriggered`).
    pub fn is_triggered(
        &self,
        id: &str,
        agent: IpAddr,
        source: &SourceName,
        flow: Option<u128>,
        now: Time,
    ) -> bool {
        let Some(threshold) = self.thresholds.iter().find(|t| *t.id == *id) else {
            return false;
        };
        let place = Place {
            threshold: threshold.serial,
            agent,
            source: source.clone(),
            flow,
        };
        self.above
            .get(&place)
            .is_some_and(|until| now < *until + threshold.rearm)
    }

    /// What has fired since the last call.
    pub fn take_fired(&mut self) -> Vec<Fired> {
        std::mem::take(&mut self.fired)
    }

    /// What has happened so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Places that are remembered.
    pub fn len(&self) -> usize {
        self.above.len()
    }

    /// Whether no place is remembered.
    pub fn is_empty(&self) -> bool {
        self.above.is_empty()
    }

    /// The places of the thresholds on a metric.
    fn watching(&self, metric: MetricId) -> Range<usize> {
        self.by_metric.get(&metric).cloned().unwrap_or_default()
    }

    /// Notes that a threshold is above until then; true when it was armed.
    fn rises(&mut self, at: usize, place: Place, until: Time, now: Time) -> bool {
        let Some(threshold) = self.thresholds.get(at) else {
            return false;
        };
        if let Some(known) = self.above.get_mut(&place) {
            let armed = now >= *known + threshold.rearm && *known < now;
            *known = if armed { until } else { until.max(*known) };
            return armed;
        }
        if self.above.len() >= self.limit && !self.sweep(now) {
            self.tally.refused += 1;
            return false;
        }
        self.above.insert(place, until);
        true
    }

    /// Forgets places that are armed again; true when there is room afterwards. At most once a second, so that a flood
    /// costs no more.
    fn sweep(&mut self, now: Time) -> bool {
        if now.since(self.swept) >= Duration::from_secs(1) || now < self.swept {
            self.swept = now;
            let rearm: HashMap<u32, Duration> = self.thresholds.iter().map(|t| (t.serial, t.rearm)).collect();
            self.above.retain(|place, until| {
                let rearm = rearm.get(&place.threshold).copied().unwrap_or_default();
                now < *until + rearm
            });
        }
        self.above.len() < self.limit
    }

    fn fire(
        &mut self,
        at: usize,
        agent: IpAddr,
        source: &SourceName,
        value: f64,
        flow_key: Option<String>,
        now: Time,
    ) {
        let Some(threshold) = self.thresholds.get(at) else {
            return;
        };
        self.tally.fired += 1;
        self.fired.push(Fired {
            threshold_id: Arc::clone(&threshold.id),
            metric: Arc::clone(&threshold.name),
            threshold: threshold.definition.value,
            value,
            agent,
            source: source.clone(),
            flow_key,
            at: now,
        });
    }
}

impl Threshold {
    /// Whether the data source passes the filter.
    fn admits(&self, source: &Source, now: Time) -> bool {
        self.filter.iter().all(|(metric, patterns)| {
            let cell = source.get(*metric, now);
            cell.is_some_and(|cell| patterns.iter().any(|p| p.matches(&cell.value)))
        })
    }
}

/// When a decaying value falls below a limit: t·ln(value/limit) from now.
fn falls_after(value: f64, limit: f64, decay: Duration) -> Duration {
    /// A limit of nothing is passed for as long as a rate is ever remembered.
    const LONGEST: Duration = Duration::from_secs(3600);
    let seconds = decay.as_secs_f64() * (value / limit).ln();
    if limit <= 0.0 {
        return LONGEST;
    }
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(LONGEST)
        .min(LONGEST)
}

impl Watch for Thresholds {
    fn updated(&mut self, update: &Updated<'_>, now: Time) {
        for at in self.watching(update.metric) {
            let Some(threshold) = self.thresholds.get(at) else {
                continue;
            };
            self.tally.compared += 1;
            let place = Place {
                threshold: threshold.serial,
                agent: update.agent,
                source: update.name.clone(),
                flow: None,
            };
            if update.value < threshold.definition.value || !threshold.admits(update.source, now) {
                if let Some(until) = self.above.get_mut(&place) {
                    *until = now.min(*until);
                }
                continue;
            }
            if self.rises(at, place, now + update.lasts, now) {
                self.fire(at, update.agent, update.name, update.value, None, now);
            }
        }
    }
}
