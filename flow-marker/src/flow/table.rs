//! The bounded table of all flows that are not known as elephants.
//!
//! Four-way set-associative, one cache line per flow, a fingerprint instead of a key, decay only where it is looked at,
//! nothing allocated after the start. A flow that finds its four places taken displaces the one whose decayed rate is
//! the smallest, or is turned away when all are larger than itself: a flood of mice cannot evict an elephant, and stale
//! entries lose by themselves.

use std::hint::black_box;
use std::time::Duration;

use super::key::Fingerprint;
use super::rate::Average;
use crate::clock::Time;

/// What is known of one flow.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Entry {
    fingerprint: Fingerprint,
    /// Bytes per second.
    pub rate: Average,
    /// First sample of the evidence: since then the flow was never as good as silent (see [`Table::touch`]).
    pub first: Time,
    /// Bytes that the samples of the evidence stand for.
    pub bytes: u64,
    /// Samples of the evidence.
    pub samples: u32,
    /// The most bytes that one sample stood for.
    pub largest: f32,
}

// One cache line: the table's size and speed rest on it.
const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    const EMPTY: Self = Self {
        fingerprint: 0,
        rate: Average {
            value: 0.0,
            at: Time::START,
        },
        first: Time::START,
        bytes: 0,
        samples: 0,
        largest: 0.0,
    };

    fn count(&mut self, now: Time, weight: u64, idle: f64, tau: Duration) {
        if now.since(self.rate.last()) >= Table::FORGET {
            *self = Self {
                fingerprint: self.fingerprint,
                first: now,
                ..Self::EMPTY
            };
        }
        let before = self.rate.add(now, weight as f64, tau);
        // A flow that has just begun is slow too, but only for one time constant.
        if before < idle && now.since(self.first) >= tau {
            (self.first, self.bytes, self.samples) = (now, 0, 0);
        }
        self.bytes = self.bytes.saturating_add(weight);
        self.samples = self.samples.saturating_add(1);
        self.largest = self.largest.max(weight as f32);
    }
}

/// What a sample did to the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Touched {
    /// The flow was there.
    Known(Entry),
    /// The flow took a free place.
    Added(Entry),
    /// The flow took the place of another one.
    Displaced(Entry),
    /// All places of the flow are taken by larger ones.
    Refused,
}

impl Touched {
    /// The flow's entry after the sample.
    pub const fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Known(entry) | Self::Added(entry) | Self::Displaced(entry) => Some(entry),
            Self::Refused => None,
        }
    }
}

const WAYS: usize = 4;

/// The table. Its size never changes.
#[derive(Debug)]
pub struct Table {
    sets: Box<[[Entry; WAYS]]>,
    tau: Duration,
    len: usize,
}

impl Table {
    /// After ten time constants of one second nothing of a rate is left (e⁻¹⁰ is 45 ppm), and the evidence starts anew.
    /// Also the longest silence of a flow that has not ended (`detect`).
    pub const FORGET: Duration = Duration::from_secs(10);

