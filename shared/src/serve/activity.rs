//! What one connection is doing, and until when it may: a state machine that takes `now`.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::{DRAIN, FAREWELL, Limits};

/// How willing a connection is to make room for another: the least busy one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Idleness {
    /// Between requests, or before the first one is complete.
    Resting,
    /// It does not take its answers.
    Stalled,
    /// It has just come, or has just been answered, and is about to ask.
    Fresh,
}

/// A peer that takes nothing for so long is not worth a place that others wait for.
const STALLED: Duration = Duration::from_secs(1);

/// Whoever came, or was answered, so recently is about to ask: longer than the way there and back.
const FRESH: Duration = Duration::from_millis(100);

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    /// Requests whose answer is being found.
    running: usize,
    /// Requests whose answer is being sent.
    sending: usize,
    /// When something last began, went on, or ended.
    since: Instant,
    /// When the first byte of the next request came.
    head_since: Option<Instant>,
    /// Since when the peer takes no bytes.
    blocked_since: Option<Instant>,
    /// Whether there was a first request.
    asked: bool,
    /// Whether it is HTTP/2, whose frames are not all requests.
    multiplexed: bool,
}

impl Activity {
    /// A new connection.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            running: 0,
            sending: 0,
            since: now,
            head_since: None,
            blocked_since: None,
            asked: false,
            multiplexed: false,
        }
    }

    /// The peer has sent something.
    pub(super) fn received(&mut self, now: Instant) {
        if self.is_resting() {
            self.head_since.get_or_insert(now);
        }
    }

    /// The headers of a request are complete.
    pub(super) const fn began(&mut self, now: Instant, multiplexed: bool) {
        self.running += 1;
        self.asked = true;
        self.multiplexed = multiplexed;
        self.head_since = None;
        self.since = now;
    }

    /// The answer is there, and now it is sent.
    pub(super) const fn answered(&mut self, now: Instant) {
        self.running = self.running.saturating_sub(1);
        self.sending += 1;
        self.since = now;
    }

    /// There will be no answer.
    pub(super) const fn abandoned(&mut self, now: Instant) {
        self.running = self.running.saturating_sub(1);
        self.since = now;
    }

    /// A part of an answer was taken.
    pub(super) const fn went_on(&mut self, now: Instant) {
        self.since = now;
    }

    /// An answer was sent, or given up.
    pub(super) const fn sent(&mut self, now: Instant) {
        self.sending = self.sending.saturating_sub(1);
        self.since = now;
    }

    /// Whether the peer takes what is written.
    pub(super) fn writes(&mut self, blocked: bool, now: Instant) {
        if blocked {
            self.blocked_since.get_or_insert(now);
        } else {
            self.blocked_since = None;
        }
    }

    /// No request is being answered.
    pub(super) const fn is_resting(&self) -> bool {
        self.running == 0 && self.sending == 0
    }

    /// When the connection has used up its time, if nothing happens.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let waiting = match (self.running, self.sending) {
            (0, 0) if !self.asked => Some(self.since + limits.header_timeout),
            (0, 0) => {
                let idle = self.since + limits.idle_timeout;
                let head = self.head_since.filter(|_| !self.multiplexed);
                Some(head.map_or(idle, |head| idle.min(head + limits.header_timeout)))
            }
            (0, _) => Some(self.since + limits.stall_timeout),
            // An answer takes as long as it takes: its handler has limits of its own.
            (_, _) => None,
        };
        let blocked = self.blocked_since.map(|since| since + limits.stall_timeout);
        waiting.into_iter().chain(blocked).min()
    }

    /// Whether the connection can make room, and since when it could.
    pub(super) fn idleness(&self, now: Instant) -> Option<(Idleness, Instant)> {
        if self.is_resting() && self.blocked_since.is_none() {
            let idleness = match now.saturating_duration_since(self.since) < FRESH {
                true => Idleness::Fresh,
                false => Idleness::Resting,
            };
            return Some((idleness, self.since));
        }
        let since = self.blocked_since.unwrap_or(self.since);
        let stalled = self.running == 0 && now.saturating_duration_since(since) >= STALLED;
        stalled.then_some((Idleness::Stalled, since))
    }

    /// When a connection that was asked to end at `asked` has used up its time.
    pub(super) fn last_deadline(&self, asked: Instant, limits: &Limits) -> Instant {
        if self.is_resting() && self.blocked_since.is_none() {
            return self.since.max(asked) + FAREWELL;
        }
        let drained = asked + DRAIN;
        self.deadline(limits)
            .map_or(drained, |deadline| deadline.min(drained))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> (Activity, Instant, Limits) {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let now = Instant::now();
        (Activity::new(now), now, Limits::default())
    }

    #[test]
    fn the_first_request_must_come_soon_and_dripping_does_not_help() {
        let (mut activity, now, limits) = start();
        for second in 0..9 {
            activity.received(now + SECOND * second);
            assert_eq!(activity.deadline(&limits), Some(now + limits.header_timeout));
        }
    }

    #[test]
    fn between_requests_there_is_time_but_not_for_half_a_request() {
        let (mut activity, now, limits) = start();
        activity.began(now, false);
        assert_eq!(activity.deadline(&limits), None, "its handler knows when to stop");
        activity.received(now + SECOND); // The body.
        activity.answered(now + SECOND);
        activity.sent(now + SECOND * 2);
        let idle = now + SECOND * 2 + limits.idle_timeout;
        assert_eq!(activity.deadline(&limits), Some(idle));
        activity.received(now + SECOND * 5);
        activity.received(now + SECOND * 9);
        assert_eq!(
            activity.deadline(&limits),
            Some(now + SECOND * 5 + limits.header_timeout)
        );
        activity.received(now + SECOND * 119);
        activity.began(now + SECOND * 10, false);
        activity.answered(now + SECOND * 10);
        activity.sent(now + SECOND * 10);
        assert_eq!(
            activity.deadline(&limits),
            Some(now + SECOND * 10 + limits.idle_timeout)
        );
    }

    #[test]
    fn a_half_request_at_the_end_of_the_idle_time_does_not_extend_it() {
        let (mut activity, now, limits) = start();
        activity.began(now, false);
        activity.answered(now);
        activity.sent(now);
        activity.received(now + limits.idle_timeout - SECOND);
        assert_eq!(activity.deadline(&limits), Some(now + limits.idle_timeout));
    }

    #[test]
    fn pings_of_http2_are_no_request() {
        let (mut activity, now, limits) = start();
        activity.began(now, true);
        activity.answered(now);
        activity.sent(now);
        activity.received(now + SECOND);
        assert_eq!(activity.deadline(&limits), Some(now + limits.idle_timeout));
    }

    #[test]
    fn an_answer_that_nobody_takes_has_an_end() {
        let (mut activity, now, limits) = start();
        activity.began(now, true);
        activity.began(now, true);
        activity.answered(now);
        assert_eq!(
            activity.deadline(&limits),
            None,
            "the other one is being answered"
        );
        activity.answered(now);
        activity.went_on(now + SECOND);
        assert_eq!(
            activity.deadline(&limits),
            Some(now + SECOND + limits.stall_timeout)
        );
        activity.began(now + SECOND, true);
        activity.writes(true, now + SECOND * 2);
        activity.writes(true, now + SECOND * 3);
        assert_eq!(
            activity.deadline(&limits),
            Some(now + SECOND * 2 + limits.stall_timeout)
        );
        activity.writes(false, now + SECOND * 4);
        assert_eq!(activity.deadline(&limits), None);
    }

    #[test]
    fn the_end_waits_for_what_was_begun_but_not_for_ever() {
        let (mut activity, now, limits) = start();
        assert_eq!(
            activity.last_deadline(now + SECOND, &limits),
            now + SECOND + FAREWELL
        );
        activity.began(now, false);
        assert_eq!(activity.last_deadline(now, &limits), now + DRAIN);
        activity.answered(now + SECOND);
        assert_eq!(
            activity.last_deadline(now, &limits),
            now + SECOND + limits.stall_timeout
        );
        activity.sent(now + SECOND * 2);
        assert_eq!(activity.last_deadline(now, &limits), now + SECOND * 2 + FAREWELL);
        activity.writes(true, now + SECOND * 2);
        assert!(activity.last_deadline(now, &limits) > now + SECOND * 2 + FAREWELL);
    }

    #[test]
    fn what_works_never_makes_room() {
        let (mut activity, now, _) = start();
        assert_eq!(
            activity.idleness(now + FRESH / 2),
            Some((Idleness::Fresh, now)),
            "it has just come"
        );
        assert_eq!(
            activity.idleness(now + SECOND),
            Some((Idleness::Resting, now)),
            "nothing asked yet"
        );
        activity.began(now, false);
        assert_eq!(activity.idleness(now + SECOND * 60), None);
        activity.answered(now + SECOND);
        assert_eq!(activity.idleness(now + SECOND), None);
        assert_eq!(
            activity.idleness(now + SECOND * 2),
            Some((Idleness::Stalled, now + SECOND))
        );
        activity.sent(now + SECOND * 3);
        assert_eq!(
            activity.idleness(now + SECOND * 3),
            Some((Idleness::Fresh, now + SECOND * 3)),
            "it is about to ask again"
        );
        assert_eq!(
            activity.idleness(now + SECOND * 4),
            Some((Idleness::Resting, now + SECOND * 3))
        );
        activity.began(now + SECOND * 4, false);
        activity.abandoned(now + SECOND * 4);
        assert!(activity.is_resting());
    }
}
