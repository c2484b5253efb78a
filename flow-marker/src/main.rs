//! The daemon; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_marker::cli::main()
}
