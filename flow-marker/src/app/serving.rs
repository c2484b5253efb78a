//! The API's sockets, callers and certificates.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use shared::serve::listener::Passed;
use shared::serve::{Credentials, Listener, Server, Tls, tls};

use crate::api::auth::Access;
use crate::api::browser::PageToken;
use crate::api::{self, Api};
use crate::config::Config;
use crate::config::http::{Http, Scopes};

/// The sockets of the API: those that systemd has passed, or else those that are configured.
pub(super) async fn bind(http: &Http, passed: Vec<Passed>) -> Result<Vec<Listener>> {
    http.validate()?;
    if !passed.is_empty() {
        let listeners = Listener::all_passed(passed, |address| http.is_passed_for_tls(address));
        return listeners.context("a socket that was passed");
    }
    let mut listeners = Vec::new();
    for (address, tls) in http.endpoints() {
        let listener = Listener::tcp(address, tls).await;
        listeners.push(listener.with_context(|| format!("--http {address} cannot be bound"))?);
    }
    if let Some(path) = &http.socket {
        let listener = Listener::unix(path);
        listeners.push(listener.with_context(|| format!("cannot listen on {}", path.display()))?);
    }
    Ok(listeners)
}

/// Who may come to the API, and by what certificate they know us.
pub(super) struct Serving {
    access: Arc<Access>,
    tls: Option<Arc<Tls>>,
}

/// Callers and certificates that can be used.
pub(super) struct Callers {
    credentials: Credentials<Scopes>,
    has_credentials: bool,
    tls: Option<tls::Fresh>,
}

impl Serving {
    /// Reads credentials and certificates, and says in the log what is meant and dangerous.
    pub(super) fn new(config: &Config, listeners: &[Listener]) -> Result<Self> {
        let http = &config.http;
        http.validate()?;
        for listener in listeners {
            let Some(address) = listener.address() else {
                continue;
            };
            http.may_listen(address, listener.is_tls())?;
            if let Some(danger) = http.exposure(address, listener.is_tls()) {
                tracing::warn!(%address, "{danger}");
            }
        }
        let access = Access::new(http.credentials()?, http.has_credentials(), http.no_auth);
        let tls = http
            .tls
            .as_ref()
            .map(|tls| tls::Fresh::read(&tls.files()))
            .transpose()?;
        Ok(Self {
            access: Arc::new(access),
            tls: tls.map(|fresh| Arc::new(Tls::new(fresh))),
        })
    }

    /// Serves the API on these sockets.
    pub(super) fn serve(&self, sockets: Vec<Listener>, api: Api, http: &Http) -> Result<Server> {
        let app = api::router(api, Arc::clone(&self.access), PageToken::new()?);
        let (tls, limits) = (self.tls.clone(), http.limits.limits());
        Ok(Server::start(sockets, app, tls, limits)?)
    }

    /// Reads callers and certificates of a newer configuration than the one in force.
    pub(super) fn prepare(&self, before: &Http, newer: &Config) -> Result<Callers> {
        let http = &newer.http;
        http.check(newer.file.as_deref())?;
        ensure!(
            http.has_credentials() || !before.has_credentials(),
            "there are no credentials any more, so that everybody on this machine would be let in; if that is meant, restart"
        );
        let tls = http.tls.as_ref().filter(|_| self.tls.is_some());
        Ok(Callers {
            credentials: http.credentials()?,
            has_credentials: http.has_credentials(),
            tls: tls.map(|tls| tls::Fresh::read(&tls.files())).transpose()?,
        })
    }

    /// Lets in these from now on, for new requests, and is known by that certificate, for new connections.
    pub(super) fn follow(&self, callers: Callers) {
        let (tokens, certificates) = callers.credentials.len();
        self.access.replace(callers.credentials, callers.has_credentials);
        tracing::debug!(tokens, certificates, "callers were read again");
        if let Some((tls, fresh)) = self.tls.as_ref().zip(callers.tls) {
            tls.replace(fresh);
        }
    }
}
