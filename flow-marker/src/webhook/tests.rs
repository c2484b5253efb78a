//! Webhooks against a real HTTP server that is down, slow and broken before it is well.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::clock::Time;
use crate::config::EventKind;
use crate::control::desired::{About, Decision, What};
use crate::control::journal::Place;
use crate::engine::metric::SourceName;
use crate::engine::threshold::Fired;

const SOON: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(20));

fn fired(name: &str, flow: Option<String>) -> Fired {
    Fired {
        threshold_id: name.into(),
        metric: "pair".into(),
        threshold: 125_000.0,
        value: 150_000.5,
        agent: [10, 0, 0, 1].into(),
        source: SourceName::parse("4"),
        flow_key: flow,
        at: Time::START + Duration::from_millis(1234),
    }
}

pub(super) fn event(id: u64) -> Arc<Event> {
    let flow = Some("10.0.0.1,10.0.0.2".to_owned());
    Arc::new(Event::fired(&Clock::start(), id, &fired("elephant", flow)))
}

fn hook(url: &str, format: &str, more: &str) -> Arc<Hook> {
    let text = format!(
        "[[webhook]]\nname = \"a\"\nurl = \"{url}\"\nformat = \"{format}\"\nevents = [\"threshold\", \"no_room\"]\n{more}\n"
    );
    let config = Config::parse(Path::new("t"), &text).unwrap();
    let metrics = Arc::new(Metrics::new(0));
    Arc::new(Hook::new(&config.webhooks[0], "fm", metrics).unwrap())
}

/// What a server has seen: its answers are scripted by the number of the request, and 200 beyond the script.
struct Server {
    script: Vec<u16>,
    requests: AtomicUsize,
    /// Headers and bodies of what it has accepted.
    accepted: Mutex<Vec<(HeaderMap, Value)>>,
}

/// A status of the script that means an answer which never comes.
const SILENCE: u16 = 0;

async fn take(State(server): State<Arc<Server>>, headers: HeaderMap, body: String) -> Response {
    let number = server.requests.fetch_add(1, Ordering::SeqCst);
    match server.script.get(number) {
        Some(&SILENCE) => std::future::pending().await,
        Some(302) => Redirect::temporary("/elsewhere").into_response(),
        Some(status) => StatusCode::from_u16(*status).unwrap().into_response(),
        None => {
            let body = serde_json::from_str(&body).unwrap();
            server.accepted.lock().unwrap().push((headers, body));
            StatusCode::OK.into_response()
        }
    }
}

async fn serve(listener: TcpListener, script: &[u16]) -> Arc<Server> {
    let server = Arc::new(Server {
        script: script.to_vec(),
        requests: AtomicUsize::new(0),
        accepted: Mutex::default(),
    });
    let router = Router::new()
        .route("/hook", post(take))
        .route("/api/v2/alerts", post(take))
        .route("/elsewhere", post(|| async { StatusCode::OK }))
        .with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    server
}

async fn bind(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .unwrap();
}

