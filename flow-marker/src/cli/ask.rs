//! Asks a running instance.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use reqwest::Url;
use serde_json::Value;
use shared::client::{ClientConfig, SetupError, Token, http_client};

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
        let mut config = ClientConfig::new(self.url.clone());
        if let Some(path) = &self.token_file {
            config.token = Some(Token::read(path).with_context(|| path.display().to_string())?);
        }
        config.ca_file.clone_from(&self.ca_file);
        // On this machine nobody is on the way.
        let host = self.url.host_str().unwrap_or_default();
        config.cleartext_token = shared::host::is_local(host, std::net::Ipv4Addr::LOCALHOST.into());
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(ask(url, &config))
    }
}

async fn ask(url: Url, config: &ClientConfig) -> anyhow::Result<String> {
    let client = http_client(config).map_err(|error| match error {
        SetupError::CleartextToken(url) => anyhow!("{url}: the token would travel in clear text; use https"),
        other => other.into(),
    })?;
    let asked = client.get(url.clone()).timeout(config.read_timeout);
    let reply = asked.send().await.with_context(|| url.to_string())?;
    let status = reply.status();
    let body = reply.text().await.with_context(|| url.to_string())?;
    if !status.is_success() {
        let problem: Value = serde_json::from_str(&body).unwrap_or_default();
        let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
        bail!("{url}: {status}: {detail}");
    }
    Ok(body)
}
