//! What sflowtool calls records: the member that names the kind, and what goes before the names of its fields.

use crate::sflow::{AsPath, FlowFormat};

/// The member that says what a flow record is (its name and value; no value: there is none), and the prefix of the
/// names of its fields. Records that sflowtool does not print are named in its style.
pub(super) const fn kind(format: FlowFormat) -> (&'static str, &'static str, &'static str) {
    const SAMPLE: &str = "flowSampleType";
    const EXTENDED: &str = "extendedType";
    match format {
        FlowFormat::RAW_HEADER => (SAMPLE, "HEADER", ""),
        FlowFormat::ETHERNET => (SAMPLE, "ETHERNET", ""),
        FlowFormat::IPV4 => (SAMPLE, "IPV4", ""),
        FlowFormat::IPV6 => (SAMPLE, "IPV6", ""),
        FlowFormat::SWITCH => (EXTENDED, "SWITCH", ""),
        FlowFormat::ROUTER => (EXTENDED, "ROUTER", ""),
        FlowFormat::GATEWAY => (EXTENDED, "GATEWAY", ""),
        FlowFormat::USER => (EXTENDED, "USER", ""),
        FlowFormat::URL => (EXTENDED, "URL", ""),
        FlowFormat::MPLS => (EXTENDED, "MPLS", ""),
        FlowFormat::NAT => (EXTENDED, "NAT", ""),
        FlowFormat::NAT_PORT => (EXTENDED, "NAT PORT", ""),
        FlowFormat::L2_TUNNEL_EGRESS => (SAMPLE, "tunnel_l2_out_ETHERNET", "tunnel_l2_out_"),
        FlowFormat::L2_TUNNEL_INGRESS => (SAMPLE, "tunnel_l2_in_ETHERNET", "tunnel_l2_in_"),
        FlowFormat::IPV4_TUNNEL_EGRESS => (SAMPLE, "tunnel_ipv4_out_IPV4", "tunnel_ipv4_out_"),
        FlowFormat::IPV4_TUNNEL_INGRESS => (SAMPLE, "tunnel_ipv4_in_IPV4", "tunnel_ipv4_in_"),
        FlowFormat::IPV6_TUNNEL_EGRESS => (SAMPLE, "tunnel_ipv6_out_IPV6", "tunnel_ipv6_out_"),
        FlowFormat::IPV6_TUNNEL_INGRESS => (SAMPLE, "tunnel_ipv6_in_IPV6", "tunnel_ipv6_in_"),
        FlowFormat::DECAPSULATE_EGRESS => (EXTENDED, "out_decap", "out_"),
        FlowFormat::DECAPSULATE_INGRESS => (EXTENDED, "in_decap", "in_"),
        FlowFormat::VNI_EGRESS => (EXTENDED, "out_VNI", "out_"),
        FlowFormat::VNI_INGRESS => (EXTENDED, "in_VNI", "in_"),
        FlowFormat::OPENFLOW => (EXTENDED, "openflow", ""),
        FlowFormat::FIBRE_CHANNEL => (EXTENDED, "fc", ""),
        FlowFormat::QUEUE_LENGTH => (EXTENDED, "queue_length", ""),
        FlowFormat::AGGREGATION => (EXTENDED, "aggregation", ""),
        FlowFormat::INFINIBAND_LRH => (EXTENDED, "ib_lrh", ""),
        FlowFormat::INFINIBAND_GRH => (EXTENDED, "ib_grh", ""),
        FlowFormat::INFINIBAND_BTH => (EXTENDED, "ib_bth", ""),
        FlowFormat::VLAN_IN => (EXTENDED, "vlan_in", ""),
        FlowFormat::VLAN_OUT => (EXTENDED, "vlan_out", ""),
        FlowFormat::EGRESS_QUEUE => (EXTENDED, "egress_queue", ""),
        FlowFormat::ACL => (EXTENDED, "acl", ""),
        FlowFormat::FUNCTION => (EXTENDED, "function", ""),
        FlowFormat::TRANSIT_DELAY => (EXTENDED, "transit_delay", ""),
        FlowFormat::QUEUE_DEPTH => (EXTENDED, "queue_depth", ""),
        FlowFormat::HARDWARE_TRAP => (EXTENDED, "hw_trap", ""),
        FlowFormat::LINUX_DROP_REASON => (EXTENDED, "linux_reason", ""),
        FlowFormat::TIMESTAMP => (EXTENDED, "timestamp", ""),
        FlowFormat::TRANSACTION => (SAMPLE, "transaction", ""),
        FlowFormat::NFS_TRANSACTION => (EXTENDED, "nfs_transaction", ""),
        FlowFormat::SCSI_TRANSACTION => (EXTENDED, "scsi_transaction", ""),
        FlowFormat::HTTP_TRANSACTION => (EXTENDED, "http_transaction", ""),
        FlowFormat::SOCKET_V4 => (EXTENDED, "socket4", ""),
        FlowFormat::SOCKET_V6 => (EXTENDED, "socket6", ""),
        FlowFormat::PROXY_SOCKET_V4 => (EXTENDED, "proxy_socket4", "proxy_"),
        FlowFormat::PROXY_SOCKET_V6 => (EXTENDED, "proxy_socket6", "proxy_"),
        FlowFormat::MEMCACHE_OPERATION => (SAMPLE, "memcache", ""),
        FlowFormat::HTTP_OLD | FlowFormat::HTTP_REQUEST => (SAMPLE, "http", ""),
        FlowFormat::APP_OPERATION => (SAMPLE, "applicationOperation", ""),
        FlowFormat::PROXY_REQUEST => (EXTENDED, "proxy_request", ""),
        FlowFormat::NAVIGATION_TIMING => (EXTENDED, "nav_timing", ""),
        FlowFormat::ENTITIES => (EXTENDED, "entities", ""),
        FlowFormat::BROADCOM_EGRESS_QUEUE => (EXTENDED, "bcm_egress_queue", ""),
        // sflowtool prints their fields only.
        _ => (EXTENDED, "", ""),
    }
}

/// The neighbour and the destination of a path; 0 where there is none.
pub(super) fn as_path_ends(path: &AsPath<'_>) -> (u32, u32) {
    let mut segments = path.segments();
    let first = segments.next();
    let last = segments.last().or(first);
    let peer = first.and_then(|segment| segment.systems.iter().next());
    let destination = last.and_then(|segment| segment.systems.iter().next_back());
    (peer.unwrap_or_default(), destination.unwrap_or_default())
}
