//! What is to be asked of a switch next, and when: pure.
//!
//! One change is under way at a time, and all of a round go in one request. A renewal waits for nobody: a commit may take
//! longer than a lease. Changes are paced; the whole is compared every five seconds, and at once when anything went
//! wrong; a switch that does not answer is asked again after 0.5 to 30 s, or when it says.

use std::time::Duration;

use shared::backoff::Backoff;

use crate::actuator::Failure;
use crate::clock::Time;
use crate::control::desired::{Belief, Desired, Plan};
use crate::control::pace::Pace;

/// Between two full comparisons: a switch that lost its files has them again after about this long.
const COMPARE: Duration = Duration::from_secs(5);

/// Between two questions for the capacity, which others use up, too.
const CAPACITY: Duration = Duration::from_secs(60);

/// Between two questions for what our rules match. The switch answers with a run of its tool, which is not free.
const COUNT: Duration = Duration::from_secs(10);

/// The first of them comes so long after a change: with the packets of two seconds a rule that works has matched some.
const COUNT_FIRST: Duration = Duration::from_secs(2);

/// A switch that cannot tell is asked again after this long: it may have been given a newer server.
const COUNT_AGAIN: Duration = Duration::from_secs(600);

/// Between two looks at what is desired: a burst of elephants costs some looks, not one each, since a look is as long
/// as the list. Far below what a commit takes.
const LOOK: Duration = Duration::from_millis(10);

/// Waits between tries at a switch that does not answer.
pub(super) const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Carry this out; then tell [`Agenda::changed`].
    Change(Plan),
    /// Ask what the switch has, and how much it can hold if so told; then tell [`Agenda::compared`].
    Compare {
        /// Whether to ask for the capacity.
        capacity: bool,
    },
    /// Renew what the switch has, and compare it with this; then tell [`Agenda::renewed`].
    Renew(Option<Belief>),
    /// Ask what our rules match; then tell [`Agenda::counted`].
    Count,
    /// Nothing until then, unless something changes; `None`: until something changes.
    Wait(Option<Time>),
}

/// The times of one switch.
#[derive(Debug)]
pub struct Agenda {
    pace: Pace,
    backoff: Backoff,
    /// How long a lease lasts.
    ttl: Duration,
    /// A change or a comparison is under way.
    busy: bool,
    renewing: bool,
    counting: bool,
    /// When the whole is to be compared.
    compare_at: Time,
    capacity_at: Time,
    renew_at: Time,
    count_at: Time,
    /// Between two questions for what our rules match; longer when they fail.
    count_every: Duration,
    /// The switch is left alone until then.
    not_before: Time,
    /// What is desired is not looked at until then.
    look_at: Time,
}

impl Agenda {
    /// Everything is due. `interval` is what lies between two changes in the long run, and `seed` decides the jitter.
    pub const fn new(interval: Duration, ttl: Duration, seed: u64) -> Self {
        Self {
            pace: Pace::new(interval),
            backoff: Backoff::new(BACKOFF.0, BACKOFF.1, seed),
            ttl,
            busy: false,
            renewing: false,
            counting: false,
            compare_at: Time::START,
            capacity_at: Time::START,
            renew_at: Time::START,
            count_at: Time::START,
            count_every: COUNT,
            not_before: Time::START,
            look_at: Time::START,
        }
    }

    /// Takes other times: `interval` between two changes in the long run, and leases that last `ttl`, from their next renewal
    /// on, which is now.
    pub fn set_times(&mut self, now: Time, interval: Duration, ttl: Duration) {
        self.pace.set_interval(interval);
        if std::mem::replace(&mut self.ttl, ttl) != ttl {
            self.renew_at = now;
        }
    }

    /// What to do now. What it says to do has begun.
    pub fn next(&mut self, now: Time, desired: &mut Desired) -> Step {
        if desired.is_silent() {
            return Step::Wait(None);
        }
        let mut wake = None;
        if !self.renewing {
            if self.renew_at <= now {
                self.renewing = true;
                return Step::Renew(desired.belief());
            }
            wake = Some(self.renew_at);
        }
        if !self.counting && desired.has_installed() {
            let at = self.count_at.max(self.not_before);
            if at <= now {
                self.counting = true;
                return Step::Count;
            }
            wake = Some(wake.map_or(at, |wake: Time| wake.min(at)));
        }
        if self.busy {
            return Step::Wait(wake);
        }
        let until = |time: Time| Step::Wait(Some(wake.map_or(time, |wake| wake.min(time))));
        if !desired.was_compared() {
            // Nothing is known, so nothing else can be done.
            self.compare_at = self.compare_at.min(now);
        }
        // Before this nothing can be done, whatever changes meanwhile.
        let earliest = self.compare_at.min(self.pace.ready_at());
        let earliest = earliest.max(self.not_before).max(self.look_at);
        if earliest > now {
            return until(earliest);
        }
        self.look_at = now + LOOK;
        let plan = desired.look(now);
        // A plan that rests on what is known is carried out first; after a failure nothing is known.
        let trusted = self.backoff.failures() == 0 && desired.was_compared();
        let due = match plan.changes.is_empty() {
            false => Some(self.pace.ready_at()),
            true => plan.wake,
        };
        if trusted && !plan.changes.is_empty() && self.pace.ready_at() <= now {
            self.pace.take(now);
            self.busy = true;
            desired.begin(now, &plan);
            return Step::Change(plan);
        }
        if self.compare_at <= now {
            self.busy = true;
            return Step::Compare {
                capacity: self.capacity_at <= now,
            };
        }
        until(due.map_or(self.compare_at, |due| due.min(self.compare_at)))
    }

