//! Section `[http]`: where the API is served, to whom, and how much a client may. The names are those of acl-server's
//! settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shared::config::{ConfigError, optional_file};
use shared::serve::Credentials;
use shared::serve::credentials::{TableError, TokenName};
use shared::serve::settings::{self, Exposed, LimitSettings, Openness, OutOfRange, TlsSettings};
use shared::serve::token::TokenHash;
use shared::serve::tokens_file::{self, AccessError};

/// Section `[http]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port of the API.
    pub listen: SocketAddr,
    /// Path of a unix socket that is listened on, too.
    pub socket: Option<PathBuf>,
    /// Serve everybody who can reach the address, unencrypted.
    pub no_auth: bool,
    /// Credentials may go over the network unencrypted.
    pub insecure_http: bool,
    /// A file of `[[token]]` entries.
    #[serde(deserialize_with = "optional_file")]
    pub tokens_file: Option<PathBuf>,
    /// Certificate and key.
    pub tls: Option<TlsSettings>,
    /// How much and how long a client may.
    pub limits: LimitSettings,
    /// Tokens that are known.
    pub token: Vec<TokenEntry>,
    /// Client certificates that are known.
    pub certificate: Vec<CertificateEntry>,
}

/// sFlow-RT's port.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8008);

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            socket: None,
            no_auth: false,
            insecure_http: false,
            tokens_file: None,
            tls: None,
            limits: LimitSettings::default(),
            token: Vec::new(),
            certificate: Vec::new(),
        }
    }
}

/// What an entry may do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// See everything
    Read,
    /// Change flow definitions, thresholds, groups, maps and the topology
    Write,
    /// Everything, also have datagrams sent on to other machines
    Admin,
}

/// What a caller may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "Vec<Scope>")]
pub struct Scopes {
    /// See everything.
    pub read: bool,
    /// Change what is defined.
    pub write: bool,
    /// Everything.
    pub admin: bool,
}

/// An entry would allow nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`scopes` is empty, so nothing would be allowed: read, write or admin")]
pub struct NoScope;

impl Scopes {
    /// Scopes from a list of them.
    ///
    /// # Errors
    /// The list is empty.
    pub fn new(scopes: &[Scope]) -> Result<Self, NoScope> {
        let has = |scope| scopes.contains(&scope);
        match scopes {
            [] => Err(NoScope),
            _ => Ok(Self {
                read: has(Scope::Read),
                write: has(Scope::Write),
                admin: has(Scope::Admin),
            }),
        }
    }

    /// The line of an entry that means these scopes.
    pub fn to_toml(self) -> String {
        let scopes = [(self.read, "read"), (self.write, "write"), (self.admin, "admin")];
        let scopes: Vec<&str> = scopes
            .iter()
            .filter(|(has, _)| *has)
            .map(|(_, name)| *name)
            .collect();
        // Names of this kind need no escapes, in TOML as in Rust.
        format!("scopes = {scopes:?}\n")
    }
}

impl TryFrom<Vec<Scope>> for Scopes {
    type Error = NoScope;

    fn try_from(scopes: Vec<Scope>) -> Result<Self, NoScope> {
        Self::new(&scopes)
    }
}

/// `[[token]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// How it is called, in logs and as the user of HTTP Basic.
    pub name: TokenName,
    /// The SHA-256 of its text.
    pub sha256: TokenHash,
    /// What it may.
    pub scopes: Scopes,
}

/// `[[http.certificate]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateEntry {
    /// The whole subject as RFC 4514 writes it, or an alternative name such as `DNS:dashboard.example`.
    pub subject: String,
    /// What it may.
    pub scopes: Scopes,
}

/// The content of `tokens_file`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TokensFile {
    token: Vec<TokenEntry>,
}

/// Settings of the API that are each right, and wrong together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// An open API on a network.
    #[error(
        "serving the API on {0} would let everybody who can reach it read and change everything: make a token with \
         `flow-marker token NAME --scope read --output FILE`, name the file in [http] as `tokens_file`, and add a \
         [http.tls] section; or listen on loopback, or say --no-auth if that is what you want"
    )]
    OpenByAccident(SocketAddr),
    /// Credentials that everybody on the way can read.
    #[error(
        "on {0} tokens would go over the network unencrypted: add a [http.tls] section with certificate and key, or say \
         `insecure_http = true` in [http] if that is what you want"
    )]
    InTheClear(SocketAddr),
    /// Certificates of clients that nobody checks.
    #[error(
        "[[http.certificate]] needs client_ca in a [http.tls] section: the authority that signs the certificates of \
         clients"
    )]
    NoAuthority,
    /// A number or a time out of its range.
    #[error("[http.limits]: {0}")]
    OutOfRange(#[from] OutOfRange),
    /// A relative path, which would depend on where the daemon was started.
    #[error("[http]: {key} must be an absolute path, not {}", path.display())]
    Relative {
        /// The setting.
        key: &'static str,
        /// Its value.
        path: PathBuf,
    },
}

