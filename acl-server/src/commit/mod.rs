//! The one writer. All changes pass one task, which carries many of them in one run of the tool and tells each its own
//! verdict.
//!
//! A batch goes: sealed → staged beside the targets → journal (one sync) → renamed into place → tool → journal (verdict)
//! → replies. What the tool refuses is taken back by the same path in reverse, so that the files are what the switch last
//! accepted, after any crash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::AclName;
use shared::wire::LastError;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::store::{ReadError, Store};

/// What the switch has of ours.
pub mod committed;
/// Files of a batch into place and back.
pub mod apply;
/// Which changes go together.
pub mod batch;
/// A change, its conditions and its verdict.
pub mod change;
/// The task itself: waits, seals, runs, answers.
pub mod engine;
/// Who among the members of a batch is refused.
pub mod isolate;
/// What was about to change, on disk before it changes.
pub mod journal;
/// From what the system and the tool say to verdicts.
pub mod outcome;
/// What a batch means for the files, decided against the committed state.
pub mod plan;
/// Takes over what an earlier daemon has left.
pub mod start;

use change::{Action, Answer, Change, Precondition};
use journal::Content;

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

/// The committed content of ACLs that are being changed; `None` for those that do not exist yet.
type InFlight = BTreeMap<AclName, Option<Content>>;

/// What the task lets others see.
#[derive(Debug)]
struct Shared {
    store: Store,
    /// The committed content of every ACL that the running batch is changing: readers must not see it half done.
    in_flight: Mutex<InFlight>,
    last_failure: Mutex<Option<LastFailure>>,
    sync: watch::Sender<SyncState>,
}

/// What the tool said when it last refused or failed.
#[derive(Debug)]
struct LastFailure {
    error: LastError,
    /// It was about what was there already, and not about somebody's change.
    of_base: bool,
}

impl Shared {
    fn last_failure(&self) -> MutexGuard<'_, Option<LastFailure>> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        // Replaced as a whole, so a panic elsewhere leaves it usable.
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Committer {
    /// Queues a change and waits for its verdict. When the caller goes away, the change is carried out all the same.
    ///
    /// # Errors
    /// [`Rejected`]: nothing was queued.
    pub async fn submit(&self, action: Action, precondition: Precondition) -> Result<Answer, Rejected> {
        if *self.shared.sync.borrow() == SyncState::Starting {
            return Err(Rejected::NotReady);
        }
        let bytes = match &action {
            Action::Put { content, .. } => content.len(),
            Action::Delete { .. } | Action::DeleteAll { .. } => 0,
        };
        let bytes = u32::try_from(bytes).map_err(|_| Rejected::Full)?;
        let budget = Arc::clone(&self.budget)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Rejected::Full)?;
        let (reply, verdict) = oneshot::channel();
        let change = Change {
            action,
            precondition,
            reply,
            budget: Some(budget),
        };
        self.sender.try_send(change).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Rejected::Full,
            mpsc::error::TrySendError::Closed(_) => Rejected::ShuttingDown,
        })?;
        verdict.await.map_err(|_| Rejected::Lost)
    }

    /// The committed content of an ACL.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, name: &AclName) -> Result<Option<Vec<u8>>, ReadError> {
        // The lock is held while reading: otherwise the batch could begin between the look and the read.
        let in_flight = self.shared.in_flight();
        match in_flight.get(name) {
            Some(committed) => Ok(committed.as_deref().map(<[u8]>::to_vec)),
            None => self.shared.store.read(name),
        }
    }

    /// The names of all committed ACLs, sorted.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> std::io::Result<Vec<AclName>> {
        let in_flight = self.shared.in_flight();
        let mut names: std::collections::BTreeSet<_> = self.shared.store.names()?.into_iter().collect();
        for (name, committed) in in_flight.iter() {
            match committed {
                Some(_) => names.insert(name.clone()),
                None => names.remove(name),
            };
        }
        Ok(names.into_iter().collect())
    }

    /// What the tool said when it last refused or failed; `None` once a later batch has wholly succeeded.
    pub fn last_error(&self) -> Option<LastError> {
        self.shared
            .last_failure()
            .as_ref()
            .map(|failure| failure.error.clone())
    }

    /// Whether the switch has what the files say.
    pub fn sync_state(&self) -> SyncState {
        *self.shared.sync.borrow()
    }
}
