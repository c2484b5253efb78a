//! The ACLs: read, write, list, remove.
#![expect(
    clippy::disallowed_methods,
    reason = "the driver of a request: it reads the clock for Server-Timing"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::AclName;
use shared::wire::{AclSummary, SERVER_TIMING, ServerTiming};

use super::{ApiState, auth, body, error::ApiError};
use crate::commit::Committer;
use crate::commit::change::{Action, Answer, Edit, Effect, Precondition, Verdict, Wish};
use crate::rules;
use crate::store::{ReadError, etag};

type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;
type NamePart = Result<Path<String>, PathRejection>;

/// Parameters of the contract that this version does not have; ignoring one would do something else than was asked for.
const NOT_BUILT: [&str; 3] = ["ttl", "dry_run", "confirm"];

/// `GET /acl/`: the names, sorted; `?prefix=` filters, `?details=true` says more of each.
///
/// # Errors
/// 400 for unknown parameters, 503 when the directory cannot be read.
pub async fn list(State(state): State<ApiState>, query: Parameters) -> Result<Response, ApiError> {
    let query = known(query, &["prefix", "details"])?;
    let prefix = parse_prefix(query.get("prefix").map_or("", String::as_str))?;
    let details = match query.get("details").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(ApiError::bad_query(format!(
                "`details` is true or false, not {other:?}"
            )));
        }
    };
    blocking(move || {
        let mut names = state
            .committer
            .names()
            .map_err(|error| ApiError::unreadable(&error.into()))?;
        names.retain(|name| name.as_str().starts_with(&prefix));
        if !details {
            return Ok(Json(names).into_response());
        }
        let summaries: Vec<AclSummary> = names
            .into_iter()
            .filter_map(|name| summary(&state.committer, name))
            .collect();
        Ok(Json(summaries).into_response())
    })
    .await
}

/// An ACL that vanished meanwhile, or cannot be read, has no summary.
fn summary(committer: &Committer, name: AclName) -> Option<AclSummary> {
    let content = committer.read(&name).ok().flatten()?;
    let lines = lines_of(&content);
    Some(AclSummary {
        etag: etag(&content),
        lines: lines.len(),
        rules: rules::count_rules(&lines),
        name,
    })
}

/// `GET /acl/{name}`: the lines, as they were PUT.
///
/// # Errors
/// 400 for a name that is none, 404, 503 when the file cannot be read.
pub async fn read(
    State(state): State<ApiState>,
    name: NamePart,
    query: Parameters,
) -> Result<Response, ApiError> {
    known(query, &[])?;
    let name = parse_name(name)?;
    blocking(move || match state.committer.read(&name) {
        Ok(Some(content)) => Ok((etag_header(&content), Json(lines_of(&content))).into_response()),
        Ok(None) => Err(ApiError::no_such_acl(&name)),
        Err(error) => Err(ApiError::unreadable(&error).about(&name)),
    })
    .await
}

/// `PUT /acl/{name}`: 201 or 200 once the switch has the rules.
///
/// # Errors
/// Every status of the contract that a change can have; see [`ApiError::from_verdict`].
pub async fn put(
    State(state): State<ApiState>,
    caller: auth::Caller,
    name: NamePart,
    query: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name = parse_name(name)?;
    caller.may_touch(&name)?;
    known(query, &[])?;
    body::check_media_type(&headers)?;
    let precondition = precondition(&headers)?;
    let body = body::read(body).await?;
    let received = Instant::now();
    let (content, rules) = body::to_content(&body).map_err(|error| error.about(&name))?;
    let tag = etag_header(&content);
    let answer = change(
        &state,
        &caller,
        Action::Edit {
            edits: vec![Edit {
                name: name.clone(),
                wish: Some(Wish {
                    content,
                    facts: rules,
                    ttl: None,
                }),
            }],
            confirm: None,
        },
        precondition,
        received,
    )
    .await;
    let (answer, timing) = answer.map_err(|error| error.about(&name))?;
    let status = match &answer.verdict {
        Verdict::Done { effects, .. } if effects.contains(&Effect::Created) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    Ok((status, tag, timing).into_response())
}

/// `DELETE /acl/{name}`: 204 once the switch does not have the rules any more, also when it never had.
///
/// # Errors
/// As for [`put`].
pub async fn delete(
    State(state): State<ApiState>,
    caller: auth::Caller,
    name: NamePart,
    query: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let received = Instant::now();
    let name = parse_name(name)?;
    caller.may_touch(&name)?;
    known(query, &[])?;
    let answer = change(
        &state,
        &caller,
        Action::Edit {
            edits: vec![Edit {
                name: name.clone(),
                wish: None,
            }],
            confirm: None,
        },
        precondition(&headers)?,
        received,
    )
    .await;
    let (_, timing) = answer.map_err(|error| error.about(&name))?;
    Ok((StatusCode::NO_CONTENT, timing).into_response())
}

/// `DELETE /acl/`: 204 once the switch has none of our ACLs, or none under `?prefix=`.
///
/// # Errors
/// As for [`put`].
pub async fn delete_all(
    State(state): State<ApiState>,
    caller: auth::Caller,
    query: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let received = Instant::now();
    let query = known(query, &["prefix"])?;
    if headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH) {
        return Err(ApiError::bad_header(
            &IF_MATCH,
            "a removal of many ACLs has no single ETag",
        ));
    }
    let prefix = match query.get("prefix") {
        None => String::new(),
        // A variable of a script that was not set must not remove everything.
        Some(prefix) if prefix.is_empty() => {
            return Err(ApiError::bad_query(
                "`prefix` is empty; to remove all, leave it out",
            ));
        }
        Some(prefix) => parse_prefix(prefix)?,
    };
    caller.may_clear(Some(&prefix))?;
    let (_, timing) = change(
        &state,
        &caller,
        Action::Clear { prefix },
        Precondition::default(),
        received,
    )
    .await?;
    Ok((StatusCode::NO_CONTENT, timing).into_response())
}

