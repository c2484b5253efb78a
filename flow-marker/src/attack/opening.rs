//! Floods of packets that open TCP connections (SYN floods, RFC 4987).
//!
//! A service is flooded when so many of these come a second, and four in five of its packets from elsewhere are of this
//! kind. A crowd of clients does not look like that: each of them acknowledges, asks and goes, which are three packets at
//! least after the one that opened.
//!
//! Sources are easily forged, and a rule against all of them would be the outage that the attack is after. So only one that
//! four in five of these packets come from, and that says hardly anything else to the service, is named in what would have
//! to be dropped; otherwise no source is, and the attack is only told of.

use std::hash::BuildHasher;
use std::net::IpAddr;

use shared::units::BitRate;

use super::{Attack, Drop, EVERY, Entering, SAMPLES, TAU, bits, weight};
use crate::clock::Time;
use crate::flow::AgentId;
use crate::keyed::Keyed;
use crate::packet::{IpProtocol, TcpFlags};

/// So many of its packets to every other one must open connections: 80 %.
const SHARE: f64 = 4.0;

#[derive(Debug, Clone, Copy)]
struct Place {
    agent: AgentId,
    service: (IpAddr, u16),
    /// Packets a second that open, others, and bytes a second of those that open, as of `last`.
    opening: f64,
    others: f64,
    rate: f64,
    bytes: u64,
    samples: u32,
    suspect: Suspect,
    first: Time,
    last: Time,
    told: Option<Time>,
}

/// The source that most of the samples are from, if one is (Boyer and Moore 1981).
#[derive(Debug, Clone, Copy)]
struct Suspect {
    source: IpAddr,
    votes: u32,
    /// Samples that open since it is this one: its own, and all.
    own: u32,
    all: u32,
    /// Its samples that do not open.
    talk: u32,
}

impl Suspect {
    const fn new(source: IpAddr) -> Self {
        Self {
            source,
            votes: 0,
            own: 0,
            all: 0,
            talk: 0,
        }
    }

    fn count(&mut self, source: IpAddr) {
        /// What was long ago says nothing about now.
        const MANY: u32 = 1000;
        if source == self.source {
            self.votes = (self.votes + 1).min(MANY);
            self.own += 1;
        } else if self.votes == 0 {
            *self = Self::new(source);
            (self.votes, self.own) = (1, 1);
        } else {
            self.votes -= 1;
        }
        self.all += 1;
        if self.all > MANY {
            (self.own, self.all, self.talk) = (self.own / 2, self.all / 2, self.talk / 2);
        }
    }

    /// The source, when nearly everything is from it and nothing else.
    fn proven(&self) -> Option<IpAddr> {
        let alone = self.own >= SAMPLES && f64::from(self.own) >= SHARE * f64::from(self.all - self.own);
        let silent = f64::from(self.own) >= SHARE * f64::from(self.talk);
        (alone && silent).then_some(self.source)
    }
}

/// Measures what opens connections to our hosts. Of fixed size; in each place the larger rate stays.
#[derive(Debug)]
pub(super) struct Openings {
    places: Box<[Option<Place>]>,
    hash: Keyed,
    /// Packets a second that make a flood.
    threshold: f64,
    /// When a service last had a tenth of that.
    busy: Option<Time>,
}

impl Openings {
    /// Attacks at once, many times over: 192 KiB.
    const PLACES: usize = 1024;

    pub(super) fn new(threshold: u32) -> Self {
        Self {
            places: vec![None; Self::PLACES].into(),
            hash: Keyed::random(),
            threshold: threshold.into(),
            busy: None,
        }
    }

    pub(super) fn set_threshold(&mut self, threshold: u32) {
        self.threshold = threshold.into();
    }

    /// Whether a packet with these flags is to be looked at: in peace, only those that open are.
    pub(super) fn asks_for(&self, now: Time, flags: TcpFlags) -> bool {
        opens(flags) || self.busy.is_some_and(|busy| now.since(busy).as_secs_f64() < TAU)
    }

