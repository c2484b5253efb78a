//! Flows that are marked, and what the fabric sees of them: whether the mark arrives.
//!
//! All marks together are one `Marked`, which is replaced as a whole when a mark comes or goes. Receiving threads show it
//! every sampled packet of the inventory's agents; one bit keeps nearly every packet away from it, and nothing is
//! allocated. What they see is noted in atomics that they share with whoever judges the mark.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Time;
use crate::flow::{AgentId, FiveTuple};
use crate::keyed::Keyed;
use crate::packet::Header;

/// What was seen of one flow.
mod trace;
/// Which queues packets leave by.
mod queue;

pub use queue::{Queued, Queues};
pub use trace::{Seen, Sightings, Trace};

/// A switch that marks a flow, or is to mark it.
/// Two of them are the same when what they see is noted in the same trace.
#[derive(Debug, Clone)]
pub struct Place {
    /// The switch.
    pub agent: AgentId,
    /// The code point that its mark sets, if it sets one.
    pub dscp: Option<u8>,
    /// What is seen of the mark; `None`: it has not been sent to the switch.
    pub trace: Option<Arc<Trace>>,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        let traces = |place: &Self| place.trace.as_ref().map(Arc::as_ptr);
        (self.agent, self.dscp, traces(self)) == (other.agent, other.dscp, traces(other))
    }
}

/// All flows that are marked, or are to be marked, ready to be asked for.
#[derive(Debug, Default)]
pub struct Marked {
    /// Which pairs of ports they have, by 16 bits: 8 KiB, which stay in the first cache. Empty when there are none.
    ports: Box<[u64]>,
    flows: HashMap<FiveTuple, Vec<Place>, Keyed>,
    queues: Arc<Queues>,
}

/// How a packet left its switch, as its sample says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// ifIndex of the port.
    pub port: u32,
    /// The queue (sFlow structure 1036).
    pub queue: u32,
}

impl Marked {
    /// Of these flows. What is known of queues is kept from one to the next.
    pub fn new(flows: impl IntoIterator<Item = (FiveTuple, Place)>, queues: Arc<Queues>) -> Self {
        let mut marked = Self {
            queues,
            ..Self::default()
        };
        for (flow, place) in flows {
            if marked.ports.is_empty() {
                marked.ports = vec![0; 1 << 10].into();
            }
            let number = bit(flow.source_port, flow.destination_port);
            if let Some(word) = marked.ports.get_mut(number >> 6) {
                *word |= 1 << (number & 63);
            }
            marked.flows.entry(flow).or_default().push(place);
        }
        marked
    }

    /// Takes a sampled packet of an agent of the inventory, wherever on its way it was sampled.
    #[inline]
    pub fn sample(&self, now: Time, agent: AgentId, header: &Header, exit: Option<Exit>) {
        if self.ports.is_empty() {
            return;
        }
        match (self.find(header), exit) {
            (Some(places), exit) => self.seen(now, agent, (header, exit), places),
            (None, Some(exit)) if header.ip.is_some_and(|ip| ip.dscp == 0) => {
                self.queues.unmarked(agent, exit);
            }
            (None, _) => {}
        }
    }

    #[inline]
    fn find(&self, header: &Header) -> Option<&[Place]> {
        let ports = header.transport?;
        let number = bit(ports.source_port, ports.destination_port);
        if self.ports.get(number >> 6)? >> (number & 63) & 1 == 0 {
            return None;
        }
        Some(self.flows.get(&FiveTuple::of(header)?)?)
    }

    fn seen(&self, now: Time, agent: AgentId, (header, exit): (&Header, Option<Exit>), places: &[Place]) {
        let Some(ip) = header.ip else { return };
        // Where the flow is to be marked, too, it has not been marked by what comes behind.
        let enters = places.iter().any(|place| place.agent == agent);
        for place in places {
            let Some(trace) = &place.trace else { continue };
            let marked = place.dscp == Some(ip.dscp);
            // The switch that marks samples before it does.
            if place.agent == agent {
                trace.entered(now, ip.ttl);
            } else if marked {
                trace.marked(now, agent);
            } else if place.dscp.is_some() && !enters {
                trace.unmarked(now, agent, ip.ttl);
            }
            if let Some(exit) = exit
                && (marked || (place.agent == agent && trace.is_settled(now)))
                && let Some(at) = self.queues.claim(agent, exit.port)
            {
                trace.left(now, at, exit.queue);
            }
        }
    }
}

/// Which bit a pair of ports has.
#[inline]
fn bit(source: u16, destination: u16) -> usize {
    usize::from(source.wrapping_mul(0x9E37) ^ destination.rotate_left(3))
}

#[cfg(test)]
mod tests;
