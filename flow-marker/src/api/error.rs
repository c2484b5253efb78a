//! The one door from mistakes to HTTP. No other file names a status of an error.
//!
//! What the client reads is written here; what the log says is written where a failure is handled.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::problem::MEDIA_TYPE;
use shared::serve::access::Refusal;
use shared::serve::body::BodyError;

/// The kinds of problems that there are.
pub mod kinds;

use kinds::Kind;

use crate::control::desk::Unattended;
use crate::engine::Unanswered;
use crate::history::Busy;

/// Prefix of every problem type of ours; what follows is the slug.
const TYPE_PREFIX: &str = "urn:flow-marker:problem:";
/// Longest piece of somebody's text that is shown to him again.
const MAX_WORD: usize = 100;

/// What went wrong with a request (RFC 9457), and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Problem {
    /// The kind of problem, a URI.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem for people; the same for every occurrence.
    pub title: String,
    /// The HTTP status of the reply.
    pub status: u16,
    /// What is wrong with this request, and what would be right.
    pub detail: String,
    /// What is wrong with `word`, without saying where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The part of the request that the word is in, such as `filter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Where the word begins in that part: characters, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
    /// The word that is wrong; empty where something is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
}

/// A word of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongWord {
    /// The part of the request that it is in, such as `filter`.
    pub what: String,
    /// Where it begins in that part: characters, counted from 1.
    pub at: usize,
    /// The word; empty where something is missing.
    pub word: String,
    /// What is wrong with it, and what would be right.
    pub error: String,
}

/// A member of a body that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongMember {
    /// Which one, such as `filter.ifspeed`; empty for the whole body.
    pub member: String,
    /// What is wrong with it, and what would be right.
    pub error: String,
}

impl WrongMember {
    /// What is wrong with a member.
    pub fn new(member: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            member: member.into(),
            error: error.into(),
        }
    }
}

/// An unsuccessful reply.
#[derive(Debug)]
pub struct ApiError {
    problem: Box<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The beginning of a text, with a sign that it goes on where it does.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_WORD) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

impl ApiError {
    /// The status of `/readyz` while something is missing.
    pub const NOT_READY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

    fn new(kind: &Kind, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem {
                kind: format!("{TYPE_PREFIX}{}", kind.slug),
                title: kind.title.to_owned(),
                status: kind.status.as_u16(),
                detail: detail.into(),
                error: None,
                what: None,
                at: None,
                word: None,
            }),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The client should try again after so many seconds.
    fn later(kind: &Kind, detail: impl Into<String>, seconds: u16) -> Self {
        Self::new(kind, detail).with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// A path that is not in the API.
    pub fn no_such_path(paths: &[&str]) -> Self {
        let detail = format!("this API has {}; /openapi.json describes them", paths.join(", "));
        Self::new(&kinds::NO_SUCH_PATH, detail)
    }

    /// A method that the path does not have.
    pub fn method_not_allowed() -> Self {
        Self::new(&kinds::METHOD, "the methods of this path are in the Allow header")
    }

    /// Something that does not exist: `kind` says what, and `there` which ones do.
    pub fn no_such_thing<'a>(kind: &str, name: &str, there: impl IntoIterator<Item = &'a str>) -> Self {
        /// More than these nobody reads.
        const SHOWN: usize = 20;
        let mut there = there.into_iter();
        let shown: Vec<String> = there.by_ref().take(SHOWN).map(shortened).collect();
        let which = match (shown.as_slice(), there.next()) {
            ([], _) => "there is none at all".to_owned(),
            (shown, None) => format!("there are {}", shown.join(", ")),
            (shown, Some(_)) => format!("there are {} and more", shown.join(", ")),
        };
        let detail = format!("there is no {kind} {:?}; {which}", shortened(name));
        Self::new(&kinds::NO_SUCH_THING, detail)
    }

    /// Somebody who is known and may not do this.
    pub fn forbidden(why: impl Into<String>) -> Self {
        Self::new(&kinds::FORBIDDEN, why)
    }

    /// A change that a page of another origin asks for.
    pub fn foreign_page(why: &str) -> Self {
        Self::new(
            &kinds::FOREIGN_PAGE,
            format!("this request changes something, and {why}"),
        )
    }

    /// A change that a browser asks for without what only our own page has.
    pub fn no_page_token() -> Self {
        Self::new(
            &kinds::NO_PAGE_TOKEN,
            "this request changes something and comes from a browser: it needs the header `X-Flow-Marker-Page` with the token \
             from /page/token, which is another one after a restart, or `Authorization: Bearer`",
        )
    }

