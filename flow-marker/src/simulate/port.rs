//! All flows of a port, in the order of their samples.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::random::Random;
use super::traffic::{Carrier, Flow, Packet, Plan, Shape};

/// Short flows that come one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    /// Flows a second.
    pub(super) per_second: f64,
    /// Bytes of the smallest and of the largest.
    pub(super) bytes: (f64, f64),
    /// The exponent of the distribution of their sizes.
    pub(super) exponent: f64,
    /// All else.
    pub(super) plan: Plan,
}

/// A port.
pub(super) struct Port {
    rate: u32,
    random: Random,
    flows: Vec<Flow>,
    next: BinaryHeap<Reverse<Due>>,
    short: Option<(Short, f64)>,
    numbers: u32,
}

/// A sampled packet that is due.
struct Due {
    packet: Packet,
    /// The flow's position in the list; none for one of the crowd.
    flow: usize,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_time = self.packet.at.total_cmp(&other.packet.at);
        by_time.then(self.flow.cmp(&other.flow))
    }
}

/// Numbers of flows of the crowd begin here; below are those that a scenario names.
pub(super) const CROWD: u32 = 1 << 20;

impl Port {
    /// A port that samples one packet in `rate`.
    pub(super) const fn new(rate: u32, random: Random) -> Self {
        Self {
            rate,
            random,
            flows: Vec::new(),
            next: BinaryHeap::new(),
            short: None,
            numbers: CROWD,
        }
    }

    /// Adds a flow with this number.
    pub(super) fn add(&mut self, number: u32, plan: Plan, start: f64) {
        let random = Random::new(self.random.next(), u64::from(number));
        self.enter(Flow::new(number, plan, start, random));
    }

    /// As [`Self::add`], with the acknowledgements that come back through another port, which samples as this one does.
    pub(super) fn add_both_ways(&mut self, number: u32, plan: Plan, start: f64) {
        let mut random = Random::new(self.random.next(), u64::from(number));
        let back = Random::new(random.next(), 1);
        let flow = Flow::new(number, plan, start, random);
        self.enter(flow.acknowledgements(back));
        self.enter(flow);
    }

    /// Adds flows of which none is ever sampled twice: traffic of so many bytes a second that fills datagrams.
    pub(super) fn add_crowd(&mut self, rate: f64, (link, frame): (f64, u32), start: f64) {
        let plan = Plan {
            shape: Shape::Steady,
            carrier: Carrier::Udp,
            rate,
            link,
            frame,
            retransmits: 0.0,
        };
        self.add(CROWD, plan, start);
    }

    /// Adds short flows without end.
    pub(super) fn add_short(&mut self, short: Short) {
        self.short = Some((short, 0.0));
    }

    fn enter(&mut self, mut flow: Flow) {
        if let Some(packet) = flow.sample(self.rate) {
            let at = self.flows.len();
            self.next.push(Reverse(Due { packet, flow: at }));
            self.flows.push(flow);
        }
    }

    /// Lets all short flows begin that do so before the next sample.
    fn begin(&mut self) {
        while let Some((short, start)) = self.short {
            let next = self
                .next
                .peek()
                .map_or(f64::INFINITY, |Reverse(due)| due.packet.at);
            if start > next {
                return;
            }
            let later = start + self.random.exponential(1.0 / short.per_second);
            self.short = Some((short, later));
            let (low, high) = short.bytes;
            let bytes = self.random.pareto(low, high, short.exponent);
            let rtt = self.random.between(0.1e-3, 2e-3);
            let plan = Plan {
                shape: Shape::SlowStart { rtt, bytes },
                ..short.plan
            };
            self.numbers = CROWD | (self.numbers + 1) & (CROWD - 1);
            let random = Random::new(self.random.next(), 1);
            self.enter(Flow::new(self.numbers, plan, start, random));
        }
    }

    /// The next sampled packet; `None` when all flows have ended.
    pub(super) fn next(&mut self) -> Option<Packet> {
        self.begin();
        let Reverse(Due { mut packet, flow }) = self.next.pop()?;
        let following = self.flows.get_mut(flow).and_then(|flow| flow.sample(self.rate));
        if let Some(packet) = following {
            self.next.push(Reverse(Due { packet, flow }));
        }
        if packet.flow == CROWD {
            // Every one of the crowd is somebody else.
            self.numbers = CROWD | (self.numbers + 1) & (CROWD - 1);
            packet.flow = self.numbers;
        }
        Some(packet)
    }
}
