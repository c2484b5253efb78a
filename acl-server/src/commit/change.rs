//! A change on its way to a verdict.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::facts::Facts;
use super::id::CommitId;
use crate::rules::Actions;

pub use crate::tool::Words;

/// What an ACL is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The whole file, with its final line end.
    pub content: Vec<u8>,
    /// What the rules in it are: what was parsed to judge the content is not parsed again by the writer.
    pub facts: Facts,
    /// The ACL removes itself after so long unless it is renewed; `None`: it stays.
    pub ttl: Option<Duration>,
}

/// What is to become of one ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The ACL.
    pub name: AclName,
    /// `None`: it is to go.
    pub wish: Option<Wish>,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Creates, replaces and removes these ACLs, all or none. No name is there twice.
    Edit {
        /// One an ACL.
        edits: Vec<Edit>,
        /// Everything is taken back after so long unless it is confirmed.
        confirm: Option<Duration>,
    },
    /// Removes every ACL of ours whose name begins so.
    Clear {
        /// The beginning; empty for all.
        prefix: String,
    },
    /// Removes an ACL whose lease has run out. Ours, not a client's.
    Expire {
        /// The ACL.
        name: AclName,
    },
    /// Takes an unconfirmed change back. Ours, not a client's.
    Revert {
        /// The change.
        id: CommitId,
        /// The names that it changed.
        names: Arc<[AclName]>,
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

/// Who wants a change, and what that caller may do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Names the caller in audit records, and tells callers apart whose changes the tool refuses.
    pub who: Arc<str>,
    /// Where the caller is.
    pub from: Arc<str>,
    /// What the rules that come and go may do; `None`: anything.
    pub may: Option<Actions>,
}

impl Caller {
    /// The daemon itself: expiry, reverts.
    pub fn daemon() -> Self {
        Self {
            who: "acl-server".into(),
            from: "-".into(),
            may: None,
        }
    }
}

/// What became of one ACL in a change that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It did not exist before.
    Created,
    /// Its rules are others now.
    Replaced,
    /// The switch has had exactly this already.
    Unchanged,
    /// It is gone from the switch.
    Removed,
    /// There was none.
    Absent,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is on the switch.
    Done {
        /// One an edit, in their order; one a removed ACL for [`Action::Clear`].
        effects: Vec<Effect>,
        /// It will be taken back unless it is confirmed.
        unconfirmed: bool,
    },
    /// The tool refused this change and not its neighbours; the change is undone.
    Refused {
        /// The tool's exit status.
        code: i32,
        /// The tool's words.
        lines: Words,
    },
    /// The tool refuses what was there before this change: somebody else's file is broken. Nothing is changed.
    BaseRefused {
        /// The tool's exit status.
        code: i32,
        /// The tool's words.
        lines: Words,
    },
    /// The tool took too long and was ended; the change is undone.
    TimedOut {
        /// What it had said until then.
        lines: Words,
    },
    /// The tool cannot be run, or died; the change is undone.
    ToolFailed {
        /// Why.
        why: String,
        /// What it had said until then.
        lines: Words,
    },
    /// Who among the neighbours is to blame could not be found out in time; this change is undone.
    Undecided {
        /// The tool's exit status at its last refusal.
        code: i32,
        /// Its words then.
        lines: Words,
    },
    /// The precondition does not hold.
    PreconditionFailed {
        /// The ACL.
        name: AclName,
        /// The ETag that the ACL has, if it exists.
        current: Option<String>,
    },
    /// These ACLs were changed by hand, and the caller did not say that this is known.
    Drift {
        /// Each with the ETag of what is on disk; `None`: the file is gone.
        acls: Vec<(AclName, Option<String>)>,
    },
    /// An ACL is part of a change that is not confirmed yet.
    Locked {
        /// The ACL.
        name: AclName,
        /// The change.
        by: CommitId,
    },
    /// The caller may not do what the old and the new rules do.
    Forbidden {
        /// The ACL.
        name: AclName,
        /// What is missing.
        missing: Actions,
    },
    /// There is no room for it.
    NoRoom {
        /// Which limit it would exceed.
        why: String,
    },
    /// Another ACL has the same rule, which the tool refuses.
    Duplicate {
        /// The ACL that was to have it.
        name: AclName,
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
    /// Nothing needs to be done any more: the lease was renewed, the change confirmed.
    Moot,
    /// The daemon ends; nothing is changed.
    ShuttingDown,
}

