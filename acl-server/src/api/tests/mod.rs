//! The whole daemon behind its router: real files, a real tool (a shell script), no socket.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use serde_json::Value;
use shared::life::{Shutdown, ShutdownTrigger};
use shared::serve::{Credentials, Peer};
use tower::ServiceExt;

use super::*;
use crate::commit::engine::Engine;
use crate::commit::start::Parts;
use crate::store::{Store, SystemDir};
use crate::tool::Tool;

const RULE: &str = "-A FORWARD --in-interface swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP";
/// Another one, since no two ACLs may have the same.
const OTHER: &str = "-A FORWARD --in-interface swp+ -d 10.10.100.11 -p udp --sport 53 -j DROP";

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
        let (trigger, shutdown) = Shutdown::new();
        std::fs::create_dir_all(dir.join("state/drift")).unwrap();
        let parts = Parts {
            store,
            state: Arc::new(SystemDir::open(&dir.join("state")).unwrap()),
            kept: Arc::new(SystemDir::open(&dir.join("state/drift")).unwrap()),
            tool,
            boot: "this one".to_owned(),
            entries_limit: None,
            metrics: Default::default(),
            readiness: readiness.clone(),
            shutdown,
        };
        let started = Engine::start(parts).await;
        let (committer, engine) = started.unwrap();
        let engine = tokio::spawn(engine.run());
        let state = ApiState {
            committer,
            readiness: readiness.clone(),
        };
        let access = Arc::new(Access::new(Credentials::default(), false, false));
        // What the server adds to each request: here, where it comes from.
        let peer = Arc::new(Peer {
            address: "127.0.0.1:50000".parse().ok(),
            ..Peer::default()
        });
        let app = router(state, access).layer(axum::Extension(peer));
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

mod hostile;
mod life;
mod verdicts;
