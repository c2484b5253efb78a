//! The lab itself: it comes up, carries real traffic, is sampled, and leaves nothing behind.
//!
//! Tests that need the lab begin with `lab_`, so that a run without root can leave them out by name. As root they are
//! never left out; without it they fail and say why.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests kill and time real processes"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tests::lab::{AGENT, COLLECTOR, Family, Lab, LabOptions, Mice, PREFIX};
use tests::process::{self, Process};
use tests::wire::Flow;
use tests::{netns, wait};

/// For anything that takes a moment: a slow machine is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(20);

fn start() -> Lab {
    Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// What exists of labs whose name begins with `name`: namespaces, directories, and processes that name one.
fn traces(name: &str) -> BTreeSet<String> {
    let mut traces: BTreeSet<_> = netns::names().unwrap().into_iter().collect();
    for directory in ["/tmp".into(), std::env::temp_dir()] {
        let entries = std::fs::read_dir(directory).unwrap();
        traces.extend(entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()));
    }
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // The text of the guard's own script names no lab; its arguments do.
        traces.extend(
            line.split_ascii_whitespace()
                .map(|word| word.rsplit('/').next().unwrap().to_owned()),
        );
    }
    traces.retain(|trace| trace.starts_with(name));
    traces
}

fn nothing_left(name: &str) {
    let gone = wait::until("nothing to be left", PATIENCE, || {
        traces(name).is_empty().then_some(())
    });
    gone.unwrap_or_else(|error| panic!("{error}: {:?}", traces(name)));
}

#[test]
fn lab_comes_up_and_goes_quickly_and_completely() {
    let begin = Instant::now();
    let lab = start();
    let up = begin.elapsed();
    let name = lab.name();
    assert_eq!(
        netns::names()
            .unwrap()
            .iter()
            .filter(|other| other.starts_with(&name))
            .count(),
        4
    );
    assert!(
        lab.leaf()
            .run("ip", &["link", "show", "swp1"])
            .unwrap()
            .contains("state")
    );
    let begin = Instant::now();
    lab.stop().unwrap();
    println!("up in {up:?}, gone in {:?}", begin.elapsed());
    assert_eq!(traces(&name), BTreeSet::new());
}

#[test]
fn lab_two_side_by_side_do_not_touch_each_other() {
    let (first, second) = (start(), start());
    assert_ne!(first.name(), second.name());
    second.stop().unwrap();
    let mice = first.mice().unwrap();
    wait::until("mice of both families", PATIENCE, || {
        (mice.answered() > 20).then_some(())
    })
    .unwrap();
    assert_eq!(mice.lost(), 0, "of {}", mice.answered());
    // The kernel under the userspace switch must not answer for the bridge: the way would lead past its rules.
    let bridge = first.leaf().run("ip", &["-br", "link", "show", "swp1"]).unwrap();
    let bridge = bridge.split_ascii_whitespace().nth(2).unwrap().to_owned();
    let neighbours = first.host_a().run("ip", &["neigh"]).unwrap();
    let gateways = neighbours
        .lines()
        .filter(|line| line.contains("::1 ") || line.starts_with("10.100.10.1 "));
    assert!(
        gateways.clone().count() == 2 && gateways.clone().all(|line| line.contains(&bridge)),
        "{neighbours}"
    );
}

