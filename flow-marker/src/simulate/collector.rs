//! Datagrams in, marks out: decoded and read as a receiving thread does it, decided by every contender.

use std::time::Duration;

use shared::units::BitRate;

use super::agent::{PORT, Sent};
use super::contender::{Contender, Found};
use crate::clock::Time;
use crate::detect::{Clock, Effective, Observation, Segment};
use crate::flow::{AgentId, FiveTuple, FlowHasher, FlowKey};
use crate::packet::Header;
use crate::sflow::{DataSource, Datagram, FlowRecord, Sample};

/// The contenders, and what they share.
pub(super) struct Collector {
    hasher: FlowHasher,
    threshold: BitRate,
    effective: Effective,
    pub(super) contenders: Vec<Contender>,
}

impl Collector {
    /// For a port where this rate makes an elephant.
    pub(super) fn new(threshold: BitRate, contenders: Vec<Contender>) -> Self {
        Self {
            hasher: FlowHasher::with_seed([5, 6]),
            threshold,
            effective: Effective::default(),
            contenders,
        }
    }

    /// Takes a datagram as it arrives; `mark` is told of every mark with the position of the contender. Returns how many
    /// samples could be used.
    pub(super) fn datagram(&mut self, sent: &Sent, mut mark: impl FnMut(usize, f64, &Found)) -> usize {
        let Ok(datagram) = Datagram::parse(&sent.bytes) else {
            return 0;
        };
        // Nobody has sent before the first second: zero is no time of a sample.
        let now = Time::START + Duration::from_secs_f64(sent.at.max(0.0));
        let mut used = 0;
        for sample in datagram.samples().flatten() {
            let Sample::Flow(sample) = sample else { continue };
            let factor =
                self.effective
                    .observe(now, sample.sequence, sample.sampling_rate, sample.sample_pool);
            let raw = sample.records().flatten().find_map(|record| match record {
                FlowRecord::RawHeader(raw) => Some(raw),
                _ => None,
            });
            let Some(raw) = raw else { continue };
            let header = Header::parse(raw.protocol, raw.header);
            let Some(tuple) = FiveTuple::of(&header) else {
                continue;
            };
            used += 1;
            let plain = u64::from(sample.sampling_rate) * u64::from(raw.frame_length);
            let seen = Observation {
                key: FlowKey {
                    agent: AgentId(0),
                    source: DataSource::interface(PORT),
                    tuple,
                },
                port: PORT,
                weight: super::random::whole(plain as f64 * factor),
                frame: raw.frame_length,
                dscp: 0,
                segment: Segment::of(&header, raw.header),
                recorded: None,
                clock: Clock::Arrival,
                threshold: Some(self.threshold),
            };
            let fingerprint = self.hasher.fingerprint(&seen.key);
            for (at, contender) in self.contenders.iter_mut().enumerate() {
                if let Some(found) = contender.observe(now, fingerprint, &seen, plain) {
                    mark(at, sent.at, &found);
                }
            }
        }
        used
    }

    /// Lets the contenders let go of what is silent.
    pub(super) fn poll(&mut self, at: f64) {
        let now = Time::START + Duration::from_secs_f64(at.max(0.0));
        for contender in &mut self.contenders {
            contender.poll(now);
        }
    }
}
