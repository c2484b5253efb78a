//! Who is calling (`acl-server` contract §4). Nothing here knows what the callers may: `S` is the daemon's own.
//!
//! Without credentials, somebody on this machine is trusted while no credentials are configured at all, but a browser or
//! a proxy that reaches loopback on somebody else's behalf is not: requests that show such a detour, or are meant for
//! another host, need credentials. Credentials that are shown and wrong are refused everywhere, also where none are needed:
//! a client that believes it is known must not be anonymous by mistake.
//!
//! Whoever can connect may ask `/healthz`, `/readyz` and `/version`, which tell nothing of what is served.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};

use super::authorization;
use super::credentials::Credentials;
use super::peer::Peer;
use crate::host::is_local;

/// Says in the log who was turned away, but not for ever.
mod doorman;

use doorman::Doorman;

/// By what a caller is known.
#[derive(Debug)]
pub enum Identity<S> {
    /// By nothing, over TCP: on this machine, or anywhere with `no_auth`.
    Address(IpAddr),
    /// By nothing but the user, over a unix socket.
    User(u32),
    /// Root, over a unix socket.
    Root,
    /// By nothing at all: `no_auth`, and a connection that tells nothing.
    Nobody,
    /// By a token.
    Token {
        /// How it is called.
        name: Arc<str>,
        /// What it may.
        may: Arc<S>,
    },
    /// By a client certificate.
    Certificate {
        /// The subject as it is configured.
        subject: Arc<str>,
        /// What it may.
        may: Arc<S>,
    },
}

/// `S` itself need not be copied.
impl<S> Clone for Identity<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Address(address) => Self::Address(*address),
            Self::User(uid) => Self::User(*uid),
            Self::Root => Self::Root,
            Self::Nobody => Self::Nobody,
            Self::Token { name, may } => Self::Token {
                name: Arc::clone(name),
                may: Arc::clone(may),
            },
            Self::Certificate { subject, may } => Self::Certificate {
                subject: Arc::clone(subject),
                may: Arc::clone(may),
            },
        }
    }
}

impl<S> Identity<S> {
    /// Somebody without credentials where none are needed.
    pub fn anonymous(peer: &Peer) -> Self {
        match (peer.address, peer.unix) {
            (Some(address), _) => Self::Address(address.ip()),
            (None, Some(unix)) => Self::User(unix.uid),
            (None, None) => Self::Nobody,
        }
    }

    /// What is configured for the caller; `None` when nothing is.
    pub fn may(&self) -> Option<&S> {
        match self {
            Self::Token { may, .. } | Self::Certificate { may, .. } => Some(may),
            Self::Address(_) | Self::User(_) | Self::Root | Self::Nobody => None,
        }
    }
}

/// The same for the same caller, on whatever connection, for audit records and for fairness between callers:
/// `token:flow-marker`, `cert:CN=x`, `uid:1000`, `127.0.0.1`.
impl<S> std::fmt::Display for Identity<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::User(uid) => write!(f, "uid:{uid}"),
            Self::Root => f.write_str("uid:0"),
            Self::Nobody => f.write_str("anonymous"),
            Self::Token { name, .. } => write!(f, "token:{name}"),
            Self::Certificate { subject, .. } => write!(f, "cert:{subject}"),
        }
    }
}

/// Decides who is calling.
#[derive(Debug)]
pub struct Access<S> {
    known: ArcSwap<Known<S>>,
    no_auth: bool,
    doorman: Doorman,
}

#[derive(Debug)]
struct Known<S> {
    credentials: Credentials<S>,
    /// Callers without credentials are refused: there are some, or there is a place for them.
    required: bool,
}

/// Why a request has no caller, for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is shown, and this is why something would have to be.
    #[error(
        "{0}; show a token, with curl: -u NAME:TOKEN or -H 'Authorization: Bearer TOKEN', or a client certificate"
    )]
    Needed(String),
    /// What is shown is wrong; the client is not told how.
    #[error("these credentials are not known here, or the name that comes with them is not theirs")]
    Wrong,
}