impl Verdict {
    /// Whether the caller got what it asked for.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Moot)
    }
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
    /// How long runs of the tool took meanwhile.
    pub tool: Duration,
}

/// A change in the queue.
#[derive(Debug)]
pub struct Change {
    /// Names it.
    pub id: CommitId,
    /// What to do.
    pub action: Action,
    /// Under which condition.
    pub precondition: Precondition,
    /// For whom.
    pub caller: Caller,
    /// When it was queued.
    pub queued: Instant,
    /// Who waits. A change is carried out even if nobody does any more.
    pub reply: Option<oneshot::Sender<Answer>>,
    /// This change's part of the queue's memory, given back when it is dropped.
    pub budget: Option<OwnedSemaphorePermit>,
}

/// The names that a change touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footprint<'a> {
    /// Names.
    Edits(&'a [Edit]),
    /// Names.
    Names(&'a [AclName]),
    /// Every name that begins so.
    Prefix(&'a str),
}

impl<'a> Footprint<'a> {
    /// The names, where they can be listed.
    pub fn names(&self) -> impl Iterator<Item = &'a AclName> + use<'a> {
        let (edits, names): (&[Edit], &[AclName]) = match self {
            Self::Edits(edits) => (edits, &[]),
            Self::Names(names) => (&[], names),
            Self::Prefix(_) => (&[], &[]),
        };
        edits.iter().map(|edit| &edit.name).chain(names)
    }

    /// The prefix, where there is one.
    pub const fn prefix(&self) -> Option<&'a str> {
        match self {
            Self::Prefix(prefix) => Some(prefix),
            Self::Edits(_) | Self::Names(_) => None,
        }
    }

    /// Whether two changes may touch the same ACL, so that their order matters.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.prefix(), other.prefix()) {
            (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
            (Some(prefix), None) => other.names().any(|name| name.as_str().starts_with(prefix)),
            (None, Some(prefix)) => self.names().any(|name| name.as_str().starts_with(prefix)),
            (None, None) => self.names().any(|a| other.names().any(|b| a == b)),
        }
    }
}

impl Action {
    /// The names that this touches.
    pub fn footprint(&self) -> Footprint<'_> {
        match self {
            Self::Edit { edits, .. } => Footprint::Edits(edits),
            Self::Clear { prefix } => Footprint::Prefix(prefix),
            Self::Expire { name } => Footprint::Names(std::slice::from_ref(name)),
            Self::Revert { names, .. } => Footprint::Names(names),
        }
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        /// A name, a change around it, its place in the queue.
        const EACH: usize = 256;
        let Self::Edit { edits, .. } = self else {
            return EACH;
        };
        let wishes = edits.iter().filter_map(|edit| edit.wish.as_ref());
        let contents = wishes.map(|wish| wish.content.len() + 20 * wish.facts.rules.len());
        EACH * (1 + edits.len()) + contents.sum::<usize>()
    }
}

/// What audit records say of a change; at most a few names of a long list.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Beyond it a record is no line any more.
        const SHOWN: usize = 8;
        match self {
            Self::Edit { edits, .. } => {
                for (n, edit) in edits.iter().take(SHOWN).enumerate() {
                    let what = if edit.wish.is_some() { "put" } else { "delete" };
                    let comma = if n == 0 { "" } else { ", " };
                    write!(f, "{comma}{what} {}", edit.name)?;
                }
                match edits.len().checked_sub(SHOWN) {
                    Some(more) if more > 0 => write!(f, ", and {more} more"),
                    _ => Ok(()),
                }
            }
            Self::Clear { prefix } => write!(f, "delete {prefix}*"),
            Self::Expire { name } => write!(f, "expire {name}"),
            Self::Revert { id, .. } => write!(f, "revert {id}"),
        }
    }
}
