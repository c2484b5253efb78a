//! Command line: what is asked for, and the settings from flags and file.
//!
//! Without a subcommand the program is the daemon. The subcommands work on files and text alone: none of them talks to a
//! daemon, to the network or to the kernel's tables.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use shared::config::{ConfigError, load, load_or_default};
use shared::telemetry::Format;

use crate::config::{Config, DEFAULT_CONFIG};
use crate::{api, app};

mod check;
mod token;

pub use check::CheckArgs;
pub use token::TokenArgs;

const EXAMPLES: &str = "\
Examples:
  On a Cumulus Linux switch, for its local users:
      acl-server
  On any Linux router, with the tool that comes along:
      acl-server --tool /usr/bin/acltool --tool-args '-i -P {policy_dir}' \\
        --policy-dir /etc/acl-server/policy.d
  Put, read, list and remove an ACL:
      curl -X PUT -H 'Content-Type: application/json' http://127.0.0.1:8080/acl/ddos1 --data \\
        '[\"[iptables]\", \"-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP\"]'
      curl http://127.0.0.1:8080/acl/ddos1
      curl http://127.0.0.1:8080/acl/
      curl -X DELETE http://127.0.0.1:8080/acl/ddos1
  What the tool said when it last refused something:
      curl http://127.0.0.1:8080/acl/lasterror
  What is wrong with the rule files, before anybody installs them:
      acl-server check /etc/cumulus/acl/policy.d/*.rules
  Would the daemon start with these settings?
      acl-server check-config --listen 10.0.0.233:8080";

const OPENAPI_EXAMPLES: &str = "\
Examples:
  What the API can do, for a program that makes clients, without a daemon:
      acl-server openapi > openapi.json
  The same from a daemon:
      curl http://127.0.0.1:8080/openapi.json";

const CHECK_CONFIG_EXAMPLES: &str = "\
Examples:
  The file that the daemon reads by itself:
      acl-server check-config
  A new one, before it takes the place of the old one:
      acl-server check-config --config new.toml && mv new.toml /etc/acl-server/acl-server.toml

Exit status: 0 the daemon would accept it; 1 it would not, and standard error says why; 2 wrong usage.";

/// A REST API over the iptables rule files of this switch.
///
/// Many changes are committed in one run of the ACL tool, each caller gets its own verdict, and a 2xx reply means that
/// the switch has the rules. Flags beat the configuration file and have the names of its settings.
///
/// Without a command this is the daemon.
#[derive(Debug, Parser)]
#[command(
    name = "acl-server",
    version,
    after_help = EXAMPLES,
    max_term_width = 110,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What is to be done instead of being the daemon.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the daemon is to run.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// What the program can do besides being the daemon.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what is wrong with rule files
    ///
    /// Prints FILE:LINE:COLUMN: TEXT for each mistake, one a line, and nothing for a file that is right. The rules are
    /// those of the API: what it would refuse with 400 is found here without a switch, without a daemon and without root.
    #[command(after_help = check::EXAMPLES)]
    Check(CheckArgs),
    /// Say whether the daemon would accept its configuration
    ///
    /// Reads the file, the flags, and all files that they name (tokens, certificates) as the daemon does, and ends. Nothing
    /// is printed when all is well.
    #[command(after_help = CHECK_CONFIG_EXAMPLES)]
    CheckConfig(SettingsArgs),
    /// Make a bearer token for a client
    ///
    /// Prints the token, once: it is stored nowhere. What follows it is for the configuration file of the daemon, which
    /// knows only the token's SHA-256. The daemon accepts it after it has read its configuration again.
    #[command(after_help = token::EXAMPLES)]
    Token(TokenArgs),
    /// Print the description of the HTTP API (OpenAPI 3.1, JSON)
    ///
    /// The same document that a daemon serves at /openapi.json, for generators of clients and for people who compare
    /// versions.
    #[command(after_help = OPENAPI_EXAMPLES)]
    Openapi,
}

/// How the daemon is to run.
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// What is logged: error, warn, info, debug or trace, also per module
    #[arg(long, value_name = "FILTER", default_value = "info", env = "ACL_SERVER_LOG")]
    pub log: String,
    /// How it is logged: auto, journal, json or human
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub log_format: Format,
}

/// Where the settings come from. Each flag beats the setting of the same name in the file.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Configuration file [default: /etc/acl-server/acl-server.toml, which may be absent]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port of the API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Directory of the rule files [default: /etc/cumulus/acl/policy.d]
    #[arg(long, value_name = "DIR")]
    pub policy_dir: Option<PathBuf>,
    /// The ACL tool [default: /usr/cumulus/bin/cl-acltool]
    #[arg(long, value_name = "FILE")]
    pub tool: Option<PathBuf>,
    /// Arguments of the tool, in one word; `{policy_dir}` is replaced [default: -i]
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub tool_args: Option<String>,
    /// Longest time for one run of the tool, such as 60s [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub tool_timeout: Option<shared::units::TimeSpan>,
    /// Directory of the journal and the locks [default: /var/lib/acl-server]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Serve everybody who can reach the address, without credentials and unencrypted
    #[arg(long)]
    pub no_auth: bool,
}

impl SettingsArgs {
    /// The settings: the file's, overwritten by flags.
    ///
    /// # Errors
    /// The file cannot be used. One that was named must exist; the default one need not.
    pub fn settings(&self) -> Result<Config, ConfigError> {
        let mut config: Config = match &self.config {
            Some(path) => load(path)?,
            None => load_or_default(DEFAULT_CONFIG.as_ref())?,
        };
        config.file = Some(self.config.clone().unwrap_or_else(|| DEFAULT_CONFIG.into()));
        fn set<T: Clone>(setting: &mut T, flag: Option<&T>) {
            if let Some(flag) = flag {
                *setting = flag.clone();
            }
        }
        set(&mut config.listen, self.listen.as_ref());
        set(&mut config.policy_dir, self.policy_dir.as_ref());
        set(&mut config.tool, self.tool.as_ref());
        set(&mut config.tool_args, self.tool_args.as_ref());
        set(&mut config.tool_timeout, self.tool_timeout.as_ref());
        set(&mut config.state_dir, self.state_dir.as_ref());
        config.no_auth |= self.no_auth;
        Ok(config)
    }
}

impl Command {
    /// Does it, and returns the exit status. Results go to `out`, what else a person should know of them to `err`.
    ///
    /// When nobody reads the output any more (`… | head`) there is nobody to complain to: that is status 2, without a
    /// word, since what was not said may have been a mistake.
    ///
    /// # Errors
    /// It cannot be done.
    pub fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let done = match self {
            Self::Check(args) => check::run(args, out, err).map(Into::into),
            Self::CheckConfig(args) => args
                .settings()
                .map_err(anyhow::Error::from)
                .and_then(|config| app::check(&config))
                .map(|()| ExitCode::SUCCESS),
            Self::Token(args) => token::run(args, out, err).map(|()| ExitCode::SUCCESS),
            Self::Openapi => out
                .write_all(api::openapi().as_bytes())
                .and_then(|()| out.flush())
                .map(|()| ExitCode::SUCCESS)
                .map_err(Into::into),
        };
        match done {
            Err(error) if nobody_listens(&error) => Ok(ExitCode::from(2)),
            done => done,
        }
    }
}

fn nobody_listens(error: &anyhow::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
