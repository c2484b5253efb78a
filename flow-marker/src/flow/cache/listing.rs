//! The largest flows: keeping the lists, and showing them.

use std::time::Duration;

use super::line::{Line, Place};
use super::top::{Offer, Top};
use super::{Cache, Kind, Largest, TICKS};
use crate::clock::Time;

impl Cache {
    /// Gives a flow its place in the list of its data source. Returns its value in the unit of the epoch.
    #[inline]
    pub(super) fn place(&mut self, index: usize) -> f64 {
        let Some(mut line) = self.lines.get(index) else {
            return 0.0;
        };
        let value = line.value();
        let (epoch, scale) = (self.epoch(), self.scale);
        let Some(top) = self.top(line.source()) else {
            return value;
        };
        if top.epoch != epoch {
            let from = top.epoch;
            top.carry(epoch, |value| scale.carry(value, from));
        }
        if line.rank() != Line::UNLISTED {
            top.update(line.rank(), value);
            let stale = top.stale;
            self.stale |= stale;
            return value;
        }
        let line_number = u32::try_from(index).unwrap_or(u32::MAX);
        if let Offer::Taken(rank, lost) = top.offer(line_number, value) {
            line.set_rank(rank);
            self.lines.set(index, line);
            if let Some(lost) = lost {
                self.set_rank(lost, Line::UNLISTED);
            }
        }
        value
    }

    pub(super) fn set_rank(&mut self, index: u32, rank: u16) {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(mut line) = self.lines.get(index) {
            line.set_rank(rank);
            self.lines.set(index, line);
        }
    }

    /// The list of a data source, made when there is none.
    pub(super) fn top(&mut self, source: u32) -> Option<&mut Top> {
        let at = usize::try_from(source).ok()?;
        if at >= self.tops.len() {
            self.tops.resize_with(at + 1, || None);
        }
        let (listed, epoch) = (self.shape.listed, self.epoch());
        let top = self.tops.get_mut(at)?;
        Some(top.get_or_insert_with(|| Top::new(listed, epoch)))
    }

    /// Fills stale lists, if it is time to.
    pub(super) fn relist_if_stale(&mut self) {
        if self.stale && self.now.since(self.rebuilt) >= Duration::from_secs(1) {
            self.relist();
        }
    }

    /// Fills the lists that have lost flows from the whole table. At most once a second: a table that is too small loses
    /// listed flows all the time.
    fn relist(&mut self) {
        self.stale = false;
        self.rebuilt = self.now;
        let mut stale: Vec<bool> = Vec::with_capacity(self.tops.len());
        for top in &mut self.tops {
            let is_stale = top.as_ref().is_some_and(|top| top.stale);
            stale.push(is_stale);
            if let Some(top) = top.as_mut().filter(|_| is_stale) {
                top.clear();
            }
        }
        let is_stale = |line: &Line| {
            let source = usize::try_from(line.source()).unwrap_or(usize::MAX);
            line.hash() != 0 && stale.get(source).copied().unwrap_or_default()
        };
        for index in 0..self.capacity() {
            let Some(mut line) = self.lines.get(index).filter(is_stale) else {
                continue;
            };
            line.set_rank(Line::UNLISTED);
            if self.shape.kind == Kind::Rate && line.epoch() != self.scale.epoch {
                line.set_value(self.scale.carry(line.value(), line.epoch()), self.scale.epoch);
            }
            self.lines.set(index, line);
            self.place(index);
        }
    }

    /// Data sources that have a list; some may be empty.
    pub fn sources(&self) -> impl Iterator<Item = u32> + '_ {
        let tops = self.tops.iter().zip(0_u32..);
        tops.filter(|(top, _)| top.as_ref().is_some_and(|top| !top.members().is_empty()))
            .map(|(_, source)| source)
    }

    /// Calls `visit` with the largest flows of a data source, in no order.
    pub fn largest(&self, source: u32, visit: &mut impl FnMut(Largest<'_>)) {
        let top = usize::try_from(source).ok().and_then(|at| self.tops.get(at));
        let Some(top) = top.and_then(Option::as_ref) else {
            return;
        };
        let mut buffer = [0; Line::KEY];
        for member in top.members() {
            let index = usize::try_from(member.line).unwrap_or(usize::MAX);
            if let Some(line) = self.lines.get(index) {
                visit(self.largest_at(&line, &mut buffer));
            }
        }
    }

    fn largest_at<'a>(&'a self, line: &Line, buffer: &'a mut [u8; Line::KEY]) -> Largest<'a> {
        let length = line.key(buffer);
        let value = match self.shape.kind {
            Kind::Rate => self.scale.rate(self.scale.carry(line.value(), line.epoch())),
            _ => line.value(),
        };
        Largest {
            key: match line.place() {
                Place::Here => buffer.get(..length).unwrap_or(&[]),
                Place::Long(at) => self.long.get(at),
            },
            value,
            last: Time::from_nanos(u64::from(line.last()) * (1_000_000_000 / TICKS)),
        }
    }

    /// Calls `visit` with every flow of a data source, in time in proportion to the table's capacity.
    pub fn all(&self, source: u32, visit: &mut impl FnMut(Largest<'_>)) {
        let mut buffer = [0; Line::KEY];
        for index in 0..self.capacity() {
            if let Some(line) = self.lines.get(index)
                && line.hash() != 0
                && line.source() == source
            {
                visit(self.largest_at(&line, &mut buffer));
            }
        }
    }
}
