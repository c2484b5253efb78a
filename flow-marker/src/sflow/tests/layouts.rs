//! How every record lies on the wire: the number, and each field with its form. A line that is indented goes on.
//!
//! Forms: 4 and 8 bytes of integer, b one byte, s signed, f float, t text, o bytes, m Ethernet address in 8 bytes, u UUID,
//! i and j addresses of IPv4 and IPv6, a an address with its type, n a list of integers, h an AS path, A adapters,
//! L lanes, U packets of an aggregate.

/// Flow records, all but the raw header.
pub(crate) const FLOW: &str = "
2 ethernet_len=4 ethernet_src=m ethernet_dst=m ethernet_type=4
3 IPSize=4 IPProtocol=4 srcIP=i dstIP=i srcPort=4 dstPort=4 TCPFlags=4 IPTOS=4
4 IPSize=4 IPProtocol=4 srcIP6=j dstIP6=j srcPort=4 dstPort=4 TCPFlags=4 priority=4
1001 in_vlan=4 in_priority=4 out_vlan=4 out_priority=4
1002 nextHop=a srcSubnetMask=4 dstSubnetMask=4
1003 bgp_nexthop=a my_as=4 src_as=4 src_peer_as=4 dst_as_path=h BGP_communities=n
  BGP_localpref=4
1004 src_user_charset=4 src_user=t dst_user_charset=4 dst_user=t
1005 url_direction=4 url=t host=t
1006 mpls_nexthop=a mpls_input_stack=n mpls_output_stack=n
1007 nat_src=a nat_dst=a
1008 mpls_tunnel_lsp_name=t mpls_tunnel_id=4 mpls_tunnel_cos=4
1009 mpls_vc_name=t mpls_vll_vc_id=4 mpls_vc_cos=4
1010 mpls_ftn_descr=t mpls_ftn_mask=4
1011 mpls_fec_addr_prefix_len=4
1012 vlan_tunnel=n
1013 cipher_suite=4 payload=o
1014 rx_SSID=t rx_BSSID=m rx_version=4 rx_channel=4 rx_speed=8 rx_rsni=4 rx_rcpi=4
  rx_packet_uS=4
1015 tx_SSID=t tx_BSSID=m tx_version=4 tx_transmissions=4 tx_packet_uS=4 tx_retrans_uS=4
  tx_channel=4 tx_speed=8 tx_power_mW=4
1016 aggregation_pdus=U
1017 openflow_cookie=8 openflow_match=4 openflow_actions=4
1018 fc_src_mask_len=4 fc_dst_mask_len=4 fc_next_hop=4 fc_metric=4
1019 queue_index=4 queue_length=4
1020 nat_src_port=4 nat_dst_port=4
1021 ethernet_len=4 ethernet_src=m ethernet_dst=m ethernet_type=4
1022 ethernet_len=4 ethernet_src=m ethernet_dst=m ethernet_type=4
1023 IPSize=4 IPProtocol=4 srcIP=i dstIP=i srcPort=4 dstPort=4 TCPFlags=4 IPTOS=4
1024 IPSize=4 IPProtocol=4 srcIP=i dstIP=i srcPort=4 dstPort=4 TCPFlags=4 IPTOS=4
1025 IPSize=4 IPProtocol=4 srcIP6=j dstIP6=j srcPort=4 dstPort=4 TCPFlags=4 priority=4
1026 IPSize=4 IPProtocol=4 srcIP6=j dstIP6=j srcPort=4 dstPort=4 TCPFlags=4 priority=4
1027 decap_inner_header_offset=4
1028 decap_inner_header_offset=4
1029 VNI=4
1030 VNI=4
1031 ib_src_vl=4 ib_src_sl=4 ib_src_dlid=4 ib_src_slid=4 ib_src_lnh=4 ib_dst_vl=4 ib_dst_sl=4
  ib_dst_dlid=4 ib_dst_slid=4 ib_dst_lnh=4
