//! Daemons on loopback, for everything that needs no root: temporary directories, free ports, and a recording tool
//! instead of one that changes the kernel.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{Process, command};
use crate::{binaries, http, reaper, wait};

/// How long a daemon may take to be ready; it takes milliseconds.
const READY: Duration = Duration::from_secs(30);

/// acl-server on a free port of loopback.
#[derive(Debug)]
pub struct LocalAclServer {
    /// The daemon.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The directories of an acl-server, which outlive it.
#[derive(Debug)]
pub struct Home {
    directory: PathBuf,
    host: Ipv4Addr,
}

impl Home {
    /// Makes the directories under `directory`.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new(directory: &Path) -> Result<Self> {
        let home = Self {
            directory: directory.to_owned(),
            host: Ipv4Addr::LOCALHOST,
        };
        reaper::watch_directory(directory);
        fs::create_dir_all(home.policy_dir()).context("the policy directory")?;
        Ok(home)
    }

    /// Listens on another address of this machine from now on: the port of a server that was killed may be the next
    /// server's of somebody else, but only on the same address.
    pub const fn listen_on(&mut self, host: Ipv4Addr) {
        self.host = host;
    }

    /// The policy directory.
    pub fn policy_dir(&self) -> PathBuf {
        self.directory.join("policy.d")
    }

    /// Where acl-server keeps its journal and its locks.
    pub fn state_dir(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// Where the recording tool writes what it saw.
    pub fn record(&self) -> PathBuf {
        self.directory.join("runs.jsonl")
    }

    /// acl-server with the recording tool, which gets `tool_args` in addition, ready to be started.
    ///
    /// # Errors
    /// It has not been built.
    pub fn command(&self, tool_args: &str) -> Result<Command> {
        let tool_args = format!(
            "--dir {} --record {} {tool_args}",
            self.policy_dir().display(),
            self.record().display()
        );
        self.command_with("recording-tool", &tool_args)
    }

    /// acl-server with another program of this workspace as its tool, ready to be started.
    ///
    /// # Errors
    /// It has not been built.
    pub fn command_with(&self, tool: &str, tool_args: &str) -> Result<Command> {
        let mut server = command(binaries::binary("acl-server")?);
        server
            .args(["--listen", &format!("{}:0", self.host), "--policy-dir"])
            .arg(self.policy_dir());
        server.arg("--state-dir").arg(self.state_dir());
        server
            .arg("--tool")
            .arg(binaries::binary(tool)?)
            .args(["--tool-args", tool_args]);
        Ok(server)
    }

    /// Starts acl-server with the recording tool, which gets `tool_args` in addition, and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started or does not come up; the error shows its log.
    pub fn start(&self, name: &str, tool_args: &str) -> Result<LocalAclServer> {
        self.spawn(name, self.command(tool_args)?)
    }

    /// Starts what [`Self::command`] has made, perhaps wrapped into something else, and waits until it listens.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn spawn(&self, name: &str, command: Command) -> Result<LocalAclServer> {
        let process = Process::spawn(name, command, &self.directory)?;
        process.wait_for_output("acl-server is up", READY)?;
        let address = address(&process.output(), "listen=").with_context(|| process.output_end())?;
        Ok(LocalAclServer { process, address })
    }

    /// What the recording tool wrote, one entry a run.
    ///
    /// # Errors
    /// The file holds something else.
    pub fn runs(&self) -> Result<Vec<serde_json::Value>> {
        let text = self.recorded();
        text.lines()
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect()
    }

    /// The lines that the recording tool has written to their ends; it may be about to write the next.
    fn recorded(&self) -> String {
        let mut text = fs::read_to_string(self.record()).unwrap_or_default();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// The rule files, by name.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn files(&self) -> Result<Vec<(String, String)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.policy_dir())? {
            let entry = entry?;
            match fs::read_to_string(entry.path()) {
                Ok(text) => files.push((entry.file_name().to_string_lossy().into_owned(), text)),
                // It has been removed or renamed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        files.sort();
        Ok(files)
    }
}

/// A switch of an inventory: an agent address of loopback, and an acl-server with a recording tool there.
#[derive(Debug)]
pub struct LocalSwitch {
    /// The address of its agent and of its acl-server.
    pub agent: Ipv4Addr,
    /// Its directories.
    pub home: Home,
    /// Its acl-server.
    pub server: LocalAclServer,
}

impl LocalSwitch {
    /// Starts the switch 127.0.0.`number`, its files in a directory of its own under `directory`.
    ///
    /// # Errors
    /// acl-server does not come up.
    pub fn start(directory: &Path, number: u8) -> Result<Self> {
        let agent = Ipv4Addr::new(127, 0, 0, number);
        let directory = directory.join(format!("switch-{number}"));
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let mut home = Home::new(&directory)?;
        home.listen_on(agent);
        let server = home.start("acl-server", "")?;
        server.ready()?;
        Ok(Self { agent, home, server })
    }

