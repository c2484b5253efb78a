//! Start and end of a process.
//!
//! A component that must be up holds a `Latch`; when the last one drops, the process is ready. A component that has
//! fallen behind takes a latch again, and the process is unready until it lets go. A `Shutdown` is asked for once and
//! seen by everybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

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

/// Tells systemd that the service is stopping (`STOPPING=1`).
pub fn notify_stopping() {
    notify(&[sd_notify::NotifyState::Stopping]);
}

/// Tells systemd what the service is doing (`STATUS=…`, shown by `systemctl status`).
pub fn notify_status(status: &str) {
    notify(&[sd_notify::NotifyState::Status(status)]);
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
}
