//! Counters of applications.

use crate::sflow::structure::structure;

structure! {
    /// A memcached server, the old form (format 2200; memcached protocol.txt).
    MemcacheOld = "old memcache counters" {
        uptime Gauge32 "memcache_uptime";
        rusage_user Counter32 "memcache_rusage_user";
        rusage_system Counter32 "memcache_rusage_system";
        curr_connections Gauge32 "memcache_curr_connections";
        total_connections Counter32 "memcache_total_connections";
        connection_structures Gauge32 "memcache_connection_structures";
        cmd_get Counter32 "memcache_cmd_get";
        cmd_set Counter32 "memcache_cmd_set";
        cmd_flush Counter32 "memcache_cmd_flush";
        get_hits Counter32 "memcache_get_hits";
        get_misses Counter32 "memcache_get_misses";
        delete_misses Counter32 "memcache_delete_misses";
        delete_hits Counter32 "memcache_delete_hits";
        incr_misses Counter32 "memcache_incr_misses";
        incr_hits Counter32 "memcache_incr_hits";
        decr_misses Counter32 "memcache_decr_misses";
        decr_hits Counter32 "memcache_decr_hits";
        cas_misses Counter32 "memcache_cas_misses";
        cas_hits Counter32 "memcache_cas_hits";
        cas_badval Counter32 "memcache_cas_badval";
        auth_cmds Counter32 "memcache_auth_cmds";
        auth_errors Counter32 "memcache_auth_errors";
        bytes_read Counter64 "memcache_bytes_read";
        bytes_written Counter64 "memcache_bytes_written";
        limit_maxbytes Gauge32 "memcache_limit_maxbytes";
        accepting_conns Gauge32 "memcache_accepting_conns";
        listen_disabled_num Counter32 "memcache_listen_disabled_num";
        threads Gauge32 "memcache_threads";
        conn_yields Counter32 "memcache_conn_yields";
        bytes Gauge64 "memcache_bytes";
        curr_items Gauge32 "memcache_curr_items";
        total_items Counter32 "memcache_total_items";
        evictions Counter32 "memcache_evictions";
    }
}

structure! {
    /// A memcached server (sFlow Memcache Structures, `memcache_counters`; memcached protocol.txt).
    Memcache = "memcache counters" {
        cmd_set Counter32 "memcache_cmd_set";
        cmd_touch Counter32 "memcache_cmd_touch";
        cmd_flush Counter32 "memcache_cmd_flush";
        get_hits Counter32 "memcache_get_hits";
        get_misses Counter32 "memcache_get_misses";
        delete_hits Counter32 "memcache_delete_hits";
        delete_misses Counter32 "memcache_delete_misses";
        incr_hits Counter32 "memcache_incr_hits";
        incr_misses Counter32 "memcache_incr_misses";
        decr_hits Counter32 "memcache_decr_hits";
        decr_misses Counter32 "memcache_decr_misses";
        cas_hits Counter32 "memcache_cas_hits";
        cas_misses Counter32 "memcache_cas_misses";
        cas_badval Counter32 "memcache_cas_badval";
        auth_cmds Counter32 "memcache_auth_cmds";
        auth_errors Counter32 "memcache_auth_errors";
        threads Gauge32 "memcache_threads";
        conn_yields Counter32 "memcache_conn_yields";
        listen_disabled_num Counter32 "memcache_listen_disabled_num";
        curr_connections Gauge32 "memcache_curr_connections";
        rejected_connections Counter32 "memcache_rejected_connections";
        total_connections Counter32 "memcache_total_connections";
        connection_structures Gauge32 "memcache_connection_structures";
        evictions Counter32 "memcache_evictions";
        reclaimed Counter32 "memcache_reclaimed";
        curr_items Gauge32 "memcache_curr_items";
        total_items Counter32 "memcache_total_items";
        bytes_read Counter64 "memcache_bytes_read";
        bytes_written Counter64 "memcache_bytes_written";
        bytes Gauge64 "memcache_bytes";
        limit_maxbytes Gauge64 "memcache_limit_maxbytes";
    }
}

structure! {
    /// A web server (sFlow HTTP Structures, `http_counters`).
    Http = "HTTP counters" {
        method_option Counter32 "http_method_option_count";
        method_get Counter32 "http_method_get_count";
        method_head Counter32 "http_method_head_count";
        method_post Counter32 "http_method_post_count";
        method_put Counter32 "http_method_put_count";
        method_delete Counter32 "http_method_delete_count";
        method_trace Counter32 "http_method_trace_count";
        method_connect Counter32 "http_methd_connect_count";
        method_other Counter32 "http_method_other_count";
        status_1xx Counter32 "http_status_1XX_count";
        status_2xx Counter32 "http_status_2XX_count";
        status_3xx Counter32 "http_status_3XX_count";
        status_4xx Counter32 "http_status_4XX_count";
        status_5xx Counter32 "http_status_5XX_count";
        status_other Counter32 "http_status_other_count";
    }
}

