//! Flows that may become elephants, for people to see: the table of all flows knows only their fingerprints.

use super::table::Place;
use super::{EIGHTH, Observation};
use crate::clock::Time;
use crate::flow::{AgentId, Fingerprint, FiveTuple, FlowKey};
use crate::packet::IpProtocol;
use crate::sflow::DataSource;

/// A flow that has an eighth of the evidence, or had a moment ago.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    fingerprint: Fingerprint,
    /// The flow.
    pub key: FlowKey,
    /// ifIndex of the port it enters by.
    pub port: u32,
    /// ifIndex of the port that it leaves the switch by, as that sample says.
    pub output: Option<u32>,
    /// The share of the evidence that it had, from an eighth to 1.
    pub share: f32,
    /// Its rate then, averaged over a second, in bytes per second.
    pub rate: f32,
    /// When that was. A flow that falls behind is not noted any more.
    pub at: Time,
}

impl Candidate {
    pub(super) const fn new(
        fingerprint: Fingerprint,
        now: Time,
        seen: &Observation,
        (share, rate): (f32, f32),
    ) -> Self {
        Self {
            fingerprint,
            key: seen.key,
            port: seen.port,
            output: seen.output,
            share,
            rate,
            at: now,
        }
    }
}

impl Place for Candidate {
    const EMPTY: Self = Self {
        fingerprint: 0,
        key: FlowKey {
            agent: AgentId(0),
            source: DataSource::interface(0),
            tuple: FiveTuple {
                source: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
                destination: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
                protocol: IpProtocol(0),
                source_port: 0,
                destination_port: 0,
            },
        },
        port: 0,
        output: None,
        share: 0.0,
        rate: 0.0,
        at: Time::START,
    };

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The rate, halved by each second of silence: what is small or old gives up its place.
    fn value(&self, now: Time) -> f64 {
        f64::from(self.rate) * (-now.since(self.at).as_secs_f64()).exp2()
    }
}

/// A share of the evidence, if it is worth noting; 0 if it is not, as with nearly every sample.
#[inline]
pub(super) fn share(part: f64, whole: f64) -> f32 {
    if part < whole * f64::from(EIGHTH) {
        return 0.0;
    }
    super::number::narrow(part / whole.max(1.0)).min(1.0)
}
