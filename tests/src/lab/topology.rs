use std::fs;

use anyhow::{Context, Result};

use super::{AGENT, CONTROLLER, Family, Lab, NEXT_AGENT, NEXT_COLLECTOR};
use crate::netns::Namespace;
use crate::{binaries, process};

/// The programs that a lab needs, with their Debian packages.
const PROGRAMS: [(&str, &str); 9] = [
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("ethtool", "ethtool"),
    ("iptables-restore", "iptables"),
    ("ip6tables-restore", "iptables"),
    ("ovs-vswitchd", "openvswitch-switch"),
    ("ovsdb-server", "openvswitch-switch"),
    ("iperf3", "iperf3"),
    ("curl", "curl"),
];

/// Fails with the name of the first program that is missing, before anything is built.
pub(super) fn check_programs() -> Result<()> {
    PROGRAMS
        .iter()
        .try_for_each(|(program, package)| binaries::system(program, package).map(drop))
}

/// Everything but what hangs on the bridge, which only Open vSwitch can make.
pub(super) fn links(lab: &Lab, next_switch: bool) -> Result<()> {
    let [leaf, host_a, host_b, controller] = lab.namespaces().map(Namespace::name);
    system(&format!(
        "netns add {leaf}\nnetns add {host_a}\nnetns add {host_b}\nnetns add {controller}\n"
    ))?;
    for namespace in lab.namespaces() {
        // Nobody else can have these addresses: without the second in which each would be asked for, IPv6 works at once.
        // Both are looked at, and what a link is made with stays.
        for scope in ["all", "default"] {
            sysctl(namespace, &format!("ipv6/conf/{scope}/accept_dad"), "0")?;
        }
    }
    system(&format!(
        "link add phy1 netns {leaf} type veth peer name eth0 netns {host_a}\n\
         link add mgmt netns {leaf} type veth peer name eth0 netns {controller}\n"
    ))?;
    match next_switch {
        true => next(lab)?,
        false => system(&format!(
            "link add swp2 netns {leaf} type veth peer name eth0 netns {host_b}\n"
        ))?,
    }
    let hosts = [
        (lab.host_a(), Family::host_a as fn(Family) -> _, 10),
        (lab.host_b(), Family::host_b, 20),
    ];
    for (host, address, network) in hosts {
        let (v4, v6) = (address(Family::V4), address(Family::V6));
        let batch = format!(
            "addr add {v4}/24 dev eth0\naddr add {v6}/64 dev eth0\nlink set eth0 up\nlink set lo up\n\
             route add default via 10.100.{network}.1\nroute add ::/0 via fd00:100:{network}::1\n"
        );
        without_offload(host, "eth0")?;
        configure(host, &batch)?;
        // The one that every kernel has, and that fills a queue: what a machine prefers may keep it short by itself.
        sysctl(host, "ipv4/tcp_congestion_control", "reno")?;
    }
    let batch = format!("addr add {CONTROLLER}/24 dev eth0\nlink set eth0 up\nlink set lo up\n");
    without_offload(lab.controller(), "eth0")?;
    configure(lab.controller(), &batch)?;
    let batch = format!(
        "addr add {AGENT}/24 dev mgmt\naddr add 10.100.20.1/24 dev swp2\naddr add fd00:100:20::1/64 dev swp2\n\
         link set phy1 up\nlink set swp2 up\nlink set mgmt up\nlink set lo up\n"
    );
    let leaf = lab.leaf();
    sysctl(leaf, "ipv4/ip_forward", "1")?;
    sysctl(leaf, "ipv6/conf/all/forwarding", "1")?;
    // A userspace switch taps its ports: the kernel sees their packets too. It must not answer ARP there, beside the
    // bridge, or host a may choose a way around the bridge and its rules; nor may it forward from there.
    for (key, value) in [
        ("ipv4/conf/phy1/arp_ignore", "8"),
        ("ipv4/conf/phy1/forwarding", "0"),
    ] {
        sysctl(leaf, key, value)?;
    }
    sysctl(leaf, "ipv6/conf/phy1/disable_ipv6", "1")?;
    without_offload(leaf, "swp2")?;
    configure(leaf, &batch)
}

/// The switch between the leaf and host b: it only bridges.
fn next(lab: &Lab) -> Result<()> {
    let [leaf, _, host_b, controller] = lab.namespaces().map(Namespace::name);
    let next = lab.next().name();
    system(&format!(
        "netns add {next}\nlink add swp2 netns {leaf} type veth peer name swp11 netns {next}\n\
         link add swp12 netns {next} type veth peer name eth0 netns {host_b}\n\
         link add mgmt netns {next} type veth peer name eth1 netns {controller}\n"
    ))?;
    for port in ["swp11", "swp12"] {
        // As with the port of the leaf: the kernel sees their packets too.
        sysctl(lab.next(), &format!("ipv6/conf/{port}/disable_ipv6"), "1")?;
    }
    let batch = format!(
        "addr add {NEXT_AGENT}/24 dev mgmt\nlink set swp11 up\nlink set swp12 up\nlink set mgmt up\nlink set lo up\n"
    );
    configure(lab.next(), &batch)?;
    let batch = format!("addr add {}/24 dev eth1\nlink set eth1 up\n", NEXT_COLLECTOR.ip());
    configure(lab.controller(), &batch)
}

/// The routed interface of the bridge.
pub(super) fn bridge(lab: &Lab) -> Result<()> {
    without_offload(lab.leaf(), "swp1")?;
    let batch = "addr add 10.100.10.1/24 dev swp1\naddr add fd00:100:10::1/64 dev swp1\nlink set swp1 up\n";
    configure(lab.leaf(), batch)
}

/// Runs lines of iproute2 that name their namespaces.
fn system(batch: &str) -> Result<()> {
    let mut ip = process::command("ip");
    ip.args(["-batch", "-"]);
    process::run_with_input(ip, batch).map(drop)
}

/// Runs lines of iproute2 in a namespace.
fn configure(namespace: &Namespace, batch: &str) -> Result<()> {
    let mut ip = process::command("ip");
    ip.args(["-n", namespace.name(), "-batch", "-"]);
    process::run_with_input(ip, batch).map(drop)
}

/// Makes the sender compute checksums and cut segments: a userspace switch sees packets as they were handed over, and
/// forwards them as they are.
fn without_offload(namespace: &Namespace, interface: &str) -> Result<()> {
    namespace
        .run("ethtool", &["-K", interface, "tx", "off"])
        .map(drop)
}

fn sysctl(namespace: &Namespace, key: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/net/{key}");
    namespace
        .inside(|| fs::write(&path, value))?
        .with_context(|| format!("{path} in {}", namespace.name()))
}
