//! A shard in its thread: with the questions put to it, the plan that it follows, and what it sends on.

use super::ask::Inbox;
use super::forward::Forwarder;
use super::plan::Plans;
use super::shard::Shard;
use crate::clock::Time;
use crate::ingest::{Received, Sink};

/// Questions answered between two batches: each takes microseconds to a few milliseconds, and datagrams wait meanwhile.
const QUESTIONS: usize = 8;

/// What the receiving thread drives.
#[derive(Debug)]
pub struct Seat {
    shard: Shard,
    inbox: Inbox<Shard>,
    plans: Plans,
    forwarder: Forwarder,
}

impl Seat {
    pub(super) const fn new(shard: Shard, inbox: Inbox<Shard>, plans: Plans, forwarder: Forwarder) -> Self {
        Self {
            shard,
            inbox,
            plans,
            forwarder,
        }
    }
}

impl Sink for Seat {
    fn batch(&mut self, now: Time, batch: &[Received<'_>]) {
        for received in batch {
            self.forwarder.send(received.bytes);
        }
        self.shard.batch(now, batch);
    }

    fn rest(&mut self, now: Time) {
        // First the plan: whoever changed it and then asks is answered according to it.
        if let Some(plan) = self.plans.news() {
            let targets: Vec<_> = plan.forwarding.iter().map(|(_, target)| **target).collect();
            self.forwarder.follow(&targets);
            self.shard.follow(now, plan);
        }
        self.inbox.serve(&mut self.shard, now, QUESTIONS);
        self.shard.rest(now);
    }
}
