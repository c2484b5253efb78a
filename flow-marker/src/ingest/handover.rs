//! Datagrams on their way from the thread that received them to the thread that owns their agent.
//!
//! They travel in parcels, which go back when they are empty. A thread has a fixed number of parcels and a queue of fixed
//! length; when there is no room, datagrams are dropped and the caller is told how many.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::receiver::BATCH;
use super::sink::Received;

/// Parcels of one thread, and parcels that wait for one thread at most: 2048 datagrams, as many as a thread takes
/// between two rests.
const PARCELS: usize = 32;

/// A parcel is closed when it holds so many bytes or [`BATCH`] datagrams: a batch of usual datagrams fits, and all
/// parcels of a thread come to 6 MiB at most.
const FULL: usize = 128 << 10;

/// Datagrams for one thread.
#[derive(Debug, Default)]
struct Parcel {
    /// Who filled it, and gets it back.
    home: usize,
    /// Who it was sent to.
    to: usize,
    bytes: Vec<u8>,
    /// Senders, and where their datagrams end in `bytes`.
    datagrams: Vec<(SocketAddr, usize)>,
}

impl Parcel {
    fn empty(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }
}

/// A thread's end of all queues.
#[derive(Debug)]
pub(super) struct Handover {
    me: usize,
    /// Parcels that are being filled, by receiver.
    open: Vec<Option<Parcel>>,
    /// Parcels that one receiver may hold: with several, a slow one must not hold all.
    share: usize,
    held: Vec<usize>,
    spare: Vec<Parcel>,
    made: usize,
    returned: Receiver<Parcel>,
    outboxes: Vec<SyncSender<Parcel>>,
    inbox: Receiver<Parcel>,
    homes: Vec<SyncSender<Parcel>>,
}

/// The ends of so many threads, each connected with all others.
pub(super) fn connect(threads: usize) -> Vec<Handover> {
    let (outboxes, inboxes): (Vec<_>, Vec<_>) = (0..threads).map(|_| sync_channel(PARCELS)).unzip();
    let (homes, returns): (Vec<_>, Vec<_>) = (0..threads).map(|_| sync_channel(PARCELS)).unzip();
    let ends = inboxes.into_iter().zip(returns).enumerate();
    ends.map(|(me, (inbox, returned))| Handover {
        me,
        open: (0..threads).map(|_| None).collect(),
        share: if threads > 2 { PARCELS / 2 } else { PARCELS },
        held: vec![0; threads],
        spare: Vec::new(),
        made: 0,
        returned,
        outboxes: outboxes.clone(),
        inbox,
        homes: homes.clone(),
    })
    .collect()
}

impl Handover {
    /// Puts a datagram into the parcel for thread `to`; how many datagrams were dropped for want of room.
    pub(super) fn put(&mut self, to: usize, datagram: Received<'_>) -> u64 {
        let is_full = |parcel: &Parcel| {
            parcel.datagrams.len() >= BATCH || parcel.bytes.len() + datagram.bytes.len() > FULL
        };
        let open = self.open.get(to).and_then(Option::as_ref);
        let dropped = match open.is_some_and(is_full) {
            true => self.send(to),
            false => 0,
        };
        if self.open.get(to).is_some_and(Option::is_none) {
            let parcel = self.parcel(to);
            if let Some(open) = self.open.get_mut(to) {
                *open = parcel;
            }
        }
        match self.open.get_mut(to).and_then(Option::as_mut) {
            Some(parcel) => {
                parcel.bytes.extend_from_slice(datagram.bytes);
                parcel.datagrams.push((datagram.from, parcel.bytes.len()));
                dropped
            }
            None => dropped + 1,
        }
    }

    /// Sends all parcels that hold something; how many datagrams were dropped for want of room.
    pub(super) fn flush(&mut self) -> u64 {
        (0..self.open.len()).map(|to| self.send(to)).sum()
    }

