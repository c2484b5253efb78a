//! The HTTP client of the ACL API.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{
    AGE, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH, RETRY_AFTER,
};
use reqwest::{Method, RequestBuilder, Response, Url};

use crate::name::AclName;
use crate::problem::Problem;
use crate::wire::{
    AclCounters, AclLines, AclPatch, AclSummary, Capacity, PatchResult, Renewed, SERVER_TIMING, ServerTiming,
};

/// Where an acl-server is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Base URL, such as `http://10.0.0.233:8080`.
    pub base: Url,
    /// Bearer token; never logged.
    pub token: Option<Token>,
    /// PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The token may travel over plain HTTP.
    pub cleartext_token: bool,
    /// Limit on establishing a connection.
    pub connect_timeout: Duration,
    /// Limit on a whole request that only reads.
    pub read_timeout: Duration,
    /// Limit on a whole request that changes something; it must exceed the server's limit on its tool.
    pub change_timeout: Duration,
}

impl ClientConfig {
    /// The defaults for a server at `base`: 2 s to connect, 5 s to read, 75 s to change (the tool's own limit is 60 s,
    /// and 5 s more until it is killed).
    pub const fn new(base: Url) -> Self {
        Self {
            base,
            token: None,
            ca_file: None,
            cleartext_token: false,
            connect_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(5),
            change_timeout: Duration::from_secs(75),
        }
    }
}

/// A secret that does not show itself in logs.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Wraps the text of a token, without surrounding white space.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Reads the file of a token.
    ///
    /// # Errors
    /// It cannot be read, is empty, or is far longer than any token.
    pub fn read(path: &Path) -> io::Result<Self> {
        /// More than any header may have.
        const LONGEST: u64 = 16 << 10;
        let unusable = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        if file.take(LONGEST + 1).read_to_string(&mut text)? as u64 > LONGEST {
            return Err(unusable("the file is too long for a token"));
        }
        // Nothing after `Bearer` would look to the server like a wrong token, and to people like a mistake at the server.
        match text.trim() {
            "" => Err(unusable("the file is empty")),
            token => Ok(Self::new(token)),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The URL is neither `http` nor `https`, or has no host.
    #[error("{0}: the URL of a server is http://HOST:PORT or https://HOST:PORT")]
    Url(Url),
    /// A token would travel unprotected.
    #[error(
        "{0}: the token would travel in clear text; use https, or say `cleartext_token = true` for this switch"
    )]
    CleartextToken(Url),
    /// The token has characters that no header may have.
    #[error("the token has characters that cannot stand in an HTTP header")]
    Token,
    /// The file of certificate authorities cannot be used.
    #[error("{}: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with an error.
    #[error("{problem}")]
    Refused {
        /// What it said.
        problem: Box<Problem>,
        /// When it asks to be tried again.
        retry_after: Option<Duration>,
    },
    /// No answer within the time limit.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The server could not be reached, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that is not one of this API.
    #[error("the answer is not an ACL server's: {0}")]
    Protocol(String),
}

impl ClientError {
    /// Whether the same request may succeed later without anybody changing it.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { problem, .. } => {
                matches!(problem.status, 408 | 429 | 500..=599) && problem.status != 507
            }
            Self::Timeout(_) | Self::Unreachable(_) | Self::Protocol(_) => true,
        }
    }
}

/// What became of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchReply {
    /// What became of each ACL.
    pub results: BTreeMap<AclName, PatchResult>,
    /// Where the time of the slowest change went at the server.
    pub timing: ServerTiming,
}

/// What must be true of each ACL of a patch, or it is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Nothing; but what a hand has changed is not overwritten.
    None,
    /// Its ETag is one of these.
    Match(Vec<String>),
    /// There is no such ACL.
    Absent,
}

/// A client of one acl-server. Cheap to clone; all clones share the kept connection.
#[derive(Debug, Clone)]
pub struct AclClient {
    http: reqwest::Client,
    config: ClientConfig,
}

