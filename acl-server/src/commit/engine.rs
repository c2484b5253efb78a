//! The task that owns the files, the journal and the tool: waits, seals batches, keeps the switch in sync.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use shared::backoff::Backoff;
use shared::life::{Latch, Readiness, Shutdown};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::alarm::Alarm;
use super::batch::{Queue, Window};
use super::change::{Answer, Change, Verdict};
use super::ended::Ended;
use super::events::Event;
use super::isolate::Report;
use super::journal::FileChange;
use super::outcome::{last_error, report};
use super::runner::Runner;
use super::timetable::Timetable;
use super::{LastFailure, QUEUE, Shared, SyncState, facts, lock, now};
use crate::store::{Dir, Fingerprint, foreign_fingerprint};
use crate::tool::Outcome;

/// Bounds of the wait before a failed base commit is tried again (`acl-server` contract §2.7).
pub(super) const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The one writer.
#[derive(Debug)]
pub struct Engine<T> {
    pub(super) shared: Arc<Shared>,
    pub(super) tool: T,
    /// Where versions made by hand are kept before they are overwritten.
    pub(super) kept: Arc<dyn Dir>,
    pub(super) receiver: mpsc::Receiver<Change>,
    pub(super) queue: Queue,
    /// Ends the window of a batch.
    pub(super) alarm: Alarm,
    pub(super) boot: String,
    /// A batch whose files could not be taken back: until they are, nothing else may begin.
    pub(super) stuck: Option<Vec<FileChange>>,
    pub(super) shutdown: Shutdown,
    pub(super) readiness: Readiness,
    pub(super) unready: Option<Latch>,
    pub(super) backoff: Backoff,
    /// When the base is committed again, while the switch is not in sync; at once after the start.
    pub(super) retry_at: Instant,
    pub(super) timetable: Timetable,
    /// Leased ACLs that stay, since they were changed by hand, and of which that was said.
    pub(super) skipped: HashSet<AclName>,
    /// Of which foreign files the entries were counted.
    pub(super) foreign: Option<Fingerprint>,
}

