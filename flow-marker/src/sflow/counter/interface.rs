//! Counters of interfaces.

use crate::sflow::structure::structure;

structure! {
    /// Counters that every interface has (sFlow v5 §5, `if_counters`; RFC 2233).
    GenericInterface = "generic interface counters" {
        if_index Gauge32 "ifIndex" "the interface";
        if_type Gauge32 "networkType" "IANAifType; 6 is Ethernet";
        speed_bps Gauge64 "ifSpeed" "bits per second; 0 on ports that are down";
        direction Gauge32 "ifDirection" "1 full duplex, 2 half, 3 in, 4 out, 0 unknown";
        status Gauge32 "ifStatus" "bit 0: administratively up; bit 1: operationally up";
        in_octets Counter64 "ifInOctets" "bytes received";
        in_unicast Counter32 "ifInUcastPkts" "unicast packets received";
        in_multicast Counter32 "ifInMulticastPkts" "multicast packets received";
        in_broadcast Counter32 "ifInBroadcastPkts" "broadcast packets received";
        in_discards Counter32 "ifInDiscards" "received packets that were discarded without an error";
        in_errors Counter32 "ifInErrors" "received packets with errors";
        in_unknown_protocols Counter32 "ifInUnknownProtos" "received packets of unknown protocols";
        out_octets Counter64 "ifOutOctets" "bytes sent";
        out_unicast Counter32 "ifOutUcastPkts" "unicast packets sent";
        out_multicast Counter32 "ifOutMulticastPkts" "multicast packets sent";
        out_broadcast Counter32 "ifOutBroadcastPkts" "broadcast packets sent";
        out_discards Counter32 "ifOutDiscards" "packets to be sent that were discarded without an error";
        out_errors Counter32 "ifOutErrors" "packets that could not be sent because of errors";
        promiscuous Gauge32 "ifPromiscuousMode" "1: receives everything";
    }
}

structure! {
    /// Ethernet errors (sFlow v5 §5, `ethernet_counters`; RFC 2358).
    Ethernet = "Ethernet counters" {
        alignment_errors Counter32 "dot3StatsAlignmentErrors";
        fcs_errors Counter32 "dot3StatsFCSErrors";
        single_collision_frames Counter32 "dot3StatsSingleCollisionFrames";
        multiple_collision_frames Counter32 "dot3StatsMultipleCollisionFrames";
        sqe_test_errors Counter32 "dot3StatsSQETestErrors";
        deferred_transmissions Counter32 "dot3StatsDeferredTransmissions";
        late_collisions Counter32 "dot3StatsLateCollisions";
        excessive_collisions Counter32 "dot3StatsExcessiveCollisions";
        internal_mac_transmit_errors Counter32 "dot3StatsInternalMacTransmitErrors";
        carrier_sense_errors Counter32 "dot3StatsCarrierSenseErrors";
        frame_too_longs Counter32 "dot3StatsFrameTooLongs";
        internal_mac_receive_errors Counter32 "dot3StatsInternalMacReceiveErrors";
        symbol_errors Counter32 "dot3StatsSymbolErrors";
    }
}

structure! {
    /// Token ring errors (sFlow v5 §5, `tokenring_counters`; RFC 1748).
    TokenRing = "token ring counters" {
        line_errors Counter32 "dot5StatsLineErrors";
        burst_errors Counter32 "dot5StatsBurstErrors";
        ac_errors Counter32 "dot5StatsACErrors";
        abort_trans_errors Counter32 "dot5StatsAbortTransErrors";
        internal_errors Counter32 "dot5StatsInternalErrors";
        lost_frame_errors Counter32 "dot5StatsLostFrameErrors";
        receive_congestions Counter32 "dot5StatsReceiveCongestions";
        frame_copied_errors Counter32 "dot5StatsFrameCopiedErrors";
        token_errors Counter32 "dot5StatsTokenErrors";
        soft_errors Counter32 "dot5StatsSoftErrors";
        hard_errors Counter32 "dot5StatsHardErrors";
        signal_loss Counter32 "dot5StatsSignalLoss";
        transmit_beacons Counter32 "dot5StatsTransmitBeacons";
        recoverys Counter32 "dot5StatsRecoverys";
        lobe_wires Counter32 "dot5StatsLobeWires";
        removes Counter32 "dot5StatsRemoves";
        singles Counter32 "dot5StatsSingles";
        freq_errors Counter32 "dot5StatsFreqErrors";
    }
}

