//! How acl-server serves: TLS, HTTP/2, unix and passed sockets, credentials, and clients that dawdle.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which fail by panics and time what they do"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::signal::Signal;
use tests::local::{Home, LocalAclServer};
use tests::{binaries, http, process, wait};

mod pki;

use pki::Authority;

const LONG: Duration = Duration::from_secs(30);
/// `printf %s secret | sha256sum`
const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// A home, and a place for certificates and settings beside it.
struct Place {
    directory: tempfile::TempDir,
    home: Home,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path()).unwrap();
        Self { directory, home }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// The command of an acl-server with these settings, in which `DIR` is this place.
    fn command(&self, settings: &str) -> Command {
        let path = self.directory.path().join("acl-server.toml");
        self.settings(settings);
        let mut command = self.home.command("").unwrap();
        command.arg("--config").arg(path);
        command
    }

    fn settings(&self, settings: &str) {
        let directory = self.directory.path().to_str().unwrap();
        let path = self.directory.path().join("acl-server.toml");
        fs::write(path, settings.replace("DIR", directory)).unwrap();
    }

    fn start(&self, settings: &str) -> LocalAclServer {
        self.home.spawn("acl-server", self.command(settings)).unwrap()
    }

    /// What an acl-server with these settings says when it does not start.
    fn refusal(&self, settings: &str) -> String {
        let error = process::run(self.command(settings)).unwrap_err();
        format!("{error:#}")
    }

    /// With curl: what it printed, the status and the version of HTTP, such as `[]200 2`.
    fn curl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = process::command(binaries::system("curl", "curl").unwrap());
        command
            .current_dir(self.directory.path())
            .args([
                "-sS",
                "-m",
                "30",
                "-w",
                "%{http_code} %{http_version}",
                "--cacert",
                "lab-ca.pem",
            ])
            .args(arguments);
        process::run(command).map_err(|error| format!("{error:#}"))
    }

    /// With curl: the status; 0 when there was no answer.
    fn status(&self, arguments: &[&[&str]], url: &str) -> u16 {
        let all = [&["-o", "/dev/null", url], &arguments.concat()[..]].concat();
        let answer = self.curl(&all).unwrap_or_default();
        answer
            .split(' ')
            .next()
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }

    /// Waits until changes are taken at `base`, wherever that is.
    fn ready(&self, base: &str, arguments: &[&str]) {
        let url = format!("{base}/readyz");
        let ready = || (self.status(&[arguments], &url) == 200).then_some(());
        wait::until("acl-server to be ready", LONG, ready).unwrap();
    }
}

const TLS: &str = "[tls]\ncertificate = \"DIR/server.pem\"\nkey = \"DIR/server-key.pem\"\n";

fn token(name: &str, rest: &str) -> String {
    format!("[[token]]\nname = \"{name}\"\nsha256 = \"{SECRET}\"\n{rest}\n")
}

#[test]
fn tls_1_2_and_1_3_with_http_1_and_2() {
    let place = Place::new();
    Authority::new(place.directory.path(), "lab").server("server");
    let server = place.start(TLS);
    let url = format!("https://{}/acl/", server.address);
    for (version, http, expected) in [
        ("1.2", "--http1.1", "[]200 1.1"),
        ("1.2", "--http2", "[]200 2"),
        ("1.3", "--http1.1", "[]200 1.1"),
        ("1.3", "--http2", "[]200 2"),
    ] {
        let only = format!("--tlsv{version}");
        let answer = place.curl(&[&only, "--tls-max", version, http, &url]);
        assert_eq!(answer.as_deref(), Ok(expected), "{version} {http}");
    }
    let old = ["--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0", &url];
    assert!(place.curl(&old).is_err());
    // Plain HTTP on a port for TLS is no way in.
    assert_eq!(place.status(&[], &url.replace("https", "http")), 0);
}

