//! sFlow at a rate that a receiver is measured with: prepared datagrams of several agents, many with one call.
#![expect(clippy::disallowed_methods, reason = "it keeps a rate on the real clock")]

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};

use crate::agent::{Agent, FlowSample, Packet, Sample};

/// Datagrams sent with one call.
const BATCH: usize = 32;

/// Prepared datagrams of an agent; then they begin again with higher numbers.
const RING: usize = 256;

/// Where in a datagram of an agent with an IPv4 address its sequence number and its uptime stand (sFlow v5 §5).
const SEQUENCE: usize = 16;
const UPTIME: usize = 20;
/// Where its first sample begins.
const SAMPLES: usize = 28;

/// One agent: a socket of its own and its datagrams.
struct Source {
    socket: UdpSocket,
    datagrams: Vec<Vec<u8>>,
    next: usize,
    sequence: u32,
}

/// Sends flow samples of TCP flows, as many agents.
pub struct Flood {
    sources: Vec<Source>,
    samples: usize,
    headers: MultiHeaders<SockaddrIn>,
    started: Instant,
}

impl Flood {
    /// So many agents, 10.99.0.1 and following, that send to `target`, with so many samples in each datagram. Each agent
    /// has some hundred flows for each sample in a datagram.
    ///
    /// # Errors
    /// A socket cannot be made.
    pub fn new(target: SocketAddr, agents: u8, samples: usize) -> Result<Self> {
        let source = |agent| -> Result<Source> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(target)?;
            let mut datagrams = prepare(Ipv4Addr::new(10, 99, 0, agent), samples);
            for datagram in &mut datagrams {
                ensure!(
                    sample_numbers(datagram).len() == samples,
                    "a sample is not where it should be"
                );
            }
            Ok(Source {
                socket,
                datagrams,
                next: 0,
                sequence: 0,
            })
        };
        Ok(Self {
            sources: (1..=agents).map(source).collect::<Result<_>>()?,
            samples,
            headers: MultiHeaders::preallocate(BATCH, None),
            started: Instant::now(),
        })
    }

    /// Sends `rate` datagrams a second (`None`: as fast as it can) for so long, evenly; how many it sent, and in what time.
    ///
    /// # Errors
    /// The target does not exist any more.
    pub fn send(&mut self, rate: Option<f64>, span: Duration) -> Result<(u64, Duration)> {
        let start = Instant::now();
        let mut sent = 0;
        let mut turn = 0;
        loop {
            let passed = start.elapsed();
            if passed >= span {
                return Ok((sent, passed));
            }
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 datagrams")]
            if rate.is_some_and(|rate| sent as f64 > rate * passed.as_secs_f64()) {
                std::hint::spin_loop();
                continue;
            }
            sent += self.batch(turn)?;
            turn += 1;
        }
    }

    /// Sends so many datagrams as fast as it can, a few more at most; how many.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn burst(&mut self, datagrams: u64) -> Result<u64> {
        let mut sent = 0;
        for turn in 0.. {
            if sent >= datagrams {
                break;
            }
            sent += self.batch(turn)?;
        }
        Ok(sent)
    }

    fn batch(&mut self, turn: usize) -> Result<u64> {
        let agents = self.sources.len();
        let uptime = u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX);
        let Some(source) = self.sources.get_mut(turn % agents.max(1)) else {
            return Ok(0);
        };
        let batch = source.datagrams.get_mut(source.next..source.next + BATCH);
        let batch = batch.unwrap_or_default();
        source.next = (source.next + BATCH) % RING;
        for datagram in batch.iter_mut() {
            source.sequence = source.sequence.wrapping_add(1);
            put(datagram, SEQUENCE, source.sequence);
            put(datagram, UPTIME, uptime);
            // Every sample of a datagram has a data source of its own, which is in every datagram.
            for at in sample_numbers(datagram) {
                put(datagram, at, source.sequence);
            }
        }
        let pieces: Vec<_> = batch.iter().map(|datagram| [IoSlice::new(datagram)]).collect();
        let nowhere = [None::<SockaddrIn>; BATCH];
        let fd = source.socket.as_raw_fd();
        match sendmmsg(fd, &mut self.headers, &pieces, nowhere, [], MsgFlags::empty()) {
            Ok(sent) => Ok(sent.count() as u64),
            Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Samples in each datagram.
    pub const fn samples(&self) -> usize {
        self.samples
    }
}

/// The datagrams of one agent: each has a sample from every port, of a flow that is no other datagram's.
fn prepare(address: Ipv4Addr, samples: usize) -> Vec<Vec<u8>> {
    let mut agent = Agent::new(address.into());
    let one = |datagram: usize, port: usize| {
        let [.., high, low] = datagram.to_be_bytes();
        let port = u8::try_from(port).unwrap_or(u8::MAX);
        let [.., own] = address.octets();
        let source = SocketAddr::from(([10, own, high, low], 40_000 + u16::from(port)));
        let destination = SocketAddr::from(([10, 200, low, port], 5001));
        let packet = Packet::tcp(source, destination);
        Sample::Flow(FlowSample::new(packet, 10_000, u32::from(port) + 1, 50))
    };
    (0..RING)
        .map(|datagram| {
            let samples: Vec<_> = (0..samples).map(|port| one(datagram, port)).collect();
            agent.datagram(Duration::ZERO, &samples)
        })
        .collect()
}

/// Where the sequence numbers of a datagram's samples stand.
fn sample_numbers(datagram: &[u8]) -> Vec<usize> {
    let word = |at: usize| {
        let bytes = datagram.get(at..at + 4)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    };
    let mut at = SAMPLES;
    std::iter::from_fn(|| {
        let length = word(at + 4)?;
        let number = at + 8;
        at = number + length;
        Some(number)
    })
    .collect()
}

fn put(datagram: &mut [u8], at: usize, number: u32) {
    if let Some(place) = datagram.get_mut(at..at + 4) {
        place.copy_from_slice(&number.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_on_over_all_prepared_datagrams() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut flood = Flood::new(receiver.local_addr().unwrap(), 2, 6).unwrap();
        let word = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let mut next = std::collections::BTreeMap::new();
        let mut buffer = [0; 2000];
        for _ in 0..2 * (RING / BATCH) * 2 {
            let sent = flood.burst(1).unwrap();
            assert_eq!(sent, BATCH as u64);
            for _ in 0..sent {
                let length = receiver.recv(&mut buffer).unwrap();
                let datagram = &buffer[..length];
                let expected = next.entry(word(datagram, 8)).or_insert(1);
                assert_eq!(word(datagram, SEQUENCE), *expected);
                let numbers = sample_numbers(datagram);
                assert_eq!((word(datagram, 24), numbers.len()), (6, 6));
                assert!(numbers.into_iter().all(|at| word(datagram, at) == *expected));
                *expected += 1;
            }
        }
        // Each turn begins with the first agent.
        assert_eq!(next.len(), 1);
        flood.burst(33).unwrap();
        receiver.recv(&mut buffer).unwrap();
    }

    #[test]
    fn a_rate_is_kept() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut flood = Flood::new(receiver.local_addr().unwrap(), 4, 6).unwrap();
        let (sent, took) = flood.send(Some(2000.0), Duration::from_millis(300)).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let most = 2000.0 * took.as_secs_f64() + BATCH as f64 + 1.0;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let sent = sent as f64;
        assert!(sent > 0.0 && sent <= most, "{sent} of at most {most}");
    }
}
