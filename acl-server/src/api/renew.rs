//! `POST /acl/renew`: leases go on without a commit.

use axum::Json;
use axum::extract::State;
use shared::wire::Renewed;

use super::ApiState;
use super::acls::blocking;
use super::auth::Caller;
use super::error::ApiError;
use super::parameters::Parameters;

/// `POST /acl/renew?prefix=P&ttl=S`: lets every lease under the prefix last until S from now at least. An empty prefix,
/// which keeps everybody's ACLs alive, is for admins.
///
/// # Errors
/// 400 without prefix or time, 403 for a prefix beyond the caller's, 503 when it cannot be made durable.
pub async fn renew(
    caller: Caller,
    State(state): State<ApiState>,
    parameters: Parameters,
) -> Result<Json<Renewed>, ApiError> {
    let parameters = parameters.only(&["prefix", "ttl"])?;
    let example = "POST /acl/renew?prefix=fm_&ttl=60";
    let missing = |name: &str| ApiError::bad_query(format!("`{name}` is missing, as in {example}"));
    let prefix = parameters.prefix()?.ok_or_else(|| missing("prefix"))?.to_owned();
    let ttl = parameters.ttl()?.ok_or_else(|| missing("ttl"))?;
    if prefix.is_empty() && !caller.is_admin() {
        let detail = "`prefix` is empty, and only a caller with the scope admin renews everybody's leases; say how your \
                      names begin";
        return Err(ApiError::forbidden(detail));
    }
    if !prefix.is_empty() {
        caller.may_clear(Some(&prefix))?;
    }
    let renewed = blocking(move || {
        // Who may not make such rules may not keep them, either.
        caller.may_act(state.committer.leased_actions(&prefix))?;
        let renewed = state.committer.renew(&prefix, ttl);
        let (renewed, set_etag) = renewed.map_err(|error| ApiError::unwritable(&error))?;
        // Controllers do it every few seconds, and nothing changes on the switch.
        let (who, from) = (caller.id(), caller.from());
        tracing::debug!(target: "audit", who, from, what = "renew", prefix, renewed);
        Ok((renewed, set_etag))
    });
    let (renewed, set_etag) = renewed.await?;
    Ok(Json(Renewed { renewed, set_etag }))
}