/// A reply is at most this long: 10 000 names of 64 characters with their details stay below it.
const MAX_REPLY: usize = 4 << 20;

/// How long a listing of counters may take: the server gives its tool 10 s.
const LISTING: Duration = Duration::from_secs(15);

/// Makes TLS possible in this process, without which not even a client for plain HTTP exists.
pub fn install_cryptography() {
    // The provider is process-wide; whoever comes second finds it installed, which is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The connections of a client for `config`: its token and authorities, no proxy, no redirects.
///
/// # Errors
/// [`SetupError`]: nothing is contacted, only the configuration is judged.
pub fn http_client(config: &ClientConfig) -> Result<reqwest::Client, SetupError> {
    if !matches!(config.base.scheme(), "http" | "https") || config.base.host().is_none() {
        return Err(SetupError::Url(config.base.clone()));
    }
    if config.token.is_some() && config.base.scheme() == "http" && !config.cleartext_token {
        return Err(SetupError::CleartextToken(config.base.clone()));
    }
    install_cryptography();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("flow-marker/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.connect_timeout)
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(None)
        .tcp_keepalive(Duration::from_secs(30))
        .tcp_nodelay(true)
        // A redirect would carry rules and token to somebody who is not in the inventory.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if let Some(path) = &config.ca_file {
        let error = |reason: String| SetupError::CaFile {
            path: path.clone(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|e| error(e.to_string()))?;
        let authorities = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| error(e.to_string()))?;
        if authorities.is_empty() {
            return Err(error("no certificate in this file".to_owned()));
        }
        builder = builder.tls_certs_only(authorities);
    } else if config.base.scheme() == "http" {
        // Then nobody asks for authorities, and a machine without any is as good.
        builder = builder.tls_certs_only([]);
    }
    if let Some(Token(token)) = &config.token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| SetupError::Token)?;
        value.set_sensitive(true);
        builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
    }
    Ok(builder.build()?)
}

impl AclClient {
    /// A client for `config`. Connects at the first request.
    ///
    /// # Errors
    /// [`SetupError`]: nothing is contacted, only the configuration is judged.
    pub fn new(config: ClientConfig) -> Result<Self, SetupError> {
        Ok(Self {
            http: http_client(&config)?,
            config,
        })
    }

    /// The server's base URL.
    pub const fn base(&self) -> &Url {
        &self.config.base
    }

    /// `PATCH /acl/?atomic=false`: each ACL is a change of its own, and all are queued together; with `ttl` those that are
    /// written remove themselves unless they are renewed. Returns when the switch has them, or the reasons why not.
    ///
    /// # Errors
    /// [`ClientError`], for the request as a whole; after a timeout or a broken connection each change may or may not have
    /// been carried out.
    pub async fn patch(
        &self,
        patch: &AclPatch,
        ttl: Option<Duration>,
        condition: &Condition,
    ) -> Result<PatchReply, ClientError> {
        let body = serde_json::to_vec(patch).map_err(|e| ClientError::Protocol(e.to_string()))?;
        let mut url = self.url(&["acl", ""]);
        url.query_pairs_mut().append_pair("atomic", "false");
        if let Some(ttl) = ttl {
            url.query_pairs_mut()
                .append_pair("ttl", &ttl.as_secs().to_string());
        }
        let mut request = self
            .http
            .patch(url)
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .body(body);
        request = match condition {
            Condition::None => request,
            Condition::Match(etags) => request.header(IF_MATCH, etags.join(", ")),
            Condition::Absent => request.header(IF_NONE_MATCH, "*"),
        };
        let reply = self.send(request, self.config.change_timeout).await?;
        let timing = reply
            .headers
            .get(SERVER_TIMING)
            .and_then(|value| value.to_str().ok());
        Ok(PatchReply {
            results: reply.json()?,
            timing: timing.map(ServerTiming::parse).unwrap_or_default(),
        })
    }

