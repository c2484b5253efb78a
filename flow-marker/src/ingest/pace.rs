//! When a receiving thread looks for datagrams again.
//!
//! A thread that waits in the kernel for every datagram is woken for every datagram, which costs more than the datagram
//! does. So it takes all that has come, then pauses for at most a millisecond. The pause is shorter where datagrams come
//! so fast that they would fill the receive buffer meanwhile. When nothing has come for a while, the thread waits in the
//! kernel, which costs an idle machine nothing.

use std::time::Duration;

use crate::clock::Time;

/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Timers are about this coarse (`PR_SET_TIMERSLACK`): a shorter pause is none.
const SHORTEST: Duration = Duration::from_micros(50);

/// After so much time without a datagram the thread waits in the kernel.
const QUIET: Duration = Duration::from_millis(100);

/// What has been received from one look to the next pause.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Round {
    /// Datagrams.
    pub(super) datagrams: usize,
    /// What they took in the receive buffer, in bytes of the kernel's bookkeeping.
    pub(super) charged: usize,
    /// Nothing was left.
    pub(super) drained: bool,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Look again at once.
    Look,
    /// Pause, then look.
    Pause(Duration),
    /// Wait in the kernel for the next datagram.
    Wait,
}

/// Decides what to do after each round.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
    /// What may come during a pause, in bytes of the kernel's bookkeeping.
    budget: usize,
    last: Time,
}

/// What the kernel counts for a datagram of so many bytes, about: the usual driver puts it, with 0.7 kB of bookkeeping,
/// into a block whose size is a power of two.
pub(super) const fn charge(length: usize) -> usize {
    const BOOKKEEPING: usize = 256;
    const HEADROOM: usize = 400;
    (length + HEADROOM).next_power_of_two() + BOOKKEEPING
}

impl Pace {
    /// For a socket that was granted so many bytes, of which the kernel charges twice as many.
    pub(super) const fn new(receive_buffer: usize) -> Self {
        Self {
            pause: PAUSE,
            // A quarter: pauses may last longer than asked for, and work takes time too.
            budget: receive_buffer / 2,
            last: Time::START,
        }
    }

    /// The most that should come during a pause; more may have been too much for the receive buffer.
    pub(super) const fn budget(&self) -> usize {
        self.budget
    }

    /// After a round that ended `now`.
    pub(super) fn after(&mut self, now: Time, round: Round) -> Next {
        if round.datagrams > 0 {
            self.last = now;
        }
        if !round.drained {
            return Next::Look;
        }
        if now.since(self.last) >= QUIET {
            self.pause = PAUSE;
            return Next::Wait;
        }
        if round.charged > self.budget {
            self.pause /= 2;
        } else if round.charged < self.budget / 4 {
            self.pause = (self.pause * 2).max(SHORTEST).min(PAUSE);
        }
        match self.pause {
            short if short < SHORTEST => Next::Look,
            pause => Next::Pause(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUFFER: usize = 1 << 20;

    fn at(ms: u64) -> Time {
        Time::START + Duration::from_millis(ms)
    }

    fn drained(datagrams: usize) -> Round {
        Round {
            datagrams,
            charged: datagrams * charge(1200),
            drained: true,
        }
    }

    #[test]
    fn it_pauses_when_all_is_taken_and_never_when_not() {
        let mut pace = Pace::new(BUFFER);
        assert_eq!(pace.after(at(1), drained(9)), Next::Pause(PAUSE));
        let more = Round {
            drained: false,
            ..drained(64)
        };
        assert_eq!(pace.after(at(2), more), Next::Look);
    }

    #[test]
    fn it_waits_in_the_kernel_only_when_it_has_long_been_quiet() {
        let mut pace = Pace::new(BUFFER);
        pace.after(at(1000), drained(1));
        assert_eq!(pace.after(at(1001), drained(0)), Next::Pause(PAUSE));
        assert_eq!(pace.after(at(1099), drained(0)), Next::Pause(PAUSE));
        assert_eq!(pace.after(at(1100), drained(0)), Next::Wait);
        assert_eq!(pace.after(at(1101), drained(1)), Next::Pause(PAUSE));
    }

    #[test]
    fn pauses_are_as_short_as_the_receive_buffer_needs_them() {
        // A datagram of 1200 bytes is charged 2304, so that a quarter of the buffer is 227 of them.
        let mut pace = Pace::new(BUFFER);
        let rate_per_ms = 900_usize;
        let mut pause = PAUSE;
        for ms in 1..20 {
            let came = rate_per_ms * usize::try_from(pause.as_micros()).unwrap() / 1000;
            match pace.after(at(ms), drained(came)) {
                Next::Pause(next) => pause = next,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(pause, PAUSE / 4);
        // Faster than any pause allows: none.
        for ms in 20..30 {
            pace.after(at(ms), drained(10_000));
        }
        assert_eq!(pace.after(at(30), drained(10_000)), Next::Look);
        // And back, when it is over.
        for ms in 30..45 {
            pace.after(at(ms), drained(1));
        }
        assert_eq!(pace.after(at(45), drained(1)), Next::Pause(PAUSE));
    }
}
