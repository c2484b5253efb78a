//! What the flow samples of one data source say about its sampling.

use std::time::Duration;

use crate::clock::Time;
use crate::detect::Effective;
use crate::flow::Direction;
use crate::sflow::{DataSource, Interface};

/// How far the sampled header could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderSeen {
    /// To the ports of the innermost layer, or to its end when there are none.
    Whole,
    /// It was cut before the ports of the only transport layer.
    CutBeforePorts,
    /// It was cut inside a tunnel, before the ports of the inner layer.
    CutBeforeInnerPorts,
    /// There was no header in the sample.
    Missing,
}

/// What a sampled packet tells of its flow besides that it passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// How far its stream has come, and when: TCP with timestamps, or with the agent's timestamp of the sample.
    Timed,
    /// How far its stream has come: TCP.
    Untimed,
    /// Nothing.
    Nothing,
}

/// What the doctor wants to know of a flow sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowSeen {
    /// What sampled.
    pub source: DataSource,
    /// Counts the samples of the data source.
    pub sequence: u32,
    /// One in so many, as the agent says; 0 when it does not.
    pub sampling_rate: u32,
    /// Packets that could have been sampled.
    pub sample_pool: u32,
    /// Samples that the agent has dropped.
    pub drops: u32,
    /// Where the packet came in.
    pub input: Interface,
    /// Whether that is where it was sampled.
    pub direction: Direction,
    /// Bytes of the frame, when the sample says so.
    pub frame_bytes: Option<u32>,
    /// Bytes of the header in the sample.
    pub header_bytes: u32,
    /// How far it could be read.
    pub header: HeaderSeen,
    /// What it tells of its flow.
    pub told: Told,
}

/// The sizes into which frames are sorted: upper bounds in bytes, the last without.
pub(super) const SIZES: [u32; 7] = [64, 128, 256, 512, 1024, 1536, u32::MAX];

/// What was seen in one span of time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) since: Option<Time>,
    pub(super) until: Time,
    /// Samples that came.
    pub(super) samples: u64,
    /// Samples that the sequence numbers say are missing.
    pub(super) lost: u64,
    /// Growth of the pool, of the samples that came and of the sequence numbers, over pairs of samples in order.
    pub(super) pool: u64,
    pub(super) paired: u64,
    pub(super) numbered: u64,
    /// Pairs over which the pool grew by exactly rate × samples: no agent that counts packets has many.
    pub(super) exact: u64,
    /// Pairs over which the pool did not grow.
    pub(super) still: u64,
    pub(super) drops: u64,
    pub(super) frames: u64,
    pub(super) frame_bytes: u64,
    /// Of them in TCP, and of these such that tell when they were sent.
    pub(super) tcp_bytes: u64,
    pub(super) timed_bytes: u64,
    pub(super) largest: u32,
    pub(super) sizes: [u64; SIZES.len()],
    pub(super) header_bytes: u32,
    pub(super) cut: u64,
    pub(super) cut_inside: u64,
    pub(super) headless: u64,
    /// Samples of an interface that neither came in nor go out by it.
    pub(super) elsewhere: u64,
    pub(super) unknown_input: u64,
}

/// The last sample in order.
#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: u32,
    pool: u32,
    drops: u32,
}

/// One data source.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    now: Span,
    before: Option<Span>,
    last: Option<Last>,
    pub(super) rate: u32,
    /// The rate before it changed, and when that was.
    pub(super) changed: Option<(u32, Time)>,
    pub(super) changes: u64,
    /// What its samples stand for.
    effective: Effective,
}

/// A span is judged after a minute and 50 samples, which are enough for 28 % of accuracy (196·√(1/50)).
const LONG: Duration = Duration::from_secs(60);
const MANY: u64 = 50;

impl Sampler {
    /// By how much more a sample, which is the newest, stands for than its sampling rate says.
    pub(super) fn factor(&mut self, seen: &FlowSeen, now: Time) -> f64 {
        self.effective
            .observe(now, seen.sequence, seen.sampling_rate, seen.sample_pool)
    }

