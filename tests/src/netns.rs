use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};

use crate::process::{self, Process};

/// Where iproute2 keeps the namespaces that have names.
const NAMED: &str = "/run/netns";

/// A network namespace with a name. It does not own it: the lab's guard removes what the lab made.
#[derive(Debug, Clone)]
pub struct Namespace {
    name: String,
    /// Where the output of what is started in it goes.
    directory: PathBuf,
}

impl Namespace {
    /// The namespace of this name; output of programs goes to files in `directory`.
    pub fn new(name: impl Into<String>, directory: &Path) -> Self {
        Self {
            name: name.into(),
            directory: directory.to_owned(),
        }
    }

    /// Its name, as `ip netns` shows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs `program` in it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        // `ip netns exec` replaces itself by the program, so the process id is the program's.
        let mut command = process::command("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `program` in it to its end, and returns its standard output.
    ///
    /// # Errors
    /// It cannot be started or fails; the error holds what it wrote.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(program);
        command.args(arguments);
        process::run(command)
    }

    /// Starts a command that was made by [`Self::command`]; its output goes to `<name>.log` in the lab's directory.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        Process::spawn(name, command, &self.directory)
    }

    /// Runs `work` on a thread of its own that is in this namespace: sockets that it opens belong to it, and stay so.
    ///
    /// # Errors
    /// The namespace cannot be entered, or `work` panicked.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                Ok(work())
            });
            thread
                .join()
                .map_err(|_| anyhow!("a panic inside {}", self.name))?
        })
    }

    /// Moves the calling thread into this namespace, for good. Only for a thread of the caller's own.
    ///
    /// # Errors
    /// The namespace does not exist, or the caller is not root.
    pub fn enter(&self) -> Result<()> {
        let file = File::open(Path::new(NAMED).join(&self.name));
        let file = file.with_context(|| format!("network namespace {}", self.name))?;
        setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("enter {}", self.name))
    }

    /// The index of an interface in it.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn interface_index(&self, interface: &str) -> Result<u32> {
        self.inside(|| nix::net::if_::if_nametoindex(interface))?
            .with_context(|| format!("{interface} in {}", self.name))
    }
}

/// The names of all network namespaces that have one.
///
/// # Errors
/// The directory that holds them cannot be read.
pub fn names() -> Result<Vec<String>> {
    match fs::read_dir(NAMED) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect(),
        // It is made with the first namespace.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).context(NAMED),
    }
}
