//! How many connections there may be, and which one makes room for a new one.
//!
//! When all places are taken, an idle connection leaves: of the peer that has the most, the one that has been idle for
//! longest. So a peer that opens a thousand connections and says nothing pushes out its own, and not the one kept
//! connection of somebody who works. A connection that has just come or has just been answered leaves only for a peer that
//! has fewer. One that is being answered never leaves; if all are, the new one waits.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the clock for the state machine of each connection"
)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::activity::{Activity, Idleness};
use super::counters::{Counters, count};
use super::peer::Peer;

/// How often to look again whether a connection has become idle, while one waits for a place.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long a shortage of the system is remembered.
const SHORTAGE: Duration = Duration::from_secs(10);

/// Whose connections are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    /// An IPv4 address, or an IPv6 network: a host has all addresses of its /64.
    Network(IpAddr),
    User(u32),
    Unknown,
}

impl Origin {
    fn of(peer: &Peer) -> Self {
        match (peer.address.map(|address| address.ip()), peer.unix) {
            (Some(IpAddr::V6(address)), _) => {
                let network = address.to_bits() >> 64 << 64;
                Self::Network(Ipv6Addr::from_bits(network).into())
            }
            (Some(address), _) => Self::Network(address),
            (None, Some(unix)) => Self::User(unix.uid),
            (None, None) => Self::Unknown,
        }
    }
}

/// What one connection is doing; shared with those who can tell.
#[derive(Debug, Clone)]
pub(super) struct Books(Arc<Mutex<Activity>>);

impl Books {
    /// Books of a connection that begins now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Activity::new(Instant::now()))))
    }

    /// The state. Nothing waits while it is held.
    pub(super) fn lock(&self) -> MutexGuard<'_, Activity> {
        // Counts and times are never half changed, so a panic elsewhere leaves them usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Open {
    origin: Origin,
    books: Books,
    leave: Arc<Notify>,
    asked: bool,
}

/// The places of a server.
pub(super) struct Admission {
    max: usize,
    /// By number, in the order in which they came.
    open: Mutex<BTreeMap<u64, Open>>,
    freed: Notify,
    /// How many places there are for a while, and until when.
    short: Mutex<Option<(usize, Instant)>>,
    counters: Arc<Counters>,
}

/// The place of one connection; dropping it is leaving.
pub(super) struct Place {
    admission: Arc<Admission>,
    number: u64,
    /// What the connection is doing.
    pub(super) books: Books,
    leave: Arc<Notify>,
}

impl Admission {
    /// `max` places, at least one.
    pub(super) fn new(max: usize, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            max: max.max(1),
            open: Mutex::default(),
            freed: Notify::new(),
            short: Mutex::default(),
            counters,
        })
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.open().len()
    }

    /// A place for a connection of `peer`, as soon as there is one.
    pub(super) async fn admit(self: &Arc<Self>, peer: &Peer) -> Place {
        loop {
            let origin = Origin::of(peer);
            if let Some(place) = self.enter(origin) {
                count(&self.counters.accepted);
                return place;
            }
            self.make_room(origin);
            // Whether one has left or one has become idle meanwhile: look again.
            let _ = timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
    }

    fn enter(self: &Arc<Self>, origin: Origin) -> Option<Place> {
        let mut open = self.open();
        if open.len() >= self.places() {
            return None;
        }
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        let (books, leave) = (Books::new(), Arc::new(Notify::new()));
        let entry = Open {
            origin,
            books: books.clone(),
            leave: Arc::clone(&leave),
            asked: false,
        };
        open.insert(number, entry);
        Some(Place {
            admission: Arc::clone(self),
            number,
            books,
            leave,
        })
    }

    /// The system had no file descriptor, or no memory, for another connection: for a while there are fewer places, so that
    /// some are left for those who work. Returns whether this is news.
    pub(super) fn shortage(&self) -> bool {
        let now = Instant::now();
        let mut open = self.open();
        let enough = (open.len() / 4 * 3).max(1);
        let mut short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        let news = short.is_none_or(|(_, until)| until <= now);
        *short = Some((enough, now + SHORTAGE));
        let surplus = open.len().saturating_sub(enough).max(1);
        self.ask_to_leave(&mut open, surplus, 0, now);
        news
    }

    /// How many places there are now.
    fn places(&self) -> usize {
        let now = Instant::now();
        let short = *self.short.lock().unwrap_or_else(PoisonError::into_inner);
        let fewer = short.filter(|(_, until)| now < *until);
        fewer.map_or(self.max, |(enough, _)| enough.min(self.max))
    }

    /// Asks an idle connection to leave for one of `newcomer`, unless one that was asked is still about to.
    fn make_room(&self, newcomer: Origin) {
        let mut open = self.open();
        let own = open.values().filter(|entry| entry.origin == newcomer).count();
        self.ask_to_leave(&mut open, 1, own, Instant::now());
    }

    /// Asks so many idle connections to leave, those included that were asked before and are still about to. The newcomer's
    /// origin has `own` connections.
    fn ask_to_leave(&self, open: &mut BTreeMap<u64, Open>, many: usize, own: usize, now: Instant) {
        let mut connections: HashMap<Origin, usize> = HashMap::new();
        for entry in open.values() {
            *connections.entry(entry.origin).or_default() += 1;
        }
        let mut leaving = 0;
        let mut idle = Vec::new();
        for (&number, entry) in open.iter() {
            let Some((idleness, since)) = entry.books.lock().idleness(now) else {
                continue;
            };
            if entry.asked {
                leaving += 1;
                continue;
            }
            let crowd = connections.get(&entry.origin).copied().unwrap_or_default();
            // One less for them and one more for us is no more just, if it is only the other way round.
            if idleness != Idleness::Fresh || crowd > own + 1 {
                idle.push((idleness, Reverse(crowd), since, number));
            }
        }
        // Resting before stalled before fresh; of the origin that has the most connections; idle for longest.
        idle.sort_unstable();
        for (.., number) in idle.into_iter().take(many.saturating_sub(leaving)) {
            if let Some(entry) = open.get_mut(&number) {
                entry.asked = true;
                entry.leave.notify_one();
                count(&self.counters.made_room);
            }
        }
    }
}

