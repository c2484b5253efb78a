//! The flows of one definition: a bounded table with the largest flows of every data source.
//!
//! Four-way set-associative, one cache line per flow. A key of up to 32 bytes, which two IPv4 addresses, protocol and
//! ports need less than half of, is in the line; longer ones are beside it, within a bound. Keys are compared as a whole:
//! no two flows are ever taken for one. A flow that finds its four places taken displaces the one with the smallest
//! decayed value, or is turned away when all are larger than itself, so a flood of mice evicts no elephant. The hash is
//! keyed: whoever chooses the keys cannot choose their places.
//!
//! Samples come in batches: `Cache::hash` and `Cache::fetch` for all of them first, so that the memory of the whole batch
//! is on its way at once, then `Cache::touch` for each.

mod ending;
mod listing;
mod line;
mod scale;
mod top;
mod ledger;
mod long;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::clock::Time;
use ledger::Ledger;
use line::{Line, Lines, Place};
use long::LongKeys;
use scale::Scale;
use top::Top;

/// What the value of a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Weights per second, smoothed exponentially.
    Rate,
    /// The mean weight of its samples.
    Average,
    /// The smallest weight of its samples.
    Minimum,
    /// The largest weight of its samples.
    Maximum,
}

/// How flows of a definition are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// What their value is.
    pub kind: Kind,
    /// Time constant of the smoothing.
    pub t: Duration,
    /// Largest flows listed for each data source, at most [`Cache::MAX_LISTED`].
    pub listed: usize,
    /// Flow records are made: `None` for none, else after how long a flow that goes on is recorded.
    pub records: Option<Duration>,
    /// Further values that are summed for the records.
    pub values: usize,
}

/// A flow record: what a flow was from its first sample to its last.
#[derive(Debug)]
pub struct Record<'a> {
    /// The data source.
    pub source: u32,
    /// The flow's key.
    pub key: &'a [u8],
    /// First sample.
    pub start: Time,
    /// Last sample.
    pub end: Time,
    /// What its samples stand for, in all; for other kinds than rates, its value.
    pub value: f64,
    /// The further values, summed.
    pub values: Vec<f64>,
}

/// What a sample did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The flow was there.
    Known,
    /// The flow took a free place.
    Added,
    /// The flow took the place of a smaller one.
    Displaced,
    /// All places of the flow are taken by larger ones, or there is no room for so long a key.
    Refused,
}

/// The state of a flow after a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touched {
    /// What happened.
    pub outcome: Outcome,
    /// The flow's value now; 0 if it was refused.
    pub value: f64,
    /// This is the first sample of a flow record.
    pub begins: bool,
}

/// One of the largest flows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Largest<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Its value now.
    pub value: f64,
    /// Its last sample, exact to a sixteenth of a second.
    pub last: Time,
}

const WAYS: usize = 4;
/// A line's clock: sixteenths of a second, so that 32 bits last for eight years.
const TICKS: u64 = 16;

/// The table.
#[derive(Debug)]
pub struct Cache {
    shape: Shape,
    hasher: SipHasher13,
    lines: Lines,
    sets: usize,
    ledger: Option<Ledger>,
    long: LongKeys,
    tops: Vec<Option<Top>>,
    scale: Scale,
    now: Time,
    len: usize,
    /// Where the sweep goes on.
    swept: usize,
    /// Some list is stale.
    stale: bool,
    rebuilt: Time,
    /// For one key at a time.
    buffer: [u8; Line::KEY],
}

impl Cache {
    /// The longest list of the largest flows of a data source.
    pub const MAX_LISTED: usize = 1000;
    /// Bytes that a tracked flow takes, keys beyond 32 bytes and flow records apart.
    pub const FLOW_BYTES: usize = 64;
    /// A flow without a sample for so many time constants is forgotten: e⁻¹⁰ is 45 ppm.
    const FORGET: u32 = 10;
    /// Long keys together, a flow of the table's capacity.
    const LONG_BYTES: usize = 64;

