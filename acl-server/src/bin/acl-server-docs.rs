//! `acl-server-docs`: the manual pages and shell completions of acl-server and acltool, for those who make packages.

use std::process::ExitCode;

use acl_server::acltool;
use acl_server::cli::Cli;
use clap::CommandFactory;
use shared::manual::{self, Program};

/// Where the daemon keeps things.
const FILES: [(&str, &str); 5] = [
    (
        "/etc/acl-server/acl-server.toml",
        "The settings; it may be absent.",
    ),
    (
        "/etc/cumulus/acl/policy.d/50rest-NAME.rules",
        "The ACLs of clients, verbatim. Files of other names are never written or removed.",
    ),
    (
        "/var/lib/acl-server/journal",
        "What was about to change, so that a crash changes nothing by halves.",
    ),
    (
        "/var/lib/acl-server/tool.lock",
        "Held by a running ACL tool, so that the next one waits for it.",
    ),
    ("/usr/cumulus/bin/cl-acltool", "The ACL tool of Cumulus Linux."),
];

/// Where the tool finds rules.
const ACLTOOL_FILES: [(&str, &str); 2] = [
    (
        "/etc/cumulus/acl/policy.conf",
        "Names the rule files, if it exists.",
    ),
    (
        "/etc/acl-server/policy.d/*.rules",
        "The rule files, if it does not.",
    ),
];

fn main() -> ExitCode {
    let daemon = Program {
        command: Cli::command(),
        files: &FILES,
    };
    let tool = Program {
        command: acltool::command(),
        files: &ACLTOOL_FILES,
    };
    let (name, version) = (env!("CARGO_BIN_NAME"), env!("CARGO_PKG_VERSION"));
    manual::main(name, version, daemon, vec![tool])
}
