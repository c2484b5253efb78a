//! Who may use the API (`acl-server` contract §4).
//!
//! Whoever can connect may ask `/healthz`, `/readyz` and `/version`, which tell nothing about ACLs. Everything else needs a
//! `Caller`: `GET` and `HEAD` one that may read, every other method one that may write; handlers ask it for the rest
//! (which names, which actions).
//!
//! Without credentials, somebody on this machine is trusted while no credentials are configured at all, but a browser or
//! a proxy that reaches loopback on somebody else's behalf is not: requests that show such a detour, or are meant for
//! another host, need credentials. Credentials that are shown and wrong are refused everywhere, also where none are needed:
//! a client that believes it is known must not be anonymous by mistake.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use shared::serve::access::{self, Admitted, Refusal, Wish};

use super::error::ApiError;
use crate::config::access::Scopes;

/// Somebody who has been let in, and what he may.
pub mod caller;
/// Makes tokens.
pub mod issue;

pub use caller::{Caller, Denied};

/// Decides who is calling.
pub type Access = access::Access<Scopes>;

/// Puts the caller among the extensions of a request, or turns it away.
///
/// # Errors
/// 401 for nobody whom we serve, 403 for somebody who may not do this.
pub async fn check(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if let Some(Admitted { identity, peer }) = access.admit(&request)? {
        let caller = Caller::new(identity, &peer);
        match Wish::of(&request) {
            Wish::Open => {}
            Wish::Read => caller.may_read()?,
            Wish::Change => caller.may_write()?,
        }
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

impl From<Denied> for ApiError {
    fn from(Denied(why): Denied) -> Self {
        Self::forbidden(why)
    }
}

/// For handlers: the caller that [`check`] has let in.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Only a route that everybody may ask has no caller, and none of those takes one.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Refusal::Needed("this request has no caller".to_owned()).into())
    }
}

#[cfg(test)]
mod tests;