1032 ib_flow_label=4 ib_tc=4 ib_s_gid=j ib_d_gid=j ib_next_header=4 ib_length=4
1033 ib_pkey=4 ib_dst_qp=4 ib_opcode=4
1034 vlan_in=n
1035 vlan_out=n
1036 egress_queue_id=4
1037 acl_number=4 acl_name=t acl_direction=4
1038 symbol=t
1039 transit_delay_nS=4
1040 queue_depth_bytes=4
1041 hw_trap_group=t hw_trap_name=t
1042 linux_drop_reason=t
1043 timestamp_nS=8
2000 transaction_direction=4 transaction_wait_uS=4 transaction_duration_uS=4
  transaction_status=4 transaction_bytes_received=8 transaction_bytes_sent=8
2001 nfs_path=t nfs_operation=4 nfs_status=4
2002 scsi_lun=4 scsi_operation=4 scsi_status=4
2003 http_transaction_url=t http_transaction_host=t http_transaction_referer=t
  http_transaction_useragent=t http_transaction_user=t http_transaction_status=4
2100 socket4_ip_protocol=4 socket4_local_ip=i socket4_remote_ip=i socket4_local_port=4
  socket4_remote_port=4
2101 socket6_ip_protocol=4 socket6_local_ip=j socket6_remote_ip=j socket6_local_port=4
  socket6_remote_port=4
2102 socket4_ip_protocol=4 socket4_local_ip=i socket4_remote_ip=i socket4_local_port=4
  socket4_remote_port=4
2103 socket6_ip_protocol=4 socket6_local_ip=j socket6_remote_ip=j socket6_local_port=4
  socket6_remote_port=4
2200 memcache_op_protocol=4 memcache_op_cmd=4 memcache_op_key=t memcache_op_nkeys=4
  memcache_op_value_bytes=4 memcache_op_duration_uS=4 memcache_op_status=4
2201 http_method=4 http_protocol=4 http_uri=t http_host=t http_referrer=t http_useragent=t
  http_authuser=t http_mimetype=t http_bytes=8 http_duration_uS=4 http_status=4
2202 application=t operation=t attributes=t status_descr=t request_bytes=8 response_bytes=8
  duration_uS=4 status=4
2203 server_context_application=t server_context_operation=t server_context_attributes=t
2204 actor_initiator=t
2205 actor_target=t
2206 http_method=4 http_protocol=4 http_uri=t http_host=t http_referrer=t http_useragent=t
  http_xff=t http_authuser=t http_mimetype=t http_request_bytes=8 http_bytes=8
  http_duration_uS=4 http_status=4
2207 proxy_request_uri=t proxy_request_host=t
2208 nav_timing_type=4 nav_timing_redirectCount=4 nav_timing_navigationStart=4
  nav_timing_unloadEventStart=4 nav_timing_unloadEventEnd=4 nav_timing_redirectStart=4
  nav_timing_redirectEnd=4 nav_timing_fetchStart=4 nav_timing_domainLookupStart=4
  nav_timing_domainLookupEnd=4 nav_timing_connectStart=4 nav_timing_connectEnd=4
  nav_timing_secureConnectionStart=4 nav_timing_requestStart=4 nav_timing_responseStart=4
  nav_timing_responseEnd=4 nav_timing_domLoading=4 nav_timing_domInteractive=4
  nav_timing_domContentLoadedEventStart=4 nav_timing_domContentLoadedEventEnd=4
  nav_timing_domComplete=4 nav_timing_loadEventStart=4 nav_timing_loadEventEnd=4
2209 tcpinfo_direction=4 tcpinfo_send_mss=4 tcpinfo_receive_mss=4 tcpinfo_unacked_pkts=4
  tcpinfo_lost_pkts=4 tcpinfo_retrans_pkts=4 tcpinfo_path_mtu=4 tcpinfo_rtt_uS=4
  tcpinfo_rtt_uS_var=4 tcpinfo_send_congestion_win=4 tcpinfo_reordering=4 tcpinfo_rtt_uS_min=4
2210 entities_src_class=4 entities_src_index=4 entities_dst_class=4 entities_dst_index=4
4413:1 bcm_egress_queue=4
";

