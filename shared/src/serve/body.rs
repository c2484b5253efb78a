//! Reads the body of a request within its limits.

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::exchange::SlowBody;

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than so many bytes.
    #[error("a body has at most {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    Slow,
    /// It broke off.
    #[error("the body could not be read: {0}")]
    Broken(String),
}

/// Reads the whole body, `most` bytes of it; the connection has a limit of time. What is longer is not read to its end.
///
/// # Errors
/// It is too long, too slow, or broke off.
pub async fn read(body: Body, most: usize) -> Result<Bytes, BodyError> {
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge(most)),
        Err(error) if SlowBody::is_why(&*error) => Err(BodyError::Slow),
        Err(error) => Err(BodyError::Broken(error.to_string())),
    }
}
