//! 802.11, OpenFlow, Fibre Channel, InfiniBand.

use crate::sflow::structure::structure;

structure! {
    /// An 802.11 packet that was encrypted on the air (sFlow 802.11 Structures, `extended_80211_payload`).
    WirelessPayload<'a> = "802.11 payload" {
        cipher_suite Gauge32 "cipher_suite" "OUI in the upper 24 bits, type in the lower 8";
        data Opaque "payload" "the packet, from 802.2 LLC on";
    }
}

structure! {
    /// How an 802.11 packet was received (sFlow 802.11 Structures, `extended_80211_rx`).
    WirelessRx<'a> = "802.11 rx" {
        ssid Text "rx_SSID" "the network";
        bssid Mac "rx_BSSID" "the cell";
        version Gauge32 "rx_version" "1 a, 2 b, 3 g, 4 n";
        channel Gauge32 "rx_channel" "number of the channel";
        speed Gauge64 "rx_speed" "bits per second";
        rsni Gauge32 "rx_rsni" "signal to noise (dot11FrameRprtRSNI)";
        rcpi Gauge32 "rx_rcpi" "power (dot11FrameRprtLastRCPI)";
        duration_us Gauge32 "rx_packet_uS" "microseconds on the air";
    }
}

structure! {
    /// How an 802.11 packet was sent (sFlow 802.11 Structures, `extended_80211_tx`).
    WirelessTx<'a> = "802.11 tx" {
        ssid Text "tx_SSID" "the network";
        bssid Mac "tx_BSSID" "the cell";
        version Gauge32 "tx_version" "1 a, 2 b, 3 g, 4 n";
        transmissions Gauge32 "tx_transmissions" "1 and the retransmissions; 0 unknown";
        duration_us Gauge32 "tx_packet_uS" "microseconds on the air";
        retransmission_us Gauge32 "tx_retrans_uS" "microseconds of failed attempts";
        channel Gauge32 "tx_channel" "number of the channel";
        speed Gauge64 "tx_speed" "bits per second";
        power_mw Gauge32 "tx_power_mW" "milliwatts";
    }
}

structure! {
    /// A frame made of several (sFlow 802.11 Structures, `extended_80211_aggregation`).
    Aggregation<'a> = "802.11 aggregation" {
        pdus Pdus "aggregation_pdus" "records of each of them";
    }
}

structure! {
    /// An OpenFlow 1.0 entry (an early draft of sFlow OpenFlow Structures, `extended_openflow_v1`, deprecated).
    OpenFlow = "OpenFlow" {
        cookie Hex64 "openflow_cookie" "of the entry";
        wildcards Gauge32 "openflow_match" "ofp_match wildcards";
        actions Gauge32 "openflow_actions" "bits of ofp_action_type";
    }
}

structure! {
    /// How a frame was routed (sFlow, CEE and FCoE, `extended_fc`; RFC 4625).
    FibreChannel = "Fibre Channel" {
        source_mask Gauge32 "fc_src_mask_len" "bits";
        destination_mask Gauge32 "fc_dst_mask_len" "bits";
        next_hop Gauge32 "fc_next_hop" "the next switch, 24 bits";
        metric Gauge32 "fc_metric" "type, protocol and metric of the route";
    }
}

structure! {
    /// The local routing headers of a packet (sFlow InfiniBand Structures, `extended_ib_lrh`).
    InfiniBandLrh = "InfiniBand LRH" {
        source_lane Gauge32 "ib_src_vl" "virtual lane";
        source_level Gauge32 "ib_src_sl" "service level";
        source_dlid Gauge32 "ib_src_dlid" "destination as it came";
        source_slid Gauge32 "ib_src_slid" "source as it came";
        source_next Gauge32 "ib_src_lnh" "next header";
        destination_lane Gauge32 "ib_dst_vl" "virtual lane";
        destination_level Gauge32 "ib_dst_sl" "service level";
        destination_dlid Gauge32 "ib_dst_dlid" "destination as it left";
        destination_slid Gauge32 "ib_dst_slid" "source as it left";
        destination_next Gauge32 "ib_dst_lnh" "next header";
    }
}

structure! {
    /// The global routing header of a packet (sFlow InfiniBand Structures, `extended_ib_grh`).
    InfiniBandGrh = "InfiniBand GRH" {
        flow_label Gauge32 "ib_flow_label" "flow label";
        traffic_class Gauge32 "ib_tc" "traffic class";
        source Ipv6 "ib_s_gid" "source GID";
        destination Ipv6 "ib_d_gid" "destination GID";
        next_header Gauge32 "ib_next_header" "next header";
        length Gauge32 "ib_length" "bytes of payload";
    }
}

structure! {
    /// The base transport header of a packet (sFlow InfiniBand Structures, `extended_ib_bth`; registered as `…_brh`).
    InfiniBandBth = "InfiniBand BTH" {
        partition Gauge32 "ib_pkey" "partition key";
        queue_pair Gauge32 "ib_dst_qp" "destination queue pair";
        opcode Gauge32 "ib_opcode" "opcode";
    }
}
