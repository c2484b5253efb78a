//! Interned names.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Time;

/// A name that is in use; valid as long as somebody who acquired it has not released it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(u32);

#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    users: u32,
    /// When a value of this name was last stored, and until when it lasts.
    last: Option<(Time, Time)>,
}

/// The names in use in one shard, each with the number of its users. A name that nobody uses is forgotten, so that
/// names of agents' own choosing take no memory after their values.
#[derive(Debug, Default)]
pub struct Names {
    slots: Vec<Slot>,
    by_name: HashMap<Arc<str>, MetricId>,
    free: Vec<MetricId>,
}

impl Names {
    /// The longest name, in bytes. sFlow-RT's own are shorter than 40; flow definitions and agents choose theirs.
    pub const MAX_LENGTH: usize = 128;

    /// The identity of `name`, for one user more; `None` when the name is empty, too long, or has control characters.
    pub fn acquire(&mut self, name: &str) -> Option<MetricId> {
        if name.is_empty() || name.len() > Self::MAX_LENGTH || name.contains(char::is_control) {
            return None;
        }
        if let Some(id) = self.find(name) {
            self.retain(id);
            return Some(id);
        }
        let name: Arc<str> = name.into();
        let slot = Slot {
            name: Arc::clone(&name),
            users: 1,
            last: None,
        };
        let id = if let Some(id) = self.free.pop() {
            *self.slots.get_mut(id.0 as usize)? = slot;
            id
        } else {
            let id = MetricId(u32::try_from(self.slots.len()).ok()?);
            self.slots.push(slot);
            id
        };
        self.by_name.insert(name, id);
        Some(id)
    }

    /// Counts one more user of a name that has one.
    pub(super) fn retain(&mut self, id: MetricId) {
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            slot.users = slot.users.saturating_add(1);
        }
    }

    /// Gives back what was acquired once.
    pub fn release(&mut self, id: MetricId) {
        let Some(slot) = self.slots.get_mut(id.0 as usize) else {
            return;
        };
        if slot.users == 0 {
            return;
        }
        slot.users -= 1;
        if slot.users == 0 {
            self.by_name.remove(&slot.name);
            slot.name = Arc::from("");
            slot.last = None;
            self.free.push(id);
        }
    }

    /// The identity of `name`, when somebody uses it.
    pub fn find(&self, name: &str) -> Option<MetricId> {
        self.by_name.get(name).copied()
    }

    /// The name; empty when nobody uses it.
    pub fn name(&self, id: MetricId) -> &Arc<str> {
        static NONE: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| Arc::from(""));
        self.slots.get(id.0 as usize).map_or(&NONE, |slot| &slot.name)
    }

    /// Notes that a value of this name was stored, and until when it lasts.
    pub(super) fn note(&mut self, id: MetricId, at: Time, until: Time) {
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            let (seen, lasts) = slot.last.unwrap_or((at, until));
            slot.last = Some((at.max(seen), until.max(lasts)));
        }
    }

    /// The names that have had a value which lasts, and when the youngest was stored.
    pub fn seen(&self, now: Time) -> impl Iterator<Item = (&Arc<str>, Time)> {
        let lasting = move |slot: &Slot| slot.last.filter(|(_, until)| *until >= now).map(|(at, _)| at);
        self.slots
            .iter()
            .filter_map(move |slot| Some((&slot.name, lasting(slot)?)))
    }

    /// Names in use.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether no name is in use.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lives_as_long_as_its_users() {
        let mut names = Names::default();
        let a = names.acquire("load_one").unwrap();
        assert_eq!(names.acquire("load_one"), Some(a));
        names.release(a);
        assert_eq!(&**names.name(a), "load_one");
        names.release(a);
        assert_eq!(names.find("load_one"), None);
        assert_eq!(&**names.name(a), "");
        assert_eq!(names.acquire("other"), Some(a), "the place is used again");
        names.release(a);
        names.release(a);
        assert!(names.is_empty());
        assert_eq!((names.slots.len(), names.free.len()), (1, 1));
    }

    #[test]
    fn odd_names_are_refused() {
        let mut names = Names::default();
        let long = "x".repeat(Names::MAX_LENGTH + 1);
        for name in ["", "a\nb", long.as_str()] {
            assert_eq!(names.acquire(name), None, "{name:?}");
        }
        assert!(names.acquire(&long[1..]).is_some());
    }
}
