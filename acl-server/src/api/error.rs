//! The one door from verdicts and mistakes to HTTP. No other file names a status of an error.
//!
//! What the client reads is written here; what the log says is written where a failure is handled.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::name::NameError;
use shared::serve::access::Refusal;
use shared::{AclName, Problem, problem};

use crate::commit::id::{CommitId, NoCommitId};
use crate::rules::RuleError;
use crate::store::ReadError;

/// From verdicts to problems.
mod verdicts;
/// The kinds of problems that there are.
pub mod kinds;

use kinds::Kind;

/// An unsuccessful reply.
#[derive(Debug)]
pub struct ApiError {
    problem: Box<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// The status of `/readyz` while something is missing.
    pub const NOT_READY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

    fn new(kind: &Kind, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::new(kind.status.as_u16(), kind.slug, kind.title, detail)),
            headers: Vec::new(),
        }
    }

    fn invalid(detail: impl Into<String>) -> Self {
        Self::new(&kinds::INVALID, detail)
    }

    /// The client should try again after so many seconds.
    fn later(kind: &Kind, detail: impl Into<String>, seconds: u16) -> Self {
        Self::new(kind, detail).with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a header to the reply.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn output(mut self, lines: &[String]) -> Self {
        self.problem.output = lines.to_vec();
        self
    }

    /// Says which ACL it is about, unless it knows better.
    #[must_use]
    pub fn about(mut self, name: &AclName) -> Self {
        self.problem.acl.get_or_insert_with(|| name.to_string());
        self
    }

    /// Whether it is the switch's fault and not the caller's.
    pub fn is_ours(&self) -> bool {
        self.problem.status >= StatusCode::INTERNAL_SERVER_ERROR.as_u16()
    }

    /// What the tool said, if it was the tool.
    pub fn words(&self) -> &[String] {
        &self.problem.output
    }

    /// The change that met this problem, if it had become one.
    pub fn commit_id(&self) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(name, _)| name == shared::wire::COMMIT_ID)?;
        value.to_str().ok()
    }

    /// Without its headers, as part of a larger answer.
    pub fn into_problem(self) -> Problem {
        *self.problem
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

    /// An ACL that does not exist.
    pub fn no_such_acl(name: &AclName) -> Self {
        let detail = format!("there is no ACL `{name}`; GET /acl/ lists those that exist");
        Self::new(&kinds::NO_SUCH_ACL, detail).about(name)
    }

    /// `lasterror` is not an ACL.
    pub fn reserved_name() -> Self {
        let detail = "`lasterror` is what GET shows after a failed commit; choose another name";
        Self::new(&kinds::RESERVED, detail)
    }

    /// Somebody who is known and may not do this.
    pub fn forbidden(why: impl Into<String>) -> Self {
        Self::new(&kinds::FORBIDDEN, why)
    }

    /// A rule that would cut off the management of the switch.
    pub fn guard(error: &RuleError) -> Self {
        Self::new(&kinds::GUARD, &error.message).at(error)
    }

    /// A name that is none.
    pub fn bad_name(error: &NameError) -> Self {
        Self::invalid(error.to_string())
    }

    /// A path that is no text.
    pub fn bad_path(detail: &str) -> Self {
        Self::invalid(detail)
    }

    /// A query parameter that this path does not have, or a value that it cannot have.
    pub fn bad_query(detail: impl Into<String>) -> Self {
        Self::invalid(detail)
    }

    /// A header that cannot be understood.
    pub fn bad_header(name: &HeaderName, expected: &str) -> Self {
        Self::invalid(format!("the header {name} is not understood: {expected}"))
    }

    /// A body of another type than JSON.
    pub fn media_type(found: &str, expected: &str) -> Self {
        let detail =
            format!("the body must be {expected}, not {found}; with curl: -H 'Content-Type: {expected}'");
        Self::new(&kinds::MEDIA_TYPE, detail)
    }

    /// A body that is too long.
    pub fn too_large(limit: usize) -> Self {
        Self::new(&kinds::TOO_LARGE, format!("a body has at most {limit} bytes"))
    }

    /// A body that did not arrive in time.
    pub fn slow_body() -> Self {
        Self::new(&kinds::SLOW_BODY, "the body did not arrive in time")
    }

    /// A body that broke off.
    pub fn broken_body(error: &str) -> Self {
        Self::invalid(format!("the body could not be read: {error}"))
    }

    /// A body that is not what it should be.
    pub fn bad_body(detail: impl Into<String>) -> Self {
        Self::invalid(detail)
    }

    /// A line that is no rule.
    pub fn bad_rule(error: &RuleError) -> Self {
        Self::new(&kinds::RULE, &error.message).at(error)
    }

    fn at(mut self, error: &RuleError) -> Self {
        (self.problem.line, self.problem.column) = (Some(error.line), Some(error.column));
        self
    }

    /// A text that names no change.
    pub fn bad_commit_id(error: NoCommitId) -> Self {
        Self::invalid(error.to_string())
    }

    /// A change that nobody knows.
    pub fn no_such_commit(id: CommitId) -> Self {
        let detail = format!(
            "nothing is known of the change {id}: it belongs to an earlier start of the daemon, or so many were decided \
             since that it is forgotten; GET the ACL to find out what became of it"
        );
        Self::new(&kinds::NO_SUCH_COMMIT, detail)
    }

    /// A change that waits for no confirmation.
    pub fn not_unconfirmed(id: CommitId, state: &str) -> Self {
        let detail =
            format!("the change {id} waits for no confirmation: it is {state}; GET /commit/{id} says more");
        Self::new(&kinds::NO_SUCH_COMMIT, detail)
    }

    /// A confirmation that comes too late.
    pub fn reverted(id: CommitId) -> Self {
        let detail = format!(
            "the change {id} was not confirmed in time; what was there before is back, or comes back now"
        );
        Self::new(&kinds::REVERTED, detail)
    }

    /// The files of the switch cannot be read.
    pub fn unreadable(error: &ReadError) -> Self {
        tracing::error!(%error, "an ACL cannot be read");
        Self::later(&kinds::STORE, error.to_string(), 10)
    }

    /// The journal cannot be written.
    pub fn unwritable(error: &std::io::Error) -> Self {
        tracing::error!(%error, "the journal cannot be written");
        Self::later(&kinds::STORE, format!("{error}; nothing was changed"), 10)
    }

    /// The tool's listing is not to be had.
    pub fn no_listing(why: &str, after: Duration) -> Self {
        let seconds = u16::try_from(after.as_secs()).unwrap_or(u16::MAX).max(1);
        Self::later(&kinds::NO_LISTING, why, seconds)
    }

    /// One watcher more than there may be.
    pub fn too_many_watchers(most: usize) -> Self {
        let detail = format!("at most {most} may watch events at a time");
        Self::later(&kinds::TOO_MANY_WATCHERS, detail, 30)
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
        let mut response = (
            status,
            [(CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE))],
            body,
        )
            .into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}