structure! {
    /// 100BaseVG (sFlow v5 §5, `vg_counters`; RFC 2020).
    BaseVg = "100BaseVG counters" {
        in_high_priority_frames Counter32 "dot12InHighPriorityFrames";
        in_high_priority_octets Counter64 "dot12InHighPriorityOctets";
        in_norm_priority_frames Counter32 "dot12InNormPriorityFrames";
        in_norm_priority_octets Counter64 "dot12InNormPriorityOctets";
        in_ipm_errors Counter32 "dot12InIPMErrors";
        in_oversize_frame_errors Counter32 "dot12InOversizeFrameErrors";
        in_data_errors Counter32 "dot12InDataErrors";
        in_null_addressed_frames Counter32 "dot12InNullAddressedFrames";
        out_high_priority_frames Counter32 "dot12OutHighPriorityFrames";
        out_high_priority_octets Counter64 "dot12OutHighPriorityOctets";
        transition_into_trainings Counter32 "dot12TransitionIntoTrainings";
        hc_in_high_priority_octets Counter64 "dot12HCInHighPriorityOctets";
        hc_in_norm_priority_octets Counter64 "dot12HCInNormPriorityOctets";
        hc_out_high_priority_octets Counter64 "dot12HCOutHighPriorityOctets";
    }
}

structure! {
    /// A VLAN (sFlow v5 §5, `vlan_counters`).
    Vlan = "VLAN counters" {
        id Gauge32 "in_vlan" "the VLAN";
        octets Counter64 "octets" "bytes";
        unicast Counter32 "ucastPkts" "unicast packets";
        multicast Counter32 "multicastPkts" "multicast packets";
        broadcast Counter32 "broadcastPkts" "broadcast packets";
        discards Counter32 "discards" "discarded packets";
    }
}

structure! {
    /// 802.11 (sFlow 802.11 Structures, `ieee80211_counters`; IEEE802dot11-MIB).
    Wireless = "802.11 counters" {
        transmitted_fragment_count Counter32 "dot11TransmittedFragmentCount";
        multicast_transmitted_frame_count Counter32 "dot11MulticastTransmittedFrameCount";
        failed_count Counter32 "dot11FailedCount";
        retry_count Counter32 "dot11RetryCount";
        multiple_retry_count Counter32 "dot11MultipleRetryCount";
        frame_duplicate_count Counter32 "dot11FrameDuplicateCount";
        rts_success_count Counter32 "dot11RTSSuccessCount";
        rts_failure_count Counter32 "dot11RTSFailureCount";
        ack_failure_count Counter32 "dot11ACKFailureCount";
        received_fragment_count Counter32 "dot11ReceivedFragmentCount";
        multicast_received_frame_count Counter32 "dot11MulticastReceivedFrameCount";
        fcs_error_count Counter32 "dot11FCSErrorCount";
        transmitted_frame_count Counter32 "dot11TransmittedFrameCount";
        wep_undecryptable_count Counter32 "dot11WEPUndecryptableCount";
        qo_s_discarded_fragment_count Counter32 "dot11QoSDiscardedFragmentCount";
        associated_station_count Gauge32 "dot11AssociatedStationCount";
        qo_scf_polls_received_count Counter32 "dot11QoSCFPollsReceivedCount";
        qo_scf_polls_unused_count Counter32 "dot11QoSCFPollsUnusedCount";
        qo_scf_polls_unusable_count Counter32 "dot11QoSCFPollsUnusableCount";
        qo_scf_polls_lost_count Counter32 "dot11QoSCFPollsLostCount";
    }
}
