//! Queues, delays and drops inside a switch or kernel.

use crate::sflow::structure::structure;

structure! {
    /// The queue of a packet and its length (proposed, `extended_queue_length`).
    QueueLength = "queue length" {
        queue Gauge32 "queue_index" "the queue of the port";
        length Gauge32 "queue_length" "segments before this packet";
    }
}

structure! {
    /// The queue of a packet (sFlow Dropped Packet Notification Structures, `extended_egress_queue`).
    EgressQueue = "egress queue" {
        queue Gauge32 "egress_queue_id" "its number";
    }
}

structure! {
    /// The access list that matched (sFlow Dropped Packet Notification Structures, `extended_acl`).
    Acl<'a> = "ACL" {
        number Gauge32 "acl_number" "of the list";
        name Text "acl_name" "of the list";
        direction Gauge32 "acl_direction" "1 in, 2 out, 0 unknown";
    }
}

structure! {
    /// The function that dropped a packet (sFlow Dropped Packet Notification Structures, `extended_function`).
    Function<'a> = "function" {
        symbol Text "symbol" "its name in the network stack";
    }
}

structure! {
    /// How long a packet was in the switch (sFlow Transit Delay Structures, `extended_transit`).
    TransitDelay = "transit delay" {
        delay_ns Gauge32 "transit_delay_nS" "nanoseconds; all ones: that or more";
    }
}

structure! {
    /// How deep the queue of a packet was (sFlow Transit Delay Structures, `extended_queue`).
    QueueDepth = "queue depth" {
        depth_bytes Gauge32 "queue_depth_bytes" "bytes";
    }
}

structure! {
    /// Why hardware gave a packet to the kernel (`extended_hw_trap`; Linux devlink-trap).
    HardwareTrap<'a> = "hardware trap" {
        group Text "hw_trap_group" "group of the trap";
        trap Text "hw_trap_name" "name of the trap";
    }
}

structure! {
    /// Why the kernel dropped a packet (`extended_linux_drop_reason`; Linux dropreason.h).
    LinuxDropReason<'a> = "Linux drop reason" {
        reason Text "linux_drop_reason" "its name";
    }
}

structure! {
    /// When a packet was seen (`extended_timestamp`).
    Timestamp = "timestamp" {
        time_ns Gauge64 "timestamp_nS" "nanoseconds since 1970-01-01 UTC";
    }
}

structure! {
    /// The queue of a packet in a Broadcom switch (sFlow Broadcom Peak Buffer Utilization Structures, `extended_bst_egress_queue`).
    BroadcomEgressQueue = "Broadcom egress queue" {
        queue Gauge32 "bcm_egress_queue" "its number";
    }
}