impl Conflict {
    /// The section and the key that it is about.
    fn place(&self) -> (&'static str, &'static str) {
        match self {
            Self::OpenByAccident(_) | Self::InTheClear(_) => ("http", "listen"),
            Self::NoAuthority => ("http.certificate", ""),
            Self::OutOfRange(limit) => ("http.limits", limit.key),
            Self::Relative { key, .. } if matches!(*key, "socket" | "tokens_file") => ("http", key),
            Self::Relative { key, .. } => ("http.tls", key),
        }
    }
}

impl Http {
    /// Refuses what [`Self::validate`] refuses, with its place in the file where it is there.
    ///
    /// # Errors
    /// The first [`Conflict`] found.
    pub fn check(&self, file: Option<&Path>) -> Result<(), ConfigError> {
        self.validate().map_err(|conflict| {
            let (section, key) = conflict.place();
            ConfigError::about(file, section, key, conflict.to_string())
        })
    }

    /// The TCP addresses to listen on, each with whether it is encrypted.
    pub fn endpoints(&self) -> Vec<(SocketAddr, bool)> {
        settings::endpoints(self.listen, self.tls.as_ref())
    }

    /// Whether a socket that was passed to us, bound to `address`, is to be encrypted.
    pub fn is_passed_for_tls(&self, address: SocketAddr) -> bool {
        settings::is_passed_for_tls(address, self.tls.as_ref())
    }

    /// Whether callers can be told apart, so that nobody is served without credentials. A file of tokens counts although
    /// it may be empty: what locks everybody out is noticed, what lets everybody in is not.
    pub const fn has_credentials(&self) -> bool {
        self.tokens_file.is_some() || !self.token.is_empty() || !self.certificate.is_empty()
    }

    const fn openness(&self) -> Openness {
        Openness {
            has_credentials: self.has_credentials(),
            no_auth: self.no_auth,
            insecure_http: self.insecure_http,
        }
    }

    /// Whether `address` may be listened on.
    ///
    /// # Errors
    /// It may not; the error says what to do.
    pub fn may_listen(&self, address: SocketAddr, tls: bool) -> Result<(), Conflict> {
        self.openness()
            .may_listen(address, tls)
            .map_err(|exposed| match exposed {
                Exposed::OpenByAccident => Conflict::OpenByAccident(address),
                Exposed::InTheClear => Conflict::InTheClear(address),
            })
    }

    /// What everybody on the network can do or read at `address` because it was said to be meant; `None` when nothing.
    pub fn exposure(&self, address: SocketAddr, tls: bool) -> Option<&'static str> {
        Some(match self.openness().exposure(address, tls)? {
            Exposed::OpenByAccident => {
                "everybody who can reach this address can read what the network carries, and change what is measured \
                 (--no-auth)"
            }
            Exposed::InTheClear => {
                "everybody on the way to this address can read tokens and use them, for they are not encrypted \
                 (insecure_http)"
            }
        })
    }

    /// The table of all who are known, those in `tokens_file` included.
    ///
    /// # Errors
    /// The file cannot be used, or two entries mean the same caller.
    pub fn credentials(&self) -> Result<Credentials<Scopes>, AccessError> {
        let more: TokensFile = match &self.tokens_file {
            None => TokensFile::default(),
            Some(path) => tokens_file::read(path)?,
        };
        Ok(table(self.token.iter().chain(&more.token), &self.certificate)?)
    }

    /// Refuses combinations that would leave the API open by accident.
    ///
    /// # Errors
    /// The first [`Conflict`] found.
    pub fn validate(&self) -> Result<(), Conflict> {
        let mut paths: Vec<(&'static str, &PathBuf)> = Vec::new();
        paths.extend(self.socket.iter().map(|path| ("socket", path)));
        paths.extend(self.tokens_file.iter().map(|path| ("tokens_file", path)));
        if let Some(tls) = &self.tls {
            paths.extend([("certificate", &tls.certificate), ("key", &tls.key)]);
            paths.extend(tls.client_ca.iter().map(|path| ("client_ca", path)));
        }
        if let Some((key, path)) = paths.into_iter().find(|(_, path)| !path.is_absolute()) {
            let path = path.clone();
            return Err(Conflict::Relative { key, path });
        }
        for (address, tls) in self.endpoints() {
            self.may_listen(address, tls)?;
        }
        let authority = self.tls.as_ref().and_then(|tls| tls.client_ca.as_ref());
        if !self.certificate.is_empty() && authority.is_none() {
            return Err(Conflict::NoAuthority);
        }
        Ok(self.limits.validate()?)
    }
}

