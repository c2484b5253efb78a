//! Whether a sample was taken where the packet entered.

use crate::sflow::{DataSource, Interface};

use super::lag::Lags;

/// Where a packet was sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Where it entered: the ifIndex of that port, or of the LAG that it entered by.
    Ingress(u32),
    /// Where it left, or at no known port.
    Egress,
    /// At a port that it neither entered nor left by, as far as the sample says.
    OtherPort,
}

/// Where a packet was sampled, by the fields of its flow sample and the members of its agent's LAGs.
///
/// A source that is an interface samples both directions: ingress is where it equals the input. A source that is none
/// (Open vSwitch's bridge) samples for all its ports: then the sample belongs to its input, if that is one known port.
///
/// A LAG and its members are the same place, whichever of them an agent calls the source and whichever the input: the
/// packet entered by the LAG. So a flow that is spread over the members is one flow of the LAG.
pub fn direction(source: DataSource, input: Interface, output: Interface, lags: &Lags) -> Direction {
    let entered = input.if_index();
    match (source.if_index(), entered) {
        (None, Some(port)) => Direction::Ingress(port),
        (None, None) => Direction::Egress,
        (Some(source), Some(port)) if source == port => Direction::Ingress(port),
        (Some(source), _) => {
            if let Some(lag) = entered.and_then(|port| lags.common(source, port)) {
                return Direction::Ingress(lag);
            }
            match output {
                Interface::Index(port) if port != source && lags.common(source, port).is_none() => {
                    Direction::OtherPort
                }
                // One of several ports that the packet left by.
                Interface::Index(_) | Interface::Multiple(_) => Direction::Egress,
                _ => Direction::OtherPort,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sflow::SourceClass;

    #[test]
    fn the_source_decides() {
        let port = DataSource::interface;
        let index = Interface::Index;
        let bridge = DataSource {
            class: SourceClass::PHYSICAL_ENTITY,
            index: 1000,
        };
        for (source, input, output, expected) in [
            (port(3), index(3), index(9), Direction::Ingress(3)),
            (port(3), index(3), index(3), Direction::Ingress(3)),
            (port(9), index(3), index(9), Direction::Egress),
            (port(9), Interface::Unknown, index(9), Direction::Egress),
            (port(9), index(3), Interface::Multiple(4), Direction::Egress),
            // 7 may be a member of the LAG 1001, but nobody has said so.
            (port(7), index(1001), index(9), Direction::OtherPort),
            (port(7), index(3), index(1001), Direction::OtherPort),
            (
                port(7),
                index(1001),
                Interface::Discarded(258),
                Direction::OtherPort,
            ),
            (bridge, index(3), index(9), Direction::Ingress(3)),
            (bridge, Interface::Internal, index(9), Direction::Egress),
        ] {
            assert_eq!(
                direction(source, input, output, &Lags::default()),
                expected,
                "{source} {input:?} {output:?}"
            );
        }
    }

    #[test]
    fn a_lag_and_its_members_are_one_place() {
        let port = DataSource::interface;
        let index = Interface::Index;
        let bridge = DataSource {
            class: SourceClass::PHYSICAL_ENTITY,
            index: 1000,
        };
        // 7 and 8 are members of 1001, and 9 is one of 1002.
        let mut lags = Lags::default();
        for (member, lag) in [(7, 1001), (8, 1001), (9, 1002)] {
            assert!(lags.learn(member, lag));
        }
        let discarded = Interface::Discarded(258);
        for (source, input, output, expected) in [
            (port(7), index(1001), index(3), Direction::Ingress(1001)),
            (port(8), index(1001), index(3), Direction::Ingress(1001)),
            (port(7), index(1001), discarded, Direction::Ingress(1001)),
            // The agent that calls the LAG the source, and the member the input.
            (port(1001), index(7), index(3), Direction::Ingress(1001)),
            (port(1001), index(1001), index(3), Direction::Ingress(1001)),
            // Sent back by the LAG that it came in by.
            (port(7), index(1001), index(1001), Direction::Ingress(1001)),
            (port(7), index(3), index(1001), Direction::Egress),
            (port(1001), index(3), index(8), Direction::Egress),
            (port(7), Interface::Unknown, index(1001), Direction::Egress),
            (port(7), index(1002), index(1001), Direction::Egress),
            // Neither of these LAGs is its own, and another member is another port.
            (port(9), index(1001), index(3), Direction::OtherPort),
            (port(7), index(3), index(1002), Direction::OtherPort),
            (port(7), index(8), index(3), Direction::OtherPort),
            (port(7), index(8), index(7), Direction::Egress),
            (port(7), index(3), discarded, Direction::OtherPort),
            // What the agent itself tells apart stays apart.
            (port(7), index(7), index(3), Direction::Ingress(7)),
            (bridge, index(1001), index(3), Direction::Ingress(1001)),
        ] {
            assert_eq!(
                direction(source, input, output, &lags),
                expected,
                "{source} {input:?} {output:?}"
            );
        }
    }
}