/// `GET /acl/lasterror`: what the tool said when it last refused or failed; 204 when all is well again.
pub async fn last_error(State(state): State<ApiState>) -> Response {
    match state.committer.last_error() {
        Some(error) => Json(error).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// `PUT` and `DELETE` of `lasterror`.
pub async fn reserved() -> ApiError {
    ApiError::reserved_name()
}

/// Hands a change to the writer and waits for its verdict.
async fn change(
    state: &ApiState,
    caller: &auth::Caller,
    action: Action,
    precondition: Precondition,
    received: Instant,
) -> Result<(Answer, [(HeaderName, HeaderValue); 1]), ApiError> {
    let what = action.to_string();
    let ticket = state
        .committer
        .submit(action, precondition, caller.of_change())
        .map_err(ApiError::rejected)?;
    let answer = ticket.answer().await.map_err(ApiError::rejected)?;
    let timing = ServerTiming {
        queue: answer.sealed.into_std().saturating_duration_since(received),
        commit: answer.decided.saturating_duration_since(answer.sealed),
    };
    let ms = timing.queue.saturating_add(timing.commit).as_millis();
    if let Some(error) = ApiError::from_verdict(answer.verdict.clone()) {
        let (status, detail) = error.summary();
        tracing::warn!(change = what, status, ms, "{detail}");
        return Err(error);
    }
    tracing::info!(change = what, verdict = ?answer.verdict, ms, "change");
    // A number and ASCII words, so it is always a header value.
    let timing = HeaderValue::try_from(timing.to_string()).unwrap_or(HeaderValue::from_static(""));
    Ok((answer, [(HeaderName::from_static(SERVER_TIMING), timing)]))
}

fn parse_name(name: NamePart) -> Result<AclName, ApiError> {
    let Path(text) = name.map_err(|error| ApiError::bad_path(&error.body_text()))?;
    text.parse().map_err(|error| ApiError::bad_name(&error))
}

/// The value of `prefix`: the beginning of a name, or nothing.
fn parse_prefix(text: &str) -> Result<String, ApiError> {
    match text.parse::<AclName>() {
        Err(error) if !text.is_empty() => Err(ApiError::bad_query(format!("`prefix`: {error}"))),
        _ => Ok(text.to_owned()),
    }
}

/// The parameters, all of which must be among `names`.
fn known(query: Parameters, names: &[&str]) -> Result<BTreeMap<String, String>, ApiError> {
    let Query(pairs) = query.map_err(|error| ApiError::bad_query(error.body_text()))?;
    let mut known = BTreeMap::new();
    for (name, value) in pairs {
        if !names.contains(&name.as_str()) {
            return Err(match names {
                _ if NOT_BUILT.contains(&name.as_str()) => ApiError::not_built(&name),
                [] => ApiError::bad_query(format!("`{name}`: this request has no parameters")),
                _ => ApiError::bad_query(format!("`{name}` is none of the parameters {}", names.join(", "))),
            });
        }
        if known.insert(name.clone(), value).is_some() {
            return Err(ApiError::bad_query(format!("`{name}` is there twice")));
        }
    }
    Ok(known)
}

/// `If-Match` and `If-None-Match: *` (RFC 9110 §13.1).
fn precondition(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    let mut precondition = Precondition::default();
    for value in headers.get_all(IF_MATCH) {
        let expected = "a list of quoted ETags, or *";
        let text = value
            .to_str()
            .map_err(|_| ApiError::bad_header(&IF_MATCH, expected))?;
        let tags = text.split(',').map(|tag| tag.trim().to_owned());
        precondition.if_match.get_or_insert_default().extend(tags);
    }
    if let Some(value) = headers.get(IF_NONE_MATCH) {
        if value != "*" {
            return Err(ApiError::bad_header(
                &IF_NONE_MATCH,
                "a change can only demand * (that there is no such ACL)",
            ));
        }
        precondition.absent = true;
    }
    Ok(precondition)
}

fn etag_header(content: &[u8]) -> [(HeaderName, HeaderValue); 1] {
    // Hexadecimal digits and quotes, so it is always a header value.
    [(
        ETAG,
        HeaderValue::try_from(etag(content)).unwrap_or(HeaderValue::from_static("")),
    )]
}

/// The lines of a file. What was PUT comes back exactly; bytes that somebody else wrote and that are no text are replaced.
fn lines_of(content: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(content);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    text.split('\n').map(str::to_owned).collect()
}

/// Reading files blocks, so it happens where blocking is allowed.
async fn blocking<F>(work: F) -> Result<Response, ApiError>
where
    F: FnOnce() -> Result<Response, ApiError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::unreadable(&ReadError::Io(std::io::Error::other(error)))),
    }
}
