//! Measures what browsers that watch cost flow-marker, on top of what it costs to receive samples: processor time and
//! memory, of one process and in one run, first alone, then with the browsers, then alone again.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it measures"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use flow_marker::live::{History, Point};
use serde_json::Value;
use tests::audience::{Audience, Watched};
use tests::scene::{Elephant, Scene, Shape};
use tests::{kernel, wait};

/// What browsers that watch cost, beside receiving.
#[derive(Debug, Parser)]
struct Arguments {
    /// Browsers
    #[arg(long, default_value_t = 50)]
    browsers: u32,
    /// Flows that are known at a time, at least
    #[arg(long, default_value_t = 5000)]
    flows: u32,
    /// Leaf switches that they are on
    #[arg(long, default_value_t = 4)]
    leaves: u8,
    /// One packet in so many is sampled
    #[arg(long, default_value_t = 1000)]
    sampling: u32,
    /// What passes through each leaf, in Gb/s
    #[arg(long, default_value_t = 12)]
    rate: u64,
    /// Seconds for each figure
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// What they look for among the flows: something that all of them match
    #[arg(long, default_value = "tcp")]
    search: String,
}

/// The share of a core that they may cost.
const ALLOWED: f64 = 0.05;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("page-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the process took during a time.
#[derive(Debug, Clone, Copy)]
struct Taken {
    /// Cores.
    cpu: f64,
    /// Samples a second.
    samples: f64,
    /// MiB at its end.
    memory: f64,
}

fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) {
        println!(
            "a build without optimisation: its figures say little (make bench-page builds the other one)"
        );
    }
    let shape = Shape {
        leaves: arguments.leaves,
        // Some are between two samples at any time.
        flows: arguments.flows.saturating_mul(3) / 2 / u32::from(arguments.leaves.max(1)),
        rate: arguments.rate * 1_000_000_000,
        // All about as large, and all of them large enough to be in the list that is looked at.
        flat: 4 * arguments.flows,
        sampling: arguments.sampling,
        threshold: "4M",
    };
    let elephant = |leaf, port| Elephant {
        leaf,
        port,
        rate: 2_000_000_000,
        span: (Duration::ZERO, Duration::MAX),
    };
    let elephants: Vec<_> = (0..usize::from(arguments.leaves))
        .flat_map(|leaf| [elephant(leaf, 1), elephant(leaf, 2)])
        .collect();
    let scene = Scene::start(shape, 61, "", &elephants)?;
    let count = |name: &str| -> Result<f64> {
        let overview = scene.marker()?.json("/overview/json")?;
        let count = overview
            .pointer(&format!("/counts/{name}"))
            .and_then(Value::as_f64);
        count.with_context(|| format!("no {name} in {overview}"))
    };
    let wanted = f64::from(arguments.flows);
    let there = wait::until_ok("the flows to be there", Duration::from_secs(120), || {
        wait::pause(Duration::from_millis(500));
        Ok((count("flows")? >= wanted).then_some(()))
    });
    there.with_context(|| format!("{:?} flows", count("flows")))?;
    println!(
        "{:.0} flows, {:.0} elephants of which {:.0} are marked, {} leaves, 1 in {}; {} s for each figure\n",
        count("flows")?,
        count("elephants")?,
        count("marks")?,
        arguments.leaves,
        arguments.sampling,
        arguments.seconds
    );
    println!(
        "{:34} {:>10} {:>12} {:>12}",
        "", "% of a core", "samples/s", "memory, MiB"
    );
    let before = taken(&scene, arguments, "alone")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let table = format!("/elephants/json?search={}&max=100", arguments.search);
    let address = scene.marker()?.http;
    let audience = runtime
        .block_on(async { Audience::start(address, arguments.browsers, &table, Duration::from_secs(2)) });
    // All are there, and have been for a while.
    wait::pause(Duration::from_secs(5));
    let first = audience.watched();
    let with = taken(
        &scene,
        arguments,
        &format!("with {} browsers", arguments.browsers),
    )?;
    let watched = audience.watched();
    drop(audience);
    wait::pause(Duration::from_secs(3));
    let after = taken(&scene, arguments, "alone again")?;
    report(arguments, (&first, &watched), [before, with, after])
}

/// Looks on for a while.
fn taken(scene: &Scene, arguments: &Arguments, title: &str) -> Result<Taken> {
    let marker = scene.marker()?;
    let pid = marker.process.pid();
    let look = || -> Result<_> {
        Ok((
            now(),
            kernel::group_time(pid)?,
            marker.metric("samples_total", "kind=\"flow\"")?,
        ))
    };
    let (begun, cpu, samples) = look()?;
    wait::pause(Duration::from_secs(arguments.seconds));
    let (ended, cpu_then, samples_then) = look()?;
    let seconds = ended.duration_since(begun).as_secs_f64();
    let taken = Taken {
        cpu: (cpu_then.saturating_sub(cpu)).as_secs_f64() / seconds,
        samples: (samples_then - samples) / seconds,
        memory: kernel::memory(pid, "VmRSS")?,
    };
    println!(
        "{title:34} {:>10.2} {:>12.0} {:>12.1}",
        100.0 * taken.cpu,
        taken.samples,
        taken.memory
    );
    Ok(taken)
}

fn report(
    arguments: &Arguments,
    (first, last): (&[Watched], &[Watched]),
    [before, with, after]: [Taken; 3],
) -> Result<()> {
    for watched in last {
        ensure!(
            watched.error.is_none(),
            "a browser has ended: {:?}",
            watched.error
        );
    }
    let sum = |all: &[Watched], part: fn(&Watched) -> u64| all.iter().map(part).sum::<u64>();
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
    let rate = |part| (sum(last, part) - sum(first, part)) as f64 / arguments.seconds as f64;
    let slowest = last
        .iter()
        .map(|watched| watched.slowest)
        .max()
        .unwrap_or_default();
    println!(
        "\nthey read {:.0} overviews and {:.1} tables a second, {:.2} and {:.2} MB/s; the slowest table took {:.0} ms",
        rate(|watched| watched.times.len() as u64),
        rate(|watched| watched.tables),
        rate(|watched| watched.stream_bytes) / 1e6,
        rate(|watched| watched.table_bytes) / 1e6,
        slowest.as_secs_f64() * 1e3
    );
    println!(
        "memory: {:+.1} MiB with them, {:+.1} MiB after them",
        with.memory - before.memory,
        after.memory - before.memory
    );
    println!("history of a week, full: {:.2} MiB", history()?);
    // What else the machine does moves both figures alone; their mean is what it would have taken meanwhile.
    let extra = with.cpu - f64::midpoint(before.cpu, after.cpu);
    println!(
        "on top of receiving: {:.2} % of a core, {} the {:.0} % that are allowed",
        100.0 * extra,
        if extra < ALLOWED { "under" } else { "NOT UNDER" },
        100.0 * ALLOWED
    );
    Ok(())
}

/// What a full history takes, in MiB.
fn history() -> Result<f64> {
    let own = || kernel::memory(std::process::id(), "RssAnon");
    let before = own()?;
    let mut history = History::default();
    let point = Point {
        marked: 1.0,
        ..Point::default()
    };
    for second in 0..History::LONGEST.as_secs() {
        history.add(second, &point);
    }
    let after = own()?;
    ensure!(
        !history.read(History::LONGEST.as_secs(), 900).points.is_empty(),
        "no history"
    );
    Ok(after - before)
}

#[expect(clippy::disallowed_methods, reason = "it measures on the real clock")]
fn now() -> Instant {
    Instant::now()
}
