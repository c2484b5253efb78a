//! `acl-server token`: a bearer token, and what the configuration must say about it.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};
use shared::AclName;

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

/// Longest name of a token, in bytes; it is written into every audit record.
const MAX_NAME: usize = 64;

/// Whose token it is, and what it is good for.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Who is to have it: letters, digits, `.`, `_` and `-`; also the user name of HTTP Basic
    #[arg(value_parser = parse_name)]
    name: String,
    /// What it is good for
    #[arg(long, required = true, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// Only for ACLs whose names begin so [default: all]
    #[arg(long, value_parser = parse_prefix)]
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

/// A new token, which must reach nobody but its owner, and what may be known of it.
struct NewToken {
    text: String,
    sha256: String,
}

/// 256 random bits as text that needs no escaping in a header, a shell or a URL.
fn make() -> Result<NewToken> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system has no random numbers")?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let sha256 = Sha256::digest(&text)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    Ok(NewToken { text, sha256 })
}

fn parse_name(text: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(fine) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a name has 1 to {MAX_NAME} letters, digits, `.`, `_` and `-`"
        ))
    }
}

fn parse_prefix(text: &str) -> Result<String, String> {
    match text.parse::<AclName>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The description of the token, for the configuration file.
fn block(args: &TokenArgs, sha256: &str) -> String {
    // All these words are of letters that need no escaping.
    let list = |words: Vec<String>| words.join("\", \"");
    let mut text = format!("[[token]]\nname = \"{}\"\nsha256 = \"{sha256}\"\n", args.name);
    for (key, words) in [
        ("scopes", words(&args.scope)),
        ("prefixes", args.prefix.clone()),
        ("actions", words(&args.action)),
    ] {
        if !words.is_empty() {
            let _ = writeln!(text, "{key} = [\"{}\"]", list(words));
        }
    }
    text
}

fn words<T: ValueEnum + Ord>(values: &[T]) -> Vec<String> {
    let mut values: Vec<&T> = values.iter().collect();
    values.sort_unstable();
    values.dedup();
    values
        .into_iter()
        .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
        .collect()
}

/// Makes a token and says what there is to say about it.
pub(super) fn run(args: &TokenArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<()> {
    let token = make()?;
    let block = block(args, &token.sha256);
    match &args.output {
        Some(path) => {
            append(path, &block).with_context(|| path.display().to_string())?;
            writeln!(out, "{}", token.text)?;
        }
        None => {
            writeln!(out, "{}\n\n{block}", token.text)?;
            writeln!(
                err,
                "The first line is the token; it is not shown again. The rest belongs into the configuration file."
            )?;
        }
    }
    Ok(out.flush()?)
}

/// Adds the block to the end of the file, durably, before the token is shown.
fn append(path: &Path, block: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let separator = match file.seek(SeekFrom::End(0))? {
        0 => "",
        _ => {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last == *b"\n" { "\n" } else { "\n\n" }
        }
    };
    // In one write: somebody who reads the file meanwhile sees all of it or nothing.
    file.write_all(format!("{separator}{block}").as_bytes())?;
    file.sync_all()
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
        assert_eq!(token.len(), 43, "256 bits, six a letter");
        assert_eq!(URL_SAFE_NO_PAD.decode(token).unwrap().len(), 32);
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
        let digest: String = Sha256::digest(token)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(entry["sha256"].as_str(), Some(digest.as_str()));
        assert!(!block.contains(token) && !String::from_utf8(err).unwrap().contains(token));
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        let tokens: std::collections::HashSet<String> = (0..100).map(|_| make().unwrap().text).collect();
        assert_eq!(tokens.len(), 100);
    }

    #[test]
    fn nothing_that_would_need_escaping_is_a_name_or_a_prefix() {
        let long = "x".repeat(65);
        for name in ["", "a b", "a:b", "a\"b", "a\nb", "é", &long] {
            assert!(parse_name(name).is_err(), "{name:?}");
        }
        for prefix in ["", "FM_", "a-b", "a\"", "é", &long] {
            assert!(parse_prefix(prefix).is_err(), "{prefix:?}");
        }
        assert!(
            args("acl-server token x").is_err(),
            "a token without a scope is no use"
        );
        assert!(args("acl-server token x --scope root").is_err());
    }

    #[test]
    fn a_file_gets_the_block_at_its_end_and_keeps_what_it_has() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new.toml");
        append(&path, "[[token]]\nname = \"a\"\n").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        append(&path, "[[token]]\nname = \"b\"\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "[[token]]\nname = \"a\"\n\n[[token]]\nname = \"b\"\n");
        std::fs::write(&path, "no_auth = true").unwrap();
        append(&path, "[[token]]\nname = \"c\"\n").unwrap();
        let table: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        assert_eq!(table["token"][0]["name"].as_str(), Some("c"));
        assert_eq!(table["no_auth"].as_bool(), Some(true));
    }
}
