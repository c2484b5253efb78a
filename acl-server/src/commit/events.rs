//! What happens, for those who watch: `GET /events`.

use shared::AclName;
use tokio::sync::broadcast;

use super::SyncState;
use super::change::Verdict;
use super::id::CommitId;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A change has its verdict.
    Verdict {
        /// The change.
        id: CommitId,
        /// What it was to do.
        what: String,
        /// Who wanted it.
        who: std::sync::Arc<str>,
        /// What became of it.
        verdict: Verdict,
    },
    /// An ACL is gone, since nobody renewed it.
    Expired {
        /// The ACL.
        name: AclName,
    },
    /// A lease has run out, and the ACL stays, since it was changed by hand.
    ExpirySkipped {
        /// The ACL.
        name: AclName,
    },
    /// A file of ours was changed by hand, or is again what was written.
    Drift {
        /// The ACL.
        name: AclName,
        /// Whether it differs now.
        drifted: bool,
        /// The ETag of what is on disk.
        etag: Option<String>,
    },
    /// A change was confirmed.
    Confirmed {
        /// The change.
        id: CommitId,
    },
    /// A change was not confirmed in time, and is taken back.
    Reverted {
        /// The change.
        id: CommitId,
    },
    /// Whether the switch has what the files say.
    Sync {
        /// Since now.
        state: SyncState,
    },
}

/// Tells everybody who watches; a watcher who is slow misses some, and is told how many.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        /// A batch of 1,000 verdicts may be on its way to a watcher that reads.
        const BEHIND: usize = 1024;
        Self(broadcast::Sender::new(BEHIND))
    }
}

impl Events {
    /// Tells an event. Nobody may be watching.
    pub fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Everything that happens from now on.
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
