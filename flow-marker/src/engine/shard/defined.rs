//! The flow definitions of a shard, and what samples do to them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::sources::Sources;
use crate::clock::Time;
use crate::engine::metric::query::{Live, LiveValue, TopKey};
use crate::engine::metric::{MetricId, SourceName, Store};
use crate::engine::outlet::Outlet;
use crate::engine::record::FlowRecord;
use crate::engine::settings::Named;
use crate::engine::threshold::{FlowUpdate, Thresholds};
use crate::flow::language::Needs;
use crate::flow::lookup::Lookup;
use crate::flow::{Active, Completed, Definition, Flows, Limits, MeasureKind, SourceId, View};
use crate::metrics;

/// One definition at work.
#[derive(Debug)]
pub(super) struct Defined {
    name: Arc<str>,
    definition: Arc<Definition>,
    /// Questions look at it too, between two batches.
    flows: RefCell<Flows>,
    /// The metric of its name, when a threshold is on it.
    watched: Option<MetricId>,
    decay: Duration,
}

/// All definitions of a shard.
#[derive(Debug)]
pub(super) struct AllDefined {
    all: Vec<Defined>,
    needs: Needs,
    seed: [u64; 2],
    limits: Limits,
    lookup: Arc<Lookup>,
    /// Flow records that nobody could take.
    lost: Arc<metrics::Thread>,
}

/// What a definition needs to know of the shard while it counts.
pub(super) struct Surroundings<'a> {
    pub(super) sources: &'a Sources,
    pub(super) store: &'a Store,
    pub(super) thresholds: &'a mut Thresholds,
    pub(super) outlet: &'a mut dyn Outlet,
}

impl AllDefined {
    pub(super) fn new(limits: Limits, seed: [u64; 2], lost: Arc<metrics::Thread>) -> Self {
        Self {
            all: Vec::new(),
            needs: Needs::NONE,
            seed,
            limits,
            lookup: Arc::new(Lookup::new()),
            lost,
        }
    }

    /// What a sample is to be read for.
    pub(super) const fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether nothing is defined.
    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Flows of all definitions.
    pub(super) fn len(&self) -> usize {
        self.all.iter().map(|defined| defined.flows.borrow().len()).sum()
    }

    /// Bytes that flows of all definitions take.
    pub(super) fn memory(&self) -> usize {
        self.all
            .iter()
            .map(|defined| defined.flows.borrow().memory())
            .sum()
    }

    /// Replaces all definitions; those that are as they were keep their flows.
    pub(super) fn replace(
        &mut self,
        now: Time,
        wanted: &Named<Definition>,
        (sources, outlet): (&Sources, &mut dyn Outlet),
    ) {
        let mut old = std::mem::take(&mut self.all);
        for (name, definition) in wanted.iter() {
            let same =
                |defined: &Defined| defined.name == *name && Arc::ptr_eq(&defined.definition, definition);
            if let Some(at) = old.iter().position(same) {
                self.all.push(old.swap_remove(at));
                continue;
            }
            match Flows::new(Arc::clone(definition), &self.lookup, self.limits, self.seed) {
                Ok(flows) => self.all.push(Defined {
                    name: Arc::clone(name),
                    decay: match definition.value.kind {
                        MeasureKind::Rate => Duration::from_secs_f64(definition.t),
                        _ => Duration::ZERO,
                    },
                    definition: Arc::clone(definition),
                    flows: RefCell::new(flows),
                    watched: None,
                }),
                // It was compiled when it was accepted.
                Err(error) => tracing::error!(?error, name = &**name, "a flow definition cannot be compiled"),
            }
        }
        for defined in old {
            let mut flows = defined.flows.borrow_mut();
            flows.finish(now, |completed| {
                record(&defined, sources, outlet, &self.lost, &completed);
            });
        }
        self.needs = self.all.iter().fold(Needs::NONE, |needs, defined| {
            needs | defined.flows.borrow().needs()
        });
    }

    /// Finds out which definitions have thresholds on them.
    pub(super) fn watch(&mut self, store: &Store, thresholds: &Thresholds) {
        for defined in &mut self.all {
            let metric = store.names().find(&defined.name);
            defined.watched = metric.filter(|metric| thresholds.watches(*metric));
        }
    }

    /// Takes other groups, maps and names of ports into use.
    pub(super) fn set_lookup(&mut self, lookup: Arc<Lookup>) {
        for defined in &mut self.all {
            defined.flows.get_mut().set_lookup(&lookup);
        }
        self.lookup = lookup;
    }

