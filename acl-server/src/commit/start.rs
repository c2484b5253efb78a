//! Takes over what an earlier daemon has left: its tool, its open batch, its temporary files, its unconfirmed changes.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};

use shared::backoff::Backoff;
use shared::life::{Readiness, Shutdown};
use tokio::sync::{Semaphore, mpsc, watch};

use super::alarm::Alarm;
use super::apply::roll_back;
use super::batch::Queue;
use super::book::Book;
use super::change::{Action, Verdict};
use super::ended::Ended;
use super::engine::{Engine, RETRY};
use super::events::Events;
use super::journal::Recovered;
use super::registry::{CommitState, Record, Registry};
use super::room::Limits;
use super::runner::Runner;
use super::timetable::Timetable;
use super::{Committer, QUEUE, QUEUE_BYTES, Shared, SyncState, drift, lock, now};
use crate::metrics::Metrics;
use crate::store::{Dir, Store};

/// What the writer works with.
#[derive(Debug)]
pub struct Parts<T> {
    /// The policy directory.
    pub store: Store,
    /// The directory of the journal and the leases.
    pub state: Arc<dyn Dir>,
    /// Where versions made by hand are kept before they are overwritten.
    pub kept: Arc<dyn Dir>,
    /// The tool.
    pub tool: T,
    /// Names the kernel tables of now: what was accepted in others is not installed.
    pub boot: String,
    /// Entries that the switch has; `None`: not known.
    pub entries_limit: Option<u64>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What waits for the first commit.
    pub readiness: Readiness,
    /// The end of the process.
    pub shutdown: Shutdown,
}

impl<T: Runner> Engine<T> {
    /// Takes over a policy directory: waits for a tool that an earlier daemon has left running, rolls back what that
    /// daemon left open, and decides whether the switch has what the files say.
    ///
    /// # Errors
    /// The directory, the journal or the lock cannot be used.
    pub async fn start(parts: Parts<T>) -> io::Result<(Committer, Self)> {
        parts.tool.settle().await?;
        let now = now();
        let (mut book, recovered, first_start) = Book::open(parts.state, now)?;
        if let Some(open) = &recovered.open {
            roll_back(&parts.store, open)?;
        }
        // After that: what the batch has set aside was good for it.
        let swept = parts.store.sweep()?;
        if swept > 0 {
            tracing::info!(
                files = swept,
                "removed temporary files that an earlier daemon left behind"
            );
        }
        drift::scan(&parts.store, &mut book.committed)?;
        if first_start {
            book.adopt_all();
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        let limits = Limits {
            entries: parts.entries_limit,
            foreign: 0,
        };
        let shared = Arc::new(Shared {
            store: parts.store,
            book: Mutex::new(book),
            registry: Mutex::new(Registry::default()),
            in_flight: Mutex::default(),
            last_failure: Mutex::default(),
            sync: watch::Sender::new(SyncState::Starting),
            limits: Mutex::new(limits),
            events: Events::default(),
            metrics: parts.metrics,
        });
        let committer = Committer {
            sender,
            budget: Arc::new(Semaphore::new(QUEUE_BYTES)),
            shared: Arc::clone(&shared),
        };
        let seed = u64::from(std::process::id());
        let mut engine = Self {
            unready: Some(parts.readiness.latch("first commit")),
            shared,
            tool: parts.tool,
            kept: parts.kept,
            receiver,
            queue: Queue::default(),
            alarm: Alarm::unset(),
            boot: parts.boot,
            stuck: None,
            shutdown: parts.shutdown,
            readiness: parts.readiness,
            backoff: Backoff::new(RETRY.0, RETRY.1, seed),
            retry_at: now,
            timetable: Timetable::new(now),
            skipped: HashSet::new(),
            foreign: None,
        };
        engine.judge_start(&recovered)?;
        engine.revert_unconfirmed();
        Ok((committer, engine))
    }

    /// A clean start whose files equal what was last accepted, in this boot, needs no commit.
    fn judge_start(&mut self, recovered: &Recovered) -> io::Result<()> {
        let foreign = self.look_at_foreign()?;
        let shared = Arc::clone(&self.shared);
        let mut book = lock(&shared.book);
        if recovered.accepted.as_ref() == Some(&book.accepted(foreign, &self.boot)) {
            book.all_installed(&shared.store);
            let acls = book.committed.len();
            tracing::info!(acls, "the switch has these rules already: no commit needed");
            self.set_sync(SyncState::Synced);
        }
        if recovered.open.is_some() {
            book.end(None, Ended::default(), now())?;
        }
        book.checkpoint(now());
        Ok(())
    }

    /// A restart inside the window of a confirmation takes the change back at once: the first run carries that.
    fn revert_unconfirmed(&mut self) {
        let shared = Arc::clone(&self.shared);
        let book = lock(&shared.book);
        for (id, unconfirmed) in &book.unconfirmed {
            tracing::warn!(%id, what = unconfirmed.what, "not confirmed before the restart: it is taken back");
            let verdict = Verdict::Done {
                effects: Vec::new(),
                unconfirmed: true,
            };
            let record = Record {
                state: CommitState::Decided(verdict),
                what: unconfirmed.what.clone(),
                who: Arc::clone(&unconfirmed.who),
            };
            lock(&self.shared.registry).adopt(*id, record);
            let names = unconfirmed
                .before
                .iter()
                .map(|before| before.name.clone())
                .collect();
            self.queue_ours(Action::Revert { id: *id, names });
        }
    }
}
