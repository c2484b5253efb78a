//! Start and end of a process.
//!
//! A component that must be up holds a `Latch`; when the last one drops, the process is ready. A component that has
//! fallen behind takes a latch again, and the process is unready until it lets go. A `Shutdown` is asked for once and
//! seen by everybody. A component without which the process is of no use has a `Pulse`, and systemd's watchdog is told of
//! it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// What a process waits for before it is ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<BTreeMap<&'static str, usize>>,
    changed: watch::Sender<()>,
}

/// Held by a component that is not up; dropping it says that it is.
#[derive(Debug)]
#[must_use = "a latch that is dropped at once says that the component is up"]
pub struct Latch {
    readiness: Readiness,
    what: &'static str,
}

impl Readiness {
    /// Nothing to wait for yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        // A count is never half changed, so a panic elsewhere leaves it usable.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a latch: until it is dropped, the process is not ready, because of `what`.
    pub fn latch(&self, what: &'static str) -> Latch {
        *self.held().entry(what).or_default() += 1;
        self.0.changed.send_replace(());
        Latch {
            readiness: self.clone(),
            what,
        }
    }

    /// What is still waited for; empty when the process is ready.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        self.held().keys().copied().collect()
    }

    /// Returns when nothing is waited for.
    pub async fn ready(&self) {
        let mut changed = self.0.changed.subscribe();
        while !self.held().is_empty() {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        let mut held = self.readiness.held();
        if let Some(count) = held.get_mut(self.what) {
            *count -= 1;
            if *count == 0 {
                held.remove(self.what);
            }
        }
        drop(held);
        self.readiness.0.changed.send_replace(());
    }
}

/// Asks for the end of the process; see [`Shutdown`].
#[derive(Debug, Clone)]
pub struct ShutdownTrigger(Arc<watch::Sender<bool>>);

impl ShutdownTrigger {
    /// Asks everybody to end. Asking twice is the same as asking once.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }
}

/// Seen by everybody who must end when the process does.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A shutdown and what asks for it. When the trigger is dropped, that asks too.
    pub fn new() -> (ShutdownTrigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (ShutdownTrigger(Arc::new(sender)), Self(receiver))
    }

    /// Asked for by SIGTERM or SIGINT. To be called inside a runtime, which does the waiting.
    pub fn on_termination() -> Self {
        let (trigger, shutdown) = Self::new();
        tokio::spawn(async move {
            match termination().await {
                Ok(signal) => tracing::info!(signal, "ending"),
                Err(error) => tracing::error!(%error, "signals cannot be handled"),
            }
            trigger.trigger();
        });
        shutdown
    }

    /// Whether the end has been asked for.
    pub fn requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when the end has been asked for.
    pub async fn wait(&self) {
        // An error means that the trigger is gone, and then nobody wants this process any more.
        let _ = self.0.clone().wait_for(|requested| *requested).await;
    }
}

/// Returns when the process gets SIGTERM or SIGINT, with the signal's name.
///
/// # Errors
/// The signal handlers cannot be installed.
pub async fn termination() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

/// Tells systemd that the service is ready (`READY=1`); nothing happens when systemd does not listen.
pub fn notify_ready() {
    notify(&[sd_notify::NotifyState::Ready]);
}

/// Tells systemd that the service reads its configuration again (`RELOADING=1`), until it is ready.
pub fn notify_reloading() {
    use sd_notify::NotifyState;
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
}

/// Tells systemd that the service is stopping (`STOPPING=1`).
pub fn notify_stopping() {
    notify(&[sd_notify::NotifyState::Stopping]);
}

/// Tells systemd what the service is doing (`STATUS=…`, shown by `systemctl status`).
pub fn notify_status(status: &str) {
    notify(&[sd_notify::NotifyState::Status(status)]);
}

/// Whether a future is still being polled: whether the thread that runs it gets on, or is stuck in a call that does not
/// return, or the future has ended.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Beats>);

#[derive(Debug, Default)]
struct Beats {
    asked: watch::Sender<u64>,
    answered: AtomicU64,
}

impl Pulse {
    /// Runs `work` to its end, and answers meanwhile.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut asked = self.0.asked.subscribe();
        // What was asked before there was anybody to answer is answered too.
        asked.mark_changed();
        let answer = async {
            // It cannot end: the sender is ours too.
            while asked.changed().await.is_ok() {
                self.0
                    .answered
                    .store(*asked.borrow_and_update(), Ordering::Relaxed);
            }
        };
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => done,
            () = answer => work.await,
        }
    }

    /// Whether the last question was answered; asks the next one. The first one counts as answered.
    pub fn answers(&self) -> bool {
        let last = *self.0.asked.borrow();
        // Looked at first: the answer to the next question may be quick.
        let answered = self.0.answered.load(Ordering::Relaxed) == last;
        self.0.asked.send_replace(last + 1);
        answered
    }
}