    /// A TCP packet towards one of our hosts, which stands for so many bytes. The attack that it belongs to, when that is to
    /// be told now.
    pub(super) fn sample(
        &mut self,
        now: Time,
        (agent, port): (AgentId, u32),
        entering: &Entering<'_>,
        bytes: u64,
    ) -> Option<Attack> {
        let flow = entering.flow;
        let service = (flow.destination, flow.destination_port);
        let opens = opens(entering.flags?);
        let packets = weight(entering.packets) / TAU;
        let key = (agent.0, bits(service.0), service.1);
        let count = u64::try_from(self.places.len()).ok()?;
        let index = usize::try_from(self.hash.hash_one(key) % count).ok()?;
        let slot = self.places.get_mut(index)?;
        let mut place = match slot {
            Some(place) if (place.agent, place.service) == (agent, service) => place.aged(now),
            _ if !opens => return None,
            Some(place) if place.aged(now).opening > packets => return None,
            _ => Place::new(agent, service, flow.source, now),
        };
        if opens {
            place.opening += packets;
            place.rate += weight(bytes) / TAU;
        } else {
            place.others += packets;
        }
        if place.opening < self.threshold / 10.0 {
            // What was before is no evidence of what may come.
            place.forget(now, flow.source);
        } else {
            self.busy = Some(now);
        }
        if opens {
            place.bytes = place.bytes.saturating_add(bytes);
            place.samples = place.samples.saturating_add(1);
            place.suspect.count(flow.source);
        } else if flow.source == place.suspect.source {
            place.suspect.talk = place.suspect.talk.saturating_add(1);
        }
        let much = place.opening >= self.threshold && place.samples >= SAMPLES;
        let due = much
            && place.opening >= SHARE * place.others
            && place.told.is_none_or(|told| now.since(told) >= EVERY);
        if due {
            place.told = Some(now);
        }
        *slot = Some(place);
        due.then(|| Attack {
            agent,
            port,
            drop: Drop {
                destination: service.0,
                source: place.suspect.proven(),
                protocol: IpProtocol::TCP,
                source_port: None,
                destination_port: Some(service.1),
                opening: true,
            },
            rate: BitRate::from_bytes_per_second(place.rate),
            bytes: place.bytes,
            samples: place.samples,
            first: place.first,
        })
    }
}

impl Place {
    const fn new(agent: AgentId, service: (IpAddr, u16), source: IpAddr, now: Time) -> Self {
        Self {
            agent,
            service,
            opening: 0.0,
            others: 0.0,
            rate: 0.0,
            bytes: 0,
            samples: 0,
            suspect: Suspect::new(source),
            first: now,
            last: now,
            told: None,
        }
    }

    /// With rates as of now.
    fn aged(mut self, now: Time) -> Self {
        let left = (-now.since(self.last).as_secs_f64() / TAU).exp();
        self.opening *= left;
        self.others *= left;
        self.rate *= left;
        self.last = self.last.max(now);
        self
    }

    fn forget(&mut self, now: Time, source: IpAddr) {
        (self.bytes, self.samples, self.first) = (0, 0, now);
        self.suspect = Suspect::new(source);
    }
}

