//! The whole daemon behind its router: real files, a real tool (a shell script), no socket.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use serde_json::Value;
use shared::life::{Shutdown, ShutdownTrigger};
use tower::ServiceExt;

use super::*;
use crate::commit::engine::Engine;
use crate::store::Store;
use crate::tool::Tool;

const RULE: &str = "-A FORWARD --in-interface swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP";

struct Daemon {
    directory: tempfile::TempDir,
    app: Router,
    engine: tokio::task::JoinHandle<()>,
    trigger: ShutdownTrigger,
    readiness: Readiness,
}

struct Reply {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn detail(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// A tool that notes each run and refuses every file that holds the word `poison`.
const TOOL: &str = "echo run >> $D/runs
if grep -l poison $D/policy.d/*.rules; then echo 'error: line 2 : poison error processing rule'; exit 1; fi
echo done.";

impl Daemon {
    async fn start(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, script).await
    }

    async fn start_in(directory: tempfile::TempDir, script: &str) -> Self {
        let dir = directory.path();
        std::fs::create_dir_all(dir.join("policy.d")).unwrap();
        let program = dir.join("tool");
        std::fs::write(&program, format!("#!/bin/sh\nD={}\n{script}\n", dir.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let tool = Tool::new(&program, vec!["-i".to_owned()], Duration::from_secs(2), dir).unwrap();
        let store = Store::open(&dir.join("policy.d")).unwrap();
        let readiness = Readiness::new();
        let (committer, engine) = Engine::start(store, tool, &dir.join("journal"), readiness.clone())
            .await
            .unwrap();
        let (trigger, shutdown) = Shutdown::new();
        let engine = tokio::spawn(engine.run(shutdown));
        let state = ApiState {
            committer,
            readiness: readiness.clone(),
        };
        let app = router(state, "127.0.0.1:8080".parse().unwrap(), false);
        Self {
            directory,
            app,
            engine,
            trigger,
            readiness,
        }
    }

    async fn ready(script: &str) -> Self {
        let daemon = Self::start(script).await;
        daemon.readiness.ready().await;
        daemon
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap().to_vec();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.request(Method::GET, path, &[], "").await
    }

    async fn put(&self, name: &str, lines: &[&str]) -> Reply {
        let body = serde_json::to_vec(lines).unwrap();
        self.request(
            Method::PUT,
            &format!("/acl/{name}"),
            &[("content-type", "application/json")],
            body,
        )
        .await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.request(Method::DELETE, path, &[], "").await
    }

    fn policy(&self, file: &str) -> PathBuf {
        self.directory.path().join("policy.d").join(file)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path().join("policy.d")).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.directory.path().join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// Ends the daemon and gives its directory to the next one.
    async fn stop(self) -> tempfile::TempDir {
        self.trigger.trigger();
        self.engine.await.unwrap();
        self.directory
    }
}

#[tokio::test]
async fn the_seeds_life_of_an_acl() {
    let daemon = Daemon::ready(TOOL).await;
    let created = daemon.put("ddos1", &["[iptables]", RULE]).await;
    assert_eq!(created.status, 201);
    let timing = shared::wire::ServerTiming::parse(created.headers["server-timing"].to_str().unwrap());
    assert!(
        timing.queue >= Duration::from_millis(4) && timing.commit > Duration::ZERO,
        "{timing:?}"
    );
    let on_disk = std::fs::read_to_string(daemon.policy("50rest-ddos1.rules")).unwrap();
    assert_eq!(on_disk, format!("[iptables]\n{RULE}\n"));

    let read = daemon.get("/acl/ddos1").await;
    assert_eq!(
        (read.status, read.json()),
        (200, serde_json::json!(["[iptables]", RULE]))
    );
    assert_eq!(read.headers["etag"], created.headers["etag"]);
    assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["ddos1"]));
    let details = daemon.get("/acl/?details=true&prefix=dd").await.json();
    assert_eq!(details[0]["rules"], 1);
    assert_eq!(details[0]["etag"], created.headers["etag"].to_str().unwrap());
    assert_eq!(daemon.get("/acl/?prefix=x").await.json(), serde_json::json!([]));

    assert_eq!(daemon.put("ddos1", &["[iptables]", RULE]).await.status, 200);
    assert_eq!(
        daemon.put("ddos1", &["[iptables]", "# other", RULE]).await.status,
        200
    );
    assert_eq!(daemon.delete("/acl/ddos1").await.status, 204);
    assert_eq!(daemon.delete("/acl/ddos1").await.status, 204);
    assert_eq!(daemon.get("/acl/ddos1").await.status, 404);
    assert_eq!(daemon.files(), Vec::<String>::new());
    assert_eq!(
        daemon.runs(),
        1 + 3,
        "the start, one PUT, one change and one removal; nothing for what was there already"
    );
}

#[tokio::test]
async fn removing_all_spares_other_peoples_files() {
    let daemon = Daemon::ready(TOOL).await;
    std::fs::write(daemon.policy("00control_plane.rules"), "[iptables]\n").unwrap();
    for name in ["fm_1", "fm_2", "mine"] {
        assert_eq!(daemon.put(name, &["[iptables]", RULE]).await.status, 201);
    }
    assert_eq!(daemon.delete("/acl/?prefix=fm_").await.status, 204);
    assert_eq!(daemon.files(), ["00control_plane.rules", "50rest-mine.rules"]);
    assert_eq!(daemon.delete("/acl/").await.status, 204);
    assert_eq!(daemon.files(), ["00control_plane.rules"]);
}

#[tokio::test]
async fn what_the_tool_refuses_is_taken_back_with_its_words() {
    let daemon = Daemon::ready(TOOL).await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
    assert_eq!(daemon.get("/acl/lasterror").await.status, 204);
    let before = daemon.runs();
    let refused = daemon.put("a", &["[iptables]", "# poison", RULE]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.detail().contains("status 1"));
    let problem = refused.json();
    assert_eq!(
        (problem["acl"].as_str(), problem["type"].as_str()),
        (Some("a"), Some("urn:acl-server:problem:refused"))
    );
    assert!(
        problem["output"][1]
            .as_str()
            .unwrap()
            .starts_with("error: line 2"),
        "{problem}"
    );
    assert_eq!(daemon.runs() - before, 2, "the refused run and the restored base");
    assert_eq!(
        daemon.get("/acl/a").await.json(),
        serde_json::json!(["[iptables]", RULE])
    );
    assert_eq!(daemon.files(), ["50rest-a.rules"]);

    let last = daemon.get("/acl/lasterror").await.json();
    assert_eq!(last["returncode"], 1);
    assert!(last["lines"][1].as_str().unwrap().starts_with("error: line 2"));
    assert_eq!(daemon.put("b", &["[iptables]", RULE]).await.status, 201);
    assert_eq!(daemon.get("/acl/lasterror").await.status, 204);
}

#[tokio::test]
async fn neighbours_of_a_refused_change_are_installed() {
    let daemon = Daemon::ready(TOOL).await;
    let names: Vec<String> = (0..20).map(|i| format!("n{i}")).collect();
    let daemon = &daemon;
    let puts = names.iter().map(|name| async move {
        let comment = if name == "n7" { "# poison" } else { "# fine" };
        daemon.put(name, &["[iptables]", comment, RULE]).await.status
    });
    let statuses = join_all(puts.collect()).await;
    for (name, status) in names.iter().zip(statuses) {
        assert_eq!(status, if name == "n7" { 422 } else { 201 }, "{name}");
    }
    assert_eq!(daemon.files().len(), 19);
    assert!(daemon.runs() < 16, "{} runs", daemon.runs());
}

/// Polls all at once; futures of one test share its task.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if outputs.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outputs.into_iter().map(Option::unwrap).collect()
}

#[tokio::test]
async fn a_broken_foreign_file_is_nobodys_fault() {
    let daemon = Daemon::ready(TOOL).await;
    std::fs::write(daemon.policy("99x.rules"), "poison\n").unwrap();
    let reply = daemon.put("a", &["[iptables]", RULE]).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["type"], "urn:acl-server:problem:base-refused");
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(daemon.files(), ["99x.rules"]);
    assert_eq!(daemon.get("/readyz").await.status, 503);
    std::fs::remove_file(daemon.policy("99x.rules")).unwrap();
    // Nobody asks for anything: the base commit is tried again by itself.
    tokio::time::timeout(Duration::from_secs(20), daemon.readiness.ready())
        .await
        .unwrap();
    assert_eq!(daemon.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_tool_that_hangs_is_504_and_heals() {
    let daemon = Daemon::ready("[ -e $D/hang ] && sleep 100; echo done.").await;
    std::fs::write(daemon.directory.path().join("hang"), "").unwrap();
    let reply = daemon.put("a", &["[iptables]", RULE]).await;
    assert_eq!(reply.status, 504);
    assert_eq!(daemon.files(), Vec::<String>::new());
    assert_eq!(daemon.get("/readyz").await.status, 503);
    std::fs::remove_file(daemon.directory.path().join("hang")).unwrap();
    // While unsynced nothing is taken for granted, and the next success brings the switch back in sync.
    assert_eq!(daemon.delete("/acl/a").await.status, 204);
    assert_eq!(daemon.get("/readyz").await.status, 200);
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
}

#[tokio::test]
async fn until_the_first_commit_reads_work_and_changes_do_not() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("policy.d")).unwrap();
    std::fs::write(directory.path().join("policy.d/50rest-a.rules"), "[iptables]\n").unwrap();
    let daemon = Daemon::start_in(directory, "[ -e $D/fine ] || exit 9; echo done.").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(daemon.get("/acl/a").await.status, 200);
    let reply = daemon.put("b", &["[iptables]", RULE]).await;
    assert_eq!(
        (reply.status, reply.headers.contains_key("retry-after")),
        (503, true)
    );
    assert_eq!(
        daemon.get("/readyz").await.json()["waiting_for"],
        serde_json::json!(["first commit"])
    );
    assert_eq!(daemon.get("/healthz").await.status, 200);
    std::fs::write(daemon.directory.path().join("fine"), "").unwrap();
    tokio::time::timeout(Duration::from_secs(20), daemon.readiness.ready())
        .await
        .unwrap();
    assert_eq!(daemon.put("b", &["[iptables]", RULE]).await.status, 201);
}

#[tokio::test]
async fn a_clean_restart_runs_no_tool_and_a_changed_directory_does() {
    let daemon = Daemon::ready(TOOL).await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
    let runs = daemon.runs();
    let daemon = Daemon::start_in(daemon.stop().await, TOOL).await;
    daemon.readiness.ready().await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 200);
    assert_eq!(daemon.runs(), runs);
    std::fs::write(daemon.policy("10other.rules"), "[iptables]\n").unwrap();
    let daemon = Daemon::start_in(daemon.stop().await, TOOL).await;
    daemon.readiness.ready().await;
    assert_eq!(daemon.runs(), runs + 1);
}

#[tokio::test]
async fn preconditions() {
    let daemon = Daemon::ready(TOOL).await;
    let body = || serde_json::to_vec(&["[iptables]", RULE]).unwrap();
    let put = |headers: Vec<(&'static str, String)>, lines: Vec<u8>| {
        let daemon = &daemon;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            daemon.request(Method::PUT, "/acl/a", &headers, lines).await
        }
    };
    let first = put(vec![("if-none-match", "*".to_owned())], body()).await;
    assert_eq!(first.status, 201);
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = put(vec![("if-none-match", "*".to_owned())], body()).await;
    assert_eq!(
        (again.status, again.headers["etag"].to_str().unwrap()),
        (412, etag.as_str())
    );
    assert_eq!(
        put(vec![("if-match", "\"other\"".to_owned())], body())
            .await
            .status,
        412
    );
    assert_eq!(
        put(vec![("if-match", format!("\"other\", {etag}"))], body())
            .await
            .status,
        200
    );
    assert_eq!(
        put(vec![("if-none-match", "\"x\"".to_owned())], body())
            .await
            .status,
        400
    );
    let delete = daemon
        .request(Method::DELETE, "/acl/a", &[("if-match", "\"other\"")], "")
        .await;
    assert_eq!(delete.status, 412);
}

#[tokio::test]
async fn bad_names() {
    let daemon = Daemon::ready(TOOL).await;
    for path in [
        "/acl/..",
        "/acl/a%2Fb",
        "/acl/a/b",
        "/acl/%2e%2e%2fetc",
        "/acl/A",
        "/acl/a.rules",
        "/acl/a%0A",
        "/acl/%C3%A4",
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let reply = daemon
                .request(method.clone(), path, &[], "[\"[iptables]\"]")
                .await;
            assert_eq!(reply.status, 400, "{method} {path}");
            assert!(reply.detail().contains("a-z, 0-9 and _"), "{method} {path}");
        }
    }
    let long = format!("/acl/{}", "x".repeat(65));
    assert!(daemon.get(&long).await.detail().contains("at most 64"));
    for method in [Method::PUT, Method::DELETE] {
        assert_eq!(
            daemon.request(method, "/acl/lasterror", &[], "[]").await.status,
            403
        );
    }
    assert_eq!(daemon.files(), Vec::<String>::new());
}

#[tokio::test]
async fn bad_bodies() {
    let daemon = Daemon::ready(TOOL).await;
    let before = daemon.runs();
    let many: Vec<&str> = std::iter::once("[iptables]")
        .chain(std::iter::repeat_n("# x", 1000))
        .collect();
    let bodies: [(Vec<u8>, &str); 12] = [
        (b"".to_vec(), "JSON array"),
        (b"{".to_vec(), "JSON array"),
        (b"\"[iptables]\"".to_vec(), "JSON array"),
        (b"[1]".to_vec(), "expected a string"),
        (b"{\"a\":[]}".to_vec(), "JSON array"),
        (b"[\"\xff\"]".to_vec(), "JSON array"),
        (
            b"[\"[iptables]\",\\\n\"-A FORWARD -j DROP\"]".to_vec(),
            "backslash",
        ),
        (b"[]".to_vec(), "section"),
        (serde_json::to_vec(&["# only a comment"]).unwrap(), "section"),
        (
            serde_json::to_vec(&["[iptables]", "# a\n-A INPUT -j DROP"]).unwrap(),
            "printable ASCII",
        ),
        (
            serde_json::to_vec(&["[iptables]", &format!("# {}", "x".repeat(1023))]).unwrap(),
            "at most 1024 bytes",
        ),
        (serde_json::to_vec(&many).unwrap(), "at most 1000 lines"),
    ];
    for (body, expected) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = daemon.request(Method::PUT, "/acl/a", &[], body).await;
        assert_eq!(reply.status, 400, "{shown}");
        assert!(reply.detail().contains(expected), "{shown}: {}", reply.detail());
    }
    let reply = daemon
        .put("a", &["[iptables]", "# fine", "-A FORWARD -j DROP # \u{1b}"])
        .await;
    assert_eq!(
        (reply.json()["line"].as_u64(), reply.json()["column"].as_u64()),
        (Some(3), Some(22))
    );
    let reply = daemon
        .request(Method::PUT, "/acl/a", &[], vec![b' '; (1 << 20) + 1])
        .await;
    assert_eq!(reply.status, 413);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(
        daemon.request(Method::PUT, "/acl/a", &form, "[]").await.status,
        415
    );
    assert_eq!((daemon.files(), daemon.runs()), (Vec::<String>::new(), before));
}

#[tokio::test]
async fn bad_requests_are_problems_too() {
    let daemon = Daemon::ready(TOOL).await;
    for (path, status) in [
        ("/", 404),
        ("/acls", 404),
        ("/acl/?page=2", 400),
        ("/acl/?details=yes", 400),
        ("/acl/a?x=1", 400),
    ] {
        let reply = daemon.get(path).await;
        assert_eq!(reply.status, status, "{path}");
        reply.detail();
    }
    let reply = daemon.request(Method::POST, "/acl/a", &[], "").await;
    assert_eq!(reply.status, 405);
    assert!(
        reply.headers["allow"].to_str().unwrap().contains("PUT"),
        "{:?}",
        reply.headers
    );
    for parameter in ["ttl=60", "dry_run=true", "confirm=10"] {
        let body = serde_json::to_vec(&["[iptables]", RULE]).unwrap();
        let reply = daemon
            .request(Method::PUT, &format!("/acl/a?{parameter}"), &[], body)
            .await;
        assert_eq!(reply.status, 400, "{parameter}");
        assert!(reply.detail().contains("not built"), "{}", reply.detail());
    }
    let reply = daemon
        .request(Method::GET, "/acl/", &[("origin", "http://evil.example")], "")
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(daemon.get("/version").await.json()["name"], "acl-server");
}

#[tokio::test]
async fn readers_see_what_is_committed_and_not_what_is_being_tried() {
    let daemon = Daemon::ready(&format!("[ -e $D/slow ] && sleep 0.5\n{TOOL}")).await;
    assert_eq!(daemon.put("a", &["[iptables]", RULE]).await.status, 201);
    std::fs::write(daemon.directory.path().join("slow"), "").unwrap();
    let running = async {
        let poisoned = daemon.put("a", &["[iptables]", "# poison"]);
        let made = daemon.put("b", &["[iptables]", "# new"]);
        join_all(vec![
            Box::pin(poisoned) as std::pin::Pin<Box<dyn Future<Output = Reply>>>,
            Box::pin(made),
        ])
        .await
    };
    let watching = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(
            daemon.files().contains(&"50rest-b.rules".to_owned()),
            "the tool is running on it"
        );
        assert_eq!(
            daemon.get("/acl/a").await.json(),
            serde_json::json!(["[iptables]", RULE])
        );
        assert_eq!(daemon.get("/acl/b").await.status, 404);
        assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["a"]));
    };
    let (replies, ()) = tokio::join!(running, watching);
    assert_eq!(
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>(),
        [422, 201]
    );
    assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["a", "b"]));
}

#[tokio::test]
async fn a_change_is_carried_out_although_its_client_has_gone() {
    let daemon = Daemon::ready("sleep 0.2; echo done.").await;
    let put = daemon.put("a", &["[iptables]", RULE]);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), put)
            .await
            .is_err()
    );
    // The next change waits behind it.
    assert_eq!(daemon.put("b", &["[iptables]", RULE]).await.status, 201);
    assert_eq!(daemon.get("/acl/").await.json(), serde_json::json!(["a", "b"]));
}

#[tokio::test]
async fn what_waits_at_the_end_is_turned_away() {
    let daemon = Daemon::ready("sleep 0.3; echo done.").await;
    let app = daemon.app.clone();
    let put = |name: &'static str| {
        let request = Request::builder()
            .method(Method::PUT)
            .uri(format!("/acl/{name}"))
            .header("host", "localhost");
        let body = serde_json::to_vec(&["[iptables]", RULE]).unwrap();
        tokio::spawn(app.clone().oneshot(request.body(Body::from(body)).unwrap()))
    };
    let first = put("a");
    tokio::time::sleep(Duration::from_millis(150)).await;
    let second = put("b");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let directory = daemon.stop().await;
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(second.await.unwrap().unwrap().status(), 503);
    assert!(directory.path().join("policy.d/50rest-a.rules").exists());
    assert!(!directory.path().join("policy.d/50rest-b.rules").exists());
}
