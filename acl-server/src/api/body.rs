//! Reads the body of a request: from bytes of the network to lines.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use shared::serve::body::{self, BodyError};
use shared::wire::AclLines;

use super::error::ApiError;

/// Largest body: 1 MiB (`acl-server` contract §4).
pub const MAX_BODY: usize = 1 << 20;

/// The media type of the body of a PUT.
pub use shared::serve::routes::JSON;
/// The media type of the body of a PATCH (RFC 7396 §4).
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// Reads the whole body, within its limit of size; the connection has one of time.
///
/// # Errors
/// 413, 408, or 400 when it breaks off.
pub async fn read(body: Body) -> Result<Bytes, ApiError> {
    body::read(body, MAX_BODY).await.map_err(|error| match error {
        BodyError::TooLarge(most) => ApiError::too_large(most),
        BodyError::Slow => ApiError::slow_body(),
        BodyError::Broken(why) => ApiError::broken_body(&why),
    })
}

/// Refuses bodies that say they are something else than one of these types, of which the first is named in the refusal.
/// A missing `Content-Type` is taken for it.
///
/// # Errors
/// 415
pub fn check_media_type(headers: &HeaderMap, expected: &[&str]) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or("something unreadable");
    let essence = text.split(';').next().unwrap_or_default().trim();
    match expected
        .iter()
        .any(|expected| essence.eq_ignore_ascii_case(expected))
    {
        true => Ok(()),
        false => Err(ApiError::media_type(
            text,
            expected.first().copied().unwrap_or_default(),
        )),
    }
}

/// The lines that a PUT brings.
///
/// # Errors
/// 400: no JSON array of strings.
pub fn lines(body: &[u8]) -> Result<AclLines, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| bad(body, "a JSON array of strings, the lines of the ACL", &error))
}

/// What is wrong with a body that is not what it should be.
pub fn bad(body: &[u8], expected: &str, error: &serde_json::Error) -> ApiError {
    let broken_line =
        body.windows(2).any(|pair| pair == b"\\\n") || body.windows(3).any(|three| three == b"\\\r\n");
    let hint = match broken_line && error.is_syntax() {
        true => {
            "; there is a backslash at the end of a line: inside single quotes the shell passes both on, \
             so put the whole body on one line"
        }
        false => "",
    };
    ApiError::bad_body(format!("the body must be {expected}: {error}{hint}"))
}
