//! One leaf switch on real kernel networking, in four network namespaces:
//!
//! ```text
//!  host a ── phy1 ▐ leaf: Open vSwitch bridge “swp1” ─ kernel routing, iptables ─ swp2 ▌── host b
//!                 ▐                      mgmt 10.0.0.233 ──────────────────────────────── controller 10.0.0.162
//! ```
//!
//! The bridge samples what comes in at `phy1` and sends sFlow to the controller. Its internal port is the routed
//! interface, so iptables sees the traffic enter at `swp1`.
//!
//! With `LabOptions::next_switch` there is one more switch between the leaf and host b, which bridges, samples what passes
//! and sends sFlow of its own: `swp2 ── swp11 ▐ next: Open vSwitch bridge ▌ swp12 ── host b`, with `mgmt` 10.0.1.234.
//!
//! A lab belongs to its `Lab` value. It is removed when that is dropped, and also when its owner dies in any other
//! way: a guard process outside the owner's process group waits for the end of a pipe that only the owner holds. Should
//! the guard itself be killed, the next lab that starts removes what is left of labs whose owner no longer exists.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::netns::Namespace;
use crate::wire::Capture;

/// acl-server and flow-marker, where they run in the fabric.
mod daemons;
/// Removes the lab, whatever happens to its owner.
mod guard;
/// How long mice are on their way.
mod latency;
/// The names of labs, which tell their owners.
mod name;
/// A bottleneck behind the switch, with a queue for what is marked.
mod queue;
/// Open vSwitch.
mod switch;
/// Namespaces, links, addresses and routes.
mod topology;
/// Elephants and mice.
mod traffic;

use guard::Guard;
use name::LabName;
use switch::{Bridge, Switch};

pub use daemons::{AclServer, AclServerOptions, FlowMarker, mark_config};
pub use latency::Latencies;
pub use name::PREFIX;
pub use traffic::{Elephant, Mice};

/// The leaf's management address, and its sFlow agent address.
pub const AGENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 233);
/// The management address of the next switch, and its sFlow agent address.
pub const NEXT_AGENT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 234);
/// The controller's address.
pub const CONTROLLER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 162);
/// Where sFlow goes.
pub const COLLECTOR: SocketAddr = SocketAddr::new(IpAddr::V4(CONTROLLER), 6343);
/// Where the next switch sends sFlow: the controller's address on its link.
pub const NEXT_COLLECTOR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 162)), 6343);
/// Where acl-server listens, in the leaf.
pub const ACL_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(AGENT), 8080);
/// Where flow-marker's API listens, in the controller.
pub const MARKER_API: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8008);

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The address of host a, which sends.
    pub fn host_a(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 100, 10, 151).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x100, 0x10, 0, 0, 0, 0, 0x151).into(),
        }
    }

    /// The address of host b, which receives.
    pub fn host_b(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 100, 20, 150).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x100, 0x20, 0, 0, 0, 0, 0x150).into(),
        }
    }
}

/// What can be different between labs.
#[derive(Debug, Clone, Copy)]
pub struct LabOptions {
    /// One in so many packets is sampled.
    pub sampling: u32,
    /// Bytes of a sampled packet that are exported.
    pub header: u32,
    /// Seconds between counter samples of an interface.
    pub polling: u32,
    /// Whether there is a second switch behind the leaf.
    pub next_switch: bool,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            sampling: 100,
            header: 128,
            polling: 1,
            next_switch: false,
        }
    }
}

/// A running lab. Declare it before what runs in it, so that it is dropped last.
#[derive(Debug)]
pub struct Lab {
    name: LabName,
    leaf: Namespace,
    host_a: Namespace,
    host_b: Namespace,
    controller: Namespace,
    next: Namespace,
    /// How many elephants and daemons have been started: their ports and names differ.
    started: Cell<u16>,
    /// `None` once the lab has been removed.
    guard: Option<Guard>,
    // What follows is dropped after the guard has removed it from the system.
    _switches: Vec<Switch>,
    directory: TempDir,
}

