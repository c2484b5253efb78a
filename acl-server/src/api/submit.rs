//! Hands changes to the writer, and says in headers what every answer of a change says.
#![expect(
    clippy::disallowed_methods,
    reason = "the driver of a request: it reads the clock for Server-Timing"
)]

use std::time::Instant;

use axum::http::header::LOCATION;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::wire::{COMMIT_ID, SERVER_TIMING, ServerTiming};

use super::ApiState;
use super::error::ApiError;
use crate::commit::Ticket;
use crate::commit::change::{Action, Answer, Caller, Effect, Precondition, Verdict};
use crate::commit::id::CommitId;

/// When a request was complete.
#[derive(Debug, Clone, Copy)]
pub struct Received(Instant);

impl Received {
    /// Now.
    pub fn now() -> Self {
        Self(Instant::now())
    }
}

/// A change that a request asks for.
#[derive(Debug)]
pub struct Order {
    /// What to do.
    pub action: Action,
    /// Under which condition.
    pub precondition: Precondition,
    /// For whom.
    pub caller: Caller,
    /// Since when.
    pub received: Received,
}

/// A change that the writer has.
#[derive(Debug)]
pub struct Submitted {
    ticket: Ticket,
    received: Received,
}

/// A change with its verdict, which is a success.
#[derive(Debug)]
pub struct Done {
    id: CommitId,
    /// What became of each ACL, in the order of the edits.
    pub effects: Vec<Effect>,
    /// Where the time went.
    pub timing: ServerTiming,
}

impl Done {
    /// Names the change.
    pub const fn id(&self) -> CommitId {
        self.id
    }
}

impl Order {
    /// Hands it to the writer.
    ///
    /// # Errors
    /// 429, 503: nothing is queued.
    pub fn submit(self, state: &ApiState) -> Result<Submitted, ApiError> {
        let ticket = state
            .committer
            .submit(self.action, self.precondition, self.caller);
        let ticket = ticket.map_err(ApiError::rejected)?;
        Ok(Submitted {
            ticket,
            received: self.received,
        })
    }

    /// Hands it to the writer and answers: with `success` after the verdict, or at once when the client prefers that.
    ///
    /// # Errors
    /// Every problem that a change can have, with its id where it has one.
    pub async fn answer<F>(self, state: &ApiState, at_once: bool, success: F) -> Result<Response, ApiError>
    where
        F: FnOnce(&Done) -> Response + Send,
    {
        let submitted = self.submit(state)?;
        if at_once {
            return Ok(submitted.accepted());
        }
        let done = submitted.done().await?;
        let mut response = success(&done);
        let headers = [id_header(done.id), timing_header(done.timing)];
        response.headers_mut().extend(headers);
        Ok(response)
    }
}

impl Submitted {
    /// Names the change.
    pub const fn id(&self) -> CommitId {
        self.ticket.id
    }

    /// Waits for the verdict.
    ///
    /// # Errors
    /// An unsuccessful verdict, with the change's id.
    pub async fn done(self) -> Result<Done, ApiError> {
        let (id, received) = (self.ticket.id, self.received);
        let with_id = |error: ApiError| {
            let (name, value) = id_header(id);
            error.with(name, value)
        };
        let answer = self.ticket.answer().await;
        let answer = answer.map_err(|rejected| with_id(ApiError::rejected(rejected)))?;
        if let Some(error) = ApiError::from_verdict(&answer.verdict) {
            return Err(with_id(error));
        }
        let timing = timing(received, &answer);
        let effects = match answer.verdict {
            Verdict::Done { effects, .. } => effects,
            _ => Vec::new(),
        };
        Ok(Done { id, effects, timing })
    }

    /// 202: the verdict will be at `Location`.
    fn accepted(&self) -> Response {
        let id = self.ticket.id;
        let location = HeaderValue::try_from(format!("/commit/{id}"));
        let location = location.unwrap_or(HeaderValue::from_static("/"));
        let headers = [id_header(id), (LOCATION, location), preference_applied()];
        let mut response = StatusCode::ACCEPTED.into_response();
        response.headers_mut().extend(headers);
        response
    }
}

/// Says that the client is answered before the verdict, as it prefers (RFC 7240 §3).
pub const fn preference_applied() -> (HeaderName, HeaderValue) {
    (
        HeaderName::from_static("preference-applied"),
        HeaderValue::from_static("respond-async"),
    )
}

fn id_header(id: CommitId) -> (HeaderName, HeaderValue) {
    // Digits and a hyphen, so it is always a header value.
    let value = HeaderValue::try_from(id.to_string()).unwrap_or(HeaderValue::from_static(""));
    (HeaderName::from_static(COMMIT_ID), value)
}

/// Where the time of a change went.
pub fn timing_header(timing: ServerTiming) -> (HeaderName, HeaderValue) {
    // Numbers and ASCII words, so it is always a header value.
    let value = HeaderValue::try_from(timing.to_string()).unwrap_or(HeaderValue::from_static(""));
    (HeaderName::from_static(SERVER_TIMING), value)
}

fn timing(received: Received, answer: &Answer) -> ServerTiming {
    ServerTiming {
        queue: answer.sealed.into_std().saturating_duration_since(received.0),
        commit: answer.decided.saturating_duration_since(answer.sealed),
        tool: answer.tool,
    }
}
