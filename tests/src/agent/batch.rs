//! Packs samples into datagrams as an agent does.

use std::iter::Peekable;
use std::time::Duration;

use super::Agent;
use super::sample::Sample;
use super::timeline::Timeline;

/// The datagrams of an agent, each with the time at which it is sent.
#[derive(Debug, Clone)]
pub struct Datagrams {
    agent: Agent,
    samples: Peekable<Timeline>,
    batch: usize,
    hold: Duration,
}

impl Datagrams {
    pub(super) fn new(agent: Agent, timeline: Timeline, batch: usize, hold: Duration) -> Self {
        Self {
            agent,
            samples: timeline.peekable(),
            batch: batch.max(1),
            hold,
        }
    }
}

impl Iterator for Datagrams {
    type Item = (Duration, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let (first, sample) = self.samples.next()?;
        let deadline = first.saturating_add(self.hold);
        let mut batch: Vec<Sample> = vec![sample];
        let mut last = first;
        while batch.len() < self.batch {
            match self.samples.next_if(|(time, _)| *time <= deadline) {
                Some((time, sample)) => {
                    batch.push(sample);
                    last = time;
                }
                // Not full: it goes when the first sample has waited long enough.
                None => {
                    last = deadline;
                    break;
                }
            }
        }
        Some((last, self.agent.datagram(last, &batch)))
    }
}