impl<T: Runner> Engine<T> {
    /// Works until the end is asked for. The batch that runs then is finished, everything behind it is turned away.
    pub async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        // What an earlier daemon left unconfirmed is taken back by the very first run.
        self.work().await;
        loop {
            let state = self.sync_state();
            let next = self.timetable.next(&lock(&self.shared.book));
            tokio::select! {
                () = shutdown.wait() => break,
                change = self.receiver.recv() => match change {
                    Some(change) => self.collect(change).await,
                    None => break,
                },
                () = sleep_until(self.retry_at), if state != SyncState::Synced => self.sync_base().await,
                // Before the first commit nothing is changed, also not by us.
                () = sleep_until(next), if state != SyncState::Starting => self.due(),
            }
            self.work().await;
        }
        self.receiver.close();
        while let Ok(change) = self.receiver.try_recv() {
            self.queue.push(change);
        }
        let now = now();
        for change in self.queue.drain() {
            turn_away(change, now);
        }
        lock(&self.shared.book).checkpoint(now);
    }

    pub(super) fn sync_state(&self) -> SyncState {
        *self.shared.sync.borrow()
    }

    /// Sets what others see, and keeps the latch that makes the process unready.
    pub(super) fn set_sync(&mut self, state: SyncState) {
        let retried = state != SyncState::Synced && self.retry_at <= now();
        let lost = self.sync_state() == SyncState::Synced;
        match state {
            SyncState::Synced => self.backoff.reset(),
            SyncState::Starting | SyncState::Unsynced => {
                // Failures of others must not put off the next try.
                if lost || retried {
                    self.retry_at = now() + self.backoff.next_delay();
                }
                if self.unready.is_none() {
                    self.unready = Some(self.readiness.latch("switch in sync with the files"));
                }
            }
        }
        // A failed first commit is still the first commit.
        let before = self.sync_state();
        let starting = before == SyncState::Starting && state != SyncState::Synced;
        let state = if starting { SyncState::Starting } else { state };
        self.shared.sync.send_replace(state);
        if state == SyncState::Synced {
            // Last: whoever is told that it is ready may send a change at once.
            self.unready = None;
        }
        if state != before {
            self.shared.events.tell(Event::Sync { state });
        }
    }

    /// Waits until the batch that this change opens is complete.
    async fn collect(&mut self, first: Change) {
        let mut window = Window::open(now());
        self.queue.push(first);
        while self.queue.len() < QUEUE {
            let sealed = self.alarm.ring(window.deadline(), now);
            let arrived = tokio::select! {
                // What has arrived by then belongs to it.
                biased;
                change = self.receiver.recv() => change,
                () = sealed => None,
            };
            let Some(change) = arrived else { break };
            self.queue.push(change);
            window.arrival(now());
        }
    }

    /// Carries out what waits, and what arrives meanwhile.
    async fn work(&mut self) {
        while !self.queue.is_empty() && !self.shutdown.requested() {
            // Clients who never pause must keep neither expiry and reverts nor the base away.
            self.catch_up().await;
            let batch = self.queue.seal(now());
            self.commit(batch).await;
            // What arrived while the tool ran goes with what was left over.
            while self.queue.len() < QUEUE
                && let Ok(change) = self.receiver.try_recv()
            {
                self.queue.push(change);
            }
        }
    }

    async fn catch_up(&mut self) {
        let (now, state) = (now(), self.sync_state());
        if state == SyncState::Unsynced && self.retry_at <= now {
            self.sync_base().await;
        }
        let next = self.timetable.next(&lock(&self.shared.book));
        if state != SyncState::Starting && next <= now {
            self.due();
        }
    }

    /// Commits what is there, so that the switch has what the files say.
    async fn sync_base(&mut self) {
        match self.commit_base().await {
            Ok(true) => self.set_sync(SyncState::Synced),
            Ok(false) => self.set_sync(SyncState::Unsynced),
            Err(error) => {
                tracing::error!(%error, "the switch could not be brought in sync");
                self.set_sync(SyncState::Unsynced);
            }
        }
    }

    async fn commit_base(&mut self) -> io::Result<bool> {
        self.unstick()?;
        self.look_at_ours();
        let foreign = self.look_at_foreign()?;
        // Other people's files may have changed: from here on the switch may have something else than was accepted.
        self.end_without_batch(None)?;
        let run = self.run_tool(0).await;
        let accepted = (run.outcome == Outcome::Accepted).then_some(foreign);
        let error = match report(run, |_| Vec::new()) {
            Report::Accepted => None,
            Report::Refused { code, lines, .. } => last_error(&Verdict::BaseRefused { code, lines }),
            Report::Broken(verdict) => last_error(&verdict),
        };
        let mut last = lock(&self.shared.last_failure);
        // A base that succeeds does not make good what became of somebody's change.
        if error.is_some() || last.as_ref().is_some_and(|failure| failure.of_base) {
            *last = error.map(|error| LastFailure { error, of_base: true });
        }
        drop(last);
        let synced = accepted.is_some();
        self.end_without_batch(accepted)?;
        Ok(synced)
    }

    /// What is known of the switch: it has what is on disk with other people's files of this fingerprint, or who knows.
    pub(super) fn end_without_batch(&self, foreign: Option<Fingerprint>) -> io::Result<()> {
        let accepted = foreign.map(|foreign| (&self.shared.store, foreign, self.boot.as_str()));
        lock(&self.shared.book).end(accepted, Ended::default(), now())
    }

    /// The fingerprint of other people's rule files; what they take of the switch's room is counted when they change.
    pub(super) fn look_at_foreign(&mut self) -> io::Result<Fingerprint> {
        let files = self.shared.store.foreign_files()?;
        let print = foreign_fingerprint(&files);
        if self.foreign != Some(print) {
            let contents = files.iter().filter_map(|(_, content)| content.as_deref());
            let entries = contents.map(|content| facts::Facts::of_file(content).entries);
            lock(&self.shared.limits).foreign = entries.fold(0, u64::saturating_add);
            self.foreign = Some(print);
        }
        Ok(print)
    }
}

fn turn_away(change: Change, now: Instant) {
    let answer = Answer {
        verdict: Verdict::ShuttingDown,
        sealed: now,
        decided: now,
        tool: Duration::ZERO,
    };
    if let Some(reply) = change.reply {
        let _ = reply.send(answer);
    }
}
