//! The thread that writes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;

use super::ids::Ids;
use super::segment::{Row, Series, Trouble, guarded};
use super::shelf::Shelf;
use crate::clock::{Clock, Time};
use crate::metrics::Metrics;

/// What is read from a log at once, and written as one transaction.
const BATCH: usize = 512;

/// Between two looks at the logs: so much is lost at most when the process is killed, and a disk is asked for at most four
/// syncs a second.
const LOOK: Duration = Duration::from_millis(250);

/// Between two looks at what is too old or too much; a batch at every look comes to some 100 MB by then, so a full file is
/// noticed by the writer itself.
const TIDY: Duration = Duration::from_secs(10);

/// Records that are to be written again at most: no log has more, and what has fallen out of it cannot be.
const STALE: usize = 10_000;

/// Ids that may be given after the last look: a second of requests that are on their way.
const LAST: u64 = 1000;

/// Waits between tries when it cannot be written, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What a log has beyond what was seen of it.
#[derive(Debug, Default)]
pub struct Following {
    /// Records, the oldest first.
    pub rows: Vec<Row>,
    /// Records that have fallen out of the log since then.
    pub missed: u64,
}

/// A log in memory that is followed.
pub trait Feed: Send {
    /// What its records are.
    fn series(&self) -> Series;

    /// What follows the id that was seen last, at most so many.
    fn following(&self, seen: u64, most: usize) -> Following;

    /// Ids of records that have changed since this was asked last.
    fn changed(&self) -> Vec<u64> {
        Vec::new()
    }

    /// A record as it is now, while the log has it.
    fn row(&self, _id: u64) -> Option<Row> {
        None
    }
}

/// A log, and how far it was read.
struct Followed {
    feed: Box<dyn Feed>,
    seen: u64,
    /// Records that were written and have changed since.
    stale: BTreeSet<u64>,
}

/// Writes what logs tell.
pub(super) struct Writer {
    shelf: Shelf,
    ids: Ids,
    /// The first id of this run.
    first: u64,
    /// Whether that is above all that the files have.
    checked: bool,
    logs: Vec<Followed>,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// Tries that have failed since one succeeded, and when the next one is.
    failures: u32,
    retry: Time,
    /// When older files are looked at again.
    older: Time,
    tidied: Option<Time>,
}

/// Ends the thread.
#[derive(Debug)]
pub struct Running {
    end: Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Lets it write what there is and end. A disk that hangs holds nobody up for longer than `limit`: what it has not taken by
    /// then is lost with the process.
    pub async fn finish(self, limit: Duration) {
        drop(self.end);
        if tokio::time::timeout(limit, self.ended).await.is_err() {
            tracing::warn!("the disk did not take the end of the history in time");
        }
    }
}

