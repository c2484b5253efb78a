//! Counters of virtual machines, containers, Java and GPUs.

use crate::sflow::structure::structure;

structure! {
    /// A hypervisor (sFlow Host Structures, `virt_node`).
    VirtualNode = "virtual node" {
        mhz Gauge32 "vnode_mhz" "MHz of a processor";
        cpus Gauge32 "vnode_cpus" "processors";
        memory Gauge64 "vnode_memory" "bytes";
        memory_free Gauge64 "vnode_memory_free" "bytes";
        domains Gauge32 "vnode_num_domains" "running virtual machines";
    }
}

structure! {
    /// Processors of a virtual machine or container (sFlow Host Structures, `virt_cpu`).
    VirtualCpu = "virtual CPU" {
        state Gauge32 "vcpu_state" "1 running, 2 blocked, 3 paused, 4 shutting down, 5 off, 6 crashed";
        cpu_ms Counter32 "vcpu_cpu_mS" "milliseconds used";
        cpus Gauge32 "vcpu_cpuCount" "processors; 0 where no limit is set";
    }
}

structure! {
    /// Memory of a virtual machine or container (sFlow Host Structures, `virt_memory`).
    VirtualMemory = "virtual memory" {
        memory Gauge64 "vmem_memory" "bytes used";
        memory_max Gauge64 "vmem_maxMemory" "bytes allowed";
    }
}

structure! {
    /// Disks of a virtual machine or container (sFlow Host Structures, `virt_disk_io`).
    VirtualDisk = "virtual disk" {
        capacity Gauge64 "vdsk_capacity" "bytes";
        allocation Gauge64 "vdsk_allocation" "bytes";
        available Gauge64 "vdsk_available" "bytes";
        reads Counter32 "vdsk_rd_req" "reads";
        bytes_read Counter64 "vdsk_rd_bytes" "bytes";
        writes Counter32 "vdsk_wr_req" "writes";
        bytes_written Counter64 "vdsk_wr_bytes" "bytes";
        errors Counter32 "vdsk_errs" "reads and writes that failed";
    }
}

structure! {
    /// Network of a virtual machine or container (sFlow Host Structures, `virt_net_io`).
    VirtualNetwork = "virtual network" {
        bytes_in Counter64 "vnio_bytes_in" "bytes";
        packets_in Counter32 "vnio_pkts_in" "packets";
        errors_in Counter32 "vnio_errs_in" "packets";
        drops_in Counter32 "vnio_drops_in" "packets";
        bytes_out Counter64 "vnio_bytes_out" "bytes";
        packets_out Counter32 "vnio_pkts_out" "packets";
        errors_out Counter32 "vnio_errs_out" "packets";
        drops_out Counter32 "vnio_drops_out" "packets";
    }
}

structure! {
    /// A Java virtual machine (sFlow Java Virtual Machine Structures, `jvm_runtime`).
    JvmRuntime<'a> = "JVM runtime" {
        name Text "jvm_name" "its name";
        vendor Text "jvm_vendor" "who makes it";
        version Text "jvm_version" "version";
    }
}

structure! {
    /// What a Java virtual machine does (sFlow Java Virtual Machine Structures, `jvm_statistics`).
    JvmStatistics = "JVM statistics" {
        heap_initial Gauge64 "heap_mem_initial" "bytes";
        heap_used Gauge64 "heap_mem_used" "bytes";
        heap_committed Gauge64 "heap_mem_committed" "bytes";
        heap_max Gauge64 "heap_mem_max" "bytes";
        non_heap_initial Gauge64 "non_heap_mem_initial" "bytes";
        non_heap_used Gauge64 "non_heap_mem_used" "bytes";
        non_heap_committed Gauge64 "non_heap_mem_committed" "bytes";
        non_heap_max Gauge64 "non_heap_mem_max" "bytes";
        collections Counter32 "gc_count" "garbage collections";
        collection_ms Counter32 "gc_mS" "milliseconds of garbage collection";
        classes_loaded Gauge32 "classes_loaded" "classes";
        classes_total Counter32 "classes_total" "classes since the start";
        classes_unloaded Counter32 "classes_unloaded" "classes since the start";
        compilation_ms Counter32 "compilation_mS" "milliseconds";
        threads_live Gauge32 "threads_live" "threads";
        threads_daemon Gauge32 "threads_daemon" "threads";
        threads_started Counter32 "threads_started" "threads since the start";
    }
    optional {
        files_open Gauge32 "fds_open" "file descriptors";
        files_max Gauge32 "fds_max" "file descriptors";
    }
}

structure! {
    /// NVIDIA GPUs (sFlow NVML GPU Structures, `nvidia_gpu`).
    Gpu = "GPU" {
        devices Gauge32 "nvml_device_count" "GPUs";
        processes Gauge32 "nvml_processes" "processes that compute";
        gpu_ms Counter32 "nvml_gpu_mS" "milliseconds of computing";
        memory_ms Counter32 "nvml_mem_mS" "milliseconds of memory access";
        memory_total Gauge64 "nvml_mem_bytes_total" "bytes";
        memory_free Gauge64 "nvml_mem_bytes_free" "bytes";
        ecc_errors Counter32 "nvml_ecc_errors" "memory errors";
        energy_mj Counter32 "nvml_energy_mJ" "millijoules";
        temperature_c Gauge32 "nvml_temperature_C" "degrees Celsius of the hottest";
        fan_percent Gauge32 "nvml_fan_speed_pc" "percent of the fastest";
    }
}
