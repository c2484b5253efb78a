//! What the packet says, in the words of the agent.

use crate::sflow::structure::structure;

structure! {
    /// The Ethernet addresses of a packet (sFlow v5 §5, `sampled_ethernet`).
    EthernetFrame = "Ethernet frame" {
        length Gauge32 "ethernet_len" "bytes of the frame";
        source Mac "ethernet_src" "from whom";
        destination Mac "ethernet_dst" "to whom";
        ethertype Gauge32 "ethernet_type" "what it carries";
    }
}

structure! {
    /// What an IPv4 packet says (sFlow v5 §5, `sampled_ipv4`).
    Ipv4Packet = "IPv4 packet" {
        length Gauge32 "IPSize" "bytes of the IP packet";
        protocol Gauge32 "IPProtocol" "IP protocol";
        source Ipv4 "srcIP" "from whom";
        destination Ipv4 "dstIP" "to whom";
        source_port Gauge32 "srcPort" "TCP or UDP port, or what is like it";
        destination_port Gauge32 "dstPort" "TCP or UDP port, or what is like it";
        tcp_flags Gauge32 "TCPFlags" "flags of TCP";
        tos Gauge32 "IPTOS" "type of service";
    }
}

structure! {
    /// What an IPv6 packet says (sFlow v5 §5, `sampled_ipv6`).
    Ipv6Packet = "IPv6 packet" {
        length Gauge32 "IPSize" "bytes of the IP packet";
        protocol Gauge32 "IPProtocol" "IP protocol";
        source Ipv6 "srcIP6" "from whom";
        destination Ipv6 "dstIP6" "to whom";
        source_port Gauge32 "srcPort" "TCP or UDP port, or what is like it";
        destination_port Gauge32 "dstPort" "TCP or UDP port, or what is like it";
        tcp_flags Gauge32 "TCPFlags" "flags of TCP";
        priority Gauge32 "priority" "traffic class";
    }
}
