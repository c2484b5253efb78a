//! The switch daemon. Reads arguments, environment and signals, and hands them on.
#![expect(
    clippy::print_stderr,
    reason = "says on the terminal why it does not start, before there is a log"
)]

use std::process::ExitCode;

use acl_server::{app, cli::Cli};
use clap::Parser;
use shared::life::Shutdown;
use shared::serve::{Reload, listener};
use shared::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("acl-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<()> {
    // Before there are threads, since it changes the environment.
    let passed = listener::take_passed()?;
    let config = cli.settings()?;
    config.validate()?;
    telemetry::init(cli.log_format, &cli.log)
        .map_err(|error| anyhow::anyhow!("--log {}: {error}", cli.log))?;
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
