//! What is printed.

use std::fs;

use crate::stage::{Figures, STAGES};
use crate::workload::SAMPLES;

/// Nanoseconds a sample for all together, on one core (docs/ARCHITECTURE.md).
const TARGET: f64 = 100.0;

/// What was measured how.
pub(crate) fn head(datagrams: usize, rounds: usize) {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of this machine before: {}", load.trim());
    println!(
        "nanoseconds a sample on one core, median of {rounds} rounds of {datagrams} datagrams with {SAMPLES} samples each"
    );
    print!("{:>10}", "flows");
    for stage in STAGES {
        print!("{:>13}", format!("{stage:?}").to_lowercase());
    }
    println!(
        "{:>10}{:>10}{:>14}{:>10}",
        "share", "of target", "bytes a flow", "defined"
    );
}

/// One number of flows.
pub(crate) fn line(flows: u32, figures: &Figures) {
    print!("{flows:>10}");
    for nanoseconds in figures.nanoseconds {
        print!("{nanoseconds:>13.1}");
    }
    let [decode, header, _, key, _, batched, _, together, ..] = figures.nanoseconds;
    let parts = decode + header + key + batched;
    println!(
        "{:>10.2}{:>9.0}%{:>14.1}{:>10.1}",
        together / parts,
        together / TARGET * 100.0,
        figures.bytes_a_flow,
        figures.bytes_a_defined_flow
    );
}

/// What the columns mean.
pub(crate) fn foot() {
    println!(
        "together: decode, header, key, and detection in its own table; single takes samples one by one; share: together by the sum of decode, header, key, batched"
    );
    println!(
        "shard: what the daemon does with a datagram of a switch, loss accounting and doctor included, its detector's table as large as ever; defined: header, key and table of a flow definition; sharddefined: both"
    );
    println!("stack is not part of it: only flow definitions that ask for inner layers read them");
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of this machine after: {}", load.trim());
}
