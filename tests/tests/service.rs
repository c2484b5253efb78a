//! The systemd units: systemd finds nothing wrong with them, they expose little, the daemon talks to systemd as they say,
//! and the daemon and its tool work in the box that they make.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tests::agent::Agent;
use tests::lab::{AGENT, Lab, LabOptions};
use tests::local::{Home, flow_marker};
use tests::process::{self, Process};
use tests::{binaries, http, wait};

/// For anything that takes a moment: a slow machine is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(20);

const RULE: &str = "-A FORWARD --in-interface swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP";

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

fn unit(name: &str) -> String {
    fs::read_to_string(units().join(name)).unwrap()
}

/// The names of all units.
fn every_unit() -> BTreeSet<String> {
    let names = fs::read_dir(units()).unwrap();
    let names: BTreeSet<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".toml"))
        .collect();
    assert!(names.len() >= 5, "{names:?}");
    names
}

/// The values of a setting in a unit.
fn settings<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.strip_prefix(key)?.strip_prefix('=');
    unit.lines().filter_map(value).collect()
}

/// `systemd-analyze`; `None`, loudly, where it is not installed or too old to look at files.
fn systemd_analyze() -> Option<Command> {
    let found = binaries::system("systemd-analyze", "systemd").and_then(|program| {
        let mut version = process::command(&program);
        version.arg("--version");
        let version = process::run(version)?;
        let number = version
            .split_ascii_whitespace()
            .nth(1)
            .and_then(|word| word.parse::<u32>().ok());
        anyhow::ensure!(number >= Some(250), "too old: {version}");
        Ok(process::command(program))
    });
    binaries::or_left_out(found, "the units were not looked at")
}

