//! What the fields of counter records are called as metrics, and how they become values.
//!
//! Names are sFlow-RT's where its documentation has one; the others follow its pattern: a prefix for the record and the
//! field's name in lower case.

use crate::sflow::CounterFormat;

mod host;
mod network;
mod service;

/// A field of a counter record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// A counter of 32 bits.
    Count32(u32),
    /// A counter of 64 bits.
    Count64(u64),
    /// 32 bits that count nothing.
    U32(u32),
    /// 64 bits that count nothing.
    U64(u64),
    /// 32 bits with a sign.
    I32(i32),
    /// A floating-point number.
    F32(f32),
    /// A text, or other bytes.
    Bytes(&'a [u8]),
    /// An Ethernet address.
    Mac([u8; 6]),
    /// A UUID.
    Uuid([u8; 16]),
    /// The agent does not know, or it is nothing that a metric could be.
    Unknown,
}

/// How a field becomes a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A counter: shown per second.
    Rate,
    /// A counter of milliseconds, of which the record's other ones are the rest: shown as the percentage of their sum.
    Share,
    /// A counter of milliseconds that another field of the record counts already: shown as a percentage of the same sum.
    Within,
    /// A number, shown times this; all ones and −1 mean that the agent does not know.
    Gauge(f64),
    /// A number of which every value has a meaning.
    Plain,
    /// A text.
    Text,
    /// 16 bytes, shown in the form of RFC 9562.
    Uuid,
    /// 6 bytes, shown as 12 hexadecimal digits.
    Mac,
    /// A number that stands for a word.
    Words(&'static [(u32, &'static str)]),
    /// ifStatus: two words, in two metrics; this one is the first.
    Status,
    /// Not a metric.
    Skip,
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The metric.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
}

/// Metrics that are computed from others of the same data source, after a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derived {
    /// None.
    Nothing,
    /// Utilisation and packets of an interface.
    Interface,
    /// `cpu_utilization`.
    Cpu,
    /// `mem_utilization`, `mem_used`.
    Memory,
    /// `disk_utilization`.
    Disk,
    /// `vnode_mem_utilization`.
    Node,
    /// `vir_cpu_utilization`.
    VirtualCpu,
    /// `vir_mem_utilization`.
    VirtualMemory,
    /// `vir_disk_utilization`.
    VirtualDisk,
    /// `jvm_hmem_utilization`, `jvm_nhmem_utilization`.
    Java,
    /// `mem_cache…`: hit rate of memcached.
    Memcache,
    /// Hit rate of the datapath of Open vSwitch.
    OpenVSwitch,
}

/// A counter record.
#[derive(Debug)]
pub(super) struct Record {
    /// Which one.
    pub(super) format: CounterFormat,
    /// Its fields, in wire order.
    pub(super) fields: &'static [Entry],
    /// Fields that repeat after them, such as the lanes of a transceiver; their names get `_1`, `_2`, ….
    pub(super) group: &'static [Entry],
    /// What is computed from it.
    pub(super) derived: Derived,
}

impl Record {
    /// The most repetitions that become metrics: transceivers have 8 lanes, 16 in the newest.
    pub(super) const MAX_GROUPS: usize = 16;
}

const fn entry(name: &'static str, kind: Kind) -> Entry {
    Entry { name, kind }
}
const fn rate(name: &'static str) -> Entry {
    entry(name, Kind::Rate)
}
const fn share(name: &'static str) -> Entry {
    entry(name, Kind::Share)
}
const fn gauge(name: &'static str) -> Entry {
    entry(name, Kind::Gauge(1.0))
}
/// Hundredths of a percent.
const fn percent(name: &'static str) -> Entry {
    entry(name, Kind::Gauge(0.01))
}
/// Thousandths of the unit.
const fn milli(name: &'static str) -> Entry {
    entry(name, Kind::Gauge(0.001))
}
const fn plain(name: &'static str) -> Entry {
    entry(name, Kind::Plain)
}
const fn text(name: &'static str) -> Entry {
    entry(name, Kind::Text)
}
const SKIP: Entry = entry("", Kind::Skip);

const fn record(format: u32, fields: &'static [Entry], derived: Derived) -> Record {
    Record {
        format: CounterFormat(format),
        fields,
        group: &[],
        derived,
    }
}

const fn grouped(format: u32, fields: &'static [Entry], group: &'static [Entry]) -> Record {
    Record {
        format: CounterFormat(format),
        fields,
        group,
        derived: Derived::Nothing,
    }
}

