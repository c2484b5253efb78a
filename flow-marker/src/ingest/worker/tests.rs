//! Real threads behind real sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Mutex;

use shared::life::Readiness;

use super::*;
use crate::ingest::bind;
use crate::sflow::tests::build::datagram;

/// What a sink has seen: how many datagrams of each agent (none for garbage), and from which addresses.
#[derive(Debug, Default)]
struct Book {
    agents: BTreeMap<Option<IpAddr>, u64>,
    senders: BTreeSet<SocketAddr>,
    rests: u64,
}

/// Writes into its book, and takes its time.
struct Clerk {
    book: Arc<Mutex<Book>>,
    pause: Duration,
}

impl Sink for Clerk {
    fn batch(&mut self, _: Time, batch: &[Received<'_>]) {
        for received in batch {
            let mut book = self.book.lock().unwrap();
            let agent = Datagram::parse(received.bytes).ok().map(|head| head.agent);
            *book.agents.entry(agent).or_default() += 1;
            book.senders.insert(received.from);
            drop(book);
            if !self.pause.is_zero() {
                std::thread::park_timeout(self.pause);
            }
        }
    }

    fn rest(&mut self, _: Time) {
        self.book.lock().unwrap().rests += 1;
    }
}

struct Office {
    workers: Workers,
    address: SocketAddr,
    books: Vec<Arc<Mutex<Book>>>,
    counters: Vec<Arc<metrics::Thread>>,
}

impl Office {
    fn open(threads: usize, buffer: usize, pause: Duration) -> Self {
        let threads = NonZeroUsize::new(threads).unwrap();
        let sockets = bind("127.0.0.1:0".parse().unwrap(), threads, buffer).unwrap();
        let address = sockets.address();
        let books: Vec<Arc<Mutex<Book>>> = (0..sockets.threads()).map(|_| Arc::default()).collect();
        let counters: Vec<Arc<metrics::Thread>> = books.iter().map(|_| Arc::default()).collect();
        let clerk = |book: &Arc<Mutex<Book>>| Clerk {
            book: Arc::clone(book),
            pause,
        };
        let seats = books.iter().map(clerk).zip(counters.iter().cloned());
        let latch = Readiness::new().latch("test");
        let agents = ([agent(1)], 64);
        let workers = spawn(sockets, seats.collect(), agents, Clock::start(), latch).unwrap();
        Self {
            workers,
            address,
            books,
            counters,
        }
    }

    fn sum(&self, counter: impl Fn(&metrics::Thread) -> u64) -> u64 {
        self.counters.iter().map(|thread| counter(thread)).sum()
    }

