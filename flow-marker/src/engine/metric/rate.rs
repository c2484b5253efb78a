//! From two readings of a counter to a rate.

use std::time::Duration;

use crate::clock::Time;

/// When a counter sample was made, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Counts the counter samples of the data source.
    pub sequence: u32,
    /// The agent's uptime when it sent the datagram, in milliseconds; 0 with agents that do not tell.
    pub uptime_ms: u32,
    /// When the datagram arrived.
    pub at: Time,
}

/// How a counter sample follows the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// So many seconds later.
    Elapsed(f64),
    /// The same sample again, or one that is too close for a rate.
    Duplicate,
    /// An older one, late.
    OutOfOrder,
    /// The agent has restarted: its counters may have, too.
    Restart,
    /// Too long ago: counters may have wrapped more than once.
    Gap,
}

/// A network reorders by less: ten samples of one data source are minutes.
const REORDER_SAMPLES: i32 = 10;
/// No datagram is under way for longer.
const REORDER_TIME: Duration = Duration::from_secs(10);
/// No agent reads its counters more often; what is closer was held back by the agent or the network.
const SHORTEST: Duration = Duration::from_millis(100);
/// An agent may hold a sample for a second, and the one before not at all.
const HELD: Duration = Duration::from_secs(2);

/// How `next` follows `last`; after `longest` no rate is taken.
pub(super) fn step(last: Seen, next: Seen, longest: Duration) -> Step {
    let arrived = next.at.since(last.at);
    let ahead = next.sequence.wrapping_sub(last.sequence).cast_signed();
    let clock = uptime_between(last, next, arrived);
    let close = |window: Duration| match clock {
        Some(ms) => (-millis(window)..=0).contains(&ms),
        None => arrived <= window,
    };
    // Agents that do not number their samples send the same number always.
    if ahead == 0 && clock.map_or(arrived < SHORTEST, |ms| ms == 0) {
        return Step::Duplicate;
    }
    // The agent's clock is free of what the network adds, as long as it agrees with ours.
    let own = clock
        .and_then(|ms| u64::try_from(ms).ok())
        .map(Duration::from_millis)
        .filter(|own| own.abs_diff(arrived) <= HELD.max(arrived / 2));
    // Where the clock goes on and the numbers do not, only the numbers are not to be trusted.
    if ahead < 0 && own.is_none_or(|own| own.is_zero()) {
        let late = ahead >= -REORDER_SAMPLES && close(REORDER_TIME);
        return if late { Step::OutOfOrder } else { Step::Restart };
    }
    if clock.is_some_and(|ms| ms < -millis(REORDER_TIME)) {
        return Step::Restart;
    }
    if arrived > longest {
        return Step::Gap;
    }
    let elapsed = own.unwrap_or(arrived);
    if elapsed < SHORTEST {
        return Step::Duplicate;
    }
    Step::Elapsed(elapsed.as_secs_f64())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds of the agent's uptime, which wraps after 49.7 days; `None` when it does not tell.
fn uptime_between(last: Seen, next: Seen, arrived: Duration) -> Option<i64> {
    if last.uptime_ms == 0 || next.uptime_ms == 0 {
        return None;
    }
    let (from, to) = (i64::from(last.uptime_ms), i64::from(next.uptime_ms));
    let until_wrap = (1_i64 << 32) - from;
    let wraps = to < from
        && until_wrap
            <= millis(arrived)
                .saturating_mul(2)
                .saturating_add(millis(REORDER_TIME));
    Some(if wraps { until_wrap + to } else { to - from })
}

/// A reading of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// 32 bits.
    Narrow(u32),
    /// 64 bits.
    Wide(u64),
}

impl Reading {
    /// The count; `None` when all bits are set, which means that the agent does not count this.
    pub(super) const fn known(self) -> Option<u64> {
        match self {
            Self::Narrow(u32::MAX) | Self::Wide(u64::MAX) => None,
            Self::Narrow(count) => Some(count as u64),
            Self::Wide(count) => Some(count),
        }
    }

