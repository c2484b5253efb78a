//! What makes two samples samples of one flow.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use siphasher::sip128::SipHasher13;

use crate::packet::{Header, IpProtocol};
use crate::sflow::DataSource;

/// A switch of the inventory, by its position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub u32);

impl AgentId {
    /// The same as a place in a list.
    pub fn index(self) -> usize {
        // Only a machine whose memory could not hold the list has smaller places.
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Addresses, protocol and ports: what a rule can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiveTuple {
    /// From whom.
    pub source: IpAddr,
    /// To whom; of the same family.
    pub destination: IpAddr,
    /// TCP or UDP.
    pub protocol: IpProtocol,
    /// From which port.
    pub source_port: u16,
    /// To which port.
    pub destination_port: u16,
}

impl FiveTuple {
    /// The flow that a packet belongs to; `None` when it is not TCP or UDP, or its ports were not sampled.
    ///
    /// Fragments belong to no flow, the first one included: its brothers have no ports, so neither a rate nor a rule
    /// could cover them.
    pub fn of(header: &Header) -> Option<Self> {
        let (ip, transport) = (header.ip?, header.transport?);
        let protocol = ip
            .protocol
            .filter(|p| matches!(*p, IpProtocol::TCP | IpProtocol::UDP))?;
        (!ip.fragment).then_some(Self {
            source: ip.source,
            destination: ip.destination,
            protocol,
            source_port: transport.source_port,
            destination_port: transport.destination_port,
        })
    }

    /// All fields as bytes, the same on every machine.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let [s0, s1] = self.source_port.to_be_bytes();
        let [d0, d1] = self.destination_port.to_be_bytes();
        let mut bytes = [0; Self::BYTES];
        let (source, rest) = bytes.split_at_mut(16);
        let (destination, rest) = rest.split_at_mut(16);
        source.copy_from_slice(&octets(self.source));
        destination.copy_from_slice(&octets(self.destination));
        rest.copy_from_slice(&[self.protocol.0, s0, s1, d0, d1, u8::from(self.source.is_ipv4())]);
        bytes
    }

    /// Two addresses, protocol, two ports, family.
    pub const BYTES: usize = 16 + 16 + 1 + 2 + 2 + 1;
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

impl fmt::Display for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            IpProtocol::TCP => "tcp",
            IpProtocol::UDP => "udp",
            _ => "ip",
        };
        let source = std::net::SocketAddr::new(self.source, self.source_port);
        let destination = std::net::SocketAddr::new(self.destination, self.destination_port);
        write!(f, "{protocol} {source} → {destination}")
    }
}

/// A flow as it enters an agent by one port. Rates of different agents or ports are never added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// Who sampled.
    pub agent: AgentId,
    /// The port that it enters by, whether that or something in its place samples.
    pub source: DataSource,
    /// What it sampled.
    pub tuple: FiveTuple,
}

/// 128 bits that stand for a flow key; never zero.
///
/// With n flows the chance that any two share one is about n²/2¹²⁹: 10⁻²⁷ for a million.
pub type Fingerprint = u128;

/// Makes fingerprints with a secret seed: whoever chooses the keys cannot choose their places in the table.
#[derive(Debug, Clone)]
pub struct FlowHasher(SipHasher13);

impl FlowHasher {
    /// A hasher with the given seed.
    pub fn with_seed(seed: [u64; 2]) -> Self {
        let [k0, k1] = seed;
        Self(SipHasher13::new_with_keys(k0, k1))
    }

    /// A hasher with a seed from the system's random source.
    pub fn random() -> Self {
        Self::with_seed([(); 2].map(|()| RandomState::new().hash_one(0_u64)))
    }

    /// The fingerprint of `key`.
    ///
    /// Each family has its own number of bytes, so that no key of one has the bytes of one of the other; IPv4 needs half
    /// as many, and the time of a hash goes by its bytes.
    #[inline]
    pub fn fingerprint(&self, key: &FlowKey) -> Fingerprint {
        let FiveTuple {
            source,
            destination,
            protocol,
            source_port,
            destination_port,
        } = key.tuple;
        let [a0, a1, a2, a3] = key.agent.0.to_ne_bytes();
        let [c0, c1, c2, c3] = key.source.class.0.to_ne_bytes();
        let [i0, i1, i2, i3] = key.source.index.to_ne_bytes();
        let [s0, s1] = source_port.to_ne_bytes();
        let [d0, d1] = destination_port.to_ne_bytes();
        let rest = [
            a0, a1, a2, a3, c0, c1, c2, c3, i0, i1, i2, i3, s0, s1, d0, d1, protocol.0,
        ];
        let hash = if let (IpAddr::V4(source), IpAddr::V4(destination)) = (source, destination) {
            self.hash::<25>([&source.octets(), &destination.octets(), &rest])
        } else {
            self.hash::<49>([&octets(source), &octets(destination), &rest])
        };
        hash.max(1)
    }

