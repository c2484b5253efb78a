//! Who may use the API.
//!
//! Whoever can connect may ask `/healthz`, `/readyz` and `/version`. Everything else needs a `Caller`: `GET` and `HEAD` one
//! that may read, every other method one that may write; handlers ask it for the rest.
//!
//! A change that comes from a browser must come from our own page besides (`browser`).

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use shared::serve::Peer;
use shared::serve::access::{self, Admitted, Identity, Refusal, Wish};

use super::browser::{self, PageToken};
use super::error::ApiError;
use crate::config::http::Scopes;

/// Decides who is calling.
pub type Access = access::Access<Scopes>;

/// Who is calling, from where, and what he may.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity<Scopes>,
    peer: Arc<Peer>,
}

impl Caller {
    /// Somebody on a connection.
    pub const fn new(identity: Identity<Scopes>, peer: Arc<Peer>) -> Self {
        Self { identity, peer }
    }

    /// The same for the same caller, on whatever connection: `token:dashboard`, `cert:CN=x`, `uid:1000`, `127.0.0.1`.
    pub fn id(&self) -> String {
        self.identity.to_string()
    }

    /// The connection, for audit records: `192.0.2.7:50123`.
    pub fn from(&self) -> String {
        self.peer.to_string()
    }

    fn allow(&self, may: bool, what: &str) -> Result<(), ApiError> {
        match may {
            true => Ok(()),
            false => Err(ApiError::forbidden(format!("{} {what}", self.id()))),
        }
    }

    fn may_read(&self) -> Result<(), ApiError> {
        let may = self.identity.may().is_none_or(|may| may.read || may.admin);
        self.allow(may, "may not read: it has no scope `read`")
    }

    /// Whether the caller may change anything.
    ///
    /// # Errors
    /// 403
    pub(super) fn may_write(&self) -> Result<(), ApiError> {
        let may = self.identity.may().is_none_or(|may| may.write || may.admin);
        self.allow(may, "may not change anything: it has no scope `write`")
    }

    /// Whether a browser without credentials means us, and not a name that somebody made ours.
    ///
    /// # Errors
    /// 403
    pub(super) fn is_meant(&self, request: &Request) -> Result<(), ApiError> {
        match self.identity.may() {
            Some(_) => Ok(()),
            None => browser::means_us(request, &self.peer),
        }
    }

    /// Whether the caller may have datagrams sent on to another machine: with `admin`, or without credentials on this
    /// machine, whose users can do that without us. Whoever may can have us flood an address of his choice.
    ///
    /// # Errors
    /// 403
    pub fn may_forward(&self) -> Result<(), ApiError> {
        let may = match self.identity.may() {
            Some(may) => may.admin,
            None => self.peer.is_local(),
        };
        self.allow(
            may,
            "may not have datagrams sent on: that takes the scope `admin`, or a user of this machine where nobody needs \
             credentials",
        )
    }
}

/// What [`check`] needs.
#[derive(Debug, Clone)]
pub struct Door {
    /// Who is known.
    pub access: Arc<Access>,
    /// What our page shows.
    pub page: PageToken,
}

/// Puts the caller among the extensions of a request, or turns it away.
///
/// # Errors
/// 401 for nobody whom we serve, 403 for somebody who may not do this, or not from there.
pub async fn check(State(door): State<Door>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let wish = Wish::of(&request);
    if wish == Wish::Change {
        browser::may_change(&mut request, &door.page)?;
    }
    if let Some(Admitted { identity, peer }) = door.access.admit(&request)? {
        let caller = Caller::new(identity, peer);
        match wish {
            Wish::Open => {}
            Wish::Read => caller.may_read()?,
            Wish::Change => {
                caller.is_meant(&request)?;
                caller.may_write()?;
            }
        }
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
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
mod tests {
    use super::*;

    fn caller(scopes: Option<Scopes>, address: &str) -> Caller {
        let peer = Peer {
            address: address.parse().ok(),
            ..Peer::default()
        };
        let identity = match scopes {
            None => Identity::anonymous(&peer),
            Some(may) => Identity::Token {
                name: "t".into(),
                may: Arc::new(may),
            },
        };
        Caller::new(identity, Arc::new(peer))
    }

    #[test]
    fn sending_datagrams_elsewhere_takes_more_than_writing() {
        let (near, far) = ("127.0.0.1:1", "192.0.2.7:1");
        let scopes = |read, write, admin| Some(Scopes { read, write, admin });
        for (scopes, from, expected) in [
            (None, near, [true, true, true]),
            // Without credentials from afar: `no_auth`.
            (None, far, [true, true, false]),
            (scopes(true, false, false), near, [true, false, false]),
            (scopes(false, true, false), near, [false, true, false]),
            (scopes(true, true, false), near, [true, true, false]),
            (scopes(false, false, true), far, [true, true, true]),
        ] {
            let caller = caller(scopes, from);
            let may = [
                caller.may_read().is_ok(),
                caller.may_write().is_ok(),
                caller.may_forward().is_ok(),
            ];
            assert_eq!(may, expected, "{scopes:?} {from}");
        }
    }
}
