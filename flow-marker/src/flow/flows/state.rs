//! The flows themselves: what a sample does to them, and what time does.

mod log;

use self::log::Logbook;
use super::decay::Decay;
use super::measure::{Amount, Column, Seen};
use super::top::{Entered, Top};
use super::{Completed, Ending, Limits, SourceId, Stats, Touched};
use crate::clock::Time;
use crate::flow::cache::{Cache, Flow, Room, Slot};
use crate::flow::definition::Definition;
use crate::flow::measure::MeasureKind;
use crate::flow::program::KeyText;

/// After so many time constants of silence e⁻³⁰ = 10⁻¹³ is left of a flow's value, and it is forgotten.
const FORGET: f64 = 30.0;
/// After so many time constants of silence less than a hundredth is left, and the flow has ended.
const SILENT: f64 = 5.0;
/// Sets that one tick looks at, at least and at most.
const SWEEP: (usize, usize) = (64, 4096);

/// How long things take, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Spans {
    /// Until a silent flow has ended.
    idle: u64,
    /// Until a flow that goes on is reported.
    active: u64,
    /// Until a silent flow is forgotten.
    forget: u64,
    /// A turn of counting different values.
    turn: u64,
}

/// What receives completed flows.
pub(super) type Log<'a> = &'a mut dyn FnMut(Completed<'_>);

#[derive(Debug)]
pub(super) struct State {
    pub(super) cache: Cache,
    pub(super) decay: Decay,
    pub(super) stats: Stats,
    /// By the number of the source.
    pub(super) tops: Vec<Top>,
    /// What is beside the value; the first is the value itself where that is no rate.
    columns: Vec<Column>,
    is_rate: bool,
    /// What completed flows are reported with; `None` where they are not.
    book: Option<Logbook>,
    separator: String,
    n: usize,
    sources: usize,
    spans: Spans,
    /// The set that is looked at next.
    cursor: usize,
    buffer: Vec<u8>,
    /// Values that are about to be reported.
    values: Vec<Option<f64>>,
}

/// A sample that is counted: its amounts, and how many packets it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted<'a> {
    pub(super) hash: u64,
    /// The source in four bytes, and the key.
    pub(super) key: &'a [u8],
    pub(super) amounts: &'a [Amount],
    pub(super) scale: f64,
}

impl State {
    pub(super) fn new(definition: &Definition, limits: Limits, seed: [u64; 2]) -> Self {
        let is_rate = definition.value.kind == MeasureKind::Rate;
        let measures = std::iter::once(&definition.value).chain(&definition.values);
        let kinds: Vec<_> = measures.map(|measure| measure.kind).collect();
        let book = definition
            .log
            .then(|| Logbook::new(&kinds, definition.flow_start));
        let mut wide = book.as_ref().map_or(0, Logbook::words);
        let columns = kinds.into_iter().skip(usize::from(is_rate)).map(|kind| {
            let (column, next) = Column::new(kind, wide);
            wide = next;
            column
        });
        let columns = columns.collect();
        let idle = (SILENT * definition.t).max(1.0).min(definition.active_timeout);
        Self {
            cache: Cache::new(limits.flows, wide, seed),
            decay: Decay::new(definition.t),
            stats: Stats::default(),
            tops: Vec::new(),
            columns,
            is_rate,
            book,
            separator: definition.separator.clone(),
            n: definition.n,
            sources: limits.sources,
            spans: Spans {
                idle: nanos(idle),
                active: nanos(definition.active_timeout),
                forget: nanos((FORGET * definition.t).max(idle)),
                turn: nanos(definition.t),
            },
            cursor: 0,
            buffer: Vec::new(),
            values: Vec::new(),
        }
    }

    pub(super) fn advance(&mut self, now: Time) {
        if let Some(factor) = self.decay.advance(now) {
            self.tops.iter_mut().for_each(|top| top.rescale(factor));
        }
    }

    fn turn(&self) -> u64 {
        self.turn_at(self.decay.now())
    }

    fn turn_at(&self, time: Time) -> u64 {
        time.as_nanos() / self.spans.turn + 1
    }

