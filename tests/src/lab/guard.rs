#![expect(
    clippy::disallowed_methods,
    reason = "the harness is blocking by design, and this is its only bare process"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::name::{LabName, ROLES};
use crate::{netns, wait};

/// The guard is a shell script, so that it runs on without the program whose end it waits for.
const SCRIPT: &str = include_str!("guard.sh");

/// The process that removes the lab.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Starts to watch over the lab `name`, whose files are in `directory`.
    pub(super) fn start(name: &LabName, directory: &Path) -> Result<Self> {
        let mut command = script(name, directory);
        // The pipe's end is closed on exec, so nothing that the owner starts keeps the guard waiting.
        let child = command
            .stdin(Stdio::piped())
            .spawn()
            .context("start the lab's guard")?;
        Ok(Self(child))
    }

    /// Has the lab removed and waits for that.
    pub(super) fn finish(mut self, limit: Duration) -> Result<()> {
        if let Some(mut pipe) = self.0.stdin.take() {
            // A guard that is no more is told by its status.
            let _ = pipe.write_all(b"end\n");
        }
        let status = wait::until_ok("the lab to be removed", limit, || Ok(self.0.try_wait()?))?;
        ensure!(status.success(), "the lab's guard ended with {status}");
        Ok(())
    }
}

fn script(name: &LabName, directory: &Path) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    let mut command = Command::new("/bin/sh");
    command
        .args([OsStr::new("-c"), OsStr::new(SCRIPT), OsStr::new("lab-guard"), directory.as_os_str()])
        .args(ROLES.map(|role| name.namespace(role)))
        .env("PATH", path)
        .current_dir("/")
        // Ctrl-C and a test runner's signals go to the owner's group.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Removes the labs whose owner no longer exists: what is left when the guard was killed too.
pub(super) fn sweep() -> Result<()> {
    let mut dead: BTreeMap<LabName, Vec<PathBuf>> = BTreeMap::new();
    for name in netns::names()?.iter().filter_map(|name| LabName::of(name)) {
        dead.entry(name).or_default();
    }
    for (name, directory) in directories()? {
        dead.entry(name).or_default().push(directory);
    }
    dead.retain(|name, _| !name.owner_lives());
    for (name, mut directories) in dead {
        // Without a directory the script gets a path that cannot exist.
        let last = directories
            .pop()
            .unwrap_or_else(|| std::env::temp_dir().join(name.namespace("none")));
        script(&name, &last)
            .status()
            .with_context(|| format!("remove {name}"))?;
        for directory in directories {
            // Another process may be sweeping too: what counts is that it is gone.
            let _ = fs::remove_dir_all(directory);
        }
    }
    Ok(())
}

/// What still exists of a lab, by name.
pub(super) fn leftovers(name: &LabName) -> Result<Vec<String>> {
    let namespaces = netns::names()?
        .into_iter()
        .filter(|other| LabName::of(other) == Some(*name));
    let directories = directories()?.into_iter().filter(|(other, _)| other == name);
    Ok(namespaces
        .chain(directories.map(|(_, path)| path.display().to_string()))
        .collect())
}

/// The directories of labs, with the lab's name.
fn directories() -> Result<Vec<(LabName, PathBuf)>> {
    let temporary = std::env::temp_dir();
    let entries = fs::read_dir(&temporary).with_context(|| temporary.display().to_string())?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths
        .filter_map(|path| Some((LabName::of(path.file_name()?.to_str()?)?, path)))
        .collect())
}
