//! Counters of hosts.

use crate::sflow::structure::structure;

structure! {
    /// A host (sFlow Host Structures, `host_descr`).
    HostDescription<'a> = "host description" {
        hostname Text "hostname" "host name";
        uuid Uuid "UUID" "of the machine; zeros when unknown";
        machine_type Gauge32 "machine_type" "2 x86, 3 x86_64, 7 powerpc, 10 arm";
        os_name Gauge32 "os_name" "2 linux, 3 windows, 4 darwin, 8 freebsd";
        os_release Text "os_release" "release, such as that of the kernel";
    }
}

structure! {
    /// The network adapters of a host (sFlow Host Structures, `host_adapters`).
    HostAdapters<'a> = "host adapters" {
        adapters Adapters "adaptor_list" "the adapters";
    }
}

structure! {
    /// What contains a virtual machine or container (sFlow Host Structures, `host_parent`).
    HostParent = "host parent" {
        container_type Gauge32 "parent_dsClass" "class of the data source";
        container_index Gauge32 "parent_dsIndex" "its index";
    }
}

structure! {
    /// Processors of a host (sFlow Host Structures, `host_cpu`).
    HostCpu = "host CPU" {
        load_one Float "cpu_load_one" "of a minute";
        load_five Float "cpu_load_five" "of five minutes";
        load_fifteen Float "cpu_load_fifteen" "of fifteen minutes";
        processes_running Gauge32 "cpu_proc_run" "running processes";
        processes_total Gauge32 "cpu_proc_total" "processes";
        cpus Gauge32 "cpu_num" "processors";
        speed_mhz Gauge32 "cpu_speed" "MHz";
        uptime_s Gauge32 "cpu_uptime" "seconds since the host started";
        user_ms Counter32 "cpu_user" "milliseconds";
        nice_ms Counter32 "cpu_nice" "milliseconds";
        system_ms Counter32 "cpu_system" "milliseconds";
        idle_ms Counter32 "cpu_idle" "milliseconds";
        wait_ms Counter32 "cpu_wio" "milliseconds of waiting for input and output";
        interrupt_ms Counter32 "cpuintr" "milliseconds";
        soft_interrupt_ms Counter32 "cpu_sintr" "milliseconds";
        interrupts Counter32 "cpuinterrupts" "interrupts";
        context_switches Counter32 "cpu_contexts" "context switches";
    }
    optional {
        steal_ms Counter32 "cpu_steal" "milliseconds in which others ran";
        guest_ms Counter32 "cpu_guest" "milliseconds for virtual machines";
        guest_nice_ms Counter32 "cpu_guest_nice" "milliseconds for virtual machines of low priority";
    }
}

structure! {
    /// Memory of a host (sFlow Host Structures, `host_memory`).
    HostMemory = "host memory" {
        total Gauge64 "mem_total" "bytes";
        free Gauge64 "mem_free" "bytes";
        shared Gauge64 "mem_shared" "bytes";
        buffers Gauge64 "mem_buffers" "bytes";
        cached Gauge64 "mem_cached" "bytes";
        swap_total Gauge64 "swap_total" "bytes";
        swap_free Gauge64 "swap_free" "bytes";
        page_in Counter32 "page_in" "pages read";
        page_out Counter32 "page_out" "pages written";
        swap_in Counter32 "swap_in" "pages read from swap";
        swap_out Counter32 "swap_out" "pages written to swap";
    }
}

structure! {
    /// Disks of a host (sFlow Host Structures, `host_disk_io`).
    HostDisk = "host disk" {
        total Gauge64 "disk_total" "bytes";
        free Gauge64 "disk_free" "bytes";
        fullest Percent "disk_partition_max_used" "of the fullest partition";
        reads Counter32 "disk_reads" "reads";
        bytes_read Counter64 "disk_bytes_read" "bytes";
        read_ms Counter32 "disk_read_time" "milliseconds";
        writes Counter32 "disk_writes" "writes";
        bytes_written Counter64 "disk_bytes_written" "bytes";
        write_ms Counter32 "disk_write_time" "milliseconds";
    }
}

structure! {
    /// Network of a host (sFlow Host Structures, `host_net_io`).
    HostNetwork = "host network" {
        bytes_in Counter64 "nio_bytes_in" "bytes";
        packets_in Counter32 "nio_pkts_in" "packets";
        errors_in Counter32 "nio_errs_in" "packets";
        drops_in Counter32 "nio_drops_in" "packets";
        bytes_out Counter64 "nio_bytes_out" "bytes";
        packets_out Counter32 "nio_pkts_out" "packets";
        errors_out Counter32 "nio_errs_out" "packets";
        drops_out Counter32 "nio_drops_out" "packets";
    }
}

