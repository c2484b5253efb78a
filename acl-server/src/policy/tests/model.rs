//! A packet, and whether a rule matches it: what cover and overlap are measured against.

use std::net::IpAddr;

use crate::rules::{AddrType, Compare, Ecn, Interface, Match, Mode, PortRange, Rule, TcpFlags, parse_with};

/// What rules of FORWARD can ask about, of IPv4.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    input: &'static str,
    output: &'static str,
    source: IpAddr,
    destination: IpAddr,
    /// A second or further fragment, without a header of layer 4.
    fragment: bool,
    protocol: u8,
    source_port: u16,
    destination_port: u16,
    flags: u8,
    icmp: (u8, u8),
    hops: u8,
    dscp: u8,
    /// Two bits of IP, CWR and ECE of TCP.
    ecn: u8,
    mac: u8,
    source_type: AddrType,
    destination_type: AddrType,
}

const INTERFACES: [&str; 6] = ["swp1", "swp2", "swp1.5", "swp10", "bond1", "eth0"];
const ADDRESSES: [[u8; 4]; 5] = [
    [10, 0, 0, 1],
    [10, 0, 0, 2],
    [10, 0, 1, 1],
    [10, 1, 0, 1],
    [192, 0, 2, 1],
];
const PORTS: [u16; 7] = [0, 1, 22, 80, 81, 1000, 65535];
const HOPS: [u8; 6] = [0, 1, 2, 64, 254, 255];
const FLAGS: [u8; 6] = [0, 2, 0x10, 0x12, 0x14, 0x3f];
const PROTOCOLS: [u8; 5] = [6, 17, 1, 47, 132];
const ICMP: [(u8, u8); 4] = [(8, 0), (3, 0), (3, 1), (0, 0)];
const DSCP: [u8; 3] = [0, 10, 46];
const TYPES: [AddrType; 2] = [AddrType::Local, AddrType::Unicast];

/// How many fields there are.
const FIELDS: usize = 16;

/// How many values each has.
const VALUES: [usize; FIELDS] = [2, 5, 6, 6, 5, 5, 7, 7, 6, 4, 6, 3, 16, 2, 2, 2];

impl Packet {
    fn any() -> Self {
        Self {
            input: INTERFACES[0],
            output: INTERFACES[0],
            source: ADDRESSES[0].into(),
            destination: ADDRESSES[0].into(),
            fragment: false,
            protocol: 6,
            source_port: 0,
            destination_port: 0,
            flags: 0,
            icmp: ICMP[0],
            hops: 0,
            dscp: 0,
            ecn: 0,
            mac: 0,
            source_type: TYPES[0],
            destination_type: TYPES[0],
        }
    }

    /// The packet with one field set to one of its values.
    fn with(&self, field: usize, value: usize) -> Self {
        fn of<T: Copy>(values: &[T], n: usize) -> T {
            values[n % values.len()]
        }
        let small = u8::try_from(value % 16).expect("small");
        let mut packet = self.clone();
        match field {
            0 => packet.fragment = value % 2 == 1,
            1 => packet.protocol = of(&PROTOCOLS, value),
            2 => packet.input = of(&INTERFACES, value),
            3 => packet.output = of(&INTERFACES, value),
            4 => packet.source = of(&ADDRESSES, value).into(),
            5 => packet.destination = of(&ADDRESSES, value).into(),
            6 => packet.source_port = of(&PORTS, value),
            7 => packet.destination_port = of(&PORTS, value),
            8 => packet.flags = of(&FLAGS, value),
            9 => packet.icmp = of(&ICMP, value),
            10 => packet.hops = of(&HOPS, value),
            11 => packet.dscp = of(&DSCP, value),
            12 => packet.ecn = small,
            13 => packet.mac = small % 2,
            14 => packet.source_type = of(&TYPES, value),
            _ => packet.destination_type = of(&TYPES, value),
        }
        packet
    }

    /// A packet for which `wrong` is least. Each condition asks about one field, but those of layer 4 only of some
    /// packets: so for each protocol, with its header and without, the best value of each field in turn.
    pub(super) fn best(seed: &[usize; FIELDS], wrong: impl Fn(&Self) -> usize) -> Self {
        let mut first = Self::any();
        for (field, start) in seed.iter().enumerate() {
            first = first.with(field, *start);
        }
        let kinds =
            (0..2).flat_map(|fragment| (0..PROTOCOLS.len()).map(move |protocol| (fragment, protocol)));
        let packets = kinds.map(|(fragment, protocol)| {
            let mut packet = first.with(0, fragment).with(1, seed[1].wrapping_add(protocol));
            for (field, start) in seed.iter().enumerate().skip(2) {
                let values = (0..VALUES[field]).map(|n| packet.with(field, start.wrapping_add(n)));
                packet = values.min_by_key(&wrong).expect("values");
            }
            packet
        });
        packets.min_by_key(&wrong).expect("packets")
    }
}

