//! What survives `kill -9`: the pause, modes and controls of people, on real daemons.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tests::local::{Home, LocalAclServer, LocalFlowMarker};
use tests::random::Random;
use tests::{http, wait};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(directory: &Path, acl: SocketAddr) -> String {
    format!(
        "state_dir = {:?}\n[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://{acl}\"\n",
        directory.join("state-of-marker").display().to_string()
    )
}

fn change(marker: &LocalFlowMarker, method: &str, path: &str, body: &Value) -> u16 {
    let body = body.to_string();
    http::request(marker.http, method, path, Some(body.as_bytes()))
        .unwrap()
        .status
}

/// What the switch has of ours.
fn acls(server: &LocalAclServer) -> Vec<String> {
    let acls = http::get(server.address, "/acl/?prefix=fm_").unwrap();
    serde_json::from_value(acls.json().unwrap()).unwrap()
}

fn until_there_are(server: &LocalAclServer, count: usize) {
    wait::until(&format!("{count} ACLs"), PATIENCE, || {
        (acls(server).len() == count).then_some(())
    })
    .unwrap();
}

#[test]
fn a_pause_and_what_people_want_survive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(directory.path()).unwrap();
    let server = home.start("acl-server", "").unwrap();
    server.ready().unwrap();
    let config = config(directory.path(), server.address);
    let start = |name| LocalFlowMarker::start(directory.path(), name, &config).unwrap();

    let marker = start("first");
    let wanted = json!({
        "action": "drop", "switch": "10.0.0.233", "protocol": "udp", "destination": "10.1.0.2", "sport": 53, "ttl": 3600,
        "reason": "flood",
    });
    assert_eq!(change(&marker, "POST", "/controls", &wanted), 201);
    until_there_are(&server, 1);
    let before = marker.json("/controls/json").unwrap()[0].clone();
    assert_eq!(before["person"]["reason"], "flood");
    assert_eq!(
        change(
            &marker,
            "PUT",
            "/modes/mark",
            &json!({"mode": "act", "reason": "trial"})
        ),
        204
    );
    assert_eq!(
        change(&marker, "PUT", "/pause", &json!({"reason": "maintenance"})),
        204
    );
    let paused = marker.json("/pause").unwrap();
    // At once: the switch may have it still.
    marker.process.crash().unwrap();

    let marker = start("second");
    let again = marker.json("/pause").unwrap();
    assert_eq!(
        (
            &again["paused"],
            &again["since"],
            &again["reason"],
            &again["caller"]
        ),
        (
            &json!(true),
            &paused["since"],
            &json!("maintenance"),
            &paused["caller"]
        )
    );
    let mode = marker.json("/modes/json").unwrap()[0].clone();
    assert_eq!((&mode["mode"], &mode["reason"]), (&json!("act"), &json!("trial")));
    let control = marker.json("/controls/json").unwrap()[0].clone();
    assert_eq!(
        (&control["name"], &control["state"]),
        (&before["name"], &json!("paused"))
    );
    assert_eq!(control["person"]["who"], before["person"]["who"]);
    let left = |control: &Value| control["person"]["until"].as_u64().unwrap();
    assert!(
        left(&control).abs_diff(left(&before)) < 5_000_000_000,
        "its time goes on"
    );
    // What was left behind goes, and nothing comes: runs of the tool are looked at to the end of the pause.
    until_there_are(&server, 0);
    wait::until("the switch is clean", PATIENCE, || {
        marker.json("/pause").unwrap()["withdrawn"]
            .as_bool()
            .filter(|is| *is)
    })
    .unwrap();
    let runs = home.runs().unwrap().len();
    wait::pause(Duration::from_secs(2));
    assert_eq!((acls(&server).len(), home.runs().unwrap().len()), (0, runs));

    assert_eq!(http::delete(marker.http, "/pause").unwrap().status, 204);
    until_there_are(&server, 1);
    marker.process.crash().unwrap();
    let marker = start("third");
    assert_eq!(
        marker.json("/pause").unwrap()["paused"],
        false,
        "its end survives, too"
    );
    wait::until("the control is taken over", PATIENCE, || {
        let controls = marker.json("/controls/json").unwrap();
        (controls[0]["state"] == "installed").then_some(())
    })
    .unwrap();
    assert_eq!(acls(&server).len(), 1);
    let name = control["name"].as_str().unwrap();
    assert_eq!(
        http::delete(marker.http, &format!("/controls/{name}"))
            .unwrap()
            .status,
        204
    );
    until_there_are(&server, 0);
    marker.process.crash().unwrap();
    let marker = start("fourth");
    assert_eq!(
        marker.json("/controls/json").unwrap(),
        json!([]),
        "released is released"
    );
}

