//! `flow-marker token`: a bearer token, and what the daemon must know about it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use shared::serve::credentials::TokenName;
use shared::serve::{secret_file, token};

use crate::config::http::{Scope, Scopes};

pub(super) const EXAMPLES: &str = "\
Examples:
  For a dashboard; the description goes to the file that `tokens_file` names, the token to the terminal:
    flow-marker token dashboard --scope read --output /etc/flow-marker/tokens.toml
    systemctl reload flow-marker
  For a script that defines flows and thresholds:
    flow-marker token script --scope read --scope write
  How a client shows it, in one of two ways:
    curl -H \"Authorization: Bearer $TOKEN\" https://collector:8443/agents/json
    curl -u dashboard:$TOKEN https://collector:8443/agents/json";

/// How our tokens begin, so that people and secret scanners know them.
const MARK: &str = "fmtok_";

/// Whose token it is, and what it is good for.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Who is to have it: letters, digits, `.`, `_` and `-`; also the user name of HTTP Basic.
    name: TokenName,
    /// What it is good for.
    #[arg(long, required = true, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// Append the description to this file, made with mode 0600 if need be; only the token is printed then.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Makes a token and says what there is to say about it.
pub(super) fn run(args: &TokenArgs, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<()> {
    let scopes = Scopes::new(&args.scope)?;
    let token::Issued { token, entry } = token::issue(MARK, &args.name, &scopes.to_toml())?;
    match &args.output {
        Some(path) => {
            secret_file::append(path, &entry).with_context(|| path.display().to_string())?;
            writeln!(out, "{token}")?;
        }
        None => {
            writeln!(out, "{token}\n\n{entry}")?;
            writeln!(
                err,
                "The first line is the token; it is not shown again. The rest belongs into the file that `tokens_file` in \
                 [http] names, or as [[http.token]] into the configuration itself."
            )?;
        }
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use shared::serve::token::TokenHash;

    use super::*;

    fn args(scope: Vec<Scope>, output: Option<PathBuf>) -> TokenArgs {
        let name = "dashboard".parse().unwrap();
        TokenArgs { name, scope, output }
    }

    #[test]
    fn the_entry_says_what_was_asked_for_and_never_the_token() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        run(
            &args(vec![Scope::Write, Scope::Read, Scope::Write], None),
            &mut out,
            &mut err,
        )
        .unwrap();
        let out = String::from_utf8(out).unwrap();
        let (token, entry) = out.split_once("\n\n").unwrap();
        assert!(
            token.starts_with(MARK) && token.len() == MARK.len() + 43,
            "{token}"
        );
        let table: toml::Table = entry.parse().unwrap();
        let entry = &table["token"][0];
        assert_eq!(entry["name"].as_str(), Some("dashboard"));
        assert_eq!(entry["scopes"], toml::Value::from(vec!["read", "write"]));
        assert_eq!(
            entry["sha256"].as_str(),
            Some(TokenHash::of(token.as_bytes()).to_string().as_str())
        );
        let err = String::from_utf8(err).unwrap();
        assert!(err.contains("tokens_file") && !err.contains(token));
    }

    #[test]
    fn a_file_gets_entries_that_the_daemon_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.toml");
        let mut out = Vec::new();
        run(
            &args(vec![Scope::Admin], Some(path.clone())),
            &mut out,
            &mut Vec::new(),
        )
        .unwrap();
        let http = crate::config::http::Http {
            tokens_file: Some(path),
            ..Default::default()
        };
        assert_eq!(http.credentials().unwrap().len(), (1, 0));
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
    }
}
