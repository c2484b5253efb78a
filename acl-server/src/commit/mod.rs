//! The one writer. All changes pass one task, which carries many of them in one run of the tool and tells each its own
//! verdict.
//!
//! A batch goes: sealed → staged beside the targets, all synced together → journal (one sync) → renamed into place → tool,
//! and meanwhile the names synced → journal (verdict) → replies. What the tool refuses is taken back by the same path in
//! reverse, so that the files are what the switch last accepted, after any crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::AclName;
use shared::wire::LastError;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::metrics::{self, Metrics};
use crate::rules::Actions;
use crate::store::{ReadError, Store};

/// What a change would come to, without any of it.
pub mod rehearse;
/// The task itself: waits, seals, runs, answers.
pub mod engine;
/// Takes over what an earlier daemon has left.
pub mod start;
/// What becomes due without anybody asking: expiry, reverts, a look at the files.
pub mod due;
/// When that is.
pub mod timetable;
/// Carries out one batch: files, journal, runs of the tool.
pub mod carry;
/// Verdicts, to everybody whom they concern.
pub mod tell;
/// What a batch means for the files, decided against the committed state.
pub mod plan;
/// What there is room for.
pub mod room;
/// Whom the tool's words are about.
pub mod named;
/// Whether somebody's hand was in our files.
pub mod drift;
/// What the writer and its callers both know, and what makes it durable.
pub mod book;
/// What a batch that ends has changed.
pub mod ended;
/// What unconfirmed changes hold.
pub mod reserved;
/// What is there of ours.
pub mod committed;
/// What is remembered beside the files, as values on disk.
pub mod ledger;
/// Files of a batch into place and back.
pub mod apply;
/// What was about to change, on disk before it changes.
pub mod journal;
/// Records that know whether they are whole.
pub mod frame;
/// Which changes go together.
pub mod batch;
/// From what the system and the tool say to verdicts.
pub mod outcome;
/// Who among the members of a batch is refused.
pub mod isolate;
/// What happens, for those who watch.
pub mod events;
/// A change, its conditions and its verdict.
pub mod change;
/// What became of recent changes.
pub mod registry;
/// Names of changes.
pub mod id;
/// What is remembered of an ACL's rules.
pub mod facts;
/// What the writer needs of the tool.
pub mod runner;
/// When a batch is sealed, to the hundredth of a millisecond.
pub mod alarm;

use book::{Book, Confirmation};
use change::{Action, Answer, Caller, Change, Precondition};
use events::{Event, Events};
use facts::Content;
use id::CommitId;
use registry::{CommitState, Record, Registry};
use room::Limits;

/// Most changes that wait; the next one is turned away. Above the 1,000 clients of the contract's load test.
const QUEUE: usize = 4096;
/// Most bytes of content that wait.
const QUEUE_BYTES: usize = 32 << 20;

/// Whether the switch has what the files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncState {
    /// The first needed commit has not succeeded yet: reads work, changes do not.
    Starting,
    /// The last run of the tool succeeded with exactly these files.
    Synced,
    /// A run was broken off or the base was refused; it is tried again until it succeeds.
    Unsynced,
}

/// Why a change was not even queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The queue is full.
    Full,
    /// The first commit has not succeeded yet.
    NotReady,
    /// The daemon ends.
    ShuttingDown,
    /// It was queued, and the writer is gone: nobody knows what became of it.
    Lost,
}

/// What the API sees of the committer.
#[derive(Debug, Clone)]
pub struct Committer {
    sender: mpsc::Sender<Change>,
    budget: Arc<Semaphore>,
    shared: Arc<Shared>,
}

/// A change that was queued.
#[derive(Debug)]
pub struct Ticket {
    /// Names it.
    pub id: CommitId,
    answer: oneshot::Receiver<Answer>,
}

impl Ticket {
    /// Waits for the verdict. Who does not wait is not missed: the change is carried out all the same.
    ///
    /// # Errors
    /// [`Rejected::Lost`]
    pub async fn answer(self) -> Result<Answer, Rejected> {
        self.answer.await.map_err(|_| Rejected::Lost)
    }
}

/// The committed content of ACLs that are being changed; `None` for those that do not exist yet.
type InFlight = BTreeMap<AclName, Option<Content>>;

/// What the task lets others see.
#[derive(Debug)]
struct Shared {
    store: Store,
    book: Mutex<Book>,
    registry: Mutex<Registry>,
    /// The committed content of every ACL that the running batch is changing: readers must not see it half done.
    in_flight: Mutex<InFlight>,
    last_failure: Mutex<Option<LastFailure>>,
    sync: watch::Sender<SyncState>,
    limits: Mutex<Limits>,
    events: Events,
    metrics: Arc<Metrics>,
}