impl Place {
    /// Returns when the connection should leave, to make room.
    pub(super) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.open().remove(&self.number);
        self.admission.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Peer {
        Peer {
            address: Some(address.parse().unwrap()),
            ..Peer::default()
        }
    }

    fn admission(max: usize) -> Arc<Admission> {
        Admission::new(max, Arc::default())
    }

    async fn is_asked(place: &Place) -> bool {
        timeout(Duration::from_millis(1), place.asked_to_leave())
            .await
            .is_ok()
    }

    fn ask(place: &Place) {
        place.books.lock().began(Instant::now(), false);
    }

    fn answer(place: &Place) {
        place.books.lock().answered(Instant::now());
        place.books.lock().sent(Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_makes_room_and_what_works_stays() {
        let admission = admission(3);
        let peer = from("10.0.0.1:1");
        let first = admission.admit(&peer).await;
        ask(&first);
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = admission.admit(&peer).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        let third = admission.admit(&peer).await;
        let newcomer = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.admit(&peer).await }
        });
        second.asked_to_leave().await;
        assert!(!newcomer.is_finished() && !is_asked(&first).await && !is_asked(&third).await);
        drop(second);
        let fourth = newcomer.await.unwrap();
        assert_eq!(admission.taken(), 3);
        assert_eq!(admission.counters.read().made_room, 1);
        answer(&first);
        tokio::time::advance(Duration::from_secs(1)).await;
        admission.make_room(Origin::Unknown);
        assert!(
            is_asked(&third).await && !is_asked(&first).await && !is_asked(&fourth).await,
            "the one that was idle for longest"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_pushes_out_its_own() {
        let admission = admission(4);
        let kept = admission.admit(&from("10.0.0.1:1")).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        let mut crowd = Vec::new();
        for port in 1..=3 {
            tokio::time::advance(Duration::from_secs(1)).await;
            // One host, three addresses of its network.
            crowd.push(admission.admit(&from(&format!("[2001:db8::{port}]:1"))).await);
        }
        admission.make_room(Origin::Unknown);
        assert!(is_asked(&crowd[0]).await && !is_asked(&kept).await);
        // The one that was asked is on its way; nobody else goes for the same newcomer.
        admission.make_room(Origin::Unknown);
        assert!(!is_asked(&crowd[1]).await);
        // It has begun to work after all: another one goes.
        ask(&crowd[0]);
        admission.make_room(Origin::Unknown);
        assert!(is_asked(&crowd[1]).await && !is_asked(&kept).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_never_rests_makes_room_for_others_and_not_for_more_of_itself() {
        let admission = admission(3);
        let (crowd, other) = (from("10.0.0.1:1"), from("10.0.0.2:1"));
        let mut places = Vec::new();
        for _ in 0..3 {
            let place = admission.admit(&crowd).await;
            ask(&place);
            answer(&place);
            places.push(place);
        }
        admission.make_room(Origin::of(&crowd));
        for place in &places {
            assert!(!is_asked(place).await);
        }
        admission.make_room(Origin::of(&other));
        assert!(is_asked(&places[0]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shortage_makes_fewer_places_for_a_while() {
        let admission = admission(8);
        let peer = from("10.0.0.1:1");
        let mut places = Vec::new();
        for _ in 0..8 {
            places.push(admission.admit(&peer).await);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        ask(&places[0]);
        assert!(admission.shortage() && !admission.shortage());
        let mut left = Vec::new();
        for place in places {
            if !is_asked(&place).await {
                left.push(place);
            }
        }
        assert_eq!((left.len(), admission.places()), (6, 6), "a quarter has gone");
        assert!(admission.enter(Origin::Unknown).is_none());
        tokio::time::advance(SHORTAGE).await;
        assert!(admission.enter(Origin::Unknown).is_some() && admission.shortage());
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_work_a_newcomer_waits_for_the_first_that_rests() {
        let admission = admission(2);
        let peer = from("10.0.0.1:1");
        let places = [admission.admit(&peer).await, admission.admit(&peer).await];
        places.iter().for_each(ask);
        let newcomer = tokio::spawn({
            let admission = Arc::clone(&admission);
            let peer = peer.clone();
            async move { admission.admit(&peer).await }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!newcomer.is_finished());
        let [first, second] = places;
        answer(&second);
        second.asked_to_leave().await; // After a while, since it might have asked again.
        drop(second);
        newcomer.await.unwrap();
        assert!(!is_asked(&first).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_no_answer_goes_before_anybody_waits_for_ever() {
        let admission = admission(1);
        let peer = from("10.0.0.1:1");
        let place = admission.admit(&peer).await;
        ask(&place);
        place.books.lock().answered(Instant::now());
        admission.make_room(Origin::Unknown);
        assert!(!is_asked(&place).await);
        tokio::time::advance(Duration::from_secs(2)).await;
        admission.make_room(Origin::Unknown);
        assert!(is_asked(&place).await);
    }
}
