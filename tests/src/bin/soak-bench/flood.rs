//! Random datagrams of random agents.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tests::agent::{Agent, CounterSample, FlowSample, Packet, Port, PortCounters, Sample, Source};
use tests::random::Random;

/// The switch that the inventory has; others send in its name.
pub(crate) const SWITCH: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Agents that send most of what is sent: about as many as have places, so that each place is filled with as much as it
/// can hold.
const LOUD: u32 = 2000;

/// Counter records of all kinds (sFlow v5, host, virtual machine and application structures).
const RECORDS: [u32; 24] = [
    1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 1001, 1002, 1003, 1004, 1005, 2000, 2003, 2004, 2005, 2006, 2101, 2103,
    2201, 2202,
];

/// A discarded-packet sample, and metrics with names of the agent's choice (enterprise 4300).
const RT_METRIC: u32 = 4300 << 12 | 1002;

/// Makes datagrams.
pub(crate) struct Flood {
    random: Random,
    agents: u32,
    /// By which sequence numbers and data sources of an agent seem to go on: those sent before do not matter here.
    sent: u64,
}

impl Flood {
    pub(crate) const fn new(seed: u64, agents: u32) -> Self {
        Self {
            random: Random::new(seed),
            agents,
            sent: 0,
        }
    }

    fn agent(&mut self) -> IpAddr {
        match self.random.below(20) {
            0 => SWITCH.into(),
            1 => {
                let number = u128::from(self.random.below(self.agents));
                Ipv6Addr::from(0x2001_0db8 << 96 | number).into()
            }
            _ => Ipv4Addr::from(10 << 24 | self.random.below(LOUD)).into(),
        }
    }

    /// The next datagram, sent at `now` of the engine's time.
    pub(crate) fn next(&mut self, now: Duration) -> Vec<u8> {
        self.sent += 1;
        let address = self.agent();
        // Uptime goes on, so that nothing is taken for a duplicate.
        let mut agent = Agent::with_sub_agent(address, self.random.below(100));
        let samples = [(); 6].map(|()| self.sample());
        agent.datagram(now + Duration::from_millis(self.sent % 1000), &samples)
    }

    fn sample(&mut self) -> Sample {
        match self.random.below(10) {
            0..6 => Sample::Flow(self.flow()),
            6 => Sample::Counters(self.port()),
            7 | 8 => self.counters(),
            _ => self.metrics(),
        }
    }

    fn source(&mut self) -> Source {
        // Ports that there may be, or anything.
        if self.random.below(2) == 0 {
            return Source::interface(1 + self.random.below(64));
        }
        Source {
            class: self.random.below(4),
            index: self.random.below(1 << 24),
        }
    }

    fn host(&mut self) -> SocketAddr {
        let port = u16::try_from(self.random.below(1 << 16)).unwrap_or(0);
        SocketAddr::from((Ipv4Addr::from_bits(self.random.below(u32::MAX)), port))
    }

    fn flow(&mut self) -> FlowSample {
        let packet = Packet::tcp(self.host(), self.host());
        let source = self.source();
        FlowSample {
            source,
            input: Port::Index(if self.random.below(2) == 0 {
                source.index
            } else {
                1 + self.random.below(1 << 20)
            }),
            expanded: true,
            drops: self.random.below(u32::MAX),
            ..FlowSample::new(packet, 1 + self.random.below(100_000), 1, 2)
        }
    }

    fn port(&mut self) -> CounterSample {
        let index = 1 + self.random.below(1 << 24);
        let counters = PortCounters {
            in_octets: self.random.bits(),
            out_octets: self.random.bits(),
            in_packets: self.random.below(u32::MAX),
            ..PortCounters::new(index, u64::from(self.random.below(u32::MAX)))
        };
        CounterSample::new(counters, &format!("port{index:x}"))
    }

    /// Counter records of random kinds with random contents.
    fn counters(&mut self) -> Sample {
        let mut words = vec![self.random.below(u32::MAX), self.random.below(1 << 26)];
        let records = 1 + self.random.below(6);
        words.push(records);
        for _ in 0..records {
            let kind = usize::try_from(self.random.below(24)).unwrap_or(0);
            words.extend([RECORDS.get(kind).copied().unwrap_or(1), 200]);
            // Fifty words, small ones among them, so that some are lengths and ifIndexes that make sense.
            words.extend((0..50).map(|n| self.random.below(if n % 3 == 0 { 1 << 8 } else { u32::MAX })));
        }
        Sample::Raw {
            format: 2,
            bytes: words.into_iter().flat_map(u32::to_be_bytes).collect(),
        }
    }

    /// Metrics with names of the agent's choice, in a data source that it has named too.
    fn metrics(&mut self) -> Sample {
        let mut bytes = Vec::new();
        let text = |name: String, bytes: &mut Vec<u8>| {
            let length = u32::try_from(name.len()).unwrap_or(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        };
        let name = |random: &mut Random| {
            let length = usize::try_from(random.below(100)).unwrap_or(0);
            let mut name = format!("n{:016x}", random.bits());
            name.extend(std::iter::repeat_n('x', length));
            name
        };
        // Often the same ones, so that each has as many metrics as it can have.
        let source = match self.random.below(4) {
            0 => name(&mut self.random),
            _ => format!("s{}", self.random.below(8)),
        };
        text(source, &mut bytes);
        bytes.extend(4_u32.to_be_bytes());
        for _ in 0..4 {
            text(name(&mut self.random), &mut bytes);
            // A text, or a gauge of 32 bits.
            if self.random.below(2) == 0 {
                bytes.extend(0_u32.to_be_bytes());
                text(name(&mut self.random), &mut bytes);
            } else {
                bytes.extend(3_u32.to_be_bytes());
                bytes.extend(self.random.below(u32::MAX).to_be_bytes());
            }
        }
        Sample::Raw {
            format: RT_METRIC,
            bytes,
        }
    }
}
