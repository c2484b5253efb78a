//! What has happened, for whoever asks or waits: passed thresholds and flow records.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use super::event::{Answer, Log, Named, Older, Query};
use super::record::FlowRecord;
use super::threshold::Fired;

/// What a shard tells.
#[derive(Debug)]
pub(super) enum News {
    /// A threshold was passed.
    Fired(Fired),
    /// A flow has begun or ended.
    Flow(FlowRecord),
}

/// News on their way to the log, from all threads: an evening of events, or the records of some seconds.
pub(super) const UNDER_WAY: usize = 8192;

/// A log that can be waited for.
#[derive(Debug)]
struct Waited<T> {
    log: Mutex<Log<T>>,
    version: watch::Sender<u64>,
}

impl<T: Named + Clone> Waited<T> {
    fn new(capacity: usize, first: u64) -> Self {
        Self {
            log: Mutex::new(Log::new(capacity, first)),
            version: watch::Sender::new(first),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log<T>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, entries: Vec<T>) {
        if entries.is_empty() {
            return;
        }
        let mut log = self.log();
        for entry in entries {
            log.push(entry);
        }
        self.version.send_replace(log.version());
    }
}

/// Both logs.
#[derive(Debug)]
pub(super) struct Logs {
    fired: Waited<Fired>,
    flows: Waited<FlowRecord>,
}

impl Logs {
    /// The newest of each kind that are kept; some 300 bytes each.
    pub(super) const CAPACITY: usize = 10_000;

    /// Empty logs, whose first entries have this id.
    pub(super) fn new(first: u64) -> Self {
        Self {
            fired: Waited::new(Self::CAPACITY, first),
            flows: Waited::new(Self::CAPACITY, first),
        }
    }

    /// Writes what arrives until nobody sends any more.
    pub(super) async fn write(&self, mut news: mpsc::Receiver<News>) {
        let mut batch = Vec::new();
        while news.recv_many(&mut batch, 1024).await > 0 {
            let (mut fired, mut flows) = (Vec::new(), Vec::new());
            for news in batch.drain(..) {
                match news {
                    News::Fired(event) => fired.push(event),
                    News::Flow(record) => flows.push(record),
                }
            }
            self.fired.push(fired);
            self.flows.push(flows);
        }
    }

    pub(super) fn fired(&self, query: &Query) -> Answer<Fired> {
        self.fired.log().ask(query)
    }

    pub(super) fn fired_before(
        &self,
        before: Option<u64>,
        max: usize,
        meant: impl Fn(&Fired) -> bool,
    ) -> Older<Fired> {
        self.fired.log().older(before, max, meant)
    }

    /// Changes with every passed threshold.
    pub(super) fn fired_changed(&self) -> watch::Receiver<u64> {
        self.fired.version.subscribe()
    }

    pub(super) fn flows(&self, query: &Query) -> Answer<FlowRecord> {
        self.flows.log().ask(query)
    }

    /// Changes with every flow record.
    pub(super) fn flows_changed(&self) -> watch::Receiver<u64> {
        self.flows.version.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::engine::metric::SourceName;

    fn fired(id: &str) -> News {
        News::Fired(Fired {
            threshold_id: id.into(),
            metric: "load_one".into(),
            threshold: 1.0,
            value: 2.0,
            agent: [10, 0, 0, 1].into(),
            source: SourceName::parse("2.1"),
            flow_key: None,
            at: Time::START,
        })
    }

    #[tokio::test]
    async fn what_is_told_is_numbered_in_order_and_seen_by_who_waits() {
        let logs = Logs::new(100);
        let mut changed = logs.fired_changed();
        let flows = logs.flows_changed();
        let (sender, receiver) = mpsc::channel(10);
        for id in ["a", "b", "a"] {
            sender.send(fired(id)).await.unwrap();
        }
        drop(sender);
        logs.write(receiver).await;
        changed.changed().await.unwrap();
        assert!(!flows.has_changed().unwrap(), "no flow was recorded");
        let query = Query {
            name: Some("a".to_owned()),
            ..Query::default()
        };
        let ids: Vec<_> = logs.fired(&query).entries.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [102, 100]);
        assert!(logs.flows(&Query::default()).entries.is_empty());
    }
}
