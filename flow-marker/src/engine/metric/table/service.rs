//! What runs on hosts, and what hardware tells beside its ports.

use super::{Entry, Kind, entry, gauge, percent, rate, text};

pub(super) const JVM_NAMES: &[Entry] = &[text("jvm_name"), text("jvm_vendor"), text("jvm_version")];

pub(super) const JVM: &[Entry] = &[
    gauge("jvm_hmem_initial"),
    gauge("jvm_hmem_used"),
    gauge("jvm_hmem_committed"),
    gauge("jvm_hmem_max"),
    gauge("jvm_nhmem_initial"),
    gauge("jvm_nhmem_used"),
    gauge("jvm_nhmem_committed"),
    gauge("jvm_nhmem_max"),
    rate("jvm_gc_count"),
    rate("jvm_gc_ms"),
    gauge("jvm_cls_loaded"),
    rate("jvm_cls_total"),
    rate("jvm_cls_unloaded"),
    rate("jvm_comp_ms"),
    gauge("jvm_thread_live"),
    gauge("jvm_thread_daemon"),
    rate("jvm_thread_started"),
    gauge("jvm_fds_open"),
    gauge("jvm_fds_max"),
];

pub(super) const MEMCACHE: &[Entry] = &[
    rate("memcache_cmd_set"),
    rate("memcache_cmd_touch"),
    rate("memcache_cmd_flush"),
    rate("memcache_get_hits"),
    rate("memcache_get_misses"),
    rate("memcache_delete_hits"),
    rate("memcache_delete_misses"),
    rate("memcache_incr_hits"),
    rate("memcache_incr_misses"),
    rate("memcache_decr_hits"),
    rate("memcache_decr_misses"),
    rate("memcache_cas_hits"),
    rate("memcache_cas_misses"),
    rate("memcache_cas_badval"),
    rate("memcache_auth_cmds"),
    rate("memcache_auth_errors"),
    gauge("memcache_threads"),
    rate("memcache_conn_yields"),
    rate("memcache_listen_disabled_num"),
    gauge("memcache_curr_connections"),
    rate("memcache_rejected_connections"),
    rate("memcache_total_connections"),
    gauge("memcache_connection_structures"),
    rate("memcache_evictions"),
    rate("memcache_reclaimed"),
    gauge("memcache_curr_items"),
    rate("memcache_total_items"),
    rate("memcache_bytes_read"),
    rate("memcache_bytes_written"),
    gauge("memcache_bytes"),
    gauge("memcache_limit_maxbytes"),
];

pub(super) const HTTP: &[Entry] = &[
    rate("http_method_option"),
    rate("http_method_get"),
    rate("http_method_head"),
    rate("http_method_post"),
    rate("http_method_put"),
    rate("http_method_delete"),
    rate("http_method_trace"),
    rate("http_method_connect"),
    rate("http_method_other"),
    rate("http_status_1xx"),
    rate("http_status_2xx"),
    rate("http_status_3xx"),
    rate("http_status_4xx"),
    rate("http_status_5xx"),
    rate("http_status_other"),
];

pub(super) const APPLICATION: &[Entry] = &[
    text("app_name"),
    rate("app_success"),
    rate("app_other"),
    rate("app_timeout"),
    rate("app_internal_error"),
    rate("app_bad_request"),
    rate("app_forbidden"),
    rate("app_too_large"),
    rate("app_not_implemented"),
    rate("app_not_found"),
    rate("app_unavailable"),
    rate("app_unauthorized"),
];

pub(super) const APP_RESOURCES: &[Entry] = &[
    rate("app_usertime"),
    rate("app_systemtime"),
    gauge("app_mem_used"),
    gauge("app_mem_max"),
    gauge("app_fd_open"),
    gauge("app_fd_max"),
    gauge("app_conn_open"),
    gauge("app_conn_max"),
];

pub(super) const APP_WORKERS: &[Entry] = &[
    gauge("app_workers_active"),
    gauge("app_workers_idle"),
    gauge("app_workers_max"),
    rate("app_req_delayed"),
    rate("app_req_dropped"),
];