structure! {
    /// Operations of an application, by how they ended (sFlow Application Structures, `app_operations`).
    Application<'a> = "application counters" {
        application Text "application" "its name";
        success Counter32 "status_OK";
        other Counter32 "errors_OTHER";
        timeout Counter32 "errors_TIMEOUT";
        internal_error Counter32 "errors_INTERNAL_ERROR";
        bad_request Counter32 "errors_BAD_REQUEST";
        forbidden Counter32 "errors_FORBIDDEN";
        too_large Counter32 "errors_TOO_LARGE";
        not_implemented Counter32 "errors_NOT_IMPLEMENTED";
        not_found Counter32 "errors_NOT_FOUND";
        unavailable Counter32 "errors_UNAVAILABLE";
        unauthorized Counter32 "errors_UNAUTHORIZED";
    }
}

structure! {
    /// What an application uses (sFlow Application Structures, `app_resources`).
    ApplicationResources = "application resources" {
        user_ms Counter32 "user_time" "milliseconds";
        system_ms Counter32 "system_time" "milliseconds";
        memory_used Gauge64 "memory_used" "bytes";
        memory_max Gauge64 "memory_max" "bytes";
        files_open Gauge32 "files_open" "file descriptors";
        files_max Gauge32 "files_max" "file descriptors";
        connections_open Gauge32 "connections_open" "connections";
        connections_max Gauge32 "connections_max" "connections";
    }
}

structure! {
    /// Virtual desktops (proposed, `vdi_counters`).
    Vdi = "VDI counters" {
        sessions_current Gauge32 "vdi_sessions_current";
        sessions_total Counter32 "vdi_sessions_total";
        sessions_duration Counter32 "vdi_sessions_duration";
        rx_bytes Counter32 "vdi_rx_bytes";
        tx_bytes Counter32 "vdi_tx_bytes";
        rx_packets Counter32 "vdi_rx_packets";
        tx_packets Counter32 "vdi_tx_packets";
        rx_packets_lost Counter32 "vdi_rx_packets_lost";
        tx_packets_lost Counter32 "vdi_tx_packets_lost";
        rtt_min_ms Gauge32 "vdi_rtt_min_ms";
        rtt_max_ms Gauge32 "vdi_rtt_max_ms";
        rtt_avg_ms Gauge32 "vdi_rtt_avg_ms";
        audio_rx_bytes Counter32 "vdi_audio_rx_bytes";
        audio_tx_bytes Counter32 "vdi_audio_tx_bytes";
        audio_tx_limit Gauge32 "vdi_audio_tx_limit";
        img_rx_bytes Counter32 "vdi_img_rx_bytes";
        img_tx_bytes Counter32 "vdi_img_tx_bytes";
        img_frames Counter32 "vdi_img_frames";
        img_qual_min Gauge32 "vdi_img_qual_min";
        img_qual_max Gauge32 "vdi_img_qual_max";
        img_qual_avg Gauge32 "vdi_img_qual_avg";
        usb_rx_bytes Counter32 "vdi_usb_rx_bytes";
        usb_tx_bytes Counter32 "vdi_usb_tx_bytes";
    }
}

structure! {
    /// The processes or threads of an application (sFlow Application Structures, `app_workers`).
    ApplicationWorkers = "application workers" {
        active Gauge32 "workers_active" "busy";
        idle Gauge32 "workers_idle" "idle";
        max Gauge32 "workers_max" "allowed";
        delayed Counter32 "requests_delayed" "requests that waited for one";
        dropped Counter32 "requests_dropped" "requests dropped for want of one";
    }
}

structure! {
    /// The datapath of Open vSwitch (`ovs_dp_stats`).
    OvsDatapath = "Open vSwitch datapath" {
        hits Counter32 "OVS_dp_hits" "packets that matched a flow";
        misses Counter32 "OVS_dp_misses" "packets that went to the daemon";
        lost Counter32 "OVS_dp_lost" "packets that should have, and did not";
        mask_hits Counter32 "OVS_dp_mask_hits" "masks looked at";
        flows Gauge32 "OVS_dp_flows" "flows";
        masks Gauge32 "OVS_dp_masks" "masks";
    }
}
