//! Fetches lists.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use crate::config::Origin;

/// The longest list, in bytes: [`super::text::MAX_ENTRIES`] lines of an address and a word about it.
const MAX_BYTES: u64 = 32 << 20;

/// What a download may take in all: a second for each half megabyte.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What a server said of the version that we have, so that it need not send it again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// Its `ETag` (RFC 9110 §8.8.3).
    pub etag: Option<String>,
    /// Its `Last-Modified` (RFC 9110 §8.8.2).
    pub last_modified: Option<String>,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// What we have is the newest.
    Same,
    /// A text.
    New {
        /// Its bytes, at most 32 MiB.
        body: Vec<u8>,
        /// What to ask with next time.
        validators: Validators,
    },
}

/// Fetches lists; all requests share its connections.
#[derive(Debug, Clone)]
pub struct Source {
    client: Client,
    limit: u64,
}

impl Source {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::with_limits(TIME_LIMIT, MAX_BYTES)
    }

    fn with_limits(time: Duration, limit: u64) -> Result<Self, reqwest::Error> {
        shared::client::install_cryptography();
        let builder = || {
            Client::builder()
                .user_agent(concat!("flow-marker/", env!("CARGO_PKG_VERSION")))
                .timeout(time)
                .connect_timeout(Duration::from_secs(10))
                .redirect(redirect::Policy::custom(follow))
        };
        // A machine that has no authorities trusts nobody, as each fetch by https then says. That is no reason not to start.
        let client = builder()
            .build()
            .or_else(|_| builder().tls_certs_only([]).build())?;
        Ok(Self { client, limit })
    }

    /// Fetches a list, if there is a newer one than that with these validators.
    ///
    /// # Errors
    /// Why nothing came.
    pub async fn fetch(&self, origin: &Origin, validators: &Validators) -> Result<Fetched, String> {
        match origin {
            Origin::Url(url) => self.download(url, validators).await,
            Origin::File(path) => read(path.clone(), self.limit).await,
        }
    }

    async fn download(&self, url: &Url, validators: &Validators) -> Result<Fetched, String> {
        let mut request = self.client.get(url.clone());
        for (header, value) in [
            (IF_NONE_MATCH, &validators.etag),
            (IF_MODIFIED_SINCE, &validators.last_modified),
        ] {
            if let Some(value) = value {
                request = request.header(header, value);
            }
        }
        let mut response = request.send().await.map_err(|error| why(&error))?;
        match response.status() {
            StatusCode::NOT_MODIFIED if *validators != Validators::default() => return Ok(Fetched::Same),
            StatusCode::OK => {}
            status => return Err(format!("the server answers {status}")),
        }
        let header = |response: &Response, name| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let validators = Validators {
            etag: header(&response, ETAG),
            last_modified: header(&response, LAST_MODIFIED),
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
            let length = body.len().saturating_add(chunk.len());
            if u64::try_from(length).is_ok_and(|length| length > self.limit) {
                return Err(too_long(self.limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched::New { body, validators })
    }
}

fn too_long(limit: u64) -> String {
    format!("more than {} MiB", limit >> 20)
}

/// A few redirects, none of them away from encryption.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let encrypted = attempt.previous().iter().any(|url| url.scheme() == "https");
    if attempt.previous().len() > 3 || (encrypted && attempt.url().scheme() != "https") {
        return attempt.stop();
    }
    attempt.follow()
}

/// The innermost cause, without the URL, which may hold a key of a paid list.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.is_timeout() {
        true => "no whole answer within a minute".to_owned(),
        // The outermost error, alone, is one of reqwest's, and names the URL.
        false if std::ptr::addr_eq(cause, error) => "the server's answer is broken".to_owned(),
        false => cause.to_string(),
    }
}

/// Files are read each time: they are near, and their times lie when somebody moves an older one into place.
async fn read(path: PathBuf, limit: u64) -> Result<Fetched, String> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut body = Vec::new();
        let file = std::fs::File::open(&path)?;
        file.take(limit.saturating_add(1)).read_to_end(&mut body)?;
        Ok::<_, std::io::Error>(body)
    });
    let body = reading.await.map_err(|error| error.to_string())?;
    let body = body.map_err(|error| error.to_string())?;
    match u64::try_from(body.len()) {
        Ok(length) if length <= limit => Ok(Fetched::New {
            body,
            validators: Validators::default(),
        }),
        _ => Err(too_long(limit)),
    }
}

#[cfg(test)]
mod tests;
