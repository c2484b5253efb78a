//! Gives a sink the datagrams of a capture, in the capture's own time.
//!
//! The time of the first datagram is `Time::START`. A sink rests as often as behind a socket, on a grid of capture time
//! and once more before each datagram that is due later, so that what depends on time happens at the same moments at
//! whatever speed, and in every run.

use std::io::Read;
use std::time::Duration;

use super::sink::{Received, Sink};
use crate::clock::Time;
use crate::pcap::{Capture, PcapError};

/// From one rest to the next while the capture is silent.
const STEP: Duration = Duration::from_millis(10);

/// In a silence that lasts, steps grow to this part of it: they stay at [`STEP`] for ten minutes and take a second each
/// after 17 hours. A damaged stamp may be a century ahead, and a million steps go there.
const FINENESS: u32 = 60_000;

/// What a capture held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets in the file.
    pub packets: u64,
    /// Packets that were not whole UDP datagrams.
    pub not_udp: u64,
    /// UDP datagrams to another port.
    pub other_port: u64,
    /// Datagrams given to the sink.
    pub datagrams: u64,
    /// Datagrams among them whose end the capture has cut off.
    pub cut: u64,
    /// Datagrams among them with an earlier time than the one before; they were given at the time of that one.
    pub backwards: u64,
    /// When the first datagram was captured, since 1970-01-01 UTC.
    pub start: Duration,
    /// From the first datagram to the latest.
    pub span: Duration,
}

