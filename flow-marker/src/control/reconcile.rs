//! One loop per switch: makes the switch agree with its desired state, for as long as the process lives.
//!
//! It wakes when something changes and when something is due. Changes are paced; every five seconds the whole is
//! compared; a switch that does not answer is asked again after 0.5 to 30 s, or when it says. The loops share nothing,
//! so a dead switch delays nobody.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use shared::backoff::Backoff;
use shared::life::Shutdown;

use crate::actuator::{Actuator, Change, Failure, Verdict};
use crate::clock::{Clock, Time};
use crate::control::desired::{Noted, Plan, View};
use crate::control::pace::Pace;
use crate::control::switch::Switch;

/// Between two full comparisons: a switch that lost its files has them again after about this long.
const COMPARE: Duration = Duration::from_secs(5);

/// Between two looks at what is desired: a burst of elephants costs some looks, not one each, since a look is as long
/// as the list. Far below what a commit takes.
const LOOK: Duration = Duration::from_millis(10);

/// What withdrawing may take in all: half of what systemd's hurried users wait, and long enough for one commit.
pub const WITHDRAW: Duration = Duration::from_secs(5);

/// Waits between tries at a switch that does not answer.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Runs until `shutdown`, then withdraws what it has installed.
///
/// There are no leases yet, so nobody else would remove the marks of a flow-marker that is not there any more. If the
/// switch does not answer within [`WITHDRAW`], they stay; the next start finds them by their prefix.
pub async fn run<A: Actuator>(
    switch: Arc<Switch>,
    actuator: A,
    clock: Clock,
    interval: Duration,
    shutdown: Shutdown,
) {
    let mut reconciler = Reconciler {
        switch,
        actuator,
        clock,
        pace: Pace::new(interval),
        backoff: Backoff::new(BACKOFF.0, BACKOFF.1, RandomState::new().hash_one(0_u64)),
        compare_at: Time::START,
        not_before: Time::START,
        look_at: Time::START,
    };
    while !shutdown.requested() {
        reconciler.step(&shutdown).await;
    }
    // Cut short or not, what counts is what is left.
    let _ = tokio::time::timeout(WITHDRAW, reconciler.withdraw()).await;
    if let Some(left) = reconciler.left_behind() {
        tracing::warn!(
            switch = %reconciler.switch.config.agent,
            "{left}; the next start takes them over or removes them"
        );
    }
}

struct Reconciler<A> {
    switch: Arc<Switch>,
    actuator: A,
    clock: Clock,
    pace: Pace,
    backoff: Backoff,
    /// When the whole is to be compared; at once after anything went wrong.
    compare_at: Time,
    /// The switch is left alone until then.
    not_before: Time,
    /// What is desired is not looked at until then.
    look_at: Time,
}

/// What `future` returns, or nothing when the end comes first.
async fn unless_shutdown<T>(shutdown: &Shutdown, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        value = future => Some(value),
        () = shutdown.wait() => None,
    }
}

impl<A: Actuator> Reconciler<A> {
    /// Does what is due, or waits until something is.
    async fn step(&mut self, shutdown: &Shutdown) {
        let now = self.clock.now();
        // Before this nothing can be done, whatever changes meanwhile.
        let earliest = self.compare_at.min(self.pace.ready_at());
        let earliest = earliest.max(self.not_before).max(self.look_at);
        if earliest > now {
            unless_shutdown(shutdown, tokio::time::sleep(earliest.since(now))).await;
            return;
        }
        self.look_at = now + LOOK;
        let plan = self.switch.read(|desired| desired.plan(now));
        let mut wake = self.compare_at;
        if !plan.changes.is_empty() {
            wake = wake.min(self.pace.ready_at());
        } else if let Some(due) = plan.wake {
            wake = wake.min(due);
        }
        wake = wake.max(self.not_before);
        // A plan that rests on what is known is carried out first; after a failure nothing is known.
        let trusted = self.backoff.failures() == 0 && self.switch.contact().reachable.is_some();
        let change = !plan.changes.is_empty() && self.pace.ready_at() <= now && trusted;
        if wake > now {
            // Cut short by a change: then the next step knows more.
            tokio::select! {
                () = tokio::time::sleep(wake.since(now)) => {}
                () = self.switch.changed() => {}
                () = shutdown.wait() => {}
            }
        } else if change {
            self.pace.take(now);
            if unless_shutdown(shutdown, self.apply(plan)).await.is_none() {
                let now = self.clock.now();
                self.switch.edit(|desired| desired.abandon(now));
            }
        } else {
            unless_shutdown(shutdown, self.compare()).await;
        }
    }

    /// Compares the whole.
    async fn compare(&mut self) {
        let snapshot = self.actuator.snapshot().await;
        let now = self.clock.now();
        match snapshot {
            Ok(present) => {
                self.switch.metrics.comparisons_done.inc();
                self.switch.edit(|desired| desired.snapshot(now, present));
                self.compare_at = now + COMPARE;
                self.answered();
            }
            Err(failure) => {
                self.switch.metrics.comparisons_failed.inc();
                self.failed(now, &failure);
            }
        }
    }