#[test]
fn http2_without_tls_by_prior_knowledge() {
    let place = Place::new();
    let server = place.start("");
    let url = format!("http://{}/acl/", server.address);
    let http2 = "--http2-prior-knowledge";
    assert_eq!(place.curl(&[http2, &url]).as_deref(), Ok("[]200 2"));
    assert_eq!(place.curl(&["--http1.1", &url]).as_deref(), Ok("[]200 1.1"));
    // There the host is the target's authority.
    assert_eq!(place.status(&[&[http2, "-H", "Host: evil.example"]], &url), 401);
    assert_eq!(
        place.status(&[&[http2, "-H", "Origin: http://evil.example"]], &url),
        401
    );
}

#[test]
fn client_certificates_and_tokens_side_by_side() {
    let place = Place::new();
    let authority = Authority::new(place.directory.path(), "lab");
    authority.server("server");
    authority.client("reader");
    authority.client("stranger");
    Authority::new(place.directory.path(), "other").client("forged");
    let certificate = "[[certificate]]\nsubject = \"CN=reader,O=Lab\"\nscopes = [\"read\"]\n";
    let writer = token("writer", "scopes = [\"read\", \"write\"]\nprefixes = [\"w_\"]");
    let server = place.start(&format!(
        "{TLS}client_ca = \"DIR/lab-ca.pem\"\n{certificate}{writer}"
    ));
    let base = format!("https://{}", server.address);
    place.ready(&base, &[]);
    let status = |arguments: &[&[&str]], path: &str| place.status(arguments, &format!("{base}{path}"));
    let reader = ["--cert", "reader.pem", "--key", "reader-key.pem"];
    let stranger = ["--cert", "stranger.pem", "--key", "stranger-key.pem"];
    let forged = ["--cert", "forged.pem", "--key", "forged-key.pem"];
    let (json, delete) = ("Content-Type: application/json", ["-X", "DELETE"]);
    let put = ["-X", "PUT", "-H", json, "-d", "[\"[iptables]\"]"];

    assert_eq!(status(&[], "/acl/"), 401);
    assert_eq!(status(&[&reader], "/acl/"), 200);
    assert_eq!(status(&[&reader, &put], "/acl/w_a"), 403);
    assert_eq!(status(&[&stranger], "/acl/"), 401);
    assert_eq!(
        status(&[&forged], "/healthz"),
        0,
        "an authority that we do not know"
    );
    for known in [["-u", "writer:secret"], ["-H", "Authorization: Bearer secret"]] {
        assert_eq!(status(&[&known], "/acl/"), 200);
        assert_eq!(status(&[&known, &stranger], "/acl/"), 200);
        assert!([200, 201].contains(&status(&[&known, &put], "/acl/w_a")));
        for (method, path) in [
            (&put[..], "/acl/x"),
            (&delete, "/acl/x"),
            (&delete, "/acl/"),
            (&delete, "/acl/?prefix=w"),
        ] {
            assert_eq!(status(&[&known, method], path), 403, "{method:?} {path}");
        }
        assert_eq!(status(&[&known, &delete], "/acl/?prefix=w_"), 204);
    }
    for wrong in [
        ["-u", "reader:secret"],
        ["-u", "writer:x"],
        ["-H", "Authorization: Bearer x"],
    ] {
        assert_eq!(status(&[&wrong, &reader], "/healthz"), 401, "{wrong:?}");
    }
    // Who is not known is told by what he could be.
    let url = format!("{base}/acl/");
    let answer = place.curl(&[&stranger[..], &[&url]].concat()).unwrap();
    assert!(answer.contains("CN=stranger,O=Lab"), "{answer}");
    let log = server.process.output();
    assert!(!log.contains("secret"), "{log}");
}

/// An acl-server that can be told to read its files again, and the systemd that it talks to.
struct Watched {
    server: LocalAclServer,
    systemd: UnixDatagram,
}