    /// Counts a sample in every definition; `dropped` when it tells of a discarded packet.
    #[inline]
    pub(super) fn sample(
        &mut self,
        now: Time,
        source: SourceId,
        (view, dropped): (&View<'_>, bool),
        around: &mut Surroundings<'_>,
    ) {
        for defined in &mut self.all {
            if defined.definition.dropped != dropped {
                continue;
            }
            if defined.flows.get_mut().stage(source, view) {
                defined.flush(now, around, &self.lost);
            }
        }
    }

    /// Counts what is staged: at the end of a batch.
    pub(super) fn flush(&mut self, now: Time, around: &mut Surroundings<'_>) {
        for defined in &mut self.all {
            defined.flush(now, around, &self.lost);
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Time, around: &mut Surroundings<'_>) {
        for defined in &self.all {
            let mut flows = defined.flows.borrow_mut();
            flows.tick(now, |completed| {
                record(defined, around.sources, around.outlet, &self.lost, &completed);
            });
        }
    }

    /// Ends all flows of a data source.
    pub(super) fn forget(&mut self, now: Time, source: SourceId, sources: &Sources, outlet: &mut dyn Outlet) {
        for defined in &self.all {
            let mut flows = defined.flows.borrow_mut();
            flows.forget(now, source, |completed| {
                record(defined, sources, outlet, &self.lost, &completed);
            });
        }
    }

    /// The definition of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Defined> {
        self.all.iter().find(|defined| *defined.name == *name)
    }
}

impl Defined {
    /// Counts what is staged, and compares the flows with the thresholds.
    fn flush(&mut self, now: Time, around: &mut Surroundings<'_>, lost: &metrics::Thread) {
        let Surroundings {
            sources,
            store,
            thresholds,
            outlet,
        } = around;
        let mut flows = self.flows.borrow_mut();
        flows.flush(
            now,
            |touched, key| {
                let (Some(metric), Some((agent, name))) = (self.watched, sources.get(touched.source)) else {
                    return;
                };
                let update = FlowUpdate {
                    agent: *agent,
                    source: name,
                    value: touched.value,
                    decay: self.decay,
                    fingerprint: u128::from(touched.hash),
                    key: &key,
                };
                thresholds.flow(metric, &update, store, now);
            },
            |completed| {
                record(self, sources, *outlet, lost, &completed);
            },
        );
    }

    /// The largest flows of the data sources that `select` takes.
    pub(super) fn active(
        &self,
        now: Time,
        select: impl Fn(SourceId) -> bool,
        (most, least): (usize, f64),
    ) -> Vec<Active> {
        self.flows.borrow_mut().active(now, select, most, least)
    }

    /// The value of one flow of a data source.
    pub(super) fn value(&self, now: Time, source: SourceId, key: &str) -> Option<f64> {
        self.flows.borrow_mut().value(now, |other| other == source, key)
    }
}

fn record(
    defined: &Defined,
    sources: &Sources,
    outlet: &mut dyn Outlet,
    lost: &metrics::Thread,
    completed: &Completed<'_>,
) {
    let Some((agent, source)) = sources.get(completed.source) else {
        return;
    };
    let taken = outlet.flow(FlowRecord {
        name: Arc::clone(&defined.name),
        agent: *agent,
        source: source.clone(),
        key: completed.key.to_string(),
        value: completed.value,
        values: completed.values.to_vec(),
        start: completed.start,
        end: completed.end,
    });
    if !taken {
        lost.events_lost.bump();
    }
}

/// The metrics that definitions are, for one question.
pub(super) struct LiveFlows<'a> {
    pub(super) defined: &'a AllDefined,
    pub(super) sources: &'a Sources,
    pub(super) now: Time,
    found: RefCell<HashMap<usize, ByAgent>>,
}

/// The largest flows of the data sources of each agent.
type ByAgent = HashMap<IpAddr, Vec<(SourceId, Vec<TopKey>)>>;

impl<'a> LiveFlows<'a> {
    pub(super) fn new(defined: &'a AllDefined, sources: &'a Sources, now: Time) -> Self {
        Self {
            defined,
            sources,
            now,
            found: RefCell::default(),
        }
    }

    /// What one definition shows, of all data sources at once.
    fn find(&self, defined: &Defined) -> ByAgent {
        let mut found = ByAgent::new();
        for active in defined.active(self.now, |_| true, (usize::MAX, 0.0)) {
            let Some((agent, _)) = self.sources.get(active.source) else {
                continue;
            };
            let of_agent = found.entry(*agent).or_default();
            let key = TopKey {
                key: active.key,
                value: active.value,
            };
            match of_agent.iter_mut().find(|(source, _)| *source == active.source) {
                Some((_, keys)) => keys.push(key),
                None => of_agent.push((active.source, vec![key])),
            }
        }
        found
    }
}

impl Live for LiveFlows<'_> {
    fn agents(&self) -> Vec<IpAddr> {
        if self.defined.is_empty() {
            return Vec::new();
        }
        let mut agents: Vec<_> = self.sources.iter().map(|(_, agent, _)| agent).collect();
        agents.sort_unstable();
        agents.dedup();
        agents
    }

    fn visit(
        &self,
        agent: IpAddr,
        name: Option<&str>,
        visit: &mut dyn FnMut(&SourceName, &Arc<str>, LiveValue),
    ) {
        for (at, defined) in self.defined.all.iter().enumerate() {
            if name.is_some_and(|name| *defined.name != *name) {
                continue;
            }
            let mut found = self.found.borrow_mut();
            let by_agent = found.entry(at).or_insert_with(|| self.find(defined));
            for (source, keys) in by_agent.get(&agent).into_iter().flatten() {
                let (Some((_, source)), Some(largest)) = (self.sources.get(*source), keys.first()) else {
                    continue;
                };
                let value = LiveValue {
                    value: largest.value,
                    at: self.now,
                    keys: keys.clone(),
                };
                visit(source, &defined.name, value);
            }
        }
    }
}
