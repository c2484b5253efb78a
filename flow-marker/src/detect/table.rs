//! Bounded tables of flows.
//!
//! Four-way set-associative, a fingerprint instead of a key, decay only where it is looked at, nothing allocated after
//! the start. A flow that finds its four places taken displaces the one that is worth least, or is turned away when all
//! are worth more than itself: a flood of mice cannot evict an elephant, and stale entries lose by themselves.

use std::hint::black_box;

use crate::clock::Time;
use crate::flow::Fingerprint;

/// What a table keeps of one flow.
pub trait Place: Copy {
    /// Of no flow: its fingerprint is zero.
    const EMPTY: Self;

    /// The flow.
    fn fingerprint(&self) -> Fingerprint;

    /// What it is worth to keep, against others in the same table. Falls while nothing is heard of the flow.
    fn value(&self, now: Time) -> f64;
}

/// How a flow came by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The flow was there.
    Known,
    /// It took a free place.
    Added,
    /// It took the place of another one.
    Displaced,
}

const WAYS: usize = 4;

/// The table. Its size never changes.
#[derive(Debug)]
pub struct Table<P> {
    sets: Box<[[P; WAYS]]>,
    len: usize,
}

impl<P: Place> Table<P> {
    /// A table for `capacity` flows, rounded up to a power of two.
    pub fn new(capacity: usize) -> Self {
        let sets = capacity.div_ceil(WAYS).max(1).next_power_of_two();
        Self {
            sets: vec![[P::EMPTY; WAYS]; sets].into_boxed_slice(),
            len: 0,
        }
    }

    /// Flows in the table, stale ones included.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no flow was ever counted, or all were taken out.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Flows that fit.
    pub const fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    const fn index(&self, fingerprint: Fingerprint) -> usize {
        // Any bits of the fingerprint choose a set.
        fingerprint as usize & (self.sets.len() - 1)
    }

    fn set(&mut self, fingerprint: Fingerprint) -> &mut [P] {
        let index = self.index(fingerprint);
        self.sets.get_mut(index).map_or(&mut [], |set| set.as_mut_slice())
    }

    /// Brings the places of these flows into the processor's cache, all at once: in a table that is larger than the
    /// cache each of them is a miss, and misses that do not wait for each other cost a fraction of those that do.
    pub fn warm(&self, fingerprints: &[Fingerprint]) {
        let sets = fingerprints
            .iter()
            .filter_map(|fingerprint| self.sets.get(self.index(*fingerprint)));
        // Each entry is a cache line of its own.
        let lines = sets.flatten().map(Place::fingerprint);
        // The sum is of no use; without one nothing would be read.
        black_box(lines.fold(0, |sum, line| sum ^ line));
    }

    /// The place of a flow. One that has none yet gets `new`, whose fingerprint must be `fingerprint`; `None` when its
    /// places are all taken by flows that are worth more.
    #[inline]
    pub fn touch(&mut self, fingerprint: Fingerprint, now: Time, new: P) -> Option<(Found, &mut P)> {
        let index = self.index(fingerprint);
        let set = self.sets.get_mut(index)?;
        // All four are looked at, though the first may be it: cache misses that no branch waits for overlap.
        let known = set.iter().enumerate().fold(WAYS, |found, (way, place)| {
            if place.fingerprint() == fingerprint {
                way
            } else {
                found
            }
        });
        if known < WAYS {
            return set.get_mut(known).map(|place| (Found::Known, place));
        }
        let (place, found) = if let Some(free) = set.iter().position(|place| place.fingerprint() == 0) {
            self.len += 1;
            (set.get_mut(free)?, Found::Added)
        } else {
            let values = set.iter_mut().map(|place| (place.value(now), place));
            let (value, victim) = values.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
            if value > new.value(now) {
                return None;
            }
            (victim, Found::Displaced)
        };
        *place = new;
        Some((found, place))
    }

    /// All that are in it, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &P> {
        self.sets
            .iter()
            .flatten()
            .filter(|place| place.fingerprint() != 0)
    }

    /// The place of a flow that has one.
    #[inline]
    pub fn find(&mut self, fingerprint: Fingerprint) -> Option<&mut P> {
        let set = self.set(fingerprint);
        set.iter_mut().find(|place| place.fingerprint() == fingerprint)
    }

    /// Takes a flow out.
    pub fn remove(&mut self, fingerprint: Fingerprint) {
        if let Some(place) = self.find(fingerprint) {
            *place = P::EMPTY;
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Plain {
        fingerprint: Fingerprint,
        /// Halves each second.
        worth: f64,
        at: Time,
    }

    impl Place for Plain {
        const EMPTY: Self = Self {
            fingerprint: 0,
            worth: 0.0,
            at: Time::START,
        };

        fn fingerprint(&self) -> Fingerprint {
            self.fingerprint
        }

        fn value(&self, now: Time) -> f64 {
            self.worth * (-now.since(self.at).as_secs_f64()).exp2()
        }
    }

    fn seconds(n: u64) -> Time {
        Time::from_nanos(n * 1_000_000_000)
    }

    fn touch(table: &mut Table<Plain>, fingerprint: Fingerprint, at: Time, worth: f64) -> Option<Found> {
        let new = Plain {
            fingerprint,
            worth,
            at,
        };
        table.touch(fingerprint, at, new).map(|(found, _)| found)
    }

    #[test]
    fn warming_changes_nothing() {
        let mut table = Table::new(64);
        touch(&mut table, 9, seconds(1), 1.0);
        table.warm(&[9, 10, u128::MAX]);
        assert_eq!(table.len(), 1);
        assert_eq!(touch(&mut table, 9, seconds(1), 5.0), Some(Found::Known));
        assert!(
            table.find(9).is_some_and(|place| place.worth < 2.0),
            "not written over"
        );
    }

    #[test]
    fn a_flow_goes_once() {
        let mut table = Table::new(64);
        touch(&mut table, 9, seconds(1), 1.0);
        table.remove(9);
        table.remove(9);
        assert!(table.is_empty());
        assert_eq!(table.find(9), None);
    }

    #[test]
    fn a_flood_of_mice_does_not_evict_an_elephant() {
        let mut table = Table::new(256);
        let mut state = 1_u64;
        touch(&mut table, 0xdead_beef, seconds(0), 1e9);
        for n in 0..200_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mouse = u128::from(state) << 64 | u128::from(state >> 7);
            touch(&mut table, mouse, Time::from_nanos(n * 5000), 60_000.0);
        }
        assert!(table.find(0xdead_beef).is_some());
        assert_eq!((table.capacity(), table.len()), (256, 256));
    }

    #[test]
    fn stale_entries_lose_and_larger_ones_do_not() {
        let mut table = Table::new(4);
        for n in 1..=4 {
            touch(&mut table, n, seconds(0), 1000.0);
        }
        assert_eq!(touch(&mut table, 5, seconds(1), 10.0), None);
        assert_eq!(touch(&mut table, 5, seconds(7), 10.0), Some(Found::Displaced));
        assert_eq!(table.len(), 4);
    }
}
