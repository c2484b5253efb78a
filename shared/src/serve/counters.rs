//! What became of connections, in numbers that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one server. Accepted = open + ended, and each of the others is one reason for an end, or for none to begin.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) made_room: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) handshakes_failed: AtomicU64,
    pub(super) accepts_failed: AtomicU64,
}

/// The values of [`Counters`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Idle connections that were ended because others waited for their places.
    pub made_room: u64,
    /// Connections whose peer took too long: headers, idle, or not taking its answers.
    pub timed_out: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
    /// Times that the system had no connection to give, for want of file descriptors or memory.
    pub accepts_failed: u64,
}

impl Counters {
    /// The values now.
    pub fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            accepted: read(&self.accepted),
            made_room: read(&self.made_room),
            timed_out: read(&self.timed_out),
            handshakes_failed: read(&self.handshakes_failed),
            accepts_failed: read(&self.accepts_failed),
        }
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