    /// A table for `capacity` flows, rounded up to a power of two, with rates of time constant `tau`.
    pub fn new(capacity: usize, tau: Duration) -> Self {
        let sets = capacity.div_ceil(WAYS).max(1).next_power_of_two();
        Self {
            sets: vec![[Entry::EMPTY; WAYS]; sets].into_boxed_slice(),
            tau,
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

    fn set(&mut self, fingerprint: Fingerprint) -> &mut [Entry] {
        // Any bits of the fingerprint choose a set.
        let index = fingerprint as usize & (self.sets.len() - 1);
        self.sets.get_mut(index).map_or(&mut [], |set| set.as_mut_slice())
    }

    /// Brings the places of these flows into the processor's cache, all at once: in a table that is larger than the
    /// cache each of them is a miss, and misses that do not wait for each other cost a fraction of those that do.
    pub fn warm(&self, fingerprints: &[Fingerprint]) {
        let mask = self.sets.len() - 1;
        let sets = fingerprints
            .iter()
            .filter_map(|fingerprint| self.sets.get(*fingerprint as usize & mask));
        // Each entry is a cache line of its own.
        let lines = sets.flatten().map(|entry| entry.samples);
        // The sum is of no use; without one nothing would be read.
        black_box(lines.fold(0, |sum: u32, samples| sum.wrapping_add(samples)));
    }

    /// Counts a sample that stands for `weight` bytes of a flow.
    ///
    /// `idle` is a rate in bytes per second below which the flow is as good as silent: its evidence starts anew, so that
    /// a mouse of an hour that becomes an elephant is not reported with the bytes of that hour.
    pub fn touch(&mut self, fingerprint: Fingerprint, now: Time, weight: u64, idle: f64) -> Touched {
        let tau = self.tau;
        let set = self.set(fingerprint);
        // All four are looked at, though the first may be it: cache misses that no branch waits for overlap.
        let way = set.iter().enumerate().fold(WAYS, |found, (way, entry)| {
            if entry.fingerprint == fingerprint {
                way
            } else {
                found
            }
        });
        if let Some(entry) = set.get_mut(way) {
            entry.count(now, weight, idle, tau);
            return Touched::Known(*entry);
        }
        let mut new = Entry {
            fingerprint,
            first: now,
            ..Entry::EMPTY
        };
        new.count(now, weight, idle, tau);
        if let Some(free) = set.iter_mut().find(|e| e.fingerprint == 0) {
            *free = new;
            self.len += 1;
            return Touched::Added(new);
        }
        let smallest = set
            .iter_mut()
            .map(|entry| (entry.rate.at(now, tau), entry))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        match smallest {
            Some((rate, victim)) if rate <= new.rate.at(now, tau) => {
                *victim = new;
                Touched::Displaced(new)
            }
            _ => Touched::Refused,
        }
    }

    /// Takes a flow out, because it is kept elsewhere from now on.
    pub fn remove(&mut self, fingerprint: Fingerprint) {
        if let Some(entry) = self
            .set(fingerprint)
            .iter_mut()
            .find(|e| e.fingerprint == fingerprint)
        {
            *entry = Entry::EMPTY;
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAU: Duration = Duration::from_secs(1);

    fn ms(n: u64) -> Time {
        Time::from_nanos(n * 1_000_000)
    }

    fn table(capacity: usize) -> Table {
        Table::new(capacity, TAU)
    }

    #[test]
    fn warming_changes_nothing() {
        let mut table = table(64);
        table.touch(9, ms(1), 1500, 0.0);
        table.warm(&[9, 10, u128::MAX]);
        assert_eq!(table.len(), 1);
        let Touched::Known(entry) = table.touch(9, ms(1), 1500, 0.0) else {
            panic!("it was there")
        };
        assert_eq!((entry.samples, entry.bytes), (2, 3000));
    }

    #[test]
    fn a_flow_keeps_its_evidence_until_it_is_forgotten() {
        let mut table = table(64);
        assert!(matches!(table.touch(9, ms(100), 1500, 0.0), Touched::Added(_)));
        let Touched::Known(entry) = table.touch(9, ms(600), 9000, 0.0) else {
            panic!("it was there")
        };
        assert_eq!(
            (entry.first, entry.bytes, entry.samples, entry.largest),
            (ms(100), 10_500, 2, 9000.0)
        );
        let entry = *table.touch(9, ms(10_600), 40, 0.0).entry().unwrap();
        assert_eq!(
            (entry.first, entry.bytes, entry.samples, entry.largest),
            (ms(10_600), 40, 1, 40.0)
        );
        assert_eq!(table.len(), 1);
        table.remove(9);
        table.remove(9);
        assert!(table.is_empty());
    }

    #[test]
    fn the_evidence_of_a_flow_begins_when_it_rises() {
        let mut table = table(64);
        // An hour at two samples in three seconds, a quarter of what is idle.
        let mut last = Touched::Refused;
        for n in 0..2400 {
            last = table.touch(9, ms(n * 1500), 1000, 2700.0);
        }
        let rise = last.entry().unwrap().first;
        assert_eq!(rise, ms(2399 * 1500));
        for n in 0..100 {
            last = table.touch(9, ms(3_600_000 + n * 20), 1000, 2700.0);
        }
        let entry = last.entry().unwrap();
        assert_eq!(
            (entry.first, entry.samples, entry.bytes),
            (ms(3_600_000), 100, 100_000)
        );
    }

    #[test]
    fn the_evidence_of_a_flow_that_rises_at_once_is_whole() {
        let mut table = table(64);
        // Two hundred fine samples a second, each far below what is idle: the first ones count as well.
        let mut last = Touched::Refused;
        for n in 0..2000 {
            last = table.touch(9, ms(n * 5), 10, 500.0);
        }
        let entry = last.entry().unwrap();
        assert_eq!((entry.first, entry.samples), (ms(0), 2000));
    }

    #[test]
    fn a_flood_of_mice_does_not_evict_an_elephant() {
        let mut table = table(256);
        let mut state = 1_u64;
        let elephant = 0xdead_beef;
        for n in 0..200_000_u64 {
            // An elephant with a sample of 1.5 Mbyte each 1.5 ms among two million mice a second.
            if n % 3000 == 0 {
                assert!(
                    table
                        .touch(elephant, Time::from_nanos(n * 500), 1_500_000, 0.0)
                        .entry()
                        .is_some()
                );
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            table.touch(
                u128::from(state) << 64 | u128::from(state >> 7),
                Time::from_nanos(n * 500),
                60_000,
                0.0,
            );
        }
        let entry = *table.touch(elephant, ms(100), 0, 0.0).entry().unwrap();
        assert!(entry.samples > 60, "{entry:?}");
        assert_eq!((table.capacity(), table.len()), (256, 256));
    }

    #[test]
    fn stale_entries_lose_and_larger_ones_do_not() {
        let mut table = table(4);
        for n in 1..=4 {
            table.touch(n, ms(0), 1_000_000, 0.0);
        }
        assert_eq!(table.touch(5, ms(1), 1000, 0.0), Touched::Refused);
        assert!(matches!(
            table.touch(5, ms(7_000), 1000, 0.0),
            Touched::Displaced(_)
        ));
        assert_eq!(table.len(), 4);
    }
}