    /// How a flow is ranked among others: by its value in the present scale.
    pub(super) fn score(&self, flow: &Flow) -> f64 {
        match self.is_rate {
            true => self.decay.scaled(flow.value, flow.at),
            // Such a value does not fade, but it is of less and less interest.
            false => {
                let ago = self.decay.now().since(flow.at).as_nanos() as f64;
                flow.value * (-ago / self.spans.turn as f64).exp()
            }
        }
    }

    /// The value of a flow at present.
    pub(super) fn shown(&self, flow: &Flow) -> f64 {
        match self.is_rate {
            true => self.decay.shown(self.decay.scaled(flow.value, flow.at)),
            false => flow.value,
        }
    }

    /// The other values of a flow at present.
    pub(super) fn others(&self, slot: Slot, flow: &Flow) -> Vec<Option<f64>> {
        let words = self.cache.words(slot);
        let others = self.columns.iter().skip(usize::from(!self.is_rate));
        others
            .map(|column| column.show(words, flow.at, &self.decay, self.turn()))
            .collect()
    }

    /// Counts a sample at the present instant.
    #[inline]
    pub(super) fn count(&mut self, sample: Counted<'_>, log: Log<'_>) -> Option<Touched> {
        let found = self.cache.find(sample.hash, sample.key);
        let slot = match found {
            Some(slot) => slot,
            None => self.add(&sample, log)?,
        };
        let now = self.decay.now();
        let flow = self.cache.get(slot)?;
        let silence = now.since(flow.at).as_nanos();
        let is_new = found.is_none() || silence >= u128::from(self.spans.forget);
        let before = (!is_new).then_some(flow.at);
        if self.book.is_some() {
            let existing = found.is_some().then_some(flow.at);
            self.log_sample(slot, &sample, existing, log);
        }
        let value = self.measure(slot, &sample, before);
        let flow = self.cache.get_mut(slot)?;
        (flow.value, flow.at) = (value, now);
        let (source, is_top) = (flow.source, flow.is_top);
        if !is_top && self.is_rate {
            self.enter(source, slot, value);
        }
        let value = if self.is_rate {
            self.decay.shown(value)
        } else {
            value
        };
        Some(Touched {
            hash: sample.hash,
            source: SourceId(source),
            slot,
            value,
            is_new,
        })
    }

    /// Adds a sample to all measures; returns the value of the flow, in the present scale.
    #[inline]
    fn measure(&mut self, slot: Slot, sample: &Counted<'_>, before: Option<Time>) -> f64 {
        let turn = if self.columns.is_empty() { 0 } else { self.turn() };
        let seen = Seen {
            decay: &self.decay,
            before,
            scale: sample.scale,
            turn,
        };
        let (own, others) = match (self.is_rate, sample.amounts.split_first()) {
            (true, Some((own, others))) => (Some(*own), others),
            (_, _) => (None, sample.amounts),
        };
        if !self.columns.is_empty() {
            let words = self.cache.words_mut(slot);
            for (column, amount) in self.columns.iter().zip(others) {
                column.add(words, *amount, seen);
            }
        }
        match own {
            Some(own) => {
                let weight = own.weight(sample.scale);
                let old = before.zip(self.cache.get(slot));
                let old = old.map_or(0.0, |(at, flow)| self.decay.scaled(flow.value, at));
                old + self.decay.rate(weight)
            }
            None => {
                let first = self.columns.first();
                let words = self.cache.words(slot);
                let shown = first.and_then(|column| column.show(words, self.decay.now(), &self.decay, turn));
                shown.unwrap_or(0.0)
            }
        }
    }

    /// Puts a flow among the largest of its source if it is large enough.
    #[inline]
    fn enter(&mut self, source: u32, slot: Slot, value: f64) {
        let index = usize::try_from(source).unwrap_or(usize::MAX);
        let Some(top) = self.tops.get_mut(index) else {
            return;
        };
        let (cache, decay) = (&self.cache, &self.decay);
        let score = |slot| {
            cache
                .get(slot)
                .map_or(0.0, |flow| decay.scaled(flow.value, flow.at))
        };
        let entered = top.enter(slot, value, self.n, score);
        if entered == Entered::Not {
            return;
        }
        if let Some(flow) = self.cache.get_mut(slot) {
            flow.is_top = true;
        }
        if let Entered::Replaced(gone) = entered
            && let Some(flow) = self.cache.get_mut(gone)
        {
            flow.is_top = false;
        }
    }

