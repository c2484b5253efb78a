//! `PATCH /acl/`: several ACLs at once, all or none, or each on its own.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::AclName;
use shared::wire::{DryRun, PatchResult, ServerTiming};

use super::acls::blocking;
use super::auth::Caller;
use super::draft::Draft;
use super::edit::edit;
use super::error::ApiError;
use super::merge::{self, Patch};
use super::parameters::{Parameters, precondition, prefers_async};
use super::submit::{Order, Received, Submitted, preference_applied, timing_header};
use super::{ApiState, body, dry_run, rights};
use crate::commit::change::{Effect, Precondition};
use crate::store::file_name;

/// Everything a patch says beside its body.
struct Asked {
    ttl: Option<Duration>,
    confirm: Option<Duration>,
    dry_run: bool,
    atomic: bool,
    at_once: bool,
    precondition: Precondition,
}

/// What becomes of one ACL of a patch: something, or a problem.
type Fate<T> = (AclName, Result<T, ApiError>);

/// `PATCH /acl/`: 200 with what became of each ACL.
///
/// # Errors
/// Every problem of a change that brings rules; with `atomic=false` only those of the request as a whole.
pub async fn patch(
    caller: Caller,
    State(state): State<ApiState>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let parameters = parameters.only(&["atomic", "ttl", "confirm", "dry_run"])?;
    let asked = Asked {
        ttl: parameters.ttl()?,
        confirm: parameters.confirm()?,
        dry_run: parameters.flag("dry_run", false)?,
        atomic: parameters.flag("atomic", true)?,
        at_once: prefers_async(&headers),
        precondition: precondition(&headers)?,
    };
    if asked.dry_run {
        // It shows what is there.
        caller.may_read()?;
    }
    body::check_media_type(&headers, &[body::MERGE_PATCH, body::JSON])?;
    let body = body::read(body).await?;
    let received = Received::now();
    // A thousand ACLs take a while to parse.
    let (state, caller, fates) = blocking(move || {
        let patch = merge::patch(&body)?;
        let fates = drafts(&state, &caller, patch);
        Ok((state, caller, fates))
    })
    .await?;
    match asked.atomic {
        true => {
            let drafts: Result<Vec<Draft>, ApiError> = fates.into_iter().map(|(_, draft)| draft).collect();
            together(state, &caller, drafts?, asked, received).await
        }
        false => apart(state, &caller, fates, asked, received).await,
    }
}

fn drafts(state: &ApiState, caller: &Caller, patch: Patch) -> Vec<Fate<Draft>> {
    let drafts = patch.into_iter().map(|(name, lines)| {
        let draft = Draft::new(state, caller, name.clone(), lines.as_ref());
        (name, draft)
    });
    drafts.collect()
}

/// All or none.
async fn together(
    state: ApiState,
    caller: &Caller,
    drafts: Vec<Draft>,
    asked: Asked,
    received: Received,
) -> Result<Response, ApiError> {
    let names: Vec<AclName> = drafts.iter().map(|draft| draft.name.clone()).collect();
    let about = |error: ApiError| match suspect(&names, &error) {
        Some(name) => error.about(name),
        None => error,
    };
    let caller = rights::as_writer_knows(caller);
    if asked.dry_run {
        let turn = state.turns.next().await;
        let runs =
            blocking(move || dry_run::together(&state, turn, drafts, asked.precondition, caller)).await;
        return runs.map_err(about).map(|runs| {
            let runs = runs.into_iter().map(|run| (run.acl.clone(), run));
            Json(runs.collect::<BTreeMap<_, _>>()).into_response()
        });
    }
    let etags: Vec<Option<String>> = drafts.iter().map(Draft::etag).collect();
    let edits = drafts.into_iter().map(|draft| draft.into_edit(asked.ttl));
    let order = Order {
        action: edit(edits.collect(), asked.confirm),
        precondition: asked.precondition,
        caller,
        received,
    };
    let answer = order.answer(&state, asked.at_once, |done| {
        let id = done.id().to_string();
        let results = names.iter().zip(etags).zip(&done.effects);
        let results = results.map(|((name, etag), effect)| (name, installed(etag, *effect, &id)));
        Json(results.collect::<BTreeMap<_, _>>()).into_response()
    });
    answer.await.map_err(about)
}

/// The ACL that a problem of many is about: the only one, or the only one whose file the tool's words name.
fn suspect<'a>(names: &'a [AclName], error: &ApiError) -> Option<&'a AclName> {
    if let [name] = names {
        return Some(name);
    }
    let words = error.words();
    let mut named = names.iter().filter(|name| {
        let file = file_name(name);
        words.iter().any(|line| line.contains(&file))
    });
    named.next().filter(|_| named.next().is_none())
}

