//! A stand-in for `systemctl` where systemd does not run: in a system that was entered by chroot. It does what the unit says,
//! as far as tests need that: the command with its environment file, its user, its directories, and the wait until a daemon
//! has said that it is ready. Nothing of the box of the unit is there, and nothing is restarted.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it stands in for a program that prints, starts others and waits for them"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a daemon may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether a daemon has ended.
const REST: Duration = Duration::from_millis(50);
/// What is in the environment of all that it has started, with the unit.
const MARK: &str = "STAND_IN_UNIT";
/// Where it notes things.
const NOTES: &str = "/run/stand-in-systemctl";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let now = arguments.iter().any(|argument| argument == "--now");
    let mut words = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let verb = words.next().context("no verb")?;
    for name in words {
        let name = name.trim_end_matches(".service");
        // Sockets, and patterns of instances: none of them is ever there.
        if name.contains(['.', '*']) {
            continue;
        }
        let unit = Unit::read(name)?;
        match (verb.as_str(), now) {
            ("start", _) | ("enable", true) => unit.start()?,
            ("stop", _) | ("disable", true) => unit.stop()?,
            ("restart", _) => {
                unit.stop()?;
                unit.start()?;
            }
            ("try-restart", _) if !unit.processes()?.is_empty() => {
                unit.stop()?;
                unit.start()?;
            }
            ("reload", _) => unit.signal(Signal::SIGHUP)?,
            ("is-enabled", _) => println!("enabled"),
            ("is-active" | "status", _) => ensure!(!unit.processes()?.is_empty(), "{name} is not active"),
            _ => {}
        }
    }
    Ok(())
}

/// A service.
struct Unit {
    name: String,
    settings: BTreeMap<String, String>,
    /// What marks its processes: there may be others in other systems.
    mark: String,
}

impl Unit {
    fn read(name: &str) -> Result<Self> {
        let paths =
            ["/etc/systemd/system", "/lib/systemd/system"].map(|path| format!("{path}/{name}.service"));
        let text = paths.iter().find_map(|path| fs::read_to_string(path).ok());
        let text = text.with_context(|| format!("Unit {name}.service not found."))?;
        let settings = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let root = fs::metadata("/")?;
        Ok(Self {
            name: name.to_owned(),
            settings: settings.collect(),
            mark: format!("{MARK}={name}:{}:{}", root.dev(), root.ino()),
        })
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    fn start(&self) -> Result<()> {
        if !self.processes()?.is_empty() {
            return Ok(());
        }
        for (key, above) in [("StateDirectory", "/var/lib"), ("RuntimeDirectory", "/run")] {
            if let Some(name) = self.setting(key) {
                self.directory(Path::new(above).join(name).as_path())?;
            }
        }
        fs::create_dir_all(NOTES)?;
        fs::set_permissions(NOTES, fs::Permissions::from_mode(0o755))?;
        let socket = format!("{NOTES}/{}.notify", self.name);
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let notify = UnixDatagram::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777))?;
        notify.set_read_timeout(Some(PATIENCE))?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(format!("/var/log/{}.log", self.name))?;
        let mut child = self
            .command()?
            .env("NOTIFY_SOCKET", &socket)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        match self.setting("Type") {
            Some("notify") => self.ready(&notify),
            Some("forking" | "oneshot") => {
                let status = child.wait()?;
                ensure!(status.success(), "{}: {status}", self.name);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn ready(&self, notify: &UnixDatagram) -> Result<()> {
        let mut bytes = [0; 4096];
        loop {
            let length = notify.recv(&mut bytes);
            let length =
                length.with_context(|| format!("{} is not ready: see /var/log/{0}.log", self.name))?;
            let said = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
            if said.lines().any(|line| line == "READY=1") {
                return Ok(());
            }
        }
    }

    fn command(&self) -> Result<Command> {
        let mut script = String::new();
        if let Some(file) = self.setting("EnvironmentFile") {
            script += &format!("set -a\n. {}\n", file.trim_start_matches('-'));
        }
        script += "exec ";
        script += self.setting("ExecStart").context("ExecStart")?;
        let shell = ["sh", "-c", &script];
        let mut command = match self.setting("User") {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([
                    &format!("--reuid={user}"),
                    &format!("--regid={user}"),
                    "--clear-groups",
                ]);
                command.args(shell);
                command
            }
            None => {
                let mut command = Command::new("sh");
                command.args(["-c", &script]);
                command
            }
        };
        let (key, value) = self.mark.split_once('=').context("=")?;
        command.env(key, value).current_dir("/");
        Ok(command)
    }

    fn directory(&self, path: &Path) -> Result<()> {
        fs::create_dir_all(path)?;
        if let Some(user) = self.setting("User") {
            let owner = format!("{user}:{user}");
            let status = Command::new("chown").arg(owner).arg(path).status()?;
            ensure!(status.success(), "chown {}: {status}", path.display());
        }
        Ok(())
    }

    /// All that was started for it and has not ended.
    fn processes(&self) -> Result<Vec<Pid>> {
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that has ended meanwhile has no environment.
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            if environment
                .split(|byte| *byte == 0)
                .any(|line| line == self.mark.as_bytes())
            {
                processes.push(Pid::from_raw(id));
            }
        }
        Ok(processes)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        for process in self.processes()? {
            match kill(process, signal) {
                Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn stop(&self) -> Result<()> {
        let mut waited = Duration::ZERO;
        self.signal(Signal::SIGTERM)?;
        while !self.processes()?.is_empty() {
            if waited > PATIENCE {
                bail!("{} does not end", self.name);
            }
            std::thread::sleep(REST);
            waited += REST;
        }
        Ok(())
    }
}