impl Watched {
    fn start(place: &Place, settings: &str) -> Self {
        let path = place.path("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        systemd.set_read_timeout(Some(LONG)).unwrap();
        let mut command = place.command(settings);
        command.env("NOTIFY_SOCKET", path);
        let server = place.home.spawn("acl-server", command).unwrap();
        let watched = Self { server, systemd };
        watched.told("READY=1");
        watched.told("STATUS=listening on ");
        watched
    }

    /// What systemd is told, up to what begins so.
    fn told(&self, beginning: &str) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let mut text = [0; 4096];
            let length = self.systemd.recv(&mut text).unwrap();
            let text = String::from_utf8_lossy(text.get(..length).unwrap());
            told.push(text.trim_end().to_owned());
            if told.last().unwrap().starts_with(beginning) {
                return told;
            }
        }
    }

    /// Has it read its files again; the status that systemd shows then.
    fn reload(&self) -> String {
        self.server.process.signal(Signal::SIGHUP).unwrap();
        let told = self.told("READY=1");
        assert_eq!(told.len(), 3, "{told:?}");
        let (reloading, status) = (told.first().unwrap(), told.get(1).unwrap());
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told:?}");
        status.strip_prefix("STATUS=").unwrap().to_owned()
    }
}

#[test]
fn sighup_reads_certificates_and_callers_again_all_or_nothing() {
    let place = Place::new();
    let authority = Authority::new(place.directory.path(), "lab");
    authority.server("server");
    let tokens = |text: &str| authority.write("tokens.toml", text);
    let read = "scopes = [\"read\"]";
    tokens(&token("a", read));
    let settings = format!("tokens_file = \"DIR/tokens.toml\"\n{TLS}");
    let watched = Watched::start(&place, &settings);
    let address = watched.server.address;
    let acl = format!("https://{address}/acl/");
    let known = |name: &str| place.status(&[&["-u", &format!("{name}:secret")]], &acl);
    let metrics = |name: &str| {
        let user = format!("{name}:secret");
        let text = place
            .curl(&["-u", &user, &format!("https://{address}/metrics")])
            .unwrap();
        [
            "config_last_reload_successful",
            "reloads_total{result=\"done\"}",
            "reloads_total{result=\"refused\"}",
        ]
        .map(|series| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!("acl_server_{series} ")));
            value.unwrap().parse::<u32>().unwrap()
        })
    };
    // Who is let in, and whose certificate is served.
    let state = || {
        let mut openssl = process::command(binaries::system("openssl", "openssl").unwrap());
        openssl.args(["s_client", "-connect", &address.to_string()]);
        let served = process::run(openssl).unwrap();
        let subject = ["server", "next"]
            .into_iter()
            .find(|name| served.contains(&format!("CN = {name}\n")));
        (
            subject.unwrap().to_owned(),
            ["a", "b"].map(known),
            place.status(&[], &acl),
        )
    };
    let refused = |texts: &[&str]| {
        let before = watched.server.process.output().len();
        let status = watched.reload();
        let log = watched.server.process.output().split_off(before);
        for said in [&status, &log] {
            assert!(texts.iter().all(|text| said.contains(text)), "{said}\n{texts:?}");
        }
        let up = format!("listening on {address} (TLS); not taken at the last reload: ");
        assert!(status.starts_with(&up), "{status}");
        assert!(
            log.contains("callers and certificates are not taken; nothing is changed"),
            "{log}"
        );
        assert!(!log.contains("read again") && !log.contains("is served"), "{log}");
    };
    let before = ("server".to_owned(), [200, 401], 401);
    assert_eq!((state(), metrics("a")), (before.clone(), [1, 0, 0]));

    // A caller has gone and another one has come, but the certificate cannot be used, each time for another reason.
    let next = || {
        authority.server("next");
        fs::copy(place.path("next.pem"), place.path("server.pem")).unwrap();
        fs::copy(place.path("next-key.pem"), place.path("server-key.pem")).unwrap();
    };
    next();
    tokens(&token("b", read));
    let (certificate, key) = (place.path("server.pem"), place.path("server-key.pem"));
    for (file, content, why) in [
        (
            "server-key.pem",
            "no key",
            vec![&*key, "holds no private key in PEM"],
        ),
        (
            "server.pem",
            "",
            vec![&*certificate, "holds no certificate in PEM"],
        ),
    ] {
        next();
        authority.write(file, content);
        refused(&why);
        assert_eq!(state(), before, "{why:?}");
    }
    next();
    authority.server("other");
    fs::copy(place.path("other-key.pem"), &key).unwrap();
    refused(&[&certificate, &key, "cannot be used: with the key"]);
    assert_eq!(state(), before);
    fs::remove_file(&certificate).unwrap();
    refused(&[&certificate, "No such file or directory"]);
    assert_eq!(state(), before);

    // The other way round: a good certificate, and tokens that cannot be used.
    next();
    tokens("[[token]]\nname = \"b\"");
    refused(&["tokens.toml:1:1: ", "sha256"]);
    assert_eq!(state(), before);

    assert_eq!(metrics("a"), [0, 0, 5]);

    // Both can be used, and both are new.
    tokens(&token("b", read));
    assert_eq!(watched.reload(), format!("listening on {address} (TLS)"));
    let after = ("next".to_owned(), [401, 200], 401);
    assert_eq!((state(), metrics("b")), (after.clone(), [1, 1, 5]));
    let log = watched.server.process.output();
    assert!(
        log.contains("callers and certificates were read again tokens=1 client_certificates=0"),
        "{log}"
    );

    // The settings themselves cannot be read, or would open the door.
    place.settings("listen = 7");
    refused(&["acl-server.toml:1:10: "]);
    place.settings("");
    refused(&["there are no credentials any more"]);
    assert_eq!(state(), after);
}

