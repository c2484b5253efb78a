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
use crate::control::desired::{Desired, Noted, Plan, View};
use crate::control::pace::Pace;
use crate::control::switch::Switch;

/// Between two full comparisons: a switch that lost its files has them again after about this long.
const COMPARE: Duration = Duration::from_secs(5);

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
    };
    while !shutdown.requested() {
        reconciler.step(&shutdown).await;
    }
    if tokio::time::timeout(WITHDRAW, reconciler.withdraw())
        .await
        .is_err()
        || !reconciler.is_clean()
    {
        tracing::warn!(
            switch = %reconciler.switch.config.agent,
            "marks stay on the switch, which did not confirm their removal; the next start removes them"
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

    /// Carries a plan out.
    async fn apply(&mut self, plan: Plan) {
        let now = self.clock.now();
        self.switch.edit(|desired| desired.begin(now, &plan));
        let installs: Vec<_> = plan
            .changes
            .iter()
            .map(|c| matches!(c, Change::Install(_)))
            .collect();
        let names: Vec<_> = plan.changes.iter().map(|c| c.name().clone()).collect();
        let verdicts = self.actuator.apply(plan.changes).await;
        let now = self.clock.now();
        let mut failure = None;
        for (name, verdict) in verdicts {
            let install = names
                .iter()
                .zip(&installs)
                .any(|(n, install)| *n == name && *install);
            self.count(install, &verdict);
            if let Verdict::Failed(why) = &verdict {
                failure = Some(why.clone());
            }
            let noted = self.switch.edit(|desired| desired.verdict(now, &name, verdict));
            self.log(&noted);
        }
        // A verdict that is missing is a failure too.
        self.switch.edit(|desired| desired.abandon(now));
        match failure {
            Some(failure) => self.failed(now, &failure),
            None => self.answered(),
        }
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
            self.apply(plan).await;
            if self.is_clean() {
                return;
            }
            tokio::time::sleep(BACKOFF.0).await;
        }
    }

    fn is_clean(&self) -> bool {
        self.switch.read(Desired::is_clean)
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

    fn count(&self, install: bool, verdict: &Verdict) {
        let m = &self.switch.metrics;
        match (install, verdict) {
            (true, Verdict::Refused { .. }) => &m.installs_refused,
            (true, Verdict::Failed(_)) => &m.installs_failed,
            (true, _) => &m.installs_done,
            (false, Verdict::Refused { .. }) => &m.removals_refused,
            (false, Verdict::Failed(_)) => &m.removals_failed,
            (false, _) => &m.removals_done,
        }
        .inc();
    }

    fn log(&self, noted: &Noted) {
        let switch = self.switch.config.agent;
        let after =
            |view: &View, time: Option<Time>| time.unwrap_or_default().since(view.cause.detected).as_millis();
        match noted {
            Noted::Installed(view) => tracing::info!(
                %switch,
                flow = %view.control.flow,
                name = %view.control.name,
                after_ms = after(view, view.times.installed),
                "mark installed"
            ),
            Noted::Removed(Some(view)) => tracing::info!(
                %switch,
                flow = %view.control.flow,
                name = %view.control.name,
                lived_s = view.times.removed.unwrap_or_default().since(view.times.installed.unwrap_or_default()).as_secs(),
                "mark removed"
            ),
            Noted::Removed(None) => tracing::info!(%switch, "a mark that nobody wants was removed"),
            Noted::Refused(Some(view)) => tracing::warn!(
                %switch,
                flow = %view.control.flow,
                name = %view.control.name,
                reason = view.error.as_deref().unwrap_or_default(),
                "switch refuses the change; tried again in a minute"
            ),
            Noted::Confirmed | Noted::Refused(None) | Noted::Failed => {}
        }
    }
}
