#![expect(
    clippy::disallowed_methods,
    reason = "it measures how long packets are on their way"
)]

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow};

use super::Family;
use super::traffic::{MOUSE_LIMIT, MOUSE_UDP, Mice};

/// Between two questions: 200 a second, with their answers 0.7 Mb/s.
const REST: Duration = Duration::from_millis(5);

/// How long mice were on their way, there and back.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// When each was sent, and how long its answer took; `None` for one that was lost.
    mice: Vec<(SystemTime, Option<Duration>)>,
}

impl Latencies {
    /// How many were sent.
    pub const fn sent(&self) -> usize {
        self.mice.len()
    }

    /// How many were never answered.
    pub fn lost(&self) -> usize {
        self.mice.iter().filter(|(_, took)| took.is_none()).count()
    }

    /// The part of them that was sent at `time` or later.
    pub fn since(&self, time: SystemTime) -> Self {
        let later = self.mice.iter().filter(|(sent, _)| *sent >= time);
        Self {
            mice: later.copied().collect(),
        }
    }

    /// Takes in those of another measurement.
    pub fn add(&mut self, others: Self) {
        self.mice.extend(others.mice);
    }

    /// The time that so many per cent of them took at most, by the nearest rank; `None` when that one was lost, which is
    /// slower than any.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.mice.iter().filter_map(|(_, took)| *took).collect();
        sorted.sort();
        let rank = (self.mice.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

impl Mice {
    /// Sends mice with a stopwatch from host a to host b for `span`: small questions over UDP, one flow, each with a
    /// number that its answer repeats. They do not wait for each other.
    ///
    /// # Errors
    /// They cannot be sent.
    pub fn time(&self, span: Duration) -> Result<Latencies> {
        let socket = self
            .client
            .inside(|| UdpSocket::bind(SocketAddr::new(Family::V4.host_a(), 0)))??;
        socket.connect(SocketAddr::new(Family::V4.host_b(), MOUSE_UDP))?;
        socket.set_read_timeout(Some(MOUSE_LIMIT))?;
        let (mut sent, mut answers) = (Vec::new(), Vec::new());
        thread::scope(|scope| -> Result<()> {
            let receiver = scope.spawn(|| receive(&socket));
            let start = Instant::now();
            while start.elapsed() < span {
                let number = u32::try_from(sent.len())?;
                let mut question = [b'?'; 200];
                question[..4].copy_from_slice(&number.to_be_bytes());
                sent.push((SystemTime::now(), Instant::now()));
                socket.send(&question)?;
                thread::sleep(REST);
            }
            answers = receiver.join().map_err(|_| anyhow!("a panic"))?;
            Ok(())
        })?;
        let mut mice: Vec<_> = sent.iter().map(|(wall, _)| (*wall, None)).collect();
        for (number, at) in answers {
            let known = mice.get_mut(number).zip(sent.get(number));
            if let Some(((_, took), (_, from))) = known {
                *took = Some(at.duration_since(*from));
            }
        }
        Ok(Latencies { mice })
    }
}

/// The numbers of the answers, each with its time, until none has come for [`MOUSE_LIMIT`].
fn receive(socket: &UdpSocket) -> Vec<(usize, Instant)> {
    let mut answers = Vec::new();
    let mut bytes = [0; 200];
    while socket.recv(&mut bytes).is_ok() {
        let at = Instant::now();
        if let Some(number) = bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) {
            answers.push((usize::try_from(number).unwrap_or(usize::MAX), at));
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_mouse_is_slower_than_any() {
        let took = |ms: u64| (SystemTime::UNIX_EPOCH, Some(Duration::from_millis(ms)));
        let lost = (SystemTime::UNIX_EPOCH, None);
        let latencies = Latencies {
            mice: vec![took(3), lost, took(1), took(2)],
        };
        assert_eq!((latencies.sent(), latencies.lost()), (4, 1));
        assert_eq!(latencies.percentile(50), Some(Duration::from_millis(2)));
        assert_eq!(latencies.percentile(75), Some(Duration::from_millis(3)));
        assert_eq!(latencies.percentile(99), None);
        assert_eq!(Latencies::default().percentile(50), None);
    }
}
