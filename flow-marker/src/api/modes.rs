//! `/modes`: what the controllers may do, while flow-marker runs.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::auth::Caller;
use super::body::{self, MAX_BODY};
use super::error::{ApiError, WrongMember};
use super::parameters::Path;
use super::{Api, audit, pause};
use crate::actuator::Kind;
use crate::config::Mode;
use crate::control::desired::{About, Decision, What};
use crate::control::overrides::Set;

/// The mode of a controller.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct ModeState {
    /// `mark`, `capture` or `drop`.
    #[cfg_attr(test, schema(value_type = String))]
    controller: Kind,
    /// The mode in force, `observe` or `act`.
    #[cfg_attr(test, schema(value_type = String))]
    mode: Mode,
    /// What the configuration says.
    #[cfg_attr(test, schema(value_type = String))]
    configured: Mode,
    /// Since when it is set; nanoseconds since 1970 (UTC); null: it is as configured.
    since: Option<u64>,
    /// Who has set it.
    caller: Option<String>,
    /// For whom, in the caller's words.
    who: Option<String>,
    /// Why, in the caller's words.
    reason: Option<String>,
}

/// `GET /modes/json`
pub(super) async fn read(State(api): State<Api>) -> Json<Vec<ModeState>> {
    let set = api.overrides.read();
    let one = |controller| {
        let configured = api.overrides.configured(controller);
        let set = set.get(&controller);
        let said = set.map(|set| &set.said);
        ModeState {
            controller,
            mode: set.map_or(configured, |set| set.mode),
            configured,
            since: said.map(|said| said.since),
            caller: said.map(|said| said.caller.clone()),
            who: said.and_then(|said| said.who.clone()),
            reason: said.and_then(|said| said.reason.clone()),
        }
    };
    Json(Kind::ALL.map(one).into())
}

/// `PUT /modes/{name}`
///
/// # Errors
/// 400, 404, 408, 413
pub(super) async fn set(
    State(api): State<Api>,
    caller: Caller,
    path: Path,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let kind = kind(&path)?;
    let json = body::json(body, MAX_BODY).await?;
    let members = body::members(&json, "a mode", &["mode", "who", "reason"])?;
    let mode = match members.get("mode").and_then(Value::as_str) {
        Some("observe") => Mode::Observe,
        Some("act") => Mode::Act,
        _ => return Err(WrongMember::new("mode", "observe or act is expected").into()),
    };
    let now = api.clock.now();
    let said = pause::said(&api, &caller, now, members)?;
    let why = said.reason.clone();
    api.overrides.set(&api.switches, now, kind, Set { mode, said });
    decided(&api, &caller, (kind, mode), "set", why.as_deref());
    audit(&caller, "PUT", "mode", kind.name());
    api.keeper.keep().await;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /modes/{name}`
///
/// # Errors
/// 404
pub(super) async fn clear(
    State(api): State<Api>,
    caller: Caller,
    path: Path,
) -> Result<StatusCode, ApiError> {
    let kind = kind(&path)?;
    if api.overrides.clear(&api.switches, api.clock.now(), kind) {
        let mode = api.overrides.configured(kind);
        decided(&api, &caller, (kind, mode), "configured", None);
    }
    audit(&caller, "DELETE", "mode", kind.name());
    api.keeper.keep().await;
    Ok(StatusCode::NO_CONTENT)
}

fn decided(api: &Api, caller: &Caller, (kind, mode): (Kind, Mode), reason: &'static str, why: Option<&str>) {
    let word = match mode {
        Mode::Observe => "observe",
        Mode::Act => "act",
    };
    let why = why.map_or_else(|| word.to_owned(), |why| format!("{word}: {why}"));
    let decision = Decision::new(api.clock.now(), What::ModeChanged, About::Controller(kind))
        .in_mode(mode)
        .because(reason, &why)
        .by(Some(Arc::from(caller.id())));
    api.switches.journal().record(None, [decision]);
}

/// The controller that a path names.
fn kind(path: &Path) -> Result<Kind, ApiError> {
    let name = path.name()?;
    let known = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| ApiError::no_such_thing("controller", name, Kind::ALL.map(Kind::name)))
}
