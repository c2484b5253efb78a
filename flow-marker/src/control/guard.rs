//! What must never be marked, whatever it weighs.

use crate::config::Mark;
use crate::detect::Elephant;
use crate::flow::FiveTuple;
use crate::metrics::{Control, Counter};
use crate::packet::IpProtocol;

/// Why an elephant is not marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Its packets carry another DSCP than `only_dscp`: somebody has already classified it.
    Dscp,
    /// It is UDP, and `udp` is not set.
    Udp,
    /// RoCE v2 (UDP port 4791): marking it would take it out of its lossless class.
    Roce,
    /// BGP (TCP port 179).
    Bgp,
    /// BFD (UDP ports 3784, 3785, 4784; RFC 5881 §4, RFC 5883 §5).
    Bfd,
    /// From or to a prefix or port of `exclude`.
    Excluded,
}

impl Guarded {
    /// The reason for people.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Dscp => "its packets carry another DSCP than `only_dscp`",
            Self::Udp => "it is UDP and `udp` is not set",
            Self::Roce => "it is RoCE",
            Self::Bgp => "it is BGP",
            Self::Bfd => "it is BFD",
            Self::Excluded => "it is from or to a prefix, port or group of `exclude`",
        }
    }

    /// The reason for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dscp => "dscp",
            Self::Udp => "udp",
            Self::Roce => "roce",
            Self::Bgp => "bgp",
            Self::Bfd => "bfd",
            Self::Excluded => "excluded",
        }
    }

    /// The counter of this reason.
    pub const fn counter(self, metrics: &Control) -> &Counter {
        match self {
            Self::Dscp => &metrics.guarded_dscp,
            Self::Udp => &metrics.guarded_udp,
            Self::Roce => &metrics.guarded_roce,
            Self::Bgp => &metrics.guarded_bgp,
            Self::Bfd => &metrics.guarded_bfd,
            Self::Excluded => &metrics.guarded_excluded,
        }
    }
}

/// Why `elephant` must not be marked; `None` when it may. Fragments need no word here: they belong to no flow.
pub fn guard(config: &Mark, elephant: &Elephant) -> Option<Guarded> {
    let flow = &elephant.key.tuple;
    let otherwise = match flow.protocol {
        IpProtocol::UDP if !config.udp => Some(Guarded::Udp),
        _ if elephant.dscp != config.only_dscp.get() => Some(Guarded::Dscp),
        _ => None,
    };
    untouchable(config, flow).or(otherwise)
}

/// Why a flow must not be marked whoever wants it; `None` when it may.
pub(super) fn untouchable(config: &Mark, flow: &FiveTuple) -> Option<Guarded> {
    let port = |ports: &[u16]| ports.contains(&flow.source_port) || ports.contains(&flow.destination_port);
    let ends = [
        (flow.source, flow.source_port),
        (flow.destination, flow.destination_port),
    ];
    // Protocols first: they are never marked, while the other reasons depend on configuration.
    match flow.protocol {
        IpProtocol::UDP if port(&[4791]) => Some(Guarded::Roce),
        IpProtocol::UDP if port(&[3784, 3785, 4784]) => Some(Guarded::Bfd),
        IpProtocol::TCP if port(&[179]) => Some(Guarded::Bgp),
        protocol if config.exclude.covers(protocol.0, ends) => Some(Guarded::Excluded),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::Time;
    use crate::config::Config;
    use crate::detect::{Clock, Evidence, Path as Judged};
    use crate::flow::{AgentId, FlowKey};
    use crate::sflow::DataSource;

    fn elephant(protocol: IpProtocol, source_port: u16, destination_port: u16) -> Elephant {
        let rate = "1G".parse().unwrap();
        Elephant {
            key: FlowKey {
                agent: AgentId(0),
                source: DataSource::interface(1),
                tuple: FiveTuple {
                    source: "10.1.0.1".parse().unwrap(),
                    destination: "2001:db8::1".parse().unwrap(),
                    protocol,
                    source_port,
                    destination_port,
                },
            },
            port: 1,
            dscp: 0,
            detected: Time::START,
            evidence: Evidence {
                path: Judged::Average,
                clock: Clock::Arrival,
                bytes: 1,
                span: std::time::Duration::ZERO,
                samples: 1,
                first_sample: Time::START,
                rate,
                threshold: rate,
                confidence: 0.5,
            },
        }
    }

    fn mark(text: &str) -> Mark {
        Config::parse(Path::new("t"), &format!("[mark]\n{text}"))
            .unwrap()
            .mark
    }

    #[test]
    fn only_plain_tcp_is_marked_unless_told_otherwise() {
        let (tcp, udp) = (IpProtocol::TCP, IpProtocol::UDP);
        for (config, elephant, expected) in [
            ("", elephant(tcp, 40_000, 80), None),
            ("", elephant(udp, 40_000, 443), Some(Guarded::Udp)),
            ("udp = true", elephant(udp, 40_000, 443), None),
            ("udp = true", elephant(udp, 50_000, 4791), Some(Guarded::Roce)),
            ("udp = true", elephant(udp, 50_000, 3785), Some(Guarded::Bfd)),
            ("udp = true", elephant(udp, 4784, 50_000), Some(Guarded::Bfd)),
            ("", elephant(tcp, 179, 50_000), Some(Guarded::Bgp)),
            ("", elephant(tcp, 4791, 3784), None),
            (
                "exclude = [\"10.0.0.0/8\"]",
                elephant(tcp, 1, 2),
                Some(Guarded::Excluded),
            ),
            (
                "exclude = [\"port:443\"]",
                elephant(tcp, 40_000, 443),
                Some(Guarded::Excluded),
            ),
            (
                "exclude = [\"tcp:443\"]",
                elephant(tcp, 443, 40_000),
                Some(Guarded::Excluded),
            ),
            ("exclude = [\"udp:443\"]", elephant(tcp, 40_000, 443), None),
            (
                "udp = true\nexclude = [\"udp:443\"]",
                elephant(udp, 40_000, 443),
                Some(Guarded::Excluded),
            ),
            (
                "exclude = [\"group:storage:san\"]\n[group.storage]\nsan = [\"10.1.0.0/16\"]\nbackup = [\"10.2.0.0/16\"]",
                elephant(tcp, 1, 2),
                Some(Guarded::Excluded),
            ),
            (
                "exclude = [\"group:storage:backup\"]\n[group.storage]\nsan = [\"10.1.0.0/16\"]\nbackup = [\"10.2.0.0/16\"]",
                elephant(tcp, 1, 2),
                None,
            ),
            (
                "exclude = [\"group:storage\"]\n[group.storage]\nsan = [\"10.1.0.0/16\"]",
                elephant(tcp, 1, 2),
                Some(Guarded::Excluded),
            ),
            (
                "exclude = [\"2001:db8::/32\"]",
                elephant(tcp, 1, 2),
                Some(Guarded::Excluded),
            ),
            ("only_dscp = 8", elephant(tcp, 1, 2), Some(Guarded::Dscp)),
        ] {
            assert_eq!(guard(&mark(config), &elephant), expected, "{config} {elephant:?}");
        }
    }
}
