//! What is told to the controller, and how often: one of these for each receiving thread.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use super::watch::Hit;
use crate::clock::Time;
use crate::flow::AgentId;
use crate::keyed::Keyed;

/// Packets of one conversation that one agent has sampled since it was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The agent.
    pub agent: AgentId,
    /// ifIndex of the port that the last one entered by.
    pub port: u32,
    /// The conversation.
    pub hit: Hit,
    /// Packets that were sampled.
    pub samples: u32,
    /// Bytes that they stand for.
    pub bytes: u64,
    /// The first of them.
    pub first: Time,
}

/// Adds up sightings, so that a conversation is told once a second and not once a sample. Of fixed size: where two
/// conversations meet in one place, they are told more often.
#[derive(Debug)]
pub struct Teller {
    places: Box<[Option<Place>]>,
    hash: Keyed,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    sighting: Sighting,
    told: Option<Time>,
}

impl Default for Teller {
    fn default() -> Self {
        Self::new()
    }
}

impl Teller {
    /// Ten times as many as captures are made at once; 24 KiB.
    const PLACES: usize = 256;

    /// Sessions end after minutes of silence.
    const EVERY: Duration = Duration::from_secs(1);

    /// A teller that has told nothing.
    pub fn new() -> Self {
        Self {
            places: vec![None; Self::PLACES].into(),
            hash: Keyed::random(),
        }
    }

    /// A sample that stands for so many bytes has hit. What is to be told now, if anything; call [`Self::untold`] with it
    /// when nobody could take it.
    pub fn hit(&mut self, now: Time, agent: AgentId, port: u32, hit: Hit, bytes: u64) -> Option<Sighting> {
        let mut sighting = Sighting {
            agent,
            port,
            hit,
            samples: 1,
            bytes,
            first: now,
        };
        let place = self.place(agent, &hit)?;
        let mut told = None;
        if let Some(before) = place.as_ref().filter(|p| same(&p.sighting, &sighting)) {
            sighting.samples = before.sighting.samples.saturating_add(1);
            sighting.bytes = before.sighting.bytes.saturating_add(bytes);
            if before.sighting.samples > 0 {
                sighting.first = before.sighting.first;
            }
            told = before.told;
        }
        let due = told.is_none_or(|told| now.since(told) >= Self::EVERY);
        let kept = match due {
            false => sighting,
            true => Sighting {
                samples: 0,
                bytes: 0,
                ..sighting
            },
        };
        *place = Some(Place {
            sighting: kept,
            told: if due { Some(now) } else { told },
        });
        due.then_some(sighting)
    }

    /// Nobody could take it: it is told again with the next sample.
    pub fn untold(&mut self, sighting: &Sighting) {
        if let Some(Some(place)) = self.place(sighting.agent, &sighting.hit)
            && same(&place.sighting, sighting)
        {
            *place = Place {
                sighting: *sighting,
                told: None,
            };
        }
    }

    fn place(&mut self, agent: AgentId, hit: &Hit) -> Option<&mut Option<Place>> {
        let word = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let hash = self.hash.hash_one((agent.0, word(hit.local), word(hit.remote)));
        let place = usize::try_from(hash % u64::try_from(self.places.len()).ok()?).ok()?;
        self.places.get_mut(place)
    }
}

/// Whether both are of the same conversation at the same agent.
fn same(one: &Sighting, other: &Sighting) -> bool {
    one.agent == other.agent && (one.hit.local, one.hit.remote) == (other.hit.local, other.hit.remote)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIT: Hit = Hit {
        local: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
        remote: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
        list: 0,
    };

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_conversation_is_told_at_once_and_then_each_second() {
        let mut teller = Teller::new();
        let mut told = Vec::new();
        for tenth in 0..25 {
            told.extend(teller.hit(at(tenth * 100), AgentId(1), 7, HIT, 1500));
        }
        let told: Vec<_> = told.iter().map(|s| (s.first, s.samples, s.bytes)).collect();
        assert_eq!(
            told,
            [(at(0), 1, 1500), (at(100), 10, 15_000), (at(1100), 10, 15_000)]
        );
        // Another agent's view of it is another sighting.
        assert_eq!(teller.hit(at(2400), AgentId(2), 7, HIT, 1).unwrap().samples, 1);
    }

    #[test]
    fn what_nobody_took_is_told_again() {
        let mut teller = Teller::new();
        let sighting = teller.hit(at(0), AgentId(1), 7, HIT, 10).unwrap();
        teller.untold(&sighting);
        let again = teller.hit(at(1), AgentId(1), 7, HIT, 10).unwrap();
        assert_eq!((again.samples, again.bytes, again.first), (2, 20, at(0)));
    }
}
