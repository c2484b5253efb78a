//! What is asked of browsers beside credentials.
//!
//! A browser sends what it keeps for us (a client certificate, the password of HTTP Basic, or just that it runs on this
//! machine) along with requests of any page. So a change that comes from a browser, which shows in `Origin` or
//! `Sec-Fetch-Site` (Fetch §3.2, Fetch Metadata §2.4), is only taken from our own page, and only with what other pages
//! cannot have: a bearer token, or the token of the page. Programs send neither header and are not concerned.
//!
//! A page can have a name of its own resolve to us and then is of our origin (DNS rebinding). Who needs no credentials
//! must therefore name us by address, or as localhost, or come over TLS, where that name has no certificate.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, header};
use shared::serve::Peer;
use shared::serve::token::{self, NewToken, NoRandomness, TokenHash};

use super::error::ApiError;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SHOWN: HeaderName = HeaderName::from_static("x-flow-marker-page");

/// What our page has and other pages cannot read: random for each process, and no credential.
#[derive(Clone)]
pub struct PageToken {
    text: std::sync::Arc<str>,
    hash: TokenHash,
}

impl std::fmt::Debug for PageToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageToken(…)")
    }
}

impl PageToken {
    /// A new one.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new() -> Result<Self, NoRandomness> {
        let NewToken { text, hash } = token::make("fmpage_")?;
        Ok(Self {
            text: text.into(),
            hash,
        })
    }

    /// Its text, for our page alone.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the headers show it. Hashes are compared, so that the time it takes tells nothing.
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let mut shown = headers.get_all(SHOWN).iter();
        let first = shown
            .next()
            .is_some_and(|shown| TokenHash::of(shown.as_bytes()) == self.hash);
        first && shown.next().is_none()
    }
}

/// The text of a header.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("(no text)"))
}

/// For whom a request was meant: HTTP/2 says it in the target.
pub(super) fn host(request: &Request) -> Option<&str> {
    let authority = request.uri().authority().map(Authority::as_str);
    authority.or_else(|| text(request.headers(), header::HOST))
}

/// Host and port of a text that must have nothing else, where `port` goes without saying.
fn place(text: &str, port: u16) -> Option<(String, u16)> {
    let authority = text.parse::<Authority>().ok().filter(|_| !text.contains('@'))?;
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok()?,
        // A colon without a port is not what a browser writes.
        None if text.len() > authority.host().len() => return None,
        None => port,
    };
    Some((authority.host().to_ascii_lowercase(), port))
}

/// Whether an `Origin` is the page that was loaded from `host`.
fn is_own(origin: &str, host: &str) -> bool {
    let Some((scheme, from)) = origin.split_once("://") else {
        return false;
    };
    let port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let from = place(from, port);
    from.is_some() && from == place(host, port)
}

/// Why a request comes from a page of another origin; `None` when it does not, or from no page at all.
pub(super) fn foreign(headers: &HeaderMap, host: Option<&str>) -> Option<String> {
    // A page of the same site but another origin is another page. `none` is the user himself.
    if let Some(site) = text(headers, SITE)
        && !["same-origin", "none"].contains(&site)
    {
        return Some(format!("the browser says `Sec-Fetch-Site: {site}`"));
    }
    let origin = text(headers, header::ORIGIN)?;
    let same = host.is_some_and(|host| is_own(origin, host));
    (!same).then(|| format!("it comes from a page of {origin:?}"))
}

/// A request that has come from a browser, as far as one can tell.
fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(SITE)
}

fn has_bearer(headers: &HeaderMap) -> bool {
    let scheme = text(headers, header::AUTHORIZATION).and_then(|value| value.split(' ').next());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
}

/// Lets a change pass that comes from no browser, or from our own page. What a browser says of itself is no reason for
/// doubt any more where the page has shown that it is ours.
///
/// # Errors
/// 403
pub(super) fn may_change(request: &mut Request, page: &PageToken) -> Result<(), ApiError> {
    if !is_browser(request.headers()) {
        return Ok(());
    }
    if let Some(why) = foreign(request.headers(), host(request)) {
        return Err(ApiError::foreign_page(&why));
    }
    if page.is_shown(request.headers()) {
        request.headers_mut().remove(header::ORIGIN);
        return Ok(());
    }
    match has_bearer(request.headers()) {
        true => Ok(()),
        false => Err(ApiError::no_page_token()),
    }
}

/// Whether a browser without credentials may be believed that it means us.
///
/// # Errors
/// 403
pub(super) fn means_us(request: &Request, peer: &Peer) -> Result<(), ApiError> {
    if peer.tls || peer.unix.is_some() || !is_browser(request.headers()) {
        return Ok(());
    }
    let host = host(request).unwrap_or_default();
    let is_address = |host: &str| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok()
    };
    match place(host, 80).is_some_and(|(host, _)| is_address(&host)) {
        true => Ok(()),
        false => Err(ApiError::strange_host(host)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = list.iter().map(|&(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn pages_of_other_origins_are_told_from_our_own_and_from_no_page() {
        let host = Some("localhost:8008");
        for own in [
            &[][..],
            &[("origin", "http://localhost:8008")],
            &[
                ("origin", "http://LOCALHOST:8008"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("sec-fetch-site", "none")],
        ] {
            assert_eq!(foreign(&headers(own), host), None, "{own:?}");
        }
        for other in [
            &[("origin", "null")][..],
            &[("origin", "http://evil.example")],
            &[("origin", "http://localhost:3000")],
            &[("origin", "http://localhost:8008.evil.example")],
            &[("origin", "http://evil.example/localhost:8008")],
            &[("origin", "http://localhost:8008@evil.example")],
            &[("origin", "http://evil.example@localhost:8008")],
            &[("origin", "localhost:8008")],
            &[("origin", "")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[
                ("origin", "http://localhost:8008"),
                ("sec-fetch-site", "cross-site"),
            ],
        ] {
            assert!(foreign(&headers(other), host).is_some(), "{other:?}");
        }
        let origin = headers(&[("origin", "http://localhost:8008")]);
        assert!(foreign(&origin, None).is_some(), "nobody was meant");
    }

    #[test]
    fn a_port_may_go_without_saying_and_addresses_may_have_colons() {
        for (origin, host) in [
            ("http://fm.example", "fm.example"),
            ("http://fm.example", "FM.example:80"),
            ("http://fm.example:80", "fm.example"),
            ("https://fm.example", "fm.example:443"),
            ("http://[::1]:8008", "[::1]:8008"),
            ("http://[2001:db8::1]", "[2001:db8::1]:80"),
            ("http://127.0.0.1:8008", "127.0.0.1:8008"),
        ] {
            assert!(is_own(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("https://fm.example", "fm.example:80"),
            ("http://fm.example", "fm.example:8008"),
            ("http://fm.example:8008", "fm.example"),
            ("http://[::1]:8008", "[::2]:8008"),
            ("http://[::1]:8008", "localhost:8008"),
            ("http://127.0.0.1:8008", "localhost:8008"),
            ("http://fm.example:", "fm.example"),
            ("http://fm.example:99999", "fm.example:99999"),
            ("file://fm.example", "fm.example"),
            ("http://", ""),
        ] {
            assert!(!is_own(origin, host), "{origin} {host}");
        }
    }
}
