use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tests::local::LocalAclServer;
use tests::{http, wait};

use super::history::Acls;
use super::site::Site;

/// Longer than anything that is waited for here.
const LIMIT: Duration = Duration::from_secs(30);

fn content(name: &str, tag: &str) -> (Vec<String>, String) {
    let host = name
        .bytes()
        .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let lines = vec![
        "[iptables]".to_owned(),
        format!("# {tag}"),
        format!("-A FORWARD -i swp1 -d 198.51.100.{host}/32 -j DROP"),
    ];
    let file = lines.join("\n") + "\n";
    (lines, file)
}

fn put(server: SocketAddr, name: &str, tag: &str) -> anyhow::Result<http::Response> {
    http::put(server, &format!("/acl/{name}"), &json!(content(name, tag).0))
}

fn assert_problem(reply: &http::Response, status: u16, slug: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let problem = reply.json().unwrap();
    let kind = problem["type"].as_str().unwrap();
    assert!(kind.ends_with(slug), "{kind} is not {slug}: {}", reply.text());
}

fn acls(acls: &[(&str, &str)]) -> Acls {
    let whole = acls
        .iter()
        .map(|(name, tag)| ((*name).to_owned(), content(name, tag).1));
    whole.collect()
}

/// Waits for the tool to be in the middle of a run, and returns its process.
fn tool(site: &Site) -> Pid {
    let started = site.path().join("started");
    let pid = wait::until("the tool to run", LIMIT, || fs::read_to_string(&started).ok());
    fs::remove_file(&started).unwrap();
    Pid::from_raw(pid.unwrap().parse().unwrap())
}

/// acl-server with a tool that says when it runs, after its first commit, with the ACL `kept`.
fn start(site: &Site, tool_args: &str, more: &[&str]) -> LocalAclServer {
    let started = site.path().join("started");
    let mut command = site
        .home
        .command(&format!("--started {} {tool_args}", started.display()))
        .unwrap();
    command.args(more);
    let server = site.home.spawn("acl-server", command).unwrap();
    server.ready().unwrap();
    assert_eq!(put(server.address, "kept", "before").unwrap().status, 201);
    fs::remove_file(started).unwrap();
    server
}

/// A change is being carried out: the tool runs.
fn in_the_middle(
    site: &Site,
    server: &LocalAclServer,
) -> (Pid, thread::JoinHandle<anyhow::Result<http::Response>>) {
    let address = server.address;
    let client = thread::spawn(move || put(address, "kept", "after"));
    (tool(site), client)
}

/// After a fault: the old rules are on the switch again, and it goes on.
fn assert_recovers(site: &mut Site, server: &LocalAclServer) {
    assert_eq!(site.acls(), acls(&[("kept", "before")]));
    server.ready().unwrap();
    site.assert_installed();
    assert_eq!(site.acls(), acls(&[("kept", "before")]));
    assert_eq!(put(server.address, "kept", "later").unwrap().status, 200);
    assert_eq!(site.acls(), acls(&[("kept", "later")]));
    site.assert_installed();
}

#[test]
fn a_tool_that_is_killed_has_accepted_nothing() {
    let mut site = Site::new();
    let server = start(&site, "--delay 200", &[]);
    let (pid, client) = in_the_middle(&site, &server);
    kill(pid, Signal::SIGKILL).unwrap();
    let reply = client.join().unwrap().unwrap();
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    assert!(reply.text().contains("signal 9"), "{}", reply.text());
    assert_eq!(http::get(server.address, "/readyz").unwrap().status, 503);
    let shown = http::get(server.address, "/acl/kept").unwrap();
    assert_eq!(shown.json().unwrap(), json!(content("kept", "before").0));
    assert_recovers(&mut site, &server);
}

