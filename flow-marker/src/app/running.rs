//! Everything that runs, and its orderly end.

use std::time::Duration;

use shared::life::Shutdown;
use shared::serve::Server;
use tokio::task::JoinHandle;

use super::controllers::Controllers;
use super::loops::Loops;
use crate::history;
use crate::ingest::Workers;

/// How long clients may take to read their last replies.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// How long the disk may take for what was decided last.
const LAST_RECORDS: Duration = Duration::from_secs(1);

/// Everything that runs.
pub(super) struct Running {
    pub(super) workers: Workers,
    pub(super) watchdog: JoinHandle<()>,
    pub(super) controllers: Controllers,
    pub(super) loops: Loops,
    /// Reads the configuration again.
    pub(super) reloading: JoinHandle<()>,
    /// Makes the overview.
    pub(super) collector: JoinHandle<()>,
    /// Writes what survives the process.
    pub(super) writer: Option<JoinHandle<()>>,
    /// Writes what is decided and happens.
    pub(super) recording: Option<history::Running>,
    pub(super) server: Server,
}

impl Running {
    /// Runs until `shutdown`.
    ///
    /// # Errors
    /// A part has ended that never should.
    pub(super) async fn until(&mut self, shutdown: &Shutdown) -> anyhow::Result<()> {
        tokio::select! {
            () = shutdown.wait() => Ok(()),
            () = self.workers.ended() => Err(anyhow::anyhow!("a receiving thread has ended")),
            () = self.controllers.ended() => Err(anyhow::anyhow!("a controller has ended")),
            _ = &mut self.reloading => Err(anyhow::anyhow!("nobody would read the configuration again")),
            () = self.loops.keep_up() => Err(anyhow::anyhow!("the inventory is gone")),
        }
    }

    /// Ends everything: first nothing new, then what is on the switches if they are to be left `clean`, last the window
    /// through which one can watch.
    pub(super) async fn end(self, clean: bool) -> anyhow::Result<()> {
        self.watchdog.abort();
        tokio::task::spawn_blocking(move || self.workers.stop()).await?;
        self.controllers.end().await;
        if clean {
            self.loops.finish().await;
        }
        // With it those end who tell others what has happened.
        self.reloading.abort();
        self.collector.abort();
        if let Some(writer) = self.writer {
            writer.abort();
        }
        if let Some(recording) = self.recording {
            recording.finish(LAST_RECORDS).await;
        }
        let cut = self.server.stop(LAST_REPLIES).await;
        if cut > 0 {
            tracing::debug!(cut, "some clients did not read their last reply");
        }
        Ok(())
    }
}
