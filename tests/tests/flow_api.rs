//! flow-marker's API on a real daemon: sockets, TLS, tokens, certificates, reload, slow and hostile clients. What each
//! operation answers, and to whom, is tested in the crate itself, with the same router and no sockets.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::agent::{Agent, CounterSample, FlowSample, Packet, PortCounters, Timeline, Traffic, play};
use tests::http::{self, Response};
use tests::local::LocalFlowMarker;
use tests::{binaries, process, wait};

#[path = "serve/pki.rs"]
mod pki;

use pki::Authority;

const LONG: Duration = Duration::from_secs(30);

/// The addresses of the API, as the daemon logs them; the second one is that of TLS.
fn addresses(marker: &LocalFlowMarker) -> Vec<SocketAddr> {
    let log = marker.process.output();
    let line = log
        .lines()
        .find(|line| line.contains(" http="))
        .unwrap()
        .to_owned();
    let (_, rest) = line.split_once(" http=").unwrap();
    let words = rest.split(' ').take_while(|word| !word.contains('='));
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Makes a token with flow-marker itself; its entry goes into `tokens.toml`.
fn token(directory: &Path, name: &str, scopes: &[&str]) -> String {
    let mut command = process::command(binaries::binary("flow-marker").unwrap());
    command.args(["token", name]);
    for scope in scopes {
        command.args(["--scope", scope]);
    }
    command.arg("--output").arg(directory.join("tokens.toml"));
    process::run(command).unwrap().trim().to_owned()
}

fn start(directory: &Path, settings: &str) -> LocalFlowMarker {
    let settings = settings.replace("DIR", directory.to_str().unwrap());
    let marker = LocalFlowMarker::start(directory, "flow-marker", &settings).unwrap();
    let ready = || {
        http::get(marker.http, "/readyz")
            .ok()
            .filter(|reply| reply.status == 200)
    };
    wait::until("flow-marker to be ready", LONG, ready).unwrap();
    marker
}

/// What curl says of `https://address/path`: the status, and the body.
fn curl(directory: &Path, address: SocketAddr, path: &str, more: &[&str]) -> (u16, String) {
    let mut command = process::command("sh");
    command.current_dir(directory);
    // What curl refuses is no failure of the test: its status is 000 then.
    command.args(["-c", "\"$@\" 2>/dev/null; true", "sh"]);
    command.args([
        "curl",
        "-sS",
        "-m",
        "30",
        "-w",
        "\n%{http_code}",
        "--cacert",
        "lab-ca.pem",
    ]);
    command.args(more).arg(format!("https://{address}{path}"));
    let text = process::run(command).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn tokens_certificates_and_tls_are_those_of_acl_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let authority = Authority::new(path, "lab");
    authority.server("server");
    authority.client("dashboard");
    authority.client("stranger");
    let (reader, admin) = (token(path, "reader", &["read"]), token(path, "admin", &["admin"]));
    let marker = start(
        path,
        "[http]\ntokens_file = \"DIR/tokens.toml\"\n\
         [http.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"DIR/server.pem\"\nkey = \"DIR/server-key.pem\"\n\
         client_ca = \"DIR/lab-ca.pem\"\n\
         [[http.certificate]]\nsubject = \"CN=dashboard,O=Lab\"\nscopes = [\"read\"]\n",
    );
    let [plain, tls] = addresses(&marker)[..] else {
        panic!("two addresses: {:?}", addresses(&marker))
    };
    let asked = "/forwarding/json";
    let as_token = |token: &str| {
        http::request_as(plain, Some(token), "GET", asked, None)
            .unwrap()
            .status
    };
    assert_eq!(
        (as_token(&reader), as_token(&admin), as_token("nobody's")),
        (200, 200, 401)
    );
    assert_eq!(
        http::get(plain, asked).unwrap().status,
        401,
        "nobody is trusted for being here"
    );
    assert_eq!(http::get(plain, "/healthz").unwrap().status, 200);

    let bearer = format!("Authorization: Bearer {reader}");
    let (basic, wrong_name) = (format!("reader:{reader}"), format!("admin:{reader}"));
    let certificate = |name: &'static str| {
        let files = [format!("{name}.pem"), format!("{name}-key.pem")];
        move |more: &[&str]| {
            let all = [&["--cert", &files[0], "--key", &files[1]], more].concat();
            curl(path, tls, asked, &all).0
        }
    };
    assert_eq!(curl(path, tls, asked, &["-H", &bearer]).0, 200);
    assert_eq!(curl(path, tls, asked, &["--http2", "-u", &basic]).0, 200);
    assert_eq!(curl(path, tls, asked, &["-u", &wrong_name]).0, 401);
    assert_eq!(curl(path, tls, asked, &[]).0, 401);
    assert_eq!(certificate("dashboard")(&[]), 200);
    assert_eq!(certificate("stranger")(&[]), 401);
    assert_eq!(curl(path, plain, asked, &[]).0, 0, "no TLS there");
    // A browser would show its certificate for any page.
    let page = ["-X", "PUT", "-d", "{}", "-H", "Origin: https://evil.example"];
    assert_eq!(certificate("dashboard")(&page), 403);
    let put = |token: &str| {
        let bearer = format!("Authorization: Bearer {token}");
        let target = ["-X", "PUT", "-H", &bearer, "-d", "{address:'192.0.2.7'}"];
        curl(path, tls, "/forwarding/x/json", &target).0
    };
    assert_eq!((put(&reader), put(&admin)), (403, 204));
    assert!(!marker.process.output().contains(&reader), "a token is in no log");

    // Somebody new; and then nobody but him.
    let late = token(path, "late", &["read"]);
    assert_eq!(as_token(&late), 401);
    marker.process.signal(Signal::SIGHUP).unwrap();
    wait::until("the new token", LONG, || (as_token(&late) == 200).then_some(())).unwrap();
    assert_eq!(as_token(&reader), 200);
    let entries = fs::read_to_string(path.join("tokens.toml")).unwrap();
    let last = entries.rfind("[[token]]").unwrap();
    fs::write(path.join("tokens.toml"), &entries[last..]).unwrap();
    marker.process.signal(Signal::SIGHUP).unwrap();
    wait::until("the end of the old token", LONG, || {
        (as_token(&reader) == 401).then_some(())
    })
    .unwrap();
    assert_eq!(as_token(&late), 200);
    // What cannot be read changes nothing.
    fs::write(path.join("tokens.toml"), "[[token]]\nname = 7\n").unwrap();
    marker.process.signal(Signal::SIGHUP).unwrap();
    marker
        .process
        .wait_for_output("the configuration is not taken", LONG)
        .unwrap();
    assert_eq!(as_token(&late), 200);
    assert!(marker.process.is_running());
}

