//! The stages of a sample's way, one by one and all together.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flow_marker::clock::Time;
use flow_marker::config::Profile;
use flow_marker::detect::table::{Found, Table};
use flow_marker::detect::{Clock, Detector, Entry, Observation, Outcome, Segment};
use flow_marker::engine::Shard;
use flow_marker::flow::{AgentId, Fingerprint, FiveTuple, FlowHasher, FlowKey, Flows};
use flow_marker::packet::{Header, IpProtocol, Stack};
use flow_marker::sflow::{DataSource, Datagram, FlowRecord, FlowSample, HeaderProtocol, RawHeader, Sample};
use shared::units::BitRate;

use crate::real;
use crate::workload::{DESTINATION, SAMPLES, Workload, port, source};

/// What is timed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Stage {
    /// From a datagram's bytes to sampled headers
    Decode,
    /// From a sampled header's bytes to addresses and ports
    Header,
    /// From a sampled header's bytes to all its layers
    Stack,
    /// From addresses and ports to a fingerprint
    Key,
    /// From a fingerprint to the flow's new rate
    Table,
    /// From a fingerprint to the flow's new rate, its place loaded together with those of its batch
    Batched,
    /// From a datagram's bytes to a decision about every sample's flow, one by one
    Single,
    /// The same in batches
    Together,
    /// From a sampled header's bytes to the new rate of its flow in a flow definition
    Defined,
    /// From a datagram's bytes to all that the daemon does with it without definitions
    Shard,
    /// The same with a flow definition
    ShardDefined,
}

impl Stage {
    /// Whether datagrams that come a second time are other work than the first time.
    const fn looks_at_numbers(self) -> bool {
        matches!(self, Self::Shard | Self::ShardDefined)
    }
}

pub(crate) const STAGES: [Stage; 11] = [
    Stage::Decode,
    Stage::Header,
    Stage::Stack,
    Stage::Key,
    Stage::Table,
    Stage::Batched,
    Stage::Single,
    Stage::Together,
    Stage::Defined,
    Stage::Shard,
    Stage::ShardDefined,
];

/// Samples whose places are loaded together: enough misses to keep a core's memory system busy (10 to 16 at a time),
/// few enough that the first is still in the first cache when its turn comes (4 lines of 64 bytes each: 16 KiB).
const BATCH: usize = 64;

/// What was measured at one number of flows.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Nanoseconds a sample, in the order of [`STAGES`].
    pub(crate) nanoseconds: [f64; STAGES.len()],
    /// Bytes that the table of flows added to the process, by flow.
    pub(crate) bytes_a_flow: f64,
    /// Bytes that the flows of a definition take, by flow.
    pub(crate) bytes_a_defined_flow: f64,
}

/// Above what any flow here reaches: what is measured is the way of the mice, which nearly all samples go.
const THRESHOLD: BitRate = BitRate::from_bits_per_second(1_000_000_000_000);

/// Virtual time between two samples: a million samples a second.
const STEP_NS: u64 = 1000;

/// All that the stages need, warm.
struct Bench {
    hasher: FlowHasher,
    table: Table<Entry>,
    detector: Detector,
    now: Time,
    batch: Vec<Observation>,
    fingerprints: Vec<Fingerprint>,
    flows: Flows,
    shard: Shard,
    defining: Shard,
}

impl Bench {
    /// All tables with every flow in them; `header` is a sampled header of the workload.
    fn new(flows: u32, header: &[u8]) -> Result<Self> {
        let hasher = FlowHasher::with_seed([1, 2]);
        let capacity = usize::try_from(flows).unwrap_or(usize::MAX);
        let mut bench = Self {
            table: Table::new(capacity),
            detector: Detector::new(Profile::Balanced, capacity, 1024, hasher.clone()),
            hasher,
            now: Time::START,
            batch: Vec::with_capacity(BATCH),
            fingerprints: Vec::with_capacity(BATCH),
            flows: real::flows(flows, header, Time::START)?,
            shard: real::shard(false)?,
            defining: real::shard(true)?,
        };
        for n in 0..flows {
            let tuple = FiveTuple {
                source: source(n).into(),
                ..TUPLE
            };
            let key = flow_key(tuple, DataSource::interface(port(n)));
            bench.observe(observation(key));
            let fingerprint = bench.hasher.fingerprint(&key);
            bench.touch(fingerprint, 1500);
        }
        Ok(bench)
    }

    fn step(&mut self) {
        self.now = Time::from_nanos(self.now.as_nanos() + STEP_NS);
    }

