//! When packets were sent.
//!
//! A sample carries no time, and agents hold samples back until a datagram is full or a second is over: judged by its
//! arrival, a burst looks simultaneous. In the order of trust: the agent's timestamp of the sample (sFlow format 1043),
//! the sender's clock in the packet (TCP timestamps, RFC 7323), the arrival.

use std::net::IpAddr;

use super::Observation;
use super::table::{Place, Table};
use crate::clock::Time;
use crate::flow::{Fingerprint, FlowHasher};

/// What told when packets were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// The agent's timestamp of the sample (sFlow format 1043).
    Record,
    /// The sender's TCP timestamps.
    Sender,
    /// The arrival of the datagram. Its uptime, when the agent sent it, would say no more: samples are held back before.
    Arrival,
}

impl Clock {
    /// The name in answers and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "timestamp record",
            Self::Sender => "TCP timestamps",
            Self::Arrival => "arrival",
        }
    }
}

/// A time on a clock that can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// [`Clock::Record`] or [`Clock::Sender`].
    pub(super) clock: Clock,
    /// Its ticks; wraps.
    pub(super) ticks: u32,
}

impl Reading {
    /// The most trusted time of a sample, if it can be trusted.
    pub(super) fn of(seen: &Observation) -> Option<Self> {
        if let Some(ns) = seen.recorded {
            // Microseconds wrap after 71 minutes, and evidence is a few seconds old.
            let ticks = u32::try_from((ns / 1000) & u64::from(u32::MAX)).unwrap_or_default();
            return Some(Self {
                clock: Clock::Record,
                ticks,
            });
        }
        let ticks = seen.segment?.timestamp?;
        Some(Self {
            clock: Clock::Sender,
            ticks,
        })
    }
}

/// Agents may hold a sample for a second (sFlow v5 §4.2.2), and a network delays a little more: by so much a span by
/// arrival may differ from the true one, in seconds.
const HELD: f64 = 1.1;

/// The unit of a sender's TCP timestamps, which nothing in the packet tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(u8);

impl Tick {
    /// In the order in which they are tried: Linux since 4.13 and most others, Linux 6.7 with `tcp_usec_ts`, Linux
    /// before with HZ = 250 and 100.
    const SECONDS: [f64; 4] = [1e-3, 1e-6, 4e-3, 1e-2];

    /// A millisecond, as long as nothing contradicts.
    pub(super) const USUAL: Self = Self(0);
    const MICROSECOND: Self = Self(1);

    /// In seconds.
    pub(super) fn seconds(self) -> f64 {
        Self::SECONDS.get(usize::from(self.0)).copied().unwrap_or(1e-3)
    }

    fn all() -> impl Iterator<Item = Self> {
        (0..4).map(Self)
    }

    /// The tick of `clock` when `ticks` of it passed while `elapsed` seconds passed by arrival: `assumed`, unless that
    /// cannot be. `None` when no tick explains both.
    pub(super) fn explaining(clock: Clock, assumed: Self, ticks: u32, elapsed: f64) -> Option<Self> {
        if clock == Clock::Record {
            return Some(Self::MICROSECOND);
        }
        let explains = |tick: &Self| (f64::from(ticks) * tick.seconds() - elapsed).abs() <= HELD;
        std::iter::once(assumed).chain(Self::all()).find(explains)
    }

    /// The tick that such a span proves; `None` when it is too short, or none fits. Two neighbours differ by 2.5 at
    /// least, and the span must tell them apart whatever was held back.
    pub(super) fn proven(ticks: u32, elapsed: f64) -> Option<Self> {
        if elapsed < 4.0 {
            return None;
        }
        let fits = |tick: &Self| {
            let ratio = f64::from(ticks) * tick.seconds() / elapsed;
            (0.7..1.4).contains(&ratio)
        };
        Self::all().find(fits)
    }
}

/// What is known of one sender.
#[derive(Debug, Clone, Copy)]
struct Sender {
    fingerprint: Fingerprint,
    tick: Tick,
    at: Time,
}