#[test]
fn a_tool_that_hangs_is_ended_and_has_accepted_nothing() {
    let mut site = Site::new();
    let server = start(&site, "--delay 200", &["--tool-timeout", "1s"]);
    let (pid, client) = in_the_middle(&site, &server);
    // Stopped, it does not notice the SIGTERM either.
    kill(pid, Signal::SIGSTOP).unwrap();
    let reply = client.join().unwrap().unwrap();
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert!(!tests::process::exists(pid.as_raw().unsigned_abs()));
    assert_recovers(&mut site, &server);
}

#[test]
fn a_stopped_tool_that_outlives_its_daemon_is_ended_by_the_next_one() {
    let mut site = Site::new();
    let mut server = start(&site, "--delay 200", &["--tool-timeout", "1s"]);
    let (pid, client) = in_the_middle(&site, &server);
    kill(pid, Signal::SIGSTOP).unwrap();
    server.process.crash().unwrap();
    assert!(client.join().unwrap().is_err());
    let mut command = site.home.command("--delay 1").unwrap();
    command.args(["--tool-timeout", "1s"]);
    server = site.home.spawn("next", command).unwrap();
    assert!(!tests::process::exists(pid.as_raw().unsigned_abs()));
    server.ready().unwrap();
    assert_recovers(&mut site, &server);
}

#[test]
fn sigterm_finishes_what_runs_and_turns_away_what_waits() {
    let mut site = Site::new();
    let server = start(&site, "--delay 500", &[]);
    let address = server.address;
    let (_, first) = in_the_middle(&site, &server);
    let second = thread::spawn(move || put(address, "second", "x"));
    // The second is in the queue, behind the first, of which the tool has 300 ms left.
    wait::pause(Duration::from_millis(200));
    server.process.signal(Signal::SIGTERM).unwrap();
    wait::pause(Duration::from_millis(50));
    let third = put(address, "third", "x");
    let status = server.process.wait(LIMIT).unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(first.join().unwrap().unwrap().status, 200);
    let second = second.join().unwrap().unwrap();
    assert_problem(&second, 503, "shutting-down");
    assert!(second.header("retry-after").is_some());
    // No connection is as good.
    if let Ok(third) = third {
        assert_problem(&third, 503, "shutting-down");
    }
    assert_eq!(site.acls(), acls(&[("kept", "after")]));
    let runs = site.assert_installed();
    // What was in order when it ended needs no commit when it starts.
    let server = site.home.start("next", "").unwrap();
    server.ready().unwrap();
    assert_eq!((runs > 0, site.read_record()), (true, 0));
}

/// A program in the mount namespace of `holder`.
fn inside(holder: &tests::process::Process, command: &Command) -> Command {
    let mut wrapped = tests::process::command(tests::binaries::system("nsenter", "util-linux").unwrap());
    wrapped
        .arg(format!("--mount=/proc/{}/ns/mnt", holder.pid()))
        .arg(command.get_program())
        .args(command.get_args());
    wrapped
}

/// As root: file systems that are full or read-only, across restarts.
mod lab {
    use tests::process::{Process, run};

    use super::*;

    /// A mount namespace, with what `script` mounts in it.
    fn namespace(site: &Site, script: &str, of: &Path) -> Process {
        assert!(nix::unistd::Uid::effective().is_root(), "mounting needs root");
        let mut holder = tests::process::command(tests::binaries::system("unshare", "util-linux").unwrap());
        let script = format!("{script} && echo mounted && exec sleep infinity");
        holder.args(["--mount", "sh", "-ec", &script]).arg(of);
        let holder = Process::spawn("mounts", holder, site.path()).unwrap();
        holder.wait_for_output("mounted", LIMIT).unwrap();
        holder
    }

    fn shell(holder: &Process, script: &str, of: &Path) -> String {
        let mut command = tests::process::command("sh");
        command.args(["-ec", script]).arg(of);
        run(inside(holder, &command)).unwrap()
    }

    fn start(site: &Site, holder: &Process, name: &str) -> LocalAclServer {
        let command = site.home.command("").unwrap();
        let server = site.home.spawn(name, inside(holder, &command)).unwrap();
        server.ready().unwrap();
        server
    }

