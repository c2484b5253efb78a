//! Bytes that a sample stands for, and whether that can be.

use shared::units::BitRate;

use crate::inventory::Port;
use crate::sflow::{FlowSample, RawHeader};

/// The longest IPv6 packet without jumbo payload (40 + 65 535 bytes), as segmentation offload hands them to a virtual
/// switch, and 64 bytes of link layer. A longer frame is a damaged or forged number.
const MAX_FRAME: u32 = 40 + 65_535 + 64;

/// The most that one sample may stand for, as time at line rate. Agents that sample so coarsely that a whole port makes
/// fewer than one sample in ten seconds find no elephants anyway; a number beyond it is damaged or forged, and would
/// make an elephant of one packet.
const MAX_LINE_SECONDS: u64 = 10;

/// Where a port's speed is not known, it is not faster than the fastest Ethernet there is (IEEE 802.3dj).
const FASTEST_PORT: BitRate = BitRate::from_bits_per_second(1_600_000_000_000);

/// Whether one sample of a port of this speed can stand for so many bytes.
fn is_plausible(weight: u64, speed: Option<BitRate>) -> bool {
    let speed = speed.unwrap_or(FASTEST_PORT).bits_per_second();
    weight.saturating_mul(8) <= speed.saturating_mul(MAX_LINE_SECONDS)
}

/// Bytes that a sample of a port stands for; `None` where that cannot be.
pub(super) fn weight(sample: &FlowSample<'_>, raw: &RawHeader<'_>, port: Option<&Port>) -> Option<u64> {
    let weight = u64::from(sample.sampling_rate) * u64::from(raw.frame_length);
    let possible =
        weight > 0 && raw.frame_length <= MAX_FRAME && is_plausible(weight, port.and_then(|port| port.speed));
    possible.then_some(weight)
}

/// A weight times a factor.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "neither is negative; saturates"
)]
pub(super) fn scaled(weight: u64, factor: f64) -> u64 {
    (weight as f64 * factor) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_stands_for_ten_seconds_of_its_port_at_most() {
        let gigabit = Some("1G".parse().unwrap());
        assert!(is_plausible(1_250_000_000, gigabit));
        assert!(!is_plausible(1_250_000_001, gigabit));
        assert!(is_plausible(150_000_000 * 9, None), "400G at 1:100 000, 9 kB");
        assert!(!is_plausible(u64::from(u32::MAX) * 1500, None));
        assert!(!is_plausible(u64::MAX, Some(BitRate::from_bits_per_second(1))));
    }
}