fn ids(server: &Server) -> Vec<u64> {
    let accepted = server.accepted.lock().unwrap();
    let events = accepted
        .iter()
        .flat_map(|(_, body)| body["events"].as_array().unwrap());
    events.map(|event| event["eventID"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn everything_arrives_in_order_after_a_server_was_down_slow_and_broken() {
    let (listener, address) = bind("127.0.0.1:0").await;
    drop(listener);
    let hook = hook(&format!("http://{address}/hook"), "json", "timeout = \"300ms\"");
    let m = &hook.metrics.process;
    let delivering = Arc::clone(&hook);
    let delivering = tokio::spawn(async move { delivering.deliver(SOON, 1).await });
    (0..250).for_each(|id| hook.offer(&event(id)));
    until(|| m.webhook_failures.get() >= 3).await;
    assert_eq!((m.webhook_waiting.get(), m.webhook_delivered.get()), (250, 0));

    let (listener, _) = bind(&address.to_string()).await;
    let before = m.webhook_failures.get();
    let server = serve(listener, &[SILENCE, 500, 302, 503, 401, 429]).await;
    until(|| m.webhook_delivered.get() == 250).await;
    assert_eq!(ids(&server), (0..250).collect::<Vec<_>>());
    assert!(m.webhook_failures.get() - before >= 6);
    hook.offer(&event(250));
    until(|| m.webhook_delivered.get() == 251).await;
    assert_eq!((m.webhook_waiting.get(), m.webhook_dropped.get()), (0, 0));
    let bodies: Vec<usize> = {
        let accepted = server.accepted.lock().unwrap();
        accepted
            .iter()
            .map(|(_, body)| body["events"].as_array().unwrap().len())
            .collect()
    };
    assert_eq!(bodies, [100, 100, 50, 1]);
    delivering.abort();
}

#[tokio::test]
async fn what_a_server_does_not_take_is_left_and_a_full_queue_drops_the_oldest() {
    let (listener, address) = bind("127.0.0.1:0").await;
    let hook = hook(&format!("http://{address}/hook"), "json", "");
    let m = &hook.metrics.process;
    let more = 7;
    (0..(WAITING + more) as u64).for_each(|id| hook.offer(&event(id)));
    assert_eq!(
        (m.webhook_waiting.get(), m.webhook_dropped.get()),
        (WAITING as u64, more as u64)
    );
    let server = serve(listener, &[400, 413]).await;
    let delivering = Arc::clone(&hook);
    let delivering = tokio::spawn(async move { delivering.deliver(SOON, 1).await });
    until(|| m.webhook_waiting.get() == 0).await;
    assert_eq!((m.webhook_refused.get(), m.webhook_failures.get()), (200, 0));
    assert_eq!(ids(&server), (207..1007).collect::<Vec<_>>());
    delivering.abort();
}

#[tokio::test]
async fn alertmanager_is_told_as_its_api_says() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let (listener, address) = bind("127.0.0.1:0").await;
    let more = format!("token_file = {:?}", token.display());
    let hook = hook(&format!("http://{address}/api/v2/alerts"), "alertmanager", &more);
    assert!(!format!("{:?}", hook.target()).contains("s3cret"));
    let clock = Clock::start();
    hook.offer(&Arc::new(Event::fired(
        &clock,
        7,
        &fired("elephant", Some("a,b".to_owned())),
    )));
    hook.offer(&Arc::new(Event::fired(
        &clock,
        8,
        &fired("", Some("x".repeat(5000))),
    )));
    let server = serve(listener, &[]).await;
    let delivering = Arc::clone(&hook);
    let delivering = tokio::spawn(async move { delivering.deliver(SOON, 1).await });
    until(|| hook.metrics.process.webhook_delivered.get() == 2).await;
    delivering.abort();
    let accepted = server.accepted.lock().unwrap();
    let (headers, body) = &accepted[0];
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["authorization"], "Bearer s3cret");
    let at = clock.unix_ns(Time::START + Duration::from_millis(1234)) / 1_000_000;
    let rfc3339 = |ms: u64| format!("{}.{:03}Z", crate::utc::Utc(Duration::from_millis(ms)), ms % 1000);
    assert_eq!(
        body[0],
        json!({
            "labels": {
                "alertname": "FlowMarkerThreshold", "source": "flow-marker", "id": "fm", "severity": "warning",
                "threshold": "elephant", "metric": "pair", "agent": "10.0.0.1", "data_source": "4", "flow": "a,b"
            },
            "annotations": {
                "summary": "pair is 150000.5, elephant is 125000: a,b at 4 of 10.0.0.1",
                "value": "150000.5", "limit": "125000.0"
            },
            "startsAt": rfc3339(at),
            "endsAt": rfc3339(at + 300_000)
        })
    );
    let labels = &body[1]["labels"];
    assert!(labels.get("threshold").is_none(), "an empty label is none");
    assert_eq!(labels["flow"].as_str().unwrap().len(), 1024);
    assert_eq!(body.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn plain_json_says_everything() {
    let (listener, address) = bind("127.0.0.1:0").await;
    let hook = hook(&format!("http://{address}/hook"), "json", "");
    hook.offer(&event(7));
    let server = serve(listener, &[]).await;
    let delivering = Arc::clone(&hook);
    let delivering = tokio::spawn(async move { delivering.deliver(SOON, 1).await });
    until(|| hook.metrics.process.webhook_delivered.get() == 1).await;
    delivering.abort();
    let accepted = server.accepted.lock().unwrap();
    let (headers, body) = &accepted[0];
    assert!(!headers.contains_key("authorization"));
    let mut body = body.clone();
    let told = body["events"][0].as_object_mut().unwrap();
    let (timestamp, time) = (told.remove("timestamp").unwrap(), told.remove("time").unwrap());
    assert!(timestamp.is_u64() && time.as_str().unwrap().ends_with('Z'));
    assert_eq!(
        body,
        json!({"source": "flow-marker", "id": "fm", "events": [{
            "eventID": 7, "kind": "threshold", "severity": "warning", "threshold": "elephant", "metric": "pair", "agent": "10.0.0.1",
            "data_source": "4", "flow": "10.0.0.1,10.0.0.2", "value": 150_000.5, "limit": 125_000.0,
            "summary": "pair is 150000.5, elephant is 125000: 10.0.0.1,10.0.0.2 at 4 of 10.0.0.1"
        }]})
    );
}

#[test]
fn a_token_that_cannot_be_read_is_told_with_its_webhook() {
    let text = "[[webhook]]\nname = \"a\"\nurl = \"https://h/\"\nformat = \"json\"\nevents = [\"threshold\"]\ntoken_file = \"/nonexistent\"\n";
    let config = Config::parse(Path::new("t"), text).unwrap();
    let error = Hook::new(&config.webhooks[0], "fm", Arc::new(Metrics::new(0))).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.starts_with("webhook \"a\": `token_file` /nonexistent: "),
        "{error}"
    );
}

#[test]
fn every_decision_has_a_word_in_the_settings() {
    let words = What::ALL.iter().map(|what| what.word());
    let words: Vec<_> = ["threshold"].into_iter().chain(words).collect();
    assert_eq!(EventKind::WORDS, words);
}

#[tokio::test]
async fn decisions_are_told_as_they_are_made() {
    let (listener, address) = bind("127.0.0.1:0").await;
    let hook = hook(&format!("http://{address}/hook"), "json", "");
    let server = serve(listener, &[]).await;
    let delivering = Arc::clone(&hook);
    let delivering = tokio::spawn(async move { delivering.deliver(SOON, 1).await });
    let (journal, clock) = (Arc::new(Journal::new(100, 64)), Clock::start());
    let (known, changed) = (Arc::clone(&journal), journal.changed());
    let log = move |after| decisions(&known, &clock, after);
    let reading = tokio::spawn(read(
        Arc::new(ArcSwap::from_pointee(vec![Arc::clone(&hook)])),
        changed,
        99,
        log,
    ));
    let place = Place {
        index: 0,
        agent: [10, 0, 0, 1].into(),
    };
    let decision =
        |what| Decision::new(Time::START, what, About::Switch).because("full", "the table is full");
    // Of these only one is asked for.
    journal.record(Some(place), [decision(What::Reachable), decision(What::NoRoom)]);
    until(|| hook.metrics.process.webhook_delivered.get() == 1).await;
    journal.record(Some(place), [decision(What::NoRoom)]);
    until(|| hook.metrics.process.webhook_delivered.get() == 2).await;
    assert_eq!(ids(&server), [101, 102]);
    let accepted = server.accepted.lock().unwrap();
    let mut told = accepted[0].1["events"][0].clone();
    told.as_object_mut()
        .unwrap()
        .retain(|key, _| !key.starts_with("time"));
    assert_eq!(
        told,
        json!({
            "eventID": 101, "kind": "no_room", "severity": "warning", "switch": "10.0.0.1", "control": "", "controller": "",
            "subject": "", "reason": "full", "why": "the table is full", "who": "controller",
            "summary": "switch has no room for the control; tried again in a minute: 10.0.0.1: the table is full"
        })
    );
    reading.abort();
    delivering.abort();
}

#[tokio::test]
async fn who_keeps_his_name_is_told_at_his_new_place_what_waited_and_who_goes_is_not() {
    let (listener, address) = bind("127.0.0.1:0").await;
    let text = |name: &str, url: &str| {
        let text = format!(
            "[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nformat = \"json\"\nevents = [\"no_room\"]\n"
        );
        Config::parse(Path::new("t"), &text).unwrap()
    };
    // Nobody is there.
    let before = text("ops", "http://127.0.0.1:1/hook");
    let metrics = Arc::new(Metrics::new(1));
    let mut webhooks = Webhooks {
        id: "fm".to_owned(),
        metrics: Arc::clone(&metrics),
        hooks: Arc::default(),
        delivering: HashMap::new(),
        tasks: JoinSet::new(),
        seed: 1,
    };
    webhooks.follow(Webhooks::prepare(&before).unwrap());
    let (journal, clock) = (Arc::new(Journal::new(100, 64)), Clock::start());
    let (known, changed) = (Arc::clone(&journal), journal.changed());
    let log = move |after| decisions(&known, &clock, after);
    webhooks
        .tasks
        .spawn(read(Arc::clone(&webhooks.hooks), changed, 99, log));
    let happens = || {
        let decision = Decision::new(Time::START, What::NoRoom, About::Switch);
        journal.record(None, [decision]);
    };
    let m = &metrics.process;
    happens();
    until(|| m.webhook_failures.get() >= 1).await;
    let hook = Arc::clone(&webhooks.hooks.load()[0]);
    // The same again: the same queue goes on.
    webhooks.follow(Webhooks::prepare(&before).unwrap());
    assert!(Arc::ptr_eq(&hook, &webhooks.hooks.load()[0]));
    let server = serve(listener, &[]).await;
    webhooks.follow(Webhooks::prepare(&text("ops", &format!("http://{address}/hook"))).unwrap());
    until(|| m.webhook_delivered.get() == 1).await;
    happens();
    until(|| m.webhook_delivered.get() == 2).await;
    assert_eq!(ids(&server), [100, 101]);
    // Another name is another webhook, which is told what happens from now on.
    webhooks.follow(Webhooks::prepare(&text("other", "http://127.0.0.1:1/hook")).unwrap());
    assert!(hook.queue().is_closed());
    happens();
    until(|| m.webhook_waiting.get() == 1).await;
    webhooks.follow(Ready(Vec::new()));
    assert_eq!((m.webhook_waiting.get(), m.webhook_dropped.get()), (0, 1));
    assert_eq!((webhooks.delivering.len(), ids(&server).len()), (0, 2));
    let bad = text("ops", "https://127.0.0.1:1/hook").webhooks.remove(0);
    let bad = Webhook {
        token_file: Some("/nonexistent/token".into()),
        ..bad
    };
    let config = Config {
        webhooks: vec![bad],
        ..before
    };
    let error = format!("{:#}", Webhooks::prepare(&config).unwrap_err());
    assert!(
        error.contains("webhook \"ops\"") && error.contains("/nonexistent/token"),
        "{error}"
    );
}