/// `GET path` on a unix socket.
fn get_unix(path: &str, target: &str, more: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_unix_socket_beside_tcp() {
    let place = Place::new();
    let socket = place.path("run/api.sock");
    let server = place.start("socket = \"DIR/run/api.sock\"");
    for target in ["/acl/", "/readyz"] {
        assert!(get_unix(&socket, target, "").starts_with("HTTP/1.1 "));
    }
    assert!(get_unix(&socket, "/acl/", "").ends_with("[]"));
    assert!(get_unix(&socket, "/acl/", "Via: x\r\n").starts_with("HTTP/1.1 401"));
    assert_eq!(http::get(server.address, "/acl/").unwrap().status, 200);
    // It is taken over after a crash, not from one who lives, and goes with its owner.
    server.process.crash().unwrap();
    assert!(Path::new(&socket).exists());
    let again = place.command("socket = \"DIR/run/api.sock\"");
    let server = place.home.spawn("again", again).unwrap();
    assert!(get_unix(&socket, "/acl/", "").ends_with("[]"));
    let other = Place::new();
    let refused = other.refusal(&format!("socket = \"{socket}\""));
    assert!(refused.contains("somebody else listens there"), "{refused}");
    server.process.terminate(LONG).unwrap();
    assert!(!Path::new(&socket).exists());
}

#[test]
fn sockets_that_are_passed_take_the_place_of_ours() {
    let place = Place::new();
    let server = place.command("listen = \"192.0.2.1:1\"\nno_auth = true");
    let socket = place.path("api.sock");
    let mut wrapped = process::command(binaries::binary("pass-sockets").unwrap());
    wrapped.args(["--tcp", "127.0.0.1:0", "--unix", &socket, "--"]);
    wrapped.arg(server.get_program()).args(server.get_args());
    let server = place.home.spawn("acl-server", wrapped).unwrap();
    server.ready().unwrap();
    assert!(get_unix(&socket, "/acl/", "").ends_with("[]"));
    // The tool got none of them, and no word of them.
    let log = server.process.output();
    assert!(log.contains("that were passed"), "{log}");

    // What may not be listened on may not be passed either.
    let place = Place::new();
    let server = place.command("");
    let mut wrapped = process::command(binaries::binary("pass-sockets").unwrap());
    wrapped.args(["--tcp", "0.0.0.0:0", "--"]);
    wrapped.arg(server.get_program()).args(server.get_args());
    let error = format!("{:#}", process::run(wrapped).unwrap_err());
    assert!(error.contains("--no-auth"), "{error}");
}

#[test]
fn nothing_starts_open_or_in_the_clear() {
    let place = Place::new();
    Authority::new(place.directory.path(), "lab").server("server");
    let known = token("a", "scopes = [\"read\"]");
    let outside = |settings: &str| {
        let inside = place.command(settings);
        let mut command = process::command(inside.get_program());
        command.args(inside.get_args().map(|argument| match argument.to_str() {
            Some("127.0.0.1:0") => "0.0.0.0:0".as_ref(),
            _ => argument,
        }));
        command
    };
    for (settings, expected) in [
        (String::new(), "acl-server token"),
        (TLS.to_owned(), "acl-server token"),
        ("insecure_http = true".to_owned(), "acl-server token"),
        (known.clone(), "[tls]"),
        (TLS.replace("server.pem", "none.pem") + &known, "none.pem"),
        ("tokens_file = \"DIR/none.toml\"\n".to_owned() + TLS, "none.toml"),
    ] {
        let error = format!("{:#}", process::run(outside(&settings)).unwrap_err());
        assert!(error.contains(expected), "{settings}: {error}");
    }
    for (settings, danger) in [
        ("no_auth = true\n".to_owned(), Some("--no-auth")),
        (format!("insecure_http = true\n{known}"), Some("insecure_http")),
        (format!("{TLS}{known}"), None),
    ] {
        let server = place.home.spawn("acl-server", outside(&settings)).unwrap();
        let log = server.process.output();
        let said = |danger: &str| {
            log.lines()
                .any(|line| line.contains("WARN") && line.contains(danger))
        };
        let any = said("--no-auth") || said("insecure_http");
        assert_eq!(any, danger.is_some(), "{settings}: {log}");
        assert!(danger.is_none_or(said), "{settings}: {log}");
        server.process.terminate(LONG).unwrap();
        fs::remove_file(place.path("acl-server.log")).unwrap();
    }
}

#[test]
fn a_thousand_puts_at_once_over_four_http2_connections() {
    let place = Place::new();
    let server = place.start("");
    server.ready().unwrap();
    let address = server.address;
    let before = place.home.runs().unwrap().len();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let statuses = runtime.block_on(async {
        let mut requests = tokio::task::JoinSet::new();
        for connection in 0..4 {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
            tokio::spawn(driver);
            for number in 0..250 {
                let mut sender = sender.clone();
                let lines = format!(r#"["[iptables]", "\u0023 {connection} {number}"]"#);
                let request = Request::put(format!("http://{address}/acl/n{connection}_{number}"))
                    .header("content-type", "application/json")
                    .body(Full::new(Bytes::from(lines)))
                    .unwrap();
                requests.spawn(async move { sender.send_request(request).await.unwrap().status().as_u16() });
            }
        }
        requests.join_all().await
    });
    assert_eq!(statuses, [201; 1000]);
    println!(
        "1,000 PUTs over 4 connections: {} runs of the tool",
        place.home.runs().unwrap().len() - before
    );
}

/// How long a request takes, of so many the middle one.
fn typical(server: SocketAddr) -> Duration {
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(http::get(server, "/acl/").unwrap().status, 200);
            began.elapsed()
        })
        .collect();
    times.sort();
    times.into_iter().nth(10).unwrap()
}

