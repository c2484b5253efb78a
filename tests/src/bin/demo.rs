//! Shows the loop at work, in about a minute.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the demo is for people: it prints"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Parser;
use tests::demo::{self, LabFabric, Options, SyntheticFabric};

/// Two elephants among mice: seen through sFlow, detected, marked by an ACL, released.
///
/// As root with real packets between network namespaces, otherwise with a synthetic sFlow agent. Ends by itself, or on
/// Ctrl-C, and leaves nothing behind. The exit status tells whether the loop closed.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Arguments {
    /// Without packets, also as root.
    #[arg(long)]
    synthetic: bool,
    /// How long each elephant sends.
    #[arg(long, default_value_t = 12, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(5..=600))]
    seconds: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match show(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn show(arguments: &Arguments) -> Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    watch_signals(Arc::clone(&interrupted))?;
    let options = Options {
        seconds: arguments.seconds,
    };
    let root = nix::unistd::Uid::effective().is_root();
    if arguments.synthetic || !root {
        demo::run(&mut SyntheticFabric::start()?, options, &interrupted)
    } else {
        println!("building the fabric …");
        demo::run(&mut LabFabric::start()?, options, &interrupted)
    }
}

/// Ctrl-C ends the demo by the way of every other end, so that everything is removed.
fn watch_signals(interrupted: Arc<AtomicBool>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let watch = move || {
        if runtime.block_on(shared::life::termination()).is_ok() {
            interrupted.store(true, Ordering::Relaxed);
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)
        .context("a thread for signals")?;
    Ok(())
}
