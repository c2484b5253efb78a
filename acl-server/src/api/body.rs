//! Reads and judges the body of a PUT: from bytes of the network to a file's content.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use shared::serve::SlowBody;
use shared::wire::AclLines;

use super::error::ApiError;
use crate::commit::facts::Facts;
use crate::rules;

/// Largest body: 1 MiB (`acl-server` contract §4).
pub const MAX_BODY: usize = 1 << 20;
/// Most lines of one ACL.
pub const MAX_LINES: usize = 1000;
/// Longest line, in bytes.
pub const MAX_LINE: usize = 1024;

/// Reads the whole body, within its limit of size; the connection has one of time.
///
/// # Errors
/// 413, 408, or 400 when it breaks off.
pub async fn read(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::too_large(MAX_BODY)),
        Err(error) if SlowBody::is_why(&*error) => Err(ApiError::slow_body()),
        Err(error) => Err(ApiError::broken_body(&*error)),
    }
}

/// Refuses bodies that say they are something else than JSON. A missing `Content-Type` is taken for JSON.
///
/// # Errors
/// 415
pub fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or("something unreadable");
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(ApiError::media_type(text))
    }
}

/// The content of the file that this body asks for: its lines verbatim, each with a line end; and the rules in it, with
/// their lines.
///
/// # Errors
/// 400 with line and column: no JSON array of strings, a character that no rule file may have, a line that is no rule.
pub fn to_content(body: &[u8]) -> Result<(Vec<u8>, Facts), ApiError> {
    let lines: AclLines =
        serde_json::from_slice(body).map_err(|error| ApiError::bad_body(explain(body, &error)))?;
    if lines.len() > MAX_LINES {
        return Err(ApiError::bad_body(format!(
            "an ACL has at most {MAX_LINES} lines, this one has {}",
            lines.len()
        )));
    }
    for (number, line) in (1..).zip(&lines) {
        check_characters(number, line)?;
    }
    let policy = rules::parse(&lines).map_err(|error| ApiError::bad_rule(&error))?;
    let mut content = lines.join("\n").into_bytes();
    content.push(b'\n');
    Ok((content, Facts::of(&policy)))
}

/// A line end inside a line would be a rule that nobody has looked at.
fn check_characters(number: u32, line: &str) -> Result<(), ApiError> {
    let refuse = |column: usize, message: String| {
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        Err(ApiError::bad_rule(&rules::RuleError {
            line: number,
            column,
            message,
        }))
    };
    if line.len() > MAX_LINE {
        return refuse(
            MAX_LINE + 1,
            format!("a line has at most {MAX_LINE} bytes, this one has {}", line.len()),
        );
    }
    match line.chars().position(|c| !(' '..='~').contains(&c)) {
        None => Ok(()),
        Some(index) => {
            let found = line.chars().nth(index).unwrap_or_default();
            refuse(
                index + 1,
                format!("{found:?} found, expected printable ASCII: one array element is one line"),
            )
        }
    }
}

/// What is wrong with a body that is no JSON array of strings.
fn explain(body: &[u8], error: &serde_json::Error) -> String {
    let broken_line =
        body.windows(2).any(|pair| pair == b"\\\n") || body.windows(3).any(|three| three == b"\\\r\n");
    let hint = match broken_line && error.is_syntax() {
        true => {
            "; there is a backslash at the end of a line: inside single quotes the shell passes both on, \
             so put the whole body on one line"
        }
        false => "",
    };
    format!("the body must be a JSON array of strings, the lines of the ACL: {error}{hint}")
}