structure! {
    /// IP of a host (sFlow Host TCP/IP Counters, `mib2_ip_group`; RFC 1213 §6).
    HostIp = "host IP" {
        forwarding Gauge32 "ipForwarding";
        default_ttl Gauge32 "ipDefaultTTL";
        in_receives Counter32 "ipInReceives";
        in_hdr_errors Counter32 "ipInHdrErrors";
        in_addr_errors Counter32 "ipInAddrErrors";
        forw_datagrams Counter32 "ipForwDatagrams";
        in_unknown_protos Counter32 "ipInUnknownProtos";
        in_discards Counter32 "ipInDiscards";
        in_delivers Counter32 "ipInDelivers";
        out_requests Counter32 "ipOutRequests";
        out_discards Counter32 "ipOutDiscards";
        out_no_routes Counter32 "ipOutNoRoutes";
        reasm_timeout Gauge32 "ipReasmTimeout";
        reasm_reqds Counter32 "ipReasmReqds";
        reasm_o_ks Counter32 "ipReasmOKs";
        reasm_fails Counter32 "ipReasmFails";
        frag_o_ks Counter32 "ipFragOKs";
        frag_fails Counter32 "ipFragFails";
        frag_creates Counter32 "ipFragCreates";
    }
}

structure! {
    /// ICMP of a host (sFlow Host TCP/IP Counters, `mib2_icmp_group`; RFC 1213 §6).
    HostIcmp = "host ICMP" {
        in_msgs Counter32 "icmpInMsgs";
        in_errors Counter32 "icmpInErrors";
        in_dest_unreachs Counter32 "icmpInDestUnreachs";
        in_time_excds Counter32 "icmpInTimeExcds";
        in_param_probs Counter32 "icmpInParamProbs";
        in_src_quenchs Counter32 "icmpInSrcQuenchs";
        in_redirects Counter32 "icmpInRedirects";
        in_echos Counter32 "icmpInEchos";
        in_echo_reps Counter32 "icmpInEchoReps";
        in_timestamps Counter32 "icmpInTimestamps";
        in_addr_masks Counter32 "icmpInAddrMasks";
        in_addr_mask_reps Counter32 "icmpInAddrMaskReps";
        out_msgs Counter32 "icmpOutMsgs";
        out_errors Counter32 "icmpOutErrors";
        out_dest_unreachs Counter32 "icmpOutDestUnreachs";
        out_time_excds Counter32 "icmpOutTimeExcds";
        out_param_probs Counter32 "icmpOutParamProbs";
        out_src_quenchs Counter32 "icmpOutSrcQuenchs";
        out_redirects Counter32 "icmpOutRedirects";
        out_echos Counter32 "icmpOutEchos";
        out_echo_reps Counter32 "icmpOutEchoReps";
        out_timestamps Counter32 "icmpOutTimestamps";
        out_timestamp_reps Counter32 "icmpOutTimestampReps";
        out_addr_masks Counter32 "icmpOutAddrMasks";
        out_addr_mask_reps Counter32 "icmpOutAddrMaskReps";
    }
}

structure! {
    /// TCP of a host (sFlow Host TCP/IP Counters, `mib2_tcp_group`; RFC 1213 §6).
    HostTcp = "host TCP" {
        rto_algorithm Gauge32 "tcpRtoAlgorithm";
        rto_min Gauge32 "tcpRtoMin";
        rto_max Gauge32 "tcpRtoMax";
        max_conn Gauge32 "tcpMaxConn";
        active_opens Counter32 "tcpActiveOpens";
        passive_opens Counter32 "tcpPassiveOpens";
        attempt_fails Counter32 "tcpAttemptFails";
        estab_resets Counter32 "tcpEstabResets";
        curr_estab Gauge32 "tcpCurrEstab";
        in_segs Counter32 "tcpInSegs";
        out_segs Counter32 "tcpOutSegs";
        retrans_segs Counter32 "tcpRetransSegs";
        in_errs Counter32 "tcpInErrs";
        out_rsts Counter32 "tcpOutRsts";
        in_csum_errors Counter32 "tcpInCsumErrors";
    }
}

structure! {
    /// UDP of a host (sFlow Host TCP/IP Counters, `mib2_udp_group`; RFC 1213 §6).
    HostUdp = "host UDP" {
        in_datagrams Counter32 "udpInDatagrams";
        no_ports Counter32 "udpNoPorts";
        in_errors Counter32 "udpInErrors";
        out_datagrams Counter32 "udpOutDatagrams";
        rcvbuf_errors Counter32 "udpRcvbufErrors";
        sndbuf_errors Counter32 "udpSndbufErrors";
        in_csum_errors Counter32 "udpInCsumErrors";
    }
}
