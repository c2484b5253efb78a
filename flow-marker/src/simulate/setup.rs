//! What is simulated.

use shared::units::BitRate;

use super::agent::Sending;
use super::mix::Mix;
use super::traffic::{Carrier, Plan, Shape};

/// A port, its sampling, and what flows are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setup {
    /// Speed of the port.
    pub(super) link: BitRate,
    /// The rate that makes an elephant.
    pub(super) threshold: BitRate,
    /// Bytes of a frame.
    pub(super) frame: u32,
    pub(super) sending: Sending,
    pub(super) carrier: Carrier,
    /// The share of packets that are sent twice.
    pub(super) retransmits: f64,
    /// Other traffic beside an elephant, as a share of the link.
    pub(super) background: f64,
    /// Elephants at a time.
    pub(super) elephants: u32,
    /// Flows beside them.
    pub(super) beside: Option<Mix>,
    pub(super) seed: u64,
}

impl Setup {
    /// The link's bytes per second.
    pub(super) fn link_bytes(&self) -> f64 {
        self.link.as_f64() / 8.0
    }

    /// The threshold's bytes per second.
    pub(super) fn threshold_bytes(&self) -> f64 {
        self.threshold.as_f64() / 8.0
    }

    /// A flow of so many bytes per second.
    pub(super) fn plan(&self, shape: Shape, rate: f64) -> Plan {
        Plan {
            shape,
            carrier: self.carrier,
            rate,
            link: self.link_bytes(),
            frame: self.frame,
            retransmits: self.retransmits,
        }
    }
}
