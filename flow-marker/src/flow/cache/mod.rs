//! The bounded table of the flows of one definition.
//!
//! A flow is found by its whole key, never by a hash alone. It has two sets of eight places; one byte a place says what
//! may be there, so that a lookup touches one line of these bytes, which stay in the processor's cache, and one or two
//! of the flow. Where both sets are full, a flow moves to its other set. The table grows by one set at a time (linear hashing: Litwin 1980), so that nothing ever stalls for a
//! table to be copied, and an empty one costs nothing. When it has its full size, a flow that finds its sixteen places
//! taken displaces the one that the caller ranks lowest, or is turned away.
//!
//! Hashes are keyed: whoever chooses the keys cannot choose their places.

mod grow;
mod tail;

use siphasher::sip::SipHasher13;

use self::tail::Tails;
use crate::clock::Time;

/// Places of a set.
const WAYS: usize = 8;
/// Sets that are allocated together: 24 KiB of flows.
const SEGMENT: usize = 64;
/// Sets of a new table; a power of two.
const FIRST: usize = 8;
/// Bytes of a key that are in the flow itself: five keys of IPv4 and ports have 18.
const INLINE: usize = 26;
/// The length of a key that goes on elsewhere. Then the first bytes say where, and how long it is.
const LONG: u8 = u8::MAX;
/// Bytes of such a key that are in the flow itself.
const HEAD: usize = INLINE - 6;

/// Most flows of a table: places are 32 bits, and hashes choose among 2²² sets.
pub(super) const MAX_FLOWS: usize = 1 << 25;

/// One flow: 48 bytes, of which neighbours share a cache line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    /// Its value, in the scale of the generation in which it was touched last.
    pub(super) value: f64,
    /// When it was touched last.
    pub(super) at: Time,
    /// Which data source saw it.
    pub(super) source: u32,
    /// Whether it is among the largest of its data source.
    pub(super) is_top: bool,
    length: u8,
    key: [u8; INLINE],
}

const _: () = assert!(size_of::<Flow>() == 48);

impl Flow {
    const EMPTY: Self = Self {
        value: 0.0,
        at: Time::START,
        source: 0,
        is_top: false,
        length: 0,
        key: [0; INLINE],
    };
}

/// Where a flow is, until the next one is added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

impl Slot {
    fn new(set: usize, way: usize) -> Self {
        // Fewer than MAX_FLOWS.
        Self(u32::try_from(set * WAYS + way).unwrap_or(u32::MAX))
    }

    fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Where a new flow can go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Room {
    /// Here nobody is.
    Free(Slot),
    /// Here is the flow of the lowest rank.
    Taken(Slot),
    /// Nowhere: there is no room for the rest of its key.
    None,
}

/// The table. `wide` words of 64 bits go with every flow, for what a definition keeps beside the value.
#[derive(Debug)]
pub(super) struct Cache {
    hasher: SipHasher13,
    /// What is in each place: 0 nothing, else seven bits of the hash.
    tags: Vec<[u8; WAYS]>,
    flows: Vec<Box<[Flow]>>,
    words: Vec<Box<[u64]>>,
    wide: usize,
    tails: Tails,
    /// The smallest number of sets of this round of growth, less one: a mask.
    mask: usize,
    most: usize,
    len: usize,
    /// A key that is put together.
    buffer: Vec<u8>,
}

impl Cache {
    /// A table of at most `capacity` flows.
    pub(super) fn new(capacity: usize, wide: usize, seed: [u64; 2]) -> Self {
        let [k0, k1] = seed;
        let capacity = capacity.clamp(FIRST * WAYS, MAX_FLOWS);
        Self {
            hasher: SipHasher13::new_with_keys(k0, k1),
            tags: Vec::new(),
            flows: Vec::new(),
            words: Vec::new(),
            wide,
            tails: Tails::new(capacity),
            mask: FIRST - 1,
            most: capacity.div_ceil(WAYS),
            len: 0,
            buffer: Vec::new(),
        }
    }

    /// Flows in the table.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Flows that fit.
    pub(super) const fn capacity(&self) -> usize {
        self.most * WAYS
    }

    /// Places at present.
    pub(super) fn places(&self) -> usize {
        self.tags.len() * WAYS
    }

