//! One ACL, or all of ours: made, replaced, removed.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::AclName;

use super::acls::{blocking, etag_header};
use super::auth::Caller;
use super::draft::{Draft, check_name};
use super::error::ApiError;
use super::parameters::{Name, Parameters, precondition, prefers_async, unconditional};
use super::submit::{Order, Received};
use super::{ApiState, body, dry_run, rights};
use crate::commit::change::{Action, Edit, Effect, Precondition};

/// `PUT /acl/{name}`: 201 or 200 once the switch has the rules.
///
/// # Errors
/// Every problem of a change that brings rules.
pub async fn put(
    caller: Caller,
    State(state): State<ApiState>,
    Name(name): Name,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let parameters = parameters.only(&["ttl", "confirm", "dry_run"])?;
    let (ttl, confirm) = (parameters.ttl()?, parameters.confirm()?);
    let dry_run = parameters.flag("dry_run", false)?;
    check_name(&caller, &name)?;
    body::check_media_type(&headers, &[body::JSON])?;
    let precondition = precondition(&headers)?;
    let (draft, received) = draft(&state, &caller, &name, body).await?;
    if dry_run {
        // It shows what is there.
        caller.may_read()?;
        let caller = rights::as_writer_knows(&caller);
        let turn = state.turns.next().await;
        let rehearsed =
            blocking(move || dry_run::together(&state, turn, vec![draft], precondition, caller)).await;
        return rehearsed
            .map(|rehearsed| Json(rehearsed.first()).into_response())
            .map_err(|error| error.about(&name));
    }
    let tag = draft.etag().map(etag_header);
    let order = Order {
        action: edit(vec![draft.into_edit(ttl)], confirm),
        precondition,
        caller: rights::as_writer_knows(&caller),
        received,
    };
    let answer = order.answer(&state, prefers_async(&headers), |done| {
        let mut response = match done.effects.contains(&Effect::Created) {
            true => StatusCode::CREATED.into_response(),
            false => StatusCode::OK.into_response(),
        };
        response.headers_mut().extend(tag);
        response
    });
    answer.await.map_err(|error| error.about(&name))
}

/// Reads and judges the body of a PUT. What is made of it does not live until the verdict.
async fn draft(
    state: &ApiState,
    caller: &Caller,
    name: &AclName,
    body: Body,
) -> Result<(Draft, Received), ApiError> {
    let body = body::read(body).await?;
    let received = Received::now();
    let lines = body::lines(&body).map_err(|error| error.about(name))?;
    Ok((Draft::new(state, caller, name.clone(), Some(&lines))?, received))
}

/// `DELETE /acl/{name}`: 204 once the switch does not have the rules any more, also when it never had.
///
/// # Errors
/// Every problem of a change.
pub async fn delete(
    caller: Caller,
    State(state): State<ApiState>,
    Name(name): Name,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    check_name(&caller, &name)?;
    let gone = Edit {
        name: name.clone(),
        wish: None,
    };
    let order = Order {
        action: edit(vec![gone], None),
        precondition: precondition(&headers)?,
        caller: rights::as_writer_knows(&caller),
        received: Received::now(),
    };
    let answer = order.answer(&state, prefers_async(&headers), |_| {
        StatusCode::NO_CONTENT.into_response()
    });
    answer.await.map_err(|error| error.about(&name))
}

/// `DELETE /acl/`: 204 once the switch has none of our ACLs, or none under `?prefix=`.
///
/// # Errors
/// Every problem of a change.
pub async fn clear(
    caller: Caller,
    State(state): State<ApiState>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = parameters.only(&["prefix"])?;
    unconditional(&headers)?;
    let prefix = parameters.prefix()?;
    // A variable of a script that was not set must not remove everything.
    if prefix == Some("") {
        return Err(ApiError::bad_query(
            "`prefix` is empty; to remove all, leave it out",
        ));
    }
    caller.may_clear(prefix)?;
    let order = Order {
        action: Action::Clear {
            prefix: prefix.unwrap_or_default().to_owned(),
        },
        precondition: Precondition::default(),
        caller: rights::as_writer_knows(&caller),
        received: Received::now(),
    };
    let answer = order.answer(&state, prefers_async(&headers), |_| {
        StatusCode::NO_CONTENT.into_response()
    });
    answer.await
}

/// The change of these ACLs, all or none.
pub const fn edit(edits: Vec<Edit>, confirm: Option<Duration>) -> Action {
    Action::Edit { edits, confirm }
}
