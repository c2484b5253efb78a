use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{COLLECTOR, LabOptions, NEXT_COLLECTOR};
use crate::netns::Namespace;
use crate::process::{self, Process};
use crate::wait;

/// The database layout that comes with the package.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// How long each step of a start may take; all of them together take a fraction of a second.
const LIMIT: Duration = Duration::from_secs(20);

/// A bridge and where its sFlow goes. Its agent address is that of `mgmt`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bridge {
    name: &'static str,
    ports: &'static [&'static str],
    collector: SocketAddr,
}

impl Bridge {
    /// That of the leaf, which is itself the routed interface.
    pub(super) const LEAF: Self = Self {
        name: "swp1",
        ports: &["phy1"],
        collector: COLLECTOR,
    };
    /// That of the next switch, between its two ports.
    pub(super) const NEXT: Self = Self {
        name: "br0",
        ports: &["swp11", "swp12"],
        collector: NEXT_COLLECTOR,
    };
}

/// Open vSwitch of its own, apart from any that runs on the machine: database, sockets and logs are in the lab's
/// directory, the processes in its namespace.
#[derive(Debug)]
pub(super) struct Switch {
    _database: Process,
    _switch: Process,
}

impl Switch {
    /// Starts a switch with a bridge and sFlow, with its files in `directory`.
    pub(super) fn start(
        namespace: &Namespace,
        directory: &Path,
        bridge: Bridge,
        options: LabOptions,
    ) -> Result<Self> {
        let at = |name: &str| directory.join(name).display().to_string();
        let socket = format!("unix:{}", at("db.sock"));
        process::run(command(
            namespace,
            directory,
            "ovsdb-tool",
            &["create", &at("conf.db"), SCHEMA],
        ))?;
        let remote = format!("--remote=p{socket}");
        let control = format!("--unixctl={}", at("ovsdb.ctl"));
        let database = command(
            namespace,
            directory,
            "ovsdb-server",
            &[&at("conf.db"), &remote, &control],
        );
        let database = namespace.spawn("ovsdb-server", database)?.quiet();
        let accepts = || UnixStream::connect(directory.join("db.sock")).ok();
        drop(wait::until("ovsdb-server", LIMIT, accepts)?);
        let control = format!("--unixctl={}", at("vswitchd.ctl"));
        let switch = command(namespace, directory, "ovs-vswitchd", &[&socket, &control]);
        let switch = namespace.spawn("ovs-vswitchd", switch)?.quiet();

        let target = format!("target=\"{}\"", bridge.collector);
        let db = format!("--db={socket}");
        let [sampling, header, polling] = [
            ("sampling", options.sampling),
            ("header", options.header),
            ("polling", options.polling),
        ]
        .map(|(key, value)| format!("{key}={value}"));
        let mut words = vec![&*db, "--timeout=20", "--", "add-br", bridge.name];
        words.extend(["--", "set", "bridge", bridge.name, "datapath_type=netdev"]);
        for port in bridge.ports {
            words.extend(["--", "add-port", bridge.name, port]);
        }
        words.extend([
            "--",
            "--id=@s",
            "create",
            "sflow",
            "agent=mgmt",
            &target,
            &sampling,
            &header,
            &polling,
            "--",
            "set",
            "bridge",
            bridge.name,
            "sflow=@s",
        ]);
        // It returns when the switch has done all of it.
        process::run(command(namespace, directory, "ovs-vsctl", &words))?;
        Ok(Self {
            _database: database,
            _switch: switch,
        })
    }
}

fn command(namespace: &Namespace, directory: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = namespace.command(program);
    command.args(arguments);
    for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"] {
        command.env(variable, directory);
    }
    command
}
