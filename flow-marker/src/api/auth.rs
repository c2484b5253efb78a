//! Who may use the API.
//!
//! Whoever can connect may ask `/healthz`, `/readyz` and `/version`. Everything else needs a `Caller`: `GET` and `HEAD` one
//! that may read, every other method one that may write; handlers ask it for the rest.
//!
//! A browser sends what it keeps for us (a client certificate, the password of HTTP Basic, or just that it runs on this
//! machine) along with requests of any page. So a request that changes something, and comes from a page of another
//! origin, is refused whoever sends it (Fetch §3.2, Fetch Metadata §2.4).

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use shared::serve::Peer;
use shared::serve::access::{self, Admitted, Identity, Refusal, Wish};

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

    fn may_write(&self) -> Result<(), ApiError> {
        let may = self.identity.may().is_none_or(|may| may.write || may.admin);
        self.allow(may, "may not change anything: it has no scope `write`")
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

/// The host and port of an `Origin`; `None` when it has none, as `null`.
fn host_of(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    (!rest.is_empty() && !rest.contains('/')).then_some(rest)
}

/// Why a request comes from a page of another origin; `None` when it does not, or from no page at all.
fn foreign_page(headers: &HeaderMap, authority: Option<&str>) -> Option<String> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("(no text)"))
    };
    // A page of the same site but another origin is another page. `none` is the user himself.
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site"))
        && !["same-origin", "none"].contains(&site)
    {
        return Some(format!("the browser says `Sec-Fetch-Site: {site}`"));
    }
    let origin = text(header::ORIGIN)?;
    let host = authority.or_else(|| text(header::HOST));
    let same = host_of(origin).is_some_and(|from| host.is_some_and(|host| host.eq_ignore_ascii_case(from)));
    (!same).then(|| format!("it comes from a page of {origin:?}"))
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
    let wish = Wish::of(&request);
    let authority = request.uri().authority().map(Authority::as_str);
    if wish == Wish::Change
        && let Some(why) = foreign_page(request.headers(), authority)
    {
        return Err(ApiError::foreign_page(&why));
    }
    if let Some(Admitted { identity, peer }) = access.admit(&request)? {
        let caller = Caller::new(identity, peer);
        match wish {
            Wish::Open => {}
            Wish::Read => caller.may_read()?,
            Wish::Change => caller.may_write()?,
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
    use axum::http::HeaderValue;

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = list.iter().map(|&(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn pages_of_other_origins_are_told_from_our_own_and_from_no_page() {
        let host = ("host", "localhost:8008");
        for own in [
            &[host][..],
            &[host, ("origin", "http://localhost:8008")],
            &[
                host,
                ("origin", "http://LOCALHOST:8008"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[host, ("sec-fetch-site", "none")],
        ] {
            assert_eq!(foreign_page(&headers(own), None), None, "{own:?}");
        }
        for foreign in [
            &[host, ("origin", "null")][..],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "http://localhost:3000")],
            &[host, ("origin", "http://localhost:8008.evil.example")],
            &[host, ("origin", "http://evil.example/localhost:8008")],
            &[host, ("origin", "localhost:8008")],
            &[host, ("origin", "")],
            &[("origin", "http://localhost:8008")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[
                host,
                ("origin", "http://localhost:8008"),
                ("sec-fetch-site", "cross-site"),
            ],
        ] {
            assert!(foreign_page(&headers(foreign), None).is_some(), "{foreign:?}");
        }
        // HTTP/2 names us in the target.
        let origin = headers(&[("origin", "https://fm.example")]);
        assert_eq!(foreign_page(&origin, Some("fm.example")), None);
        assert!(foreign_page(&origin, Some("other.example")).is_some());
    }

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
