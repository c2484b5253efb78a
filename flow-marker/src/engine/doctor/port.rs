//! What the counters of one port say.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Time;

/// What the doctor wants to know of a counter sample of a port. What is `None` was not in the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountersSeen<'a> {
    /// The port.
    pub if_index: u32,
    /// Its speed in bits per second; 0 when the agent says so.
    pub speed: Option<u64>,
    /// Whether it is administratively and operationally up.
    pub is_up: Option<bool>,
    /// Frames received: unicast, multicast and broadcast packets together, of 32 bits, as the agent counts them.
    pub frames_in: Option<u32>,
    /// Frames sent.
    pub frames_out: Option<u32>,
    /// Its name.
    pub name: Option<&'a str>,
}

/// Which packets of its ports an agent samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampled {
    /// What comes in.
    In,
    /// What goes out.
    Out,
    /// Both, or nobody knows.
    Both,
}

impl Sampled {
    /// As samples tell: of packets that came in, and of others. One in a hundred may be of an odd kind.
    pub(super) const fn by((samples_in, samples_out): (u64, u64)) -> Self {
        if samples_in == 0 && samples_out == 0 {
            Self::Both
        } else if samples_out.saturating_mul(100) <= samples_in {
            Self::In
        } else if samples_in.saturating_mul(100) <= samples_out {
            Self::Out
        } else {
            Self::Both
        }
    }

    /// Of what was counted, in and out, that to which sampling applies.
    pub(super) const fn part(self, (counted_in, counted_out): (u64, u64)) -> u64 {
        match self {
            Self::In => counted_in,
            Self::Out => counted_out,
            Self::Both => counted_in + counted_out,
        }
    }
}

/// One port.
#[derive(Debug, Default)]
pub(super) struct Port {
    pub(super) name: Option<Arc<str>>,
    pub(super) speed: u64,
    pub(super) is_up: bool,
    /// When the last counters came, and the time between them.
    pub(super) counters: Option<Time>,
    pub(super) interval: Option<Duration>,
    last: Option<(u32, u32)>,
    /// Samples since the last counters: of packets that came in, and of others.
    since: (u64, u64),
    /// Frames and samples between counters: in, out.
    pub(super) frames: (u64, u64),
    pub(super) samples: (u64, u64),
}

impl Port {
    pub(super) fn sampled(&mut self, came_in: bool) {
        let count = if came_in {
            &mut self.since.0
        } else {
            &mut self.since.1
        };
        *count += 1;
    }

    pub(super) fn observe(&mut self, seen: &CountersSeen<'_>, now: Time) {
        /// Longer names than this are no names of ports.
        const MAX_NAME: usize = 64;
        if let Some(name) = seen
            .name
            .filter(|name| !name.is_empty() && name.len() <= MAX_NAME)
            && self.name.as_deref() != Some(name)
        {
            self.name = Some(name.into());
        }
        // A port that is down has the speed 0, and keeps the one that it had.
        if let Some(speed) = seen.speed.filter(|speed| *speed > 0) {
            self.speed = speed;
        }
        if let Some(is_up) = seen.is_up {
            self.is_up = is_up;
        }
        let (Some(frames_in), Some(frames_out)) = (seen.frames_in, seen.frames_out) else {
            return; // Only a name, say.
        };
        let gap = self.counters.map(|last| now.since(last));
        if gap == Some(Duration::ZERO) {
            return;
        }
        self.interval = gap.or(self.interval);
        self.counters = Some(now);
        let since = std::mem::take(&mut self.since);
        let Some(last) = self.last.replace((frames_in, frames_out)) else {
            return;
        };
        let steps = (frames_in.wrapping_sub(last.0), frames_out.wrapping_sub(last.1));
        if steps.0 >= 1 << 31 || steps.1 >= 1 << 31 || gap.is_some_and(|gap| gap > Duration::from_secs(600)) {
            return; // Set back, or too long ago.
        }
        // Older spans count for less, so that the sums follow what is now.
        const MANY: u64 = 10_000;
        if self.samples.0 + self.samples.1 > MANY {
            for sum in [
                &mut self.frames.0,
                &mut self.frames.1,
                &mut self.samples.0,
                &mut self.samples.1,
            ] {
                *sum /= 2;
            }
        }
        self.frames.0 += u64::from(steps.0);
        self.frames.1 += u64::from(steps.1);
        self.samples.0 += since.0;
        self.samples.1 += since.1;
    }

    /// Starts the comparison of frames and samples anew, since the sampling rate has changed.
    pub(super) const fn restart(&mut self) {
        self.frames = (0, 0);
        self.samples = (0, 0);
        self.last = None;
    }

    /// Frames for each sample by the counters: of the direction that is sampled, or of both together.
    pub(super) fn frames_per_sample(&self) -> Option<f64> {
        /// As many as a span of samples needs.
        const ENOUGH: u64 = 50;
        if self.samples.0 + self.samples.1 < ENOUGH {
            return None;
        }
        let sampled = Sampled::by(self.samples);
        Some(sampled.part(self.frames) as f64 / sampled.part(self.samples) as f64)
    }
}
