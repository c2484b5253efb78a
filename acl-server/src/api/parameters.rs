//! What a request says beside its body: parameters of the query, the name in its path, conditions and preferences in its
//! headers. An unknown parameter is refused: ignoring it would do something else than was asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use shared::AclName;

use super::error::ApiError;
use crate::commit::change::Precondition;

/// Longest lease: a year. What is to stay longer is to stay.
pub const MAX_TTL: u64 = 365 * 86_400;
/// Longest wait for a confirmation: a day. Its names are locked meanwhile.
pub const MAX_CONFIRM: u64 = 86_400;

/// The parameters of the query, before anybody has said which there may be.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(error) => Err(ApiError::bad_query(error.body_text())),
        }
    }
}

impl Parameters {
    /// The parameters, all of which must be among `names`, each once.
    ///
    /// # Errors
    /// 400
    pub fn only(self, names: &[&str]) -> Result<Known, ApiError> {
        let mut known = BTreeMap::new();
        for (name, value) in self.0 {
            if !names.contains(&name.as_str()) {
                return Err(ApiError::bad_query(match names {
                    [] => format!("`{name}`: this request has no parameters"),
                    _ => format!("`{name}` is none of the parameters {}", names.join(", ")),
                }));
            }
            if known.insert(name.clone(), value).is_some() {
                return Err(ApiError::bad_query(format!("`{name}` is there twice")));
            }
        }
        Ok(Known(known))
    }
}

/// Parameters that this request may have.
#[derive(Debug)]
pub struct Known(BTreeMap<String, String>);

impl Known {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// 400
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(ApiError::bad_query(format!(
                "`{name}` is true or false, not {other:?}"
            ))),
        }
    }

    /// Whole seconds from 1 to `most`; without a sign, a unit or a leading zero.
    ///
    /// # Errors
    /// 400
    pub fn seconds(&self, name: &str, most: u64) -> Result<Option<Duration>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let seconds = text.parse().ok().filter(|n| plain && (1..=most).contains(n));
        match seconds {
            Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
            None => Err(ApiError::bad_query(format!(
                "`{name}` is a whole number of seconds from 1 to {most}, such as {name}=60, not {text:?}"
            ))),
        }
    }

    /// `ttl`: how long until an ACL removes itself.
    ///
    /// # Errors
    /// 400
    pub fn ttl(&self) -> Result<Option<Duration>, ApiError> {
        self.seconds("ttl", MAX_TTL)
    }

    /// `confirm`: how long until a change is taken back.
    ///
    /// # Errors
    /// 400
    pub fn confirm(&self) -> Result<Option<Duration>, ApiError> {
        self.seconds("confirm", MAX_CONFIRM)
    }

    /// `prefix`: the beginning of a name, possibly empty.
    ///
    /// # Errors
    /// 400
    pub fn prefix(&self) -> Result<Option<&str>, ApiError> {
        let prefix = self.get("prefix");
        match prefix.map(str::parse::<AclName>) {
            Some(Err(error)) if prefix != Some("") => Err(ApiError::bad_query(format!("`prefix`: {error}"))),
            _ => Ok(prefix),
        }
    }
}

/// The name of an ACL in the path.
#[derive(Debug)]
pub struct Name(pub AclName);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|error| ApiError::bad_path(&error.body_text()))?;
        let name = parameters.iter().find(|(name, _)| *name == "name");
        let text = match name {
            Some((_, text)) => text,
            // A path of the table that is also the name of an ACL.
            None => parts.uri.path().strip_prefix("/acl/").unwrap_or_default(),
        };
        text.parse().map(Self).map_err(|error| ApiError::bad_name(&error))
    }
}

/// Refuses the conditions of a request that cannot have any.
///
/// # Errors
/// 400
pub fn unconditional(headers: &HeaderMap) -> Result<(), ApiError> {
    let conditions = [IF_MATCH, IF_NONE_MATCH];
    match conditions.iter().find(|name| headers.contains_key(*name)) {
        Some(name) => Err(ApiError::bad_header(
            name,
            "a removal of many ACLs has no single ETag",
        )),
        None => Ok(()),
    }
}

