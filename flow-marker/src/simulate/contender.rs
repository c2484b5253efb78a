//! The detectors that are compared, all with the same samples.

use std::collections::HashMap;

use super::agent::flow_of;
use crate::clock::Time;
use crate::config::Profile;
use crate::detect::{Detector, Event, Evidence, Observation};
use crate::flow::{Fingerprint, FlowHasher};

/// A way to find elephants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// As built.
    Profile(Profile),
    /// As built, without sequence numbers.
    Count,
    /// The rate between two samples of one flow by their sequence numbers (Suh et al., OpenSample, 2014).
    TwoSamples,
    /// Balanced, with arrival as the only clock.
    NoTimestamps,
    /// Balanced, with the last samples for anchors, wherever they are.
    NoSpacing,
    /// Balanced, with the sampling rate that samples say.
    NoEffective,
    /// Balanced, with acknowledgements as if they were packets of the flow: the most that these can be worth.
    WithAcks,
}

impl Method {
    /// All that can be compared, in the order of tables.
    pub(super) const ALL: [Self; 10] = [
        Self::Profile(Profile::Average),
        Self::Count,
        Self::TwoSamples,
        Self::Profile(Profile::Fast),
        Self::Profile(Profile::Balanced),
        Self::Profile(Profile::Strict),
        Self::NoTimestamps,
        Self::NoSpacing,
        Self::NoEffective,
        Self::WithAcks,
    ];

    /// The name on the command line and in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Profile(Profile::Average) => "average",
            Self::Profile(Profile::Fast) => "fast",
            Self::Profile(Profile::Balanced) => "balanced",
            Self::Profile(Profile::Strict) => "strict",
            Self::Count => "count",
            Self::TwoSamples => "two-samples",
            Self::NoTimestamps => "no-timestamps",
            Self::NoSpacing => "no-spacing",
            Self::NoEffective => "no-effective",
            Self::WithAcks => "with-acks",
        }
    }
}

/// A method at work.
pub(super) struct Contender {
    method: Method,
    machine: Machine,
}

enum Machine {
    Detector(Box<Detector>),
    TwoSamples(TwoSamples),
}

/// A mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// The flow's number.
    pub(super) flow: u32,
    /// Why; nothing is known of it for [`Method::TwoSamples`].
    pub(super) evidence: Option<Evidence>,
}

impl Contender {
    /// With tables for so many flows.
    pub(super) fn new(method: Method, flows: usize) -> Self {
        let hasher = FlowHasher::with_seed([7, 8]);
        let detector = |profile| Detector::new(profile, flows, flows.max(64), hasher.clone());
        let machine = match method {
            Method::Profile(profile) => Machine::Detector(Box::new(detector(profile))),
            Method::NoSpacing => Machine::Detector(Box::new(detector(Profile::Balanced).with_spacing(0.0))),
            Method::Count | Method::NoTimestamps | Method::NoEffective | Method::WithAcks => {
                Machine::Detector(Box::new(detector(Profile::Balanced)))
            }
            Method::TwoSamples => Machine::TwoSamples(TwoSamples::default()),
        };
        Self { method, machine }
    }

    pub(super) const fn method(&self) -> Method {
        self.method
    }

    /// Takes a sample; `plain` is what it stands for by its sampling rate alone.
    pub(super) fn observe(
        &mut self,
        now: Time,
        fingerprint: Fingerprint,
        seen: &Observation,
        plain: u64,
    ) -> Option<Found> {
        let mut seen = *seen;
        match self.method {
            Method::Count => seen.segment = None,
            Method::NoEffective => seen.weight = plain,
            Method::NoTimestamps => {
                if let Some(segment) = &mut seen.segment {
                    let milliseconds = now.as_nanos() / 1_000_000;
                    segment.timestamp = u32::try_from(milliseconds & u64::from(u32::MAX)).ok();
                }
            }
            Method::Profile(_) | Method::TwoSamples | Method::NoSpacing | Method::WithAcks => {}
        }
        match &mut self.machine {
            Machine::Detector(detector) => {
                let mut found = None;
                detector.observe_as(now, fingerprint, &seen, &mut |event| {
                    if let Event::Started(elephant) = event {
                        found = Some(Found {
                            flow: flow_of(elephant.key.tuple.source),
                            evidence: Some(elephant.evidence),
                        });
                    }
                    true
                });
                found
            }
            Machine::TwoSamples(two) => two.observe(fingerprint, &seen),
        }
    }

    /// Lets go of what is silent.
    pub(super) fn poll(&mut self, now: Time) {
        if let Machine::Detector(detector) = &mut self.machine {
            detector.poll(now, |_| true);
        }
    }
}

/// Sequence number and time of the last sample of each flow.
#[derive(Debug, Default)]
struct TwoSamples {
    last: HashMap<Fingerprint, Seen>,
}

#[derive(Debug)]
struct Seen {
    sequence: u32,
    timestamp: u32,
    marked: bool,
}

impl TwoSamples {
    fn observe(&mut self, fingerprint: Fingerprint, seen: &Observation) -> Option<Found> {
        let (segment, threshold) = (seen.segment?, seen.threshold?);
        let timestamp = segment.timestamp?;
        let new = Seen {
            sequence: segment.sequence,
            timestamp,
            marked: false,
        };
        let Some(last) = self.last.get_mut(&fingerprint) else {
            self.last.insert(fingerprint, new);
            return None;
        };
        let (bytes, ticks) = (
            segment.sequence.wrapping_sub(last.sequence),
            timestamp.wrapping_sub(last.timestamp),
        );
        if bytes >= 1 << 31 || ticks >= 1 << 31 {
            return None;
        }
        let frames = f64::from(seen.frame) / f64::from(segment.payload.unwrap_or(seen.frame).max(1));
        let rate = f64::from(bytes) * 8.0 * frames / (f64::from(ticks) * 1e-3);
        let fires = !last.marked && bytes > 0 && rate >= threshold.as_f64();
        *last = Seen {
            marked: last.marked || fires,
            ..new
        };
        fires.then(|| Found {
            flow: flow_of(seen.key.tuple.source),
            evidence: None,
        })
    }
}
