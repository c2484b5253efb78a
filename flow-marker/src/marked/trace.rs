//! What was seen of one flow since its mark was sent to the switch.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::queue::{Queued, Queues, Vote};
use crate::clock::Time;
use crate::flow::AgentId;

/// Samples of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How many.
    pub samples: u64,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
    /// The agent of the last one.
    pub agent: AgentId,
}

/// What was seen of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sightings {
    /// At the switch that marks it, since the mark is settled there.
    pub entered: Option<Seen>,
    /// Elsewhere, with the mark.
    pub marked: Option<Seen>,
    /// Elsewhere, with another code point, since the mark is settled.
    pub unmarked: Option<Seen>,
    /// Those of the unmarked that came after the last marked one, and when the first of them came.
    pub in_a_row: Option<(u32, Time)>,
    /// By which queue it leaves.
    pub queued: Option<Queued>,
}

/// Notes what is seen of one flow. Many threads may write and read it; nobody waits.
#[derive(Debug, Default)]
pub struct Trace {
    /// From then on every packet is marked, if the mark works, in nanoseconds; 0: not yet.
    settled: AtomicU64,
    entered: Notes,
    marked: Notes,
    unmarked: Notes,
    in_a_row: AtomicU32,
    row_began: AtomicU64,
    /// Time to live where it is marked; 0: not known.
    ttl: AtomicU32,
    /// The port whose queue is looked at, and one more; 0: none.
    exit: AtomicUsize,
    /// When it was seen there last.
    left: AtomicU64,
    queue: Vote,
}

/// A flow that has not left by a port for so long leaves by another one.
const MOVED: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Notes {
    samples: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
    agent: AtomicU32,
}

impl Notes {
    fn add(&self, now: Time, agent: AgentId) {
        // 0 means never.
        let now = now.as_nanos().max(1);
        let _ = self.first.compare_exchange(0, now, Relaxed, Relaxed);
        self.last.fetch_max(now, Relaxed);
        self.agent.store(agent.0, Relaxed);
        self.samples.fetch_add(1, Relaxed);
    }

    fn read(&self) -> Option<Seen> {
        let samples = self.samples.load(Relaxed);
        (samples > 0).then(|| Seen {
            samples,
            first: Time::from_nanos(self.first.load(Relaxed)),
            last: Time::from_nanos(self.last.load(Relaxed)),
            agent: AgentId(self.agent.load(Relaxed)),
        })
    }
}

impl Trace {
    /// From `at` on samples show packets that were marked, if the mark works. Whatever had none in a row is forgotten.
    pub fn settle(&self, at: Time) {
        self.settled.store(at.as_nanos().max(1), Relaxed);
        self.in_a_row.store(0, Relaxed);
    }

    /// Nobody knows whether the switch marks it now.
    pub fn unsettle(&self) {
        self.settled.store(0, Relaxed);
    }

    pub(super) fn is_settled(&self, now: Time) -> bool {
        let settled = self.settled.load(Relaxed);
        settled != 0 && settled <= now.as_nanos()
    }

    pub(super) fn entered(&self, now: Time, ttl: u8) {
        self.ttl.store(ttl.into(), Relaxed);
        if self.is_settled(now) {
            self.entered.add(now, AgentId(0));
        }
    }

    pub(super) fn marked(&self, now: Time, agent: AgentId) {
        self.marked.add(now, agent);
        self.in_a_row.store(0, Relaxed);
    }

    pub(super) fn unmarked(&self, now: Time, agent: AgentId, ttl: u8) {
        let here = self.ttl.load(Relaxed);
        // A router on the way makes it smaller: with more to live, a packet has not been here yet.
        if !self.is_settled(now) || (here != 0 && u32::from(ttl) > here) {
            return;
        }
        self.unmarked.add(now, agent);
        if self.in_a_row.fetch_add(1, Relaxed) == 0 {
            self.row_began.store(now.as_nanos(), Relaxed);
        }
    }

    /// It left by the port with this place, by this queue. Of several ports on its way only one is looked at, until it
    /// does not leave there any more.
    pub(super) fn left(&self, now: Time, at: usize, queue: u32) {
        let exit = self.exit.load(Relaxed);
        if exit != at + 1 {
            let left = Time::from_nanos(self.left.load(Relaxed));
            if exit != 0 && now.since(left) < MOVED {
                return;
            }
            self.exit.store(at + 1, Relaxed);
            self.queue.clear();
        }
        self.left.store(now.as_nanos(), Relaxed);
        self.queue.cast(queue);
    }

    /// What was seen. The parts are read one after another, so they may differ by the samples of a moment.
    pub fn read(&self, queues: &Queues) -> Sightings {
        let in_a_row = self.in_a_row.load(Relaxed);
        let exit = self.exit.load(Relaxed).checked_sub(1);
        Sightings {
            entered: self.entered.read(),
            marked: self.marked.read(),
            unmarked: self.unmarked.read(),
            in_a_row: (in_a_row > 0).then(|| (in_a_row, Time::from_nanos(self.row_began.load(Relaxed)))),
            queued: exit.and_then(|at| queues.of(at, &self.queue)),
        }
    }

    /// Samples at the switch that marks it, since the mark is settled there.
    pub fn entering(&self) -> u64 {
        self.entered.samples.load(Relaxed)
    }

    /// The first marked packet that was sampled elsewhere.
    pub fn first_marked(&self) -> Option<Time> {
        self.marked.read().map(|seen| seen.first)
    }
}
