//! What is known of flows at an instant.

use super::{Flows, SourceId, Touched};
use crate::clock::Time;
use crate::flow::cache::{Flow, Slot};

/// A flow that is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Active {
    /// What sees it.
    pub source: SourceId,
    /// Its key.
    pub key: String,
    /// Its value at the instant.
    pub value: f64,
    /// Its other values (`values`); `None` where no sample had the key.
    pub others: Vec<Option<f64>>,
}

impl Flows {
    /// The largest flows of the data sources that `select` takes, the largest first: of each source at most `n` of the
    /// definition, in all at most `most`, and none whose value is smaller than `least`.
    pub fn active(
        &mut self,
        now: Time,
        select: impl Fn(SourceId) -> bool,
        most: usize,
        least: f64,
    ) -> Vec<Active> {
        self.state.advance(now);
        let mut found = self.largest_slots(&select);
        found.retain(|(value, _)| *value >= least);
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found.truncate(most);
        found
            .into_iter()
            .filter_map(|(value, slot)| self.show(value, slot))
            .collect()
    }

    fn show(&self, value: f64, slot: Slot) -> Option<Active> {
        let flow = self.state.cache.get(slot)?;
        Some(Active {
            source: SourceId(flow.source),
            key: self.state.key_text(slot)?,
            value,
            others: self.state.others(slot, flow),
        })
    }

    /// The largest flows of each source, in no order.
    fn largest_slots(&self, select: &impl Fn(SourceId) -> bool) -> Vec<(f64, Slot)> {
        let state = &self.state;
        let shown = |slot: Slot| Some((state.shown(state.cache.get(slot)?), slot));
        if self.is_rate() {
            let tops = (0..)
                .zip(&state.tops)
                .filter(|(source, _)| select(SourceId(*source)));
            return tops.flat_map(|(_, top)| top.slots()).filter_map(shown).collect();
        }
        // Such values may fall, so that nothing is known without looking at all.
        let mut all: Vec<(u32, f64, Slot)> = Vec::new();
        for slot in state.cache.slots() {
            if let Some(flow) = state.cache.get(slot).filter(|flow| select(SourceId(flow.source))) {
                all.push((flow.source, state.shown(flow), slot));
            }
        }
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        let by_source = all.chunk_by(|a, b| a.0 == b.0);
        let largest = by_source.flat_map(|flows| flows.iter().take(self.definition.n));
        largest.map(|(_, value, slot)| (*value, *slot)).collect()
    }

    fn is_rate(&self) -> bool {
        self.definition.value.kind == crate::flow::measure::MeasureKind::Rate
    }

    /// The value of the flow whose key is shown as `key`: the largest that a source has which `select` takes. Few
    /// lookups for each of the sources `0..sources`.
    pub fn value(&mut self, now: Time, select: impl Fn(SourceId) -> bool, key: &str) -> Option<f64> {
        self.state.advance(now);
        let keys = self.program.candidates(key, &self.definition.separator);
        let sources = (0..).zip(&self.state.tops).map(|(source, _)| source);
        let mut largest: Option<f64> = None;
        let mut full = Vec::new();
        for source in sources.filter(|source| select(SourceId(*source))) {
            for key in &keys {
                full.clear();
                full.extend_from_slice(&source.to_le_bytes());
                full.extend_from_slice(key);
                let slot = self.state.cache.find(self.state.cache.hash(&full), &full);
                let flow = slot.and_then(|slot| self.state.cache.get(slot));
                let value = flow.map(|flow: &Flow| self.state.shown(flow));
                largest = largest.into_iter().chain(value).reduce(f64::max);
            }
        }
        // A text may hold the separator, so that its key cannot be told apart: then what is shown is compared.
        largest.or_else(|| {
            let found = self.largest_slots(&select).into_iter();
            let same = found.filter(|(_, slot)| self.state.key_text(*slot).as_deref() == Some(key));
            same.map(|(value, _)| value).reduce(f64::max)
        })
    }

    /// The definition as a metric of a data source: the value of its largest flow.
    pub fn metric(&mut self, now: Time, source: SourceId) -> Option<f64> {
        self.state.advance(now);
        let found = match self.is_rate() {
            true => {
                let top = self.state.tops.get(usize::try_from(source.0).ok()?)?;
                let flows = top.slots().filter_map(|slot| self.state.cache.get(slot));
                return flows.map(|flow| self.state.shown(flow)).reduce(f64::max);
            }
            false => self.largest_slots(&|other| other == source),
        };
        found.into_iter().map(|(value, _)| value).reduce(f64::max)
    }

    /// The key of a flow that was just touched: before the next sample or tick.
    pub fn key(&self, touched: &Touched) -> Option<String> {
        self.state.key_text(touched.slot)
    }

    /// The data sources that have had flows, as positions below this.
    pub const fn sources(&self) -> usize {
        self.state.tops.len()
    }
}