    /// Carries a plan out; returns how many of its changes were made.
    async fn apply(&mut self, plan: Plan) -> usize {
        let now = self.clock.now();
        self.switch.edit(|desired| desired.begin(now, &plan));
        let verdicts = self.actuator.apply(plan.changes).await;
        let now = self.clock.now();
        let (mut failure, mut made) = (None, 0);
        for (change, verdict) in verdicts {
            self.count(&change, &verdict);
            match &verdict {
                Verdict::Installed { .. } | Verdict::Removed => made += 1,
                Verdict::Failed(why) => failure = Some(why.clone()),
                Verdict::Refused { .. } => {}
            }
            let noted = self.switch.edit(|desired| desired.verdict(now, &change, verdict));
            self.log(&change, &noted);
        }
        // A verdict that is missing is a failure too.
        self.switch.edit(|desired| desired.abandon(now));
        match failure {
            Some(failure) => self.failed(now, &failure),
            None => self.answered(),
        }
        made
    }

    /// Removes everything of ours, again and again until it is gone.
    async fn withdraw(&mut self) {
        let now = self.clock.now();
        self.switch.edit(|desired| desired.withdraw(now));
        loop {
            let now = self.clock.now();
            let plan = self.switch.read(|desired| desired.plan(now));
            if plan.changes.is_empty() {
                return;
            }
            // As long as it gets on, the next batch follows at once.
            if self.apply(plan).await == 0 {
                tokio::time::sleep(BACKOFF.0).await;
            }
        }
    }

    /// What may be on the switch of ours; `None` when there is nothing.
    fn left_behind(&self) -> Option<&'static str> {
        self.switch
            .read(|desired| match (desired.is_clean(), desired.was_compared()) {
                (false, _) => Some("marks stay on the switch, which did not confirm their removal"),
                (true, false) => {
                    Some("marks from before this start may be on the switch, which never said what it has")
                }
                (true, true) => None,
            })
    }

    fn answered(&mut self) {
        self.backoff.reset();
        if self.switch.set_contact(Ok(())) {
            tracing::info!(switch = %self.switch.config.agent, acl = %self.switch.config.acl, "switch answers");
        }
    }

    fn failed(&mut self, now: Time, failure: &Failure) {
        let delay = self
            .backoff
            .next_delay()
            .max(failure.retry_after.unwrap_or_default());
        self.not_before = now + delay;
        // What the switch has is not known any more.
        self.compare_at = now;
        if self.switch.set_contact(Err(&failure.why)) {
            tracing::warn!(switch = %self.switch.config.agent, acl = %self.switch.config.acl, error = %failure, "switch does not answer as it should");
        } else {
            tracing::debug!(switch = %self.switch.config.agent, error = %failure, ?delay, "switch still does not answer as it should");
        }
    }

    fn count(&self, change: &Change, verdict: &Verdict) {
        let m = &self.switch.metrics;
        match (change.is_install(), verdict) {
            (true, Verdict::Refused { .. }) => &m.installs_refused,
            (true, Verdict::Failed(_)) => &m.installs_failed,
            (true, _) => &m.installs_done,
            (false, Verdict::Refused { .. }) => &m.removals_refused,
            (false, Verdict::Failed(_)) => &m.removals_failed,
            (false, _) => &m.removals_done,
        }
        .inc();
    }

    fn log(&self, change: &Change, noted: &Noted) {
        let name = change.name();
        let switch = self.switch.config.agent;
        let after =
            |view: &View, time: Option<Time>| time.unwrap_or_default().since(view.cause.detected).as_millis();
        match noted {
            Noted::Installed(view) => tracing::info!(
                %switch,
                flow = %view.control.flow,
                %name,
                after_ms = after(view, view.times.installed),
                "mark installed"
            ),
            Noted::Removed(view) => tracing::info!(
                %switch,
                flow = %view.control.flow,
                %name,
                lived_s = view.times.removed.unwrap_or_default().since(view.times.installed.unwrap_or_default()).as_secs(),
                "mark removed"
            ),
            Noted::Vacated => tracing::info!(
                %switch,
                %name,
                "mark removed whose flow goes on; it is installed again when there is a place"
            ),
            Noted::OrphanRemoved => tracing::info!(%switch, %name, "a mark that nobody wants was removed"),
            Noted::Refused(Some(view)) => tracing::warn!(
                %switch,
                flow = %view.control.flow,
                %name,
                reason = view.error.as_deref().unwrap_or_default(),
                "switch refuses the change; tried again in a minute"
            ),
            Noted::Confirmed | Noted::Refused(None) | Noted::Failed => {}
        }
    }
}

#[cfg(test)]
mod tests;