impl Writer {
    /// What follows these logs, whose first ids are `first`.
    pub(super) fn new(
        (shelf, ids): (Shelf, Ids),
        feeds: Vec<Box<dyn Feed>>,
        first: u64,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let followed = |feed| Followed {
            feed,
            seen: first.saturating_sub(1),
            stale: BTreeSet::new(),
        };
        Self {
            shelf,
            ids,
            first,
            checked: false,
            logs: feeds.into_iter().map(followed).collect(),
            metrics,
            clock,
            failures: 0,
            retry: Time::START,
            older: Time::START,
            tidied: None,
        }
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(super) fn start(mut self) -> std::io::Result<Running> {
        let (end, asked) = channel();
        let (done, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("history".to_owned());
        thread.spawn(move || {
            self.run(&asked);
            // Files are closed before that is said.
            drop(self);
            drop(done);
        })?;
        Ok(Running { end, ended })
    }

    fn run(&mut self, asked: &Receiver<()>) {
        while asked.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            // Also what nobody has thought of leaves the thread alive.
            let round = guarded(|| {
                self.round(self.clock.now());
                Ok(())
            });
            if let Err(error) = round {
                tracing::error!(%error, "a round of the history was cut short");
            }
        }
        // Once more, whenever it would have been tried again.
        self.retry = Time::START;
        self.round(self.clock.now());
        // An end like this leaves nothing behind that was not written, but for what the last clients still ask for.
        if self.failures == 0
            && let Err(error) = self.ids.set(self.next_id().saturating_add(LAST))
        {
            tracing::warn!(%error, "the ids of the next start may be higher than they would have to be");
        }
    }

    /// Writes what there is, if it is time to.
    pub(super) fn round(&mut self, now: Time) {
        if now < self.retry {
            return;
        }
        let written = self.write(now);
        let process = &self.metrics.process;
        match written {
            Ok(()) => {
                if std::mem::take(&mut self.failures) > 0 {
                    process.history_failing.set(0);
                    tracing::info!("the history can be written again");
                }
            }
            Err(trouble) => {
                process.history_failures.inc();
                process.history_failing.set(1);
                if self.failures == 0 {
                    tracing::warn!(error = %trouble, "the history cannot be written; decisions and events stay in memory, and it is tried again");
                }
                let wait = RETRY
                    .0
                    .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
                self.failures = self.failures.saturating_add(1);
                self.retry = now + wait.min(RETRY.1);
            }
        }
    }

    fn write(&mut self, now: Time) -> Result<(), Trouble> {
        let written = self.write_new();
        let opened = written.is_ok() && self.open_older(now);
        // Also when nothing can be written: what is too old may be what fills the disk.
        if opened || self.tidied.is_none_or(|last| now.since(last) >= TIDY) {
            self.shelf.tidy(self.clock.unix_ns(now));
            self.tidied = Some(now);
        }
        written
    }

    fn write_new(&mut self) -> Result<(), Trouble> {
        // A newest file that is damaged is none: what the next one has counts for ids.
        while !self.shelf.is_ready() {
            self.shelf.open_next()?;
        }
        self.check_ids()?;
        self.ids.reserve(self.next_id())?;
        while self.batch()? {}
        self.repeat()
    }

    /// Opens older files, one at a time, since what is new comes first; whether there was one.
    fn open_older(&mut self, now: Time) -> bool {
        if now < self.older {
            return false;
        }
        self.shelf.open_next().unwrap_or_else(|trouble| {
            self.older = now + RETRY.1;
            self.metrics.process.history_failures.inc();
            tracing::warn!(error = %trouble, "an older part of the history cannot be opened; it is tried again");
            false
        })
    }

    /// Sees to it that nothing of an earlier run is overwritten, should the file of [`Ids`] have been lost.
    fn check_ids(&mut self) -> Result<(), Trouble> {
        let last = Series::ALL
            .into_iter()
            .filter_map(|series| self.shelf.last_id(series))
            .max();
        match last.filter(|last| *last >= self.first && !self.checked) {
            None => {
                self.checked = true;
                Ok(())
            }
            Some(last) => {
                self.ids.set(last.saturating_add(1))?;
                let why = "it has ids of this run already; the next start gives others";
                Err(Trouble::Unavailable(why.to_owned()))
            }
        }
    }

    /// Above all that were written.
    fn next_id(&self) -> u64 {
        let last = self.logs.iter().map(|log| log.seen).max();
        last.map_or(self.first, |last| last.saturating_add(1))
    }

    /// Writes a batch of what is new; whether there may be more.
    fn batch(&mut self) -> Result<bool, Trouble> {
        let (mut rows, mut read) = (Vec::new(), Vec::new());
        for log in &mut self.logs {
            // First: what changes while the rest is read is asked for the next time.
            log.stale.extend(log.feed.changed());
            while log.stale.len() > STALE {
                log.stale.pop_first();
            }
            let series = log.feed.series();
            // A batch may be on the disk although that was not said.
            let stored = self.shelf.last_id(series).filter(|last| *last >= self.first);
            let seen = stored.map_or(log.seen, |last| last.max(log.seen));
            let following = log.feed.following(seen, BATCH);
            let last = following.rows.last().map_or(seen, |row| row.id);
            read.push((last, following.missed, following.rows.len()));
            rows.extend(following.rows.into_iter().map(|row| (series, row)));
        }
        self.shelf.write(&rows)?;
        let mut is_more = false;
        for (log, (last, missed, count)) in self.logs.iter_mut().zip(read) {
            log.seen = last;
            is_more |= count == BATCH;
            if missed > 0 {
                self.metrics.process.history_missed.add(missed);
                tracing::warn!(series = ?log.feed.series(), missed, "the history has a gap: memory did not hold all that could not be written");
            }
        }
        Ok(is_more)
    }

    /// Writes again what has changed since it was written.
    fn repeat(&mut self) -> Result<(), Trouble> {
        let mut again = Vec::new();
        for log in &self.logs {
            let rows = log.stale.iter().filter_map(|id| log.feed.row(*id));
            again.extend(rows.map(|row| (log.feed.series(), row)));
        }
        self.shelf.replace(again)?;
        for log in &mut self.logs {
            log.stale.clear();
        }
        Ok(())
    }
}
