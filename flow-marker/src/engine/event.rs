//! The bounded log that clients read and wait on: threshold events and completed flows.
//!
//! Entries have ascending ids. A client that wants to miss nothing asks for what follows the last id that it has seen
//! (`eventID`), beginning with −1, and waits when there is nothing yet. Then:
//!
//! * Without an id, or with a negative one: the newest entries.
//! * With an id: the entries that directly follow it, so that a client that asks for ten at a time gets all of a
//!   thousand. What has fallen out of the log meanwhile is skipped, and counted in the answer.
//! * With an id that was never given, as after a restart in which the clock went back: as without one.
//!
//! The answer is always newest first. Ids begin at a number that the owner chooses. When it grows with every start of the
//! process, such as the seconds since 1970, an id of an earlier run is lower than all ids of this one, and its owner hears
//! of everything since the start.
//!
//! The log does not wait: whoever waits for entries asks again when `version` has changed.

use std::collections::VecDeque;

/// What has a name by which it is filtered.
pub trait Named {
    /// The name of the threshold, or of the flow definition.
    fn name(&self) -> &str;
}

/// A question to a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Entries of this name only.
    pub name: Option<String>,
    /// The last id that was seen.
    pub after: Option<i64>,
    /// At most so many.
    pub max: Option<usize>,
}

/// What a log has for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Id and entry, newest first.
    pub entries: Vec<(u64, T)>,
    /// Entries, of whatever name, that followed the id that was seen and have fallen out of the log.
    pub missed: u64,
}

/// What a log has of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Older<T> {
    /// Id and entry, newest first.
    pub entries: Vec<(u64, T)>,
    /// The log has nothing with lower ids than this one.
    pub floor: u64,
}

/// The newest entries.
#[derive(Debug)]
pub struct Log<T> {
    entries: VecDeque<T>,
    capacity: usize,
    /// The id of the next entry.
    next: u64,
    first: u64,
}

impl<T: Clone> Log<T> {
    /// How many entries are answered when the question does not say.
    pub const DEFAULT_MAX: usize = 100;

    /// A log for `capacity` entries, at least one, whose first one gets the id `first`.
    pub fn new(capacity: usize, first: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            capacity: capacity.max(1),
            next: first,
            first,
        }
    }

    /// Adds an entry; returns its id. The oldest one is dropped when there is no room.
    pub fn push(&mut self, entry: T) -> u64 {
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        let id = self.next;
        self.next += 1;
        id
    }

    /// Changes with every entry: the id of the next one.
    pub const fn version(&self) -> u64 {
        self.next
    }

    /// Entries that were added so far.
    pub const fn total(&self) -> u64 {
        self.next - self.first
    }

    /// Entries in the log.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the log is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry with this id, while it is in the log.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let oldest = self.next - self.entries.len() as u64;
        let place = usize::try_from(id.checked_sub(oldest)?).ok()?;
        self.entries.get_mut(place)
    }

    /// Drops the oldest entry, to make room.
    pub fn drop_oldest(&mut self) -> Option<(u64, T)> {
        let oldest = self.next - self.entries.len() as u64;
        self.entries.pop_front().map(|entry| (oldest, entry))
    }

    /// All entries, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.entries.iter()
    }

    /// The newest of the entries that are `meant` and have lower ids than `before`.
    pub fn older(&self, before: Option<u64>, max: usize, meant: impl Fn(&T) -> bool) -> Older<T> {
        let floor = self.next - self.entries.len() as u64;
        let all = self
            .entries
            .iter()
            .rev()
            .zip(1..)
            .map(|(entry, n)| (self.next - n, entry));
        let asked = all.filter(|(id, entry)| before.is_none_or(|before| *id < before) && meant(entry));
        Older {
            entries: asked.take(max).map(|(id, entry)| (id, entry.clone())).collect(),
            floor,
        }
    }

    /// As [`Self::ask`], of the entries that are `meant`.
    pub fn ask_for(&self, after: Option<i64>, max: usize, meant: impl Fn(&T) -> bool) -> Answer<T> {
        let oldest = self.next - self.entries.len() as u64;
        let all = self
            .entries
            .iter()
            .enumerate()
            .map(|(n, entry)| (oldest + n as u64, entry));
        let meant = |(_, entry): &(u64, &T)| meant(entry);
        let after = after.and_then(|id| u64::try_from(id).ok());
        let Some(after) = after.filter(|after| *after < self.next) else {
            let newest = all.rev().filter(meant).take(max);
            return Answer {
                entries: newest.map(|(id, entry)| (id, entry.clone())).collect(),
                missed: 0,
            };
        };
        let from = after.saturating_add(1).max(self.first);
        let skip = usize::try_from(from.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let following = all.skip(skip).filter(meant).take(max);
        let mut entries: Vec<_> = following.map(|(id, entry)| (id, entry.clone())).collect();
        entries.reverse();
        Answer {
            entries,
            missed: oldest.saturating_sub(from),
        }
    }
}