    /// PUTs 30 KiB, which fits into nothing that happens to be left over.
    fn put_big(server: SocketAddr, name: &str) -> http::Response {
        let mut lines = content(name, "big").0;
        lines.extend((0..30).map(|_| format!("# {}", "x".repeat(1000))));
        http::put(server, &format!("/acl/{name}"), &json!(lines)).unwrap()
    }

    const TMPFS: &str = "mount -t tmpfs -o size=256k small \"$0\"";
    const FILL: &str = "cat /dev/zero >\"$0/filler\" 2>/dev/null || :";
    const EMPTY: &str = "rm \"$0/filler\"";

    #[test]
    fn a_full_disk_survives_a_crash_and_works_when_there_is_room() {
        for state_is_full in [false, true] {
            let site = Site::new();
            let (policy, state) = (site.home.policy_dir(), site.home.state_dir());
            fs::create_dir_all(&state).unwrap();
            let full = if state_is_full { &state } else { &policy };
            let holder = namespace(&site, TMPFS, full);
            let server = start(&site, &holder, "first");
            assert_eq!(put(server.address, "kept", "before").unwrap().status, 201);
            shell(&holder, FILL, full);
            let list = || shell(&holder, "cd \"$0\" && ls -A && cat 50rest-*", &policy);
            let before = list();
            for _ in 0..3 {
                for name in ["kept", "new"] {
                    assert_problem(&put_big(server.address, name), 507, "disk-full");
                }
            }
            assert_eq!(list(), before);
            assert_eq!(http::get(server.address, "/readyz").unwrap().status, 200);
            server.process.crash().unwrap();

            let server = start(&site, &holder, "second");
            assert_eq!(list(), before, "state is full: {state_is_full}");
            assert_problem(&put_big(server.address, "new"), 507, "disk-full");
            shell(&holder, EMPTY, full);
            assert_eq!(put_big(server.address, "new").status, 201);
            assert_eq!(http::delete(server.address, "/acl/kept").unwrap().status, 204);
        }
    }

    #[test]
    fn a_read_only_policy_directory_takes_nothing_until_it_is_writable() {
        let site = Site::new();
        let policy = site.home.policy_dir();
        let holder = namespace(&site, "mount --bind \"$0\" \"$0\"", &policy);
        let server = start(&site, &holder, "acl-server");
        assert_eq!(put(server.address, "kept", "before").unwrap().status, 201);
        shell(&holder, "mount -o remount,bind,ro \"$0\"", &policy);
        for reply in [
            put(server.address, "kept", "after").unwrap(),
            put(server.address, "new", "x").unwrap(),
            http::delete(server.address, "/acl/kept").unwrap(),
            http::delete(server.address, "/acl/").unwrap(),
        ] {
            assert_eq!(reply.status, 503, "{}", reply.text());
        }
        assert_eq!(site.acls(), acls(&[("kept", "before")]));
        shell(&holder, "mount -o remount,bind,rw \"$0\"", &policy);
        server.ready().unwrap();
        assert_eq!(put(server.address, "kept", "after").unwrap().status, 200);
        assert_eq!(site.acls(), acls(&[("kept", "after")]));
    }

    #[test]
    fn a_read_only_state_directory_is_no_start_and_says_why() {
        let site = Site::new();
        let state = site.home.state_dir();
        drop(super::start(&site, "", &[]));
        let before = site.acls();
        let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\"";
        let holder = namespace(&site, script, &state);
        let refused = site
            .home
            .spawn("refused", inside(&holder, &site.home.command("").unwrap()));
        let error = format!("{:#}", refused.unwrap_err());
        assert!(
            error.contains("Read-only file system") && error.contains(&state.display().to_string()),
            "{error}"
        );
        assert_eq!(site.acls(), before);
        let server = site.home.start("third", "").unwrap();
        server.ready().unwrap();
        assert_eq!(put(server.address, "kept", "after").unwrap().status, 200);
    }
}
