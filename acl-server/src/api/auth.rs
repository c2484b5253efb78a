//! Who may use the API.
//!
//! This version has no credentials. On loopback a caller without any is trusted like a local user, but a browser or a
//! proxy that reaches loopback on somebody else's behalf is not: requests that show such a detour are turned away.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use shared::host::is_local;

use super::error::ApiError;

/// Decides about requests without credentials.
#[derive(Debug)]
pub struct Gate {
    listen: SocketAddr,
    open: bool,
}

/// Headers that a proxy or a browser adds, and curl does not.
const DETOURS: [&str; 4] = ["forwarded", "x-forwarded-for", "via", "origin"];

impl Gate {
    /// A gate for a daemon that listens on `listen`; `no_auth` opens it.
    pub const fn new(listen: SocketAddr, no_auth: bool) -> Self {
        Self {
            listen,
            open: no_auth,
        }
    }

    /// Why a request needs credentials; `None` when it does not.
    pub fn objection(&self, headers: &HeaderMap, authority: Option<&str>) -> Option<String> {
        if self.open {
            return None;
        }
        if let Some(detour) = DETOURS.iter().find(|name| headers.contains_key(**name)) {
            return Some(format!(
                "the request carries `{detour}`, so it does not come from a local user directly"
            ));
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .or(authority);
        match host {
            Some(host) if is_local(host, self.listen.ip()) => None,
            Some(host) => Some(format!(
                "the Host `{host}` is neither loopback nor the listen address"
            )),
            None => Some("the request names no Host".to_owned()),
        }
    }
}

/// Turns requests away that would need credentials.
pub async fn check(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    match gate.objection(
        request.headers(),
        request.uri().authority().map(Authority::as_str),
    ) {
        Some(objection) => Err(ApiError::credentials_needed(&objection)),
        None => Ok(next.run(request).await),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn objection(headers: &[(&'static str, &'static str)], no_auth: bool) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v)))
            .collect();
        Gate::new("127.0.0.2:8080".parse().unwrap(), no_auth).objection(&headers, None)
    }

    #[test]
    fn local_users_pass() {
        for host in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:8080",
            "[::1]:8080",
            "127.0.0.2",
            "127.9.9.9:1",
        ] {
            assert_eq!(objection(&[("host", host)], false), None, "{host}");
        }
    }

    #[test]
    fn detours_and_strange_hosts_need_credentials() {
        for header in DETOURS {
            assert!(
                objection(&[("host", "localhost"), (header, "x")], false)
                    .unwrap()
                    .contains(header)
            );
        }
        for host in [
            "evil.example",
            "10.0.0.1:8080",
            "localhost.evil.example",
            "",
            "[::2]",
            "127.0.0.1.evil.example:80",
        ] {
            assert!(objection(&[("host", host)], false).is_some(), "{host}");
        }
        assert!(objection(&[], false).is_some());
    }

    #[test]
    fn an_open_gate_is_open() {
        assert_eq!(
            objection(&[("host", "evil.example"), ("origin", "x")], true),
            None
        );
    }
}
