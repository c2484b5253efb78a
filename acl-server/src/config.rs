//! Settings and their defaults (`acl-server` contract, first paragraph).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use shared::config::{ConfigError, optional_file};
use shared::serve::Credentials;
use shared::serve::settings::{LimitSettings, OutOfRange, TlsSettings};
use shared::units::TimeSpan;

/// Tokens, certificates, and what they may.
pub mod access;
/// What may be listened on.
mod serving;

use crate::rules::{Interface, Mode};
use access::{AccessError, CertificateEntry, Scopes, TokenEntry};

/// Where the configuration file is looked for.
pub const DEFAULT_CONFIG: &str = "/etc/acl-server/acl-server.toml";
/// The directory that `cl-acltool -i` commits.
pub const DEFAULT_POLICY_DIR: &str = "/etc/cumulus/acl/policy.d";
/// The tool of Cumulus Linux.
pub const DEFAULT_TOOL: &str = "/usr/cumulus/bin/cl-acltool";

/// Settings of the daemon, as in the file; flags overwrite them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the API.
    pub listen: SocketAddr,
    /// Directory of the rule files.
    pub policy_dir: PathBuf,
    /// The ACL tool.
    pub tool: PathBuf,
    /// Its arguments, separated by white space; `{policy_dir}` is replaced.
    pub tool_args: String,
    /// Directory of the journal and the locks.
    pub state_dir: PathBuf,
    /// Serve everybody who can reach the address, unencrypted.
    pub no_auth: bool,
    /// The tool reads `policy_dir` although its arguments do not name it.
    pub policy_dir_is_included: bool,
    /// How long one run of the tool may take.
    pub tool_timeout: TimeSpan,
    /// Arguments with which the tool lists its rules and their counters.
    pub list_args: Option<String>,
    /// A program that tells how full the switch is, as `cl-resource-query` does.
    pub resource_query: Option<PathBuf>,
    /// How many entries the switch has for rules, where no program tells.
    pub entries_limit: Option<u64>,
    /// How much of a rule has to be known.
    pub rules: Mode,
    /// Interfaces that a rule may not cut off unless an admin wants it.
    pub protect: Vec<Interface>,
    /// Path of a unix socket that is listened on, too.
    pub socket: Option<PathBuf>,
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
    /// Where this was read from, to be read again on SIGHUP.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            policy_dir: PathBuf::from(DEFAULT_POLICY_DIR),
            tool: PathBuf::from(DEFAULT_TOOL),
            tool_args: "-i".to_owned(),
            state_dir: PathBuf::from("/var/lib/acl-server"),
            no_auth: false,
            policy_dir_is_included: false,
            tool_timeout: TimeSpan(Duration::from_secs(60)),
            list_args: None,
            resource_query: None,
            entries_limit: None,
            rules: Mode::Strict,
            protect: ["eth0", "mgmt"]
                .iter()
                .filter_map(|name| name.parse().ok())
                .collect(),
            socket: None,
            insecure_http: false,
            tokens_file: None,
            tls: None,
            limits: LimitSettings::default(),
            token: Vec::new(),
            certificate: Vec::new(),
            file: None,
        }
    }
}

/// Settings that are each right, and wrong together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The tool would commit another directory, so that 2xx would be a lie.
    #[error(
        "policy_dir is {}, but the tool arguments {args:?} do not name it, so the tool would commit another directory; \
         say --tool-args \"-i -P {{policy_dir}}\", or policy_dir_is_included = true if the tool reads it anyway",
        dir.display()
    )]
    PolicyDirNotNamed {
        /// The directory.
        dir: PathBuf,
        /// The arguments that do not name it.
        args: String,
    },
    /// An open API on a network.
    #[error(
        "listening on {0} would let everybody who can reach it change the ACLs of this machine: make a token with \
         `acl-server token NAME --scope read --scope write` and a [tls] section, or listen on loopback, or say --no-auth \
         if that is what you want"
    )]
    OpenByAccident(SocketAddr),
    /// Credentials that everybody on the way can read.
    #[error(
        "on {0} tokens would go over the network unencrypted: add a [tls] section with certificate and key, or say \
         insecure_http = true if that is what you want"
    )]
    InTheClear(SocketAddr),
    /// Certificates of clients that nobody checks.
    #[error(
        "[[certificate]] needs client_ca in a [tls] section: the authority that signs the certificates of clients"
    )]
    NoAuthority,
    /// A number or a time out of its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A relative path, which would depend on where the daemon was started.
    #[error("{key} must be an absolute path, not {}", path.display())]
    Relative {
        /// The setting.
        key: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A time limit that no tool can meet.
    #[error("tool_timeout must be at least 1s")]
    ToolTimeout,
}