#[test]
fn lab_elephants_of_both_families_cross_and_only_the_ruled_one_is_marked() {
    let lab = start();
    let (sent, received) = (lab.capture_sent().unwrap(), lab.capture_received().unwrap());
    let mice = lab.mice().unwrap();
    for (family, tool) in [(Family::V4, "iptables"), (Family::V6, "ip6tables")] {
        let marked = lab.elephant(family, "200M", 4).unwrap();
        let plain = lab.elephant(family, "20M", 4).unwrap();
        let flow = marked.flow;
        received
            .wait_for("packets without a mark", &flow, PATIENCE, |seen| {
                seen.with_dscp(0) > 1000
            })
            .unwrap();
        let rule = rule(&flow);
        let rule: Vec<_> = rule.split(' ').collect();
        lab.leaf()
            .run(tool, &[&["-t", "mangle", "-A"], &rule[..]].concat())
            .unwrap();
        let marks = received.wait_for("packets with a mark", &flow, PATIENCE, |seen| {
            seen.with_dscp(10) > 1000
        });
        marks.unwrap_or_else(|error| {
            panic!(
                "{error:#}: {}",
                lab.leaf().run(&format!("{tool}-save"), &["-c"]).unwrap()
            )
        });
        let (at_a, at_b) = (sent.flow(&flow), received.flow(&flow));
        assert_eq!(at_a.marked(), 0, "host a does not mark: {at_a:?}");
        assert!(at_a.first.unwrap() <= at_b.first.unwrap());
        assert!(at_b.first.unwrap() < at_b.first_marked.unwrap());
        assert_eq!(at_b.by_dscp.keys().copied().collect::<Vec<_>>(), [0, 10]);

        lab.leaf()
            .run(tool, &[&["-t", "mangle", "-D"], &rule[..]].concat())
            .unwrap();
        marked.wait(PATIENCE).unwrap();
        plain.wait(PATIENCE).unwrap();
        // 200 Mb/s for 4 s are 66,000 packets of 1500 bytes; a busy machine may carry less, but not a tenth.
        let at_b = received.flow(&flow);
        assert!(at_b.packets() > 6_600, "{at_b:?}");
        assert!(
            at_b.last_marked.unwrap() < at_b.last.unwrap(),
            "the mark ends with the rule: {at_b:?}"
        );
        assert_eq!(received.flow(&plain.flow).marked(), 0);
        assert!(received.flow(&plain.flow).packets() > 660);
    }
    assert!(
        mice.answered() > 50,
        "{} answered, {} lost",
        mice.answered(),
        mice.lost()
    );
    let of_mice = received
        .flows()
        .into_iter()
        .filter(|(flow, _)| Mice::is_mouse(flow));
    let of_mice: Vec<_> = of_mice.collect();
    for family in [Family::V4, Family::V6] {
        assert!(
            of_mice
                .iter()
                .any(|(flow, _)| flow.source.ip() == family.host_a())
        );
    }
    assert!(of_mice.iter().all(|(_, seen)| seen.marked() == 0));
}

/// A rule of iptables for exactly this flow, as a mark of the flow would have it.
fn rule(flow: &Flow) -> String {
    let (source, destination) = (flow.source, flow.destination);
    format!(
        "FORWARD -i swp+ -s {} -d {} -p tcp --sport {} --dport {} -j DSCP --set-dscp 10",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    )
}

#[test]
fn lab_sends_sflow_with_flow_and_counter_samples() {
    let lab = start();
    let collector = lab
        .controller()
        .inside(|| UdpSocket::bind(COLLECTOR))
        .unwrap()
        .unwrap();
    collector.set_read_timeout(Some(PATIENCE)).unwrap();
    let _elephant = lab.elephant(Family::V6, "100M", 5).unwrap();
    let (mut flow_samples, mut counter_samples) = (0, 0);
    let mut ports = BTreeSet::new();
    while flow_samples < 20 || counter_samples < 1 {
        let mut datagram = [0; 2048];
        let (length, from) = collector.recv_from(&mut datagram).unwrap();
        assert_eq!(from.ip(), IpAddr::V4(AGENT));
        let words: Vec<u32> = datagram[..length]
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .collect();
        // sFlow v5 §5: version, IPv4 agent, its address, sub-agent, sequence, uptime, number of samples.
        assert_eq!(words[..3], [5, 1, AGENT.to_bits()]);
        let mut rest = &words[7..];
        for _ in 0..words[6] {
            match rest[0] {
                // Flow sample: sequence, source, sampling rate, pool, drops, input, output.
                1 => {
                    flow_samples += 1;
                    assert_eq!(rest[4], 100, "the sampling rate");
                    ports.insert(rest[7]);
                }
                2 => counter_samples += 1,
                _ => {}
            }
            rest = &rest[2 + usize::try_from(rest[1]).unwrap() / 4..];
        }
    }
    assert!(ports.contains(&lab.ovs_port_ifindex().unwrap()), "{ports:?}");
}

