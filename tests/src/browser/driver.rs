//! chromedriver as a process, and one session with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Process, command};
use crate::{binaries, http, reaper};

/// How long chromedriver, and a browser after it, may take to start.
const START: Duration = Duration::from_secs(60);

/// What the browser is told: no window, nothing of its own that it would ask the network for, and as root, as which labs
/// run, no sandbox, which it cannot have then.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    // Where shared memory is small, as in containers, pages would die of it.
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--lang=en",
];

/// chromedriver with a browser; dropping it ends both.
#[derive(Debug)]
pub(super) struct Driver {
    // In the order in which they must end: the browser writes into its profile until it is gone.
    process: Process,
    address: SocketAddr,
    session: String,
    directory: TempDir,
}

impl Driver {
    pub(super) fn start() -> Result<Self> {
        let chromium = binaries::system("chromium", "chromium")?;
        let program = binaries::system("chromedriver", "chromium-driver")?;
        let directory = tempfile::tempdir().context("a temporary directory")?;
        reaper::watch_directory(directory.path());
        let mut chromedriver = command(program);
        // Whatever the browser keeps beside its profile is kept here, too.
        chromedriver.arg("--port=0").env("HOME", directory.path());
        chromedriver.env("TMPDIR", directory.path());
        let process = Process::spawn("chromedriver", chromedriver, directory.path())?;
        process.wait_for_output("started successfully on port", START)?;
        let log = process.output();
        let port = log.rsplit_once("on port ").and_then(|(_, port)| {
            let digits = port.split(|c: char| !c.is_ascii_digit());
            digits.into_iter().next()?.parse::<u16>().ok()
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.with_context(|| process.output_end())?));
        let mut driver = Self {
            process,
            address,
            session: String::new(),
            directory,
        };
        let profile = driver.directory.path().join("profile");
        let mut arguments: Vec<_> = ARGUMENTS.iter().map(|&text| text.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": chromium,
                "args": arguments,
                "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
            },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let session = driver.ask("POST", "/session", Some(&wanted))?;
        let session = session.get("sessionId").and_then(Value::as_str);
        driver.session = format!("/session/{}", session.context("no session")?);
        Ok(driver)
    }

    /// Where everything is that the browser writes.
    #[cfg(test)]
    pub(super) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", &format!("{}{path}", self.session), None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("POST", &format!("{}{path}", self.session), Some(body))
    }

    /// One command; its value.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(|body| body.to_string().into_bytes());
        let asked = http::request(self.address, method, path, body.as_deref());
        let answer = asked.with_context(|| self.process.output_end())?;
        let mut json = answer.json()?;
        let value = json.get_mut("value").map(Value::take).unwrap_or_default();
        if answer.status != 200 {
            let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default();
            bail!("{method} {path}: {}: {}", text("error"), text("message"));
        }
        Ok(value)
    }
}
