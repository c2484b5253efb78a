//! Asks a running instance.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use shared::client::{ClientConfig, SetupError, Token, http_client, why};

/// A longer answer is not read: ten thousand flows as JSON are a few megabytes, and nothing here asks for more.
const LONGEST: usize = 64 << 20;

/// Of a refusal one sentence is shown.
const REFUSAL: usize = 64 << 10;

/// Whom to ask.
#[derive(Debug, Args)]
pub(super) struct Whom {
    /// The address of the API.
    #[arg(
        long = "server",
        visible_alias = "url",
        value_name = "URL",
        default_value = "http://127.0.0.1:8008"
    )]
    url: Url,
    /// A file with a token that may read.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A PEM file with the authorities to trust instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Whom {
    /// The body of what is at `path`, with these parameters.
    pub(super) fn get(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        let server = self.server()?;
        runtime()?.block_on(server.get(path, parameters))
    }

    /// The one to ask; nobody is contacted yet.
    pub(super) fn server(&self) -> anyhow::Result<Server> {
        // It is shown, on screens and in errors.
        if !self.url.username().is_empty() || self.url.password().is_some() {
            bail!("--server is an address without user and password: --token-file names a file with a token");
        }
        let mut config = ClientConfig::new(self.url.clone());
        if let Some(path) = &self.token_file {
            config.token = Some(Token::read(path).with_context(|| path.display().to_string())?);
        }
        config.ca_file.clone_from(&self.ca_file);
        // On this machine nobody is on the way.
        let host = self.url.host_str().unwrap_or_default();
        config.cleartext_token = shared::host::is_local(host, std::net::Ipv4Addr::LOCALHOST.into());
        let client = http_client(&config).map_err(|error| match error {
            SetupError::CleartextToken(url) => {
                anyhow!("{url}: the token would travel in clear text; use https")
            }
            other => other.into(),
        })?;
        Ok(Server {
            client,
            base: self.url.clone(),
            patience: config.read_timeout,
            longest: LONGEST,
        })
    }
}

/// What carries out one question after the other.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// A running instance.
#[derive(Debug, Clone)]
pub(super) struct Server {
    client: Client,
    base: Url,
    /// How long an answer may take.
    patience: Duration,
    /// Bytes that it may have.
    longest: usize,
}

/// The server answered, and did not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {status}: {detail}")]
pub(super) struct Refusal {
    url: Url,
    status: StatusCode,
    detail: String,
}

impl Refusal {
    /// Whether this is about who asks: asking again would not help.
    pub(super) fn is_about_credentials(&self) -> bool {
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&self.status)
    }
}

impl Server {
    /// The same for one who reads no longer answers than so many bytes.
    pub(super) fn at_most(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// Where it is, as the user said.
    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    /// The body of what is at `path`, with these parameters.
    ///
    /// # Errors
    /// A [`Refusal`], or nobody answers (in time).
    pub(super) async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        let url = self.url(path, parameters);
        let asked = async {
            let reply = self.asked(&url).await?;
            text(reply, self.longest).await.with_context(|| url.to_string())
        };
        let answer = tokio::time::timeout(self.patience, asked).await;
        answer.map_err(|_| late(&url, self.patience))?
    }

    /// The beginning of what is at `path`; its body may take for ever.
    ///
    /// # Errors
    /// A [`Refusal`], or nobody answers (in time).
    pub(super) async fn open(&self, path: &str) -> anyhow::Result<Response> {
        let url = self.url(path, &[]);
        let answer = tokio::time::timeout(self.patience, self.asked(&url)).await;
        answer.map_err(|_| late(&url, self.patience))?
    }

    async fn asked(&self, url: &Url) -> anyhow::Result<Response> {
        let sent = self.client.get(url.clone()).send().await;
        let reply = sent.map_err(|error| anyhow!("{url}: {}", why(error)))?;
        let status = reply.status();
        if status.is_success() {
            return Ok(reply);
        }
        let body = text(reply, REFUSAL).await.with_context(|| url.to_string())?;
        let problem: Value = serde_json::from_str(&body).unwrap_or_default();
        let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
        Err(Refusal {
            url: url.clone(),
            status,
            detail: detail.to_owned(),
        }
        .into())
    }

    /// What is at `path`, with these parameters.
    pub(super) fn url(&self, path: &str, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        url
    }
}

fn late(url: &Url, patience: Duration) -> anyhow::Error {
    anyhow!("{url}: no answer in {} s", patience.as_secs())
}

/// A whole body, within bounds.
async fn text(mut reply: Response, longest: usize) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    // As a text: a connection that breaks is no output of ours that nobody reads any more.
    while let Some(chunk) = reply.chunk().await.map_err(|error| anyhow!(why(error)))? {
        if bytes.len() + chunk.len() > longest {
            bail!("the answer is longer than {longest} bytes");
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
