//! Command line: settings from flags and file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use shared::config::{ConfigError, load, load_or_default};
use shared::telemetry::Format;

use crate::config::{Config, DEFAULT_CONFIG};

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
      curl http://127.0.0.1:8080/acl/lasterror";

/// A REST API over the iptables rule files of this switch.
///
/// Many changes are committed in one run of the ACL tool, each caller gets its own verdict, and a 2xx reply means that
/// the switch has the rules. Flags beat the configuration file and have the names of its settings.
#[derive(Debug, Parser)]
#[command(name = "acl-server", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
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
    /// What is logged: error, warn, info, debug or trace, also per module
    #[arg(long, value_name = "FILTER", default_value = "info", env = "ACL_SERVER_LOG")]
    pub log: String,
    /// How it is logged: auto, journal, json or human
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub log_format: Format,
}

impl Cli {
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_beat_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(
            file,
            "listen = \"127.0.0.1:1\"\ntool = \"/bin/a\"\nno_auth = true"
        )
        .unwrap();
        let path = file.path().to_str().unwrap();
        let cli = Cli::parse_from([
            "x",
            "--config",
            path,
            "--listen",
            "127.0.0.1:2",
            "--tool-args",
            "-i -n",
            "--tool-timeout",
            "5s",
        ]);
        let config = cli.settings().unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.tool, PathBuf::from("/bin/a"));
        assert_eq!(config.tool_args, "-i -n");
        assert_eq!(config.tool_timeout.0.as_secs(), 5);
        assert!(config.no_auth);
    }

    #[test]
    fn a_named_file_must_exist() {
        assert!(
            Cli::parse_from(["x", "--config", "/nonexistent.toml"])
                .settings()
                .is_err()
        );
    }
}