    /// Takes a sample; true when the sampling rate has changed.
    pub(super) fn observe(&mut self, seen: &FlowSeen, now: Time) -> bool {
        let changed = seen.sampling_rate != self.rate && self.now.since.is_some();
        if seen.sampling_rate != self.rate {
            if changed {
                self.changed = Some((self.rate, now));
                self.changes += 1;
                // What was seen with another rate says nothing about this one.
                self.before = None;
                self.now = Span::default();
                self.last = None;
            }
            self.rate = seen.sampling_rate;
        }
        let full = self.now.since.is_some_and(|since| now.since(since) >= LONG);
        if full && self.now.samples >= MANY {
            self.before = Some(std::mem::take(&mut self.now));
        }
        self.sequence(seen);
        let span = &mut self.now;
        span.since.get_or_insert(now);
        span.until = now;
        span.samples += 1;
        if let Some(bytes) = seen.frame_bytes {
            span.frames += 1;
            span.frame_bytes += u64::from(bytes);
            let (in_tcp, timed) = match seen.told {
                Told::Timed => (true, true),
                Told::Untimed => (true, false),
                Told::Nothing => (false, false),
            };
            span.tcp_bytes += u64::from(bytes) * u64::from(in_tcp);
            span.timed_bytes += u64::from(bytes) * u64::from(timed);
            span.largest = span.largest.max(bytes);
            if let Some(count) = SIZES
                .iter()
                .position(|size| bytes <= *size)
                .and_then(|at| span.sizes.get_mut(at))
            {
                *count += 1;
            }
        }
        span.header_bytes = span.header_bytes.max(seen.header_bytes);
        match seen.header {
            HeaderSeen::Whole => {}
            HeaderSeen::CutBeforePorts => span.cut += 1,
            HeaderSeen::CutBeforeInnerPorts => span.cut_inside += 1,
            HeaderSeen::Missing => span.headless += 1,
        }
        let is_elsewhere = seen.direction == Direction::OtherPort && seen.input.if_index().is_some();
        span.elsewhere += u64::from(is_elsewhere);
        span.unknown_input += u64::from(seen.input == Interface::Unknown);
        changed
    }

    fn sequence(&mut self, seen: &FlowSeen) {
        /// A longer step is a restart of the numbers, not a loss.
        const RESTART: u32 = 100_000;
        let next = Last {
            sequence: seen.sequence,
            pool: seen.sample_pool,
            drops: seen.drops,
        };
        let Some(last) = self.last else {
            self.last = Some(next);
            return;
        };
        let step = next.sequence.wrapping_sub(last.sequence);
        if step == 0 {
            return; // The agent does not number its samples, or this one came twice.
        }
        if step > u32::MAX - 1000 {
            self.now.lost = self.now.lost.saturating_sub(1); // Late: it was counted as lost.
            return;
        }
        self.last = Some(next);
        if step > RESTART {
            return;
        }
        let span = &mut self.now;
        span.lost += u64::from(step - 1);
        let pool = next.pool.wrapping_sub(last.pool);
        if pool < 1 << 31 {
            span.pool += u64::from(pool);
            span.paired += 1;
            span.numbered += u64::from(step);
            span.still += u64::from(pool == 0);
            span.exact += u64::from(pool != 0 && Some(pool) == step.checked_mul(seen.sampling_rate));
        }
        let drops = next.drops.wrapping_sub(last.drops);
        if drops < 1 << 31 {
            span.drops += u64::from(drops);
        }
    }

    /// What to judge by: the last full span, or else the present one.
    pub(super) fn span(&self, now: Time) -> &Span {
        /// An older one says nothing about now.
        const OLD: Duration = Duration::from_secs(600);
        let before = self.before.as_ref().filter(|span| now.since(span.until) <= OLD);
        before
            .filter(|_| self.now.samples < MANY * 4)
            .unwrap_or(&self.now)
    }

    /// When the last sample came.
    pub(super) fn last_at(&self) -> Time {
        self.now
            .until
            .max(self.before.map_or(Time::START, |span| span.until))
    }
}

/// What the pool of an agent is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// Too early to say.
    Unknown,
    /// It counts packets.
    Counted,
    /// It never grows.
    Still,
    /// It is computed from the sampling rate.
    Synthetic,
}

impl Span {
    pub(super) fn seconds(&self) -> f64 {
        self.since
            .map_or(0.0, |since| self.until.since(since).as_secs_f64())
    }

    /// Samples a second.
    pub(super) fn rate(&self) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 {
            self.samples.saturating_sub(1) as f64 / seconds
        } else {
            0.0
        }
    }

    pub(super) fn pool(&self, rate: u32) -> Pool {
        if self.paired < 20 {
            Pool::Unknown
        } else if self.still * 10 >= self.paired * 9 {
            Pool::Still
        } else if rate > 1 && self.exact * 10 >= self.paired * 9 {
            Pool::Synthetic
        } else {
            Pool::Counted
        }
    }

    /// Packets for each sample that came, by the pool; `None` when that cannot be said.
    pub(super) fn effective_rate(&self, rate: u32) -> Option<f64> {
        (self.pool(rate) == Pool::Counted && self.paired >= MANY)
            .then(|| self.pool as f64 / self.paired as f64)
    }

    /// Packets for each sample that the agent took, by the pool: without what the network lost.
    pub(super) fn agents_rate(&self, rate: u32) -> Option<f64> {
        (self.pool(rate) == Pool::Counted && self.paired >= MANY)
            .then(|| self.pool as f64 / self.numbered as f64)
    }

    /// The relative error of a count of these samples, with 95 % of confidence.
    pub(super) fn error(&self) -> f64 {
        1.96 / (self.samples.max(1) as f64).sqrt()
    }

    pub(super) fn mean_frame(&self) -> Option<f64> {
        (self.frames > 0).then(|| self.frame_bytes as f64 / self.frames as f64)
    }
}