    /// Waits until so many datagrams are accounted for.
    fn settle(&self, sent: u64) {
        for _ in 0..2000 {
            if self.sum(|t| t.datagrams_received.get() + t.dropped_receive_buffer.get()) >= sent {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let [received, dropped] = [
            self.sum(|t| t.datagrams_received.get()),
            self.sum(|t| t.dropped_receive_buffer.get()),
        ];
        panic!("{sent} sent, {received} received, {dropped} dropped");
    }
}

fn agent(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, n).into()
}

#[test]
fn an_agent_has_one_owner_whatever_port_it_sends_from() {
    let office = Office::open(4, 1 << 20, Duration::ZERO);
    let senders: Vec<_> = (0..32).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let (agents, mut sent) = (10, 0);
    for _ in 0..5 {
        for n in 1..=agents {
            for sender in &senders {
                sender.send_to(&datagram(agent(n), &[]), office.address).unwrap();
                sent += 1;
            }
        }
        // So that no buffer overflows.
        office.settle(sent);
    }
    let handed = office.sum(|t| t.handed_over.get());
    assert_eq!(office.sum(|t| t.dropped_handover.get()), 0);
    office.workers.stop();
    let mut owners: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for book in &office.books {
        for (agent, count) in &book.lock().unwrap().agents {
            let other = owners.insert(agent.unwrap(), *count);
            assert_eq!(other, None, "{agent:?} has two owners");
        }
    }
    assert_eq!(
        owners,
        (1..=agents)
            .map(|n| (agent(n), 5 * 32))
            .collect::<BTreeMap<_, _>>()
    );
    // 32 ports fall on all of four sockets, but for a chance of (3/4)³² each.
    assert!(handed > sent / 4, "{handed} of {sent} took the other way");
    let books: Vec<_> = office.books.iter().map(|book| book.lock().unwrap()).collect();
    let seen: BTreeSet<_> = books.iter().flat_map(|book| &book.senders).collect();
    assert_eq!(
        seen.len(),
        senders.len(),
        "the sender is known after a handover too"
    );
}

#[test]
fn nothing_is_lost_silently_when_sinks_are_slower_than_senders() {
    for threads in [1, 2] {
        // The kernel's smallest buffer and a sink of 50 µs a datagram: most must be dropped somewhere.
        let office = Office::open(threads, 4096, Duration::from_micros(50));
        let senders: Vec<_> = (0..8).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let mut sent = 0;
        for round in 0..250 {
            for (n, sender) in (0_u8..).zip(&senders) {
                for garbage in [false, false, false, round % 2 == 0] {
                    let bytes = match garbage {
                        true => b"garbage".to_vec(),
                        // All of a few agents, so that most are somebody else's.
                        false => [datagram(agent(n % 3), &[]), vec![0; 700]].concat(),
                    };
                    sender.send_to(&bytes, office.address).unwrap();
                    sent += 1;
                }
            }
        }
        office.settle(sent);
        let received = office.sum(|t| t.datagrams_received.get());
        let by_kernel = office.sum(|t| t.dropped_receive_buffer.get());
        assert_eq!(received + by_kernel, sent, "{threads} threads");
        assert!(by_kernel > 0);
        let counters = office.counters;
        office.workers.stop();
        let given: u64 = office
            .books
            .iter()
            .map(|book| book.lock().unwrap().agents.values().sum::<u64>())
            .sum();
        let at_handover: u64 = counters.iter().map(|t| t.dropped_handover.get()).sum();
        assert_eq!(given + at_handover, received, "{threads} threads, at the end");
    }
}

#[test]
fn a_sink_gets_its_rest_when_nothing_arrives_and_when_datagrams_never_cease() {
    let office = Office::open(1, 1 << 20, Duration::ZERO);
    let rests = || office.books[0].lock().unwrap().rests;
    let settle = |least: u64| {
        for _ in 0..2000 {
            if rests() >= least {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        panic!("{} rests", rests());
    };
    settle(5);
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let before = rests();
    for n in (0..=u8::MAX).cycle().take(50_000) {
        sender.send_to(&datagram(agent(n), &[]), office.address).unwrap();
    }
    assert!(rests() > before, "while it was sent");
    settle(before + 5);
    office.workers.stop();
}

#[tokio::test]
async fn a_thread_that_panics_is_told() {
    struct Fragile;
    impl Sink for Fragile {
        fn batch(&mut self, _: Time, batch: &[Received<'_>]) {
            assert!(batch.iter().all(|received| received.bytes.is_empty()), "fragile");
        }
        fn rest(&mut self, _: Time) {}
    }
    let sockets = bind("127.0.0.1:0".parse().unwrap(), NonZeroUsize::MIN, 1 << 20).unwrap();
    let address = sockets.address();
    let latch = Readiness::new().latch("test");
    let seats = vec![(Fragile, Arc::default())];
    let mut workers = spawn(sockets, seats, ([], 1), Clock::start(), latch).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"x", address).unwrap();
    tokio::time::timeout(Duration::from_secs(20), workers.ended())
        .await
        .unwrap();
    tokio::task::spawn_blocking(move || workers.stop()).await.unwrap();
}

#[test]
fn every_socket_needs_its_sink() {
    let sockets = bind(
        "127.0.0.1:0".parse().unwrap(),
        NonZeroUsize::new(2).unwrap(),
        1 << 20,
    )
    .unwrap();
    let latch = Readiness::new().latch("test");
    let clerk = Clerk {
        book: Arc::default(),
        pause: Duration::ZERO,
    };
    let error = spawn(
        sockets,
        vec![(clerk, Arc::default())],
        ([], 1),
        Clock::start(),
        latch,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