/// Counter records.
pub(crate) const COUNTER: &str = "
1 ifIndex=4 networkType=4 ifSpeed=8 ifDirection=4 ifStatus=4 ifInOctets=8 ifInUcastPkts=4
  ifInMulticastPkts=4 ifInBroadcastPkts=4 ifInDiscards=4 ifInErrors=4 ifInUnknownProtos=4
  ifOutOctets=8 ifOutUcastPkts=4 ifOutMulticastPkts=4 ifOutBroadcastPkts=4 ifOutDiscards=4
  ifOutErrors=4 ifPromiscuousMode=4
2 dot3StatsAlignmentErrors=4 dot3StatsFCSErrors=4 dot3StatsSingleCollisionFrames=4
  dot3StatsMultipleCollisionFrames=4 dot3StatsSQETestErrors=4 dot3StatsDeferredTransmissions=4
  dot3StatsLateCollisions=4 dot3StatsExcessiveCollisions=4 dot3StatsInternalMacTransmitErrors=4
  dot3StatsCarrierSenseErrors=4 dot3StatsFrameTooLongs=4 dot3StatsInternalMacReceiveErrors=4
  dot3StatsSymbolErrors=4
3 dot5StatsLineErrors=4 dot5StatsBurstErrors=4 dot5StatsACErrors=4 dot5StatsAbortTransErrors=4
  dot5StatsInternalErrors=4 dot5StatsLostFrameErrors=4 dot5StatsReceiveCongestions=4
  dot5StatsFrameCopiedErrors=4 dot5StatsTokenErrors=4 dot5StatsSoftErrors=4
  dot5StatsHardErrors=4 dot5StatsSignalLoss=4 dot5StatsTransmitBeacons=4 dot5StatsRecoverys=4
  dot5StatsLobeWires=4 dot5StatsRemoves=4 dot5StatsSingles=4 dot5StatsFreqErrors=4
4 dot12InHighPriorityFrames=4 dot12InHighPriorityOctets=8 dot12InNormPriorityFrames=4
  dot12InNormPriorityOctets=8 dot12InIPMErrors=4 dot12InOversizeFrameErrors=4
  dot12InDataErrors=4 dot12InNullAddressedFrames=4 dot12OutHighPriorityFrames=4
  dot12OutHighPriorityOctets=8 dot12TransitionIntoTrainings=4 dot12HCInHighPriorityOctets=8
  dot12HCInNormPriorityOctets=8 dot12HCOutHighPriorityOctets=8
5 in_vlan=4 octets=8 ucastPkts=4 multicastPkts=4 broadcastPkts=4 discards=4
6 dot11TransmittedFragmentCount=4 dot11MulticastTransmittedFrameCount=4 dot11FailedCount=4
  dot11RetryCount=4 dot11MultipleRetryCount=4 dot11FrameDuplicateCount=4 dot11RTSSuccessCount=4
  dot11RTSFailureCount=4 dot11ACKFailureCount=4 dot11ReceivedFragmentCount=4
  dot11MulticastReceivedFrameCount=4 dot11FCSErrorCount=4 dot11TransmittedFrameCount=4
  dot11WEPUndecryptableCount=4 dot11QoSDiscardedFragmentCount=4 dot11AssociatedStationCount=4
  dot11QoSCFPollsReceivedCount=4 dot11QoSCFPollsUnusedCount=4 dot11QoSCFPollsUnusableCount=4
  dot11QoSCFPollsLostCount=4
7 actorSystemID=m partnerSystemID=m attachedAggID=4 actorAdminPortState=b actorOperPortState=b
  partnerAdminPortState=b partnerOperPortState=b LACPDUsRx=4 markerPDUsRx=4
  markerResponsePDUsRx=4 unknownRx=4 illegalRx=4 LACPDUsTx=4 markerPDUsTx=4
  markerResponsePDUsTx=4
8 slow_path_unknown=4 slow_path_other=4 slow_path_cam_miss=4 slow_path_cam_full=4
  slow_path_no_hw_support=4 slow_path_cntrl=4
9 ib_PortXmitPkts=8 ib_PortRcvPkts=8 ib_SymbolErrorCounter=4 ib_LinkErrorRecoveryCounter=4
  ib_LinkDownedCounter=4 ib_PortRcvErrors=4 ib_PortRcvRemotePhysicalErrors=4
  ib_PortRcvSwitchRelayErrors=4 ib_PortXmitDiscards=4 ib_PortXmitConstraintErrors=4
  ib_PortRcvConstraintErrors=4 ib_LocalLinkIntegrityErrors=4 ib_ExcessiveBufferOverrunErrors=4
  ib_VL15Dropped=4