impl Conflict {
    /// The section and the key that it is about.
    fn place(&self) -> (&'static str, &'static str) {
        match self {
            Self::PolicyDirNotNamed { .. } => ("", "policy_dir"),
            Self::OpenByAccident(_) | Self::InTheClear(_) => ("", "listen"),
            Self::NoAuthority => ("certificate", ""),
            Self::OutOfRange(limit) => ("limits", limit.key),
            Self::Relative { key, .. } if matches!(*key, "certificate" | "key" | "client_ca") => ("tls", key),
            Self::Relative { key, .. } => ("", key),
            Self::ToolTimeout => ("", "tool_timeout"),
        }
    }
}

impl Config {
    /// Refuses what [`Self::validate`] refuses, with its place in the file where it is there.
    ///
    /// # Errors
    /// The first [`Conflict`] found.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.validate().map_err(|conflict| {
            let (section, key) = conflict.place();
            ConfigError::about(self.file.as_deref(), section, key, conflict.to_string())
        })
    }

    /// The tool's arguments with `{policy_dir}` replaced.
    pub fn tool_arguments(&self) -> Vec<String> {
        self.split_arguments(&self.tool_args)
    }

    fn split_arguments(&self, arguments: &str) -> Vec<String> {
        let dir = self.policy_dir.to_string_lossy();
        arguments
            .split_whitespace()
            .map(|argument| argument.replace("{policy_dir}", &dir))
            .collect()
    }

    /// The arguments with which the tool lists rules and counters: `list_args`, or `-L all`.
    pub fn list_arguments(&self) -> Vec<String> {
        self.split_arguments(self.list_args.as_deref().unwrap_or("-L all"))
    }

    /// The program that tells how full the switch is: `resource_query`, or the one beside Cumulus's tool.
    pub fn resource_query_program(&self) -> Option<PathBuf> {
        let beside = || self.tool.with_file_name("cl-resource-query");
        let default = || (self.tool == Path::new(DEFAULT_TOOL)).then(beside);
        self.resource_query.clone().or_else(default)
    }

    /// Whether callers can be told apart, so that nobody is served without credentials. A file of tokens counts although
    /// it may be empty: what locks everybody out is noticed, what lets everybody in is not.
    pub const fn has_credentials(&self) -> bool {
        self.tokens_file.is_some() || !self.token.is_empty() || !self.certificate.is_empty()
    }

    /// The table of all who are known, those in `tokens_file` included.
    ///
    /// # Errors
    /// The file cannot be used, or two entries mean the same caller.
    pub fn credentials(&self) -> Result<Credentials<Scopes>, AccessError> {
        access::table(&self.token, &self.certificate, self.tokens_file.as_deref())
    }

    /// Whether a run of the tool commits the policy directory: its arguments name it, or it is the one that Cumulus's tool
    /// reads when it is not told otherwise.
    fn tool_reads_policy_dir(&self) -> bool {
        let arguments = self.tool_arguments();
        let dir = self.policy_dir.as_path();
        let elsewhere = arguments
            .iter()
            .any(|argument| argument.starts_with("-P") || argument.starts_with("-p"));
        let by_default =
            dir == Path::new(DEFAULT_POLICY_DIR) && self.tool == Path::new(DEFAULT_TOOL) && !elsewhere;
        by_default
            || self.policy_dir_is_included
            || arguments.iter().any(|argument| Path::new(argument) == dir)
    }

    /// Refuses combinations that would make the daemon lie or stand open.
    ///
    /// # Errors
    /// The first [`Conflict`] found.
    pub fn validate(&self) -> Result<(), Conflict> {
        self.check_paths()?;
        if !self.tool_reads_policy_dir() {
            let (dir, args) = (self.policy_dir.clone(), self.tool_args.clone());
            return Err(Conflict::PolicyDirNotNamed { dir, args });
        }
        for (address, tls) in self.endpoints() {
            self.may_listen(address, tls)?;
        }
        let authority = self.tls.as_ref().and_then(|tls| tls.client_ca.as_ref());
        if !self.certificate.is_empty() && authority.is_none() {
            return Err(Conflict::NoAuthority);
        }
        if self.tool_timeout.0 < Duration::from_secs(1) {
            return Err(Conflict::ToolTimeout);
        }
        Ok(self.limits.validate()?)
    }

    fn check_paths(&self) -> Result<(), Conflict> {
        let mut paths = vec![
            ("policy_dir", &self.policy_dir),
            ("state_dir", &self.state_dir),
            ("tool", &self.tool),
        ];
        let optional = [
            ("resource_query", &self.resource_query),
            ("socket", &self.socket),
            ("tokens_file", &self.tokens_file),
        ];
        paths.extend(
            optional
                .into_iter()
                .filter_map(|(key, path)| Some((key, path.as_ref()?))),
        );
        if let Some(tls) = &self.tls {
            paths.extend([("certificate", &tls.certificate), ("key", &tls.key)]);
            paths.extend(tls.client_ca.iter().map(|path| ("client_ca", path)));
        }
        match paths.into_iter().find(|(_, path)| !path.is_absolute()) {
            Some((key, path)) => Err(Conflict::Relative {
                key,
                path: path.clone(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
