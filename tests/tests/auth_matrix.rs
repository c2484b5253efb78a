//! Who may do what: every operation of the API, tried by every kind of caller, on a real daemon. A request that is
//! refused changes nothing: neither files nor leases, and no tool runs.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::BTreeSet;
use std::fs;

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tests::local::{Home, LocalAclServer};
use tests::{binaries, process, wait};

#[path = "serve/pki.rs"]
mod pki;

use pki::Authority;

const LONG: Duration = Duration::from_secs(30);

/// Kinds of callers: the columns of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Without credentials, on this machine, where none are configured.
    Open,
    /// Without credentials where some are needed.
    Nobody,
    /// With wrong credentials.
    Wrong,
    /// `read`.
    Reader,
    /// `read` and `write`, for names that start with `ab_`.
    Other,
    /// `read` and `write`, for `fm_`, and rules that mark.
    Marker,
    /// `write` without `read`, for `fm_`.
    Blind,
    /// `read` and `write`, for `fm_`.
    Writer,
    /// Everything.
    Admin,
}

/// What is there before each request: ACLs with a lease of 3,000 s each.
const LEASE: u64 = 3000;
const MARK: &str = r#"["[iptables]","-t mangle -A FORWARD -i swp1 -j SETQOS --set-dscp 10"]"#;
const MARK_MORE: &str = r#"["[iptables]","-t mangle -A FORWARD -i swp2 -j SETQOS --set-dscp 12"]"#;
const DROP: &str = r#"["[iptables]","-A FORWARD -i swp3 -j DROP"]"#;
const DROP_MORE: &str = r#"["[iptables]","-A FORWARD -i swp4 -j DROP"]"#;
const COPY: &str = r#"["[iptables]","-A FORWARD -i swp5 -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2"]"#;
const PERMIT: &str = r#"["[iptables]","-A FORWARD -i swp6 -j ACCEPT"]"#;
/// Cuts off a protected interface.
const CUT: &str = r#"["[iptables]","-A INPUT -i eth0 -p tcp --dport 22 -j DROP"]"#;

/// A request, and the status that each kind of caller gets.
struct Row {
    method: &'static str,
    /// As in the description of the API.
    path: &'static str,
    /// What is asked for; `ID` is a change that waits for a confirmation, or else one that was made.
    target: &'static str,
    body: Body,
    /// For Open, Nobody, Wrong, Reader, Other, Marker, Blind, Writer, Admin.
    status: [u16; 9],
}

