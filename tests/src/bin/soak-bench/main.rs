//! Floods flow-marker's engine with what nobody should send: agents without number, data sources, keys, counters and names
//! at random, in real sFlow datagrams and as fast as one core takes them. Memory must stay below a bound, whatever comes.
//! Prints what the process has each minute, and fails when the bound is exceeded.
//!
//! The engine's own time passes faster than the clock, so that within minutes agents fall silent for hours, are forgotten
//! and others take their places.
#![expect(clippy::print_stdout, reason = "it prints what it measures")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;

mod flood;
mod victim;

use flood::Flood;
use victim::Victim;

/// Memory of the engine under a flood of random agents, data sources, keys, counters and names.
#[derive(Debug, Parser)]
struct Arguments {
    /// Minutes of real time
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seconds of the engine's time that pass in one of real time
    #[arg(long, default_value_t = 30.0)]
    pace: f64,
    /// Agents that are forged; 1,024 of them may have places at a time
    #[arg(long, default_value_t = 1_000_000)]
    agents: u32,
    /// Seconds of real time between two lines
    #[arg(long, default_value_t = 60.0)]
    every: f64,
    /// The most that the process may have, in MiB
    #[arg(long, default_value_t = BOUND_MIB)]
    bound: u64,
    /// Seed of everything that is random
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// By the limits of what a flood can fill: half a million places of data sources (of at most 700 bytes: 350 MiB), four
/// million values (256 MiB, and for this flood's names and texts of 116 bytes at most another 1,300 MiB), two full flow tables
/// (127 MiB), the detector (16 MiB), places of thresholds and agents (30 MiB).
const BOUND_MIB: u64 = 2048;

/// Datagrams between two looks at the clock.
const BATCH: usize = 64;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut flood = Flood::new(arguments.seed, arguments.agents);
    let mut victim = Victim::new()?;
    let started = Instant::now();
    let end = Duration::from_secs_f64(arguments.minutes * 60.0);
    let every = Duration::from_secs_f64(arguments.every);
    let (mut due, mut largest, mut datagrams) = (Duration::ZERO, 0, 0_u64);
    println!(
        "{:>8} {:>10} {:>14} {}",
        "minutes",
        "MiB",
        "datagrams",
        Victim::HEAD
    );
    loop {
        let real = started.elapsed();
        let now = real.mul_f64(arguments.pace);
        if real >= due || real >= end {
            due += every;
            let resident = resident_mib();
            largest = largest.max(resident);
            let minutes = real.as_secs_f64() / 60.0;
            println!("{minutes:8.2} {resident:10} {datagrams:14} {}", victim.state());
            if resident > arguments.bound {
                bail!("{resident} MiB are more than {} MiB", arguments.bound);
            }
        }
        if real >= end {
            break;
        }
        let batch = [(); BATCH].map(|()| flood.next(now));
        victim.take(now, &batch);
        datagrams += BATCH as u64;
    }
    println!("at most {largest} MiB of {} MiB", arguments.bound);
    Ok(())
}

/// What the process has in memory.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
