//! What the tool says after `error: ` or `busy: `.

use super::lock::LockError;
use super::netfilter::RunError;
use super::origin::{Origin, PolicyFile};

/// A failure, in the wording of the real tool where that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// A rule that is not understood, or cannot be expressed.
    #[error("line {} : {message} error processing rule '{}' in file {}", origin.line, origin.rule, origin.path)]
    Rule { origin: Origin, message: String },
    /// Nothing there to read.
    #[error("Cannot find policy files: ['{0}']")]
    NotFound(String),
    /// A file or directory that cannot be used.
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    /// The kernel's tools refused or cannot be run; nothing was changed.
    #[error("{0}")]
    Run(#[from] RunError),
    /// An install stopped half way and was undone.
    #[error("hw sync failed ({cause}) Rolling back .. done.")]
    RolledBack { cause: Box<Failure> },
    /// An install stopped half way and could not be undone.
    #[error("hw sync failed ({cause}) Rolling back .. failed. ({})", list(undo))]
    Stuck {
        cause: Box<Failure>,
        undo: Vec<RunError>,
    },
    /// The lock was not to be had.
    #[error("{0}")]
    Lock(#[from] LockError),
}

impl Failure {
    /// Whether it was only the wrong moment: somebody else holds a lock, and nothing was changed. The same run may
    /// succeed later.
    pub(super) fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Lock(LockError::Busy { .. }) | Self::Run(RunError::Locked { .. })
        )
    }

    /// A failure of one line of a file.
    pub(super) fn rule(file: &PolicyFile, line: u32, message: &str) -> Self {
        Self::Rule {
            origin: file.origin(line),
            message: message.to_owned(),
        }
    }
}

fn list(errors: &[RunError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
