//! Packets as flows send them.
//!
//! A flow sends trains: packets at equal distances. Of the packets only those that are sampled are ever made: the number
//! of packets up to the next sampled one is drawn, and the trains up to it are skipped whole. With independent sampling
//! of each packet that is exact, and hours of a fast link cost no more than their samples.

use super::random::{Random, whole};

/// What a flow does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// One rate for ever.
    Steady,
    /// Bursts of so many bytes at the rate of the link, apart at random so that the mean is the flow's rate.
    Bursts(f64),
    /// TCP's start: ten packets, doubled with each round trip of so many seconds up to the flow's rate, for so many bytes.
    SlowStart {
        /// Round trip time in seconds.
        rtt: f64,
        /// Bytes in all.
        bytes: f64,
    },
}

/// What carries a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TCP with timestamps of so many nanoseconds a tick.
    Tcp {
        /// Nanoseconds a tick.
        tick: u32,
    },
    /// TCP without timestamps.
    PlainTcp,
    /// UDP.
    Udp,
}

/// A flow as it is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    pub(super) shape: Shape,
    pub(super) carrier: Carrier,
    /// Mean rate in bytes of frames per second.
    pub(super) rate: f64,
    /// The rate of the link in bytes per second.
    pub(super) link: f64,
    /// Bytes of a frame.
    pub(super) frame: u32,
    /// The share of packets that are sent twice.
    pub(super) retransmits: f64,
}

/// Packets at equal distances.
#[derive(Debug, Clone, Copy)]
struct Train {
    /// When the next packet is sent, in seconds.
    next: f64,
    packets: u64,
    gap: f64,
}

/// A sampled packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Packet {
    /// The flow's number.
    pub(super) flow: u32,
    /// When it was sent, in seconds.
    pub(super) at: f64,
    pub(super) carrier: Carrier,
    pub(super) frame: u32,
    /// Sequence number of its first byte.
    pub(super) sequence: u32,
    /// The sender's clock.
    pub(super) timestamp: u32,
    /// How many packets of its flow passed since the last sampled one, this one included.
    pub(super) pool: u64,
    /// It acknowledges a packet of the flow, the one with this sequence number and time, instead of being one.
    pub(super) acknowledges: bool,
}

/// A flow under way.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    number: u32,
    plan: Plan,
    train: Train,
    /// Start of the last burst or round.
    round: f64,
    window: f64,
    /// Packets that were sent.
    sent: u64,
    left: f64,
    first_sequence: u32,
    first_timestamp: u32,
    random: Random,
    /// It is of acknowledgements: of so many packets each.
    acknowledges: Option<u64>,
}

/// As many bits as a header has for it: sequence numbers and timestamps wrap.
#[expect(clippy::cast_possible_truncation, reason = "that is meant")]
const fn low(number: u64) -> u32 {
    number as u32
}

/// Ethernet, IPv4 and TCP with timestamps, and the check sequence.
const HEADERS: u32 = 14 + 20 + 32 + 4;

impl Carrier {
    /// The name on the command line and in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tcp { .. } => "tcp",
            Self::PlainTcp => "plain-tcp",
            Self::Udp => "udp",
        }
    }

    /// Bytes that a frame carries of the stream.
    pub(super) const fn payload(self, frame: u32) -> u32 {
        let headers = match self {
            Self::Tcp { .. } => HEADERS,
            Self::PlainTcp => HEADERS - 12,
            Self::Udp => HEADERS - 24,
        };
        frame.saturating_sub(headers)
    }
}

impl Flow {
    /// A flow that sends its first packet at `start`.
    pub(super) fn new(number: u32, plan: Plan, start: f64, mut random: Random) -> Self {
        let first_sequence = low(random.next());
        let first_timestamp = low(random.next());
        let left = match plan.shape {
            Shape::SlowStart { bytes, .. } => bytes,
            Shape::Steady | Shape::Bursts(_) => f64::INFINITY,
        };
        let mut flow = Self {
            number,
            plan,
            train: Train {
                next: start,
                packets: 0,
                gap: 0.0,
            },
            round: start,
            window: 0.0,
            sent: 0,
            left,
            first_sequence,
            first_timestamp,
            random,
            acknowledges: None,
        };
        flow.train = flow.next_train().unwrap_or(flow.train);
        flow
    }

    /// The other direction of a steady flow that has just begun: an acknowledgement for every other packet, at once (RFC
    /// 9293 §3.8.6.3).
    pub(super) fn acknowledgements(&self, random: Random) -> Self {
        const PACKETS: u8 = 2;
        let mut acks = self.clone();
        acks.acknowledges = Some(PACKETS.into());
        acks.train.gap *= f64::from(PACKETS);
        acks.plan.retransmits = 0.0;
        acks.random = random;
        acks
    }

