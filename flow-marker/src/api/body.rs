//! Reads the body of a request, whatever its `Content-Type` says: clients of sFlow-RT often send none, or a wrong one.

use axum::body::{Body, Bytes};
use serde_json::{Map, Value};
use shared::serve::body;

use super::error::{ApiError, WrongMember};
use super::relaxed;

/// Largest body of a definition, a threshold, a group or a map: 1 MiB holds 50,000 prefixes.
pub const MAX_BODY: usize = 1 << 20;
/// Largest body of a topology: 8 MiB holds a fabric of 1,000 switches with 64 ports each.
pub const MAX_TOPOLOGY: usize = 8 << 20;

/// Longest text for people in a body, in characters.
const MAX_TEXT: usize = 200;

async fn read(body: Body, most: usize) -> Result<Bytes, ApiError> {
    let bytes = body::read(body, most).await;
    bytes.map_err(|error| ApiError::unread_body(&error))
}

/// The body as relaxed JSON; an empty one is an object without members.
///
/// # Errors
/// 400, 408 or 413
pub async fn optional(body: Body, most: usize) -> Result<Value, ApiError> {
    let bytes = read(body, most).await?;
    match bytes.is_empty() {
        true => Ok(Value::Object(Map::new())),
        false => Ok(relaxed::read(&bytes)?),
    }
}

/// The members of an object, all of which must be `known`. `thing` is what the object is, for people.
///
/// # Errors
/// It is no object, or has another member.
pub fn members<'a>(
    json: &'a Value,
    thing: &str,
    known: &[&str],
) -> Result<&'a Map<String, Value>, WrongMember> {
    let list = || known.join(", ");
    let Some(members) = json.as_object() else {
        let error = format!("an object is expected: {{{}}}", list());
        return Err(WrongMember::new("", error));
    };
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(members),
        Some(other) => {
            let error = format!("is no member of {thing}: {} are", list());
            Err(WrongMember::new(other, error))
        }
    }
}

/// A text for people; an empty one is none.
///
/// # Errors
/// It is no text, too long, or has control characters.
pub fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, WrongMember> {
    let fits = |text: &str| text.chars().count() <= MAX_TEXT && !text.contains(char::is_control);
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if fits(text) => Ok((!text.is_empty()).then(|| text.clone())),
        Some(_) => {
            let error =
                format!("a text of {MAX_TEXT} characters at most is expected, none of them a control");
            Err(WrongMember::new(name, error))
        }
    }
}

/// The body as relaxed JSON.
///
/// # Errors
/// 400, 408 or 413
pub async fn json(body: Body, most: usize) -> Result<Value, ApiError> {
    let bytes = read(body, most).await?;
    Ok(relaxed::read(&bytes)?)
}
