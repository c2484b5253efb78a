//! Certificate, key and client authority: TLS 1.2 and 1.3 by rustls with ring, and what to do when the files change.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::certificate;
use super::secret_file::{self, FileError, Safe};

/// The files of a TLS server, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by the intermediate ones.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
    /// Authorities of client certificates. With them a client may show one; it need not.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be served with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file holds something else.
    #[error("{} holds no {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The parts do not fit each other.
    #[error("{} cannot be used: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Files that were read and can be used.
#[derive(Debug)]
pub struct Fresh {
    config: ServerConfig,
    /// The first certificate and its file, when it can be understood.
    served: Option<(PathBuf, Certificate)>,
}

impl Fresh {
    /// Reads them.
    ///
    /// # Errors
    /// They cannot be used; the error says which.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate)?;
        let served = chain.first().and_then(|first| certificate::validity(first).ok());
        Ok(Self {
            config: server_config(files, chain)?,
            served: served
                .map(|(valid, subject)| (files.certificate.clone(), Certificate { valid, subject })),
        })
    }

    /// Its configuration, which is in force from now on; says in the log which certificate that is.
    fn serve(self) -> ServerConfig {
        if let Some((file, certificate)) = &self.served {
            certificate.say(file);
        }
        self.config
    }
}

/// TLS for a server's new connections.
#[derive(Debug)]
pub struct Tls {
    config: ArcSwap<ServerConfig>,
    /// Changes when older connections should end.
    generation: watch::Sender<u64>,
}

impl Tls {
    /// Serves with these files.
    pub fn new(fresh: Fresh) -> Self {
        Self {
            config: ArcSwap::from_pointee(fresh.serve()),
            generation: watch::Sender::new(0),
        }
    }

    /// Serves new connections with these files. The older ones end when their requests are answered: their clients may have
    /// shown certificates that are not accepted any more.
    pub fn replace(&self, fresh: Fresh) {
        self.config.store(Arc::new(fresh.serve()));
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// What makes a connection out of a stream, and what tells when that connection is outdated.
    pub(super) fn acceptor(&self) -> (TlsAcceptor, Outdated) {
        // In this order: a reload in between ends a new connection needlessly, and keeps no old one.
        let outdated = Outdated(self.generation.subscribe());
        (TlsAcceptor::from(self.config.load_full()), outdated)
    }
}

/// Tells when a connection should end, since certificates have changed.
pub(super) struct Outdated(watch::Receiver<u64>);

impl Outdated {
    /// Returns when they have.
    pub(super) async fn wait(&mut self) {
        if self.0.changed().await.is_err() {
            // No server any more, and so no change.
            std::future::pending::<()>().await;
        }
    }
}

fn server_config(files: &TlsFiles, chain: Vec<CertificateDer<'static>>) -> Result<ServerConfig, TlsError> {
    let unusable = |path: &Path, why: String| TlsError::Unusable {
        path: path.to_owned(),
        why,
    };
    let key = secret_file::read(&files.key, Safe::FromReaders)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Content {
        path: files.key.clone(),
        what: "private key in PEM",
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| unusable(&files.certificate, error.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots
                    .add(authority)
                    .map_err(|error| unusable(path, error.to_string()))?;
            }
            // A client without a certificate may have a token, or only ask whether we are well.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| unusable(path, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        unusable(
            &files.certificate,
            format!("with the key {}: {error}", files.key.display()),
        )
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = secret_file::read(path, Safe::FromWriters)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::Content {
            path: path.to_owned(),
            what: "certificate in PEM",
        }),
    }
}

/// What the log says of a certificate.
#[derive(Debug)]
struct Certificate {
    /// In seconds since 1970.
    valid: RangeInclusive<i64>,
    subject: String,
}

impl Certificate {
    /// Says that it is served. One that is out of its time is served all the same: clients may not check it, and no API is
    /// worse.
    fn say(&self, file: &Path) {
        #[expect(
            clippy::disallowed_methods,
            reason = "a note for the log, at start and reload"
        )]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        let (file, subject) = (file.display(), &self.subject);
        if self.valid.contains(&now) {
            let days = (self.valid.end() - now) / 86_400;
            tracing::info!(%file, subject, days, "this certificate is served, and valid for so many days more");
        } else {
            tracing::warn!(%file, subject, "this certificate is not valid now, and clients will refuse it");
        }
    }
}

#[cfg(test)]
mod tests;
