//! A daemon, and the table tried on it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use tests::local::{Home, LocalAclServer};
use tests::process;

use super::callers::{Caller, Way, is_root};
use super::speak::{Answer, speak};
use super::table::Body::{Is, None as No, Unconfirmed};
use super::table::{DROP, LEASE, MARK, Row, TABLE};

/// A daemon, what is known of it from outside, and how its admin speaks to it.
pub(super) struct World {
    pub(super) home: Home,
    pub(super) server: LocalAclServer,
    /// Where TLS is spoken.
    pub(super) tls: Option<SocketAddr>,
    pub(super) admin: Vec<String>,
    /// The change that made what is there.
    pub(super) id: String,
    pub(super) directory: tempfile::TempDir,
}

pub(super) fn start(settings: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(&directory.path().join("home")).unwrap();
    world(directory, home, settings, Vec::new())
}

pub(super) fn world(directory: tempfile::TempDir, home: Home, settings: &str, admin: Vec<String>) -> World {
    let path = directory.path().to_str().unwrap();
    // The recording tool lists nothing, and a listing is no run that is recorded.
    let common = "socket = \"DIR/api.sock\"\nlist_args = \"-i\"\nprotect = [\"eth0\"]\n";
    let file = directory.path().join("acl-server.toml");
    fs::write(&file, format!("{common}{settings}").replace("DIR", path)).unwrap();
    let mut command = home.command("").unwrap();
    command.arg("--config").arg(file);
    let server = home.spawn("acl-server", command).unwrap();
    for (path, mode) in [
        (directory.path(), 0o755),
        (&directory.path().join("api.sock"), 0o666),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let log = server.process.output();
    let mut words = log
        .split_whitespace()
        .skip_while(|word| !word.contains("listen="))
        .peekable();
    let mut tls = None;
    while let Some(word) = words.next() {
        if words.peek() == Some(&"(TLS)") {
            tls = word.trim_start_matches("listen=").parse().ok();
        }
    }
    server.ready().unwrap();
    let mut world = World {
        home,
        server,
        tls,
        admin,
        id: String::new(),
        directory,
    };
    world.set_up();
    world
}

impl World {
    /// The request of somebody who may.
    pub(super) fn as_admin(&self, method: &str, target: &str, body: Option<&str>) -> Answer {
        let stream = TcpStream::connect(self.server.address).unwrap();
        let host = self.server.address.to_string();
        let answer = speak(stream, method, target, &host, &self.admin, body);
        assert!(answer.status < 300, "{method} {target}: {}", answer.text);
        answer
    }

    /// Makes everything as the table expects it.
    fn set_up(&mut self) {
        let [mark, drop] = [MARK, DROP].map(|lines| serde_json::from_str::<Value>(lines).unwrap());
        let theirs = ["[iptables]", "-A FORWARD -i swp9 -j DROP"];
        let patch =
            json!({ "fm_mark": mark, "fm_drop": drop, "ab_drop": theirs, "fm_new": null, "ab_new": null });
        let target = format!("/acl/?ttl={LEASE}");
        let answer = self.as_admin("PATCH", &target, Some(&patch.to_string()));
        self.id = answer.header("commit-id").unwrap().to_owned();
    }

    /// Everything that a refused request must leave alone.
    pub(super) fn state(&self) -> (Vec<(String, String)>, usize, bool) {
        let details = self.as_admin("GET", "/acl/?details=true", None).json();
        let leases = details.as_array().unwrap().iter().map(|acl| &acl["ttl"]);
        let kept = leases
            .filter_map(Value::as_u64)
            .all(|ttl| ttl <= LEASE && ttl > LEASE - 600);
        (self.home.files().unwrap(), self.home.runs().unwrap().len(), kept)
    }

    pub(super) fn ask(&self, caller: &Caller, method: &str, target: &str, body: Option<&str>) -> Answer {
        let own = self.server.address.to_string();
        let host = caller.host.unwrap_or(&own);
        match caller.way {
            Way::Tcp => {
                let stream = TcpStream::connect(self.server.address).unwrap();
                speak(stream, method, target, host, &caller.headers, body)
            }
            Way::Unix => {
                let stream = UnixStream::connect(self.directory.path().join("api.sock")).unwrap();
                let host = caller.host.unwrap_or("localhost");
                speak(stream, method, target, host, &caller.headers, body)
            }
            Way::Tls(certificate) => {
                let mut more = vec!["--cacert".to_owned(), "lab-ca.pem".to_owned()];
                if let Some(name) = certificate {
                    more.extend(["--cert".to_owned(), format!("{name}.pem")]);
                    more.extend(["--key".to_owned(), format!("{name}-key.pem")]);
                }
                let url = format!("https://{}{target}", self.tls.unwrap());
                self.curl(&[], caller, &more, method, &url, body)
            }
            Way::Other => {
                let become_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
                // From inside, since not everybody may go through what is above.
                let more = ["--unix-socket".to_owned(), "api.sock".to_owned()];
                let url = format!("http://localhost{target}");
                self.curl(&become_nobody, caller, &more, method, &url, body)
            }
        }
    }

    fn curl(
        &self,
        before: &[&str],
        caller: &Caller,
        more: &[String],
        method: &str,
        url: &str,
        body: Option<&str>,
    ) -> Answer {
        let mut command = process::command("sh");
        command.current_dir(self.directory.path());
        // A stream is left after a second, and that is no failure.
        let limit = if url.ends_with("/events") { "1" } else { "60" };
        command
            .args(["-c", "\"$@\" 2>/dev/null; true", "sh"])
            .args(before);
        command.args(["curl", "-sS", "-m", limit, "-N", "-i", "-w", "\n%{http_code}"]);
        match method {
            "HEAD" => command.arg("-I"),
            _ => command.args(["-X", method]),
        };
        for header in &caller.headers {
            command.args(["-H", header]);
        }
        if let Some(body) = body {
            command.args(["-H", "Content-Type: application/json", "-d", body]);
        }
        command.args(more).arg(url);
        let text = process::run(command).unwrap();
        let (text, status) = text.rsplit_once('\n').unwrap();
        Answer {
            status: status.parse().unwrap(),
            text: text.to_owned(),
        }
    }

    /// Tries the whole table with these callers; says what is not as expected.
    pub(super) fn try_all(&mut self, callers: &[Caller]) {
        let mut wrong = Vec::new();
        for row in TABLE {
            for caller in callers {
                if caller.way == Way::Other && !is_root() {
                    continue;
                }
                if let Err(error) = self.try_one(row, caller) {
                    wrong.push(error);
                }
            }
        }
        assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
    }

    fn try_one(&mut self, row: &Row, caller: &Caller) -> Result<(), String> {
        let (mut id, mut body) = (self.id.clone(), None);
        match row.body {
            No => {}
            Is(text) => body = Some(text),
            Unconfirmed(name, lines) => {
                let target = format!("/acl/{name}?confirm=600&ttl={LEASE}");
                let answer = self.as_admin("PUT", &target, Some(lines));
                answer.header("commit-id").unwrap().clone_into(&mut id);
            }
        }
        let before = self.state();
        let answer = self.ask(caller, row.method, &row.target.replace("ID", &id), body);
        let expected = caller.kind.map_or(0, |kind| row.status[kind as usize]);
        let done = answer.status / 100 == 2;
        let after = self.state();
        let what = format!("{} {} by {}", row.method, row.target, caller.name);
        let changed = !done && before != after;
        if matches!(row.body, Unconfirmed(..)) && !done {
            // It is taken from its lock, whatever became of the request.
            self.as_admin("POST", &format!("/commit/{id}/confirm"), None);
        }
        if matches!(row.body, Unconfirmed(..)) || changed || (done && row.method != "GET") {
            self.set_up();
        }
        if changed {
            return Err(format!(
                "{what}: {} and changed something: {before:?} {after:?}",
                answer.status
            ));
        }
        if answer.status == expected {
            return Ok(());
        }
        let end = answer.text.rsplit("\r\n\r\n").next().unwrap_or_default();
        Err(format!("{what}: {} instead of {expected}: {end}", answer.status))
    }
}