10 sfp_module_id=4 sfp_module_total_lanes=4 sfp_module_supply_voltage=4 sfp_module_temperature=s
  sfp_lanes=L
11 pfc_requests=4 pfc_indications=4 pfc_pause_uS=4 pfc_storms_detected=4 pfc_storms_restored=4
1001 5s_cpu=4 1m_cpu=4 5m_cpu=4 total_memory_bytes=8 free_memory_bytes=8
1002 radio_elapsed_time=4 radio_on_channel_time=4 radio_on_channel_busy_time=4
1003 queue_index=4 queue_segment_size=4 queue_segments=4 queue_length_0=4 queue_length_1=4
  queue_length_2=4 queue_length_4=4 queue_length_8=4 queue_length_32=4 queue_length_128=4
  queue_length_1024=4 queue_length_more=4 queue_dropped=4
1004 openflow_datapath_id=8 openflow_port=4
1005 ifName=t
2000 hostname=t UUID=u machine_type=4 os_name=4 os_release=t
2001 adaptor_list=A
2002 parent_dsClass=4 parent_dsIndex=4
2003 cpu_load_one=f cpu_load_five=f cpu_load_fifteen=f cpu_proc_run=4 cpu_proc_total=4 cpu_num=4
  cpu_speed=4 cpu_uptime=4 cpu_user=4 cpu_nice=4 cpu_system=4 cpu_idle=4 cpu_wio=4 cpuintr=4
  cpu_sintr=4 cpuinterrupts=4 cpu_contexts=4 cpu_steal=4 cpu_guest=4 cpu_guest_nice=4
2004 mem_total=8 mem_free=8 mem_shared=8 mem_buffers=8 mem_cached=8 swap_total=8 swap_free=8
  page_in=4 page_out=4 swap_in=4 swap_out=4
2005 disk_total=8 disk_free=8 disk_partition_max_used=4 disk_reads=4 disk_bytes_read=8
  disk_read_time=4 disk_writes=4 disk_bytes_written=8 disk_write_time=4
2006 nio_bytes_in=8 nio_pkts_in=4 nio_errs_in=4 nio_drops_in=4 nio_bytes_out=8 nio_pkts_out=4
  nio_errs_out=4 nio_drops_out=4
2007 ipForwarding=4 ipDefaultTTL=4 ipInReceives=4 ipInHdrErrors=4 ipInAddrErrors=4
  ipForwDatagrams=4 ipInUnknownProtos=4 ipInDiscards=4 ipInDelivers=4 ipOutRequests=4
  ipOutDiscards=4 ipOutNoRoutes=4 ipReasmTimeout=4 ipReasmReqds=4 ipReasmOKs=4 ipReasmFails=4
  ipFragOKs=4 ipFragFails=4 ipFragCreates=4
2008 icmpInMsgs=4 icmpInErrors=4 icmpInDestUnreachs=4 icmpInTimeExcds=4 icmpInParamProbs=4
  icmpInSrcQuenchs=4 icmpInRedirects=4 icmpInEchos=4 icmpInEchoReps=4 icmpInTimestamps=4
  icmpInAddrMasks=4 icmpInAddrMaskReps=4 icmpOutMsgs=4 icmpOutErrors=4 icmpOutDestUnreachs=4
  icmpOutTimeExcds=4 icmpOutParamProbs=4 icmpOutSrcQuenchs=4 icmpOutRedirects=4 icmpOutEchos=4
  icmpOutEchoReps=4 icmpOutTimestamps=4 icmpOutTimestampReps=4 icmpOutAddrMasks=4
  icmpOutAddrMaskReps=4
2009 tcpRtoAlgorithm=4 tcpRtoMin=4 tcpRtoMax=4 tcpMaxConn=4 tcpActiveOpens=4 tcpPassiveOpens=4
  tcpAttemptFails=4 tcpEstabResets=4 tcpCurrEstab=4 tcpInSegs=4 tcpOutSegs=4 tcpRetransSegs=4
  tcpInErrs=4 tcpOutRsts=4 tcpInCsumErrors=4
