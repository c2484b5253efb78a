//! One loop per switch: makes the switch agree with its desired state, for as long as the process lives.
//!
//! When to do what is decided in `agenda`; here it is done. The loops share nothing, so a dead switch delays nobody.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use shared::life::Shutdown;
use tokio::sync::watch;

use crate::actuator::{Actuator, Capacity, Change, Counted, Failure, Present, Verdict};
use crate::clock::{Clock, Time};
use crate::config;
use crate::control::agenda::{Agenda, BACKOFF, Step};
use crate::control::desired::{Belief, Desired, Plan};
use crate::control::switch::Switch;

/// What withdrawing may take in all: half of what systemd's hurried users wait, and long enough for one commit.
pub const WITHDRAW: Duration = Duration::from_secs(5);

/// How a switch is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Care {
    /// Between two changes in the long run.
    pub interval: Duration,
    /// How long the switch keeps what is not renewed.
    pub ttl: Duration,
}

impl Care {
    /// As the configuration says.
    pub const fn of(mark: &config::Mark) -> Self {
        Self {
            interval: mark.commit_interval,
            ttl: mark.ttl,
        }
    }
}

/// Runs until `shutdown`, then withdraws what it has installed. `connect` gives what speaks to the switch, as soon as it is
/// to be spoken to, and again whenever `care` is told anew: tokens and certificates may be others.
///
/// If the switch does not answer within [`WITHDRAW`], what is there stays until its lease ends, unless the next start takes
/// it over.
pub async fn run<A: Actuator>(
    switch: Arc<Switch>,
    connect: impl Fn() -> Result<Arc<A>, Failure> + Send + Sync,
    clock: Clock,
    care: watch::Receiver<Care>,
    shutdown: Shutdown,
) {
    let Care { interval, ttl } = *care.borrow();
    let mut agenda = Agenda::new(interval, ttl, RandomState::new().hash_one(0_u64));
    let Some(actuator) = connected(&switch, &connect, clock, &shutdown).await else {
        return;
    };
    let reconciler = Reconciler {
        switch,
        actuator: ArcSwap::new(actuator),
        clock,
        care,
    };
    reconciler.reconcile(&mut agenda, &connect, &shutdown).await;
    // Cut short or not, what counts is what is left.
    let _ = tokio::time::timeout(WITHDRAW, reconciler.withdraw()).await;
    if let Some(left) = reconciler.left_behind() {
        tracing::warn!(
            switch = %reconciler.switch.config.agent,
            "{left}; they go when their leases end, unless a new start takes them over"
        );
    }
}