/// A rule as the model sees it.
pub(super) struct Model<'a> {
    rule: &'a Rule,
    /// For each condition that is the opposite of one: the one, as a rule of its own.
    opposites: Vec<(&'a str, Rule)>,
}

impl<'a> Model<'a> {
    pub(super) fn new(rule: &'a Rule) -> Self {
        let opposites = rule.matches.iter().filter_map(|one| match one {
            Match::Not(text) => Some((text.as_str(), opposite(rule, text))),
            _ => None,
        });
        Self {
            rule,
            opposites: opposites.collect(),
        }
    }

    /// How many conditions the packet does not meet. What is not known here is met or not as `unknown` says.
    pub(super) fn failures(&self, packet: &Packet, unknown: bool) -> usize {
        let interface = |list: &[Interface], name: &str| {
            list.is_empty()
                || list.iter().any(|one| match one.as_str().strip_suffix('+') {
                    Some(stem) => name.starts_with(stem),
                    None => one.as_str() == name,
                })
        };
        let rule = self.rule;
        let fixed = [
            interface(&rule.in_interfaces, packet.input),
            interface(&rule.out_interfaces, packet.output),
            rule.source.is_none_or(|net| net.contains(&packet.source)),
            rule.destination
                .is_none_or(|net| net.contains(&packet.destination)),
            rule.protocol
                .is_none_or(|protocol| protocol.0 == 0 || protocol.0 == packet.protocol),
            !rule.fragment || packet.fragment,
        ];
        let matches = rule.matches.iter().map(|one| self.meets(one, packet, unknown));
        fixed.into_iter().chain(matches).filter(|met| !met).count()
    }

    pub(super) fn matches(&self, packet: &Packet, unknown: bool) -> bool {
        self.failures(packet, unknown) == 0
    }

    fn meets(&self, one: &Match, packet: &Packet, unknown: bool) -> bool {
        match one {
            Match::Not(text) => {
                let opposite = self.opposites.iter().find(|(not, _)| not == text);
                !Model::new(&opposite.expect("is there").1).matches(packet, unknown)
            }
            Match::Opaque(_) => unknown,
            _ => meets(one, packet),
        }
    }
}

/// The condition without its `!`, as a rule of its own.
fn opposite(rule: &Rule, text: &str) -> Rule {
    let protocol = rule
        .protocol
        .map_or(String::new(), |protocol| format!("-p {protocol}"));
    let line = format!("-A FORWARD {protocol} {} -j DROP", text.replacen("! ", "", 1));
    let policy = parse_with(&["[iptables]", &line], Mode::Lenient).expect("the opposite");
    let (_, positive) = policy.rules().next().expect("a rule");
    Rule {
        protocol: positive.protocol.filter(|_| text.contains("-p ")),
        ..positive.clone()
    }
}

fn meets(one: &Match, packet: &Packet) -> bool {
    let layer4 = !packet.fragment;
    let ports = layer4 && [6, 17, 132].contains(&packet.protocol);
    let within = |list: &[PortRange], port: u16| {
        list.iter()
            .any(|range| range.first() <= port && port <= range.last())
    };
    match one {
        Match::SourcePort(port) => ports && within(&[*port], packet.source_port),
        Match::DestinationPort(port) => ports && within(&[*port], packet.destination_port),
        Match::SourcePorts(list) => ports && within(list, packet.source_port),
        Match::DestinationPorts(list) => ports && within(list, packet.destination_port),
        Match::TcpFlags { mask, set } => {
            layer4 && packet.protocol == 6 && TcpFlags(packet.flags & mask.0) == *set
        }
        Match::Icmp { kind, .. } => {
            let code = kind.code.is_none_or(|code| code == packet.icmp.1);
            layer4 && packet.protocol == 1 && kind.kind == packet.icmp.0 && code
        }
        Match::HopLimit { compare, value, .. } => match compare {
            Compare::Equal => packet.hops == *value,
            Compare::Less => packet.hops < *value,
            Compare::Greater => packet.hops > *value,
        },
        Match::Dscp(dscp) => dscp.get() == packet.dscp,
        Match::SourceType(kind) => *kind == packet.source_type,
        Match::DestinationType(kind) => *kind == packet.destination_type,
        Match::MacSource(mac) => mac.0[5] == packet.mac,
        Match::Ecn { negated, bits } => {
            let tcp = layer4 && packet.protocol == 6;
            let set = match bits {
                Ecn::Ip(value) => packet.ecn & 3 == *value,
                Ecn::TcpCwr => tcp && packet.ecn & 4 != 0,
                Ecn::TcpEce => tcp && packet.ecn & 8 != 0,
            };
            set != *negated
        }
        Match::Comment(_) => true,
        Match::SourceNets(nets) => nets.iter().any(|net| net.contains(&packet.source)),
        Match::DestinationNets(nets) => nets.iter().any(|net| net.contains(&packet.destination)),
        Match::Not(_) | Match::Opaque(_) => false,
    }
}
