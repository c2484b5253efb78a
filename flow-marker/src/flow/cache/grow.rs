//! How the table grows: set by set, in the order of their numbers, each set once in a round.

use super::{Cache, FIRST, Flow, SEGMENT, Slot, WAYS};

/// Sets that one new flow may add at most.
const SPLITS: usize = 16;
/// Flows that one new flow may move at most; 128 are looked at.
const MOVES: usize = 2;

/// A flow that has another place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flow) struct Moved {
    pub(in crate::flow) source: u32,
    pub(in crate::flow) is_top: bool,
    pub(in crate::flow) from: Slot,
    pub(in crate::flow) to: Slot,
}

impl Cache {
    /// Makes room for one more flow, as long as the table may grow: three quarters of all places are taken at most. Says
    /// which flows were moved.
    pub(in crate::flow) fn grow(&mut self, hash: u64, mut moved: impl FnMut(Moved)) {
        if self.tags.is_empty() {
            for _ in 0..FIRST.min(self.most) {
                self.add_set();
            }
        }
        // One set more is room for six flows, so that one at a time keeps up.
        if self.len * 4 >= self.places() * 3 && self.tags.len() < self.most {
            self.split(&mut moved);
        }
        // Where that is not enough, which is as good as only in tables of some dozen flows, a few sets more are.
        for _ in 0..SPLITS {
            if self.settle(hash, &mut moved) || self.tags.len() >= self.most {
                return;
            }
            self.split(&mut moved);
        }
    }

    /// Sees to it that one of a hash's sets has a free place, if that is possible. Sets that were not split yet in this
    /// round hold twice as much as others, so that both may be full in a table that is not.
    fn settle(&mut self, hash: u64, moved: &mut impl FnMut(Moved)) -> bool {
        let sets = self.sets(hash);
        if sets.iter().any(|set| self.free_in(*set).0.is_some()) {
            return true;
        }
        // Of the last places it would take long to find one, for nothing.
        if self.len * 32 >= self.places() * 31 {
            return false;
        }
        sets.into_iter().any(|set| self.open(set, MOVES, moved).is_some())
    }

    /// A free place of a set; if it has none, one of its flows moves to its other set (cuckoo hashing: Pagh and Rodler
    /// 2001), where one may have to move first, `moves` times at most.
    fn open(&mut self, set: usize, moves: usize, moved: &mut impl FnMut(Moved)) -> Option<Slot> {
        let free = self.free_in(set).0;
        if free.is_some() || moves == 0 {
            return free;
        }
        for from in self.set(set) {
            let mut buffer = std::mem::take(&mut self.buffer);
            let hash = self.get(from).map(|flow| self.hash_of(flow, &mut buffer));
            self.buffer = buffer;
            let other = self.sets(hash?).into_iter().find(|other| *other != set);
            // Nothing moves out of this set meanwhile: it is full, so that nothing moves into it.
            if let Some(to) = other.and_then(|other| self.open(other, moves - 1, moved)) {
                self.relocate(from, to, moved);
                return Some(from);
            }
        }
        None
    }

    fn hash_of(&self, flow: &Flow, buffer: &mut Vec<u8>) -> u64 {
        buffer.clear();
        buffer.extend_from_slice(&flow.source.to_le_bytes());
        self.key(flow, buffer);
        self.hash(buffer)
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
            let hash = self.get(from).map(|flow| self.hash_of(flow, &mut buffer));
            if hash.is_some_and(|hash| !self.sets(hash).contains(&old)) {
                self.relocate(from, Slot::new(new, way), moved);
            }
        }
        self.buffer = buffer;
    }

    /// Moves a flow to a place that is free.
    fn relocate(&mut self, from: Slot, to: Slot, moved: &mut impl FnMut(Moved)) {
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
        moved(Moved {
            source: flow.source,
            is_top: flow.is_top,
            from,
            to,
        });
    }
}