fn table<'a>(
    tokens: impl Iterator<Item = &'a TokenEntry>,
    certificates: &[CertificateEntry],
) -> Result<Credentials<Scopes>, TableError> {
    let mut table = Credentials::default();
    for token in tokens {
        table.add_token(token.name.clone(), token.sha256, token.scopes)?;
    }
    for certificate in certificates {
        table.add_certificate(certificate.subject.clone(), certificate.scopes)?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const TLS: &str = "[http.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n";

    fn parse(text: &str) -> Http {
        Config::parse(Path::new("fm.toml"), text).unwrap().http
    }

    fn token() -> String {
        let hash = "0".repeat(64);
        format!("[[http.token]]\nname = \"a\"\nsha256 = \"{hash}\"\nscopes = [\"read\"]\n")
    }

    #[test]
    fn on_a_network_it_takes_credentials_and_tls_or_a_word() {
        let address = "10.0.0.1:8443".parse().unwrap();
        let listen = "[http]\nlisten = \"10.0.0.1:8443\"\n";
        let (open, clear) = (Conflict::OpenByAccident(address), Conflict::InTheClear(address));
        let token = token();
        for (text, expected) in [
            (String::new(), Ok(())),
            (listen.to_owned(), Err(&open)),
            (format!("{listen}insecure_http = true"), Err(&open)),
            (format!("{listen}{TLS}"), Err(&open)),
            (format!("{listen}{token}"), Err(&clear)),
            (format!("{listen}{TLS}{token}"), Ok(())),
            (format!("{listen}insecure_http = true\n{token}"), Ok(())),
            (format!("{listen}no_auth = true"), Ok(())),
            (format!("{listen}tokens_file = \"/t\"\n{TLS}"), Ok(())),
            (format!("{TLS}listen = \"10.0.0.1:8443\""), Err(&open)),
        ] {
            assert_eq!(parse(&text).validate().err().as_ref(), expected.err(), "{text}");
        }
        // IPv4 as IPv6 is still a network, or still loopback.
        for (listen, fine) in [("[::ffff:10.0.0.1]:1", false), ("[::ffff:127.0.0.1]:1", true)] {
            let http = parse(&format!("[http]\nlisten = \"{listen}\""));
            assert_eq!(http.validate().is_ok(), fine, "{listen}");
        }
    }

    #[test]
    fn what_is_dangerous_is_said() {
        let (inside, outside) = ("127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap());
        let open = parse("[http]\nno_auth = true");
        assert_eq!(open.exposure(inside, false), None);
        assert!(open.exposure(outside, true).unwrap().contains("--no-auth"));
        let clear = parse(&format!("[http]\ninsecure_http = true\n{}", token()));
        assert!(clear.exposure(outside, false).unwrap().contains("insecure_http"));
        assert_eq!(clear.exposure(outside, true), None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let certificate = "[[http.certificate]]\nsubject = \"CN=a\"\nscopes = [\"read\"]\n";
        assert_eq!(parse(certificate).validate(), Err(Conflict::NoAuthority));
        parse(&format!("{TLS}client_ca = \"/ca\"\n{certificate}"))
            .validate()
            .unwrap();
        for bad in [
            "[http]\nsocket = \"relative\"",
            "[http]\ntokens_file = \"relative\"",
            "[http.tls]\ncertificate = \"c\"\nkey = \"/k\"",
            "[http.limits]\nmax_connections = 0",
        ] {
            assert!(parse(bad).validate().is_err(), "{bad}");
        }
        for bad in [
            "scopes = []",
            "scopes = [\"root\"]",
            "scopes = [\"read\"]\nprefixes = [\"a\"]",
        ] {
            let text = token().replace("scopes = [\"read\"]", bad);
            let error = Config::parse(Path::new("fm.toml"), &text)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("fm.toml:"), "{error}");
        }
    }

    #[test]
    fn a_token_is_known_from_the_settings_or_from_its_file() {
        let issued = shared::serve::token::issue(
            "fmtok_",
            &"b".parse().unwrap(),
            &Scopes::new(&[Scope::Read, Scope::Write]).unwrap().to_toml(),
        )
        .unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &issued.entry).unwrap();
        let mut http = parse(&token());
        assert_eq!(http.credentials().unwrap().len(), (1, 0));
        http.tokens_file = Some(file.path().to_owned());
        assert_eq!(http.credentials().unwrap().len(), (2, 0));
        std::fs::write(file.path(), format!("{}{}", issued.entry, issued.entry)).unwrap();
        assert!(http.credentials().is_err(), "the same token twice");
    }
}