#[test]
fn a_thousand_idle_connections_a_slow_loris_and_a_silent_tls_peer_disturb_nobody() {
    let place = Place::new();
    Authority::new(place.directory.path(), "lab").server("server");
    // TLS on a port of its own, so that both kinds of listeners are tried.
    let server = place.start(&format!(
        "{TLS}listen = \"127.0.0.1:0\"\n[limits]\nmax_connections = 1000\n"
    ));
    let tls = server
        .process
        .output()
        .split_whitespace()
        .collect::<Vec<_>>()
        .windows(2)
        .find(|words| words.last() == Some(&"(TLS)"))
        .and_then(|words| words.first()?.parse::<SocketAddr>().ok())
        .unwrap();
    let undisturbed = typical(server.address);
    let mut peers: Vec<TcpStream> = Vec::new();
    for number in 0..1200 {
        let (address, first) = match number % 4 {
            0 => (server.address, &b""[..]),
            1 => (
                server.address,
                &b"GET /acl/ HTTP/1.1\r\nHost: localhost\r\nX: "[..],
            ),
            2 => (tls, &b""[..]),
            _ => (tls, &b"\x16\x03\x01\x02\x00\x01"[..]),
        };
        let mut peer = TcpStream::connect(address).unwrap();
        peer.write_all(first).unwrap();
        peers.push(peer);
    }
    // As they do: a byte now and then.
    let disturbed = typical(server.address);
    for peer in &mut peers {
        let _ = peer.write_all(b"x");
    }
    let dripped = typical(server.address);
    let url = format!("https://{tls}/acl/");
    let began = Instant::now();
    assert_eq!(place.status(&[], &url), 200);
    println!(
        "a request alone: {undisturbed:?}; beside 1,200 idle connections: {disturbed:?}, {dripped:?}; \
         over TLS, curl included: {:?}",
        began.elapsed()
    );
    assert!(disturbed < undisturbed + Duration::from_secs(5), "{disturbed:?}");
    assert!(dripped < undisturbed + Duration::from_secs(5), "{dripped:?}");
}