#[test]
fn every_service_exposes_little() {
    let services = every_unit().into_iter().filter(|name| name.ends_with(".service"));
    for name in services {
        let Some(mut command) = systemd_analyze() else {
            return;
        };
        // Tenths of a point.
        command
            .args(["security", "--offline=true", "--no-pager", "--threshold=30"])
            .arg(units().join(name));
        let report = process::run(command).unwrap_or_else(|error| panic!("{error:#}"));
        let overall = report.lines().last().unwrap_or_default();
        assert!(overall.contains("Overall exposure level"), "{report}");
        println!("{overall}");
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    // A root directory with what the units name: programs, and targets that every system has.
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (ours, systems) = ("etc/systemd/system", "usr/lib/systemd/system");
    for path in [ours, systems, "usr/bin", "sbin", "bin"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    for target in [
        "sysinit",
        "basic",
        "shutdown",
        "network",
        "network-online",
        "multi-user",
        "sockets",
    ] {
        let path = root.join(systems).join(format!("{target}.target"));
        fs::write(path, format!("[Unit]\nDescription={target}\n")).unwrap();
    }
    for program in [
        "usr/bin/acl-server",
        "usr/bin/flow-marker",
        "sbin/ip",
        "sbin/modprobe",
        "bin/sh",
    ] {
        fs::write(root.join(program), "").unwrap();
        fs::set_permissions(root.join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for entry in fs::read_dir(units()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, root.join(ours).join(path.file_name().unwrap())).unwrap();
    }
    for name in every_unit().iter().map(|name| name.replace('@', "@mgmt")) {
        let Some(mut command) = systemd_analyze() else {
            return;
        };
        command.args(["verify", "--man=no", "--root"]).arg(root);
        command.arg(root.join(ours).join(&name));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // What it does not know it only warns of.
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn the_unit_for_a_vrf_differs_by_the_vrf_alone() {
    let lines = |name: &str| -> BTreeSet<String> {
        let text = unit(name);
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let (plain, vrf) = (lines("acl-server.service"), lines("acl-server@.service"));
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    assert_eq!(
        only(&plain, &vrf),
        [
            "After=network.target switchd.service",
            "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_DAC_OVERRIDE",
            "Description=REST API over this switch's ACL rule files",
            "ExecStart=/usr/bin/acl-server",
            "ProtectControlGroups=yes",
            "SystemCallFilter=@system-service",
        ]
    );
    assert_eq!(
        only(&vrf, &plain),
        [
            "After=network.target networking.service switchd.service",
            "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_DAC_OVERRIDE CAP_BPF",
            "Conflicts=acl-server.service",
            "Description=REST API over this switch's ACL rule files, in VRF %i",
            "ExecStart=/sbin/ip vrf exec %i /usr/bin/acl-server",
            "LimitMEMLOCK=infinity",
            "SystemCallFilter=@system-service bpf",
        ]
    );
}

/// In microseconds: more than a busy machine keeps anybody waiting.
const WATCHDOG: &str = "2000000";

#[test]
fn the_daemon_tells_systemd_that_it_is_up_and_alive() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(directory.path()).unwrap();
    let path = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    // The units ask for both.
    for name in ["acl-server.service", "acl-server@.service", "flow-marker.service"] {
        assert_eq!(settings(&unit(name), "Type"), ["notify"]);
        assert_eq!(settings(&unit(name), "WatchdogSec"), ["30s"]);
    }
    let mut command = home.command("").unwrap();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", WATCHDOG);
    let server = home.spawn("acl-server", command).unwrap();
    up_and_alive(&systemd, server.process);

    let config = directory.path().join("fm.toml");
    fs::write(&config, "").unwrap();
    let mut command = flow_marker(&config).unwrap();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", WATCHDOG);
    let marker = Process::spawn("flow-marker", command, directory.path()).unwrap();
    up_and_alive(&systemd, marker);
}

/// Hears that a daemon is up and that it goes on, and ends it.
fn up_and_alive(systemd: &UnixDatagram, daemon: Process) {
    let (mut pings, mut ready) = (0, false);
    while pings < 4 {
        let mut text = [0; 4096];
        let length = systemd.recv(&mut text).unwrap();
        match String::from_utf8_lossy(text.get(..length).unwrap()).trim_end() {
            "READY=1" => ready = true,
            "WATCHDOG=1" => pings += 1,
            status => assert!(status.starts_with("STATUS="), "{status}"),
        }
    }
    assert!(ready);
    let log = daemon.output();
    assert!(!log.contains("does not get on"), "{log}");
    assert!(daemon.terminate(PATIENCE).unwrap().success());
    // What it said at the end is not for the next one.
    systemd.set_nonblocking(true).unwrap();
    while systemd.recv(&mut [0; 4096]).is_ok() {}
    systemd.set_nonblocking(false).unwrap();
}

#[test]
fn flow_marker_receives_and_listens_where_systemd_does() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("fm.toml");
    // A socket that is passed has one thread, whatever is said here; where the settings listen is of no interest.
    fs::write(
        &config,
        "[sflow]\nthreads = 4\n[http]\nlisten = \"192.0.2.1:1\"\nno_auth = true\n",
    )
    .unwrap();
    let place = |port: &str| format!("127.0.0.1:{port}").parse::<SocketAddr>().unwrap();
    for udp in [1, 2] {
        let free: Vec<_> = (0..udp).map(|_| UdpSocket::bind(place("0")).unwrap()).collect();
        let ports: Vec<SocketAddr> = free.iter().map(|socket| socket.local_addr().unwrap()).collect();
        drop(free);
        let mut command = process::command(binaries::binary("pass-sockets").unwrap());
        for port in &ports {
            command.args(["--udp", &port.to_string()]);
        }
        command.args(["--tcp", "127.0.0.1:0", "--"]);
        command
            .arg(binaries::binary("flow-marker").unwrap())
            .args(["run", "--config"]);
        command.arg(&config);
        let marker = Process::spawn(&format!("passed-{udp}"), command, directory.path()).unwrap();
        marker.wait_for_output(" http=", PATIENCE).unwrap();
        let log = marker.output();
        assert!(
            log.contains(&format!(
                "a thread for each, and not where the settings say threads={udp}"
            )),
            "{log}"
        );
        let http = log
            .split(" http=")
            .nth(1)
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .unwrap();
        let mut agent = Agent::new("192.0.2.1".parse().unwrap());
        let sender = UdpSocket::bind(place("0")).unwrap();
        for n in 0..100_usize {
            let datagram = agent.datagram(Duration::from_millis(u64::try_from(n).unwrap()), &[]);
            sender.send_to(&datagram, ports[n % ports.len()]).unwrap();
        }
        wait::until("all datagrams", PATIENCE, || {
            let metrics = http::get(http, "/metrics").ok()?.text();
            let sum = |name: &str| -> u64 {
                let values = metrics.lines().filter(|line| line.starts_with(name));
                values
                    .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
                    .sum()
            };
            assert_eq!(sum("flow_marker_datagrams_dropped_total"), 0);
            (sum("flow_marker_datagrams_decoded_total") == 100).then_some(())
        })
        .unwrap();
        assert!(marker.terminate(PATIENCE).unwrap().success());
    }

    // What may not be listened on may not be passed either.
    fs::write(&config, "").unwrap();
    let mut command = process::command(binaries::binary("pass-sockets").unwrap());
    command.args(["--tcp", "0.0.0.0:0", "--"]);
    command
        .arg(binaries::binary("flow-marker").unwrap())
        .args(["run", "--config"])
        .arg(&config);
    let error = format!("{:#}", process::run(command).unwrap_err());
    assert!(error.contains("flow-marker token"), "{error}");
}

/// Takes from the mount namespace what the unit takes, and from the process what it may not: capabilities, and new ones.
/// Arguments: the capabilities, directories that stay writable, `--`, the program and its arguments.
///
/// What this is not: the filter of system calls and address families, which only systemd can set up.
const BOX: &str = r#"
capabilities=$1; shift
writable=' '
while [ "$1" != -- ]; do
    mount --bind "$1" "$1"
    writable="$writable$1 "
    shift
done
shift
awk '{ print $5 }' /proc/self/mountinfo | sort -u | while read -r at; do
    case $at in /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) continue ;; esac
    case $writable in *" $at "*) continue ;; esac
    mount -o remount,bind,ro "$at" 2>/dev/null || true
done
for at in /usr /etc /tmp; do
    if touch "$at/in-the-box" 2>/dev/null; then
        rm "$at/in-the-box"
        echo "the box is open: $at" >&2
        exit 1
    fi
done
mount -t proc -o hidepid=2 proc /proc
exec setpriv --bounding-set "$capabilities" --inh-caps -all --no-new-privs -- "$@"
"#;

/// acl-server in the box of its unit, in the leaf of a lab.
struct Boxed<'a> {
    lab: &'a Lab,
    /// What is writable besides /run and /var: state and rules.
    home: PathBuf,
    started: usize,
}

impl Boxed<'_> {
    const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(AGENT), 80);

    fn policy_dir(&self) -> PathBuf {
        self.home.join("policy.d")
    }

    /// Starts the daemon, on a port that needs a capability, and waits for `until` in its log.
    fn start(&mut self, tool: &str, tool_args: &str, limit: &str, until: &str) -> Process {
        let unit = unit("acl-server.service");
        // What is writable in the unit, as far as this machine has it.
        assert_eq!(
            settings(&unit, "ReadWritePaths"),
            ["/run /var -/cumulus -/etc/cumulus/acl -/etc/acl-server/policy.d"]
        );
        assert_eq!(settings(&unit, "ProtectSystem"), ["strict"]);
        assert_eq!(settings(&unit, "ProtectProc"), ["invisible"]);
        assert_eq!(settings(&unit, "NoNewPrivileges"), ["yes"]);
        let capabilities = settings(&unit, "CapabilityBoundingSet")
            .concat()
            .split(' ')
            .fold("-all".to_owned(), |all, name| {
                all + ",+" + &name.trim_start_matches("CAP_").to_lowercase()
            });
        let mut command = self.lab.leaf().command("unshare");
        command.args(["--mount", "--propagation=slave", "sh", "-ec", BOX, "box"]);
        command.args([&capabilities, "/run", "/var"]);
        command
            .arg(&self.home)
            .arg("--")
            .arg(binaries::binary("acl-server").unwrap());
        command.args(["--listen", &Self::ADDRESS.to_string(), "--no-auth"]);
        command.arg("--policy-dir").arg(self.policy_dir());
        command.arg("--state-dir").arg(self.home.join("state"));
        command.arg("--tool").arg(binaries::binary(tool).unwrap());
        command.args(["--tool-args", tool_args, "--tool-timeout", limit]);
        self.started += 1;
        let name = format!("boxed-{}", self.started);
        let process = self.lab.leaf().spawn(&name, command).unwrap();
        process.wait_for_output(until, PATIENCE).unwrap();
        process
    }

    fn put(&self, name: &str, body: &serde_json::Value) -> u16 {
        let path = format!("/acl/{name}");
        let answer = self.lab.leaf().inside(|| http::put(Self::ADDRESS, &path, body));
        let answer = answer.unwrap().unwrap();
        assert!(answer.status < 300, "{name}: {}", answer.text());
        answer.status
    }

    fn ready(&self) {
        wait::until("the daemon to be ready", PATIENCE, || {
            let answer = self.lab.leaf().inside(|| http::get(Self::ADDRESS, "/readyz"));
            answer.unwrap().ok().filter(|answer| answer.status == 200)
        })
        .unwrap();
    }
}

