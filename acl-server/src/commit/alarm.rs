//! Rings at a moment, to some hundredths of a millisecond.
//!
//! The timers of tokio are late by more than a millisecond in the mean, since they count in whole ones and round up twice.
//! That is a fifth of a batch window, in which every caller waits.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

/// A timer of the system. Without one, tokio's does.
#[derive(Debug)]
pub struct Alarm(Option<AsyncFd<Timer>>);

/// Its descriptor is open, and the same, until it is dropped.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// A timer that is not set.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe; a `Timer` keeps its one descriptor as long as it lives, which is all that is asked for"
    )]
    pub fn unset() -> Self {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map_err(io::Error::from);
        let timer = timer.and_then(|timer| AsyncFd::new(Timer(timer)));
        if let Err(error) = &timer {
            tracing::warn!(%error, "no timer of the system: batches are sealed a millisecond later");
        }
        Self(timer.ok())
    }

    /// Returns at `moment` or soon after, never before. `now` is the time.
    pub async fn ring(&self, moment: Instant, now: impl Fn() -> Instant) {
        // Tokio's own, too: it alone knows of a clock that a test moves.
        tokio::select! {
            () = sleep_until(moment) => {}
            () = self.precisely(moment, now) => {}
        }
    }

    async fn precisely(&self, moment: Instant, now: impl Fn() -> Instant) {
        loop {
            let left = moment.saturating_duration_since(now());
            if left.is_zero() {
                return;
            }
            // One that cannot be set or read leaves it to tokio's.
            if self.wait(TimeSpec::from_duration(left)).await.is_none() {
                return std::future::pending().await;
            }
        }
    }

    /// Setting a timer forgets what it has rung before.
    async fn wait(&self, left: TimeSpec) -> Option<()> {
        let timer = self.0.as_ref()?;
        let once = Expiration::OneShot(left);
        timer.get_ref().0.set(once, TimerSetTimeFlags::empty()).ok()?;
        let mut rung = timer.readable().await.ok()?;
        rung.clear_ready();
        Some(())
    }
}