    /// Hands everything that others have sent to `take`, parcel by parcel.
    pub(super) fn receive(&self, mut take: impl FnMut(&[Received<'_>])) {
        // As many as can wait: who sends faster than we take must not keep us here.
        for parcel in self.inbox.try_iter().take(PARCELS) {
            self.open(parcel, &mut take);
        }
    }

    /// Lets go of the others, and hands to `take` what they send until they have let go too.
    pub(super) fn finish(mut self, mut take: impl FnMut(&[Received<'_>])) {
        self.outboxes.clear();
        for parcel in &self.inbox {
            self.open(parcel, &mut take);
        }
    }

    fn open(&self, mut parcel: Parcel, take: &mut impl FnMut(&[Received<'_>])) {
        let from = SocketAddr::from(([0; 4], 0));
        let mut datagrams = [Received { from, bytes: &[] }; BATCH];
        let (mut start, mut count) = (0, 0);
        for (slot, (from, end)) in datagrams.iter_mut().zip(&parcel.datagrams) {
            let bytes = parcel.bytes.get(start..*end).unwrap_or_default();
            *slot = Received { from: *from, bytes };
            (start, count) = (*end, count + 1);
        }
        take(datagrams.get(..count).unwrap_or_default());
        parcel.empty();
        if let Some(home) = self.homes.get(parcel.home) {
            // There is room for all parcels that its home has made; only a home that has ended is not there.
            let _ = home.try_send(parcel);
        }
    }

    /// An empty parcel, if there is one for this receiver.
    fn parcel(&mut self, to: usize) -> Option<Parcel> {
        for parcel in self.returned.try_iter() {
            if let Some(held) = self.held.get_mut(parcel.to) {
                *held = held.saturating_sub(1);
            }
            self.spare.push(parcel);
        }
        if self.held.get(to).is_none_or(|held| *held >= self.share) {
            return None;
        }
        let mut parcel = match self.spare.pop() {
            Some(parcel) => parcel,
            None if self.made < PARCELS => {
                self.made += 1;
                Parcel::default()
            }
            None => return None,
        };
        (parcel.home, parcel.to) = (self.me, to);
        Some(parcel)
    }

    fn send(&mut self, to: usize) -> u64 {
        let Some(parcel) = self.open.get_mut(to).and_then(Option::take) else {
            return 0;
        };
        let sent = match self.outboxes.get(to) {
            Some(outbox) => outbox.try_send(parcel).map_err(|error| match error {
                std::sync::mpsc::TrySendError::Full(parcel)
                | std::sync::mpsc::TrySendError::Disconnected(parcel) => parcel,
            }),
            None => Err(parcel),
        };
        match sent {
            Ok(()) => {
                if let Some(held) = self.held.get_mut(to) {
                    *held += 1;
                }
                0
            }
            Err(mut parcel) => {
                let dropped = parcel.datagrams.len() as u64;
                parcel.empty();
                self.spare.push(parcel);
                dropped
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(bytes: &[u8]) -> Received<'_> {
        let from = SocketAddr::from(([10, 0, 0, 1], 4000));
        Received { from, bytes }
    }

    fn received(end: &Handover) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        end.receive(|batch| {
            assert!(!batch.is_empty() && batch.len() <= BATCH);
            all.extend(batch.iter().map(|datagram| {
                assert_eq!(datagram.from.port(), 4000);
                datagram.bytes.to_vec()
            }));
        });
        all
    }

    #[test]
    fn datagrams_arrive_whole_and_in_order_once_they_are_sent() {
        let mut ends = connect(3);
        let sent: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; usize::from(n) * 40]).collect();
        for bytes in &sent {
            assert_eq!(ends[0].put(2, datagram(bytes)), 0);
        }
        assert_eq!(ends[0].flush(), 0);
        assert_eq!(received(&ends[2]), sent);
        assert!(received(&ends[1]).is_empty() && received(&ends[2]).is_empty());
    }

    #[test]
    fn who_does_not_take_costs_a_bounded_number_of_parcels_and_every_datagram_is_accounted_for() {
        for threads in [2, 3] {
            let mut ends = connect(threads);
            let (put, mut dropped) = (10_000, 0);
            for _ in 0..put {
                dropped += ends[0].put(1, datagram(&[7; 1400]));
            }
            dropped += ends[0].flush();
            assert!(ends[0].made <= PARCELS, "{}", ends[0].made);
            if threads > 2 {
                assert_eq!(
                    ends[0].put(2, datagram(b"x")) + ends[0].flush(),
                    0,
                    "others are served"
                );
                assert_eq!(received(&ends[2]).len(), 1);
            }
            let mut taken = received(&ends[1]).len() as u64;
            assert_eq!(taken + dropped, put);
            assert!(taken > 0 && dropped > 0);
            // The parcels are back: it goes on.
            assert_eq!(ends[0].put(1, datagram(b"x")) + ends[0].flush(), 0);
            taken += received(&ends[1]).len() as u64;
            assert_eq!(taken + dropped, put + 1);
        }
    }

    #[test]
    fn parcels_are_used_again() {
        let mut ends = connect(2);
        for _ in 0..1000 {
            assert_eq!(ends[0].put(1, datagram(b"x")) + ends[0].flush(), 0);
            assert_eq!(received(&ends[1]).len(), 1);
        }
        assert_eq!(ends[0].made, 1);
    }

    #[test]
    fn the_longest_datagrams_fit() {
        let mut ends = connect(2);
        let longest = vec![1; 65_535];
        for _ in 0..5 {
            assert_eq!(ends[0].put(1, datagram(&longest)), 0);
        }
        ends[0].flush();
        assert_eq!(received(&ends[1]), vec![longest; 5]);
    }

    #[test]
    fn what_is_on_its_way_at_the_end_arrives() {
        let mut ends = connect(2);
        let (second, mut first) = (ends.pop().unwrap(), ends.pop().unwrap());
        first.put(1, datagram(b"last"));
        assert_eq!(first.flush(), 0);
        std::thread::scope(|scope| {
            scope.spawn(|| first.finish(|_| panic!("nobody sent anything")));
            let mut taken = 0;
            second.finish(|batch| taken += batch.len());
            assert_eq!(taken, 1);
        });
    }
}
