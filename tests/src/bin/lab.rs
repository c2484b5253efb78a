//! A lab to look around in: builds it, says what is where, and removes it on Ctrl-C.

use anyhow::Result;
use clap::Parser;
use tests::lab::{Lab, LabOptions};

/// Builds a leaf switch with sFlow, two hosts and a controller in network namespaces, and keeps them until Ctrl-C.
#[derive(Debug, Parser)]
struct Arguments {
    /// One in so many packets is sampled.
    #[arg(long, default_value_t = 100)]
    sampling: u32,
    /// Seconds between counter samples.
    #[arg(long, default_value_t = 1)]
    polling: u32,
}

#[expect(clippy::print_stdout, reason = "a command line that tells where things are")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    // Before the lab exists, so that no signal can fall between.
    let termination = runtime.spawn(shared::life::termination());
    let lab = Lab::start(LabOptions {
        sampling: arguments.sampling,
        polling: arguments.polling,
        ..LabOptions::default()
    })?;
    for (what, namespace) in ["leaf", "host a", "host b", "controller"]
        .iter()
        .zip(lab.namespaces())
    {
        println!("{what:<10}  ip netns exec {}", namespace.name());
    }
    println!("files       {}", lab.directory().display());
    println!("up: Ctrl-C removes it");
    runtime.block_on(termination)??;
    lab.stop()
}
