//! acl-server as a process, with a tool that records what it saw: many clients, crashes, hostile requests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tests::local::Home;
use tests::{http, process, wait};

const RULE: &str = "-A FORWARD --in-interface swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP";

fn home() -> (tempfile::TempDir, Home) {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(directory.path()).unwrap();
    (directory, home)
}

/// A rule of this ACL alone: no two may have the same.
fn rule(name: &str) -> String {
    let hash = name.bytes().fold(7_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    let [_, b, c, d] = hash.to_be_bytes();
    format!("-A FORWARD --in-interface swp+ -d 10.{b}.{c}.{d} -p udp --sport 53 -j DROP")
}

fn put(server: SocketAddr, name: &str, comment: &str) -> anyhow::Result<http::Response> {
    http::put(
        server,
        &format!("/acl/{name}"),
        &json!(["[iptables]", format!("# {comment}"), rule(name)]),
    )
}

/// What a run of the tool had in front of it, by file name.
fn seen(run: &Value, when: &str) -> BTreeMap<String, String> {
    serde_json::from_value(run[when].clone()).unwrap()
}

fn on_disk(home: &Home) -> BTreeMap<String, String> {
    home.files().unwrap().into_iter().collect()
}

#[test]
fn two_hundred_puts_at_the_same_moment_are_at_most_three_runs() {
    let (_directory, home) = home();
    let server = home
        .start("acl-server", "--delay 500 --refuse-if poison")
        .unwrap();
    server.ready().unwrap();
    let before = home.runs().unwrap().len();
    let barrier = Arc::new(Barrier::new(200));
    let clients: Vec<_> = (0..200)
        .map(|number| {
            let (barrier, address) = (Arc::clone(&barrier), server.address);
            thread::spawn(move || {
                barrier.wait();
                put(address, &format!("n{number}"), &format!("client {number}")).unwrap()
            })
        })
        .collect();
    let statuses: Vec<u16> = clients
        .into_iter()
        .map(|client| client.join().unwrap().status)
        .collect();
    assert_eq!(statuses, [201; 200]);
    let runs = home.runs().unwrap();
    println!("200 PUTs: {} runs of the tool", runs.len() - before);
    assert!(runs.len() - before <= 3, "{} runs", runs.len() - before);
    let files = on_disk(&home);
    assert_eq!(files.len(), 200);
    for number in 0..200 {
        assert_eq!(
            files[&format!("50rest-n{number}.rules")],
            format!("[iptables]\n# client {number}\n{}\n", rule(&format!("n{number}")))
        );
    }
    assert_eq!(seen(runs.last().unwrap(), "at_end"), files);
    for run in &runs {
        assert_eq!(
            run["at_start"], run["at_end"],
            "nothing changes under a running tool"
        );
    }
}

#[test]
fn a_client_among_many_gets_its_own_verdict() {
    let (_directory, home) = home();
    let server = home
        .start("acl-server", "--delay 100 --refuse-if poison")
        .unwrap();
    server.ready().unwrap();
    let clients: Vec<_> = (0..30)
        .map(|number| {
            let address = server.address;
            let comment = if number % 10 == 3 { "poison" } else { "fine" };
            thread::spawn(move || (number, put(address, &format!("n{number}"), comment).unwrap()))
        })
        .collect();
    for client in clients {
        let (number, reply) = client.join().unwrap();
        assert_eq!(
            reply.status,
            if number % 10 == 3 { 422 } else { 201 },
            "client {number}: {}",
            reply.text()
        );
        if reply.status == 422 {
            assert!(
                reply.json().unwrap()["output"].to_string().contains("poison"),
                "{}",
                reply.text()
            );
        }
    }
    let files = on_disk(&home);
    assert_eq!(files.len(), 27);
    assert_eq!(seen(home.runs().unwrap().last().unwrap(), "at_end"), files);
}

#[test]
fn kill_9_in_the_middle_of_a_batch() {
    let (_directory, home) = home();
    let mut server = home.start("acl-server-0", "--delay 300").unwrap();
    server.ready().unwrap();
    assert_eq!(put(server.address, "kept", "before").unwrap().status, 201);
    // From the first microseconds of a batch to well into the run of its tool.
    for (round, after_ms) in [0, 2, 5, 6, 8, 12, 50, 150, 290, 320].into_iter().enumerate() {
        let before = on_disk(&home);
        let address = server.address;
        let clients = ["kept", "made"].map(|name| {
            thread::spawn(move || {
                put(address, name, &format!("round {round}")).map_or(0, |reply| reply.status)
            })
        });
        wait::pause(Duration::from_millis(after_ms));
        server.process.crash().unwrap();
        let answered = clients.map(|client| client.join().unwrap());

        server = home
            .start(&format!("acl-server-{}", round + 1), "--delay 300")
            .unwrap();
        server.ready().unwrap();
        let files = on_disk(&home);
        for (name, status) in ["kept", "made"].into_iter().zip(answered) {
            let file = format!("50rest-{name}.rules");
            let new = format!("[iptables]\n# round {round}\n{}\n", rule(name));
            let found = files.get(&file);
            match status {
                200 | 201 => assert_eq!(found, Some(&new), "round {round}: {name} was answered {status}"),
                // No answer: all of it or nothing of it, never a part.
                0 => assert!(
                    found == before.get(&file) || found == Some(&new),
                    "round {round}: {name}: {found:?}"
                ),
                other => panic!("round {round}: {name} was answered {other}"),
            }
        }
        assert!(
            files
                .keys()
                .all(|file| file.starts_with("50rest-") && file.ends_with(".rules")),
            "{:?}",
            files.keys()
        );
        let runs = home.runs().unwrap();
        assert_eq!(
            seen(runs.last().unwrap(), "at_end"),
            files,
            "round {round}: what the tool last accepted"
        );
        assert_eq!(runs.last().unwrap()["exit"], 0);
        // One run at a time, the orphan's included: it did not have the last word.
        for pair in runs.windows(2) {
            assert!(
                pair[0]["end_ns"].as_u64() <= pair[1]["start_ns"].as_u64(),
                "round {round}: overlapping runs"
            );
        }
    }
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused() {
    let (_directory, home) = home();
    let server = home.start("first", "").unwrap();
    let error = format!("{:#}", home.start("second", "").unwrap_err());
    assert!(error.contains("another acl-server runs"), "{error}");
    drop(server);
    home.start("third", "").unwrap();
}

#[test]
fn sigterm_finishes_the_batch_and_ends() {
    let (_directory, home) = home();
    let server = home.start("acl-server", "--delay 300").unwrap();
    server.ready().unwrap();
    let address = server.address;
    let client = thread::spawn(move || put(address, "last", "x").unwrap().status);
    wait::pause(Duration::from_millis(150));
    let status = server.process.terminate(Duration::from_secs(20)).unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(client.join().unwrap(), 201);
    assert!(on_disk(&home).contains_key("50rest-last.rules"));
}

#[test]
fn nothing_is_open_by_accident() {
    let (directory, _home) = home();
    let mut server = process::command(tests::binaries::binary("acl-server").unwrap());
    let policy = directory.path().join("policy.d");
    server
        .args([
            "--listen",
            "0.0.0.0:0",
            "--tool-args",
            "-P {policy_dir}",
            "--policy-dir",
        ])
        .arg(&policy);
    let error = format!("{:#}", process::run(server).unwrap_err());
    assert!(error.contains("--no-auth"), "{error}");
}

#[test]
fn hostile_requests_change_nothing_and_end_nothing() {
    let (_directory, home) = home();
    let server = home.start("acl-server", "").unwrap();
    server.ready().unwrap();
    let runs = home.runs().unwrap().len();
    let raw = |bytes: &[u8]| {
        let answer = http::exchange(server.address, bytes, Duration::from_secs(2)).unwrap_or_default();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let host = format!("Host: {}\r\nConnection: close\r\n", server.address);
    let request = |line: &str, rest: &str| raw(format!("{line} HTTP/1.1\r\n{host}{rest}").as_bytes());
    for path in [
        "/acl/../../etc/passwd",
        "/acl/..%2f..%2fetc",
        "/acl/%00",
        "/acl/a%0d%0aX:%20y",
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = request(&format!("{method} {path}"), "Content-Length: 2\r\n\r\n[]");
            assert!(
                answer.starts_with("HTTP/1.1 400") && answer.contains("problem+json"),
                "{method} {path}: {answer}"
            );
        }
    }
    let big = format!("Content-Length: {}\r\n\r\n[\"{}", 5 << 20, "x".repeat(2 << 20));
    assert!(request("PUT /acl/a", &big).starts_with("HTTP/1.1 413"));
    let endless = format!(
        "Transfer-Encoding: chunked\r\n\r\n{}",
        format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(20)
    );
    assert!(request("PUT /acl/a", &endless).starts_with("HTTP/1.1 413"));
    let line_end = serde_json::to_string(&json!(["[iptables]", "# a\n-A INPUT -j DROP"])).unwrap();
    let answer = request(
        "PUT /acl/a",
        &format!("Content-Length: {}\r\n\r\n{line_end}", line_end.len()),
    );
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("\"line\":2"),
        "{answer}"
    );
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\0\0\0\0",
        b"PUT\r\n\r\n",
        &[b'A'; 200_000],
    ] {
        assert!(!raw(garbage).starts_with("HTTP/1.1 2"));
    }
    assert_eq!(
        http::get(server.address, "/acl/").unwrap().json().unwrap(),
        json!([])
    );
    assert_eq!(home.runs().unwrap().len(), runs);
    assert_eq!(put(server.address, "a", "still alive").unwrap().status, 201);
}