    /// A table for `capacity` flows, rounded up to a power of two, with a hash of the given seed.
    pub fn new(shape: Shape, capacity: usize, seed: [u64; 2]) -> Self {
        let sets = capacity.div_ceil(WAYS).clamp(1, 1 << 28).next_power_of_two();
        let [k0, k1] = seed;
        let needs_ledger = shape.records.is_some() || shape.kind != Kind::Rate;
        let lines = sets * WAYS;
        Self {
            shape: Shape {
                listed: shape.listed.clamp(1, Self::MAX_LISTED),
                ..shape
            },
            hasher: SipHasher13::new_with_keys(k0, k1),
            lines: Lines::new(lines),
            sets,
            ledger: needs_ledger.then(|| Ledger::new(lines, shape.values)),
            long: LongKeys::default(),
            tops: Vec::new(),
            scale: Scale::at(Time::START, shape.t),
            now: Time::START,
            len: 0,
            swept: 0,
            stale: false,
            rebuilt: Time::START,
            buffer: [0; Line::KEY],
        }
    }

    /// A seed from the system's random source.
    pub fn seed() -> [u64; 2] {
        [(); 2].map(|()| RandomState::new().hash_one(0_u64))
    }

    /// Flows in the table.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no flow.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Flows that fit.
    pub const fn capacity(&self) -> usize {
        self.sets * WAYS
    }

    /// Sets the time of everything that follows; time that runs backwards stands still.
    #[inline]
    pub fn at(&mut self, now: Time) {
        if now > self.now {
            self.now = now;
            self.scale = Scale::at(now, self.shape.t);
        }
    }

    /// Where a flow is looked for.
    #[inline]
    pub fn hash(&self, source: u32, key: &[u8]) -> u64 {
        use std::hash::Hasher as _;
        let mut hasher = self.hasher;
        hasher.write_u32(source);
        hasher.write(key);
        hasher.finish().max(1)
    }

    /// Brings the memory of a flow nearer. The result means nothing; using it keeps the reads from being left out.
    #[inline]
    pub fn fetch(&self, hash: u64) -> u64 {
        let first = self.set(hash);
        let lines = self.lines.all().get(first..first + WAYS).unwrap_or(&[]);
        lines.iter().fold(0, |sum, [word, ..]| sum ^ word)
    }

    /// The first line of a flow's set.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "any bits choose a set")]
    const fn set(&self, hash: u64) -> usize {
        (hash as usize & (self.sets - 1)) * WAYS
    }

    /// A line's clock.
    fn ticks(time: Time) -> u32 {
        u32::try_from(time.as_nanos() / (1_000_000_000 / TICKS)).unwrap_or(u32::MAX)
    }

