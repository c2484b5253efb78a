//! The switch daemon and its subcommands. Reads arguments, environment and signals, and hands them on.
#![expect(
    clippy::print_stderr,
    reason = "says on the terminal why it does not start, before there is a log"
)]

use std::io;
use std::process::ExitCode;

use acl_server::app;
use acl_server::cli::{Cli, DaemonArgs};
use clap::Parser;
use shared::life::Shutdown;
use shared::serve::{Reload, listener};
use shared::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(command) => command.run(&mut io::stdout(), &mut io::stderr()),
        None => run(&cli.daemon).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("acl-server: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &DaemonArgs) -> anyhow::Result<()> {
    // Before there are threads, since it changes the environment.
    let passed = listener::take_passed()?.only_streams()?;
    let config = args.settings.settings()?;
    config.validate()?;
    telemetry::init(args.log_format, &args.log)
        .map_err(|error| anyhow::anyhow!("--log {}: {error}", args.log))?;
    // A switch CPU is small; two workers serve more clients than its tool can commit for.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_termination();
        let reload = Reload::on_hangup()?;
        let listeners = app::bind(&config, passed).await?;
        app::run(config, listeners, shutdown, reload).await
    })
}
