//! The API's sockets, callers and certificates.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use shared::serve::listener::Passed;
use shared::serve::{Listener, Reload, Tls};

use super::loops;
use crate::api::auth::Access;
use crate::config::Config;
use crate::config::http::Http;
use crate::inventory::Roster;

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

/// Who may come to the API, and by what certificate they know us. Kept up to date while the daemon runs.
pub(super) struct Serving {
    config: Config,
    pub(super) access: Arc<Access>,
    pub(super) tls: Option<Arc<Tls>>,
    roster: Option<Arc<Roster>>,
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
        let tls = http.tls.as_ref().map(|tls| Tls::load(&tls.files())).transpose()?;
        Ok(Self {
            config: config.clone(),
            access: Arc::new(access),
            tls: tls.map(Arc::new),
            roster: None,
        })
    }

    /// The switches are to be read again as well.
    pub(super) fn also_reread(&mut self, roster: Arc<Roster>) {
        self.roster = Some(roster);
    }

    /// Reads callers, certificates and switches again whenever that is asked for: SIGHUP. What cannot be used changes nothing
    /// and is logged; all other settings need a restart. Never ends by itself.
    pub(super) async fn reread(mut self, mut reload: Reload) {
        loop {
            reload.asked().await;
            match self.fresh() {
                Ok((candidate, fresh)) => {
                    self.replace(candidate);
                    if let Some(fresh) = fresh {
                        self.follow(&fresh);
                    }
                }
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "settings cannot be read again; nothing is changed"
                ),
            }
        }
    }

    /// What the configuration is now, if there is one, and what becomes of the settings in force.
    fn fresh(&self) -> Result<(Http, Option<Config>)> {
        let Some(file) = &self.config.file else {
            return Ok((self.config.http.clone(), None));
        };
        let fresh = Config::load(file)?;
        loops::check(&fresh)?;
        Ok((self.settings(fresh.http.clone())?, Some(fresh)))
    }

    /// Makes the switches those of the configuration as it is now.
    fn follow(&mut self, fresh: &Config) {
        let Some(roster) = &self.roster else {
            return;
        };
        let (retired, added) = roster.follow(&fresh.switches);
        tracing::info!(
            switches = fresh.switches.len(),
            retired,
            added,
            "switches were read again"
        );
        if fresh.fabrics != self.config.fabrics {
            tracing::warn!("[fabric] has changed, which needs a restart");
        }
    }

    /// The settings in force, with the callers and the files of certificates of fresh ones.
    fn settings(&self, fresh: Http) -> Result<Http> {
        let mut candidate = self.config.http.clone();
        (candidate.token, candidate.certificate) = (fresh.token, fresh.certificate);
        candidate.tokens_file = fresh.tokens_file;
        if let (Some(tls), Some(fresh)) = (&mut candidate.tls, fresh.tls) {
            let listen = tls.listen;
            *tls = fresh;
            tls.listen = listen;
        }
        candidate.validate()?;
        ensure!(
            candidate.has_credentials() || !self.config.http.has_credentials(),
            "there are no credentials any more, so that everybody on this machine would be let in; if that is meant, restart"
        );
        Ok(candidate)
    }

    /// Callers and certificates, each if it can be used.
    fn replace(&mut self, candidate: Http) {
        match candidate.credentials() {
            Ok(credentials) => {
                let (tokens, certificates) = credentials.len();
                self.access.replace(credentials, candidate.has_credentials());
                let http = &mut self.config.http;
                (http.token, http.certificate) = (candidate.token, candidate.certificate);
                http.tokens_file = candidate.tokens_file;
                tracing::info!(tokens, certificates, "callers were read again");
            }
            Err(error) => {
                tracing::error!(%error, "callers cannot be read again; those that were known still are");
            }
        }
        if let (Some(tls), Some(settings)) = (&self.tls, candidate.tls) {
            match tls.reload(&settings.files()) {
                Ok(()) => {
                    self.config.http.tls = Some(settings);
                    tracing::info!("certificate and key were read again");
                }
                Err(error) => tracing::error!(
                    %error,
                    "certificate and key cannot be read again; those that were served still are"
                ),
            }
        }
    }
}