impl Lab {
    /// Builds a lab, after removing what is left of labs whose owner is dead.
    ///
    /// # Errors
    /// The caller is not root, a program is missing, or the system refuses something. Nothing is left then.
    pub fn start(options: LabOptions) -> Result<Self> {
        ensure!(
            nix::unistd::Uid::effective().is_root(),
            "the lab needs root, for network namespaces: run as root, or leave the tests named lab_… out"
        );
        topology::check_programs()?;
        guard::sweep().context("labs of dead owners could not be removed")?;
        let name = LabName::next();
        let directory = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir()?;
        // Before anything exists that somebody would have to remove.
        let guard = Guard::start(&name, directory.path())?;
        let namespace = |role| Namespace::new(name.namespace(role), directory.path());
        let [leaf, host_a, host_b, controller, mut next] = name::ROLES.map(namespace);
        if options.next_switch {
            // Its programs are called as those of the leaf.
            let files = directory.path().join("next");
            std::fs::create_dir(&files)?;
            next = Namespace::new(next.name(), &files);
        }
        let mut lab = Self {
            name,
            leaf,
            host_a,
            host_b,
            controller,
            next,
            started: Cell::new(0),
            guard: Some(guard),
            _switches: Vec::new(),
            directory,
        };
        lab.build(options)
            .with_context(|| format!("the lab {} could not be built", lab.name))?;
        Ok(lab)
    }

    fn build(&mut self, options: LabOptions) -> Result<()> {
        topology::links(self, options.next_switch)?;
        self._switches.push(Switch::start(
            &self.leaf,
            self.directory.path(),
            Bridge::LEAF,
            options,
        )?);
        topology::bridge(self)?;
        if options.next_switch {
            let files = self.directory.path().join("next");
            self._switches
                .push(Switch::start(&self.next, &files, Bridge::NEXT, options)?);
        }
        Ok(())
    }

    /// What its namespaces and its directory begin with.
    pub fn name(&self) -> String {
        self.name.to_string()
    }

    /// The switch.
    pub fn leaf(&self) -> &Namespace {
        &self.leaf
    }

    /// The switch behind it, if there is one.
    pub fn next(&self) -> &Namespace {
        &self.next
    }

    /// The host whose traffic enters at the sampled port.
    pub fn host_a(&self) -> &Namespace {
        &self.host_a
    }

    /// The host at the far end.
    pub fn host_b(&self) -> &Namespace {
        &self.host_b
    }

    /// The host that collects sFlow, and where flow-marker runs.
    pub fn controller(&self) -> &Namespace {
        &self.controller
    }

    /// All that every lab has.
    pub fn namespaces(&self) -> [&Namespace; 4] {
        [&self.leaf, &self.host_a, &self.host_b, &self.controller]
    }

    /// Its directory, which is removed with it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The policy directory of the leaf.
    pub fn policy_dir(&self) -> PathBuf {
        self.directory.path().join("policy.d")
    }

    /// The ifIndex under which the switch reports the port of host a.
    ///
    /// # Errors
    /// The leaf cannot be entered.
    pub fn ovs_port_ifindex(&self) -> Result<u32> {
        self.leaf.interface_index("phy1")
    }

    /// Begins to count packets at host a: when and how they were sent.
    ///
    /// # Errors
    /// The host cannot be entered.
    pub fn capture_sent(&self) -> Result<Capture> {
        Capture::start(&self.host_a)
    }

    /// Begins to count packets at host b: when and how they arrived.
    ///
    /// # Errors
    /// The host cannot be entered.
    pub fn capture_received(&self) -> Result<Capture> {
        Capture::start(&self.host_b)
    }

    /// A number that no other caller of this lab gets.
    fn number(&self) -> u16 {
        let number = self.started.get();
        self.started.set(number.wrapping_add(1));
        number
    }

    /// Removes the lab and says whether that was complete, which a drop can only panic about.
    ///
    /// # Errors
    /// Something is left behind; the error names it.
    pub fn stop(mut self) -> Result<()> {
        self.remove()
    }

    fn remove(&mut self) -> Result<()> {
        let Some(guard) = self.guard.take() else {
            return Ok(());
        };
        guard.finish(Duration::from_secs(20))?;
        let left = guard::leftovers(&self.name)?;
        ensure!(left.is_empty(), "the lab has left behind: {}", left.join(", "));
        Ok(())
    }
}

impl Drop for Lab {
    #[expect(
        clippy::panic,
        clippy::print_stderr,
        reason = "a lab that leaves something behind fails its test"
    )]
    fn drop(&mut self) {
        match self.remove() {
            Ok(()) => {}
            Err(error) if std::thread::panicking() => eprintln!("{error:#}"),
            Err(error) => panic!("{error:#}"),
        }
    }
}
