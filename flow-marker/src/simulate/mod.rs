//! `flow-marker simulate`: what detection costs and what it misses, before a switch is configured.
//!
//! Packets as flows send them (`traffic`), sampled one in N (`port`), put into sFlow datagrams by an agent that holds
//! them back and loses some (`agent`), decoded, read and decided as a receiving thread does it (`collector`), by several
//! methods at once (`contender`). With a seed, and the same on every machine.

/// Detection times of any port, from a table.
pub mod expected;
mod report;
mod chart;
mod experiment;
mod fill;
mod setup;
mod mix;
mod collector;
mod contender;
mod agent;
mod port;
mod traffic;
mod statistics;
mod random;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shared::units::BitRate;

use agent::Sending;
use contender::Method;
use mix::Mix;
use report::{Report, Row};
use setup::Setup;
use traffic::Carrier;

/// What is simulated.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Speed of the port
    #[arg(long, value_name = "RATE", value_delimiter = ',', default_value = "1G")]
    link: Vec<BitRate>,
    /// One packet in so many is sampled
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1000")]
    sampling: Vec<u32>,
    /// Bytes of a frame
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "1500")]
    frame: Vec<u32>,
    /// The rate that makes an elephant, in per cent of the port's speed
    #[arg(long, value_name = "PER CENT", default_value_t = 10.0)]
    threshold: f64,
    /// Methods to compare; `all` for every one, those included that miss a part
    #[arg(
        long,
        value_name = "METHOD",
        value_delimiter = ',',
        default_value = "average,count,two-samples,fast,balanced,strict"
    )]
    methods: Vec<String>,
    /// Rates of the elephants whose detection is timed, as multiples of the threshold
    #[arg(
        long,
        value_name = "SHARE",
        value_delimiter = ',',
        default_value = "1,1.1,1.25,1.5,2,5,10"
    )]
    rates: Vec<f64>,
    /// Elephants for each rate; 0 leaves detection times out
    #[arg(long, default_value_t = 2000)]
    runs: u64,
    /// Traffic without elephants, in which marks are counted
    #[arg(
        long,
        value_name = "MIX",
        value_delimiter = ',',
        default_value = "steady-20,steady-50,steady-80,stress"
    )]
    mix: Vec<Mix>,
    /// Hours of it; 0 leaves false marks out
    #[arg(long, default_value_t = 10.0)]
    hours: f64,
    /// What the elephants and most mice are
    #[arg(
        long,
        value_name = "CARRIER",
        value_enum,
        value_delimiter = ',',
        default_value = "tcp"
    )]
    carrier: Vec<CarrierName>,
    /// The unit of the senders' TCP timestamps in nanoseconds
    #[arg(long, value_name = "NS", default_value_t = 1_000_000)]
    tick: u32,
    /// The share of packets that TCP sends twice
    #[arg(long, value_name = "SHARE", default_value_t = 0.001)]
    retransmits: f64,
    /// Samples that the agent puts into a datagram
    #[arg(long, value_name = "SAMPLES", value_delimiter = ',', default_value = "7")]
    batch: Vec<usize>,
    /// How long the agent waits for so many, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    hold: f64,
    /// The share of datagrams that get lost
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    loss: f64,
    /// Other traffic beside an elephant, as a share of the link
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    background: f64,
    /// Elephants on the port at a time
    #[arg(long, value_name = "FLOWS", default_value_t = 1)]
    elephants: u32,
    /// Flows beside the elephants whose detection is timed
    #[arg(long, value_name = "MIX")]
    beside: Option<Mix>,
    /// The same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write all figures into this file as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw the detection times of the last port into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// What carries flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CarrierName {
    /// TCP with timestamps.
    Tcp,
    /// TCP without timestamps.
    PlainTcp,
    /// UDP.
    Udp,
}

/// Examples for the command line.
pub const EXAMPLES: &str = "\
Examples:
  What would 1:2000 on 10G ports cost?
    flow-marker simulate --link 10G --sampling 2000 --runs 500 --hours 1

  The table of docs/DETECTION.md: no batching in the agent, nothing else on the port
    flow-marker simulate --rates 1,2,5,10 --batch 1 --background 0 --retransmits 0

  24 elephants at a time among several hundred flows
    flow-marker simulate --threshold 2 --elephants 24 --beside stress --mix crowded --rates 1,1.25,1.5

  Speeds, sampling rates and frame sizes
    flow-marker simulate --link 10G,100G --sampling 1000,10000,100000 --frame 1500,9000 --rates 2 --hours 0";

