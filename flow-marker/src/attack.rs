//! Attacks on our hosts, as one receiving thread sees them: amplification and floods.
//!
//! Amplification is much UDP from one well-known source port to one of our hosts. A flood is much UDP to one port of one of
//! our hosts from many sources, which tells it from one large transfer. Both come from elsewhere. What is measured is an
//! exponential average over four seconds of what samples stand for. TCP is flooded with packets that open connections
//! (`opening`).

mod opening;

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use shared::units::BitRate;

use crate::clock::Time;
use crate::config::Drops;
use crate::flow::{AgentId, FiveTuple};
use crate::keyed::Keyed;
use crate::packet::{IpProtocol, TcpFlags};
use crate::prefixes::Prefixes;
use opening::Openings;

/// Time constant of the average: attacks last for minutes, and a wrong drop is worse than a late one.
const TAU: f64 = 4.0;

/// Samples that a rate is believed of: it is then within 36 % in 95 of 100 cases (196·√(1/n) %).
const SAMPLES: u32 = 30;

/// Of 64 bits of a hash of the source, so many must have been seen: 20 sources, of which some fell together.
const SOURCES: u32 = 16;

/// An attack is told of at most so often.
const EVERY: Duration = Duration::from_secs(1);

/// Which packets towards one address are discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Drop {
    /// Where they go.
    pub destination: IpAddr,
    /// Whose packets; `None`: anybody's. Of the same family as `destination`.
    pub source: Option<IpAddr>,
    /// TCP or UDP.
    pub protocol: IpProtocol,
    /// Where they come from: the service that an attack is reflected by.
    pub source_port: Option<u16>,
    /// The service that is attacked.
    pub destination_port: Option<u16>,
    /// Only packets that open a TCP connection: SYN without ACK.
    pub opening: bool,
}

/// A packet that enters the fabric here.
#[derive(Debug, Clone, Copy)]
pub struct Entering<'a> {
    /// Its flow.
    pub flow: &'a FiveTuple,
    /// Its flags, if it is TCP.
    pub flags: Option<TcpFlags>,
    /// How many packets its sample stands for.
    pub packets: u64,
}

/// An attack at this moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attack {
    /// The agent that sees it enter.
    pub agent: AgentId,
    /// ifIndex of the port that its last packet entered by.
    pub port: u32,
    /// What would have to be dropped: as narrow as what was seen.
    pub drop: Drop,
    /// Its rate.
    pub rate: BitRate,
    /// Bytes that its samples stood for.
    pub bytes: u64,
    /// How many samples these were.
    pub samples: u32,
    /// The first of them.
    pub first: Time,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    agent: AgentId,
    drop: Drop,
    /// Bytes a second, as of `last`.
    rate: f64,
    bytes: u64,
    samples: u32,
    sources: u64,
    first: Time,
    last: Time,
    told: Option<Time>,
}

impl Place {
    fn decayed(&self, now: Time) -> f64 {
        self.rate * (-now.since(self.last).as_secs_f64() / TAU).exp()
    }
}

/// Which hosts are protected.
#[derive(Debug)]
pub struct Protected(Prefixes);

impl Protected {
    /// As the configuration says.
    pub fn new(config: &Drops) -> Self {
        let local = config.local.iter().map(|prefix| (*prefix, 1));
        let never = config.exclude.iter().map(|prefix| (*prefix, 0));
        Self(Prefixes::new(never.chain(local).collect::<Vec<(IpNet, u32)>>()))
    }

    /// Whether traffic from elsewhere may be an attack on one of them; `None`: from anybody.
    pub fn covers(&self, destination: IpAddr, source: Option<IpAddr>) -> bool {
        self.0.find(destination) == Some(1) && source.is_none_or(|source| self.0.find(source).is_none())
    }
}

/// Measures what comes to our hosts from elsewhere. Of fixed size; in each place the larger rate stays.
#[derive(Debug)]
pub struct Meter {
    places: Box<[Option<Place>]>,
    hash: Keyed,
    protected: Protected,
    ports: Box<[u16]>,
    threshold: BitRate,
    openings: Openings,
}

