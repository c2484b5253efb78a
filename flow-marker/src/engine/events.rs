//! The events of all shards, numbered in the order of their arrival.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::event::{Answer, Log, Query};
use super::threshold::Fired;

/// Events that are kept.
const KEPT: usize = 10_000;

impl super::event::Named for Fired {
    fn name(&self) -> &str {
        &self.threshold_id
    }
}

/// What happened. Not written to by receiving threads, which must not wait for a reader.
#[derive(Debug)]
pub(super) struct Events {
    log: Mutex<Log<Fired>>,
    changed: watch::Sender<u64>,
}

impl Events {
    /// Nothing happened yet.
    pub(super) fn new() -> Self {
        Self {
            log: Mutex::new(Log::new(KEPT, 0)),
            changed: watch::Sender::new(0),
        }
    }

    /// Adds one and wakes whoever waits.
    pub(super) fn push(&self, event: Fired) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(event);
        let version = log.version();
        drop(log);
        self.changed.send_replace(version);
    }

    /// What there is for a question now.
    pub(super) fn ask(&self, query: &Query) -> Answer<Fired> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).ask(query)
    }

    /// Changes with every event.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
