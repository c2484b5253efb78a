//! What has happened, for whoever asks or waits: passed thresholds and flow records.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::event::{Answer, Log, Named, Query};
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

    fn push(&self, entries: impl IntoIterator<Item = T>) {
        let mut log = self.log();
        for entry in entries {
            log.push(entry);
        }
        self.version.send_replace(log.version());
    }

    /// The answer, waited for as long as there is none.
    async fn ask(&self, query: &Query, patience: Duration) -> Answer<T> {
        let mut version = self.version.subscribe();
        let something = async {
            loop {
                version.mark_unchanged();
                let answer = self.log().ask(query);
                if !answer.entries.is_empty() || version.changed().await.is_err() {
                    return answer;
                }
            }
        };
        match tokio::time::timeout(patience, something).await {
            Ok(answer) => answer,
            Err(_) => self.log().ask(query),
        }
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

    pub(super) async fn fired(&self, query: &Query, patience: Duration) -> Answer<Fired> {
        self.fired.ask(query, patience).await
    }

    pub(super) async fn flows(&self, query: &Query, patience: Duration) -> Answer<FlowRecord> {
        self.flows.ask(query, patience).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Time;
    use crate::engine::metric::SourceName;

    fn fired(id: &str) -> Fired {
        Fired {
            threshold_id: id.into(),
            metric: "load_one".into(),
            threshold: 1.0,
            value: 2.0,
            agent: [10, 0, 0, 1].into(),
            source: SourceName::parse("2.1"),
            flow_key: None,
            at: Time::START,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_told_when_it_happens_and_not_of_other_things() {
        let logs = Arc::new(Logs::new(100));
        let (sender, receiver) = mpsc::channel(10);
        let writer = tokio::spawn({
            let logs = Arc::clone(&logs);
            async move { logs.write(receiver).await }
        });
        let started = tokio::time::Instant::now();
        let waiting = tokio::spawn({
            let logs = Arc::clone(&logs);
            async move {
                let query = Query {
                    name: Some("b".to_owned()),
                    after: Some(-1),
                    max: None,
                };
                logs.fired(&query, Duration::from_secs(60)).await
            }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send(News::Fired(fired("a"))).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send(News::Fired(fired("b"))).await.unwrap();
        let answer = waiting.await.unwrap();
        assert_eq!(answer.entries.len(), 1);
        assert_eq!(answer.entries[0].0, 101);
        assert_eq!(started.elapsed().as_secs(), 2);
        drop(sender);
        writer.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_is_told_so_in_time() {
        let logs = Logs::new(100);
        let started = tokio::time::Instant::now();
        let answer = logs.flows(&Query::default(), Duration::from_secs(7)).await;
        assert!(answer.entries.is_empty());
        assert_eq!(started.elapsed().as_secs(), 7);
    }
}
