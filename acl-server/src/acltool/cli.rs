//! The command line of `cl-acltool`.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory, Parser, ValueEnum};

use super::source::Selection;
use crate::rules::Family;

/// Installs rule files of a policy directory into the kernel's iptables and ip6tables.
///
/// Reads what `/etc/cumulus/acl/policy.conf` includes, or else `/etc/acl-server/policy.d`. Exactly one of -i, -F, -L and
/// -V is needed.
#[derive(Debug, Parser)]
#[command(name = "acltool", disable_version_flag = true, max_term_width = 100)]
#[command(override_usage = "acltool <-i|-F <TYPE>|-L <TYPE>|-V> [OPTIONS]")]
#[command(group(ArgGroup::new("action").args(["install", "flush", "list", "version"])))]
pub(super) struct Args {
    /// Install the rule files; rules of an earlier run that are not in them are removed.
    #[arg(short = 'i')]
    install: bool,
    /// Remove the rules that this tool installed.
    #[arg(short = 'F', value_name = "TYPE")]
    flush: Option<Which>,
    /// List the rules that this tool installed, with their counters.
    #[arg(short = 'L', value_name = "TYPE")]
    list: Option<Which>,
    /// Print the version.
    #[arg(short = 'V')]
    version: bool,
    /// Install this file instead of everything else.
    #[arg(
        short = 'p',
        value_name = "FILE",
        conflicts_with = "policy_dir",
        requires = "install"
    )]
    policy_file: Option<PathBuf>,
    /// Install the *.rules of this directory instead of everything else.
    #[arg(short = 'P', value_name = "DIR", requires = "install")]
    policy_dir: Option<PathBuf>,
    /// Dry run: read, compile and have iptables check, but change nothing.
    #[arg(short = 'n', requires = "install")]
    dry_run: bool,
    /// Say more.
    #[arg(short = 'v')]
    verbose: bool,
    // An action of the real tool: it needs none beside it and is refused by its own name.
    #[arg(short = 'Z', value_name = "TYPE", hide = true)]
    zero: Option<Which>,
    #[arg(long = "last-good", hide = true)]
    last_good: bool,
    #[arg(short = 'N', hide = true)]
    no_hardware: bool,
    #[arg(short = 'x', hide = true)]
    x: bool,
}

/// The families an action is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    All,
    Ip,
    Ip6,
    Eb,
}

impl Which {
    /// The families of iptables among them.
    pub(super) fn families(self) -> Vec<Family> {
        match self {
            Self::All => vec![Family::V4, Family::V6],
            Self::Ip => vec![Family::V4],
            Self::Ip6 => vec![Family::V6],
            Self::Eb => Vec::new(),
        }
    }
}

/// What was asked for.
#[derive(Debug)]
pub(super) enum Action {
    Install {
        selection: Selection,
        dry_run: bool,
        verbose: bool,
    },
    Flush {
        which: Which,
    },
    List {
        which: Which,
    },
    Version,
}

impl Args {
    /// The one action, or why this tool does not do it.
    pub(super) fn action(self) -> Result<Action, clap::Error> {
        let refused = [
            (self.zero.is_some(), "-Z (zero counters)"),
            (self.last_good, "--last-good"),
            (self.no_hardware, "-N"),
            (self.x, "-x"),
        ];
        if let Some((_, option)) = refused.into_iter().find(|(given, _)| *given) {
            let text = format!("{option} is an option of cl-acltool that acltool does not have");
            return Err(Self::command().error(ErrorKind::UnknownArgument, text));
        }
        Ok(match (self.flush, self.list) {
            (Some(which), _) => Action::Flush { which },
            (_, Some(which)) => Action::List { which },
            _ if self.version => Action::Version,
            _ if !self.install => {
                let text = "one of -i, -F, -L and -V is needed";
                return Err(Self::command().error(ErrorKind::MissingRequiredArgument, text));
            }
            _ => Action::Install {
                selection: match (self.policy_file, self.policy_dir) {
                    (Some(file), _) => Selection::File(file),
                    (_, Some(directory)) => Selection::Directory(directory),
                    _ => Selection::Default,
                },
                dry_run: self.dry_run,
                verbose: self.verbose,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(args: &str) -> Result<Action, clap::Error> {
        Args::try_parse_from(args.split(' ')).and_then(Args::action)
    }

    #[test]
    fn exactly_one_action() {
        assert!(matches!(
            action("acltool -i"),
            Ok(Action::Install { dry_run: false, .. })
        ));
        assert!(matches!(
            action("acltool -n -i -P d -v"),
            Ok(Action::Install {
                dry_run: true,
                verbose: true,
                ..
            })
        ));
        assert!(matches!(
            action("acltool -L all"),
            Ok(Action::List { which: Which::All })
        ));
        assert!(matches!(
            action("acltool -F ip6"),
            Ok(Action::Flush { which: Which::Ip6 })
        ));
        assert!(matches!(action("acltool -V"), Ok(Action::Version)));
        for bad in [
            "acltool",
            "acltool -v",
            "acltool -i -V",
            "acltool -i -L all",
            "acltool -n",
            "acltool -L foo",
            "acltool -i x",
        ] {
            assert_eq!(action(bad).expect_err(bad).exit_code(), 2, "{bad}");
        }
        assert_eq!(action("acltool -i -p f -P d").expect_err("both").exit_code(), 2);
    }

    #[test]
    fn the_help_shows_what_there_is() {
        let help = Args::command().render_help().to_string();
        assert!(help.contains("<-i|-F <TYPE>|-L <TYPE>|-V>"), "{help}");
        for option in ["-Z", "-N", "-x", "--last-good"] {
            assert!(!help.contains(option), "{option} is in {help}");
        }
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for (args, name) in [
            ("acltool -Z all", "-Z"),
            ("acltool -i --last-good", "--last-good"),
            ("acltool -i -N", "-N"),
            ("acltool -i -x", "-x"),
        ] {
            let error = action(args).expect_err(args);
            assert_eq!(error.exit_code(), 2);
            assert!(
                error.to_string().contains(&format!("{name} ")) || error.to_string().contains(name),
                "{error}"
            );
            assert!(error.to_string().contains("does not have"), "{error}");
        }
    }
}
