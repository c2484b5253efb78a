//! Changes to one data source, within the limits.

use std::net::IpAddr;
use std::time::Duration;

use super::{Limits, Tally, Updated, Watch, lasts};
use crate::clock::Time;
use crate::engine::metric::agent::{Agent, Cell, NamedCount, Room, Source};
use crate::engine::metric::name::{MetricId, Names};
use crate::engine::metric::rate::Reading;
use crate::engine::metric::source::SourceName;
use crate::engine::metric::value::Value;
use crate::sflow::{DataSource, SourceClass};

/// A number of the physical entity that stands for the whole host, the first that has it.
pub(super) fn host_value(agent: &Agent, metric: MetricId) -> Option<(f64, Cell)> {
    let entity = |index| {
        SourceName::Sflow(DataSource {
            class: SourceClass::PHYSICAL_ENTITY,
            index,
        })
    };
    let hosts = agent.sources.range(entity(0)..=entity(u32::MAX)).take(4);
    hosts
        .filter_map(|(_, source)| {
            let cell = source.get(metric, Time::START)?;
            Some((cell.value.number()?, cell.clone()))
        })
        .next()
}

/// One data source, with everything that is needed to change it.
pub(super) struct Writer<'a> {
    pub(super) address: IpAddr,
    pub(super) name: &'a SourceName,
    /// CPUs of the host.
    pub(super) host: Option<(f64, Cell)>,
    pub(super) source: &'a mut Source,
    pub(super) values: &'a mut usize,
    pub(super) room: &'a mut Room,
    pub(super) names: &'a mut Names,
    pub(super) limits: &'a Limits,
    pub(super) tally: &'a mut Tally,
    pub(super) changed: &'a mut Vec<(MetricId, f64, Duration)>,
}

impl Writer<'_> {
    /// Stores a value under a name, unless there is no room.
    pub(super) fn put_named(&mut self, name: &str, cell: Cell) {
        let known = self.names.find(name).filter(|id| self.source.has(*id));
        let full = *self.values >= self.limits.values || self.source.len() >= self.limits.values_per_source;
        // A place that is not used in the end is given back.
        if known.is_none() && (full || !self.room.values.take()) {
            self.tally.refused_values += 1;
            return;
        }
        let Some(id) = known.or_else(|| self.names.acquire(name)) else {
            self.room.values.give_back(1);
            self.tally.refused_values += 1;
            return;
        };
        if let Value::Number(number) = cell.value {
            self.changed.push((id, number, cell.lasts));
        }
        self.names.note(id, cell.at, cell.at + cell.lasts);
        if self.source.put(id, cell) {
            *self.values += 1;
        }
    }

    /// Removes a value.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(gone) = self.names.find(name) {
            let removed = self.source.retain(self.names, |id, _| id != gone);
            *self.values -= removed;
            self.room.values.give_back(removed);
        }
    }

    /// Takes a reading of a counter that has its own name, and stores the rate.
    pub(super) fn named_count(
        &mut self,
        name: &str,
        reading: Reading,
        now: Time,
        put: impl FnOnce(&mut Self, Value, Duration),
    ) {
        let Some(count) = reading.known() else {
            return;
        };
        let known = self.names.find(name);
        let last = known.and_then(|id| self.source.named.iter_mut().find(|c| c.metric == id));
        let Some(last) = last else {
            if self.source.named.len() >= self.limits.values_per_source || !self.room.values.take() {
                self.tally.refused_values += 1;
                return;
            }
            let Some(metric) = self.names.acquire(name) else {
                self.room.values.give_back(1);
                self.tally.refused_values += 1;
                return;
            };
            self.source.named.push(NamedCount {
                metric,
                count,
                at: now,
            });
            return;
        };
        let elapsed = now.since(last.at);
        if elapsed.is_zero() {
            return;
        }
        let step = reading.since(last.count).filter(|_| elapsed <= lasts::LONGEST);
        (last.count, last.at) = (count, now);
        if let Some(step) = step {
            put(
                self,
                Value::Number(step as f64 / elapsed.as_secs_f64()),
                lasts::after(Some(elapsed)),
            );
        }
    }

    /// Tells of all numbers that have changed.
    pub(super) fn tell(&mut self, now: Time, watch: &mut impl Watch) {
        for (metric, value, lasts) in self.changed.drain(..) {
            watch.updated(
                &Updated {
                    agent: self.address,
                    name: self.name,
                    source: self.source,
                    metric,
                    value,
                    lasts,
                },
                now,
            );
        }
    }
}
