//! Flows that end, and their records.

use super::ledger::Sums;
use super::line::{Line, Place};
use super::{Cache, Kind, Record, TICKS};

impl Cache {
    /// Ends the record of a flow that has gone on for long enough.
    pub(super) fn record_if_long(&mut self, index: usize, line: &Line, gone: &mut impl FnMut(Record<'_>)) {
        let Some(most) = self.shape.records else {
            return;
        };
        let sums = self.ledger.as_ref().and_then(|ledger| ledger.sums(index));
        if let Some(sums) = sums.filter(|sums| sums.samples > 0 && self.now.since(sums.start) >= most) {
            self.record(index, line, sums, gone);
        }
    }

    /// Hands out the record of a flow and begins another.
    fn record(&mut self, index: usize, line: &Line, sums: Sums, gone: &mut impl FnMut(Record<'_>)) {
        let values = self.ledger.as_ref().map(|ledger| ledger.values(index).collect());
        let length = line.key(&mut self.buffer);
        let key = match line.place() {
            Place::Here => self.buffer.get(..length).unwrap_or(&[]),
            Place::Long(at) => self.long.get(at),
        };
        gone(Record {
            source: line.source(),
            key,
            start: sums.start,
            end: sums.end,
            value: match self.shape.kind {
                Kind::Rate => sums.total,
                _ => line.value(),
            },
            values: values.unwrap_or_default(),
        });
        if let Some(ledger) = &mut self.ledger {
            ledger.clear(index);
        }
    }

    /// Takes a flow out.
    pub(super) fn end(&mut self, index: usize, gone: &mut impl FnMut(Record<'_>)) {
        let Some(line) = self.lines.get(index).filter(|line| line.hash() != 0) else {
            return;
        };
        if self.shape.records.is_some() {
            let sums = self.ledger.as_ref().and_then(|ledger| ledger.sums(index));
            if let Some(sums) = sums.filter(|sums| sums.samples > 0) {
                self.record(index, &line, sums, gone);
            }
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.clear(index);
        }
        if line.rank() != Line::UNLISTED {
            let moved = self.top(line.source()).and_then(|top| top.remove(line.rank()));
            if let Some(moved) = moved {
                self.set_rank(moved, line.rank());
            }
            self.stale = true;
        }
        if let Place::Long(at) = line.place() {
            self.long.drop_key(at);
        }
        self.lines.clear(index);
        self.len -= 1;
    }

    /// Looks at `lines` lines, in turn: flows that are over are taken out and those that go on for long are recorded. To
    /// be called now and then, so that all lines are seen within a second or two.
    pub fn sweep(&mut self, lines: usize, gone: &mut impl FnMut(Record<'_>)) {
        let forget = self.shape.t.saturating_mul(Self::FORGET).as_millis() * u128::from(TICKS) / 1000;
        let forget = u32::try_from(forget).unwrap_or(u32::MAX).max(1);
        let now = Self::ticks(self.now);
        for _ in 0..lines.min(self.capacity()) {
            let index = self.swept;
            self.swept = if index + 1 < self.capacity() { index + 1 } else { 0 };
            let Some(line) = self.lines.get(index).filter(|line| line.hash() != 0) else {
                continue;
            };
            if now.saturating_sub(line.last()) > forget {
                self.end(index, gone);
            } else if self.ledger.is_some() {
                self.record_if_long(index, &line, gone);
            }
        }
        self.relist_if_stale();
    }

    /// Ends all flows of a data source, whose number may stand for another one from now on.
    pub fn forget(&mut self, source: u32, gone: &mut impl FnMut(Record<'_>)) {
        for index in 0..self.capacity() {
            if self
                .lines
                .get(index)
                .is_some_and(|l| l.hash() != 0 && l.source() == source)
            {
                self.end(index, gone);
            }
        }
        if let Some(top) = usize::try_from(source).ok().and_then(|at| self.tops.get_mut(at)) {
            *top = None;
        }
    }

    /// Ends all flows.
    pub fn finish(&mut self, gone: &mut impl FnMut(Record<'_>)) {
        for index in 0..self.capacity() {
            self.end(index, gone);
        }
    }
}
