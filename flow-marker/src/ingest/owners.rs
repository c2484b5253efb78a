//! Which thread owns an agent.
//!
//! The thread that receives an agent's first datagram claims it: usually it receives all others of this agent too. Later
//! datagrams are the owner's, wherever they arrive, so that a changed UDP port moves no state.
//!
//! The table has a fixed size, for the address is the sender's to choose. Agents of the inventory have a place of their
//! own. A claim is replaced when its agent has been silent for an hour; whoever finds no place belongs to the thread that
//! the hash of its address says, and so does who replaces somebody, so that finding a place later moves nobody.
//!
//! An address is represented by 39 bits of a keyed hash: two agents that share them share an owner, nothing else.

use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip::SipHasher13;

use crate::clock::Time;

/// Places that a hash can choose from; one cache line.
const WAYS: usize = 8;

/// Four times the agents that can be listened to fit without the usual crowding of a few buckets.
const SPARE: usize = 4;

/// A claim that was used less than this long ago is not replaced, in minutes. As long as admission remembers a silent
/// agent: who is replaced here has lost its state there.
const SILENT: u64 = 60;

/// A place of the table: 40 bits for the hash, 16 bits of the minute when it was used last, 8 bits for 1 + the owner.
/// All zero when nobody has it; in the inventory's places the owner is 0 until somebody claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim(u64);

impl Claim {
    const FREE: Self = Self(0);
    const HASH: u64 = !0 << 24;
    const MINUTES: u64 = 0xFFFF;

    fn new(hash: u64, minute: u64, owner: Option<usize>) -> Self {
        let owner = owner.map_or(0, |owner| u64::try_from(owner + 1).unwrap_or(0) & 0xFF);
        Self(hash & Self::HASH | (minute & Self::MINUTES) << 8 | owner)
    }

    const fn is_of(self, hash: u64) -> bool {
        // No hash is 0 (`Owners::hash`), so a free place is nobody's.
        (self.0 ^ hash) & Self::HASH == 0
    }

    fn owner(self) -> Option<usize> {
        usize::try_from(self.0 & 0xFF).ok()?.checked_sub(1)
    }

    const fn minute(self) -> u64 {
        self.0 >> 8 & Self::MINUTES
    }

    /// Minutes since it was used; the count of minutes wraps after 45 days, which makes a claim look younger once.
    const fn silence(self, minute: u64) -> u64 {
        minute.wrapping_sub(self.minute()) & Self::MINUTES
    }
}

/// The table of claims, shared by all receiving threads.
#[derive(Debug)]
pub(super) struct Owners {
    threads: usize,
    hasher: SipHasher13,
    /// The inventory's, in places that are probed one after the other; at most a quarter of them is in use.
    known: Box<[AtomicU64]>,
    /// All others', in buckets of [`WAYS`].
    others: Box<[AtomicU64]>,
}

impl Owners {
    /// For so many threads, with places for these agents, and for about so many others.
    pub(super) fn new(
        threads: usize,
        inventory: impl IntoIterator<Item = IpAddr>,
        others: usize,
        hasher: SipHasher13,
    ) -> Self {
        let inventory: Vec<_> = inventory.into_iter().collect();
        let free = |places: usize| (0..places).map(|_| AtomicU64::new(0)).collect();
        let owners = Self {
            threads: threads.max(1),
            hasher,
            known: free((inventory.len() * SPARE).next_power_of_two().max(WAYS)),
            others: free((others * SPARE).next_power_of_two().max(WAYS)),
        };
        for agent in inventory {
            let hash = owners.hash(agent);
            let place = owners.probe(hash).find(|place| {
                let claim = Claim(place.load(Ordering::Relaxed));
                claim == Claim::FREE || claim.is_of(hash)
            });
            if let Some(place) = place {
                place.store(Claim::new(hash, 0, None).0, Ordering::Relaxed);
            }
        }
        owners
    }