    fn touch(&mut self, fingerprint: Fingerprint, weight: u64) {
        let new = Entry::new(fingerprint, self.now, weight);
        if let Some((Found::Known, entry)) = self.table.touch(fingerprint, self.now, new) {
            entry.count(self.now, weight);
        }
    }

    fn observe(&mut self, seen: Observation) -> Outcome {
        self.step();
        self.detector.observe(self.now, &seen, &mut |_| true)
    }

    /// Takes the samples of a batch.
    fn flush(&mut self) {
        self.detector.warm(&self.fingerprints);
        for (fingerprint, seen) in self.fingerprints.drain(..).zip(self.batch.drain(..)) {
            self.now = Time::from_nanos(self.now.as_nanos() + STEP_NS);
            black_box(
                self.detector
                    .observe_as(self.now, fingerprint, &seen, &mut |_| true),
            );
        }
    }

    fn run(&mut self, stage: Stage, prepared: &Prepared<'_>) {
        match stage {
            Stage::Decode => prepared.datagrams.iter().for_each(|bytes| {
                raw_headers(bytes, |sample, raw| {
                    black_box((sample.source, sample.input, sample.sampling_rate, raw.header));
                });
            }),
            Stage::Header => prepared.headers.iter().for_each(|bytes| {
                black_box(Header::parse(HeaderProtocol::ETHERNET, black_box(bytes)));
            }),
            Stage::Stack => prepared.headers.iter().for_each(|bytes| {
                black_box(Stack::parse(HeaderProtocol::ETHERNET, black_box(bytes)));
            }),
            Stage::Key => prepared.parsed.iter().for_each(|(port, header)| {
                if let Some(tuple) = FiveTuple::of(black_box(header)) {
                    black_box(self.hasher.fingerprint(&flow_key(tuple, *port)));
                }
            }),
            Stage::Table => prepared.fingerprints.iter().for_each(|fingerprint| {
                self.step();
                self.touch(*fingerprint, 1_500_000);
            }),
            Stage::Batched => prepared.fingerprints.chunks(BATCH).for_each(|batch| {
                self.table.warm(batch);
                for fingerprint in batch {
                    self.step();
                    self.touch(*fingerprint, 1_500_000);
                }
            }),
            Stage::Single => prepared.datagrams.iter().for_each(|bytes| {
                observations(bytes, |seen| {
                    black_box(self.observe(seen));
                });
            }),
            Stage::Together => {
                for bytes in &prepared.datagrams {
                    observations(bytes, |seen| {
                        self.fingerprints.push(self.detector.fingerprint(&seen.key));
                        self.batch.push(seen);
                    });
                    if self.batch.len() + SAMPLES > BATCH {
                        self.flush();
                    }
                }
                self.flush();
            }
            Stage::Defined => real::count(&mut self.flows, self.now, &prepared.headers),
            Stage::Shard => real::receive(&mut self.shard, self.now, &prepared.datagrams),
            Stage::ShardDefined => real::receive(&mut self.defining, self.now, &prepared.datagrams),
        }
    }
}

/// The inputs of each stage, made outside of what is timed.
struct Prepared<'a> {
    datagrams: Vec<&'a [u8]>,
    headers: Vec<&'a [u8]>,
    parsed: Vec<(DataSource, Header)>,
    fingerprints: Vec<Fingerprint>,
}

impl<'a> Prepared<'a> {
    fn new(workload: &'a Workload, hasher: &FlowHasher) -> Self {
        let datagrams: Vec<_> = workload.datagrams().collect();
        let (mut headers, mut parsed) = (Vec::new(), Vec::new());
        for datagram in &datagrams {
            raw_headers(datagram, |sample, raw| {
                headers.push(raw.header);
                parsed.push((sample.source, Header::parse(raw.protocol, raw.header)));
            });
        }
        let keys = parsed
            .iter()
            .filter_map(|(port, header)| Some(flow_key(FiveTuple::of(header)?, *port)));
        let fingerprints: Vec<_> = keys.map(|key| hasher.fingerprint(&key)).collect();
        // A stage that lost samples would look fast.
        assert_eq!(
            (headers.len(), fingerprints.len()),
            (workload.samples(), workload.samples())
        );
        Self {
            datagrams,
            headers,
            parsed,
            fingerprints,
        }
    }
}

