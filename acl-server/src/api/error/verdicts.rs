//! From verdicts to problems.

use axum::http::HeaderValue;
use axum::http::header::ETAG;
use shared::AclName;

use super::ApiError;
use super::kinds;
use crate::commit::Rejected;
use crate::commit::change::Verdict;
use crate::commit::id::CommitId;

impl ApiError {
    /// A change that was not even queued.
    pub fn rejected(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Full => {
                let detail =
                    "more changes are waiting than this switch can carry out; nothing of yours was queued";
                Self::later(&kinds::QUEUE_FULL, detail, 2)
            }
            Rejected::NotReady => {
                let detail =
                    "the first commit after the start has not succeeded yet; GET /acl/lasterror tells why";
                Self::later(&kinds::NOT_READY, detail, 2)
            }
            Rejected::Lost => {
                let detail =
                    "the daemon lost this change; GET the ACL to find out whether it was carried out";
                Self::later(&kinds::LOST, detail, 5)
            }
            Rejected::ShuttingDown => Self::later(&kinds::SHUTTING_DOWN, "nothing of yours was changed", 5),
        }
    }

    /// An unsuccessful verdict; `None` for a successful one.
    pub fn from_verdict(verdict: &Verdict) -> Option<Self> {
        Some(match verdict {
            Verdict::Done { .. } | Verdict::Moot => return None,
            Verdict::Refused { code, lines } => {
                let detail = format!(
                    "the tool ended with status {code}; its words are in `output`; nothing of this change is installed"
                );
                Self::new(&kinds::REFUSED, detail).output(lines)
            }
            Verdict::BaseRefused { code, lines } => base_refused(*code).output(lines),
            Verdict::TimedOut { lines } => {
                let detail = "the tool was ended and the change taken back; the switch is brought in sync again by itself";
                Self::new(&kinds::TOOL_TIMEOUT, detail).output(lines)
            }
            Verdict::ToolFailed { why, lines } => Self::later(
                &kinds::TOOL_FAILED,
                format!("{why}; the change was taken back"),
                10,
            )
            .output(lines),
            Verdict::Undecided { code, lines } => undecided(*code).output(lines),
            Verdict::PreconditionFailed { name, current } => {
                precondition_failed(current.as_deref()).about(name)
            }
            Verdict::Drift { acls } => drift(acls),
            Verdict::Locked { name, by } => locked(*by).about(name),
            Verdict::Forbidden { name, missing } => {
                let detail = format!("the rules that come or go {missing}, which your scope does not allow");
                Self::forbidden(detail).about(name)
            }
            Verdict::NoRoom { why } => Self::new(&kinds::NO_ROOM, format!("{why}; remove something first")),
            Verdict::Duplicate { name, line, of } => duplicate(*line, of).about(name),
            Verdict::StoreFailed { why, full } => store_failed(why, *full),
            Verdict::ShuttingDown => Self::rejected(Rejected::ShuttingDown),
        })
    }
}

fn base_refused(code: i32) -> ApiError {
    let detail = format!(
        "without this change the tool ends with status {code} too: another file in the policy directory is broken; its \
         words are in `output`; nothing was changed"
    );
    ApiError::later(&kinds::BASE_REFUSED, detail, 30)
}

fn undecided(code: i32) -> ApiError {
    let detail = format!(
        "the tool ended with status {code} for this change and others, and there was no time to find out for whose; this \
         one was taken back"
    );
    ApiError::later(&kinds::UNDECIDED, detail, 5)
}

fn drift(acls: &[(AclName, Option<String>)]) -> ApiError {
    /// The text names some; `drifted` has all.
    const SHOWN: usize = 8;
    let shown = acls.iter().take(SHOWN).map(|(name, etag)| match etag {
        Some(etag) => format!("`{name}` (ETag {etag})"),
        None => format!("`{name}` (removed)"),
    });
    let shown: Vec<String> = shown.collect();
    let more = match acls.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let detail = format!(
        "changed by hand since it was written here: {}{more}; look at it, then send If-Match with its ETag, or \
         If-None-Match: * when its file is gone",
        shown.join(", ")
    );
    let mut error = ApiError::new(&kinds::DRIFT, detail);
    let drifted = acls.iter().map(|(name, etag)| (name.to_string(), etag.clone()));
    error.problem.drifted = drifted.collect();
    match acls {
        [(name, _)] => error.about(name),
        _ => error,
    }
}

fn locked(by: CommitId) -> ApiError {
    let detail = format!(
        "the change {by} waits for its confirmation: POST /commit/{by}/confirm, or wait until it is taken back"
    );
    ApiError::new(&kinds::LOCKED, detail)
}

fn duplicate(line: u32, of: &AclName) -> ApiError {
    let detail = format!("the ACL `{of}` has the same rule, and the tool refuses a rule that is there twice");
    let mut error = ApiError::new(&kinds::DUPLICATE, detail);
    error.problem.line = Some(line);
    error
}

fn precondition_failed(current: Option<&str>) -> ApiError {
    let detail = match current {
        Some(etag) => format!("the ACL exists and its ETag is {etag}"),
        None => "the ACL does not exist".to_owned(),
    };
    let error = ApiError::new(&kinds::PRECONDITION, detail);
    match current.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        Some(etag) => error.with(ETAG, etag),
        None => error,
    }
}

fn store_failed(why: &str, full: bool) -> ApiError {
    let detail = format!("{why}; this change is not installed");
    match full {
        true => ApiError::new(&kinds::DISK_FULL, detail),
        false => ApiError::later(&kinds::STORE, detail, 10),
    }
}
