//! Settings and their defaults (`acl-server` contract, first paragraph).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use shared::config::{Reason, Unbuilt};
use shared::units::TimeSpan;

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
    /// Not built yet.
    pub protect: Option<Unbuilt<Guard>>,
    /// Not built yet.
    pub insecure_http: Option<Unbuilt<Credentials>>,
}

/// Why `protect` is refused.
#[derive(Debug)]
pub struct Guard;
impl Reason for Guard {
    const WHY: &'static str = "the guard against rules that cut off the API or the management interfaces";
}

/// Why `insecure_http` is refused.
#[derive(Debug)]
pub struct Credentials;
impl Reason for Credentials {
    const WHY: &'static str = "credentials and TLS; until then listen on loopback, or say no_auth";
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
            protect: None,
            insecure_http: None,
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
        "listening on {0} would let everybody who can reach it change the ACLs of this machine: listen on loopback, \
         or say --no-auth if that is what you want (credentials are not built into this version)"
    )]
    OpenByAccident(SocketAddr),
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

impl Config {
    /// The tool's arguments with `{policy_dir}` replaced.
    pub fn tool_arguments(&self) -> Vec<String> {
        let dir = self.policy_dir.to_string_lossy();
        self.tool_args
            .split_whitespace()
            .map(|argument| argument.replace("{policy_dir}", &dir))
            .collect()
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
        for (key, path) in [
            ("policy_dir", &self.policy_dir),
            ("state_dir", &self.state_dir),
            ("tool", &self.tool),
        ] {
            if !path.is_absolute() {
                return Err(Conflict::Relative {
                    key,
                    path: path.clone(),
                });
            }
        }
        if !self.tool_reads_policy_dir() {
            let (dir, args) = (self.policy_dir.clone(), self.tool_args.clone());
            return Err(Conflict::PolicyDirNotNamed { dir, args });
        }
        if !self.listen.ip().to_canonical().is_loopback() && !self.no_auth {
            return Err(Conflict::OpenByAccident(self.listen));
        }
        if self.tool_timeout.0 < Duration::from_secs(1) {
            return Err(Conflict::ToolTimeout);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Config {
        shared::config::parse(Path::new("acl-server.toml"), text).unwrap()
    }

    #[test]
    fn the_defaults_are_the_contracts_and_consistent() {
        let config = parse("");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.tool_arguments(), ["-i"]);
        config.validate().unwrap();
    }

    #[test]
    fn another_policy_directory_must_be_named_to_the_tool() {
        let mut config = parse("policy_dir = \"/etc/acl-server/policy.d\"");
        assert!(matches!(
            config.validate(),
            Err(Conflict::PolicyDirNotNamed { .. })
        ));
        config.tool_args = "-i -P {policy_dir}".to_owned();
        config.validate().unwrap();
        assert_eq!(config.tool_arguments(), ["-i", "-P", "/etc/acl-server/policy.d"]);
        config.tool_args = "-i".to_owned();
        config.policy_dir_is_included = true;
        config.validate().unwrap();
    }

    #[test]
    fn another_tool_or_directory_does_not_vouch_for_the_default_one() {
        // Without arguments acltool reads /etc/acl-server/policy.d.
        let other_tool = parse("tool = \"/usr/bin/acltool\"");
        assert!(matches!(
            other_tool.validate(),
            Err(Conflict::PolicyDirNotNamed { .. })
        ));
        for args in ["-i -P /other", "-i -P/other", "-i -p /other.rules"] {
            let config = parse(&format!("tool_args = \"{args}\""));
            assert!(
                matches!(config.validate(), Err(Conflict::PolicyDirNotNamed { .. })),
                "{args}"
            );
        }
    }

    #[test]
    fn nothing_listens_on_a_network_by_accident() {
        for (listen, fine) in [
            ("127.0.0.1:0", true),
            ("[::1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
        ] {
            let mut config = parse(&format!("listen = \"{listen}\""));
            assert_eq!(config.validate().is_ok(), fine, "{listen}");
            config.no_auth = true;
            config.validate().unwrap();
        }
    }

    #[test]
    fn relative_paths_and_impossible_limits_are_refused() {
        assert!(matches!(
            parse("tool = \"acltool\"").validate(),
            Err(Conflict::Relative { key: "tool", .. })
        ));
        assert_eq!(
            parse("tool_timeout = \"10ms\"").validate(),
            Err(Conflict::ToolTimeout)
        );
    }

    #[test]
    fn the_example_documents_every_default() {
        let example = include_str!("../../systemd/acl-server.toml");
        let settings = |line: &str| {
            line.strip_prefix('#')
                .filter(|rest| rest.starts_with(char::is_alphabetic))
                .map(str::to_owned)
        };
        let uncommented: Vec<String> = example.lines().filter_map(settings).collect();
        assert_eq!(uncommented.len(), 8, "one line a setting: {uncommented:?}");
        assert_eq!(
            format!("{:?}", parse(&uncommented.join("\n"))),
            format!("{:?}", Config::default())
        );
        parse(example).validate().unwrap();
    }

    #[test]
    fn keys_of_parts_that_do_not_exist_yet_are_refused_with_the_reason() {
        let error = shared::config::parse::<Config>(Path::new("a.toml"), "protect = [\"eth0\"]")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`protect`") && error.contains("guard"), "{error}");
    }
}