    /// The thread that owns `agent`: the caller, number `me`, if nobody has claimed it yet.
    pub(super) fn owner(&self, now: Time, agent: IpAddr, me: usize) -> usize {
        let hash = self.hash(agent);
        for place in self.probe(hash) {
            match Claim(place.load(Ordering::Relaxed)) {
                Claim::FREE => break,
                claim if claim.is_of(hash) => return Self::claim_known(place, claim, hash, me),
                _ => {}
            }
        }
        self.claim_other(now, hash, me)
    }

    /// An agent of the inventory: its place is its own for ever, and only its owner is still to be found.
    fn claim_known(place: &AtomicU64, seen: Claim, hash: u64, me: usize) -> usize {
        if let Some(owner) = seen.owner() {
            return owner;
        }
        let mine = Claim::new(hash, 0, Some(me)).0;
        match place.compare_exchange(seen.0, mine, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => me,
            // Another thread was faster.
            Err(claimed) => Claim(claimed).owner().unwrap_or(me),
        }
    }

    fn claim_other(&self, now: Time, hash: u64, me: usize) -> usize {
        let by_hash = self.by_hash(hash);
        let minute = now.as_nanos() / 60_000_000_000;
        let bucket = self.bucket(hash);
        // Each turn that ends without an answer was lost to a thread that took a place: there are only so many.
        for _ in 0..=WAYS {
            let mut free = None;
            let mut silent: Option<(&AtomicU64, Claim)> = None;
            for place in bucket {
                let claim = Claim(place.load(Ordering::Relaxed));
                if claim == Claim::FREE {
                    free = Some(place);
                    // Places are taken in order, so that nobody stands behind a free one.
                    break;
                }
                if claim.is_of(hash) {
                    return Self::touch(place, claim, minute).unwrap_or(by_hash);
                }
                let silence = claim.silence(minute);
                if silence >= SILENT && silent.is_none_or(|(_, other)| silence > other.silence(minute)) {
                    silent = Some((place, claim));
                }
            }
            let (place, seen, owner) = match (free, silent) {
                (Some(place), _) => (place, Claim::FREE, me),
                (None, Some((place, claim))) => (place, claim, by_hash),
                (None, None) => return by_hash,
            };
            let mine = Claim::new(hash, minute, Some(owner)).0;
            if place
                .compare_exchange(seen.0, mine, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
            {
                return owner;
            }
        }
        by_hash
    }

    /// Notes that a claim was used, once a minute. Nobody may notice when that is lost to another thread's note.
    fn touch(place: &AtomicU64, claim: Claim, minute: u64) -> Option<usize> {
        let owner = claim.owner();
        if claim.silence(minute) != 0 {
            let touched = Claim::new(claim.0, minute, owner).0;
            let _ = place.compare_exchange(claim.0, touched, Ordering::Relaxed, Ordering::Relaxed);
        }
        owner
    }

    fn hash(&self, agent: IpAddr) -> u64 {
        let address = match agent {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut hasher = self.hasher;
        hasher.write(&address.octets());
        // Never 0 in the part that is kept: a place with it would look free.
        hasher.finish() | 1 << 63
    }

    /// The low 24 bits are not part of a claim, and choose the place.
    fn probe(&self, hash: u64) -> impl Iterator<Item = &AtomicU64> {
        let start = place_of(hash) & (self.known.len() - 1);
        let (before, after) = self.known.split_at_checked(start).unwrap_or_default();
        after.iter().chain(before)
    }

    fn bucket(&self, hash: u64) -> &[AtomicU64] {
        let buckets = self.others.len() / WAYS;
        let start = (place_of(hash) & (buckets - 1)) * WAYS;
        self.others.get(start..start + WAYS).unwrap_or_default()
    }

    fn by_hash(&self, hash: u64) -> usize {
        // Other bits than those that choose a place.
        usize::try_from(hash >> 32).unwrap_or_default() % self.threads
    }
}

fn place_of(hash: u64) -> usize {
    usize::try_from(hash & 0xFF_FFFF).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn owners(inventory: &[IpAddr], others: usize) -> Owners {
        let hasher = SipHasher13::new_with_keys(1, 2);
        Owners::new(4, inventory.iter().copied(), others, hasher)
    }

    fn agent(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0x0A00_0000 + n))
    }

