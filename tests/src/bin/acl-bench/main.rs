//! Measures acl-server on this machine: its own share of a change, changes a second, runs of the tool, memory, start.
//! Prints figures and ratios of one run; what they must be is for who reads them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it measures"
)]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::fs::{self};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tests::binaries;

mod common;
mod rate;
mod share;
mod standing;

/// What acl-server takes on this machine, beside the tool: time, memory, space.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this one
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Seconds a measurement of changes a second
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Changes a client in the measurement of acl-server's own share
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Where acl-server's directories are made: its disk is what is measured [default: the directory of the programs]
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
}

/// What is measured, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// acl-server's own share of a change, beside the syncs of this disk
    Own,
    /// Changes a second
    Rate,
    /// A thousand changes at once
    Thousand,
    /// Resident memory, and the time from start to ready
    Memory,
    /// The program itself
    Size,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure(&Arguments::parse())));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("acl-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let base = match &arguments.dir {
        Some(dir) => dir.clone(),
        None => binaries::directory()?,
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of this machine before: {}", load.trim());
    let directory = tempfile::tempdir_in(base)?;
    let wants = |part| arguments.only.is_none_or(|only| only == part);
    if wants(Part::Own) {
        let sync = share::fsync(directory.path())?;
        share::own_share(&common::fresh(directory.path(), "own")?, arguments.rounds, sync).await?;
    }
    if wants(Part::Rate) {
        rate::rates(directory.path(), arguments.seconds).await?;
    }
    if wants(Part::Thousand) {
        rate::thousand(&common::fresh(directory.path(), "thousand")?).await?;
    }
    if wants(Part::Memory) {
        standing::memory_and_start(&common::fresh(directory.path(), "memory")?).await?;
    }
    if wants(Part::Size) {
        standing::size()?;
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("\nload of this machine after: {}", load.trim());
    Ok(())
}