/// Each on its own. All are handed to the writer before the first is waited for, so they go in one batch.
async fn apart(
    state: ApiState,
    caller: &Caller,
    fates: Vec<Fate<Draft>>,
    asked: Asked,
    received: Received,
) -> Result<Response, ApiError> {
    if asked.dry_run {
        let caller = rights::as_writer_knows(caller);
        let turn = state.turns.next().await;
        let (names, drafts): (Vec<AclName>, Vec<_>) = fates.into_iter().unzip();
        let runs = blocking(move || Ok(dry_run::apart(&state, turn, drafts, &asked.precondition, &caller)));
        let fates = names.into_iter().zip(runs.await?).collect();
        return Ok(each(fates, Rehearsed::Run));
    }
    let submitted = fates.into_iter().map(|(name, draft)| {
        let submitted = draft.and_then(|draft| {
            let etag = draft.etag();
            let order = Order {
                action: edit(vec![draft.into_edit(asked.ttl)], asked.confirm),
                precondition: asked.precondition.clone(),
                caller: rights::as_writer_knows(caller),
                received,
            };
            order.submit(&state).map(|submitted| (etag, submitted))
        });
        (name, submitted)
    });
    let submitted: Vec<Fate<(Option<String>, Submitted)>> = submitted.collect();
    if asked.at_once {
        let mut response = each(submitted, |(_, submitted)| accepted(&submitted));
        *response.status_mut() = StatusCode::ACCEPTED;
        response.headers_mut().extend([preference_applied()]);
        return Ok(response);
    }
    let mut slowest = ServerTiming::default();
    let mut fates: Vec<Fate<PatchResult>> = Vec::with_capacity(submitted.len());
    for (name, submitted) in submitted {
        let fate = match submitted {
            Ok((etag, submitted)) => finish(etag, submitted, &mut slowest).await,
            Err(error) => Err(error),
        };
        fates.push((name, fate));
    }
    let mut response = each(fates, |result| result);
    response.headers_mut().extend([timing_header(slowest)]);
    Ok(response)
}

async fn finish(
    etag: Option<String>,
    submitted: Submitted,
    slowest: &mut ServerTiming,
) -> Result<PatchResult, ApiError> {
    let id = submitted.id().to_string();
    let done = submitted.done().await?;
    slowest.queue = slowest.queue.max(done.timing.queue);
    slowest.commit = slowest.commit.max(done.timing.commit);
    slowest.tool = slowest.tool.max(done.timing.tool);
    let effect = done.effects.first().copied().unwrap_or(Effect::Unchanged);
    Ok(installed(etag, effect, &id))
}

/// What a dry run of one ACL says: what would be done, or why not.
#[derive(Serialize)]
#[serde(untagged)]
enum Rehearsed {
    Run(DryRun),
    Problem(PatchResult),
}

impl From<PatchResult> for Rehearsed {
    fn from(problem: PatchResult) -> Self {
        Self::Problem(problem)
    }
}

/// 200, with a member for each ACL.
fn each<T, U: From<PatchResult> + Serialize>(fates: Vec<Fate<T>>, good: impl Fn(T) -> U) -> Response {
    let results = fates.into_iter().map(|(name, fate)| {
        let result = match fate {
            Ok(fate) => good(fate),
            Err(error) => U::from(failed(error.about(&name))),
        };
        (name, result)
    });
    Json(results.collect::<BTreeMap<_, _>>()).into_response()
}

fn installed(etag: Option<String>, effect: Effect, id: &str) -> PatchResult {
    let status = match effect {
        Effect::Created => StatusCode::CREATED,
        Effect::Replaced | Effect::Unchanged => StatusCode::OK,
        Effect::Removed | Effect::Absent => StatusCode::NO_CONTENT,
    };
    PatchResult {
        status: status.as_u16(),
        etag,
        commit: Some(id.to_owned()),
        problem: None,
    }
}

fn accepted(submitted: &Submitted) -> PatchResult {
    PatchResult {
        status: StatusCode::ACCEPTED.as_u16(),
        etag: None,
        commit: Some(submitted.id().to_string()),
        problem: None,
    }
}

fn failed(error: ApiError) -> PatchResult {
    /// Of the tool's words, so many bytes for each ACL: a thousand may be refused, each with 32 KiB of them.
    const WORDS: usize = 4096;
    let commit = error.commit_id().map(str::to_owned);
    let mut problem = error.into_problem();
    let mut room = WORDS;
    let last = problem.output.iter().rev().take_while(|line| {
        let fits = line.len() <= room;
        room = room.saturating_sub(line.len());
        fits
    });
    // What went wrong comes last.
    problem.output.drain(..problem.output.len() - last.count());
    PatchResult {
        status: problem.status,
        etag: None,
        commit,
        problem: Some(problem),
    }
}