/// What the tool said when it last refused or failed.
#[derive(Debug)]
struct LastFailure {
    error: LastError,
    /// It was about what was there already, and not about somebody's change.
    of_base: bool,
}

/// Every value behind these locks is replaced as a whole, so a panic elsewhere leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One ACL, as lists show it.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its name.
    pub name: AclName,
    /// What is on disk.
    pub content: Vec<u8>,
    /// Entries in hardware.
    pub entries: u64,
    /// How long until it removes itself; `None`: it stays.
    pub ttl: Option<Duration>,
    /// It was changed by hand.
    pub drift: bool,
}

impl Committer {
    /// Queues a change.
    ///
    /// # Errors
    /// [`Rejected`]: nothing was queued.
    pub fn submit(
        &self,
        action: Action,
        precondition: Precondition,
        caller: Caller,
    ) -> Result<Ticket, Rejected> {
        let ticket = self.queue(action, precondition, caller);
        let turned_away = match &ticket {
            Ok(_) | Err(Rejected::Lost) => return ticket,
            Err(Rejected::Full) => metrics::Verdict::QueueFull,
            Err(Rejected::NotReady) => metrics::Verdict::NotReady,
            Err(Rejected::ShuttingDown) => metrics::Verdict::ShuttingDown,
        };
        self.shared.metrics.change(turned_away);
        ticket
    }

