//! The receiving threads.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use shared::life::Latch;
use siphasher::sip::SipHasher13;
use tokio::sync::oneshot;

use super::drops::{self, Drops};
use super::handover::{self, Handover};
use super::owners::Owners;
use super::pace::{Next, Pace, Round, charge};
use super::receiver::{BATCH, Receiver};
use super::sink::{Received, Sink};
use super::socket::Sockets;
use crate::clock::{Clock, Time};
use crate::metrics;
use crate::sflow::Datagram;

/// The longest that a sink is left without [`Sink::rest`], and the longest that a thread does not look whether it
/// should end.
const TICK: Duration = Duration::from_millis(5);

/// Batches between two rests when datagrams never cease: 2048 datagrams, some milliseconds of work.
const BATCHES: usize = 32;

/// The receiving threads; see [`spawn`].
#[derive(Debug)]
pub struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// What each thread counts up with every round.
    rounds: Vec<Arc<AtomicU64>>,
    /// Its other halves are dropped when a thread ends.
    ended: Vec<oneshot::Receiver<()>>,
}

impl Workers {
    /// Ends the threads and waits for them, which takes a few milliseconds. Blocks: not for asynchronous code.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a receiving thread has panicked");
            }
        }
    }

    /// Whether all threads have got on since it was asked last; for systemd's watchdog. A round takes milliseconds, also when
    /// nothing arrives.
    pub fn progress(&self) -> impl Fn() -> bool + Send + use<> {
        let rounds: Vec<_> = self.rounds.iter().map(Arc::clone).collect();
        let last: Vec<_> = rounds.iter().map(|_| AtomicU64::new(u64::MAX)).collect();
        move || {
            let mut all = true;
            for (rounds, last) in rounds.iter().zip(&last) {
                let now = rounds.load(Ordering::Relaxed);
                all &= last.swap(now, Ordering::Relaxed) != now;
            }
            all
        }
    }

    /// Returns when a thread has ended, which none does on its own but by a bug.
    pub async fn ended(&mut self) {
        let ended = std::future::poll_fn(|context| {
            let mut ended = self.ended.iter_mut();
            match ended.any(|thread| std::pin::Pin::new(thread).poll(context).is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        });
        ended.await;
    }
}

/// Starts a thread for each socket, which gives what it receives to its sink and counts it. `seats` are the sinks with
/// their counters, one for each of [`Sockets::threads`]. The agents of `inventory` always have an owner among the
/// threads, and about `others` further ones. `latch` is dropped when all threads are running.
///
/// # Errors
/// There are more or fewer sinks than sockets, a socket cannot be set up, or no thread can be started.
pub fn spawn<S: Sink + 'static>(
    sockets: Sockets,
    seats: Vec<(S, Arc<metrics::Thread>)>,
    (inventory, others): (impl IntoIterator<Item = IpAddr>, usize),
    clock: Clock,
    latch: Latch,
) -> std::io::Result<Workers> {
    let threads = sockets.threads();
    if seats.len() != threads {
        let message = format!("{} sinks for {threads} sockets", seats.len());
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let [key0, key1] = [(); 2].map(|()| RandomState::new().hash_one(0_u64));
    let hasher = SipHasher13::new_with_keys(key0, key1);
    let owners = Arc::new(Owners::new(threads, inventory, others, hasher));
    let latch = Arc::new(latch);
    let mut workers = Workers {
        stop: Arc::new(AtomicBool::new(false)),
        threads: Vec::with_capacity(threads),
        rounds: Vec::with_capacity(threads),
        ended: Vec::with_capacity(threads),
    };
    let ends = sockets.into_parts().zip(seats).zip(handover::connect(threads));
    for (me, (((socket, buffer), (sink, counters)), handover)) in ends.enumerate() {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(TICK))?;
        counters.receive_buffer_bytes.set_len(buffer);
        let setting = Setting {
            me,
            // Alone, a thread need not look for owners.
            owners: (threads > 1).then(|| Arc::clone(&owners)),
            handover,
            counters,
            pace: Pace::new(buffer),
            drops: Drops::default(),
            clock,
            rounds: Arc::default(),
        };
        let (running, ended) = oneshot::channel::<()>();
        workers.rounds.push(Arc::clone(&setting.rounds));
        let (stop, latch) = (Arc::clone(&workers.stop), Arc::clone(&latch));
        let thread = std::thread::Builder::new().name(format!("ingest-{me}"));
        let thread = thread.spawn(move || {
            drop(latch);
            if let Err(error) = setting.run(socket, sink, &stop) {
                tracing::error!(%error, "a socket cannot be received from");
            }
            drop(running);
        })?;
        workers.threads.push(thread);
        workers.ended.push(ended);
    }
    Ok(workers)
}

/// What a thread begins with, and what it keeps besides its socket and its sink.
struct Setting {
    me: usize,
    owners: Option<Arc<Owners>>,
    handover: Handover,
    counters: Arc<metrics::Thread>,
    pace: Pace,
    drops: Drops,
    clock: Clock,
    rounds: Arc<AtomicU64>,
}

