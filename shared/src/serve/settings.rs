//! Settings of a server that both daemons have by the same names: addresses, TLS, limits, and what may be listened on
//! with them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::limits::Limits;
use super::tls::TlsFiles;
use crate::config::{file, optional_file};
use crate::units::TimeSpan;

/// Section `[tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// An address for TLS alone. Without it, `listen` is encrypted; with it, `listen` is not.
    pub listen: Option<SocketAddr>,
    /// The certificate and the intermediate ones, in PEM.
    #[serde(deserialize_with = "file")]
    pub certificate: PathBuf,
    /// Its key, in PEM.
    #[serde(deserialize_with = "file")]
    pub key: PathBuf,
    /// Authorities of client certificates, in PEM.
    #[serde(default, deserialize_with = "optional_file")]
    pub client_ca: Option<PathBuf>,
}

impl TlsSettings {
    /// The files.
    pub fn files(&self) -> TlsFiles {
        TlsFiles {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            client_ca: self.client_ca.clone(),
        }
    }
}

/// Section `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Connections at the same time.
    pub max_connections: usize,
    /// For the TLS handshake.
    pub handshake_timeout: TimeSpan,
    /// For the headers of a request.
    pub header_timeout: TimeSpan,
    /// For the body of a request.
    pub body_timeout: TimeSpan,
    /// Between two requests.
    pub idle_timeout: TimeSpan,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            max_connections: limits.max_connections,
            handshake_timeout: TimeSpan(limits.handshake_timeout),
            header_timeout: TimeSpan(limits.header_timeout),
            body_timeout: TimeSpan(limits.body_timeout),
            idle_timeout: TimeSpan(limits.idle_timeout),
        }
    }
}

/// A number or a time out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{key} must be from {least} to {most}")]
pub struct OutOfRange {
    /// The setting.
    pub key: &'static str,
    /// The smallest value that makes sense.
    pub least: &'static str,
    /// The largest one.
    pub most: &'static str,
}

impl LimitSettings {
    /// As the server takes them.
    pub fn limits(&self) -> Limits {
        Limits {
            max_connections: self.max_connections,
            handshake_timeout: self.handshake_timeout.0,
            header_timeout: self.header_timeout.0,
            body_timeout: self.body_timeout.0,
            idle_timeout: self.idle_timeout.0,
            ..Limits::default()
        }
    }

    /// Refuses values that lock everybody out, or hold nobody up.
    ///
    /// # Errors
    /// The first value out of its range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        // Fewer than a handful lock out whoever looks after it; more than these the memory of a switch does not have.
        if !(8..=20_000).contains(&self.max_connections) {
            return Err(OutOfRange {
                key: "max_connections",
                least: "8",
                most: "20000",
            });
        }
        for (key, TimeSpan(span)) in [
            ("handshake_timeout", self.handshake_timeout),
            ("header_timeout", self.header_timeout),
            ("body_timeout", self.body_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&span) {
                return Err(OutOfRange {
                    key,
                    least: "100ms",
                    most: "1h",
                });
            }
        }
        Ok(())
    }
}

/// The TCP addresses to listen on, each with whether it is encrypted.
pub fn endpoints(listen: SocketAddr, tls: Option<&TlsSettings>) -> Vec<(SocketAddr, bool)> {
    match tls {
        None => vec![(listen, false)],
        Some(TlsSettings { listen: None, .. }) => vec![(listen, true)],
        Some(TlsSettings {
            listen: Some(address),
            ..
        }) => vec![(listen, false), (*address, true)],
    }
}

/// Whether a socket that was passed to us, bound to `address`, is to be encrypted.
pub fn is_passed_for_tls(address: SocketAddr, tls: Option<&TlsSettings>) -> bool {
    tls.is_some_and(|tls| tls.listen.is_none_or(|listen| listen.port() == address.port()))
}

/// What the operator has said about who may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Openness {
    /// Callers can be told apart.
    pub has_credentials: bool,
    /// Everybody is served, unencrypted.
    pub no_auth: bool,
    /// Credentials may go over the network unencrypted.
    pub insecure_http: bool,
}

/// Why an address must not be listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposed {
    /// Everybody who can reach it would be let in.
    OpenByAccident,
    /// Everybody on the way could read the credentials.
    InTheClear,
}

impl Openness {
    /// Whether `address` may be listened on: loopback always, any other with credentials and TLS, or when it was said
    /// that less is meant.
    ///
    /// # Errors
    /// It may not.
    pub fn may_listen(self, address: SocketAddr, tls: bool) -> Result<(), Exposed> {
        if address.ip().to_canonical().is_loopback() || self.no_auth {
            return Ok(());
        }
        if !self.has_credentials {
            return Err(Exposed::OpenByAccident);
        }
        if !tls && !self.insecure_http {
            return Err(Exposed::InTheClear);
        }
        Ok(())
    }

    /// What everybody on the network can do or read at `address` because it was said to be meant; `None` when nothing.
    pub fn exposure(self, address: SocketAddr, tls: bool) -> Option<Exposed> {
        if address.ip().to_canonical().is_loopback() {
            None
        } else if self.no_auth {
            Some(Exposed::OpenByAccident)
        } else if !tls {
            Some(Exposed::InTheClear)
        } else {
            None
        }
    }
}
