//! Measures flow-marker's engine in memory on this machine: nanoseconds a sample for each stage and for all together, at
//! three sizes of the flow table, and bytes a flow. Prints figures and ratios of one run; what they must be is for who
//! reads them.
//!
//! Each figure is the median of many short rounds over the same seeded datagrams; before each round every sample gets a
//! flow at random, outside of what is timed, so that a table is hit as a network hits it: anywhere.
#![expect(clippy::print_stdout, reason = "it prints what it measures")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use anyhow::Result;
use clap::Parser;

mod report;
mod stage;
mod real;
mod workload;

use workload::Workload;

/// What the engine takes on this machine, in memory: nanoseconds a sample, bytes a flow.
#[derive(Debug, Parser)]
struct Arguments {
    /// Flows that the samples belong to, each size by itself
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000, 10_000_000])]
    flows: Vec<u32>,
    /// Rounds of which the median is told
    #[arg(long, default_value_t = 101)]
    rounds: usize,
    /// Datagrams a round, of six samples each
    #[arg(long, default_value_t = 1024)]
    datagrams: usize,
    /// Seed of everything that is random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Repeat only this stage at the first size for so many seconds, for a profiler
    #[arg(long, value_enum)]
    only: Option<stage::Stage>,
    /// Seconds for --only
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(only) = arguments.only {
        let flows = arguments.flows.first().copied().unwrap_or(1);
        let mut workload = Workload::new(arguments.seed, arguments.datagrams, flows);
        let samples = stage::repeat(only, &mut workload, arguments.seconds)?;
        println!("{samples} samples");
        return Ok(());
    }
    report::head(arguments.datagrams, arguments.rounds);
    for &flows in &arguments.flows {
        let mut workload = Workload::new(arguments.seed, arguments.datagrams, flows);
        let figures = stage::measure(&mut workload, arguments.rounds)?;
        report::line(flows, &figures);
    }
    report::foot();
    Ok(())
}
