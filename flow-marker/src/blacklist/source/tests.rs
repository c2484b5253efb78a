use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;

use super::*;

/// A server of lists; the headers of all its requests.
async fn server() -> (Url, Arc<Mutex<Vec<HeaderMap>>>) {
    async fn list(
        State(seen): State<Arc<Mutex<Vec<HeaderMap>>>>,
        headers: HeaderMap,
    ) -> axum::response::Response {
        let known = headers.get(IF_NONE_MATCH).is_some_and(|etag| etag == "\"1\"");
        seen.lock().unwrap().push(headers);
        if known {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        let validators = [
            ("etag", "\"1\""),
            ("last-modified", "Sat, 17 Sep 2016 22:19:16 GMT"),
        ];
        (validators, "192.0.2.1\n").into_response()
    }
    let seen = Arc::<Mutex<Vec<HeaderMap>>>::default();
    let router = Router::new()
        .route("/list", get(list))
        .route("/huge", get(|| async { vec![b' '; 2000] }))
        .route("/slow", get(|| async { std::future::pending::<()>().await }))
        .route("/moved", get(|| async { Redirect::temporary("/list") }))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/lies", get(|| async { StatusCode::NOT_MODIFIED }))
        .with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, seen)
}

fn body(fetched: Result<Fetched, String>) -> Vec<u8> {
    match fetched.unwrap() {
        Fetched::New { body, .. } => body,
        Fetched::Same => panic!("nothing came"),
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let (url, seen) = server().await;
    let source = Source::new().unwrap();
    let origin = Origin::Url(url.join("list").unwrap());
    let Fetched::New {
        body: list,
        validators,
    } = source.fetch(&origin, &Validators::default()).await.unwrap()
    else {
        panic!("the first is new");
    };
    assert_eq!(list, b"192.0.2.1\n");
    assert_eq!(source.fetch(&origin, &validators).await, Ok(Fetched::Same));
    let seen = seen.lock().unwrap();
    assert!(!seen[0].contains_key(IF_NONE_MATCH) && !seen[0].contains_key(IF_MODIFIED_SINCE));
    assert_eq!(seen[1][IF_NONE_MATCH], "\"1\"");
    assert_eq!(seen[1][IF_MODIFIED_SINCE], "Sat, 17 Sep 2016 22:19:16 GMT");
}

#[tokio::test]
async fn whatever_a_server_does_ends_and_says_why() {
    let (url, _) = server().await;
    let source = Source::with_limits(Duration::from_millis(300), 1000).unwrap();
    let fetch = async |path: &str| {
        let origin = Origin::Url(url.join(path).unwrap());
        source.fetch(&origin, &Validators::default()).await
    };
    assert_eq!(body(fetch("moved").await), b"192.0.2.1\n");
    assert!(fetch("huge").await.unwrap_err().contains("more than"));
    assert!(fetch("slow").await.unwrap_err().contains("no whole answer"));
    assert!(fetch("none").await.unwrap_err().contains("404"));
    assert!(fetch("round").await.unwrap_err().contains("307"));
    assert!(fetch("lies").await.unwrap_err().contains("304"), "of what?");
    let nobody = Origin::Url("http://127.0.0.1:1/?key=s3cret".parse().unwrap());
    let error = source.fetch(&nobody, &Validators::default()).await.unwrap_err();
    assert!(error.contains("refused") && !error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn files_are_lists_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    let source = Source::with_limits(TIME_LIMIT, 1000).unwrap();
    let fetch = async || {
        source
            .fetch(&Origin::File(path.clone()), &Validators::default())
            .await
    };
    assert!(fetch().await.unwrap_err().contains("No such file"));
    std::fs::write(&path, "192.0.2.1\n").unwrap();
    assert_eq!(body(fetch().await), b"192.0.2.1\n");
    std::fs::write(&path, [b' '; 1001]).unwrap();
    assert!(fetch().await.unwrap_err().contains("more than"));
}