/// Tells systemd's watchdog (`WATCHDOG=1`) that the process is `alive`, three times in each `WatchdogSec=` of the unit.
/// While it is not, systemd is not told, and after that time it ends the process (and starts it again, where the unit says
/// so). Returns at once when there is no watchdog.
pub async fn watchdog(alive: impl Fn() -> bool) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return;
    };
    tracing::debug!(?limit, "systemd watches over this process");
    ping(limit / 3, alive, || notify(&[sd_notify::NotifyState::Watchdog])).await;
}

async fn ping(period: Duration, alive: impl Fn() -> bool, mut tell: impl FnMut()) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_alive = true;
    loop {
        ticks.tick().await;
        let is_alive = alive();
        if is_alive {
            tell();
        } else if was_alive {
            tracing::error!(
                "a part without which this process is of no use does not get on; systemd will end it"
            );
        }
        was_alive = is_alive;
    }
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be notified");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ready_when_the_last_latch_drops_and_unready_again() {
        let readiness = Readiness::new();
        readiness.ready().await;
        let socket = readiness.latch("socket");
        let (sync, sync_again) = (readiness.latch("sync"), readiness.latch("sync"));
        assert_eq!(readiness.waiting_for(), ["socket", "sync"]);
        drop((socket, sync));
        assert_eq!(readiness.waiting_for(), ["sync"]);
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.ready().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(sync_again);
        waiting.await.unwrap();
        let _fell_behind = readiness.latch("sync");
        assert_eq!(readiness.waiting_for(), ["sync"]);
    }

    #[tokio::test]
    async fn everybody_sees_the_shutdown_also_later() {
        let (trigger, shutdown) = Shutdown::new();
        assert!(!shutdown.requested());
        trigger.trigger();
        shutdown.wait().await;
        shutdown.clone().wait().await;
        assert!(shutdown.requested());
    }

    #[tokio::test]
    async fn a_lost_trigger_is_a_shutdown() {
        let (trigger, shutdown) = Shutdown::new();
        drop(trigger);
        shutdown.wait().await;
        assert!(shutdown.requested());
    }

    #[tokio::test]
    async fn a_pulse_answers_while_its_work_waits_and_not_afterwards() {
        let pulse = Pulse::default();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let work = tokio::spawn({
            let pulse = pulse.clone();
            async move { pulse.during(ended).await.is_ok() }
        });
        for _ in 0..5 {
            tokio::task::yield_now().await;
            assert!(pulse.answers());
        }
        end.send(()).unwrap();
        assert!(work.await.unwrap());
        pulse.answers();
        tokio::task::yield_now().await;
        assert!(!pulse.answers(), "nobody is there any more");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_pulse_answers_from_another_thread() {
        let pulse = Pulse::default();
        let (_never, end) = tokio::sync::oneshot::channel::<()>();
        let work = tokio::spawn({
            let pulse = pulse.clone();
            async move { pulse.during(end).await.is_ok() }
        });
        for round in 0..200 {
            assert!(pulse.answers(), "{round}");
            let asked = *pulse.0.asked.borrow();
            while pulse.0.answered.load(Ordering::Relaxed) != asked {
                tokio::task::yield_now().await;
            }
        }
        work.abort();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_pulse_does_not_answer_for_a_thread_that_is_stuck() {
        let pulse = Pulse::default();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let work = tokio::task::spawn_blocking({
            let pulse = pulse.clone();
            move || {
                let stuck = async move {
                    begin.send(()).unwrap();
                    ended.recv().is_ok()
                };
                tokio::runtime::Handle::current().block_on(pulse.during(stuck))
            }
        });
        begun.await.unwrap();
        pulse.answers();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(!pulse.answers());
        }
        end.send(()).unwrap();
        assert!(work.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_hears_of_a_process_only_while_it_is_alive() {
        let alive = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let told = Arc::new(AtomicU64::new(0));
        let pinging = tokio::spawn({
            let (alive, told) = (Arc::clone(&alive), Arc::clone(&told));
            ping(
                Duration::from_secs(10),
                move || alive.load(Ordering::Relaxed),
                move || {
                    told.fetch_add(1, Ordering::Relaxed);
                },
            )
        });
        tokio::time::sleep(Duration::from_secs(35)).await;
        assert_eq!(told.load(Ordering::Relaxed), 4, "at once, and every 10 s");
        alive.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(told.load(Ordering::Relaxed), 4);
        alive.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(told.load(Ordering::Relaxed), 5, "what gets on again is let live");
        pinging.abort();
    }

    #[tokio::test]
    async fn without_a_watchdog_there_is_nothing_to_do() {
        // Tests are not started by systemd.
        watchdog(|| panic!("nobody asks")).await;
    }
}