    /// `POST /acl/renew`: every lease under `prefix` lasts until `ttl` from now at least.
    ///
    /// # Errors
    /// [`ClientError`]; a renewal that was lost has no consequence but time.
    pub async fn renew(&self, prefix: &str, ttl: Duration) -> Result<Renewed, ClientError> {
        let mut url = self.url(&["acl", "renew"]);
        url.query_pairs_mut()
            .append_pair("prefix", prefix)
            .append_pair("ttl", &ttl.as_secs().to_string());
        self.send(self.http.post(url), self.config.read_timeout)
            .await?
            .json()
    }

    /// `GET /capacity`
    ///
    /// # Errors
    /// [`ClientError`]; nothing is changed.
    pub async fn capacity(&self) -> Result<Capacity, ClientError> {
        let request = self.request(Method::GET, &["capacity"]);
        self.send(request, self.config.read_timeout).await?.json()
    }

    /// `GET /acl/{name}`: the lines as they were PUT; `None` when there is no such ACL.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is changed.
    pub async fn get(&self, name: &AclName) -> Result<Option<AclLines>, ClientError> {
        match self
            .send(
                self.request(Method::GET, &["acl", name.as_str()]),
                self.config.read_timeout,
            )
            .await
        {
            Ok(reply) => reply.json().map(Some),
            Err(ClientError::Refused { problem, .. }) if problem.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /acl/?prefix=…&details=true`: the ACLs whose name starts with `prefix`.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is changed.
    pub async fn list(&self, prefix: &str) -> Result<Vec<AclSummary>, ClientError> {
        let mut url = self.url(&["acl", ""]);
        url.query_pairs_mut()
            .append_pair("prefix", prefix)
            .append_pair("details", "true");
        self.send(self.http.get(url), self.config.read_timeout)
            .await?
            .json()
    }

    /// `GET /acl/?prefix=…&counters=true`: what the rules of these ACLs have matched, and how old that is.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is changed.
    pub async fn counters(&self, prefix: &str) -> Result<(Vec<AclCounters>, Duration), ClientError> {
        let mut url = self.url(&["acl", ""]);
        url.query_pairs_mut()
            .append_pair("prefix", prefix)
            .append_pair("counters", "true");
        let reply = self.send(self.http.get(url), LISTING).await?;
        let age = reply
            .headers
            .get(AGE)
            .and_then(|age| age.to_str().ok()?.parse().ok());
        Ok((reply.json()?, Duration::from_secs(age.unwrap_or_default())))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.config.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// Sends, reads the whole reply within `limit`, and turns every status but 2xx into an error.
    async fn send(&self, request: RequestBuilder, limit: Duration) -> Result<Reply, ClientError> {
        let failed = |error: reqwest::Error| match error.is_timeout() && !error.is_connect() {
            true => ClientError::Timeout(limit),
            false => ClientError::Unreachable(why(error)),
        };
        let mut response = request.timeout(limit).send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_REPLY {
                return Err(ClientError::Protocol(format!(
                    "a reply of more than {MAX_REPLY} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        let reply = Reply::new(&response, body);
        if response.status().is_success() {
            return Ok(reply);
        }
        let retry_after = reply
            .headers
            .get(RETRY_AFTER)
            .and_then(|v| v.to_str().ok()?.parse().ok());
        Err(ClientError::Refused {
            problem: Box::new(Problem::from_reply(reply.status, &reply.body)),
            // An hour is longer than any server of ours asks for; a hostile one must not silence us for ever.
            retry_after: retry_after.map(|seconds: u64| Duration::from_secs(seconds.min(3600))),
        })
    }
}

/// A whole reply.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn new(response: &Response, body: Vec<u8>) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        }
    }

    fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|e| ClientError::Protocol(e.to_string()))
    }
}

/// Why a request has failed, without its URL, which may hold a secret.
pub fn why(error: reqwest::Error) -> String {
    root_cause(&error.without_url())
}

/// The innermost cause says what happened ("Connection refused"); the outer ones only repeat the URL.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
