//! Who is let in, and by what certificate they know us: of all files that the settings name.

use anyhow::{Context as _, Result};
use shared::serve::Credentials;
use shared::serve::tls::Fresh;

use crate::config::Config;
use crate::config::access::Scopes;

/// What was read and can be used, and is not in force yet.
pub(super) struct Callers {
    pub(super) credentials: Credentials<Scopes>,
    /// Whether nobody is let in without.
    pub(super) required: bool,
    pub(super) tls: Option<Fresh>,
}

impl Callers {
    /// Reads all of it.
    ///
    /// # Errors
    /// A file cannot be used, or two entries mean the same caller; the error names the file.
    pub(super) fn read(config: &Config) -> Result<Self> {
        let tls = config.tls.as_ref().map(|tls| Fresh::read(&tls.files()));
        Ok(Self {
            credentials: config.credentials()?,
            required: config.has_credentials(),
            tls: tls.transpose().context("[tls]")?,
        })
    }
}
