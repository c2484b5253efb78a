//! An acl-server of a few lines: keeps ACLs in memory, records who asked for what, and does as the test wishes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) acls: BTreeMap<String, Vec<String>>,
    /// `PUT name` and `DELETE name`, in order.
    pub(crate) changes: Vec<String>,
    /// Refuses every PUT with this text.
    pub(crate) refuse: Option<String>,
}

/// A running server; it ends with the value.
pub(crate) struct AclServer {
    pub(crate) address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

type Shared = State<Arc<Mutex<Inner>>>;

impl AclServer {
    pub(crate) async fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/acl/", get(list))
            .route("/acl/{name}", get(read).put(write).delete(remove))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inner, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().acls.keys().cloned().collect()
    }
}

impl Drop for AclServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn etag(lines: &[String]) -> String {
    format!("\"{}\"", lines.join("/").len())
}

async fn list(State(inner): Shared, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let inner = inner.lock().unwrap();
    let ours = inner.acls.iter().filter(|(name, _)| name.starts_with(&prefix));
    let list: Vec<_> = ours
        .map(|(name, lines)| json!({"name": name, "etag": etag(lines), "lines": lines.len(), "rules": 1, "drift": false}))
        .collect();
    Json(list).into_response()
}

async fn read(State(inner): Shared, Path(name): Path<String>) -> Response {
    match inner.lock().unwrap().acls.get(&name) {
        Some(lines) => Json(lines).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn write(State(inner): Shared, Path(name): Path<String>, Json(lines): Json<Vec<String>>) -> Response {
    let mut inner = inner.lock().unwrap();
    inner.changes.push(format!("PUT {name}"));
    if let Some(why) = &inner.refuse {
        let problem = json!({"type": "urn:acl-server:problem:refused", "title": "refused", "status": 422, "detail": why});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(problem)).into_response();
    }
    let headers = [
        ("etag", etag(&lines)),
        ("server-timing", "queue;dur=5.250, commit;dur=38".to_owned()),
    ];
    let status = match inner.acls.insert(name, lines) {
        None => StatusCode::CREATED,
        Some(_) => StatusCode::OK,
    };
    (status, headers).into_response()
}

async fn remove(State(inner): Shared, Path(name): Path<String>) -> Response {
    let mut inner = inner.lock().unwrap();
    inner.changes.push(format!("DELETE {name}"));
    inner.acls.remove(&name);
    StatusCode::NO_CONTENT.into_response()
}
