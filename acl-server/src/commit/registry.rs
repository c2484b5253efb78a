//! What became of recent changes, for those who ask later. Bounded: the oldest decided ones are forgotten first.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};

use super::change::Verdict;
use super::id::CommitId;

/// Where a change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitState {
    /// It waits, or the tool is at it.
    Pending,
    /// It was carried out, or turned away.
    Decided(Verdict),
    /// It was carried out, and confirmed in time.
    Confirmed,
    /// It was carried out, not confirmed in time, and taken back.
    Reverted,
}

/// What is remembered of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub state: CommitState,
    /// What it was to do, for people.
    pub what: String,
    /// Who wanted it.
    pub who: std::sync::Arc<str>,
}

/// The recent changes.
#[derive(Debug)]
pub struct Registry {
    start: u32,
    last: u64,
    records: HashMap<CommitId, Record>,
    /// The decided ones, in the order of their verdicts.
    decided: VecDeque<CommitId>,
}

/// So many verdicts are remembered: a batch of the largest size, and as much again.
const REMEMBERED: usize = 8192;

impl Default for Registry {
    fn default() -> Self {
        // Seeded by the system, so that ids of an earlier start mean nothing to this one.
        let bits = RandomState::new().build_hasher().finish();
        Self {
            start: u32::try_from(bits >> 32).unwrap_or_default(),
            last: 0,
            records: HashMap::new(),
            decided: VecDeque::new(),
        }
    }
}

impl Registry {
    /// Registers a new change, which is pending.
    pub fn open(&mut self, what: String, who: std::sync::Arc<str>) -> CommitId {
        self.last += 1;
        let id = CommitId {
            start: self.start,
            number: self.last,
        };
        let state = CommitState::Pending;
        self.records.insert(id, Record { state, what, who });
        id
    }

    /// It was never queued.
    pub fn forget(&mut self, id: CommitId) {
        self.records.remove(&id);
    }

    /// There is a verdict, or a later state.
    pub fn set(&mut self, id: CommitId, state: CommitState) {
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        match (&record.state, &state) {
            (CommitState::Pending, _) => self.decided.push_back(id),
            // It was confirmed between the end of its batch and the answer.
            (_, CommitState::Decided(_)) => return,
            _ => {}
        }
        record.state = state;
        while self.decided.len() > REMEMBERED {
            if let Some(oldest) = self.decided.pop_front() {
                self.records.remove(&oldest);
            }
        }
    }

    /// A change of an earlier start that is still unconfirmed.
    pub fn adopt(&mut self, id: CommitId, record: Record) {
        self.records.insert(id, record);
        self.decided.push_back(id);
    }

    /// What is remembered of a change.
    pub fn get(&self, id: CommitId) -> Option<&Record> {
        self.records.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_forgotten_in_order_and_pending_changes_never() {
        let mut registry = Registry::default();
        let pending = registry.open(String::new(), "x".into());
        let ids: Vec<_> = (0..REMEMBERED + 10)
            .map(|_| registry.open(String::new(), "x".into()))
            .collect();
        for id in &ids {
            registry.set(*id, CommitState::Decided(Verdict::Moot));
            registry.set(*id, CommitState::Confirmed);
        }
        assert_eq!(registry.records.len(), REMEMBERED + 1);
        assert!(registry.get(pending).is_some());
        assert!(registry.get(ids[9]).is_none() && registry.get(ids[10]).is_some());
    }
}
