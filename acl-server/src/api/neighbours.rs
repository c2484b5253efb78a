//! What other rule files do to an ACL's rules, and its rules to theirs: the one place where `details` and dry runs get
//! their warnings from.

use std::sync::Arc;

use shared::AclName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::commit::Committer;
use crate::policy::Directory;
use crate::rules::Policy;
use crate::store::file_name;

/// Lets one request at a time look at all rule files: they may be 64 MiB, and their rules several times that.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Turns {
    /// Waits for a turn, which ends with the value.
    pub async fn next(&self) -> Turn {
        // Nobody closes it; and if somebody did, nobody would have to wait.
        Turn(Arc::clone(&self.0).acquire_owned().await.ok())
    }
}

/// May look at all rule files.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held until the look is over")] Option<OwnedSemaphorePermit>);

/// All rule files of the policy directory, in the order of the tool.
#[derive(Debug)]
pub struct Neighbours {
    directory: Directory,
    _turn: Turn,
}

impl Neighbours {
    /// The directory as it is committed. Blocks. If it cannot be read there are no warnings, which is logged.
    pub fn read(committer: &Committer, turn: Turn) -> Self {
        let files = committer.directory().unwrap_or_else(|error| {
            tracing::error!(%error, "the policy directory cannot be read: there are no warnings");
            Default::default()
        });
        Self {
            directory: Directory::new(files),
            _turn: turn,
        }
    }

    /// What it would be if this ACL became this; `None`: went.
    pub fn would_have(&mut self, name: &AclName, content: Option<&[u8]>) {
        match content {
            Some(content) => self.directory.insert(&file_name(name), content),
            None => self.directory.remove(&file_name(name)),
        }
    }

    /// What there is to say of an ACL if it has these rules, in the order of its lines.
    pub fn warnings(&self, name: &AclName, policy: &Policy) -> Vec<String> {
        let warnings = self.directory.warnings(&file_name(name), policy);
        warnings.iter().map(ToString::to_string).collect()
    }
}