impl Meter {
    /// Attacks at once, many times over: 512 KiB.
    const PLACES: usize = 4096;

    /// A meter that has seen nothing. Without local prefixes it never will.
    pub fn new(config: &Drops) -> Self {
        Self {
            places: vec![None; Self::PLACES].into(),
            hash: Keyed::random(),
            protected: Protected::new(config),
            ports: config.ports.clone().into(),
            threshold: config.threshold,
            openings: Openings::new(config.syn_rate),
        }
    }

    /// Looks out for what is an attack by this configuration from now on. What was measured stays.
    pub fn follow(&mut self, config: &Drops) {
        self.protected = Protected::new(config);
        self.ports = config.ports.clone().into();
        self.threshold = config.threshold;
        self.openings.set_threshold(config.syn_rate);
    }

    /// A sample that stands for so many bytes. The attack that it belongs to, when that is to be told now.
    pub fn sample(
        &mut self,
        now: Time,
        (agent, port): (AgentId, u32),
        entering: &Entering<'_>,
        bytes: u64,
    ) -> Option<Attack> {
        let flow = entering.flow;
        // The cheapest questions first; nearly all traffic is TCP of connections that are open.
        let asked = match entering.flags {
            Some(flags) => self.openings.asks_for(now, flags),
            None => flow.protocol == IpProtocol::UDP,
        };
        if !asked || !self.protected.covers(flow.destination, Some(flow.source)) {
            return None;
        }
        if flow.protocol == IpProtocol::TCP {
            return self.openings.sample(now, (agent, port), entering, bytes);
        }
        let amplified = self.ports.contains(&flow.source_port);
        let drop = Drop {
            destination: flow.destination,
            source: None,
            protocol: flow.protocol,
            source_port: amplified.then_some(flow.source_port),
            destination_port: (!amplified).then_some(flow.destination_port),
            opening: false,
        };
        let source = self.hash.hash_one(bits(flow.source));
        let threshold = self.threshold.as_f64();
        let fresh = Place {
            agent,
            drop,
            rate: 0.0,
            bytes: 0,
            samples: 0,
            sources: 0,
            first: now,
            last: now,
            told: None,
        };
        let slot = self.place(&fresh)?;
        let mut place = match slot {
            Some(place) if (place.agent, place.drop) == (agent, drop) => *place,
            // A small flood does not hide a large one. Neither is forgotten for less than what it is.
            Some(place) if place.decayed(now) > weight(bytes) / TAU => return None,
            _ => fresh,
        };
        place.rate = place.decayed(now) + weight(bytes) / TAU;
        if place.rate * 8.0 < threshold / 10.0 {
            // What was before is no evidence of what may come.
            (place.samples, place.bytes, place.sources, place.first) = (0, 0, 0, now);
        }
        place.bytes = place.bytes.saturating_add(bytes);
        place.samples = place.samples.saturating_add(1);
        place.sources |= 1 << (source & 63);
        place.last = now;
        let much = place.rate * 8.0 >= threshold && place.samples >= SAMPLES;
        let attack = much && (amplified || place.sources.count_ones() >= SOURCES);
        let due = attack && place.told.is_none_or(|told| now.since(told) >= EVERY);
        if due {
            place.told = Some(now);
        }
        *slot = Some(place);
        due.then(|| Attack {
            agent,
            port,
            drop,
            rate: BitRate::from_bytes_per_second(place.rate),
            bytes: place.bytes,
            samples: place.samples,
            first: place.first,
        })
    }

    fn place(&mut self, of: &Place) -> Option<&mut Option<Place>> {
        let Drop {
            source_port,
            destination_port,
            ..
        } = of.drop;
        let key = (
            of.agent.0,
            bits(of.drop.destination),
            source_port,
            destination_port,
        );
        let count = u64::try_from(self.places.len()).ok()?;
        let place = usize::try_from(self.hash.hash_one(key) % count).ok()?;
        self.places.get_mut(place)
    }
}

const fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits() as u128,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn weight(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53 bytes")]
    let bytes = bytes as f64;
    bytes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    pub(super) fn meter() -> Meter {
        let text = "[drop]\nlocal = [\"10.0.0.0/8\"]\nexclude = [\"10.9.0.0/16\"]\nthreshold = \"100M\"\n";
        Meter::new(&Config::parse(Path::new("t"), text).unwrap().drop)
    }

    pub(super) fn flow(source: u8, destination: &str, source_port: u16) -> FiveTuple {
        FiveTuple {
            source: [192, 0, 2, source].into(),
            destination: destination.parse().unwrap(),
            protocol: IpProtocol::UDP,
            source_port,
            destination_port: 4444,
        }
    }

    /// A sample of a flow that stands for so many bytes, one each 10 ms.
    fn sample(meter: &mut Meter, n: u64, flow: &FiveTuple, bytes: u64) -> Option<Attack> {
        let tcp = flow.protocol == IpProtocol::TCP;
        let entering = Entering {
            flow,
            flags: tcp.then_some(TcpFlags::ACK),
            packets: 1000,
        };
        meter.sample(
            Time::from_nanos(n * 10_000_000),
            (AgentId(0), 3),
            &entering,
            bytes,
        )
    }

    /// The first attack within five seconds of samples at this rate, and when.
    fn first(mbps: u64, flow_of: impl Fn(u8) -> FiveTuple) -> Option<(u64, Attack)> {
        let mut meter = meter();
        (0..500_u64).find_map(|n| {
            let flow = flow_of(u8::try_from(n % 250).unwrap());
            // A sample each 10 ms.
            let attack = sample(&mut meter, n, &flow, mbps * 1250)?;
            Some((n * 10, attack))
        })
    }

    #[test]
    fn amplification_and_floods_are_found_and_as_narrow_as_they_are() {
        let (ms, attack) = first(400, |_| flow(1, "10.1.1.1", 53)).unwrap();
        assert!((1000..2000).contains(&ms), "{ms}");
        assert_eq!(
            (attack.drop.source_port, attack.drop.destination_port),
            (Some(53), None)
        );
        let (_, attack) = first(400, |n| flow(n, "10.1.1.1", 40_000 + u16::from(n))).unwrap();
        assert_eq!(
            (attack.drop.source_port, attack.drop.destination_port),
            (None, Some(4444))
        );
        assert_eq!(attack.drop.destination, "10.1.1.1".parse::<IpAddr>().unwrap());
        assert!(attack.rate >= "100M".parse().unwrap());
    }

    #[test]
    fn what_is_no_attack_is_none() {
        assert_eq!(first(80, |_| flow(1, "10.1.1.1", 53)), None, "too little");
        assert_eq!(
            first(400, |_| flow(1, "10.1.1.1", 40_000)),
            None,
            "one large transfer"
        );
        assert_eq!(first(400, |_| flow(1, "11.1.1.1", 53)), None, "not ours");
        assert_eq!(first(400, |_| flow(1, "10.9.1.1", 53)), None, "excluded");
        let tcp = |_| FiveTuple {
            protocol: IpProtocol::TCP,
            ..flow(1, "10.1.1.1", 53)
        };
        assert_eq!(first(400, tcp), None);
        let inside = |_| FiveTuple {
            source: [10, 1, 1, 2].into(),
            ..flow(1, "10.1.1.1", 53)
        };
        assert_eq!(first(400, inside), None, "from one of ours");
    }

    #[test]
    fn an_attack_is_told_each_second() {
        let mut meter = meter();
        let told =
            (0..500_u64).filter(|n| sample(&mut meter, *n, &flow(1, "10.1.1.1", 53), 1_250_000).is_some());
        assert_eq!(told.count(), 5);
    }
}
