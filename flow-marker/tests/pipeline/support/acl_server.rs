//! An acl-server of a few lines: keeps ACLs in memory, records who asked for what, and does as the test wishes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use shared::AclName;
use shared::wire::set_etag;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) acls: BTreeMap<String, Vec<String>>,
    /// `PUT name` and `DELETE name`, in order.
    pub(crate) changes: Vec<String>,
    /// How many ACLs each request changed, and the `ttl` that it asked for.
    pub(crate) patches: Vec<(usize, String)>,
    /// The `ttl` of each renewal.
    pub(crate) renewals: Vec<String>,
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
            .route("/acl/", get(list).patch(patch))
            .route("/acl/renew", post(renew))
            .route("/acl/{name}", get(read))
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

/// What a PUT or DELETE of this ACL would have been answered with.
fn change(inner: &mut Inner, name: &str, lines: Option<Vec<String>>) -> Value {
    let Some(lines) = lines else {
        inner.changes.push(format!("DELETE {name}"));
        inner.acls.remove(name);
        return json!({"status": 204});
    };
    inner.changes.push(format!("PUT {name}"));
    if let Some(why) = &inner.refuse {
        let problem = json!({"type": "urn:acl-server:problem:refused", "title": "refused", "status": 422, "detail": why});
        return json!({"status": 422, "problem": problem});
    }
    let tag = etag(&lines);
    let status = match inner.acls.insert(name.to_owned(), lines) {
        None => 201,
        Some(_) => 200,
    };
    json!({"status": status, "etag": tag})
}

async fn patch(
    State(inner): Shared,
    Query(query): Query<BTreeMap<String, String>>,
    Json(patch): Json<BTreeMap<String, Option<Vec<String>>>>,
) -> Response {
    let mut inner = inner.lock().unwrap();
    inner.patches.push((patch.len(), asked(&query, "ttl")));
    let results: BTreeMap<_, _> = patch
        .into_iter()
        .map(|(name, lines)| {
            let result = change(&mut inner, &name, lines);
            (name, result)
        })
        .collect();
    let timing = [("server-timing", "queue;dur=5.250, commit;dur=38".to_owned())];
    (timing, Json(results)).into_response()
}

fn asked(query: &BTreeMap<String, String>, name: &str) -> String {
    query.get(name).cloned().unwrap_or_default()
}

async fn renew(State(inner): Shared, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let prefix = asked(&query, "prefix");
    let mut inner = inner.lock().unwrap();
    let ours = inner.acls.iter().filter(|(name, _)| name.starts_with(&prefix));
    let set: Vec<(AclName, String)> = ours
        .map(|(name, lines)| (name.parse().unwrap(), etag(lines)))
        .collect();
    inner.renewals.push(asked(&query, "ttl"));
    let set_etag = set_etag(set.iter().map(|(name, etag)| (name, etag.clone())));
    Json(json!({"renewed": set.len(), "set_etag": set_etag})).into_response()
}