/// What detection is told of every sample of a datagram.
fn observations(bytes: &[u8], mut each: impl FnMut(Observation)) {
    raw_headers(bytes, |sample, raw| {
        let header = Header::parse(raw.protocol, raw.header);
        if let Some(tuple) = FiveTuple::of(&header) {
            each(Observation {
                weight: u64::from(sample.sampling_rate) * u64::from(raw.frame_length),
                frame: raw.frame_length,
                segment: Segment::of(&header, raw.header),
                ..observation(flow_key(tuple, sample.source))
            });
        }
    });
}

/// Every sampled header of a datagram, with its sample.
fn raw_headers<'a>(bytes: &'a [u8], mut each: impl FnMut(&FlowSample<'a>, &RawHeader<'a>)) {
    let Ok(datagram) = Datagram::parse(black_box(bytes)) else {
        return;
    };
    for sample in datagram.samples() {
        let Ok(Sample::Flow(sample)) = sample else {
            continue;
        };
        for record in sample.records() {
            if let Ok(FlowRecord::RawHeader(raw)) = record {
                each(&sample, &raw);
            }
        }
    }
}

/// Median nanoseconds a sample of every stage.
pub(crate) fn measure(workload: &mut Workload, rounds: usize) -> Result<Figures> {
    let flows = f64::from(workload.flows());
    let hasher = FlowHasher::with_seed([1, 2]);
    let header = first_header(workload, &hasher)?;
    let before = resident();
    let mut bench = Bench::new(workload.flows(), &header)?;
    let defined = bench.flows.memory() as f64;
    // Two tables of the same size beside the flows of the definition.
    let bytes_a_flow = (resident() - before - defined) / 2.0 / flows;
    let samples = f64::from(u32::try_from(workload.samples()).unwrap_or(u32::MAX));
    let mut rounds: Vec<[f64; STAGES.len()]> = (0..rounds.max(1))
        .map(|_| {
            STAGES.map(|stage| {
                // Other flows for each stage: it must not find in the cache what the one before has loaded.
                workload.draw();
                let prepared = Prepared::new(workload, &bench.hasher);
                let start = Instant::now();
                bench.run(stage, &prepared);
                start.elapsed().as_secs_f64() * 1e9 / samples
            })
        })
        .collect();
    let mut nanoseconds = [0.0; STAGES.len()];
    for (stage, median) in nanoseconds.iter_mut().enumerate() {
        let of = |round: &[f64; STAGES.len()]| round.get(stage).copied().unwrap_or_default();
        rounds.sort_by(|a, b| of(a).total_cmp(&of(b)));
        *median = rounds.get(rounds.len() / 2).map_or(0.0, of);
    }
    Ok(Figures {
        nanoseconds,
        bytes_a_flow,
        bytes_a_defined_flow: defined / flows,
    })
}

/// Repeats one stage for a profiler; says how many samples went through it.
pub(crate) fn repeat(stage: Stage, workload: &mut Workload, seconds: u64) -> Result<usize> {
    let hasher = FlowHasher::with_seed([1, 2]);
    let header = first_header(workload, &hasher)?;
    let mut bench = Bench::new(workload.flows(), &header)?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut samples = 0;
    // With as many flows as samples in a round, all is in the cache: then it is the instructions that show.
    while Instant::now() < end {
        if stage.looks_at_numbers() {
            workload.draw();
        }
        let prepared = Prepared::new(workload, &bench.hasher);
        for _ in 0..if stage.looks_at_numbers() { 1 } else { 100 } {
            bench.run(stage, &prepared);
            samples += workload.samples();
        }
    }
    Ok(samples)
}

fn first_header(workload: &Workload, hasher: &FlowHasher) -> Result<Vec<u8>> {
    let prepared = Prepared::new(workload, hasher);
    Ok(prepared
        .headers
        .first()
        .context("a workload with samples")?
        .to_vec())
}

const TUPLE: FiveTuple = FiveTuple {
    source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    destination: IpAddr::V4(DESTINATION),
    protocol: IpProtocol::TCP,
    source_port: 40_000,
    destination_port: 443,
};

const fn flow_key(tuple: FiveTuple, source: DataSource) -> FlowKey {
    FlowKey {
        agent: AgentId(0),
        source,
        tuple,
    }
}

const fn observation(key: FlowKey) -> Observation {
    Observation {
        key,
        port: 1,
        output: None,
        weight: 1500,
        frame: 1500,
        dscp: 0,
        segment: None,
        recorded: None,
        clock: Clock::Arrival,
        threshold: Some(THRESHOLD),
    }
}

/// Resident bytes of this process; 0 where the system does not say.
fn resident() -> f64 {
    const PAGE: f64 = 4096.0;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * PAGE
}
