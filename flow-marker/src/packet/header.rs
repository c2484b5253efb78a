//! What can be known of a packet from its first bytes.

use std::fmt;
use std::net::IpAddr;

/// What the first bytes of a packet say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Ethernet addresses.
    pub ethernet: Option<Ethernet>,
    /// The outermost 802.1Q or 802.1ad tag.
    pub vlan: Option<Vlan>,
    /// What the frame carries, behind all tags.
    pub ethertype: Option<EtherType>,
    /// IPv4 or IPv6.
    pub ip: Option<Ip>,
    /// TCP or UDP ports; never those of a fragment that is not the first.
    pub transport: Option<Transport>,
    /// ICMP or `ICMPv6`.
    pub icmp: Option<Icmp>,
    /// Where reading ended, and why.
    pub stop: Stop,
}

impl Header {
    /// Nothing known.
    pub(super) const NOTHING: Self = Self {
        ethernet: None,
        vlan: None,
        ethertype: None,
        ip: None,
        transport: None,
        icmp: None,
        stop: Stop::Unsupported(Layer::Link),
    };
}

/// Where reading a header ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// Nowhere: everything that is read of such a packet was there.
    Complete,
    /// The bytes end inside this layer.
    Cut(Layer),
    /// This layer is of a kind that is not read.
    Unsupported(Layer),
    /// This layer contradicts itself.
    Malformed(Layer),
    /// A fragment that is not the first: it has no transport header.
    Fragment,
}

/// A layer of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Ethernet.
    Link,
    /// VLAN tags.
    Vlan,
    /// IPv4 or IPv6.
    Network,
    /// IPv6 extension headers.
    Extension,
    /// TCP, UDP, ICMP.
    Transport,
}

/// Ethernet addresses (IEEE 802.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ethernet {
    /// To whom.
    pub destination: MacAddress,
    /// From whom.
    pub source: MacAddress,
}

/// An Ethernet address; displayed as `aa:bb:cc:dd:ee:ff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Whether a frame to it goes to everybody.
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    }

    /// Whether a frame to it goes to a group, everybody included.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// What an Ethernet frame carries (IANA, IEEE 802 numbers); below 1536 it is a length (IEEE 802.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// IPv6.
    pub const IPV6: Self = Self(0x86DD);
    /// 802.1Q tag.
    pub const VLAN: Self = Self(0x8100);
    /// 802.1ad service tag.
    pub const SERVICE_VLAN: Self = Self(0x88A8);
    /// Service tag of equipment older than 802.1ad.
    pub const OLD_SERVICE_VLAN: Self = Self(0x9100);
    /// ARP.
    pub const ARP: Self = Self(0x0806);
    /// MPLS to one receiver.
    pub const MPLS: Self = Self(0x8847);
    /// MPLS to several receivers, or with an upstream-assigned label.
    pub const MPLS_MULTICAST: Self = Self(0x8848);
    /// An Ethernet frame inside a tunnel.
    pub const BRIDGED: Self = Self(0x6558);
    /// PPP inside GRE.
    pub const PPP: Self = Self(0x880B);
    /// ERSPAN type I and II.
    pub const ERSPAN: Self = Self(0x88BE);
    /// ERSPAN type III.
    pub const ERSPAN_III: Self = Self(0x22EB);

    /// Whether this is the type of a VLAN tag.
    #[inline]
    pub const fn is_tag(self) -> bool {
        matches!(self, Self::VLAN | Self::SERVICE_VLAN | Self::OLD_SERVICE_VLAN)
    }

    /// Whether this is the length of an 802.2 frame (IEEE 802.3 §3.2.6).
    #[inline]
    pub const fn is_length(self) -> bool {
        self.0 < 1536
    }
}

/// A VLAN tag (IEEE 802.1Q).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    /// VLAN identifier, 0 to 4095.
    pub id: u16,
    /// Priority code point (CoS), 0 to 7.
    pub priority: u8,
}

/// IPv4 (RFC 791) or IPv6 (RFC 8200).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip {
    /// From whom.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What the packet carries, behind all extension headers; in an IPv6 fragment that is not the first, what the
    /// fragment header says. `None`: the bytes end before it is known, or the chain is too long.
    pub protocol: Option<IpProtocol>,
    /// Differentiated services code point, 0 to 63 (RFC 2474).
    pub dscp: u8,
    /// Explicit congestion notification, 0 to 3 (RFC 3168).
    pub ecn: u8,
    /// Time to live, hop limit.
    pub ttl: u8,
    /// Length of the IP packet in bytes with its header, as it says itself.
    pub length: u32,
    /// Where the IP header begins, in bytes from the start of what was parsed.
    pub offset: u16,
    /// One of several fragments, the first included. Known for certain only where [`Self::protocol`] is.
    pub fragment: bool,
    /// Identification (IPv4 only).
    pub identification: Option<u16>,
    /// Flow label, 20 bits (IPv6 only).
    pub flow_label: Option<u32>,
}

/// An IP protocol number (IANA, protocol numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// ICMP.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// `ICMPv6`.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
}

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// From which port.
    pub source_port: u16,
    /// To which port.
    pub destination_port: u16,
    /// Where the transport header begins, in bytes from the start of what was parsed.
    pub offset: u16,
    /// Where the IP packet ends among the bytes that were parsed: behind it is padding.
    pub end: u16,
    /// The rest of a TCP header.
    pub tcp: Option<Tcp>,
    /// The rest of a UDP header.
    pub udp: Option<Udp>,
}

/// What else a TCP header says (RFC 9293).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Flags, when the header is not cut before them.
    pub flags: Option<TcpFlags>,
}

/// The flags of a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender has no more data.
    pub const FIN: Self = Self(0x01);
    /// Opens a connection.
    pub const SYN: Self = Self(0x02);
    /// Aborts a connection.
    pub const RST: Self = Self(0x04);
    /// Data should be handed on at once.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number is valid.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is valid.
    pub const URG: Self = Self(0x20);
    /// Congestion was notified to the receiver (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// The sender has reduced its window (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// Whether any of `flags` is set.
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }
}

/// What else a UDP header says (RFC 768).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp {
    /// Bytes of header and payload, as it says itself.
    pub length: u16,
}

/// The kind of an ICMP message (RFC 792, RFC 4443).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
}