2010 udpInDatagrams=4 udpNoPorts=4 udpInErrors=4 udpOutDatagrams=4 udpRcvbufErrors=4
  udpSndbufErrors=4 udpInCsumErrors=4
2100 vnode_mhz=4 vnode_cpus=4 vnode_memory=8 vnode_memory_free=8 vnode_num_domains=4
2101 vcpu_state=4 vcpu_cpu_mS=4 vcpu_cpuCount=4
2102 vmem_memory=8 vmem_maxMemory=8
2103 vdsk_capacity=8 vdsk_allocation=8 vdsk_available=8 vdsk_rd_req=4 vdsk_rd_bytes=8
  vdsk_wr_req=4 vdsk_wr_bytes=8 vdsk_errs=4
2104 vnio_bytes_in=8 vnio_pkts_in=4 vnio_errs_in=4 vnio_drops_in=4 vnio_bytes_out=8
  vnio_pkts_out=4 vnio_errs_out=4 vnio_drops_out=4
2105 jvm_name=t jvm_vendor=t jvm_version=t
2106 heap_mem_initial=8 heap_mem_used=8 heap_mem_committed=8 heap_mem_max=8
  non_heap_mem_initial=8 non_heap_mem_used=8 non_heap_mem_committed=8 non_heap_mem_max=8
  gc_count=4 gc_mS=4 classes_loaded=4 classes_total=4 classes_unloaded=4 compilation_mS=4
  threads_live=4 threads_daemon=4 threads_started=4 fds_open=4 fds_max=4
2200 memcache_uptime=4 memcache_rusage_user=4 memcache_rusage_system=4
  memcache_curr_connections=4 memcache_total_connections=4 memcache_connection_structures=4
  memcache_cmd_get=4 memcache_cmd_set=4 memcache_cmd_flush=4 memcache_get_hits=4
  memcache_get_misses=4 memcache_delete_misses=4 memcache_delete_hits=4 memcache_incr_misses=4
  memcache_incr_hits=4 memcache_decr_misses=4 memcache_decr_hits=4 memcache_cas_misses=4
  memcache_cas_hits=4 memcache_cas_badval=4 memcache_auth_cmds=4 memcache_auth_errors=4
  memcache_bytes_read=8 memcache_bytes_written=8 memcache_limit_maxbytes=4
  memcache_accepting_conns=4 memcache_listen_disabled_num=4 memcache_threads=4
  memcache_conn_yields=4 memcache_bytes=8 memcache_curr_items=4 memcache_total_items=4
  memcache_evictions=4
2201 http_method_option_count=4 http_method_get_count=4 http_method_head_count=4
  http_method_post_count=4 http_method_put_count=4 http_method_delete_count=4
  http_method_trace_count=4 http_methd_connect_count=4 http_method_other_count=4
  http_status_1XX_count=4 http_status_2XX_count=4 http_status_3XX_count=4
  http_status_4XX_count=4 http_status_5XX_count=4 http_status_other_count=4
2202 application=t status_OK=4 errors_OTHER=4 errors_TIMEOUT=4 errors_INTERNAL_ERROR=4
  errors_BAD_REQUEST=4 errors_FORBIDDEN=4 errors_TOO_LARGE=4 errors_NOT_IMPLEMENTED=4
  errors_NOT_FOUND=4 errors_UNAVAILABLE=4 errors_UNAUTHORIZED=4
2203 user_time=4 system_time=4 memory_used=8 memory_max=8 files_open=4 files_max=4
  connections_open=4 connections_max=4
