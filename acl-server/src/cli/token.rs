//! `acl-server token`: a bearer token, and what the configuration must say about it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use shared::serve::credentials::TokenName;
use shared::serve::secret_file;

use crate::api::auth::issue::{Issued, issue};
use crate::config::access::{self, ScopeError, Scopes};

pub(super) const EXAMPLES: &str = "\
Examples:
  For flow-marker, which may change its own ACLs and only mark with them:
      acl-server token flow-marker --scope read --scope write --prefix fm_ --action mark
  For a dashboard:
      acl-server token dashboard --scope read
  For a person who may do everything; the token to the terminal, its description to the configuration:
      acl-server token alice --scope admin --output /etc/acl-server/acl-server.toml
  How a client shows it, in one of two ways:
      curl -H \"Authorization: Bearer $TOKEN\" https://switch:8443/acl/
      curl -u flow-marker:$TOKEN https://switch:8443/acl/";

/// Whose token it is, and what it is good for.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Who is to have it: letters, digits, `.`, `_` and `-`; also the user name of HTTP Basic
    name: TokenName,
    /// What it is good for
    #[arg(long, required = true, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// Only for ACLs whose names begin so [default: all]
    #[arg(long)]
    prefix: Vec<String>,
    /// Only for rules that do this [default: all]
    #[arg(long, value_name = "ACTION")]
    action: Vec<Action>,
    /// Append the description to this file, made with mode 0600 if need be; only the token is printed then
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Scope {
    /// See ACLs
    Read,
    /// Change ACLs
    Write,
    /// Everything, past prefixes and the guard too
    Admin,
}

impl Scope {
    const fn configured(self) -> access::Scope {
        match self {
            Self::Read => access::Scope::Read,
            Self::Write => access::Scope::Write,
            Self::Admin => access::Scope::Admin,
        }
    }
}

/// What a rule does to packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Action {
    /// Set DSCP, CoS or class
    Mark,
    /// Copy packets elsewhere
    Capture,
    /// Drop or police
    Drop,
    /// Accept
    Permit,
}

impl Action {
    const fn configured(self) -> access::Action {
        match self {
            Self::Mark => access::Action::Mark,
            Self::Capture => access::Action::Capture,
            Self::Drop => access::Action::Drop,
            Self::Permit => access::Action::Permit,
        }
    }
}

impl TokenArgs {
    fn scopes(&self) -> Result<Scopes, ScopeError> {
        let scopes: Vec<_> = self.scope.iter().map(|scope| scope.configured()).collect();
        let actions: Vec<_> = self.action.iter().map(|action| action.configured()).collect();
        Scopes::new(
            &scopes,
            (!self.prefix.is_empty()).then(|| self.prefix.clone()),
            (!actions.is_empty()).then_some(actions.as_slice()),
        )
    }
}

/// Makes a token and says what there is to say about it.
pub(super) fn run(args: &TokenArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<()> {
    let Issued { token, entry } = issue(&args.name, &args.scopes()?)?;
    match &args.output {
        Some(path) => {
            secret_file::append(path, &entry).with_context(|| path.display().to_string())?;
            writeln!(out, "{token}")?;
        }
        None => {
            writeln!(out, "{token}\n\n{entry}")?;
            writeln!(
                err,
                "The first line is the token; it is not shown again. The rest belongs into the configuration file."
            )?;
        }
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(text: &str) -> Result<TokenArgs, clap::Error> {
        let cli = Cli::try_parse_from(text.split(' '))?;
        match cli.command {
            Some(Command::Token(args)) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_block_says_what_was_asked_for_and_never_the_token() {
        let args = args(
            "acl-server token flow-marker --scope write --scope read --scope write --prefix fm_ --action mark \
             --action drop",
        )
        .unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        run(&args, &mut out, &mut err).unwrap();
        let out = String::from_utf8(out).unwrap();
        let (token, block) = out.split_once("\n\n").unwrap();
        assert!(
            token.starts_with("acltok_") && token.len() == 50,
            "{token}: 256 bits, six a letter"
        );
        let table: toml::Table = block.parse().unwrap();
        let entry = &table["token"][0];
        assert_eq!(entry["name"].as_str(), Some("flow-marker"));
        let list = |key: &str| -> Vec<&str> {
            let values = entry[key].as_array().unwrap();
            values.iter().filter_map(toml::Value::as_str).collect()
        };
        assert_eq!(list("scopes"), ["read", "write"]);
        assert_eq!(list("prefixes"), ["fm_"]);
        assert_eq!(list("actions"), ["mark", "drop"]);
        let hash = shared::serve::token::TokenHash::of(token.as_bytes()).to_string();
        assert_eq!(entry["sha256"].as_str(), Some(hash.as_str()));
        assert!(!block.contains(token) && !String::from_utf8(err).unwrap().contains(token));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for words in ["", "--scope root", "--scope read --action burn"] {
            assert!(args(&format!("acl-server token x {words}")).is_err(), "{words}");
        }
        assert!(
            args("acl-server token a:b --scope read").is_err(),
            "the name must fit HTTP Basic"
        );
        for words in [
            "--scope read --prefix fm_",
            "--scope write --prefix FM_",
            "--scope admin --action mark",
        ] {
            let args = args(&format!("acl-server token x {words}")).unwrap();
            assert!(run(&args, &mut Vec::new(), &mut Vec::new()).is_err(), "{words}");
        }
    }
}