/// Gives all datagrams to UDP port `port` to `sink`. `before` is called before each of the sink's rests and datagrams,
/// with their time and what the capture held so far: it may wait, and tell how far things are. What the capture held,
/// and how reading it ended: what stands before a damaged place has been given.
pub fn run<R: Read>(
    capture: &mut Capture<R>,
    port: u16,
    sink: &mut impl Sink,
    mut before: impl FnMut(Time, &Summary),
) -> (Summary, Result<(), PcapError>) {
    let mut summary = Summary::default();
    let mut now = Time::START;
    sink.rest(now);
    let end = loop {
        let payload = match capture.next_udp() {
            Ok(Some(payload)) => payload,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        if payload.destination.port() != port {
            summary.other_port += 1;
            continue;
        }
        if summary.datagrams == 0 {
            summary.start = payload.time;
        }
        let due = Time::START + payload.time.saturating_sub(summary.start);
        summary.backwards += u64::from(due < now || payload.time < summary.start);
        while now < due {
            let silence = now.since(Time::START + summary.span);
            now = due.min(grid(now, STEP.max(silence / FINENESS)));
            before(now, &summary);
            sink.rest(now);
        }
        before(now, &summary);
        summary.datagrams += 1;
        summary.cut += u64::from(payload.bytes.len() < payload.length);
        summary.span = now.since(Time::START);
        let datagram = Received {
            from: payload.source,
            bytes: payload.bytes,
        };
        sink.batch(now, &[datagram]);
    };
    sink.rest(now);
    summary.packets = capture.packets();
    summary.not_udp = capture.skipped();
    (summary, end)
}

/// The next multiple of `step` after `now`.
fn grid(now: Time, step: Duration) -> Time {
    let step = u64::try_from(step.as_nanos()).unwrap_or(u64::MAX).max(1);
    let into = now.as_nanos() % step;
    now + Duration::from_nanos(step - into)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::pcap::tests::{capture, capture_at};

    /// Everything a sink was told, in order.
    #[derive(Debug, Default, PartialEq)]
    struct Diary {
        datagrams: Vec<(Time, SocketAddr, Vec<u8>)>,
        rests: Vec<Time>,
    }

    impl Sink for Diary {
        fn batch(&mut self, now: Time, batch: &[Received<'_>]) {
            assert!(self.rests.last().is_some_and(|rest| *rest <= now));
            let datagrams = batch.iter().map(|d| (now, d.from, d.bytes.to_vec()));
            self.datagrams.extend(datagrams);
        }

        fn rest(&mut self, now: Time) {
            assert!(self.rests.last().is_none_or(|rest| *rest <= now));
            self.rests.push(now);
        }
    }

    fn replay(file: &[u8]) -> (Diary, Summary) {
        let mut diary = Diary::default();
        let mut last = Time::START;
        let before = |now: Time, _: &Summary| {
            assert!(now >= last);
            last = now;
        };
        let (summary, end) = run(&mut Capture::new(file).unwrap(), 6343, &mut diary, before);
        end.unwrap();
        (diary, summary)
    }

    fn ms(ms: u64) -> Time {
        Time::START + Duration::from_millis(ms)
    }

    #[test]
    fn datagrams_come_at_their_own_time_and_the_sink_rests_in_between() {
        let stamps = [
            (100, Duration::ZERO),
            (100, Duration::from_millis(25)),
            (101, Duration::ZERO),
        ];
        let packets = stamps.map(|(seconds, rest)| (Duration::from_secs(seconds) + rest, b"x".to_vec()));
        let (diary, summary) = replay(&capture_at(6343, &packets));
        let times: Vec<_> = diary.datagrams.iter().map(|(time, ..)| *time).collect();
        assert_eq!(times, [ms(0), ms(25), ms(1000)]);
        assert_eq!(diary.rests[..5], [ms(0), ms(10), ms(20), ms(25), ms(30)]);
        assert_eq!(
            diary.rests.len(),
            1 + 100 + 1 + 1,
            "the start, the grid, 25 ms, the end"
        );
        assert_eq!(
            (summary.start, summary.span),
            (Duration::from_secs(100), Duration::from_secs(1))
        );
    }

    #[test]
    fn a_time_that_goes_back_stands_still() {
        let stamps = [10, 12, 11, 9, 13].map(|s| (Duration::from_secs(s), vec![1]));
        let (diary, summary) = replay(&capture_at(6343, &stamps));
        let times: Vec<_> = diary.datagrams.iter().map(|(time, ..)| *time).collect();
        assert_eq!(times, [0, 2000, 2000, 2000, 3000].map(ms));
        assert_eq!((summary.datagrams, summary.backwards), (5, 2));
    }

    #[test]
    fn a_stamp_that_is_a_century_ahead_takes_a_bounded_number_of_steps() {
        let stamps = [0, u64::from(u32::MAX)].map(|s| (Duration::from_secs(s), vec![1]));
        let (diary, _) = replay(&capture_at(6343, &stamps));
        assert!(diary.rests.len() < 1_200_000, "{}", diary.rests.len());
        assert_eq!(
            diary.rests[59_999],
            ms(599_990),
            "the first minutes are as fine as ever"
        );
    }

    #[test]
    fn other_ports_are_left_out_and_what_stands_before_a_cut_is_given() {
        let file = capture(6343, &[b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(replay(&file).1.datagrams, 2);
        let other = replay(&capture(9995, &[b"one".to_vec()])).1;
        assert_eq!((other.datagrams, other.other_port, other.packets), (0, 1, 1));
        let mut diary = Diary::default();
        let (summary, end) = run(
            &mut Capture::new(&file[..file.len() - 1]).unwrap(),
            6343,
            &mut diary,
            |_, _| (),
        );
        assert!(matches!(end, Err(PcapError::Truncated { .. })));
        assert_eq!((summary.datagrams, diary.datagrams.len()), (1, 1));
    }

    proptest! {
        #[test]
        fn what_the_sink_sees_is_what_was_captured(
            stamps in proptest::collection::vec((0..20_000_u64, proptest::collection::vec(any::<u8>(), 0..50)), 0..30),
        ) {
            let packets: Vec<_> =
                stamps.iter().map(|(ms, bytes)| (Duration::from_millis(*ms), bytes.clone())).collect();
            let (diary, summary) = replay(&capture_at(6343, &packets));
            prop_assert_eq!(summary.datagrams, stamps.len() as u64);
            let first = stamps.first().map_or(0, |(ms, _)| *ms);
            let mut latest = 0;
            for ((stamp, bytes), (time, from, given)) in stamps.iter().zip(&diary.datagrams) {
                latest = latest.max(stamp.saturating_sub(first));
                prop_assert_eq!(*time, ms(latest));
                prop_assert_eq!(given, bytes);
                prop_assert_eq!(from.port(), 4000);
            }
            // Never longer without a rest than behind a socket, and the same in the next run.
            prop_assert!(diary.rests.windows(2).all(|pair| pair[1].since(pair[0]) <= STEP));
            prop_assert_eq!(replay(&capture_at(6343, &packets)).0, diary);
        }
    }
}