#[test]
fn without_file_descriptors_it_goes_on_with_those_it_has() {
    let place = Place::new();
    let server = place.start("");
    server.ready().unwrap();
    let mut limit = process::command(binaries::system("prlimit", "util-linux").unwrap());
    limit.args(["--pid", &server.process.pid().to_string(), "--nofile=40:40"]);
    process::run(limit).unwrap();
    let idle: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(server.address).unwrap())
        .collect();
    for _ in 0..3 {
        assert_eq!(http::get(server.address, "/acl/").unwrap().status, 200);
    }
    let log = server.process.output();
    let said = log.matches("no connection can be accepted").count();
    assert_eq!(said, 1, "{log}");
    drop(idle);
    assert_eq!(http::get(server.address, "/acl/").unwrap().status, 200);
    assert!(server.process.terminate(LONG).unwrap().success());
}

/// As root: callers of other users.
mod lab {
    use super::*;

    #[test]
    fn a_unix_socket_knows_its_users() {
        assert!(
            nix::unistd::Uid::effective().is_root(),
            "becoming another user needs root"
        );
        let place = Place::new();
        // So that the other user gets as far as the socket.
        let open = |path: &str, mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(path, mode).unwrap();
        };
        let socket = place.path("api.sock");
        let settings = format!("socket = \"DIR/api.sock\"\n{}", token("a", "scopes = [\"read\"]"));
        let server = place.start(&settings);
        open(place.directory.path().to_str().unwrap(), 0o755);
        let ask = |uid: Option<u32>, more: &[&str]| {
            let uid = uid.unwrap_or(0);
            let mut curl = process::command("setpriv");
            // From inside: what is above the directory may be closed to everybody else.
            curl.current_dir(place.directory.path());
            curl.args([
                &format!("--reuid={uid}"),
                &format!("--regid={uid}"),
                "--clear-groups",
            ]);
            curl.args(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
            curl.args(["--unix-socket", "api.sock"]);
            curl.args(more).arg("http://localhost/acl/");
            process::run(curl).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(ask(None, &[]).as_deref(), Ok("200"), "root");
        let denied = ask(Some(65534), &[]).unwrap_err();
        assert!(denied.contains("connect"), "the mode of the socket: {denied}");
        open(&socket, 0o666);
        assert_eq!(ask(Some(65534), &[]).as_deref(), Ok("401"));
        assert_eq!(ask(Some(65534), &["-u", "a:secret"]).as_deref(), Ok("200"));
        assert!(
            server.process.output().contains("uid=65534"),
            "{}",
            server.process.output()
        );
    }
}