/// `If-Match` and `If-None-Match: *` (RFC 9110 §13.1) of a change.
///
/// # Errors
/// 400
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    let absent = match headers.get(IF_NONE_MATCH) {
        None => false,
        Some(value) if value == "*" => true,
        Some(_) => {
            let expected = "a change can only demand * (that there is no such ACL)";
            return Err(ApiError::bad_header(&IF_NONE_MATCH, expected));
        }
    };
    let if_match = tags(headers, &IF_MATCH)?;
    Ok(Precondition { if_match, absent })
}

/// Whether `If-None-Match` of a request that reads says that the caller has this already (RFC 9110 §13.1.2).
///
/// # Errors
/// 400
pub fn has_already(headers: &HeaderMap, etag: &str) -> Result<bool, ApiError> {
    let same = |tag: &String| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag;
    Ok(tags(headers, &IF_NONE_MATCH)?.is_some_and(|tags| tags.iter().any(same)))
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Vec<String>>, ApiError> {
    let mut tags: Option<Vec<String>> = None;
    for value in headers.get_all(name) {
        let Ok(text) = value.to_str() else {
            return Err(ApiError::bad_header(name, "a list of quoted ETags, or *"));
        };
        let list = text.split(',').map(|tag| tag.trim().to_owned());
        tags.get_or_insert_default().extend(list);
    }
    Ok(tags)
}

/// Whether the client would rather hear the verdict later: `Prefer: respond-async` (RFC 7240 §4.1). Other preferences,
/// and ones that are not understood, are ignored, as the RFC says.
pub fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter();
    let preferences = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(preferences);
    preferences
        .map(|preference| preference.split(['=', ';']).next().unwrap_or_default().trim())
        .any(|name| name.eq_ignore_ascii_case("respond-async"))
}

/// The elements of a list, whose commas may also stand in quoted strings.
fn preferences(list: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    list.split(move |c: char| {
        let plain = !std::mem::take(&mut escaped);
        quoted ^= c == '"' && plain;
        escaped = quoted && c == '\\' && plain;
        c == ',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let name = HeaderName::from_static(name);
        let values = values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_static(value)));
        values.collect()
    }

    #[test]
    fn respond_async_is_found_among_other_preferences() {
        for values in [
            &["respond-async"][..],
            &["Respond-Async"],
            &["respond-async, wait=10"],
            &["handling=lenient; x=\"a,b\" ,respond-async;foo"],
            &["return=minimal", "wait=3 , respond-async"],
            &["x=\"\\\", \", respond-async"],
        ] {
            assert!(prefers_async(&headers("prefer", values)), "{values:?}");
        }
        for values in [
            &[][..],
            &[""],
            &["respond-asyncx"],
            &["wait=respond-async"],
            &["x=\",respond-async,\""],
            &["return;respond-async"],
        ] {
            assert!(!prefers_async(&headers("prefer", values)), "{values:?}");
        }
    }

    #[test]
    fn seconds_are_plain_numbers_within_their_bounds() {
        let ttl = |text: &str| Known([("ttl".to_owned(), text.to_owned())].into()).ttl();
        assert_eq!(ttl("1").unwrap(), Some(Duration::from_secs(1)));
        assert_eq!(ttl("31536000").unwrap(), Some(Duration::from_secs(MAX_TTL)));
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "01",
            "1.5",
            "60s",
            " 1",
            "31536001",
            "99999999999999999999999",
        ] {
            assert!(ttl(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tag_may_be_weak_when_it_is_only_read() {
        let has = |values: &[&'static str]| has_already(&headers("if-none-match", values), "\"a\"").unwrap();
        assert!(has(&["\"a\""]) && has(&["W/\"a\""]) && has(&["\"b\", \"a\""]) && has(&["\"b\"", "*"]));
        assert!(!has(&[]) && !has(&["\"b\""]) && !has(&["a"]));
    }
}