    /// What was counted since `last`; `None` when the counter was set back.
    ///
    /// A counter that has fallen has wrapped when that makes a step of less than half of its range. Some agents put
    /// 32-bit counters into 64-bit fields: these wrap as 32-bit ones do.
    pub(super) const fn since(self, last: u64) -> Option<u64> {
        const HALF: u32 = 1 << 31;
        #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
        const fn narrow(next: u64, last: u64) -> Option<u64> {
            let step = (next as u32).wrapping_sub(last as u32);
            if step < HALF { Some(step as u64) } else { None }
        }
        match self {
            Self::Narrow(next) if next as u64 >= last => Some(next as u64 - last),
            Self::Narrow(next) => narrow(next as u64, last),
            Self::Wide(next) if next >= last => Some(next - last),
            Self::Wide(next) if last <= u32::MAX as u64 => narrow(next, last),
            Self::Wide(next) => {
                let step = next.wrapping_sub(last);
                if step < 1 << 63 { Some(step) } else { None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(sequence: u32, uptime_ms: u32, seconds: f64) -> Seen {
        Seen {
            sequence,
            uptime_ms,
            at: Time::START + Duration::from_secs_f64(seconds),
        }
    }

    const LONGEST: Duration = Duration::from_secs(300);

    #[test]
    fn the_agents_clock_counts_when_it_agrees() {
        let last = seen(7, 100_000, 100.0);
        assert_eq!(step(last, seen(8, 120_000, 120.9), LONGEST), Step::Elapsed(20.0));
        assert_eq!(
            step(last, seen(8, 120_000, 190.0), LONGEST),
            Step::Elapsed(90.0),
            "another clock"
        );
        assert_eq!(
            step(seen(7, 0, 100.0), seen(8, 0, 120.5), LONGEST),
            Step::Elapsed(20.5)
        );
        assert_eq!(
            step(last, seen(11, 180_000, 180.0), LONGEST),
            Step::Elapsed(80.0),
            "samples were lost, the mean is right"
        );
    }

    #[test]
    fn an_agent_that_does_not_number_its_samples_has_rates_too() {
        let step_of = |uptime| step(seen(0, 100_000, 100.0), seen(0, uptime, 120.0), LONGEST);
        assert_eq!(step_of(120_000), Step::Elapsed(20.0));
        assert_eq!(step_of(100_000), Step::Duplicate);
        assert_eq!(
            step(seen(0, 0, 100.0), seen(0, 0, 120.0), LONGEST),
            Step::Elapsed(20.0)
        );
        assert_eq!(
            step(seen(0, 0, 100.0), seen(0, 0, 100.0), LONGEST),
            Step::Duplicate
        );
    }

    #[test]
    fn late_samples_and_restarts_are_told_apart() {
        let last = seen(1000, 900_000, 900.0);
        assert_eq!(step(last, seen(999, 899_000, 900.1), LONGEST), Step::OutOfOrder);
        assert_eq!(step(last, seen(1, 3_000, 930.0), LONGEST), Step::Restart);
        assert_eq!(
            step(last, seen(1001, 3_000, 930.0), LONGEST),
            Step::Restart,
            "the numbers went on"
        );
        assert_eq!(
            step(last, seen(1, 930_000, 930.0), LONGEST),
            Step::Elapsed(30.0),
            "only the numbers began again"
        );
        assert_eq!(step(seen(5, 0, 100.0), seen(1, 0, 160.0), LONGEST), Step::Restart);
        assert_eq!(
            step(seen(5, 0, 100.0), seen(4, 0, 100.2), LONGEST),
            Step::OutOfOrder
        );
        let months = seen(5, 3_000_000_000, 100.0);
        assert_eq!(step(months, seen(6, 1000, 120.0), LONGEST), Step::Restart);
    }

    #[test]
    fn uptime_and_sequence_wrap() {
        let last = seen(u32::MAX, u32::MAX - 9_999, 100.0);
        assert_eq!(step(last, seen(0, 10_000, 120.0), LONGEST), Step::Elapsed(20.0));
    }

    #[test]
    fn after_a_long_silence_there_is_no_rate() {
        let last = seen(7, 100_000, 100.0);
        assert_eq!(step(last, seen(8, 500_000, 500.0), LONGEST), Step::Gap);
    }

    #[test]
    fn a_32_bit_counter_in_a_64_bit_field_wraps_at_32_bits() {
        assert_eq!(Reading::Wide(5).since(u64::from(u32::MAX) - 4), Some(10));
        assert_eq!(Reading::Wide(5).since(1 << 40), None, "set back");
        assert_eq!(Reading::Wide(3).since(u64::MAX - 1), Some(5));
        assert_eq!(Reading::Narrow(0).since(1000), None, "set back");
    }

    proptest! {
        #[test]
        fn steps_below_half_the_range_are_exact(last: u32, add in 0_u32..1 << 31) {
            let next = Reading::Narrow(last.wrapping_add(add));
            prop_assert_eq!(next.since(u64::from(last)), Some(u64::from(add)));
        }

        #[test]
        fn wide_steps_are_exact(last in 1_u64 << 32.., add in 0_u64..1 << 63) {
            let next = Reading::Wide(last.wrapping_add(add));
            prop_assert_eq!(next.since(last), Some(add));
        }
    }
}