    /// What stands for an address. No flow has the same: its fingerprint is made of more bytes.
    pub fn address(&self, address: IpAddr) -> Fingerprint {
        self.hash::<16>([&octets(address), &[], &[]]).max(1)
    }

    /// Of `N` bytes, which are those of all parts.
    #[inline]
    fn hash<const N: usize>(&self, parts: [&[u8]; 3]) -> u128 {
        let mut bytes = [0; N];
        let mut room = bytes.as_mut_slice();
        for part in parts {
            if let Some(place) = room.split_off_mut(..part.len()) {
                place.copy_from_slice(part);
            }
        }
        self.0.hash(&bytes).as_u128()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::packet::{EtherType, Header};

    pub(crate) fn key(n: u32) -> FlowKey {
        let [_, b, c, d] = n.to_be_bytes();
        FlowKey {
            agent: AgentId(0),
            source: DataSource::interface(1),
            tuple: FiveTuple {
                source: [10, b, c, d].into(),
                destination: [10, 255, 0, 1].into(),
                protocol: IpProtocol::TCP,
                source_port: 40_000,
                destination_port: 5001,
            },
        }
    }

    #[test]
    fn every_field_makes_another_flow() {
        let hasher = FlowHasher::with_seed([1, 2]);
        let base = key(7);
        let variants = [
            FlowKey {
                agent: AgentId(1),
                ..base
            },
            FlowKey {
                source: DataSource::interface(2),
                ..base
            },
            FlowKey {
                tuple: FiveTuple {
                    source: base.tuple.destination,
                    destination: base.tuple.source,
                    ..base.tuple
                },
                ..base
            },
            FlowKey {
                tuple: FiveTuple {
                    protocol: IpProtocol::UDP,
                    ..base.tuple
                },
                ..base
            },
            FlowKey {
                tuple: FiveTuple {
                    source_port: 40_001,
                    ..base.tuple
                },
                ..base
            },
            FlowKey {
                tuple: FiveTuple {
                    destination_port: 5002,
                    ..base.tuple
                },
                ..base
            },
            FlowKey {
                tuple: FiveTuple {
                    source: "::ffff:10.0.0.7".parse().unwrap(),
                    ..base.tuple
                },
                ..base
            },
        ];
        let mut seen = vec![hasher.fingerprint(&base)];
        for variant in variants {
            let print = hasher.fingerprint(&variant);
            assert!(!seen.contains(&print), "{variant:?}");
            seen.push(print);
        }
        assert_ne!(
            FlowHasher::with_seed([1, 3]).fingerprint(&base),
            hasher.fingerprint(&base)
        );
    }

    /// An IPv4 header with the given fragment field and protocol, and two ports behind it.
    fn ipv4(fragment: u16, protocol: u8) -> Header {
        let [f0, f1] = fragment.to_be_bytes();
        let mut bytes = vec![0x45, 0, 0, 60, 0, 1, f0, f1, 64, protocol, 0, 0];
        bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x9c, 0x40, 0x13, 0x89]);
        Header::parse_ethertype(EtherType::IPV4, &bytes)
    }

    #[test]
    fn fragments_and_other_protocols_belong_to_no_flow() {
        let tuple = FiveTuple::of(&ipv4(0x4000, 6)).unwrap();
        assert_eq!(tuple.to_string(), "tcp 10.0.0.1:40000 → 10.0.0.2:5001");
        assert_eq!(FiveTuple::of(&ipv4(0x2000, 6)), None, "the first fragment");
        assert_eq!(FiveTuple::of(&ipv4(0x00b9, 6)), None, "a later fragment");
        assert_eq!(FiveTuple::of(&ipv4(0, 47)), None, "GRE");
    }
}