impl Place for Sender {
    const EMPTY: Self = Self {
        fingerprint: 0,
        tick: Tick::USUAL,
        at: Time::START,
    };

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The one that was heard of last is worth most.
    fn value(&self, _: Time) -> f64 {
        self.at.as_nanos() as f64
    }
}

/// The ticks of senders, as far as they were learned.
#[derive(Debug)]
pub(super) struct Senders(Table<Sender>);

impl Senders {
    /// For so many senders, 48 bytes each.
    pub(super) fn new(capacity: usize) -> Self {
        Self(Table::new(capacity))
    }

    /// The tick of a sender.
    pub(super) fn tick(&mut self, hasher: &FlowHasher, sender: IpAddr) -> Tick {
        let known = self.0.find(hasher.address(sender));
        known.map_or(Tick::USUAL, |sender| sender.tick)
    }

    /// Remembers the tick of a sender, when the span proves one. A usual one need not be remembered, unless another was.
    pub(super) fn learn(&mut self, hasher: &FlowHasher, sender: IpAddr, now: Time, ticks: u32, elapsed: f64) {
        let Some(tick) = Tick::proven(ticks, elapsed) else {
            return;
        };
        let fingerprint = hasher.address(sender);
        if let Some(known) = self.0.find(fingerprint) {
            (known.tick, known.at) = (tick, now);
        } else if tick != Tick::USUAL {
            let new = Sender {
                fingerprint,
                tick,
                at: now,
            };
            self.0.touch(fingerprint, now, new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_a_millisecond_until_that_cannot_be() {
        let explaining =
            |ticks, elapsed| Tick::explaining(Clock::Sender, Tick::USUAL, ticks, elapsed).map(Tick::seconds);
        // Half a second of samples that were held together.
        assert_eq!(explaining(500, 0.0), Some(1e-3));
        assert_eq!(explaining(500_000, 0.5), Some(1e-6));
        assert_eq!(explaining(500, 2.0), Some(4e-3));
        assert_eq!(explaining(300, 3.0), Some(1e-2));
        assert_eq!(explaining(u32::MAX, 1.0), None);
        // The agent's own timestamps need no guess.
        let record = Tick::explaining(Clock::Record, Tick::USUAL, 7_000_000, 0.0);
        assert_eq!(record.map(Tick::seconds), Some(1e-6));
    }

    #[test]
    fn ticks_are_told_apart_whatever_was_held_back() {
        for tick in Tick::all() {
            for elapsed in [4.0, 7.0, 60.0] {
                for held in [-1.0, -0.5, 0.0, 0.5, 1.0] {
                    let ticks = crate::detect::number::rounded((elapsed + held) / tick.seconds());
                    let ticks = u32::try_from(ticks).unwrap();
                    assert_eq!(Tick::proven(ticks, elapsed), Some(tick), "{elapsed} {held}");
                }
            }
        }
        assert_eq!(Tick::proven(3000, 3.0), None, "too short");
        assert_eq!(
            Tick::proven(40_000, 10.0),
            None,
            "a quarter of a millisecond is none"
        );
    }

    #[test]
    fn senders_are_remembered_one_by_one() {
        let hasher = FlowHasher::with_seed([1, 2]);
        let mut senders = Senders::new(64);
        let [old, new] = ["10.0.0.1", "2001:db8::1"].map(|text| text.parse().unwrap());
        senders.learn(&hasher, old, Time::START, 500, 5.0);
        senders.learn(&hasher, new, Time::START, 5000, 5.0);
        assert_eq!(senders.tick(&hasher, old).seconds(), 1e-2);
        assert_eq!(senders.tick(&hasher, new), Tick::USUAL);
        assert_eq!(senders.0.len(), 1);
        // It was updated.
        senders.learn(&hasher, old, Time::START, 5000, 5.0);
        assert_eq!(senders.tick(&hasher, old), Tick::USUAL);
    }
}
