//! Sockets and connections of hosts.

use crate::sflow::structure::structure;

structure! {
    /// A socket (sFlow Host Structures, `extended_socket_ipv4`, `extended_proxy_socket_ipv4`).
    SocketV4 = "IPv4 socket" {
        protocol Gauge32 "socket4_ip_protocol" "IP protocol";
        local Ipv4 "socket4_local_ip" "our address";
        remote Ipv4 "socket4_remote_ip" "address of the other";
        local_port Gauge32 "socket4_local_port" "our port";
        remote_port Gauge32 "socket4_remote_port" "port of the other";
    }
}

structure! {
    /// A socket (sFlow Host Structures, `extended_socket_ipv6`, `extended_proxy_socket_ipv6`).
    SocketV6 = "IPv6 socket" {
        protocol Gauge32 "socket6_ip_protocol" "IP protocol";
        local Ipv6 "socket6_local_ip" "our address";
        remote Ipv6 "socket6_remote_ip" "address of the other";
        local_port Gauge32 "socket6_local_port" "our port";
        remote_port Gauge32 "socket6_remote_port" "port of the other";
    }
}

structure! {
    /// The connection of a packet (sFlow TCP Info Structure, `extended_tcp_info`; Linux `tcp_info`).
    TcpInfo = "TCP info" {
        direction Direction "tcpinfo_direction" "whether we received or sent the packet";
        mss_out Gauge32 "tcpinfo_send_mss" "bytes";
        mss_in Gauge32 "tcpinfo_receive_mss" "bytes";
        unacknowledged Gauge32 "tcpinfo_unacked_pkts" "packets in flight";
        lost Gauge32 "tcpinfo_lost_pkts" "packets";
        retransmitted Gauge32 "tcpinfo_retrans_pkts" "packets";
        path_mtu Gauge32 "tcpinfo_path_mtu" "bytes";
        rtt_us Gauge32 "tcpinfo_rtt_uS" "microseconds, smoothed";
        rtt_variance_us Gauge32 "tcpinfo_rtt_uS_var" "microseconds";
        congestion_window Gauge32 "tcpinfo_send_congestion_win" "packets";
        reordering Gauge32 "tcpinfo_reordering" "packets";
        rtt_min_us Gauge32 "tcpinfo_rtt_uS_min" "microseconds";
    }
}

structure! {
    /// Where a packet comes from and goes to (sFlow Host Structures, `extended_entities`); zeros when unknown.
    Entities = "entities" {
        source_class Gauge32 "entities_src_class" "class of the data source";
        source_index Gauge32 "entities_src_index" "its index";
        destination_class Gauge32 "entities_dst_class" "class of the data source";
        destination_index Gauge32 "entities_dst_index" "its index";
    }
}
