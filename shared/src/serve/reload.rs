//! Asks for the settings to be read again: SIGHUP.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Seen by whoever reads settings again. Asking twice while nobody looks is the same as asking once.
#[derive(Debug, Clone)]
pub struct Reload(watch::Receiver<u64>);

/// Asks; see [`Reload`].
#[derive(Debug)]
pub struct ReloadTrigger(watch::Sender<u64>);

impl ReloadTrigger {
    /// Asks for the settings to be read again.
    pub fn trigger(&self) {
        self.0.send_modify(|asked| *asked = asked.wrapping_add(1));
    }
}

impl Reload {
    /// A reload and what asks for it.
    pub fn new() -> (ReloadTrigger, Self) {
        let (sender, receiver) = watch::channel(0);
        (ReloadTrigger(sender), Self(receiver))
    }

    /// Asked for by SIGHUP, which would end the process otherwise. To be called inside a runtime.
    ///
    /// # Errors
    /// The signal cannot be handled.
    pub fn on_hangup() -> std::io::Result<Self> {
        let mut hangup = signal(SignalKind::hangup())?;
        let (trigger, reload) = Self::new();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                trigger.trigger();
            }
        });
        Ok(reload)
    }

    /// Returns when it is asked for, and never when nobody can ask any more.
    pub async fn asked(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_is_seen_once_and_later_too() {
        let (trigger, mut reload) = Reload::new();
        let soon = Duration::from_secs(1);
        assert!(timeout(soon, reload.asked()).await.is_err());
        trigger.trigger();
        trigger.trigger();
        assert!(timeout(soon, reload.asked()).await.is_ok());
        assert!(timeout(soon, reload.asked()).await.is_err());
        drop(trigger);
        assert!(timeout(soon, reload.asked()).await.is_err());
    }
}
