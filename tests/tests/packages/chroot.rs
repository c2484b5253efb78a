//! A small Debian system in a directory: that of this machine's release, from this machine's mirror.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tests::process::{self, Process};
use tests::{binaries, reaper};

/// What is in it besides what every system has: acltool needs iptables, which people get by `Recommends`.
const PACKAGES: &str = "--include=iptables";

/// Enters the system with /proc and /dev, and a network that has loopback alone. Arguments: its root, the command.
/// Mounts and network are gone with the process, which becomes the command.
const ENTER: &str = r#"
ip link set lo up
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive chroot "$@"
"#;

/// What the tools that install packages leave behind, whichever package it is.
const OF_TOOLS: [&str; 6] = [
    "/run/adduser",
    "/tmp",
    "/var/cache",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/log",
];

/// A system that is removed when it is dropped.
pub(super) struct Chroot {
    directory: TempDir,
}

impl Chroot {
    /// A copy of the system that was made once for all runs of the tests.
    pub(super) fn new() -> Result<Self> {
        let base = base()?;
        let directory = tempfile::tempdir()?;
        reaper::watch_directory(directory.path());
        let mut copy = process::command("cp");
        copy.args(["--archive", "--reflink=auto"])
            .arg(base)
            .arg(directory.path().join("root"));
        process::run(copy)?;
        Ok(Self { directory })
    }

    /// The path, seen from outside, of what is at `path` inside.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.directory
            .path()
            .join("root")
            .join(path.trim_start_matches('/'))
    }

    /// A command that runs inside.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::command("unshare");
        command.args(["--mount", "--net", "sh", "-ec", ENTER, "enter"]);
        command.arg(self.path("")).args(arguments);
        command
    }

    /// Runs a command inside to its end, and returns what it wrote to standard output.
    pub(super) fn run(&self, arguments: &[&str]) -> String {
        process::run(self.command(arguments)).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Starts a daemon inside.
    pub(super) fn start(&self, arguments: &[&str]) -> Process {
        Process::spawn("daemon", self.command(arguments), self.directory.path()).unwrap()
    }

    /// The text of a file inside.
    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Whether there is something, be it a link to nothing.
    pub(super) fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    /// Every path in it, but for what the tools leave.
    pub(super) fn everything(&self) -> BTreeSet<String> {
        let list = self.run(&["find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-print"]);
        let of_tools = |path: &str| OF_TOOLS.iter().any(|start| path.starts_with(start));
        list.lines()
            .filter(|path| !of_tools(path))
            .map(str::to_owned)
            .collect()
    }
}

/// The system that others are copied from; made with the first run, and kept beside what cargo builds.
fn base() -> Result<PathBuf> {
    let release = fs::read_to_string("/etc/os-release")?;
    let suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release has no VERSION_CODENAME: is this Debian?")?;
    let built = binaries::directory()?;
    let directory = built.parent().context("target")?.join("debootstrap");
    let base = directory.join(suite);
    if base.is_dir() {
        return Ok(base);
    }
    fs::create_dir_all(&directory)?;
    let new = tempfile::Builder::new().prefix("new-").tempdir_in(&directory)?;
    debootstrap(suite, &new.path().join(suite))?;
    fs::rename(new.path().join(suite), &base)?;
    Ok(base)
}

#[expect(clippy::print_stdout, reason = "it takes a minute, and once")]
fn debootstrap(suite: &str, root: &Path) -> Result<()> {
    let mirror = mirror(suite);
    println!("making a small system of {suite} from {mirror}, once");
    let mut debootstrap = process::command(binaries::system("debootstrap", "debootstrap")?);
    debootstrap
        .args(["--variant=minbase", PACKAGES, suite])
        .arg(root)
        .arg(&mirror);
    let output = debootstrap.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let end: Vec<&str> = said.lines().rev().take(5).collect();
    ensure!(
        output.status.success(),
        "debootstrap cannot make a system of {suite} from {mirror}. Is the mirror reachable from here? Its last words: {end:?} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    // What only costs time to copy.
    for path in ["var/lib/apt/lists", "var/cache/apt", "usr/share/locale"] {
        fs::remove_dir_all(root.join(path))?;
        fs::create_dir_all(root.join(path).join("partial"))?;
    }
    fs::create_dir_all(root.join("var/cache/apt/archives/partial"))?;
    Ok(())
}

/// Where apt has this release from.
fn mirror(suite: &str) -> String {
    let mut targets = process::command("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(CODENAME) $(COMPONENT)",
        "Created-By: Packages",
    ]);
    let targets = process::run(targets).unwrap_or_default();
    let main = targets
        .lines()
        .find_map(|line| line.strip_suffix(&format!(" {suite} main")));
    main.unwrap_or("http://deb.debian.org/debian").to_owned()
}
