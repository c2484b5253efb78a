//! Which queues packets leave by.
//!
//! A queue that honours the mark is another one than that of unmarked traffic at the same port. What is told of a place
//! is its usual queue, by the majority vote of Boyer and Moore, which needs one word and forgets what was long ago.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Exit;
use crate::flow::AgentId;

/// Ports of which the queue of unmarked traffic is known: those by which marked flows leave. 64 KiB.
const PORTS: usize = 1 << 12;

/// Places that are looked at for one port before it is given up.
const TRIES: usize = 8;

/// Votes that a queue has at most, so that it loses them in as many samples when it changes.
const VOTES: u32 = 32;

/// The usual queue of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// The agent.
    pub agent: AgentId,
    /// ifIndex of the port that it leaves by.
    pub port: u32,
    /// Its queue there.
    pub queue: u32,
    /// By so many votes it is the usual one: samples by which it is ahead of all others.
    pub votes: u32,
    /// The queue of unmarked traffic (DSCP 0) at this port and its votes.
    pub unmarked: Option<(u32, u32)>,
}

/// The queues of unmarked traffic, by agent and port.
#[derive(Debug)]
pub struct Queues(Box<[Port]>);

#[derive(Debug, Default)]
struct Port {
    /// Agent and ifIndex, and one more than both, so that 0 is nobody.
    name: AtomicU64,
    vote: Vote,
}

/// A majority vote: the upper half is the queue that is ahead, the lower by how much.
#[derive(Debug, Default)]
pub(super) struct Vote(AtomicU64);

impl Vote {
    /// Counts a vote. Two threads at the same time may lose one.
    pub(super) fn cast(&self, queue: u32) {
        let (ahead, votes) = self.halves();
        let (ahead, votes) = match votes {
            0 => (queue, 1),
            votes if ahead == queue => (ahead, (votes + 1).min(VOTES)),
            votes => (ahead, votes - 1),
        };
        self.0.store(u64::from(ahead) << 32 | u64::from(votes), Relaxed);
    }

    /// Forgets all votes.
    pub(super) fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    /// The queue that is ahead, and its votes.
    fn ahead(&self) -> Option<(u32, u32)> {
        Some(self.halves()).filter(|(_, votes)| *votes > 0)
    }

    fn halves(&self) -> (u32, u32) {
        let vote = self.0.load(Relaxed);
        (low(vote >> 32), low(vote))
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self((0..PORTS).map(|_| Port::default()).collect())
    }
}

impl Queues {
    fn name(agent: AgentId, port: u32) -> u64 {
        (u64::from(agent.0) << 32 | u64::from(port)).saturating_add(1)
    }

    /// Where a port may be.
    fn places(name: u64) -> impl Iterator<Item = usize> {
        // Agents and ports are those of the inventory: nobody can choose them so that they meet in one place.
        let first = usize::try_from(name.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40).unwrap_or_default();
        (0..TRIES).map(move |step| (first + step) % PORTS)
    }

    /// The place of a port by which a marked flow leaves; `None` when there is no room. Each agent belongs to one thread,
    /// but the places do not.
    pub(super) fn claim(&self, agent: AgentId, port: u32) -> Option<usize> {
        let name = Self::name(agent, port);
        Self::places(name).find_map(|at| {
            let held = self.0.get(at)?.name.compare_exchange(0, name, Relaxed, Relaxed);
            (held.is_ok() || held == Err(name)).then_some(at)
        })
    }

    /// An unmarked packet left by this port, which matters if marked ones do, too.
    pub(super) fn unmarked(&self, agent: AgentId, exit: Exit) {
        let name = Self::name(agent, exit.port);
        for at in Self::places(name) {
            match self.0.get(at).map(|port| (port.name.load(Relaxed), &port.vote)) {
                Some((held, vote)) if held == name => return vote.cast(exit.queue),
                Some((0, _)) | None => return,
                Some(_) => {}
            }
        }
    }

    /// What the vote of a flow that leaves by this place comes to.
    pub(super) fn of(&self, at: usize, flow: &Vote) -> Option<Queued> {
        let (queue, votes) = flow.ahead()?;
        let place = self.0.get(at)?;
        let name = place.name.load(Relaxed).checked_sub(1)?;
        Some(Queued {
            agent: AgentId(low(name >> 32)),
            port: low(name),
            queue,
            votes,
            unmarked: place.vote.ahead(),
        })
    }
}

/// The lower half.
fn low(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default()
}
