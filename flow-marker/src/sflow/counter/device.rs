//! Power, climate and tables of a device.

use crate::sflow::structure::structure;

structure! {
    /// Power (proposed, `energy`).
    Energy = "energy" {
        voltage_mv Gauge32 "energy_voltage_mV" "millivolts";
        current_ma Gauge32 "energy_current_mA" "milliamperes";
        power_mw Gauge32 "energy_real_power_mW" "milliwatts";
        power_factor Signed "energy_power_factor" "percent × 100; 2147483647 is direct current";
        energy_mj Counter32 "energy_mJ" "millijoules";
        errors Counter32 "energy_errors" "times that voltage, current or power was out of bounds";
    }
}

structure! {
    /// Temperatures (proposed, `temperature`).
    Temperature = "temperature" {
        minimum Signed "temperature_min" "of the coolest thermometer, tenths of a degree Celsius";
        maximum Signed "temperature_max" "of the hottest thermometer, tenths of a degree Celsius";
        errors Counter32 "temperature_errors" "times that a temperature was out of bounds";
    }
}

structure! {
    /// Humidity (proposed, `humidity`).
    Humidity = "humidity" {
        relative Signed "humidity_relative" "percent";
    }
}

structure! {
    /// Fans (proposed, `fans`).
    Fans = "fans" {
        total Gauge32 "fans_total" "fans";
        failed Gauge32 "fans_failed" "fans";
        speed_percent Gauge32 "fans_speed" "percent, on average";
    }
}

structure! {
    /// Peaks of the buffers of a Broadcom switch since the last report
    /// (sFlow Broadcom Peak Buffer Utilization Structures, `bst_device_buffers`).
    BroadcomDevice = "Broadcom device buffers" {
        unicast Percent "bcm_device_uc_pc" "most of the unicast buffers used";
        multicast Percent "bcm_device_mc_pc" "most of the multicast buffers used";
    }
}

structure! {
    /// Peaks of the buffers of a port of a Broadcom switch since the last report
    /// (sFlow Broadcom Peak Buffer Utilization Structures, `bst_port_buffers`).
    BroadcomPort<'a> = "Broadcom port buffers" {
        unicast_in Percent "bcm_port_ingress_uc_pc" "of the buffers for unicast";
        multicast_in Percent "bcm_port_ingress_mc_pc" "of the buffers for multicast";
        unicast_out Percent "bcm_port_egress_uc_pc" "of the buffers for unicast";
        multicast_out Percent "bcm_port_egress_mc_pc" "of the buffers for multicast";
        unicast_queues Percents "bcm_port_egress_queue_uc_pc" "of each queue for unicast";
        multicast_queues Percents "bcm_port_egress_queue_mc_pc" "of each queue for multicast";
    }
}

structure! {
    /// Tables of a Broadcom switch, and how full they are
    /// (sFlow Broadcom Switch ASIC Table Utilization Structures, `hw_tables`).
    BroadcomTables = "Broadcom tables" {
        host_entries Gauge32 "bcm_asic_host_entries";
        host_entries_max Gauge32 "bcm_host_entries_max";
        ipv4_entries Gauge32 "bcm_ipv4_entries";
        ipv4_entries_max Gauge32 "bcm_ipv4_entries_max";
        ipv6_entries Gauge32 "bcm_ipv6_entries";
        ipv6_entries_max Gauge32 "bcm_ipv6_entries_max";
        ipv4_ipv6_entries Gauge32 "bcm_ipv4_ipv6_entries";
        ipv4_ipv6_entries_max Gauge32 "bcm_ipv4_ipv6_entries_max";
        long_ipv6_entries Gauge32 "bcm_long_ipv6_entries";
        long_ipv6_entries_max Gauge32 "bcm_long_ipv6_entries_max";
        total_routes Gauge32 "bcm_total_routes";
        total_routes_max Gauge32 "bcm_total_routes_max";
        ecmp_nexthops Gauge32 "bcm_ecmp_nexthops";
        ecmp_nexthops_max Gauge32 "bcm_ecmp_nexthops_max";
        mac_entries Gauge32 "bcm_mac_entries";
        mac_entries_max Gauge32 "bcm_mac_entries_max";
        ipv4_neighbors Gauge32 "bcm_ipv4_neighbors";
        ipv6_neighbors Gauge32 "bcm_ipv6_neighbors";
        ipv4_routes Gauge32 "bcm_ipv4_routes";
        ipv6_routes Gauge32 "bcm_ipv6_routes";
        acl_ingress_entries Gauge32 "bcm_acl_ingress_entries";
        acl_ingress_entries_max Gauge32 "bcm_acl_ingress_entries_max";
        acl_ingress_counters Gauge32 "bcm_acl_ingress_counters";
        acl_ingress_counters_max Gauge32 "bcm_acl_ingress_counters_max";
        acl_ingress_meters Gauge32 "bcm_acl_ingress_meters";
        acl_ingress_meters_max Gauge32 "bcm_acl_ingress_meters_max";
        acl_ingress_slices Gauge32 "bcm_acl_ingress_slices";
        acl_ingress_slices_max Gauge32 "bcm_acl_ingress_slices_max";
        acl_egress_entries Gauge32 "bcm_acl_egress_entries";
        acl_egress_entries_max Gauge32 "bcm_acl_egress_entries_max";
        acl_egress_counters Gauge32 "bcm_acl_egress_counters";
        acl_egress_counters_max Gauge32 "bcm_acl_egress_counters_max";
        acl_egress_meters Gauge32 "bcm_acl_egress_meters";
        acl_egress_meters_max Gauge32 "bcm_acl_egress_meters_max";
        acl_egress_slices Gauge32 "bcm_acl_egress_slices";
        acl_egress_slices_max Gauge32 "bcm_acl_egress_slices_max";
    }
}
