//! How the table grows: set by set, in the order of their numbers, each set once in a round.

use super::{Cache, FIRST, Flow, SEGMENT, Slot, WAYS};

/// A flow that has another place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flow) struct Moved {
    pub(in crate::flow) source: u32,
    pub(in crate::flow) is_top: bool,
    pub(in crate::flow) from: Slot,
    pub(in crate::flow) to: Slot,
}

impl Cache {
    /// Makes room for one more flow, as long as the table may grow: three quarters of all places are taken at most,
    /// where two sets of eight places are practically never both full. Says which flows were moved.
    pub(in crate::flow) fn grow(&mut self, mut moved: impl FnMut(Moved)) {
        if self.tags.is_empty() {
            for _ in 0..FIRST.min(self.most) {
                self.add_set();
            }
        }
        // One set more is room for six flows, so that one at a time keeps up.
        if self.len * 4 >= self.places() * 3 && self.tags.len() < self.most {
            self.split(&mut moved);
        }
    }

    fn add_set(&mut self) {
        self.tags.push([0; WAYS]);
        if self.flows.len() * SEGMENT < self.tags.len() {
            self.flows.push(vec![Flow::EMPTY; SEGMENT * WAYS].into());
            self.words.push(vec![0; SEGMENT * WAYS * self.wide].into());
        }
    }

    /// Adds a set and moves there what belongs there now of the one set that it is split from.
    fn split(&mut self, moved: &mut impl FnMut(Moved)) {
        let new = self.tags.len();
        let old = new & self.mask;
        self.add_set();
        if self.tags.len() == (self.mask + 1) * 2 {
            self.mask = self.mask << 1 | 1;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        for (way, from) in self.set(old).enumerate() {
            let Some(flow) = self.get(from).copied() else {
                continue;
            };
            buffer.clear();
            buffer.extend_from_slice(&flow.source.to_le_bytes());
            self.key(&flow, &mut buffer);
            if self.sets(self.hash(&buffer)).contains(&old) {
                continue;
            }
            let to = Slot::new(new, way);
            self.relocate(from, to);
            moved(Moved {
                source: flow.source,
                is_top: flow.is_top,
                from,
                to,
            });
        }
        self.buffer = buffer;
    }

    fn relocate(&mut self, from: Slot, to: Slot) {
        let Some(flow) = self.get(from).copied() else {
            return;
        };
        if let Some(place) = self.get_mut(to) {
            *place = flow;
        }
        for n in 0..self.wide {
            let word = self.words(from).get(n).copied().unwrap_or(0);
            if let Some(place) = self.words_mut(to).get_mut(n) {
                *place = word;
            }
        }
        let tag = self.tag_mut(from).map_or(0, std::mem::take);
        if let Some(place) = self.tag_mut(to) {
            *place = tag;
        }
    }
}
