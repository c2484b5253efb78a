//! How long an agent holds samples back, before a datagram is full or a second is over (sFlow v5 §4.2.2).

use std::time::Duration;

use crate::clock::Time;

/// How long a sample has waited at its agent, on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// So long.
    pub time: Duration,
    /// Measured by the agent's timestamps (sFlow structure 1043), against the sample that waited least; otherwise
    /// estimated: half of what lies between two datagrams with samples.
    pub measured: bool,
}

/// Learns how long one agent holds samples back.
#[derive(Debug, Default)]
pub(super) struct Holding {
    last: Option<Time>,
    /// Seconds between two datagrams, smoothed.
    gap: f64,
    by_record: Option<ByRecord>,
}

/// What the agent's own clock says.
#[derive(Debug)]
struct ByRecord {
    /// Our clock less the agent's, in nanoseconds, where a sample came soonest.
    least: f64,
    /// Seconds beyond it, smoothed.
    beyond: f64,
    last: Time,
}

/// No agent may hold a sample longer.
const LONGEST: f64 = 1.0;

/// How far two clocks drift apart at most: 100 ns in a millisecond, as crystals do.
const DRIFT: f64 = 1e-4;

impl Holding {
    /// Takes a sample, with the time that its agent has noted for it, in nanoseconds.
    pub(super) fn observe(&mut self, now: Time, recorded: Option<u64>) {
        let last = *self.last.get_or_insert(now);
        let gap = now.since(last).as_secs_f64();
        // Samples of one datagram come at the same time.
        if gap > 0.0 {
            self.last = Some(now);
            let gap = gap.min(2.0 * LONGEST);
            self.gap += if self.gap == 0.0 {
                gap
            } else {
                (gap - self.gap) * 0.1
            };
        }
        let Some(recorded) = recorded else { return };
        let offset = now.as_nanos() as f64 - recorded as f64;
        let known = self.by_record.get_or_insert(ByRecord {
            least: offset,
            beyond: 0.0,
            last: now,
        });
        let drifted = known.least + now.since(known.last).as_nanos() as f64 * DRIFT;
        (known.least, known.last) = (offset.min(drifted), now);
        let beyond = ((offset - known.least) / 1e9).min(LONGEST);
        known.beyond += (beyond - known.beyond) * 0.05;
    }

    /// How long samples wait, as far as is known.
    pub(super) fn hold(&self) -> Option<Hold> {
        let (seconds, measured) = match &self.by_record {
            Some(known) => (known.beyond, true),
            None if self.gap == 0.0 => return None,
            None => ((self.gap / 2.0).min(LONGEST), false),
        };
        Some(Hold {
            time: Duration::from_secs_f64(seconds),
            measured,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::START + Duration::from_millis(ms)
    }

    #[test]
    fn half_the_gap_between_datagrams_is_the_estimate() {
        let mut holding = Holding::default();
        assert_eq!(holding.hold(), None);
        for datagram in 0..100 {
            for _ in 0..6 {
                holding.observe(at(datagram * 400), None);
            }
        }
        let hold = holding.hold().unwrap();
        assert!(
            !hold.measured && (190..=210).contains(&hold.time.as_millis()),
            "{hold:?}"
        );
        // A quiet night is no reason to believe that samples wait for hours.
        holding.observe(at(100_000_000), None);
        for datagram in 0..100 {
            holding.observe(at(100_000_000 + datagram * 60_000), None);
        }
        let longest = holding.hold().unwrap().time;
        assert!((990..=1000).contains(&longest.as_millis()), "{longest:?}");
    }

    #[test]
    fn timestamps_tell_it_whatever_the_two_clocks_show() {
        for ahead in [0_u64, 1_700_000_000_000_000_000] {
            let mut holding = Holding::default();
            // One datagram a second, with a sample every tenth: they wait 0 to 0.9 s, and the network takes 3 ms.
            for second in 0..200_u64 {
                for tenth in 1..=10 {
                    let taken = ahead + (second * 10 + tenth) * 100_000_000;
                    holding.observe(at(second * 1000 + 1003), Some(taken));
                }
            }
            let hold = holding.hold().unwrap();
            assert!(hold.measured, "{hold:?}");
            assert!((350..=550).contains(&hold.time.as_millis()), "{hold:?}");
        }
    }
}
