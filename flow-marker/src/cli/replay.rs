//! `flow-marker replay`: the engine on a capture, in the capture's own time.

use std::fs::File;
use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::detect::Event;
use crate::engine::threshold::Fired;
use crate::engine::{Common, FlowRecord, Notice, Outlet, Shard};
use crate::flow::FlowKey;
use crate::ingest::replay::{self, Summary};
use crate::inventory::PortBoard;
use crate::metrics::{self, Metrics};
use crate::pcap::Capture;

/// Between two lines that tell how far it is.
const PROGRESS: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A capture file.
    #[arg(value_name = "FILE.pcap")]
    file: PathBuf,
    /// How fast: `max`, or a factor such as 1 (as it was captured) or 10.
    #[arg(long, default_value = "max", value_name = "max|FACTOR")]
    speed: Speed,
    /// The UDP destination port of sFlow in the capture.
    #[arg(long, default_value_t = 6343)]
    port: u16,
    /// The configuration; without one there is no inventory. No switch is contacted, whatever it says.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How fast the capture's time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Speed {
    Max,
    Factor(f64),
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// A year of capture in half a minute, or a second of it in a quarter of an hour.
        const SENSIBLE: std::ops::RangeInclusive<f64> = 0.001..=1e6;
        if text == "max" {
            return Ok(Self::Max);
        }
        let factor = text.trim_end_matches('x').parse().ok();
        let factor = factor
            .filter(|factor| SENSIBLE.contains(factor))
            .map(Self::Factor);
        factor.ok_or_else(|| format!("{text:?} is neither \"max\" nor a factor from 0.001 to 1000000"))
    }
}

impl Speed {
    /// When, after the start, something happens that is so far into the capture.
    fn due(self, into: Duration) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::Factor(factor) => {
                Duration::try_from_secs_f64(into.as_secs_f64() / factor).unwrap_or(Duration::MAX)
            }
        }
    }
}

/// Replays the capture; prints elephants as they come and go, and in the end what the capture held and what was made of
/// it, to `out`, and to `progress` how far it is.
///
/// # Errors
/// The configuration or the capture cannot be read, the capture is damaged (after the summary of what stands before), or
/// `out` cannot be written to.
pub(super) fn replay(
    args: &ReplayArgs,
    out: &mut impl Write,
    progress: &mut dyn Write,
) -> anyhow::Result<()> {
    let config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::parse(Path::new("no configuration"), "")?,
    };
    let name = args.file.display();
    let input = File::open(&args.file).with_context(|| format!("{name} cannot be opened"))?;
    let size = input
        .metadata()
        .map(|metadata| metadata.len())
        .unwrap_or_default();
    let mut capture = Capture::new(BufReader::new(input)).with_context(|| name.to_string())?;

    let agents = config.switches.iter().map(|switch| switch.agent);
    let metrics = Arc::new(Metrics::new(agents, 1));
    let board = Arc::new(PortBoard::new(&config.switches));
    let (events, told) = std::sync::mpsc::channel();
    let mut shard = Shard::new(
        &config,
        &metrics,
        0,
        (board, &Common::new(&config)),
        Box::new(Teller(events)),
    );

    let clock = Clock::start();
    let mut shown = Time::START;
    let mut failed = Ok(());
    let (summary, end) = replay::run(&mut capture, args.port, &mut shard, |now, so_far| {
        let due = Time::START + args.speed.due(now.since(Time::START));
        let mut wall = clock.now();
        while wall < due {
            std::thread::park_timeout(due.since(wall));
            wall = clock.now();
        }
        for told in told.try_iter() {
            let written = tell(&config, &told, out);
            failed = std::mem::replace(&mut failed, Ok(())).and(written);
        }
        if wall.since(shown) >= PROGRESS {
            shown = wall;
            // Whoever does not read it misses nothing.
            let _ = writeln!(
                progress,
                "{} datagrams, {:.1} s of the capture ({size} bytes) in {:.1} s",
                so_far.datagrams,
                now.since(Time::START).as_secs_f64(),
                wall.since(Time::START).as_secs_f64()
            );
        }
    });
    let took = clock.now().since(Time::START);
    for told in told.try_iter() {
        tell(&config, &told, out)?;
    }
    failed?;
    report(&summary, &metrics, &config, took, out)?;
    end.with_context(|| name.to_string())
}

