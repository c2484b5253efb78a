//! What must hold of one ACL when the batch is sealed. Pure.

use shared::AclName;

use crate::commit::change::{Caller, Effect, Precondition, Verdict};
use crate::commit::committed::Known;
use crate::commit::facts::Content;
use crate::commit::journal::FileChange;
use crate::rules::Actions;
use crate::store::{ReadError, etag_of};

/// One ACL as it is when the batch is sealed.
pub(super) struct Present {
    pub(super) known: Known,
    pub(super) content: Option<Content>,
}

impl Present {
    pub(super) fn etag(&self) -> Option<String> {
        self.known.disk.as_ref().map(|disk| etag_of(disk.fingerprint))
    }

    pub(super) fn actions(&self) -> Actions {
        self.known
            .disk
            .as_ref()
            .map_or_else(Actions::default, |disk| disk.actions)
    }

    /// The file that makes it this; `None` when it is this already, on disk and on the switch.
    pub(super) fn become_(&self, name: &AclName, new: Option<&[u8]>) -> Option<FileChange> {
        let same = self.content.as_deref() == new && !self.known.drifted() && self.known.sure();
        (!same).then(|| FileChange {
            name: name.clone(),
            old: self.content.clone(),
            new: new.map(Content::from),
        })
    }
}

/// What a change makes of an ACL.
pub(super) const fn effect(present: &Present, new: Option<&[u8]>, changes: bool) -> Effect {
    match (new.is_some(), present.content.is_some()) {
        (true, false) => Effect::Created,
        (true, true) if changes => Effect::Replaced,
        (true, true) => Effect::Unchanged,
        (false, _) if changes => Effect::Removed,
        (false, _) => Effect::Absent,
    }
}

pub(super) fn check_precondition(
    name: &AclName,
    precondition: &Precondition,
    present: &Present,
) -> Result<(), Verdict> {
    let current = present.etag();
    let absent = !precondition.absent || current.is_none();
    let matches = precondition.if_match.as_ref().is_none_or(|wanted| {
        current
            .as_ref()
            .is_some_and(|current| wanted.iter().any(|wanted| wanted == "*" || wanted == current))
    });
    match absent && matches {
        true => Ok(()),
        false => Err(Verdict::PreconditionFailed {
            name: name.clone(),
            current,
        }),
    }
}

/// What was changed by hand is only overwritten by who has seen it. What the change would make of it anyway is no loss.
pub(super) fn check_drift(
    name: &AclName,
    precondition: &Precondition,
    present: &Present,
    new: Option<&[u8]>,
) -> Result<(), Verdict> {
    if !present.known.drifted() || present.content.as_deref() == new {
        return Ok(());
    }
    let etag = present.etag();
    let seen = match &etag {
        Some(etag) => precondition
            .if_match
            .as_ref()
            .is_some_and(|tags| tags.contains(etag)),
        None => precondition.absent,
    };
    match seen {
        true => Ok(()),
        false => Err(Verdict::Drift {
            acls: vec![(name.clone(), etag)],
        }),
    }
}

pub(super) fn check_rights(name: &AclName, caller: &Caller, does: Actions) -> Result<(), Verdict> {
    let missing = caller.may.map_or_else(Actions::default, |may| does.without(may));
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Verdict::Forbidden {
            name: name.clone(),
            missing,
        }),
    }
}

pub(super) fn unreadable(error: &ReadError) -> Verdict {
    Verdict::StoreFailed {
        why: error.to_string(),
        full: false,
    }
}
