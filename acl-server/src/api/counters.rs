//! `GET /acl/{name}/counters` and `GET /acl/?counters=true`: what each rule has matched, as the tool lists it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::AGE;
use axum::response::{IntoResponse, Response};
use shared::AclName;
use shared::wire::{AclCounters, RuleCounters};

use super::ApiState;
use super::acls::blocking;
use super::draft::lines_of;
use super::error::ApiError;
use super::parameters::{Name, Parameters};
use crate::commit::Committer;
use crate::metrics;
use crate::rules::{self, Mode, Policy};
use crate::tool::ListError;
use crate::tool::counters::Counted;
use crate::tool::listing::Listing;

/// A commit keeps the tool busy for less than this, mostly.
const AFTER_COMMIT: Duration = Duration::from_secs(2);
/// A tool that cannot list will hardly learn it at once.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Rules whose counters are answered at once: two megabytes. A prefix asks for fewer.
const MOST: usize = 20_000;

/// `GET /acl/{name}/counters`: one element a rule.
///
/// # Errors
/// 404, 503 when the file cannot be read or the tool does not list now.
pub async fn read(
    State(state): State<ApiState>,
    Name(name): Name,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let (committer, acl) = (state.committer.clone(), name.clone());
    let content = blocking(move || {
        let content = committer
            .read(&acl)
            .map_err(|error| ApiError::unreadable(&error).about(&acl))?;
        content.ok_or_else(|| ApiError::no_such_acl(&acl))
    })
    .await?;
    let counted = listing(&state)
        .await
        .map_err(|error| no_listing(&error).about(&name))?;
    let listing = counted.clone();
    let counters = blocking(move || Ok(count(listed(listing.as_ref()), &name, &content))).await?;
    Ok(aged(counted.as_ref(), Json(counters)))
}

/// `GET /acl/?counters=true`: the counters of all ACLs whose name begins so, for those who would ask for each of them.
///
/// # Errors
/// 400 when these are more rules than anybody asks for at once, 503 as for one ACL.
pub async fn of_prefix(state: &ApiState, prefix: String) -> Result<Response, ApiError> {
    let counted = listing(state).await.map_err(|error| no_listing(&error))?;
    let (listing, committer) = (counted.clone(), state.committer.clone());
    let all = blocking(move || {
        let names = committer.names();
        let names = names.map_err(|error| ApiError::unreadable(&error.into()))?;
        let (mut all, mut rules) = (Vec::new(), 0);
        for name in names
            .into_iter()
            .filter(|name| name.as_str().starts_with(&prefix))
        {
            // One that vanished meanwhile, or cannot be read, has no counters.
            let Some(content) = committer.read(&name).ok().flatten() else {
                continue;
            };
            let counters = count(listed(listing.as_ref()), &name, &content);
            rules += counters.len();
            if rules > MOST {
                return Err(ApiError::bad_query(format!(
                    "these ACLs have more than {MOST} rules: ask for fewer with `prefix`"
                )));
            }
            all.push(AclCounters { name, counters });
        }
        Ok(all)
    });
    Ok(aged(counted.as_ref(), Json(all.await?)))
}

/// With the age of the listing in whole seconds (RFC 9111 §5.1).
fn aged(counted: Option<&Counted>, body: impl IntoResponse) -> Response {
    let age = counted.map(|counted| [(AGE, counted.age().as_secs().to_string())]);
    (age.into_iter().next(), body).into_response()
}

fn listed(counted: Option<&Counted>) -> Option<&Listing> {
    counted.map(|counted| &*counted.listing)
}

fn no_listing(error: &ListError) -> ApiError {
    let after = match error {
        ListError::Busy => AFTER_COMMIT,
        _ => AFTER_FAILURE,
    };
    ApiError::no_listing(&error.to_string(), after)
}

/// What the tool lists now; `None`: it is not asked.
async fn listing(state: &ApiState) -> Result<Option<Counted>, ListError> {
    match &state.counters {
        Some(counters) => Ok(Some(counters.listing().await?)),
        None => Ok(None),
    }
}

/// The counters of all rules of a file, in the order of their lines.
fn count(listing: Option<&Listing>, name: &AclName, content: &[u8]) -> Vec<RuleCounters> {
    let lines = lines_of(content);
    let unknown = |line: u32| RuleCounters {
        line,
        packets: None,
        bytes: None,
    };
    match (rules::parse_with(&lines, Mode::Lenient), listing) {
        (Ok(policy), Some(listing)) => listing.counters(name, &policy).iter().map(on_wire).collect(),
        (Ok(policy), None) => numbers(&policy).map(unknown).collect(),
        // Made by hand, and not understood: what looks like a rule has no counters that anybody knows.
        (Err(_), _) => {
            let numbered = (1..).zip(&lines);
            let rules = numbered.filter(|(_, line)| rules::count_rules(&[line]) == 1);
            rules.map(|(number, _)| unknown(number)).collect()
        }
    }
}

fn numbers(policy: &Policy) -> impl Iterator<Item = u32> {
    let mut lines: Vec<u32> = policy.canonical_rules().map(|(line, _)| line).collect();
    lines.sort_unstable();
    lines.into_iter()
}

const fn on_wire(counters: &metrics::RuleCounters) -> RuleCounters {
    RuleCounters {
        line: counters.line,
        packets: counters.packets,
        bytes: counters.bytes,
    }
}

/// The counters of all rules of all ACLs, until there are `most` rules. None when the tool does not list now.
pub async fn all(state: &ApiState, most: usize) -> Vec<(AclName, Vec<metrics::RuleCounters>)> {
    let Ok(Some(Counted { listing, .. })) = listing(state).await else {
        return Vec::new();
    };
    let committer = state.committer.clone();
    let all = blocking(move || Ok(each(&committer, &listing, most)));
    all.await.unwrap_or_default()
}

fn each(committer: &Committer, listing: &Listing, most: usize) -> Vec<(AclName, Vec<metrics::RuleCounters>)> {
    let (mut all, mut rules) = (Vec::new(), 0);
    for name in committer.names().unwrap_or_default() {
        if rules >= most {
            break;
        }
        let content = committer.read(&name).ok().flatten().unwrap_or_default();
        if let Ok(policy) = rules::parse_with(&lines_of(&content), Mode::Lenient) {
            let counters = listing.counters(&name, &policy);
            rules += counters.len();
            all.push((name, counters));
        }
    }
    all
}
