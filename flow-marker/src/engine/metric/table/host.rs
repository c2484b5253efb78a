//! Hosts and virtual machines.

use super::{Derived, Entry, Kind, Record, entry, gauge, percent, plain, rate, share, text};
use crate::sflow::CounterFormat;

const MACHINES: Kind = Kind::Words(&[
    (0, "unknown"),
    (1, "other"),
    (2, "x86"),
    (3, "x86_64"),
    (4, "ia64"),
    (5, "sparc"),
    (6, "alpha"),
    (7, "powerpc"),
    (8, "m68k"),
    (9, "mips"),
    (10, "arm"),
    (11, "hppa"),
    (12, "s390"),
]);

const SYSTEMS: Kind = Kind::Words(&[
    (0, "unknown"),
    (1, "other"),
    (2, "linux"),
    (3, "windows"),
    (4, "darwin"),
    (5, "hpux"),
    (6, "aix"),
    (7, "dragonfly"),
    (8, "freebsd"),
    (9, "netbsd"),
    (10, "openbsd"),
    (11, "osf"),
    (12, "solaris"),
]);

const VIRTUAL_STATES: Kind = Kind::Words(&[
    (0, "nostate"),
    (1, "running"),
    (2, "blocked"),
    (3, "paused"),
    (4, "shutdown"),
    (5, "shutoff"),
    (6, "crashed"),
]);

pub(super) const HOST: &[Entry] = &[
    text("host_name"),
    entry("uuid", Kind::Uuid),
    entry("machine_type", MACHINES),
    entry("os_name", SYSTEMS),
    text("os_release"),
];

pub(super) const CONTAINER: &[Entry] = &[plain("host_parent_type"), plain("host_parent_index")];

pub(super) const CPU: &[Entry] = &[
    gauge("load_one"),
    gauge("load_five"),
    gauge("load_fifteen"),
    gauge("proc_run"),
    gauge("proc_total"),
    gauge("cpu_num"),
    gauge("cpu_speed"),
    gauge("uptime"),
    share("cpu_user"),
    share("cpu_nice"),
    share("cpu_system"),
    share("cpu_idle"),
    share("cpu_wio"),
    share("cpu_intr"),
    share("cpu_sintr"),
    rate("interrupts"),
    rate("contexts"),
    share("cpu_steal"),
    entry("cpu_guest", Kind::Within),
    entry("cpu_guest_nice", Kind::Within),
];

pub(super) const MEMORY: &[Entry] = &[
    gauge("mem_total"),
    gauge("mem_free"),
    gauge("mem_shared"),
    gauge("mem_buffers"),
    gauge("mem_cached"),
    gauge("swap_total"),
    gauge("swap_free"),
    rate("page_in"),
    rate("page_out"),
    rate("swap_in"),
    rate("swap_out"),
];

pub(super) const DISK: &[Entry] = &[
    gauge("disk_total"),
    gauge("disk_free"),
    percent("part_max_used"),
    rate("disk_reads"),
    rate("bytes_read"),
    rate("read_time"),
    rate("disk_writes"),
    rate("bytes_written"),
    rate("write_time"),
];

pub(super) const NETWORK: &[Entry] = &[
    rate("bytes_in"),
    rate("pkts_in"),
    rate("errs_in"),
    rate("drops_in"),
    rate("bytes_out"),
    rate("pkts_out"),
    rate("errs_out"),
    rate("drops_out"),
];

pub(super) const VIRTUAL_NODE: &[Entry] = &[
    gauge("vnode_mhz"),
    gauge("vnode_cpus"),
    gauge("vnode_memory"),
    gauge("vnode_memory_free"),
    gauge("vnode_num_domains"),
];

pub(super) const VIRTUAL_CPU: &[Entry] = &[
    entry("vir_cpu_state", VIRTUAL_STATES),
    rate("vir_cpu_time"),
    gauge("vir_cpu_num"),
];

pub(super) const VIRTUAL_MEMORY: &[Entry] = &[gauge("vir_mem_used"), gauge("vir_mem_total")];

pub(super) const VIRTUAL_DISK: &[Entry] = &[
    gauge("vir_disk_total"),
    gauge("vir_disk_allocation"),
    gauge("vir_disk_free"),
    rate("vir_disk_reads"),
    rate("vir_bytes_read"),
    rate("vir_disk_writes"),
    rate("vir_bytes_written"),
    rate("vir_disk_errs"),
];

pub(super) const VIRTUAL_NETWORK: &[Entry] = &[
    rate("vir_bytes_in"),
    rate("vir_pkts_in"),
    rate("vir_errs_in"),
    rate("vir_drops_in"),
    rate("vir_bytes_out"),
    rate("vir_pkts_out"),
    rate("vir_errs_out"),
    rate("vir_drops_out"),
];

/// What describes the host describes a virtual machine when the data source is a logical entity.
pub(in super::super) const VIRTUAL_HOST: Record = Record {
    format: CounterFormat(2000),
    fields: &[
        text("vir_host_name"),
        entry("vir_uuid", Kind::Uuid),
        entry("vir_machine_type", MACHINES),
        entry("vir_os_name", SYSTEMS),
        text("vir_os_release"),
    ],
    group: &[],
    derived: Derived::Nothing,
};