fn boxed(lab: &Lab) -> Boxed<'_> {
    let home = lab.directory().join("boxed");
    for directory in ["policy.d", "state"] {
        fs::create_dir_all(home.join(directory)).unwrap();
    }
    Boxed {
        lab,
        home,
        started: 0,
    }
}

#[test]
fn lab_the_daemon_and_the_tool_work_in_the_box_of_the_unit() {
    let lab = Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"));
    let mut boxed = boxed(&lab);
    // A file of somebody else, which root without CAP_DAC_OVERRIDE could not read.
    let foreign = boxed.policy_dir().join("99foreign.rules");
    fs::write(&foreign, "[iptables]\n-A FORWARD -i swp9 -j DROP\n").unwrap();
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&foreign, Some(65534), Some(65534)).unwrap();
    let server = boxed.start("acltool", "-i -P {policy_dir}", "60s", "acl-server is up");
    boxed.ready();

    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let field = |key: &str| -> String {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().to_owned()
    };
    // capability.h: DAC_OVERRIDE 1, NET_BIND_SERVICE 10, NET_ADMIN 12, NET_RAW 13.
    let expected = format!("{:016x}", (1 << 1) | (1 << 10) | (1 << 12) | (1 << 13));
    assert_eq!((field("CapEff:"), field("CapBnd:")), (expected.clone(), expected));
    assert_eq!(field("NoNewPrivs:"), "1");

    let leaf = lab.leaf();
    for (body, status) in [
        (json!(["[iptables]", RULE]), 201),
        (
            json!(["[iptables]", RULE, "[ip6tables]", "-A FORWARD -i swp1 -j DROP"]),
            200,
        ),
    ] {
        assert_eq!(boxed.put("ddos1", &body), status);
    }
    let v4 = leaf.run("iptables-save", &[]).unwrap();
    assert!(
        v4.contains("-d 10.10.100.10/32") && v4.contains("-i swp9 "),
        "{v4}"
    );
    let v6 = leaf.run("ip6tables-save", &[]).unwrap();
    assert!(v6.contains("-i swp1 "), "{v6}");
    let gone = leaf.inside(|| http::delete(Boxed::ADDRESS, "/acl/ddos1"));
    assert_eq!(gone.unwrap().unwrap().status, 204);
    let v4 = leaf.run("iptables-save", &[]).unwrap();
    assert!(!v4.contains("10.10.100.10"), "{v4}");
    assert!(server.terminate(PATIENCE).unwrap().success());
    lab.stop().unwrap();
}