    /// The next train; `None` at the end of the flow.
    fn next_train(&mut self) -> Option<Train> {
        let Plan { rate, link, .. } = self.plan;
        let frame = f64::from(self.plan.frame);
        match self.plan.shape {
            Shape::Steady => Some(Train {
                next: self.round,
                packets: u64::MAX,
                gap: frame / rate,
            }),
            Shape::Bursts(bytes) => {
                let next = self.round;
                let packets = (bytes / frame).max(1.0).round();
                let length = packets * frame / link;
                let silence = (packets * frame / rate - length).max(0.0);
                self.round = next + length + self.random.exponential(silence);
                Some(Train {
                    next,
                    packets: whole(packets),
                    gap: frame / link,
                })
            }
            Shape::SlowStart { rtt, .. } => {
                if self.left <= 0.0 {
                    return None;
                }
                self.window = (self.window * 2.0).max(10.0);
                let next = self.round;
                let steady = self.window * frame >= rate * rtt;
                // What is left of the flow goes on without rounds once the window is full.
                let packets = if steady { f64::INFINITY } else { self.window };
                let packets = packets.min((self.left / frame).ceil()).max(1.0);
                self.left -= packets * frame;
                self.round = next + rtt;
                Some(Train {
                    next,
                    packets: whole(packets),
                    gap: frame / if steady { rate } else { link },
                })
            }
        }
    }

    /// The next sampled packet; `None` when the flow ends before.
    pub(super) fn sample(&mut self, rate: u32) -> Option<Packet> {
        let pool = self.random.packets_to_sample(rate);
        let mut skipped = pool - 1;
        while self.train.packets <= skipped {
            skipped -= self.train.packets;
            self.sent += self.train.packets;
            self.train = self.next_train()?;
        }
        let at = self.train.next + skipped as f64 * self.train.gap;
        self.train.packets -= skipped + 1;
        self.train.next = at + self.train.gap;
        self.sent += skipped + 1;
        // A retransmission carries what was sent some packets before.
        let again = self.random.unit() < self.plan.retransmits;
        let position = self.sent - 1 - if again { self.sent.min(40) - 1 } else { 0 };
        let payload = u64::from(self.plan.carrier.payload(self.plan.frame));
        let position = position.wrapping_mul(payload * self.acknowledges.unwrap_or(1));
        let sequence = u64::from(self.first_sequence).wrapping_add(position);
        let tick = match self.plan.carrier {
            Carrier::Tcp { tick } => f64::from(tick) * 1e-9,
            Carrier::PlainTcp | Carrier::Udp => 1e-3,
        };
        let timestamp = u64::from(self.first_timestamp).wrapping_add(whole(at / tick));
        Some(Packet {
            flow: self.number,
            at,
            carrier: self.plan.carrier,
            frame: self.plan.frame,
            sequence: low(sequence),
            timestamp: low(timestamp),
            pool,
            acknowledges: self.acknowledges.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(shape: Shape) -> Plan {
        Plan {
            shape,
            carrier: Carrier::Tcp { tick: 1_000_000 },
            rate: 12.5e6,
            link: 125e6,
            frame: 1500,
            retransmits: 0.0,
        }
    }

    /// Samples of the first `seconds` of a flow.
    fn samples(shape: Shape, rate: u32, seconds: f64) -> Vec<Packet> {
        let mut flow = Flow::new(7, plan(shape), 0.0, Random::new(5, 6));
        std::iter::from_fn(|| flow.sample(rate))
            .take_while(|packet| packet.at < seconds)
            .collect()
    }

    #[test]
    fn samples_come_as_often_as_the_rate_says_whatever_the_shape() {
        for shape in [Shape::Steady, Shape::Bursts(64e3), Shape::Bursts(8e6)] {
            let found = samples(shape, 1000, 2000.0).len() as f64;
            assert!(
                (found / (2000.0 * 12.5e6 / 1.5e6) - 1.0).abs() < 0.1,
                "{shape:?}: {found}"
            );
        }
    }

    #[test]
    fn sequence_numbers_tell_what_was_sent() {
        let all = samples(Shape::Steady, 1, 1.0);
        assert_eq!(all.len(), 8334);
        for pair in all.windows(2) {
            assert_eq!(pair[1].sequence.wrapping_sub(pair[0].sequence), 1430);
        }
        let ticks = all[8333].timestamp.wrapping_sub(all[0].timestamp);
        assert!((999..=1000).contains(&ticks), "{ticks}");
        let some = samples(Shape::Steady, 100, 100.0);
        for pair in some.windows(2) {
            let bytes = pair[1].sequence.wrapping_sub(pair[0].sequence);
            let seconds = pair[1].at - pair[0].at;
            assert!((f64::from(bytes) / seconds - 12.5e6 * 1430.0 / 1500.0).abs() < 1e3);
            assert_eq!(u64::from(bytes), 1430 * pair[1].pool);
        }
    }

    #[test]
    fn slow_start_doubles_and_ends() {
        let all = samples(
            Shape::SlowStart {
                rtt: 0.001,
                bytes: 150_000.0,
            },
            1,
            10.0,
        );
        assert_eq!(all.len(), 100);
        // At a window of 10 packets the rate is 15 MB/s: above the flow's own.
        assert!(all[99].at < 0.013, "{}", all[99].at);
        let slow = Shape::SlowStart {
            rtt: 0.1,
            bytes: 150_000.0,
        };
        let all = samples(slow, 1, 10.0);
        let round = |n: usize| whole(all[n].at / 0.1);
        assert_eq!(
            [round(9), round(10), round(29), round(30), round(99)],
            [0, 1, 1, 2, 3]
        );
    }
}
