//! Tokens, certificates, and what they may.
//!
//! `scopes` says `read`, `write` or `admin`. `prefixes` and `actions` limit what may be written, and only that: whoever may
//! read, may read everything. An entry that would mean less, or more, than it seems to is refused.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use shared::AclName;
use shared::serve::Credentials;
use shared::serve::credentials::TokenName;
use shared::serve::token::TokenHash;
use shared::serve::tokens_file;
pub use shared::serve::tokens_file::AccessError;

/// What an entry may do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// See everything.
    Read,
    /// Change ACLs.
    Write,
    /// Everything, also what the guard refuses to others.
    Admin,
}

pub use crate::rules::{Action, Actions};

/// What a caller may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes {
    /// See everything.
    pub read: bool,
    /// Change ACLs, within `prefixes` and `actions`.
    pub write: bool,
    /// Everything.
    pub admin: bool,
    /// What the names of changed ACLs start with; empty for any name.
    pub prefixes: Vec<String>,
    /// What changed rules may do; `None` for anything.
    pub actions: Option<Actions>,
}

/// Why scopes cannot be meant as they are written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Nothing would be allowed.
    #[error("`scopes` is empty, so nothing would be allowed: read, write or admin")]
    Empty,
    /// A list that is there and empty can be read in two ways.
    #[error("`{0}` is empty: leave it out if everything is meant")]
    EmptyList(&'static str),
    /// No ACL's name begins so.
    #[error("`prefixes`: {0:?} is not the beginning of an ACL's name: a-z, 0-9 and _")]
    Prefix(String),
    /// They would seem to limit what they do not.
    #[error(
        "`prefixes` and `actions` limit what `write` may, and there is no `write`: whoever may read, reads everything"
    )]
    NothingToLimit,
    /// They would seem to limit what they do not.
    #[error("`admin` may everything: `prefixes` and `actions` would not limit it")]
    Unlimited,
}

impl Scopes {
    /// Scopes from their parts, of a configuration or a command line. `None` and empty are different: see
    /// [`ScopeError::EmptyList`].
    ///
    /// # Errors
    /// They cannot be meant so.
    pub fn new(
        scopes: &[Scope],
        prefixes: Option<Vec<String>>,
        actions: Option<&[Action]>,
    ) -> Result<Self, ScopeError> {
        let has = |scope| scopes.contains(&scope);
        let (write, admin) = (has(Scope::Write), has(Scope::Admin));
        if scopes.is_empty() {
            return Err(ScopeError::Empty);
        }
        if prefixes.is_some() || actions.is_some() {
            if admin {
                return Err(ScopeError::Unlimited);
            }
            if !write {
                return Err(ScopeError::NothingToLimit);
            }
        }
        if prefixes.as_ref().is_some_and(Vec::is_empty) {
            return Err(ScopeError::EmptyList("prefixes"));
        }
        if actions.is_some_and(<[Action]>::is_empty) {
            return Err(ScopeError::EmptyList("actions"));
        }
        let prefixes = prefixes.unwrap_or_default();
        if let Some(bad) = prefixes.iter().find(|prefix| prefix.parse::<AclName>().is_err()) {
            return Err(ScopeError::Prefix(bad.clone()));
        }
        Ok(Self {
            read: has(Scope::Read),
            write,
            admin,
            prefixes,
            actions: actions.map(|actions| actions.iter().copied().collect()),
        })
    }

    /// The lines of a configuration that mean these scopes.
    pub fn to_toml(&self) -> String {
        let scopes = [(self.read, "read"), (self.write, "write"), (self.admin, "admin")];
        let scopes: Vec<&str> = scopes
            .iter()
            .filter(|(has, _)| *has)
            .map(|(_, name)| *name)
            .collect();
        // Names of this kind need no escapes, in TOML as in Rust. Writing to a string does not fail.
        let mut text = format!("scopes = {scopes:?}\n");
        if !self.prefixes.is_empty() {
            let _ = writeln!(text, "prefixes = {:?}", self.prefixes);
        }
        if let Some(actions) = self.actions {
            let names: Vec<&str> = actions.iter().map(Action::name).collect();
            let _ = writeln!(text, "actions = {names:?}");
        }
        text
    }
}

/// `[[token]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawToken")]
pub struct TokenEntry {
    /// How it is called, in logs and as the user of HTTP Basic.
    pub name: TokenName,
    /// The SHA-256 of its text.
    pub sha256: TokenHash,
    /// What it may.
    pub may: Scopes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawToken {
    name: TokenName,
    sha256: TokenHash,
    scopes: Vec<Scope>,
    prefixes: Option<Vec<String>>,
    actions: Option<Vec<Action>>,
}

impl TryFrom<RawToken> for TokenEntry {
    type Error = ScopeError;

    fn try_from(raw: RawToken) -> Result<Self, ScopeError> {
        Ok(Self {
            name: raw.name,
            sha256: raw.sha256,
            may: Scopes::new(&raw.scopes, raw.prefixes, raw.actions.as_deref())?,
        })
    }
}

/// `[[certificate]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawCertificate")]
pub struct CertificateEntry {
    /// The whole subject as RFC 4514 writes it, or an alternative name such as `DNS:marker.example`.
    pub subject: String,
    /// What it may.
    pub may: Scopes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCertificate {
    subject: String,
    scopes: Vec<Scope>,
    prefixes: Option<Vec<String>>,
    actions: Option<Vec<Action>>,
}

impl TryFrom<RawCertificate> for CertificateEntry {
    type Error = ScopeError;

    fn try_from(raw: RawCertificate) -> Result<Self, ScopeError> {
        Ok(Self {
            subject: raw.subject,
            may: Scopes::new(&raw.scopes, raw.prefixes, raw.actions.as_deref())?,
        })
    }
}

/// The content of `tokens_file`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TokensFile {
    token: Vec<TokenEntry>,
}

/// All who are known.
pub(super) fn table(
    tokens: &[TokenEntry],
    certificates: &[CertificateEntry],
    tokens_file: Option<&Path>,
) -> Result<Credentials<Scopes>, AccessError> {
    let more = match tokens_file {
        None => TokensFile::default(),
        Some(path) => tokens_file::read(path)?,
    };
    let mut table = Credentials::default();
    for token in tokens.iter().chain(&more.token) {
        table.add_token(token.name.clone(), token.sha256, token.may.clone())?;
    }
    for certificate in certificates {
        table.add_certificate(certificate.subject.clone(), certificate.may.clone())?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests;
