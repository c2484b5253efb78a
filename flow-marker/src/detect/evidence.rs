//! Why a flow was called an elephant.

use std::time::Duration;

use shared::units::BitRate;

use super::clock::Clock;
use super::sequence::AMBIGUOUS;
use crate::clock::Time;
use crate::config::Profile;

/// By what a flow was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// TCP sequence numbers.
    Sequence,
    /// The number of samples, by a cumulative sum.
    Count,
    /// The exponential average of what samples stand for.
    Average,
}

impl Path {
    /// By what a flow is judged, when its packets tell when they were sent or not, and one of its samples stands for so many
    /// bytes.
    pub fn of(profile: Profile, is_timed: bool, bytes_per_sample: f64) -> Self {
        match profile {
            Profile::Average => Self::Average,
            _ if is_timed && bytes_per_sample <= AMBIGUOUS => Self::Sequence,
            _ => Self::Count,
        }
    }

    /// The name in answers and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sequence => "sequence",
            Self::Count => "count",
            Self::Average => "average",
        }
    }
}

/// Why a flow was called an elephant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// By what it was judged.
    pub path: Path,
    /// Which clock told the time that the bytes took.
    pub clock: Clock,
    /// Bytes that passed, by sequence numbers, or that its samples stood for.
    pub bytes: u64,
    /// How long they took, by that clock.
    pub span: Duration,
    /// How many samples these were.
    pub samples: u32,
    /// The first of them.
    pub first_sample: Time,
    /// The estimated rate.
    pub rate: BitRate,
    /// The rate that makes an elephant on its port.
    pub threshold: BitRate,
    /// The probability that its rate is four fifths of the threshold or more, given how exact such evidence is.
    pub confidence: f64,
}

impl Evidence {
    /// What so many samples since `first` come to, which stood for so many bytes. With a threshold of zero no rate was
    /// asked for, and there is no doubt.
    pub fn counted(
        (bytes, samples): (u64, u32),
        (first, now): (Time, Time),
        (rate, threshold): (BitRate, BitRate),
    ) -> Self {
        let share = rate.as_f64() / threshold.as_f64().max(1.0);
        let confidence = if threshold.bits_per_second() == 0 {
            1.0
        } else {
            Self::confidence(share, share / f64::from(samples.max(1)).sqrt())
        };
        Self {
            path: Path::Count,
            clock: Clock::Arrival,
            bytes,
            span: now.since(first),
            samples,
            first_sample: first,
            rate,
            threshold,
            confidence,
        }
    }

    /// [`Self::confidence`] of an estimate with a standard error, both as shares of the threshold: the normal
    /// distribution, by its logistic approximation.
    pub(super) fn confidence(rate: f64, error: f64) -> f64 {
        let z = (rate - 0.8) / error.max(1e-9);
        1.0 / (1.0 + (-1.702 * z).exp())
    }
}