/// Every record whose fields become metrics.
static RECORDS: &[Record] = &[
    record(1, network::INTERFACE, Derived::Interface),
    record(2, network::ETHERNET, Derived::Nothing),
    record(3, network::TOKEN_RING, Derived::Nothing),
    record(4, network::VG, Derived::Nothing),
    record(5, network::VLAN, Derived::Nothing),
    record(6, network::WIRELESS, Derived::Nothing),
    record(7, network::LAG, Derived::Nothing),
    record(8, network::SLOW_PATH, Derived::Nothing),
    grouped(10, network::TRANSCEIVER, network::LANE),
    record(11, network::PFC, Derived::Nothing),
    record(1001, network::PROCESSOR, Derived::Nothing),
    record(1002, network::RADIO, Derived::Nothing),
    record(1004, network::OPENFLOW_PORT, Derived::Nothing),
    record(1005, network::PORT_NAME, Derived::Nothing),
    record(2000, host::HOST, Derived::Nothing),
    record(2002, host::CONTAINER, Derived::Nothing),
    record(2003, host::CPU, Derived::Cpu),
    record(2004, host::MEMORY, Derived::Memory),
    record(2005, host::DISK, Derived::Disk),
    record(2006, host::NETWORK, Derived::Nothing),
    record(2007, network::IP, Derived::Nothing),
    record(2008, network::ICMP, Derived::Nothing),
    record(2009, network::TCP, Derived::Nothing),
    record(2010, network::UDP, Derived::Nothing),
    record(2100, host::VIRTUAL_NODE, Derived::Node),
    record(2101, host::VIRTUAL_CPU, Derived::VirtualCpu),
    record(2102, host::VIRTUAL_MEMORY, Derived::VirtualMemory),
    record(2103, host::VIRTUAL_DISK, Derived::VirtualDisk),
    record(2104, host::VIRTUAL_NETWORK, Derived::Nothing),
    record(2105, service::JVM_NAMES, Derived::Nothing),
    record(2106, service::JVM, Derived::Java),
    record(2201, service::HTTP, Derived::Nothing),
    record(2202, service::APPLICATION, Derived::Nothing),
    record(2203, service::APP_RESOURCES, Derived::Nothing),
    record(2204, service::MEMCACHE, Derived::Memcache),
    record(2206, service::APP_WORKERS, Derived::Nothing),
    record(2207, service::OPEN_VSWITCH, Derived::OpenVSwitch),
    record(3000, service::ENERGY, Derived::Nothing),
    record(3001, service::TEMPERATURE, Derived::Nothing),
    record(3002, service::HUMIDITY, Derived::Nothing),
    record(3003, service::FANS, Derived::Nothing),
    record(4413 << 12 | 1, service::BROADCOM_DEVICE, Derived::Nothing),
    record(4413 << 12 | 2, service::BROADCOM_PORT, Derived::Nothing),
    record(4413 << 12 | 3, service::BROADCOM_TABLES, Derived::Nothing),
    record(5703 << 12 | 1, service::GPU, Derived::Nothing),
];

/// What becomes of a record; `logical` when the data source is a logical entity, such as a virtual machine.
pub(super) fn find(format: CounterFormat, logical: bool) -> Option<&'static Record> {
    if logical && format == host::VIRTUAL_HOST.format {
        return Some(&host::VIRTUAL_HOST);
    }
    let at = RECORDS
        .binary_search_by_key(&format, |record| record.format)
        .ok()?;
    RECORDS.get(at)
}

/// The names of all metrics that counter records have, those of repeated fields without their number.
pub fn known_names() -> impl Iterator<Item = &'static str> {
    let records = RECORDS.iter().chain([&host::VIRTUAL_HOST]);
    let entries = records.flat_map(|record| record.fields.iter().chain(record.group));
    entries.map(|entry| entry.name).filter(|name| !name.is_empty())
}

/// The formats of all records.
#[cfg(test)]
pub(super) fn formats() -> impl Iterator<Item = CounterFormat> {
    RECORDS.iter().map(|record| record.format)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::derive::{Known, derive};
    use super::*;

    #[test]
    fn the_records_are_in_order_and_no_name_means_two_things() {
        assert!(RECORDS.is_sorted_by_key(|record| record.format));
        let mut seen = HashSet::new();
        for name in known_names() {
            assert!(seen.insert(name), "{name} twice");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(plain), "{name}");
        }
    }

    /// Every number is known.
    struct All;

    impl Known for All {
        fn get(&self, _: &str) -> Option<f64> {
            Some(1.0)
        }

        fn host_cpus(&self) -> Option<f64> {
            Some(1.0)
        }
    }

    /// Whether a unit of the page is one that the kind of a field can have.
    fn fits(kind: Kind, unit: &str) -> bool {
        match kind {
            Kind::Rate => unit.ends_with("/s"),
            Kind::Share | Kind::Within => unit == "%",
            Kind::Text | Kind::Uuid | Kind::Mac | Kind::Words(_) | Kind::Status => unit == "text",
            Kind::Plain => unit == "number",
            Kind::Gauge(_) => unit != "text" && (unit == "bits/s" || !unit.ends_with("/s")),
            Kind::Skip => false,
        }
    }

    #[test]
    fn the_page_of_the_api_names_every_metric_with_its_structure_and_no_other() {
        let page = include_str!("../../../../../docs/API.md");
        let (_, page) = page.split_once("### Every metric").unwrap();
        let (page, _) = page.split_once("\n## ").unwrap();
        let mut shown = HashMap::new();
        for row in page.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let [_, structure, unit, names, _] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
                panic!("{row}");
            };
            for name in names.split('`').skip(1).step_by(2) {
                assert!(shown.insert(name, (structure, unit)).is_none(), "{name} twice");
            }
        }
        let mut take = |record: &Record, name: &str, kind: Option<Kind>| {
            let (structure, unit) = shown.remove(name).unwrap_or_else(|| panic!("{name} is missing"));
            let expected = format!("{} ({})", record.format.name().unwrap(), record.format);
            assert!(structure.starts_with(&expected), "{name}: {structure}");
            assert!(kind.is_none_or(|kind| fits(kind, unit)), "{name}: {unit}");
        };
        for record in RECORDS.iter().chain([&host::VIRTUAL_HOST]) {
            for entry in record.fields.iter().chain(record.group) {
                if !entry.name.is_empty() {
                    take(record, entry.name, Some(entry.kind));
                }
                if let Kind::Status = entry.kind {
                    take(record, "ifoperstatus", Some(entry.kind));
                }
            }
            derive(record.derived, &All, |name, _| take(record, name, None));
        }
        assert_eq!(shown, HashMap::new(), "there is none of this name");
    }

    #[test]
    fn a_logical_entity_is_a_virtual_machine() {
        let name = |logical| find(CounterFormat(2000), logical).unwrap().fields[0].name;
        assert_eq!((name(false), name(true)), ("host_name", "vir_host_name"));
        assert!(find(CounterFormat(2099), false).is_none());
    }
}