    fn at(minutes: u64) -> Time {
        Time::START + Duration::from_secs(60 * minutes)
    }

    #[test]
    fn the_first_receiver_owns_an_agent_whoever_receives_it_later() {
        let owners = owners(&[agent(1)], 16);
        for (n, first) in [(1, 3), (2, 1), (3, 0)] {
            assert_eq!(owners.owner(at(0), agent(n), first), first);
            for later in 0..4 {
                assert_eq!(owners.owner(at(5), agent(n), later), first);
            }
        }
    }

    #[test]
    fn an_address_is_the_same_agent_in_both_notations() {
        let owners = owners(&[], 16);
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped();
        assert_eq!(owners.owner(at(0), mapped.into(), 2), 2);
        assert_eq!(owners.owner(at(0), agent(1), 0), 2);
    }

    #[test]
    fn a_flood_of_invented_agents_neither_grows_the_table_nor_takes_the_inventorys_places() {
        let inventory: Vec<_> = (0..1000).map(agent).collect();
        let owners = owners(&inventory, 64);
        let places = owners.others.len();
        let flood: Vec<_> = (10_000..20_000).map(agent).collect();
        let first: Vec<_> = flood.iter().map(|a| owners.owner(at(0), *a, 1)).collect();
        assert!(
            first.contains(&0) && first.contains(&3),
            "who finds no place goes by hash"
        );
        for me in [0, 2] {
            let again: Vec<_> = flood.iter().map(|a| owners.owner(at(1), *a, me)).collect();
            assert_eq!(again, first, "nobody moves");
        }
        for agent in inventory {
            assert_eq!(owners.owner(at(2), agent, 2), 2);
            assert_eq!(owners.owner(at(2), agent, 3), 2);
        }
        assert_eq!(owners.others.len(), places);
    }

    #[test]
    fn a_silent_claim_is_replaced_and_finding_a_place_moves_nobody() {
        let owners = owners(&[], 8);
        let flood: Vec<_> = (0..1000).map(agent).collect();
        let before: Vec<_> = flood.iter().map(|a| owners.owner(at(0), *a, 1)).collect();
        // One stays in use; all others fall silent.
        let (kept, _) = flood.iter().zip(&before).find(|(_, owner)| **owner == 1).unwrap();
        for minute in 0..90 {
            assert_eq!(owners.owner(at(minute), *kept, 0), 1);
        }
        let newcomers: Vec<_> = (5000..6000).map(agent).collect();
        let first: Vec<_> = newcomers.iter().map(|a| owners.owner(at(90), *a, 1)).collect();
        let later: Vec<_> = newcomers.iter().map(|a| owners.owner(at(91), *a, 2)).collect();
        assert_eq!(first, later);
        assert_eq!(owners.owner(at(91), *kept, 3), 1, "in use all the time");
        // Those without a place at first, who get one now, stay where they were.
        let by_hash = |a: &IpAddr| owners.by_hash(owners.hash(*a));
        for (agent, before) in flood.iter().zip(before).filter(|(_, owner)| *owner != 1) {
            assert_eq!(
                (owners.owner(at(200), *agent, 1), by_hash(agent)),
                (before, before)
            );
        }
    }

    #[test]
    fn minutes_wrap() {
        let claim = Claim::new(1 << 63, 0xFFFF, Some(0));
        assert_eq!((claim.silence(0x1_0000), claim.silence(0x1_0003)), (1, 4));
    }

    #[test]
    fn threads_that_meet_a_new_agent_at_once_agree() {
        let owners = owners(&[agent(1), agent(2)], 256);
        let barrier = std::sync::Barrier::new(4);
        let answers: Vec<Vec<_>> = std::thread::scope(|scope| {
            let meet = |me| {
                let (owners, barrier) = (&owners, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    (0..2000).map(|n| owners.owner(at(0), agent(n), me)).collect()
                })
            };
            let threads: Vec<_> = (0..4).map(meet).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }
}