#[test]
fn whenever_it_is_killed_the_last_word_that_was_acknowledged_counts() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state-of-marker");
    let config = config(directory.path(), "127.0.0.1:1".parse().unwrap());
    let mut random = Random::new(5);
    for round in 0..15 {
        let name = format!("round{round}");
        let marker = LocalFlowMarker::start(directory.path(), &name, &config).unwrap();
        let http = marker.http;
        // Many words at a time; each thread remembers what it was told is done.
        let writers: Vec<_> = ["mark", "capture", "drop"]
            .into_iter()
            .map(|kind| {
                std::thread::spawn(move || {
                    let mut last = None;
                    for n in 0.. {
                        let body = json!({"mode": "observe", "reason": n.to_string()}).to_string();
                        let path = format!("/modes/{kind}");
                        match http::request(http, "PUT", &path, Some(body.as_bytes())) {
                            Ok(reply) if reply.status == 204 => last = Some(n),
                            _ => break,
                        }
                    }
                    (kind, last)
                })
            })
            .collect();
        wait::pause(Duration::from_millis(u64::from(20 + random.below(150))));
        marker.process.crash().unwrap();
        let said: Vec<(&str, Option<u64>)> =
            writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        let marker = LocalFlowMarker::start(directory.path(), &format!("{name}b"), &config).unwrap();
        let modes = marker.json("/modes/json").unwrap();
        for (kind, last) in said {
            let mode = modes
                .as_array()
                .unwrap()
                .iter()
                .find(|mode| mode["controller"] == kind);
            let reason = mode.unwrap()["reason"]
                .as_str()
                .and_then(|text| text.parse::<u64>().ok());
            // One more may have been written whose answer was lost.
            if let Some(last) = last {
                assert!(
                    reason == Some(last) || reason == Some(last + 1),
                    "{kind}: {reason:?}, {last:?} was acknowledged"
                );
            }
        }
        marker.process.crash().unwrap();
        let damaged = fs::read_dir(&state).unwrap();
        let names = damaged.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.into_iter().all(|name| !name.ends_with(".bad")));
    }
}

#[test]
fn without_a_state_that_can_be_used_it_runs_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state-of-marker");
    let config = config(directory.path(), "127.0.0.1:1".parse().unwrap());
    fs::create_dir(&state).unwrap();
    fs::write(state.join("fm.state.json"), b"{\"version\": 1, \"pau").unwrap();
    let marker = LocalFlowMarker::start(directory.path(), "damaged", &config).unwrap();
    assert!(marker.process.output().contains("moved aside"));
    assert!(state.join("fm.state.json.bad").exists());
    assert_eq!(change(&marker, "PUT", "/pause", &json!({})), 204);
    assert_eq!(marker.json("/pause").unwrap()["paused"], true);
    drop(marker);

    // Root may write everywhere but into what is no directory.
    fs::remove_dir_all(&state).unwrap();
    fs::write(&state, b"").unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o400)).unwrap();
    let marker = LocalFlowMarker::start(directory.path(), "nowhere", &config).unwrap();
    assert!(marker.process.output().contains("nothing will be remembered"));
    assert_eq!(change(&marker, "PUT", "/pause", &json!({})), 204);
    assert_eq!(marker.json("/pause").unwrap()["paused"], true);
}
