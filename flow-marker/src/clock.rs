//! Instants as numbers, so that everything below the drivers can be tested in virtual time.
//!
//! This is the only file of the crate that reads a clock.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// An instant: nanoseconds of a monotonic clock since that clock was started.
///
/// 64 bits last for 584 years; arithmetic saturates instead of wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The instant at which the clock was started.
    pub const START: Self = Self(0);

    /// The instant `ns` nanoseconds after [`Self::START`].
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since [`Self::START`].
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// So long before; [`Self::START`] at the earliest.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// The time that has passed since `earlier`; zero when that lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

/// The clock of a running process. Copies agree with each other.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_unix: Duration,
}

impl Clock {
    /// Starts a clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the clocks are read"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// The present instant.
    pub fn now(&self) -> Time {
        Time::START + self.started.elapsed()
    }

    /// The instant that is `ns` nanoseconds after 1970 (UTC); the start, when that was later.
    pub fn time(&self, ns: u64) -> Time {
        Time::from_nanos(ns.saturating_sub(self.unix_ns(Time::START)))
    }

    /// What the wall clock says now, less what [`Self::unix_ns`] says, in nanoseconds: by so much it was set since the start, or
    /// so long the machine has slept.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the clocks are read"
    )]
    pub fn skew(&self) -> i64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
        let ours = self.unix_ns(self.now());
        let apart = i64::try_from(wall.abs_diff(ours)).unwrap_or(i64::MAX);
        if wall < ours { -apart } else { apart }
    }

    /// `time` as nanoseconds since 1970 (UTC), for people and other machines.
    ///
    /// It is counted from the wall clock at the start, so that a step of the wall clock does not reorder our events.
    pub fn unix_ns(&self, time: Time) -> u64 {
        u64::try_from(self.started_unix.as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_add(time.0)
    }
}
