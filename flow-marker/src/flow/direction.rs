//! Whether a sample was taken where the packet entered.

use crate::sflow::{DataSource, Interface};

/// Where a packet was sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Where it entered: the ifIndex of that port.
    Ingress(u32),
    /// Where it left, or at no known port.
    Egress,
    /// At a port that it neither entered nor left by, as far as the sample says.
    OtherPort,
}

/// Where a packet was sampled, by the fields of its flow sample.
///
/// A source that is an interface samples both directions: ingress is where it equals the input. A source that is none
/// (Open vSwitch's bridge) samples for all its ports: then the sample belongs to its input, if that is one known port.
///
/// A third port is most likely a member of a LAG that is the input or the output itself. Which ports are its members is
/// in structures that are not read yet, so these samples are counted apart and used for nothing.
pub fn direction(source: DataSource, input: Interface, output: Interface) -> Direction {
    let entered = input.if_index();
    match (source.if_index(), entered) {
        (None, Some(port)) => Direction::Ingress(port),
        (None, None) => Direction::Egress,
        (Some(source), Some(port)) if source == port => Direction::Ingress(port),
        (Some(source), _) => match output {
            Interface::Index(port) if port != source => Direction::OtherPort,
            // One of several ports that the packet left by.
            Interface::Index(_) | Interface::Multiple(_) => Direction::Egress,
            _ => Direction::OtherPort,
        },
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
            // 7 is a member of the LAG 1001, which is the input, or the output.
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
                direction(source, input, output),
                expected,
                "{source} {input:?} {output:?}"
            );
        }
    }
}
