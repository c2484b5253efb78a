//! What users define by name: flows, thresholds, groups, maps, targets of forwarding. Each kind says what it is, and the
//! four handlers here do the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::auth::Caller;
use super::body::{self, MAX_BODY};
use super::error::ApiError;
use super::parameters::Path;
use super::{Api, audit};
use crate::engine::{Engine, Named};

/// A kind of thing that users define by name.
pub(super) trait Defined: Sized + Send + Sync + 'static {
    /// How one of them is called.
    const KIND: &'static str;
    /// What the API shows of one.
    type Shown: Serialize;

    /// Reads the body of a PUT.
    ///
    /// # Errors
    /// 400
    fn read(json: &Value) -> Result<Self, ApiError>;

    /// What the API shows of this one.
    fn shown(self: Arc<Self>) -> Self::Shown;

    /// All of them.
    fn all(engine: &Engine) -> Named<Self>;

    /// Adds or replaces one.
    ///
    /// # Errors
    /// 400, 507
    fn set(self, engine: &Engine, name: &str) -> Result<(), ApiError>;

    /// Takes one out; false when there was none of this name.
    fn clear(engine: &Engine, name: &str) -> bool;

    /// Whether somebody who may write may change these too.
    ///
    /// # Errors
    /// 403
    fn may_change(_: &Caller) -> Result<(), ApiError> {
        Ok(())
    }
}

/// The thing of this name.
///
/// # Errors
/// 404, with the names that there are.
pub(super) fn known<T: Defined>(named: &Named<T>, name: &str) -> Result<Arc<T>, ApiError> {
    let found = named.get(name).map(Arc::clone);
    found.ok_or_else(|| ApiError::no_such_thing(T::KIND, name, named.iter().map(|(name, _)| &**name)))
}

/// `GET /KIND/json`
pub(super) async fn list<T: Defined>(State(api): State<Api>) -> Json<BTreeMap<Arc<str>, T::Shown>> {
    let things = T::all(&api.engine).copies().into_iter();
    Json(things.map(|(name, thing)| (name, thing.shown())).collect())
}

/// `GET /KIND/{name}/json`
///
/// # Errors
/// 404
pub(super) async fn read<T: Defined>(State(api): State<Api>, path: Path) -> Result<Json<T::Shown>, ApiError> {
    let thing = known(&T::all(&api.engine), path.name()?)?;
    Ok(Json(thing.shown()))
}

/// `PUT /KIND/{name}/json`
///
/// # Errors
/// 400, 403, 413, 507
pub(super) async fn put<T: Defined>(
    State(api): State<Api>,
    caller: Caller,
    path: Path,
    body: Body,
) -> Result<StatusCode, ApiError> {
    T::may_change(&caller)?;
    let name = path.name()?;
    let thing = T::read(&body::json(body, MAX_BODY).await?)?;
    thing.set(&api.engine, name)?;
    audit(&caller, "PUT", T::KIND, name);
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /KIND/{name}/json`
///
/// # Errors
/// 403, 404
pub(super) async fn delete<T: Defined>(
    State(api): State<Api>,
    caller: Caller,
    path: Path,
) -> Result<StatusCode, ApiError> {
    T::may_change(&caller)?;
    let name = path.name()?;
    if !T::clear(&api.engine, name) {
        known(&T::all(&api.engine), name)?;
    }
    audit(&caller, "DELETE", T::KIND, name);
    Ok(StatusCode::NO_CONTENT)
}