impl Refusal {
    /// What `WWW-Authenticate` says. Not Basic, although that is understood: browsers would ask for a password, keep it, and
    /// send it along with the requests of every page.
    pub const CHALLENGE: &str = "Bearer";
}

/// What a request wants, as far as its method and path tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// What everybody who can connect may ask.
    Open,
    /// To read: `GET` and `HEAD`.
    Read,
    /// To change something: every other method.
    Change,
}

impl Wish {
    /// What everybody who can connect may ask.
    const OPEN: [&str; 3] = ["/healthz", "/readyz", "/version"];

    /// What a request wants.
    pub fn of(request: &Request) -> Self {
        match *request.method() {
            Method::GET | Method::HEAD if Self::OPEN.contains(&request.uri().path()) => Self::Open,
            Method::GET | Method::HEAD => Self::Read,
            _ => Self::Change,
        }
    }
}

/// Somebody whom we know, on a connection.
#[derive(Debug)]
pub struct Admitted<S> {
    /// By what he is known.
    pub identity: Identity<S>,
    /// The connection.
    pub peer: Arc<Peer>,
}

/// Headers that a proxy or a browser adds, and curl does not.
const DETOURS: [&str; 4] = ["forwarded", "x-forwarded-for", "via", "origin"];

impl<S> Access<S> {
    /// Callers are known by `credentials`; `required` says that nobody gets in without, `no_auth` that everybody does.
    pub fn new(credentials: Credentials<S>, required: bool, no_auth: bool) -> Self {
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
    pub fn replace(&self, credentials: Credentials<S>, required: bool) {
        let required = required || !credentials.is_empty();
        self.known.store(Arc::new(Known {
            credentials,
            required,
        }));
    }

    /// Who sends a request; nobody when it comes without credentials and asks what everybody may. What he may besides is
    /// for the daemon to say. Whoever is turned away is in the log, but not for ever.
    ///
    /// # Errors
    /// Nobody whom we serve.
    pub fn admit(&self, request: &Request) -> Result<Option<Admitted<S>>, Refusal> {
        // Nobody knows where a request without a peer comes from, so it is from nowhere near.
        let peer = request
            .extensions()
            .get::<Arc<Peer>>()
            .cloned()
            .unwrap_or_default();
        let authority = request.uri().authority().map(Authority::as_str);
        match self.caller(&peer, request.headers(), authority) {
            Ok(identity) => Ok(Some(Admitted { identity, peer })),
            Err(Refusal::Needed(_)) if Wish::of(request) == Wish::Open => Ok(None),
            Err(refusal) => {
                self.doorman.turned_away(&peer, &refusal);
                Err(refusal)
            }
        }
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
    ) -> Result<Identity<S>, Refusal> {
        let known = self.known.load();
        match authorization::shown(headers) {
            Err(authorization::Unusable) => return Err(Refusal::Wrong),
            Ok(Some(shown)) => {
                let found = known.credentials.by_token(&shown).ok_or(Refusal::Wrong)?;
                return Ok(Identity::Token {
                    name: found.name.into(),
                    may: Arc::clone(found.may),
                });
            }
            Ok(None) => {}
        }
        if let Some(certificate) = &peer.certificate
            && let Some(found) = known.credentials.by_certificate(certificate)
        {
            return Ok(Identity::Certificate {
                subject: found.name.into(),
                may: Arc::clone(found.may),
            });
        }
        let objection = objection(peer, headers, authority);
        match (objection, &peer.unix) {
            // Whoever is root can change the files and run the tool anyway.
            (None, Some(unix)) if unix.uid == 0 => Ok(Identity::Root),
            _ if self.no_auth => Ok(Identity::anonymous(peer)),
            (Some(objection), _) => Err(Refusal::Needed(objection)),
            (None, _) if known.required => Err(Refusal::Needed(unknown(peer))),
            (None, _) if peer.is_local() => Ok(Identity::anonymous(peer)),
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
        "the Host `{strange}` is neither loopback nor the listen address: call this server by one of these"
    ))
}