impl<T: Named + Clone> Log<T> {
    /// What there is for a question now. Nothing means: wait until `version` changes and ask again.
    pub fn ask(&self, query: &Query) -> Answer<T> {
        let name = query.name.as_deref();
        let max = query.max.unwrap_or(Self::DEFAULT_MAX);
        self.ask_for(query.after, max, |entry| {
            name.is_none_or(|name| entry.name() == name)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Entry(&'static str, u64);

    impl Named for Entry {
        fn name(&self) -> &str {
            self.0
        }
    }

    fn log(capacity: usize, entries: u64) -> Log<Entry> {
        let mut log = Log::new(capacity, 100);
        for n in 0..entries {
            log.push(Entry(if n % 2 == 0 { "even" } else { "odd" }, n));
        }
        log
    }

    fn ids(log: &Log<Entry>, name: Option<&str>, after: Option<i64>, max: usize) -> Vec<u64> {
        let query = Query {
            name: name.map(str::to_owned),
            after,
            max: Some(max),
        };
        log.ask(&query).entries.iter().map(|(id, _)| *id).collect()
    }

    #[test]
    fn a_first_question_has_the_newest_and_the_next_what_follows() {
        let mut log = log(10, 4);
        assert_eq!(ids(&log, None, Some(-1), 2), [103, 102]);
        assert_eq!(ids(&log, None, None, 9), [103, 102, 101, 100]);
        assert_eq!(ids(&log, None, Some(103), 9), [0_u64; 0], "wait");
        let version = log.version();
        log.push(Entry("even", 4));
        assert_ne!(log.version(), version);
        assert_eq!(ids(&log, None, Some(103), 9), [104]);
        assert_eq!(ids(&log, Some("odd"), Some(-1), 9), [103, 101]);
        assert_eq!(ids(&log, Some("none"), Some(-1), 9), [0_u64; 0]);
    }

    #[test]
    fn a_client_that_asks_for_few_at_a_time_gets_all() {
        let log = log(100, 50);
        let (mut seen, mut after) = (Vec::new(), 99);
        loop {
            let got = ids(&log, None, Some(after), 7);
            let Some(newest) = got.first() else {
                break;
            };
            after = i64::try_from(*newest).unwrap();
            seen.extend(got.into_iter().rev());
        }
        assert_eq!(seen, (100..150).collect::<Vec<_>>());
    }

    #[test]
    fn what_has_fallen_out_is_counted() {
        let log = log(3, 10);
        let query = Query {
            after: Some(102),
            ..Query::default()
        };
        let answer = log.ask(&query);
        assert_eq!(answer.missed, 4, "103 to 106");
        let ids: Vec<_> = answer.entries.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [109, 108, 107]);
        assert_eq!((log.len(), log.total()), (3, 10));
    }

    #[test]
    fn ids_of_an_earlier_run_see_everything_since_the_start() {
        let log = log(10, 2);
        assert_eq!(ids(&log, None, Some(57), 9), [101, 100]);
        let missed = log
            .ask(&Query {
                after: Some(57),
                ..Query::default()
            })
            .missed;
        assert_eq!(missed, 0, "ids between the runs were never given");
        assert_eq!(
            ids(&log, None, Some(5000), 1),
            [101],
            "never given: as if none was seen"
        );
        assert_eq!(ids(&log, None, Some(i64::MAX), 1), [101]);
    }

    proptest! {
        /// Against a list that forgets nothing.
        #[test]
        fn the_ring_is_the_end_of_a_list(
            capacity in 1_usize..8, pushes in 0_u64..20, after in -2_i64..30, max in 0_usize..10, odd: bool,
        ) {
            let mut log = Log::new(capacity, 5);
            let mut all = Vec::new();
            for n in 0..pushes {
                let entry = Entry(if n % 3 == 0 { "odd" } else { "even" }, n);
                let id = log.push(entry.clone());
                all.push((id, entry));
            }
            let name = odd.then_some("odd");
            let kept = all.len().saturating_sub(capacity);
            let meant: Vec<u64> = all[kept..].iter()
                .filter(|(_, e)| name.is_none_or(|name| e.0 == name)).map(|(id, _)| *id).collect();
            let given = all.last().map_or(4, |(id, _)| i64::try_from(*id).unwrap());
            let expected: Vec<u64> = if after < 0 || after > given {
                meant.iter().rev().take(max).copied().collect()
            } else {
                let mut following: Vec<u64> = meant.into_iter()
                    .filter(|id| i64::try_from(*id).unwrap() > after).take(max).collect();
                following.reverse();
                following
            };
            prop_assert_eq!(ids(&log, name, Some(after), max), expected);
        }
    }
}
