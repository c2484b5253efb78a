//! What the writer needs of the tool, so that a test can put another in its place.

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::tool::{Run, Tool};

/// Installs what is in the policy directory.
pub trait Runner: Send + Sync + 'static {
    /// Runs once, to its end.
    fn run(&self) -> impl Future<Output = Run> + Send;

    /// How long one run may take.
    fn limit(&self) -> Duration;

    /// Waits until no run of an earlier daemon goes on.
    ///
    /// # Errors
    /// That cannot be found out.
    fn settle(&self) -> impl Future<Output = io::Result<()>> + Send;
}

impl Runner for Tool {
    async fn run(&self) -> Run {
        Self::run(self).await
    }

    fn limit(&self) -> Duration {
        Self::limit(self)
    }

    async fn settle(&self) -> io::Result<()> {
        self.wait_for_earlier_run().await
    }
}
