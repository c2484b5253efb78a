//! Measures the loop in the lab, for each profile on the same traffic: how soon an elephant's packets are marked at the far
//! host, by parts, how much of it is marked, how long a rule outlives it, and what the mice have of it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it measures"
)]

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tests::lab::{AclServerOptions, Lab, LabOptions};

/// The runs of a profile.
mod campaign;
/// What the mice have of it.
mod purpose;
/// What is printed.
mod report;
/// Tables for terminals and for pages.
mod table;

use campaign::Campaign;

/// From an elephant's first packet to its first marked packet at the far host, by parts, in the lab (as root).
#[derive(Debug, Parser)]
struct Arguments {
    /// How often, for each profile.
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// The profiles to compare.
    #[arg(long, value_delimiter = ',', default_value = "average,fast,balanced")]
    profiles: Vec<String>,
    /// Tables for a page.
    #[arg(long)]
    markdown: bool,
    /// How often mice are timed through the bottleneck, for each profile and setting.
    #[arg(long, default_value_t = 2)]
    latency_runs: usize,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loop-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    ensure!(
        arguments.runs > 0 && arguments.latency_runs > 0,
        "at least one run is needed"
    );
    let before = load()?;
    let lab = Lab::start(LabOptions::default())?;
    let _acl_server = lab.acl_server(&AclServerOptions::default())?;
    let (mut results, mut failure) = (Vec::new(), Ok(()));
    for profile in &arguments.profiles {
        let outcome = Campaign::start(&lab, profile)
            .and_then(|campaign| campaign.run(arguments.runs, arguments.latency_runs));
        match outcome {
            Ok(outcome) => results.push(outcome),
            Err(error) => {
                failure = Err(error.context(profile.clone()));
                break;
            }
        }
    }
    let load = format!("{before} before, {} after", load()?);
    for line in report::lines(&results, &load, arguments.markdown) {
        println!("{line}");
    }
    // What was measured before it is worth its minutes all the same.
    failure
}

/// The load averages of this machine: what else it has to do shows in every figure.
fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg").context("/proc/loadavg")?;
    let averages: Vec<_> = text.split(' ').take(3).collect();
    Ok(averages.join(" "))
}
