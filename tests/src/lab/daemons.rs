use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{ACL_SERVER, AGENT, Lab, MARKER_API};
use crate::binaries;
use crate::http::{self, Response};
use crate::netns::Namespace;
use crate::process::Process;
use crate::wait;

/// How long a daemon may take to be ready; it takes milliseconds.
const READY: Duration = Duration::from_secs(20);

/// What acl-server runs, if not `acltool`, and what else it is told.
#[derive(Debug, Clone, Default)]
pub struct AclServerOptions {
    /// The ACL tool; by default this workspace's `acltool`.
    pub tool: Option<PathBuf>,
    /// Its arguments; by default `-i -P {policy_dir}`.
    pub tool_args: Option<String>,
    /// More arguments of acl-server.
    pub arguments: Vec<String>,
}

/// acl-server in the leaf, on [`ACL_SERVER`].
#[derive(Debug)]
pub struct AclServer {
    /// The daemon.
    pub process: Process,
    leaf: Namespace,
}

/// flow-marker in the controller, its API on [`MARKER_API`].
#[derive(Debug)]
pub struct FlowMarker {
    /// The daemon.
    pub process: Process,
    controller: Namespace,
}

impl Lab {
    /// Starts acl-server in the leaf and waits until it is ready. A later one takes over the policy directory and the
    /// state of the one before.
    ///
    /// # Errors
    /// It cannot be started, or is not ready in time; the error shows its log.
    pub fn acl_server(&self, options: &AclServerOptions) -> Result<AclServer> {
        let policy = self.policy_dir();
        let state = self.directory().join("acl-server");
        for directory in [&policy, &state] {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        let tool = match &options.tool {
            Some(tool) => tool.clone(),
            None => binaries::binary("acltool")?,
        };
        let mut command = self.leaf().command(binaries::binary("acl-server")?);
        command
            .args(["--listen", &ACL_SERVER.to_string(), "--no-auth", "--policy-dir"])
            .arg(&policy);
        command
            .arg("--state-dir")
            .arg(&state)
            .arg("--tool")
            .arg(tool)
            .arg("--tool-args");
        command
            .arg(options.tool_args.as_deref().unwrap_or("-i -P {policy_dir}"))
            .args(&options.arguments);
        let server = AclServer {
            process: self
                .leaf()
                .spawn(&format!("acl-server-{}", self.number()), command)?,
            leaf: self.leaf().clone(),
        };
        ready(&server.process, &server.leaf, ACL_SERVER)?;
        Ok(server)
    }

    /// Starts flow-marker in the controller with the configuration `toml` and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or is not ready in time; the error shows its log.
    pub fn flow_marker(&self, toml: &str) -> Result<FlowMarker> {
        let number = self.number();
        let config = self.directory().join(format!("flow-marker-{number}.toml"));
        fs::write(&config, toml).with_context(|| config.display().to_string())?;
        let mut command = self.controller().command(binaries::binary("flow-marker")?);
        command
            .arg("run")
            .arg("--config")
            .arg(config)
            .args(["--http", &MARKER_API.to_string()]);
        let marker = FlowMarker {
            process: self
                .controller()
                .spawn(&format!("flow-marker-{number}"), command)?,
            controller: self.controller().clone(),
        };
        ready(&marker.process, &marker.controller, MARKER_API)?;
        Ok(marker)
    }
}

/// flow-marker's configuration for this lab: the leaf as its only switch, whose sampled port counts as 1 Gb/s (a virtual
/// link calls itself faster than it is), the threshold at its default.
///
/// # Errors
/// The leaf cannot be entered.
pub fn mark_config(lab: &Lab, mode: &str) -> Result<String> {
    Ok(format!(
        "[[switch]]\nagent = \"{AGENT}\"\nacl = \"http://{ACL_SERVER}\"\nplatform = \"linux\"\n\
         [switch.ports.{}]\nname = \"swp1\"\nspeed = \"1G\"\n[mark]\nmode = \"{mode}\"\n",
        lab.ovs_port_ifindex()?
    ))
}

impl AclServer {
    /// One request to it, from inside the leaf.
    ///
    /// # Errors
    /// As [`http::request`].
    pub fn request(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<Response> {
        self.leaf
            .inside(|| http::request(ACL_SERVER, method, path, body))?
    }
}

impl FlowMarker {
    /// `GET path` of its API.
    ///
    /// # Errors
    /// As [`http::get`].
    pub fn get(&self, path: &str) -> Result<Response> {
        self.controller.inside(|| http::get(MARKER_API, path))?
    }
}

fn ready(process: &Process, namespace: &Namespace, address: SocketAddr) -> Result<()> {
    let ready = wait::until_ok("a daemon to be ready", READY, || {
        ensure!(process.is_running(), "it has ended");
        let answer = namespace.inside(|| http::get(address, "/readyz"))?;
        Ok(answer.ok().filter(|answer| answer.status == 200).map(drop))
    });
    ready.with_context(|| process.output_end())
}
