//! Metrics that are computed from others of the same data source.

use super::table::Derived;

/// What a data source has just learned.
pub(super) trait Known {
    /// A number that the record has just updated.
    fn get(&self, name: &str) -> Option<f64>;
    /// The CPUs of the host that the data source is on.
    fn host_cpus(&self) -> Option<f64>;
}

/// Calls `put` with every metric that may follow from a record; `None` when it does not follow this time.
pub(super) fn derive(what: Derived, known: &impl Known, mut put: impl FnMut(&'static str, Option<f64>)) {
    let get = |name: &str| known.get(name);
    let mut put = |name: &'static str, value: Option<f64>| {
        put(name, value.filter(|v| v.is_finite()));
    };
    let used = |total: &str, free: &str| used_of(get(total), get(free));
    match what {
        Derived::Nothing => {}
        Derived::Interface => {
            let speed = get("ifspeed");
            for (octets, utilization) in [
                ("ifinoctets", "ifinutilization"),
                ("ifoutoctets", "ifoututilization"),
            ] {
                put(
                    utilization,
                    get(octets).zip(speed).and_then(|(o, s)| percent(8.0 * o, s)),
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
                let counted: Vec<f64> = kinds.into_iter().filter_map(get).collect();
                put(sum, (!counted.is_empty()).then(|| counted.iter().sum()));
            }
        }
        Derived::Cpu => put("cpu_utilization", get("cpu_idle").map(|idle| 100.0 - idle)),
        Derived::Memory => {
            // What is cached or buffered is free for whoever needs it.
            let free = ["mem_free", "mem_buffers", "mem_cached"].map(get);
            let free = free.into_iter().flatten().sum::<f64>();
            let total = get("mem_total").filter(|_| get("mem_free").is_some());
            let in_use = total.map(|total| (total - free).max(0.0));
            put("mem_used", in_use);
            put(
                "mem_utilization",
                in_use.zip(total).and_then(|(u, t)| percent(u, t)),
            );
            put("swap_utilization", used("swap_total", "swap_free"));
        }
        Derived::Disk => put("disk_utilization", used("disk_total", "disk_free")),
        Derived::Node => put("vnode_mem_utilization", used("vnode_memory", "vnode_memory_free")),
        Derived::VirtualCpu => {
            // Milliseconds a second of one CPU, over the CPUs that it may use; 0 of them means no limit but the host's.
            let limit = get("vir_cpu_num").filter(|n| *n > 0.0);
            let cpus = limit.or_else(|| known.host_cpus()).unwrap_or(1.0);
            put(
                "vir_cpu_utilization",
                get("vir_cpu_time").and_then(|ms| percent(ms / 1000.0, cpus)),
            );
        }
        Derived::VirtualMemory => {
            let utilization = get("vir_mem_used").zip(get("vir_mem_total"));
            put(
                "vir_mem_utilization",
                utilization.and_then(|(used, total)| percent(used, total)),
            );
        }
        Derived::VirtualDisk => {
            put("vir_disk_utilization", used("vir_disk_total", "vir_disk_free"));
        }
        Derived::Java => {
            for (used, max, utilization) in [
                ("jvm_hmem_used", "jvm_hmem_max", "jvm_hmem_utilization"),
                ("jvm_nhmem_used", "jvm_nhmem_max", "jvm_nhmem_utilization"),
            ] {
                put(
                    utilization,
                    get(used).zip(get(max)).and_then(|(u, m)| percent(u, m)),
                );
            }
        }
        Derived::Memcache => put(
            "memcache_hitrate",
            share_of(get("memcache_get_hits"), get("memcache_get_misses")),
        ),
        Derived::OpenVSwitch => put(
            "ovs_dp_missrate",
            share_of(get("ovs_dp_misses"), get("ovs_dp_hits")),
        ),
    }
}

fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| 100.0 * part / whole)
}

fn used_of(total: Option<f64>, free: Option<f64>) -> Option<f64> {
    percent(total? - free?, total?)
}

fn share_of(part: Option<f64>, rest: Option<f64>) -> Option<f64> {
    percent(part?, part? + rest?)
}
