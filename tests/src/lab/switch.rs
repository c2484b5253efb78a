use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{COLLECTOR, LabOptions};
use crate::netns::Namespace;
use crate::process::{self, Process};
use crate::wait;

/// The database layout that comes with the package.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// How long each step of a start may take; all of them together take a fraction of a second.
const LIMIT: Duration = Duration::from_secs(20);

/// Open vSwitch of its own, apart from any that runs on the machine: database, sockets and logs are in the lab's
/// directory, the processes in the leaf.
#[derive(Debug)]
pub(super) struct Switch {
    _database: Process,
    _switch: Process,
}

impl Switch {
    /// Starts a switch with the bridge `swp1`, its port `phy1`, and sFlow.
    pub(super) fn start(leaf: &Namespace, directory: &Path, options: LabOptions) -> Result<Self> {
        let at = |name: &str| directory.join(name).display().to_string();
        let socket = format!("unix:{}", at("db.sock"));
        process::run(command(
            leaf,
            directory,
            "ovsdb-tool",
            &["create", &at("conf.db"), SCHEMA],
        ))?;
        let remote = format!("--remote=p{socket}");
        let control = format!("--unixctl={}", at("ovsdb.ctl"));
        let database = command(
            leaf,
            directory,
            "ovsdb-server",
            &[&at("conf.db"), &remote, &control],
        );
        let database = leaf.spawn("ovsdb-server", database)?.quiet();
        let accepts = || UnixStream::connect(directory.join("db.sock")).ok();
        drop(wait::until("ovsdb-server", LIMIT, accepts)?);
        let control = format!("--unixctl={}", at("vswitchd.ctl"));
        let switch = command(leaf, directory, "ovs-vswitchd", &[&socket, &control]);
        let switch = leaf.spawn("ovs-vswitchd", switch)?.quiet();

        let (target, db) = (format!("target=\"{COLLECTOR}\""), format!("--db={socket}"));
        let [sampling, header, polling] = [
            ("sampling", options.sampling),
            ("header", options.header),
            ("polling", options.polling),
        ]
        .map(|(key, value)| format!("{key}={value}"));
        let words = [
            &db,
            "--timeout=20",
            "--",
            "add-br",
            "swp1",
            "--",
            "set",
            "bridge",
            "swp1",
            "datapath_type=netdev",
            "--",
            "add-port",
            "swp1",
            "phy1",
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
            "swp1",
            "sflow=@s",
        ];
        // It returns when the switch has done all of it.
        process::run(command(leaf, directory, "ovs-vsctl", &words))?;
        Ok(Self {
            _database: database,
            _switch: switch,
        })
    }
}

fn command(leaf: &Namespace, directory: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = leaf.command(program);
    command.args(arguments);
    for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"] {
        command.env(variable, directory);
    }
    command
}
