//! Addresses, TLS and limits, and what may be listened on with them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use shared::serve::Limits;
use shared::serve::tls::TlsFiles;
use shared::units::TimeSpan;

use super::{Config, Conflict};

/// Section `[tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// An address for TLS alone. Without it, `listen` is encrypted; with it, `listen` is not.
    pub listen: Option<SocketAddr>,
    /// The certificate and the intermediate ones, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// Authorities of client certificates, in PEM.
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

    pub(super) fn validate(&self) -> Result<(), Conflict> {
        // Fewer than a handful lock out whoever looks after it; more than these the memory of a switch does not have.
        if !(8..=20_000).contains(&self.max_connections) {
            return Err(Conflict::OutOfRange {
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
                return Err(Conflict::OutOfRange {
                    key,
                    least: "100ms",
                    most: "1h",
                });
            }
        }
        Ok(())
    }
}

impl Config {
    /// The TCP addresses to listen on, each with whether it is encrypted.
    pub fn endpoints(&self) -> Vec<(SocketAddr, bool)> {
        match &self.tls {
            None => vec![(self.listen, false)],
            Some(TlsSettings { listen: None, .. }) => vec![(self.listen, true)],
            Some(TlsSettings {
                listen: Some(address),
                ..
            }) => vec![(self.listen, false), (*address, true)],
        }
    }

    /// Whether a socket that was passed to us, bound to `address`, is to be encrypted.
    pub fn is_passed_for_tls(&self, address: SocketAddr) -> bool {
        let for_tls = |tls: &TlsSettings| tls.listen.is_none_or(|listen| listen.port() == address.port());
        self.tls.as_ref().is_some_and(for_tls)
    }

    /// Whether `address` may be listened on: loopback always, any other with credentials and TLS, or when it was said
    /// that less is meant.
    ///
    /// # Errors
    /// It may not; the error says what to do.
    pub fn may_listen(&self, address: SocketAddr, tls: bool) -> Result<(), Conflict> {
        if address.ip().to_canonical().is_loopback() || self.no_auth {
            return Ok(());
        }
        if !self.has_credentials() {
            return Err(Conflict::OpenByAccident(address));
        }
        if !tls && !self.insecure_http {
            return Err(Conflict::InTheClear(address));
        }
        Ok(())
    }

    /// What everybody on the network can do or read at `address` because it was said to be meant; `None` when nothing.
    pub fn exposure(&self, address: SocketAddr, tls: bool) -> Option<&'static str> {
        if address.ip().to_canonical().is_loopback() {
            None
        } else if self.no_auth {
            Some("everybody who can reach this address can change the ACLs of this machine (--no-auth)")
        } else if !tls {
            Some(
                "everybody on the way to this address can read tokens and use them, for they are not encrypted \
                 (insecure_http)",
            )
        } else {
            None
        }
    }
}