2204 memcache_cmd_set=4 memcache_cmd_touch=4 memcache_cmd_flush=4 memcache_get_hits=4
  memcache_get_misses=4 memcache_delete_hits=4 memcache_delete_misses=4 memcache_incr_hits=4
  memcache_incr_misses=4 memcache_decr_hits=4 memcache_decr_misses=4 memcache_cas_hits=4
  memcache_cas_misses=4 memcache_cas_badval=4 memcache_auth_cmds=4 memcache_auth_errors=4
  memcache_threads=4 memcache_conn_yields=4 memcache_listen_disabled_num=4
  memcache_curr_connections=4 memcache_rejected_connections=4 memcache_total_connections=4
  memcache_connection_structures=4 memcache_evictions=4 memcache_reclaimed=4
  memcache_curr_items=4 memcache_total_items=4 memcache_bytes_read=8 memcache_bytes_written=8
  memcache_bytes=8 memcache_limit_maxbytes=8
2205 vdi_sessions_current=4 vdi_sessions_total=4 vdi_sessions_duration=4 vdi_rx_bytes=4
  vdi_tx_bytes=4 vdi_rx_packets=4 vdi_tx_packets=4 vdi_rx_packets_lost=4 vdi_tx_packets_lost=4
  vdi_rtt_min_ms=4 vdi_rtt_max_ms=4 vdi_rtt_avg_ms=4 vdi_audio_rx_bytes=4 vdi_audio_tx_bytes=4
  vdi_audio_tx_limit=4 vdi_img_rx_bytes=4 vdi_img_tx_bytes=4 vdi_img_frames=4 vdi_img_qual_min=4
  vdi_img_qual_max=4 vdi_img_qual_avg=4 vdi_usb_rx_bytes=4 vdi_usb_tx_bytes=4
2206 workers_active=4 workers_idle=4 workers_max=4 requests_delayed=4 requests_dropped=4
2207 OVS_dp_hits=4 OVS_dp_misses=4 OVS_dp_lost=4 OVS_dp_mask_hits=4 OVS_dp_flows=4
  OVS_dp_masks=4
3000 energy_voltage_mV=4 energy_current_mA=4 energy_real_power_mW=4 energy_power_factor=s
  energy_mJ=4 energy_errors=4
3001 temperature_min=s temperature_max=s temperature_errors=4
3002 humidity_relative=s
3003 fans_total=4 fans_failed=4 fans_speed=4
4413:1 bcm_device_uc_pc=4 bcm_device_mc_pc=4
4413:2 bcm_port_ingress_uc_pc=4 bcm_port_ingress_mc_pc=4 bcm_port_egress_uc_pc=4
  bcm_port_egress_mc_pc=4 bcm_port_egress_queue_uc_pc=n bcm_port_egress_queue_mc_pc=n
4413:3 bcm_asic_host_entries=4 bcm_host_entries_max=4 bcm_ipv4_entries=4 bcm_ipv4_entries_max=4
  bcm_ipv6_entries=4 bcm_ipv6_entries_max=4 bcm_ipv4_ipv6_entries=4 bcm_ipv4_ipv6_entries_max=4
  bcm_long_ipv6_entries=4 bcm_long_ipv6_entries_max=4 bcm_total_routes=4 bcm_total_routes_max=4
  bcm_ecmp_nexthops=4 bcm_ecmp_nexthops_max=4 bcm_mac_entries=4 bcm_mac_entries_max=4
  bcm_ipv4_neighbors=4 bcm_ipv6_neighbors=4 bcm_ipv4_routes=4 bcm_ipv6_routes=4
  bcm_acl_ingress_entries=4 bcm_acl_ingress_entries_max=4 bcm_acl_ingress_counters=4
  bcm_acl_ingress_counters_max=4 bcm_acl_ingress_meters=4 bcm_acl_ingress_meters_max=4
  bcm_acl_ingress_slices=4 bcm_acl_ingress_slices_max=4 bcm_acl_egress_entries=4
  bcm_acl_egress_entries_max=4 bcm_acl_egress_counters=4 bcm_acl_egress_counters_max=4
  bcm_acl_egress_meters=4 bcm_acl_egress_meters_max=4 bcm_acl_egress_slices=4
  bcm_acl_egress_slices_max=4
5703:1 nvml_device_count=4 nvml_processes=4 nvml_gpu_mS=4 nvml_mem_mS=4 nvml_mem_bytes_total=8
  nvml_mem_bytes_free=8 nvml_ecc_errors=4 nvml_energy_mJ=4 nvml_temperature_C=4
  nvml_fan_speed_pc=4
";