/// What the engine tells.
enum Told {
    Elephant(Notice),
    Fired(Fired),
    Flow(FlowRecord),
}

/// Takes down what the engine tells.
struct Teller(std::sync::mpsc::Sender<Told>);

impl Outlet for Teller {
    fn elephant(&mut self, notice: Notice) -> bool {
        self.0.send(Told::Elephant(notice)).is_ok()
    }

    fn fired(&mut self, fired: Fired) -> bool {
        self.0.send(Told::Fired(fired)).is_ok()
    }

    fn flow(&mut self, record: FlowRecord) -> bool {
        self.0.send(Told::Flow(record)).is_ok()
    }
}

fn tell(config: &Config, told: &Told, out: &mut impl Write) -> std::io::Result<()> {
    let seconds = |time: Time| time.since(Time::START).as_secs_f64();
    match told {
        Told::Elephant(notice) => tell_elephant(config, notice, out),
        Told::Fired(fired) => {
            let Fired {
                threshold_id,
                metric,
                threshold,
                value,
                agent,
                source,
                flow_key,
                at,
            } = fired;
            let key = flow_key.as_deref().unwrap_or_default();
            let at = seconds(*at);
            writeln!(
                out,
                "{at:10.3} s threshold {threshold_id}: {metric} {value} ≥ {threshold} at agent {agent}, {source} {key}"
            )
        }
        Told::Flow(record) => {
            let FlowRecord {
                name,
                agent,
                source,
                key,
                value,
                start,
                end,
                ..
            } = record;
            let (start, end) = (seconds(*start), seconds(*end));
            writeln!(
                out,
                "{end:10.3} s flow {name} {key}: {value} since {start:.3} s at agent {agent}, {source}"
            )
        }
    }
}

fn tell_elephant(config: &Config, notice: &Notice, out: &mut impl Write) -> std::io::Result<()> {
    let flow = |key: &FlowKey| {
        let agent = usize::try_from(key.agent.0)
            .ok()
            .and_then(|at| config.switches.get(at));
        let agent = agent.map_or_else(|| "unknown".to_owned(), |switch| switch.agent.to_string());
        let tuple = &key.tuple;
        let [from, to] = [
            (tuple.source, tuple.source_port),
            (tuple.destination, tuple.destination_port),
        ];
        let [from, to] = [from, to].map(SocketAddr::from);
        format!(
            "{from} → {to} (IP protocol {}) at agent {agent}",
            tuple.protocol.0
        )
    };
    match &notice.event {
        Event::Started(elephant) => {
            let seconds = elephant.detected.since(Time::START).as_secs_f64();
            let port = notice.port_name.as_deref().unwrap_or("no name");
            writeln!(
                out,
                "{seconds:10.3} s elephant {}, port {} ({port})",
                flow(&elephant.key),
                elephant.port
            )
        }
        Event::Ended { key, last_sample } => {
            let seconds = last_sample.since(Time::START).as_secs_f64();
            writeln!(out, "{seconds:10.3} s the last sample of {}", flow(key))
        }
    }
}

fn report(
    summary: &Summary,
    metrics: &Metrics,
    config: &Config,
    took: Duration,
    out: &mut impl Write,
) -> std::io::Result<()> {
    writeln!(
        out,
        "capture: {} packets ({} no whole UDP datagrams, {} to other ports), {} datagrams over {:.3} s from Unix time {:.3}",
        summary.packets,
        summary.not_udp,
        summary.other_port,
        summary.datagrams,
        summary.span.as_secs_f64(),
        summary.start.as_secs_f64()
    )?;
    for (count, what) in [
        (summary.cut, "cut by the capture"),
        (summary.backwards, "with a time before that of an earlier one"),
    ] {
        if count > 0 {
            writeln!(out, "datagrams {what}: {count}")?;
        }
    }
    let sum =
        |counter: fn(&metrics::Thread) -> u64| metrics.threads().iter().map(|t| counter(t)).sum::<u64>();
    let rejected =
        sum(|t| t.rejected_version.get() + t.rejected_truncated.get() + t.rejected_malformed.get());
    let unknown = sum(|t| t.unknown_agent.get());
    writeln!(
        out,
        "rejected: {rejected}; of agents that are not listened to: {unknown}; took {:.3} s",
        took.as_secs_f64()
    )?;
    let switches = config.switches.iter().map(|switch| switch.agent.to_string());
    for (agent, counts) in switches.zip(metrics.agents()) {
        of_agent(&agent, counts, out)?;
    }
    for counts in metrics.others() {
        of_agent("other agents", counts, out)?;
    }
    Ok(())
}

