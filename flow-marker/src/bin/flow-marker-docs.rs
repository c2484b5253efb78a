//! `flow-marker-docs`: the manual pages and shell completions of flow-marker, for those who make packages.

use std::process::ExitCode;

use clap::CommandFactory;
use flow_marker::cli::Cli;
use shared::manual::{self, Program};

/// Where the daemon keeps things.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/flow-marker/flow-marker.toml",
        "The settings; the file says what each of them does.",
    ),
    (
        "/etc/flow-marker/tokens.toml",
        "Who may use the API, where the setting tokens_file says so.",
    ),
    (
        "/etc/flow-marker/token",
        "The token for the switches, where the setting token_file says so.",
    ),
    ("/var/lib/flow-marker", "What the service may keep."),
];

fn main() -> ExitCode {
    let daemon = Program {
        command: Cli::command(),
        files: &FILES,
    };
    let (name, version) = (env!("CARGO_BIN_NAME"), env!("CARGO_PKG_VERSION"));
    manual::main(name, version, daemon, Vec::new())
}
