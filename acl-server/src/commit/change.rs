//! A change on its way to a verdict.

use std::time::Instant;

use shared::AclName;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::committed::RuleIds;

/// What a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Creates or replaces one ACL.
    Put {
        /// The ACL.
        name: AclName,
        /// The whole file, with its final line end.
        content: Vec<u8>,
        /// The rules in it, with their lines: what was parsed to judge the content is not parsed again by the writer.
        rules: RuleIds,
    },
    /// Removes one ACL.
    Delete {
        /// The ACL.
        name: AclName,
    },
    /// Removes every ACL of ours whose name begins so.
    DeleteAll {
        /// The beginning; empty for all.
        prefix: String,
    },
}

/// What must be true of the committed state when the batch is sealed (RFC 9110 §13.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// `If-Match`: one of these is the ACL's ETag; `*` stands for "it exists".
    pub if_match: Option<Vec<String>>,
    /// `If-None-Match: *`: it does not exist.
    pub absent: bool,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is on the switch.
    Installed {
        /// The ACL did not exist before.
        created: bool,
    },
    /// The switch has had exactly this already; no tool was run for it.
    Unchanged,
    /// The ACLs are gone from the switch, or there were none.
    Removed,
    /// The tool refused this change and not its neighbours; the change is undone.
    Refused {
        /// The tool's exit status.
        code: i32,
        /// The tool's words.
        lines: Vec<String>,
    },
    /// The tool refuses what was there before this change: somebody else's file is broken. Nothing is changed.
    BaseRefused {
        /// The tool's exit status.
        code: i32,
        /// The tool's words.
        lines: Vec<String>,
    },
    /// The tool took too long and was ended; the change is undone.
    TimedOut {
        /// What it had said until then.
        lines: Vec<String>,
    },
    /// The tool cannot be run, or died; the change is undone.
    ToolFailed {
        /// Why.
        why: String,
        /// What it had said until then.
        lines: Vec<String>,
    },
    /// Who among the neighbours is to blame could not be found out in time; this change is undone.
    Undecided {
        /// The tool's exit status at its last refusal.
        code: i32,
        /// Its words then.
        lines: Vec<String>,
    },
    /// The precondition does not hold.
    PreconditionFailed {
        /// The ETag that the ACL has, if it exists.
        current: Option<String>,
    },
    /// There is no room for it.
    NoRoom {
        /// Which limit it would exceed.
        why: String,
    },
    /// Another ACL has the same rule, which the tool refuses.
    Duplicate {
        /// The rule's line, counted from 1.
        line: u32,
        /// The other ACL.
        of: AclName,
    },
    /// The files could not be written; nothing is changed.
    StoreFailed {
        /// Why.
        why: String,
        /// The disk is full.
        full: bool,
    },
    /// The daemon ends; nothing is changed.
    ShuttingDown,
}

/// A verdict and where the time went.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What became of the change.
    pub verdict: Verdict,
    /// When the batch that carried it was sealed.
    pub sealed: Instant,
    /// When the verdict was durable.
    pub decided: Instant,
}

/// A change in the queue.
#[derive(Debug)]
pub struct Change {
    /// What to do.
    pub action: Action,
    /// Under which condition.
    pub precondition: Precondition,
    /// Who waits. A change is carried out even if nobody does any more.
    pub reply: oneshot::Sender<Answer>,
    /// This change's part of the queue's memory, given back when it is dropped.
    pub budget: Option<OwnedSemaphorePermit>,
}

/// The names that a change touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footprint<'a> {
    /// One name.
    Name(&'a str),
    /// Every name that begins so.
    Prefix(&'a str),
}

impl Footprint<'_> {
    /// Whether two changes may touch the same ACL, so that their order matters.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a == b,
            (Self::Name(name), Self::Prefix(prefix)) | (Self::Prefix(prefix), Self::Name(name)) => {
                name.starts_with(prefix)
            }
            (Self::Prefix(a), Self::Prefix(b)) => a.starts_with(b) || b.starts_with(a),
        }
    }
}

impl Action {
    /// The names that this touches.
    pub fn footprint(&self) -> Footprint<'_> {
        match self {
            Self::Put { name, .. } | Self::Delete { name } => Footprint::Name(name.as_str()),
            Self::DeleteAll { prefix } => Footprint::Prefix(prefix),
        }
    }
}
