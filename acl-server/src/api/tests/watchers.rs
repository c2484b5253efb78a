//! The stream of events.

use axum::body::BodyDataStream;
use futures_util::StreamExt as _;

use super::*;

/// Somebody who reads a stream, as a client would.
struct Watch {
    stream: BodyDataStream,
    text: String,
}

impl Daemon {
    async fn watch(&self) -> Watch {
        let response = self
            .app
            .clone()
            .oneshot(request(Method::GET, "/events", &[], Body::empty()))
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut watch = Watch {
            stream: response.into_body().into_data_stream(),
            text: String::new(),
        };
        let (name, hello) = watch.next().await.unwrap();
        assert_eq!((name.as_str(), &hello["state"]), ("hello", &json!("synced")));
        assert_eq!(hello["version"], env!("CARGO_PKG_VERSION"));
        watch
    }
}

impl Watch {
    /// The next event, by name, with its data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let found = field("event: ").map(|name| {
                    let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
                    (name.to_owned(), data)
                });
                self.text = rest.to_owned();
                match found {
                    Some(found) => return Some(found),
                    None => continue, // A comment that keeps the connection alive.
                }
            }
            let chunk = self.stream.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The data of the next event of this name.
    async fn until(&mut self, wanted: &str) -> Value {
        loop {
            let (name, data) = self.next().await.unwrap();
            if name == wanted {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn verdicts_are_told_to_everybody() {
    let daemon = Daemon::ready(TOOL).await;
    let (mut one, mut other) = (daemon.watch().await, daemon.watch().await);
    let put = daemon.put("a", &["[iptables]", RULE]).await;
    daemon.put("b", &["[iptables]", "# poison"]).await;
    for watch in [&mut one, &mut other] {
        let verdict = watch.until("verdict").await;
        let id = put.commit_id();
        assert_eq!(
            verdict,
            json!({ "id": id, "state": "installed", "what": "put a", "who": "127.0.0.1", "effects": ["created"] })
        );
        let refused = watch.until("verdict").await;
        assert_eq!(
            (&refused["state"], &refused["problem"]["status"]),
            (&json!("refused"), &json!(422))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_time_does_is_told() {
    let daemon = Daemon::instant().await;
    let mut watch = daemon.watch().await;
    daemon.put("a?ttl=10", &["[iptables]"]).await;
    assert_eq!(watch.until("expired").await, json!({ "acl": "a" }));
    let confirmed = daemon.put("b?confirm=10", &["[iptables]"]).await.commit_id();
    daemon.post(&format!("/commit/{confirmed}/confirm")).await;
    assert_eq!(watch.until("confirmed").await, json!({ "id": confirmed }));
    let reverted = daemon.put("c?confirm=10", &["[iptables]"]).await.commit_id();
    assert_eq!(watch.until("reverted").await, json!({ "id": reverted }));
    daemon.put("d?ttl=60", &["[iptables]"]).await;
    daemon.by_hand("d", "[iptables]\n# by hand\n");
    let etag = daemon.get("/acl/d").await.etag();
    assert_eq!(
        watch.until("drift").await,
        json!({ "acl": "d", "drift": true, "etag": etag })
    );
    assert_eq!(watch.until("expiry-skipped").await, json!({ "acl": "d" }));
}

#[tokio::test]
async fn whether_the_switch_is_in_sync_is_told() {
    let daemon = Daemon::ready(TOOL).await;
    let mut watch = daemon.watch().await;
    std::fs::write(daemon.policy("99x.rules"), "poison\n").unwrap();
    daemon.put("a", &["[iptables]"]).await;
    assert_eq!(watch.until("sync").await, json!({ "state": "unsynced" }));
    std::fs::remove_file(daemon.policy("99x.rules")).unwrap();
    assert_eq!(watch.until("sync").await, json!({ "state": "synced" }));
}

#[tokio::test]
async fn a_slow_watcher_hears_how_many_it_has_missed() {
    let daemon = Daemon::instant().await;
    let mut watch = daemon.watch().await;
    for _ in 0..3 {
        let names: serde_json::Map<String, Value> =
            (0..1000).map(|i| (format!("n{i}"), Value::Null)).collect();
        daemon.patch("?atomic=false", &names.into()).await;
    }
    let (name, data) = watch.next().await.unwrap();
    assert_eq!(name, "missed");
    assert!(data["events"].as_u64().unwrap() >= 1000, "{data}");
    assert_eq!(watch.next().await.unwrap().0, "verdict");
    let text = String::from_utf8(daemon.get("/metrics").await.body).unwrap();
    let line = format!("acl_server_events_lagged_total {}", data["events"]);
    assert!(
        text.contains(&line) && text.contains("acl_server_event_subscribers 1"),
        "{text}"
    );
}

#[tokio::test]
async fn there_are_so_many_places_and_they_become_free() {
    let daemon = Daemon::instant().await;
    let mut watches = Vec::new();
    for _ in 0..events::MAX_WATCHERS {
        watches.push(daemon.watch().await);
    }
    let reply = daemon.get("/events").await;
    assert_eq!(reply.kind(), (503, "too-many-watchers".to_owned()));
    watches.pop();
    daemon.watch().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_kept_alive() {
    let daemon = Daemon::instant().await;
    let mut watch = daemon.watch().await;
    let chunk = tokio::time::timeout(Duration::from_secs(20), watch.stream.next()).await;
    assert!(chunk.unwrap().unwrap().unwrap().starts_with(b":"));
}

#[tokio::test]
async fn streams_end_when_the_daemon_does_and_not_before_the_last_verdict() {
    let daemon = Daemon::ready(&format!("[ -e $D/slow ] && sleep 0.3\n{TOOL}")).await;
    let mut watch = daemon.watch().await;
    std::fs::write(daemon.directory.path().join("slow"), "").unwrap();
    let later = [("prefer", "respond-async")];
    let put = daemon.put_if("a", &later, &["[iptables]"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    daemon.stop().await;
    assert_eq!(watch.until("verdict").await["id"], put.commit_id());
    let end = tokio::time::timeout(Duration::from_secs(5), watch.next()).await;
    assert_eq!(end.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_does_not_swallow_the_news_of_drift() {
    let daemon = Daemon::instant().await;
    daemon.put("a", &["[iptables]", RULE]).await;
    let mut watch = daemon.watch().await;
    daemon.by_hand("a", "[iptables]\n# by hand\n");
    // One that looks at `a` itself, and one that looks whose rule it is.
    for name in ["a", "b"] {
        let rehearsed = daemon
            .put(&format!("{name}?dry_run=true"), &["[iptables]", RULE])
            .await;
        assert_eq!(rehearsed.status, if name == "a" { 409 } else { 200 });
    }
    assert_eq!(watch.until("drift").await["acl"], "a");
}