    /// Changes have been carried out, or some failed for this reason.
    pub fn changed(&mut self, now: Time, failure: Option<&Failure>, no_room: bool) {
        self.busy = false;
        if self.count_at <= now {
            // There was nothing to count before.
            self.count_at = now + COUNT_FIRST;
        }
        if no_room {
            (self.capacity_at, self.compare_at) = (now, now);
        }
        match failure {
            Some(failure) => self.failed(now, failure),
            None => self.backoff.reset(),
        }
    }

    /// The comparison is done, or failed.
    pub fn compared(&mut self, now: Time, outcome: Result<bool, &Failure>) {
        self.busy = false;
        match outcome {
            Ok(capacity) => {
                self.compare_at = now + COMPARE;
                if capacity {
                    self.capacity_at = now + CAPACITY;
                }
                self.backoff.reset();
            }
            Err(failure) => self.failed(now, failure),
        }
    }

    /// What the switch has was renewed, or not; whether it has something else than we believe.
    pub fn renewed(&mut self, now: Time, renewed: bool, contradicted: bool) {
        self.renewing = false;
        self.renew_at = now + if renewed { self.ttl / 3 } else { self.ttl / 12 };
        if contradicted {
            self.compare_at = now;
        }
    }

    /// The switch has said what our rules match, or that it cannot (`Ok(false)`), or it has not answered. Nothing else
    /// depends on it.
    pub fn counted(&mut self, now: Time, outcome: Result<bool, &Failure>) {
        self.counting = false;
        let wait = match outcome {
            Ok(true) => COUNT,
            Ok(false) => COUNT_AGAIN,
            Err(_) => self.count_every.saturating_mul(2).min(COUNT_AGAIN),
        };
        self.count_every = if outcome == Ok(true) { COUNT } else { wait };
        let asked = outcome.err().and_then(|failure| failure.retry_after);
        self.count_at = now + wait.max(asked.unwrap_or_default());
    }

    /// Tries that failed since one succeeded, and until when the switch is left alone.
    pub const fn backoff(&self) -> (u32, Time) {
        (self.backoff.failures(), self.not_before)
    }

    fn failed(&mut self, now: Time, failure: &Failure) {
        let delay = self.backoff.next_delay();
        self.not_before = now + delay.max(failure.retry_after.unwrap_or_default());
        // What the switch has is not known any more.
        self.compare_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Verdict;
    use crate::control::desired::Limits;
    use crate::control::desired::tests::{act, at, wish};

    /// A switch with one control, which came at 100 s.
    fn with_one() -> (Agenda, Desired) {
        let limits = Limits {
            hold: Duration::ZERO,
            max_rules: 9,
        };
        let mut desired = Desired::new(limits, act());
        let mut agenda = Agenda::new(Duration::from_secs(1), Duration::from_secs(60), 1);
        desired.snapshot(at(100), vec![]);
        desired.want(wish(1, 100));
        let plan = desired.plan(at(100));
        desired.begin(at(100), &plan);
        for change in &plan.changes {
            let verdict = Verdict::Installed {
                etag: Some("a".to_owned()),
                timing: Default::default(),
            };
            desired.verdict(at(100), change, verdict);
        }
        agenda.changed(at(100), None, false);
        (agenda, desired)
    }

    /// The seconds in which it is asked for counters; a comparison or a renewal hangs all the time.
    fn counted(answer: impl Fn() -> Result<bool, Failure>) -> Vec<u64> {
        let (mut agenda, mut desired) = with_one();
        let mut asked = Vec::new();
        for second in 100..1400 {
            loop {
                match agenda.next(at(second), &mut desired) {
                    Step::Wait(_) => break,
                    Step::Count => {
                        asked.push(second - 100);
                        agenda.counted(at(second), answer().as_ref().copied());
                    }
                    Step::Change(_) | Step::Compare { .. } | Step::Renew(_) => {}
                }
            }
        }
        asked
    }

    #[test]
    fn counters_are_asked_for_soon_and_then_now_and_then() {
        let asked = counted(|| Ok(true));
        assert_eq!(asked[..4], [2, 12, 22, 32]);
        assert_eq!(asked.len(), 130);
    }

    #[test]
    fn a_switch_that_cannot_count_is_hardly_asked_again() {
        assert_eq!(counted(|| Ok(false)), [2, 602, 1202]);
        assert_eq!(
            counted(|| Err(Failure::new("503"))),
            [2, 22, 62, 142, 302, 622, 1222]
        );
        let busy = || Failure {
            retry_after: Some(Duration::from_secs(300)),
            ..Failure::new("503")
        };
        assert_eq!(counted(|| Err(busy()))[..3], [2, 302, 602]);
    }

    #[test]
    fn changes_do_not_put_off_counting_and_without_controls_there_is_none() {
        let (mut agenda, mut desired) = with_one();
        for second in 100..102 {
            agenda.changed(at(second), None, false);
        }
        while !matches!(agenda.next(at(102), &mut desired), Step::Count) {}
        agenda.counted(at(102), Ok(true));
        desired.withdraw(at(103));
        desired.snapshot(at(103), vec![]);
        for second in 104..200 {
            assert_ne!(agenda.next(at(second), &mut desired), Step::Count);
        }
    }
}
