//! The guide, followed word for word: what it says to type is typed, in fresh Debian systems with the packages of this
//! build, in the networks of a lab, with real packets.
//!
//! What is not as on a real machine: the packages have the programs of this build, which are not static; systemd does not
//! run in a chroot, so `tests/src/bin/stand-in-systemctl.rs` does what units say; `scp` copies to the other system; Open
//! vSwitch has its userspace datapath, and was started by the lab. For Cumulus Linux there is no switch: its commands meet
//! programs that only write down what they are asked, and what is checked is that files and rules are right.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panics and print what was typed"
)]

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use tests::lab::{Family, Lab, LabOptions};
use tests::netns::Namespace;
use tests::{deb, process, wait};

mod machine;
mod text;

use machine::Machine;
use text::{Block, blocks};

#[test]
fn lab_the_guide_for_open_vswitch_leads_to_a_mark_that_helps() {
    follow("Open vSwitch");
}

#[test]
fn lab_the_guide_for_linux_leads_to_a_mark_that_helps() {
    follow("Linux");
}

/// Types all of the guide that is for one kind of switch, in its order.
fn follow(kind: &str) {
    let lab = Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"));
    as_in_the_guide(&lab, kind);
    let packages = tempfile::tempdir().unwrap();
    deb::build(packages.path(), "1.0-1").unwrap_or_else(|error| panic!("{error:#}"));
    let hosts = [("sender", lab.host_a()), ("receiver", lab.host_b())];
    let [sender, receiver] = hosts.map(|(name, namespace)| Machine::new(name, kind, namespace));
    let collector = Machine::new("collector", kind, lab.controller());
    let collector = collector.with_services(packages.path(), "flow-marker", None);
    let mut switch = Machine::new("switch", kind, lab.leaf());
    // The sockets of the switch that runs there.
    switch.chroot.share(lab.directory(), "/run/openvswitch").unwrap();
    let peer = collector.chroot.path("/");
    let switch = switch.with_services(packages.path(), "acl-server", Some(&peer));

    let mut pings = Vec::new();
    for block in blocks()
        .iter()
        .filter(|block| block.is_for(kind) && !block.prepares())
    {
        for name in &block.machines {
            let machine = match *name {
                "switch" => &switch,
                "collector" => &collector,
                "sender" => &sender,
                _ => &receiver,
            };
            let said = machine.types(block);
            if block.text.contains("ping ") {
                assert!(sender.terminals_run(), "the elephant was over too early");
                pings.push(milliseconds(&said));
            }
            shows(block, &said);
            if block.text.contains("iperf3 --server") {
                listens(lab.host_b());
            }
        }
    }
    let [unmarked, marked] = pings[..] else {
        panic!("{pings:?}");
    };
    println!("{kind}: mice waited {unmarked} ms behind the elephant, and {marked} ms once it was marked");
    assert!(marked * 3.0 < unmarked, "{unmarked} ms, then {marked} ms");
    // Everything is taken back.
    let rules = process::run(lab.leaf().command("iptables-save")).unwrap();
    assert!(!rules.contains("\n-A "), "{rules}");
    let queues = lab.leaf().run("tc", &["qdisc", "show", "dev", "eth2"]).unwrap();
    assert!(!queues.contains("htb"), "{queues}");
}

/// What stands for NVUE: it writes down what it is asked.
const NV: &str = "#!/bin/sh\necho \"$*\" >>/var/log/nv\n";
/// What stands for the tool of Cumulus Linux: it takes everything.
const CL_ACLTOOL: &str = "#!/bin/sh\necho done.\n";

