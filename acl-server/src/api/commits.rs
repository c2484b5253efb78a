//! What became of a change, asked for later; and its confirmation.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use shared::wire::{self, CommitStatus};

use super::acls::blocking;
use super::auth::Caller;
use super::error::ApiError;
use super::parameters::Parameters;
use super::{ApiState, rights};
use crate::commit::book::Confirmation;
use crate::commit::change::{Effect, Verdict};
use crate::commit::id::CommitId;
use crate::commit::registry::{CommitState, Record};

type Id = Result<Path<String>, PathRejection>;

/// `GET /commit/{id}`: where a recent change is.
///
/// # Errors
/// 400 for a text that is no id, 404 for a change that nobody knows.
pub async fn read(
    State(state): State<ApiState>,
    id: Id,
    parameters: Parameters,
) -> Result<Json<CommitStatus>, ApiError> {
    parameters.only(&[])?;
    let id = parse(id)?;
    match state.committer.commit(id) {
        Some(record) => Ok(Json(status(id, &record))),
        None => Err(ApiError::no_such_commit(id)),
    }
}

/// `POST /commit/{id}/confirm`: the change stays. Confirming twice is confirming once.
///
/// # Errors
/// 403 when the caller may not write all its names, 404 for a change that waits for no confirmation, 410 for one that was
/// taken back, 503 when it cannot be made durable.
pub async fn confirm(
    caller: Caller,
    State(state): State<ApiState>,
    id: Id,
    parameters: Parameters,
) -> Result<StatusCode, ApiError> {
    parameters.only(&[])?;
    let id = parse(id)?;
    blocking(move || {
        let (names, does) = state.committer.unconfirmed(id).unwrap_or_default();
        for name in names {
            rights::may_touch(&caller, &name)?;
        }
        caller.may_act(does)?;
        let confirmation = state.committer.confirm(id);
        match confirmation.map_err(|error| ApiError::unwritable(&error))? {
            Confirmation::Confirmed => {
                let (who, from) = (caller.id(), caller.from());
                tracing::info!(target: "audit", %id, who, from, what = "confirm", verdict = "confirmed");
                Ok(StatusCode::NO_CONTENT)
            }
            Confirmation::TooLate => Err(ApiError::reverted(id)),
            Confirmation::Unknown => settled(id, state.committer.commit(id).as_ref()),
        }
    })
    .await
}

/// What is said of a confirmation of a change that waits for none.
fn settled(id: CommitId, record: Option<&Record>) -> Result<StatusCode, ApiError> {
    match record.map(|record| &record.state) {
        None => Err(ApiError::no_such_commit(id)),
        Some(CommitState::Confirmed) => Ok(StatusCode::NO_CONTENT),
        Some(CommitState::Reverted) => Err(ApiError::reverted(id)),
        Some(CommitState::Pending) => Err(ApiError::not_unconfirmed(id, "still pending")),
        Some(CommitState::Decided(verdict)) if verdict.is_success() => {
            Err(ApiError::not_unconfirmed(id, "there to stay"))
        }
        Some(CommitState::Decided(_)) => Err(ApiError::not_unconfirmed(id, "not installed")),
    }
}

fn parse(id: Id) -> Result<CommitId, ApiError> {
    let Path(text) = id.map_err(|error| ApiError::bad_path(&error.body_text()))?;
    text.parse().map_err(ApiError::bad_commit_id)
}

/// A change as clients see it.
pub fn status(id: CommitId, record: &Record) -> CommitStatus {
    let (state, effects, error) = match &record.state {
        CommitState::Pending => (wire::CommitState::Pending, &[][..], None),
        CommitState::Confirmed => (wire::CommitState::Installed, &[][..], None),
        CommitState::Reverted => (wire::CommitState::Reverted, &[][..], None),
        CommitState::Decided(verdict) => decided(verdict),
    };
    CommitStatus {
        id: id.to_string(),
        state,
        what: record.what.clone(),
        who: record.who.to_string(),
        effects: effects.iter().map(|effect| self::effect(*effect)).collect(),
        problem: error.map(ApiError::into_problem),
    }
}

fn decided(verdict: &Verdict) -> (wire::CommitState, &[Effect], Option<ApiError>) {
    let error = ApiError::from_verdict(verdict);
    let nothing = |effect: &Effect| matches!(effect, Effect::Unchanged | Effect::Absent);
    match verdict {
        Verdict::Done { effects, unconfirmed } => {
            let state = match unconfirmed {
                true => wire::CommitState::Unconfirmed,
                false if effects.iter().all(nothing) => wire::CommitState::Unchanged,
                false => wire::CommitState::Installed,
            };
            (state, effects, None)
        }
        _ => match error {
            None => (wire::CommitState::Unchanged, &[], None),
            Some(error) if error.is_ours() => (wire::CommitState::Failed, &[], Some(error)),
            Some(error) => (wire::CommitState::Refused, &[], Some(error)),
        },
    }
}

/// What became of an ACL, as clients see it.
pub const fn effect(effect: Effect) -> wire::Effect {
    match effect {
        Effect::Created => wire::Effect::Created,
        Effect::Replaced => wire::Effect::Replaced,
        Effect::Unchanged => wire::Effect::Unchanged,
        Effect::Removed => wire::Effect::Removed,
        Effect::Absent => wire::Effect::Absent,
    }
}
