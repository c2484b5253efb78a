use std::io::Write;

use clap::CommandFactory;

use super::*;

fn settings(args: &[&str]) -> Result<Config, ConfigError> {
    let cli = Cli::try_parse_from([&["acl-server"], args].concat()).unwrap();
    assert!(cli.command.is_none());
    cli.daemon.settings.settings()
}

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
    let config = settings(&[
        "--config",
        path,
        "--listen",
        "127.0.0.1:2",
        "--tool-args",
        "-i -n",
        "--tool-timeout",
        "5s",
    ])
    .unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.tool, PathBuf::from("/bin/a"));
    assert_eq!(config.tool_args, "-i -n");
    assert_eq!(config.tool_timeout.0.as_secs(), 5);
    assert!(config.no_auth);
}

#[test]
fn a_named_file_must_exist() {
    assert!(settings(&["--config", "/nonexistent.toml"]).is_err());
}

#[test]
fn a_flag_of_the_daemon_is_not_one_of_its_subcommands() {
    for args in [
        &["--listen", "127.0.0.1:1", "check", "x"][..],
        &["check", "--listen", "127.0.0.1:1", "x"],
        &["check"],
        &["token"],
        &["nonsense"],
    ] {
        let error = Cli::try_parse_from([&["acl-server"], args].concat()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{args:?}");
    }
}

#[test]
fn every_command_teaches_by_examples() {
    let mut whole = Cli::command();
    whole.build();
    assert!(whole.get_subcommands().count() >= 3);
    for command in std::iter::once(&whole).chain(whole.get_subcommands()) {
        let name = command.get_name();
        let help = command.clone().render_help().to_string();
        assert!(help.contains("Examples:\n"), "{name}: {help}");
        let examples = help.split("Examples:\n").last().unwrap();
        assert!(
            examples.contains("acl-server") && examples.contains(name),
            "{name}: {examples}"
        );
        assert!(
            command.get_about().is_some() && command.get_long_about().is_some(),
            "{name}"
        );
        for line in help.lines() {
            assert!(line.chars().count() <= 110, "{name}: {line}");
        }
    }
}

#[test]
fn the_packaged_units_start_it() {
    for unit in [
        include_str!("../../../systemd/acl-server.service"),
        include_str!("../../../systemd/acl-server@.service"),
    ] {
        let value = |key: &str| {
            let mut lines = unit.lines();
            lines
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .unwrap()
        };
        let start = value("ExecStart");
        let start = start.strip_prefix("/sbin/ip vrf exec %i ").unwrap_or(start);
        let cli = Cli::try_parse_from(start.split(' ')).unwrap();
        assert!(cli.command.is_none());
        let seconds = |key: &str| -> u64 { value(key).strip_suffix('s').unwrap().parse().unwrap() };
        let tool = Config::default().tool_timeout.0.as_secs();
        assert!(
            seconds("TimeoutStopSec") >= 2 * (tool + 5),
            "a commit, and taking it back"
        );
        assert!(
            seconds("TimeoutStartSec") >= tool + 10,
            "an earlier run of the tool"
        );
        assert!(unit.contains(Config::default().state_dir.file_name().unwrap().to_str().unwrap()));
    }
}