    /// Makes a place for a new flow.
    #[cold]
    fn add(&mut self, sample: &Counted<'_>, log: Log<'_>) -> Option<Slot> {
        let source = sample
            .key
            .first_chunk()
            .map(|source| u32::from_le_bytes(*source))?;
        let source = usize::try_from(source).ok()?;
        if source >= self.tops.len() {
            if source >= self.sources {
                self.stats.refused += 1;
                return None;
            }
            self.tops.resize_with(source + 1, Top::default);
        }
        let tops = &mut self.tops;
        self.cache.grow(sample.hash, |moved| {
            let source = usize::try_from(moved.source).unwrap_or(usize::MAX);
            if let Some(top) = tops.get_mut(source).filter(|_| moved.is_top) {
                top.relocate(moved.from, moved.to);
            }
        });
        let room = self.cache.room(sample.hash, sample.key, |flow| self.score(flow));
        let slot = match room {
            Room::Free(slot) => slot,
            Room::Taken(slot) => {
                let new = sample.amounts.first().map_or(0.0, |own| own.weight(sample.scale));
                let lowest = self.cache.get(slot).map_or(0.0, |flow| self.score(flow));
                if self.is_rate && self.decay.rate(new) < lowest {
                    self.stats.refused += 1;
                    return None;
                }
                self.end(slot, Ending::Evicted, log);
                self.drop_flow(slot);
                self.stats.evicted += 1;
                slot
            }
            Room::None => {
                self.stats.refused += 1;
                return None;
            }
        };
        if !self.cache.fill(slot, sample.hash, sample.key) {
            self.stats.refused += 1;
            return None;
        }
        self.stats.added += 1;
        Some(slot)
    }

    fn drop_flow(&mut self, slot: Slot) {
        if let Some(flow) = self.cache.get(slot).filter(|flow| flow.is_top) {
            let source = usize::try_from(flow.source).unwrap_or(usize::MAX);
            if let Some(top) = self.tops.get_mut(source) {
                top.remove(slot);
            }
        }
        self.cache.remove(slot);
    }

    /// Looks at some of the flows: reports those that have ended, forgets those of which nothing is left. A whole round
    /// takes 16 ticks, or as many as there are 4,096 sets.
    pub(super) fn sweep(&mut self, log: Log<'_>) {
        let sets = self.cache.set_count();
        let (least, most) = SWEEP;
        for _ in 0..(sets / 16).clamp(least, most).min(sets) {
            self.cursor = if self.cursor + 1 < sets {
                self.cursor + 1
            } else {
                0
            };
            for slot in self.cache.set(self.cursor) {
                self.look_at(slot, log);
            }
        }
    }

    fn look_at(&mut self, slot: Slot, log: Log<'_>) {
        let Some(flow) = self.cache.get(slot) else { return };
        let silence = self.decay.now().since(flow.at).as_nanos();
        if silence >= u128::from(self.spans.idle) {
            self.end(slot, Ending::Idle, log);
        }
        if silence >= u128::from(self.spans.forget) {
            self.drop_flow(slot);
            self.stats.forgotten += 1;
        }
    }

    /// Reports all flows that have begun, of one source or of all, and forgets them.
    pub(super) fn finish(&mut self, source: Option<SourceId>, log: Log<'_>) {
        for set in 0..self.cache.set_count() {
            for slot in self.cache.set(set) {
                let own = self.cache.get(slot).map(|flow| SourceId(flow.source));
                if source.is_none() || own == source {
                    self.end(slot, Ending::Stopped, log);
                    self.drop_flow(slot);
                }
            }
        }
    }

    /// The key of a flow as it is shown.
    pub(super) fn key_text(&self, slot: Slot) -> Option<String> {
        let flow = self.cache.get(slot)?;
        let mut key = Vec::new();
        self.cache.key(flow, &mut key);
        Some(KeyText::new(&key, &self.separator).to_string())
    }
}

fn nanos(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most a day in nanoseconds"
    )]
    let nanos = (seconds * 1e9) as u64;
    nanos.max(1)
}
