//! Counters of what belongs to a port or a switch.

use crate::sflow::structure::structure;

structure! {
    /// A member of a link aggregation group
    /// (sFlow LAG Counters Structure, `lag_port_stats`; IEEE8023-LAG-MIB).
    LagPort = "LAG port counters" {
        actor_system Mac "actorSystemID" "our system";
        partner_system Mac "partnerSystemID" "the system at the other end";
        aggregator Gauge32 "attachedAggID" "ifIndex of the aggregator";
        actor_admin_state Byte "actorAdminPortState" "dot3adAggPortActorAdminState";
        actor_state Byte "actorOperPortState" "dot3adAggPortActorOperState";
        partner_admin_state Byte "partnerAdminPortState" "dot3adAggPortPartnerAdminState";
        partner_state Byte "partnerOperPortState" "dot3adAggPortPartnerOperState";
        lacpdus_in Counter32 "LACPDUsRx";
        marker_pdus_in Counter32 "markerPDUsRx";
        marker_responses_in Counter32 "markerResponsePDUsRx";
        unknown_in Counter32 "unknownRx";
        illegal_in Counter32 "illegalRx";
        lacpdus_out Counter32 "LACPDUsTx";
        marker_pdus_out Counter32 "markerPDUsTx";
        marker_responses_out Counter32 "markerResponsePDUsTx";
    }
}

structure! {
    /// Packets that hardware left to software (proposed, `slow_path_counts`).
    SlowPath = "slow path counters" {
        unknown Counter32 "slow_path_unknown";
        other Counter32 "slow_path_other";
        cam_miss Counter32 "slow_path_cam_miss";
        cam_full Counter32 "slow_path_cam_full";
        no_hardware_support Counter32 "slow_path_no_hw_support";
        control Counter32 "slow_path_cntrl";
    }
}

structure! {
    /// An InfiniBand port (sFlow InfiniBand Structures, `ib_counters`).
    InfiniBand = "InfiniBand counters" {
        packets_out Counter64 "ib_PortXmitPkts" "packets sent on all virtual lanes";
        packets_in Counter64 "ib_PortRcvPkts" "packets received on all virtual lanes";
        symbol_errors Counter32 "ib_SymbolErrorCounter";
        link_error_recoveries Counter32 "ib_LinkErrorRecoveryCounter";
        link_downed Counter32 "ib_LinkDownedCounter";
        errors_in Counter32 "ib_PortRcvErrors";
        remote_physical_errors_in Counter32 "ib_PortRcvRemotePhysicalErrors";
        switch_relay_errors_in Counter32 "ib_PortRcvSwitchRelayErrors";
        discards_out Counter32 "ib_PortXmitDiscards";
        constraint_errors_out Counter32 "ib_PortXmitConstraintErrors";
        constraint_errors_in Counter32 "ib_PortRcvConstraintErrors";
        local_link_integrity_errors Counter32 "ib_LocalLinkIntegrityErrors";
        excessive_buffer_overruns Counter32 "ib_ExcessiveBufferOverrunErrors";
        vl15_dropped Counter32 "ib_VL15Dropped";
    }
}

structure! {
    /// An optical module (sFlow Optical Interface Structures, `sfp`).
    Optics<'a> = "optical module" {
        module Gauge32 "sfp_module_id" "ifIndex of the module, or of the first port on it";
        lanes_total Gauge32 "sfp_module_total_lanes" "lanes of the module";
        supply_mv Gauge32 "sfp_module_supply_voltage" "millivolts";
        temperature_mc Signed "sfp_module_temperature" "thousandths of a degree Celsius";
        lanes Lanes "sfp_lanes" "the lanes that are in use";
    }
}

structure! {
    /// Priority flow control (IEEE 802.1Qbb), and the watchdog against its storms (`pfc_counters`).
    Pfc = "PFC counters" {
        requests Counter32 "pfc_requests" "pause frames sent";
        indications Counter32 "pfc_indications" "pause frames received";
        pause_us Counter32 "pfc_pause_uS" "microseconds paused";
        storms_detected Counter32 "pfc_storms_detected";
        storms_restored Counter32 "pfc_storms_restored";
    }
}

structure! {
    /// Load of the control processor (sFlow v5 §5, `processor`).
    Processor = "processor" {
        cpu_5s Percent "5s_cpu" "average of 5 s";
        cpu_1m Percent "1m_cpu" "average of a minute";
        cpu_5m Percent "5m_cpu" "average of five minutes";
        memory_total Gauge64 "total_memory_bytes" "bytes";
        memory_free Gauge64 "free_memory_bytes" "bytes";
    }
}

structure! {
    /// Use of a radio channel (sFlow 802.11 Structures, `radio_utilization`).
    Radio = "radio utilisation" {
        elapsed_ms Counter32 "radio_elapsed_time" "milliseconds";
        on_channel_ms Counter32 "radio_on_channel_time" "milliseconds on the channel";
        busy_ms Counter32 "radio_on_channel_busy_time" "milliseconds on the channel and busy";
    }
}

structure! {
    /// How long a queue was when packets came to it (proposed, `queue_length`): a histogram of segments.
    QueueLength = "queue length counters" {
        queue Gauge32 "queue_index" "the queue of the port";
        segment_bytes Gauge32 "queue_segment_size" "bytes of a segment";
        segments Gauge32 "queue_segments" "segments allocated";
        length_0 Counter32 "queue_length_0" "the queue was empty";
        length_1 Counter32 "queue_length_1" "one segment";
        length_2 Counter32 "queue_length_2" "two segments";
        length_4 Counter32 "queue_length_4" "up to 4 segments";
        length_8 Counter32 "queue_length_8" "up to 8 segments";
        length_32 Counter32 "queue_length_32" "up to 32 segments";
        length_128 Counter32 "queue_length_128" "up to 128 segments";
        length_1024 Counter32 "queue_length_1024" "up to 1024 segments";
        length_more Counter32 "queue_length_more" "more than 1024 segments";
        dropped Counter32 "queue_dropped" "packets dropped before this queue";
    }
}

structure! {
    /// The port as OpenFlow counts it (sFlow OpenFlow Structures, `of_port`).
    OpenFlowPort = "OpenFlow port" {
        datapath Hex64 "openflow_datapath_id" "the switch";
        port Gauge32 "openflow_port" "the port";
    }
}

structure! {
    /// The name of a port (sFlow OpenFlow Structures, `port_name`), such as `swp1`.
    PortName<'a> = "port name" {
        name Text "ifName" "ifName";
    }
}
