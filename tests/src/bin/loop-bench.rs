//! Measures the loop in the lab: from an elephant's first packet to its first marked packet at the far host, by parts.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it measures"
)]

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use clap::Parser;
use tests::demo::LabFabric;
use tests::demo::fabric::{Control, Elephant, Fabric, RATE};
use tests::wait;

/// From an elephant's first packet to its first marked packet at the far host, by parts, in the lab (as root).
#[derive(Debug, Parser)]
struct Arguments {
    /// How many elephants, one after the other.
    #[arg(long, default_value_t = 10)]
    runs: usize,
}

/// The parts, in the order of the loop, and the whole.
const PARTS: [&str; 8] = [
    "first packet → first sample at flow-marker",
    "first sample → detected",
    "detected → PUT sent",
    "HTTP and client",
    "queue: the batch window",
    "commit: files, journal, one run of acltool",
    "PUT answered → first marked packet at host b",
    "first packet → first marked packet at host b",
];

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
    let mut fabric = LabFabric::start()?;
    println!(
        "1:100 on a port that counts as 1 Gb/s, 1518-byte frames, TCP at {} Mb/s, threshold 10 %",
        RATE / 1_000_000
    );
    let mut runs: Vec<[f64; PARTS.len()]> = Vec::new();
    for number in 1..=arguments.runs {
        let run = one(&mut fabric)?;
        println!(
            "run {number:2}: {:7.1} ms",
            run.last().copied().unwrap_or(f64::NAN)
        );
        runs.push(run);
    }
    println!(
        "\n{:48} {:>9} {:>9} {:>9}",
        "milliseconds", "min", "median", "max"
    );
    for (index, part) in PARTS.iter().enumerate() {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| run.get(index).copied()).collect();
        values.sort_by(f64::total_cmp);
        let at = |position: usize| values.get(position).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(values.len() / 2));
        println!("{part:48} {:9.1} {median:9.1} {:9.1}", at(0), at(last));
    }
    Ok(())
}

/// One elephant; milliseconds by part.
fn one(fabric: &mut LabFabric) -> Result<[f64; PARTS.len()]> {
    let flow = fabric.start(Elephant::V4, 5)?;
    let seen = wait::until_ok("a marked packet", Duration::from_secs(15), || {
        let control: Option<Control> = fabric
            .controls()?
            .into_iter()
            .find(|control| control.flow == flow);
        let Some(control) = control.filter(|control| control.installed.is_some()) else {
            return Ok(None);
        };
        Ok(fabric
            .first_packet()
            .zip(fabric.first_marked(10))
            .map(|(first, marked)| (control, first, marked)))
    });
    let (control, first, marked) = seen.with_context(|| fabric.logs())?;
    let sample = control.first_sample.context("no first sample")?;
    let sent = control.put_sent.context("never sent")?;
    let installed = control.installed.context("never installed")?;
    let (queue, commit) = (control.queue_ms, control.commit_ms);
    Ok([
        ms(first, sample),
        ms(sample, control.detected),
        ms(control.detected, sent),
        ms(sent, installed) - queue - commit,
        queue,
        commit,
        ms(installed, marked),
        ms(first, marked),
    ])
}

/// From one time to another; negative when the second came first.
fn ms(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(span) => span.as_secs_f64() * 1e3,
        Err(error) => -error.duration().as_secs_f64() * 1e3,
    }
}