impl Setting {
    fn run(mut self, socket: UdpSocket, mut sink: impl Sink, stop: &AtomicBool) -> std::io::Result<()> {
        let mut receiver = Receiver::new(socket)?;
        let mut wait = true;
        // What was received since nothing was left, in bytes of the kernel's bookkeeping.
        let mut backlog = 0;
        let mut unseen_drops = false;
        while !stop.load(Ordering::Relaxed) {
            self.rounds.fetch_add(1, Ordering::Relaxed);
            let round = self.round(&mut receiver, &mut sink, wait);
            let now = self.clock.now();
            self.handover.receive(|batch| sink.batch(now, batch));
            sink.rest(now);
            // Datagrams that were dropped after the last one that found room: no other may come and tell. The buffer was
            // full then, and what was in it has been received since.
            backlog += round.charged;
            if round.drained {
                unseen_drops |= backlog > self.pace.budget();
                backlog = 0;
            }
            let next = self.pace.after(now, round);
            if next == Next::Wait && std::mem::take(&mut unseen_drops) {
                self.ask_for_drops(receiver.socket());
            }
            wait = next == Next::Wait;
            if let Next::Pause(pause) = next {
                std::thread::park_timeout(pause);
            }
        }
        self.ask_for_drops(receiver.socket());
        let now = self.clock.now();
        self.handover.finish(|batch| sink.batch(now, batch));
        sink.rest(now);
        Ok(())
    }

    /// Receives until nothing is left, or for a while.
    fn round(&mut self, receiver: &mut Receiver, sink: &mut impl Sink, wait: bool) -> Round {
        let mut round = Round::default();
        for batch in 0..BATCHES {
            let taken = match batch {
                // The kernel's drops once in a round: often enough for people, and seldom enough to cost nothing.
                0 => receiver.receive_with_drops(wait),
                _ => receiver.receive(false),
            };
            let taken = match taken {
                Ok(taken) => taken,
                Err(error) => {
                    self.counters.receive_errors.bump();
                    // One that comes each time must not fill the log.
                    if self.counters.receive_errors.get().is_power_of_two() {
                        tracing::warn!(%error, "receiving failed");
                    }
                    // A socket that fails at once each time must not take the whole processor.
                    std::thread::park_timeout(TICK);
                    0
                }
            };
            if let Some(count) = receiver.drops() {
                self.counters
                    .dropped_receive_buffer
                    .bump_by(self.drops.seen(count));
            }
            if taken > 0 {
                let now = self.clock.now();
                round.datagrams += taken;
                round.charged += self.deal(now, receiver.batch(), sink);
            }
            if taken < BATCH {
                round.drained = true;
                break;
            }
        }
        let dropped = self.handover.flush();
        self.counters.dropped_handover.bump_by(dropped);
        round
    }

    /// Gives the datagrams of a batch to `sink`, and those of other threads' agents to them. What the batch took in the
    /// receive buffer.
    fn deal<'a>(
        &mut self,
        now: Time,
        batch: impl Iterator<Item = Option<Received<'a>>>,
        sink: &mut impl Sink,
    ) -> usize {
        let from = ([0; 4], 0).into();
        let mut own = [Received { from, bytes: &[] }; BATCH];
        let (mut owned, mut handed, mut dropped, mut too_long, mut charged) = (0, 0, 0, 0, 0);
        for datagram in batch {
            let Some(datagram) = datagram else {
                too_long += 1;
                continue;
            };
            charged += charge(datagram.bytes.len());
            let owner = self.owner(now, datagram.bytes);
            if owner == self.me {
                if let Some(place) = own.get_mut(owned) {
                    (*place, owned) = (datagram, owned + 1);
                }
            } else {
                handed += 1;
                dropped += self.handover.put(owner, datagram);
            }
        }
        let counters = &self.counters;
        counters
            .datagrams_received
            .bump_by(owned as u64 + handed + too_long);
        if handed > 0 {
            counters.handed_over.bump_by(handed);
            counters.dropped_handover.bump_by(dropped);
        }
        if too_long > 0 {
            counters.rejected_too_long.bump_by(too_long);
        }
        if owned > 0 {
            sink.batch(now, own.get(..owned).unwrap_or_default());
        }
        charged
    }

    /// The thread that owns the agent of this datagram; what no agent has sent stays here and is rejected here.
    fn owner(&self, now: Time, datagram: &[u8]) -> usize {
        let Some(owners) = &self.owners else {
            return self.me;
        };
        match Datagram::parse(datagram) {
            Ok(head) => owners.owner(now, head.agent, self.me),
            Err(_) => self.me,
        }
    }

    fn ask_for_drops(&mut self, socket: &UdpSocket) {
        if let Some(count) = drops::in_table(socket) {
            self.counters
                .dropped_receive_buffer
                .bump_by(self.drops.seen(count));
        }
    }
}

#[cfg(test)]
mod tests;
