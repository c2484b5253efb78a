//! The packages in a system that is booted: what the units allow the daemons to do, and what systemd does with them.

use std::fs;

use tests::booted::{Booted, SYSTEM};
use tests::chroot::Chroot;
use tests::wait;

use super::{ACL_SERVER, FLOW_MARKER, PATIENCE, build, install, only};

const JSON: &str = "Content-Type: application/json";

/// Somebody's rule, and what the kernel says of it.
const RULE: (&str, &str) = (
    r#"["[iptables]", "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP"]"#,
    "-d 10.10.100.10/32",
);

/// What flow-marker is asked for by somebody, and what the kernel says of it.
const DROP: (&str, &str) = (
    "{action:'drop', switch:'10.0.0.233', protocol:'udp', destination:'10.10.100.20', sport:53, ttl:3600, reason:'DNS flood'}",
    "-d 10.10.100.20/32",
);

/// A switch that is this machine.
const SWITCH: &str = r#"
[[switch]]
agent = "10.0.0.233"
name = "leaf1"
acl = "http://127.0.0.1:8080"
platform = "linux"
"#;

/// A system with both daemons.
struct Machine<'a> {
    chroot: &'a Chroot,
    booted: Booted,
}

impl<'a> Machine<'a> {
    fn boot(chroot: &'a Chroot) -> Self {
        Self {
            chroot,
            booted: Booted::new(chroot).unwrap_or_else(|error| panic!("{error:#}")),
        }
    }

    fn run(&self, arguments: &[&str]) -> String {
        self.booted.run(arguments)
    }

    fn install(&self, file: &std::path::Path) -> String {
        install(self.chroot, |what| self.run(what), file)
    }

    fn is_active(&self, unit: &str) -> bool {
        self.booted.attempt(&["systemctl", "is-active", unit]).is_ok()
    }

    /// What systemd knows of a service.
    fn property(&self, unit: &str, name: &str) -> String {
        let value = self.run(&["systemctl", "show", "--value", "--property", name, unit]);
        value.trim().to_owned()
    }

    /// What a service has logged.
    fn log(&self, unit: &str, priority: &str) -> String {
        let of = [
            "--no-pager",
            "--output=cat",
            "--unit",
            unit,
            "--priority",
            priority,
        ];
        self.run(&[&["journalctl"], &of[..]].concat())
    }

    fn curl(&self, arguments: &[&str]) -> String {
        let always = ["curl", "--silent", "--show-error", "--fail", "--max-time", "10"];
        self.run(&[&always[..], arguments].concat())
    }

    fn rules(&self) -> String {
        self.run(&["iptables-save"])
    }

    /// Waits for what the kernel says.
    fn has_rule(&self, rule: &str, present: bool) {
        let there = || (self.rules().contains(rule) == present).then_some(());
        wait::until(rule, PATIENCE, there).unwrap_or_else(|error| {
            let log = self.run(&["journalctl", "--no-pager", "--output=cat", "--lines=100"]);
            let rules = self.rules();
            panic!("{error:#}, to be there: {present}\n{rules}\n{log}")
        });
    }

    /// Replaces some of flow-marker's settings.
    fn configure(&self, settings: &str) {
        fs::write(self.chroot.path(FLOW_MARKER.conffile), settings).unwrap();
    }
}

