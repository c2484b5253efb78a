//! `flow-marker doctor`: what a running instance finds about the sampling of its agents.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use reqwest::Url;
use serde_json::Value;
use shared::client::{ClientConfig, SetupError, Token, http_client};

pub(super) const EXAMPLES: &str = "\
Examples:
  What is to be said of the agents of the instance on this machine?
    flow-marker doctor
  Of another one, with a token that may read:
    flow-marker doctor --url https://collector:8443 --token-file token --ca-file ca.pem
  For a program:
    flow-marker doctor --json | jq '.agents[].findings'";

/// Whom to ask.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The address of the API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8008")]
    url: Url,
    /// A file with a token that may read.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A PEM file with the authorities to trust instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

/// Asks, and prints the answer.
pub(super) fn run(args: &DoctorArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut config = ClientConfig::new(args.url.clone());
    if let Some(path) = &args.token_file {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        config.token = Some(Token::new(text.trim()));
    }
    config.ca_file.clone_from(&args.ca_file);
    // On this machine nobody is on the way.
    let host = args.url.host_str().unwrap_or_default();
    config.cleartext_token = shared::host::is_local(host, std::net::Ipv4Addr::LOCALHOST.into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let body = runtime.block_on(ask(args, &config))?;
    out.write_all(body.as_bytes())?;
    Ok(out.flush()?)
}

async fn ask(args: &DoctorArgs, config: &ClientConfig) -> anyhow::Result<String> {
    let path = if args.json { "doctor/json" } else { "doctor/txt" };
    let mut url = args.url.clone();
    url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
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
