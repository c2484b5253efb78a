//! Reads callers and certificates again, on SIGHUP.
//!
//! First everything that can fail is done: the configuration is read, and all files that it names. Then all of it is in
//! force at once, or nothing is changed. All other settings need a restart.

use std::sync::Arc;

use anyhow::{Result, ensure};
use shared::life;
use shared::serve::{Reload, Tls};

use super::callers::Callers;
use crate::api::auth::Access;
use crate::config::Config;
use crate::metrics::Metrics;

/// What is replaced.
pub(super) struct Rereading {
    /// The settings in force.
    pub(super) config: Config,
    pub(super) access: Arc<Access>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) metrics: Arc<Metrics>,
    /// What systemd shows of the daemon.
    pub(super) status: String,
}

impl Rereading {
    /// Never ends by itself.
    pub(super) async fn run(mut self, mut reload: Reload) {
        loop {
            reload.asked().await;
            life::notify_reloading();
            let prepared = self.prepare();
            self.metrics.reload(prepared.is_ok());
            match prepared {
                Ok((config, callers)) => {
                    self.follow(config, callers);
                    life::notify_status(&self.status);
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        error,
                        "callers and certificates are not taken; nothing is changed"
                    );
                    life::notify_status(&format!("{}; not taken at the last reload: {error}", self.status));
                }
            }
            life::notify_ready();
        }
    }

    /// Does all that can fail, and changes nothing.
    fn prepare(&self) -> Result<(Config, Callers)> {
        let config = self.settings()?;
        let callers = Callers::read(&config)?;
        Ok((config, callers))
    }

    /// The settings in force, with the callers and the files of certificates that the configuration has now.
    fn settings(&self) -> Result<Config> {
        let Some(file) = &self.config.file else {
            return Ok(self.config.clone());
        };
        let fresh: Config = shared::config::load_or_default(file)?;
        let mut candidate = self.config.clone();
        (candidate.token, candidate.certificate) = (fresh.token, fresh.certificate);
        candidate.tokens_file = fresh.tokens_file;
        if let (Some(tls), Some(fresh)) = (&mut candidate.tls, fresh.tls) {
            let listen = tls.listen;
            *tls = fresh;
            tls.listen = listen;
        }
        candidate.check()?;
        ensure!(
            candidate.has_credentials() || !self.config.has_credentials(),
            "there are no credentials any more, so that everybody on this machine would be let in; if that is meant, restart"
        );
        Ok(candidate)
    }

    /// Lets in these from now on, for new requests, and is known by that certificate, for new connections.
    fn follow(&mut self, config: Config, callers: Callers) {
        let (tokens, client_certificates) = callers.credentials.len();
        self.access.replace(callers.credentials, callers.required);
        if let Some((tls, fresh)) = self.tls.as_ref().zip(callers.tls) {
            tls.replace(fresh);
        }
        self.config = config;
        tracing::info!(
            tokens,
            client_certificates,
            "callers and certificates were read again"
        );
    }
}
