//! The keys that samples have.

use std::ops::BitOr;

/// What kinds of values an expression may yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Nothing but null.
    pub const NONE: Self = Self(0);
    /// Whole numbers.
    pub const NUMBER: Self = Self(1);
    /// `true` or `false`.
    pub const BOOL: Self = Self(2);
    /// Ethernet addresses.
    pub const MAC: Self = Self(4);
    /// IPv4 addresses.
    pub const V4: Self = Self(8);
    /// IPv6 addresses.
    pub const V6: Self = Self(16);
    /// Flags as a text of zeros and ones.
    pub const BITS: Self = Self(32);
    /// Any text.
    pub const TEXT: Self = Self(64);
    /// Addresses of both families.
    pub const IP: Self = Self(Self::V4.0 | Self::V6.0);
    /// A text out of a list that is known.
    pub const NAME: Self = Self(128);
    /// An interface by its number, or why there is none.
    pub const PORT: Self = Self(Self::NUMBER.0 | Self::NAME.0);

    /// Whether any kind is in both.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The kinds that are in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

/// What a definition reads of a sample; what no definition reads need not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs(u16);

impl Needs {
    /// Nothing but the fields of the sample itself.
    pub const NONE: Self = Self(0);
    /// The sampled header, as far as the fast reader goes.
    pub const HEADER: Self = Self(1);
    /// All layers of the sampled header.
    pub const STACK: Self = Self(1 << 1);
    /// The record of the switch (format 1001).
    pub const SWITCH: Self = Self(1 << 2);
    /// The record of the router (1002).
    pub const ROUTER: Self = Self(1 << 3);
    /// The record of the gateway (1003).
    pub const GATEWAY: Self = Self(1 << 4);
    /// The records of the virtual network (1029, 1030).
    pub const VNI: Self = Self(1 << 5);
    /// The records of queue, transit delay and queue depth (1036, 1039, 1040).
    pub const QUEUE: Self = Self(1 << 6);
    /// The records of applications (2200–2207).
    pub const APPLICATION: Self = Self(1 << 7);
    /// Everything.
    pub const ALL: Self = Self(u16::MAX);
    /// Groups and maps.
    pub const GROUPS: Self = Self(1 << 8);
    /// The topology.
    pub const TOPOLOGY: Self = Self(1 << 9);

    /// Whether all of `other` is in this.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Needs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

macro_rules! fields {
    ($($field:ident $name:literal $kinds:ident $needs:ident, $doc:literal;)*) => {
        /// A key of a sample (sFlow-RT, flow keys).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field {
            $(#[doc = $doc] $field,)*
        }

        impl Field {
            /// All keys.
            pub const ALL: &[Self] = &[$(Self::$field,)*];

            /// The name of the key.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$field => $name,)*
                }
            }

            /// The key of this name.
            pub fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$field),)*
                    _ => None,
                }
            }

            /// What its values are.
            pub const fn kinds(self) -> Kinds {
                match self {
                    $(Self::$field => Kinds::$kinds,)*
                }
            }

            /// What is read for its first occurrence.
            pub const fn needs(self) -> Needs {
                match self {
                    $(Self::$field => Needs::$needs,)*
                }
            }
        }
    };
}

