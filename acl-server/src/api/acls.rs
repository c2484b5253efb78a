//! The ACLs, to be read.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::wire::{ACL_DRIFT, ACL_TTL};

use super::ApiState;
use super::draft::lines_of;
use super::error::ApiError;
use super::parameters::{Name, Parameters, has_already};
use crate::commit::Summary;
use crate::store::{ReadError, etag};

/// `GET /acl/{name}`: the lines, as they were PUT; what is on disk, if somebody's hand was in between.
///
/// # Errors
/// 400 for a name that is none, 404, 503 when the file cannot be read.
pub async fn read(
    State(state): State<ApiState>,
    Name(name): Name,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    blocking(move || match state.committer.summary(&name) {
        Ok(Some(summary)) => shown(&summary, &headers),
        Ok(None) => Err(ApiError::no_such_acl(&name)),
        Err(error) => Err(ApiError::unreadable(&error).about(&name)),
    })
    .await
}

fn shown(summary: &Summary, headers: &HeaderMap) -> Result<Response, ApiError> {
    let tag = etag(&summary.content);
    let mut response = match has_already(headers, &tag)? {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Json(lines_of(&summary.content)).into_response(),
    };
    let headers = response.headers_mut();
    headers.extend([etag_header(tag)]);
    if summary.drift {
        headers.insert(ACL_DRIFT, HeaderValue::from_static("true"));
    }
    if let Some(ttl) = summary.ttl {
        headers.insert(ACL_TTL, HeaderValue::from(whole_seconds(ttl)));
    }
    Ok(response)
}

/// `GET /acl/lasterror`: what the tool said when it last refused or failed; 204 when all is well again.
///
/// # Errors
/// 400 for unknown parameters.
pub async fn last_error(State(state): State<ApiState>, parameters: Parameters) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    Ok(match state.committer.last_error() {
        Some(error) => Json(error).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// The header of a validator.
pub fn etag_header(etag: String) -> (HeaderName, HeaderValue) {
    // Hexadecimal digits and quotes, so it is always a header value.
    let value = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static(""));
    (ETAG, value)
}

/// Rounded up, so that a lease that has not run out is never 0.
pub fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// Reading files blocks, so it happens where blocking is allowed.
pub async fn blocking<T, F>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ApiError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::unreadable(&ReadError::Io(std::io::Error::other(error)))),
    }
}
