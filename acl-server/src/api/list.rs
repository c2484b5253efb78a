//! `GET /acl/`: all ACLs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::AclName;
use shared::wire::AclSummary;

use super::acls::{blocking, whole_seconds};
use super::draft::lines_of;
use super::error::ApiError;
use super::neighbours::Neighbours;
use super::parameters::Parameters;
use super::{ApiState, counters};
use crate::commit::Committer;
use crate::rules::{self, Mode};
use crate::store::etag;

/// `GET /acl/`: the names, sorted; `?prefix=` filters, `?details=true` says more of each, `?counters=true` what
/// their rules match.
///
/// # Errors
/// 400 for unknown parameters, 503 when the directory cannot be read or the tool does not list now.
pub async fn list(State(state): State<ApiState>, parameters: Parameters) -> Result<Response, ApiError> {
    let parameters = parameters.only(&["prefix", "details", "counters"])?;
    let prefix = parameters.prefix()?.unwrap_or_default().to_owned();
    let details = parameters.flag("details", false)?;
    match parameters.flag("counters", false)? {
        true if details => {
            return Err(ApiError::bad_query(
                "`details` and `counters` are two answers: ask for one at a time".to_owned(),
            ));
        }
        true => return counters::of_prefix(&state, prefix).await,
        false => {}
    }
    let turn = match details {
        true => Some(state.turns.next().await),
        false => None,
    };
    blocking(move || {
        let names = state.committer.names();
        let mut names = names.map_err(|error| ApiError::unreadable(&error.into()))?;
        names.retain(|name| name.as_str().starts_with(&prefix));
        let Some(turn) = turn else {
            return Ok(Json(names).into_response());
        };
        let neighbours = Neighbours::read(&state.committer, turn);
        // One that vanished meanwhile, or cannot be read, has no summary.
        let summaries = names
            .iter()
            .filter_map(|name| summary(&state.committer, &neighbours, name));
        Ok(Json(summaries.collect::<Vec<_>>()).into_response())
    })
    .await
}

fn summary(committer: &Committer, neighbours: &Neighbours, name: &AclName) -> Option<AclSummary> {
    let summary = committer.summary(name).ok().flatten()?;
    let lines = lines_of(&summary.content);
    let policy = rules::parse_with(&lines, Mode::Lenient);
    let warnings = policy.map(|policy| some(neighbours.warnings(name, &policy)));
    Some(AclSummary {
        etag: etag(&summary.content),
        lines: lines.len(),
        rules: rules::count_rules(&lines),
        entries: summary.entries,
        ttl: summary.ttl.map(whole_seconds),
        drift: summary.drift,
        warnings: warnings.unwrap_or_default(),
        name: summary.name,
    })
}

/// The first few: 10,000 ACLs of 1,000 rules could have more to be said of than anybody reads. A dry run has all.
fn some(mut warnings: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 8;
    let more = warnings.len().saturating_sub(SHOWN);
    warnings.truncate(SHOWN);
    if more > 0 {
        warnings.push(format!("and {more} more"));
    }
    warnings
}
