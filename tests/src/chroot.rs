use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::netns::Namespace;
use crate::process::{self, Process};
use crate::{binaries, reaper};

/// What is in it besides what every system has: acltool needs iptables, which people get by `Recommends`.
const PACKAGES: &str = "--include=iptables";

/// Enters the system with /proc, /sys and /dev. Arguments: its root, the command. Mounts are gone with the process, which
/// becomes the command.
const ENTER: &str = r#"
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
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

/// Keeps packages from starting services while a system is made (invoke-rc.d(8)).
const NO_SERVICES: &str = "#!/bin/sh\nexit 101\n";

/// A system that is removed when it is dropped.
#[derive(Debug)]
pub struct Chroot {
    directory: TempDir,
    /// Mounted inside: what is outside, and where.
    shared: Vec<(PathBuf, String)>,
}

impl Chroot {
    /// A copy of the smallest system, which is made once for all runs of the tests.
    ///
    /// # Errors
    /// It cannot be made, for want of a mirror for instance.
    pub fn new() -> Result<Self> {
        Self::copy(&base()?)
    }

    /// A copy of a system in which `script` was run, with the network of this machine. That is done once for all runs of
    /// the tests: the script should fetch packages, and nothing that changes with this workspace.
    ///
    /// # Errors
    /// As [`Self::new`], or the script fails.
    pub fn prepared(name: &str, script: &str) -> Result<Self> {
        let base = base()?;
        let prepared = base.with_file_name(name);
        let made_by = base.with_file_name(format!("{name}.sh"));
        if !prepared.is_dir() || fs::read_to_string(&made_by).ok().as_deref() != Some(script) {
            prepare(&base, &prepared, script).with_context(|| script.to_owned())?;
            fs::write(&made_by, script)?;
        }
        Self::copy(&prepared)
    }

    fn copy(system: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        reaper::watch_directory(directory.path());
        copy(system, &directory.path().join("root"))?;
        Ok(Self {
            directory,
            shared: Vec::new(),
        })
    }

    /// Has the directory `outside` at `inside`, in what is started from now on.
    ///
    /// # Errors
    /// There can be no such directory inside.
    pub fn share(&mut self, outside: &Path, inside: &str) -> Result<()> {
        fs::create_dir_all(self.path(inside))?;
        self.shared.push((outside.to_owned(), inside.to_owned()));
        Ok(())
    }

    /// Puts an executable file inside.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn program(&self, path: &str, contents: &[u8]) -> Result<()> {
        let path = self.path(path);
        fs::write(&path, contents).with_context(|| path.display().to_string())?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
    }

    /// The path, seen from outside, of what is at `path` inside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory
            .path()
            .join("root")
            .join(path.trim_start_matches('/'))
    }

    /// A command that runs inside, with a network of its own that has loopback alone.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::command("unshare");
        command.args(["--mount", "--net", "sh", "-ec"]);
        command.arg(format!("ip link set lo up\n{}", self.enter()));
        command.arg("enter").arg(self.path("")).args(arguments);
        command
    }

    /// A command that runs inside, with the network of a namespace.
    pub fn command_in(&self, namespace: &Namespace, arguments: &[&str]) -> Command {
        let mut command = namespace.command("unshare");
        command.args(["--mount", "sh", "-ec"]).arg(self.enter());
        command.arg("enter").arg(self.path("")).args(arguments);
        command
    }

    fn enter(&self) -> String {
        let mut script = String::new();
        for (outside, inside) in &self.shared {
            // Writing into a String cannot fail.
            let _ = writeln!(
                script,
                "mount --bind '{}' '{}'",
                outside.display(),
                self.path(inside).display()
            );
        }
        script + ENTER
    }

    /// Runs a command inside to its end, and returns what it wrote to standard output.
    ///
    /// # Panics
    /// It fails; the panic has what it wrote.
    pub fn run(&self, arguments: &[&str]) -> String {
        good(process::run(self.command(arguments)))
    }

    /// Starts a daemon inside.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Process {
        good(Process::spawn(
            "daemon",
            self.command(arguments),
            self.directory.path(),
        ))
    }

    /// The text of a file inside.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn read(&self, path: &str) -> String {
        good(fs::read_to_string(self.path(path)).with_context(|| path.to_owned()))
    }

    /// Whether there is something, be it a link to nothing.
    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    /// Every path in it, but for what the tools leave.
    ///
    /// # Panics
    /// It cannot be entered.
    pub fn everything(&self) -> BTreeSet<String> {
        let list = self.run(&["find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-print"]);
        let of_tools = |path: &str| OF_TOOLS.iter().any(|start| path.starts_with(start));
        let paths = list.lines().filter(|path| !of_tools(path));
        paths.map(str::to_owned).collect()
    }
}

#[expect(clippy::panic, reason = "what is used by tests alone fails as they do")]
fn good<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error:#}"))
}

fn copy(system: &Path, to: &Path) -> Result<()> {
    let mut copy = process::command("cp");
    copy.args(["--archive", "--reflink=auto"]).arg(system).arg(to);
    process::run(copy).map(drop)
}

/// Makes `prepared` of `base`.
#[expect(clippy::print_stdout, reason = "it takes a minute, and once")]
fn prepare(base: &Path, prepared: &Path, script: &str) -> Result<()> {
    println!("making a small system, once, with: {script}");
    let new = tempfile::Builder::new()
        .prefix("new-")
        .tempdir_in(base.parent().context("target")?)?;
    let root = new.path().join("root");
    copy(base, &root)?;
    let chroot = Chroot {
        directory: new,
        shared: Vec::new(),
    };
    chroot.program("/usr/sbin/policy-rc.d", NO_SERVICES.as_bytes())?;
    fs::copy("/etc/resolv.conf", root.join("etc/resolv.conf"))?;
    let mut run = process::command("unshare");
    run.args(["--mount", "sh", "-ec", ENTER, "enter"]).arg(&root);
    run.args(["sh", "-ec", script]);
    process::run(run)?;
    fs::remove_file(root.join("usr/sbin/policy-rc.d"))?;
    forget_downloads(&root)?;
    if prepared.is_dir() {
        fs::remove_dir_all(prepared)?;
    }
    Ok(fs::rename(&root, prepared)?)
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
    forget_downloads(root)
}

/// Removes what only costs time to copy.
fn forget_downloads(root: &Path) -> Result<()> {
    for path in ["var/lib/apt/lists", "var/cache/apt", "usr/share/locale"] {
        fs::remove_dir_all(root.join(path))?;
        fs::create_dir_all(root.join(path).join("partial"))?;
    }
    Ok(fs::create_dir_all(root.join("var/cache/apt/archives/partial"))?)
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
