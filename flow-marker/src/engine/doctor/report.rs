//! The report: what is measured, and what is found.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::agent::AgentDoctor;
use super::detection::{self, Around, Detecting, Detection};
use super::finding::Finding;
use super::judge;
use super::port::Port;
use super::sampler::{SIZES, Sampler};
use crate::clock::Time;
use crate::config::Profile;
use crate::sflow::DataSource;

/// Everything that the doctor has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Report {
    /// By agent, in order of their addresses.
    pub agents: Vec<AgentReport>,
}

impl Report {
    /// The reports of several shards, as one.
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut agents: Vec<_> = parts.into_iter().flat_map(|part| part.agents).collect();
        agents.sort_by_key(|agent| agent.agent);
        Self { agents }
    }
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentReport {
    /// Its address.
    pub agent: IpAddr,
    /// Datagrams that have come, and that are missing.
    pub datagrams: u64,
    /// Datagrams that the sequence numbers say are missing.
    pub datagrams_lost: u64,
    /// What samples.
    pub sources: Vec<SourceReport>,
    /// The ports.
    pub ports: Vec<PortReport>,
    /// What concerns the agent as a whole.
    pub findings: Vec<Finding>,
}

/// How many frames are of which size.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct FrameSizes {
    /// Mean size in bytes.
    pub mean: f64,
    /// The largest, in bytes.
    pub largest: u32,
    /// Share of the frames of at most so many bytes, and above the size before; `null` is the open end.
    pub shares: Vec<(Option<u32>, f64)>,
}

/// One data source.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// Which one, as `class:index`.
    pub data_source: String,
    /// The port's name, when it is a port that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// One packet in so many is sampled, as the agent says; 0 when it does not.
    pub sampling_rate: u32,
    /// Packets for each sample that arrives, by the sample pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_rate: Option<f64>,
    /// Packets for each sample that arrives, by the port's counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter_rate: Option<f64>,
    /// Samples a second.
    pub samples_per_second: f64,
    /// Samples that this is judged by.
    pub samples: u64,
    /// Samples that are missing, of these.
    pub samples_lost: u64,
    /// Samples that the agent has dropped meanwhile, as it says.
    pub agent_drops: u64,
    /// How often the sampling rate has changed.
    pub rate_changes: u64,
    /// Sizes of the sampled frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<FrameSizes>,
    /// Bytes that one sample stands for, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_sample: Option<f64>,
    /// The longest header seen, in bytes.
    pub header_bytes: u32,
    /// Seconds since the last sample.
    pub last_sample: f64,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortReport {
    /// Which one.
    pub if_index: u32,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Bits per second; 0 when it is not known.
    pub speed: u64,
    /// Whether its counters say that it is up.
    pub up: bool,
    /// Seconds between its counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter_interval: Option<f64>,
    /// How long detection takes here; missing where none is looked for, or too little is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl AgentDoctor {
    /// What can be said of the agent now; `address` is its own, and `detecting` how elephants are looked for on it.
    pub fn report(&self, address: IpAddr, detecting: &Detecting<'_>, now: Time) -> AgentReport {
        let around = Around::new(self, detecting, now);
        let sources = self.samplers.sorted().into_iter();
        let ports = self.ports.sorted().into_iter();
        AgentReport {
            agent: address,
            datagrams: self.datagrams,
            datagrams_lost: self.datagrams_lost,
            sources: sources
                .map(|(source, sampler)| of_source(*source, sampler, (self, detecting.profile), now))
                .collect(),
            ports: ports
                .map(|(index, port)| of_port(*index, port, self, (&around, now)))
                .collect(),
            findings: judge::of_agent(self, now),
        }
    }
}

fn of_source(
    source: DataSource,
    sampler: &Sampler,
    (agent, profile): (&AgentDoctor, Profile),
    now: Time,
) -> SourceReport {
    let span = sampler.span(now);
    let port = source.if_index().and_then(|index| agent.ports.get(index));
    let counter_rate = port.and_then(Port::frames_per_sample);
    let mean = span.mean_frame();
    let rate = sampler.rate;
    SourceReport {
        data_source: source.to_string(),
        name: port.and_then(|port| port.name.clone()),
        sampling_rate: rate,
        pool_rate: span.effective_rate(rate),
        counter_rate,
        samples_per_second: span.rate(),
        samples: span.samples,
        samples_lost: span.lost,
        agent_drops: span.drops,
        rate_changes: sampler.changes,
        frames: mean.map(|mean| FrameSizes {
            mean,
            largest: span.largest,
            shares: SIZES
                .into_iter()
                .zip(span.sizes)
                .map(|(size, count)| {
                    (
                        (size != u32::MAX).then_some(size),
                        judge::share(count, span.frames),
                    )
                })
                .collect(),
        }),
        bytes_per_sample: mean.filter(|_| rate > 0).map(|mean| mean * f64::from(rate)),
        header_bytes: span.header_bytes,
        last_sample: now.since(sampler.last_at()).as_secs_f64(),
        findings: judge::of_source(source, (sampler, span), counter_rate, profile, now),
    }
}

fn of_port(
    if_index: u32,
    port: &Port,
    agent: &AgentDoctor,
    (around, now): (&Around<'_>, Time),
) -> PortReport {
    let (detection, slow) = detection::of_port(if_index, port, agent, around).unzip();
    let mut findings = judge::of_port(if_index, port, agent, now);
    findings.extend(slow.flatten());
    PortReport {
        if_index,
        name: port.name.clone(),
        speed: port.speed,
        up: port.is_up,
        counter_interval: port.interval.map(|interval| interval.as_secs_f64()),
        detection,
        findings,
    }
}