    fn queue(&self, action: Action, precondition: Precondition, caller: Caller) -> Result<Ticket, Rejected> {
        if self.sync_state() == SyncState::Starting {
            return Err(Rejected::NotReady);
        }
        let bytes = u32::try_from(action.bytes()).map_err(|_| Rejected::Full)?;
        let budget = Arc::clone(&self.budget)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Rejected::Full)?;
        let (reply, answer) = oneshot::channel();
        let id = self.registry().open(action.to_string(), Arc::clone(&caller.who));
        let change = Change {
            id,
            action,
            precondition,
            caller,
            queued: now(),
            reply: Some(reply),
            budget: Some(budget),
        };
        self.sender.try_send(change).map_err(|error| {
            self.registry().forget(id);
            match error {
                mpsc::error::TrySendError::Full(_) => Rejected::Full,
                mpsc::error::TrySendError::Closed(_) => Rejected::ShuttingDown,
            }
        })?;
        Ok(Ticket { id, answer })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.shared.registry)
    }

    /// What is remembered of a change; `None`: nothing, or nothing any more.
    pub fn commit(&self, id: CommitId) -> Option<Record> {
        self.registry().get(id)
    }

    /// The names that an unconfirmed change has changed, and what its old and new rules do. Blocks.
    pub fn unconfirmed(&self, id: CommitId) -> Option<(Vec<AclName>, Actions)> {
        let book = lock(&self.shared.book);
        let before = &book.unconfirmed.get(&id)?.before;
        let old = before.iter().filter_map(|before| before.content.as_deref());
        let old = old.map(|content| facts::Facts::of_file(content).actions);
        let new = before
            .iter()
            .filter_map(|before| book.committed.get(&before.name)?.disk.as_ref());
        let does = old
            .chain(new.map(|disk| disk.actions))
            .fold(Actions::NONE, Actions::union);
        Some((before.iter().map(|before| before.name.clone()).collect(), does))
    }

    /// What the rules of the leased ACLs under a prefix do. Blocks.
    pub fn leased_actions(&self, prefix: &str) -> Actions {
        let book = lock(&self.shared.book);
        let leased = book
            .committed
            .under(prefix)
            .filter(|(_, known)| known.lease.is_some());
        let disks = leased.filter_map(|(_, known)| known.disk.as_ref());
        disks.fold(Actions::NONE, |does, disk| does.union(disk.actions))
    }

    /// Confirms a change, so that it stays. Blocks for one sync.
    ///
    /// # Errors
    /// The journal cannot be written; then it is not confirmed.
    pub fn confirm(&self, id: CommitId) -> io::Result<Confirmation> {
        let confirmation = lock(&self.shared.book).confirm(id, now())?;
        if confirmation == Confirmation::Confirmed {
            self.registry().set(id, CommitState::Confirmed);
            self.shared.events.tell(Event::Confirmed { id });
        }
        Ok(confirmation)
    }

    /// Lets every lease under the prefix last until `ttl` from now at least. Returns how many there are and the ETag of
    /// the set. Blocks for one sync.
    ///
    /// # Errors
    /// The journal cannot be written; then nothing is renewed.
    pub fn renew(&self, prefix: &str, ttl: Duration) -> io::Result<(usize, String)> {
        let (renewed, set_etag) = lock(&self.shared.book).renew(prefix, ttl, now())?;
        self.shared.metrics.lease_renewals(renewed);
        Ok((renewed, set_etag))
    }

    /// The committed content of an ACL.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, name: &AclName) -> Result<Option<Vec<u8>>, ReadError> {
        // The lock is held while reading: otherwise the batch could begin between the look and the read.
        let in_flight = lock(&self.shared.in_flight);
        match in_flight.get(name) {
            Some(committed) => Ok(committed.as_deref().map(<[u8]>::to_vec)),
            None => self.shared.store.read(name),
        }
    }

    /// The names of all committed ACLs, sorted.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<AclName>> {
        let in_flight = lock(&self.shared.in_flight);
        let mut names: BTreeSet<_> = self.shared.store.names()?.into_iter().collect();
        for (name, committed) in in_flight.iter() {
            match committed {
                Some(_) => names.insert(name.clone()),
                None => names.remove(name),
            };
        }
        Ok(names.into_iter().collect())
    }

    /// One ACL with what is known of it; `None` when there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn summary(&self, name: &AclName) -> Result<Option<Summary>, ReadError> {
        // Held until the book is read: in between, a batch could end, and its new file look like somebody's hand.
        let in_flight = lock(&self.shared.in_flight);
        let content = match in_flight.get(name) {
            Some(committed) => committed.as_deref().map(<[u8]>::to_vec),
            None => self.shared.store.read(name)?,
        };
        let Some(content) = content else {
            return Ok(None);
        };
        let book = lock(&self.shared.book);
        let known = book.committed.get(name);
        let print = crate::store::fingerprint(&content);
        let disk = known.and_then(|known| known.disk.as_ref());
        let entries = disk
            .filter(|disk| disk.fingerprint == print)
            .map(|disk| disk.entries);
        let lease = known.and_then(|known| known.lease);
        let summary = Summary {
            name: name.clone(),
            ttl: lease.map(|until| until.saturating_duration_since(now())),
            drift: known.and_then(|known| known.written) != Some(print),
            entries: entries.unwrap_or_else(|| facts::Facts::of_file(&content).entries),
            content,
        };
        Ok(Some(summary))
    }

    /// The rule files that are not ours, and the committed ones that are, in the order in which the tool reads them.
    ///
    /// # Errors
    /// The directory or a file cannot be read.
    pub fn directory(&self) -> io::Result<BTreeMap<String, Vec<u8>>> {
        let foreign = self.shared.store.foreign_files()?.into_iter();
        let mut files: BTreeMap<String, Vec<u8>> = foreign
            .filter_map(|(name, content)| Some((name, content?)))
            .collect();
        for name in self.names()? {
            match self.read(&name) {
                Ok(Some(content)) => drop(files.insert(crate::store::file_name(&name), content)),
                Ok(None) => {}
                Err(ReadError::Io(error)) => return Err(error),
                Err(error) => tracing::debug!(acl = %name, %error, "left out"),
            }
        }
        Ok(files)
    }

    /// Entries in hardware that all rule files take, and how many there are; `None`: not known.
    pub fn capacity(&self) -> (u64, Option<u64>) {
        let limits = *lock(&self.shared.limits);
        let ours = lock(&self.shared.book).committed.entries();
        (ours.saturating_add(limits.foreign), limits.entries)
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// Brings the gauges up to date, before they are shown.
    pub fn measure(&self) {
        let (used, limit) = self.capacity();
        let metrics = &self.shared.metrics;
        let waiting = self.sender.max_capacity().saturating_sub(self.sender.capacity());
        metrics.set_queue_length(waiting);
        metrics.set_entries(used, limit);
        metrics.set_synced(self.sync_state() == SyncState::Synced);
        let book = lock(&self.shared.book);
        metrics.set_acls(book.committed.len());
        metrics.set_leases(book.committed.leases());
        metrics.set_unconfirmed(book.unconfirmed.len());
        metrics.set_drifted(book.committed.drifted());
    }

    /// What the tool said when it last refused or failed; `None` once a later batch has wholly succeeded.
    pub fn last_error(&self) -> Option<LastError> {
        let failure = lock(&self.shared.last_failure);
        failure.as_ref().map(|failure| failure.error.clone())
    }

    /// Whether the switch has what the files say.
    pub fn sync_state(&self) -> SyncState {
        *self.shared.sync.borrow()
    }

    /// Returns when the writer takes no more changes, since the daemon ends. Every verdict that it still gave is told by
    /// then or soon after.
    pub async fn ended(&self) {
        self.sender.closed().await;
    }

    /// What happens, to be watched.
    pub fn events(&self) -> &Events {
        &self.shared.events
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver of the pure parts below reads the clock for them"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