/// What speaks to the switch, once it may be spoken to; `None` when the end comes first.
async fn connected<A>(
    switch: &Switch,
    connect: impl Fn() -> Result<Arc<A>, Failure>,
    clock: Clock,
    shutdown: &Shutdown,
) -> Option<Arc<A>> {
    while !shutdown.requested() {
        let mut wait = None;
        if !switch.read(Desired::is_silent) {
            match connect() {
                Ok(actuator) => return Some(actuator),
                Err(failure) => {
                    switch.set_contact(clock.now(), Err(&failure.why));
                    wait = Some(BACKOFF.1);
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait.unwrap_or(Duration::MAX)) => {}
            () = switch.changed() => {}
            () = shutdown.wait() => {}
        }
    }
    None
}

struct Reconciler<A> {
    switch: Arc<Switch>,
    actuator: ArcSwap<A>,
    clock: Clock,
    care: watch::Receiver<Care>,
}

/// What has come back from the switch.
enum Done {
    Changed(Vec<(Change, Verdict)>),
    Compared(Result<(Vec<Present>, Option<Option<Capacity>>), Failure>),
    Renewed(Option<Belief>, Result<String, Failure>),
    Counted(Result<Option<Counted>, Failure>),
}

type Request<'a> = Option<Pin<Box<dyn Future<Output = Done> + Send + 'a>>>;

/// What a request answers, when there is one.
async fn answer(request: &mut Request<'_>) -> Done {
    match request.as_mut() {
        Some(pending) => {
            let done = pending.await;
            *request = None;
            done
        }
        None => std::future::pending().await,
    }
}

impl<A: Actuator> Reconciler<A> {
    async fn reconcile(
        &self,
        agenda: &mut Agenda,
        connect: &(impl Fn() -> Result<Arc<A>, Failure> + Sync),
        shutdown: &Shutdown,
    ) {
        let mut care = self.care.clone();
        let (mut change, mut renewal, mut count): (Request<'_>, Request<'_>, Request<'_>) =
            (None, None, None);
        while !shutdown.requested() {
            let now = self.clock.now();
            let wait = match self.switch.edit(|desired| agenda.next(now, desired)) {
                Step::Change(plan) => {
                    change = Some(Box::pin(self.send(plan)));
                    continue;
                }
                Step::Compare { capacity } => {
                    change = Some(Box::pin(self.ask(capacity)));
                    continue;
                }
                Step::Renew(belief) => {
                    renewal = Some(Box::pin(self.renew(belief)));
                    continue;
                }
                Step::Count => {
                    count = Some(Box::pin(async {
                        Done::Counted(self.actuator().counters().await)
                    }));
                    continue;
                }
                // A day is as good as for ever, and no timer runs over.
                Step::Wait(until) => until.map_or(Duration::from_secs(86_400), |until| until.since(now)),
            };
            let done = tokio::select! {
                done = answer(&mut change) => done,
                done = answer(&mut renewal) => done,
                done = answer(&mut count) => done,
                () = tokio::time::sleep(wait) => continue,
                () = self.switch.changed() => continue,
                Ok(()) = care.changed() => {
                    let Care { interval, ttl } = *care.borrow_and_update();
                    agenda.set_times(self.clock.now(), interval, ttl);
                    self.connect_again(connect);
                    continue;
                }
                () = shutdown.wait() => break,
            };
            self.take(agenda, done);
            let (failures, retry) = agenda.backoff();
            self.switch.set_backoff(failures, retry);
        }
        let now = self.clock.now();
        self.switch.edit(|desired| desired.abandon(now));
    }

    fn actuator(&self) -> Arc<A> {
        self.actuator.load_full()
    }

    fn ttl(&self) -> Duration {
        self.care.borrow().ttl
    }

    /// Speaks to the switch with the tokens and certificates that there are now; what is under way ends as it began.
    fn connect_again(&self, connect: &impl Fn() -> Result<Arc<A>, Failure>) {
        match connect() {
            Ok(actuator) => self.actuator.store(actuator),
            // They could be read a moment ago.
            Err(error) => {
                tracing::error!(switch = %self.switch.config.agent, %error, "token or certificate cannot be read; those from before are used");
            }
        }
    }

    async fn send(&self, plan: Plan) -> Done {
        Done::Changed(self.actuator().apply(plan.changes, self.ttl()).await)
    }

    async fn ask(&self, capacity: bool) -> Done {
        let asked = async {
            let actuator = self.actuator();
            let present = actuator.snapshot().await?;
            let capacity = match capacity {
                true => Some(actuator.capacity().await?),
                false => None,
            };
            Ok((present, capacity))
        };
        Done::Compared(asked.await)
    }

    async fn renew(&self, belief: Option<Belief>) -> Done {
        Done::Renewed(belief, self.actuator().renew(self.ttl()).await)
    }

    fn take(&self, agenda: &mut Agenda, done: Done) {
        let now = self.clock.now();
        match done {
            Done::Changed(verdicts) => {
                let outcome = self.verdicts(now, verdicts);
                agenda.changed(now, outcome.failure.as_ref(), outcome.no_room);
            }
            Done::Compared(Ok((present, capacity))) => {
                self.switch.metrics.comparisons_done.inc();
                self.switch.edit(|desired| {
                    desired.snapshot(now, present);
                    if let Some(capacity) = capacity {
                        desired.set_capacity(capacity);
                    }
                });
                self.answered();
                agenda.compared(now, Ok(capacity.is_some()));
            }
            Done::Compared(Err(failure)) => {
                self.switch.metrics.comparisons_failed.inc();
                self.failed(&failure);
                agenda.compared(now, Err(&failure));
            }
            Done::Renewed(belief, outcome) => self.renewed(now, agenda, belief.as_ref(), outcome),
            Done::Counted(outcome) => self.counted(now, agenda, &outcome),
        }
    }

    fn counted(&self, now: Time, agenda: &mut Agenda, outcome: &Result<Option<Counted>, Failure>) {
        let m = &self.switch.metrics;
        match outcome {
            Ok(Some(counted)) => {
                m.counts_done.inc();
                let at = now.before(counted.age);
                self.switch.edit(|desired| desired.counted(at, &counted.hits));
            }
            Ok(None) => {
                m.counts_unsupported.inc();
                tracing::debug!(switch = %self.switch.config.agent, "switch cannot say what rules match");
            }
            Err(error) => {
                m.counts_failed.inc();
                tracing::debug!(switch = %self.switch.config.agent, %error, "counters are unknown");
            }
        }
        agenda.counted(now, outcome.as_ref().map(Option::is_some));
    }

    fn renewed(
        &self,
        now: Time,
        agenda: &mut Agenda,
        belief: Option<&Belief>,
        outcome: Result<String, Failure>,
    ) {
        let m = &self.switch.metrics;
        match outcome {
            Ok(found) => {
                let contradicted = self.switch.read(|desired| desired.contradicts(belief, &found));
                if contradicted {
                    m.renewals_differing.inc();
                    tracing::info!(switch = %self.switch.config.agent, "switch has something else than it was given");
                } else {
                    m.renewals_done.inc();
                }
                agenda.renewed(now, true, contradicted);
            }
            Err(error) => {
                m.renewals_failed.inc();
                // A change may hold everything else up for longer than anybody wants to be in the dark.
                self.failed(&error);
                agenda.renewed(now, false, false);
            }
        }
    }

    /// Takes what the switch said about changes.
    fn verdicts(&self, now: Time, verdicts: Vec<(Change, Verdict)>) -> Outcome {
        let mut outcome = Outcome::default();
        for (change, verdict) in verdicts {
            self.count(&change, &verdict);
            match &verdict {
                Verdict::Installed { .. } | Verdict::Removed => outcome.made += 1,
                Verdict::Failed(why) => outcome.failure = Some(why.clone()),
                Verdict::NoRoom { .. } => outcome.no_room = true,
                Verdict::Refused { .. } | Verdict::ByHand(_) => {}
            }
            self.switch.edit(|desired| desired.verdict(now, &change, verdict));
        }
        // A verdict that is missing is a failure too.
        self.switch.edit(|desired| desired.abandon(now));
        match &outcome.failure {
            Some(failure) => self.failed(failure),
            None => self.answered(),
        }
        outcome
    }

    /// Removes everything of ours, again and again until it is gone.
    async fn withdraw(&self) {
        let now = self.clock.now();
        self.switch.edit(|desired| desired.withdraw(now));
        loop {
            let now = self.clock.now();
            let plan = self.switch.edit(|desired| {
                let plan = desired.plan(now);
                desired.begin(now, &plan);
                plan
            });
            if plan.changes.is_empty() {
                return;
            }
            let verdicts = self.actuator().apply(plan.changes, self.ttl()).await;
            // As long as it gets on, the next batch follows at once.
            if self.verdicts(self.clock.now(), verdicts).made == 0 {
                tokio::time::sleep(BACKOFF.0).await;
            }
        }
    }

    /// What may be on the switch of ours; `None` when there is nothing.
    fn left_behind(&self) -> Option<&'static str> {
        self.switch.read(|desired| {
            if !desired.was_touched() {
                return None;
            }
            match (desired.is_clean(), desired.was_compared()) {
                (false, _) => Some("controls stay on the switch, which did not confirm their removal"),
                (true, false) => {
                    Some("controls from before this start may be on the switch, which never said what it has")
                }
                (true, true) => None,
            }
        })
    }

    fn answered(&self) {
        self.switch.set_contact(self.clock.now(), Ok(()));
    }

    fn failed(&self, failure: &Failure) {
        self.switch.set_contact(self.clock.now(), Err(&failure.why));
        tracing::debug!(switch = %self.switch.config.agent, acl = %self.switch.config.acl, error = %failure, "switch does not answer as it should");
    }

    fn count(&self, change: &Change, verdict: &Verdict) {
        let m = &self.switch.metrics;
        match (change.is_install(), verdict) {
            (_, Verdict::ByHand(_)) => &m.by_hand,
            (true, Verdict::NoRoom { .. }) => &m.installs_no_room,
            (true, Verdict::Refused { .. }) => &m.installs_refused,
            (true, Verdict::Failed(_)) => &m.installs_failed,
            (true, _) => &m.installs_done,
            (false, Verdict::Refused { .. } | Verdict::NoRoom { .. }) => &m.removals_refused,
            (false, Verdict::Failed(_)) => &m.removals_failed,
            (false, _) => &m.removals_done,
        }
        .inc();
    }
}

/// What became of the changes of a round.
#[derive(Debug, Default)]
struct Outcome {
    made: usize,
    failure: Option<Failure>,
    no_room: bool,
}

#[cfg(test)]
mod tests;
