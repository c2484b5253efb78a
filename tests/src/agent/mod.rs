//! A synthetic sFlow agent: real sFlow version 5 datagrams without a switch and without root.
//!
//! Written from the specification and sharing no code with the decoder, so that a misreading in one of them shows.
//! `Traffic` says what passes through a port, `Timeline` puts several of them and the ports' counters in order,
//! `Agent::datagrams` packs the samples as a switch does, and `play` sends them in real time. In virtual
//! time one just iterates.

mod batch;
mod packet;
mod play;
mod sample;
mod timeline;
mod xdr;

pub use batch::Datagrams;
pub use packet::{Packet, Protocol};
pub use play::{Playing, Sent, play};
pub use sample::{CounterSample, FlowSample, Port, PortCounters, Sample, Source};
pub use timeline::{Spacing, Timeline, Traffic};

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use xdr::Xdr;

/// An sFlow agent: the numbers it counts up from datagram to datagram.
#[derive(Debug, Clone)]
pub struct Agent {
    address: IpAddr,
    sub_agent: u32,
    sequence: u32,
    sources: BTreeMap<Source, SourceState>,
}

/// What an agent counts for each of its data sources.
#[derive(Debug, Clone, Copy, Default)]
struct SourceState {
    flow_sequence: u32,
    counter_sequence: u32,
    sample_pool: u32,
}

impl Agent {
    /// An agent that has just started.
    pub const fn new(address: IpAddr) -> Self {
        Self::with_sub_agent(address, 0)
    }

    /// One of several agents behind one address.
    pub const fn with_sub_agent(address: IpAddr, sub_agent: u32) -> Self {
        Self {
            address,
            sub_agent,
            sequence: 0,
            sources: BTreeMap::new(),
        }
    }

    /// The address that the datagrams carry.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Starts again from the first sequence number, as after a reboot.
    pub fn restart(&mut self) {
        self.sequence = 0;
        self.sources.clear();
    }

    /// The next datagram, with these samples, sent `uptime` after the agent started.
    pub fn datagram(&mut self, uptime: Duration, samples: &[Sample]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut out = Xdr::default();
        out.u32(5);
        out.address(self.address);
        out.u32(self.sub_agent);
        out.u32(self.sequence);
        out.u32(low_word(uptime.as_millis()));
        out.length(samples.len());
        for sample in samples {
            match sample {
                Sample::Flow(sample) => {
                    let state = self.sources.entry(sample.source).or_default();
                    state.flow_sequence = state.flow_sequence.wrapping_add(1);
                    state.sample_pool = state.sample_pool.wrapping_add(sample.pool_step);
                    sample.encode(state.flow_sequence, state.sample_pool, &mut out);
                }
                Sample::Counters(sample) => {
                    let state = self.sources.entry(sample.source).or_default();
                    state.counter_sequence = state.counter_sequence.wrapping_add(1);
                    sample.encode(state.counter_sequence, &mut out);
                }
                Sample::Raw { format, bytes } => out.structure(*format, |body| body.bytes(bytes)),
            }
        }
        out.into_bytes()
    }

    /// The samples of `timeline` in datagrams of at most `batch` samples, each with the time at which it is sent: when
    /// it is full, or `hold` after its first sample.
    pub fn datagrams(self, timeline: Timeline, batch: usize, hold: Duration) -> Datagrams {
        Datagrams::new(self, timeline, batch, hold)
    }
}

/// A counter of 32 bits that wraps.
fn low_word(count: u128) -> u32 {
    u32::try_from(count & u128::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
