//! Measures what receiving sFlow costs: samples per second of processor time, over UDP on loopback, at the highest rate
//! at which nothing is lost. The same datagrams go to flow-marker, to `sfcapd` (nfdump) and to `sfacctd` (pmacct), where
//! they are installed. Prints figures and ratios of one run; what they must be is for who reads them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it measures"
)]

mod collector;
mod measure;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tests::kernel;

use collector::{Collector, Running};
use measure::{Measured, highest, measure};

/// Samples per second of processor time over UDP on loopback, beside sfcapd and sfacctd.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seconds a measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Agents that send
    #[arg(long, default_value_t = 8)]
    agents: u8,
    /// Flow samples in a datagram
    #[arg(long, default_value_t = 6)]
    samples: usize,
    /// Receiving threads of flow-marker
    #[arg(long, default_value_t = 1)]
    threads: u8,
    /// Only these collectors
    #[arg(long, value_enum)]
    only: Vec<Collector>,
    /// Only at this rate, in datagrams a second
    #[arg(long)]
    rate: Option<f64>,
    /// Lets every collector have a receive buffer of 16 MiB: raises net.core.rmem_max meanwhile (as root)
    #[arg(long)]
    raise_rmem_max: bool,
}

/// What collectors ask for.
const BUFFER: u64 = 16 << 20;

const RMEM_MAX: &str = "/proc/sys/net/core/rmem_max";

/// Puts the limit back.
struct RaisedLimit(String);

impl RaisedLimit {
    fn new() -> Result<Self> {
        let before = fs::read_to_string(RMEM_MAX)?;
        fs::write(RMEM_MAX, BUFFER.to_string())
            .with_context(|| format!("{RMEM_MAX} cannot be raised: as root?"))?;
        Ok(Self(before))
    }
}

impl Drop for RaisedLimit {
    fn drop(&mut self) {
        if let Err(error) = fs::write(RMEM_MAX, &self.0) {
            eprintln!(
                "udp-bench: {RMEM_MAX} was {} and could not be put back: {error}",
                self.0.trim()
            );
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("udp-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let _raised = match arguments.raise_rmem_max {
        true => Some(RaisedLimit::new()?),
        false => None,
    };
    let limit: u64 = fs::read_to_string(RMEM_MAX)?.trim().parse()?;
    let buffer = BUFFER.min(limit);
    println!(
        "{} samples a datagram, {} agents, receive buffer {} KiB for each{}",
        arguments.samples,
        arguments.agents,
        buffer >> 10,
        if buffer < BUFFER {
            " (net.core.rmem_max; --raise-rmem-max for 16 MiB)"
        } else {
            ""
        }
    );
    pin()?;
    let collectors: Vec<_> = [Collector::FlowMarker, Collector::Sfcapd, Collector::Sfacctd]
        .into_iter()
        .filter(|collector| arguments.only.is_empty() || arguments.only.contains(collector))
        .collect();
    let mut best: Vec<(Collector, Measured)> = Vec::new();
    for collector in collectors {
        let running = match Running::start(collector, buffer, arguments.threads) {
            Ok(running) => running,
            Err(error) => {
                println!("{collector}: left out: {error:#}");
                continue;
            }
        };
        let found = match arguments.rate {
            Some(rate) => Some(measure(&running, arguments, rate)?),
            None => highest(&running, arguments)?,
        };
        match found {
            Some(found) => best.push((collector, found)),
            None => println!("{collector}: loses datagrams at every rate"),
        }
    }
    table("each at its highest rate without loss", &best);
    let common = best
        .iter()
        .map(|(_, measured)| measured.rate)
        .fold(f64::INFINITY, f64::min);
    if best.len() > 1 && arguments.rate.is_none() {
        let mut same = Vec::new();
        for (collector, _) in &best {
            let running = Running::start(*collector, buffer, arguments.threads)?;
            same.push((*collector, measure(&running, arguments, common)?));
        }
        table("all at the same rate", &same);
    }
    Ok(())
}

/// The sender has the last core for itself; collectors are started on the first.
fn pin() -> Result<()> {
    let mut set = CpuSet::new();
    set.set(collector::last_core()?)?;
    sched_setaffinity(Pid::from_raw(0), &set)?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 datagrams")]
fn table(title: &str, rows: &[(Collector, Measured)]) {
    println!("\n{title}");
    println!(
        "{:<12} {:>12} {:>9} {:>7} {:>16} {:>12} {:>9} {:>8}",
        "", "datagrams/s", "lost", "CPU %", "samples/CPU-s", "ns/datagram", "softirq %", "ratio"
    );
    // One that loses has less to do: it is not compared.
    let whole = |measured: &Measured| (measured.lost == 0).then(|| measured.samples_per_cpu_second());
    let reference = rows
        .iter()
        .find(|(collector, _)| *collector == Collector::Sfcapd)
        .and_then(|(_, measured)| whole(measured));
    for (collector, measured) in rows {
        let ratio = match (whole(measured), reference) {
            (None, _) => "lossy".to_owned(),
            (Some(_), None) => "-".to_owned(),
            (Some(own), Some(reference)) => format!("{:.2}", own / reference),
        };
        println!(
            "{:<12} {:>12.0} {:>9} {:>7.1} {:>16.0} {:>12.0} {:>9.1} {:>8}",
            collector.to_string(),
            measured.rate,
            measured.lost,
            100.0 * measured.cpu / measured.seconds,
            measured.samples_per_cpu_second(),
            1e9 * measured.cpu / measured.received as f64,
            100.0 * measured.softirq / measured.seconds,
            ratio
        );
    }
}

/// For the modules of this program.
fn cpu(group: u32) -> Result<f64> {
    Ok(kernel::group_time(group)?.as_secs_f64())
}
