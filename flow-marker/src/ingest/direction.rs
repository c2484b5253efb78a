//! Whether a sample was taken where the packet entered.

use crate::sflow::FlowSample;

/// The ifIndex of the port that the sampled packet entered by, if it was sampled there; `None` for egress samples.
///
/// A source that is an interface samples both directions: ingress is where it equals the input. A source that is none
/// (Open vSwitch's bridge) samples for all its ports: then the sample belongs to its input, if that is one known port.
pub fn ingress_port(sample: &FlowSample<'_>) -> Option<u32> {
    let input = sample.input.if_index()?;
    match sample.source.if_index() {
        Some(source) => (source == input).then_some(input),
        None => Some(input),
    }
}
