//! The whole daemon behind its router: real files, a real tool (a shell script) unless time is played with, no socket.
//! Every reply is compared with what the table of routes promises.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use shared::Problem;
use shared::life::{Shutdown, ShutdownTrigger};
use shared::serve::token::TokenHash;
use shared::serve::{Credentials, Peer};
use tower::ServiceExt;

use super::*;
use crate::commit::engine::Engine;
use crate::commit::runner::Runner;
use crate::commit::start::Parts;
use crate::config::access::Scopes;
use crate::store::{Store, SystemDir};
use crate::tool::{Outcome, Run, Tool};

const RULE: &str = "-A FORWARD --in-interface swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP";
/// Another one, since no two ACLs may have the same.
const OTHER: &str = "-A FORWARD --in-interface swp+ -d 10.10.100.11 -p udp --sport 53 -j DROP";

struct Daemon {
    directory: tempfile::TempDir,
    state: ApiState,
    app: Router,
    engine: tokio::task::JoinHandle<()>,
    trigger: ShutdownTrigger,
    readiness: Readiness,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn etag(&self) -> String {
        self.header("etag").unwrap().to_owned()
    }

    fn commit_id(&self) -> String {
        self.header("commit-id").unwrap().to_owned()
    }

    fn problem(&self) -> Problem {
        assert_eq!(
            self.headers["content-type"],
            "application/problem+json",
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        problem
    }

    fn detail(&self) -> String {
        self.problem().detail
    }

    /// The status and the end of the problem's type.
    fn kind(&self) -> (u16, String) {
        (self.status, self.problem().slug().to_owned())
    }
}

/// A tool that notes each run and refuses every file that holds the word `poison`.
const TOOL: &str = "echo run >> $D/runs
if grep -l poison $D/policy.d/*.rules; then echo 'error: line 2 : poison error processing rule'; exit 1; fi
echo done.";

/// A tool that accepts everything at once, for tests that let time pass.
#[derive(Debug)]
struct Accepts;

impl Runner for Accepts {
    async fn run(&self) -> Run {
        Run {
            outcome: Outcome::Accepted,
            lines: Default::default(),
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn settle(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is not as in most tests.
struct Setup {
    entries_limit: Option<u64>,
    state: fn(&mut ApiState),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            entries_limit: None,
            state: |_| {},
        }
    }
}

impl Daemon {
    async fn start(script: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), script).await
    }

    async fn start_in(directory: tempfile::TempDir, script: &str) -> Self {
        let tool = Self::script(&directory, script);
        Self::run(directory, tool, Setup::default()).await
    }

    fn script(directory: &tempfile::TempDir, script: &str) -> Tool {
        let dir = directory.path();
        let program = dir.join("tool");
        std::fs::write(&program, format!("#!/bin/sh\nD={}\n{script}\n", dir.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Tool::new(&program, vec!["-i".to_owned()], Duration::from_secs(2), dir).unwrap()
    }

    async fn run<T: Runner + std::fmt::Debug>(directory: tempfile::TempDir, tool: T, setup: Setup) -> Self {
        let dir = |name: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (policy, state, kept) = (dir("policy.d"), dir("state"), dir("state/drift"));
        let store = patient(|| Store::open(&policy)).await;
        let state = patient(|| SystemDir::open(&state)).await;
        let kept = patient(|| SystemDir::open(&kept)).await;
        let readiness = Readiness::new();
        let (trigger, shutdown) = Shutdown::new();
        let parts = Parts {
            store,
            state: Arc::new(state),
            kept: Arc::new(kept),
            tool,
            boot: "this one".to_owned(),
            entries_limit: setup.entries_limit,
            metrics: Arc::default(),
            readiness: readiness.clone(),
            shutdown,
        };
        let (committer, engine) = Engine::start(parts).await.unwrap();
        let engine = tokio::spawn(engine.run());
        let mut state = ApiState::new(committer, readiness.clone());
        (setup.state)(&mut state);
        let app = app(state.clone(), everybody());
        Self {
            directory,
            state,
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

    /// One whose tool accepts everything at once.
    async fn instant() -> Self {
        Self::set_up(Setup::default()).await
    }

    async fn set_up(setup: Setup) -> Self {
        let daemon = Self::run(tempfile::tempdir().unwrap(), Accepts, setup).await;
        daemon.readiness.ready().await;
        daemon
    }

    /// Gives the handlers another state.
    fn restate(&mut self, change: impl FnOnce(&mut ApiState)) {
        change(&mut self.state);
        self.app = app(self.state.clone(), everybody());
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        Self::answer(self.app.clone(), request).await
    }

    async fn answer(app: Router, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = app.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap().to_vec();
        let reply = Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        };
        openapi::promised(&method, &path, &reply);
        reply
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        self.send(request(method, path, headers, body.into())).await
    }

    /// A request of somebody who shows a token that may do this.
    async fn request_as(&self, may: Scopes, method: Method, path: &str, body: impl Into<Body>) -> Reply {
        let mut credentials = Credentials::default();
        let hash = TokenHash::of(b"secret");
        credentials
            .add_token("somebody".parse().unwrap(), hash, may)
            .unwrap();
        let app = app(self.state.clone(), Access::new(credentials, true, false));
        let headers = [("authorization", "Bearer secret")];
        Self::answer(app, request(method, path, &headers, body.into())).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.request(Method::GET, path, &[], "").await
    }

    async fn post(&self, path: &str) -> Reply {
        self.request(Method::POST, path, &[], "").await
    }

    /// `PUT /acl/{path}`, which may have parameters.
    async fn put(&self, path: &str, lines: &[&str]) -> Reply {
        self.put_if(path, &[], lines).await
    }

    async fn put_if(&self, path: &str, headers: &[(&str, &str)], lines: &[&str]) -> Reply {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let path = format!("/acl/{path}");
        self.request(Method::PUT, &path, &headers, acl(lines)).await
    }

    async fn patch(&self, parameters: &str, body: &Value) -> Reply {
        let path = format!("/acl/{parameters}");
        let kind = [("content-type", "application/merge-patch+json")];
        self.request(Method::PATCH, &path, &kind, body.to_string()).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.request(Method::DELETE, path, &[], "").await
    }

    fn policy(&self, file: &str) -> PathBuf {
        self.directory.path().join("policy.d").join(file)
    }

    /// Changes the file of an ACL by hand.
    fn by_hand(&self, name: &str, content: &str) {
        std::fs::write(self.policy(&format!("50rest-{name}.rules")), content).unwrap();
    }

    fn files(&self) -> Vec<String> {
        self.files_in("policy.d")
    }

    fn files_in(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path().join(directory)).unwrap();
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

/// Opens what an earlier daemon has just let go of: a process that some other test was starting at that moment may hold its
/// lock until it has started.
async fn patient<T>(open: impl Fn() -> std::io::Result<T>) -> T {
    for _ in 0..100 {
        match open() {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("somebody has it")
}

fn app(state: ApiState, access: Access) -> Router {
    // What the server adds to each request: here, where it comes from.
    let peer = Arc::new(Peer {
        address: "127.0.0.1:50000".parse().ok(),
        ..Peer::default()
    });
    router(state, Arc::new(access)).layer(axum::Extension(peer))
}

/// Lets everybody in.
fn everybody() -> Access {
    Access::new(Credentials::default(), false, false)
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1:8080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

/// The body of a PUT.
fn acl(lines: &[&str]) -> Vec<u8> {
    serde_json::to_vec(lines).unwrap()
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

mod asynchronous;
mod confirmations;
mod drifts;
mod dry_runs;
mod hostile;
mod leases;
mod life;
mod openapi;
mod patches;
mod rights;
mod services;
mod verdicts;
mod watchers;