    /// It, as flow-marker's configuration has it.
    pub fn inventory(&self) -> String {
        let (agent, acl) = (self.agent, self.server.address);
        format!("[[switch]]\nagent = \"{agent}\"\nacl = \"http://{acl}\"\nplatform = \"linux\"\n")
    }

    /// The lines of the rules that its tool was given last, without comments and tables, in order; none before the first
    /// run.
    ///
    /// # Errors
    /// The record holds something else.
    pub fn rules(&self) -> Result<Vec<String>> {
        let record = self.home.recorded();
        let Some(last) = record.lines().last() else {
            return Ok(Vec::new());
        };
        let run: serde_json::Value = serde_json::from_str(last).context("the last run")?;
        let files = run.pointer("/at_end").and_then(serde_json::Value::as_object);
        let files = files.context("a run without files")?.values();
        let lines = files.filter_map(|text| text.as_str()).flat_map(str::lines);
        let mut rules: Vec<_> = lines
            .filter(|line| line.starts_with('-'))
            .map(str::to_owned)
            .collect();
        rules.sort();
        Ok(rules)
    }
}

/// The address that a daemon has logged behind `key`.
fn address(log: &str, key: &str) -> Option<SocketAddr> {
    log.split_whitespace()
        .filter_map(|word| word.strip_prefix(key))
        .find_map(|address| address.parse().ok())
}

impl LocalAclServer {
    /// Waits until changes are taken.
    ///
    /// # Errors
    /// It does not become ready; the error shows its log.
    pub fn ready(&self) -> Result<()> {
        let ready = wait::until_ok("acl-server to be ready", READY, || {
            ensure!(self.process.is_running(), "it has ended");
            Ok(http::get(self.address, "/readyz")
                .ok()
                .filter(|answer| answer.status == 200)
                .map(drop))
        });
        ready.with_context(|| self.process.output_end())
    }
}

/// The command that runs flow-marker on free ports of loopback, or on sockets that are passed to it.
///
/// # Errors
/// It is not built.
pub fn flow_marker(config: &Path) -> Result<Command> {
    flow_marker_at(config, FREE, FREE)
}

/// Any free port of loopback.
const FREE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The same with the addresses at which it receives sFlow and answers HTTP.
fn flow_marker_at(config: &Path, sflow: SocketAddr, http: SocketAddr) -> Result<Command> {
    let mut marker = command(binaries::binary("flow-marker")?);
    marker.arg("run").arg("--config").arg(config);
    marker.args(["--sflow", &sflow.to_string(), "--http", &http.to_string()]);
    Ok(marker)
}

/// flow-marker on free ports of loopback.
#[derive(Debug)]
pub struct LocalFlowMarker {
    /// The daemon.
    pub process: Process,
    /// Where it receives sFlow.
    pub sflow: SocketAddr,
    /// Where its API listens.
    pub http: SocketAddr,
}

impl LocalFlowMarker {
    /// Starts flow-marker with the configuration `toml`, its files in `directory`, and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started or does not come up; the error shows its log.
    pub fn start(directory: &Path, name: &str, toml: &str) -> Result<Self> {
        Self::start_at(directory, name, toml, (FREE, FREE))
    }

    /// The same with its addresses: where it receives sFlow, and where it answers.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_at(
        directory: &Path,
        name: &str,
        toml: &str,
        (sflow, http): (SocketAddr, SocketAddr),
    ) -> Result<Self> {
        let config = directory.join(format!("{name}.toml"));
        fs::write(&config, toml).with_context(|| config.display().to_string())?;
        let process = Process::spawn(name, flow_marker_at(&config, sflow, http)?, directory)?;
        process.wait_for_output(" http=", READY)?;
        let log = process.output();
        let address = |key| address(&log, key).with_context(|| process.output_end());
        let (sflow, http) = (address("sflow=")?, address("http=")?);
        Ok(Self { process, sflow, http })
    }

    /// `GET path` of its API, as JSON.
    ///
    /// # Errors
    /// It does not answer with JSON.
    pub fn json(&self, path: &str) -> Result<serde_json::Value> {
        http::get(self.http, path)?.json()
    }

    /// The sum of all series of a metric that have this label, such as `kind="flow"`; of all of them for an empty one.
    ///
    /// # Errors
    /// It does not answer, or with a value that is no number.
    pub fn metric(&self, name: &str, label: &str) -> Result<f64> {
        let text = http::get(self.http, "/metrics")?.text();
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix("flow_marker_")?.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_it = labels.is_empty() || labels.starts_with('{');
            (is_it && labels.contains(label)).then_some(value)
        });
        values
            .map(|value| value.parse::<f64>().with_context(|| value.to_owned()))
            .sum()
    }
}
