//! Takes over what an earlier daemon has left: its tool, its open batch, its temporary files.
#![expect(clippy::disallowed_methods, reason = "a driver: it reads the clock once")]

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use shared::backoff::Backoff;
use shared::life::{Readiness, Shutdown};
use tokio::sync::{Semaphore, mpsc, watch};

use super::apply::roll_back;
use super::batch::Queue;
use super::committed::Committed;
use super::engine::{Engine, RETRY};
use super::journal::{Journal, Recovered};
use super::{Committer, QUEUE, QUEUE_BYTES, Shared, SyncState};
use crate::store::{ReadError, Store};
use crate::tool::Tool;

impl Engine {
    /// Takes over a policy directory: waits for a tool that an earlier daemon has left running, rolls back what that
    /// daemon left open, and decides whether the switch has what the files say.
    ///
    /// # Errors
    /// The directory, the journal or the lock cannot be used.
    pub async fn start(
        store: Store,
        tool: Tool,
        journal: &Path,
        readiness: Readiness,
        shutdown: Shutdown,
    ) -> io::Result<(Committer, Self)> {
        tool.wait_for_earlier_run().await?;
        let (journal, recovered) = Journal::open(journal)?;
        let swept = store.sweep()?;
        if swept > 0 {
            tracing::info!(
                files = swept,
                "removed temporary files that an earlier daemon left behind"
            );
        }
        if let Some(open) = &recovered.open {
            roll_back(&store, open)?;
        }
        let committed = committed_files(&store)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            store,
            in_flight: Mutex::default(),
            last_failure: Mutex::default(),
            sync: watch::Sender::new(SyncState::Starting),
        });
        let budget = Arc::new(Semaphore::new(QUEUE_BYTES));
        let committer = Committer {
            sender,
            budget,
            shared: Arc::clone(&shared),
        };
        let seed = u64::from(std::process::id());
        let mut engine = Self {
            unready: Some(readiness.latch("first commit")),
            shared,
            tool,
            journal,
            receiver,
            queue: Queue::default(),
            committed,
            boot: boot(),
            stuck: None,
            shutdown,
            readiness,
            backoff: Backoff::new(RETRY.0, RETRY.1, seed),
            retry_at: Instant::now(),
        };
        engine.judge_start(&recovered)?;
        Ok((committer, engine))
    }

    /// A clean start whose files equal what was last accepted, in this boot, needs no commit.
    fn judge_start(&mut self, recovered: &Recovered) -> io::Result<()> {
        let now = self.state_with(self.shared.store.foreign_fingerprint()?);
        if recovered.accepted.as_ref() == Some(&now) {
            tracing::info!(
                acls = self.committed.len(),
                "the switch has these rules already: no commit needed"
            );
            self.set_sync(SyncState::Synced);
        }
        if recovered.open.is_some() {
            self.journal.end(None)?;
        }
        Ok(())
    }
}

/// Names the kernel tables of now: they survive neither a reboot nor the end of a network namespace.
fn boot() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::metadata("/proc/self/ns/net").map_or(0, |namespace| namespace.ino());
    format!("{} {namespace}", boot.trim())
}

fn committed_files(store: &Store) -> io::Result<Committed> {
    let mut committed = Committed::default();
    for name in store.names()? {
        match store.read(&name) {
            Ok(Some(content)) => committed.set(&name, Some(&content)),
            Ok(None) => {}
            Err(ReadError::Io(error)) => return Err(error),
            Err(error) => tracing::warn!(acl = %name, %error, "left alone"),
        }
    }
    Ok(committed)
}
