//! What passes through the ports of a switch, and which of it is sampled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::sample::{CounterSample, FlowSample, PortCounters, Sample};
use crate::random::Random;

/// Which packets of a flow are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Exactly every Nth.
    Regular,
    /// Each with probability 1/N, as real agents do.
    Random {
        /// The same seed samples the same packets.
        seed: u64,
    },
}

/// A flow of constant rate.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// How a packet of it is sampled; sequence number and pool are filled in.
    pub sample: FlowSample,
    /// Its rate in bits per second, counting whole frames with their frame check sequence.
    pub bits_per_second: u64,
    /// Which packets are sampled.
    pub spacing: Spacing,
    /// When its first packet passes.
    pub start: Duration,
    /// For how long packets pass.
    pub duration: Duration,
}

impl Traffic {
    /// A flow that starts at once and never ends, randomly sampled.
    pub const fn new(sample: FlowSample, bits_per_second: u64, seed: u64) -> Self {
        Self {
            sample,
            bits_per_second,
            spacing: Spacing::Random { seed },
            start: Duration::ZERO,
            duration: Duration::MAX,
        }
    }

    /// The same flow in another time.
    pub const fn during(self, start: Duration, duration: Duration) -> Self {
        Self {
            start,
            duration,
            ..self
        }
    }

    /// Its samples, each with the time at which the packet passes.
    pub fn samples(self) -> Samples {
        let seed = match self.spacing {
            Spacing::Regular => 0,
            Spacing::Random { seed } => seed,
        };
        Samples {
            traffic: self,
            random: Random::new(seed),
            packets: 0,
        }
    }

    /// When the packet after `packets` others passes.
    fn time(&self, packets: u64) -> Duration {
        const NANOSECONDS: u128 = 1_000_000_000;
        let bits = u128::from(packets) * u128::from(self.sample.packet.frame_length) * 8;
        let nanoseconds = bits * NANOSECONDS / u128::from(self.bits_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// The samples of a flow.
#[derive(Debug, Clone)]
pub struct Samples {
    traffic: Traffic,
    random: Random,
    /// Packets that have passed.
    packets: u64,
}

impl Iterator for Samples {
    type Item = (Duration, FlowSample);

    fn next(&mut self) -> Option<Self::Item> {
        let rate = self.traffic.sample.sampling_rate.max(1);
        let step = match self.traffic.spacing {
            Spacing::Regular => rate,
            Spacing::Random { .. } => skip(&mut self.random, rate),
        };
        self.packets += u64::from(step);
        let before = self.packets - 1;
        let time = self.traffic.time(before);
        if time >= self.traffic.duration {
            return None;
        }
        let mut sample = self.traffic.sample;
        sample.pool_step = step;
        let bytes = u128::from(before) * u128::from(sample.packet.payload_length());
        sample.packet.sequence = sample.packet.sequence.wrapping_add(super::low_word(bytes));
        let at = self.traffic.start.saturating_add(time);
        if let Some(timestamp) = &mut sample.packet.timestamp {
            *timestamp = timestamp.wrapping_add(super::low_word(at.as_millis()));
        }
        Some((at, sample))
    }
}

/// Packets up to and with the next sampled one, when each is sampled with probability 1/`rate`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest integer there is; the result is positive"
)]
fn skip(random: &mut Random, rate: u32) -> u32 {
    if rate == 1 {
        return 1;
    }
    // 53 random bits, from above 0 to 1.
    let uniform = ((random.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    let missed = uniform.ln() / (-1.0 / f64::from(rate)).ln_1p();
    (missed as u32).saturating_add(1)
}

/// Several flows and the counters of several ports, in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The next sample first, of thousands of flows as of a few.
    flows: BinaryHeap<Reverse<Upcoming>>,
    ports: Vec<CounterSample>,
    interval: Duration,
    /// When the counters are sent next, and for which port.
    next_port: (Duration, usize),
}

/// A flow in the order of its next sample; of two at the same time, the one that was added first.
#[derive(Debug, Clone)]
struct Upcoming {
    at: Duration,
    number: usize,
    sample: FlowSample,
    samples: Samples,
}

impl Ord for Upcoming {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Upcoming {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Upcoming {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Upcoming {}

impl Timeline {
    /// Nothing happens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a flow.
    pub fn with_flow(mut self, traffic: Traffic) -> Self {
        let mut samples = traffic.samples();
        let number = self.flows.len();
        if let Some((at, sample)) = samples.next() {
            self.flows.push(Reverse(Upcoming {
                at,
                number,
                sample,
                samples,
            }));
        }
        self
    }

    /// Adds ports whose counters are sent at the start and every `interval` after it. What the flows bring is counted.
    pub fn with_ports(mut self, ports: Vec<CounterSample>, interval: Duration) -> Self {
        self.ports = ports;
        // Without an interval nothing but counters would ever be sent.
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Counts what a sample stands for, so that the counters move with the traffic.
    fn count(&mut self, sample: &FlowSample) {
        use super::sample::Port;
        let packets = sample.pool_step;
        let octets = u64::from(packets) * u64::from(sample.packet.frame_length);
        for port in &mut self.ports {
            let PortCounters {
                if_index,
                in_octets,
                in_packets,
                out_octets,
                out_packets,
                ..
            } = &mut port.counters;
            if sample.input == Port::Index(*if_index) {
                *in_octets = in_octets.wrapping_add(octets);
                *in_packets = in_packets.wrapping_add(packets);
            }
            if sample.output == Port::Index(*if_index) {
                *out_octets = out_octets.wrapping_add(octets);
                *out_packets = out_packets.wrapping_add(packets);
            }
        }
    }
}

impl Iterator for Timeline {
    type Item = (Duration, Sample);

    fn next(&mut self) -> Option<Self::Item> {
        let flow = self.flows.peek().map(|Reverse(flow)| flow.at);
        let (time, port) = self.next_port;
        if let Some(sample) = self.ports.get(port)
            && flow.is_none_or(|at| time <= at)
        {
            let sample = sample.clone();
            self.next_port = match port + 1 < self.ports.len() {
                true => (time, port + 1),
                false => (time + self.interval, 0),
            };
            return Some((time, Sample::Counters(sample)));
        }
        let Reverse(mut flow) = self.flows.pop()?;
        let (time, sample) = (flow.at, flow.sample);
        if let Some((at, sample)) = flow.samples.next() {
            self.flows.push(Reverse(Upcoming { at, sample, ..flow }));
        }
        self.count(&sample);
        Some((time, Sample::Flow(sample)))
    }
}
