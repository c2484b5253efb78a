//! Metrics that are computed from others of the same data source.

use super::table::Derived;

/// What a data source has just learned.
pub(super) trait Known {
    /// A number that the record has just updated.
    fn get(&self, name: &str) -> Option<f64>;
    /// The CPUs of the host that the data source is on.
    fn host_cpus(&self) -> Option<f64>;
}

/// How a percentage follows from two metrics.
enum Ratio {
    /// The first of the second.
    Of,
    /// What the second, which is free, leaves of the first.
    Used,
    /// The first of both together.
    Share,
}

/// Percentages that follow from a record: name, rule, and the two metrics.
const fn ratios(what: Derived) -> &'static [(&'static str, Ratio, &'static str, &'static str)] {
    match what {
        Derived::Memory => &[("swap_utilization", Ratio::Used, "swap_total", "swap_free")],
        Derived::Disk => &[("disk_utilization", Ratio::Used, "disk_total", "disk_free")],
        Derived::Node => &[(
            "vnode_mem_utilization",
            Ratio::Used,
            "vnode_memory",
            "vnode_memory_free",
        )],
        Derived::VirtualMemory => &[("vir_mem_utilization", Ratio::Of, "vir_mem_used", "vir_mem_total")],
        Derived::VirtualDisk => &[(
            "vir_disk_utilization",
            Ratio::Used,
            "vir_disk_total",
            "vir_disk_free",
        )],
        Derived::Java => &[
            ("jvm_hmem_utilization", Ratio::Of, "jvm_hmem_used", "jvm_hmem_max"),
            (
                "jvm_nhmem_utilization",
                Ratio::Of,
                "jvm_nhmem_used",
                "jvm_nhmem_max",
            ),
        ],
        Derived::Memcache => &[(
            "memcache_hitrate",
            Ratio::Share,
            "memcache_get_hits",
            "memcache_get_misses",
        )],
        Derived::OpenVSwitch => &[("ovs_dp_missrate", Ratio::Share, "ovs_dp_misses", "ovs_dp_hits")],
        Derived::Nothing | Derived::Interface | Derived::Cpu | Derived::VirtualCpu => &[],
    }
}

/// Calls `put` with every metric that may follow from a record; `None` when it does not follow this time.
pub(super) fn derive(what: Derived, known: &impl Known, mut put: impl FnMut(&'static str, Option<f64>)) {
    let mut put = |name: &'static str, value: Option<f64>| put(name, value.filter(|v| v.is_finite()));
    match what {
        Derived::Interface => interface(known, &mut put),
        Derived::Memory => memory(known, &mut put),
        Derived::Cpu => put("cpu_utilization", known.get("cpu_idle").map(|idle| 100.0 - idle)),
        Derived::VirtualCpu => put("vir_cpu_utilization", virtual_cpu(known)),
        _ => {}
    }
    for (name, ratio, first, second) in ratios(what) {
        let pair = known.get(first).zip(known.get(second));
        put(
            name,
            pair.and_then(|(first, second)| match ratio {
                Ratio::Of => percent(first, second),
                Ratio::Used => percent(first - second, first),
                Ratio::Share => percent(first, first + second),
            }),
        );
    }
}

fn interface(known: &impl Known, put: &mut impl FnMut(&'static str, Option<f64>)) {
    let speed = known.get("ifspeed");
    for (octets, utilization) in [
        ("ifinoctets", "ifinutilization"),
        ("ifoutoctets", "ifoututilization"),
    ] {
        let pair = known.get(octets).zip(speed);
        put(
            utilization,
            pair.and_then(|(octets, bits)| percent(8.0 * octets, bits)),
        );
    }
    for (kinds, sum) in [
        (
            ["ifinucastpkts", "ifinmulticastpkts", "ifinbroadcastpkts"],
            "ifinpkts",
        ),
        (
            ["ifoutucastpkts", "ifoutmulticastpkts", "ifoutbroadcastpkts"],
            "ifoutpkts",
        ),
    ] {
        // Agents that do not count multicast or broadcast by themselves count them as unicast.
        let counted = kinds.map(|kind| known.get(kind));
        let any = counted.iter().any(Option::is_some);
        put(sum, any.then(|| counted.iter().flatten().sum()));
    }
}

fn memory(known: &impl Known, put: &mut impl FnMut(&'static str, Option<f64>)) {
    // What is cached or buffered is free for whoever needs it.
    let others = ["mem_buffers", "mem_cached"].map(|name| known.get(name).unwrap_or(0.0));
    let pair = known.get("mem_total").zip(known.get("mem_free"));
    let used = pair.map(|(total, free)| (total - free - others.iter().sum::<f64>()).max(0.0));
    put("mem_used", used);
    let utilization = used.zip(pair).and_then(|(used, (total, _))| percent(used, total));
    put("mem_utilization", utilization);
}

/// Milliseconds a second of one CPU, over the CPUs that it may use; 0 of them means no limit but the host's.
fn virtual_cpu(known: &impl Known) -> Option<f64> {
    let limit = known.get("vir_cpu_num").filter(|cpus| *cpus > 0.0);
    let cpus = limit.or_else(|| known.host_cpus()).unwrap_or(1.0);
    percent(known.get("vir_cpu_time")? / 1000.0, cpus)
}

fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| 100.0 * part / whole)
}