#[test]
fn lab_is_gone_after_a_panic_with_traffic_and_processes_in_it() {
    let seen = std::sync::Mutex::new((String::new(), 0));
    let panicked = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let lab = start();
            let _mice = lab.mice().unwrap();
            let _elephant = lab.elephant(Family::V4, "50M", 60).unwrap();
            let mut shell = lab.host_a().command("sh");
            // Out of every process group that the harness knows.
            shell.args(["-c", "setsid sleep 1000 & wait"]);
            let shell = lab.host_a().spawn("shell", shell).unwrap();
            *seen.lock().unwrap() = (lab.name(), shell.pid());
            panic!("on purpose: the lab must go all the same");
        });
        thread.join().is_err()
    });
    assert!(panicked);
    let (name, pid) = seen.into_inner().unwrap();
    assert!(name.starts_with(PREFIX), "{name}");
    assert_eq!(traces(&name), BTreeSet::new());
    assert!(!process::exists(pid));
}

/// A lab in a process of its own, up and waiting.
struct Owner {
    process: Process,
    name: String,
    inside: Vec<u32>,
    _directory: tempfile::TempDir,
}

impl Owner {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
        let process = Process::spawn("owner", Command::new(program), directory.path()).unwrap();
        process.wait_for_output("up:", PATIENCE).unwrap();
        let output = process.output();
        let namespaces: Vec<_> = output
            .lines()
            .filter_map(|line| line.rsplit_once("exec "))
            .map(|(_, name)| name)
            .collect();
        let name = namespaces
            .first()
            .unwrap()
            .strip_suffix("-leaf")
            .unwrap()
            .to_owned();
        let inside = namespaces.iter().flat_map(|name| pids(name)).collect();
        Self {
            process,
            name,
            inside,
            _directory: directory,
        }
    }

    fn nothing_left(&self) {
        nothing_left(&self.name);
        assert!(!self.inside.is_empty());
        for pid in &self.inside {
            assert!(!process::exists(*pid), "{pid}");
        }
    }
}

fn pids(namespace: &str) -> Vec<u32> {
    let output = Command::new("ip")
        .args(["netns", "pids", namespace])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

#[test]
fn lab_is_gone_after_ctrl_c_or_sigterm() {
    for signal in [nix::sys::signal::SIGINT, nix::sys::signal::SIGTERM] {
        let owner = Owner::start();
        owner.process.signal(signal).unwrap();
        owner.process.wait_success(PATIENCE).unwrap();
        assert_eq!(traces(&owner.name), BTreeSet::new(), "after {signal}");
        owner.nothing_left();
    }
}

#[test]
fn lab_is_gone_after_kill_9_of_its_owner() {
    let owner = Owner::start();
    owner.process.signal(nix::sys::signal::SIGKILL).unwrap();
    owner.nothing_left();
}

#[test]
fn lab_of_a_dead_owner_and_a_dead_guard_goes_when_the_next_one_starts() {
    let owner = Owner::start();
    let guard = std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let line = String::from_utf8(std::fs::read(entry.path().join("cmdline")).ok()?).ok()?;
        let is_it = line.contains("lab-guard\0") && line.contains(&owner.name);
        is_it
            .then(|| entry.file_name().to_str()?.parse::<i32>().ok())
            .flatten()
    });
    let guard = nix::unistd::Pid::from_raw(guard.expect("the guard"));
    nix::sys::signal::kill(guard, nix::sys::signal::SIGKILL).unwrap();
    owner.process.signal(nix::sys::signal::SIGKILL).unwrap();
    owner.process.wait(PATIENCE).unwrap();
    wait::pause(Duration::from_millis(500));
    assert_ne!(
        traces(&owner.name),
        BTreeSet::new(),
        "nobody is there to remove it"
    );
    let _next = start();
    owner.nothing_left();
}

#[test]
fn lab_without_root_is_refused_in_clear_words() {
    // As nobody, who can neither make a namespace nor read what is below root's home: so from a copy.
    let directory = tempfile::Builder::new()
        .prefix("refused")
        .tempdir_in("/tmp")
        .unwrap();
    let program = directory.path().join("lab");
    std::fs::copy(env!("CARGO_BIN_EXE_lab"), &program).unwrap();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), readable).unwrap();
    let words = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let refused = Command::new("setpriv")
        .args(words)
        .arg(program)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("the lab needs root"), "{said}");
}