fn of_agent(name: &str, counts: &metrics::Agent, out: &mut impl Write) -> std::io::Result<()> {
    if counts.decoded.get() == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "{name}: {} datagrams, {} flow samples, {} counter samples, {} other, {} damaged; {} elephants",
        counts.decoded.get(),
        counts.samples_flow.get(),
        counts.samples_counters.get(),
        counts.samples_other.get(),
        counts.samples_damaged.get(),
        counts.detected.get()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcap::tests::capture_at;
    use crate::sflow::tests::build::{datagram, expanded_flow, raw_header};

    const CONFIG: &str = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[mark]\nthreshold = \"1M\"\n";

    /// A second of samples of one TCP flow, which stand for 303,600 bytes each, then silence and garbage.
    fn elephant() -> Vec<u8> {
        let mut header = vec![2; 12];
        header.extend([8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0, 0, 64, 6, 0, 0]);
        header.extend([10, 1, 0, 1, 10, 2, 0, 1, 0x9c, 0x40, 0x13, 0x89]);
        header.resize(64, 0);
        let sample = expanded_flow([0, 1], [0, 1], [0, 9], &[raw_header(&header)]);
        let bytes = datagram("10.0.0.1".parse().unwrap(), &[sample]);
        let mut packets: Vec<_> = (0..10_u8)
            .map(|n| {
                let mut bytes = bytes.clone();
                // The last byte of the sequence number.
                bytes[19] = n;
                (Duration::from_millis(1_000_000 + u64::from(n) * 100), bytes)
            })
            .collect();
        packets.push((Duration::from_secs(1030), b"garbage".to_vec()));
        capture_at(6343, &packets)
    }

    fn run(file: &[u8], speed: &str) -> (String, anyhow::Result<()>) {
        let directory = tempfile::tempdir().unwrap();
        let [capture, config] = ["x.pcap", "fm.toml"].map(|name| directory.path().join(name));
        std::fs::write(&capture, file).unwrap();
        std::fs::write(&config, CONFIG).unwrap();
        let args = ReplayArgs {
            file: capture,
            speed: speed.parse().unwrap(),
            port: 6343,
            config: Some(config),
        };
        let mut out = Vec::new();
        let result = replay(&args, &mut out, &mut Vec::new());
        (String::from_utf8(out).unwrap(), result)
    }

    /// Without what depends on the machine.
    fn timeless(text: &str) -> String {
        let lines = text
            .lines()
            .map(|line| line.split("; took").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_elephant_is_found_at_the_captures_own_time_at_whatever_speed() {
        let (text, result) = run(&elephant(), "max");
        result.unwrap();
        for expected in [
            "0.000 s elephant 10.1.0.1:40000 → 10.2.0.1:5001 (IP protocol 6) at agent 10.0.0.1, port 1",
            "0.900 s the last sample of 10.1.0.1:40000",
            "11 datagrams over 30.000 s from Unix time 1000.000",
            "rejected: 1; of agents that are not listened to: 0",
            "10.0.0.1: 10 datagrams, 10 flow samples, 0 counter samples, 0 other, 0 damaged; 1 elephants",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        let (paced, result) = run(&elephant(), "300");
        result.unwrap();
        assert_eq!(timeless(&paced), timeless(&text));
    }

    #[test]
    fn a_damaged_capture_is_reported_after_what_could_be_read() {
        let file = elephant();
        let (text, result) = run(&file[..file.len() - 1], "max");
        assert!(text.contains("10 datagrams, 10 flow samples"), "{text}");
        let error = format!("{:#}", result.unwrap_err());
        assert!(error.contains("x.pcap") && error.contains("truncated"), "{error}");
    }

    #[test]
    fn speeds_that_are_none_are_refused() {
        for text in ["0", "-1", "nan", "inf", "fast", "", "1e99"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
        assert_eq!("2.5x".parse(), Ok(Speed::Factor(2.5)));
        assert_eq!(
            Speed::Factor(0.5).due(Duration::from_secs(3)),
            Duration::from_secs(6)
        );
    }
}
