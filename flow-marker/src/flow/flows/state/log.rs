//! The log of flows: where each has begun, what has been summed up since, and what is reported of it.

use super::{Counted, Log, State};
use crate::clock::Time;
use crate::flow::cache::Slot;
use crate::flow::flows::measure::Amount;
use crate::flow::flows::{Completed, Ending, SourceId};
use crate::flow::measure::MeasureKind;
use crate::flow::program::KeyText;

/// The mark of a flow that has been reported as completed and has not begun again.
const CLOSED: u64 = u64::MAX;

/// What is reported of a flow. Its words come first: when it began, and a sum for each measure that is a rate.
#[derive(Debug)]
pub(super) struct Logbook {
    /// Of all measures, the value first.
    kinds: Vec<MeasureKind>,
    /// Positions of those that are summed.
    sums: Vec<usize>,
    /// Whether flows are reported when they begin.
    at_start: bool,
}

impl Logbook {
    pub(super) fn new(kinds: &[MeasureKind], at_start: bool) -> Self {
        let rates = kinds.iter().enumerate();
        let rates = rates.filter(|(_, kind)| **kind == MeasureKind::Rate);
        Self {
            sums: rates.map(|(at, _)| at).collect(),
            kinds: kinds.to_vec(),
            at_start,
        }
    }

    /// Words of a flow.
    pub(super) fn words(&self) -> usize {
        1 + self.sums.len()
    }

    /// What a measure is after one sample.
    fn first(kind: MeasureKind, amount: Amount, scale: f64) -> Option<f64> {
        match (kind, amount) {
            (MeasureKind::Rate, amount) => Some(amount.weight(scale)),
            (MeasureKind::Count, Amount::Identity(_)) => Some(1.0),
            (MeasureKind::Count, _) => Some(0.0),
            (_, Amount::Number(number)) => Some(number),
            _ => None,
        }
    }
}

impl State {
    /// Keeps the log of a flow that was touched: where it begins, and where it is cut because it goes on for long.
    pub(super) fn log_sample(
        &mut self,
        slot: Slot,
        sample: &Counted<'_>,
        existing: Option<Time>,
        log: Log<'_>,
    ) {
        let now = self.decay.now();
        let start = self.cache.words(slot).first().copied();
        let begun = start.filter(|start| *start != CLOSED).zip(existing);
        let ending = begun.and_then(|(start, before)| {
            if now.since(before).as_nanos() >= u128::from(self.spans.idle) {
                return Some(Ending::Idle);
            }
            (now.as_nanos().saturating_sub(start) >= self.spans.active).then_some(Ending::Active)
        });
        if let Some(ending) = ending {
            self.end(slot, ending, log);
        }
        let begins = begun.is_none() || ending.is_some();
        let Some(book) = &self.book else { return };
        if let [start, sums @ ..] = self.cache.words_mut(slot) {
            if begins {
                *start = now.as_nanos();
            }
            for (sum, at) in sums.iter_mut().zip(&book.sums) {
                let amount = sample.amounts.get(*at).copied().unwrap_or(Amount::None);
                let before = if begins { 0.0 } else { f64::from_bits(*sum) };
                *sum = (before + amount.weight(sample.scale)).to_bits();
            }
        }
        if begins && book.at_start {
            let measures = book.kinds.iter().zip(sample.amounts);
            self.values.clear();
            self.values
                .extend(measures.map(|(kind, amount)| Logbook::first(*kind, *amount, sample.scale)));
            let (source, key) = sample.key.split_at_checked(4).unwrap_or_default();
            let source = source
                .first_chunk()
                .map_or(0, |source| u32::from_le_bytes(*source));
            self.buffer.clear();
            self.buffer.extend_from_slice(key);
            self.report(source, (now, now), Ending::Started, log);
        }
    }

    /// Reports a flow that has begun and not been reported.
    pub(super) fn end(&mut self, slot: Slot, ending: Ending, log: Log<'_>) {
        let Some(book) = &self.book else { return };
        let Some(flow) = self.cache.get(slot).copied() else {
            return;
        };
        let words = self.cache.words(slot);
        let Some((&start, sums)) = words.split_first().filter(|(start, _)| **start != CLOSED) else {
            return;
        };
        // What fades, or counts what was there lately, is told as it was with the last sample.
        let turn = self.turn_at(flow.at);
        let mut sums = sums.iter().map(|sum| f64::from_bits(*sum));
        let mut columns = self.columns.iter();
        self.values.clear();
        for (at, kind) in book.kinds.iter().enumerate() {
            let column = if at == 0 && self.is_rate {
                None
            } else {
                columns.next()
            };
            self.values.push(match kind {
                MeasureKind::Rate => sums.next(),
                _ => column.and_then(|column| column.show(words, flow.at, &self.decay, turn)),
            });
        }
        let at_start = book.at_start;
        if let [start, ..] = self.cache.words_mut(slot) {
            *start = CLOSED;
        }
        if at_start {
            return;
        }
        self.buffer.clear();
        self.cache.key(&flow, &mut self.buffer);
        self.report(flow.source, (Time::from_nanos(start), flow.at), ending, log);
    }

    /// Reports the values and the key that have been put together.
    fn report(&mut self, source: u32, (start, end): (Time, Time), ending: Ending, log: Log<'_>) {
        let (value, values) = self.values.split_first().unwrap_or((&None, &[]));
        self.stats.logged += 1;
        log(Completed {
            source: SourceId(source),
            key: KeyText::new(&self.buffer, &self.separator),
            value: value.unwrap_or(0.0),
            values,
            start,
            end,
            ending,
        });
    }
}
