//! The one door from verdicts and mistakes to HTTP. No other file names a status of an error.
//!
//! What the client reads is written here; what the log says is written where a failure is handled.

use axum::http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::name::NameError;
use shared::{AclName, Problem, problem};

use crate::commit::Rejected;
use crate::commit::change::Verdict;
use crate::commit::id::CommitId;
use crate::rules::RuleError;
use crate::store::ReadError;

/// An unsuccessful reply.
#[derive(Debug)]
pub struct ApiError {
    problem: Box<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// The status of `/readyz` while something is missing.
    pub const NOT_READY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

    fn new(status: StatusCode, slug: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::new(status.as_u16(), slug, title, detail)),
            headers: Vec::new(),
        }
    }

    fn invalid(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid",
            "the request cannot be understood",
            detail,
        )
    }

    /// 503; the client should try again after so many seconds.
    fn later(slug: &str, title: &str, detail: impl Into<String>, seconds: u16) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, slug, title, detail)
            .with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn output(mut self, lines: &[String]) -> Self {
        self.problem.output = lines.to_vec();
        self
    }

    /// Says which ACL it is about.
    #[must_use]
    pub fn about(mut self, name: &AclName) -> Self {
        self.problem.acl = Some(name.to_string());
        self
    }

    /// The status and the detail, for the log.
    pub fn summary(&self) -> (u16, &str) {
        (self.problem.status, &self.problem.detail)
    }

    /// A path that is not in the API.
    pub fn no_such_path() -> Self {
        let detail = "this API has /acl/, /acl/{name}, /acl/lasterror, /healthz, /readyz and /version";
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-path",
            "there is nothing at this path",
            detail,
        )
    }

    /// A method that the path does not have.
    pub fn method_not_allowed() -> Self {
        let detail = "the methods of this path are in the Allow header";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "this path does not have this method",
            detail,
        )
    }

    /// An ACL that does not exist.
    pub fn no_such_acl(name: &AclName) -> Self {
        let detail = format!("there is no ACL `{name}`; GET /acl/ lists those that exist");
        Self::new(StatusCode::NOT_FOUND, "no-such-acl", "no such ACL", detail).about(name)
    }

    /// `lasterror` is not an ACL.
    pub fn reserved_name() -> Self {
        let detail = "`lasterror` is what GET shows after a failed commit; choose another name";
        Self::new(
            StatusCode::FORBIDDEN,
            "reserved-name",
            "this name is reserved",
            detail,
        )
    }

    /// Somebody who would have to show credentials.
    pub fn credentials_needed(objection: &str) -> Self {
        let detail = format!(
            "{objection}; show a token, with curl: -u NAME:TOKEN or -H 'Authorization: Bearer TOKEN', or a client certificate"
        );
        Self::unauthorized("credentials-needed", "credentials are needed", detail)
    }

    /// Somebody whose credentials are not known, or not understood.
    pub fn wrong_credentials() -> Self {
        let detail = "these credentials are not known here, or the name that comes with them is not theirs";
        Self::unauthorized("wrong-credentials", "the credentials are wrong", detail)
    }

    fn unauthorized(slug: &str, title: &str, detail: impl Into<String>) -> Self {
        // Not Basic, although that is understood: browsers would ask for a password, keep it, and send it along with the
        // requests of every page.
        Self::new(StatusCode::UNAUTHORIZED, slug, title, detail)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Somebody who is known and may not do this.
    pub fn forbidden(why: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this caller may not do this",
            why,
        )
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

    /// A parameter of the contract that would be dangerous to ignore.
    pub fn not_built(parameter: &str) -> Self {
        Self::invalid(format!(
            "`{parameter}` is not built into this version, and ignoring it would do something else than you asked for"
        ))
    }

    /// A header that cannot be understood.
    pub fn bad_header(name: &HeaderName, expected: &str) -> Self {
        Self::invalid(format!("the header {name} is not understood: {expected}"))
    }

    /// A body of another type than JSON.
    pub fn media_type(found: &str) -> Self {
        let detail = format!(
            "the body must be application/json, not {found}; with curl: -H 'Content-Type: application/json'"
        );
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "not a media type for an ACL",
            detail,
        )
    }

    /// A body that is too long.
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("a body has at most {limit} bytes");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "the body is too large",
            detail,
        )
    }

    /// A body that did not arrive in time.
    pub fn slow_body() -> Self {
        let detail = "the body did not arrive in time";
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow-body",
            "the request took too long",
            detail,
        )
    }

    /// A body that broke off.
    pub fn broken_body(error: &dyn std::error::Error) -> Self {
        Self::invalid(format!("the body could not be read: {error}"))
    }

    /// A body that is no JSON array of strings.
    pub fn bad_body(detail: impl Into<String>) -> Self {
        Self::invalid(detail)
    }

    /// A line that is no rule.
    pub fn bad_rule(error: &RuleError) -> Self {
        let mut this = Self::new(
            StatusCode::BAD_REQUEST,
            "rule",
            "a line of the ACL cannot be understood",
            &error.message,
        );
        (this.problem.line, this.problem.column) = (Some(error.line), Some(error.column));
        this
    }

    /// The files of the switch cannot be read.
    pub fn unreadable(error: &ReadError) -> Self {
        tracing::error!(%error, "an ACL cannot be read");
        Self::later("store", "the ACL cannot be read", error.to_string(), 10)
    }

    /// A change that was not even queued.
    pub fn rejected(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Full => {
                let detail =
                    "more changes are waiting than this switch can carry out; nothing of yours was queued";
                Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "queue-full",
                    "the queue is full",
                    detail,
                )
                .with(RETRY_AFTER, HeaderValue::from(2_u16))
            }
            Rejected::NotReady => {
                let detail =
                    "the first commit after the start has not succeeded yet; GET /acl/lasterror tells why";
                Self::later("not-ready", "changes are not taken yet", detail, 2)
            }
            Rejected::Lost => {
                let detail =
                    "the daemon lost this change; GET the ACL to find out whether it was carried out";
                Self::later("lost", "nobody knows what became of this change", detail, 5)
            }
            Rejected::ShuttingDown => Self::later(
                "shutting-down",
                "the daemon is ending",
                "nothing of yours was changed",
                5,
            ),
        }
    }

    /// An unsuccessful verdict; `None` for a successful one.
    pub fn from_verdict(verdict: Verdict) -> Option<Self> {
        Some(match verdict {
            Verdict::Done { .. } | Verdict::Moot => return None,
            Verdict::Refused { code, lines } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "refused",
                "the ACL tool refused this change",
                format!("the tool ended with status {code}; its words are in `output`; nothing of this change is installed"),
            )
            .output(&lines),
            Verdict::BaseRefused { code, lines } => Self::later(
                "base-refused",
                "the ACL tool refuses what was there before",
                format!(
                    "without this change the tool ends with status {code} too: another file in the policy directory is \
                     broken; its words are in `output`; nothing was changed"
                ),
                30,
            )
            .output(&lines),
            Verdict::TimedOut { lines } => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "tool-timeout",
                "the ACL tool took too long",
                "the tool was ended and the change taken back; the switch is brought in sync again by itself",
            )
            .output(&lines),
            Verdict::ToolFailed { why, lines } => {
                Self::later("tool-failed", "the ACL tool cannot be run", format!("{why}; the change was taken back"), 10)
                    .output(&lines)
            }
            Verdict::Undecided { code, lines } => Self::later(
                "undecided",
                "not decided in time",
                format!(
                    "the tool ended with status {code} for this change and others, and there was no time to find out for \
                     whose; this one was taken back"
                ),
                5,
            )
            .output(&lines),
            Verdict::PreconditionFailed { name, current } => precondition_failed(current).about(&name),
            Verdict::Drift { acls } => drift(&acls),
            Verdict::Locked { name, by } => locked(by).about(&name),
            Verdict::Forbidden { name, .. } => Self::new(StatusCode::FORBIDDEN, "forbidden", "you may not do this", "the rules that come or go do more than you may").about(&name),
            Verdict::NoRoom { why } => {
                let detail = format!("{why}; remove something first");
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "no-room", "there is no room for this ACL", detail)
            }
            Verdict::Duplicate { name, line, of } => duplicate(line, &of).about(&name),
            Verdict::StoreFailed { why, full: true } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk-full",
                "the disk is full",
                format!("{why}; this change is not installed"),
            ),
            Verdict::StoreFailed { why, full: false } => {
                Self::later("store", "the files could not be changed", format!("{why}; this change is not installed"), 10)
            }
            Verdict::ShuttingDown => Self::rejected(Rejected::ShuttingDown),
        })
    }
}

