//! Reads the body of a request, whatever its `Content-Type` says: clients of sFlow-RT often send none, or a wrong one.

use axum::body::Body;
use serde_json::Value;
use shared::serve::body;

use super::error::ApiError;
use super::relaxed;

/// Largest body of a definition, a threshold, a group or a map: 1 MiB holds 50,000 prefixes.
pub const MAX_BODY: usize = 1 << 20;
/// Largest body of a topology: 8 MiB holds a fabric of 1,000 switches with 64 ports each.
pub const MAX_TOPOLOGY: usize = 8 << 20;

/// The body as relaxed JSON.
///
/// # Errors
/// 400, 408 or 413
pub async fn json(body: Body, most: usize) -> Result<Value, ApiError> {
    let bytes = body::read(body, most)
        .await
        .map_err(|error| ApiError::unread_body(&error))?;
    Ok(relaxed::read(&bytes)?)
}
