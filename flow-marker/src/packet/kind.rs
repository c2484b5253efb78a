//! The kinds of layers.

/// A layer as the layer reader tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Ethernet (IEEE 802.3): two addresses and a type or a length.
    Ethernet,
    /// One 802.1Q or 802.1ad tag: its value and the type behind it.
    Vlan,
    /// IEEE 802.2 logical link control.
    Llc,
    /// The subnetwork access protocol behind an LLC header (RFC 1042).
    Snap,
    /// One MPLS label (RFC 3032).
    Mpls,
    /// The control word of an Ethernet pseudowire (RFC 4385).
    ControlWord,
    /// PPP in HDLC-like framing or without (RFC 1662).
    Ppp,
    /// Cisco's HDLC, which packet over SONET may carry.
    Hdlc,
    /// ARP (RFC 826).
    Arp,
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 (RFC 8200).
    Ipv6,
    /// IPv6 hop-by-hop options.
    HopByHop,
    /// IPv6 routing header.
    Routing,
    /// IPv6 destination options.
    DestinationOptions,
    /// IPv6 fragment header.
    Fragment,
    /// IP authentication header (RFC 4302).
    Ah,
    /// IP encapsulating security payload (RFC 4303).
    Esp,
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// SCTP (RFC 9260).
    Sctp,
    /// ICMP (RFC 792).
    Icmp,
    /// ICMP for IPv6 (RFC 4443).
    Icmp6,
    /// IGMP (RFC 3376).
    Igmp,
    /// GRE (RFC 2784, RFC 2890, RFC 2637).
    Gre,
    /// ERSPAN type II or III.
    Erspan,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// GTP, user plane (3GPP TS 29.281).
    Gtp,
    /// The base transport header of RoCEv2 (InfiniBand Architecture, volume 1, §9.2).
    Bth,
    /// DNS (RFC 1035).
    Dns,
}

impl Kind {
    /// The layer's name in the flow key `stack`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "eth",
            Self::Vlan => "vlan",
            Self::Llc => "llc",
            Self::Snap => "snap",
            Self::Mpls => "mpls",
            Self::ControlWord => "pw",
            Self::Ppp => "ppp",
            Self::Hdlc => "hdlc",
            Self::Arp => "arp",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ip6",
            Self::HopByHop => "hopopts",
            Self::Routing => "routing",
            Self::DestinationOptions => "dstopts",
            Self::Fragment => "frag",
            Self::Ah => "ah",
            Self::Esp => "esp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Icmp6 => "icmp6",
            Self::Igmp => "igmp",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gtp => "gtp",
            Self::Bth => "ibbt",
            Self::Dns => "dns",
        }
    }
}