#[test]
fn the_seeds_commands_work_with_curl() {
    let (_directory, home) = home();
    let server = home.start("acl-server", "").unwrap();
    server.ready().unwrap();
    let curl = |arguments: &[&str]| {
        let mut command = process::command(tests::binaries::system("curl", "curl").unwrap());
        command.args(["-sS", "-w", "%{http_code}"]).args(arguments);
        process::run(command).unwrap()
    };
    let base = format!("http://{}/acl/", server.address);
    let acl = format!("{base}ddos1");
    let body = format!(r#"["[iptables]", "{RULE}"]"#);
    let create = [
        "-H",
        "Content-Type:application/json",
        "-X",
        "PUT",
        "--data",
        &body,
        &acl,
    ];
    assert_eq!(curl(&create), "201");
    assert_eq!(curl(&[&acl]), format!(r#"["[iptables]","{RULE}"]200"#));
    assert_eq!(curl(&[&base]), r#"["ddos1"]200"#);
    assert_eq!(curl(&["-X", "DELETE", &acl]), "204");
    assert_eq!(curl(&["-X", "DELETE", &base]), "204");
    // As it is printed in the original, with a backslash at the line's end inside the quotes.
    let broken = format!("[\"[iptables]\",\\\n\"{RULE}\"]");
    let answer = curl(&[
        "-H",
        "Content-Type:application/json",
        "-X",
        "PUT",
        "--data-binary",
        &broken,
        &acl,
    ]);
    assert!(answer.ends_with("400") && answer.contains("one line"), "{answer}");
    // Without -H, curl calls a body a form.
    assert!(curl(&["-X", "PUT", "--data", &body, &acl]).ends_with("415"));
}

/// As root: file systems that are full.
mod lab {
    use std::fs;

    use super::*;

    /// Starts acl-server with a file system of `size` at `small`, in a mount namespace that ends with it.
    fn start_on_small_disk(home: &Home, small: &std::path::Path, size: &str) -> tests::local::LocalAclServer {
        assert!(
            nix::unistd::Uid::effective().is_root(),
            "mounting a small file system needs root"
        );
        fs::create_dir_all(small).unwrap();
        let server = home.command("").unwrap();
        let mut wrapped = process::command(tests::binaries::system("unshare", "util-linux").unwrap());
        let script = "mount -t tmpfs -o size=$0 small \"$1\" && shift && exec \"$@\"";
        wrapped
            .args(["--mount", "sh", "-c", script, size])
            .arg(small)
            .arg(server.get_program())
            .args(server.get_args());
        home.spawn("acl-server", wrapped).unwrap()
    }

    /// PUTs an ACL of 30 KiB.
    fn put_big(server: SocketAddr, name: &str) -> http::Response {
        let line = format!("# {}", "x".repeat(1000));
        let lines: Vec<&str> = std::iter::once("[iptables]")
            .chain(std::iter::repeat_n(line.as_str(), 30))
            .collect();
        http::put(server, &format!("/acl/{name}"), &json!(lines)).unwrap()
    }

    fn assert_full(reply: &http::Response) {
        assert_eq!(reply.status, 507, "{}", reply.text());
        assert!(reply.text().contains("disk-full"), "{}", reply.text());
    }

    /// Fills the disk until an ACL does not fit; returns how many did.
    fn fill(server: SocketAddr) -> usize {
        for number in 0..100 {
            let reply = put_big(server, &format!("big{number}"));
            if reply.status != 201 {
                assert_full(&reply);
                return number;
            }
        }
        panic!("the disk is never full");
    }

    #[test]
    fn a_full_policy_directory_refuses_and_keeps_what_was_there() {
        let (_directory, home) = home();
        let server = start_on_small_disk(&home, &home.policy_dir(), "256k");
        server.ready().unwrap();
        let fitted = fill(server.address);
        assert!(fitted >= 3, "{fitted}");
        let listed = http::get(server.address, "/acl/").unwrap().json().unwrap();
        assert_eq!(listed.as_array().unwrap().len(), fitted);
        assert_eq!(http::get(server.address, "/readyz").unwrap().status, 200);
        // What the tool sees is what is listed, and no temporary file is left.
        let inside = format!(
            "/proc/{}/root{}",
            server.process.pid(),
            home.policy_dir().display()
        );
        assert_eq!(fs::read_dir(inside).unwrap().count(), fitted);
        // A full disk can be emptied through the API, and then there is room again.
        assert_eq!(http::delete(server.address, "/acl/big0").unwrap().status, 204);
        assert_eq!(put(server.address, "small", "fits").unwrap().status, 201);
        assert_eq!(http::delete(server.address, "/acl/").unwrap().status, 204);
    }

    #[test]
    fn a_full_state_directory_refuses_before_anything_changes() {
        let (_directory, home) = home();
        let server = start_on_small_disk(&home, &home.state_dir(), "24k");
        server.ready().unwrap();
        assert_eq!(put(server.address, "small", "fits").unwrap().status, 201);
        // The journal of this one does not fit, so it is never begun.
        assert_full(&put_big(server.address, "big"));
        let runs = home.runs().unwrap();
        let files = on_disk(&home);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["50rest-small.rules"]);
        assert_eq!(seen(runs.last().unwrap(), "at_end"), files);
        assert_eq!(http::get(server.address, "/readyz").unwrap().status, 200);
        assert_eq!(put(server.address, "small", "fits again").unwrap().status, 200);
        assert_eq!(home.runs().unwrap().len(), runs.len() + 1);
    }
}