    /// Bytes that are allocated.
    pub(super) fn memory(&self) -> usize {
        let segments = self.flows.len() * SEGMENT * WAYS;
        segments * (size_of::<Flow>() + 8 * self.wide) + self.tags.capacity() * WAYS + self.tails.memory()
    }

    /// The hash of a key with its source in front.
    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// The two sets of a hash.
    #[inline]
    fn sets(&self, hash: u64) -> [usize; 2] {
        // Any bits of the hash choose a set.
        #[expect(clippy::cast_possible_truncation, reason = "22 bits are used")]
        let halves = [hash as usize, (hash >> 32) as usize];
        halves.map(|half| {
            let wide = half & (self.mask << 1 | 1);
            if wide < self.tags.len() {
                wide
            } else {
                half & self.mask
            }
        })
    }

    #[inline]
    fn tag(hash: u64) -> u8 {
        let [top, ..] = hash.to_be_bytes();
        top | 0x80
    }

    /// Brings what a lookup will read into the processor's cache. The value says nothing; it keeps the reading from being
    /// left out.
    #[inline]
    pub(super) fn touch(&self, hash: u64) -> u64 {
        let tag = Self::tag(hash);
        let mut seen = 0;
        for set in self.sets(hash) {
            let Some(tags) = self.tags.get(set) else { continue };
            for (way, _) in tags.iter().enumerate().filter(|(_, other)| **other == tag) {
                seen ^= self.get(Slot::new(set, way)).map_or(0, |flow| flow.at.as_nanos());
            }
        }
        seen
    }

    /// Where the flow with this key is, which begins with its source.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<Slot> {
        let tag = Self::tag(hash);
        let [first, second] = self.sets(hash);
        let found = self.find_in(first, tag, key);
        if found.is_some() || first == second {
            return found;
        }
        self.find_in(second, tag, key)
    }

    #[inline]
    fn find_in(&self, set: usize, tag: u8, key: &[u8]) -> Option<Slot> {
        let tags = self.tags.get(set)?;
        let ways = tags.iter().enumerate().filter(|(_, other)| **other == tag);
        ways.map(|(way, _)| Slot::new(set, way))
            .find(|slot| self.get(*slot).is_some_and(|flow| self.is(flow, key)))
    }