/// Runs flow-marker, which is not to start; what it says.
fn refused(directory: &Path, settings: &str, arguments: &[&str]) -> String {
    let file = directory.join("refused.toml");
    fs::write(&file, settings).unwrap();
    let mut command = process::command("sh");
    command.args(["-c", "! timeout 20 \"$@\" 2>&1", "sh"]);
    command.arg(binaries::binary("flow-marker").unwrap());
    command
        .args(["run", "--sflow", "127.0.0.1:0", "--config"])
        .arg(&file)
        .args(arguments);
    process::run(command).unwrap()
}

#[test]
fn it_does_not_stand_open_by_accident() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let token = "[[http.token]]\nname = \"a\"\nscopes = [\"read\"]\nsha256 = \"";
    let token = format!("{token}{}\"\n", "0".repeat(64));
    for (settings, arguments, said) in [
        ("", &["--http", "0.0.0.0:0"][..], "flow-marker token"),
        ("[http]\nlisten = \"0.0.0.0:0\"\n", &[], "flow-marker token"),
        (token.as_str(), &["--http", "[::]:0"], "unencrypted"),
        (
            "[http]\ntokens_file = \"/nonexistent/tokens\"\n",
            &["--http", "127.0.0.1:0"],
            "/nonexistent/tokens",
        ),
        (
            "[http.limits]\nmax_connections = 1\n",
            &["--http", "127.0.0.1:0"],
            "max_connections",
        ),
        ("[http]\nno_auht = true\n", &[], "no_auht"),
    ] {
        let words = refused(path, settings, arguments);
        assert!(words.contains(said), "{settings} {arguments:?}: {words}");
    }
}

#[test]
fn check_reads_what_a_start_would() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("checked.toml");
    for (settings, said) in [
        (
            "[http]\ntokens_file = \"/nonexistent/tokens\"\n",
            "/nonexistent/tokens",
        ),
        (
            "[http.tls]\ncertificate = \"/nonexistent/c.pem\"\nkey = \"/nonexistent/k.pem\"\n",
            "[http.tls]: cannot read /nonexistent/c.pem",
        ),
    ] {
        fs::write(&file, settings).unwrap();
        let mut command = process::command(binaries::binary("flow-marker").unwrap());
        command.args(["check", "--config"]).arg(&file);
        let error = format!("{:#}", process::run(command).unwrap_err());
        assert!(error.contains(said), "{settings}: {error}");
    }
}

