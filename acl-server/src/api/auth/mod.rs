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

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use shared::host::is_local;
use shared::serve::{Credentials, Peer, authorization};

use super::error::ApiError;
use crate::config::access::Scopes;

/// Somebody who has been let in, and what he may.
pub mod caller;
/// Makes tokens.
pub mod issue;
/// Says in the log who was turned away, but not for ever.
mod doorman;

pub use caller::{Caller, Denied};

use doorman::Doorman;

/// Decides who is calling.
#[derive(Debug)]
pub struct Access {
    known: ArcSwap<Known>,
    no_auth: bool,
    doorman: Doorman,
}

#[derive(Debug)]
struct Known {
    credentials: Credentials<Scopes>,
    /// Callers without credentials are refused: there are some, or there is a place for them.
    required: bool,
}

/// Why a request has no caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is shown, and this is why something would have to be.
    Needed(String),
    /// What is shown is wrong; the client is not told how.
    Wrong,
}

/// Headers that a proxy or a browser adds, and curl does not.
const DETOURS: [&str; 4] = ["forwarded", "x-forwarded-for", "via", "origin"];

/// What everybody who can connect may ask.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/version"];

impl Access {
    /// Callers are known by `credentials`; `required` says that nobody gets in without, `no_auth` that everybody does.
    pub fn new(credentials: Credentials<Scopes>, required: bool, no_auth: bool) -> Self {
        let required = required || !credentials.is_empty();
        Self {
            known: ArcSwap::from_pointee(Known {
                credentials,
                required,
            }),
            no_auth,
            doorman: Doorman::default(),
        }
    }

    /// From the next request on, callers are known by these.
    pub fn replace(&self, credentials: Credentials<Scopes>, required: bool) {
        let required = required || !credentials.is_empty();
        self.known.store(Arc::new(Known {
            credentials,
            required,
        }));
    }

    /// Who is calling. `authority` is that of the request's target: HTTP/2 has it there instead of in `Host`.
    ///
    /// # Errors
    /// Nobody whom we serve.
    pub fn caller(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        authority: Option<&str>,
    ) -> Result<Caller, Refusal> {
        let known = self.known.load();
        match authorization::shown(headers) {
            Err(authorization::Unusable) => return Err(Refusal::Wrong),
            Ok(Some(shown)) => {
                let found = known.credentials.by_token(&shown).ok_or(Refusal::Wrong)?;
                return Ok(Caller::token(found.name, found.may, peer));
            }
            Ok(None) => {}
        }
        if let Some(certificate) = &peer.certificate
            && let Some(found) = known.credentials.by_certificate(certificate)
        {
            return Ok(Caller::certificate(found.name, found.may, peer));
        }
        let objection = objection(peer, headers, authority);
        match (objection, &peer.unix) {
            // Whoever is root can change the files and run the tool anyway.
            (None, Some(unix)) if unix.uid == 0 => Ok(Caller::root(peer)),
            _ if self.no_auth => Ok(Caller::anonymous(peer)),
            (Some(objection), _) => Err(Refusal::Needed(objection)),
            (None, _) if known.required => Err(Refusal::Needed(unknown(peer))),
            (None, _) if peer.is_local() => Ok(Caller::anonymous(peer)),
            (None, _) => Err(Refusal::Needed(
                "only callers on the same machine need no credentials".to_owned(),
            )),
        }
    }
}

/// What is said to somebody who shows nothing that we know.
fn unknown(peer: &Peer) -> String {
    match &peer.certificate {
        Some(certificate) => format!(
            "no [[certificate]] is configured for the subject {:?}",
            certificate.subject
        ),
        None => "this server knows its callers by credentials".to_owned(),
    }
}

/// Why a request does not come from somebody on this machine directly; `None` when it does.
fn objection(peer: &Peer, headers: &HeaderMap, authority: Option<&str>) -> Option<String> {
    if let Some(detour) = DETOURS.iter().find(|name| headers.contains_key(**name)) {
        return Some(format!(
            "the request carries `{detour}`, so it does not come from a local user directly"
        ));
    }
    let local = peer
        .local
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
    // Each of them, if there are several: whoever adds one does not get around the other.
    let named = headers
        .get_all(header::HOST)
        .iter()
        .map(|host| host.to_str().ok());
    let mut hosts = authority.map(Some).into_iter().chain(named).peekable();
    if hosts.peek().is_none() {
        return Some("the request names no Host".to_owned());
    }
    let strange = hosts.find(|host| !host.is_some_and(|host| is_local(host, local)))?;
    let strange = strange.unwrap_or("(no text)");
    Some(format!(
        "the Host `{strange}` is neither loopback nor the listen address"
    ))
}

/// Puts the caller among the extensions of a request, or turns it away.
///
/// # Errors
/// 401 for nobody whom we serve, 403 for somebody who may not do this.
pub async fn check(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    // Nobody knows where a request without a peer comes from, so it is from nowhere near.
    let peer = request
        .extensions()
        .get::<Arc<Peer>>()
        .cloned()
        .unwrap_or_default();
    let authority = request.uri().authority().map(Authority::as_str);
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let open = reads && OPEN.contains(&request.uri().path());
    match access.caller(&peer, request.headers(), authority) {
        Err(Refusal::Needed(_)) if open => {}
        Err(refusal) => {
            access.doorman.turned_away(&peer, &refusal);
            return Err(match refusal {
                Refusal::Needed(why) => ApiError::credentials_needed(&why),
                Refusal::Wrong => ApiError::wrong_credentials(),
            });
        }
        Ok(caller) => {
            let may = match reads {
                true => caller.may_read(),
                false => caller.may_write(),
            };
            if !open {
                may?;
            }
            request.extensions_mut().insert(caller);
        }
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
        caller.ok_or_else(|| ApiError::credentials_needed("this request has no caller"))
    }
}

#[cfg(test)]
mod tests;