/// Simulates, and prints tables to `out`.
///
/// # Errors
/// An option makes no sense, or a file or `out` cannot be written.
pub fn run(args: &SimulateArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let methods = methods(&args.methods)?;
    check(args)?;
    let mut report = Report::new(&methods);
    for setup in setups(args) {
        report.begin(&setup, out)?;
        if args.runs > 0 {
            for &share in &args.rates {
                let times = experiment::detection(&setup, &methods, share, args.runs);
                for (method, times) in methods.iter().zip(&times) {
                    report.add(Row::detection(&setup, *method, share, times));
                }
            }
            report.show_detection(&args.rates, out)?;
        }
        if args.hours > 0.0 {
            for &mix in &args.mix {
                let marks = experiment::false_marks(&setup, &methods, mix, args.hours);
                for (method, marks) in methods.iter().zip(&marks) {
                    report.add(Row::false_marks(&setup, *method, mix, marks));
                }
            }
            report.show_false_marks(&args.mix, out)?;
        }
    }
    if let Some(path) = &args.csv {
        report.write_csv(path)?;
    }
    if let Some(path) = &args.svg {
        report.write_svg(path)?;
    }
    Ok(out.flush()?)
}

fn methods(names: &[String]) -> anyhow::Result<Vec<Method>> {
    if names == ["all"] {
        return Ok(Method::ALL.to_vec());
    }
    let find = |name: &String| {
        let found = Method::ALL.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| {
            let known: Vec<_> = Method::ALL.iter().map(|method| method.name()).collect();
            anyhow::anyhow!("--methods: {name:?} is none of {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

fn check(args: &SimulateArgs) -> anyhow::Result<()> {
    let share = |value: f64| (0.0..1.0).contains(&value);
    anyhow::ensure!(
        args.threshold > 0.0 && args.threshold <= 100.0,
        "--threshold: more than 0 and at most 100 per cent"
    );
    anyhow::ensure!(
        args.rates.iter().all(|rate| *rate > 0.0 && *rate <= 1000.0),
        "--rates: multiples of the threshold, up to 1000"
    );
    anyhow::ensure!((1..=1000).contains(&args.elephants), "--elephants: 1 to 1000");
    anyhow::ensure!(
        args.frame.iter().all(|frame| (64..=65_535).contains(frame)),
        "--frame: 64 to 65535 bytes"
    );
    anyhow::ensure!(
        args.sampling.iter().all(|rate| *rate > 0)
            && args.batch.iter().all(|batch| *batch > 0)
            && args.tick > 0,
        "--sampling, --batch, --tick: at least 1"
    );
    anyhow::ensure!(
        share(args.loss) && share(args.retransmits) && share(args.background),
        "--loss, --retransmits, --background: at least 0 and less than 1"
    );
    anyhow::ensure!(
        (0.0..=10.0).contains(&args.hold) && (0.0..=1e5).contains(&args.hours),
        "--hold: up to 10 seconds; --hours: up to 100000"
    );
    Ok(())
}

/// Every combination of what there may be several of.
fn setups(args: &SimulateArgs) -> Vec<Setup> {
    let mut setups = Vec::new();
    for &link in &args.link {
        for &rate in &args.sampling {
            for &frame in &args.frame {
                for &carrier in &args.carrier {
                    for &batch in &args.batch {
                        setups.push(setup(args, (link, frame), (rate, batch), carrier));
                    }
                }
            }
        }
    }
    setups
}

fn setup(
    args: &SimulateArgs,
    (link, frame): (BitRate, u32),
    (rate, batch): (u32, usize),
    carrier: CarrierName,
) -> Setup {
    let threshold = random::whole(link.as_f64() * args.threshold / 100.0).max(1);
    Setup {
        link,
        threshold: BitRate::from_bits_per_second(threshold),
        frame,
        sending: Sending {
            rate,
            batch,
            hold: args.hold,
            loss: args.loss,
        },
        carrier: match carrier {
            CarrierName::Tcp => Carrier::Tcp { tick: args.tick },
            CarrierName::PlainTcp => Carrier::PlainTcp,
            CarrierName::Udp => Carrier::Udp,
        },
        retransmits: args.retransmits,
        background: args.background,
        elephants: args.elephants,
        beside: args.beside,
        seed: args.seed,
    }
}

#[cfg(test)]
mod tests;