pub(super) const OPEN_VSWITCH: &[Entry] = &[
    rate("ovs_dp_hits"),
    rate("ovs_dp_misses"),
    rate("ovs_dp_lost"),
    rate("ovs_dp_maskhits"),
    gauge("ovs_dp_flows"),
    gauge("ovs_dp_masks"),
];

pub(super) const ENERGY: &[Entry] = &[
    gauge("energy_voltage"),
    gauge("energy_current"),
    gauge("energy_real_power"),
    gauge("energy_power_factor"),
    rate("energy_consumed"),
    rate("energy_errors"),
];

pub(super) const BROADCOM_DEVICE: &[Entry] = &[percent("bst_device_uc_pc"), percent("bst_device_mc_pc")];

pub(super) const BROADCOM_TABLES: &[Entry] = &[
    gauge("bcm_host_entries"),
    gauge("bcm_host_entries_max"),
    gauge("bcm_ipv4_entries"),
    gauge("bcm_ipv4_entries_max"),
    gauge("bcm_ipv6_entries"),
    gauge("bcm_ipv6_entries_max"),
    gauge("bcm_ipv4_ipv6_entries"),
    gauge("bcm_ipv4_ipv6_entries_max"),
    gauge("bcm_long_ipv6_entries"),
    gauge("bcm_long_ipv6_entries_max"),
    gauge("bcm_total_routes"),
    gauge("bcm_total_routes_max"),
    gauge("bcm_ecmp_nexthops"),
    gauge("bcm_ecmp_nexthops_max"),
    gauge("bcm_mac_entries"),
    gauge("bcm_mac_entries_max"),
    gauge("bcm_ipv4_neighbors"),
    gauge("bcm_ipv6_neighbors"),
    gauge("bcm_ipv4_routes"),
    gauge("bcm_ipv6_routes"),
    gauge("bcm_acl_ingress_entries"),
    gauge("bcm_acl_ingress_entries_max"),
    gauge("bcm_acl_ingress_counters"),
    gauge("bcm_acl_ingress_counters_max"),
    gauge("bcm_acl_ingress_meters"),
    gauge("bcm_acl_ingress_meters_max"),
    gauge("bcm_acl_ingress_slices"),
    gauge("bcm_acl_ingress_slices_max"),
    gauge("bcm_acl_egress_entries"),
    gauge("bcm_acl_egress_entries_max"),
    gauge("bcm_acl_egress_counters"),
    gauge("bcm_acl_egress_counters_max"),
    gauge("bcm_acl_egress_meters"),
    gauge("bcm_acl_egress_meters_max"),
    gauge("bcm_acl_egress_slices"),
    gauge("bcm_acl_egress_slices_max"),
];

pub(super) const TEMPERATURE: &[Entry] = &[
    entry("temperature_min", Kind::Gauge(0.1)),
    entry("temperature_max", Kind::Gauge(0.1)),
    rate("temperature_errors"),
];

pub(super) const HUMIDITY: &[Entry] = &[gauge("humidity_relative")];

pub(super) const FANS: &[Entry] = &[gauge("fans_total"), gauge("fans_failed"), gauge("fans_speed")];

pub(super) const BROADCOM_PORT: &[Entry] = &[
    percent("bst_port_uc_pc_in"),
    percent("bst_port_mc_pc_in"),
    percent("bst_port_uc_pc_out"),
    percent("bst_port_mc_pc_out"),
];

pub(super) const GPU: &[Entry] = &[
    gauge("nvml_device_count"),
    gauge("nvml_processes"),
    rate("nvml_gpu_time"),
    rate("nvml_memory_time"),
    gauge("nvml_memory_total"),
    gauge("nvml_memory_free"),
    rate("nvml_ecc_errors"),
    rate("nvml_energy"),
    gauge("nvml_temperature"),
    gauge("nvml_fan_speed"),
];