enum Body {
    None,
    Is(&'static str),
    /// No body, and before it an admin changes that ACL to those lines, to be confirmed.
    Unconfirmed(&'static str, &'static str),
}

use Body::{Is, None as No, Unconfirmed};

const fn row(
    method: &'static str,
    path: &'static str,
    target: &'static str,
    body: Body,
    status: [u16; 9],
) -> Row {
    Row {
        method,
        path,
        target,
        body,
        status,
    }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    //                                                                                          open nobody wrong read other mark blind write admin
    row("GET", "/acl/", "/acl/", No,                                                           [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/", "/acl?details=true&prefix=fm_", No,                                    [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("HEAD", "/acl/", "/acl/", No,                                                          [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/{name}", "/acl/fm_mark", No,                                              [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/{name}", "/acl/none", No,                                                 [404, 401, 401, 404, 404, 404, 403, 404, 404]),
    row("GET", "/acl/{name}/counters", "/acl/fm_mark/counters", No,                            [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/lasterror", "/acl/lasterror", No,                                         [204, 401, 401, 204, 204, 204, 403, 204, 204]),
    row("GET", "/capacity", "/capacity", No,                                                   [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/events", "/events", No,                                                       [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/metrics", "/metrics", No,                                                     [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/metrics", "/metrics?rules=true", No,                                          [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/openapi.json", "/openapi.json", No,                                           [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/commit/{id}", "/commit/ID", No,                                               [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/commit/{id}", "/commit/00000000-1", No,                                       [404, 401, 401, 404, 404, 404, 403, 404, 404]),
    // What tells nothing about ACLs is told to everybody, but not to somebody who takes himself for somebody.
    row("GET", "/healthz", "/healthz", No,                                                     [200, 200, 401, 200, 200, 200, 200, 200, 200]),
    row("GET", "/readyz", "/readyz", No,                                                       [200, 200, 401, 200, 200, 200, 200, 200, 200]),
    row("GET", "/version", "/version", No,                                                     [200, 200, 401, 200, 200, 200, 200, 200, 200]),
    // Names, and what the new rules do.
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(MARK_MORE),                                    [201, 401, 401, 403, 403, 201, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(DROP_MORE),                                    [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(COPY),                                         [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(PERMIT),                                       [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new?ttl=60", Is(DROP_MORE),                             [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/ab_new", Is(MARK_MORE),                                    [201, 401, 401, 403, 201, 403, 403, 403, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new?dry_run=true", Is(MARK_MORE),                       [200, 401, 401, 403, 403, 200, 403, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_new?dry_run=true", Is(DROP_MORE),                       [200, 401, 401, 403, 403, 403, 403, 200, 200]),
    // What the old rules do.
    row("PUT", "/acl/{name}", "/acl/fm_mark", Is(MARK_MORE),                                   [200, 401, 401, 403, 403, 200, 200, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_drop", Is(MARK_MORE),                                   [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_drop?ttl=9000", Is(DROP),                               [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_drop?dry_run=true", Is(MARK_MORE),                      [200, 401, 401, 403, 403, 403, 403, 200, 200]),
    // The guard, and the name that nobody has.
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(CUT),                                          [403, 401, 401, 403, 403, 403, 403, 403, 201]),
    row("PUT", "/acl/{name}", "/acl/lasterror", Is(MARK_MORE),                                 [403, 401, 401, 403, 403, 403, 403, 403, 403]),
    row("DELETE", "/acl/{name}", "/acl/lasterror", No,                                         [403, 401, 401, 403, 403, 403, 403, 403, 403]),
    row("DELETE", "/acl/{name}", "/acl/fm_mark", No,                                           [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("DELETE", "/acl/{name}", "/acl/fm_drop", No,                                           [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("DELETE", "/acl/{name}", "/acl/fm_none", No,                                           [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("DELETE", "/acl/{name}", "/acl/ab_drop", No,                                           [204, 401, 401, 403, 204, 403, 403, 403, 204]),
    // Nothing is silently narrowed.
    row("DELETE", "/acl/", "/acl/", No,                                                        [204, 401, 401, 403, 403, 403, 403, 403, 204]),
    row("DELETE", "/acl/", "/acl", No,                                                         [204, 401, 401, 403, 403, 403, 403, 403, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=f", No,                                               [204, 401, 401, 403, 403, 403, 403, 403, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=fm_", No,                                             [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=fm_m", No,                                            [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=ab_", No,                                             [204, 401, 401, 403, 204, 403, 403, 403, 204]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null}"#),                                  [200, 401, 401, 403, 403, 200, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null,"fm_drop":null}"#),                   [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null,"ab_drop":null}"#),                   [200, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null,"fm_new":["[iptables]","-A FORWARD -i swp7 -j DROP"]}"#),
                                                                                               [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_drop":["[iptables]"],"fm_mark":null}"#),         [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_new":["[iptables]","-A INPUT -i eth0 -p tcp -j DROP"]}"#),
                                                                                               [403, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"lasterror":null}"#),                                [403, 401, 401, 403, 403, 403, 403, 403, 403]),
    row("PATCH", "/acl/", "/acl/?dry_run=true", Is(r#"{"fm_drop":null}"#),                     [200, 401, 401, 403, 403, 403, 403, 200, 200]),
    // Who keeps rules alive, or lets them stay, answers for them as if they were his.
    row("POST", "/acl/renew", "/acl/renew?prefix=fm_m&ttl=9000", No,                           [200, 401, 401, 403, 403, 200, 200, 200, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=fm_&ttl=9000", No,                            [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=f&ttl=9000", No,                              [200, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=ab_&ttl=9000", No,                            [200, 401, 401, 403, 200, 403, 403, 403, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=&ttl=9000", No,                               [403, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("fm_mark", MARK_MORE), [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("fm_mark", DROP_MORE), [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("fm_drop", MARK_MORE), [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("ab_drop", DROP_MORE), [204, 401, 401, 403, 204, 403, 403, 403, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/00000000-1/confirm", No,                      [404, 401, 401, 403, 404, 404, 404, 404, 404]),
    // Methods and paths that there are not.
    row("POST", "/acl/{name}", "/acl/fm_mark", Is(MARK_MORE),                                  [405, 401, 401, 403, 405, 405, 405, 405, 405]),
    row("OPTIONS", "/acl/", "/acl/", No,                                                       [405, 401, 401, 403, 405, 405, 405, 405, 405]),
    row("GET", "/nothing", "/nothing", No,                                                     [404, 401, 401, 404, 404, 404, 403, 404, 404]),
    row("DELETE", "/healthz", "/healthz", No,                                                  [405, 401, 401, 403, 405, 405, 405, 405, 405]),
];

/// A daemon, what is known of it from outside, and how its admin speaks to it.
struct World {
    home: Home,
    server: LocalAclServer,
    /// Where TLS is spoken.
    tls: Option<SocketAddr>,
    admin: Vec<String>,
    /// The change that made what is there.
    id: String,
    directory: tempfile::TempDir,
}

/// How a request gets to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Over TCP, on loopback.
    Tcp,
    /// Over TLS, with the client certificate of this name, if there is one.
    Tls(Option<&'static str>),
    /// Over the unix socket, as who runs the test.
    Unix,
    /// Over the unix socket, as somebody else. Only root can be somebody else.
    Other,
}

struct Caller {
    name: String,
    /// None: there is no answer at all.
    kind: Option<Kind>,
    way: Way,
    headers: Vec<String>,
    /// Instead of the daemon's own.
    host: Option<&'static str>,
}

struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    fn json(&self) -> Value {
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{}", self.text))
    }
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// Makes a token with acl-server itself; its entry goes into `tokens.toml`.
fn token(directory: &Path, name: &str, scopes: &[&str]) -> String {
    let mut command = process::command(binaries::binary("acl-server").unwrap());
    let file = directory.join("tokens.toml");
    command
        .args(["token", name])
        .args(scopes)
        .arg("--output")
        .arg(file);
    process::run(command).unwrap().trim().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn start(settings: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(&directory.path().join("home")).unwrap();
    world(directory, home, settings, Vec::new())
}

fn world(directory: tempfile::TempDir, home: Home, settings: &str, admin: Vec<String>) -> World {
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
    fn as_admin(&self, method: &str, target: &str, body: Option<&str>) -> Answer {
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
    fn state(&self) -> (Vec<(String, String)>, usize, bool) {
        let details = self.as_admin("GET", "/acl/?details=true", None).json();
        let leases = details.as_array().unwrap().iter().map(|acl| &acl["ttl"]);
        let kept = leases
            .filter_map(Value::as_u64)
            .all(|ttl| ttl <= LEASE && ttl > LEASE - 600);
        (self.home.files().unwrap(), self.home.runs().unwrap().len(), kept)
    }

    fn ask(&self, caller: &Caller, method: &str, target: &str, body: Option<&str>) -> Answer {
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
    fn try_all(&mut self, callers: &[Caller]) {
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

/// One request in HTTP/1.1, and its answer; of a stream, only how it begins.
fn speak(
    mut stream: impl std::io::Read + std::io::Write,
    method: &str,
    target: &str,
    host: &str,
    headers: &[String],
    body: Option<&str>,
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for header in headers {
        request += &format!("{header}\r\n");
    }
    if let Some(body) = body {
        let length = body.len();
        request += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    } else {
        request += "\r\n";
    }
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).unwrap();
        answer.extend_from_slice(&part[..read]);
        let is_stream = target == "/events" && answer.windows(4).any(|end| end == b"\r\n\r\n");
        if read == 0 || is_stream {
            break;
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("{method} {target}: {text:?}")),
        text,
    }
}

fn caller(name: &str, kind: Kind, headers: &[&str]) -> Caller {
    Caller {
        name: name.to_owned(),
        kind: Some(kind),
        way: Way::Tcp,
        headers: headers.iter().map(|header| (*header).to_owned()).collect(),
        host: None,
    }
}

/// Those who come by a detour: a proxy, a browser, a name that is not ours.
fn detours() -> Vec<Caller> {
    let headers = [
        "Forwarded: for=192.0.2.1",
        "X-Forwarded-For: 192.0.2.1",
        "Via: 1.1 proxy.example",
        "Origin: http://localhost:8080",
    ];
    let by_header = headers.map(|header| caller(header, Kind::Nobody, &[header]));
    let hosts = ["evil.example", "localhost.evil.example", "192.0.2.1:8080", ""];
    let by_host = hosts.map(|host| Caller {
        host: Some(host),
        ..caller(&format!("Host: {host}"), Kind::Nobody, &[])
    });
    by_header.into_iter().chain(by_host).collect()
}

#[test]
fn without_credentials_this_machine_is_trusted_and_detours_are_not() {
    let mut world = start("");
    let (root, other) = match is_root() {
        true => (Kind::Admin, Kind::Open),
        false => (Kind::Open, Kind::Open),
    };
    let mut callers = vec![
        caller("anonymous", Kind::Open, &[]),
        Caller {
            host: Some("localhost:1"),
            ..caller("anonymous at localhost", Kind::Open, &[])
        },
        caller(
            "a token that nobody knows",
            Kind::Wrong,
            &["Authorization: Bearer x"],
        ),
        Caller {
            way: Way::Unix,
            ..caller("who runs this, over the socket", root, &[])
        },
        Caller {
            way: Way::Unix,
            ..caller("who runs this, by a proxy", Kind::Nobody, &["Via: x"])
        },
        Caller {
            way: Way::Other,
            ..caller("another user, over the socket", other, &[])
        },
    ];
    callers.extend(detours());
    world.try_all(&callers);
}

/// Base64 of `user:password`, as HTTP Basic has it.
fn basic(user: &str, password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "Authorization: Basic ".to_owned();
    for part in format!("{user}:{password}").as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            (bits << 8) | u32::from(part.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= part.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// A daemon that knows a caller of each kind, by token and by certificate.
fn with_credentials() -> (World, Vec<Caller>) {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "lab");
    authority.server("server");
    for name in ["reader", "marker", "admin", "stranger"] {
        authority.client(name);
    }
    Authority::new(directory.path(), "other").client("forged");
    let write = ["--scope", "read", "--scope", "write"];
    let make = |name: &str, scopes: &[&[&str]]| token(directory.path(), name, &scopes.concat());
    let known = [
        ("reader", Kind::Reader, make("reader", &[&["--scope", "read"]])),
        (
            "other",
            Kind::Other,
            make("other", &[&write, &["--prefix", "ab_"]]),
        ),
        (
            "marker",
            Kind::Marker,
            make("marker", &[&write, &["--prefix", "fm_", "--action", "mark"]]),
        ),
        (
            "blind",
            Kind::Blind,
            make("blind", &[&["--scope", "write", "--prefix", "fm_"]]),
        ),
        (
            "writer",
            Kind::Writer,
            make("writer", &[&write, &["--prefix", "fm_"]]),
        ),
        ("admin", Kind::Admin, make("admin", &[&["--scope", "admin"]])),
    ];
    let settings = "tokens_file = \"DIR/tokens.toml\"\n\
        [tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"DIR/server.pem\"\nkey = \"DIR/server-key.pem\"\n\
        client_ca = \"DIR/lab-ca.pem\"\n\
        [[certificate]]\nsubject = \"CN=reader,O=Lab\"\nscopes = [\"read\"]\n\
        [[certificate]]\nsubject = \"CN=marker,O=Lab\"\nscopes = [\"read\", \"write\"]\nprefixes = [\"fm_\"]\nactions = [\"mark\"]\n\
        [[certificate]]\nsubject = \"CN=admin,O=Lab\"\nscopes = [\"admin\"]\n";
    let secret = |name: &str| known.iter().find(|known| known.0 == name).unwrap().2.as_str();
    let admin = vec![bearer(secret("admin"))];
    let mut callers: Vec<_> = known
        .iter()
        .map(|(name, kind, token)| caller(name, *kind, &[&bearer(token)]))
        .collect();
    callers.extend([
        caller(
            "marker by Basic",
            Kind::Marker,
            &[&basic("marker", secret("marker"))],
        ),
        caller(
            "reader by a proxy",
            Kind::Reader,
            &[&bearer(secret("reader")), "Via: x", "Origin: http://x"],
        ),
        caller("a wrong token", Kind::Wrong, &["Authorization: Bearer acltok_x"]),
        caller(
            "admin's token under another name",
            Kind::Wrong,
            &[&basic("reader", secret("admin"))],
        ),
        caller("a name without a token", Kind::Wrong, &[&basic("admin", "")]),
        caller("no scheme", Kind::Wrong, &["Authorization: admin"]),
        caller(
            "two tokens",
            Kind::Wrong,
            &[&bearer(secret("reader")), &bearer(secret("admin"))],
        ),
        caller("anonymous", Kind::Nobody, &[]),
    ]);
    for (way, name, kind) in [
        (Way::Tls(None), "TLS without a certificate", Some(Kind::Nobody)),
        (
            Way::Tls(Some("reader")),
            "the certificate reader",
            Some(Kind::Reader),
        ),
        (
            Way::Tls(Some("marker")),
            "the certificate marker",
            Some(Kind::Marker),
        ),
        (
            Way::Tls(Some("admin")),
            "the certificate admin",
            Some(Kind::Admin),
        ),
        (
            Way::Tls(Some("stranger")),
            "a certificate of an unknown subject",
            Some(Kind::Nobody),
        ),
        (
            Way::Tls(Some("forged")),
            "a certificate of another authority",
            None,
        ),
        (
            Way::Unix,
            "who runs this, over the socket",
            Some(if is_root() { Kind::Admin } else { Kind::Nobody }),
        ),
        (Way::Other, "another user, over the socket", Some(Kind::Nobody)),
    ] {
        callers.push(Caller {
            way,
            kind,
            ..caller(name, Kind::Nobody, &[])
        });
    }
    callers.push(Caller {
        way: Way::Other,
        ..caller(
            "another user's token, over the socket",
            Kind::Writer,
            &[&bearer(secret("writer"))],
        )
    });
    callers.extend(detours());
    let home = Home::new(&directory.path().join("home")).unwrap();
    (world(directory, home, settings, admin), callers)
}

#[test]
fn with_credentials_everybody_may_what_they_say() {
    let (mut world, callers) = with_credentials();
    world.try_all(&callers);
    // None of the secrets is in the log.
    let log = world.server.process.output();
    assert!(!log.contains("acltok_"), "{log}");
}

#[test]
fn every_operation_is_in_the_table() {
    let world = start("");
    let description = world.as_admin("GET", "/openapi.json", None).json();
    let mut missing = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_ascii_uppercase();
            let is_method =
                ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"].contains(&method.as_str());
            let known = TABLE.iter().any(|row| row.method == method && row.path == path);
            if is_method && !known {
                missing.insert(format!("{method} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// The caller of that name.
fn named<'a>(callers: &'a [Caller], name: &str) -> &'a Caller {
    callers.iter().find(|caller| caller.name == name).unwrap()
}

#[test]
fn apart_each_acl_is_judged_by_itself() {
    let (world, callers) = with_credentials();
    let marker = named(&callers, "marker");
    let patch = r#"{"fm_mark":null,"fm_drop":null,"ab_drop":null,"fm_new":["[iptables]","-A FORWARD -i swp7 -j DROP"]}"#;
    let answer = world.ask(marker, "PATCH", "/acl/?atomic=false", Some(patch));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json();
    let status = |name: &str| results[name]["status"].as_u64();
    assert_eq!(
        ["fm_mark", "fm_drop", "ab_drop", "fm_new"].map(status),
        [Some(204), Some(403), Some(403), Some(403)],
        "{results}"
    );
    let names = world.as_admin("GET", "/acl/", None).json();
    assert_eq!(names, json!(["ab_drop", "fm_drop"]));
    let (_, runs, _) = world.state();
    for name in ["reader", "other"] {
        let patch = r#"{"fm_drop":null}"#;
        let answer = world.ask(named(&callers, name), "PATCH", "/acl/?atomic=false", Some(patch));
        let inner = (answer.status == 200).then(|| answer.json()["fm_drop"]["status"].as_u64());
        assert!(
            answer.status == 403 || inner == Some(Some(403)),
            "{}",
            answer.text
        );
    }
    assert_eq!(world.state().1, runs);
}

#[test]
fn a_right_that_is_missing_is_missing_later_too() {
    let (world, callers) = with_credentials();
    let marker = named(&callers, "marker");
    let asynchronous = Caller {
        headers: [&marker.headers[..], &["Prefer: respond-async".to_owned()]].concat(),
        ..caller("marker, asynchronously", Kind::Marker, &[])
    };
    let before = world.state();
    for (method, target, body) in [
        ("DELETE", "/acl/fm_drop", None),
        ("PUT", "/acl/fm_drop", Some(MARK_MORE)),
        ("DELETE", "/acl/?prefix=fm_", None),
        ("PATCH", "/acl/", Some(r#"{"fm_mark":null,"fm_drop":null}"#)),
    ] {
        let answer = world.ask(&asynchronous, method, target, body);
        if answer.status == 403 {
            continue;
        }
        assert_eq!(answer.status, 202, "{method} {target}: {}", answer.text);
        let later = answer.header("location").unwrap().to_owned();
        let verdict = wait::until("the verdict", LONG, || {
            Some(world.ask(marker, "GET", &later, None).json()).filter(|status| status["state"] != "pending")
        });
        let verdict = verdict.unwrap();
        assert_eq!(
            (&verdict["state"], &verdict["problem"]["status"]),
            (&json!("refused"), &json!(403)),
            "{verdict}"
        );
    }
    assert_eq!(world.state(), before);
}