    /// A browser without credentials that calls us by a name.
    pub fn strange_host(host: &str) -> Self {
        let detail = format!(
            "a browser without credentials calls this server {:?}, and any page can have a name resolve to it; open the page by \
             address, as localhost, or over TLS",
            shortened(host)
        );
        Self::new(&kinds::STRANGE_HOST, detail)
    }

    /// A path, a parameter or a body that cannot be understood.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(&kinds::INVALID, detail)
    }

    /// A word that cannot be understood.
    pub fn wrong_word(wrong: WrongWord) -> Self {
        let WrongWord {
            what,
            at,
            word,
            error,
        } = wrong;
        let word = shortened(&word);
        let mut reply = Self::new(
            &kinds::DEFINITION,
            match word.is_empty() {
                true => format!("`{what}`, at character {at}: {error}"),
                false => format!("`{what}`, {word:?} at character {at}: {error}"),
            },
        );
        reply.problem.error = Some(error);
        reply.problem.what = Some(what);
        reply.problem.at = Some(at);
        reply.problem.word = Some(word);
        reply
    }

    /// A word of `what`, such as a member of a body, that is not what it should be.
    pub fn wrong_member(what: &str, wrong: WrongMember) -> Self {
        let WrongMember { member, error } = wrong;
        let member = shortened(&member);
        let detail = match member.is_empty() {
            true => format!("the {what}: {error}"),
            false => format!("{member:?}: {error}"),
        };
        let mut reply = Self::new(&kinds::DEFINITION, detail);
        reply.problem.error = Some(error);
        reply.problem.what = Some(what.to_owned());
        reply.problem.word = Some(member);
        reply
    }

    /// A body that cannot be read.
    pub fn unread_body(error: &BodyError) -> Self {
        let kind = match error {
            BodyError::TooLarge(_) => &kinds::TOO_LARGE,
            BodyError::Slow => &kinds::SLOW_BODY,
            BodyError::Broken(_) => &kinds::INVALID,
        };
        Self::new(kind, error.to_string())
    }

    /// One more than there may be.
    pub fn no_room(what: &str, most: usize) -> Self {
        let detail = format!(
            "there are {most} {what} already, and there may be no more; DELETE one that nobody needs"
        );
        Self::new(&kinds::NO_ROOM, detail)
    }

    /// One waiting request more than there may be.
    pub fn too_many_waiters(most: usize) -> Self {
        let detail = format!("at most {most} requests may wait at a time; ask without `timeout`, or later");
        Self::later(&kinds::TOO_MANY_WAITERS, detail, 5)
    }

    /// 503: what there is to see could not be gathered in time.
    pub fn no_overview() -> Self {
        let detail = "the receiving threads have no time to answer, or nobody gathers what they say";
        Self::later(&kinds::BUSY, detail.to_owned(), 1)
    }

    /// 503: too many streams at a time.
    pub fn too_many_streams(most: usize) -> Self {
        let detail = format!("at most {most} may watch at a time; ask for /overview/json, or later");
        Self::later(&kinds::TOO_MANY_WAITERS, detail, 5)
    }
}

impl From<WrongWord> for ApiError {
    fn from(wrong: WrongWord) -> Self {
        Self::wrong_word(wrong)
    }
}

impl From<WrongMember> for ApiError {
    fn from(wrong: WrongMember) -> Self {
        Self::wrong_member("body", wrong)
    }
}

impl From<Unanswered> for ApiError {
    fn from(error: Unanswered) -> Self {
        Self::later(&kinds::BUSY, error.to_string(), 1)
    }
}

impl From<Unattended> for ApiError {
    fn from(error: Unattended) -> Self {
        Self::later(&kinds::BUSY, error.to_string(), 1)
    }
}

impl From<Busy> for ApiError {
    fn from(error: Busy) -> Self {
        Self::later(&kinds::BUSY, error.to_string(), 1)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Needed(_) => &kinds::CREDENTIALS,
            Refusal::Wrong => &kinds::WRONG_CREDENTIALS,
        };
        let challenge = HeaderValue::from_static(Refusal::CHALLENGE);
        Self::new(kind, refusal.to_string()).with(WWW_AUTHENTICATE, challenge)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // Every status is a constant of `kinds`, so the fallback is never seen.
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body = serde_json::to_vec(&self.problem).unwrap_or_default();
        body.push(b'\n');
        let kind = [(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
        let mut response = (status, kind, body).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}