fields! {
    MacSource "macsource" MAC HEADER, "Ethernet source.";
    MacDestination "macdestination" MAC HEADER, "Ethernet destination.";
    EthernetProtocol "ethernetprotocol" NUMBER HEADER, "Ethernet type behind all tags.";
    Vlan "vlan" NUMBER HEADER, "VLAN of an 802.1Q tag.";
    Priority "priority" NUMBER HEADER, "Priority of an 802.1Q tag.";
    VlanSource "vlansource" NUMBER SWITCH, "VLAN by which the packet entered.";
    VlanDestination "vlandestination" NUMBER SWITCH, "VLAN by which the packet left.";
    PrioritySource "prioritysource" NUMBER SWITCH, "Priority with which the packet entered.";
    PriorityDestination "prioritydestination" NUMBER SWITCH, "Priority with which the packet left.";
    IsUnicast "isunicast" BOOL HEADER, "Whether the Ethernet destination is one station.";
    IsBroadcast "isbroadcast" BOOL HEADER, "Whether the Ethernet destination is everybody.";
    IsMulticast "ismulticast" BOOL HEADER, "Whether the Ethernet destination is a group.";
    ArpOperation "arpoperation" NUMBER STACK, "ARP: 1 request, 2 reply.";
    ArpIpSender "arpipsender" V4 STACK, "ARP: the sender's address.";
    ArpIpTarget "arpiptarget" V4 STACK, "ARP: the target's address.";
    IpSource "ipsource" V4 HEADER, "IPv4 source.";
    IpDestination "ipdestination" V4 HEADER, "IPv4 destination.";
    IpProtocol "ipprotocol" NUMBER HEADER, "IPv4 protocol.";
    IpBytes "ipbytes" NUMBER HEADER, "Length of the IPv4 packet in bytes.";
    IpTos "iptos" NUMBER HEADER, "IPv4 type of service, all eight bits.";
    IpDscp "ipdscp" NUMBER HEADER, "IPv4 differentiated services code point.";
    IpDscpName "ipdscpname" TEXT HEADER, "IPv4 differentiated services code point by name.";
    IpEcn "ipecn" BITS HEADER, "IPv4 congestion bits.";
    IpFlags "ipflags" BITS STACK, "IPv4 flags: reserved, do not fragment, more fragments.";
    IpFragOffset "ipfragoffset" NUMBER STACK, "IPv4 fragment offset in units of 8 bytes.";
    IpTtl "ipttl" NUMBER HEADER, "IPv4 time to live.";
    Ip6Source "ip6source" V6 HEADER, "IPv6 source.";
    Ip6Destination "ip6destination" V6 HEADER, "IPv6 destination.";
    Ip6NextHdr "ip6nexthdr" NUMBER HEADER, "What IPv6 carries, behind extension headers.";
    Ip6Bytes "ip6bytes" NUMBER HEADER, "Length of the IPv6 packet in bytes, its header included.";
    Ip6Tos "ip6tos" NUMBER HEADER, "IPv6 traffic class, all eight bits.";
    Ip6Dscp "ip6dscp" NUMBER HEADER, "IPv6 differentiated services code point.";
    Ip6DscpName "ip6dscpname" TEXT HEADER, "IPv6 differentiated services code point by name.";
    Ip6Ecn "ip6ecn" BITS HEADER, "IPv6 congestion bits.";
    Ip6FlowLabel "ip6flowlabel" NUMBER HEADER, "IPv6 flow label.";
    Ip6FragOffset "ip6fragoffset" NUMBER STACK, "IPv6 fragment offset in units of 8 bytes.";
    Ip6Ttl "ip6ttl" NUMBER HEADER, "IPv6 hop limit.";
    IpSourceMaskBits "ipsourcemaskbits" NUMBER ROUTER, "Length of the source's prefix in the routing table.";
    IpDestinationMaskBits "ipdestinationmaskbits" NUMBER ROUTER, "Length of the destination's prefix in the routing table.";
    IpNextHopRouter "ipnexthoprouter" IP ROUTER, "The router that the packet is handed to.";
    TcpSourcePort "tcpsourceport" NUMBER HEADER, "TCP source port.";
    TcpDestinationPort "tcpdestinationport" NUMBER HEADER, "TCP destination port.";
    TcpFlags "tcpflags" BITS HEADER, "TCP flags: CWR, ECE, URG, ACK, PSH, RST, SYN, FIN.";
    TcpSeqNo "tcpseqno" NUMBER HEADER, "TCP sequence number.";
    UdpSourcePort "udpsourceport" NUMBER HEADER, "UDP source port.";
    UdpDestinationPort "udpdestinationport" NUMBER HEADER, "UDP destination port.";
    IcmpType "icmptype" NUMBER STACK, "ICMP type.";
    IcmpCode "icmpcode" NUMBER STACK, "ICMP code.";
    IcmpSeqNo "icmpseqno" NUMBER STACK, "ICMP sequence number.";
    Icmp6Type "icmp6type" NUMBER STACK, "ICMPv6 type.";
    Icmp6Code "icmp6code" NUMBER STACK, "ICMPv6 code.";
    IcmpUnreachableNet "icmpunreachablenet" IP STACK, "Address whose network could not be reached.";
    IcmpUnreachableHost "icmpunreachablehost" IP STACK, "Host that could not be reached.";
    IcmpUnreachableProtocol "icmpunreachableprotocol" TEXT STACK, "Address and protocol that could not be reached.";
    IcmpUnreachablePort "icmpunreachableport" TEXT STACK, "Protocol and port that could not be reached.";
    DnsQr "dnsqr" BOOL STACK, "DNS: whether this is a response.";
    DnsQName "dnsqname" TEXT STACK, "DNS: the name in the first question, with a dot at its end.";
    DnsQTypeName "dnsqtypename" TEXT STACK, "DNS: the type of the first question.";
    Vni "vni" NUMBER STACK, "Virtual network of VXLAN or GENEVE, or of the record of the switch.";
    VxlanVni "vxlanvni" NUMBER STACK, "Virtual network of VXLAN.";
    GreVsid "grevsid" NUMBER STACK, "Virtual subnet of NVGRE.";
    GeneveVni "genevevni" NUMBER STACK, "Virtual network of GENEVE.";
    Stack "stack" TEXT STACK, "Names of all layers, joined by dots.";
    BgpAs "bgpas" NUMBER GATEWAY, "Autonomous system of the router.";
    BgpSourceAs "bgpsourceas" NUMBER GATEWAY, "Autonomous system of the source.";
    BgpSourcePeerAs "bgpsourcepeeras" NUMBER GATEWAY, "Autonomous system that the packet came from.";
    BgpDestinationAs "bgpdestinationas" NUMBER GATEWAY, "Autonomous system of the destination.";
    BgpDestinationPeerAs "bgpdestinationpeeras" NUMBER GATEWAY, "Autonomous system that the packet goes to next.";
    BgpDestinationAsPath "bgpdestinationaspath" TEXT GATEWAY, "Autonomous systems to the destination, joined by dashes.";
    BgpCommunities "bgpcommunities" TEXT GATEWAY, "Communities, joined by dashes.";
    BgpLocalPref "bgplocalpref" NUMBER GATEWAY, "Local preference of the route.";
    BgpNextHop "bgpnexthop" IP GATEWAY, "Next hop of the route.";
    InputIfIndex "inputifindex" PORT NONE, "Interface by which the packet entered.";
    OutputIfIndex "outputifindex" PORT NONE, "Interface by which the packet left.";
    Direction "direction" NAME NONE, "Whether the packet was sampled where it entered.";
    Agent "agent" IP NONE, "Who sampled.";
    DataSource "datasource" TEXT NONE, "What sampled: an ifIndex, or class and index.";
    QueueIndex "queueindex" NUMBER QUEUE, "Egress queue.";
    QueueDepth "queuedepth" NUMBER QUEUE, "Bytes in the egress queue.";
    TransitDelay "transitdelay" NUMBER QUEUE, "Nanoseconds in the switch.";
    Reason "reason" TEXT NONE, "Why the packet was discarded.";
    IbBtOpcode "ibbtopcode" NUMBER STACK, "RoCEv2 opcode.";
    IbBtOpName "ibbtopname" TEXT STACK, "RoCEv2 opcode by name.";
    IbBtDestQp "ibbtdestqp" NUMBER STACK, "RoCEv2 destination queue pair.";
    IbBtPsn "ibbtpsn" NUMBER STACK, "RoCEv2 packet sequence number.";
    IbBtSe "ibbtse" NUMBER STACK, "RoCEv2 solicited event.";
    IbBtM "ibbtm" NUMBER STACK, "RoCEv2 migration state.";
    EthOffset "eth_offset" NUMBER STACK, "Where Ethernet begins in the sampled header.";
    VlanOffset "vlan_offset" NUMBER STACK, "Where an 802.1Q tag begins.";
    MplsOffset "mpls_offset" NUMBER STACK, "Where an MPLS label begins.";
    ArpOffset "arp_offset" NUMBER STACK, "Where ARP begins.";
    IpOffset "ip_offset" NUMBER STACK, "Where IPv4 begins.";
    Ip6Offset "ip6_offset" NUMBER STACK, "Where IPv6 begins.";
    TcpOffset "tcp_offset" NUMBER STACK, "Where TCP begins.";
    UdpOffset "udp_offset" NUMBER STACK, "Where UDP begins.";
    IcmpOffset "icmp_offset" NUMBER STACK, "Where ICMP begins.";
    Icmp6Offset "icmp6_offset" NUMBER STACK, "Where ICMPv6 begins.";
    GreOffset "gre_offset" NUMBER STACK, "Where GRE begins.";
    VxlanOffset "vxlan_offset" NUMBER STACK, "Where VXLAN begins.";
    GeneveOffset "geneve_offset" NUMBER STACK, "Where GENEVE begins.";
    DnsOffset "dns_offset" NUMBER STACK, "Where DNS begins.";
    IbBtOffset "ibbt_offset" NUMBER STACK, "Where the transport header of RoCEv2 begins.";
    HttpUrl "httpurl" TEXT APPLICATION, "URL of an HTTP request, with the host when the record has one.";
    UriPath "uripath" TEXT APPLICATION, "Path of an HTTP request.";
    HttpMethod "httpmethod" TEXT APPLICATION, "Method of an HTTP request.";
    HttpHost "httphost" TEXT APPLICATION, "Host of an HTTP request.";
    HttpUserAgent "httpuseragent" TEXT APPLICATION, "Program that made an HTTP request.";
    HttpStatus "httpstatus" NUMBER APPLICATION, "Status of an HTTP request.";
    MemcacheKey "memcachekey" TEXT APPLICATION, "Key of a Memcache operation.";
    MemcacheStatus "memcachestatus" NUMBER APPLICATION, "Status of a Memcache operation.";
    Bytes "bytes" NUMBER NONE, "Length of the packet in bytes; of an application's operation, what it moved.";
    Frames "frames" NUMBER NONE, "One a packet.";
    Requests "requests" NUMBER NONE, "One an operation of an application, or a packet that asks for something.";
    Duration "duration" NUMBER APPLICATION, "Microseconds that an application's operation took.";
    Stripped "stripped" NUMBER NONE, "Bytes that were taken off the packet before it was sampled.";
}

impl Field {
    /// What is read for its `nth` occurrence, from 0.
    pub const fn needs_nth(self, nth: u8) -> Needs {
        match nth {
            0 => self.needs().union(if self.is_layered() {
                Needs::HEADER
            } else {
                Needs::NONE
            }),
            _ => Needs::HEADER.union(Needs::STACK),
        }
    }

    /// Whether there may be several in a packet (`ipsource.1`).
    pub const fn is_layered(self) -> bool {
        self.needs().intersects(Needs(Needs::HEADER.0 | Needs::STACK.0)) && !matches!(self, Self::Stack)
    }

    /// All names that it has beside other values, where these are few.
    pub const fn names(self) -> Option<&'static [&'static str]> {
        match self {
            Self::InputIfIndex | Self::OutputIfIndex => Some(&["discard", "multiple", "internal", "unknown"]),
            Self::Direction => Some(&["ingress", "egress"]),
            _ => None,
        }
    }

    /// Number of bits, where the value is a text of zeros and ones.
    pub const fn width(self) -> Option<u8> {
        match self {
            Self::TcpFlags => Some(8),
            Self::IpFlags => Some(3),
            Self::IpEcn | Self::Ip6Ecn => Some(2),
            _ => None,
        }
    }
}
