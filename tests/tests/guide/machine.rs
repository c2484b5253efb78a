//! The machines of the guide: fresh Debian systems, in the networks of a lab.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tests::chroot::Chroot;
use tests::netns::Namespace;
use tests::process::{self, Process};
use tests::{binaries, deb, wait};

use crate::text::{Block, How, blocks};

/// "Within half a minute", on a slow machine.
const HALF_A_MINUTE: Duration = Duration::from_secs(60);

/// Copies a file to another machine, as `scp FILE… root@ADDRESS:PATH` does where there is a network of management. That
/// machine's files are in /run/peer.
const SCP: &str = r#"#!/bin/sh -e
for to; do :; done
while [ $# -gt 1 ]; do
    cp "$1" "/run/peer/${to#*:}"
    shift
done
"#;

/// A machine, and what was typed there so far.
pub(super) struct Machine {
    name: &'static str,
    pub(super) chroot: Chroot,
    namespace: Namespace,
    /// What later lines of the same terminal know: variables that were set.
    variables: RefCell<String>,
    terminals: RefCell<Vec<Process>>,
}

impl Machine {
    /// A fresh one, with the distribution's packages that the guide has people install there. (On Cumulus Linux they are
    /// there already; here they come from Debian.)
    pub(super) fn new(name: &'static str, kind: &str, namespace: &Namespace) -> Self {
        let kind = if kind == "Cumulus Linux" { "Linux" } else { kind };
        let fetch: Vec<_> = blocks()
            .into_iter()
            .filter(|block| block.prepares() && block.machines.contains(&name) && block.is_for(kind))
            .map(|block| block.text)
            .collect();
        let system = match name {
            "switch" => format!("guide-{}", kind.replace(' ', "-").to_lowercase()),
            "collector" => "guide-collector".to_owned(),
            _ => "guide-host".to_owned(),
        };
        let chroot = if fetch.is_empty() {
            Chroot::new()
        } else {
            Chroot::prepared(&system, &fetch.join("\n"))
        };
        let chroot = chroot.unwrap_or_else(|error| panic!("{error:#}"));
        Self {
            name,
            chroot,
            namespace: namespace.clone(),
            variables: RefCell::default(),
            terminals: RefCell::default(),
        }
    }

    /// systemd, as far as the guide and the scripts of packages need it, and scp to a machine.
    pub(super) fn with_services(mut self, packages: &Path, package: &str, peer: Option<&Path>) -> Self {
        let systemctl = fs::read(binaries::binary("stand-in-systemctl").unwrap()).unwrap();
        self.chroot.program("/usr/bin/systemctl", &systemctl).unwrap();
        fs::create_dir_all(self.chroot.path("/run/systemd/system")).unwrap();
        if let Some(peer) = peer {
            self.chroot.program("/usr/local/bin/scp", SCP.as_bytes()).unwrap();
            self.chroot.share(peer, "/run/peer").unwrap();
        }
        let file = deb::file(packages, package, "1.0-1").unwrap();
        fs::copy(&file, self.chroot.path("/root").join(file.file_name().unwrap())).unwrap();
        self
    }

    /// Types a block, and returns what it printed.
    pub(super) fn types(&self, block: &Block) -> String {
        println!(
            "--- {} (line {} of the guide)\n{}",
            self.name, block.line, block.text
        );
        // Nobody is at the terminal to answer.
        let script = format!("cd /root\n{}{}", self.variables.borrow(), block.text);
        let command = || self.chroot.command_in(&self.namespace, &["sh", "-ec", &script]);
        let said = match block.how {
            How::Once => process::run(command()),
            How::Until => {
                let mut last = Ok(String::new());
                // When the time is over, what failed last tells more.
                let _ = wait::until("a success", HALF_A_MINUTE, || {
                    last = process::run(command());
                    last.is_ok().then_some(())
                });
                last
            }
            How::Beside => {
                let directory = self.chroot.path("/var/log");
                let process = Process::spawn("terminal", command(), &directory).unwrap();
                self.terminals.borrow_mut().push(process.quiet());
                Ok(String::new())
            }
        };
        let said = said.unwrap_or_else(|error| panic!("line {}: {error:#}\n{}", block.line, self.logs()));
        println!("{said}");
        self.remember(block);
        said
    }

    fn remember(&self, block: &Block) {
        let is_set = |line: &&str| {
            let name = line.split('=').next().unwrap();
            name.len() < line.len() && name.chars().all(|letter| letter.is_ascii_uppercase())
        };
        for line in block.text.lines().filter(is_set) {
            self.variables.borrow_mut().push_str(&format!("{line}\n"));
        }
    }

    /// What its daemons have logged.
    fn logs(&self) -> String {
        ["acl-server", "flow-marker", "pmacctd"]
            .iter()
            .filter_map(|name| fs::read_to_string(self.chroot.path(&format!("/var/log/{name}.log"))).ok())
            .collect()
    }

    /// What is typed in its second terminals goes on.
    pub(super) fn terminals_run(&self) -> bool {
        self.terminals.borrow().iter().all(Process::is_running)
    }
}
