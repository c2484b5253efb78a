//! What a change needs its caller to be allowed to, beside writing at all. Nothing is silently narrowed: what is not
//! allowed is refused.

use shared::AclName;

use super::auth::Caller;
use super::error::ApiError;
use crate::commit::change;
use crate::rules::{Action, Actions};

/// Lets changes of this ACL pass.
///
/// # Errors
/// 403
pub fn may_touch(caller: &Caller, name: &AclName) -> Result<(), ApiError> {
    let may = caller.may_touch(name);
    may.map_err(|denied| ApiError::from(denied).about(name))
}

/// The caller, as the writer of files knows callers: it asks what the old and the new rules do.
pub fn as_writer_knows(caller: &Caller) -> change::Caller {
    let may = Action::ALL.into_iter();
    let may: Actions = may
        .filter(|action| caller.may_act((*action).into()).is_ok())
        .collect();
    change::Caller {
        who: caller.id().into(),
        from: caller.from().into(),
        may: Some(may).filter(|may| *may != Actions::ALL),
    }
}
