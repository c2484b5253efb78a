//! `acltool`: installs rule files into iptables, as `cl-acltool` does on a Cumulus switch.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(acl_server::acltool::run(
        std::env::args_os(),
        &mut std::io::stdout(),
        &mut std::io::stderr(),
    ))
}
