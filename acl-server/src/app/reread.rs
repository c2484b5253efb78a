//! Reads callers and certificates again, on SIGHUP. What cannot be used changes nothing and is logged; all other settings
//! need a restart.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use shared::serve::{Reload, Tls};

use crate::api::auth::Access;
use crate::config::Config;

/// What is replaced.
pub(super) struct Rereading {
    /// The settings in force.
    pub(super) config: Config,
    pub(super) access: Arc<Access>,
    pub(super) tls: Option<Arc<Tls>>,
}

impl Rereading {
    /// Never ends by itself.
    pub(super) async fn run(mut self, mut reload: Reload) {
        loop {
            reload.asked().await;
            match self.settings() {
                Ok(candidate) => self.replace(candidate),
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "settings cannot be read again; nothing is changed"
                    );
                }
            }
        }
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
        candidate.validate()?;
        ensure!(
            candidate.has_credentials() || !self.config.has_credentials(),
            "there are no credentials any more, so that everybody on this machine would be let in; if that is meant, restart"
        );
        Ok(candidate)
    }

    /// Callers and certificates, each if it can be used.
    fn replace(&mut self, candidate: Config) {
        match candidate.credentials() {
            Ok(credentials) => {
                let (tokens, certificates) = credentials.len();
                self.access.replace(credentials, candidate.has_credentials());
                self.config.token.clone_from(&candidate.token);
                self.config.certificate.clone_from(&candidate.certificate);
                self.config.tokens_file.clone_from(&candidate.tokens_file);
                tracing::info!(tokens, certificates, "callers were read again");
            }
            Err(error) => {
                tracing::error!(%error, "callers cannot be read again; those that were known still are");
            }
        }
        if let (Some(tls), Some(settings)) = (&self.tls, candidate.tls) {
            match tls.reload(&settings.files()).context("TLS") {
                Ok(()) => {
                    self.config.tls = Some(settings);
                    tracing::info!("certificate and key were read again");
                }
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "certificate and key cannot be read again; those that were served still are"
                ),
            }
        }
    }
}
