//! The stages of a sample's way, one by one and all together.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use flow_marker::clock::Time;
use flow_marker::detect::{Detector, Observation, Outcome};
use flow_marker::flow::{AgentId, Fingerprint, FiveTuple, FlowHasher, FlowKey, Table};
use flow_marker::packet::{Header, IpProtocol, Stack};
use flow_marker::sflow::{DataSource, Datagram, FlowRecord, FlowSample, HeaderProtocol, RawHeader, Sample};
use shared::units::BitRate;

use crate::workload::{DESTINATION, SAMPLES, Workload, source};

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
}

pub(crate) const STAGES: [Stage; 8] = [
    Stage::Decode,
    Stage::Header,
    Stage::Stack,
    Stage::Key,
    Stage::Table,
    Stage::Batched,
    Stage::Single,
    Stage::Together,
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
}

/// Above what any flow here reaches: what is measured is the way of the mice, which nearly all samples go.
const THRESHOLD: BitRate = BitRate::from_bits_per_second(1_000_000_000_000);

/// Virtual time between two samples: a million samples a second.
const STEP_NS: u64 = 1000;

const TAU: Duration = Duration::from_secs(1);

/// All that the stages need, warm.
struct Bench {
    hasher: FlowHasher,
    table: Table,
    detector: Detector,
    now: Time,
    batch: Vec<Observation>,
    fingerprints: Vec<Fingerprint>,
}

impl Bench {
    /// Both tables with every flow in them.
    fn new(flows: u32) -> Self {
        let hasher = FlowHasher::with_seed([1, 2]);
        let capacity = usize::try_from(flows).unwrap_or(usize::MAX);
        let mut bench = Self {
            table: Table::new(capacity, TAU),
            detector: Detector::new(capacity, 1024, hasher.clone()),
            hasher,
            now: Time::START,
            batch: Vec::with_capacity(BATCH),
            fingerprints: Vec::with_capacity(BATCH),
        };
        for n in 0..flows {
            let tuple = FiveTuple {
                source: source(n).into(),
                ..TUPLE
            };
            let key = flow_key(tuple, SOURCE);
            bench.observe(observation(key));
            let fingerprint = bench.hasher.fingerprint(&key);
            bench.table.touch(fingerprint, bench.now, 1500, 0.0);
        }
        bench
    }

    fn step(&mut self) {
        self.now = Time::from_nanos(self.now.as_nanos() + STEP_NS);
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
            Stage::Key => prepared.parsed.iter().for_each(|header| {
                if let Some(tuple) = FiveTuple::of(black_box(header)) {
                    black_box(self.hasher.fingerprint(&flow_key(tuple, SOURCE)));
                }
            }),
            Stage::Table => prepared.fingerprints.iter().for_each(|fingerprint| {
                self.step();
                black_box(self.table.touch(*fingerprint, self.now, 1_500_000, 0.0));
            }),
            Stage::Batched => prepared.fingerprints.chunks(BATCH).for_each(|batch| {
                self.table.warm(batch);
                for fingerprint in batch {
                    self.step();
                    black_box(self.table.touch(*fingerprint, self.now, 1_500_000, 0.0));
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
        }
    }
}

/// The inputs of each stage, made outside of what is timed.
struct Prepared<'a> {
    datagrams: Vec<&'a [u8]>,
    headers: Vec<&'a [u8]>,
    parsed: Vec<Header>,
    fingerprints: Vec<Fingerprint>,
}

impl<'a> Prepared<'a> {
    fn new(workload: &'a Workload, hasher: &FlowHasher) -> Self {
        let datagrams: Vec<_> = workload.datagrams().collect();
        let mut headers = Vec::new();
        for datagram in &datagrams {
            raw_headers(datagram, |_, raw| headers.push(raw.header));
        }
        let parsed: Vec<_> = headers
            .iter()
            .map(|bytes| Header::parse(HeaderProtocol::ETHERNET, bytes))
            .collect();
        let tuples = parsed.iter().filter_map(FiveTuple::of);
        let fingerprints: Vec<_> = tuples
            .map(|tuple| hasher.fingerprint(&flow_key(tuple, SOURCE)))
            .collect();
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
pub(crate) fn measure(workload: &mut Workload, rounds: usize) -> Figures {
    let before = resident();
    let mut bench = Bench::new(workload.flows());
    // Two tables of the same size.
    let bytes_a_flow = (resident() - before) / 2.0 / f64::from(workload.flows());
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
    Figures {
        nanoseconds,
        bytes_a_flow,
    }
}

/// Repeats one stage for a profiler; says how many samples went through it.
pub(crate) fn repeat(stage: Stage, workload: &mut Workload, seconds: u64) -> usize {
    let mut bench = Bench::new(workload.flows());
    let prepared = Prepared::new(workload, &bench.hasher);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut samples = 0;
    // With as many flows as samples in a round, all is in the cache: then it is the instructions that show.
    while Instant::now() < end {
        bench.run(stage, &prepared);
        samples += workload.samples();
    }
    samples
}

const SOURCE: DataSource = DataSource::interface(1);

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
        weight: 1500,
        dscp: 0,
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