#[test]
fn lab_the_guide_for_cumulus_linux_has_settings_and_rules_that_are_right() {
    let kind = "Cumulus Linux";
    let lab = Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"));
    let packages = tempfile::tempdir().unwrap();
    deb::build(packages.path(), "1.0-1").unwrap_or_else(|error| panic!("{error:#}"));
    let collector = Machine::new("collector", kind, lab.controller());
    let collector = collector.with_services(packages.path(), "flow-marker", None);
    let switch = Machine::new("switch", kind, lab.leaf());
    let peer = collector.chroot.path("/");
    let switch = switch.with_services(packages.path(), "acl-server", Some(&peer));
    for directory in ["/usr/cumulus/bin", "/etc/cumulus/acl/policy.d"] {
        fs::create_dir_all(switch.chroot.path(directory)).unwrap();
    }
    switch.chroot.program("/usr/local/bin/nv", NV.as_bytes()).unwrap();
    let tool = "/usr/cumulus/bin/cl-acltool";
    switch.chroot.program(tool, CL_ACLTOOL.as_bytes()).unwrap();

    let mut rules = 0;
    // Without samples there is no elephant: what needs one is left out.
    let without = ["/agents/json", "/controls/json", "apt update"];
    let typed = blocks()
        .into_iter()
        .filter(|block| block.is_for(kind) && !without.iter().any(|words| block.text.contains(words)));
    for block in typed {
        let said = match block.machines[..] {
            ["switch"] => switch.types(&block),
            ["collector"] => collector.types(&block),
            _ => continue,
        };
        if block.text.contains("flow-marker check") {
            let (_, rule) = said.split_once("a mark looks like this:\n").unwrap();
            let rule: String = rule.lines().map(|line| format!("{}\n", line.trim())).collect();
            assert!(
                rule.contains("-t mangle -A PREROUTING --in-interface swp+"),
                "{rule}"
            );
            fs::write(switch.chroot.path("/root/mark.rules"), rule).unwrap();
            switch.chroot.run(&["acl-server", "check", "/root/mark.rules"]);
            rules += 1;
        }
    }
    assert!(rules > 0, "the guide never checks the settings");
    let asked = switch.chroot.read("/var/log/nv");
    for words in [
        "set system sflow collector 10.0.0.162 port 6343\n",
        "set qos mapping default-global trust l3\n",
    ] {
        assert!(asked.contains(words), "{asked}");
    }
    // Nothing is in force before it is applied.
    assert_eq!(asked.lines().last(), Some("config apply"));
}

/// What the guide says that one sees.
fn shows(block: &Block, said: &str) {
    if block.text.contains("tcpdump") {
        assert!(said.contains("10.100.10.151"), "{said}");
    }
    if block.text.contains("tc -s class") {
        let sent = said.split("Sent ").nth(1).and_then(|rest| rest.split(' ').next());
        assert!(sent.unwrap().parse::<u64>().unwrap() > 1_000_000, "{said}");
    }
}

/// Waits until iperf3 does: a daemon goes into the background first.
fn listens(receiver: &Namespace) {
    wait::until_ok("iperf3 to listen", Duration::from_secs(30), || {
        let listeners = receiver.run("ss", &["-Hltn", "sport = :5201"])?;
        Ok((!listeners.is_empty()).then_some(()))
    })
    .unwrap();
}

/// How long packets of ping were on their way, there and back: the median.
fn milliseconds(said: &str) -> f64 {
    let times = said
        .split("time=")
        .skip(1)
        .filter_map(|rest| rest.split(' ').next());
    let mut times: Vec<f64> = times.map(|time| time.parse().unwrap()).collect();
    assert!(times.len() > 10, "{said}");
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Gives the leaf the names and the ports that the guide's switch has: `eth1` towards the sender, `eth2` towards the
/// receiver; with Open vSwitch, `eth1` is a port of the bridge `br0`, which is the gateway of the hosts behind it. sFlow is
/// the guide's to set up.
fn as_in_the_guide(lab: &Lab, kind: &str) {
    let leaf = lab.leaf();
    vsctl(lab, &["del-br", "swp1"]);
    for (old, new) in [("phy1", "eth1"), ("swp2", "eth2")] {
        ip(leaf, &["link", "set", old, "down"]);
        ip(leaf, &["link", "set", old, "name", new]);
        ip(leaf, &["link", "set", new, "up"]);
    }
    let gateway = if kind == "Linux" {
        for (key, value) in [("arp_ignore", "0"), ("forwarding", "1")] {
            let setting = format!("net.ipv4.conf.eth1.{key}={value}");
            leaf.run("sysctl", &["-qw", &setting]).unwrap();
        }
        "eth1"
    } else {
        vsctl(
            lab,
            &[
                "add-br",
                "br0",
                "--",
                "set",
                "bridge",
                "br0",
                "datapath_type=netdev",
            ],
        );
        vsctl(lab, &["add-port", "br0", "eth1"]);
        leaf.run("ethtool", &["-K", "br0", "tx", "off"]).unwrap();
        "br0"
    };
    ip(leaf, &["addr", "add", "10.100.10.1/24", "dev", gateway]);
    ip(leaf, &["link", "set", gateway, "up"]);
    assert_eq!(
        [Family::V4.host_a(), Family::V4.host_b()],
        ["10.100.10.151", "10.100.20.150"].map(|address| address.parse::<IpAddr>().unwrap()),
        "the guide's hosts"
    );
}

fn ip(namespace: &Namespace, arguments: &[&str]) {
    namespace.run("ip", arguments).unwrap();
}

fn vsctl(lab: &Lab, arguments: &[&str]) {
    let socket = lab.directory().join("db.sock");
    let db = format!("--db=unix:{}", socket.display());
    let mut words = vec![&*db, "--timeout=20"];
    words.extend(arguments);
    lab.leaf().run("ovs-vsctl", &words).unwrap();
}