fn drift(acls: &[(AclName, Option<String>)]) -> ApiError {
    let list: Vec<String> = acls
        .iter()
        .map(|(name, etag)| match etag {
            Some(etag) => format!("`{name}` (ETag {etag})"),
            None => format!("`{name}` (removed)"),
        })
        .collect();
    let detail = format!(
        "changed by hand since it was written here: {}; look at it, then send If-Match with its ETag, or If-None-Match: * \
         when its file is gone",
        list.join(", ")
    );
    let error = ApiError::new(
        StatusCode::CONFLICT,
        "drift",
        "an ACL was changed by hand",
        detail,
    );
    match acls {
        [(name, _)] => error.about(name),
        _ => error,
    }
}

fn locked(by: CommitId) -> ApiError {
    let detail = format!(
        "the change {by} waits for its confirmation: POST /commit/{by}/confirm, or wait until it is taken back"
    );
    ApiError::new(
        StatusCode::CONFLICT,
        "locked",
        "an unconfirmed change has this ACL",
        detail,
    )
}

fn duplicate(line: u32, of: &AclName) -> ApiError {
    let detail = format!("the ACL `{of}` has the same rule, and the tool refuses a rule that is there twice");
    let mut error = ApiError::new(
        StatusCode::CONFLICT,
        "duplicate",
        "another ACL has this rule",
        detail,
    );
    error.problem.line = Some(line);
    error
}

fn precondition_failed(current: Option<String>) -> ApiError {
    let detail = match &current {
        Some(etag) => format!("the ACL exists and its ETag is {etag}"),
        None => "the ACL does not exist".to_owned(),
    };
    let error = ApiError::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition",
        "the precondition does not hold",
        detail,
    );
    match current.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        Some(etag) => error.with(ETAG, etag),
        None => error,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // Every status above is a constant, so the fallback is never seen.
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