#[test]
fn lab_a_tool_that_a_killed_daemon_left_is_found_and_ended_from_within_the_box() {
    let lab = Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"));
    let mut boxed = boxed(&lab);
    let (hang, started) = (boxed.home.join("hang"), boxed.home.join("started"));
    let args = format!(
        "--dir {{policy_dir}} --hang-if-exists {} --started {}",
        hang.display(),
        started.display()
    );
    fs::write(&hang, "").unwrap();
    // Its first commit hangs.
    let first = boxed.start("recording-tool", &args, "60s", "acl-server is up");
    let tool = wait::until("the tool", PATIENCE, || {
        fs::read_to_string(&started).ok()?.parse::<u32>().ok()
    })
    .unwrap();
    first.crash().unwrap();
    assert!(process::exists(tool), "it outlives its daemon");
    let second = boxed.start(
        "recording-tool",
        &args,
        "1s",
        "what an earlier run of the tool left running",
    );
    wait::until("the end of the tool", PATIENCE, || {
        (!process::exists(tool)).then_some(())
    })
    .unwrap();
    fs::remove_file(&hang).unwrap();
    boxed.ready();
    assert_eq!(boxed.put("ddos1", &json!(["[iptables]", RULE])), 201);
    assert!(second.terminate(PATIENCE).unwrap().success());
    lab.stop().unwrap();
}