/// Whether a packet opens a connection: SYN without ACK (RFC 9293 §3.5).
const fn opens(flags: TcpFlags) -> bool {
    flags.intersects(TcpFlags::SYN) && !flags.intersects(TcpFlags::ACK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Meter;
    use crate::attack::tests::{flow, meter};
    use crate::flow::FiveTuple;

    const SYN: TcpFlags = TcpFlags::SYN;
    const ACK: TcpFlags = TcpFlags::ACK;

    /// A packet of `source` with these flags, a sample each 10 ms, of `rate` packets a second in all.
    fn sample(meter: &mut Meter, n: u64, source: u8, flags: TcpFlags, rate: u64) -> Option<Attack> {
        let flow = FiveTuple {
            protocol: IpProtocol::TCP,
            destination_port: 443,
            ..flow(source, "10.1.1.1", 40_000)
        };
        let entering = Entering {
            flow: &flow,
            flags: Some(flags),
            packets: rate / 100,
        };
        let now = Time::from_nanos(n * 10_000_000);
        meter.sample(now, (AgentId(0), 3), &entering, rate / 100 * 64)
    }

    /// What is told within 20 seconds of such packets, 100,000 a second unless it is said.
    fn told(rate: u64, packet: impl Fn(u64) -> (u8, TcpFlags)) -> Vec<Attack> {
        let mut meter = meter();
        let all = (0..2000).filter_map(|n| {
            let (source, flags) = packet(n);
            sample(&mut meter, n, source, flags, rate)
        });
        all.collect()
    }

    fn some(n: u64, of: u64) -> u8 {
        u8::try_from(n.wrapping_mul(0x9E37_79B9) >> 7 & 0xFF).unwrap() % u8::try_from(of).unwrap()
    }

    #[test]
    fn a_flood_from_one_source_is_named_and_nothing_but_what_opens() {
        let attacks = told(100_000, |n| (if n % 10 == 0 { some(n, 200) } else { 250 }, SYN));
        assert!(
            (15..=20).contains(&attacks.len()),
            "once a second: {}",
            attacks.len()
        );
        assert_eq!(
            attacks.last().unwrap().drop,
            Drop {
                destination: "10.1.1.1".parse().unwrap(),
                source: Some("192.0.2.250".parse().unwrap()),
                protocol: IpProtocol::TCP,
                source_port: None,
                destination_port: Some(443),
                opening: true,
            }
        );
        let rate = attacks.last().unwrap().rate.as_f64();
        assert!((rate / 51.2e6 - 1.0).abs() < 0.2, "{rate}");
    }

    #[test]
    fn a_flood_from_many_sources_names_none() {
        let attacks = told(100_000, |n| (some(n, 200), SYN));
        assert!(attacks.len() > 10);
        assert!(
            attacks.iter().all(|attack| attack.drop.source.is_none()),
            "{attacks:?}"
        );
        // Half of it from one source: a rule would not help, and whose address that is nobody knows.
        let attacks = told(100_000, |n| (if n % 2 == 0 { 250 } else { some(n, 200) }, SYN));
        assert!(
            attacks.iter().all(|attack| attack.drop.source.is_none()),
            "{attacks:?}"
        );
    }

    #[test]
    fn a_source_whose_connections_work_is_not_named() {
        // Somebody forges the address of a client that is busy with us.
        let attacks = told(200_000, |n| (250, if n % 3 == 0 { ACK } else { SYN }));
        assert!(attacks.is_empty(), "one in three is no share of a flood");
        let attacks = told(200_000, |n| match n % 20 {
            0..=3 => (250, ACK),
            _ => (if n % 20 < 17 { 250 } else { some(n, 200) }, SYN),
        });
        assert!(
            attacks.iter().all(|attack| attack.drop.source.is_none()),
            "{attacks:?}"
        );
    }

    #[test]
    fn a_crowd_of_clients_is_no_flood() {
        // A quarter of their packets open connections; the rest acknowledge, ask and close.
        let flags = |n: u64| match n % 4 {
            0 => SYN,
            3 => TcpFlags(ACK.0 | TcpFlags::FIN.0),
            _ => ACK,
        };
        assert_eq!(told(1_000_000, |n| (some(n, 250), flags(n))), []);
        // Nor behind one address, as of a proxy.
        assert_eq!(told(1_000_000, |n| (7, flags(n))), []);
        // Answers to our own connections open nothing.
        assert_eq!(told(1_000_000, |n| (some(n, 250), TcpFlags(SYN.0 | ACK.0))), []);
        assert_eq!(told(20_000, |n| (some(n, 250), SYN)), [], "too few");
    }
}
