//! What became of recent changes, for those who ask later. Bounded: the oldest decided ones are forgotten first.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use super::change::{Effect, Verdict};
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
    pub who: Arc<str>,
}

/// A record as it is kept: thousands are, nearly all of one ACL that is on the switch now.
#[derive(Debug)]
struct Kept {
    state: State,
    what: Box<str>,
    who: Arc<str>,
}

#[derive(Debug)]
enum State {
    Pending,
    /// One ACL; whether that waits for its confirmation.
    Done(Effect, bool),
    Decided(Box<Verdict>),
    Confirmed,
    Reverted,
}

impl From<CommitState> for State {
    fn from(state: CommitState) -> Self {
        match state {
            CommitState::Pending => Self::Pending,
            CommitState::Decided(Verdict::Done { effects, unconfirmed }) => match effects.as_slice() {
                [effect] => Self::Done(*effect, unconfirmed),
                _ => Self::Decided(Box::new(Verdict::Done { effects, unconfirmed })),
            },
            CommitState::Decided(verdict) => Self::Decided(Box::new(verdict)),
            CommitState::Confirmed => Self::Confirmed,
            CommitState::Reverted => Self::Reverted,
        }
    }
}

impl From<&State> for CommitState {
    fn from(state: &State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Done(effect, unconfirmed) => Self::Decided(Verdict::Done {
                effects: vec![*effect],
                unconfirmed: *unconfirmed,
            }),
            State::Decided(verdict) => Self::Decided(Verdict::clone(verdict)),
            State::Confirmed => Self::Confirmed,
            State::Reverted => Self::Reverted,
        }
    }
}

/// The recent changes.
#[derive(Debug)]
pub struct Registry {
    start: u32,
    last: u64,
    records: BTreeMap<CommitId, Kept>,
    /// The decided ones, in the order of their verdicts.
    decided: VecDeque<CommitId>,
}

/// So many verdicts are remembered: those of all that can wait at a time, twice.
const REMEMBERED: usize = 8192;

impl Default for Registry {
    fn default() -> Self {
        // Seeded by the system, so that ids of an earlier start mean nothing to this one.
        let bits = RandomState::new().build_hasher().finish();
        Self {
            start: u32::try_from(bits >> 32).unwrap_or_default(),
            last: 0,
            records: BTreeMap::new(),
            decided: VecDeque::new(),
        }
    }
}

impl Registry {
    /// Registers a new change, which is pending.
    pub fn open(&mut self, what: String, who: Arc<str>) -> CommitId {
        self.last += 1;
        let id = CommitId {
            start: self.start,
            number: self.last,
        };
        let state = CommitState::Pending;
        self.keep(id, Record { state, what, who });
        id
    }

    fn keep(&mut self, id: CommitId, record: Record) {
        // Most are of the same caller as the one before.
        let before = self.records.values().next_back();
        let who = before.map(|before| &before.who).filter(|who| **who == record.who);
        let kept = Kept {
            state: record.state.into(),
            what: record.what.into_boxed_str(),
            who: Arc::clone(who.unwrap_or(&record.who)),
        };
        self.records.insert(id, kept);
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
            (State::Pending, _) => self.decided.push_back(id),
            // It was confirmed between the end of its batch and the answer.
            (_, CommitState::Decided(_)) => return,
            _ => {}
        }
        record.state = state.into();
        while self.decided.len() > REMEMBERED {
            if let Some(oldest) = self.decided.pop_front() {
                self.records.remove(&oldest);
            }
        }
    }

    /// A change of an earlier start that is still unconfirmed.
    pub fn adopt(&mut self, id: CommitId, record: Record) {
        self.keep(id, record);
        self.decided.push_back(id);
    }

    /// What is remembered of a change.
    pub fn get(&self, id: CommitId) -> Option<Record> {
        let kept = self.records.get(&id)?;
        Some(Record {
            state: (&kept.state).into(),
            what: kept.what.to_string(),
            who: Arc::clone(&kept.who),
        })
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