    #[inline]
    fn is(&self, flow: &Flow, key: &[u8]) -> bool {
        let Some((source, key)) = key.split_first_chunk() else {
            return false;
        };
        if flow.source != u32::from_le_bytes(*source) {
            return false;
        }
        match flow.length {
            LONG => {
                let (start, length, head) = long(flow);
                let (own, rest) = key.split_at_checked(HEAD).unwrap_or((key, &[]));
                length == key.len() && *head == *own && self.tails.is(start, rest)
            }
            length => flow.key.get(..usize::from(length)) == Some(key),
        }
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Option<&Flow> {
        let index = slot.index();
        self.flows
            .get(index / (SEGMENT * WAYS))?
            .get(index % (SEGMENT * WAYS))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Flow> {
        let index = slot.index();
        self.flows
            .get_mut(index / (SEGMENT * WAYS))?
            .get_mut(index % (SEGMENT * WAYS))
    }

    /// The words that go with a flow.
    pub(super) fn words(&self, slot: Slot) -> &[u64] {
        let (segment, at) = self.word(slot);
        let words = self
            .words
            .get(segment)
            .and_then(|words| words.get(at..at + self.wide));
        words.unwrap_or(&[])
    }

    /// The words that go with a flow, to be changed.
    pub(super) fn words_mut(&mut self, slot: Slot) -> &mut [u64] {
        let (segment, at) = self.word(slot);
        let wide = self.wide;
        let words = self
            .words
            .get_mut(segment)
            .and_then(|words| words.get_mut(at..at + wide));
        words.unwrap_or(&mut [])
    }

    fn word(&self, slot: Slot) -> (usize, usize) {
        let index = slot.index();
        (index / (SEGMENT * WAYS), index % (SEGMENT * WAYS) * self.wide)
    }

    /// Adds the bytes of a flow's key to `out`.
    pub(super) fn key(&self, flow: &Flow, out: &mut Vec<u8>) {
        match flow.length {
            LONG => {
                let (start, length, head) = long(flow);
                out.extend_from_slice(head);
                self.tails.read(start, length.saturating_sub(HEAD), out);
            }
            length => out.extend_from_slice(flow.key.get(..usize::from(length)).unwrap_or(&[])),
        }
    }

    /// Looks for a place for a new flow: a free one, or that of the lowest rank. Where there is no room for the rest of a
    /// long key, only that of another long key helps.
    pub(super) fn room(&self, hash: u64, key: &[u8], rank: impl Fn(&Flow) -> f64) -> Room {
        let fits = self.tails.has_room(key.len().saturating_sub(4));
        let sets = self.sets(hash);
        let [first, second] = sets.map(|set| self.free_in(set));
        let emptier = if second.1 > first.1 { second } else { first };
        if let Some(slot) = emptier.0.filter(|_| fits) {
            return Room::Free(slot);
        }
        let places = sets.into_iter().flat_map(|set| self.set(set));
        let ranked = places.filter_map(|slot| {
            let flow = self.get(slot).filter(|flow| fits || flow.length == LONG)?;
            // Those that are shown go last, so that what is shown stays complete.
            Some((flow.is_top, rank(flow), slot))
        });
        let lowest = ranked.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        lowest.map_or(Room::None, |(_, _, slot)| Room::Taken(slot))
    }

    /// A free place of a set, and how many there are.
    fn free_in(&self, set: usize) -> (Option<Slot>, usize) {
        let tags = self.tags.get(set).copied().unwrap_or([1; WAYS]);
        let mut free = tags.iter().enumerate().filter(|(_, tag)| **tag == 0);
        let first = free.next().map(|(way, _)| Slot::new(set, way));
        (first, usize::from(first.is_some()) + free.count())
    }

    /// Puts a flow into a place that is free, with a key that begins with its source. Its words are zero. `false` when
    /// there is no room for the rest of a long key.
    pub(super) fn fill(&mut self, slot: Slot, hash: u64, key: &[u8]) -> bool {
        let Some((source, key)) = key.split_first_chunk() else {
            return false;
        };
        let mut flow = Flow {
            source: u32::from_le_bytes(*source),
            ..Flow::EMPTY
        };
        if let Some(place) = flow.key.get_mut(..key.len()) {
            place.copy_from_slice(key);
            flow.length = u8::try_from(key.len()).unwrap_or(LONG);
        } else {
            let (head, rest) = key.split_at_checked(HEAD).unwrap_or((key, &[]));
            let Some(start) = self.tails.store(rest) else {
                return false;
            };
            flow.length = LONG;
            let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
            let bytes = start.to_le_bytes().into_iter().chain(length.to_le_bytes());
            for (place, byte) in flow.key.iter_mut().zip(bytes.chain(head.iter().copied())) {
                *place = byte;
            }
        }
        if let Some(tag) = self.tag_mut(slot) {
            *tag = Self::tag(hash);
            self.len += 1;
        }
        if let Some(place) = self.get_mut(slot) {
            *place = flow;
        }
        self.words_mut(slot).fill(0);
        true
    }

    fn tag_mut(&mut self, slot: Slot) -> Option<&mut u8> {
        let index = slot.index();
        self.tags.get_mut(index / WAYS)?.get_mut(index % WAYS)
    }

    /// Takes a flow out.
    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(flow) = self.get(slot).copied() else {
            return;
        };
        let Some(tag) = self.tag_mut(slot).filter(|tag| **tag != 0) else {
            return;
        };
        *tag = 0;
        self.len -= 1;
        if flow.length == LONG {
            let (start, ..) = long(&flow);
            self.tails.free(start);
        }
    }

    /// The flows of a set.
    pub(super) fn set(&self, set: usize) -> impl Iterator<Item = Slot> + use<> {
        let tags = self.tags.get(set).copied().unwrap_or_default();
        tags.into_iter()
            .enumerate()
            .filter(|(_, tag)| *tag != 0)
            .map(move |(way, _)| Slot::new(set, way))
    }

    /// Number of sets at present.
    pub(super) fn set_count(&self) -> usize {
        self.tags.len()
    }

    /// All flows.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..self.tags.len()).flat_map(|set| self.set(set))
    }
}

/// Where the rest of a long key is, how long the key is, and its first bytes.
fn long(flow: &Flow) -> (u32, usize, &[u8]) {
    let [a, b, c, d, l, h, head @ ..] = &flow.key;
    (
        u32::from_le_bytes([*a, *b, *c, *d]),
        u16::from_le_bytes([*l, *h]).into(),
        head,
    )
}

#[cfg(test)]
mod tests;
