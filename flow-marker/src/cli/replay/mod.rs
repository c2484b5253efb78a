//! `flow-marker replay`: the engine on a capture, in the capture's own time.

mod wanted;
mod peaks;
mod line;

use std::fs::File;
use std::io::{BufReader, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
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
use crate::engine::{AgentStatus, Common, FlowRecord, Notice, Outlet, Plan, Shard};
use crate::flow::{FlowKey, MeasureKind};
use crate::ingest::loss::SampleCounts;
use crate::ingest::replay::{self, Summary};
use crate::inventory::Roster;
use crate::metrics::{self, Metrics};
use crate::pcap::Capture;
use line::{Flow, Line, Moment, Samples};
use peaks::{Peak, Watched};
use wanted::WantedArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  Which elephants would have been found, and what did the agents and the network lose?
    flow-marker replay x.pcap --config fm.toml
  Who talked to whom, and when was it more than 10 Mbit/s (1,250,000 bytes a second)?
    flow-marker replay x.pcap --flow \"pair={keys:'ipsource,ipdestination',value:'bytes',log:true}\" \\
        --threshold \"big={metric:'pair',value:1250000,byFlow:true}\"
  With what a running instance counts, for a program:
    curl -s $FM/flow/json | jq '{flow: .}' > defined.json
    flow-marker replay x.pcap --define defined.json --json | jq 'select(.type == \"top\")'";

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
    #[command(flatten)]
    wanted: WantedArgs,
    /// How many flows of a definition to print for each agent: those that were largest, looked at ten times a second.
    #[arg(long, default_value_t = 10, value_name = "N")]
    top: usize,
    /// One JSON object a line, each with its `type`; times in milliseconds since 1970, rates of elephants in bits a second.
    #[arg(long)]
    json: bool,
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

/// Replays the capture; prints elephants, events and completed flows as they come, and in the end the largest flows, what
/// agents sent and lost, and what the capture held, to `out`, and to `progress` how far it is.
///
/// # Errors
/// The configuration, a definition or the capture cannot be read, the capture is damaged (after the summary of what stands
/// before), or `out` cannot be written to.
pub(super) fn replay(
    args: &ReplayArgs,
    out: &mut impl Write,
    progress: &mut dyn Write,
) -> anyhow::Result<()> {
    let config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::parse(Path::new("no configuration"), "")?,
    };
    let plan = Arc::new(args.wanted.plan()?);
    let name = args.file.display();
    let input = File::open(&args.file).with_context(|| format!("{name} cannot be opened"))?;
    let size = input
        .metadata()
        .map(|metadata| metadata.len())
        .unwrap_or_default();
    let mut capture = Capture::new(BufReader::new(input)).with_context(|| name.to_string())?;

    let metrics = Arc::new(Metrics::new(1));
    let roster = Arc::new(Roster::new(&config, &metrics));
    let (events, told) = std::sync::mpsc::channel();
    let mut shard = Shard::new(
        &config,
        &metrics,
        0,
        (Arc::clone(&roster), &Common::new(&config)),
        Box::new(Teller(events)),
    );
    shard.follow(Time::START, Arc::clone(&plan));
    let mut watched = Watched::new(shard, &plan);

    let clock = Clock::start();
    let mut shown = Time::START;
    let mut failed = Ok(());
    let mut printer = Printer {
        roster,
        json: args.json,
        start: Duration::ZERO,
        out,
    };
    let (summary, end) = replay::run(&mut capture, args.port, &mut watched, |now, so_far| {
        let due = Time::START + args.speed.due(now.since(Time::START));
        let mut wall = clock.now();
        while wall < due {
            std::thread::park_timeout(due.since(wall));
            wall = clock.now();
        }
        printer.start = so_far.start;
        let written = printer.all(told.try_iter());
        failed = std::mem::replace(&mut failed, Ok(())).and(written);
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
    failed?;
    printer.start = summary.start;
    let last = Time::START + summary.span;
    let tops = watched.finish(last, args.top);
    let statuses = watched.shard.statuses();
    // What has not ended is told as it is.
    watched.shard.follow(last, Arc::default());
    printer.all(told.try_iter())?;
    printer.tops(&plan, &tops)?;
    printer.agents(statuses)?;
    printer.totals(&metrics, took)?;
    printer.capture(&summary)?;
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

/// Prints what is found.
struct Printer<'a, W> {
    roster: Arc<Roster>,
    json: bool,
    /// When the capture starts, since 1970-01-01 UTC.
    start: Duration,
    out: &'a mut W,
}

impl<W: Write> Printer<'_, W> {
    const fn moment(&self, at: Time) -> Moment {
        Moment {
            start: self.start,
            at,
        }
    }

    fn line(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        line.write(self.json, self.out)
    }

    fn all(&mut self, told: impl Iterator<Item = Told>) -> std::io::Result<()> {
        for told in told {
            match told {
                Told::Elephant(notice) => self.elephant(&notice)?,
                Told::Fired(fired) => self.event(&fired)?,
                Told::Flow(record) => self.flow(&record)?,
            }
        }
        Ok(())
    }

    fn event(&mut self, fired: &Fired) -> std::io::Result<()> {
        self.line(&Line::Event {
            timestamp: self.moment(fired.at),
            threshold_id: &fired.threshold_id,
            metric: &fired.metric,
            threshold: fired.threshold,
            value: fired.value,
            agent: fired.agent,
            data_source: &fired.source,
            flow_key: fired.flow_key.as_deref(),
        })
    }

    fn flow(&mut self, record: &FlowRecord) -> std::io::Result<()> {
        self.line(&Line::Flow {
            name: &record.name,
            flow_keys: &record.key,
            value: record.value,
            values: &record.values,
            start: self.moment(record.start),
            end: self.moment(record.end),
            agent: record.agent,
            data_source: &record.source,
        })
    }

    fn elephant(&mut self, notice: &Notice) -> std::io::Result<()> {
        let flow = |key: &FlowKey| {
            let switch = self.roster.get(key.agent.index());
            let tuple = &key.tuple;
            Flow {
                source: SocketAddr::from((tuple.source, tuple.source_port)),
                destination: SocketAddr::from((tuple.destination, tuple.destination_port)),
                protocol: tuple.protocol.0,
                // Only agents of the inventory have elephants.
                agent: switch.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |switch| switch.config.agent),
            }
        };
        match &notice.event {
            Event::Started(elephant) => self.line(&Line::Elephant {
                timestamp: self.moment(elephant.detected),
                flow: flow(&elephant.key),
                port: elephant.port,
                port_name: notice.port_name.as_deref(),
                rate: elephant.evidence.rate.bits_per_second(),
                threshold: elephant.evidence.threshold.bits_per_second(),
            }),
            Event::Ended { key, last_sample, .. } => self.line(&Line::ElephantEnd {
                timestamp: self.moment(*last_sample),
                flow: flow(key),
            }),
            Event::Progress(_) => Ok(()),
        }
    }

    fn tops(&mut self, plan: &Plan, tops: &[(Arc<str>, Vec<Peak>)]) -> std::io::Result<()> {
        for (name, peaks) in tops {
            let measure = plan.flows.get(name).map(|definition| &definition.value);
            let unit = measure.map_or_else(String::new, |measure| match measure.kind {
                MeasureKind::Rate => format!("{}/s", measure.of),
                _ => measure.to_string(),
            });
            for peak in peaks {
                self.line(&Line::Top {
                    name,
                    agent: peak.agent,
                    data_source: &peak.source,
                    key: &peak.key,
                    value: peak.value,
                    timestamp: self.moment(peak.at),
                    last: peak.last,
                    unit: &unit,
                })?;
            }
        }
        Ok(())
    }

    fn agents(&mut self, mut statuses: Vec<AgentStatus>) -> std::io::Result<()> {
        let samples = |counts: &SampleCounts| Samples {
            received: counts.counts.received,
            lost: counts.counts.lost,
            agent_drops: counts.agent_drops,
        };
        statuses.sort_unstable_by_key(|status| status.agent);
        for status in &statuses {
            self.line(&Line::Agent {
                agent: status.agent,
                datagrams: status.received,
                lost: status.lost,
                out_of_order: status.out_of_order,
                duplicates: status.duplicates,
                restarts: status.restarts,
                flow_samples: samples(&status.flow),
                counter_samples: samples(&status.counters),
                discard_samples: samples(&status.discards),
            })?;
        }
        Ok(())
    }

    fn totals(&mut self, metrics: &Metrics, took: Duration) -> std::io::Result<()> {
        let threads =
            |counter: fn(&metrics::Thread) -> u64| metrics.threads().iter().map(|t| counter(t)).sum();
        let agents = |counter: fn(&metrics::Agent) -> u64| {
            metrics
                .agents()
                .iter()
                .chain(metrics.others())
                .map(|a| counter(a))
                .sum()
        };
        self.line(&Line::Total {
            rejected: threads(|t| {
                t.rejected_version.get()
                    + t.rejected_truncated.get()
                    + t.rejected_malformed.get()
                    + t.rejected_source.get()
            }),
            unknown_agent: threads(|t| t.unknown_agent.get()),
            flow_samples: agents(|a| a.samples_flow.get()),
            counter_samples: agents(|a| a.samples_counters.get()),
            discard_samples: agents(|a| a.samples_discard.get()),
            other_samples: agents(|a| a.samples_other.get()),
            damaged_samples: agents(|a| a.samples_damaged.get()),
            elephants: agents(|a| a.detected.get()),
            seconds: took.as_secs_f64(),
        })
    }

    fn capture(&mut self, summary: &Summary) -> std::io::Result<()> {
        self.line(&Line::Capture {
            timestamp: self.moment(Time::START),
            seconds: summary.span.as_secs_f64(),
            packets: summary.packets,
            not_udp: summary.not_udp,
            other_port: summary.other_port,
            datagrams: summary.datagrams,
            cut: summary.cut,
            backwards: summary.backwards,
        })
    }
}

#[cfg(test)]
mod tests;