#[test]
fn lab_packages_run_as_services_and_come_back_after_a_reboot() {
    let directory = tempfile::tempdir().unwrap();
    let (old, new) = (
        build(&directory.path().join("old"), "1.0-1"),
        build(&directory.path().join("new"), "2.0-1"),
    );
    let chroot = Chroot::prepared("booted", SYSTEM).unwrap_or_else(|error| panic!("{error:#}"));
    let machine = Machine::boot(&chroot);

    let said = machine.install(&only(&old, "acl-server", "1.0-1"));
    assert!(
        said.contains("acl-server is not started: /usr/cumulus/bin/cl-acltool"),
        "{said}"
    );
    assert!(
        !machine.is_active("acl-server"),
        "there is no tool that it could run"
    );
    does_as_told(&machine);
    machine.install(&only(&old, "flow-marker", "1.0-1"));
    assert!(machine.is_active("flow-marker"));
    is_reloaded(&machine);
    is_killed(&machine);
    is_upgraded(
        &machine,
        [
            &only(&new, "acl-server", "2.0-1"),
            &only(&new, "flow-marker", "2.0-1"),
        ],
    );

    machine.booted.shut_down().unwrap();
    let machine = Machine::boot(&chroot);
    // The rules of the kernel are gone with it, and come back with the services.
    machine.has_rule(RULE.1, true);
    machine.has_rule(DROP.1, true);
    for package in [&ACL_SERVER, &FLOW_MARKER] {
        assert_eq!(
            machine.property(package.name, "NRestarts"),
            "0",
            "{}",
            package.name
        );
    }
    let decisions = machine.curl(&["http://127.0.0.1:8008/decisions/json"]);
    assert!(decisions.contains("DNS flood"), "{decisions}");
    // The rule may have come from its file, before flow-marker has reached acl-server; without that it withdraws nothing.
    let installed = || {
        let controls = machine.curl(&["http://127.0.0.1:8008/controls/json"]);
        controls.contains(r#""state":"installed""#).then_some(())
    };
    wait::until("the control to be known as installed", PATIENCE, installed).unwrap();

    // What is stopped leaves nothing on the switch that is its own.
    machine.run(&["apt-get", "purge", "-y", "flow-marker"]);
    assert!(!machine.is_active("flow-marker"));
    machine.has_rule(DROP.1, false);
    machine.run(&["apt-get", "remove", "-y", "acl-server"]);
    assert!(!machine.is_active("acl-server"));
    machine.has_rule(RULE.1, true);
    assert_eq!(machine.run(&["systemctl", "--failed", "--quiet"]), "");
}

/// A switch has the tool when the package comes.
#[test]
fn lab_packages_start_where_the_tool_is() {
    let directory = tempfile::tempdir().unwrap();
    let packages = build(directory.path(), "1.0-1");
    let chroot = Chroot::prepared("booted", SYSTEM).unwrap_or_else(|error| panic!("{error:#}"));
    fs::create_dir_all(chroot.path("/usr/cumulus/bin")).unwrap();
    fs::create_dir_all(chroot.path("/etc/cumulus/acl/policy.d")).unwrap();
    chroot
        .program("/usr/cumulus/bin/cl-acltool", b"#!/bin/sh\nexit 0\n")
        .unwrap();
    let machine = Machine::boot(&chroot);
    let said = machine.install(&only(&packages, "acl-server", "1.0-1"));
    assert!(!said.contains("not started"), "{said}");
    assert!(machine.is_active("acl-server"));
    let url = "http://127.0.0.1:8080/acl/ddos1";
    machine.curl(&["-X", "PUT", "-H", JSON, "--data", RULE.0, url]);
    assert!(chroot.has("/etc/cumulus/acl/policy.d/50rest-ddos1.rules"));
    machine.run(&["apt-get", "purge", "-y", "acl-server"]);
    assert!(!machine.is_active("acl-server"));
}

/// What the package says to do on Linux without Cumulus.
fn does_as_told(machine: &Machine<'_>) {
    let example = "/usr/share/doc/acl-server/examples/linux.toml";
    machine.run(&["cp", example, ACL_SERVER.conffile]);
    machine.run(&["systemctl", "restart", "acl-server"]);
    assert_eq!(
        machine.property("acl-server", "StatusText"),
        "listening on 127.0.0.1:8080"
    );
    let url = "http://127.0.0.1:8080/acl/ddos1";
    machine.curl(&["-X", "PUT", "-H", JSON, "--data", RULE.0, url]);
    machine.has_rule(RULE.1, true);
    // Who reads the journal sees who did what.
    let log = machine.log("acl-server", "info");
    assert!(
        log.contains(r#"what="put ddos1" verdict="installed""#) && log.contains("changes=1"),
        "{log}"
    );
}

/// A reload is told of success and of mistakes.
fn is_reloaded(machine: &Machine<'_>) {
    let pid = machine.property("flow-marker", "MainPID");
    machine.configure(&format!("{SWITCH}bogus = 1\n"));
    let error = machine.booted.attempt(&["systemctl", "reload", "flow-marker"]);
    assert!(error.is_err(), "a mistake must fail the reload");
    let log = machine.log("flow-marker", "info");
    assert!(log.contains("unknown key `bogus`"), "{log}");
    let switches = "http://127.0.0.1:8008/switches/json";
    assert!(!machine.curl(&[switches]).contains("leaf1"));

    machine.configure(SWITCH);
    machine.run(&["systemctl", "reload", "flow-marker"]);
    let there = || machine.curl(&[switches]).contains("leaf1").then_some(());
    wait::until("the switch", PATIENCE, there).unwrap();
    assert_eq!(machine.property("flow-marker", "MainPID"), pid);
    machine.curl(&["-X", "POST", "--data", DROP.0, "http://127.0.0.1:8008/controls"]);
    machine.has_rule(DROP.1, true);

    let pid = machine.property("acl-server", "MainPID");
    machine.run(&["systemctl", "reload", "acl-server"]);
    assert_eq!(machine.property("acl-server", "MainPID"), pid);
    assert!(machine.is_active("acl-server"));
}

/// systemd starts again what was killed, and that knows what it knew.
fn is_killed(machine: &Machine<'_>) {
    for package in [&ACL_SERVER, &FLOW_MARKER] {
        let name = package.name;
        let pid = machine.property(name, "MainPID");
        machine.run(&["systemctl", "kill", "--signal=KILL", name]);
        let again = || {
            let now = machine.property(name, "MainPID");
            (now != pid && now != "0" && machine.is_active(name)).then_some(())
        };
        wait::until(name, PATIENCE, again).unwrap();
        assert_eq!(machine.property(name, "NRestarts"), "1", "{name}");
    }
    machine.has_rule(RULE.1, true);
    machine.has_rule(DROP.1, true);
    let controls = machine.curl(&["http://127.0.0.1:8008/controls/json"]);
    assert!(controls.contains("DNS flood"), "{controls}");
}

/// The new version runs, with the settings of the old one, and nothing was withdrawn.
fn is_upgraded(machine: &Machine<'_>, files: [&std::path::Path; 2]) {
    for (package, file) in [&ACL_SERVER, &FLOW_MARKER].into_iter().zip(files) {
        let pid = machine.property(package.name, "MainPID");
        let said = machine.install(file);
        assert!(!said.contains("not started"), "{said}");
        assert!(machine.is_active(package.name));
        assert_ne!(machine.property(package.name, "MainPID"), pid, "{}", package.name);
    }
    machine.has_rule(RULE.1, true);
    machine.has_rule(DROP.1, true);
}
