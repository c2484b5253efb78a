//! Datagrams in, marks out: decoded and read as a receiving thread does it, decided by every contender.

use std::time::Duration;

use shared::units::BitRate;

use super::agent::{BACK, PORT, Sent};
use super::contender::{Contender, Found, Method};
use super::traffic::Carrier;
use crate::clock::Time;
use crate::detect::{Clock, Effective, Observation, Segment};
use crate::flow::{AgentId, FiveTuple, FlowHasher, FlowKey};
use crate::packet::Header;
use crate::sflow::{DataSource, Datagram, FlowRecord, FlowSample, RawHeader, Sample};

/// The contenders, and what they share.
pub(super) struct Collector {
    hasher: FlowHasher,
    threshold: BitRate,
    effective: Effective,
    /// Bytes of a frame.
    frame: u32,
    pub(super) contenders: Vec<Contender>,
}

impl Collector {
    /// For a port where this rate makes an elephant, in frames of so many bytes.
    pub(super) fn new((threshold, frame): (BitRate, u32), contenders: Vec<Contender>) -> Self {
        Self {
            hasher: FlowHasher::with_seed([5, 6]),
            threshold,
            effective: Effective::default(),
            frame,
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
            if sample.source == DataSource::interface(BACK) {
                self.acknowledgement(now, sent.at, &sample, &mut mark);
                continue;
            }
            let factor =
                self.effective
                    .observe(now, sample.sequence, sample.sampling_rate, sample.sample_pool);
            let Some(raw) = raw_header(&sample) else { continue };
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
                output: None,
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

    /// Takes an acknowledgement: how far the flow in the other direction has come, and when the packet was sent that is
    /// acknowledged.
    fn acknowledgement(
        &mut self,
        now: Time,
        at: f64,
        sample: &FlowSample<'_>,
        mark: &mut impl FnMut(usize, f64, &Found),
    ) {
        let Some(raw) = raw_header(sample) else { return };
        let header = Header::parse(raw.protocol, raw.header);
        let transport = header.transport;
        let tcp = transport.and_then(|transport| transport.tcp_view(raw.header));
        let (Some(back), Some(tcp)) = (FiveTuple::of(&header), tcp) else {
            return;
        };
        let payload = Carrier::Tcp { tick: 1 }.payload(self.frame);
        let weight = u64::from(sample.sampling_rate) * u64::from(self.frame);
        let seen = Observation {
            key: FlowKey {
                agent: AgentId(0),
                source: DataSource::interface(PORT),
                tuple: FiveTuple {
                    source: back.destination,
                    destination: back.source,
                    source_port: back.destination_port,
                    destination_port: back.source_port,
                    ..back
                },
            },
            port: PORT,
            output: None,
            weight,
            frame: self.frame,
            dscp: 0,
            segment: tcp
                .acknowledgement()
                .zip(tcp.flags())
                .map(|(sequence, flags)| Segment {
                    sequence,
                    flags,
                    timestamp: tcp.timestamps().map(|timestamps| timestamps.echo),
                    payload: Some(payload),
                }),
            recorded: None,
            clock: Clock::Arrival,
            threshold: Some(self.threshold),
        };
        let fingerprint = self.hasher.fingerprint(&seen.key);
        for (index, contender) in self.contenders.iter_mut().enumerate() {
            if contender.method() == Method::WithAcks
                && let Some(found) = contender.observe(now, fingerprint, &seen, weight)
            {
                mark(index, at, &found);
            }
        }
    }

    /// Lets the contenders let go of what is silent.
    pub(super) fn poll(&mut self, at: f64) {
        let now = Time::START + Duration::from_secs_f64(at.max(0.0));
        for contender in &mut self.contenders {
            contender.poll(now);
        }
    }
}

fn raw_header<'a>(sample: &FlowSample<'a>) -> Option<RawHeader<'a>> {
    sample.records().flatten().find_map(|record| match record {
        FlowRecord::RawHeader(raw) => Some(raw),
        _ => None,
    })
}