/// What the daemon answers to these bytes, and nothing more.
fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let answer = http::exchange(address, bytes, LONG).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn slow_and_huge_requests_cost_nobody_else_anything() {
    let directory = tempfile::tempdir().unwrap();
    let marker = start(
        directory.path(),
        "[http.limits]\nbody_timeout = \"500ms\"\nheader_timeout = \"500ms\"\nmax_connections = 40\n",
    );
    let address = marker.http;
    let head = |length: usize| {
        format!("PUT /forwarding/x/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
    };
    // Bodies that do not come, and headers that do not end.
    let mut silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
    for (at, stream) in silent.iter_mut().enumerate() {
        let begun = if at % 2 == 0 {
            head(100)
        } else {
            "GET /events/json HTTP/1.1\r\nHo".to_owned()
        };
        stream.write_all(begun.as_bytes()).unwrap();
    }
    assert_eq!(http::get(address, "/forwarding/json").unwrap().status, 200);
    for (at, mut stream) in silent.into_iter().enumerate() {
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        if at % 2 == 0 {
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    }
    let huge = raw(address, format!("{}{{", head(1 << 40)).as_bytes());
    assert!(huge.starts_with("HTTP/1.1 4"), "{huge}");
    let many = format!(
        "GET /metrics/json?{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a=1&".repeat(20_000)
    );
    assert!(raw(address, many.as_bytes()).starts_with("HTTP/1.1 4"));
    for bytes in [
        &b"GET / HTTP/9.9\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01",
        b"\0\0\0\0",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let answer = raw(address, bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(marker.process.is_running());
    assert_eq!(http::get(address, "/forwarding/json").unwrap().status, 200);
}

#[test]
fn long_polls_end_with_the_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let marker = start(directory.path(), "");
    let mut stream = TcpStream::connect(marker.http).unwrap();
    stream
        .write_all(b"GET /events/json?timeout=60&eventID=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    // A second request shows that the first one is being waited for and holds nobody up.
    assert_eq!(
        http::get(marker.http, "/events/json").unwrap().json().unwrap(),
        json!([])
    );
    marker.process.signal(Signal::SIGTERM).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("[]"),
        "{answer}"
    );
    wait::until("the end", LONG, || (!marker.process.is_running()).then_some(())).unwrap();
}

#[test]
fn the_description_is_the_same_from_the_daemon_and_from_the_command() {
    let directory = tempfile::tempdir().unwrap();
    let marker = start(directory.path(), "");
    let Response { status, body, .. } = http::get(marker.http, "/openapi.json").unwrap();
    let served: Value = serde_json::from_slice(&body).unwrap();
    let mut command = process::command(binaries::binary("flow-marker").unwrap());
    command.arg("openapi");
    let printed: Value = serde_json::from_str(&process::run(command).unwrap()).unwrap();
    assert_eq!((status, &served), (200, &printed));
    assert!(served["paths"]["/threshold/{name}/json"]["put"].is_object());
}

/// The body of the first request that comes.
fn posted(listener: &TcpListener) -> Value {
    let mut stream = listener.accept().unwrap().0;
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut part).unwrap();
        request.extend(part.iter().take(length));
        let text = String::from_utf8_lossy(&request);
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            return body;
        }
    }
}

/// Two TCP flows that go on for minutes through port 1 of one agent, and its counters.
fn traffic(agent: IpAddr) -> impl Iterator<Item = (Duration, Vec<u8>)> + Send + 'static {
    let flow = |n: u8, seed| {
        let (source, destination) = ([10, 1, 0, n], [10, 2, 0, n]);
        let packet = Packet::tcp((source, 40_000).into(), (destination, 5001).into());
        Traffic::new(FlowSample::new(packet, 100, 1, 2), 10_000_000, seed)
    };
    let ports = [1, 2]
        .map(|index| CounterSample::new(PortCounters::new(index, 1_000_000_000), &format!("swp{index}")));
    let timeline = Timeline::new()
        .with_flow(flow(1, 1))
        .with_flow(flow(2, 2))
        .with_ports(ports.to_vec(), Duration::from_secs(1));
    Agent::new(agent).datagrams(timeline, 4, Duration::from_millis(200))
}