    /// Counts a sample of a flow. `hash` is that of source and key. `gone` gets the records that this ends.
    #[inline]
    pub fn touch(
        &mut self,
        (source, key, hash): (u32, &[u8], u64),
        weight: f64,
        values: &[f64],
        gone: &mut impl FnMut(Record<'_>),
    ) -> Touched {
        let first = self.set(hash);
        let (index, outcome) = match self.find(first, source, key, hash) {
            Found::Here(index) => (index, Outcome::Known),
            Found::Free(index) if self.insert(index, source, key, hash) => (index, Outcome::Added),
            Found::Full(victim, value) if value <= self.first_value(weight) && self.has_room(key) => {
                self.end(victim, gone);
                if !self.insert(victim, source, key, hash) {
                    return Touched::REFUSED;
                }
                (victim, Outcome::Displaced)
            }
            Found::Free(_) | Found::Full(..) => return Touched::REFUSED,
        };
        let begins = self.count(index, weight, values, gone);
        let value = self.place(index);
        Touched {
            outcome,
            value: self.shown(value),
            begins,
        }
    }

    /// Looks for a flow in its set.
    #[inline]
    fn find(&self, first: usize, source: u32, key: &[u8], hash: u64) -> Found {
        let short = (key.len() <= Line::KEY).then(|| Line::new(hash, source, key, None));
        let (mut free, mut smallest) = (None, (first, f64::INFINITY));
        for index in first..first + WAYS {
            let Some(line) = self.lines.get(index) else {
                break;
            };
            if line.hash() == hash {
                let same = match (&short, line.place()) {
                    (Some(wanted), _) => line.is(wanted),
                    (None, Place::Long(at)) => line.source() == source && self.long.get(at) == key,
                    (None, Place::Here) => false,
                };
                if same {
                    return Found::Here(index);
                }
            } else if line.hash() == 0 {
                free = free.or(Some(index));
                continue;
            }
            let value = self.standing(index, &line);
            if value < smallest.1 {
                smallest = (index, value);
            }
        }
        free.map_or(Found::Full(smallest.0, smallest.1), Found::Free)
    }

    /// What a flow is worth when places are short: its value, in the unit of this epoch.
    fn standing(&self, index: usize, line: &Line) -> f64 {
        match self.shape.kind {
            Kind::Rate => self.scale.carry(line.value(), line.epoch()),
            // Values of other kinds do not decay, so that old ones would stay for ever: the older goes first.
            _ => self
                .ledger
                .as_ref()
                .and_then(|ledger| ledger.sums(index))
                .map_or(0.0, |sums| sums.end.as_nanos() as f64),
        }
    }

    /// What a flow is worth after its first sample.
    fn first_value(&self, weight: f64) -> f64 {
        match self.shape.kind {
            Kind::Rate => self.scale.weight(weight),
            _ => self.now.as_nanos() as f64,
        }
    }

    fn has_room(&self, key: &[u8]) -> bool {
        key.len() <= Line::KEY || self.long.bytes() + key.len() <= self.capacity() * Self::LONG_BYTES
    }

    fn insert(&mut self, index: usize, source: u32, key: &[u8], hash: u64) -> bool {
        if !self.has_room(key) {
            return false;
        }
        let long = (key.len() > Line::KEY).then(|| self.long.keep(key));
        self.lines.set(index, Line::new(hash, source, key, long));
        self.len += 1;
        true
    }

    /// Adds a sample to a flow's sums; true when it is the first of a record.
    #[inline]
    fn count(
        &mut self,
        index: usize,
        weight: f64,
        values: &[f64],
        gone: &mut impl FnMut(Record<'_>),
    ) -> bool {
        let Some(mut line) = self.lines.get(index) else {
            return false;
        };
        line.set_last(Self::ticks(self.now));
        let mut begins = false;
        if self.ledger.is_some() {
            self.record_if_long(index, &line, gone);
            if let Some(ledger) = &mut self.ledger {
                ledger.add(index, self.now, weight, values);
                begins = ledger.sums(index).is_some_and(|sums| sums.samples == 1);
            }
        }
        let old = line.value();
        let is_first = line.hash() != 0 && line.epoch() == 0 && old == 0.0;
        let value = match self.shape.kind {
            Kind::Rate => self.scale.carry(old, line.epoch()) + self.scale.weight(weight),
            Kind::Average => {
                let sums = self.ledger.as_ref().and_then(|ledger| ledger.sums(index));
                sums.map_or(weight, |sums| sums.total / sums.samples.max(1) as f64)
            }
            Kind::Minimum if !is_first => old.min(weight),
            Kind::Maximum if !is_first => old.max(weight),
            Kind::Minimum | Kind::Maximum => weight,
        };
        line.set_value(value, self.epoch());
        self.lines.set(index, line);
        begins
    }

    /// The epoch that values are of; those that do not decay are always of the same, which is never 0.
    const fn epoch(&self) -> u32 {
        match self.shape.kind {
            Kind::Rate => self.scale.epoch,
            _ => 1,
        }
    }

    /// A value as clients see it.
    fn shown(&self, value: f64) -> f64 {
        match self.shape.kind {
            Kind::Rate => self.scale.rate(value),
            _ => value,
        }
    }
}

impl Touched {
    const REFUSED: Self = Self {
        outcome: Outcome::Refused,
        value: 0.0,
        begins: false,
    };
}

/// Where a flow is, or could be.
enum Found {
    /// In this line.
    Here(usize),
    /// Nowhere, but this line is free.
    Free(usize),
    /// Nowhere, and the smallest in its place is this one, with this value.
    Full(usize, f64),
}

#[cfg(test)]
mod tests;