#[test]
fn a_script_written_for_sflow_rt_runs() {
    let directory = tempfile::tempdir().unwrap();
    let agent: IpAddr = [10, 0, 0, 1].into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = listener.local_addr().unwrap();
    let told = std::thread::spawn(move || posted(&listener));
    let marker = start(
        directory.path(),
        &format!(
            "[[switch]]\nagent = \"{agent}\"\nacl = \"http://192.0.2.1\"\n\
             [[webhook]]\nname = \"a\"\nurl = \"http://{hook}/\"\nformat = \"json\"\nevents = [\"threshold\"]\n"
        ),
    );
    let playing = play(traffic(agent), [127, 0, 0, 1].into(), marker.sflow).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/sflow_rt_style.py");
    let mut command = process::command("python3");
    command
        .arg(script)
        .arg(format!("http://{}", marker.http))
        .arg(agent.to_string());
    let found: Value = serde_json::from_str(&process::run(command).unwrap()).unwrap();
    playing.stop().unwrap();

    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["group"]["internal"], json!(["10.0.0.0/8"]));
    assert_eq!(
        (&found["flow"]["filter"], &found["flow"]["n"]),
        (&json!("ipprotocol=6"), &json!(10))
    );
    assert_eq!(
        found["threshold"],
        json!({ "metric": "pair", "value": 1000, "byFlow": true, "timeout": 1 })
    );
    let event = &found["events"][0];
    assert_eq!(
        (&event["thresholdID"], &event["agent"], &event["dataSource"]),
        (&json!("elephant"), &json!("10.0.0.1"), &json!("1"))
    );
    assert!(event["value"].as_f64().unwrap() >= 1000.0);
    // A webhook is told of the same events, the oldest first.
    let told = &told.join().unwrap()["events"][0];
    let events = found["events"].as_array().unwrap();
    let same = events
        .iter()
        .find(|event| event["eventID"] == told["eventID"])
        .unwrap();
    assert_eq!(
        (&told["threshold"], &told["flow"], &told["timestamp"]),
        (&same["thresholdID"], &same["flowKey"], &same["timestamp"])
    );
    assert_eq!(told["value"].as_f64(), same["value"].as_f64());
    let pair = &found["pair"];
    assert!(
        pair[0].as_str().unwrap().starts_with("10.1.0.") && pair[2] == "internal",
        "{pair}"
    );
    // Bytes per second: 10 Mbit/s, as far as a few samples tell.
    for active in [&found["active"], &found["active_sum"]] {
        let values: Vec<f64> = active
            .as_array()
            .unwrap()
            .iter()
            .map(|flow| flow["value"].as_f64().unwrap())
            .collect();
        assert!(
            !values.is_empty() && values.iter().all(|value| (1e5..1e7).contains(value)),
            "{active}"
        );
        assert!(values.is_sorted_by(|a, b| a >= b));
    }
    assert!(found["flowvalue"].is_number() || found["flowvalue"].is_null());
    let keys: Vec<&str> = found["flowkeys"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        keys.contains(&"ipsource") && keys.contains(&"tcpdestinationport"),
        "{keys:?}"
    );
    let over = &found["flows"][0];
    assert_eq!(
        (&over["name"], &over["agent"]),
        (&json!("pair"), &json!("10.0.0.1"))
    );
    assert!(over["end"].as_u64().unwrap() >= over["start"].as_u64().unwrap());
    let status = &found["agents"]["10.0.0.1"];
    assert!(
        status["sFlowDatagramsReceived"].as_u64().unwrap() > 0 && status["sFlowDatagramsLost"] == 0,
        "{status}"
    );
    assert_eq!(found["metric"]["1.ifname"], "swp1");
    let octets = found["statistics"][0]["metricValue"].as_f64().unwrap();
    assert!((5e5..2e7).contains(&octets), "{octets}: two flows of 10 Mbit/s");
    assert!(found["statistics"][3].get("metricValue").is_none());
    assert_eq!(found["table"][0][0]["metricValue"], "swp1");
    assert_eq!(found["dump"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&found["removed"], &found["after"]),
        (&json!([204, 204, 204]), &json!(404))
    );
}

#[test]
fn secrets_may_be_credentials_of_systemd() {
    let directory = tempfile::tempdir().unwrap();
    token(directory.path(), "a", &["read"]);
    let config = directory.path().join("fm.toml");
    fs::write(&config, "[http]\ntokens_file = \"credential:tokens.toml\"\n").unwrap();
    let check = |credentials: Option<&Path>| {
        let mut command = process::command(binaries::binary("flow-marker").unwrap());
        command.arg("check").arg("--config").arg(&config);
        command.env_remove("CREDENTIALS_DIRECTORY");
        if let Some(credentials) = credentials {
            command.env("CREDENTIALS_DIRECTORY", credentials);
        }
        process::run(command).map_err(|error| error.to_string())
    };
    check(Some(directory.path())).unwrap();
    let error = check(None).unwrap_err();
    let place = format!("{}:2:15: `tokens_file`: ", config.display());
    assert!(
        error.contains(&place) && error.contains("LoadCredential=tokens.toml:FILE"),
        "{error}"
    );
    let error = check(Some("/nonexistent".as_ref())).unwrap_err();
    assert!(error.contains("/nonexistent/tokens.toml"), "{error}");
}
